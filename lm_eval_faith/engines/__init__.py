"""Shared-prefix scoring: log-likelihood requests to a causal language model, every distinct token computed once.

Knows token ids, a Hugging Face causal LM (docs/scoring.md) and vLLM (docs/vllm.md); knows nothing of tasks or of the
harness. Importing this package loads none of torch, transformers and vLLM; using a name from it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Engine, Scored, TokenAsk
    from .prefix_cache import PrefixCache
    from .proof import Disproved, Proof, Reach, prove
    from .shared_prefix import DEFAULT_MAX_PACKED_TOKENS, SharedPrefixes, score
    from .transformers_compat import supports, what_stands_between
    from .vllm_compat import Vllm

_MODULE_OF = {
    "DEFAULT_MAX_PACKED_TOKENS": "shared_prefix",
    "Disproved": "proof",
    "Engine": "engine",
    "PrefixCache": "prefix_cache",
    "Proof": "proof",
    "Reach": "proof",
    "Scored": "engine",
    "SharedPrefixes": "shared_prefix",
    "TokenAsk": "engine",
    "prove": "proof",
    "score": "shared_prefix",
    "supports": "transformers_compat",
    "Vllm": "vllm_compat",
    "what_stands_between": "transformers_compat",
}

__all__ = [
    "DEFAULT_MAX_PACKED_TOKENS",
    "Disproved",
    "Engine",
    "PrefixCache",
    "Proof",
    "Reach",
    "Scored",
    "SharedPrefixes",
    "TokenAsk",
    "Vllm",
    "prove",
    "score",
    "supports",
    "what_stands_between",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
