"""The prefix forest of a set of requests: every distinct token once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Pair = tuple[Sequence[int], Sequence[int]]
"""Token ids of a context and of its continuation, as the harness's `hf` backend is given them."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Forest:
    """The distinct prefixes of some requests, one token each, in preorder: a token comes before all that continue it.

    The ancestors of a token are the text before it. A contiguous slice of the forest needs, besides itself, only the
    ancestors of its first token: an ancestor of a later token lies in the slice or is an ancestor of the first one.
    """

    tokens: Ints
    """Token ids, shape [tokens]."""
    parents: Ints
    """Index of the token before, -1 at the start of a text, shape [tokens]."""
    depths: Ints
    """Position of the token in its text, from 0, shape [tokens]."""
    ends: Ints
    """One past the last token that continues this one; `i` is `j` or an ancestor of it where `i <= j < ends[i]`."""
    rows: Ints
    """Tokens whose prediction is scored, ascending, shape [scored]; one entry for each scored token of a request."""
    targets: Ints
    """The token id that is scored there, shape [scored]."""
    owners: Ints
    """Index of the request that it belongs to, shape [scored]."""

    def __len__(self) -> int:
        return len(self.tokens)

    def ancestors(self, index: int) -> Ints:
        """Indices of the tokens before token `index` in its text, first to last, shape [depth]."""
        path = []
        node = int(self.parents[index])
        while node >= 0:
            path.append(node)
            node = int(self.parents[node])
        return np.array(path[::-1], dtype=np.int64)


def truncate(pair: Pair, max_length: int) -> tuple[int, ...]:
    """The tokens that a causal model reads to score a pair, by the rule of the harness's `hf` backend.

    The last token is only predicted, so it is not read; what is longer than the model takes loses its start.
    """
    context, continuation = pair
    return (*context, *continuation)[-(max_length + 1) :][:-1]


def check(pairs: Sequence[Pair], max_length: int) -> None:
    """Raise ValueError, naming the request, for a pair that cannot be scored."""
    for index, (context, continuation) in enumerate(pairs):
        if not context:
            raise ValueError(
                f"request {index}: the context has no token; begin it with the model's prefix token"
            )
        if not continuation:
            raise ValueError(
                f"request {index}: the continuation has no token, so there is nothing to score"
            )
        if len(continuation) > max_length:
            raise ValueError(
                f"request {index}: the continuation has {len(continuation)} tokens, the model takes {max_length}"
            )


def build(pairs: Sequence[Pair], max_length: int) -> Forest:
    """Merge requests into a forest.

    Sorted requests are in preorder already: each adds what it does not share with the one before it. Here the longest
    comes first, then those that share most with it, so that the first passes go as far as any (`proof.py`).

    Args:
        pairs: the requests, already checked.
        max_length: the most tokens that the model reads.
    """
    inputs = [truncate(pair, max_length) for pair in pairs]
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    ends: list[int] = []
    path: list[int] = []  # the forest's indices of the last request's tokens
    scored: list[tuple[int, int, int]] = []
    last: tuple[int, ...] = ()
    longest = max(inputs, key=len, default=())
    # Texts that leave the longest at one place stand together, so this is in preorder too.
    for owner in sorted(
        range(len(inputs)),
        key=lambda index: (-common_prefix(longest, inputs[index]), inputs[index]),
    ):
        text = inputs[owner]
        shared = common_prefix(last, text)
        for index in path[shared:]:
            ends[index] = len(tokens)
        del path[shared:]
        for depth in range(shared, len(text)):
            parents.append(path[-1] if path else -1)
            path.append(len(tokens))
            tokens.append(text[depth])
            depths.append(depth)
            ends.append(0)
        continuation = pairs[owner][1]
        scored += zip(
            path[-len(continuation) :],
            continuation,
            [owner] * len(continuation),
            strict=True,
        )
        last = text
    for index in path:
        ends[index] = len(tokens)
    scored.sort()
    rows, targets, owners = np.array(scored, dtype=np.int64).reshape(-1, 3).T
    return Forest(
        tokens=np.array(tokens, dtype=np.int64),
        parents=np.array(parents, dtype=np.int64),
        depths=np.array(depths, dtype=np.int64),
        ends=np.array(ends, dtype=np.int64),
        rows=rows,
        targets=targets,
        owners=owners,
    )


def with_text(forest: Forest, text: Ints) -> Forest:
    """The forest with one more tree behind its last token: a text of its own, also where it begins as others do."""
    own = np.arange(len(text), dtype=np.int64)
    size = len(forest)
    return replace(
        forest,
        tokens=np.append(forest.tokens, text),
        parents=np.append(forest.parents, np.where(own > 0, own - 1 + size, -1)),
        depths=np.append(forest.depths, own),
        ends=np.append(forest.ends, np.full(len(text), size + len(text))),
    )


def distinct_tokens(texts: Sequence[tuple[int, ...]]) -> int:
    """How many tokens the forest of some texts has: what is read where beginnings are read once.

    >>> distinct_tokens([(1, 2, 3), (1, 2, 4), (5,), (1, 2)])
    5
    """
    total = 0
    last: tuple[int, ...] = ()
    for text in sorted(texts):
        total += len(text) - common_prefix(last, text)
        last = text
    return total


def common_prefix(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Number of tokens with which both begin."""
    for index, (left, right) in enumerate(zip(one, other)):
        if left != right:
            return index
    return min(len(one), len(other))
