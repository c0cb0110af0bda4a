"""The provided chains: short problems whose solution builds a running total.

Each load-bearing step moves the total and, unless told otherwise, restates it; asides
have nothing to do with the sum. Which step carries the answer is therefore known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.chain import Chain, Label, Number, Role, Step
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.running_total_words import (
    ASIDES,
    GAINS,
    GAINS_TOTAL,
    LOSSES,
    LOSSES_TOTAL,
    PEOPLE,
    THINGS,
)

SIGNS = ("+", "-")

_LONGEST = 200
"""Most steps of one kind in a chain: enough for 10,000 tokens."""


@dataclass(frozen=True)
class RunningTotalSettings:
    """What the generator can be told; ranges are lowest and highest, both included.

    Attributes:
        problems: number of problems.
        load_bearing: load-bearing steps in a chain.
        asides: asides in a chain.
        start: the total at the start.
        operand: what one step adds or takes away.
        operations: ``+``, ``-`` or both.
        question_lists_operands: the question states every operand, so that it can be
            answered without the chain; otherwise only the chain holds them.
        restate_totals: each load-bearing step says what it results in.
        step_format: how a step is written; ``{step}`` stands for its words and
            ``{number}``, if it is there, for its number from 1.
        step_separator: what stands between steps.
        problem_seed: another seed gives other problems.
    """

    problems: int = 200
    load_bearing: read.Range = (5, 8)
    asides: read.Range = (2, 4)
    start: read.Range = (20, 60)
    operand: read.Range = (2, 19)
    operations: tuple[str, ...] = SIGNS
    question_lists_operands: bool = True
    restate_totals: bool = True
    step_format: str = "{step}"
    step_separator: str = " "
    problem_seed: int = 0

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> RunningTotalSettings:
        """Settings from a user's parameters; names that are not its own are left alone.

        Raises:
            InputError: a parameter has no usable value.
        """
        readers: dict[str, read.Reader] = {
            "problems": lambda n, v: read.whole_number(n, v, least=1),
            "load_bearing": lambda n, v: read.whole_range(n, v, least=1),
            "asides": read.whole_range,
            "start": lambda n, v: read.whole_range(n, v, least=1),
            "operand": lambda n, v: read.whole_range(n, v, least=1),
            "operations": lambda n, v: read.signs(n, v, SIGNS),
            "question_lists_operands": read.yes_or_no,
            "restate_totals": read.yes_or_no,
            "step_format": _step_format,
            "step_separator": read.white_space,
            "problem_seed": read.whole_number,
        }
        settings = cls(**read.given(parameters, readers))
        settings._check_reachable()
        return settings

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON types, to be recorded beside the results."""
        return read.as_json(self)

    def _check_reachable(self) -> None:
        for name in ("load_bearing", "asides"):
            if getattr(self, name)[1] > _LONGEST:
                raise InputError(f"{name} must be at most {_LONGEST}")
        if "+" not in self.operations:
            least_start, most_lost = (
                self.start[0],
                self.load_bearing[1] * self.operand[0],
            )
            if least_start <= most_lost:
                raise InputError(
                    f"with operations ['-'] a start of {least_start} cannot stay "
                    f"positive for {self.load_bearing[1]} steps of {self.operand[0]} "
                    "or more: raise start, or lower load_bearing or operand"
                )


@dataclass(frozen=True)
class ProvidedProblem:
    """A question, and a chain whose steps are labelled.

    Attributes:
        id: names the problem and its seed; equal ids are equal problems.
        question: what is asked.
        chain: the reasoning that leads to the answer.
    """

    id: str
    question: str
    chain: Chain


@dataclass(frozen=True)
class _Move:
    sign: int
    operand: int
    before: int

    @property
    def total(self) -> int:
        return self.before + self.sign * self.operand


def running_total_problem(
    settings: RunningTotalSettings, index: int, split: str = "test"
) -> ProvidedProblem:
    """Problem number ``index``; it does not depend on how many others are made."""
    name = f"{split}-{settings.problem_seed}-{index}"
    draw = Draw("running total", name)
    person, pronoun = draw.choice(PEOPLE)
    thing = draw.choice(THINGS)
    start = draw.between(*settings.start)
    moves = _moves(settings, start, draw)
    words = [_move_words(move, draw) for move in moves]
    asides = _asides(settings, draw)
    names = {
        "person": person,
        "they": pronoun,
        "They": pronoun.capitalize(),
        "things": thing,
    }

    steps: list[Step] = []
    for label, k in _order(len(moves), len(asides), draw):
        number = len(steps) + 1
        if label == "load_bearing":
            verb, sentence = words[k]
            template = sentence if settings.restate_totals else "{They} {verb}."
            steps.append(
                _write(
                    template.replace("{verb}", verb),
                    names,
                    settings,
                    number,
                    label,
                    _values(moves[k]),
                    states_answer=settings.restate_totals and k == len(moves) - 1,
                )
            )
        else:
            aside, values = asides[k]
            steps.append(_write(aside, names, settings, number, label, values))
    opening = f"{person} starts with {start} {thing}."
    return ProvidedProblem(
        id=name,
        question=_question(settings, names, opening, moves, words),
        chain=Chain(
            steps=tuple(steps),
            answer=str(moves[-1].total),
            opening=opening + settings.step_separator,
        ),
    )


def _moves(settings: RunningTotalSettings, start: int, draw: Draw) -> list[_Move]:
    """Moves that keep every total positive.

    A loss that would not is replaced by a smaller one, or by a gain where those are
    allowed.
    """
    moves: list[_Move] = []
    count = draw.between(*settings.load_bearing)
    low, high = settings.operand
    total = start
    for k in range(count):
        sign = {"+": 1, "-": -1}[draw.choice(settings.operations)]
        operand = draw.between(low, high)
        reserve = 0 if "+" in settings.operations else (count - k - 1) * low
        if sign < 0 and total - operand - reserve < 1:
            if "+" in settings.operations:
                sign = 1
            else:
                operand = draw.between(low, total - reserve - 1)
        moves.append(_Move(sign, operand, total))
        total = moves[-1].total
    return moves


def _move_words(move: _Move, draw: Draw) -> tuple[str, str]:
    """The verb phrase that the question and the step share, and the step's sentence."""
    if move.sign > 0:
        return draw.choice(GAINS), draw.choice(GAINS_TOTAL)
    return draw.choice(LOSSES), draw.choice(LOSSES_TOTAL)


def _values(move: _Move) -> dict[str, tuple[int, Role, int]]:
    return {
        "operand": (move.operand, "operand", move.sign),
        "before": (move.before, "before", 0),
        "total": (move.total, "total", 0),
    }


def _asides(
    settings: RunningTotalSettings, draw: Draw
) -> list[tuple[str, dict[str, tuple[int, Role, int]]]]:
    count = draw.between(*settings.asides)
    chosen: list[str] = []
    while len(chosen) < count:
        chosen += draw.sample(ASIDES, min(count - len(chosen), len(ASIDES)))
    return [(aside, {"aside": (draw.between(3, 29), "aside", 0)}) for aside in chosen]


def _order(moves: int, asides: int, draw: Draw) -> list[tuple[Label, int]]:
    """Moves in order, asides at random places among them."""
    places = set(draw.sample(range(moves + asides), asides))
    order: list[tuple[Label, int]] = []
    for place in range(moves + asides):
        taken = sum(label == "decoy" for label, _ in order)
        order.append(
            ("decoy", taken)
            if place in places
            else ("load_bearing", len(order) - taken)
        )
    return order


def _write(
    template: str,
    names: Mapping[str, str],
    settings: RunningTotalSettings,
    number: int,
    label: Label,
    values: Mapping[str, tuple[int, Role, int]],
    states_answer: bool = False,
) -> Step:
    """A step from its template, with the places of its numbers."""
    template = settings.step_format.replace("{number}", str(number)).replace(
        "{step}", template
    )
    text, numbers = "", []
    for piece in template.replace("}", "{").split("{"):
        if piece in values:
            value, role, sign = values[piece]
            start = len(text)
            text += str(value)
            numbers.append(Number(start, len(text), role, sign))
        else:
            text += names.get(piece, piece)
    return Step(text, settings.step_separator, label, states_answer, tuple(numbers))


def _question(
    settings: RunningTotalSettings,
    names: Mapping[str, str],
    opening: str,
    moves: list[_Move],
    words: list[tuple[str, str]],
) -> str:
    asked = "How many {things} does {person} have at the end?".format(**names)
    if not settings.question_lists_operands:
        told = "{person} collects {things} and keeps notes on them.".format(**names)
        return f"{told} {asked}"
    told_moves = [
        verb.format(operand=move.operand, **names)
        for move, (verb, _) in zip(moves, words, strict=True)
    ]
    listed = ", then ".join(told_moves)
    return f"{opening} {names['They']} {listed}. {asked}"


def _step_format(name: str, value: object) -> str:
    written = read.text(name, value)
    if written.count("{step}") != 1:
        raise InputError(f"{name} must hold {{step}} once, not {value!r}")
    return written
