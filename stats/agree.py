"""Do interventions agree? Rank correlation of their step effects inside each problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from .bootstrap import BOOTSTRAP, Bootstrap, Estimate
from .estimators import SPEARMAN, Sample
from .steps import as_values


@dataclass(frozen=True)
class Agreement:
    """How far two interventions agree.

    first, second: their names. estimate: the mean over problems of the rank correlation of their step effects.
    """

    first: str
    second: str
    estimate: Estimate


def rank_agreement_estimate(
    effect: ArrayLike,
    other: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """Mean over problems of Spearman's correlation, inside the problem, of two interventions' effects on its steps.

    effect, other: (steps,) nats; a step counts where both are applicable (not NaN). problem: (steps,) ids. Problems
    with fewer than three such steps, or where either effect is constant, do not count. Raises ValueError for infinite
    effects and unequal lengths.

    >>> round(rank_agreement_estimate([1.0, 2.0, 3.0], [2.0, 9.0, 5.0], [0, 0, 0]).point, 9)
    0.5
    """
    first, second = as_values(effect, "effect"), as_values(other, "other")
    if first.shape != second.shape:
        raise ValueError(
            f"both interventions must have one effect a step: {first.shape}, {second.shape}"
        )
    both = np.where(np.isnan(second), np.nan, first)
    sample = Sample(both, np.asarray(problem), np.nan_to_num(second))
    return SPEARMAN.estimate(sample, bootstrap)


def agreements(
    effects: Mapping[str, ArrayLike],
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Agreement, ...]:
    """`rank_agreement_estimate` of each pair of interventions, in the order of the mapping.

    effects: intervention name to its (steps,) effects, in nats, NaN where not applicable; problem: (steps,) ids.

    >>> effects = {"corrupt": [1.0, 2.0, 3.0], "delete": [2.0, 9.0, 5.0]}
    >>> [(a.first, a.second, round(a.estimate.point, 9)) for a in agreements(effects, [0, 0, 0])]
    [('corrupt', 'delete', 0.5)]
    """
    return tuple(
        Agreement(
            first,
            second,
            rank_agreement_estimate(
                effects[first], effects[second], problem, bootstrap
            ),
        )
        for first, second in combinations(effects, 2)
    )
