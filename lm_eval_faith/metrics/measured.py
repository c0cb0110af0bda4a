"""What interventions measure beside effects, such as whether the answer changed."""

from __future__ import annotations

import functools

import numpy as np
from lm_eval_faith_stats import SHARE_OF_PROBLEMS

from lm_eval_faith.metrics.metric import NO_ANSWER_STEPS, Choices, Metric
from lm_eval_faith.records.columns import Columns, Floats
from lm_eval_faith.records.tables import MEASURED


def _column(name: str, steps: Columns, choices: Choices) -> Floats:
    return np.asarray(steps[name], np.float64)


METRICS = tuple(
    Metric(
        name,
        "share",
        "neither",
        f"steps after which {meaning}, mean over problems",
        SHARE_OF_PROBLEMS,
        functools.partial(_column, name),
        needs=frozenset({name}),
        modifiers=(NO_ANSWER_STEPS,),
    )
    for name, meaning in MEASURED.items()
)
