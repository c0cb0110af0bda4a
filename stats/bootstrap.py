"""The resampler: problems are drawn with replacement, and every interval of the package comes from here.

A statistic is anything that gives its value for many sets of problem weights at once. A bootstrap resample is a row of
counts (how often each problem was drawn), the sample itself is a row of ones, the jackknife is the rows with one
zero: the same statistic, at other weights. For a ratio of sums that makes the whole bootstrap one matrix product.

Sums that enter such products are rounded to a fixed binary grid (`on_exact_grid`), fine enough not to matter and coarse
enough that every product and sum is exact. So a result depends neither on the order of additions, nor on the number of
threads of the linear-algebra library, nor on the number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Literal, Protocol, cast, get_args

import numpy as np
from numpy.typing import NDArray

from .intervals import (
    Floats,
    Interval,
    bca_interval,
    percentile_interval,
    pivots,
    student_interval,
    studentised_interval,
    wilson_interval,
)

Counts = NDArray[np.uint8]
Method = Literal[
    "default",
    "percentile",
    "bca",
    "student",
    "studentised",
    "wilson",
    "woodruff",
    "mover",
]

METHODS: tuple[Method, ...] = get_args(Method)[:-2]
"""Those to choose from; "woodruff" and "mover" are for medians and for differences of shares only, by default."""
FOR_ANY: tuple[Method, ...] = ("percentile", "bca", "student", "studentised")
"""Methods for any statistic with a standard error."""

FEWEST_PROBLEMS = 3
"""An interval rests on so many problems at least: of two it reaches far beyond what any step has shown."""

# A block of resamples is about this many counts: small enough for the processor's cache, large enough for its speed.
_BLOCK_COUNTS = 1 << 19
# A report asks for the same resamples hundreds of times, so drawn counts are kept, one byte each, up to this many in
# one draw. Larger draws are made anew, block by block, each time.
_KEPT_COUNTS = 1 << 25


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    confidence_level: the interval's confidence, between 0 and 1.
    n_resamples: number of bootstrap resamples of the problems.
    seed: seed of the PCG64 generator that draws them.
    method: "percentile", "bca", "studentised" (bootstrap-t), "student" and "wilson" (no resamples), or "default": the
        method that held best for the estimator at hand when its coverage was measured (docs/statistics.md).

    Raises ValueError for a level outside (0, 1), fewer than 1 resample, a negative seed or an unknown method.
    """

    confidence_level: float = 0.95
    n_resamples: int = 10_000
    seed: int = 0
    method: Method = "default"

    def __post_init__(self) -> None:
        if not 0 < self.confidence_level < 1:
            raise ValueError(
                f"confidence_level must lie between 0 and 1, not {self.confidence_level}"
            )
        if self.n_resamples < 1:
            raise ValueError(f"n_resamples must be at least 1, not {self.n_resamples}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative: {self.seed}")
        if self.method not in METHODS:
            raise ValueError(
                f"method must be one of {', '.join(METHODS)}, not {self.method!r}"
            )


BOOTSTRAP = Bootstrap()


@dataclass(frozen=True)
class Estimate:
    """A number with its interval and what it rests on.

    point, low, high, standard_error: in the units of the statistic; NaN where undefined, and then `note` says why.
        standard_error is of the point, with the problem as the unit.
    confidence_level: confidence of [low, high]. method: how the interval was made.
    n_problems, n_steps: problems and steps that enter. n_missing: steps (or problems, for a statistic of one value a
        problem) that were not applicable (NaN). n_resamples: bootstrap resamples drawn, 0 where the method draws none.
    """

    point: float
    low: float
    high: float
    confidence_level: float
    method: str
    n_problems: int
    n_steps: int
    n_missing: int = 0
    n_resamples: int = 0
    standard_error: float = float("nan")
    note: str = ""


class Statistic(Protocol):
    """A statistic of weighted problems."""

    @property
    def strata(self) -> tuple[int, ...]:
        """Sizes of the groups of problems that are resampled independently: one group, or one for each sample. Their
        problems, in this order, are the columns of the weights."""

    @property
    def share(self) -> bool:
        """Whether the statistic always lies between 0 and 1."""

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods by which it can have an interval."""

    def value_at_sample(self) -> float:
        """The statistic of the sample itself; NaN where undefined."""

    def value(self, weights: Floats) -> Floats:
        """The statistic at each row of weights: (rows, problems) to (rows,); NaN where undefined."""

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """The statistic and its linearised standard error over problems, each (rows,)."""


class WithLimits(Statistic, Protocol):
    """A statistic that has an interval without resampling: "wilson", "woodruff" or "mover" is among its methods."""

    def limits(self, confidence_level: float) -> Interval:
        """Both ends of that interval."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of sums over problems: sum(numerator) / sum(denominator).

    numerator, denominator: (problems,), one sum for each problem. With a denominator of ones it is the mean over
    problems. The standard error is the linearised one of a ratio over clusters: the z of Cochran (1977), Sampling
    Techniques, eq. 6.13, with the factor K / (K - 1) for K problems. share: whether it always lies between 0 and 1.
    """

    numerator: Floats
    denominator: Floats
    share: bool = False
    failing: ClassVar[float] = 1.0

    @property
    def strata(self) -> tuple[int]:
        """All problems are resampled together."""
        return (len(self.numerator),)

    @property
    def methods(self) -> tuple[Method, ...]:
        """Any, and Wilson's for a share."""
        return (*FOR_ANY, "wilson") if self.share else FOR_ANY

    def value_at_sample(self) -> float:
        """The ratio of the sample itself."""
        total = float(self.denominator.sum())
        return float(self.numerator.sum() / total) if total else float("nan")

    def limits(self, confidence_level: float) -> Interval:
        """Wilson's interval of a share."""
        return Share.of(self).limits(confidence_level)

    def value(self, weights: Floats) -> Floats:
        """The ratio at each row of weights."""
        sums = weights @ on_exact_grid(
            np.column_stack([self.numerator, self.denominator])
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio: Floats = np.where(sums[:, 1] != 0, sums[:, 0] / sums[:, 1], np.nan)
        return ratio

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """The ratio and its standard error at each row of weights, from one matrix product."""
        one = Ratios(self.numerator[:, np.newaxis], self.denominator[:, np.newaxis])
        values, errors = one.values_and_errors(weights)
        return values[:, 0], errors[:, 0]

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The ratio, (rows,), and what one more drawing of a problem adds to it, (rows, problems), at each row."""
        ratio = self.value(weights)
        total = weights @ on_exact_grid(self.denominator[:, np.newaxis])
        with np.errstate(invalid="ignore", divide="ignore"):
            excess = self.numerator - np.outer(ratio, self.denominator)
            return ratio, excess / total


@dataclass(frozen=True)
class Ratios:
    """Several ratios over the same problems. numerators, denominators: (problems, ratios)."""

    numerators: Floats
    denominators: Floats

    def values_and_errors(self, weights: Floats) -> tuple[Floats, Floats]:
        """Each ratio and its standard error at each row of weights, both (rows, ratios), from one matrix product."""
        total = self.denominators.sum(axis=0)
        # Centred at the ratio of the sample, so that the squares below do not cancel.
        centre = np.divide(
            self.numerators.sum(axis=0),
            total,
            out=np.zeros(len(total)),
            where=total != 0,
        )
        s, n = self.numerators - centre * self.denominators, self.denominators
        drawn = weights.sum(axis=1)[:, np.newaxis]
        sums = weights @ on_exact_grid(np.hstack([s, n, s * s, s * n, n * n]))
        total_s, total_n, ss, sn, nn = np.split(sums, 5, axis=1)
        in_sample, steps = (s * s).sum(axis=0), (n * n).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = total_s / total_n
            squares = ss - 2 * shift * sn + shift**2 * nn
            squares = above_rounding(squares, centre, in_sample, steps)
            errors = np.sqrt(squares * drawn / (drawn - 1)) / np.abs(total_n)
        return centre + shift, errors


class LinearStatistic(Statistic, Protocol):
    """A statistic that can say what each problem adds to it."""

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The statistic (rows,) and what one more drawing of a problem adds to it (rows, problems)."""


class ShareStatistic(LinearStatistic, Protocol):
    """A statistic between 0 and 1."""

    @property
    def failing(self) -> float:
        """What part of a problem is taken to fail at once where none was seen to fail: as in `wilson_interval`."""


@dataclass(frozen=True)
class Share:
    """A share or an AUC of the sample, with what Wilson's interval needs. influence: (problems,)."""

    point: float
    influence: Floats
    failing: float

    @classmethod
    def of(cls, statistic: ShareStatistic) -> Share:
        """The sample's."""
        ones = np.ones((1, sum(statistic.strata)))
        influence = statistic.value_and_influence(ones)[1][0]
        return cls(statistic.value_at_sample(), influence, statistic.failing)

    def limits(self, confidence_level: float) -> Interval:
        """Wilson's interval."""
        ones = np.ones((1, len(self.influence)))
        error = float(error_of_influence(self.influence[np.newaxis], ones)[0])
        return wilson_interval(
            self.point, error, self.influence, confidence_level, self.failing
        )


def above_rounding(
    squares: Floats,
    centre: float | Floats,
    in_sample: float | Floats,
    steps: float | Floats,
) -> Floats:
    """Sums of squares, with zero for those that are no more than rounding.

    squares: of the resamples; in_sample: of the sample itself; centre: what was subtracted before squaring; steps: the
    sum of squared denominators. A resample of one problem over and over has no variance, not one of 1e-17.
    """
    rounding = 1e-13 * in_sample + (1e-14 * centre) ** 2 * steps
    return np.where(squares > rounding, squares, 0.0)


def on_exact_grid(columns: Floats, terms: int | None = None) -> Floats:
    """Columns rounded so that their sums with counts of resampled problems are exact in any order.

    columns: (problems, m). Each column is rounded to a multiple of a power of two so small that a sum of `terms` of its
    largest entries, by default as many as there are problems, still fits the 53 bits of a float: a relative change below
    2**-50 * terms of the largest.
    """
    largest = np.abs(columns).max(axis=0, initial=0.0)
    _, exponent = np.frexp(largest * max(len(columns) if terms is None else terms, 1))
    # No finer than the smallest normal number, so that the division below is defined.
    grid = np.ldexp(1.0, np.maximum(exponent - 52, -1022))
    rounded: Floats = np.round(columns / grid) * grid
    return rounded


def resample_counts(
    n_problems: int, n_resamples: int, seed: int, rows: int | None = None
) -> Iterator[Counts]:
    """Blocks of rows of counts: how often each problem is in each resample.

    Yields (rows, n_problems) arrays, `resamples` rows in all; each row sums to n_problems. The counts depend on the
    first three arguments alone. rows: the length of a block, by default about half a million counts; no more than a
    block is in memory at once, besides the counts that are kept for reuse.

    >>> next(resample_counts(3, 2, seed=0)).sum(axis=1).tolist()
    [3, 3]
    """
    rows = rows or _block_rows(n_problems)
    if n_problems * n_resamples <= _KEPT_COUNTS:
        return iter(_kept_counts(n_problems, n_resamples, seed, rows))
    return _drawn_counts(n_problems, n_resamples, seed, rows)


def _block_rows(n_problems: int) -> int:
    return max(1, _BLOCK_COUNTS // max(n_problems, 1))


def _drawn_counts(
    n_problems: int, n_resamples: int, seed: int, rows: int
) -> Iterator[Counts]:
    rng = np.random.default_rng(seed)
    for start in range(0, n_resamples, rows):
        size = min(rows, n_resamples - start)
        drawn = rng.integers(0, n_problems, size=(size, n_problems))
        drawn += n_problems * np.arange(size)[:, np.newaxis]
        counts = np.bincount(drawn.ravel(), minlength=size * n_problems)
        # One problem drawn more than 255 times among more than 255 draws does not happen (p < 1e-500).
        yield counts.astype(np.uint8).reshape(size, n_problems)


@lru_cache(maxsize=8)
def _kept_counts(
    n_problems: int, n_resamples: int, seed: int, rows: int
) -> tuple[Counts, ...]:
    return tuple(_drawn_counts(n_problems, n_resamples, seed, rows))


def estimate(
    statistic: Statistic,
    point: float,
    bootstrap: Bootstrap,
    default: Method,
    *,
    n_problems: int,
    n_steps: int,
    n_missing: int = 0,
) -> Estimate:
    """The interval of a statistic whose value for the sample is `point`.

    default: the method used where the bootstrap says "default". n_problems, n_steps, n_missing: what the estimate rests
    on, as in Estimate. With fewer than two problems the interval is NaN and the note says so.

    Raises ValueError where the method is not for this statistic.
    """
    sampled = resample(statistic, point, bootstrap, default, n_problems)
    found = estimate_of(
        sampled, bootstrap.confidence_level, n_steps=n_steps, n_missing=n_missing
    )
    return within(found, 0.0, 1.0) if statistic.share else found


def within(found: Estimate, lowest: float, highest: float) -> Estimate:
    """The estimate with its interval cut to what the statistic can be; NaN stays NaN."""
    low, high = np.clip([found.low, found.high], lowest, highest)
    return replace(found, low=float(low), high=float(high))


_NONE = np.empty(0)


@dataclass(frozen=True)
class Resampled:
    """All that an interval or a test by one method is made from.

    point, error: the statistic of the sample and its standard error. n_problems: problems it rests on. drawn:
    (n_resamples,), the values of the resamples, or for "studentised" their pivots (value - point) / error; empty for
    methods that draw none. jackknife: (problems,) for "bca", else empty. why_no_interval: empty where there is one.
    statistic: for "wilson", "woodruff" and "mover", which ask it for its limits.
    """

    point: float
    error: float
    method: Method
    n_problems: int
    drawn: Floats
    jackknife: Floats
    why_no_interval: str = ""
    statistic: WithLimits | None = None


def resample(
    statistic: Statistic,
    point: float,
    bootstrap: Bootstrap,
    default: Method,
    n_problems: int,
) -> Resampled:
    """Draw what the chosen method needs; arguments and errors as in `estimate`."""
    method = default if bootstrap.method == "default" else bootstrap.method
    if method not in statistic.methods:
        fitting = ", ".join(repr(m) for m in statistic.methods if m in METHODS)
        raise ValueError(
            f"the method {method!r} is not for this statistic; choose one of {fitting}"
        )
    why = why_no_interval(point, n_problems)
    if why:
        return Resampled(point, np.nan, method, n_problems, _NONE, _NONE, why)
    ones = np.ones((1, sum(statistic.strata)))
    error = float(statistic.value_and_error(ones)[1][0])
    drawn, jackknife, limited = _NONE, _NONE, None
    if method in ("wilson", "woodruff", "mover"):
        limited = cast(WithLimits, statistic)
    if method == "studentised" and error > 0:
        drawn = bootstrap_pivots(statistic, point, error, bootstrap)
    if method in ("percentile", "bca"):
        drawn = bootstrap_values(statistic, bootstrap)
    if method == "bca":
        jackknife = jackknife_values(statistic)
    return Resampled(point, error, method, n_problems, drawn, jackknife, "", limited)


def why_no_interval(point: float, n_problems: int) -> str:
    """Why a point estimate can have no interval, in words; empty where it can."""
    if n_problems == 0:
        return "no problem has a value"
    if np.isnan(point):
        return "undefined for these problems"
    if n_problems == 1:
        return "one problem: no interval"
    if n_problems < FEWEST_PROBLEMS:
        return f"{n_problems} problems: no interval"
    return ""


def estimate_of(
    sampled: Resampled, confidence_level: float, *, n_steps: int, n_missing: int = 0
) -> Estimate:
    """The estimate with its interval from what was drawn."""
    low, high, note = np.nan, np.nan, sampled.why_no_interval
    if not note:
        low, high = _interval(sampled, confidence_level)
        undefined = int(np.count_nonzero(~np.isfinite(sampled.drawn)))
        if low == high:
            note = "no variation between problems: the interval has no width"
        elif undefined:
            note = (
                f"{undefined} of {len(sampled.drawn)} resamples undefined and left out"
            )
    return Estimate(
        sampled.point,
        low,
        high,
        confidence_level,
        sampled.method,
        sampled.n_problems,
        n_steps,
        n_missing,
        len(sampled.drawn),
        sampled.error,
        note,
    )


def _interval(sampled: Resampled, confidence_level: float) -> Interval:
    point, error, drawn = sampled.point, sampled.error, sampled.drawn
    if sampled.statistic:
        return sampled.statistic.limits(confidence_level)
    if error == 0:
        return point, point
    if sampled.method == "student":
        return student_interval(point, error, sampled.n_problems, confidence_level)
    if sampled.method == "studentised":
        return studentised_interval(drawn, point, error, confidence_level)
    if sampled.method == "bca":
        return bca_interval(drawn, sampled.jackknife, point, confidence_level)
    return percentile_interval(drawn, confidence_level)


def resample_weights(strata: tuple[int, ...], bootstrap: Bootstrap) -> Iterator[Floats]:
    """Blocks of rows of counts as weights, each group of problems drawn by itself: (rows, problems) arrays.

    The groups' generators are seeded with the seed, seed + 1 and so on: two samples must not be drawn alike.
    """
    rows = _block_rows(sum(strata))
    groups = [
        resample_counts(size, bootstrap.n_resamples, bootstrap.seed + group, rows)
        for group, size in enumerate(strata)
    ]
    for blocks in zip(*groups, strict=True):
        yield np.hstack(blocks).astype(np.float64)


def bootstrap_values(statistic: Statistic, bootstrap: Bootstrap) -> Floats:
    """The statistic at every resample: (n_resamples,)."""
    return np.concatenate(
        [
            statistic.value(weights)
            for weights in resample_weights(statistic.strata, bootstrap)
        ]
    )


def bootstrap_pivots(
    statistic: Statistic, point: float, error: float, bootstrap: Bootstrap
) -> Floats:
    """`pivots` of every resample: (n_resamples,). error: the sample's standard error, over zero."""
    return np.concatenate(
        [
            pivots(values - point, errors, error)
            for values, errors in (
                statistic.value_and_error(weights)
                for weights in resample_weights(statistic.strata, bootstrap)
            )
        ]
    )


def jackknife_values(statistic: Statistic) -> Floats:
    """The statistic without each problem in turn: (problems,)."""
    n = sum(statistic.strata)
    values = []
    block = _block_rows(n)
    for start in range(0, n, block):
        rows = np.arange(min(block, n - start))
        weights = np.ones((len(rows), n))
        weights[rows, start + rows] = 0.0
        values.append(statistic.value(weights))
    return np.concatenate(values)


def error_of_influence(influence: Floats, weights: Floats) -> Floats:
    """Standard error of a statistic from what each problem adds to it, at each row of weights: (rows,).

    influence, weights: (rows, problems). The influences of a row, weighted, sum to zero; the factor K / (K - 1) for K
    drawn problems makes it the usual standard error where the statistic is a mean.
    """
    drawn = weights.sum(axis=1)
    squares = np.einsum("ij,ij,ij->i", influence, influence, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(squares * drawn / (drawn - 1)))
