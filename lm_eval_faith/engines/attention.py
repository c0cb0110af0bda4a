"""Attention over a forest: each token sees the text before it, and nothing of the branches beside it.

Transformers looks up two functions by the name of the model's attention implementation: one makes the mask, one
computes the attention. While a pack goes through the model, both are ours (`transformers_compat.installed`). The mask asks the model's own rule (causal,
sliding window, chunked) about depths instead of indices, and hides what is not an ancestor. The attention hands each
block of queries, with the keys that it may see, to the implementation that the model has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .packing import Pack
from .tree import Forest

MASKS_REMEMBERED = 4


class TreeAttentionError(RuntimeError):
    """The model's attention cannot be computed over a forest."""


@dataclass
class TreeAttention:
    """The attention of one pack."""

    forest: Forest
    pack: Pack
    device: torch.device
    calls: int = 0
    """How often a layer of the model asked for attention."""
    masks_made: int = 0
    _cut_masks: dict[int, tuple[torch.Tensor, list[torch.Tensor]]] = field(
        default_factory=dict
    )
    _keys: dict[torch.device, list[torch.Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = self.pack.own
        both = np.concatenate([self.pack.kept, own])
        queries, keys, ends, self.key_depths = (
            torch.from_numpy(array).to(self.device)
            for array in (own, both, self.forest.ends[both], self.forest.depths[both])
        )
        self.query_depths = self.key_depths[len(self.pack.kept) :]
        """Positions in the text, shapes [queries] and [keys]."""
        self.visible = (keys <= queries[:, None]) & (queries[:, None] < ends)
        """Whether the key is in the query's text, shape [queries, keys]."""

    def mask(
        self,
        *_: Any,
        q_length: int,
        kv_length: int,
        mask_function: Callable[..., torch.Tensor],
        config: Any,
        dtype: torch.dtype = torch.float32,
        **__: Any,
    ) -> torch.Tensor:
        """The mask of this pack under the model's rule, in the form that its implementation takes.

        Returns:
            Shape [1, 1, queries, keys]: true where seen, or, for eager attention, what to add to the scores.
        """
        if (q_length, kv_length) != tuple(self.visible.shape):
            raise TreeAttentionError(
                "the model does not keep every key of the text before"
            )
        zero = torch.zeros((), dtype=torch.long, device=self.device)
        allowed = mask_function(
            zero, zero, self.query_depths[:, None], self.key_depths[None, :]
        )
        seen = (self.visible & allowed)[None, None]
        self.masks_made += 1
        if config._attn_implementation == "eager":
            return torch.zeros_like(seen, dtype=dtype).masked_fill_(
                ~seen, torch.finfo(dtype).min
            )
        return seen

    def attend(
        self,
        compute: Callable[..., tuple[torch.Tensor, Any]],
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        """Attention of one layer, block by block.

        Args:
            compute: the implementation that the model has.
            query: shape [1, heads, queries, head size]; `key` and `value` likewise with the pack's keys.
            attention_mask: what `mask` returned for this layer.

        Returns:
            The layer's output, shape [1, queries, heads, head size], and no weights.
        """
        if attention_mask is None or tuple(attention_mask.shape[-2:]) != tuple(
            self.visible.shape
        ):
            raise TreeAttentionError("a layer of the model does not take the mask")
        if key.shape[-2] != self.visible.shape[1]:
            raise TreeAttentionError(
                "a layer of the model does not keep every key of the text before"
            )
        self.calls += 1
        masks = self._cut(attention_mask)
        if query.device not in self._keys:
            self._keys[query.device] = [
                torch.from_numpy(b.keys).to(query.device) for b in self.pack.blocks
            ]
        outputs = [
            compute(
                module,
                query[:, :, block.start : block.stop],
                key.index_select(2, keys),
                value.index_select(2, keys),
                mask,
                **kwargs,
            )[0]
            for block, keys, mask in zip(
                self.pack.blocks, self._keys[query.device], masks, strict=True
            )
        ]
        return torch.cat(outputs, dim=1), None

    def _cut(self, mask: torch.Tensor) -> list[torch.Tensor]:
        """The part of a mask that each block needs; made once for all layers that share the mask."""
        if id(mask) not in self._cut_masks:
            if len(self._cut_masks) == MASKS_REMEMBERED:
                self._cut_masks.clear()
            cut = [
                mask[:, :, b.start : b.stop].index_select(
                    3, torch.from_numpy(b.keys).to(mask.device)
                )
                for b in self.pack.blocks
            ]
            self._cut_masks[id(mask)] = (
                mask,
                cut,
            )  # the mask stays alive, so that its id stays its own
        return self._cut_masks[id(mask)][1]
