"""Cutting a forest into packs that fit a budget, and packs into blocks of attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from .tree import Forest, Ints

# The cost of a block of attention in units of one query-key pair, estimated (docs/scoring.md): a key has to
# be gathered and repeated for the query heads before it is used, and a call has a fixed price.
PAIRS_PER_KEY = 32
PAIRS_PER_CALL = 1000
LONGEST_RUN = 256


@dataclass(frozen=True)
class Block:
    """Queries that attend together: a contiguous piece of a pack, and the keys that any of them may see."""

    start: int
    """First query, counted in the pack."""
    stop: int
    """One past the last query."""
    keys: Ints
    """Keys, counted in the pack's kept tokens followed by its own, shape [keys]."""


@dataclass(frozen=True)
class Pack:
    """A contiguous piece of a forest that goes through the model in one pass."""

    start: int
    """First token, counted in the forest."""
    stop: int
    """One past the last token."""
    kept: Ints
    """Tokens before it whose keys and values it needs: the ancestors of its first token, shape [kept]."""
    blocks: tuple[Block, ...]
    beside: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Tokens of a tree of their own that stand behind the piece in the pass, shape [beside]."""

    @property
    def own(self) -> Ints:
        """The tokens of the pass, counted in the forest, shape [queries]."""
        return np.append(np.arange(self.start, self.stop), self.beside)


def cuts(forest: Forest, max_tokens: int, max_rows: int) -> list[tuple[int, int]]:
    """Where `pack` cuts: the first token of each pack, and one past its last."""
    rows = np.unique(forest.rows)
    found, start = [], 0
    while start < len(forest):
        stop = min(start + max_tokens, len(forest))
        row_limit = int(np.searchsorted(rows, start)) + max_rows
        if row_limit < len(rows):
            stop = min(stop, int(rows[row_limit]))
        found.append((start, stop))
        start = stop
    return found


def pack(forest: Forest, max_tokens: int, max_rows: int) -> Iterator[Pack]:
    """Cut a forest into packs of at most `max_tokens` tokens, of which at most `max_rows` are scored.

    All packs but the last are full: a cut may fall anywhere, since the keys and values of the text before it are kept.
    """
    for start, stop in cuts(forest, max_tokens, max_rows):
        yield Pack(
            start, stop, forest.ancestors(start), tuple(_blocks(forest, start, stop))
        )


def with_beside(this: Pack, tokens: Ints) -> Pack:
    """The pack with a tree of its own behind it, of which it sees nothing and which sees nothing of it."""
    first, kept = this.stop - this.start, len(this.kept)
    keys = np.arange(kept + first, kept + first + len(tokens))
    return replace(
        this,
        blocks=(*this.blocks, Block(first, first + len(tokens), keys)),
        beside=tokens,
    )


def _blocks(forest: Forest, start: int, stop: int) -> Iterator[Block]:
    """Cut a pack into blocks, joining neighbours for as long as that makes the attention cheaper."""

    def cost(first: int, last: int) -> int:
        queries, keys = last - first, int(forest.depths[first]) + last - first
        return PAIRS_PER_CALL + keys * (PAIRS_PER_KEY + queries)

    def block(first: int, last: int) -> Block:
        before = forest.ancestors(first)
        # An ancestor outside the pack is one of the kept tokens, and stands there at its depth.
        outside = np.arange(np.count_nonzero(before < start))
        inside = np.concatenate([before[before >= start], np.arange(first, last)])
        return Block(
            first - start,
            last - start,
            np.concatenate([outside, inside - start + kept]),
        )

    kept = int(forest.depths[start])
    first, middle = start, start
    for last in [*_run_ends(forest, start, stop)]:
        if middle > first and cost(first, last) > cost(first, middle) + cost(
            middle, last
        ):
            yield block(first, middle)
            first = middle
        middle = last
    yield block(first, middle)


def _run_ends(forest: Forest, start: int, stop: int) -> Iterator[int]:
    """Ends of the runs of a pack: pieces of one text of at most `LONGEST_RUN` tokens."""
    begin = start
    for index in range(start + 1, stop):
        if forest.parents[index] != index - 1 or index - begin == LONGEST_RUN:
            yield index
            begin = index
    yield stop
