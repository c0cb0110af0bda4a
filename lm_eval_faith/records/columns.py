"""Columns of a table as arrays by name: what metrics read, in the harness and in reports.

Not a frame, for the harness asks document by document: a pandas frame a document costs
hundreds of times as much.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Columns:
    """Arrays of one length by name; ``c.effect`` is ``c["effect"]``.

    Attributes:
        arrays: numbers as float64 or int64, truth values as bool, texts as text.
    """

    arrays: Mapping[str, Array]

    def __getattr__(self, name: str) -> Array:
        try:
            return self.arrays[name]
        except KeyError:
            raise AttributeError(f"no column {name!r}") from None

    def __getitem__(self, chosen: str | Array) -> Any:
        """A column by its name, or some of the rows by a mask or their places."""
        if isinstance(chosen, str):
            return self.arrays[chosen]
        return Columns(_Rows(self.arrays, chosen))

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values()), ()))

    def __reduce__(self) -> tuple[Any, ...]:
        return Columns, (dict(self.arrays),)

    def but(self, **changed: Array) -> Columns:
        """The same rows with some columns changed or added."""
        return Columns(ChainMap(changed, self.arrays))  # type: ignore[arg-type]


class _Rows(Mapping[str, Array]):
    """Some rows of arrays, taken of an array when it is first read: a metric reads a few of many."""

    def __init__(self, arrays: Mapping[str, Array], rows: Array) -> None:
        self._arrays, self._rows = arrays, rows
        self._read: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._read:
            self._read[name] = self._arrays[name][self._rows]
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def joined(parts: Sequence[Columns]) -> Columns:
    """The rows of several tables with the same columns, one below the other.

    Raises:
        ValueError: there is none.
    """
    if not parts:
        raise ValueError("no columns to join")
    names = parts[0].arrays
    return Columns({n: np.concatenate([part[n] for part in parts]) for n in names})
