"""Correlation inside each problem, averaged over problems.

A problem counts when at least three of its steps are applicable and neither variable is constant among them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bootstrap import Floats
from .steps import Steps, group_steps, ranks_within

SMALLEST_PROBLEM = 3


def within_problem_pearson(
    effect: ArrayLike, other: ArrayLike, problem: ArrayLike
) -> Floats:
    """Pearson's correlation of effect and other in each problem with an applicable step: (problems,), by ascending id.

    effect: (steps,), NaN left out. other: (steps,) finite. problem: (steps,) ids. NaN where the problem does not count.
    """
    return problem_pearson(group_steps(effect, problem, other=other))


def within_problem_spearman(
    effect: ArrayLike, other: ArrayLike, problem: ArrayLike
) -> Floats:
    """Spearman's rank correlation, ties averaged: otherwise as `within_problem_pearson`."""
    return problem_spearman(group_steps(effect, problem, other=other))


def problem_pearson(steps: Steps) -> Floats:
    """Pearson's correlation of value and first label in each problem of grouped steps; NaN where it does not count."""
    return _correlation(steps, steps.value, steps.labels[0])


def problem_spearman(steps: Steps) -> Floats:
    """The rank correlation of value and first label in each problem of grouped steps; NaN where it does not count."""
    return _correlation(
        steps,
        ranks_within(steps.value, steps.problem),
        ranks_within(steps.labels[0], steps.problem),
    )


def _correlation(steps: Steps, x: Floats, y: Floats) -> Floats:
    everywhere = np.ones(len(x))
    x = x - steps.means(x, everywhere)[steps.problem]
    y = y - steps.means(y, everywhere)[steps.problem]
    counts = (
        (steps.sums(everywhere) >= SMALLEST_PROBLEM)
        & _varies(steps, steps.value)
        & _varies(steps, steps.labels[0])
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(steps.sums(x * x)) * np.sqrt(steps.sums(y * y))
        correlation = np.clip(steps.sums(x * y) / scale, -1.0, 1.0)
    return np.where(counts & (scale > 0), correlation, np.nan)


def _varies(steps: Steps, column: Floats) -> NDArray[np.bool_]:
    # Compared, not subtracted from a rounded mean: a constant column is constant to the last digit.
    first = np.searchsorted(steps.problem, np.arange(steps.n_problems))
    return steps.sums(column != column[first][steps.problem]) > 0
