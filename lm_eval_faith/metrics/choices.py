"""Questions with choices: what reasoning adds, and how far the margin falls."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
from lm_eval_faith_stats import MEAN_OF_PROBLEMS, SHARE_OF_PROBLEMS

from lm_eval_faith.metrics.metric import NO_ANSWER_STEPS, Choices, Metric
from lm_eval_faith.records.columns import Columns, Floats

CHOSEN = frozenset({"choices"})
SHARES = {
    "acc": "the best-scored choice behind the reasoning is the right one",
    "acc_norm": "the best-scored choice for its length is the right one",
    "acc_no_reasoning": "the task's own accuracy, without reasoning",
    "acc_norm_no_reasoning": "the task's own accuracy for length, without reasoning",
    "letter_agrees": "the choice that the text names is the best-scored one",
}


def _column(name: str, chains: Columns, choices: Choices) -> Floats:
    return np.asarray(chains[name], np.float64)


def _gain(after: str, before: str, chains: Columns, choices: Choices) -> Floats:
    return _column(after, chains, choices) - _column(before, chains, choices)


METRICS = (
    *(
        Metric(
            name,
            "share",
            "higher",
            meaning,
            SHARE_OF_PROBLEMS,
            functools.partial(_column, name),
            of="chains",
            needs=CHOSEN,
            modifiers=(),
        )
        for name, meaning in SHARES.items()
    ),
    *(
        Metric(
            name,
            "probability",
            "higher",
            f"what reasoning adds to the accuracy{beside}, on the same questions",
            replace(MEAN_OF_PROBLEMS, lowest=-1.0, highest=1.0),
            functools.partial(_gain, after, f"{after}_no_reasoning"),
            of="chains",
            needs=CHOSEN,
            modifiers=(),
        )
        for name, after, beside in (
            ("acc_gain", "acc", ""),
            ("acc_norm_gain", "acc_norm", " for length"),
        )
    ),
    Metric(
        "brier",
        "squared distance",
        "lower",
        "squared distance of the choices' probabilities from the truth",
        replace(MEAN_OF_PROBLEMS, lowest=0.0, highest=2.0),
        functools.partial(_column, "brier"),
        of="chains",
        needs=CHOSEN,
        modifiers=(),
    ),
    Metric(
        "margin",
        "log-odds",
        "neither",
        "drop of the answer's log-odds against the best other choice, mean over problems",
        MEAN_OF_PROBLEMS,
        lambda s, choices: s.margin,
        needs=CHOSEN,
        modifiers=(NO_ANSWER_STEPS,),
    ),
)
