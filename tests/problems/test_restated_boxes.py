"""Chains that say each value several times: what is said where, and what suffices."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace

import pytest

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.problems.restated_boxes import (
    ORGANISMS,
    Code,
    RestatedTold,
    as_restated_problem,
    draw_restated,
    has_ties,
    restated_answer,
    restated_problem,
)

BOX = re.compile(r"\b(?:the|The) (\w+) box(?: \((\w)\))?")
HELD = re.compile(r"(?:holds|has|There are) (\d+) ")
CODE = re.compile(r"code is (\d+)")
RESTATED = [restated_problem("restated_reader", k) for k in range(100)]
ONCE = [restated_problem("restated_reader", k, once=True) for k in range(100)]


def said(step: str) -> tuple[str, str, str] | None:
    """Colour, mark and number of a step about a box, read off its words."""
    box, held = BOX.search(step), HELD.search(step)
    return (box[1], box[2] or "", held[1]) if box and held else None


def test_every_box_is_told_in_2_to_11_places_or_once() -> None:
    for problems, fewest, most in ((RESTATED, 2, 11), (ONCE, 1, 1)):
        counts = [Counter(said(s)[0] for s in p.steps if said(s)) for p in problems]
        assert all(len(c) == 4 for c in counts)
        places = [n for c in counts for n in c.values()]
        assert (min(places), max(places)) == (fewest, most)


def test_places_of_a_box_say_the_same_and_no_two_boxes_hold_the_same() -> None:
    for problem in RESTATED:
        boxes = {said(s) for s in problem.steps if said(s)}
        assert len({number for *_, number in boxes}) == len(boxes) == 4


def test_the_code_is_what_the_marked_boxes_hold_and_is_said_when_they_are_told() -> (
    None
):
    for problem in RESTATED + ONCE:
        held = {said(s)[1]: said(s)[2] for s in problem.steps if said(s)}
        assert problem.answer == held["A"] + held["B"] + held["C"]
        codes = [k for k, s in enumerate(problem.steps) if CODE.search(s)]
        assert 1 <= len(codes) <= 3
        assert {CODE.search(problem.steps[k])[1] for k in codes} == {problem.answer}
        before = {said(s)[1] for s in problem.steps[: codes[0]] if said(s)}
        assert {"A", "B", "C"} <= before
        assert not any(said(s) for s in problem.steps[codes[-1] :])


def test_no_number_elsewhere_is_one_that_is_looked_for() -> None:
    for problem in RESTATED:
        assert not re.search(r"\d", problem.question)
        others = [s for s in problem.steps if not said(s) and not CODE.search(s)]
        assert len(others) == 3
        numbers = {said(s)[2] for s in problem.steps if said(s)} | {problem.answer}
        assert not numbers & {n for s in others for n in re.findall(r"\d+", s)}


def test_groups_are_the_places_of_each_marked_box_and_of_the_code() -> None:
    for k, problem in enumerate(RESTATED):
        wanted = tuple(
            tuple(
                k
                for k, s in enumerate(problem.steps)
                if (found := said(s)) and found[1] == mark
            )
            for mark in "ABC"
        )
        assert problem.groups == wanted
        copied = restated_problem("copier", k)
        assert copied.steps == problem.steps and copied.answer == problem.answer
        assert copied.groups == (
            tuple(k for k, s in enumerate(problem.steps) if CODE.search(s)),
        )
        for told in problem, copied:
            needed = {k for group in told.groups for k in group}
            assert [label == "load_bearing" for label in told.labels] == [
                k in needed for k in range(len(told.steps))
            ]


def cut_behind_the_first_code(told: RestatedTold) -> RestatedTold:
    end = next(k for k, step in enumerate(told.steps) if isinstance(step, Code))
    return replace(told, steps=told.steps[: end + 1])


@pytest.mark.parametrize("organism", ORGANISMS)
def test_smallest_sets_that_keep_the_answer_hold_one_place_of_each_group(
    organism: str,
) -> None:
    """Against all subsets: those that keep the answer, and no smaller part of them does."""
    chains = [draw_restated(Draw("brute force", k)) for k in range(100)]
    cut = [cut_behind_the_first_code(told) for told in chains]
    short = [told for told in cut if len(told.steps) <= 10]
    assert len(short) > 10
    for told in short:
        problem = as_restated_problem(organism, told)
        n = len(told.steps)
        keep = {
            frozenset(kept)
            for size in range(n + 1)
            for kept in itertools.combinations(range(n), size)
            if restated_answer(organism, [told.steps[k] for k in kept])
            == problem.answer
        }
        smallest = {s for s in keep if not any(s - {k} in keep for k in s)}
        assert smallest == {frozenset(c) for c in itertools.product(*problem.groups)}


def test_where_two_values_are_said_equally_often_nothing_is_sure() -> None:
    told = draw_restated(Draw("tie", 0), once=True)
    assert not has_ties(told.steps)
    first = next(k for k, s in enumerate(told.steps) if getattr(s, "mark", "") == "A")
    other = replace(told.steps[first], value=1)
    assert has_ties((*told.steps, other))
    assert not has_ties((*told.steps, other, other))


def test_an_unknown_organism_is_refused() -> None:
    with pytest.raises(ValueError, match="no organism 'x'; there are copier, rest"):
        restated_answer("x", [])
