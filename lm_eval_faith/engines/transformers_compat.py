"""Everything that the engines touch of transformers which is not its documented interface, and which models allow it.

Each touch says why it is needed, what happens when it is gone, and which test notices. The module loads neither torch
nor transformers by itself, so that an old transformers gives a sentence and not a traceback.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from .attention import TreeAttention

MASK_ONLY = frozenset({"bloom", "codegen", "falcon", "gptj"})
"""Architectures that compute their own attention, but with the mask that transformers makes for them."""
CACHE_NAMES = ("past_key_values", "cache")
TREE_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})


# --- touches ---------------------------------------------------------------------


def uses_attention_interface(model: Any) -> bool:
    """Whether the model's layers look up their attention by name, so that it can be replaced.

    Why: modeling files that do so import the table of attention functions, and nothing else tells it. When gone: the
    model counts as one with an attention of its own and is scored plainly, with a sentence. Noticed by
    `test_equality_with_hf.py`, which demands every architecture.
    """
    return hasattr(sys.modules[type(model).__module__], "ALL_ATTENTION_FUNCTIONS")


def cache_argument(model: Any) -> str | None:
    """The name by which the model's forward takes its cache; None where it takes none.

    Why: transformers 5.24 renamed `past_key_values` to `cache`, and takes the old name until 5.40. When both are gone:
    a sentence. Noticed by `test_support.py`.
    """
    parameters = inspect.signature(model.forward).parameters
    return next((name for name in CACHE_NAMES if name in parameters), None)


def kept_keys() -> Any:
    """A cache that gives each layer all keys and values of a pass, and keeps of them only what later packs need.

    Set its `wanted` before a pass: what to keep of it, counted in the kept tokens followed by the pass's own, shape
    [wanted].

    Why: a layer's cache class is replaced by one of ours. When gone: `supports` says that transformers is not one that
    we know, and models are scored plainly. Noticed by `test_equality_with_hf.py`, in packs of 17 tokens.
    """
    return _kept_classes()()


@cache
def _kept_classes() -> Any:
    import torch
    from transformers.cache_utils import Cache, DynamicLayer

    class KeptLayer(DynamicLayer):  # type: ignore[no-untyped-call]
        def __init__(self, kept: KeptKeys) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.kept = kept

        def update(
            self,
            key_states: torch.Tensor,
            value_states: torch.Tensor,
            *args: Any,
            **kwargs: Any,
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """All keys and values of the layer, shape [1, heads, kept + pack, head size]."""
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            assert self.keys is not None and self.values is not None
            keys = torch.cat([self.keys, key_states], dim=-2)
            values = torch.cat([self.values, value_states], dim=-2)
            wanted = self.kept.wanted.to(keys.device)
            self.keys = keys.index_select(-2, wanted)
            self.values = values.index_select(-2, wanted)
            return keys, values

    class KeptKeys(Cache):
        def __init__(self) -> None:
            self.wanted = torch.empty(0, dtype=torch.long)
            super().__init__(layer_class_to_replicate=partial(KeptLayer, self))  # type: ignore[arg-type]

    return KeptKeys


@contextmanager
def installed(model: PreTrainedModel, attention: TreeAttention) -> Iterator[None]:
    """Let the model's layers compute `attention` instead of their own, until the end of the block.

    The look-up is the process's: nothing else may run a model meanwhile.

    Why: transformers looks up masks and attention in two tables by the name of the implementation. When gone: an
    ImportError here, which `supports` finds first and says. Noticed by `test_equality_with_hf.py`; that the tables
    are as before at the end, by `test_support.py`. Eager attention is a function of each modeling file, BLOOM's linear
    biases are a method of its body; both are in the same test.
    """
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    name = model.config.get_text_config()._attn_implementation
    plain = ALL_ATTENTION_FUNCTIONS["sdpa"]

    def attend(
        module: torch.nn.Module, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, None]:
        compute = (
            sys.modules[type(module).__module__].eager_attention_forward
            if name == "eager"
            else plain
        )
        return attention.attend(compute, module, *args, **kwargs)

    body: Any = model.base_model
    ALL_MASK_ATTENTION_FUNCTIONS[name] = attention.mask
    ALL_ATTENTION_FUNCTIONS[name] = attend
    if hasattr(body, "build_alibi_tensor"):
        body.build_alibi_tensor = _alibi_by_depth(
            body.build_alibi_tensor, attention.key_depths
        )
    try:
        yield
    finally:
        del ALL_MASK_ATTENTION_FUNCTIONS[name], ALL_ATTENTION_FUNCTIONS[name]
        body.__dict__.pop("build_alibi_tensor", None)


def _alibi_by_depth(
    build: Callable[..., torch.Tensor], key_depths: torch.Tensor
) -> Callable[..., torch.Tensor]:
    """The model's own linear biases, of which each key gets the one of its depth: shape [heads, 1, keys]."""

    def build_alibi_tensor(
        mask: torch.Tensor, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        text = mask.new_ones(1, int(key_depths.max()) + 1)
        return build(text, *args, **kwargs)[..., key_depths.to(mask.device)]

    return build_alibi_tensor


def causal_lm(model: Any) -> Any:
    """The model itself, without the wrapper of an adapter whose layers are built into it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def what_stands_between(model: Any) -> tuple[object, ...]:
    """What may change a model's numbers without being one of its weights: equal as long as nothing has.

    Forwards that were replaced, on an object or its class, hooks, and the active adapters: a proof holds for these.

    Why: torch keeps the hooks of a module in two dictionaries without a public name. When gone: an AttributeError in
    `test_faith_model.py`.
    """
    modules = list(model.named_modules())
    changed = [
        (
            name,
            *module._forward_pre_hooks,
            None,
            *module._forward_hooks,
            vars(module).get("forward"),
        )
        for name, module in modules
        if module._forward_hooks
        or module._forward_pre_hooks
        or "forward" in vars(module)
    ]
    kinds = {kind: kind.forward for kind in {type(module) for _, module in modules}}
    adapter = getattr(
        model, "active_adapter", ""
    )  # of transformers' own models a method
    return (*changed, kinds, "" if callable(adapter) else str(adapter))


@contextmanager
def last_logits_only(model: Any, count: int) -> Iterator[None]:
    """Let a causal LM compute the logits of the last tokens of a text alone, however its forward is called.

    Why: the harness's own call asks for all of them, which is a third of the work of a small model. Done before the
    product with the vocabulary, and not where something else hangs there. When the product is no module any more, or
    another one: all logits come, of which the last are taken. Noticed by `test_proof.py`.
    """
    head = model.get_output_embeddings()
    plain = head is not None and not (
        head._forward_pre_hooks or head._forward_hooks or "forward" in vars(head)
    )
    if not plain:
        yield
        return

    def last(module: torch.nn.Module, given: tuple[Any, ...]) -> Any:
        texts = bool(given) and given[0].ndim == 3
        return (given[0][:, -count:], *given[1:]) if texts else None

    hook = head.register_forward_pre_hook(last)
    try:
        yield
    finally:
        hook.remove()


# --- which models ----------------------------------------------------------------


def supports(model: Any) -> str | None:
    """None, or one sentence that says why a model cannot be scored over a forest. Runs nothing."""
    try:
        from transformers import PreTrainedModel
        from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer  # noqa: F401
        from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS  # noqa: F401
        from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS  # noqa: F401
    except ImportError:
        return "the installed transformers has no attention that can be replaced: shared prefixes need 4.57 or newer"
    config = getattr(model, "config", None)
    name = getattr(config, "model_type", type(model).__name__)
    adapter = getattr(model, "active_peft_config", None)
    if adapter is not None and adapter.is_prompt_learning:
        return f"the adapter on {name} puts virtual tokens before every text"
    if getattr(adapter, "alora_invocation_tokens", None):
        return f"the adapter on {name} is switched on by tokens of the text (aLoRA)"
    model = causal_lm(model)
    if not isinstance(model, PreTrainedModel) or config is None:
        return f"{type(model).__name__} is not a transformers model"
    text = config.get_text_config()
    if config.is_encoder_decoder:
        return f"{name} is an encoder-decoder, whose requests share no prefix in the decoder"
    if getattr(text, "attn_temperature_tuning", False) and hasattr(text, "floor_scale"):
        return (
            f"{name} scales its attention by a token's index in the pass (floor_scale)"
        )
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
