"""What the proof compares, what it notices, and what it costs."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.engines import Disproved, prove, supports
from lm_eval_faith.engines.proof import (
    BEYOND_OWN,
    HALF_PRECISION_TOLERANCE,
    NOTHING,
    Compared,
    Proving,
)
from lm_eval_faith.engines.transformers_compat import (
    CACHE_NAMES,
    cache_argument,
    last_logits_only,
)
from lm_eval_faith.engines.tree import build

from .conftest import ARCHITECTURES, random_model

Pair = tuple[list[int], list[int]]
PAIRS: list[Pair] = [([3, 4, 5, 6], [7]), ([3, 4, 8, 9], [7])]


def test_the_proof_notices_a_model_that_lets_branches_see_one_another(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("llama (").model
    layer = model.model.layers[0]
    mix = layer.mlp.register_forward_hook(
        lambda module, inputs, output: output + inputs[0].mean(dim=1, keepdim=True)
    )
    try:
        assert "is tolerated" in (prove(model, PAIRS, max_length=16).reason or "")
    finally:
        mix.remove()


def test_the_proof_turns_what_a_model_raises_into_its_sentence(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("llama (").model

    def refuse(
        module: torch.nn.Module, args: object, kwargs: dict[str, object]
    ) -> None:
        if any(kwargs.get(name) is not None for name in CACHE_NAMES):
            raise NotImplementedError("no cache here")

    hook = model.register_forward_pre_hook(refuse, with_kwargs=True)
    try:
        assert "NotImplementedError: no cache here" in (
            prove(model, PAIRS, max_length=16).reason or ""
        )
    finally:
        hook.remove()


def test_a_layer_that_keeps_its_own_attention_is_noticed(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("llama (").model
    attention = model.model.layers[1].self_attn
    whole = attention.forward
    attention.forward = lambda hidden_states, **_: (hidden_states, None)
    try:
        assert "not every layer" in (prove(model, PAIRS, max_length=16).reason or "")
    finally:
        attention.forward = whole


@pytest.fixture
def scales_by_index() -> transformers.PreTrainedModel:
    """Llama 4: its attention without positions is scaled by a token's index in the pass."""
    torch.manual_seed(0)
    config = transformers.Llama4TextConfig(
        vocab_size=61,
        hidden_size=32,
        intermediate_size=48,
        intermediate_size_mlp=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        num_local_experts=2,
        no_rope_layers=[0, 0],
        attn_temperature_tuning=True,
        floor_scale=64,
        attn_scale=2.0,
        pad_token_id=0,
    )
    model = transformers.Llama4ForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    return model


def test_a_model_that_scales_by_index_is_refused_by_its_source_and_by_the_proof(
    scales_by_index: transformers.PreTrainedModel,
) -> None:
    assert "floor_scale" in (supports(scales_by_index) or "")
    scales_by_index.config.attn_temperature_tuning = False  # its layers still do
    assert supports(scales_by_index) is None
    few = [([3, 4, 5, token], [6, 7]) for token in range(8, 12)]
    many = [([3, 4, 5, a], [b, 7]) for a in range(8, 40) for b in range(8, 20)]
    short = prove(scales_by_index, few, max_length=32)
    assert short.reason is None
    assert {answer.index for answer in short.answers} == {0, 1, 2, 3}
    assert "is tolerated" in (
        prove(scales_by_index, many, max_length=32, proven=short.reach).reason or ""
    )


@pytest.fixture
def counts_tokens(
    backend_named: Callable[[str], HFLM],
) -> Iterator[transformers.PreTrainedModel]:
    """A model that treats a token otherwise from the 150th on that it has read."""
    model = backend_named("llama (").model
    embedding = model.get_input_embeddings()

    def forward(*args: Any, cache: Any = None, **kwargs: Any) -> Any:
        before = 0 if cache is None else cache.get_seq_length()
        later = before + torch.arange(kwargs["input_ids"].shape[1]) >= 150
        inputs = embedding(kwargs.pop("input_ids"))
        inputs = inputs + later[None, :, None]
        return plain(*args, inputs_embeds=inputs, **{name: cache}, **kwargs)

    plain = model.forward
    name = str(cache_argument(model))
    model.forward = (
        forward
        if name == "cache"
        else lambda *args, past_key_values=None, **kwargs: forward(
            *args, cache=past_key_values, **kwargs
        )
    )
    model.forward.__signature__ = inspect.signature(plain)
    yield model
    del model.forward


def test_a_long_text_proves_nothing_of_passes_that_hold_others_beside_a_text(
    counts_tokens: transformers.PreTrainedModel,
) -> None:
    """A text of 120 tokens alone reads no 150th; texts of 104 that share passes of 64 more do."""
    text = [3 + k % 50 for k in range(118)]
    many = [
        ([*text[:88], a, *text[b : b + 12]], [6, 7]) for a in (8, 9) for b in range(30)
    ]
    asked = {"max_length": 200, "max_packed_tokens": 64}

    def call(text: torch.Tensor) -> torch.Tensor:
        return counts_tokens(input_ids=text).logits

    alone = prove(counts_tokens, [(text, [6, 7])], call=call, **asked)
    assert alone.reason is None
    found = prove(counts_tokens, many, call=call, proven=alone.reach, **asked)
    assert "is tolerated" in (found.reason or "")


def nothing_is_read(text: torch.Tensor) -> torch.Tensor:
    raise AssertionError("read plainly")


def test_requests_that_go_no_further_than_a_proof_are_not_proven_again(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("llama (").model
    pairs = [([3, 4, 5, token], [6, 7]) for token in range(8, 30)]
    asked: dict[str, Any] = {"max_length": 16, "max_packed_tokens": 20}
    found = prove(model, pairs, **asked)
    assert sorted(a.index for a in found.answers) == [*range(len(pairs))]
    assert found.read > 0
    asked |= {"proven": found.reach, "call": nothing_is_read}
    again = prove(model, pairs[3:], **asked)
    assert sorted(a.index for a in again.answers) == [*range(len(pairs) - 3)]
    assert again.read == 0
    longer = prove(model, [*pairs, (list(range(3, 15)), [6])], **asked)
    assert "read plainly" in (longer.reason or "")


def trace(steps: int, length: int = 20, question: int = 60) -> list[Pair]:
    """What is asked about one trace: every step left out, and changed, and the whole."""

    def token(k: int) -> int:
        return 3 + k * k % 57

    start = [token(k) for k in range(question)]
    lines = [[token(7 * s + k) for k in range(length)] for s in range(steps)]
    texts = [lines]
    for s in range(steps):
        texts += [
            lines[:s] + lines[s + 1 :],
            [*lines[:s], lines[s][::-1], *lines[s + 1 :]],
        ]
    return [([*start, *chain.from_iterable(text)], [9, 10]) for text in texts]


@pytest.fixture(scope="module")
def long_llama() -> transformers.PreTrainedModel:
    return random_model(
        "Llama",
        ARCHITECTURES["llama (rotary, untied head)"][1]
        | {"max_position_embeddings": 2048},
    )


def test_the_proof_reads_under_a_twentieth_of_the_run_even_of_one_short_trace(
    long_llama: transformers.PreTrainedModel,
) -> None:
    few_shot = [
        ([3 + k % 50 for k in range(900)] + [a, b], [5])
        for a in range(3, 60)
        for b in range(20)
    ]
    read: list[int] = []

    def call(text: torch.Tensor) -> torch.Tensor:
        read.append(text.shape[1])
        return long_llama(text).logits

    for pairs in trace(10), trace(40), few_shot:
        read.clear()
        found = prove(long_llama, pairs, max_length=2000, call=call)
        assert found.reason is None and len(list(found.answers)) == len(pairs)
        distinct = len(build(pairs, 2000))
        assert found.read == sum(read) and 0 < sum(read) <= 0.05 * distinct
        assert len(read) <= 5
        assert found.reach.index >= min(distinct, 1024)
        assert found.reach.depth == max(read)


def test_nothing_that_is_scored_is_computed_twice(
    long_llama: transformers.PreTrainedModel,
) -> None:
    pairs = trace(50, length=8)
    done: list[tuple[int, int]] = []
    passes: list[int] = []
    seen = long_llama.model.register_forward_pre_hook(
        lambda module, args, given: passes.append(given["input_ids"].shape[1]),
        with_kwargs=True,
    )
    try:
        found = prove(
            long_llama,
            pairs,
            max_length=2000,
            progress=lambda *counts: done.append(counts),
        )
        list(found.answers)
    finally:
        seen.remove()
    distinct = len(build(pairs, 2000))
    assert done[-1] == (distinct, distinct)
    # What is read beside the distinct tokens: plainly, and the witness in each pass that goes further.
    assert distinct + found.read < sum(passes) <= distinct + found.read + 3 * 17
    assert found.reach.depth == max(len(context) + 1 for context, _ in pairs)


@contextmanager
def steered(
    model: transformers.PreTrainedModel,
    change: Callable[[torch.Tensor, int], torch.Tensor],
) -> Iterator[None]:
    """What the first layer gives is changed, knowing how many tokens of the text the pass keeps."""
    before = [0]

    def look(module: Any, args: Any, given: dict[str, Any]) -> None:
        kept = [given[name] for name in CACHE_NAMES if given.get(name) is not None]
        before[0] = kept[0].get_seq_length() if kept else 0

    hooks = [
        model.model.register_forward_pre_hook(look, with_kwargs=True),
        model.model.layers[0].register_forward_hook(
            lambda module, args, states: change(states, before[0])
        ),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


Break = Callable[[torch.Tensor, int], torch.Tensor]
BREAKS: dict[str, Break] = {
    "a branch sees the others": lambda states, before: (
        states + states.mean(dim=1, keepdim=True)
    ),
    "the last token of a pass is steered": lambda states, before: torch.cat(
        [states[:, :-1], states[:, -1:] + 2], dim=1
    ),
    "the fifth token of a pass is steered": lambda states, before: (
        states + (torch.arange(states.shape[1]) + before == 5)[None, :, None]
    ),
    "tokens are steered from the 1,000th on": lambda states, before: (
        states + (torch.arange(states.shape[1]) + before >= 1000)[None, :, None]
    ),
    "all but the first pass is steered": lambda states, before: states + (before > 0),
    "a pass of more than 1,000 tokens is steered": lambda states, before: (
        states + (states.shape[1] > 1000)
    ),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_the_witness_notices_what_branches_and_places_in_a_pass_do_to_a_token(
    long_llama: transformers.PreTrainedModel, kind: str
) -> None:
    """All texts begin with 900 tokens that are too many to be read again, so no request is compared."""
    start = [3 + k % 50 for k in range(900)]
    pairs = [([*start, a, b], [5]) for a in range(3, 60) for b in range(20)]
    assert prove(long_llama, pairs, max_length=2000).reason is None

    with steered(long_llama, BREAKS[kind]):
        reason = prove(long_llama, pairs, max_length=2000).reason
    assert "is tolerated" in (reason or "")


def test_in_half_precision_a_model_may_move_as_it_does_where_it_reads_in_parts(
    backend_named: Callable[[str], HFLM],
) -> None:
    """The first token after a third of the text is moved where a pass begins there: two halves do not show it."""
    original = backend_named("llama (").model
    model = type(original)(original.config).to(torch.bfloat16).eval()
    text = torch.arange(3, 21)
    third = 6
    compared = Compared(text.numpy(), np.arange(10, 18), text.numpy()[10:] % 7 + 3)
    proving = Proving(
        model, lambda text: model(text).logits, 64, torch.float32, NOTHING
    )
    expected = proving._plainly(compared)
    of_halves = proving._own_difference(compared)
    with steered(model, lambda states, before: states + 9 * (before == third)):
        of_thirds = proving._own_difference(compared)
        tolerated = BEYOND_OWN * of_thirds
        assert of_thirds > 2 * of_halves and tolerated > HALF_PRECISION_TOLERANCE
        compared.logprobs[:] = [expected + 0.9 * tolerated]
        proving._compare(compared, expected)
        compared.logprobs[:] = [expected + 1.1 * tolerated]
        with pytest.raises(Disproved, match="is tolerated"):
            proving._compare(compared, expected)


def test_no_answer_comes_from_a_pass_that_goes_further_and_differs(
    long_llama: transformers.PreTrainedModel,
) -> None:
    """Only late passes have eight tokens before them: there the witness stands again."""
    longest = [*range(3, 19)]
    roots = [[20 + k, k, 3, 4] for k in range(3, 38)]
    late = [[60, *range(3, 10), k, 3, 4, 5] for k in range(20, 60)]
    pairs = [(text, [5]) for text in [longest, *roots, *late]]
    asked: dict[str, Any] = {"max_length": 64, "max_packed_tokens": 20}
    plain = {a.index: a.logprob for a in prove(long_llama, pairs, **asked).answers}
    answers = []
    with steered(long_llama, lambda states, before: states + (before >= 8)):
        found = prove(long_llama, pairs, **asked)
        assert found.reason is None
        with pytest.raises(Disproved, match="is tolerated"):
            answers.extend(found.answers)
    assert len(answers) > 30
    assert all(answer.logprob == plain[answer.index] for answer in answers)


def test_logits_are_computed_only_where_they_are_compared(
    long_llama: transformers.PreTrainedModel,
) -> None:
    text = torch.arange(3, 40)[None]
    whole = long_llama(text).logits
    with last_logits_only(long_llama, 2):
        last = long_llama(text).logits
    torch.testing.assert_close(last, whole[:, -2:])
    assert torch.equal(long_llama(text).logits, whole)
    steered = long_llama.lm_head.register_forward_hook(
        lambda module, args, out: out + 1
    )
    try:
        with last_logits_only(long_llama, 2):
            assert long_llama(text).logits.shape == whole.shape
    finally:
        steered.remove()
