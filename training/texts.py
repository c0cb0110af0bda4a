"""Texts to learn from: what is shown, and which parts of it are learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tokenizers import Encoding, Tokenizer

from training.tokenizer import Tokens

NOT_LEARNED = -100
"""The label of a token that adds nothing to the loss."""

PROMPT = "Question: {question}\nLet's work it out step by step."
CUE = "The answer is"


@dataclass(frozen=True)
class TrainingText:
    """A text in pieces.

    Attributes:
        pieces: each with whether a model learns to write it; pieces that are only
            shown (the question, an aside, a wrong number) teach it to read.
        ended: the model learns that the text ends here.
    """

    pieces: tuple[tuple[str, bool], ...]
    ended: bool = True

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(piece for piece, _ in self.pieces)


@dataclass(frozen=True)
class TokenizedText:
    """Token ids, and the labels that a model learns at them, equally many."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]


def joined(texts: Sequence[TrainingText], separator: str = "\n\n") -> TrainingText:
    """Texts one after the other, as few-shot examples stand before a question."""
    pieces: list[tuple[str, bool]] = []
    for text in texts:
        pieces += [(separator, False)] if pieces else []
        pieces += text.pieces
    return TrainingText(tuple(pieces), texts[-1].ended)


def tokenized(
    texts: Iterable[TrainingText], tokenizer: Tokenizer
) -> Iterator[TokenizedText]:
    """Texts as token ids, one after the other."""
    end = Tokens.of(tokenizer).end
    for text in texts:
        yield _labelled(text, tokenizer.encode(text.text), end)


def _labelled(text: TrainingText, encoding: Encoding, end: int) -> TokenizedText:
    """A token is learned if the piece that its last character stands in is."""
    learned = list(_learned_tokens(text, [stop for _, stop in encoding.offsets]))
    labels = [
        token if wanted else NOT_LEARNED
        for token, wanted in zip(encoding.ids, learned, strict=True)
    ]
    ids = [*encoding.ids, end]
    return TokenizedText(tuple(ids), (*labels, end if text.ended else NOT_LEARNED))


def _learned_tokens(text: TrainingText, stops: Sequence[int]) -> Iterator[bool]:
    ends = list(accumulate(len(piece) for piece, _ in text.pieces))
    place = 0
    for stop in stops:
        while ends[place] < stop:
            place += 1
        yield text.pieces[place][1]
