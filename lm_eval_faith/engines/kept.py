"""Keys and values of the text before a pack."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer


class KeptKeys(Cache):
    """A cache that gives each layer all keys and values of a pass, and keeps of them only what later packs need."""

    def __init__(self) -> None:
        self.wanted = torch.empty(0, dtype=torch.long)
        """What to keep of the next pass, counted in the kept tokens followed by the pass's own, shape [wanted]."""
        super().__init__(layer_class_to_replicate=partial(_KeptLayer, self))  # type: ignore[arg-type]


class _KeptLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    def __init__(self, cache: KeptKeys) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cache = cache

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
        wanted = self.cache.wanted.to(keys.device)
        self.keys = keys.index_select(-2, wanted)
        self.values = values.index_select(-2, wanted)
        return keys, values
