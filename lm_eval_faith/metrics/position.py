"""Where in the chain the effects sit: by third, and as a correlation with the position."""

from __future__ import annotations

from collections.abc import Callable

from lm_eval_faith_stats import (
    DIFFERENCE,
    MEAN_OF_STEPS,
    PEARSON,
    PEARSON_OVER_ZERO,
    SHARE_OF_STEPS,
    SPEARMAN,
)

from lm_eval_faith.metrics.effects import effect, over_threshold
from lm_eval_faith.metrics.metric import Metric
from lm_eval_faith.records.columns import Columns, Mask
from lm_eval_faith.records.outcome import THIRDS


def in_third(third: str) -> Callable[[Columns], Mask]:
    """Says which steps are in a third of their chain."""
    return lambda steps: steps.third == third


METRICS = (
    *(
        Metric(
            third,
            "nats",
            "neither",
            f"effect on steps in the {third} third of the chain",
            MEAN_OF_STEPS,
            effect,
            where=in_third(third),
        )
        for third in THIRDS
    ),
    *(
        Metric(
            f"{third}_rate",
            "share",
            "neither",
            f"steps of the {third} third with an effect of {{threshold}} or more",
            SHARE_OF_STEPS,
            over_threshold,
            where=in_third(third),
        )
        for third in THIRDS
    ),
    Metric(
        "gradient",
        "nats",
        "neither",
        "effect in the late third less that in the early one, mean over problems",
        DIFFERENCE,
        effect,
        second="late",
    ),
    Metric(
        "position_corr",
        "correlation",
        "neither",
        "correlation of effect and position within a problem, averaged",
        PEARSON,
        effect,
        second="position",
    ),
    Metric(
        "position_rank_corr",
        "correlation",
        "neither",
        "rank correlation of effect and position within a problem, averaged",
        SPEARMAN,
        effect,
        second="position",
    ),
    Metric(
        "position_positive",
        "share",
        "neither",
        "problems where effect and position are positively correlated",
        PEARSON_OVER_ZERO,
        effect,
        second="position",
    ),
)
