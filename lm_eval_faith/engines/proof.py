"""The proof, before a run, that a model scores the same over a forest as plainly."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from .shared_prefix import DEFAULT_MAX_PACKED_TOKENS, score
from .transformers_compat import cache_argument, causal_lm, supports
from .tree import Pair, build, truncate

REQUESTS_TRIED = 4
AMONG_THE_FIRST = 64
TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4}
HALF_PRECISION_TOLERANCE = 0.02
TOLERATED_PER_NAT = 1e-6
"""Single precision resolves a sum of log-probabilities no better than in proportion to its size."""


def prove(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    *,
    max_length: int,
    max_packed_tokens: int = DEFAULT_MAX_PACKED_TOKENS,
    softmax_dtype: torch.dtype | None = None,
) -> str | None:
    """Score a few of the first requests both ways.

    The requests are the first ones and the longest of the first `AMONG_THE_FIRST`; beside each stands a twin that
    parts from it half-way, so that there are branches to keep apart whatever the requests are. They take at least two
    passes. Log-probabilities are compared in single precision at least: half precision rounds them to more than
    the tolerance. In half precision the model itself gives other numbers when it reads a text in two passes through
    its own cache, and a difference no larger than twice that one is tolerated too.

    Args:
        model, max_length, max_packed_tokens, softmax_dtype: as for `score`.
        pairs: requests as for `score`, at least one.

    Returns:
        None where the answers agree, or one sentence that says what differs.
    """
    reason = supports(model)
    if reason is not None:
        return reason
    model = causal_lm(model)
    dtype = torch.float64 if softmax_dtype == torch.float64 else torch.float32
    tried = _with_twins(_choose(pairs), max_length)
    budget = min(max_packed_tokens, max(len(build(tried, max_length)) * 2 // 3, 1))
    plain = [_plain(model, pair, max_length, dtype) for pair in tried]
    try:
        answers = score(
            model,
            tried,
            max_length=max_length,
            max_packed_tokens=budget,
            softmax_dtype=dtype,
        )
        shared = {scored.index: scored.logprob for scored in answers}
    # Whatever a model's own code raises, it can still be scored plainly.
    except Exception as error:  # noqa: BLE001
        return f"{model.config.model_type} cannot be scored over shared prefixes: {type(error).__name__}: {error}"
    for index, expected in enumerate(plain):
        difference = abs(shared[index] - expected)
        tolerance = TOLERANCE.get(
            model.dtype, HALF_PRECISION_TOLERANCE
        ) + TOLERATED_PER_NAT * abs(expected)
        if difference > tolerance and model.dtype not in TOLERANCE:
            tolerance = max(
                tolerance, 2 * _own_difference(model, tried, plain, max_length, dtype)
            )
        if not difference <= tolerance:
            return (
                f"{model.config.model_type} gives {shared[index]:.5f} over shared prefixes but {expected:.5f} plainly, "
                f"a difference of {difference:.2g} where {tolerance:.2g} is tolerated"
            )
    return None


def _choose(pairs: Sequence[Pair]) -> list[Pair]:
    """The first requests and the longest of the first many."""
    first = pairs[:AMONG_THE_FIRST]
    longest = max(
        range(len(first)), key=lambda index: len(first[index][0]) + len(first[index][1])
    )
    return [
        first[index]
        for index in sorted({longest, *range(min(REQUESTS_TRIED, len(first)))})
    ]


def _with_twins(pairs: Sequence[Pair], max_length: int) -> list[Pair]:
    """Each request and its twin: the same continuation after a context whose second half is turned round."""
    twins: list[Pair] = []
    for context, continuation in pairs:
        room = max(max_length + 1 - len(continuation), 1)
        seen = list(context[-room:])
        middle = len(seen) // 2
        twins += [
            (seen, continuation),
            (seen[:middle] + seen[middle:][::-1], continuation),
        ]
    return twins


def _plain(
    model: PreTrainedModel,
    pair: Pair,
    max_length: int,
    dtype: torch.dtype,
    passes: int = 1,
) -> float:
    """Log-probability of a continuation in nats, from all logits of its own text.

    Args:
        passes: 1 to read the text at once; 2 to read its halves one after the other.
    """
    device = model.device
    text = torch.tensor(truncate(pair, max_length), device=device)[None]
    cache = DynamicCache(config=model.config) if passes > 1 else None
    with torch.no_grad():
        logits = torch.cat(
            [
                model(part, **{str(cache_argument(model)): cache}).logits
                for part in text.tensor_split(passes, dim=1)
            ],
            1,
        )
    targets = torch.tensor(pair[1], device=logits.device)
    logprobs = torch.log_softmax(logits[0, -len(targets) :], dim=-1, dtype=dtype)
    return float(logprobs.gather(1, targets[:, None]).sum())


def _own_difference(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    plain: Sequence[float],
    max_length: int,
    dtype: torch.dtype,
) -> float:
    """The largest difference that reading in two passes makes to the model's plain answers, in nats."""
    halves = [
        _plain(model, pair, max_length, dtype, passes=2)
        for pair in pairs
        if len(pair[0]) > 1
    ]
    whole = [
        value for pair, value in zip(pairs, plain, strict=True) if len(pair[0]) > 1
    ]
    return max(
        (abs(one - two) for one, two in zip(halves, whole, strict=True)), default=0.0
    )
