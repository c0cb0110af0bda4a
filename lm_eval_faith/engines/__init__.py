"""Shared-prefix scoring: log-likelihood requests to a causal language model, every distinct token computed once.

Knows token ids and a Hugging Face causal LM; knows nothing of tasks or of the harness. Importing this package loads
neither torch nor transformers; using a name from it does. How it works and what it gives: docs/scoring.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .proof import prove
    from .shared_prefix import DEFAULT_MAX_PACKED_TOKENS, Scored, score
    from .transformers_compat import supports

__all__ = ["DEFAULT_MAX_PACKED_TOKENS", "Scored", "prove", "score", "supports"]

_MODULE_OF = {"prove": "proof", "supports": "transformers_compat"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(
        import_module(f".{_MODULE_OF.get(name, 'shared_prefix')}", __name__), name
    )
