"""Choices: which one a text names, and in which order they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_faith.problems.choices import AnswerChoices, choices_of
from lm_eval_faith.problems.worked_choices import worked_choices

METALS = AnswerChoices(("iron", "gold", "A cat", "1/2"), 1)
NAMED = {
    "B": 1,
    "(B)": 1,
    "b": 1,
    "**B**": 1,
    "[B]": 1,
    r"\text{B}": 1,
    "B.": 1,
    "B) gold": 1,
    "B: gold": 1,
    "Option B": 1,
    "choice (B)": 1,
    "gold": 1,
    "Gold": 1,
    "A cat": 2,
    "A": 0,
    "0.5": 3,
    r"\frac{1}{2}": 3,
    "B) gold and more": 1,
    "A or B": None,
    "A and B": None,
    "B, C": None,
    "(A) or (B)": None,
    "both": None,
    "B. iron": None,
    "E": None,
    "silver": None,
    "": None,
    "none of them": None,
}


def test_an_answer_names_a_choice_by_letter_or_by_words_or_none():
    named = {answer: METALS.named(answer) for answer in NAMED}
    assert named == NAMED


@pytest.mark.parametrize("answer", [a for a, k in NAMED.items() if k == 1])
def test_other_choices_are_written_as_the_named_one(answer):
    if not METALS.names_letter(answer):
        return
    written = METALS.written_as(answer)
    assert [METALS.named(other) for other in written] == [0, 1, 2, 3]
    assert answer.startswith(written[1].rstrip(").:"))


@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=9, unique=True),
    st.data(),
)
def test_another_order_moves_letters_and_nothing_else(options, data):
    target = data.draw(st.integers(0, len(options) - 1))
    seed = data.draw(st.text(max_size=4))
    plain, shuffled = choices_of(options, target), choices_of(options, target, seed)
    assert sorted(plain.texts) == sorted(shuffled.texts)
    assert plain.texts[plain.target] == shuffled.texts[shuffled.target]
    assert [options[k] for k in shuffled.order] == list(shuffled.texts)
    assert plain.problem == shuffled.problem


def test_letters_of_worked_examples_are_balanced_and_their_answers_right():
    examples = worked_choices()
    assert sorted(e.chain.answer for e in examples) == list("ABCD")
    for example in examples:
        assert not example.choices.problem and example.chain.steps
        assert example.question.count("\n") == 4
