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
from typing import Literal, Protocol, cast, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.uint8]
Interval = tuple[float, float]
Method = Literal[
    "default", "percentile", "bca", "student", "studentised", "wilson", "woodruff"
]

METHODS: tuple[Method, ...] = get_args(Method)[:-1]
"""Those to choose from; "woodruff" is the default of medians and for nothing else."""
FOR_ANY: tuple[Method, ...] = ("percentile", "bca", "student", "studentised")
"""Methods for any statistic with a standard error."""

# A block of resamples is about this many counts: small enough for the processor's cache, large enough for its speed.
_BLOCK_COUNTS = 1 << 19
# Degrees of freedom for Wilson's interval: with fewer, intervals grew in the simulation but covered no better.
_FEWEST_DEGREES = 6.0
# A report asks for the same resamples hundreds of times, so drawn counts are kept, one byte each, up to this many in
# one draw. Larger draws are made anew, block by block, each time.
_KEPT_COUNTS = 1 << 25


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    level: the interval's confidence, between 0 and 1.
    resamples: number of bootstrap resamples of the problems.
    seed: seed of the PCG64 generator that draws them.
    method: "percentile", "bca", "studentised" (bootstrap-t), "student" and "wilson" (no resamples), or "default": the
        method that held best for the estimator at hand when its coverage was measured (docs/statistics.md).

    Raises ValueError for a level outside (0, 1), fewer than 1 resample, a negative seed or an unknown method.
    """

    level: float = 0.95
    resamples: int = 10_000
    seed: int = 0
    method: Method = "default"

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, not {self.level}")
        if self.resamples < 1:
            raise ValueError(f"resamples must be at least 1, not {self.resamples}")
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
    level: confidence of [low, high]. method: how the interval was made.
    n_problems, n_steps: problems and steps that enter. left_out: steps (or problems, for a statistic of one value a
        problem) that were not applicable (NaN). resamples: bootstrap resamples drawn, 0 where the method draws none.
    """

    point: float
    low: float
    high: float
    level: float
    method: str
    n_problems: int
    n_steps: int
    left_out: int = 0
    resamples: int = 0
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
    """A statistic that has an interval without resampling: "wilson" or "woodruff" is among its methods."""

    def limits(self, point: float, n_steps: int, level: float) -> Interval:
        """Both ends of that interval around the value of the sample, which rests on n_steps steps."""


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
    of_pairs: bool = False

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

    def limits(self, point: float, n_steps: int, level: float) -> Interval:
        """Wilson's interval of a share."""
        return share_limits(self, point, n_steps, level)

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


class ShareStatistic(Protocol):
    """A share, and what each problem adds to it."""

    @property
    def of_pairs(self) -> bool:
        """Whether it is a share of pairs of steps, and not of steps or problems."""

    @property
    def strata(self) -> tuple[int]:
        """The number of problems."""

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The statistic, (rows,), and what one more drawing of a problem adds to it, (rows, problems), at each row."""


def share_limits(
    share: ShareStatistic, point: float, n_steps: int, level: float
) -> Interval:
    """Wilson's interval of a share or an AUC whose value for the sample is `point`."""
    (n_problems,) = share.strata
    ones = np.ones((1, n_problems))
    influence = share.value_and_influence(ones)[1]
    error = float(error_of_influence(influence, ones)[0])
    return wilson_interval(
        point,
        error,
        influence[0],
        n_problems,
        n_steps,
        level,
        of_pairs=share.of_pairs,
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


def on_exact_grid(columns: Floats) -> Floats:
    """Columns rounded so that their sums with counts of resampled problems are exact in any order.

    columns: (problems, m). Each column is rounded to a multiple of a power of two so small that a sum of `problems`
    of its largest entries still fits the 53 bits of a float: a relative change below 2**-50 * problems of the largest.
    """
    largest = np.abs(columns).max(axis=0, initial=0.0)
    _, exponent = np.frexp(largest * max(len(columns), 1))
    # No finer than the smallest normal number, so that the division below is defined.
    grid = np.ldexp(1.0, np.maximum(exponent - 52, -1022))
    rounded: Floats = np.round(columns / grid) * grid
    return rounded


def resample_counts(
    n_problems: int, resamples: int, seed: int, rows: int | None = None
) -> Iterator[Counts]:
    """Blocks of rows of counts: how often each problem is in each resample.

    Yields (rows, n_problems) arrays, `resamples` rows in all; each row sums to n_problems. The counts depend on the
    first three arguments alone. rows: the length of a block, by default about half a million counts; no more than a
    block is in memory at once, besides the counts that are kept for reuse.
    """
    rows = rows or _block_rows(n_problems)
    if n_problems * resamples <= _KEPT_COUNTS:
        return iter(_kept_counts(n_problems, resamples, seed, rows))
    return _drawn_counts(n_problems, resamples, seed, rows)


def _block_rows(n_problems: int) -> int:
    return max(1, _BLOCK_COUNTS // max(n_problems, 1))


def _drawn_counts(
    n_problems: int, resamples: int, seed: int, rows: int
) -> Iterator[Counts]:
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = rng.integers(0, n_problems, size=(size, n_problems))
        drawn += n_problems * np.arange(size)[:, np.newaxis]
        counts = np.bincount(drawn.ravel(), minlength=size * n_problems)
        # One problem drawn more than 255 times among more than 255 draws does not happen (p < 1e-500).
        yield counts.astype(np.uint8).reshape(size, n_problems)


@lru_cache(maxsize=8)
def _kept_counts(
    n_problems: int, resamples: int, seed: int, rows: int
) -> tuple[Counts, ...]:
    return tuple(_drawn_counts(n_problems, resamples, seed, rows))


def estimate(
    statistic: Statistic,
    point: float,
    bootstrap: Bootstrap,
    default: Method,
    *,
    n_problems: int,
    n_steps: int,
    left_out: int = 0,
) -> Estimate:
    """The interval of a statistic whose value for the sample is `point`.

    default: the method used where the bootstrap says "default". n_problems, n_steps, left_out: what the estimate rests
    on, as in Estimate. With fewer than two problems the interval is NaN and the note says so.

    Raises ValueError where the method is not for this statistic.
    """
    sampled = resample(statistic, point, bootstrap, default, n_problems)
    found = estimate_of(sampled, bootstrap.level, n_steps=n_steps, left_out=left_out)
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
    (resamples,), the values of the resamples, or for "studentised" their pivots (value - point) / error; empty for
    methods that draw none. jackknife: (problems,) for "bca", else empty. why_no_interval: empty where there is one.
    statistic: for "wilson" and "woodruff", which ask it for its limits.
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
    if method in ("wilson", "woodruff"):
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
    return ""


def estimate_of(
    sampled: Resampled, level: float, *, n_steps: int, left_out: int = 0
) -> Estimate:
    """The estimate with its interval from what was drawn."""
    low, high, note = np.nan, np.nan, sampled.why_no_interval
    if not note:
        low, high = _interval(sampled, n_steps, level)
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
        level,
        sampled.method,
        sampled.n_problems,
        n_steps,
        left_out,
        len(sampled.drawn),
        sampled.error,
        note,
    )


def _interval(sampled: Resampled, n_steps: int, level: float) -> Interval:
    point, error, drawn = sampled.point, sampled.error, sampled.drawn
    if sampled.statistic:
        return sampled.statistic.limits(point, n_steps, level)
    if error == 0:
        return point, point
    if sampled.method == "student":
        return student_interval(point, error, sampled.n_problems, level)
    if sampled.method == "studentised":
        return studentised_interval(drawn, point, error, level)
    if sampled.method == "bca":
        return bca_interval(drawn, sampled.jackknife, point, level)
    return percentile_interval(drawn, level)


def resample_weights(strata: tuple[int, ...], bootstrap: Bootstrap) -> Iterator[Floats]:
    """Blocks of rows of counts as weights, each group of problems drawn by itself: (rows, problems) arrays.

    The groups' generators are seeded with the seed, seed + 1 and so on: two samples must not be drawn alike.
    """
    rows = _block_rows(sum(strata))
    groups = [
        resample_counts(size, bootstrap.resamples, bootstrap.seed + group, rows)
        for group, size in enumerate(strata)
    ]
    for blocks in zip(*groups, strict=True):
        yield np.hstack(blocks).astype(np.float64)


def bootstrap_values(statistic: Statistic, bootstrap: Bootstrap) -> Floats:
    """The statistic at every resample: (resamples,)."""
    return np.concatenate(
        [
            statistic.value(weights)
            for weights in resample_weights(statistic.strata, bootstrap)
        ]
    )


SMALLEST_ERROR = 0.25
"""The least standard error of a resample that a pivot divides by, as a share of the sample's."""


def bootstrap_pivots(
    statistic: Statistic, point: float, error: float, bootstrap: Bootstrap
) -> Floats:
    """`pivots` of every resample: (resamples,). error: the sample's standard error, over zero."""
    return np.concatenate(
        [
            pivots(values - point, errors, error)
            for values, errors in (
                statistic.value_and_error(weights)
                for weights in resample_weights(statistic.strata, bootstrap)
            )
        ]
    )


def pivots(shifts: Floats, errors: Floats, error: Floats | float) -> Floats:
    """Shifts of the resamples in units of their own standard errors, of the shape of `shifts`.

    shifts, errors: of the resamples. error: the sample's. Where one problem in many carries nearly all of the effect, a
    resample without it has next to no error of its own and would make the interval thousands of nats wide; an error is
    therefore taken to be at least `SMALLEST_ERROR` of the sample's.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(shifts / np.maximum(errors, SMALLEST_ERROR * error))


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


def percentile_interval(values: Floats, level: float) -> Interval:
    """Equal-tailed quantiles of the bootstrap values (resamples,), NaN left out. Efron (1979), Ann. Statist. 7, 1-26."""
    return _quantiles(values, (1 - level) / 2, (1 + level) / 2)


def bca_interval(
    values: Floats, jackknife: Floats, point: float, level: float
) -> Interval:
    """The bias-corrected and accelerated interval.

    values: (resamples,) bootstrap values; jackknife: (problems,) values without each problem. Efron (1987), J. Am.
    Stat. Assoc. 82, 171-185; ties with the point count half, as in scipy.stats.bootstrap. Where all values lie on one
    side of the point the correction is undefined and both ends are NaN.
    """
    from scipy.special import ndtr, ndtri

    values = values[~np.isnan(values)]
    bias, acceleration = bca_constants(values, jackknife, point)
    if not np.isfinite(bias):
        return float("nan"), float("nan")
    z = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = ndtr(bias + z / (1 - acceleration * z))
    return _quantiles(values, float(low), float(high))


def bca_constants(
    values: Floats, jackknife: Floats, point: float
) -> tuple[float, float]:
    """Bias correction (in normal quantiles; infinite or NaN where undefined) and acceleration of `bca_interval`."""
    from scipy.special import ndtri

    if not len(values):
        return float("nan"), 0.0
    bias = float(ndtri((np.mean(values < point) + np.mean(values <= point)) / 2))
    influence = jackknife.mean() - jackknife
    spread = float(np.sum(influence**2))
    return bias, float(np.sum(influence**3)) / (6 * spread**1.5) if spread > 0 else 0.0


def student_interval(
    point: float, error: float, n_problems: int, level: float
) -> Interval:
    """point -+ t * error, with Student's t on problems - 1 degrees of freedom."""
    from scipy.special import stdtrit

    half = float(stdtrit(n_problems - 1, (1 + level) / 2)) * error
    return point - half, point + half


def studentised_interval(
    pivots: Floats, point: float, error: float, level: float
) -> Interval:
    """The symmetric bootstrap-t interval: point -+ q * error, q the quantile of the pivots' absolute values.

    pivots: (resamples,), (value - point) / standard error of each resample; those that are not finite are left out.
    Hall (1988), J. R. Stat. Soc. B 50, 35-45: its coverage error is of a smaller order than the equal-tailed one's.
    """
    pivots = np.abs(pivots[np.isfinite(pivots)])
    if not len(pivots):
        return float("nan"), float("nan")
    half = float(np.quantile(pivots, level)) * error
    return point - half, point + half


def wilson_interval(
    share: float,
    error: float,
    influence: Floats,
    n_problems: int,
    n_steps: int,
    level: float,
    *,
    of_pairs: bool = False,
) -> Interval:
    """Wilson's score interval at the effective sample size of clustered data, for a statistic between 0 and 1.

    share: the point; error: its standard error over problems; influence: (problems,), what one more drawing of each
    adds to it. The effective size is share * (1 - share) / error**2, at most n_steps; at a share of 0 or 1 it is the
    number of problems. The normal quantile is replaced by Student's with problems - 1 degrees of freedom. Wilson (1927),
    J. Am. Stat. Assoc. 22, 209-212; the effective size and its bound as in Korn and Graubard (1998), Survey Methodology
    24, 193-201; the combination is studied by Franco et al. (2019), J. Surv. Stat. Methodol. 7, 334-364.

    The limit towards 1/2 has to allow for what was not seen: an AUC of 0.999 that rests on one lost pair in one problem
    would look far surer than it is. For that limit the variance is what it would be with one problem more like the one
    that pulls hardest towards 1/2 (Fay and Feuer 1997, Stat. Med. 16, 791-801, who add the largest weight to a weighted
    sum of counts, and its square to the variance), and Student's degrees of freedom are those of a variance that a few
    problems make (`degrees_of_freedom`), no less than 6. of_pairs: there are more pairs than steps, so the bound at
    n_steps is a caution and holds for this limit only.
    """
    if share > 0.5:
        low, high = wilson_interval(
            1 - share,
            error,
            -influence,
            n_problems,
            n_steps,
            level,
            of_pairs=of_pairs,
        )
        return 1 - high, 1 - low
    from scipy.special import stdtrit

    size = far_size = float(n_problems)
    degrees = far_degrees = n_problems - 1.0
    if error > 0:
        size = share * (1 - share) / error**2
        largest = max(float(influence.max()), 0.0)
        unseen = (1 + (largest / error) ** 2) / (1 + largest / share)
        far_size = min(size / max(unseen, 1.0), float(n_steps))
        size = size if of_pairs else min(size, float(n_steps))
        few = max(degrees_of_freedom(influence), _FEWEST_DEGREES)
        far_degrees = min(few, degrees)

    def limit(size: float, degrees: float, side: int) -> float:
        c2 = float(stdtrit(degrees, (1 + level) / 2)) ** 2
        half = np.sqrt(c2 * (share * (1 - share) / size + c2 / (4 * size**2)))
        return float((share + c2 / (2 * size) + side * half) / (1 + c2 / size))

    low = 0.0 if share == 0 else max(limit(size, degrees, -1), 0.0)
    return low, min(limit(far_size, far_degrees, 1), 1.0)


def degrees_of_freedom(influence: Floats) -> float:
    """Student's degrees of freedom of a variance over problems, by the spread of what each problem adds to it.

    influence: (problems,), summing to zero. Satterthwaite (1946), Biometrics Bull. 2, 110-114: twice the squared variance
    over the variance of that variance. Infinite where the influences have two values only: then the share is one of
    problems, its count is binomial, and the variance follows from the share.
    """
    squares = influence**2
    total = float(squares.sum())
    spread = float((squares**2).sum()) - total**2 / len(influence)
    binomial = float((squares * influence).sum()) ** 2 / total
    if spread - binomial <= 1e-9 * spread:
        return float("inf")
    return 2 * total**2 / spread


def _quantiles(values: Floats, low: float, high: float) -> Interval:
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    ends = np.quantile(values, [low, high])
    return float(ends[0]), float(ends[1])
