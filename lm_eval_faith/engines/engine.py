"""What the harness and the engines know of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class TokenAsk:
    """A continuation to score, in token ids."""

    context: Sequence[int]
    continuation: Sequence[int]


@dataclass(frozen=True)
class Scored:
    """The answer to one ask."""

    index: int
    """Which ask, counted in the list given."""
    logprob: float
    """Sum of the log-probabilities of the continuation's tokens, in nats."""
    is_greedy: bool
    """Whether each of them was the most probable token."""


Progress = Callable[[int, int], None]
"""Is told, after each pass, how many distinct tokens are read, and how many there are in all."""


class Engine(Protocol):
    """A way of scoring that is faster than the backend's own, or can do more.

    The module of an engine also has `why_not(backend)`: None, or one sentence that says why the engine cannot be used.
    """

    @property
    def can(self) -> frozenset[str]:
        """What it can do beyond plain scoring."""

    def score(
        self, asks: Sequence[TokenAsk], progress: Progress | None = None
    ) -> Iterator[Scored]:
        """Answers as soon as they are known, in any order."""
