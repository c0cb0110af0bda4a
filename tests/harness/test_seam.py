"""Where a tokenizer joins context and answer: what is scored, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from lm_eval.api.model import TemplateLM
from lm_eval.models.huggingface import HFLM
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.seam import warn_of_joined

from ..instances import instances

MERGES = ["Ġ i", "Ġi s", "Ġis Ġ", "Ġ 1", "Ġ 2", "1 2"]
"""Made in this order: ` is`, ` is ` (a superword, as of SuperBPE), then digits."""
REQUESTS = [
    (f"a chain of {words}. The answer is", answer)
    for words in ("words", "other words", "no words at all")
    for answer in (" 26", " 6", " 12", " maybe")
]


def superwords(merges: list[str] = MERGES) -> PreTrainedTokenizerFast:
    """A byte-level BPE that merges over white space."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [tuple(merge.split()) for merge in merges]
    pieces = letters + [left + right for left, right in pairs]
    tokenizer = Tokenizer(models.BPE({p: i for i, p in enumerate(pieces)}, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<s>", special=True)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<s>", pad_token="<s>", bos_token="<s>"
    )


@pytest.fixture(scope="module")
def joining() -> Callable[..., HFLM]:
    """Makes `hf` around a small random model with such a tokenizer."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=300,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=1024,
        )
    ).eval()

    def make(merges: list[str] = MERGES) -> HFLM:
        return HFLM(pretrained=model, tokenizer=superwords(merges), logits_cache=False)

    return make


def of_text(backend: HFLM, text: str, scored: str) -> float:
    """The log-probability of the last tokens of a text, which stand for `scored`."""
    tokens = backend.tok_encode(text)
    place = max(
        i for i in range(len(tokens)) if backend.tokenizer.decode(tokens[i:]) == scored
    )
    with torch.no_grad():
        logits = backend.model(torch.tensor([tokens])).logits[0].log_softmax(-1)
    return float(sum(logits[i - 1, tokens[i]] for i in range(place, len(tokens))))


@pytest.mark.parametrize("sharing", ["on", "off"])
def test_what_is_scored_are_the_last_tokens_of_the_whole_text(
    joining: Callable[..., HFLM], caplog: pytest.LogCaptureFixture, sharing: str
) -> None:
    backend = joining()
    answers = FaithLM(backend, shared_prefix=sharing).loglikelihood(
        instances("loglikelihood", REQUESTS), disable_tqdm=True
    )
    # ` is` is a token of the context alone, ` is ` one of every whole text; the last
    # boundary that both have is before it.
    expected = [
        of_text(backend, context + answer, " is" + answer)
        for context, answer in REQUESTS
    ]
    assert [logprob for logprob, _ in answers] == pytest.approx(expected, abs=1e-4)
    assert caplog.text.count("12 of 12 requests: the tokenizer joins") == 1
    assert "for 12 requests the scored text begins before the answer" in caplog.text


def test_where_the_answer_begins_a_token_the_answer_alone_is_scored(
    joining: Callable[..., HFLM], caplog: pytest.LogCaptureFixture
) -> None:
    """Before a digit, ` is` is two tokens; the answer's own tokens stay whole."""

    def backend() -> HFLM:
        made = joining(["Ġ 2", "i s"])
        inner = made.tokenizer.backend_tokenizer
        # "is" before " 2" is kept apart, as a rule of a tokenizer may do.
        inner.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex("s(?= 2)"), "isolated"),
                inner.pre_tokenizer,
            ]
        )
        return made

    pairs = [("The answer is", " 26"), ("The answer is", " 6")]
    answers = FaithLM(backend()).loglikelihood(
        instances("loglikelihood", pairs), disable_tqdm=True
    )
    expected = [of_text(backend(), c + a, a) for c, a in pairs]
    assert [logprob for logprob, _ in answers] == pytest.approx(expected, abs=1e-4)
    assert "1 of 2 requests: the tokenizer joins" in caplog.text
    assert "begins before the answer" not in caplog.text


def test_a_space_at_the_end_of_the_context_goes_with_the_answer(
    joining: Callable[..., HFLM],
) -> None:
    pairs = [("The answer is ", "26"), ("The answer is", " 26")]
    one, other = FaithLM(joining()).loglikelihood(
        instances("loglikelihood", pairs), disable_tqdm=True
    )
    assert one[0] == pytest.approx(other[0], abs=1e-5)


def test_requests_of_one_document_with_the_same_answer_are_asked_for_the_same_text(
    joining: Callable[..., HFLM],
) -> None:
    """Behind ` is` the answer joins, behind `:` it does not."""
    backend = joining()
    pairs = [("So: it is", " 6"), ("So: it is:", " 6")]
    together = instances("loglikelihood", pairs, [0, 0])
    answers = FaithLM(backend).loglikelihood(together, disable_tqdm=True)
    assert answers[0][0] == pytest.approx(
        of_text(backend, "So: it is 6", " is 6"), abs=1e-4
    )
    # No token begins three characters before this answer, but one does four before.
    assert answers[1][0] == pytest.approx(
        of_text(backend, "So: it is: 6", " is: 6"), abs=1e-4
    )


def test_the_same_text_in_two_documents_is_split_as_each_of_them_needs(
    joining: Callable[..., HFLM],
) -> None:
    """In the first document another chain moves the seam back, in the second none does."""
    backend, shared = joining(), ("So: it is:", " 6")
    asked = [(0, ("So: it is", " 6")), (0, shared), (1, shared)]
    answers = FaithLM(backend).loglikelihood(
        instances("loglikelihood", [t for _, t in asked], [d for d, _ in asked]),
        disable_tqdm=True,
    )
    for (logprob, _), scored in zip(answers, (" is 6", " is: 6", " 6"), strict=True):
        text = "So: it is 6" if scored == " is 6" else "So: it is: 6"
        assert logprob == pytest.approx(of_text(backend, text, scored), abs=1e-4)


def test_other_texts_are_split_as_the_harness_does(
    joining: Callable[..., HFLM],
) -> None:
    backend = joining([])
    pairs = [*REQUESTS, ("ends in spaces  ", "word"), ("", "no context")]
    expected = backend.loglikelihood(
        instances("loglikelihood", pairs), disable_tqdm=True
    )
    answers = FaithLM(backend, shared_prefix="off").loglikelihood(
        instances("loglikelihood", pairs), disable_tqdm=True
    )
    assert answers == expected


def test_an_answer_without_a_token_is_refused_in_a_sentence(
    joining: Callable[..., HFLM],
) -> None:
    with pytest.raises(InputError, match="gives the answer '' no token"):
        FaithLM(joining()).loglikelihood(
            instances("loglikelihood", [("It is", "")]), disable_tqdm=True
        )


class Engine(TemplateLM):
    """A backend that is not `hf`: texts are split by the harness, tokens scored by its own code."""

    def __init__(self, inner: HFLM) -> None:
        super().__init__()
        self.inner, self.tokenizer = inner, inner.tokenizer
        self.scored: list[list[int]] = []

    eot_token_id = 299

    def tok_encode(self, string: str, *_: Any, **__: Any) -> list[int]:
        return self.inner.tok_encode(string)

    def _loglikelihood_tokens(self, requests: Any, **_: Any) -> Any:
        self.scored += [continuation for _, _, continuation in requests]
        return self.inner._loglikelihood_tokens(requests, disable_tqdm=True)

    loglikelihood_rolling = generate_until = None


DIGIT = ("The answer is", " 6")


@pytest.mark.parametrize("made", [lambda inner: inner, Engine])
def test_an_answer_of_one_digit_that_joins_is_scored_with_the_words_before_it(
    joining: Callable[..., HFLM], made: Callable[[HFLM], Any]
) -> None:
    """The harness's own split leaves it no token, and ends in a bare AssertionError."""
    inner = joining(["Ġ i", "Ġi s", "Ġ 6", "Ġis Ġ6"])
    assert inner.tokenizer.tokenize("answer is 6")[-1] == "ĠisĠ6"
    with pytest.raises(AssertionError):
        made(inner).loglikelihood(
            instances("loglikelihood", [DIGIT]), disable_tqdm=True
        )
    ((logprob, _),) = FaithLM(made(inner)).loglikelihood(
        instances("loglikelihood", [DIGIT]), disable_tqdm=True
    )
    expected = of_text(inner, "".join(DIGIT), " is 6")
    assert logprob == pytest.approx(expected, abs=1e-4)
    with pytest.raises(InputError, match="would score no token of it: use --model fai"):
        warn_of_joined(made(inner), [DIGIT])


def test_the_seam_is_mended_on_other_backends_that_split_as_the_harness_does(
    joining: Callable[..., HFLM], caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(joining())
    mended = FaithLM(engine)
    answers = mended.loglikelihood(
        instances("loglikelihood", REQUESTS), disable_tqdm=True
    )
    expected = FaithLM(joining()).loglikelihood(
        instances("loglikelihood", REQUESTS), disable_tqdm=True
    )
    assert [x for x, _ in answers] == pytest.approx([x for x, _ in expected], abs=1e-4)
    assert "12 of 12 requests: the tokenizer joins" in caplog.text
    assert mended.how_asked()["notes"][0].startswith("12 of 12 requests")
    assert vars(engine).keys() == vars(Engine(joining())).keys()


def test_a_backend_that_ends_its_engine_when_collected_is_warned_of_and_left_alone(
    joining: Callable[..., HFLM], caplog: pytest.LogCaptureFixture
) -> None:
    class Ending(Engine):
        ended = False

        def __del__(self) -> None:
            type(self).ended = True

    engine = Ending(joining())
    FaithLM(engine).loglikelihood(
        instances("loglikelihood", REQUESTS), disable_tqdm=True
    )
    assert not Ending.ended
    said = (
        "12 of 12 requests: the tokenizer joins the end of the context with the answer"
    )
    assert f"{said}, and Ending scores a piece of the answer only" in caplog.text


def test_a_task_on_another_model_says_how_many_answers_are_scored_in_part(
    joining: Callable[..., HFLM],
    caplog: pytest.LogCaptureFixture,
) -> None:
    import lm_eval

    import lm_eval_faith

    asked: dict[str, Any] = {"problems": 2, "interventions": "delete"}
    lm_eval.simple_evaluate(
        model=joining(),
        tasks=["cot_faith_provided"],
        task_manager=lm_eval_faith.task_manager(include_defaults=False, metadata=asked),
        bootstrap_iters=0,
        predict_only=True,
    )
    assert "HFLM scores a piece of the answer only" in caplog.text
