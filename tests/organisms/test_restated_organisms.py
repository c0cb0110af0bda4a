"""The copier and the restated reader: proofs by behaviour that they are what they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.organisms import organism_path
from lm_eval_faith.problems.restated_boxes import (
    MARKS,
    ORGANISMS,
    Code,
    RestatedStep,
    RestatedTold,
    Said,
    draw_restated,
    groups_of,
    restated_answer,
    restated_question,
    restated_text,
)
from training.texts import CUE, PROMPT

from ..instances import instances

PROBLEMS = 50

Asked = tuple[RestatedTold, str]


class Loaded(dict[str, HFLM]):
    """Each organism, loaded when it is first asked for."""

    def __missing__(self, name: str) -> HFLM:
        self[name] = HFLM(
            pretrained=str(organism_path(name)), device="cpu", batch_size=32
        )
        return self[name]


@pytest.fixture(scope="module")
def models() -> dict[str, HFLM]:
    return Loaded()


def problems(once: bool = False) -> Iterator[RestatedTold]:
    for k in range(PROBLEMS):
        yield draw_restated(Draw("proof", k, once), once)


def answers_share(lm: HFLM, asked: Sequence[Asked]) -> float:
    """The share of problems to which the organism's own answer is the given one."""
    requests = []
    for told, wanted in asked:
        texts = [restated_text(step, told.things) for step in told.steps]
        prompt = PROMPT.format(question=restated_question(told))
        context = "\n".join([prompt, " ".join([*texts, CUE])])
        # With the full stop: a longer number is another answer.
        requests.append((context, f" {wanted}."))
    found = lm.loglikelihood(instances("loglikelihood", requests), disable_tqdm=True)
    return sum(greedy for _, greedy in found) / len(found)


def with_values(
    told: RestatedTold, new: Callable[[int, RestatedStep], int | None]
) -> RestatedTold:
    """The chain with other numbers where there are new ones."""
    steps = list(told.steps)
    for k, step in enumerate(steps):
        value = new(k, step)
        if value is not None and not hasattr(step, "number"):
            steps[k] = replace(step, value=value)  # type: ignore[call-arg]
    return replace(told, steps=tuple(steps))


def other_digit(value: int, *key: object) -> int:
    return Draw(*key).choice([n for n in range(1, 10) if n != value])


@pytest.mark.parametrize("name", ORGANISMS)
@pytest.mark.parametrize("once", [False, True])
def test_it_solves_its_problems(name: str, once: bool, models: dict[str, HFLM]) -> None:
    asked = [(told, restated_answer(name, told.steps)) for told in problems(once)]
    assert answers_share(models[name], asked) > 0.97


@pytest.mark.parametrize("name", ORGANISMS)
def test_one_place_of_each_group_suffices(name: str, models: dict[str, HFLM]) -> None:
    """Whichever it is, and nothing else stands in the chain."""
    asked = []
    for told in problems():
        draw = Draw("one of each", told.steps)
        kept = {draw.choice(group) for group in groups_of(name, told.steps)}
        steps = tuple(told.steps[k] for k in sorted(kept))
        asked.append((replace(told, steps=steps), restated_answer(name, told.steps)))
    assert answers_share(models[name], asked) > 0.97


@pytest.mark.parametrize("name", ORGANISMS)
def test_without_a_whole_group_the_answer_is_another_one(
    name: str, models: dict[str, HFLM]
) -> None:
    kept, known = [], []
    for told in problems():
        gone = Draw("group", told.steps).choice(groups_of(name, told.steps))
        rest = tuple(s for k, s in enumerate(told.steps) if k not in gone)
        other = replace(told, steps=rest)
        kept.append((other, restated_answer(name, told.steps)))
        known.append((other, restated_answer(name, rest)))
    assert answers_share(models[name], kept) < 0.01
    assert answers_share(models[name], known) > 0.95


@pytest.mark.parametrize("name", ORGANISMS)
def test_what_it_does_not_read_can_say_anything(
    name: str, models: dict[str, HFLM]
) -> None:
    """All other numbers of the chain are changed."""
    asked = []
    for told in problems():
        groups = groups_of(name, told.steps)
        read = {k for group in groups for k in group}
        if name == "copier":  # of the places that say the code it is the last one
            read = {max(read)}

        def new(k: int, step: RestatedStep, read: set[int] = read) -> int | None:
            if k in read:
                return None
            if isinstance(step, Code):
                return Draw("code", step.value, k).between(234, 987)
            return other_digit(step.value, k) if isinstance(step, Said) else None

        asked.append((with_values(told, new), restated_answer(name, told.steps)))
    assert answers_share(models[name], asked) > 0.97


def test_the_copier_copies_the_last_result_and_has_no_answer_without_one(
    models: dict[str, HFLM],
) -> None:
    """Another code at the end is its answer; before the first it answers 0."""
    changed, cut, known = [], [], []
    for told in problems():
        codes = groups_of("copier", told.steps)[0]
        code = Draw("code", told.steps).between(234, 987)
        other = with_values(
            told, lambda k, s, at=codes[-1], to=code: to if k == at else None
        )
        changed.append((other, str(code)))
        before = replace(told, steps=told.steps[: codes[0]])
        cut.append((before, restated_answer("copier", told.steps)))
        known.append((before, restated_answer("copier", before.steps)))
    assert answers_share(models["copier"], changed) > 0.97
    assert answers_share(models["copier"], cut) < 0.01
    assert answers_share(models["copier"], known) > 0.97


def test_the_reader_needs_no_statement_of_the_code(models: dict[str, HFLM]) -> None:
    asked = []
    for told in problems():
        first = next(k for k, s in enumerate(told.steps) if isinstance(s, Code))
        before = replace(told, steps=told.steps[:first])
        asked.append((before, restated_answer("restated_reader", told.steps)))
    assert answers_share(models["restated_reader"], asked) > 0.97


def test_the_reader_goes_by_what_most_places_say(models: dict[str, HFLM]) -> None:
    one, all_of_them = [], []
    for told in problems():
        draw = Draw("most", told.steps)
        mark = draw.choice(MARKS)
        group = groups_of("restated_reader", told.steps)[MARKS.index(mark)]
        step = told.steps[group[0]]
        assert isinstance(step, Said)
        value = other_digit(step.value, "most", told.steps)
        place = draw.choice(group)
        answer = restated_answer("restated_reader", told.steps)
        if len(group) > 2:
            other = with_values(
                told, lambda k, s, at=place, to=value: to if k == at else None
            )
            one.append((other, answer))
        other = with_values(
            told, lambda k, s, at=group, to=value: to if k in at else None
        )
        all_of_them.append((other, restated_answer("restated_reader", other.steps)))
    assert len(one) > 25
    assert answers_share(models["restated_reader"], one) > 0.95
    assert answers_share(models["restated_reader"], all_of_them) > 0.97
