"""From a written chain to its steps: sentences and lines, to the byte.

What is a step:

- A line ends a step, and so does a sentence. Neither does inside LaTeX, code or a
  calculator annotation, and no sentence ends inside a number, behind an abbreviation,
  an initial or a list marker.
- White space between steps is the ``after`` of the step before it, and white space
  before the first step is the chain's opening.
- A heading (``## Cost``, ``**Cost:**``, ``Step 2:`` alone on a line) is no step. It
  opens the text of the step that it announces, so it is deleted with it and shown with
  it; a heading that announces nothing is part of the last ``after``.
- A line that ends with a colon is one step with the displayed formula below it.
- Fragments ("Wait.", "So:") are joined to the step that follows, or, when they close a
  line, to the one before.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from lm_eval_faith.chains.chain import Step
from lm_eval_faith.chains.layout import is_heading
from lm_eval_faith.chains.protected import protected_spans
from lm_eval_faith.chains.sentences import sentence_ends

SHORTEST_STEP = 4
"""Fewer characters than this, white space aside, are a fragment."""

SHORTEST_WORDS = 7
"""The same for text without a digit."""

Span = tuple[int, int]

_DISPLAY = re.compile(r"\\\[|\$\$|\\begin\{|```|~~~")
_FIRST_WIDE = "\u2e80"  # Chinese, Japanese, Korean: a character says about a word
_LINE = re.compile(r"[^\r\n]+")


def split(text: str) -> tuple[str, tuple[Step, ...]]:
    """The opening white space and the steps of a text.

    Joined they are the text: ``opening + "".join(s.text + s.after for s in steps)``.
    Linear in the length of the text. A text without a step is all opening.

    >>> split("He had 3.5 kg, i.e. 7 bags. He sold 2.\\n\\nSo 7 - 2 = 5.")[1]
    ... # doctest: +ELLIPSIS
    (Step(text='He had 3.5 kg, i.e. 7 bags.', after=' ', ...), ...)
    """
    units = list(_units(text))
    while units and is_heading(text[slice(*units[-1])]):
        units.pop()
    spans = _join_fragments(text, _join_formulas(text, _join_headings(text, units)))
    if not spans:
        return text, ()
    starts = [start for start, _ in spans[1:]] + [len(text)]
    steps = tuple(
        Step(text=text[start:end], after=text[end:following])
        for (start, end), following in zip(spans, starts, strict=True)
    )
    return text[: spans[0][0]], steps


def _units(text: str) -> Iterator[Span]:
    """Lines, and sentences of lines, without the white space around them."""
    protected = protected_spans(text)
    for start, end in _lines(text, protected):
        first = start
        if is_heading(text[start : min(end, start + 200)].strip()):
            yield from _stripped(text, start, end)
            continue
        for boundary in sentence_ends(text, start, end):
            if boundary > first and not _inside(protected, boundary):
                yield from _stripped(text, first, boundary)
                first = boundary
        yield from _stripped(text, first, end)


def _lines(text: str, protected: list[Span]) -> Iterator[Span]:
    """Lines, those that one protected span runs through taken together."""
    start = end = 0
    for match in _LINE.finditer(text):
        if end > start and not _inside(protected, match.start()):
            yield start, end
            start = match.start()
        elif end == start:
            start = match.start()
        end = match.end()
    if end > start:
        yield start, end


def _inside(spans: list[Span], place: int) -> bool:
    """The place is strictly inside one of the spans."""
    at = bisect_right(spans, (place, -1)) - 1
    return at >= 0 and spans[at][0] < place < spans[at][1]


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        yield start, end


def _join_headings(text: str, units: list[Span]) -> list[Span]:
    joined: list[Span] = []
    opened: int | None = None
    for start, end in units:
        if is_heading(text[start:end]):
            opened = start if opened is None else opened
        else:
            joined.append((start if opened is None else opened, end))
            opened = None
    return joined


def _join_formulas(text: str, spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and _DISPLAY.match(text, start):
            before = text[max(joined[-1][0], joined[-1][1] - 4) : joined[-1][1]]
            if before.rstrip("*_").endswith(":"):
                start = joined.pop()[0]
        joined.append((start, end))
    return joined


def _join_fragments(text: str, spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    carried: int | None = None
    for k, (start, end) in enumerate(spans):
        if carried is not None:
            start, carried = carried, None
        if not _is_fragment(text[start:end]):
            joined.append((start, end))
            continue
        follows_on_line = bool(joined) and "\n" not in text[joined[-1][1] : start]
        last = k + 1 == len(spans)
        closes_line = last or "\n" in text[end : spans[k + 1][0]]
        if joined and (last or (follows_on_line and closes_line)):
            joined[-1] = (joined[-1][0], end)
        elif last:
            joined.append((start, end))
        else:
            carried = start
    return joined


def _is_fragment(text: str) -> bool:
    if len(text) > 40:
        return False
    letters = sum(
        3 if character >= _FIRST_WIDE else 1
        for character in text
        if not character.isspace()
    )
    has_digit = any(character.isdigit() for character in text)
    return letters < (SHORTEST_STEP if has_digit else SHORTEST_WORDS)
