"""What is asked again is what the model wrote, on scripted models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from lm_eval.models.dummy import DummyLM
from lm_eval.models.huggingface import HFLM
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lm_eval_faith.asks import Generate, Score
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.stages import MultiStageRequest

SPECIAL = ["<s>", "</s>", "<think>", "</think>"]


def tokenizer_like(llama_2: bool) -> PreTrainedTokenizerFast:
    """White space is part of the token behind it.

    Like Llama 2's: a text begins with one that is added, and none is decoded there.
    """
    letters = ["▁", *"QA:tbc."]
    merges = [("▁", "A"), ("▁", "t"), ("▁", "Q"), ("b", "c")]
    pieces = letters + [left + right for left, right in merges]
    tokenizer = Tokenizer(models.BPE({p: i for i, p in enumerate(pieces)}, merges))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁")] * llama_2 + [normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse()]
        + [decoders.Strip(" ", 1, 0)] * llama_2
    )
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def scripted(script: Sequence[str], llama_2: bool = True) -> HFLM:
    """`hf` around a model that writes these tokens, each behind the one before, surely.

    A Llama whose layers add nothing: what follows depends on the last token alone.
    """
    tokenizer = tokenizer_like(llama_2)
    size = len(tokenizer)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=size,
            hidden_size=32,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            max_position_embeddings=64,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=None,
            tie_word_embeddings=False,
        )
    ).eval()
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size, 32))
        model.lm_head.weight.zero_()
        ids = [tokenizer.convert_tokens_to_ids(token) for token in script]
        for token, following in pairwise(ids):
            model.lm_head.weight[following, token] = 10.0
    return HFLM(pretrained=model, tokenizer=tokenizer, max_length=64, batch_size=2)


def ask_again(model: FaithLM, prompts: Sequence[str] = ("Q:",)) -> list[Any]:
    """Let it write behind the prompts, then score what it wrote there."""

    def stages(prompt: str) -> Any:
        (text,) = yield [Generate(prompt, {"until": ["."], "max_gen_toks": 8})]
        (score,) = yield [Score(prompt, text)]
        return [text, score[0]]

    requests = [
        MultiStageRequest(
            doc={}, arguments=(prompt,), idx=0, metadata=("t", i, 1), make=stages
        )
        for i, prompt in enumerate(prompts)
    ]
    return [json.loads(answer) for answer in model.multi_stage(requests)]


@pytest.mark.parametrize("sharing", ["auto", "off"])
def test_the_space_that_a_text_begins_with_stays(
    sharing: str, caplog: pytest.LogCaptureFixture
) -> None:
    backend = scripted([":", "▁A", "▁t", "</s>"])
    settings = {"until": ["."], "max_gen_toks": 8}
    plain = backend.generate_until(
        [
            MultiStageRequest(
                doc={}, arguments=("Q:", settings), idx=0, make=lambda: None
            )
        ]
    )
    assert plain == ["A t"]
    [[text, logprob]] = ask_again(FaithLM(backend, shared_prefix=sharing))
    assert text == " A t"
    assert logprob == pytest.approx(0, abs=1e-3)
    assert "than the model wrote" not in caplog.text


def test_think_tags_that_are_special_tokens_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = scripted([":", "<think>", "b", "</think>", "c", "</s>"], False)
    [[text, logprob]] = ask_again(FaithLM(backend))
    assert text == "<think>b</think>c"
    assert logprob == pytest.approx(0, abs=1e-3)
    assert "than the model wrote" not in caplog.text


def test_prompts_of_other_lengths_in_one_batch_are_told_apart() -> None:
    backend = scripted([":", "▁A", "▁t", "</s>"])
    answers = ask_again(FaithLM(backend), ["Q:", "Q t t:", "A:"])
    assert [text for text, _ in answers] == [" A t"] * 3
    assert [logprob for _, logprob in answers] == pytest.approx([0] * 3, abs=1e-3)


def test_a_text_that_is_read_otherwise_than_it_was_written_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The model writes `b` and `c`; the tokenizer reads `bc` as one token."""
    model = FaithLM(scripted([":", "b", "c", "</s>"]))
    [[text, _]] = ask_again(model)
    assert text == "bc"
    said = "1 of 1 generations are read as other tokens than the model wrote"
    assert caplog.text.count(said) == 1


def test_a_token_that_a_stop_string_cuts_in_two_is_no_difference(
    caplog: pytest.LogCaptureFixture,
) -> None:
    [[text, _]] = ask_again(FaithLM(scripted([":", "▁A", ".", "b", "</s>"])))
    assert text == " A"
    assert "than the model wrote" not in caplog.text


def test_where_a_backend_gives_text_alone_that_is_said_with_the_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ask_again(FaithLM(DummyLM()), ["Q:", "A:"])
    assert caplog.text.count("2 of 2 generations came as text") == 1
