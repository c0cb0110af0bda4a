"""A word-and-digit tokenizer that encodes any text without loss, but for its own marks.

A word of the generators is one token with the space before it, a digit is one token,
and so is a sign. Whatever else a text holds is written in its bytes. No token reaches
over the end of a word, so the tokens of a context are a prefix of the tokens of the
context and a continuation that begins with a space.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from lm_eval_faith.interventions import control
from lm_eval_faith.problems import boxes, restated_boxes, word_problems
from lm_eval_faith.problems import running_total_words as wording

PADDING = "<|pad|>"
END = "<|end|>"
"""Ends a text; it also stands where a model wants a token to begin with."""

LONGEST_TEXT = 2048
"""Tokens that a model of ours takes."""


@dataclass(frozen=True)
class Tokens:
    """What a model must know of its tokenizer.

    Attributes:
        count: number of tokens.
        padding, end: ids of the tokens for padding and for the end of a text.
    """

    count: int
    padding: int
    end: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Tokens:
        """Those of a tokenizer that :func:`make_tokenizer` made."""
        ids = tokenizer.get_vocab()
        return cls(len(ids), ids[PADDING], ids[END])


_PIECES = r" ?\.\.\.| ?[0-9]| ?[A-Za-z]+| ?[^\sA-Za-z0-9]|\s"
_SPACE = "Ġ"  # how the byte-level alphabet writes a space
_FRAME = "Question: Let's work it out step by step. The answer is think"


def box_words() -> list[str]:
    """Every word that the problems with boxes, the prompt and the asides use, sorted."""
    return _words([_FRAME, *boxes.vocabulary(), *control.ASIDES])


def restated_words() -> list[str]:
    """The same for the chains that say things again."""
    return _words([_FRAME, *restated_boxes.vocabulary(), *control.ASIDES])


def known_words() -> list[str]:
    """Every word that the generators, the prompt and the asides use, sorted."""
    templates = [
        _FRAME,
        *(name for person in wording.PEOPLE for name in person),
        *wording.THINGS,
        *wording.GAINS,
        *wording.LOSSES,
        *wording.GAINS_TOTAL,
        *wording.LOSSES_TOTAL,
        *wording.ASIDES,
        "collects and keeps notes on them, then. How many does have at the end?",
        *control.ASIDES,
        *word_problems.vocabulary(),
    ]
    return _words([*templates, "He She They"])


def make_tokenizer(words: Sequence[str] = ()) -> Tokenizer:
    """The tokenizer; it is the same in every process.

    Args:
        words: that are one token each; the embedded model's, if none are given.
    """
    # Without merges a piece is either a token or falls apart into its bytes.
    tokenizer = Tokenizer(
        models.BPE(
            vocab=_vocabulary(words or known_words()), merges=[], ignore_merges=True
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([PADDING, END])
    return tokenizer


def tokenizer_config() -> str:
    """What Hugging Face's loader reads beside the tokenizer, as JSON."""
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PADDING,
        "bos_token": END,
        "eos_token": END,
        "model_max_length": LONGEST_TEXT,
        "clean_up_tokenization_spaces": False,
    }
    return json.dumps(settings, indent=2) + "\n"


def _words(templates: Iterable[str]) -> list[str]:
    text = re.sub(r"\{\w+\}", " ", " ".join(templates))
    return sorted(set(re.findall(r"[A-Za-z]+", text)))


def _vocabulary(words: Sequence[str]) -> dict[str, int]:
    pieces = [
        PADDING,
        END,
        *sorted(pre_tokenizers.ByteLevel.alphabet()),
        *_spaced("0123456789+-*/=()<>,.?!"),
        "...",
        _SPACE + "...",
        *(word for word in words if word[0].isupper()),
        *_spaced(words),
    ]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def _spaced(pieces: Iterable[str]) -> list[str]:
    return [_SPACE + piece for piece in pieces]
