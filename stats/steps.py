"""Steps grouped by problem, in an order that does not depend on the order of the input.

This is the only place that checks input arrays, leaves out steps that are not applicable, and maps steps to problems.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .intervals import Floats

Index = NDArray[np.intp]

# Fourth powers of such values, and sums of them, are still finite.
LARGEST_VALUE = 1e50


@dataclass(frozen=True)
class Steps:
    """Applicable steps, sorted by problem, then by value, then by label.

    value: (steps,). problem: (steps,), from 0 to n_problems - 1, ascending. labels: further arrays of the same length,
    in the same order. ids: (n_problems,), the problem ids of the input. n_missing: steps left out because value is NaN.
    weight: (steps,), how many steps of its chain each stands for; all 1 where no steps were drawn.
    """

    value: Floats
    problem: Index
    labels: tuple[Floats, ...]
    ids: NDArray[np.int64]
    n_missing: int
    weight: Floats

    @property
    def n_problems(self) -> int:
        """Number of problems with at least one applicable step."""
        return len(self.ids)

    def of_problems(self, ids: NDArray[np.int64]) -> Steps:
        """The steps of the given problems, ids ascending and among self.ids; the other steps count as left out."""
        kept = np.isin(self.ids[self.problem], ids)
        return Steps(
            value=self.value[kept],
            problem=np.searchsorted(ids, self.ids[self.problem[kept]]),
            labels=tuple(label[kept] for label in self.labels),
            ids=ids,
            n_missing=self.n_missing + int(np.count_nonzero(~kept)),
            weight=self.weight[kept],
        )

    @property
    def weighted(self) -> bool:
        """Whether some steps stand for more than themselves."""
        return bool((self.weight != 1).any())

    @property
    def counts(self) -> Floats:
        """Steps of each problem: (n_problems,)."""
        return np.bincount(self.problem, minlength=self.n_problems).astype(np.float64)

    def sums(self, column: ArrayLike) -> Floats:
        """Weighted sum of a (steps,) column in each problem: (n_problems,).

        Where steps were drawn it estimates the sum over all steps without bias: Horvitz and Thompson (1952), J. Am. Stat.
        Assoc. 47, 663-685.
        """
        weights = np.asarray(column, float) * self.weight
        return np.bincount(
            self.problem, weights=weights, minlength=self.n_problems
        ).astype(np.float64)

    def means(self, column: ArrayLike, where: ArrayLike) -> Floats:
        """Weighted mean of a (steps,) column over the steps where `where` holds, in each problem; NaN where there is none.

        The weights' sum is in the denominator: Hajek (1971), in Foundations of Statistical Inference, 236.
        """
        chosen = np.asarray(where, float)
        with np.errstate(invalid="ignore"):
            means: Floats = self.sums(np.asarray(column, float) * chosen) / self.sums(
                chosen
            )
        return means


def group_steps(
    value: ArrayLike,
    problem: ArrayLike,
    weight: ArrayLike | None = None,
    **labels: ArrayLike,
) -> Steps:
    """Check, filter and sort per-step arrays.

    value: (steps,) floats, NaN where not applicable. problem: (steps,) whole numbers. weight: (steps,), over 0; 1 for each
    unless given. labels: (steps,) numbers or booleans, by name; the names serve the messages.

    Raises ValueError where an array is not one-dimensional, lengths differ, a value is infinite, a problem id is no
    whole number, a label is NaN or infinite, or a weight is not over 0.
    """
    values = as_values(value, "effect")
    ids = np.asarray(problem)
    if ids.shape != values.shape:
        raise ValueError(
            f"problem must have one id a step: {values.shape} effects, {ids.shape} ids"
        )
    if ids.size and not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"problem ids must be whole numbers, not {ids.dtype}")
    columns = [as_label(label, name, len(values)) for name, label in labels.items()]
    weights = np.ones(len(values))
    if weight is not None:
        weights = as_label(weight, "weight", len(values))
        if not (weights > 0).all():
            raise ValueError("a weight is not over 0")
    kept = ~np.isnan(values)
    order = np.lexsort(
        [
            weights[kept],
            *(column[kept] for column in reversed(columns)),
            values[kept],
            ids[kept],
        ]
    )
    unique, index = np.unique(ids[kept][order].astype(np.int64), return_inverse=True)
    return Steps(
        value=values[kept][order],
        problem=index,
        labels=tuple(column[kept][order] for column in columns),
        ids=unique,
        n_missing=int(np.count_nonzero(~kept)),
        weight=weights[kept][order],
    )


def as_values(value: ArrayLike, name: str) -> Floats:
    """A (steps,) float array; ValueError where it is not one-dimensional or an entry is infinite or beyond 1e50."""
    # Adding zero turns -0.0 into 0.0, which sort as equal and print as different.
    values = np.asarray(value, dtype=np.float64) + 0.0
    if values.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {values.shape}")
    too_large = np.flatnonzero(np.abs(values) > LARGEST_VALUE)
    if len(too_large):
        raise ValueError(
            f"{name} is infinite or beyond {LARGEST_VALUE:g} at index {too_large[0]}: "
            "leave such entries out (NaN) or give a smaller number"
        )
    return values


def as_label(label: ArrayLike, name: str, length: int) -> Floats:
    """A (steps,) label as floats; ValueError where its length differs or an entry is NaN or infinite."""
    column = np.asarray(label, dtype=np.float64)
    if column.shape != (length,):
        raise ValueError(
            f"{name} must have one entry a step: {length} steps, shape {column.shape}"
        )
    if not np.isfinite(column).all():
        raise ValueError(f"{name} has an entry that is no finite number")
    return column


def ranks_within(value: Floats, problem: Index, weight: Floats) -> Floats:
    """The weight of the smaller values of its problem, and half that of the equal ones, itself among them: (steps,).

    value: (steps,) finite. With weights of 1 it is the usual rank, ties averaged, less a half.
    """
    order = np.lexsort([value, problem])
    new_problem = np.diff(problem[order], prepend=-1) != 0
    new_value = new_problem | (np.diff(value[order], prepend=np.nan) != 0)
    tie = np.cumsum(new_value) - 1
    weights = np.bincount(tie, weights=weight[order])
    below = np.cumsum(weights) - weights
    first_tie = tie[np.flatnonzero(new_problem)][problem[order]]
    ranks = np.empty(len(value))
    ranks[order] = (below + weights / 2)[tie] - below[first_tie]
    return ranks
