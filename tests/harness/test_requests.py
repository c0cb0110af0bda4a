import pytest

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.harness.requests import chain_requests
from lm_eval_faith.interventions.plan import Variant, plan
from lm_eval_faith.records.outcome import chain_record, n_requests

CHAIN = Chain((Step("One.", " "), Step("Two.", " ")), "2")
OTHER = Chain((Step("One.", " "), Step("Three.", " ")), "3")
VARIANTS = (
    Variant("corrupt", 0, "One.", not_applicable="the step states no number"),
    Variant("corrupt", 1, "Two.", "Three.", other_answer="3", chain=OTHER),
    Variant("delete", 0, "One.", chain=Chain((CHAIN.steps[1],), "2")),
)


def test_requests_are_the_clean_chain_and_each_variant_with_its_answers():
    assert chain_requests("Q? ", CHAIN, VARIANTS, AnswerFormat()) == [
        ("Q? One. Two. The answer is", " 2"),
        ("Q? One. Three. The answer is", " 2"),
        ("Q? One. Three. The answer is", " 3"),
        ("Q? Two. The answer is", " 2"),
    ]
    assert n_requests(VARIANTS) == 4


def test_responses_become_effects_in_the_order_of_the_requests():
    responses = [(-1.0, True), (-5.0, False), (-2.0, False), (-1.5, True)]
    record = chain_record("d", "Q?", CHAIN, VARIANTS, responses)
    missing, corrupted, deleted = record.steps
    assert record.clean_logprob == -1.0 and record.clean_greedy
    assert missing.not_applicable == "the step states no number"
    assert missing.effect != missing.effect  # NaN
    assert corrupted.effect == 4.0 and corrupted.follow == 1.0
    assert deleted.effect == 0.5 and deleted.follow != deleted.follow


def test_an_infinite_log_probability_gives_no_effect_and_says_so():
    responses = [(-1.0, True), (float("-inf"), False), (-2.0, False), (-1.5, True)]
    corrupted = chain_record("d", "Q?", CHAIN, VARIANTS, responses).steps[1]
    assert corrupted.not_applicable == "the log-probability is not finite"
    assert corrupted.effect != corrupted.effect


def test_a_single_response_stands_for_a_dropped_document():
    record = chain_record("d", "Q?", CHAIN, VARIANTS, [(-1.0, True)])
    assert record.left_out == "longer than the model takes" and record.steps == ()


def test_a_wrong_number_of_responses_is_an_error():
    with pytest.raises(ValueError, match="3 responses to 4 requests"):
        chain_record("d", "Q?", CHAIN, VARIANTS, [(-1.0, True)] * 3)


def test_thinking_stands_between_its_tags():
    form = AnswerFormat(think=True)
    assert form.context("<|assistant|>", "One. Two. ") == (
        "<|assistant|><think>\nOne. Two.\n</think>\n\nThe answer is"
    )


def test_a_template_that_opens_the_thinking_is_not_opened_again():
    form = AnswerFormat(think=True)
    assert form.context("<|assistant|><think>\n", "One. ") == (
        "<|assistant|><think>\nOne.\n</think>\n\nThe answer is"
    )


def test_a_template_that_closes_the_thinking_is_refused():
    with pytest.raises(InputError, match="enable_thinking"):
        AnswerFormat(think=True).context("<think>\n\n</think>\n\n", "One. ")


def test_position_and_third_follow_their_definitions():
    chain = Chain(tuple(Step(f"{k}.") for k in range(7)), "2")
    variants = plan(chain, ["delete"], seed=0, document="d")
    steps = chain_record("d", "Q?", chain, variants, [(0.0, True)] * 8).steps
    assert [s.position for s in steps] == [k / 6 for k in range(7)]
    assert [s.third for s in steps] == [(6 * k + 3) // 14 for k in range(7)]
