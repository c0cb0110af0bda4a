"""Intervals as formulas: what was drawn or estimated in, two ends out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = tuple[float, float]

FEWEST_DEGREES = 6.0
"""Degrees of freedom of Wilson's interval: with fewer, intervals grew in the simulation but covered no better."""
UNSEEN = 0.05
"""What part of a problem is added to those seen where Wilson's interval is near 0 or 1; 0.005 to 0.1 were tried."""

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


def exact_interval(hits: int, n: int, confidence_level: float) -> Interval:
    """Of the share of independent trials that hit; it covers at least as often as it says, whatever the share.

    Clopper and Pearson (1934), Biometrika 26, 404-413. NaN without trials.

    >>> low, high = exact_interval(20, 20, 0.95)
    >>> f"{low:.3f} {high:.3f}"
    '0.832 1.000'
    """
    from scipy.special import betaincinv

    if not n:
        return float("nan"), float("nan")
    tail = (1 - confidence_level) / 2
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return low, high


def wilson_interval(
    share: float,
    error: float,
    influence: Floats,
    confidence_level: float,
    failing: float = 1.0,
) -> Interval:
    """Wilson's score interval at the effective sample size of clustered data, for a statistic between 0 and 1.

    share: the point; error: its standard error over problems; influence: (problems,), what one more drawing of each
    adds to it. Wilson (1927), J. Am. Stat. Assoc. 22, 209-212; the effective size share * (1 - share) / error**2 as in
    Korn and Graubard (1998), Survey Methodology 24, 193-201; the combination is studied by Franco et al. (2019), J. Surv.
    Stat. Methodol. 7, 334-364. The normal quantile is replaced by Student's with the degrees of freedom of a variance
    that a few problems may make (`degrees_of_freedom`), no fewer than 6 and no more than problems - 1.

    Near 0 and 1 the effective size rests on the few problems in which anything failed, and at 0 and 1 on none. So it is
    taken as if there were a twentieth of one more such problem, in which the part `failing` of the steps failed: 1 where all
    steps of a problem may fail together. With n problems, the size at a share of 0 or 1 is n / failing, and it gets there
    without a jump. Far from the ends this changes nothing.

    >>> low, high = wilson_interval(1.0, 0.0, np.zeros(20), 0.95)
    >>> f"{low:.3f} {high:.3f}"
    '0.820 1.000'
    """
    from scipy.special import stdtrit

    n = len(influence)
    size = (share * (1 - share) * n + UNSEEN / failing) * n
    size /= error**2 * n**2 + UNSEEN
    degrees = min(max(degrees_of_freedom(influence), FEWEST_DEGREES), n - 1.0)
    c2 = float(stdtrit(degrees, (1 + confidence_level) / 2)) ** 2
    half = np.sqrt(c2 * (share * (1 - share) / size + c2 / (4 * size**2)))
    middle = share + c2 / (2 * size)
    low, high = (middle - half) / (1 + c2 / size), (middle + half) / (1 + c2 / size)
    # At 0 and 1 an end is the point itself, but for rounding.
    return (
        0.0 if share <= 0 else max(float(low), 0.0),
        1.0 if share >= 1 else min(float(high), 1.0),
    )


def degrees_of_freedom(influence: Floats) -> float:
    """Student's degrees of freedom of a share's variance over problems, by the spread of what each problem adds to it.

    influence: (problems,), summing to zero. Satterthwaite (1946), Biometrics Bull. 2, 110-114: twice the squared variance
    over the variance of that variance. Of the latter only what does not follow from the share itself counts, for Wilson's
    interval knows that part: of problems that fail as a whole or not at all nothing is left, and the degrees are infinite.

    >>> degrees_of_freedom(np.array([0.3, -0.1, -0.1, -0.1]))
    inf
    """
    total = float(influence @ influence)
    if total == 0:
        return float("inf")
    unit = influence / np.sqrt(total)
    squares = unit**2
    spread = float(squares @ squares) - 1 / len(unit)
    left = spread - float(squares @ unit) ** 2
    return 2 / left if left > 1e-9 * spread else float("inf")


def mover_interval(
    first: tuple[float, Interval], second: tuple[float, Interval], correlation: float
) -> Interval:
    """The interval of a difference, first less second, from the point and the limits of each.

    correlation: of the two points over resampled problems; 0 where problems are not shared. MOVER, the method of variance
    estimates recovery: Zou and Donner (2008), Stat. Med. 27, 1693-1702, eq. 11. Its ends lie where limits of shares can.

    >>> low, high = mover_interval((0.9, (0.8, 0.95)), (0.5, (0.4, 0.6)), correlation=0.0)
    >>> f"{low:.3f} {high:.3f}"
    '0.259 0.512'
    """
    (p, (low, high)), (q, (other_low, other_high)) = first, second
    down, up = p - low, high - p
    other_down, other_up = q - other_low, other_high - q

    def reach(one: float, other: float) -> float:
        squared = one**2 + other**2 - 2 * correlation * one * other
        return float(np.sqrt(max(squared, 0.0)))

    return p - q - reach(down, other_up), p - q + reach(up, other_down)
