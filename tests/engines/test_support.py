"""Where shared-prefix scoring cannot be exact, it says why, in one sentence."""

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import transformers
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.engines import prove, supports
from lm_eval_faith.engines.transformers_compat import CACHE_NAMES, cache_argument

PAIRS = [([3, 4, 5, 6], [7]), ([3, 4, 8, 9], [7])]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            transformers.MambaConfig(
                vocab_size=61, hidden_size=16, num_hidden_layers=1
            ),
            "recurrent state",
        ),
        (
            transformers.RwkvConfig(
                vocab_size=61,
                hidden_size=16,
                num_hidden_layers=2,
                attention_hidden_size=16,
                context_length=32,
            ),
            "recurrent state",
        ),
        (
            transformers.Qwen3NextConfig(
                vocab_size=61,
                hidden_size=16,
                intermediate_size=16,
                num_hidden_layers=4,
                num_attention_heads=2,
                num_key_value_heads=1,
                num_experts=2,
                num_experts_per_tok=1,
            ),
            "recurrent state",
        ),
        (
            transformers.GPTNeoConfig(
                vocab_size=61,
                hidden_size=16,
                num_layers=2,
                num_heads=2,
                attention_types=[[["global", "local"], 1]],
            ),
            "honour a mask",
        ),
        (
            transformers.FalconConfig(
                vocab_size=61,
                hidden_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                alibi=True,
            ),
            "linear biases",
        ),
    ],
    ids=[
        "mamba",
        "rwkv",
        "hybrid",
        "local attention of its own",
        "linear biases by order",
    ],
)
def test_a_model_whose_tokens_cannot_branch_is_refused(
    config: transformers.PretrainedConfig, reason: str
) -> None:
    model = transformers.AutoModelForCausalLM.from_config(config)
    assert reason in (supports(model) or "")
    assert prove(model, PAIRS, max_length=16).reason == supports(model)


def test_an_encoder_decoder_is_refused() -> None:
    config = transformers.T5Config(
        vocab_size=61, d_model=16, d_ff=16, d_kv=8, num_layers=1, num_heads=2
    )
    assert "encoder-decoder" in (
        supports(transformers.T5ForConditionalGeneration(config)) or ""
    )


def test_what_is_not_a_transformers_model_is_refused() -> None:
    assert "not a transformers model" in (supports(torch.nn.Linear(1, 1)) or "")


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


def test_after_scoring_the_model_attends_as_before(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("gemma2").model
    text = torch.arange(3, 20)[None]
    before = model(text).logits
    assert prove(model, PAIRS, max_length=16).reason is None
    assert torch.equal(model(text).logits, before)


def test_importing_the_package_loads_neither_torch_nor_transformers() -> None:
    program = (
        "import sys, lm_eval_faith, lm_eval_faith.engines;"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


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
    assert short.reason is None and set(short.answers) == {0, 1, 2, 3}
    assert "is tolerated" in (
        prove(scales_by_index, many, max_length=32, proven=[short.reach]).reason or ""
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
    found = prove(counts_tokens, many, call=call, proven=[alone.reach], **asked)
    assert "is tolerated" in (found.reason or "")


def test_requests_that_go_no_further_than_a_proof_are_not_proven_again(
    backend_named: Callable[[str], HFLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = backend_named("llama (").model
    pairs = [([3, 4, 5, token], [6, 7]) for token in range(8, 30)]
    found = prove(model, pairs, max_length=16, max_packed_tokens=20)
    assert found.reason is None

    def refuse(*args: object) -> torch.Tensor:
        raise AssertionError("run again")

    again = prove(
        model,
        pairs[3:],
        max_length=16,
        max_packed_tokens=20,
        proven=[found.reach],
        call=refuse,
    )
    assert again.reason is None and not again.answers
    with pytest.raises(AssertionError, match="run again"):
        longer = [*pairs, (list(range(3, 15)), [6])]
        prove(
            model,
            longer,
            max_length=16,
            max_packed_tokens=20,
            proven=[found.reach],
            call=refuse,
        )


def test_the_proof_reads_few_requests_plainly_however_many_there_are(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("llama (").model
    pairs = [
        ([3, 4, *range(5, 5 + a), b], [6, 7]) for a in range(12) for b in range(20)
    ]
    read: list[int] = []

    def call(text: torch.Tensor) -> torch.Tensor:
        read.append(text.shape[1])
        return model(text).logits

    found = prove(model, pairs, max_length=32, max_packed_tokens=64, call=call)
    assert found.reason is None
    assert 1 <= len(read) <= 4
    # What it computed over the forest is not computed again.
    assert len(found.answers) > 20
