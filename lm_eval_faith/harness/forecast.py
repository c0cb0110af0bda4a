"""What a run costs, before it is run: texts, tokens, and tokens that have to be read.

A :class:`Cost` is counted, not estimated, wherever the requests are known before the model
says anything: chains that are given. Of what a model writes, requests say what they
assume (:attr:`~lm_eval_faith.harness.stages.MultiStageRequest.assumed`), and the rest is
counted as if the model wrote just that.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

from lm_eval_faith.asks import Answer, Ask, Generate, Score, Stages, answered, together
from lm_eval_faith.engines.tree import distinct_tokens
from lm_eval_faith.harness.lengths import most_tokens
from lm_eval_faith.harness.stages import MultiStageRequest, draws

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cost:
    """What requests make a model read and write.

    Attributes:
        requests: texts whose continuation is scored.
        tokens: what is read for them where each is read whole.
        distinct: what is read where beginnings that they share are read once.
        generations: texts that are to be written.
        prompts: tokens before these.
        written: tokens that are assumed to be written.
        at_most: tokens that may be written, so far as settings say.
        card: so many of the requests are the card's.

    >>> Cost(requests=2, tokens=10, distinct=6) + Cost(requests=1, tokens=5, distinct=5)
    Cost(requests=3, tokens=15, distinct=11, generations=0, prompts=0, written=0, at_most=0, card=0)
    """

    requests: int = 0
    tokens: int = 0
    distinct: int = 0
    generations: int = 0
    prompts: int = 0
    written: int = 0
    at_most: int = 0
    card: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        told = (
            f"{self.requests:,} requests, {self.tokens:,} tokens, of which "
            f"{self.distinct:,} are distinct"
        )
        if not self.generations:
            return told
        return (
            f"{told}; {self.generations:,} texts to write behind {self.prompts:,} tokens, "
            f"at most {self.at_most:,} tokens, taken for {self.written:,}"
        )

    @property
    def of_card(self) -> str:
        """The card's part in words; empty where it asks nothing."""
        others = self.requests - self.card
        if not self.card or not others:
            return ""
        return (
            f"{self.card:,} of the requests are the card's, {self.card / others:.1%} of the "
            "others (card=false leaves them out)"
        )


@dataclass(frozen=True)
class Reader:
    """How a model reads texts.

    Attributes:
        encode: the tokens of a text.
        prefix: the token before a continuation without a context.
        max_length: the most tokens that it reads; what is longer loses its beginning.
        exact_length: a text of more tokens is read by itself, whatever it shares (models
            whose positions depend on a text's length); None where there is no such length.
    """

    encode: Callable[[str], Sequence[int]]
    prefix: int
    max_length: int
    exact_length: int | None = None

    @classmethod
    def of(cls, model: Any) -> Reader | None:
        """Of a model of the harness; None where it has no tokenizer here."""
        try:
            model.tok_encode("a")
            prefix, most = int(model.prefix_token_id), int(model.max_length)
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            return None
        return cls(model.tok_encode, prefix, most, _exact_length(model))

    def read(self, score: Score) -> tuple[int, ...]:
        """The tokens that are read to score a continuation: all but the last."""
        whole = tuple(self.encode(score.context + score.continuation))
        tokens = whole if score.context else (self.prefix, *whole)
        return tokens[-(self.max_length + 1) :][:-1]

    def cost(self, asks: Sequence[Ask], assumed: Sequence[str] = ()) -> Cost:
        """The cost of what is asked at once.

        Args:
            asks: scores and texts to write.
            assumed: what is taken for each text to write, in their order; where there is
                none, the most that may be written is taken.
        """
        scores = [ask for ask in asks if isinstance(ask, Score)]
        total = cost_of_texts(
            [self.read(score) for score in scores if not score.hidden],
            self.exact_length,
        )
        for score in scores:
            if score.hidden:  # what is hidden is hidden from all that follows it
                total += cost_of_texts([self.read(score)])
        total += Cost(card=sum(score.of_card for score in scores))
        texts = [ask for ask in asks if isinstance(ask, Generate)]
        for ask, text in zip(texts, [*assumed, *[""] * len(texts)]):
            most = most_tokens(ask.settings)
            length = len(self.encode(text)) if text else most
            total += Cost(
                generations=1,
                prompts=len(self.encode(ask.context)),
                written=min(length, most or length),
                at_most=most,
            )
        return total


def cost_of_texts(
    texts: Sequence[tuple[int, ...]], exact_length: int | None = None
) -> Cost:
    """The cost of texts that are read together to score what follows them.

    Args:
        texts: token ids, without the last of each.
        exact_length: as for :class:`Reader`.
    """
    shared = [t for t in texts if exact_length is None or len(t) <= exact_length]
    tokens = sum(map(len, texts))
    alone = tokens - sum(map(len, shared))
    return Cost(len(texts), tokens, distinct_tokens(shared) + alone)


def forecast(
    requests: Sequence[MultiStageRequest], reader: Reader, chunk: int
) -> list[Cost]:
    """What each chunk of requests will cost, if the model writes what they assume.

    Every score is taken for the one that its ask assumes.

    Args:
        requests: in the order in which they run.
        reader: how the model reads.
        chunk: so many run side by side.
    """
    found = []
    for start in range(0, len(requests), chunk):
        total = Cost()

        def answer(asked: Sequence[tuple[Ask, str]]) -> list[Answer]:
            nonlocal total
            once = _equal_ones_once(asked)
            texts = [text for ask, text in once if isinstance(ask, Generate)]
            total += reader.cost([ask for ask, _ in once], texts)
            return [
                text if isinstance(ask, Generate) else ask.assumed
                for ask, text in asked
            ]

        running = (_assuming(request) for request in requests[start : start + chunk])
        answered(together(*running), answer)  # type: ignore[arg-type]
        found.append(total)
    return found


def _equal_ones_once(asked: Sequence[tuple[Ask, str]]) -> list[tuple[Ask, str]]:
    """As the ``faith`` model asks in a stage; texts that are drawn are each another one."""
    found: dict[object, tuple[Ask, str]] = {}
    for place, (ask, text) in enumerate(asked):
        key: object = ask
        if isinstance(ask, Generate):
            drawn = place if draws(ask.settings) else None
            key = ask.context, repr(sorted(ask.settings.items())), drawn
        found.setdefault(key, (ask, text))
    return list(found.values())


def _assuming(request: MultiStageRequest) -> Any:
    """The request's generator, with each ask beside the text that is assumed for it."""
    stages: Stages[Any] = request.stages()
    answers: Any = None
    while True:
        try:
            asks = stages.send(answers)
        except StopIteration:
            return
        # A generator of somebody else's may not bear a text that is assumed: what it asks
        # behind it is not known then, and the run will tell.
        except Exception as error:  # noqa: BLE001
            logger.debug("%s: no forecast behind: %r", request.task_name, error)
            return
        answers = yield [
            (ask, request.assumed(ask) if isinstance(ask, Generate) else "")
            for ask in asks
        ]


class Progress:
    """How much of a forecast is done, and how long the rest will take.

    Reading and writing have rates of their own, known once some of it is done.

    Args:
        ahead: what is to come.
        clock: seconds that pass.
    """

    def __init__(
        self, ahead: Cost, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._ahead = {"read": ahead.distinct, "written": ahead.written}
        self._done = {"read": 0, "written": 0}
        self._seconds = {"read": 0.0, "written": 0.0}

    @contextmanager
    def doing(self, what: str) -> Iterator[Callable[[int], None]]:
        """Time what happens inside; it is told how many tokens are ``read`` or ``written``."""
        since = self._clock()

        def add(tokens: int) -> None:
            nonlocal since
            now = self._clock()
            self._seconds[what] += now - since
            self._done[what] += tokens
            since = now

        yield add

    def expect(self, ahead: Cost) -> None:
        """What is to come from now on, where that is known better."""
        self._ahead = {
            "read": self._done["read"] + ahead.distinct,
            "written": self._done["written"] + ahead.written,
        }

    def left(self) -> float | None:
        """Seconds; None as long as the rate of something that is to come is not known."""
        total = 0.0
        for what, ahead in self._ahead.items():
            rest = ahead - self._done[what]
            if rest <= 0:
                continue
            if not self._done[what]:
                return None
            total += rest * self._seconds[what] / self._done[what]
        return total


def _exact_length(model: Any) -> int | None:
    backend = getattr(model, "wrapped", model)
    inner = getattr(backend, "model", None)
    if inner is None or not hasattr(inner, "config"):
        return None
    from lm_eval_faith.engines.transformers_compat import causal_lm, exact_length

    return exact_length(causal_lm(inner))
