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
    """

    value: Floats
    problem: Index
    labels: tuple[Floats, ...]
    ids: NDArray[np.int64]
    n_missing: int

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
        )

    def sums(self, column: ArrayLike) -> Floats:
        """Sum of a (steps,) column in each problem: (n_problems,)."""
        return np.bincount(
            self.problem, weights=np.asarray(column, float), minlength=self.n_problems
        ).astype(np.float64)

    def means(self, column: ArrayLike, where: ArrayLike) -> Floats:
        """Mean of a (steps,) column over the steps where `where` holds, in each problem; NaN where there is none."""
        chosen = np.asarray(where, float)
        with np.errstate(invalid="ignore"):
            means: Floats = self.sums(np.asarray(column, float) * chosen) / self.sums(
                chosen
            )
        return means


def group_steps(value: ArrayLike, problem: ArrayLike, **labels: ArrayLike) -> Steps:
    """Check, filter and sort per-step arrays.

    value: (steps,) floats, NaN where not applicable. problem: (steps,) whole numbers. labels: (steps,) numbers or
    booleans, by name; the names serve the messages.

    Raises ValueError where an array is not one-dimensional, lengths differ, a value is infinite, a problem id is no
    whole number, or a label is NaN or infinite.
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
    kept = ~np.isnan(values)
    order = np.lexsort(
        [*(column[kept] for column in reversed(columns)), values[kept], ids[kept]]
    )
    unique, index = np.unique(ids[kept][order].astype(np.int64), return_inverse=True)
    return Steps(
        value=values[kept][order],
        problem=index,
        labels=tuple(column[kept][order] for column in columns),
        ids=unique,
        n_missing=int(np.count_nonzero(~kept)),
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


def ranks_within(value: Floats, problem: Index) -> Floats:
    """Rank of each finite value within its problem, from 1, ties averaged: (steps,)."""
    order = np.lexsort([value, problem])
    new_problem = np.diff(problem[order], prepend=-1) != 0
    new_value = new_problem | (np.diff(value[order], prepend=np.nan) != 0)
    start = np.flatnonzero(new_value)
    length = np.diff(start, append=len(value))
    middle = np.repeat(start + (length - 1) / 2, length)
    first = np.flatnonzero(new_problem)
    before = np.repeat(first, np.diff(first, append=len(value)))
    ranks = np.empty(len(value))
    ranks[order] = middle - before + 1
    return ranks
