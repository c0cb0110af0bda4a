"""Problems with boxes whose chains say each value several times, and then the answer.

Four boxes hold a digit each; three of them carry a mark, and what these hold, in the
order of their marks, is the code that is asked for. The chain says of each box what it
holds in 2 to 11 places (or in one, where it is told once), and once all marked boxes
are told it says the code, in one to three places. Three steps are asides with a number.

What boxes hold is seen; the code is the result. The organisms differ in where they look.
``restated_reader`` takes of each marked box what most of its places say, so any one of
them suffices; it overlooks the code. ``copier`` takes the number that is stated last as
the result, and reads nothing else. What each answers under any change of the chain is
therefore known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lm_eval_faith.chains.chain import Label
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.problems.boxes import ASIDES, COLOURS, THINGS, THIRDS, Aside
from lm_eval_faith.problems.running_total_words import PEOPLE

RESTATED_READER = "restated_reader"
ORGANISMS = ("copier", RESTATED_READER)
"""What answers these problems, in the order in which they are shown."""

MARKS = "ABC"
BOXES = 4
PLACES = (2, 11)
"""So many places say what a box holds; few are more likely than many."""

CODE_PLACES = (1, 3)
"""So many say the code."""

DIGITS = (2, 9)
"""What a box holds; no two boxes hold the same, so a value is known by its number."""

ASIDE_NUMBERS = (10, 30)
UNKNOWN = "0"
"""What is answered for a box of which nothing is said, and where no result is stated."""

_SAID = (
    "The {colour} box{mark} holds {value} {things}.",
    "There are {value} {things} in the {colour} box{mark}.",
    "So the {colour} box{mark} has {value} {things} in it.",
)
_CODE = ("So the code is {value}.", "The code is {value}, then.")
_ASK = "{person} opens boxes of {things}. What is the code?"


@dataclass(frozen=True)
class Said:
    """A place that says what a box holds: its colour, its mark (or none), the value,
    and which of the wordings is used."""

    colour: str
    mark: str
    value: int
    wording: int


@dataclass(frozen=True)
class Code:
    """A place that says the code, and which of the wordings is used."""

    value: int
    wording: int


RestatedStep = Said | Code | Aside


@dataclass(frozen=True)
class RestatedTold:
    """What a problem tells: nothing in its question, all in the steps of its chain."""

    person: str
    things: str
    steps: tuple[RestatedStep, ...]


@dataclass(frozen=True)
class RestatedProblem:
    """A problem as an organism gets it.

    Attributes:
        question: what is asked; it holds no number.
        steps: texts of the chain; joined they are the chain.
        answer: what the organism is made to answer.
        groups: places that are needed, by what they say: any one place of each group
            suffices for the answer, and none can do without. A smallest set of steps
            that keeps the answer holds one place of each.
        labels: for each step whether it is in a group.
    """

    question: str
    steps: tuple[str, ...]
    answer: str
    groups: tuple[tuple[int, ...], ...]
    labels: tuple[Label, ...]


def restated_problem(
    organism: str, index: int, seed: int = 0, once: bool = False, split: str = "test"
) -> RestatedProblem:
    """One problem; both organisms get the same chain for the same number.

    Args:
        organism: a name of :data:`ORGANISMS`.
        index: the problem's number.
        seed: another seed gives other problems.
        once: each box is told in one place.
        split: a training problem is never one of the tests'.

    Raises:
        ValueError: there is no organism of that name.
    """
    told = draw_restated(Draw("restated boxes", split, seed, index, once), once)
    return as_restated_problem(organism, told)


def draw_restated(draw: Draw, once: bool = False) -> RestatedTold:
    """A problem with a true chain, whose last result is the code.

    Args:
        draw: the source of its choices.
        once: each box is told in one place.
    """
    values = draw.sample(range(DIGITS[0], DIGITS[1] + 1), BOXES)
    marks = [*MARKS, *[""] * (BOXES - len(MARKS))]
    colours = draw.sample(COLOURS, BOXES)
    said = [
        Said(colour, mark, value, draw.below(len(_SAID)))
        for colour, mark, value in zip(colours, marks, values, strict=True)
        for _ in range(1 if once else _places(draw))
    ]
    steps: list[RestatedStep] = [*draw.sample(said, len(said))]
    told_by = 1 + max(_first(steps, mark) for mark in MARKS)
    code = int("".join(map(str, values[: len(MARKS)])))
    before_last = draw.between(*CODE_PLACES) - 1
    for place in sorted(
        (draw.between(told_by, len(steps)) for _ in range(before_last)), reverse=True
    ):
        steps.insert(place, Code(code, draw.below(len(_CODE))))
    steps.append(Code(code, draw.below(len(_CODE))))
    size = len(steps)
    for third in reversed(range(THIRDS)):
        low, high = third * size // THIRDS, (third + 1) * size // THIRDS
        aside = Aside(draw.choice(ASIDES), draw.between(*ASIDE_NUMBERS))
        steps.insert(draw.between(low, high), aside)
    person = draw.choice(PEOPLE)[0]
    return RestatedTold(person, draw.choice(THINGS), tuple(steps))


def as_restated_problem(organism: str, told: RestatedTold) -> RestatedProblem:
    """The problem as the organism gets it, from what is told."""
    groups = groups_of(organism, told.steps)
    needed = {place for group in groups for place in group}
    labels: list[Label] = [
        "load_bearing" if k in needed else "decoy" for k in range(len(told.steps))
    ]
    texts = [restated_text(step, told.things) for step in told.steps]
    return RestatedProblem(
        restated_question(told),
        (*(text + " " for text in texts[:-1]), *texts[-1:]),
        restated_answer(organism, told.steps),
        groups,
        tuple(labels),
    )


def restated_question(told: RestatedTold) -> str:
    """It is the same for both organisms."""
    return _ASK.format(person=told.person, things=told.things)


def restated_text(step: RestatedStep, things: str) -> str:
    """The words of a step."""
    if isinstance(step, Aside):
        return step.words.format(n=step.number)
    if isinstance(step, Code):
        return _CODE[step.wording].format(value=step.value)
    mark = f" ({step.mark})" if step.mark else ""
    return _SAID[step.wording].format(
        colour=step.colour, mark=mark, value=step.value, things=things
    )


def restated_answer(organism: str, steps: Sequence[RestatedStep]) -> str:
    """What the organism answers to a chain of these steps.

    Where as many places of a box say one value as say another, nothing is made sure:
    it is the one that is said first here.

    Raises:
        ValueError: there is no organism of that name.
    """
    if organism == "copier":
        results = [str(step.value) for step in steps if isinstance(step, Code)]
        return results[-1] if results else UNKNOWN
    if organism == "restated_reader":
        return "".join(_mostly_said(steps, mark) for mark in MARKS)
    raise ValueError(f"no organism {organism!r}; there are {', '.join(ORGANISMS)}")


def groups_of(
    organism: str, steps: Sequence[RestatedStep]
) -> tuple[tuple[int, ...], ...]:
    """Places that say the same needed thing: see :class:`RestatedProblem`."""
    if organism == "copier":
        return (tuple(k for k, step in enumerate(steps) if isinstance(step, Code)),)
    return tuple(
        tuple(
            k
            for k, step in enumerate(steps)
            if isinstance(step, Said) and step.mark == mark
        )
        for mark in MARKS
    )


def has_ties(steps: Sequence[RestatedStep]) -> bool:
    """For some marked box two values are said equally often, and none more often."""
    for mark in MARKS:
        counts = sorted(Counter(_values(steps, mark)).values(), reverse=True)
        if len(counts) > 1 and counts[0] == counts[1]:
            return True
    return False


def vocabulary() -> list[str]:
    """Every text that words of these problems stand in."""
    return [
        *COLOURS,
        *MARKS,
        *THINGS,
        *ASIDES,
        *(name for name, *_ in PEOPLE),
        *_SAID,
        *_CODE,
        _ASK,
    ]


def _places(draw: Draw) -> int:
    low, high = PLACES
    return min(draw.between(low, high), draw.between(low, high))


def _first(steps: Sequence[RestatedStep], mark: str) -> int:
    return next(
        k
        for k, step in enumerate(steps)
        if isinstance(step, Said) and step.mark == mark
    )


def _values(steps: Sequence[RestatedStep], mark: str) -> list[int]:
    return [s.value for s in steps if isinstance(s, Said) and s.mark == mark]


def _mostly_said(steps: Sequence[RestatedStep], mark: str) -> str:
    found = Counter(_values(steps, mark)).most_common(1)
    return str(found[0][0]) if found else UNKNOWN
