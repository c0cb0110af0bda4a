"""Final answers: where a text states one, and which two are the same."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.answers import extract_answer, last_number
from lm_eval_faith.chains.same_answer import same_answer
from lm_eval_faith.chains.written import chain_of, split_generation

from ..linear import assert_linear, seconds

# The statement is in brackets ⟦ ⟧, the answer in ⟨ ⟩.
STATED = [
    "So 9 * 2 = 18. ⟦The answer is $⟨18.00⟩⟧ per day.",
    "She makes 9.\n⟦#### ⟨1,234⟩⟧",
    "⟦Therefore, Janet makes $\\boxed{⟨18⟩⟧}$ dollars every day.",
    "We get 9 × 2 = ⟦\\boxed{⟨18⟩⟧}.",
    "It is so.\n⟦**Final Answer:**\n\n\\boxed{⟨18⟩⟧}",
    "⟦The final answer is: $\\boxed{⟨\\frac{3}{4}⟩⟧}$. I hope it is correct.",
    "Two and two.\n⟦A: ⟨4⟩⟧",
    "Two and two.\n⟦Answer: ⟨x+1⟩⟧.",
    "⟦The answer is ⟨(B)⟩⟧.",
    "⟦The answer is 9 * 2 = ⟨18⟩⟧ dollars.",
    "So:\n⟦\\[\n\\boxed{⟨18⟩⟧\\text{ dollars}}\n\\]",
    "⟦\\boxed{x = ⟨5⟩⟧}",
    "⟦Given this, the correct answer is:\n\nThe answer is ⟨D⟩⟧. liquid water.",
    "⟦The final answer is: The answer is ⟨7⟩⟧.",
    "⟦\\boxed{⟨2\\sqrt{3}⟩⟧}",
    "⟦The answer is ⟨18⟩⟧.\n#### 18",
    "She has 12 of 30.\n⟦### Final Answer\n⟨18⟩⟧ eggs",
    "⟦The answer is **⟨18⟩⟧**.",
    "⟦The answer is ⟨1/2⟩⟧.",
    "⟦\\boxed{⟨25⟩⟧\\%}",
    "⟦The answer to the question is ⟨seven⟩⟧.",
    "⟦The answer is ⟨-5⟩⟧.",
    "She sold 3. ⟦So the answer is ⟨7⟩⟧.\n\nQuestion: and now?\n#### 9",
    "Maybe the answer is 4. But 3 + 4 = 7. ⟦The answer is ⟨7⟩⟧.",
    "I add 3 and 4, ⟦so the answer is ⟨7⟩⟧.",
]


@pytest.mark.parametrize("marked", STATED)
def test_statement_and_answer_are_found(marked: str) -> None:
    text = marked.translate({ord(c): None for c in "⟦⟧⟨⟩"})
    found = extract_answer(text)
    assert found is not None
    assert text[found.start : found.end] == found.text
    assert found.text == marked.split("⟨")[1].split("⟩")[0]
    cue = marked.split("⟦")[1].split("⟨")[0]
    assert text[found.statement : found.start] == cue


@pytest.mark.parametrize(
    "text",
    [
        "",
        "So it is 18.",
        "\\boxed{",
        "\\boxed{}",
        "The answer is",
        "#### ",
        "The answer is 5. Wait, that is wrong. " + "Let me think again. " * 30,
    ],
)
def test_text_without_a_final_statement_has_no_answer(text: str) -> None:
    assert extract_answer(text) is None


def test_last_number_prefers_the_bold_one() -> None:
    found = last_number("She makes **$18** in 7 days.")
    assert found is not None and found.text == "18"


SAME = [
    ("1,000", "1000"),
    ("$18.00", "18"),
    ("eighteen", "18"),
    ("3/4", "0.75"),
    ("50%", "0.5"),
    ("50%", "50"),
    (r"\frac{3}{4}", "3/4"),
    (r"\boxed{5}", "$5$"),
    ("18 dollars", "18"),
    (r"2\sqrt{2}", r"\sqrt{8}"),
    ("x+1", "1+x"),
    ("(1,2)", "(1, 2)"),
    ("2^{3}", "8"),
    ("Yes", "yes."),
    ("235.60000000000002", "235.6"),
]
DIFFERENT = [
    ("5", "6"),
    ("-5", "5"),
    ("1000000001", "1000000000"),
    ("0.333", "1/3"),
    ("3 apples", "3 pears"),
    ("3 mıllion", "3000000"),
    ("x+1", "x+2"),
    ("A", "B"),
    ("", ""),
    ("9" * 5000, "9" * 4999 + "8"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_same_answers(a: str, b: str) -> None:
    assert same_answer(a, b) and same_answer(b, a)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different_answers(a: str, b: str) -> None:
    assert not same_answer(a, b) and not same_answer(b, a)


@pytest.mark.parametrize(
    "bomb",
    [
        "10**10**10",
        "10^{10^{10}}",
        "9" * 30 + "^" + "9" * 30,
        "99999999!",
        r"\sum_{i=1}^{10^9} i",
        r"\int_0^1 x^{x^x} dx",
        "(" * 200,
        "{" * 200,
        r"\frac{" * 40,
        "x^9^9^9",
        "2^99999999",
        "1e99999999",
        "__import__('os').system('true')",
    ],
)
def test_expression_that_explodes_is_refused_at_once(bomb: str) -> None:
    def refuse() -> None:
        assert not same_answer(bomb, "x+1")
        assert not same_answer("7", bomb)

    assert same_answer("x^2+2x+1", "(x+1)^2")
    ordinary = seconds(lambda: same_answer("x^2+4x+4", "(x+2)^2"))
    assert seconds(refuse) < max(2, 300 * ordinary)
    assert same_answer(bomb, bomb)


def test_answers_are_compared_in_threads_too() -> None:
    verdicts: list[bool] = []
    thread = threading.Thread(target=lambda: verdicts.append(same_answer("x+2", "2+x")))
    thread.start()
    thread.join()
    assert verdicts == [True]


@pytest.mark.parametrize(
    ("text", "answer", "states"),
    [
        ("so 18.00", "18", True),
        ("that is $18", "18", True),
        ("There are eighteen of them", "18", True),
        ("1,180 of them", "18", False),
        ("118", "18", False),
        ("3/4 cup", "3", False),
        ("3. Add up", "3", False),
        ("x18 is it", "18", False),
        ("18% of it", "18", True),
        ("half or 50%", "0.5", True),
        (r"\frac{7}{2} of it", "7/2", True),
        (r"it is 2\sqrt{3}", r"2\sqrt{3}", True),
        (r"it is 12\sqrt{3}", r"2\sqrt{3}", False),
        ("x + 1 = y", "x+1", True),
        ("A cat", "A", False),
        ("so (A) holds", "A", True),
        ("1,000", "1000", True),
        ("anything", "", False),
    ],
)
def test_step_states_the_answer(text: str, answer: str, states: bool) -> None:
    assert states_answer(text, answer) is states


@settings(max_examples=120, deadline=None)
@given(
    st.text(alphabet="0123456789.,/-$%^*+x()\\{}! ", max_size=40), st.text(max_size=9)
)
def test_comparison_never_raises_and_is_symmetric(a: str, b: str) -> None:
    assert same_answer(a, b) == same_answer(b, a)


cues = st.sampled_from(
    ["The answer is ", "#### ", "\\boxed{", "}", "A: ", "Answer:", "<think>", "**"]
    + ["</think>", "5", "7.5", "\n", ". ", "She has ", "x+1", "$", "Question:", "%"]
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(cues, max_size=30).map("".join)))
def test_generation_is_taken_apart_to_the_byte(text: str) -> None:
    for thinking in (False, True):
        written = split_generation(text, "7", thinking=thinking)
        assert written.text == text
        assert (written.problem is None) <= bool(written.answer and written.chain.steps)


def test_plain_solution() -> None:
    written = split_generation("5 + 3 = 8 eggs.\nShe sells 2, so 6.\n#### 6", "6.0")
    assert [s.text for s in written.chain.steps] == [
        "5 + 3 = 8 eggs.",
        "She sells 2, so 6.",
    ]
    assert [s.states_answer for s in written.chain.steps] == [False, True]
    assert (written.cue, written.answer, written.correct) == ("#### ", "6", True)
    assert written.problem is None


def test_thinking_is_the_chain_and_the_rest_the_statement() -> None:
    text = (
        "<think>\nOkay, 5 + 3 = 8.\n\nWait, 8 - 2 = 6.\n</think>\n\n"
        "She has 8 eggs and sells 2.\n\n**Answer:** \\boxed{6} eggs"
    )
    written = split_generation(text, "7")
    assert (written.before, written.chain.opening) == ("<think>", "\n")
    assert [s.text for s in written.chain.steps] == [
        "Okay, 5 + 3 = 8.",
        "Wait, 8 - 2 = 6.",
    ]
    assert written.cue.startswith("</think>\n\nShe has 8 eggs")
    assert written.short_cue == "</think>\n\n**Answer:** \\boxed{"
    assert (written.answer, written.rest, written.correct) == ("6", "} eggs", False)


def test_opening_tag_may_be_in_the_prompt() -> None:
    written = split_generation("5 + 3 is 8 here.</think>It is 8.", thinking=True)
    assert (written.chain.text, written.cue) == ("5 + 3 is 8 here.", "</think>It is ")


@pytest.mark.parametrize(("text", "thinking"), [("<think>5 + 3", False), ("5", True)])
def test_thinking_that_is_cut_off_has_no_answer(text: str, thinking: bool) -> None:
    written = split_generation(text, "5", thinking=thinking)
    assert written.answer == ""
    assert written.correct is None
    assert written.problem is not None and "</think>" in written.problem


def test_empty_thinking_is_none() -> None:
    text = "<think>\n\n</think>\n\nShe has 5 + 3 = 8.\nThe answer is 8."
    written = split_generation(text)
    assert written.before.endswith("</think>")
    assert [s.text for s in written.chain.steps] == ["She has 5 + 3 = 8."]


def test_other_tags() -> None:
    text = "[T]It is 5 here.[/T] The answer is 5."
    written = split_generation(text, think_tags=("[T]", "[/T]"))
    assert (written.chain.text, written.answer) == ("It is 5 here.", "5")


def test_last_number_is_the_answer_only_when_allowed() -> None:
    text = "She has 5 + 3 eggs. So it is 8 eggs."
    assert split_generation(text).problem is not None
    assert split_generation(text, allow_last_number=True).answer == "8"


def test_percent_sign_counts_for_the_reference() -> None:
    assert split_generation("Half of it.\nThe answer is 50%.", "0.5").correct is True


def test_chain_of_listed_steps_keeps_them() -> None:
    chain = chain_of(["It is 5. Then 6.", " ", "So 7. "], "7")
    assert [s.text for s in chain.steps] == ["It is 5. Then 6.", "So 7."]
    assert [s.states_answer for s in chain.steps] == [False, True]
    assert chain.text == "It is 5. Then 6.\n \nSo 7. "


@pytest.mark.parametrize("piece", ["the answer is ", "\\boxed{", "####\n", "\nA:", "*"])
def test_hostile_text_is_searched_in_linear_time(piece: str) -> None:
    assert_linear(lambda text: split_generation(text, "5"), piece, 40_000)
