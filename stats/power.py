"""Planning: how many problems for a wanted interval or a wanted difference.

All formulas take standard deviations over problems: of the per-problem values, or, for a statistic pooled over steps,
its standard error times the square root of the number of problems (`std_over_problems`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np

from .bootstrap import Estimate

_MOST_PROBLEMS = 10**9


def std_over_problems(estimate: Estimate) -> float:
    """The standard deviation that one problem contributes: standard error times the root of the number of problems.

    >>> std_over_problems(Estimate(1.0, 0.6, 1.4, 0.95, "student", 25, 100, standard_error=0.2))
    1.0
    """
    return float(estimate.standard_error * np.sqrt(estimate.n_problems))


def half_width(n_problems: int, std: float, confidence_level: float = 0.95) -> float:
    """Half-width of Student's interval of a mean over n_problems, in the units of the deviation.

    t(n - 1, (1 + level) / 2) * deviation / sqrt(n). Raises ValueError for fewer than 2 problems.

    >>> round(half_width(25, std=2.0), 3)
    0.826
    """
    _check(n_problems, confidence_level)
    from scipy.special import stdtrit

    t = float(stdtrit(n_problems - 1, (1 + confidence_level) / 2))
    return t * std / float(np.sqrt(n_problems))


def problems_for_half_width(
    wanted: float,
    std: float,
    confidence_level: float = 0.95,
    assurance: float | None = None,
) -> int:
    """The smallest number of problems whose Student's interval has at most the wanted half-width.

    assurance: the wanted probability that it has (`half_width_assurance`). Without it the half-width is that of the given
    standard deviation, which about half of all samples of that size exceed. Raises ValueError where `wanted` is not
    above zero, the standard deviation is negative, infinite or NaN, or the assurance is not between 0 and 1.

    >>> problems_for_half_width(0.5, std=2.0), problems_for_half_width(0.5, std=2.0, assurance=0.9)
    (64, 77)
    """
    _check_wanted(wanted, std)
    if assurance is None:
        return _smallest(lambda n: half_width(n, std, confidence_level) <= wanted)
    _check_probability(assurance, "assurance")
    return _smallest(
        lambda n: half_width_assurance(n, wanted, std, confidence_level) >= assurance
    )


def half_width_assurance(
    n_problems: int, wanted: float, std: float, confidence_level: float = 0.95
) -> float:
    """Probability that Student's interval of n_problems turns out no wider than `wanted` on each side.

    The half-width is made of the sample's standard deviation, and that varies from sample to sample. For normal values
    (n - 1) s^2 / std^2 is chi-squared with n - 1 degrees of freedom: Kupper and Hafner (1989), Am. Stat. 43, 101-105.

    >>> n = problems_for_half_width(0.5, std=2.0)
    >>> round(half_width_assurance(n, 0.5, std=2.0), 2)
    0.53
    """
    _check_wanted(wanted, std)
    expected = half_width(n_problems, std, confidence_level)
    if expected == 0:
        return 1.0
    from scipy.special import gammainc

    freedom = n_problems - 1
    return float(gammainc(freedom / 2, freedom * (wanted / expected) ** 2 / 2))


def problems_to_ask(
    n_solved: int, solve_rate: float, assurance: float | None = None
) -> int:
    """The number of problems to ask so that at least n_solved are solved: on average, or with the given assurance.

    solve_rate: share of problems that the model solves, over 0 and at most 1. assurance: the wanted probability of at
    least n_solved, of a binomial number. Raises ValueError where an argument is out of its range.

    >>> problems_to_ask(100, 0.4)
    250
    >>> problems_to_ask(100, 0.4, assurance=0.9)
    275
    """
    if n_solved < 1:
        raise ValueError(f"n_solved must be at least 1, not {n_solved}")
    if not 0 < solve_rate <= 1:
        raise ValueError(f"solve_rate must be over 0 and at most 1, not {solve_rate}")
    if assurance is None:
        return ceil(n_solved / solve_rate - 1e-9)
    _check_probability(assurance, "assurance")
    from scipy.special import betainc

    # P(at least k of n) is the incomplete beta function I_rate(k, n - k + 1).
    def enough(n: int) -> bool:
        return n >= n_solved and bool(
            betainc(n_solved, n - n_solved + 1, solve_rate) >= assurance
        )

    return _smallest(enough)


def paired_power(
    n_problems: int, difference: float, std: float, confidence_level: float = 0.95
) -> float:
    """Probability that the two-sided paired test at 1 - confidence_level finds a difference over n_problems shared problems.

    difference: of the two models' means. std: of the per-problem differences, in the same units. The noncentral
    t distribution with n - 1 degrees of freedom: Cohen (1988), Statistical Power Analysis, section 2.3, exact form.

    >>> round(paired_power(34, difference=0.5, std=1.0), 3)
    0.808
    """
    _check(n_problems, confidence_level)
    scale = std / float(np.sqrt(n_problems))
    return _t_power(difference, scale, n_problems - 1, confidence_level)


def problems_for_paired_difference(
    difference: float, std: float, power: float = 0.8, confidence_level: float = 0.95
) -> int:
    """The smallest number of shared problems at which `paired_power` reaches the wanted power.

    >>> problems_for_paired_difference(0.5, std=1.0)
    34
    """
    _check_wanted(abs(difference), std)
    _check_probability(power, "power")
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

    >>> round(unpaired_power(64, 0.5, std_a=1.0, std_b=1.0), 3)
    0.801
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
    """The smallest number of problems for each model at which `unpaired_power` reaches the wanted power.

    >>> problems_for_unpaired_difference(0.5, std_a=1.0, std_b=1.0)
    64
    """
    _check_wanted(abs(difference), std_a)
    _check_wanted(abs(difference), std_b)
    _check_probability(power, "power")
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


def _check_probability(given: float, name: str) -> None:
    if not 0 < given < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {given}")


def _check_wanted(wanted: float, std: float) -> None:
    if not (np.isfinite(wanted) and wanted > 0):
        raise ValueError(
            f"the wanted width or difference must be a finite number above zero, not {wanted}"
        )
    if not (np.isfinite(std) and std >= 0):
        raise ValueError(
            f"the standard deviation must be a finite number, not negative: {std}"
        )
