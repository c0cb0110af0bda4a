"""Scoring requests over their prefix forest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from transformers import PreTrainedModel

from .attention import TreeAttention, TreeAttentionError
from .engine import Progress, Scored, TokenAsk
from .matrix_products import fast_products
from .packing import Pack, pack
from .transformers_compat import (
    cache_argument,
    causal_lm,
    exact_length,
    installed,
    kept_keys,
    supports,
    uses_attention_interface,
)
from .tree import Forest, Ints, Pair, build, check, truncate

if TYPE_CHECKING:
    from .proof import Proof, Reach

DEFAULT_MAX_PACKED_TOKENS = 1024
SCORED_SHARE = 4
"""A pass has its logits computed at no more than one in so many of the tokens that it may hold."""
ROWS_AT_ONCE = 64
"""Positions whose log-probabilities over the vocabulary are held at the same time."""


def why_not(backend: Any) -> str | None:
    """None, or one sentence that says why the model of a backend cannot be scored so. Runs nothing."""
    return supports(backend.model)


@dataclass(frozen=True)
class SharedPrefixes:
    """The engine: `score` with its settings."""

    model: PreTrainedModel
    max_length: int
    max_packed_tokens: int
    softmax_dtype: torch.dtype | None
    can: frozenset[str] = frozenset()

    def score(
        self, asks: Sequence[TokenAsk], progress: Progress | None = None
    ) -> Iterator[Scored]:
        """Answers as soon as they are known; the same order each time."""
        return score(
            self.model,
            [(ask.context, ask.continuation) for ask in asks],
            max_length=self.max_length,
            max_packed_tokens=self.max_packed_tokens,
            softmax_dtype=self.softmax_dtype,
            progress=progress,
        )

    def prove(
        self,
        asks: Sequence[TokenAsk],
        call: Callable[..., torch.Tensor],
        proven: Reach | None = None,
        progress: Progress | None = None,
    ) -> Proof:
        """`proof.prove` with these settings."""
        from .proof import prove

        return prove(
            self.model,
            [(ask.context, ask.continuation) for ask in asks],
            max_length=self.max_length,
            max_packed_tokens=self.max_packed_tokens,
            softmax_dtype=self.softmax_dtype,
            call=call,
            proven=proven,
            progress=progress,
        )


class Watch(Protocol):
    """Looks on while requests are scored (`proof.py`), and may raise what ends it."""

    def begin(self, group: Group) -> Forest:
        """The forest to read: the group's own, perhaps with more behind its last token."""

    @property
    def rows(self) -> Ints:
        """Tokens whose logits are wanted besides those that are scored, ascending."""

    def beside(self, this: Pack) -> Pack:
        """The pack, perhaps with what is to stand beside it in its pass."""

    def look(self, this: Pack, logits_at: Callable[[Ints], torch.Tensor]) -> None:
        """Is shown the logits of a pass, by the forest's tokens: shape [tokens] to [tokens, vocabulary]."""

    @property
    def waits(self) -> bool:
        """Whether answers are to be held back until it has seen more."""


def score(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    *,
    max_length: int,
    max_packed_tokens: int = DEFAULT_MAX_PACKED_TOKENS,
    softmax_dtype: torch.dtype | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Iterator[Scored]:
    """Score continuations given contexts, as the harness's `hf` backend does, computing every distinct token once.

    Args:
        model: a causal LM in evaluation mode, for which `supports` returns None.
        pairs: token ids of contexts and continuations.
        max_length: the most tokens that the model reads; longer requests lose their start.
        max_packed_tokens: the most tokens in one pass through the model. Memory grows with it, not with `pairs`.
        softmax_dtype: the type in which log-probabilities are computed; None for the type of the logits.
        progress: called after each pass with the number of distinct tokens done and the number in all.
        watch: looks on.

    Yields:
        One answer for each request, as soon as it is known, so not in the order of `pairs`; the same order each time.

    Raises:
        ValueError: a request has no context, no continuation, or a continuation longer than `max_length`.
        TreeAttentionError: the model turned out not to allow it; `prove` tells beforehand.
    """
    if max_packed_tokens < 1:
        raise ValueError(
            f"max_packed_tokens is {max_packed_tokens}, but a pass needs at least one token"
        )
    check(pairs, max_length)
    model = causal_lm(model)
    groups = _groups(model, pairs, max_length, max_packed_tokens)
    total, done = sum(len(group.forest) for group in groups), 0
    held: list[Scored] = []
    for group in groups:
        forest = group.forest if watch is None else watch.begin(group)
        scored = np.unique(forest.rows)
        wanted = scored if watch is None else np.union1d(scored, watch.rows)
        answers = _Answers(forest, [len(pairs[index][1]) for index in group.members])
        kept = kept_keys()
        packs = pack(group.forest, group.max_tokens, group.max_rows)
        for this, following in pairwise(chain(packs, [None])):
            assert this is not None
            this = this if watch is None else watch.beside(this)
            kept.wanted = torch.from_numpy(_wanted(this, following))
            rows = wanted[np.isin(wanted, this.own)]
            logits = _forward(model, forest, this, kept, rows)

            def logits_at(
                tokens: Ints, rows: Ints = rows, logits: torch.Tensor = logits
            ) -> torch.Tensor:
                return logits[torch.from_numpy(np.searchsorted(rows, tokens))]

            if watch is not None:
                watch.look(this, logits_at)
            own = scored[(scored >= this.start) & (scored < this.stop)]
            for answer in answers.add(own, logits_at, softmax_dtype):
                held.append(replace(answer, index=group.members[answer.index]))
                if watch is None or not watch.waits:
                    yield from held
                    held.clear()
            done += this.stop - this.start
            if progress is not None:
                progress(done, total)
    yield from held


def rows_of_pass(max_tokens: int) -> int:
    """The most tokens that are scored in a pass of so many."""
    return max(max_tokens // SCORED_SHARE, 1)


@dataclass(frozen=True)
class Group:
    """Requests that are scored together."""

    members: list[int]
    """Their indices in the list given."""
    forest: Forest
    max_tokens: int
    """The most tokens in a pass."""
    max_rows: int
    """The most of them that are scored, so that the vocabulary's logits are bounded too."""


def _groups(
    model: PreTrainedModel, pairs: Sequence[Pair], max_length: int, max_tokens: int
) -> list[Group]:
    """All requests together; but where the length of a text changes how a model treats its positions, a longer one
    goes through the model alone and in one pass, as in plain scoring.
    """
    limit = exact_length(model)
    lengths = [len(truncate(pair, max_length)) for pair in pairs]
    together = [
        index
        for index, length in enumerate(lengths)
        if limit is None or length <= limit
    ]
    alone = [
        index
        for index, length in enumerate(lengths)
        if limit is not None and length > limit
    ]

    def group(members: list[int], tokens: int, rows: int) -> Group:
        return Group(
            members,
            build([pairs[index] for index in members], max_length),
            tokens,
            rows,
        )

    return [
        *([group(together, max_tokens, rows_of_pass(max_tokens))] if together else []),
        *(group([index], lengths[index], lengths[index]) for index in alone),
    ]


def _wanted(this: Pack, following: Pack | None) -> Ints:
    """What the next pack needs, counted in this pack's kept tokens followed by its own."""
    if following is None:
        return np.empty(0, dtype=np.int64)
    own = following.kept >= this.start
    depths = np.arange(
        len(following.kept)
    )  # a kept token stands at its depth in both packs
    return np.where(own, following.kept - this.start + len(this.kept), depths)


def _forward(
    model: PreTrainedModel, forest: Forest, this: Pack, kept: Any, rows: Ints
) -> torch.Tensor:
    """One pass: the logits of some of its tokens, ascending, shape [rows, vocabulary]."""
    device = model.device
    attention = TreeAttention(forest, this, device)
    places = np.searchsorted(this.own, rows)
    inputs = {
        "input_ids": torch.from_numpy(forest.tokens[this.own])[None].to(device),
        "logits_to_keep": torch.from_numpy(
            places if len(places) else np.zeros(1, dtype=np.int64)
        ).to(device),
    }
    if hasattr(model.base_model, "build_alibi_tensor"):
        inputs["attention_mask"] = torch.ones(
            1, len(this.kept) + len(this.own), dtype=torch.long, device=device
        )
    else:
        inputs["position_ids"] = attention.query_depths[None]
    with torch.no_grad(), installed(model, attention), fast_products(device):
        logits: torch.Tensor = model(
            **inputs, **{str(cache_argument(model)): kept}, use_cache=True
        ).logits[0]
    if not attention.masks_made:
        raise TreeAttentionError("the model does not ask for a mask")
    if (
        uses_attention_interface(model)
        and attention.calls != model.config.get_text_config().num_hidden_layers
    ):
        raise TreeAttentionError(
            "not every layer of the model lets its attention be replaced"
        )
    return logits[: len(rows)]


class _Answers:
    """Log-probabilities of scored tokens, collected until a request has all of its own."""

    def __init__(self, forest: Forest, lengths: Sequence[int]) -> None:
        self.forest = forest
        self.lengths = lengths
        self.logprobs: dict[int, list[float]] = {}
        self.greedy: dict[int, bool] = {}

    def add(
        self,
        rows: Ints,
        logits_at: Callable[[Ints], torch.Tensor],
        dtype: torch.dtype | None,
    ) -> Iterator[Scored]:
        """Take the logits of some rows of the forest, ascending; yield the requests that are complete with them."""
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[begin : begin + ROWS_AT_ONCE]
            logprobs = torch.log_softmax(logits_at(some), dim=-1, dtype=dtype)
            first, last = np.searchsorted(self.forest.rows, [some[0], some[-1] + 1])
            targets = torch.from_numpy(self.forest.targets[first:last]).to(
                logprobs.device
            )
            places = torch.from_numpy(
                np.searchsorted(some, self.forest.rows[first:last])
            ).to(logprobs.device)
            hits = (logprobs.argmax(dim=-1)[places] == targets).tolist()
            values = logprobs[places, targets].tolist()
            for owner, value, hit in zip(
                self.forest.owners[first:last].tolist(), values, hits, strict=True
            ):
                collected = self.logprobs.setdefault(owner, [])
                collected.append(value)
                self.greedy[owner] = self.greedy.get(owner, True) and hit
                if len(collected) == self.lengths[owner]:
                    total = torch.tensor(
                        self.logprobs.pop(owner), dtype=logprobs.dtype
                    ).sum()
                    yield Scored(owner, float(total), self.greedy.pop(owner))
