"""The proof, while requests are scored, that a model scores the same over a forest as by the harness's own call.

Two things are compared. A *witness*, a few tokens that no request holds, stands beside the requests in each pass that
goes further than all before: it would notice whatever branches or places in a pass do to a token. And a few of the
run's own requests, the longest first, are read plainly too, for as many tokens as a share of the run allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from .engine import Progress, Scored
from .matrix_products import fast_products
from .packing import Pack, cuts, with_beside
from .shared_prefix import DEFAULT_MAX_PACKED_TOKENS, Group, score
from .transformers_compat import (
    cache_argument,
    causal_lm,
    exact_length,
    last_logits_only,
    supports,
)
from .tree import Forest, Ints, Pair, with_text

Call = Callable[[torch.Tensor], torch.Tensor]
"""Token ids, shape [1, tokens], to logits, shape [1, tokens, vocabulary]; or more, of which the last ones count."""
Mask = NDArray[np.bool_]
LogitsAt = Callable[[Ints], torch.Tensor]

SHARE = 0.025
"""Requests are read plainly for at most this share of the distinct tokens that are scored."""
LEAST = 32
"""Tokens that may be read plainly however few there are."""
WITNESS = 16
"""Tokens of the witness that are read plainly."""
SCORED_TOKENS = 4
"""Tokens whose log-probabilities are compared, of a text that is no request's."""
PASSES = 2
"""Requests are compared that end at most so many passes behind the one in which the longest text ends."""
TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4}
HALF_PRECISION_TOLERANCE = 0.02
PARTS = (2, 3, 4, 5)
"""In half precision a model is asked how far its own answer moves where a text is read in so many passes."""
BEYOND_OWN = 3
"""So many times that is tolerated."""
TOLERATED_PER_NAT = 1e-6
"""Single precision resolves a sum of log-probabilities no better than in proportion to its size."""


@dataclass(frozen=True)
class Reach:
    """How far a proof went; requests that go no further are proven too."""

    index: int = 0
    """A token's index in a pass, the text kept before the pass counted: a witness stood behind it."""
    depth: int = 0
    """Tokens of the longest text that was compared."""


NOTHING = Reach()


class Disproved(Exception):
    """The answers differ from those of the harness's own call: one sentence that says how."""


@dataclass(frozen=True)
class Proof:
    """What the proof found, and the answers."""

    reason: str | None
    """None where the answers agree, or one sentence that says what differs or why it cannot be tried."""
    answers: Iterable[Scored] = ()
    """All answers, as soon as they are known and proven. Raises `Disproved` where a later pass differs."""
    proving: Proving | None = None

    @property
    def reach(self) -> Reach:
        """How far it has gone, with what was proven before."""
        return NOTHING if self.proving is None else self.proving.reach

    @property
    def read(self) -> int:
        """Tokens that were read plainly."""
        return 0 if self.proving is None else self.proving.read


def prove(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    *,
    max_length: int,
    max_packed_tokens: int = DEFAULT_MAX_PACKED_TOKENS,
    softmax_dtype: torch.dtype | None = None,
    call: Call | None = None,
    proven: Reach | None = None,
    progress: Progress | None = None,
) -> Proof:
    """Begin to score requests as `score` does, comparing on the way.

    The passes are those of the run, so a model whose tokens depend on their index in the pass is noticed, and nothing
    is read twice but what is compared. Answers are held back until the first comparisons are done.
    Log-probabilities are compared in single precision at least: half precision rounds them to more than the
    tolerance. In half precision the model itself gives other numbers when it reads a text in two passes through its own
    cache, or in three, four or five; a difference of up to three times the largest of these is tolerated too.

    Args:
        model, pairs, max_length, max_packed_tokens, softmax_dtype, progress: as for `score`; at least one request.
        call: the harness's own way from a text to logits, with all that stands between it and the model; the model's
            forward unless given.
        proven: how far an earlier proof of the same model went; where these requests go no further, nothing is
            compared.
    """
    reason = supports(model)
    if reason is not None:
        return Proof(reason)
    inner = causal_lm(model)
    proving = Proving(
        model=inner,
        call=call or (lambda text: inner(text).logits),
        max_length=max_length,
        exact=torch.float64 if softmax_dtype == torch.float64 else torch.float32,
        reach=proven or NOTHING,
    )
    answers = score(
        model,
        pairs,
        max_length=max_length,
        max_packed_tokens=max_packed_tokens,
        softmax_dtype=softmax_dtype,
        progress=progress,
        watch=proving,
    )
    try:
        first = next(answers)
    except Disproved as error:
        return Proof(str(error))
    # Whatever a model's own code raises, it can still be scored plainly.
    except Exception as error:  # noqa: BLE001
        return Proof(
            f"{inner.config.model_type} cannot be scored over shared prefixes: {type(error).__name__}: {error}"
        )
    return Proof(None, chain([first], answers), proving)


@dataclass
class Compared:
    """A text whose last tokens are scored both ways."""

    text: Ints
    """The tokens that are read, shape [tokens]."""
    rows: Ints
    """The last of them, counted in the forest, shape [scored]."""
    targets: Ints
    """What is scored there, shape [scored]."""
    logprobs: list[float] = field(default_factory=list)
    """Log-probabilities over the forest, as far as they are known."""


@dataclass
class Proving:
    """Looks on while a forest is scored, and compares (see `prove`)."""

    model: PreTrainedModel
    call: Call
    max_length: int
    exact: torch.dtype
    reach: Reach
    read: int = 0
    rows: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    witness: Compared | None = None
    expected_of_witness: float | None = None
    compared: list[Compared] = field(default_factory=list)
    first_with_witness: int | None = None
    """First token of the pass, of those that are waited for, that goes furthest."""
    window: int = 0
    """One past the last token of the passes that are waited for."""
    begun: bool = False
    waits: bool = False
    moves: float = 0.0
    """The most, in nats, that the model's own answers moved where they had to be read in parts."""

    def begin(self, group: Group) -> Forest:
        """Choose what is compared, of the first group; the forest with the witness behind it."""
        self.witness, self.rows, self.compared = None, np.empty(0, dtype=np.int64), []
        if self.begun:
            return group.forest
        self.begun = True
        forest, size = group.forest, len(group.forest)
        longest = int(forest.depths.max()) + 1
        passes = cuts(forest, group.max_tokens, group.max_rows)
        limit = exact_length(self.model)
        alone = limit is not None and longest > limit
        ends_in = next(n for n, (_, stop) in enumerate(passes) if stop >= longest)
        waited = passes[: ends_in + 1 + PASSES]
        budget = longest if alone else max(int(SHARE * size), LEAST)
        chosen = _chosen(forest, waited, budget)
        depth = max(len(compared.text) for compared in chosen)
        if depth > self.reach.depth:
            self.compared = chosen
        if not alone:
            furthest = max(waited, key=lambda cut: _index(forest, *cut))
            if _index(forest, *furthest) > self.reach.index:
                self.first_with_witness = furthest[0]
            text = _witness(forest, longest)[: self.max_length]
            if len(text) > 1:
                forest = with_text(forest, text)
                places = np.arange(len(text) - 1)[-SCORED_TOKENS:]
                self.witness = Compared(text[:-1], size + places, text[places + 1])
        self.rows = np.unique(
            np.concatenate(
                [
                    self.rows,
                    *(compared.rows for compared in self.compared),
                    *([self.witness.rows] if self.witness else []),
                ]
            )
        )
        self.window = waited[-1][1]
        self.waits = bool(self.compared) or self.first_with_witness is not None
        return forest

    def beside(self, this: Pack) -> Pack:
        """The pack with the witness, where it goes further than all before."""
        if self.witness is None:
            return this
        if this.start < self.window:
            wanted = this.start == self.first_with_witness
        else:
            wanted = len(this.kept) + this.stop - this.start > self.reach.index
        first = int(self.witness.rows[-1]) + 1 - len(self.witness.text)
        # One token more than is read plainly: what is done to the last of a pass is not done to the witness.
        tokens = np.arange(first, first + len(self.witness.text) + 1)
        return with_beside(this, tokens) if wanted else this

    def look(self, this: Pack, logits_at: LogitsAt) -> None:
        """Compare what this pass makes complete.

        Raises:
            Disproved: the answers differ.
        """
        for compared in self.compared:
            self._collect(compared, this.own, logits_at)
            if len(compared.logprobs) == len(compared.rows):
                self._compare(compared, self._plainly(compared))
        self.compared = [c for c in self.compared if len(c.logprobs) < len(c.rows)]
        if len(this.beside):
            assert self.witness is not None
            self._collect(self.witness, this.own, logits_at)
            if self.expected_of_witness is None:
                self.expected_of_witness = self._plainly(self.witness)
            self._compare(self.witness, self.expected_of_witness)
            self.witness.logprobs.clear()
            index = len(this.kept) + this.stop - this.start
            self.reach = Reach(max(index, self.reach.index), self.reach.depth)
        self.waits = self.waits and this.stop < self.window

    def _collect(self, compared: Compared, own: Ints, logits_at: LogitsAt) -> None:
        inside = np.isin(compared.rows, own)
        if inside.any():
            logits = logits_at(compared.rows[inside])
            compared.logprobs += self._logprobs(logits, compared.targets[inside])

    def _compare(self, compared: Compared, expected: float) -> None:
        found = sum(compared.logprobs)
        difference = abs(found - expected)
        dtype = self.model.dtype
        tolerance = TOLERANCE.get(dtype, HALF_PRECISION_TOLERANCE)
        tolerance += TOLERATED_PER_NAT * abs(expected)
        if dtype not in TOLERANCE:
            if difference > max(tolerance, BEYOND_OWN * self.moves):
                self.moves = max(self.moves, self._own_difference(compared))
            tolerance = max(tolerance, BEYOND_OWN * self.moves)
        if not difference <= tolerance:
            raise Disproved(
                f"{self.model.config.model_type} gives {found:.5f} over shared prefixes but {expected:.5f} plainly, "
                f"a difference of {difference:.2g} where {tolerance:.2g} is tolerated"
            )
        if compared is not self.witness:
            depth = max(len(compared.text), self.reach.depth)
            self.reach = Reach(self.reach.index, depth)

    def _plainly(self, compared: Compared) -> float:
        """Log-probability in nats by the harness's own call, with logits only where they are compared."""
        self.read += len(compared.text)
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(fast_products(self.model.device))
            stack.enter_context(last_logits_only(self.model, len(compared.rows)))
            logits = self.call(self._on_device(compared.text))[0]
        return self._logprob(logits, compared)

    def _on_device(self, text: Ints) -> torch.Tensor:
        return torch.from_numpy(text)[None].to(self.model.device)

    def _logprob(self, logits: torch.Tensor, compared: Compared) -> float:
        return sum(self._logprobs(logits[-len(compared.rows) :], compared.targets))

    def _logprobs(self, logits: torch.Tensor, targets: Ints) -> list[float]:
        wanted = torch.from_numpy(targets).to(logits.device)[:, None]
        logprobs = torch.log_softmax(logits, dim=-1, dtype=self.exact)
        values: list[float] = logprobs.gather(1, wanted)[:, 0].tolist()
        return values

    def _own_difference(self, compared: Compared) -> float:
        """How far, in nats, the model's answer moves at most where it reads the text in parts through its own cache.

        One number of parts may move it little by chance: of normal differences of one spread, one is over twice another
        in 30% of cases, over three times the largest of four others in 1%.
        """
        text = self._on_device(compared.text)
        self.read += len(compared.text) * (1 + len(PARTS))
        with torch.no_grad(), fast_products(self.model.device):
            whole = self._logprob(self.model(text).logits[0], compared)
            return max(
                abs(whole - self._logprob(self._in_parts(text, parts), compared))
                for parts in PARTS
            )

    def _in_parts(self, text: torch.Tensor, parts: int) -> torch.Tensor:
        """Logits of a text that is read in so many passes."""
        kept = {str(cache_argument(self.model)): DynamicCache(config=self.model.config)}
        passes = [part for part in text.tensor_split(parts, dim=1) if part.shape[1]]
        return torch.cat([self.model(part, **kept).logits[0] for part in passes])


def _index(forest: Forest, start: int, stop: int) -> int:
    """How far a token's index in a pass goes, the text kept before the pass counted."""
    return int(forest.depths[start]) + stop - start


def _witness(forest: Forest, longest: int) -> Ints:
    """The first token of the longest text, then its end: what is asked for, where no request has it.

    Of a text that is no longer, the end is turned round: beside itself a text would see itself, and not notice.
    """
    text = forest.tokens[:longest]
    end = text[-WITNESS:] if longest > WITNESS + 1 else text[::-1]
    return np.append(text[:1], end)


def _chosen(
    forest: Forest, passes: Sequence[tuple[int, int]], budget: int
) -> list[Compared]:
    """What is read plainly, of the requests that these passes make complete, with at most so many tokens.

    The longest, as far as can be one that leaves another and is not the last in its pass; where none is short enough,
    the longest beginning of one. Then, as long as tokens are left, the one that stands furthest back in a pass, the
    one furthest from its place in its text, and the shortest that others follow in its pass, for what is done to the
    last token of a pass is not done to it.
    """
    last = np.zeros(int(forest.owners.max()) + 1, dtype=np.int64)
    last[forest.owners] = forest.rows  # rows ascend, so the last one stays
    places = _Places.of(forest, last, passes)
    inside = last < passes[-1][1]
    telling = (places.shifts > 0) & places.followed
    orders = (
        np.lexsort((-places.lengths, ~places.kept, ~telling)),
        np.lexsort((places.lengths, -places.indices)),
        np.lexsort((places.lengths, -places.shifts)),
        np.lexsort((places.lengths, ~places.followed)),
    )
    first = int(orders[0][inside[orders[0]]][0])
    chosen: list[int] = []
    begun: list[Compared] = []
    if places.lengths[first] > budget:
        begun = [_beginning(forest, passes, budget)]
        budget -= len(begun[0].text)
    for order in orders[len(begun) :]:
        fitting = order[inside[order] & (places.lengths[order] <= budget)]
        if len(fitting) and fitting[0] not in chosen:
            chosen.append(int(fitting[0]))
            budget -= int(places.lengths[fitting[0]])
    return begun + [_request(forest, owner) for owner in chosen]


@dataclass(frozen=True)
class _Places:
    """Where tokens of a forest stand, shapes [tokens]."""

    lengths: Ints
    """Tokens of the text that they end."""
    indices: Ints
    """Their index in the pass, the tokens kept before the pass counted."""
    shifts: Ints
    """How far that is from the place in the text."""
    followed: Mask
    """Whether the pass goes on behind them."""
    kept: Mask
    """Whether text before the pass was kept for it."""

    @classmethod
    def of(
        cls, forest: Forest, tokens: Ints, passes: Sequence[tuple[int, int]]
    ) -> _Places:
        starts, stops = np.array(passes).T
        number = np.searchsorted(starts, tokens, side="right") - 1
        depths = forest.depths[tokens]
        indices = tokens - starts[number] + forest.depths[starts[number]]
        return cls(
            depths + 1,
            indices,
            indices - depths,
            tokens + 1 < stops[number],
            forest.depths[starts[number]] > 0,
        )


def _request(forest: Forest, owner: int) -> Compared:
    mine = forest.owners == owner
    rows = forest.rows[mine]
    text = forest.tokens[np.append(forest.ancestors(int(rows[-1])), rows[-1])]
    return Compared(text, rows, forest.targets[mine])


def _beginning(
    forest: Forest, passes: Sequence[tuple[int, int]], most: int
) -> Compared:
    """The longest beginning of a text, of at most so many tokens, as far as can be behind a branch."""
    tokens = np.arange(passes[-1][1] - 1)
    tokens = tokens[forest.parents[tokens + 1] == tokens]  # what follows is known
    places = _Places.of(forest, tokens, passes)
    order = np.lexsort((-places.lengths, ~places.kept, places.shifts == 0))
    last = int(tokens[order[places.lengths[order] <= most][0]])
    path = np.append(forest.ancestors(last), last)
    rows = path[-SCORED_TOKENS:]
    return Compared(
        forest.tokens[path], rows, forest.tokens[np.append(rows[1:], last + 1)]
    )
