"""Which models can be scored over a forest, and why others cannot."""

from __future__ import annotations

import inspect
import sys
from typing import Any

MASK_ONLY = frozenset({"bloom", "codegen", "falcon", "gptj"})
"""Architectures that compute their own attention, but with the mask that transformers makes for them."""
CACHE_NAMES = ("past_key_values", "cache")
TREE_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})


def causal_lm(model: Any) -> Any:
    """The model itself, without the wrapper of an adapter whose layers are built into it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def uses_attention_interface(model: Any) -> bool:
    """Whether the model's layers look up their attention by name, so that it can be replaced."""
    return hasattr(sys.modules[type(model).__module__], "ALL_ATTENTION_FUNCTIONS")


def cache_argument(model: Any) -> str | None:
    """The name by which the model's forward takes its cache; None where it takes none.

    Transformers 5.24 renamed `past_key_values` to `cache`, and takes the old name until 5.40.
    """
    parameters = inspect.signature(model.forward).parameters
    return next((name for name in CACHE_NAMES if name in parameters), None)


def supports(model: Any) -> str | None:
    """None, or one sentence that says why a model cannot be scored over a forest. Runs nothing."""
    try:
        from transformers import PreTrainedModel
        from transformers.cache_utils import Cache, CacheLayerMixin  # noqa: F401
        from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS  # noqa: F401
    except ImportError:
        return "the installed transformers is too old for shared-prefix scoring, which needs 4.57 or newer"
    config = getattr(model, "config", None)
    name = getattr(config, "model_type", type(model).__name__)
    if (
        getattr(model, "active_peft_config", None) is not None
        and model.active_peft_config.is_prompt_learning
    ):
        return f"the adapter on {name} puts virtual tokens before every text"
    model = causal_lm(model)
    if not isinstance(model, PreTrainedModel) or config is None:
        return f"{type(model).__name__} is not a transformers model"
    text = config.get_text_config()
    if config.is_encoder_decoder:
        return f"{name} is an encoder-decoder, whose requests share no prefix in the decoder"
    layers = set(getattr(text, "layer_types", None) or ())
    if getattr(model, "_is_stateful", False) or layers - TREE_LAYERS:
        return f"{name} carries a recurrent state from token to token, which cannot branch within a pass"
    if not uses_attention_interface(model) and text.model_type not in MASK_ONLY:
        return f"{name} computes its attention in a way that is not known to honour a mask over branches"
    parameters = inspect.signature(model.forward).parameters
    missing = {"logits_to_keep"} - set(parameters)
    if cache_argument(model) is None:
        missing |= {"a cache of keys and values"}
    if not hasattr(model.base_model, "build_alibi_tensor"):
        missing |= {"position_ids"} - set(parameters)
        if getattr(text, "alibi", False):
            return f"{name} takes its linear biases from the order of tokens in a pass"
    if missing:
        return f"the forward of {name} does not take {' or '.join(sorted(missing))}"
    return None


def exact_length(model: Any) -> int | None:
    """The longest text for which a token's state depends on nothing but the text before it; None where that is all.

    Two rotary schemes change the frequencies of all positions once a text is longer than the model was trained for.
    """
    text = model.config.get_text_config()
    rope = (
        getattr(text, "rope_parameters", None)
        or getattr(text, "rope_scaling", None)
        or {}
    )
    kinds = [rope, *(value for value in rope.values() if isinstance(value, dict))]
    limits = [
        kind.get("original_max_position_embeddings")
        or getattr(text, "original_max_position_embeddings", None)
        or text.max_position_embeddings
        for kind in kinds
        if kind.get("rope_type", kind.get("type")) in ("dynamic", "longrope")
    ]
    return min(limits, default=None)
