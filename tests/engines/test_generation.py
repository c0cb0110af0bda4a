"""What `generate` writes is what the harness's call writes, in fewer tokens read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.engines.generation import generate

PROMPTS = torch.tensor([[0, 0, 5, 9], [4, 8, 30, 7], [0, 11, 12, 13], [3, 50, 51, 52]])
MOST = 44


@contextmanager
def tokens_read(backend: HFLM) -> Iterator[list[int]]:
    read: list[int] = []
    hook = backend.model.register_forward_pre_hook(
        lambda module, args, given: read.append(given["input_ids"].numel()),
        with_kwargs=True,
    )
    try:
        yield read
    finally:
        hook.remove()


def settings(stop: list[str], **more: Any) -> dict[str, Any]:
    mask = (PROMPTS > 0).long()
    return {"attention_mask": mask, "stop": stop, "max_length": MOST, **more}


def text_of(backend: HFLM, row: list[int], stops: list[str]) -> str:
    end = next((i for i, token in enumerate(row) if token == 1), len(row))
    text = backend.tok_decode(row[:end], skip_special_tokens=False)
    for stop in stops:
        text = text.split(stop)[0]
    return text


@pytest.mark.parametrize("start", ["llama (", "gpt2", "mistral", "gemma2", "qwen3 ("])
@pytest.mark.parametrize(
    "more", [{}, {"do_sample": True, "temperature": 0.7}], ids=["greedy", "drawn"]
)
def test_each_text_is_written_up_to_its_own_stop_as_by_hf_and_no_further(
    backend_named: Callable[[str], HFLM], start: str, more: dict[str, Any]
) -> None:
    backend = backend_named(start)
    torch.manual_seed(0)
    whole = backend._model_generate(PROMPTS, **settings([], **more))[:, 4:].tolist()
    # Stops that different texts hold at different places, the last text none.
    stops = {whole[0][3], whole[1][11], whole[2][21]} - {*whole[3], 1}
    words = [f"w{stop}" for stop in sorted(stops)]
    expected = [text_of(backend, row, words) for row in whole]

    def has_stopped(row: int, tokens: list[int]) -> bool:
        return any(word in backend.tok_decode(tokens) for word in words)

    with tokens_read(backend) as read:
        torch.manual_seed(0)
        found = generate(
            backend.model,
            backend._model_generate,
            PROMPTS,
            has_stopped,
            settings(words, **more),
        )
    texts = [text_of(backend, row, words) for row in found[:, 4:].tolist()]
    assert texts == expected
    with tokens_read(backend) as before:
        torch.manual_seed(0)
        backend._model_generate(PROMPTS, **settings(words, **more))
    assert sum(read) <= sum(before) + len(PROMPTS)
    if not more and start == "llama (":
        assert sum(read) < sum(before)
