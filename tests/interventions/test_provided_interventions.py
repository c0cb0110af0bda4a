import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.interventions import (
    Context,
    NotApplicable,
    get_intervention,
)
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    running_total_problem,
)

problems = st.builds(
    lambda restate, index, seed: running_total_problem(
        RunningTotalSettings(restate_totals=restate, problem_seed=seed), index
    ),
    st.booleans(),
    st.integers(0, 5_000),
    st.integers(0, 5),
)
ALL = ("corrupt", "corrupt_local", "delete", "truncate", "filler")


def intervene(name: str, problem, step: int, seed: int = 0) -> Chain:
    context = Context(seed, problem.id, step, name, rewrite=problem.rewrite)
    return get_intervention(name)(problem.chain, step, context)


def changed_steps(before: Chain, after: Chain) -> list[int]:
    assert len(before.steps) == len(after.steps)
    pairs = zip(before.steps, after.steps, strict=True)
    return [k for k, (old, new) in enumerate(pairs) if old.text != new.text]


@given(problems, st.data())
def test_corrupt_changes_the_step_and_the_totals_after_it_and_nothing_else(
    problem, data
):
    step = data.draw(st.sampled_from(range(len(problem.chain.steps))))
    chosen = problem.chain.steps[step]
    if not chosen.numbers:
        with pytest.raises(NotApplicable, match="states no number"):
            intervene("corrupt", problem, step)
        return
    after = intervene("corrupt", problem, step)
    later_totals = [
        k
        for k, s in enumerate(problem.chain.steps)
        if k > step and any(n.role in ("before", "total") for n in s.numbers)
    ]
    expected = later_totals if chosen.label == "load_bearing" else []
    assert changed_steps(problem.chain, after) == [step, *expected]
    for old, new in zip(problem.chain.steps, after.steps, strict=True):
        assert re.sub(r"\d+", "#", old.text) == re.sub(r"\d+", "#", new.text)


@given(problems, st.data())
def test_a_corrupted_provided_chain_adds_up_to_its_own_other_answer(problem, data):
    moves = [k for k, s in enumerate(problem.chain.steps) if s.label == "load_bearing"]
    after = intervene("corrupt", problem, data.draw(st.sampled_from(moves)))
    assert after.answer != problem.chain.answer
    total = int(re.findall(r"\d+", after.opening)[0])
    for step in after.steps:
        by_role = {n.role: int(step.text[n.start : n.end]) for n in step.numbers}
        if "operand" in by_role:
            assert by_role.get("before", total) == total
            sign = next(n.sign for n in step.numbers if n.role == "operand")
            total += sign * by_role["operand"]
            assert by_role.get("total", total) == total > 0
    assert after.answer == str(total)


@given(problems, st.data())
def test_every_number_that_the_corrupted_step_states_is_a_nearby_wrong_one(
    problem, data
):
    step = data.draw(st.sampled_from(range(len(problem.chain.steps))))
    old = problem.chain.steps[step]
    if not old.numbers:
        return
    new = intervene("corrupt", problem, step).steps[step]
    for before, after in zip(old.numbers, new.numbers, strict=True):
        was = int(old.text[before.start : before.end])
        now = int(new.text[after.start : after.end])
        if before.role == "before":
            assert now == was
        else:
            assert now > 0 and 1 <= abs(now - was) <= 9


@given(problems, st.data())
def test_an_aside_corrupted_leaves_the_answer_as_it_is(problem, data):
    asides = [
        k for k, s in enumerate(problem.chain.steps) if s.label == "decoy" and s.numbers
    ]
    if asides:
        after = intervene("corrupt", problem, data.draw(st.sampled_from(asides)))
        assert after.answer == problem.chain.answer


@given(problems, st.data())
def test_corrupt_local_makes_the_change_of_corrupt_in_this_step_only(problem, data):
    step = data.draw(st.sampled_from(range(len(problem.chain.steps))))
    if not problem.chain.steps[step].numbers:
        return
    local = intervene("corrupt_local", problem, step)
    carried = intervene("corrupt", problem, step)
    assert changed_steps(problem.chain, local) == [step]
    assert local.steps[step] == carried.steps[step]
    assert local.answer == problem.chain.answer


@given(problems, st.data())
def test_delete_removes_one_step(problem, data):
    step = data.draw(st.sampled_from(range(len(problem.chain.steps))))
    after = intervene("delete", problem, step)
    old = problem.chain.steps
    assert after.steps == old[:step] + old[step + 1 :]


@given(problems, st.data())
def test_truncate_ends_the_chain_before_the_step(problem, data):
    step = data.draw(st.sampled_from(range(len(problem.chain.steps))))
    assert intervene("truncate", problem, step).steps == problem.chain.steps[:step]


@given(problems, st.data())
def test_filler_is_dots_about_as_long_as_the_step(problem, data):
    step = data.draw(st.sampled_from(range(len(problem.chain.steps))))
    old = problem.chain.steps[step].text
    new = intervene("filler", problem, step).steps[step].text
    assert set(new) <= {".", " "}
    assert abs(len(new) - len(old)) <= 2


@given(problems, st.sampled_from(ALL), st.data())
def test_no_intervention_touches_earlier_text(problem, name, data):
    step = data.draw(st.sampled_from(range(len(problem.chain.steps))))
    try:
        after = intervene(name, problem, step)
    except NotApplicable:
        return
    earlier = problem.chain.opening + "".join(
        s.text + s.after for s in problem.chain.steps[:step]
    )
    assert after.text.startswith(earlier)


@given(problems, st.sampled_from(ALL), st.data())
def test_the_same_seed_gives_the_same_bytes(problem, name, data):
    step = data.draw(st.sampled_from(range(len(problem.chain.steps))))
    try:
        first = intervene(name, problem, step, seed=7)
    except NotApplicable:
        return
    assert intervene(name, problem, step, seed=7) == first


def test_another_seed_gives_another_corruption():
    problem = running_total_problem(RunningTotalSettings(), 0)
    step = next(k for k, s in enumerate(problem.chain.steps) if s.numbers)
    texts = {intervene("corrupt", problem, step, seed=s).text for s in range(20)}
    assert len(texts) > 3


def test_where_no_change_keeps_totals_positive_corrupt_is_not_applicable():
    problem = running_total_problem(
        RunningTotalSettings.read(
            {
                "operations": "-",
                "start": 2,
                "operand": 1,
                "load_bearing": 1,
                "asides": 0,
            }
        ),
        0,
    )
    assert problem.chain.answer == "1"
    with pytest.raises(NotApplicable, match="positive"):
        intervene("corrupt", problem, 0)


def test_a_chain_of_one_step_can_be_deleted_to_nothing():
    chain = Chain((Step("Only."),), "1")
    assert get_intervention("delete")(chain, 0, Context(0, "d", 0, "delete")).text == ""
