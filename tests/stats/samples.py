"""Samples of numbers written by hand."""

import numpy as np
from lm_eval_faith_stats import Sample


def sample(value, problem=None, second=None):
    """A sample of lists or arrays. problem: one value a problem unless given."""
    value = np.array(value, dtype=float)
    return Sample(
        value,
        np.arange(len(value)) if problem is None else np.array(problem, dtype=int),
        None if second is None else np.array(second, dtype=float),
    )


def at_least(effect, threshold):
    """1 where an effect reaches the threshold, else 0; NaN stays NaN."""
    effect = np.asarray(effect)
    return np.where(np.isnan(effect), np.nan, effect >= threshold)
