"""Random choices that are the same on every machine and Python version.

``random.Random`` keeps its bit stream across versions but not the methods built
on it, and ``hash`` differs between processes. Here a SHA-256 stream is the source,
keyed by what the choice is for, so that no choice depends on another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of random choices made from a key.

    Args:
        key: what the choices are for, for example a seed, a document's id, a step
            and an intervention. Equal keys give equal choices, different keys
            independent ones.

    >>> Draw(0, "problem", 17).between(1, 6) == Draw(0, "problem", 17).between(1, 6)
    True
    """

    def __init__(self, *key: object) -> None:
        self._key = "\x1f".join(f"{type(k).__name__}:{k}" for k in key).encode()
        self._blocks = 0

    def below(self, n: int) -> int:
        """An integer from 0 to n - 1, each as likely as the others (to 2**-190)."""
        if n < 1:
            raise ValueError(f"there is no integer from 0 to {n - 1}")
        block = self._key + b"\x1f" + str(self._blocks).encode()
        self._blocks += 1
        return int.from_bytes(hashlib.sha256(block).digest(), "big") % n

    def between(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + self.below(high - low + 1)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def sample(self, options: Sequence[T], k: int) -> list[T]:
        """k different options in random order (k at most ``len(options)``)."""
        pool = list(options)
        return [pool.pop(self.below(len(pool))) for _ in range(k)]
