"""Generated word problems: right, in range, independent of each other, closed words."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.errors import InputError
from lm_eval_faith.parameters import as_json
from lm_eval_faith.problems.word_problems import (
    WordProblemSettings,
    vocabulary,
    word_problem,
)

WORKING = re.compile(r"(\d+) ([-+*]) (\d+) = (\d+)")


def workings(text: str) -> list[tuple[int, str, int, int]]:
    return [(int(a), o, int(b), int(c)) for a, o, b, c in WORKING.findall(text)]


def check(settings: WordProblemSettings, index: int) -> None:
    problem = word_problem(settings, index)
    steps = [workings(step.text) for step in problem.chain.steps]
    assert settings.steps[0] <= len(steps) <= settings.steps[1]
    total = None
    for k, [(a, sign, b, c)] in enumerate(steps):
        assert c == {"+": a + b, "-": a - b, "*": a * b}[sign]
        assert 1 <= c <= settings.largest
        assert sign in settings.operations
        assert total in (None, a)
        low, high = settings.factor if sign == "*" else settings.operand
        assert low <= b <= high or (
            k == 0 and sign == "*" and f"{a} " in problem.question
        )
        assert re.search(rf"(?<!\d){b}(?!\d)", problem.question)
        total = c
    assert problem.chain.answer == str(total)
    assert problem.chain.steps[-1].states_answer


def test_default_problems_are_right_and_in_range() -> None:
    for index in range(500):
        check(WordProblemSettings(), index)


ranges = st.tuples(st.integers(1, 12), st.integers(0, 10)).map(lambda p: (p[0], sum(p)))


@settings(max_examples=80, deadline=None)
@given(
    steps=ranges,
    operations=st.sampled_from(["+", "-", "*", "+-", "+*", "-*", "+-*"]),
    start=ranges,
    operand=ranges,
    factor=st.sampled_from([(2, 2), (2, 3), (3, 5)]),
    largest=st.sampled_from([20, 99, 1000, 10**6]),
    groups=st.sampled_from([0.0, 0.5, 1.0]),
    irrelevant=st.sampled_from([(0, 0), (1, 4)]),
)
def test_settings_are_kept_or_refused(**parameters: object) -> None:
    try:
        chosen = WordProblemSettings.read(parameters)
    except InputError:
        return
    for index in range(3):
        check(chosen, index)


def test_a_problem_does_not_depend_on_the_others() -> None:
    several = [word_problem(WordProblemSettings(problems=9), k) for k in range(9)]
    assert word_problem(WordProblemSettings(problems=1), 7) == several[7]
    assert len({p.question for p in several}) == 9


def test_seed_and_split_give_other_problems() -> None:
    plain = word_problem(WordProblemSettings(), 0)
    assert (
        word_problem(WordProblemSettings(problem_seed=1), 0).question != plain.question
    )
    assert (
        word_problem(WordProblemSettings(), 0, split="train").question != plain.question
    )


def test_vocabulary_is_closed_and_modest() -> None:
    known = set(vocabulary())
    assert len(known) < 300
    for index in range(1000):
        problem = word_problem(WordProblemSettings(irrelevant=(0, 4)), index)
        text = f"{problem.question} {problem.chain.text}"
        assert set(re.findall(r"[A-Za-z]+|[^\w\s]", text)) <= known


def test_irrelevant_sentences_are_as_many_as_asked_for() -> None:
    none = word_problem(WordProblemSettings(steps=(3, 3), irrelevant=(0, 0)), 5)
    four = word_problem(WordProblemSettings(steps=(3, 3), irrelevant=(4, 4)), 5)
    assert four.question.count(".") - none.question.count(".") == 4
    assert four.chain == none.chain


def test_solution_is_split_into_its_own_steps() -> None:
    for separator in (" ", "\n"):
        for index in range(50):
            chosen = WordProblemSettings(step_separator=separator)
            chain = word_problem(chosen, index).chain
            assert chain_of(chain.text, chain.answer) == chain


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"steps": 0}, "steps must be a whole number"),
        ({"steps": [8, 2]}, "from low to high"),
        ({"steps": 51}, "steps must be at most 50"),
        ({"operations": "/"}, "operations must be"),
        ({"operations": "-", "start": 5}, "cannot stay positive"),
        ({"operations": "+", "largest": 40}, "can reach"),
        ({"operations": "*", "steps": 9}, "can reach"),
        ({"start": 200}, "largest is 99"),
        ({"largest": 20, "start": 5, "operand": 11}, "no room"),
        ({"groups": 2}, "groups must be a share"),
        ({"irrelevant": 99}, "irrelevant must be at most"),
        ({"step_separator": "x"}, "step_separator must be white space"),
    ],
)
def test_unusable_setting_is_refused_in_a_sentence(
    parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        WordProblemSettings.read(parameters)


def test_settings_are_recorded_and_read_back() -> None:
    chosen = WordProblemSettings.read(
        {"steps": "2-4", "operations": "+,-", "step_separator": "\\n", "other": 1}
    )
    assert (chosen.steps, chosen.operations) == ((2, 4), ("+", "-"))
    assert WordProblemSettings.read(json.loads(json.dumps(as_json(chosen)))) == chosen
