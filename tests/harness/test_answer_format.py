"""How a chain and its answer follow a prompt."""

from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.harness.answer_format import AnswerFormat

GERMAN = chain_of("Anna hat 3 Äpfel. Sie kauft noch 4 Äpfel. Das sind 7 Äpfel.", "7")
ENGLISH = chain_of("Anna has 3 apples. She buys 4 more. That makes 7 apples.", "7")


def test_the_cue_is_in_the_language_of_the_chain_unless_the_user_named_one():
    form = AnswerFormat()
    assert form.in_language_of(ENGLISH) == form
    assert form.in_language_of(GERMAN).answer_cue == "Die Antwort ist"
    asked_for = AnswerFormat(answer_cue="Also:")
    assert asked_for.in_language_of(GERMAN) is asked_for


def test_what_stood_before_an_answer_stands_there_again_with_the_tags_of_the_reader():
    thought, plain = "\n</think>\n\nIt is $\\boxed{", "Thus: "
    reader, thinker = AnswerFormat(), AnswerFormat(think=True)

    def asked(form, cue):
        return form.in_words_of(cue).request("<p>", "3 + 4 = 7. ", "7")

    assert asked(reader, plain) == ("<p>3 + 4 = 7. Thus: ", "7")
    assert asked(reader, thought) == ("<p>3 + 4 = 7. \n\nIt is $\\boxed{", "7")
    assert asked(thinker, thought) == (
        "<p>3 + 4 = 7. \n</think>\n\nIt is $\\boxed{",
        "7",
    )
    assert asked(thinker, "</thought>It is: ") == (
        "<p><think>\n3 + 4 = 7.\n</think>\n\nIt is:",
        " 7",
    )
    assert asked(reader, "</done>It is ") == ("<p>3 + 4 = 7. It is ", "7")
    others = AnswerFormat(answer_cue="So:"), AnswerFormat(answer_delimiter=" (")
    for form, cue in (
        (reader, ""),
        (reader, "</think>\n\n"),
        *((o, plain) for o in others),
    ):
        assert form.in_words_of(cue) is form
