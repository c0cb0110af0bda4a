"""Sizes of effects: means, shares, medians and standardised sizes, each with an interval over problems.

Functions that return a float take no interval and are cheap. Their namesakes ending in `_estimate` add the interval.
Effects are in nats; NaN means not applicable and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .bootstrap import (
    BOOTSTRAP,
    FOR_ANY,
    Bootstrap,
    Estimate,
    Method,
    Ratio,
    estimate,
    on_exact_grid,
)
from .intervals import Floats, Interval, wilson_interval
from .steps import Index, Steps, as_values, group_steps

MEAN_METHOD: Method = "studentised"
SHARE_METHOD: Method = "wilson"


def problem_means(effect: ArrayLike, problem: ArrayLike) -> tuple[np.ndarray, Floats]:
    """Ids of the problems with an applicable step, ascending, and the mean effect of each: two (problems,) arrays."""
    steps = group_steps(effect, problem)
    return steps.ids, steps.means(steps.value, np.ones(len(steps.value)))


def mean_of_problem_means(effect: ArrayLike, problem: ArrayLike) -> float:
    """Mean over problems of the problem's mean effect, in nats; NaN without any applicable step.

    effect: (steps,) nats. problem: (steps,) ids. Raises ValueError as `group_steps` does.
    """
    return _mean(problem_means(effect, problem)[1])


def mean_of_problem_means_estimate(
    effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`mean_of_problem_means` with its interval."""
    steps = group_steps(effect, problem)
    means = steps.means(steps.value, np.ones(len(steps.value)))
    return mean_estimate(
        means, bootstrap, n_steps=len(steps.value), n_missing=steps.n_missing
    )


def mean_estimate(
    per_problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
    *,
    n_steps: int | None = None,
    n_missing: int | None = None,
    share: bool = False,
) -> Estimate:
    """Mean over problems of one value a problem, with its interval.

    per_problem: (problems,) in the order of their ids, NaN where a problem has none. n_steps: the steps behind the
    values, the number of problems unless given. n_missing: unless given, the number of NaN. share: whether every value
    lies between 0 and 1. Raises ValueError for infinite values.
    """
    values = as_values(per_problem, "per_problem")
    kept = values[~np.isnan(values)]
    return estimate(
        Ratio(kept, np.ones(len(kept)), share=share),
        _mean(kept),
        bootstrap,
        SHARE_METHOD if share else MEAN_METHOD,
        n_problems=len(kept),
        n_steps=len(kept) if n_steps is None else n_steps,
        n_missing=len(values) - len(kept) if n_missing is None else n_missing,
    )


def step_mean(effect: ArrayLike) -> float:
    """Mean over all applicable steps, whatever their problem, in nats; NaN without any. effect: (steps,) nats."""
    values = as_values(effect, "effect")
    return _mean(np.sort(values[~np.isnan(values)]))


def step_mean_estimate(
    effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`step_mean` with its interval: a ratio of sums over problems."""
    steps = group_steps(effect, problem)
    return estimate(
        Ratio(steps.sums(steps.value), steps.sums(np.ones(len(steps.value)))),
        step_mean(effect),
        bootstrap,
        MEAN_METHOD,
        n_problems=steps.n_problems,
        n_steps=len(steps.value),
        n_missing=steps.n_missing,
    )


def rate(hit: ArrayLike) -> float:
    """Share of ones among 0, 1 or NaN (not applicable); NaN without any.

    Raises ValueError where an entry is none of these.
    """
    return step_mean(_hits(hit))


def rate_estimate(
    hit: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`rate` with its interval over problems: accuracy and solved (one entry a problem), follow rate (one a step).

    hit: (steps,) 0, 1 or NaN. problem: (steps,) ids.
    """
    steps = group_steps(_hits(hit), problem)
    return estimate(
        Ratio(
            steps.sums(steps.value), steps.sums(np.ones(len(steps.value))), share=True
        ),
        rate(hit),
        bootstrap,
        SHARE_METHOD,
        n_problems=steps.n_problems,
        n_steps=len(steps.value),
        n_missing=steps.n_missing,
    )


def share_at_threshold(effect: ArrayLike, threshold: float = 1.0) -> float:
    """Share of applicable steps whose effect is at or over the threshold, in nats; NaN without any."""
    return rate(_at_threshold(effect, threshold))


def share_at_threshold_estimate(
    effect: ArrayLike,
    problem: ArrayLike,
    threshold: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`share_at_threshold` with its interval."""
    return rate_estimate(_at_threshold(effect, threshold), problem, bootstrap)


def share_curve_estimate(
    effect: ArrayLike,
    problem: ArrayLike,
    thresholds: Sequence[float],
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Estimate, ...]:
    """`share_at_threshold` with its interval at each of the thresholds, in nats, in their order. Intervals are pointwise."""
    return tuple(
        share_at_threshold_estimate(effect, problem, threshold, bootstrap)
        for threshold in thresholds
    )


def share_negative(effect: ArrayLike) -> float:
    """Share of applicable steps whose effect is below zero; NaN without any."""
    return rate(_negative(effect))


def share_negative_estimate(
    effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`share_negative` with its interval."""
    return rate_estimate(_negative(effect), problem, bootstrap)


def median_effect(effect: ArrayLike) -> float:
    """Median over all applicable steps, in nats: the mean of the middle two of an even number; NaN without any."""
    values = as_values(effect, "effect")
    values = values[~np.isnan(values)]
    return float(np.median(values)) if len(values) else float("nan")


def median_effect_estimate(
    effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`median_effect` with its interval.

    By default the interval of the share of steps below the median, turned back into nats: Woodruff (1952), J. Am. Stat.
    Assoc. 47, 635-646, with Wilson's interval for the share; its method reads "woodruff". "percentile" and "bca" are
    bootstraps of the median. Raises ValueError for "studentised" and "wilson".
    """
    steps = group_steps(effect, problem)
    point, n_steps = median_effect(effect), len(steps.value)
    return estimate(
        median_of(steps),
        point,
        bootstrap,
        "woodruff",
        n_problems=steps.n_problems,
        n_steps=n_steps,
        n_missing=steps.n_missing,
    )


def median_of(steps: Steps) -> Median:
    """The median of grouped steps."""
    order = np.lexsort([steps.problem, steps.value])
    return Median(steps.value[order], steps.problem[order], steps.n_problems)


@dataclass(frozen=True)
class Median:
    """The median over steps of weighted problems.

    sorted_value: (steps,) ascending. problem: (steps,), from 0 to n_problems - 1.
    """

    sorted_value: Floats
    problem: Index
    n_problems: int
    share: bool = False
    methods: ClassVar[tuple[Method, ...]] = ("woodruff", "percentile", "bca")

    @property
    def strata(self) -> tuple[int]:
        """All problems are resampled together."""
        return (self.n_problems,)

    def value_at_sample(self) -> float:
        """The median of the sample itself."""
        value = self.sorted_value
        return float(np.median(value)) if len(value) else float("nan")

    def value(self, weights: Floats) -> Floats:
        """The median at each row of weights (whole numbers)."""
        below = np.cumsum(weights[:, self.problem], axis=1)
        total = below[:, -1:]
        # The middle step, or the two middle steps, of the sorted steps in their multiplicity.
        first = np.count_nonzero(below < total / 2, axis=1)
        second = np.count_nonzero(below < total / 2 + 0.5, axis=1)
        last = len(self.sorted_value) - 1
        medians = self.sorted_value[np.minimum(first, last)] / 2
        medians += self.sorted_value[np.minimum(second, last)] / 2
        return np.where(total[:, 0] > 0, medians, np.nan)

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
            np.bincount(self.problem, weights=below).astype(float),
            np.bincount(self.problem).astype(float),
        )
        ones = np.ones((1, self.n_problems))
        error = float(share.value_and_error(ones)[1][0])
        influence = share.value_and_influence(ones)[1][0]
        low, high = wilson_interval(0.5, error, influence, confidence_level)
        return (
            float(np.quantile(value, low, method="inverted_cdf")),
            float(-np.quantile(-value, 1 - high, method="inverted_cdf")),
        )


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


def hedges_g(per_problem: ArrayLike) -> float:
    """Hedges' g of values against zero: mean / standard deviation over problems, corrected for a small sample.

    per_problem: (problems,), NaN where a problem has none; for paired differences this is the g of the differences.
    The correction is the exact c(m), m = problems - 1, of Hedges (1981), J. Educ. Stat. 6, 107-128, eq. 6e. NaN with
    fewer than two problems or without variation.
    """
    values = as_values(per_problem, "per_problem")
    return float(HedgesG(values[~np.isnan(values)]).value_at_sample())


def hedges_g_estimate(
    per_problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`hedges_g` with its interval."""
    values = as_values(per_problem, "per_problem")
    kept = values[~np.isnan(values)]
    return estimate(
        HedgesG(kept),
        hedges_g(kept),
        bootstrap,
        MEAN_METHOD,
        n_problems=len(kept),
        n_steps=len(kept),
        n_missing=len(values) - len(kept),
    )


@dataclass(frozen=True)
class HedgesG:
    """Hedges' g of one value a problem. per_problem: (problems,) finite values."""

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
        n = weights.sum(axis=1, keepdims=True)
        mean = weights @ self.per_problem[:, np.newaxis] / n
        x = self.per_problem - mean
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = (weights * x**2).sum(axis=1, keepdims=True) / n
            added = x / np.sqrt(variance) - mean * (x**2 - variance) / (
                2 * variance**1.5
            )
        return self.value(weights), added / n

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
            variance = m2 - shift**2
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


def _hits(hit: ArrayLike) -> Floats:
    values = as_values(hit, "hit")
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise ValueError("hit must hold 0, 1 or NaN only")
    return values


def _at_threshold(effect: ArrayLike, threshold: float) -> Floats:
    values = as_values(effect, "effect")
    if not np.isfinite(threshold):
        raise ValueError(f"threshold must be a finite number of nats, not {threshold}")
    return np.where(np.isnan(values), np.nan, values >= threshold)


def _negative(effect: ArrayLike) -> Floats:
    values = as_values(effect, "effect")
    return np.where(np.isnan(values), np.nan, values < 0)
