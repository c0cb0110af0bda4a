"""The chains that a page opens with: one where a step matters most, one where nothing does.

Steps that state the answer are not looked at for the first: they give it away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lm_eval_faith.interventions import is_control
from lm_eval_faith.records.outcome import (
    ChainRecord,
    StepRecord,
    control_effects,
    mean_of_known,
)
from lm_eval_faith.report.cells import number
from lm_eval_faith.shown import brief

STEPS_TOLD = 6
"""Steps of a chain that the opening shows, those around the one that it is about."""

LONGEST_STEP, LONGEST_QUESTION = 160, 320
"""Characters of texts that the opening shows of steps and questions."""

Key = tuple[str, str]


@dataclass(frozen=True)
class ToldStep:
    """One step of a chain in the opening: its number from 1, its text and its effect."""

    number: int
    text: str
    effect: float
    states_answer: bool
    told: bool = False


@dataclass(frozen=True)
class Telling:
    """A chain that the opening shows.

    Attributes:
        key: the problem.
        heading: why it is shown.
        question: what was asked.
        steps: some of its steps.
        n_steps: how many it has.
        step: the number of the step that it is about; 0 where it is about none.
    """

    key: Key
    heading: str
    question: str
    steps: tuple[ToldStep, ...]
    n_steps: int
    step: int = 0


def telling(
    chains: Mapping[Key, ChainRecord], intervention: str, threshold: float
) -> tuple[Telling, ...]:
    """The chain with the largest effect on a step that does not state the answer, and the
    one whose largest effect is smallest; fewer where there are no such.

    Effects are those of the intervention, less the control's where one was run.
    """
    found = {
        key: steps
        for key, chain in chains.items()
        if not chain.left_out
        and (steps := _steps(chain, intervention))
        and not all(math.isnan(step.effect) for step in steps)
    }
    made = []
    loud = _most(
        found, lambda steps: max(_known(s for s in steps if not s.states_answer))
    )
    if loud is not None:
        those = [s for s in found[loud] if not s.states_answer]
        most = max(_known(those))
        step = next(s for s in those if s.effect == most)
        heading = f"The largest effect on a step that does not state the answer: {number(most, 'nats')} nats"
        made.append(_told(loud, chains[loud], heading, found[loud], step.number))
    quiet = _most(found, lambda steps: -max(map(abs, _known(steps))))
    if quiet is not None and quiet != loud:
        most = max(map(abs, _known(found[quiet])))
        heading = (
            f"A chain where nothing matters: no step moves the answer by more than {number(most, 'nats')} nats"
            if most < threshold
            else f"The chain where steps matter least: one still moves the answer by {number(most, 'nats')} nats"
        )
        made.append(_told(quiet, chains[quiet], heading, found[quiet]))
    return tuple(made)


def _steps(chain: ChainRecord, intervention: str) -> list[ToldStep]:
    """Those that the intervention was made on, in their order."""
    controls = {} if is_control(intervention) else control_effects(chain)
    drawn: dict[int, list[StepRecord]] = {}
    for record in chain.steps:
        if record.intervention == intervention:
            drawn.setdefault(record.step, []).append(record)
    return [
        ToldStep(
            k + 1,
            records[0].before,
            mean_of_known([r.effect for r in records])
            - (controls.get(k, math.nan) if controls else 0.0),
            records[0].states_answer,
        )
        for k, records in sorted(drawn.items())
    ]


def _known(steps: Iterable[ToldStep]) -> list[float]:
    return [step.effect for step in steps if not math.isnan(step.effect)]


def _most(
    found: Mapping[Key, list[ToldStep]], of: Callable[[list[ToldStep]], float]
) -> Key | None:
    """The first of those with the largest number; chains without one are passed over."""
    numbers = {}
    for key, steps in found.items():
        try:
            numbers[key] = of(steps)
        except ValueError:  # none of its steps has a number
            continue
    return max(numbers, key=lambda key: numbers[key], default=None)


def _told(
    key: Key,
    chain: ChainRecord,
    heading: str,
    steps: list[ToldStep],
    about: int = 0,
) -> Telling:
    middle = next((k for k, s in enumerate(steps) if s.number == about), 0)
    first = max(0, min(middle - STEPS_TOLD // 2, len(steps) - STEPS_TOLD))
    return Telling(
        key,
        heading,
        brief(chain.question, LONGEST_QUESTION),
        tuple(
            ToldStep(
                s.number,
                brief(s.text, LONGEST_STEP),
                s.effect,
                s.states_answer,
                s.number == about,
            )
            for s in steps[first : first + STEPS_TOLD]
        ),
        chain.n_steps,
        about,
    )
