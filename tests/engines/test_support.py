"""Where shared-prefix scoring cannot be exact, it says why, in one sentence."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
import transformers
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.engines import prove, supports

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


def test_after_scoring_the_model_attends_as_before(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("gemma2").model
    text = torch.arange(3, 20)[None]
    before = model(text).logits
    assert sorted(a.index for a in prove(model, PAIRS, max_length=16).answers) == [0, 1]
    assert torch.equal(model(text).logits, before)


def test_importing_the_package_loads_neither_torch_nor_transformers() -> None:
    program = (
        "import sys, lm_eval_faith, lm_eval_faith.engines;"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
