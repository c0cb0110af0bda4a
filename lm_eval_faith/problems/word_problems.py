"""Fresh word problems with a worked solution: the task ``cot_faith_generated_arith``.

A problem tells a start and what is then added, taken away or multiplied; its solution
works out one operation a step. Nothing is drawn from a dataset, so no model has seen
the problems.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.errors import InputError
from lm_eval_faith.parameters import (
    number,
    parameter,
    read_parameters,
    signs,
    white_space,
    whole_number,
    whole_range,
)
from lm_eval_faith.problems.problem import FEWSHOT_EXAMPLES, Problem, Source
from lm_eval_faith.problems.word_problem_words import IRRELEVANT, PEOPLE, THEMES, Theme

SIGNS = ("+", "-", "*")
DONOR_PROBLEMS = 64
_MOST_STEPS = 50


@dataclass(frozen=True)
class WordProblemSettings:
    """What the generator can be told; ranges are lowest and highest, both included."""

    problems: int = parameter(200, whole_number(1), "how many problems", same=False)
    steps: tuple[int, int] = parameter(
        (2, 8), whole_range(1), "operations in a problem, each one step of the solution"
    )
    operations: tuple[str, ...] = parameter(SIGNS, signs(*SIGNS), "some of +, - and *")
    start: tuple[int, int] = parameter(
        (5, 30), whole_range(1), "the number at the start"
    )
    operand: tuple[int, int] = parameter(
        (2, 15), whole_range(1), "what one step adds or takes away"
    )
    factor: tuple[int, int] = parameter(
        (2, 3), whole_range(2), "what one step multiplies by"
    )
    largest: int = parameter(
        99,
        whole_number(2),
        "no total is larger; a step that would exceed it is another one",
    )
    groups: float = parameter(
        0.25,
        number,
        'share of problems that start with groups ("4 boxes of 6"), and so with a '
        "product; 0 without *",
    )
    irrelevant: tuple[int, int] = parameter(
        (0, 1),
        whole_range(),
        "sentences of the question that have nothing to do with it",
    )
    step_separator: str = parameter(
        " ", white_space, "what stands between steps of the reference solution"
    )
    problem_seed: int = parameter(0, whole_number(), "another seed, other problems")

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> WordProblemSettings:
        """Settings from a user's parameters; names that are not its own are left alone.

        Raises:
            InputError: a parameter has no usable value.
        """
        return read_parameters(cls, parameters)

    def __post_init__(self) -> None:
        if self.steps[1] > _MOST_STEPS:
            raise InputError(f"steps must be at most {_MOST_STEPS}")
        if not 0 <= self.groups <= 1:
            raise InputError(f"groups must be a share from 0 to 1, not {self.groups}")
        if self.irrelevant[1] > len(IRRELEVANT):
            raise InputError(f"irrelevant must be at most {len(IRRELEVANT)}")
        self._check_reachable()

    def _check_reachable(self) -> None:
        """Every problem can be finished without a total under 1 or over the largest."""
        if self.start[1] > self.largest:
            raise InputError(
                f"start goes up to {self.start[1]}, but largest is {self.largest}: "
                "raise largest or lower start"
            )
        lowest, highest = self.start[0], self.start[1]
        longest, least = self.steps[1], self.operand[0]
        if set(self.operations) == {"+", "-"} or set(self.operations) == set(SIGNS):
            # One of the two is always possible when the totals have this much room.
            if self.largest < 2 * least:
                raise InputError(
                    f"largest is {self.largest}, which leaves no room to add or take "
                    f"away {least}: raise largest or lower operand"
                )
            return
        if "-" in self.operations and lowest - longest * least < 1:
            raise InputError(
                f"without '+' a start of {lowest} cannot stay positive for {longest} "
                f"steps of {least} or more: raise start, or lower steps or operand"
            )
        if "-" in self.operations:
            return
        reached = (
            highest + longest * least
            if "+" in self.operations
            else highest * self.factor[0] ** longest
        )
        if reached > self.largest:
            raise InputError(
                f"without '-' a start of {highest} can reach {reached} in {longest} "
                f"steps, but largest is {self.largest}: raise largest, or lower steps"
            )


class WordProblems(Source):
    """The source ``word_problems``: fresh ones, in no dataset."""

    def __init__(self, settings: WordProblemSettings) -> None:
        self.settings = settings

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> WordProblems:
        """The source that a user's parameters describe."""
        return cls(WordProblemSettings.read(parameters))

    def problems(self) -> list[Problem]:
        """The problems of the seed."""
        return self._some(self.settings.problems, "test")

    def examples(self) -> list[Problem]:
        """Problems of a separate seed."""
        return self._some(FEWSHOT_EXAMPLES, "fewshot")

    def donors(self, problems: Sequence[Problem]) -> list[Problem]:
        """Problems of a separate seed."""
        return self._some(DONOR_PROBLEMS, "donor")

    def _some(self, count: int, split: str) -> list[Problem]:
        return [word_problem(self.settings, k, split) for k in range(count)]


@dataclass(frozen=True)
class _Operation:
    sign: str
    before: int
    operand: int

    @property
    def total(self) -> int:
        return {
            "+": self.before + self.operand,
            "-": self.before - self.operand,
            "*": self.before * self.operand,
        }[self.sign]


def word_problem(
    settings: WordProblemSettings, index: int, split: str = "test"
) -> Problem:
    """Problem number ``index``; it does not depend on how many others are made."""
    name = f"{split}-{settings.problem_seed}-{index}"
    draw = Draw("word problem", name)
    theme = draw.choice(THEMES)
    person, they, their = draw.choice(PEOPLE)
    names = {
        "person": person,
        "they": they,
        "They": they.capitalize(),
        "their": their,
        "Their": their.capitalize(),
        "things": draw.choice(theme.things),
    }
    count = draw.between(*settings.steps)
    grouped = _groups(settings, count, draw)
    operations = [grouped] if grouped else []
    total = grouped.total if grouped else draw.between(*settings.start)
    opening = _opening(theme, names, total, grouped)
    while len(operations) < count:
        left = count - len(operations)
        operations.append(_operation(settings, total, left, draw))
        total = operations[-1].total

    told, steps = [opening], []
    used: set[str] = set()
    for k, operation in enumerate(operations):
        if grouped and k == 0:
            event = opening.rstrip(".")
        else:
            event = _event(theme, operation, names, used, draw)
            told.append(event + ".")
        steps.append(f"{event}, {_result(theme, operation, names)}")
    told = _with_irrelevant(told, settings, names, draw)
    question = " ".join([*told, theme.question.format(**names)])
    return Problem(name, question, _chain(steps, str(total), settings))


def vocabulary() -> tuple[str, ...]:
    """Every word and sign that a question or a solution can hold, but for digits.

    Sorted. Numbers are written in digits.
    """
    templates: list[str] = list(IRRELEVANT)
    for theme in THEMES:
        templates += [theme.start, theme.groups, theme.total, theme.question]
        templates += [*theme.gains, *theme.losses, *theme.products, *theme.things]
    names = [word for person in PEOPLE for word in person]
    names += [word.capitalize() for word in names]
    text = re.sub(r"\{[A-Za-z]+\}", " ", " ".join([*templates, *names]))
    return tuple(sorted({*re.findall(r"[A-Za-z]+|[^\w\s]", text), *SIGNS, "=", ","}))


def _groups(settings: WordProblemSettings, count: int, draw: Draw) -> _Operation | None:
    """The product that a problem may start with, within the range of starts."""
    wanted = draw.below(1_000_000) < settings.groups * 1_000_000
    if not wanted or "*" not in settings.operations:
        return None
    pairs = [
        (a, b)
        for a in range(2, 11)
        for b in range(2, 11)
        if settings.start[0] <= a * b <= settings.start[1]
    ]
    if not pairs:
        return None
    a, b = draw.choice(pairs)
    return _Operation("*", a, b)


def _operation(
    settings: WordProblemSettings, total: int, left: int, draw: Draw
) -> _Operation:
    """One operation that keeps the totals of this and the later steps in range."""
    possible = {sign: _operands(settings, total, left, sign) for sign in SIGNS}
    signs = [s for s in settings.operations if possible[s]]
    if len(signs) > 1 and "*" in signs and draw.below(2):
        signs.remove("*")  # products come half as often as the others
    sign = draw.choice(signs)
    return _Operation(sign, total, draw.choice(possible[sign]))


def _operands(settings: WordProblemSettings, total: int, left: int, sign: str) -> range:
    """What can be added, taken away or multiplied by here.

    Args:
        left: operations left, this one included.
    """
    low, high = settings.operand
    signs = set(settings.operations)
    if sign == "+":
        later = 0 if "-" in signs else (left - 1) * low
        return range(low, min(high, settings.largest - total - later) + 1)
    if sign == "-":
        later = 0 if "+" in signs else (left - 1) * low
        return range(low, min(high, total - 1 - later) + 1)
    low, high = settings.factor
    if signs == {"*"}:
        most = settings.largest // (total * low ** (left - 1))
    elif "-" in signs:
        most = settings.largest // total
    else:
        most = (settings.largest - (left - 1) * settings.operand[0]) // total
    return range(low, min(high, most) + 1)


def _opening(
    theme: Theme, names: Mapping[str, str], start: int, grouped: _Operation | None
) -> str:
    if grouped is None:
        return theme.start.format(n=start, **names)
    return theme.groups.format(a=grouped.before, b=grouped.operand, **names)


def _event(
    theme: Theme,
    operation: _Operation,
    names: Mapping[str, str],
    used: set[str],
    draw: Draw,
) -> str:
    """The words of an operation; other ones than in this problem before, if any are
    left (``used`` grows)."""
    events = {"+": theme.gains, "-": theme.losses, "*": theme.products}
    templates = events[operation.sign]
    template = draw.choice([t for t in templates if t not in used] or templates)
    used.add(template)
    return template.format(n=operation.operand, **names)


def _result(theme: Theme, operation: _Operation, names: Mapping[str, str]) -> str:
    working = (
        f"{operation.before} {operation.sign} {operation.operand} = {operation.total}"
    )
    return theme.total.format(sum=working, **names)


def _with_irrelevant(
    told: list[str],
    settings: WordProblemSettings,
    names: Mapping[str, str],
    draw: Draw,
) -> list[str]:
    """The question's sentences with others among them, never before the first."""
    for template in draw.sample(IRRELEVANT, draw.between(*settings.irrelevant)):
        sentence = template.format(n=draw.between(3, 29), **names)
        place = draw.between(1, len(told))
        told = [*told[:place], sentence, *told[place:]]
    return told


def _chain(steps: list[str], answer: str, settings: WordProblemSettings) -> Chain:
    last = len(steps) - 1
    return Chain(
        steps=tuple(
            Step(
                text,
                after="" if k == last else settings.step_separator,
                states_answer=answer in text and states_answer(text, answer),
            )
            for k, text in enumerate(steps)
        ),
        answer=answer,
    )
