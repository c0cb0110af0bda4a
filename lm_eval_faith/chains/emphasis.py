"""Markdown's bold and italics: signs around words that are no products and no powers."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from lm_eval_faith.chains.numbers import WrittenNumber

_EMPHASISED = re.compile(
    r"(?<![\w)\]}$*\\])(?<![\d)\]}$][ ])(?P<signs>\*{1,3})(?=[^\s*])"
    r"(?P<words>[^*\n]{1,200}?)(?<![\s*])(?P=signs)(?![\w*(])"
)


def without_emphasis(
    text: str, numbers: Sequence[WrittenNumber]
) -> tuple[str, tuple[WrittenNumber, ...]]:
    """A text without the signs of its bold and italic words, and its numbers where they
    then stand; both as they are where there are none.

    >>> from lm_eval_faith.chains.numbers import find_numbers
    >>> text = "So **18** of 2**5."
    >>> plain, (first, *_) = without_emphasis(text, find_numbers(text))
    >>> plain, plain[first.start : first.end]
    ('So 18 of 2**5.', '18')
    """
    spans = [
        span
        for found in _EMPHASISED.finditer(text)
        for span in (
            (found.start(), found.start("words")),
            (found.end("words"), found.end()),
        )
    ]
    if not spans:
        return text, tuple(numbers)
    plain, done, lost = "", 0, [0]
    for start, end in spans:
        plain += text[done:start]
        done = end
        lost.append(lost[-1] + end - start)
    starts = [start for start, _ in spans]

    def moved(place: int) -> int:
        return place - lost[bisect_right(starts, place - 1)]

    return plain + text[done:], tuple(
        replace(
            number,
            start=moved(number.start),
            end=moved(number.end),
            parts=tuple(
                replace(part, start=moved(part.start), end=moved(part.end))
                for part in number.parts
            ),
        )
        for number in numbers
    )
