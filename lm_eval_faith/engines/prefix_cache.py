"""Scoring by vLLM: answers behind what its prefix cache holds, each ask taken at any time.

vLLM gives log-probabilities of a prompt's tokens, but not of those that it takes from its cache instead of computing
them; by default it therefore reads such a prompt whole. What is scored here is the end of a text, so the cache can be
read as long as the last token of the context is computed anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, Protocol

from .engine import Progress, Scored, TokenAsk
from .tree import common_prefix
from .vllm_compat import why_no_cache

PROVEN_BY = 4
"""So many of the first answers behind a cached text are compared with those of the text read whole."""
FIRST = 8
"""So many requests are under way, at most, as long as nothing is proven."""
TOLERATED = 1e-4
TOLERATED_PER_NAT = 1e-6
"""Single precision resolves a sum of log-probabilities no better than in proportion to its size."""
LARGEST_LOGIT = 32
ROUNDING = {"bfloat16": 2**-8, "float16": 2**-11}
"""Half the distance of two neighbouring numbers of a type, over their size."""

Parse = Callable[[Sequence[int], Sequence[Mapping[int, Any]]], tuple[float, bool]]
"""The harness's own way from tokens and what vLLM says at their places to nats and greediness."""
How = Literal["cached", "plain", "compared", "text"]


class Served(Protocol):
    """What is needed of vLLM; :class:`vllm_compat.Vllm` is it."""

    max_length: int
    dtype: str
    block_size: int

    def scoring(self, cached: bool) -> Any:
        """Parameters that ask for the prompt's log-probabilities, with or without the cache."""

    def submit(self, ticket: str, tokens: Sequence[int], parameters: Any) -> None:
        """Take a request."""

    def ended(self) -> list[tuple[str, Any]]:
        """Compute one step; the tickets and outputs of the requests that ended with it."""

    def drop(self, tickets: Sequence[str]) -> None:
        """Forget requests that have not ended."""


@dataclass
class Counts:
    """What was read so far."""

    texts: int = 0
    """Requests that were scored, those counted that were asked again."""
    tokens: int = 0
    """Of their prompts."""
    computed: int = 0
    """Of these, those that were not in the cache."""
    again: int = 0
    """Requests whose answer began in the cache, and that were read again without it."""
    compared: int = 0
    """Requests that were read both ways, for the proof."""

    def __str__(self) -> str:
        return (
            f"vLLM read {self.texts:,} texts: {self.tokens:,} tokens, {self.computed:,} of them computed, the others "
            f"from its prefix cache; {self.again:,} texts again without it, {self.compared:,} more to compare"
        )


@dataclass(frozen=True)
class _Text:
    tokens: tuple[int, ...]
    context: int
    """How many of them are the context's."""

    @property
    def answer(self) -> tuple[int, ...]:
        return self.tokens[self.context :]


def why_not(backend: Any) -> str | None:
    """None, or one sentence that says why a backend's vLLM cannot be read so. Runs nothing."""
    return why_no_cache(backend.model)


class PrefixCache:
    """The engine; one for each vLLM, as what is proven and what is under way belongs to it.

    Args:
        served: vLLM.
        parse: how the harness reads log-probabilities.
        reason: why the cache is not to be read; None where it is.

    Attributes:
        reason: as given, or what the proof found. Then all is read whole, and answered all the same.
        counts: what was read.
    """

    can: frozenset[str] = frozenset()

    def __init__(self, served: Served, parse: Parse, reason: str | None = None) -> None:
        self.served = served
        self.parse = parse
        self.reason = reason
        self.counts = Counts()
        self._numbers = count()
        self._tickets: dict[str, tuple[Any, How]] = {}
        self._texts: dict[Any, _Text] = {}
        self._ahead: deque[Any] = deque()
        self._held: dict[Any, tuple[float, bool]] = {}
        self._comparing = 0

    # --- at any time --------------------------------------------------------------

    def put(self, asks: Mapping[Any, TokenAsk]) -> None:
        """Take asks, under names of the caller's that no ask under way has.

        Raises:
            ValueError: an answer leaves no room for any context.
        """
        texts = {name: self._text(ask) for name, ask in asks.items()}
        names = list(texts)
        order = reading_order(
            [texts[name].tokens for name in names], self.served.block_size
        )
        self._texts |= texts
        self._ahead += (names[index] for index in order)
        self._feed()

    def put_text(self, name: Any, tokens: Sequence[int], parameters: Any) -> None:
        """Take a text to write; its answer is vLLM's own output."""
        ticket = str(next(self._numbers))
        self._tickets[ticket] = (name, "text")
        self.served.submit(ticket, tokens, parameters)

    def take(self) -> list[tuple[Any, Any]]:
        """Wait until something is answered; its names and answers. Nothing is under way where it is empty."""
        found: list[tuple[Any, Any]] = []
        while not found and self._tickets:
            for ticket, output in self.served.ended():
                if ticket in self._tickets:  # else it was dropped
                    found += self._ended(*self._tickets.pop(ticket), output)
            found += self._released()
            self._feed()
        return found

    def drop(self) -> None:
        """Forget all that is under way."""
        self.served.drop(list(self._tickets))
        for kept in self._tickets, self._texts, self._held, self._ahead:
            kept.clear()

    # --- all at once --------------------------------------------------------------

    def score(
        self, asks: Sequence[TokenAsk], progress: Progress | None = None
    ) -> Iterator[Scored]:
        """Answers as they come; equal asks are read once. Progress counts asks."""
        alike: dict[tuple[Sequence[int], Sequence[int]], list[int]] = {}
        for index, ask in enumerate(asks):
            alike.setdefault((tuple(ask.context), tuple(ask.continuation)), []).append(
                index
            )
        self.put({key: TokenAsk(*key) for key in alike})
        done = 0
        try:
            while answers := self.take():
                for key, (logprob, is_greedy) in answers:
                    for index in alike[key]:
                        yield Scored(index, logprob, is_greedy)
                    done += len(alike[key])
                if progress is not None:
                    progress(done, len(asks))
        finally:
            self.drop()

    # --- one request --------------------------------------------------------------

    def _text(self, ask: TokenAsk) -> _Text:
        # One token is generated behind each text, which vLLM wants room for: the harness's rule.
        tokens = (*ask.context, *ask.continuation)[-(self.served.max_length - 1) :]
        context = len(tokens) - len(ask.continuation)
        if context < 1 or not ask.continuation:
            raise ValueError(
                f"a continuation of {len(ask.continuation)} tokens cannot be scored by a model that takes "
                f"{self.served.max_length}"
            )
        return _Text(tokens, context)

    def _feed(self) -> None:
        """Submit what waits: all of it, once it is known whether the cache can be read."""
        known = self._proven or self.reason is not None
        while self._ahead and (known or self._under_way() < FIRST):
            self._submit(self._ahead.popleft(), "plain" if self.reason else "cached")

    def _under_way(self) -> int:
        return sum(how != "text" for _, how in self._tickets.values())

    def _submit(self, name: Any, how: How) -> None:
        ticket = str(next(self._numbers))
        self._tickets[ticket] = (name, how)
        self.served.submit(
            ticket,
            self._texts[name].tokens,
            self.served.scoring(cached=how == "cached"),
        )

    def _ended(self, name: Any, how: How, output: Any) -> list[tuple[Any, Any]]:
        if how == "text":
            return [(name, output)]
        text = self._texts[name]
        self.counts.texts += 1
        self.counts.tokens += len(text.tokens)
        self.counts.computed += len(text.tokens) - (output.num_cached_tokens or 0)
        if how == "cached" and self.reason is not None:
            self._submit(name, "plain")
            return []
        found = self._read(text, output)
        if found is None and how != "cached":
            raise ValueError(
                "vLLM gave no log-probabilities of a text that it was asked to read whole"
            )
        if found is None:
            self.counts.again += 1
            self._submit(name, "plain")
            return []
        if how == "compared":
            return self._compare(name, found)
        if how == "plain" or not output.num_cached_tokens or self._proven:
            return self._answered(name, found)
        self._held[name] = found
        if self._comparing < PROVEN_BY:
            self._comparing += 1
            self._submit(name, "compared")
        return []

    def _read(self, text: _Text, output: Any) -> tuple[float, bool] | None:
        """The answer; None where one of its places was not computed in this request.

        Counted from the end: vLLM leaves cached places out, or gives what its memory held.
        """
        rows = list(output.prompt_logprobs or ())[-len(text.answer) :]
        if (output.num_cached_tokens or 0) >= text.context or len(rows) < len(
            text.answer
        ):
            return None
        if not all(row and token in row for token, row in zip(text.answer, rows)):
            return None
        return self.parse(text.answer, rows)

    def _answered(self, name: Any, found: tuple[float, bool]) -> list[tuple[Any, Any]]:
        del self._texts[name]
        return [(name, found)]

    # --- the proof ----------------------------------------------------------------

    @property
    def _proven(self) -> bool:
        return self.counts.compared >= PROVEN_BY

    def _compare(
        self, name: Any, expected: tuple[float, bool]
    ) -> list[tuple[Any, Any]]:
        self.counts.compared += 1
        found = self._held.pop(name, expected)
        limit = tolerated(self.served.dtype, len(self._texts[name].answer), expected[0])
        difference = abs(found[0] - expected[0])
        if self.reason is None and not difference <= limit:
            self.reason = (
                f"vLLM gives {found[0]:.5f} behind its prefix cache but {expected[0]:.5f} without it, "
                f"a difference of {difference:.2g} where {limit:.2g} is tolerated"
            )
            for other in self._held:
                if not self._is_under_way(other):
                    self._submit(other, "plain")
            self._held.clear()
        return self._answered(name, expected if self.reason else found)

    def _is_under_way(self, name: Any) -> bool:
        return any(other == name for other, _ in self._tickets.values())

    def _released(self) -> list[tuple[Any, Any]]:
        """What was held back, once all is compared that is to be."""
        if not self._held:
            return []
        comparing = any(how == "compared" for _, how in self._tickets.values())
        if comparing and not self._proven:
            return []
        free = [name for name in self._held if not self._is_under_way(name)]
        return [
            answer
            for name in free
            for answer in self._answered(name, self._held.pop(name))
        ]


def reading_order(texts: Sequence[tuple[int, ...]], block: int) -> list[int]:
    """Those that begin alike follow each other, and what was asked first of them is read first.

    A sorted text shares with the one before it all that it shares with any before it, so nothing has to stay in the
    cache for long.

    Args:
        texts: token ids.
        block: tokens that are cached together: what shares fewer shares nothing.

    Returns:
        Indices.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(texts)), key=texts.__getitem__):
        if groups and common_prefix(texts[groups[-1][-1]], texts[index]) >= block:
            groups[-1].append(index)
        else:
            groups.append([index])
    groups.sort(key=min)
    return [index for group in groups for index in sorted(group, key=min(group).__ne__)]


def tolerated(dtype: str, tokens: int, nats: float) -> float:
    """The largest difference, in nats, that the rounding of a type explains.

    In half precision the logits themselves are rounded: each scored token may move by one step of its largest logit.

    >>> round(tolerated("float32", 3, -10.0), 5), round(tolerated("bfloat16", 2, -10.0), 2)
    (0.00011, 0.5)
    """
    rounding = 2 * ROUNDING.get(dtype, 0.0) * LARGEST_LOGIT
    return TOLERATED + TOLERATED_PER_NAT * abs(nats) + tokens * rounding
