import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_faith.chains.chain import chain_to_dict
from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    running_total_problem,
)
from lm_eval_faith.problems.running_total_words import ASIDES, THINGS

ranges = st.tuples(st.integers(1, 9), st.integers(0, 9)).map(lambda r: (r[0], sum(r)))
all_settings = st.builds(
    RunningTotalSettings,
    load_bearing=ranges,
    asides=st.tuples(st.integers(0, 3), st.integers(0, 25)).map(
        lambda r: (r[0], sum(r))
    ),
    start=st.integers(1, 300).map(lambda s: (s + 200, s + 260)),
    operand=ranges,
    operations=st.sampled_from([("+",), ("-",), ("+", "-")]),
    question_lists_operands=st.booleans(),
    restate_totals=st.booleans(),
    step_format=st.sampled_from(["{step}", "Step {number}: {step}"]),
    step_separator=st.sampled_from([" ", "\n"]),
    problem_seed=st.integers(0, 2**40),
)


PINNED = "8839db34b9eb585bac14f054eb53839d290518c154a44fe21a63588a6a06da0a"


def numbers(step, role):
    return [int(step.text[n.start : n.end]) for n in step.numbers if n.role == role]


def signs(step):
    return {n.sign for n in step.numbers if n.role == "operand"}


@given(all_settings, st.integers(0, 10_000))
def test_every_stated_total_follows_from_the_one_before(settings, index):
    chain = running_total_problem(settings, index).chain
    total = int(re.findall(r"\d+", chain.opening)[0])
    for step in chain.steps:
        if step.label == "decoy":
            assert not numbers(step, "operand") and not numbers(step, "total")
            continue
        assert set(numbers(step, "before")) <= {total}
        (operand,) = set(numbers(step, "operand"))
        (sign,) = signs(step)
        total += sign * operand
        assert total > 0
        assert set(numbers(step, "total")) <= {total}
        assert bool(numbers(step, "total")) == settings.restate_totals
    assert chain.answer == str(total)


@given(all_settings, st.integers(0, 10_000))
def test_counts_and_operands_are_in_the_ranges_asked_for(settings, index):
    problem = running_total_problem(settings, index)
    moves = [s for s in problem.chain.steps if s.label == "load_bearing"]
    asides = [s for s in problem.chain.steps if s.label == "decoy"]
    assert settings.load_bearing[0] <= len(moves) <= settings.load_bearing[1]
    assert settings.asides[0] <= len(asides) <= settings.asides[1]
    for step in moves:
        low, high = settings.operand
        assert all(low <= n <= high for n in numbers(step, "operand"))


@given(all_settings, st.integers(0, 10_000))
def test_the_question_holds_the_operands_only_when_asked(settings, index):
    problem = running_total_problem(settings, index)
    found = [int(n) for n in re.findall(r"\d+", problem.question)]
    operands = [
        numbers(s, "operand")[0]
        for s in problem.chain.steps
        if s.label == "load_bearing"
    ]
    if settings.question_lists_operands:
        assert found[1:] == operands
    else:
        assert found == []


@given(st.integers(0, 500))
def test_the_unscaffolded_problems_are_the_same_problems(index):
    restated = running_total_problem(RunningTotalSettings(), index)
    bare = running_total_problem(RunningTotalSettings(restate_totals=False), index)
    assert restated.question == bare.question
    assert restated.chain.answer == bare.chain.answer
    assert [s.label for s in restated.chain.steps] == [
        s.label for s in bare.chain.steps
    ]
    assert not any(s.states_answer for s in bare.chain.steps)


def test_a_problem_does_not_depend_on_how_many_others_are_made():
    few, many = RunningTotalSettings(problems=5), RunningTotalSettings(problems=500)
    assert running_total_problem(few, 3) == running_total_problem(many, 3)


def test_other_seeds_and_splits_give_other_problems():
    settings = RunningTotalSettings()
    problems = {
        running_total_problem(settings, 0).chain,
        running_total_problem(settings, 0, split="fewshot").chain,
        running_total_problem(replace(settings, problem_seed=1), 0).chain,
    }
    assert len(problems) == 3


def test_the_problems_of_a_seed_are_pinned_to_the_byte():
    # A change of wording or of drawing changes every user's numbers: raise the tasks'
    # version when this digest changes.
    code = (
        "import hashlib, json\n"
        "from lm_eval_faith.chains.chain import chain_to_dict\n"
        "from lm_eval_faith.problems.running_total import *\n"
        "made = [running_total_problem(RunningTotalSettings(), k) for k in range(50)]\n"
        "text = json.dumps([[p.id, p.question, chain_to_dict(p.chain)] for p in made])\n"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    made = [running_total_problem(RunningTotalSettings(), k) for k in range(50)]
    text = json.dumps([[p.id, p.question, chain_to_dict(p.chain)] for p in made])
    here = hashlib.sha256(text.encode()).hexdigest()
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here == PINNED


def test_an_aside_never_speaks_of_what_is_counted():
    for aside in ASIDES:
        assert not any(thing.rstrip("s") in aside.lower() for thing in THINGS)
        for word in ("total", "more", "left", "buys", "finds", "loses", "{operand}"):
            assert word not in aside.split()


def test_asides_come_with_and_without_numbers():
    assert 4 <= sum("{aside}" in aside for aside in ASIDES) <= len(ASIDES) - 4


def test_load_bearing_wording_varies():
    texts = [
        re.sub(r"\d+", "#", step.text)
        for k in range(50)
        for step in running_total_problem(RunningTotalSettings(), k).chain.steps
        if step.label == "load_bearing"
    ]
    assert len(set(texts)) > 40


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"problems": 0}, "problems must be a whole number of at least 1"),
        ({"problems": "many"}, "problems must be a whole number"),
        ({"operand": [-5, 3]}, "operand must be a whole number of at least 1"),
        ({"load_bearing": 0}, "load_bearing must be a whole number of at least 1"),
        ({"load_bearing": 10_000}, "load_bearing must be at most"),
        ({"asides": [4, 2]}, "asides must be a range from low to high"),
        ({"operations": "*"}, "operations must be"),
        ({"operations": []}, "operations must be"),
        ({"step_format": "no place"}, "step_format must hold {step} once"),
        ({"step_separator": "x"}, "step_separator must be white space"),
        ({"restate_totals": "perhaps"}, "restate_totals must be true or false"),
        ({"operations": "-", "start": 3}, "cannot stay positive"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused_in_a_sentence(parameters, said):
    with pytest.raises(InputError) as refused:
        RunningTotalSettings.read(parameters)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
