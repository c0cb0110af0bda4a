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

That is ``unit="sentence"``. With ``unit="merged"`` a lead-in that ends in a colon or a comma
is one step with the formula that it leads to, and a remark without content ("That's
correct.", "Hmm, wait.") with its neighbour. With ``unit="paragraph"`` only an empty line
ends a step.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lm_eval_faith.chains.chain import Step
from lm_eval_faith.chains.language import AUTO, Writing, writing_of
from lm_eval_faith.chains.layout import is_heading
from lm_eval_faith.chains.protected import protected_spans
from lm_eval_faith.chains.sentences import sentence_ends

SHORTEST_STEP = 4
"""Fewer characters than this, white space aside, are a fragment."""

SHORTEST_WORDS = 7
"""The same for text without a digit."""

Span = tuple[int, int]
Unit = Literal["sentence", "paragraph", "merged"]
UNITS: tuple[Unit, ...] = ("sentence", "paragraph", "merged")


@dataclass(frozen=True)
class Splitting:
    """How a text becomes steps.

    Attributes:
        unit: what a step is.
        language: a code, or ``auto`` to find it from the text.
        decimal_mark: ``.`` or ``,``, or ``auto``: see
            :func:`~lm_eval_faith.chains.language.writing_of`.
    """

    unit: Unit = "sentence"
    language: str = AUTO
    decimal_mark: str = AUTO

    def writing(self, text: str) -> Writing:
        """The language and the marks of a text."""
        return writing_of(text, self.language, self.decimal_mark)


SENTENCES = Splitting()

_DISPLAY = re.compile(r"\\\[|\$\$|\\begin\{|```|~~~")
_FIRST_WIDE = "\u2e80"  # Chinese, Japanese, Korean: a character says about a word
_LINE = re.compile(r"[^\r\n]+")
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n")
_PROSE = re.compile(r"[^\W\d_]{3}[ ,]{1,4}[^\W\d_]{2}|[\u3040-\u30ff\u3400-\u9fff]{3}")
_NO_PROSE = re.compile(
    r"\\(?:text|mathrm|textbf|mbox)\{[^{}]{0,80}\}|\\[A-Za-z]+|(?m:^)[ \t]*[-*•][ \t]"
)
_OPENING_REMARK = re.compile(
    r"(?i)(?:(?:hmm+|wait|hold on|oh|ah|well|now|so|okay|ok|alright|all right|but|actually"
    r"|let(?: me|'s| us) (?:see|think|check|double-check|verify|confirm|compute|calculate|count"
    r"|recount|recap|recall|try|do|continue)(?: (?:that|this|it|them|again|about (?:this|it)"
    r"|step by step))?|no)(?:[ ,.:!…-]+|$)){1,4}"
)
_CLOSING_REMARK = re.compile(
    r"(?i)(?:(?:yes|yeah|yep|right|good|great|perfect|exactly|correct|got it|and|so|okay|ok)[ ,.!]+){0,3}"
    r"(?:(?:that|this|it)(?:'s| is| was| seems| looks| sounds| checks)?(?: (?:all|also|about"
    r"|indeed|to be|be))? ?(?:correct|right|good|fine|true|okay|ok|out|makes sense|works"
    r"|reasonable|it|consistent)?|makes sense|checks out|yes|yeah|right|good|great|perfect"
    r"|exactly|correct|got it|i think so|seems (?:right|correct|good))[ .!]*"
)


def split(
    text: str, unit: Unit = "sentence", writing: Writing | None = None
) -> tuple[str, tuple[Step, ...]]:
    """The opening white space and the steps of a text.

    Joined they are the text: ``opening + "".join(s.text + s.after for s in steps)``.
    Linear in the length of the text. A text without a step is all opening.

    Args:
        unit: what a step is: a sentence, a paragraph, or a sentence with the formula that
            it leads to and the remarks beside it.
        writing: the text's language, whose abbreviations end no sentence; found from
            the text unless given.

    >>> split("He had 3.5 kg, i.e. 7 bags. He sold 2.\\n\\nSo 7 - 2 = 5.")[1]
    ... # doctest: +ELLIPSIS
    (Step(text='He had 3.5 kg, i.e. 7 bags.', after=' ', ...), ...)
    """
    if unit == "paragraph":
        units = list(_paragraphs(text))
    else:
        units = list(_units(text, writing or writing_of(text, AUTO)))
    while units and is_heading(text[slice(*units[-1])]):
        units.pop()
    spans = _join_fragments(text, _join_formulas(text, _join_headings(text, units)))
    if unit == "merged":
        spans = _join_remarks(text, _join_lead_ins(text, spans))
    if not spans:
        return text, ()
    starts = [start for start, _ in spans[1:]] + [len(text)]
    steps = tuple(
        Step(text=text[start:end], after=text[end:following])
        for (start, end), following in zip(spans, starts, strict=True)
    )
    return text[: spans[0][0]], steps


def _paragraphs(text: str) -> Iterator[Span]:
    """What stands between empty lines outside of mathematics and code."""
    protected = protected_spans(text)
    first = 0
    for match in _EMPTY_LINE.finditer(text):
        if not _inside(protected, match.start() + 1):
            yield from _stripped(text, first, match.start())
            first = match.end()
    yield from _stripped(text, first, len(text))


def _units(text: str, writing: Writing) -> Iterator[Span]:
    """Lines, and sentences of lines, without the white space around them."""
    protected = protected_spans(text)
    for start, end in _lines(text, protected):
        first = start
        if is_heading(text[start : min(end, start + 200)].strip()):
            yield from _stripped(text, start, end)
            continue
        for boundary in sentence_ends(text, start, end, writing):
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


def _join_lead_ins(text: str, spans: list[Span]) -> list[Span]:
    """A unit that ends in a colon or comma, and the formula that it leads to."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and _leads_on(text, joined[-1]) and _is_formula(text[start:end]):
            start = joined.pop()[0]
        joined.append((start, end))
    return joined


def _leads_on(text: str, span: Span) -> bool:
    ending = text[max(span[0], span[1] - 6) : span[1]].rstrip("*_` $")
    if ending.endswith((":", "：")):
        return True
    return ending.endswith((",", "，")) and not _is_formula(text[slice(*span)])


def _is_formula(text: str) -> bool:
    """No two words in a row outside of LaTeX commands."""
    if len(text) > 2_000:
        return False
    return not _PROSE.search(_NO_PROSE.sub(" ", text))


def _join_remarks(text: str, spans: list[Span]) -> list[Span]:
    """ "Hmm, wait." goes to the step after it, "That's correct." to the one before."""
    joined: list[Span] = []
    carried: int | None = None
    for k, (start, end) in enumerate(spans):
        if carried is not None:
            start, carried = carried, None
        words = (
            text[spans[k][0] : end].replace("’", "'").strip("*_ ")
            if end - start < 90
            else ""
        )
        if words and k + 1 < len(spans) and _OPENING_REMARK.fullmatch(words):
            carried = start
        elif words and joined and _CLOSING_REMARK.fullmatch(words):
            joined[-1] = (joined[-1][0], end)
        else:
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
