"""P-values adjusted for many tests at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .intervals import Floats


def holm(p_values: ArrayLike) -> Floats:
    """P-values adjusted for the family-wise error rate: Holm (1979), Scand. J. Stat. 6, 65-70. NaN stay out and NaN.

    >>> holm([0.01, 0.04, float("nan"), 0.03]).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    return _step_adjusted(p_values, _holm_of_sorted)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """P-values adjusted for the false discovery rate: Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57, 289-300.

    NaN stay out and NaN.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    return _step_adjusted(p_values, _benjamini_hochberg_of_sorted)


def _step_adjusted(
    p_values: ArrayLike, adjust_sorted: Callable[[Floats], Floats]
) -> Floats:
    given = np.asarray(p_values, dtype=np.float64)
    if given.ndim != 1 or ((given < 0) | (given > 1)).any():
        raise ValueError("p-values must be one-dimensional and lie between 0 and 1")
    adjusted = np.full(len(given), np.nan)
    tested = np.flatnonzero(~np.isnan(given))
    order = tested[np.argsort(given[tested], kind="stable")]
    if len(order):
        adjusted[order] = np.minimum(adjust_sorted(given[order]), 1.0)
    return adjusted


def _holm_of_sorted(ascending: Floats) -> Floats:
    remaining = np.arange(len(ascending), 0, -1)
    return np.asarray(np.maximum.accumulate(ascending * remaining))


def _benjamini_hochberg_of_sorted(ascending: Floats) -> Floats:
    rank = np.arange(1, len(ascending) + 1)
    scaled = ascending * len(ascending) / rank
    return np.asarray(np.minimum.accumulate(scaled[::-1])[::-1])
