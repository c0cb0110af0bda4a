"""The text that a model wrote, so that the same tokens are read when it is asked about.

The harness gives a generation as text, without its special tokens and, with tokenizers
like Llama 2's, without the space that it begins with. A chain that is put back behind its
prompt is then another one than the model wrote: think tags are gone, or the first word
is joined to the prompt. Where the tokens are at hand, the text is made from them behind
the prompt's own, and it is compared with how it will be read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from lm_eval_faith.harness.lm_eval_compat import (
    generate_of,
    scores_as_hf,
    silenced,
    writing_view,
)
from lm_eval_faith.harness.seam import Tokens, common_prefix

logger = logging.getLogger(__name__)

PROMPT_TOKENS = 8
"""So many tokens of the prompt are decoded with the text, to see how it begins."""


class WrittenText:
    """Generations of one backend, as the model wrote them.

    Attributes:
        generations: how many were made.
        otherwise: how many are read, behind their prompt, as other tokens than were
            written.
        unknown: of how many that is not known, because the backend gives text alone.
    """

    def __init__(self, backend: LM) -> None:
        self.backend = backend
        self.generations = self.otherwise = self.unknown = 0
        self._told = False

    def generate_until(self, requests: list[Instance], **kwargs: Any) -> list[str]:
        """The backend's; with special tokens but those at its end, and its first space.

        Half a character, which a server may send and no tokenizer or file takes, becomes
        the sign for what could not be read.
        """
        quiet = silenced(self.backend.generate_until) | kwargs
        if not scores_as_hf(self.backend):
            given = self.backend.generate_until(requests, **quiet)
            return [self.without_tokens(text) for text in given]
        self.generations += len(requests)
        kept = _KeptTokens(self.backend)
        seen = writing_view(self.backend, kept.encode, kept.generate, kept.decode)
        texts: list[str] = seen.generate_until(requests, **quiet)
        for request, text in zip(requests, texts, strict=True):
            prompt = request.args[0]
            self.otherwise += not is_read_so(
                self.backend, prompt, text, kept.written(prompt)
            )
        return texts

    def without_tokens(self, text: str) -> str:
        """A text whose tokens are not at hand, in whole characters."""
        self.generations += 1
        self.unknown += 1
        return whole_characters(text)

    def noted(self, prompt: str, text: str, full: str, tokens: Tokens) -> str:
        """A text whose tokens are at hand, in whole characters.

        Args:
            prompt: what it was written behind.
            text: what is made of it.
            full: the same before a stop string was taken off.
            tokens: as it was written.
        """
        self.generations += 1
        text = whole_characters(text)
        self.otherwise += not is_read_so(self.backend, prompt, text, [(full, tokens)])
        return text

    def tell(self) -> None:
        """Say once, with the counts, where what is read may not be what was written."""
        said = self.sentence()
        if said and not self._told:
            self._told = True
            logger.warning("%s", said)

    def sentence(self) -> str:
        """What is to be said of the generations so far; empty where all is well."""
        if self.unknown:
            return (
                f"{self.unknown} of {self.generations} generations came as text, without "
                "their tokens: whether the chain that is read is, token by token, the "
                "chain that was written is not known"
            )
        if self.otherwise:
            return (
                f"{self.otherwise} of {self.generations} generations are read as other "
                "tokens than the model wrote: their chains have the same letters, but "
                "are not the chains that were written"
            )
        return ""


def whole_characters(text: str) -> str:
    """The text with pairs of surrogates joined, and lone ones replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class _KeptTokens:
    """Methods for a view of ``hf`` that keep the tokens of generations.

    Why: ``hf`` decodes each generation by itself and forgets its tokens. It encodes a
    batch, generates, and decodes one row after the other; when it no longer does so, the
    rows do not fit and are decoded as before. Noticed by ``test_written_text.py``.
    """

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self._prompts: list[str] = []
        self._rows: list[tuple[str, Tokens, Tokens]] = []
        self._written: dict[str, list[tuple[str, Tokens]]] = {}
        ends = getattr(backend.model, "generation_config", None)
        eos = getattr(ends, "eos_token_id", None)
        self._ends = {
            backend.eot_token_id,
            *(eos if isinstance(eos, list) else [eos]),
        }

    def encode(self, strings: list[str], *args: Any, **kwargs: Any) -> Any:
        """As ``tok_batch_encode``."""
        self._prompts = list(strings)
        return self.backend.tok_batch_encode(strings, *args, **kwargs)

    def generate(self, context: Any, **kwargs: Any) -> Any:
        """As the method that generates; a text that holds a stop string is written no further."""
        from lm_eval_faith.engines.generation import generate

        mask = kwargs["attention_mask"].bool()
        before = [read[seen].tolist() for read, seen in zip(context, mask)]
        stops = [stop for stop in kwargs["stop"] if stop]
        # A token is at least a byte, and what begins a text may be decoded otherwise.
        most = max((len(stop.encode()) for stop in stops), default=0) + PROMPT_TOKENS

        def has_stopped(row: int, tokens: Tokens) -> bool:
            # Decoded from a little before, to save time; then as it will be returned.
            some = self.backend.tok_decode(tokens[-most:], skip_special_tokens=False)
            if not any(stop in some for stop in stops):
                return False
            text = self._behind(before[row][-PROMPT_TOKENS:], self._written_of(tokens))
            return any(stop in text for stop in stops)

        whole = generate(
            self.backend.model, generate_of(self.backend), context, has_stopped, kwargs
        )
        self._rows = [
            (prompt, read, row[context.shape[1] :].tolist())
            for prompt, read, row in zip(self._prompts, before, whole)
        ]
        return whole

    def decode(self, tokens: Any, skip_special_tokens: bool = True) -> str:
        """As ``tok_decode``; a row that was just generated is decoded behind its prompt."""
        if not (isinstance(tokens, list) and self._rows and tokens == self._rows[0][2]):
            plain: str = self.backend.tok_decode(
                tokens, skip_special_tokens=skip_special_tokens
            )
            return plain
        prompt, before, row = self._rows.pop(0)
        written = self._written_of(row)
        text = self._behind(before[-PROMPT_TOKENS:], written)
        self._written.setdefault(prompt, []).append((text, written))
        return text

    def _written_of(self, row: Tokens) -> Tokens:
        """What stands before the end token, without padding."""
        end = next((i for i, token in enumerate(row) if token in self._ends), len(row))
        written = row[:end]
        while written and written[-1] == self.backend.tokenizer.pad_token_id:
            written.pop()
        return written

    def written(self, prompt: str) -> Sequence[tuple[str, Tokens]]:
        """What was generated behind a prompt: the texts and their tokens."""
        return self._written.get(prompt, [])

    def _behind(self, before: Tokens, written: Tokens) -> str:
        start, whole = (
            self.backend.tok_decode(tokens, skip_special_tokens=False)
            for tokens in (before, before + written)
        )
        if whole.startswith(start):
            text: str = whole[len(start) :]
            return text
        alone: str = self.backend.tok_decode(written, skip_special_tokens=False)
        return alone


def is_read_so(
    backend: Any, prompt: str, text: str, written: Sequence[tuple[str, Tokens]]
) -> bool:
    """Whether the tokens that a text is read as, behind its prompt, are those written.

    A stop string may have cut the last token in two.

    Args:
        backend: has ``tok_encode``.
        prompt, text: the texts.
        written: what was written behind this prompt: texts before they were cut, and tokens.
    """
    alone = backend.tok_encode(prompt)
    whole = backend.tok_encode(prompt + text)
    read = whole[len(alone) :]
    if whole[: len(alone)] != alone:
        return not text
    return any(
        common_prefix(read, tokens) >= len(read) - (full != text)
        for full, tokens in written
        if full.startswith(text)
    )
