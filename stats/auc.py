"""AUC: how well effects tell load-bearing steps from decoys.

The AUC of the pooled steps is the share of (load-bearing, decoy) pairs in which the load-bearing step has the larger
effect, ties half: the statistic of Mann and Whitney (1947), Ann. Math. Stat. 18, 50-60. Pairs are counted once, cluster
by cluster, in a matrix; with problem weights w the AUC is w' wins w / (w' positives)(w' negatives).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bootstrap import (
    FOR_ANY,
    Method,
    Share,
    error_of_influence,
    on_exact_grid,
)
from .intervals import Floats, Interval
from .steps import Steps, as_label, as_values, ranks_within

AUC_METHOD: Method = "wilson"

_BLOCK_PROBLEMS = 64
_FLOAT32_EXACT = 1 << 24


def _auc(values: Floats, labels: NDArray[np.bool_]) -> float:
    positive, negative = values[labels], np.sort(values[~labels])
    if not len(positive) or not len(negative):
        return float("nan")
    doubled = np.searchsorted(negative, positive, "left") + np.searchsorted(
        negative, positive, "right"
    )
    return float(doubled.sum() / (2 * len(positive) * len(negative)))


def roc_curve(
    effect: ArrayLike, load_bearing: ArrayLike, weight: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Shares of decoys and of load-bearing steps at or over each threshold, from (0, 0) to (1, 1).

    effect: (steps,) nats, NaN left out. load_bearing: (steps,) booleans. weight: (steps,), 1 unless given. The area under it, by straight lines, is the AUC
    with ties counted half: Fawcett (2006), Pattern Recognit. Lett. 27, 861-874, algorithm 1. Points on a straight line
    between others are left out. Both arrays are empty where a kind of step is missing.

    >>> decoys, found = roc_curve([3.0, 2.0, 1.0, 0.0], [True, False, True, False])
    >>> decoys.tolist(), found.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    values = as_values(effect, "effect")
    labels = as_label(load_bearing, "load_bearing", len(values)) != 0
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, float)
    there = ~np.isnan(values)
    values, labels, weights = values[there], labels[there], weights[there]
    if not labels.any() or labels.all():
        return np.empty(0), np.empty(0)
    order = np.argsort(-values, kind="stable")
    last_of_ties = np.append(np.diff(values[order]) != 0, True)
    x = np.append(0, np.cumsum((weights * ~labels)[order])[last_of_ties])
    y = np.append(0, np.cumsum((weights * labels)[order])[last_of_ties])
    turn = np.diff(x)[:-1] * np.diff(y)[1:] != np.diff(x)[1:] * np.diff(y)[:-1]
    kept = np.concatenate([[True], turn, [True]])
    return x[kept] / x[-1], y[kept] / y[-1]


def problem_aucs(steps: Steps) -> Floats:
    """AUC inside each problem of grouped steps whose first label is 1 for load-bearing steps, else 0; NaN without both."""
    positive = steps.labels[0] != 0
    pairs = steps.sums(positive) * steps.sums(~positive)
    # Mann and Whitney's count of wins, from the rank sum of the load-bearing steps.
    ranks = ranks_within(steps.value, steps.problem, steps.weight)
    wins = steps.sums(ranks * positive) - steps.sums(positive) ** 2 / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        aucs: Floats = np.where(pairs > 0, wins / pairs, np.nan)
    return aucs


@dataclass(frozen=True)
class PooledAuc:
    """The AUC of the pooled steps of weighted problems.

    steps: grouped steps. positive: (steps,), True for load-bearing steps. Pairs are counted when they are first asked for.
    """

    steps: Steps
    positive: NDArray[np.bool_]
    share: bool = True
    methods: ClassVar[tuple[Method, ...]] = (*FOR_ANY, "wilson")

    @property
    def strata(self) -> tuple[int]:
        """All problems are resampled together."""
        return (self.steps.n_problems,)

    @cached_property
    def positives(self) -> Floats:
        """Load-bearing steps of each problem, weighted: (problems,)."""
        return self.steps.sums(self.positive)

    @cached_property
    def negatives(self) -> Floats:
        """Decoys of each problem, weighted: (problems,)."""
        return self.steps.sums(~self.positive)

    @cached_property
    def doubled_wins(self) -> NDArray[np.floating[Any]]:
        """Twice the pairs that a load-bearing step of problem k wins against a decoy of l, at [k, l]: (problems, problems).

        A tie counts one, so these are whole numbers where steps were not drawn. Where they were, a pair counts the product
        of the weights.
        """
        return _doubled_wins(self.steps, self.positive)

    def value_at_sample(self) -> float:
        """The AUC of the sample itself."""
        if self.steps.weighted:
            return float(self.value(np.ones((1, self.steps.n_problems)))[0])
        return _auc(self.steps.value, self.positive)

    @property
    def failing(self) -> float:
        """Between one step and all steps of a problem: the root of their ratio."""
        steps_of_one = len(self.steps.value) / max(self.steps.n_problems, 1)
        return float(steps_of_one**-0.5)

    def limits(self, confidence_level: float) -> Interval:
        """Wilson's interval."""
        return Share.of(self).limits(confidence_level)

    def value(self, weights: Floats) -> Floats:
        """The AUC at each row of weights; NaN where a kind of step has no weight."""
        lost = weights.astype(self.doubled_wins.dtype) @ self.doubled_wins
        return self._auc(np.einsum("ij,ij->i", lost, weights), weights)

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """The AUC and its standard error over problems at each row of weights."""
        aucs, influence = self.value_and_influence(weights)
        return aucs, error_of_influence(influence, weights)

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The AUC, (rows,), and what one more drawing of a problem adds to it, (rows, problems), at each row."""
        exact = weights.astype(self.doubled_wins.dtype)
        won = np.asarray(exact @ self.doubled_wins.T, dtype=np.float64)
        lost = np.asarray(exact @ self.doubled_wins, dtype=np.float64)
        aucs = self._auc(np.einsum("ij,ij->i", lost, weights), weights)
        positives, negatives = weights @ self.positives, weights @ self.negatives
        # Pairs that a problem adds, with its load-bearing steps and with its decoys.
        pairs = np.outer(negatives, self.positives) + np.outer(
            positives, self.negatives
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            excess = (won + lost) / 2 - aucs[:, np.newaxis] * pairs
            return aucs, excess / (positives * negatives)[:, np.newaxis]

    def _auc(self, doubled: Floats, weights: Floats) -> Floats:
        pairs = (weights @ self.positives) * (weights @ self.negatives)
        with np.errstate(invalid="ignore", divide="ignore"):
            aucs: Floats = np.where(pairs > 0, doubled / (2 * pairs), np.nan)
        return aucs


def steps_auc(steps: Steps) -> PooledAuc:
    """The AUC of grouped steps whose first label is 1 for load-bearing steps, else 0."""
    return PooledAuc(steps, steps.labels[0] != 0)


def _doubled_wins(
    steps: Steps, positive: NDArray[np.bool_]
) -> NDArray[np.floating[Any]]:
    """The pairwise wins of grouped steps.

    Time and memory grow with problems * steps and problems squared; no pair of steps is looked at by itself.
    """
    positives, negatives = steps.sums(positive), steps.sums(~positive)
    n = steps.n_problems
    # Whole numbers below 2**24 are exact in single precision, which halves the time of the bootstrap.
    largest_sum = 2 * positives.max(initial=0) * negatives.max(initial=0) * n
    whole = largest_sum < _FLOAT32_EXACT and not steps.weighted
    wins = np.zeros((n, n), dtype=np.float32 if whole else np.float64)
    value, first = (
        steps.value[positive],
        np.searchsorted(steps.problem[positive], np.arange(n)),
    )
    weight = steps.weight[positive][:, np.newaxis]
    counted_in = np.float64 if steps.weighted else np.int32
    has_positive = positives > 0
    for start in range(0, n, _BLOCK_PROBLEMS):
        stop = min(start + _BLOCK_PROBLEMS, n)
        decoy = ~positive & (steps.problem >= start) & (steps.problem < stop)
        order = np.argsort(steps.value[decoy], kind="stable")
        decoys, owner = steps.value[decoy][order], steps.problem[decoy][order] - start
        # Row r: how many of the r smallest decoys of this block each problem owns, weighted.
        owned = np.zeros((len(decoys) + 1, stop - start), dtype=counted_in)
        owned[np.arange(1, len(decoys) + 1), owner] = steps.weight[decoy][order]
        owned = owned.cumsum(axis=0, dtype=counted_in)
        beaten = (
            owned[np.searchsorted(decoys, value, "left")]
            + owned[np.searchsorted(decoys, value, "right")]
        )
        if steps.weighted:
            beaten = beaten * weight
        if len(value):
            wins[has_positive, start:stop] = np.add.reduceat(
                beaten, first[has_positive], axis=0
            )
    return on_exact_grid(wins.reshape(-1, 1)).reshape(n, n) if steps.weighted else wins
