"""Planning: how many problems for a wanted interval or a wanted difference.

All formulas take standard deviations over problems: of the per-problem values, or, for a statistic pooled over steps,
its standard error times the square root of the number of problems (`std_over_problems`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .bootstrap import Estimate

_MOST_PROBLEMS = 10**9


def std_over_problems(estimate: Estimate) -> float:
    """The standard deviation that one problem contributes: standard error times the root of the number of problems."""
    return float(estimate.standard_error * np.sqrt(estimate.n_problems))


def half_width(n_problems: int, std: float, confidence_level: float = 0.95) -> float:
    """Half-width of Student's interval of a mean over n_problems, in the units of the deviation.

    t(n - 1, (1 + level) / 2) * deviation / sqrt(n). Raises ValueError for fewer than 2 problems.
    """
    _check(n_problems, confidence_level)
    from scipy.special import stdtrit

    t = float(stdtrit(n_problems - 1, (1 + confidence_level) / 2))
    return t * std / float(np.sqrt(n_problems))


def problems_for_half_width(
    wanted: float, std: float, confidence_level: float = 0.95
) -> int:
    """The smallest number of problems whose Student's interval has at most the wanted half-width.

    Raises ValueError where `wanted` is not above zero or the deviation is negative, infinite or NaN.
    """
    _check_wanted(wanted, std)
    return _smallest(lambda n: half_width(n, std, confidence_level) <= wanted)


def paired_power(
    n_problems: int, difference: float, std: float, confidence_level: float = 0.95
) -> float:
    """Probability that the two-sided paired test at 1 - confidence_level finds a difference over n_problems shared problems.

    difference: of the two models' means. std: of the per-problem differences, in the same units. The noncentral
    t distribution with n - 1 degrees of freedom: Cohen (1988), Statistical Power Analysis, section 2.3, exact form.
    """
    _check(n_problems, confidence_level)
    scale = std / float(np.sqrt(n_problems))
    return _t_power(difference, scale, n_problems - 1, confidence_level)


def problems_for_paired_difference(
    difference: float, std: float, power: float = 0.8, confidence_level: float = 0.95
) -> int:
    """The smallest number of shared problems at which `paired_power` reaches the wanted power."""
    _check_wanted(abs(difference), std)
    _check_power(power)
    return _smallest(
        lambda n: paired_power(n, difference, std, confidence_level) >= power
    )


def unpaired_power(
    n_problems: int,
    difference: float,
    std_a: float,
    std_b: float,
    confidence_level: float = 0.95,
) -> float:
    """Probability that the two-sided test at 1 - confidence_level finds a difference of two models with n_problems each.

    std_a, std_b: of each model's per-problem values. The noncentral t distribution with the degrees of
    freedom of Welch (1947), Biometrika 34, 28-35, at the given deviations; equal deviations give 2 (n - 1).
    """
    _check(n_problems, confidence_level)
    a, b = std_a**2, std_b**2
    freedom = (
        (n_problems - 1) * (a + b) ** 2 / (a**2 + b**2) if a + b else n_problems - 1
    )
    return _t_power(
        difference, float(np.sqrt((a + b) / n_problems)), freedom, confidence_level
    )


def problems_for_unpaired_difference(
    difference: float,
    std_a: float,
    std_b: float,
    power: float = 0.8,
    confidence_level: float = 0.95,
) -> int:
    """The smallest number of problems for each model at which `unpaired_power` reaches the wanted power."""
    _check_wanted(abs(difference), std_a)
    _check_wanted(abs(difference), std_b)
    _check_power(power)
    return _smallest(
        lambda n: unpaired_power(n, difference, std_a, std_b, confidence_level) >= power
    )


def _t_power(
    difference: float, scale: float, freedom: float, confidence_level: float
) -> float:
    from scipy.special import nctdtr, stdtrit

    if scale == 0:
        return float(difference != 0)
    shift = abs(difference) / scale
    critical = float(stdtrit(freedom, (1 + confidence_level) / 2))
    # Far from zero the noncentral t is a normal shifted by `shift`, and scipy's series does not converge.
    if shift > _LARGEST_SHIFT:
        return 1.0
    above = 1 - float(nctdtr(freedom, shift, critical))
    below = float(nctdtr(freedom, shift, -critical))
    return above + (below if np.isfinite(below) else 0.0)


_LARGEST_SHIFT = 35.0


def _smallest(enough: Callable[[int], bool]) -> int:
    high = 2
    while not enough(high):
        high *= 2
        if high > _MOST_PROBLEMS:
            raise ValueError(
                f"more than {_MOST_PROBLEMS} problems would be needed: ask for less"
            )
    low = max(high // 2, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check(n_problems: int, confidence_level: float) -> None:
    if n_problems < 2:
        raise ValueError(f"at least 2 problems are needed, not {n_problems}")
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level must lie between 0 and 1, not {confidence_level}"
        )


def _check_power(power: float) -> None:
    if not 0 < power < 1:
        raise ValueError(f"power must lie between 0 and 1, not {power}")


def _check_wanted(wanted: float, std: float) -> None:
    if not (np.isfinite(wanted) and wanted > 0):
        raise ValueError(
            f"the wanted width or difference must be a finite number above zero, not {wanted}"
        )
    if not (np.isfinite(std) and std >= 0):
        raise ValueError(
            f"the standard deviation must be a finite number, not negative: {std}"
        )
