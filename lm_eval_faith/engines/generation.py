"""Generation by the harness's own call, with faster products and for no longer than texts are wanted.

`hf` lets a batch write until each of its texts has *one and the same* stop string, or all have ended: where one text
stops at a line and another at the end token, all are written to the limit. Here a text that holds a stop string is
ended by the model's own end token, and what has ended leaves the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.cache_utils import DynamicCache

from .matrix_products import fast_head
from .transformers_compat import cache_argument, causal_lm, supports

HasStopped = Callable[[int, list[int]], bool]
"""Whether a text holds a stop string: which of the batch, and the tokens written so far."""
Call = Callable[..., torch.Tensor]
"""The harness's own: prompts, shape [texts, tokens], to prompts with what was written."""

SEGMENT = 16
"""After so many tokens, what has ended leaves the batch."""
GREEDY = frozenset({"attention_mask", "stop", "max_length", "do_sample", "temperature"})
"""Arguments with which tokens are chosen greedily, if the last two say so."""


def generate(
    model: Any,
    call: Call,
    context: torch.Tensor,
    has_stopped: HasStopped,
    settings: Mapping[str, Any],
) -> torch.Tensor:
    """What `call` writes, up to the first stop string of each text; behind that, end tokens.

    The texts are those of `call`. Only the shapes of products differ, and on some processors who computes them: where
    two tokens are equally probable to the last digits, another one may be written.

    Args:
        model: what `call` runs; a causal LM of transformers or an adapter on one.
        call: takes `context`, shape [texts, tokens], and `settings`.
        has_stopped: asked about each text after each token.
        settings: of the generation, `attention_mask` and `max_length` among them.

    Returns:
        Shape [texts, longest]; shorter texts are filled up with end tokens.
    """
    ends = _ends(causal_lm(model))
    with fast_head(causal_lm(model).get_output_embeddings(), context.device):
        if (
            not ends
            or settings.get("num_beams", 1) != 1
            or "logits_processor" in settings
        ):
            return call(context, **settings)
        if not (_is_greedy(settings) and supports(model) is None):
            stop = _Stop(has_stopped, range(len(context)), context.shape[1], ends[0])
            return call(
                context, logits_processor=LogitsProcessorList([stop]), **settings
            )
        return _with_fewer_and_fewer(
            causal_lm(model), call, context, has_stopped, settings, ends
        )


def _with_fewer_and_fewer(
    model: Any,
    call: Call,
    context: torch.Tensor,
    has_stopped: HasStopped,
    settings: Mapping[str, Any],
    ends: Sequence[int],
) -> torch.Tensor:
    begin, most = context.shape[1], settings["max_length"]
    written = context.new_full((len(context), most), ends[0])
    rows = torch.arange(len(context), device=context.device)
    texts, mask = context, settings["attention_mask"]
    kept = DynamicCache(config=model.config)
    longest = begin
    while True:
        stop = _Stop(has_stopped, rows.tolist(), begin, ends[0])
        texts = call(
            texts,
            **{
                **settings,
                "attention_mask": mask,
                "max_length": min(texts.shape[1] + SEGMENT, most),
                "logits_processor": LogitsProcessorList([stop]),
                str(cache_argument(model)): kept,
            },
        )
        written[rows, : texts.shape[1]] = texts
        longest = texts.shape[1]
        ended = torch.isin(texts[:, begin:], context.new_tensor(ends)).any(dim=1)
        if longest >= most or ended.all():
            return written[:, :longest]
        more = texts.shape[1] - mask.shape[1]
        mask = torch.cat([mask, mask.new_ones(len(mask), more)], dim=1)
        if ended.any():
            going = (~ended).nonzero()[:, 0]
            kept.batch_select_indices(going)
            rows, texts, mask = rows[going], texts[going], mask[going]


def _is_greedy(settings: Mapping[str, Any]) -> bool:
    return (
        set(settings) <= GREEDY
        and not settings.get("do_sample")
        and not settings.get("temperature")
    )


def _ends(model: Any) -> list[int]:
    found = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    ends = found if isinstance(found, list) else [found]
    return [end for end in ends if end is not None]


class _Stop(LogitsProcessor):
    """Ends what holds a stop string."""

    def __init__(
        self, has_stopped: HasStopped, rows: Sequence[int], begin: int, end: int
    ) -> None:
        self.has_stopped, self.rows, self.begin, self.end = (
            has_stopped,
            rows,
            begin,
            end,
        )
        self.stopped = [False] * len(rows)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        texts = input_ids[:, self.begin :].tolist()
        for place, row in enumerate(self.rows):
            if not self.stopped[place]:
                self.stopped[place] = self.has_stopped(row, texts[place])
        if any(self.stopped):
            stopped = torch.tensor(self.stopped, device=scores.device)
            scores = scores.masked_fill(stopped[:, None], -torch.inf)
            scores[stopped, self.end] = 0.0
        return scores
