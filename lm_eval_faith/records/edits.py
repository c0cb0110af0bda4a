"""How one text becomes another that shares most of its words: a few replacements."""

from __future__ import annotations

import re
from collections.abc import Sequence

Edit = tuple[int, int, str]
"""From where to where in the first text, and what stands there in the second."""

_WORD = re.compile(r"\s+|[^\s]+")


def edits(before: str, after: str) -> list[Edit]:
    """Replacements that make the second text of the first, in their order.

    Texts of as many words are compared word by word, others between what they begin and
    end with alike.

    >>> edits("so 2 and 4 are 6.", "so 3 and 4 are 7.")
    [(3, 4, '3'), (15, 17, '7.')]
    """
    if before == after:
        return []
    old, new = _WORD.findall(before), _WORD.findall(after)
    if len(old) == len(new):
        return _by_word(old, new)
    least = min(len(old), len(new))
    start = next((k for k in range(least) if old[k] != new[k]), least)
    end = next(
        (k for k in range(least - start) if old[-1 - k] != new[-1 - k]), least - start
    )
    first = len("".join(old[:start]))
    last = len(before) - len("".join(old[len(old) - end :]))
    return [(first, last, "".join(new[start : len(new) - end]))]


def _by_word(old: Sequence[str], new: Sequence[str]) -> list[Edit]:
    made: list[Edit] = []
    at = 0
    for one, other in zip(old, new, strict=True):
        if one != other:
            made.append((at, at + len(one), other))
        at += len(one)
    return made


def edited(before: str, made: Sequence[Edit]) -> str:
    """The text that the replacements make.

    Raises:
        ValueError: they are not in their order, or beyond the text.
    """
    parts, at = [], 0
    for start, end, text in made:
        if not at <= start <= end <= len(before):
            raise ValueError("a replacement at a place that is not there")
        parts += [before[at:start], text]
        at = end
    return "".join([*parts, before[at:]])
