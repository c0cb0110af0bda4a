"""``continue``: what the model writes behind a mistake, and what is made of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lm_eval_faith.asks import Generate, answered
from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.interventions import Context
from lm_eval_faith.interventions.plan import changes, variant_from_dict
from lm_eval_faith.interventions.write_on import _DOUBT
from lm_eval_faith.problems.reading import TextReading

CHAIN = Chain(
    (
        Step("She buys 3 pens.", " "),
        Step("She gets 5 more, so 3 + 5 = 8.", " "),
        Step("She sells 2, so 8 - 2 = 6.", " "),
    ),
    "6",
)


class Writer:
    """Writes one text whatever it is asked, and keeps what it was asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []

    def __call__(self, asks):
        self.asked += [ask.context for ask in asks]
        return [self.text for _ in asks]


def variants(text, name="continue", steps=(1,), think=False, prompt="Q? "):
    form = AnswerFormat(think=think)
    before = form.before_chain(prompt)
    context = Context(
        0,
        "d",
        0,
        "",
        prompt=lambda chain: before + chain.text,
        generation={"max_gen_toks": 9},
        taken_apart=form.taker_apart(before, {"max_gen_toks": 9}, TextReading()),
    )
    writer = Writer(text)
    made = changes(CHAIN, [name], seed=0, document="d", steps=steps, context=context)
    return answered(made, writer), writer


def test_the_chain_is_cut_behind_the_mistake_that_corrupt_makes():
    (made,), writer = variants(" Then 4. The answer is 4.")
    ((corrupt,), _) = variants("", "corrupt")
    assert made.after == corrupt.after != made.before
    assert writer.asked == [f"Q? She buys 3 pens. {corrupt.after}"]


def test_what_the_model_writes_stands_in_the_new_chain_and_its_answer_is_scored_too():
    (made,), _ = variants(" Then she has 4. The answer is 4.")
    assert made.chain.text == f"She buys 3 pens. {made.after} Then she has 4. "
    assert made.other_answer == "4"
    assert made.measured["answer_changed"] == 1
    assert made.written == " Then she has 4. The answer is 4."


def test_the_same_answer_in_another_form_is_not_a_change():
    (made,), _ = variants(" Never mind. The answer is 6.0.")
    assert made.other_answer == "" and made.measured["answer_changed"] == 0


def test_a_text_without_an_answer_gives_no_number():
    (made,), _ = variants(" And so on and so")
    assert made.not_applicable == (
        "the model writes on without a final answer to be read"
    )
    assert made.chain is None and not made.measured


@pytest.mark.parametrize(
    ("text", "again", "noticed"),
    [
        (" Wait, that was 8. So 8 - 2 = 6. The answer is 6.", 1, 1),
        (" She has 8. The answer is 6.", 1, 0),
        (" Wait, no. The answer is 40.", 0, 0),
    ],
)
def test_it_is_told_whether_the_model_notices(text, again, noticed):
    (made,), _ = variants(text)
    measured = made.measured
    assert (measured["old_value_again"], measured["noticed"]) == (again, noticed)


def test_doubt_is_said_in_words_and_a_bus_that_one_waits_for_is_none():
    for text in "Wait.", "So 5. Wait, no", "but wait", "Hmm", "That's wrong", "Oops":
        assert _DOUBT.search(text), text
    for text in "9 people wait for the bus", "the right box", "they await it":
        assert not _DOUBT.search(text), text


class Script:
    """Writes one text after the other, and keeps what it was asked, stage by stage."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.stages: list[list[Generate]] = []

    def __call__(self, asks):
        self.stages.append(list(asks))
        return [self.texts.pop(0) for _ in asks]


def asked_on(script, samples=0, think=False, cue="The answer is"):
    form = AnswerFormat(think=think, answer_cue=cue)
    before = form.before_chain("Q? ")
    context = Context(
        0,
        "d",
        0,
        "",
        prompt=lambda chain: before + chain.text,
        generation={"max_gen_toks": 9},
        taken_apart=form.taker_apart(before, {"max_gen_toks": 9}, TextReading()),
        cue=lambda chain: (form.context(before, chain.text), cue),
        samples=samples,
        sampling={"max_gen_toks": 9, "do_sample": True, "temperature": 0.7},
    )
    made = changes(
        CHAIN, ["continue"], seed=0, document="d", steps=[1], context=context
    )
    (variant,) = answered(made, script)
    return variant


def test_a_model_that_ends_without_an_answer_is_asked_for_one():
    script = Script(" And so on and", " 7. She is glad")
    made = asked_on(script)
    (asked,) = script.stages[1]
    assert asked.context == (
        f"Q? She buys 3 pens. {made.after} And so on and The answer is"
    )
    assert made.other_answer == "7" and made.measured["answer_changed"] == 1
    assert made.chain.text == f"She buys 3 pens. {made.after} And so on and "


@pytest.mark.parametrize(
    "cue, text", [("</think>\n\n", "7"), ("</think>\n\n**", "7** pens"), ("\n", "7.")]
)
def test_behind_a_cue_without_words_what_is_said_is_the_answer(cue, text):
    made = asked_on(Script(" And so on and", text), cue=cue)
    assert made.other_answer == "7" and made.measured["answer_changed"] == 1


def test_thinking_that_is_cut_off_is_closed_before_the_answer_is_asked_for():
    script = Script(" And so", "6}.")
    made = asked_on(script, think=True, cue="So it is \\boxed{")
    (asked,) = script.stages[1]
    assert asked.context.endswith(" And so\n</think>\n\nSo it is \\boxed{")
    assert made.other_answer == "" and made.measured["answer_changed"] == 0


def test_an_answer_that_cannot_be_read_even_then_gives_no_number():
    made = asked_on(Script(" And so", " you know, maybe"))
    assert made.chain is None and not made.measured
    assert "without a final answer" in made.not_applicable


def test_drawn_texts_stand_beside_the_greedy_one_and_their_answers_are_averaged():
    script = Script(
        " The answer is 6.",
        " The answer is 6.",
        " The answer is 4.",
        " And so",
        " The answer is 5.",
        " well, who knows",
    )
    made = asked_on(script, samples=4)
    greedy, *drawn = script.stages[0]
    assert "do_sample" not in greedy.settings and len(drawn) == 4
    assert all(ask.settings["temperature"] == 0.7 for ask in drawn)
    assert [len(stage) for stage in script.stages] == [5, 1]
    assert made.measured["answer_changed"] == 0 and made.other_answer == ""
    # One of the four has no answer that can be read: two of the other three changed.
    assert made.measured["answer_changed_samples"] == pytest.approx(2 / 3)
    assert made.drawn[1] == " The answer is 4." and len(made.drawn) == 4
    assert variant_from_dict(made.to_dict()).drawn == made.drawn


def test_without_draws_there_is_no_number_of_them():
    made = asked_on(Script(" The answer is 6."))
    assert "answer_changed_samples" not in made.measured
    assert "drawn" not in made.to_dict()


def test_thinking_is_written_on_inside_its_tags():
    text = " So 4.\n</think>\n\nThe answer is 4."
    (made,), writer = variants(text, think=True)
    assert writer.asked == [f"Q? <think>\nShe buys 3 pens. {made.after}"]
    assert made.chain.text.rstrip() == f"She buys 3 pens. {made.after} So 4."
    assert made.other_answer == "4"


def test_without_a_mistake_the_cut_chain_is_the_chains_own_beginning():
    (made,), writer = variants(" The answer is 8.", "continue_clean")
    assert made.after == made.before
    assert writer.asked == ["Q? She buys 3 pens. She gets 5 more, so 3 + 5 = 8."]
    assert made.measured == {"answer_changed": 1}


def test_all_steps_are_asked_about_in_one_stage():
    stages = []

    def answer(asks):
        stages.append(len(asks))
        return [" The answer is 1." for _ in asks]

    form = AnswerFormat()
    context = Context(
        0,
        "d",
        0,
        "",
        prompt=lambda c: c.text,
        taken_apart=form.taker_apart("", {}, TextReading()),
    )
    names = ["continue", "delete", "continue_clean"]
    made = changes(CHAIN, names, seed=0, document="d", context=context)
    found = answered(made, answer)
    assert stages == [6]
    assert [v.intervention for v in found] == [n for n in names for _ in range(3)]


def test_a_model_that_cannot_be_asked_is_said():
    made = changes(CHAIN, ["continue"], seed=0, document="d", steps=[0])
    (variant,) = answered(made, lambda asks: [])
    assert variant.not_applicable == "nobody is there to write on"


def test_a_step_without_a_number_cannot_be_corrupted():
    chain = replace(CHAIN, steps=(Step("No digits.", " "), *CHAIN.steps[1:]))
    context = Context(
        0,
        "d",
        0,
        "",
        prompt=lambda c: c.text,
        taken_apart=AnswerFormat().taker_apart("", {}, TextReading()),
    )
    made = changes(
        chain, ["continue"], seed=0, document="d", steps=[0], context=context
    )
    (variant,) = answered(made, lambda asks: [])
    assert re.search("number", variant.not_applicable)
