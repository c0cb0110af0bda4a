"""How long is too long: chains, prompts, and texts that were cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.harness.lm_eval_compat import ContextLimit
from lm_eval_faith.harness.seam import spaces_moved
from lm_eval_faith.interventions.probes import Tokens

CHARACTERS_PER_TOKEN = 4
"""What a token is taken for where the model's tokenizer is not at hand."""

UNLIKE_WRITTEN = 0.02
"""A text has up to this share fewer tokens when it is encoded than the model wrote it in."""

GENERATION_LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens")
"""What the harness takes for the most tokens to generate, in this order."""


def most_tokens(generation: Mapping[str, Any]) -> int:
    """How many tokens may be generated; 0 where the settings do not say."""
    lengths = (generation[n] for n in GENERATION_LENGTHS if generation.get(n))
    return int(next(lengths, 0))


def is_cut_off(
    limit: ContextLimit, text: str, generation: Mapping[str, Any], about: float = 0
) -> bool:
    """Whether a text has as many tokens as may be generated, so far as is known.

    Args:
        text: the text.
        generation: the settings.
        about: the share of tokens that may be missing.
    """
    most, model = most_tokens(generation), limit.model
    return bool(most and model and len(model.tok_encode(text)) >= most - about * most)


def tokens_too_many(
    limit: ContextLimit, prompt: str, generation: Mapping[str, Any]
) -> int:
    """How many tokens a prompt has, where backends would cut it to have room for
    the generation; else 0."""
    wanted = most_tokens(generation)
    room = limit.max_length - wanted
    if limit.model is None or not wanted or len(prompt.encode()) + 8 <= room:
        return 0
    tokens = len(limit.model.tok_encode(prompt))
    return tokens if tokens > room else 0


def is_long(chain: Chain, most: int, model: Any | None) -> bool:
    """Whether a chain has more tokens than ``most``; 0 takes all.

    Args:
        chain: the chain.
        most: the most tokens that it may have.
        model: the running model; without one that has ``tok_encode`` a token is taken
            for four characters.
    """
    size = len(chain.text.encode())
    # A token stands for at least one byte; 8 for a tokenizer's special tokens.
    if not most or size + 8 <= most:
        return False
    try:
        return len(model.tok_encode(chain.text)) > most  # type: ignore[union-attr]
    except (AttributeError, NotImplementedError):
        return len(chain.text) > CHARACTERS_PER_TOKEN * most


def tokens_behind(model: Any | None) -> Tokens:
    """Counts the tokens of a text behind another one; no fewer than one.

    Args:
        model: the running model; without one that has ``tok_encode`` a token is taken
            for four characters.
    """

    def count(before: str, text: str) -> float:
        context, scored = spaces_moved(before, text)
        try:
            whole = len(model.tok_encode(context + scored))  # type: ignore[union-attr]
            known = len(model.tok_encode(context))  # type: ignore[union-attr]
        except (AttributeError, NotImplementedError):
            return max(len(text) / CHARACTERS_PER_TOKEN, 1.0)
        return float(max(whole - known, 1))

    return count
