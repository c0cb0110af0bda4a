"""The choices of a multiple-choice question: letters, and which one a text names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.chains.same_answer import same_answer
from lm_eval_faith.records.choices import LETTERS

NO_TARGET = "the target is none of the choices"
TOO_FEW = "fewer than two choices"
TOO_MANY = f"more than {len(LETTERS)} choices"
EMPTY = "an empty choice"
EQUAL = "two choices are the same"

_LABEL = re.compile(r"[(\[]?([A-Za-z])[)\].:]{0,2}")
_NAMED = re.compile(
    r"(?:(?:option|choice|answer|letter)\s)?(?:[(\[*\s]|\\text\{){0,8}([A-Za-z])"
    r"(?:[)\]}*\s.:]{0,8}\Z|[)\].:]{1,8}\s)",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"[(\[*\s]{0,8}[A-Za-z][)\]*\s]{0,8}(?:,|/|&|\bor\b|\band\b)\s{0,8}"
    r"[(\[*\s]{0,8}[A-Za-z](?![A-Za-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AnswerChoices:
    """The choices of a question, in the order in which they are shown.

    Attributes:
        texts: what they say; the letters themselves where the question lists them.
        target: the place of the right one; None where there is none.
        are_letters: the question lists the choices already, and only letters are chosen.
        order: where each stood in the task's own order.
    """

    texts: tuple[str, ...]
    target: int | None
    are_letters: bool = False
    order: tuple[int, ...] = ()

    @property
    def letters(self) -> tuple[str, ...]:
        """A letter a choice, as far as there are letters."""
        return tuple(LETTERS[: len(self.texts)])

    @property
    def letter(self) -> str:
        """The right one's; empty where there is none."""
        return "" if self.target is None else LETTERS[self.target]

    @property
    def list(self) -> str:
        """All of them, a line each."""
        lines = zip(LETTERS, self.texts, strict=False)
        return "\n".join(f"{letter}. {text}" for letter, text in lines)

    @property
    def problem(self) -> str:
        """Why the question cannot be used; empty where it can."""
        told = [" ".join(text.split()).casefold() for text in self.texts]
        if len(told) < 2:
            return TOO_FEW
        if len(told) > len(LETTERS):
            return TOO_MANY
        if not all(told):
            return EMPTY
        if len(set(told)) < len(told):
            return EQUAL
        return NO_TARGET if self.target is None else ""

    def named(self, answer: str) -> int | None:
        """Which choice an answer names, by its letter or by its text; None if not one.

        >>> AnswerChoices(("iron", "A cat", "C"), 0).named("A cat")
        1
        >>> metals = AnswerChoices(("iron", "gold"), 0)
        >>> metals.named("(B) gold"), metals.named("(B) iron"), metals.named("A or B")
        (1, None, None)
        """
        said = answer.strip()
        if _SEVERAL.match(said):
            return None
        match = _NAMED.match(said)
        if match is None:
            return self._saying(said)
        k, beside = LETTERS.index(match[1].upper()), self._saying(said[match.end() :])
        return k if k < len(self.texts) and beside in (None, k) else None

    def written_as(self, answer: str) -> tuple[str, ...]:
        """All choices as an answer names its own: by letters in the same style.

        >>> AnswerChoices(("iron", "gold"), 0).written_as("(b)")
        ('(a)', '(b)')
        """
        match = _NAMED.match(answer)
        if match is None:
            raise ValueError(f"{answer!r} names no choice by its letter")
        start, end = match.span(1)
        letters = (k if match[1].isupper() else k.lower() for k in self.letters)
        behind = "" if answer[match.end() :].strip() else answer[end:]
        return tuple(answer[:start] + letter + behind for letter in letters)

    def names_letter(self, answer: str) -> bool:
        """Whether an answer names a choice by its letter."""
        return _NAMED.match(answer) is not None

    def _saying(self, text: str) -> int | None:
        """The one choice whose text this is."""
        if self.are_letters or not text.strip():
            return None
        same = [k for k, told in enumerate(self.texts) if same_answer(told, text)]
        return same[0] if len(same) == 1 else None


def choices_of(
    options: Sequence[str], target: int | None, seed: str | None = None
) -> AnswerChoices:
    """The choices of a task's document.

    Args:
        options: as the task gives them: texts, or the letters of choices that the
            question lists (``A``, ``(B)``).
        target: the right one's place.
        seed: another order, drawn from it; options that are letters keep theirs.
    """
    labels = [_LABEL.fullmatch(option.strip()) for option in options]
    lettered = bool(options) and all(
        label is not None and label[1].upper() == letter
        for label, letter in zip(labels, LETTERS, strict=False)
    )
    order = list(range(len(options)))
    if seed is not None and not lettered:
        order = Draw(seed, "choices").sample(order, len(order))
    texts = LETTERS[: len(options)] if lettered else [options[k] for k in order]
    place = None if target is None else order.index(target)
    return AnswerChoices(tuple(texts), place, lettered, tuple(order))
