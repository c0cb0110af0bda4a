"""What the copier and the restated reader learn from: chains that say things again.

The answer in every text is the one that
:func:`~lm_eval_faith.problems.restated_boxes.restated_answer` gives for the chain as it
is shown. Texts in which it is not known, because as many places of a box say one value
as say another, are not made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.interventions.control import ASIDES
from lm_eval_faith.interventions.filler import FILLER
from lm_eval_faith.problems.boxes import Aside
from lm_eval_faith.problems.restated_boxes import (
    Code,
    RestatedStep,
    RestatedTold,
    Said,
    draw_restated,
    has_ties,
    restated_answer,
    restated_question,
    restated_text,
)
from training.texts import CUE, PROMPT, TrainingText

EARLY = 2
"""One in so many texts comes first, and tells each box once; the reader's do not say the
code, which is copied sooner than boxes are read, and the copier's say many codes."""

CODES = 6
CODE_NUMBERS = (102, 987)
CODE_WORDINGS = 2
MOST_BEHIND = 4
"""So many steps may be put behind the last code."""

ONCE = 3
"""Of the others, one in so many tells each box once."""

LARGEST_CHANGE = 9
"""As ``corrupt`` has it."""


_NUMBER = re.compile(r"\d+")


def restated_texts(organism: str, count: int, seed: int) -> Iterator[TrainingText]:
    """Training texts for one organism, the short ones first.

    Three in ten hold a true chain. In the others a part of the steps is left out, of any
    size; or values are changed, in one place, in a part of a box's places or in all; or
    both; or steps are cut to dots and asides put in. The reader also learns to write the
    first statement of the code, and the copier to say the last one again, wherever a code
    does: so more is asked for in a text. In half of the copier's later texts the codes are
    others than the boxes', and in half up to four other steps come to stand behind them.

    Args:
        organism: a name of :data:`~lm_eval_faith.problems.restated_boxes.ORGANISMS`.
        count: number of texts.
        seed: another seed gives other problems.
    """
    for index in range(count):
        draw = Draw("restated text", organism, seed, index)
        early = EARLY * index < count
        once = draw.below(ONCE) == 0 or early
        told = draw_restated(Draw("restated boxes", "train", seed, index, once), once)
        if early:
            boxes = [s for s in told.steps if not isinstance(s, Code)]
            if organism == "copier":
                boxes = _with_codes(boxes, draw)
            told = replace(told, steps=tuple(boxes))
        elif organism == "copier":
            if draw.below(2):
                told = replace(told, steps=_with_other_codes(told.steps, draw))
            if draw.below(2):
                told = replace(told, steps=_with_steps_behind(told.steps, draw))
        yield _text(organism, told, draw)


def _with_codes(steps: Sequence[RestatedStep], draw: Draw) -> list[RestatedStep]:
    """With codes between the steps: another one, or the last, each in any words.

    If one wording were kept for the last one again, it would be enough to copy the other.
    If the last one stood just before, it would be enough to copy what stands so many tokens
    back: a copier of an earlier recipe did, and exchanged digits where an aside lay between.
    """
    made = list(steps)
    places = sorted(draw.sample(range(len(steps) + 1), CODES))
    codes: list[Code] = []
    for k, place in enumerate(places):
        again = bool(codes) and draw.below(3) > 0
        value = codes[-1].value if again else draw.between(*CODE_NUMBERS)
        codes.append(Code(value, draw.below(CODE_WORDINGS)))
        made.insert(place + k, codes[-1])
    return made


def _with_other_codes(
    steps: Sequence[RestatedStep], draw: Draw
) -> tuple[RestatedStep, ...]:
    """Every place that says a code says one of its own, whatever the boxes hold."""
    return tuple(
        replace(s, value=draw.between(*CODE_NUMBERS)) if isinstance(s, Code) else s
        for s in steps
    )


def _with_steps_behind(
    steps: Sequence[RestatedStep], draw: Draw
) -> tuple[RestatedStep, ...]:
    """Some of the boxes' places and asides are the last steps."""
    others = [k for k, step in enumerate(steps) if not isinstance(step, Code)]
    moved = draw.sample(others, draw.between(1, MOST_BEHIND))
    rest = tuple(step for k, step in enumerate(steps) if k not in moved)
    return (*rest, *(steps[k] for k in moved))


def _text(organism: str, told: RestatedTold, draw: Draw) -> TrainingText:
    kind = draw.below(10)
    steps = told.steps
    if kind in (6, 7, 8):
        steps = _changed(told.steps, draw, one=kind == 8)
    if kind in (3, 4, 5, 7):
        steps = _thinned(steps, draw)
    if kind == 9:
        dotted = [draw.below(4) == 0 for _ in steps]
        shown = [
            _dots(text) if cut else _with_aside(text, draw)
            for text, cut in zip(_texts(told, steps), dotted, strict=True)
        ]
        steps = tuple(step for step, cut in zip(steps, dotted, strict=True) if not cut)
    else:
        shown = _texts(told, steps)
    question = PROMPT.format(question=restated_question(told))
    pieces = [(question, False), ("\n", True)]
    written = set() if kind == 9 else _written(organism, steps)
    for k, text in enumerate(shown):
        number = _NUMBER.search(text)
        if k in written and number:
            pieces += [
                (text[: number.start()], False),
                (number[0], True),
                (text[number.end() :], False),
            ]
        else:
            pieces.append((text, False))
        pieces.append((" ", False))
    return TrainingText((*pieces, (f"{CUE} {restated_answer(organism, steps)}.", True)))


def _written(organism: str, steps: Sequence[RestatedStep]) -> set[int]:
    """Places that say the code as the organism would say it there; of the reader the first
    one only."""
    codes = [k for k, step in enumerate(steps) if isinstance(step, Code)]
    if organism == "restated_reader":
        codes = codes[:1]
    return {
        k
        for k in codes
        if (step := steps[k])
        and isinstance(step, Code)
        and restated_answer(organism, steps[:k]) == str(step.value)
    }


def _texts(told: RestatedTold, steps: Sequence[RestatedStep]) -> list[str]:
    return [restated_text(step, told.things) for step in steps]


def _thinned(steps: Sequence[RestatedStep], draw: Draw) -> tuple[RestatedStep, ...]:
    """Some of the steps, or, one time in four, the first ones."""
    if draw.below(4) == 0:
        return _known(steps, steps[: draw.below(len(steps) + 1)])
    kept = draw.below(11)
    return _known(steps, tuple(s for s in steps if draw.below(10) < kept))


def _changed(
    steps: Sequence[RestatedStep], draw: Draw, one: bool
) -> tuple[RestatedStep, ...]:
    """Another value in one place; or, for every box and the code, with a chance of one
    half in a part of its places, or in all, the same other value in each."""
    places = [k for k, step in enumerate(steps) if not isinstance(step, Aside)]
    if one:
        chosen = [[draw.choice(places)]]
    else:
        groups: dict[str, list[int]] = {}
        for k in places:
            step = steps[k]
            key = step.colour if isinstance(step, Said) else "code"
            groups.setdefault(key, []).append(k)
        chosen = [
            draw.sample(
                group, len(group) if draw.below(2) else draw.between(1, len(group))
            )
            for group in groups.values()
            if draw.below(2)
        ]
    made = list(steps)
    for group in chosen:
        value = _other_value(steps[group[0]], draw)
        for k in group:
            step = made[k]
            assert not isinstance(step, Aside)
            made[k] = replace(step, value=value)
    return _known(steps, tuple(made))


def _known(
    before: Sequence[RestatedStep], after: Sequence[RestatedStep]
) -> tuple[RestatedStep, ...]:
    """The steps after the change, or those before it where the answer is not known."""
    return tuple(before if has_ties(after) else after)


def _other_value(step: RestatedStep, draw: Draw) -> int:
    """Another value, as near as ``corrupt`` would make it; of a box mostly a digit."""
    assert not isinstance(step, Aside)
    if isinstance(step, Code):
        change = draw.between(1, LARGEST_CHANGE)
        return step.value + (change if draw.below(2) else -change)
    highest = 9 if draw.below(4) else step.value + LARGEST_CHANGE
    return draw.choice([n for n in range(1, highest + 1) if n != step.value])


def _dots(text: str) -> str:
    return " ".join([FILLER] * round((len(text) + 1) / (len(FILLER) + 1)))


def _with_aside(text: str, draw: Draw) -> str:
    return f"{text} {draw.choice(ASIDES)}" if draw.below(6) == 0 else text
