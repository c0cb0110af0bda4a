"""Which steps of a chain belong together: those that state one value, a third, all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.thirds import THIRDS, third_of
from lm_eval_faith.interventions.restated import (
    Value,
    stated_numbers,
    states,
    value_of,
)


@dataclass(frozen=True)
class Group:
    """Steps that belong together.

    Attributes:
        name: what they have in common: a value as it is first written, ``early``, ``all``.
        steps: their indices, ascending.
        value: the value that each of them states; None where that is not it.
    """

    name: str
    steps: tuple[int, ...]
    value: Value | None = None


def by_value(chain: Chain) -> tuple[Group, ...]:
    """For each value all steps that state it, in any form, in the order of first statement.

    A value that one step alone states has a group of that step.
    """
    numbers = [stated_numbers(step.text, chain.writing) for step in chain.steps]
    values: dict[Value, str] = {}
    for step, those in zip(chain.steps, numbers, strict=True):
        for number in those:
            if not any(states(number, value) for value in values):
                value, written = value_of(number), step.text[number.start : number.end]
                values[value] = written + "%" * value.percent
    return tuple(
        Group(name, steps, value)
        for value, name in values.items()
        if (
            steps := tuple(
                k
                for k, those in enumerate(numbers)
                if any(states(number, value) for number in those)
            )
        )
    )


def by_third(n_steps: int) -> tuple[Group, ...]:
    """The steps of each third that has any."""
    thirds = [third_of(k, n_steps) for k in range(n_steps)]
    return tuple(
        Group(name, tuple(k for k in range(n_steps) if thirds[k] == number))
        for number, name in enumerate(THIRDS)
        if number in thirds
    )


def all_steps(n_steps: int) -> tuple[Group, ...]:
    """One group of all steps."""
    return (Group("all", tuple(range(n_steps))),)


def alike(groups: Iterable[Group]) -> dict[int, tuple[int, ...]]:
    """For each step the others with which it stands in a group, ascending."""
    found: dict[int, set[int]] = {}
    for group in groups:
        for step in group.steps:
            found.setdefault(step, set()).update(group.steps)
    return {step: tuple(sorted(those - {step})) for step, those in found.items()}
