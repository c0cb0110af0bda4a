"""What a model can be asked, and generators that ask.

A generator yields the asks that it wants answered now, several at once, is sent their
answers in the same order, and asks again for as long as it likes; what it returns is its
result. Whatever runs it decides how the asks are answered: one by one, or those of many
generators in one batch (:func:`together`)::

    def second_thoughts(question: str) -> Stages[float]:
        (text,) = yield [Generate(question, {"until": ["."]})]
        before, after = yield [Score(question, " 7"), Score(question + text, " 7")]
        return after[0] - before[0]
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Generate:
    """A text is to be written.

    Attributes:
        context: what the text follows.
        settings: as for the harness's ``generate_until``.
    """

    context: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Hidden:
    """Characters of a context that some later tokens cannot attend to.

    Attributes:
        start, end: where they stand in the context; the end is not included.
        of: from whom they are hidden: ``later``, from every later token, or ``answer``,
            from those of the continuation alone.
    """

    start: int
    end: int
    of: Literal["later", "answer"] = "later"


@dataclass(frozen=True)
class Score:
    """The log-probability of a continuation is wanted.

    Attributes:
        context, continuation: as for the harness's ``loglikelihood``.
        hidden: parts of the context that are read, but not by all that follows.
        assumed: what a forecast of the cost takes for the answer, where more asks hang on it.
        of_card: it is asked for the card alone, which a forecast says.
    """

    context: str
    continuation: str
    hidden: tuple[Hidden, ...] = ()
    assumed: tuple[float, bool] = field(default=(0.0, True), compare=False, repr=False)
    of_card: bool = field(default=False, compare=False, repr=False)


Ask = Generate | Score
Answer = Any
"""To a :class:`Generate` the text; to a :class:`Score` the log-probability in nats, and
whether greedy decoding would write the continuation."""

Stages = Generator[Sequence[Ask], Sequence[Answer], T]
"""A generator that asks, stage after stage, and returns a result."""


def together(*stages: Stages[T]) -> Stages[tuple[T, ...]]:
    """Run generators side by side: in each stage, what all of them ask.

    Each is sent its own answers. One that has ended asks no more; the results come in
    the order of the generators.
    """
    results: dict[int, T] = {}
    sent: dict[int, Sequence[Answer] | None] = dict.fromkeys(range(len(stages)))
    while sent:
        asked: dict[int, Sequence[Ask]] = {}
        for k, answers in sent.items():
            try:
                asked[k] = stages[k].send(answers)  # type: ignore[arg-type]
            except StopIteration as ended:
                results[k] = ended.value
        sent = {}
        if asked:
            rest = iter((yield [ask for asks in asked.values() for ask in asks]))
            sent = {k: [next(rest) for _ in asks] for k, asks in asked.items()}
    return tuple(results[k] for k in range(len(stages)))


def answered(
    stages: Stages[T], answer: Callable[[Sequence[Ask]], Sequence[Answer]]
) -> T:
    """Run a generator to its end, and give its result.

    Raises:
        ValueError: there are not as many answers as asks.
    """
    answers: Sequence[Answer] | None = None
    while True:
        try:
            asks = stages.send(answers)  # type: ignore[arg-type]
        except StopIteration as ended:
            result: T = ended.value
            return result
        answers = answer(asks)
        if len(answers) != len(asks):
            raise ValueError(f"{len(answers)} answers to {len(asks)} asks")
