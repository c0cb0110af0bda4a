"""Small causal LMs with random weights, one for each architecture, and the harness's own backend around them."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

VOCABULARY = 61
LONGEST = 48

LLAMA_LIKE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": LONGEST,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 1,
}
GPT_LIKE = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": LONGEST,
    "bos_token_id": 1,
    "eos_token_id": 1,
}
FALCON = {key: value for key, value in LLAMA_LIKE.items() if key != "head_dim"} | {
    "alibi": False,
    "multi_query": True,
}
EXPERTS = {
    "num_local_experts": 4,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
}

ARCHITECTURES = {
    "gpt2 (learned positions, tied head)": ("GPT2", GPT_LIKE),
    "gpt_neox (part rotary, parallel residual)": (
        "GPTNeoX",
        LLAMA_LIKE | {"rotary_pct": 0.5},
    ),
    "gpt_bigcode (multi-query)": ("GPTBigCode", GPT_LIKE),
    "gptj (own attention)": ("GPTJ", GPT_LIKE | {"rotary_dim": 4}),
    "codegen (own attention)": ("CodeGen", GPT_LIKE | {"rotary_dim": 4, "n_embd": 64}),
    "llama (rotary, untied head)": (
        "Llama",
        LLAMA_LIKE | {"tie_word_embeddings": False},
    ),
    "llama, eager": ("Llama", LLAMA_LIKE | {"attn_implementation": "eager"}),
    "qwen2 (biases)": ("Qwen2", LLAMA_LIKE),
    "qwen2, upper layers sliding": (
        "Qwen2",
        LLAMA_LIKE
        | {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
    "qwen3 (query and key norms)": ("Qwen3", LLAMA_LIKE),
    "mistral, window shorter than the text": (
        "Mistral",
        LLAMA_LIKE | {"sliding_window": 6},
    ),
    "gemma2 (soft caps, windows)": (
        "Gemma2",
        LLAMA_LIKE | {"sliding_window": 6, "query_pre_attn_scalar": 8},
    ),
    "gemma3 (two rotary bases, windows)": (
        "Gemma3Text",
        LLAMA_LIKE | {"sliding_window": 6, "query_pre_attn_scalar": 8},
    ),
    "phi": ("Phi", LLAMA_LIKE),
    "phi3, long rotary factors": (
        "Phi3",
        LLAMA_LIKE
        | {
            "original_max_position_embeddings": 24,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "short_factor": [1.0] * 4,
                "long_factor": [4.0] * 4,
                "original_max_position_embeddings": 24,
                "factor": 2.0,
            },
        },
    ),
    "opt (learned positions from the mask)": (
        "OPT",
        LLAMA_LIKE | {"ffn_dim": 48, "word_embed_proj_dim": 32},
    ),
    "bloom (linear biases)": ("Bloom", GPT_LIKE | {"hidden_size": 32}),
    "falcon (multi-query, own attention)": ("Falcon", FALCON),
    "falcon, eager": ("Falcon", FALCON | {"attn_implementation": "eager"}),
    "mixtral (experts)": ("Mixtral", LLAMA_LIKE | EXPERTS),
    "qwen3_moe (experts)": ("Qwen3Moe", LLAMA_LIKE | EXPERTS),
    "gpt_oss (experts, sinks, windows)": (
        "GptOss",
        LLAMA_LIKE | EXPERTS | {"sliding_window": 6},
    ),
    "granite (scaled logits)": ("Granite", LLAMA_LIKE | {"logits_scaling": 3.0}),
    "cohere (scaled logits, parallel residual)": ("Cohere", LLAMA_LIKE),
    "olmo2 (norms after)": ("Olmo2", LLAMA_LIKE),
}


def random_model(family: str, settings: dict[str, object]) -> PreTrainedModel:
    """A causal LM with weights large enough that every token of the text matters."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**settings)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
            elif parameter.abs().max() == 0:
                parameter.normal_(std=0.1)
    return model.eval()


@cache
def backend_of(name: str) -> HFLM:
    tokenizer = Tokenizer(
        models.WordLevel({f"w{i}": i for i in range(VOCABULARY)}, unk_token="w2")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="w0", eos_token="w1", bos_token="w1"
    )
    family, settings = ARCHITECTURES[name]
    # With its cache for one-token continuations, `hf` takes the wrong rows where one text is split at two places.
    return HFLM(
        pretrained=random_model(family, settings),
        tokenizer=wrapped,
        max_length=LONGEST,
        batch_size=1,
        logits_cache=False,
    )


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads only get in the way of models this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", params=ARCHITECTURES)
def backend(request: pytest.FixtureRequest) -> HFLM:
    """The harness's `hf` backend around a small random model."""
    return backend_of(request.param)


@pytest.fixture(scope="session")
def backend_named() -> Callable[[str], HFLM]:
    """The same, by the beginning of the architecture's name."""
    return lambda start: backend_of(
        next(name for name in ARCHITECTURES if name.startswith(start))
    )
