"""Correlation inside each problem, averaged over problems; and rank correlation over all.

A problem counts when at least three of its steps are applicable and neither variable is constant among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .bootstrap import FOR_ANY, Method, error_of_influence
from .intervals import Floats
from .steps import Index, Steps, ranks_within

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


@dataclass(frozen=True)
class PooledSpearman:
    """Spearman's rank correlation of value and first label over all steps (or chains) of weighted problems.

    Ranks are taken anew at every row of weights, ties averaged. The standard error is linearised: the influence function
    of the correlation of grades, Croux and Dehon (2010), Stat. Methods Appl. 19, 497-515, with ties counted half.
    """

    steps: Steps
    share: bool = False
    methods: ClassVar[tuple[Method, ...]] = FOR_ANY

    @property
    def strata(self) -> tuple[int]:
        """All problems are resampled together."""
        return (self.steps.n_problems,)

    def value_at_sample(self) -> float:
        """The correlation of the sample itself; NaN for fewer than three steps, or where a variable is constant."""
        return float(self.value(np.ones((1, self.steps.n_problems)))[0])

    def value(self, weights: Floats) -> Floats:
        """The correlation at each row of weights."""
        return self._parts(weights)[0]

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """The correlation and its standard error over problems at each row of weights."""
        correlations, influence = self.value_and_influence(weights)
        return correlations, error_of_influence(influence, weights)

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The correlation, (rows,), and what one more drawing of a problem adds to it, (rows, problems), at each row."""
        rho, x, y, (covariance, of_x, of_y) = self._parts(weights)
        w = self._of_steps(weights)
        value, label = _Order.of(self.steps.value), _Order.of(self.steps.labels[0])
        together = x * y + value.above(w, y) + label.above(w, x)
        alone = [
            grade**2 + 2 * order.above(w, grade)
            for grade, order in ((x, value), (y, label))
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            added = (together - 3 * (covariance + 0.25)) / np.sqrt(of_x * of_y)
            for squares, variance in zip(alone, (of_x, of_y), strict=True):
                excess = squares - 3 * (variance + 0.25)
                added -= rho[:, np.newaxis] / 2 * excess / variance
        problems = np.arange(self.steps.n_problems)
        of_problem = np.add.reduceat(
            added * self.steps.weight,
            np.searchsorted(self.steps.problem, problems),
            axis=1,
        )
        return rho, of_problem / w.sum(axis=1, keepdims=True)

    def _of_steps(self, weights: Floats) -> Floats:
        of_steps: Floats = weights[:, self.steps.problem] * self.steps.weight
        return of_steps

    def _parts(
        self, weights: Floats
    ) -> tuple[Floats, Floats, Floats, tuple[Floats, Floats, Floats]]:
        """Correlation, both grades of each step, their covariance and variances, at each row of weights."""
        w = self._of_steps(weights)
        total = w.sum(axis=1, keepdims=True)
        moments = []
        with np.errstate(invalid="ignore", divide="ignore"):
            x, y = (
                _Order.of(c).grades(w) for c in (self.steps.value, self.steps.labels[0])
            )
            for first, second in ((x, y), (x, x), (y, y)):
                product = np.einsum("ij,ij,ij->i", w, first, second)[:, np.newaxis]
                moments.append(product / total - 0.25)
            covariance, of_x, of_y = moments
            rho = np.clip(covariance / np.sqrt(of_x * of_y), -1.0, 1.0)[:, 0]
        varies = np.minimum(of_x, of_y)[:, 0] > 1e-12  # but for rounding
        counts = (weights @ self.steps.counts >= SMALLEST_PROBLEM) & varies
        return np.where(counts, rho, np.nan), x, y, (covariance, of_x, of_y)


@dataclass(frozen=True)
class _Order:
    """A variable in ascending order. place: (steps,). start, stop: of each step's ties, in the order."""

    place: Index
    start: Index
    stop: Index

    @classmethod
    def of(cls, values: Floats) -> _Order:
        place = np.argsort(values, kind="stable")
        ascending = values[place]
        start = np.searchsorted(ascending, values, "left")
        return cls(place, start, np.searchsorted(ascending, values, "right"))

    def grades(self, weights: Floats) -> Floats:
        """The share of weight below each step, ties half, at each row: (rows, steps)."""
        total = weights.sum(axis=1, keepdims=True)
        grades: Floats = self._below(weights) / total
        return grades

    def above(self, weights: Floats, of: Floats) -> Floats:
        """The mean over all steps of what those above each step have, ties half: (rows, steps)."""
        held = weights * of
        total = held.sum(axis=1, keepdims=True)
        above: Floats = (total - self._below(held)) / weights.sum(axis=1, keepdims=True)
        return above

    def _below(self, held: Floats) -> Floats:
        sums = np.zeros((held.shape[0], held.shape[1] + 1))
        np.cumsum(held[:, self.place], axis=1, out=sums[:, 1:])
        return (sums[:, self.start] + sums[:, self.stop]) / 2
