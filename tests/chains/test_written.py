"""A model's text taken apart: where the chain ends, and what is asked for behind it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.written import (
    CUTS,
    NO_REFERENCE,
    Cut,
    WrittenChain,
    split_generation,
    split_steps,
)

from ..linear import assert_linear

TRACE = (
    "<think>\nOkay, 5 + 3 = 8. So it is 8 eggs. Let me check again: 5 + 3 is right.\n\n"
    "**Final Answer**\nShe has \\boxed{8} eggs.\n</think>\n\nShe has 5 + 3.\n\\boxed{8}"
)


def texts_of(written: WrittenChain) -> list[str]:
    return [step.text for step in written.chain.steps]


def test_a_final_statement_inside_the_thinking_is_no_step_and_not_in_the_cue() -> None:
    written = split_generation(TRACE, "8")
    assert texts_of(written)[-1] == "Let me check again: 5 + 3 is right."
    assert written.text == TRACE
    assert "8" in written.cue and written.short_cue == "</think>\n\n\\boxed{"
    assert (written.correct, written.cut, written.steps_after_first) == (
        *(True, "final"),
        2,
    )


def test_the_chain_may_end_before_the_first_or_the_last_statement() -> None:
    first = split_generation(TRACE, "8", cut="first")
    last = split_generation(TRACE, "8", cut="last")
    assert (texts_of(first), first.outcome) == ([], "no steps")
    assert texts_of(last) == ["Okay, 5 + 3 = 8."]
    assert last.short_cue == "</think>\n\n\\boxed{"
    assert (last.text, last.cut) == (TRACE, "last")


def test_the_final_statement_can_be_kept() -> None:
    written = split_generation(TRACE, "8", keep_final=True)
    assert texts_of(written)[-1].endswith("She has \\boxed{8} eggs.")
    plain = split_generation("5 + 3 is 8.\n#### 8", "8", keep_final=True)
    assert (texts_of(plain), plain.short_cue) == (["5 + 3 is 8.", "#### 8"], "\n#### ")


def test_another_answer_at_the_end_of_the_thinking_stays_a_step() -> None:
    text = "<think>It has 19 bits. So the answer is 19.</think>\\boxed{20}"
    assert texts_of(split_generation(text))[-1] == "So the answer is 19."


@pytest.mark.parametrize(
    ("text", "answer", "steps"),
    [
        (
            "3 + 4 = 8, so the answer is 8. Wait, I should check. 3 + 4 = 7. So he has 7.",
            "7",
            3,
        ),
        (
            "Step 1: The answer to part (a) is 5. Step 2: Multiply by 2 to get 10.",
            "10",
            2,
        ),
        ("Answer: Let's think step by step. 3+4=7. Then 7-2=5. So 5 remain.", "5", 3),
    ],
)
def test_a_statement_does_not_end_the_chain_when_reasoning_follows(
    text: str, answer: str, steps: int
) -> None:
    written = split_generation(text, answer)
    assert (written.answer, written.correct) == (answer, True)
    assert len(written.chain.steps) == steps


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("<think>\n5 + 3 = 8. So the answer is 8. Wait, maybe", "unfinished"),
        ("5 + 3 = 8. And so on.", "unparsed"),
        ("<think>5 + 3 = 8.</think>", "unparsed"),
        ("The answer is 8.", "no steps"),
    ],
)
def test_what_cannot_be_used_is_named_and_never_right(text: str, outcome: str) -> None:
    written = split_generation(text, "8")
    assert (written.outcome, bool(written.problem)) == (outcome, True)
    assert written.correct is (True if outcome == "no steps" else None)


def test_a_reference_that_cannot_be_read_is_not_a_wrong_answer() -> None:
    reference = "Proof. " + "It follows by induction. " * 20
    written = split_generation("5 + 3 = 8.\nThe answer is 8.", reference)
    assert (written.correct, written.problem) == (None, NO_REFERENCE)


def test_a_reference_may_be_a_worked_solution_with_a_drawing_behind_its_box() -> None:
    drawing = "[asy]\n" + "draw((0,0)--(1,1));\n" * 40 + "[/asy]"
    reference = "Question 1: add.\nQuestion 2: we get \\boxed{8}.\n" + drawing
    assert split_generation("5 + 3 = 8.\nThe answer is 8.", reference).correct is True


def test_listed_steps_stay_steps_and_tags_and_statements_are_none() -> None:
    steps = ["<think>", "It is 5.", "Then 1 comes.", "|---|", "</think>", "So **6**."]
    written = split_steps(steps, "6")
    assert texts_of(written) == ["It is 5.", "Then 1 comes."]
    assert (written.answer, written.correct) == ("6", True)
    wrong = split_steps(["He has 20 - 4 = 15.", "Step 2: #### 15"], "16")
    assert (texts_of(wrong), wrong.correct) == (["He has 20 - 4 = 15."], False)


def test_markup_alone_is_no_step() -> None:
    written = split_generation("She has 5.\n|---|---|\nShe gets 3.\n</step>\n#### 8")
    assert texts_of(written) == ["She has 5.", "She gets 3."]


@pytest.mark.parametrize(
    "piece",
    ["\nQ: a", "5 is 7, ", "= x+y ", "\\boxed{5} ", "(9, 11) ", "<think>", "1/2 "],
)
@pytest.mark.parametrize("answer", ["5", "x+y"])
def test_a_hostile_text_is_taken_apart_in_linear_time(piece: str, answer: str) -> None:
    def take_apart(hostile: str) -> None:
        text = f"{hostile}\nThe answer is {answer}"
        assert split_generation(text, answer).text == text

    assert_linear(take_apart, piece, 30_000)


listed = st.lists(
    st.sampled_from(["5 + 3 = 8.", "<think>", "</think>", "So **8**.", "|---|", " "])
    | st.text(max_size=12),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(listed, st.sampled_from(CUTS), st.booleans())
def test_any_text_is_a_chain_or_a_reason(
    steps: list[str], cut: Cut, keep_final: bool
) -> None:
    for written in (
        split_generation("\n".join(steps), "8", cut=cut, keep_final=keep_final),
        split_steps(steps, "8", cut=cut, keep_final=keep_final),
    ):
        assert bool(written.problem) is bool(written.outcome)
        for step in written.chain.steps:
            assert any(step.text in words for words in ["\n".join(steps), *steps])


def test_number_words_of_other_languages_are_unparsed_and_never_wrong() -> None:
    for text in (
        "Roger a d'abord 5 balles, et ensuite treize de plus. La réponse est dix-huit.",
        "Er hat zuerst 5 Bälle und dann noch 13 dazu. Die Antwort ist achtzehn.",
        "Сначала у него было 5 мячей, потом ещё 13. Ответ: восемнадцать.",
        "Al principio él tiene 5 y luego 13 más. La respuesta es dieciocho pelotas.",
        "রজারের 5টি বল ছিল। তারপর আরও 13টি। উত্তর হল আঠারো।",
    ):
        found = split_generation(text, "18")
        assert (found.outcome, found.correct, found.answer) == ("unparsed", None, "")
    chinese = "他一开始有5个球，后来又有13个。答案是{}。"
    for numeral, right in (("十八", True), ("十七", False)):
        assert split_generation(chinese.format(numeral), "18").correct is right
    german = "Er reist zuerst 5 Tage und dann noch 13. Die Antwort ist {}."
    assert split_generation(german.format("Berlin"), "Paris").correct is False
    assert split_generation(german.format("ja"), "yes").correct is True
    assert split_generation(german.format("nein"), "yes").correct is False
