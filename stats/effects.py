"""Sizes of effects: values of each problem, the median, Hedges' g, and what random draws add to their variance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .bootstrap import (
    FOR_ANY,
    Method,
    Ratio,
    above_rounding,
    on_exact_grid,
)
from .intervals import Floats, Interval, wilson_interval
from .steps import Index, Steps, group_steps

MEAN_METHOD: Method = "studentised"
SHARE_METHOD: Method = "wilson"


def problem_mean(steps: Steps) -> Floats:
    """Mean value of each problem of grouped steps: (problems,)."""
    return steps.means(steps.value, np.ones(len(steps.value)))


def problem_difference(steps: Steps) -> Floats:
    """Mean value where the first label is 1 less that where it is 0, in each problem; NaN where one is missing."""
    positive = steps.labels[0] != 0
    return steps.means(steps.value, positive) - steps.means(steps.value, ~positive)


def problem_separated(steps: Steps) -> Floats:
    """Whether every value whose first label is 1 exceeds every other, in each problem: 1, 0 or NaN. A tie does not."""
    positive = steps.labels[0] != 0
    lowest, highest = (
        np.full(steps.n_problems, np.inf),
        np.full(steps.n_problems, -np.inf),
    )
    np.minimum.at(lowest, steps.problem[positive], steps.value[positive])
    np.maximum.at(highest, steps.problem[~positive], steps.value[~positive])
    both = np.isfinite(lowest) & np.isfinite(highest)
    return np.where(both, lowest > highest, np.nan)


def median_of(steps: Steps) -> Median:
    """The median of grouped steps."""
    order = np.lexsort([steps.problem, steps.value])
    # On a grid, so that a step of twice the weight is to the last digit two steps; also where a resample is the problem
    # with the most steps over and over.
    most = steps.n_problems * int(steps.counts.max(initial=0.0))
    weight = on_exact_grid(steps.weight[order, np.newaxis], most)[:, 0]
    return Median(steps.value[order], steps.problem[order], steps.n_problems, weight)


@dataclass(frozen=True)
class Median:
    """The median over steps of weighted problems.

    sorted_value: (steps,) ascending. problem: (steps,), from 0 to n_problems - 1. weight: (steps,) of the steps.
    """

    sorted_value: Floats
    problem: Index
    n_problems: int
    weight: Floats
    share: bool = False
    methods: ClassVar[tuple[Method, ...]] = ("woodruff", "percentile", "bca")

    @property
    def strata(self) -> tuple[int]:
        """All problems are resampled together."""
        return (self.n_problems,)

    def value_at_sample(self) -> float:
        """The median of the sample itself."""
        if not len(self.sorted_value):
            return float("nan")
        return float(self.value(np.ones((1, self.n_problems)))[0])

    @property
    def _run(self) -> int:
        """Steps of a run of the sorted ones: the root of their number."""
        return max(1, isqrt(len(self.sorted_value)))

    @cached_property
    def _weight_in_runs(self) -> Floats:
        """Weight of each problem's steps in each run: (problems, runs)."""
        steps = np.arange(len(self.sorted_value))
        runs = -(-len(steps) // self._run)
        place = self.problem * runs + steps // self._run
        weight: Floats = np.bincount(
            place, weights=self.weight, minlength=self.n_problems * runs
        ).astype(np.float64)
        return weight.reshape(self.n_problems, runs)

    def value(self, weights: Floats) -> Floats:
        """The median at each row of weights (whole numbers).

        Looked for twice: in which run of the sorted steps half of the weight is reached, and at which step of that run.
        """
        upto = np.cumsum(weights @ self._weight_in_runs, axis=1)
        half, last = upto[:, -1:] / 2, len(self.sorted_value) - 1
        rows = np.arange(len(weights))
        medians = np.zeros(len(weights))
        # The middle step, or the two middle steps, of the sorted steps in their multiplicity.
        for under in (np.less, np.less_equal):
            run = np.count_nonzero(under(upto, half), axis=1)
            run = np.minimum(run, upto.shape[1] - 1)
            steps = run[:, np.newaxis] * self._run + np.arange(self._run)
            beyond, steps = steps > last, np.minimum(steps, last)
            of_steps = weights[rows[:, np.newaxis], self.problem[steps]]
            of_steps = np.where(beyond, 0.0, of_steps * self.weight[steps])
            before = np.where(run > 0, upto[rows, run - 1], 0.0)[:, np.newaxis]
            place = np.count_nonzero(
                under(before + np.cumsum(of_steps, axis=1), half), axis=1
            )
            medians += self.sorted_value[np.minimum(run * self._run + place, last)] / 2
        return np.where(half[:, 0] > 0, medians, np.nan)

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """The median at each row of weights; linearisation gives no standard error."""
        return self.value(weights), np.full(len(weights), np.nan)

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The median at each row of weights; what a problem adds to it is not linear, so NaN."""
        return self.value(weights), np.full(weights.shape, np.nan)

    def limits(self, confidence_level: float) -> Interval:
        """Woodruff's interval around the median of the sample: of effects with the sign turned, the same turned round."""
        value, median = self.sorted_value, self.value_at_sample()
        below = (value < median) + 0.5 * (value == median)
        share = Ratio(
            np.bincount(self.problem, weights=below * self.weight).astype(float),
            np.bincount(self.problem, weights=self.weight).astype(float),
        )
        ones = np.ones((1, self.n_problems))
        error = float(share.value_and_error(ones)[1][0])
        influence = share.value_and_influence(ones)[1][0]
        low, high = wilson_interval(0.5, error, influence, confidence_level)
        return (
            _smallest_over(value, self.weight, low),
            -_smallest_over(-value[::-1], self.weight[::-1], 1 - high),
        )


def _smallest_over(sorted_value: Floats, weight: Floats, share: float) -> float:
    """The smallest value at which values up to it have this share of the weight."""
    total = np.cumsum(weight)
    place = int(np.searchsorted(total, share * total[-1]))
    return float(sorted_value[min(place, len(sorted_value) - 1)])


@dataclass(frozen=True)
class DrawVariance:
    """What random draws of an intervention add to the variance of effects, from steps with several draws each.

    within: variance of one draw around its step's mean. between: variance of the steps' true effects (no less than 0).
    n_draws: mean number of draws a step (the n0 of an unbalanced design).
    """

    within: float
    between: float
    n_draws: float

    @property
    def share_of_one(self) -> float:
        """The draw's share of the variance of an effect that rests on one draw."""
        return self._share(1.0)

    @property
    def share_of_mean(self) -> float:
        """The draws' share of the variance of a step's mean over its draws."""
        return self._share(self.n_draws)

    def _share(self, draws: float) -> float:
        total = self.between + self.within / draws
        return self.within / draws / total if total > 0 else float("nan")


def draw_variance(effect: ArrayLike, step: ArrayLike) -> DrawVariance:
    """The variance between steps and between draws of one step, by one-way analysis of variance.

    effect: (draws,) nats, NaN left out. step: (draws,) whole numbers, one for each step of each chain. NaN where no step
    has two draws, or there is one step only. Searle, Casella and McCulloch (1992), Variance Components, section 3.6:
    between = (mean square between - within) / n0.

    >>> found = draw_variance([1.0, 3.0, 11.0, 13.0], [0, 0, 1, 1])
    >>> found.within, found.between, round(found.share_of_mean, 3)
    (2.0, 49.0, 0.02)
    """
    steps = group_steps(effect, step)
    ones = np.ones(len(steps.value))
    counts, means = steps.sums(ones), steps.means(steps.value, ones)
    n, groups = len(ones), len(counts)
    if n == groups or groups < 2:
        return DrawVariance(float("nan"), float("nan"), n / groups if groups else 0.0)
    apart = steps.value - means[steps.problem]
    within = float(apart @ apart) / (n - groups)
    centred = means - steps.value.mean()
    over = float(counts @ centred**2) / (groups - 1)
    n_draws = float(n - (counts @ counts) / n) / (groups - 1)
    return DrawVariance(within, max((over - within) / n_draws, 0.0), n_draws)


@dataclass(frozen=True)
class HedgesG:
    """Hedges' g of one value a problem. per_problem: (problems,) finite values.

    Where the values drawn do not vary, as in a resample of one problem over and over, g is undefined (NaN) and not infinite.
    """

    per_problem: Floats
    share: bool = False
    methods: ClassVar[tuple[Method, ...]] = FOR_ANY

    @property
    def strata(self) -> tuple[int]:
        """All problems are resampled together."""
        return (len(self.per_problem),)

    def value_at_sample(self) -> float:
        """g of the sample itself."""
        values, n_problems = self.per_problem, len(self.per_problem)
        std = float(np.std(values, ddof=1)) if n_problems > 1 else 0.0
        if std == 0 or np.ptp(values) == 0:
            return float("nan")
        return _hedges_correction(n_problems) * _mean(values) / std

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """g, (rows,), and what one more drawing of a problem adds to it, (rows, problems), at each row of weights."""
        g = self.value(weights)
        n = weights.sum(axis=1, keepdims=True)
        mean = weights @ self.per_problem[:, np.newaxis] / n
        x = self.per_problem - mean
        variance = (weights * x**2).sum(axis=1, keepdims=True) / n
        variance = np.where(np.isnan(g)[:, np.newaxis], np.nan, variance)
        added = x / np.sqrt(variance) - mean * (x**2 - variance) / (2 * variance**1.5)
        return g, added / n

    def value(self, weights: Floats) -> Floats:
        """g at each row of weights."""
        return self.value_and_error(weights)[0]

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """g and its standard error by linearisation of mean / standard deviation, at each row of weights."""
        centre = _mean(self.per_problem)
        x = self.per_problem - centre
        sums = weights @ on_exact_grid(
            np.column_stack([np.ones(len(x)), x, x**2, x**3, x**4])
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            n = sums[:, 0]
            shift, m2, m3, m4 = (sums[:, 1:] / n[:, np.newaxis]).T
            # Central moments from the moments about the mean of the sample.
            variance = above_rounding(m2 - shift**2, centre, _mean(x**2), 1.0)
            variance = np.where(variance > 0, variance, np.nan)
            third = m3 - 3 * shift * m2 + 2 * shift**3
            fourth = m4 - 4 * shift * m3 + 6 * shift**2 * m2 - 3 * shift**4
            ratio = (centre + shift) / np.sqrt(variance)
            g = _hedges_correction(len(x)) * ratio * np.sqrt((n - 1) / n)
            spread = (
                1
                - ratio * third / variance**1.5
                + ratio**2 / 4 * (fourth / variance**2 - 1)
            )
            return g, np.sqrt(np.maximum(spread, 0) / (n - 1))


def _hedges_correction(n_problems: int) -> float:
    from scipy.special import gammaln

    m = n_problems - 1
    if m < 2:
        return float("nan")
    return float(np.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / np.sqrt(m / 2))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
