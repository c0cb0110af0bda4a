"""Correlation inside each problem, averaged over problems.

A problem counts when at least three of its steps are applicable and neither variable is constant among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .intervals import Floats
from .steps import Steps, group_steps, ranks_within

SMALLEST_PROBLEM = 3


def problem_pearson(steps: Steps) -> Floats:
    """Pearson's correlation of value and first label in each problem of grouped steps; NaN where it does not count."""
    return _correlation(steps, steps.value, steps.labels[0])


def problem_spearman(steps: Steps) -> Floats:
    """The rank correlation of value and first label in each problem of grouped steps; NaN where it does not count."""
    return _correlation(
        steps,
        ranks_within(steps.value, steps.problem, steps.weight),
        ranks_within(steps.labels[0], steps.problem, steps.weight),
    )


@dataclass(frozen=True)
class Slopes:
    """Least-squares lines of effect on position, one a problem: arrays of one length.

    problem: ids, ascending. at_start, at_end: the line at positions 0 and 1, in the effect's unit.
    """

    problem: NDArray[np.int64]
    at_start: Floats
    at_end: Floats


def within_problem_slopes(
    effect: ArrayLike,
    position: ArrayLike,
    problem: ArrayLike,
    weight: ArrayLike | None = None,
) -> Slopes:
    """One line a problem with at least three applicable steps at different positions.

    effect: (steps,), NaN left out. position: (steps,) finite. problem: (steps,) ids. weight: (steps,), 1 unless given.

    >>> found = within_problem_slopes([1.0, 2.0, 3.0, 9.0], [0.0, 0.5, 1.0, 0.0], [4, 4, 4, 7])
    >>> found.problem.tolist(), found.at_start.tolist(), found.at_end.tolist()
    ([4], [1.0], [3.0])
    """
    steps = group_steps(effect, problem, weight, position=position)
    everywhere = np.ones(len(steps.value))
    mean_x, mean_y = (
        steps.means(column, everywhere) for column in (steps.labels[0], steps.value)
    )
    x, y = steps.labels[0] - mean_x[steps.problem], steps.value - mean_y[steps.problem]
    there = (steps.counts >= SMALLEST_PROBLEM) & _varies(steps, steps.labels[0])
    slope = steps.sums(x * y)[there] / steps.sums(x * x)[there]
    at_start = mean_y[there] - slope * mean_x[there]
    return Slopes(steps.ids[there], at_start, at_start + slope)


def _correlation(steps: Steps, x: Floats, y: Floats) -> Floats:
    everywhere = np.ones(len(x))
    x = x - steps.means(x, everywhere)[steps.problem]
    y = y - steps.means(y, everywhere)[steps.problem]
    counts = (
        (steps.counts >= SMALLEST_PROBLEM)
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
