"""Where in the chain the effects sit: by third, and as a correlation with position."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bootstrap import BOOTSTRAP, Bootstrap, Estimate, within
from .correlation import within_problem_pearson, within_problem_spearman
from .effects import (
    mean_estimate,
    share_at_threshold,
    share_at_threshold_estimate,
    step_mean,
    step_mean_estimate,
)
from .intervals import Floats
from .steps import as_label, as_values, group_steps

N_THIRDS = 3


def third_means(effect: ArrayLike, third: ArrayLike) -> tuple[float, ...]:
    """Mean effect over the steps of the early, middle and late third, in nats; NaN for a third without steps.

    effect: (steps,) nats, NaN left out. third: (steps,) 0, 1 or 2. Raises ValueError for any other third.
    """
    values, inside = _by_third(effect, third)
    return tuple(step_mean(values[chosen]) for chosen in inside)


def third_mean_estimates(
    effect: ArrayLike,
    problem: ArrayLike,
    third: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Estimate, ...]:
    """`third_means` with their intervals, each over the problems that have a step in that third."""
    values, inside = _by_third(effect, third)
    ids = np.asarray(problem)
    return tuple(
        step_mean_estimate(values[chosen], ids[chosen], bootstrap) for chosen in inside
    )


def third_shares(
    effect: ArrayLike, third: ArrayLike, threshold: float = 1.0
) -> tuple[float, ...]:
    """Share of the steps of each third that are at or over the threshold, in nats; NaN for a third without steps."""
    values, inside = _by_third(effect, third)
    return tuple(share_at_threshold(values[chosen], threshold) for chosen in inside)


def third_share_estimates(
    effect: ArrayLike,
    problem: ArrayLike,
    third: ArrayLike,
    threshold: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Estimate, ...]:
    """`third_shares` with their intervals, each over the problems that have a step in that third."""
    values, inside = _by_third(effect, third)
    ids = np.asarray(problem)
    return tuple(
        share_at_threshold_estimate(values[chosen], ids[chosen], threshold, bootstrap)
        for chosen in inside
    )


def position_correlation(
    effect: ArrayLike, position: ArrayLike, problem: ArrayLike
) -> float:
    """Mean over problems of Pearson's correlation of position and effect inside the problem; NaN without any.

    Problems with fewer than three applicable steps or a constant effect do not count. effect: (steps,) nats.
    position: (steps,), 0 to 1. problem: (steps,) ids.
    """
    return _mean(within_problem_pearson(effect, position, problem))


def position_correlation_estimate(
    effect: ArrayLike,
    position: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`position_correlation` with its interval."""
    correlations = within_problem_pearson(effect, position, problem)
    return correlation_estimate(correlations, effect, problem, bootstrap)


def position_rank_correlation(
    effect: ArrayLike, position: ArrayLike, problem: ArrayLike
) -> float:
    """As `position_correlation`, with Spearman's correlation."""
    return _mean(within_problem_spearman(effect, position, problem))


def position_rank_correlation_estimate(
    effect: ArrayLike,
    position: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`position_rank_correlation` with its interval."""
    correlations = within_problem_spearman(effect, position, problem)
    return correlation_estimate(correlations, effect, problem, bootstrap)


def share_positive_correlation(
    effect: ArrayLike, position: ArrayLike, problem: ArrayLike
) -> float:
    """Share of problems whose Pearson's correlation of position and effect is above zero; NaN without any."""
    return _mean(_positive(within_problem_pearson(effect, position, problem)))


def share_positive_correlation_estimate(
    effect: ArrayLike,
    position: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`share_positive_correlation` with its interval."""
    positive = _positive(within_problem_pearson(effect, position, problem))
    steps = group_steps(effect, problem)
    n_steps = int(np.count_nonzero(~np.isnan(positive[steps.problem])))
    return mean_estimate(
        positive, bootstrap, n_steps=n_steps, n_missing=steps.n_missing, share=True
    )


def correlation_estimate(
    correlations: Floats, effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap
) -> Estimate:
    """Mean of correlations inside problems, with its interval.

    correlations: (problems,), by ascending id, of the problems with an applicable step among effect and problem.
    """
    steps = group_steps(effect, problem)
    n_steps = int(np.count_nonzero(~np.isnan(correlations[steps.problem])))
    found = mean_estimate(
        correlations, bootstrap, n_steps=n_steps, n_missing=steps.n_missing
    )
    return within(found, -1.0, 1.0)


def _by_third(
    effect: ArrayLike, third: ArrayLike
) -> tuple[Floats, list[NDArray[np.bool_]]]:
    values = as_values(effect, "effect")
    thirds = as_label(third, "third", len(values))
    if not np.isin(thirds, range(N_THIRDS)).all():
        raise ValueError("third must hold 0 (early), 1 (middle) or 2 (late) only")
    return values, [thirds == k for k in range(N_THIRDS)]


def _positive(correlations: Floats) -> Floats:
    return np.where(np.isnan(correlations), np.nan, correlations > 0)


def _mean(per_problem: Floats) -> float:
    kept = per_problem[~np.isnan(per_problem)]
    return float(kept.mean()) if len(kept) else float("nan")
