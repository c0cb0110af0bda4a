"""The proof, before a run, that a model scores the same over a forest as by the harness's own call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from .engine import Scored
from .packing import pack
from .shared_prefix import DEFAULT_MAX_PACKED_TOKENS, rows_of_pass, score
from .transformers_compat import cache_argument, causal_lm, exact_length, supports
from .tree import Ints, Pair, build, common_prefix, truncate

Call = Callable[[torch.Tensor], torch.Tensor]
"""Token ids, shape [1, tokens], to logits, shape [1, tokens, vocabulary]; or more, of which the last ones count."""

PASSES = 2
"""The proof reads requests that fill so many passes: the first begins without a text before it, the second does not."""
TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4}
HALF_PRECISION_TOLERANCE = 0.02
TOLERATED_PER_NAT = 1e-6
"""Single precision resolves a sum of log-probabilities no better than in proportion to its size."""


@dataclass(frozen=True)
class Reach:
    """How far requests lead a model: over a forest, a token's index in a pass is at most the sum of both."""

    longest: int = 0
    """Tokens of the longest text."""
    beside: int = 0
    """Tokens that a pass holds beside a text: how far a token stands from its place in the text."""

    def covers(self, other: Reach) -> bool:
        """Whether the other goes no further, in either way."""
        return self.longest >= other.longest and self.beside >= other.beside


NOTHING = Reach()


@dataclass(frozen=True)
class Proof:
    """What the proof found."""

    reason: str | None
    """None where the answers agree, or one sentence that says what differs."""
    answers: Mapping[int, Scored] = field(default_factory=dict)
    """Answers to some of the requests, by index, which need not be computed again; only where it succeeded."""
    reach: Reach = NOTHING
    """How far the passes went. Requests that go no further are proven too."""


def prove(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    *,
    max_length: int,
    max_packed_tokens: int = DEFAULT_MAX_PACKED_TOKENS,
    softmax_dtype: torch.dtype | None = None,
    call: Call | None = None,
    proven: Sequence[Reach] = (),
) -> Proof:
    """Score the longest request and its neighbours over a forest, and a few of them by the harness's own call too.

    The passes are as long as those of the run, so a model whose tokens depend on their index in the pass is noticed.
    Compared are the request that stands furthest back in a pass, the one furthest from where it stands in its text,
    and the shortest in the last pass and before others in their pass. Where no request branches off another, a twin is put beside the longest: the same
    continuation after a context whose second half is turned round. Log-probabilities are compared in single precision
    at least: half precision rounds them to more than the tolerance. In half precision the model itself gives other
    numbers when it reads a text in two passes through its own cache, and a difference no larger than twice that one
    is tolerated too.

    Args:
        model, max_length, max_packed_tokens, softmax_dtype: as for `score`.
        pairs: requests as for `score`, at least one.
        call: the harness's own way from a text to logits, with all that stands between it and the model; the model's
            forward unless given.
        proven: the reaches of earlier proofs; where these requests go no further than one of them, nothing is run.
    """
    reason = supports(model)
    if reason is not None:
        return Proof(reason)
    inner = causal_lm(model)
    call = call or (lambda text: inner(text).logits)
    exact = torch.float64 if softmax_dtype == torch.float64 else torch.float32
    dtype = softmax_dtype if model.dtype in TOLERANCE else exact
    members, reach = _neighbours(
        pairs, max_length, PASSES * max_packed_tokens, exact_length(inner)
    )
    if any(before.covers(reach) for before in proven):
        return Proof(None, reach=reach)
    tried = [pairs[index] for index in members]
    places = _places(tried, max_length, max_packed_tokens)
    if not places.shifts.any():
        tried.append(_twin(tried[0], max_length))
        places = _places(tried, max_length, max_packed_tokens)
    try:
        answers = {
            scored.index: scored
            for scored in score(
                model,
                tried,
                max_length=max_length,
                max_packed_tokens=max_packed_tokens,
                softmax_dtype=dtype,
            )
        }
    # Whatever a model's own code raises, it can still be scored plainly.
    except Exception as error:  # noqa: BLE001
        return Proof(
            f"{inner.config.model_type} cannot be scored over shared prefixes: {type(error).__name__}: {error}"
        )
    compared = {index: tried[index] for index in places.telling()}
    plain = {
        index: _plain(call, pair, max_length, exact, model.device)
        for index, pair in compared.items()
    }
    for index, expected in plain.items():
        found = answers[index].logprob
        difference = abs(found - expected)
        tolerance = TOLERANCE.get(
            model.dtype, HALF_PRECISION_TOLERANCE
        ) + TOLERATED_PER_NAT * abs(expected)
        if difference > tolerance and model.dtype not in TOLERANCE:
            tolerance = max(
                tolerance,
                2 * _own_difference(inner, list(compared.values()), max_length, exact),
            )
        if not difference <= tolerance:
            return Proof(
                f"{inner.config.model_type} gives {found:.5f} over shared prefixes but {expected:.5f} plainly, "
                f"a difference of {difference:.2g} where {tolerance:.2g} is tolerated"
            )
    usable = {} if dtype != softmax_dtype else answers
    return Proof(
        None,
        {
            member: Scored(member, usable[index].logprob, usable[index].is_greedy)
            for index, member in enumerate(members)
            if index in usable
        },
        reach,
    )


def _neighbours(
    pairs: Sequence[Pair], max_length: int, tokens: int, limit: int | None
) -> tuple[list[int], Reach]:
    """The longest request that shares, and those beside it in the forest, until these add so many distinct tokens.

    Returns:
        Their indices, and how far they reach.
    """
    texts = [truncate(pair, max_length) for pair in pairs]
    sharing = [i for i, text in enumerate(texts) if limit is None or len(text) <= limit]
    order = sorted(sharing or range(1), key=texts.__getitem__)
    first = max(range(len(order)), key=lambda place: len(texts[order[place]]))
    longest, total = len(texts[order[first]]), 0
    last = first
    while total < tokens and last + 1 < len(order):
        last += 1
        total += _new(texts[order[last - 1]], texts[order[last]])
    while total < tokens and first > 0:
        first -= 1
        total += _new(texts[order[first + 1]], texts[order[first]])
    return order[first : last + 1], Reach(longest, min(total, tokens))


def _new(beside: tuple[int, ...], text: tuple[int, ...]) -> int:
    return len(text) - common_prefix(beside, text)


@dataclass(frozen=True)
class _Places:
    """Where the last scored token of each request stands, shapes [requests]."""

    lengths: Ints
    """Tokens of its text."""
    indices: Ints
    """Its index in the pass, the tokens before the pass counted."""
    shifts: Ints
    """How far that is from its place in the text."""
    passes: Ints
    """In which pass."""

    def telling(self) -> list[int]:
        """The request that stands furthest back in a pass and the one furthest from its place; the shortest in the
        last pass, and of those that others follow in their pass: what is done to its last token is not done to them.
        """
        ends = np.array([self.indices[self.passes == p].max() for p in self.passes])
        kinds = (
            self.indices == self.indices.max(),
            self.shifts == self.shifts.max(),
            self.passes == self.passes.max(),
            self.indices < ends,
        )
        shortest = [
            int(np.flatnonzero(kind)[self.lengths[kind].argmin()])
            for kind in kinds
            if kind.any()
        ]
        return sorted(set(shortest))


def _places(pairs: Sequence[Pair], max_length: int, max_tokens: int) -> _Places:
    forest = build(pairs, max_length)
    last = np.zeros(len(pairs), dtype=np.int64)
    last[forest.owners] = forest.rows  # rows ascend, so the last one stays
    indices, passes = last.copy(), last.copy()
    for number, this in enumerate(pack(forest, max_tokens, rows_of_pass(max_tokens))):
        inside = (last >= this.start) & (last < this.stop)
        indices[inside] = last[inside] - this.start + len(this.kept)
        passes[inside] = number
    depths = forest.depths[last]
    return _Places(depths + 1, indices, indices - depths, passes)


def _twin(pair: Pair, max_length: int) -> Pair:
    """The same continuation after a context whose second half is turned round."""
    context, continuation = pair
    seen = list(context[-max(max_length + 1 - len(continuation), 1) :])
    middle = len(seen) // 2
    return seen[:middle] + seen[middle:][::-1], continuation


def _plain(
    call: Call, pair: Pair, max_length: int, dtype: torch.dtype, device: torch.device
) -> float:
    """Log-probability of a continuation in nats, from all logits of its own text."""
    text = torch.tensor(truncate(pair, max_length), device=device)[None]
    with torch.no_grad():
        return _logprob(call(text)[0], pair[1], dtype)


def _logprob(
    logits: torch.Tensor, continuation: Sequence[int], dtype: torch.dtype
) -> float:
    targets = torch.tensor(continuation, device=logits.device)
    logprobs = torch.log_softmax(logits[-len(targets) :], dim=-1, dtype=dtype)
    return float(logprobs.gather(1, targets[:, None]).sum())


def _own_difference(
    model: PreTrainedModel,
    compared: Sequence[Pair],
    max_length: int,
    dtype: torch.dtype,
) -> float:
    """The largest difference, in nats, that reading in two passes through its own cache makes to a model's answers."""
    largest = 0.0
    for pair in compared:
        text = torch.tensor(truncate(pair, max_length), device=model.device)[None]
        if text.shape[1] < 2:
            continue
        kept = DynamicCache(config=model.config)
        with torch.no_grad():
            whole = model(text).logits[0]
            halves = [
                model(part, **{str(cache_argument(model)): kept}).logits[0]
                for part in text.tensor_split(2, dim=1)
            ]
        one, two = (
            _logprob(logits, pair[1], dtype) for logits in (whole, torch.cat(halves))
        )
        largest = max(largest, abs(one - two))
    return largest
