"""Separation: is every load-bearing step of a problem above every decoy, and are their means?

Per-problem values are 1 (separated), 0 (not) or NaN (the problem lacks an applicable step of either kind). A tie is not
separated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .bootstrap import BOOTSTRAP, Bootstrap, Estimate
from .effects import mean_estimate
from .intervals import Floats
from .steps import Steps, group_steps


def separated(effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike) -> Floats:
    """Whether every load-bearing effect exceeds every decoy effect: (problems,), by ascending id, 1, 0 or NaN.

    effect: (steps,) nats. load_bearing: (steps,) booleans. problem: (steps,) ids. Raises ValueError as `group_steps`.
    """
    return problem_separated(group_steps(effect, problem, load_bearing=load_bearing))


def separated_means(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> Floats:
    """Whether the mean load-bearing effect exceeds the mean decoy effect: as `separated`."""
    difference = label_differences(effect, load_bearing, problem)
    return np.where(np.isnan(difference), np.nan, difference > 0)


def label_differences(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> Floats:
    """Mean load-bearing effect less mean decoy effect, in nats: (problems,), by ascending id; NaN where one lacks."""
    steps = group_steps(effect, problem, load_bearing=load_bearing)
    positive = steps.labels[0] != 0
    return steps.means(steps.value, positive) - steps.means(steps.value, ~positive)


def share_separated(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> float:
    """Share of problems that are separated, among those with both kinds of step; NaN without any."""
    return _share(separated(effect, load_bearing, problem))


def share_separated_means(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> float:
    """Share of problems whose means are separated, among those with both kinds of step; NaN without any."""
    return _share(separated_means(effect, load_bearing, problem))


def mean_label_difference(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> float:
    """Mean over problems of `label_differences`, in nats: the control-differenced effect; NaN without any."""
    return _share(label_differences(effect, load_bearing, problem))


def share_separated_estimate(
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`share_separated` with its interval."""
    per_problem = separated(effect, load_bearing, problem)
    return _estimate(per_problem, effect, load_bearing, problem, bootstrap, share=True)


def share_separated_means_estimate(
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`share_separated_means` with its interval."""
    per_problem = separated_means(effect, load_bearing, problem)
    return _estimate(per_problem, effect, load_bearing, problem, bootstrap, share=True)


def mean_label_difference_estimate(
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`mean_label_difference` with its interval."""
    per_problem = label_differences(effect, load_bearing, problem)
    return _estimate(per_problem, effect, load_bearing, problem, bootstrap, share=False)


def _estimate(
    per_problem: Floats,
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap,
    *,
    share: bool,
) -> Estimate:
    steps = group_steps(effect, problem, load_bearing=load_bearing)
    n_steps = int(np.count_nonzero(~np.isnan(per_problem[steps.problem])))
    return mean_estimate(
        per_problem, bootstrap, n_steps=n_steps, n_missing=steps.n_missing, share=share
    )


def problem_separated(steps: Steps) -> Floats:
    """`separated` of grouped steps whose first label is 1 for load-bearing steps, else 0."""
    positive = steps.labels[0] != 0
    lowest, highest = (
        np.full(steps.n_problems, np.inf),
        np.full(steps.n_problems, -np.inf),
    )
    np.minimum.at(lowest, steps.problem[positive], steps.value[positive])
    np.maximum.at(highest, steps.problem[~positive], steps.value[~positive])
    both = np.isfinite(lowest) & np.isfinite(highest)
    return np.where(both, lowest > highest, np.nan)


def _share(per_problem: Floats) -> float:
    kept = per_problem[~np.isnan(per_problem)]
    return float(kept.mean()) if len(kept) else float("nan")
