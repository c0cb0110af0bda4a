"""Intervals as formulas: what was drawn or estimated in, two ends out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = tuple[float, float]

# Degrees of freedom for Wilson's interval: with fewer, intervals grew in the simulation but covered no better.
FEWEST_DEGREES = 6.0

SMALLEST_ERROR = 0.25
"""The least standard error of a resample that a pivot divides by, as a share of the sample's."""


def pivots(shifts: Floats, errors: Floats, error: Floats | float) -> Floats:
    """Shifts of the resamples in units of their own standard errors, of the shape of `shifts`.

    shifts, errors: of the resamples. error: the sample's. Where one problem in many carries nearly all of the effect, a
    resample without it has next to no error of its own and would make the interval thousands of nats wide; an error is
    therefore taken to be at least `SMALLEST_ERROR` of the sample's.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(shifts / np.maximum(errors, SMALLEST_ERROR * error))


def percentile_interval(values: Floats, confidence_level: float) -> Interval:
    """Equal-tailed quantiles of the bootstrap values (n_resamples,), NaN left out. Efron (1979), Ann. Statist. 7, 1-26."""
    return _quantiles(values, (1 - confidence_level) / 2, (1 + confidence_level) / 2)


def bca_interval(
    values: Floats, jackknife: Floats, point: float, confidence_level: float
) -> Interval:
    """The bias-corrected and accelerated interval.

    values: (n_resamples,) bootstrap values; jackknife: (problems,) values without each problem. Efron (1987), J. Am.
    Stat. Assoc. 82, 171-185; ties with the point count half, as in scipy.stats.bootstrap. Where all values lie on one
    side of the point the correction is undefined and both ends are NaN.
    """
    from scipy.special import ndtr, ndtri

    values = values[~np.isnan(values)]
    bias, acceleration = bca_constants(values, jackknife, point)
    if not np.isfinite(bias):
        return float("nan"), float("nan")
    z = bias + ndtri(np.array([(1 - confidence_level) / 2, (1 + confidence_level) / 2]))
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
    point: float, error: float, n_problems: int, confidence_level: float
) -> Interval:
    """point -+ t * error, with Student's t on problems - 1 degrees of freedom."""
    from scipy.special import stdtrit

    half = float(stdtrit(n_problems - 1, (1 + confidence_level) / 2)) * error
    return point - half, point + half


def studentised_interval(
    pivots: Floats, point: float, error: float, confidence_level: float
) -> Interval:
    """The symmetric bootstrap-t interval: point -+ q * error, q the quantile of the pivots' absolute values.

    pivots: (n_resamples,), (value - point) / standard error of each resample; those that are not finite are left out.
    Hall (1988), J. R. Stat. Soc. B 50, 35-45: its coverage error is of a smaller order than the equal-tailed one's.
    """
    pivots = np.abs(pivots[np.isfinite(pivots)])
    if not len(pivots):
        return float("nan"), float("nan")
    half = float(np.quantile(pivots, confidence_level)) * error
    return point - half, point + half


def _quantiles(values: Floats, low: float, high: float) -> Interval:
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    ends = np.quantile(values, [low, high])
    return float(ends[0]), float(ends[1])


def wilson_interval(
    share: float,
    error: float,
    influence: Floats,
    n_problems: int,
    n_steps: int,
    confidence_level: float,
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
            confidence_level,
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
        few = max(degrees_of_freedom(influence), FEWEST_DEGREES)
        far_degrees = min(few, degrees)

    def limit(size: float, degrees: float, side: int) -> float:
        c2 = float(stdtrit(degrees, (1 + confidence_level) / 2)) ** 2
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
