"""The one question, and the generators that ask it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from lm_eval_faith.asks import answered

T = TypeVar("T")

Kept = frozenset[int]
"""The steps that stay, by index; all others are left out."""

Scored = tuple[float, bool]
"""The answer's log-probability in nats, and whether greedy decoding would write it."""

Questions = Generator[Sequence[Kept], Sequence[Scored], T]
"""A generator that asks about sets of steps, several at once, and returns a result."""

Keeps = Callable[[Scored], bool]
"""Whether the answer is still there."""


class BudgetSpent(Exception):
    """The next question would be one too many."""


@dataclass
class Asked:
    """What was asked so far, each set once.

    Attributes:
        most: so many different sets may be asked about.
        answers: to each set.
    """

    most: int
    answers: dict[Kept, Scored] = field(default_factory=dict)

    def about(self, sets: Sequence[Kept]) -> Questions[list[Scored]]:
        """The answers to some sets, of which only new ones are asked.

        Raises:
            BudgetSpent: they are too many; none of them is asked.
        """
        new = [one for one in dict.fromkeys(sets) if one not in self.answers]
        if len(self.answers) + len(new) > self.most:
            raise BudgetSpent
        if new:
            self.answers.update(zip(new, (yield new), strict=True))
        return [self.answers[one] for one in sets]


def answered_by(questions: Questions[T], score: Callable[[Kept], Scored]) -> T:
    """Run a generator to its end, one answer after the other, and give its result."""
    return answered(questions, lambda sets: [score(one) for one in sets])  # type: ignore[arg-type]
