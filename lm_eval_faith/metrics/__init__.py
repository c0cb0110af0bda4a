"""Metrics: each defined once, by name; every table, page and schema reads them from here.

>>> from lm_eval_faith.metrics import metric
>>> metric("late").meaning
'effect on steps in the late third of the chain'
"""

from . import chains, choices, effects, explained, joint, labels, measured, position
from .effects import at_least
from .metric import (
    DEFAULT,
    NO_ANSWER_STEPS,
    VS_CONTROL,
    Choices,
    Metric,
    Modifier,
    Quantity,
)
from .registry import (
    NO_SETS,
    load_metric_modules,
    median_beside,
    metric,
    metric_names,
    metrics,
    names_of_module,
    own_metrics,
    possible,
    primary,
    quantities,
    register,
    shown_first,
)

register(
    *effects.METRICS,
    *position.METRICS,
    *labels.METRICS,
    *chains.METRICS,
    *choices.METRICS,
    *measured.METRICS,
    *joint.METRICS,
    *explained.METRICS,
)

__all__ = [
    "DEFAULT",
    "NO_ANSWER_STEPS",
    "NO_SETS",
    "VS_CONTROL",
    "Choices",
    "Metric",
    "Modifier",
    "Quantity",
    "at_least",
    "load_metric_modules",
    "median_beside",
    "metric",
    "metric_names",
    "metrics",
    "names_of_module",
    "own_metrics",
    "possible",
    "primary",
    "quantities",
    "register",
    "shown_first",
]
