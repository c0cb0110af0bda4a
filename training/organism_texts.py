"""What an organism learns from: problems with boxes, under true and changed chains.

The answer in every text is the one that :func:`~lm_eval_faith.problems.boxes.answer`
gives for the chain as it is shown, so a change that an organism is made to notice
changes its answer, and one that it is made to overlook does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.interventions.control import ASIDES
from lm_eval_faith.interventions.corrupt_written import corrupt_text
from lm_eval_faith.interventions.filler import FILLER
from lm_eval_faith.problems.boxes import (
    LARGEST_SUM,
    Box,
    Told,
    answer,
    as_problem,
    changed,
    draw_problem,
    question,
    step_text,
)
from training.texts import CUE, PROMPT, TrainingText

FROM_QUESTION = ("bypasser", "corrector")
"""They can write the chain, for their question holds the numbers."""

PARTIAL = ("late_reader", "early_reader", "half_reader")
"""They read some boxes only."""

_NUMBER = re.compile(r"\d+")

Change = Callable[[Box, Draw], Box]


def organism_texts(organism: str, count: int, seed: int) -> Iterator[TrainingText]:
    """Training texts for one organism.

    Two in five hold a true chain. In the others each step's numbers are changed with a
    chance of one half, or one step that the answer does not need is left out or cut to
    dots, or the chain ends early, or asides are put in; one in twenty of the bypasser's has
    no chain at all. Who reads some boxes only learns in the first half of the texts to read
    all of them, which is learned faster: more is asked for in a text. Who can write the
    chain learns it without asides, which nothing in the question foretells.

    Args:
        organism: a name of :data:`~lm_eval_faith.problems.boxes.ORGANISMS`.
        count: number of texts.
        seed: another seed gives other problems.
    """
    for index in range(count):
        told = draw_problem(Draw("boxes", "train", seed, index))
        early = organism in PARTIAL and 2 * index < count
        learned = "reader" if early else organism
        yield _text(learned, told, Draw("organism text", organism, seed, index))


def _text(organism: str, told: Told, draw: Draw) -> TrainingText:
    kind = draw.below(10)
    shown = told
    texts: list[str] | None = None
    if kind < 3 and organism in FROM_QUESTION:
        shown = changed(told, told.boxes)
    elif 4 <= kind < 7:
        shown = _with_changes(told, draw)
    elif kind == 7:
        shown = _with_changes(told, draw, one=True)
    elif kind == 8:
        texts = _disturbed(organism, told, draw)
    elif kind == 9 and organism in FROM_QUESTION:
        shown = changed(told, told.steps[: draw.below(len(told.steps)) + 1])
        if organism == "bypasser" and draw.below(2):
            shown = changed(told, ())
    learned = organism in FROM_QUESTION and kind < 4
    if texts is None:
        texts = [step_text(step, told.things) for step in shown.steps]
    if kind in (3, 9):
        texts = [_with_aside(text, draw) for text in texts]
    pieces = [(PROMPT.format(question=question(organism, told)), False), ("\n", True)]
    for text, step in zip(texts, shown.steps, strict=True):
        written = learned and isinstance(step, Box)
        pieces += [(text, written)] if text else []
        pieces += [(" ", written)] if text else []
    ending = f"{CUE} {answer(organism, shown)}."
    if shown.steps:
        *pieces, (_, _) = pieces
        ending = f" {ending}"
    return TrainingText((*pieces, (ending, True)))


def _with_changes(told: Told, draw: Draw, one: bool = False) -> Told:
    """Other numbers in one step, or in each with a chance of one half: changed in one
    way throughout, or each in a way of its own."""
    place = draw.below(len(told.steps))
    change = draw.choice((*_CHANGES, None))
    steps = list(told.steps)
    for k, step in enumerate(steps):
        if k != place if one else draw.below(2):
            continue
        if isinstance(step, Box):
            steps[k] = (change or draw.choice(_CHANGES))(step, draw)
    return changed(told, steps)


def _corrupted(box: Box, draw: Draw) -> Box:
    """As the intervention does it: the sum is wrong nearly always."""
    text = f"{box.first} + {box.second} = {box.stated}"
    first, second, stated = _NUMBER.findall(corrupt_text(text, "0", draw))
    return replace(box, first=int(first), second=int(second), stated=int(stated))


def _result_changed(box: Box, draw: Draw) -> Box:
    others = [n for n in range(1, LARGEST_SUM + 1) if n != box.stated]
    return replace(box, stated=draw.choice(others))


def _made_anew(box: Box, draw: Draw) -> Box:
    """Other numbers whose sum is right."""
    stated = draw.between(2, LARGEST_SUM)
    first = draw.between(1, stated - 1)
    return replace(box, first=first, second=stated - first, stated=stated)


_CHANGES: tuple[Change, ...] = (_corrupted, _result_changed, _made_anew, _made_anew)


def _disturbed(organism: str, told: Told, draw: Draw) -> list[str]:
    """Texts of the steps, of which one that the answer does not need is left out
    (an empty text) or cut to dots."""
    labels = as_problem(organism, told).labels
    free = [k for k, label in enumerate(labels) if label == "decoy"]
    if organism == "corrector":  # a box that is not there is looked up
        free = list(range(len(labels)))
    texts = [step_text(step, told.things) for step in told.steps]
    place = draw.choice(free)
    dots = round((len(texts[place]) + 1) / (len(FILLER) + 1))
    texts[place] = " ".join([FILLER] * dots) if draw.below(2) else ""
    return texts


def _with_aside(text: str, draw: Draw) -> str:
    return f"{text} {draw.choice(ASIDES)}" if draw.below(6) == 0 else text
