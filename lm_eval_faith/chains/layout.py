"""What is layout in a written text and not reasoning: list markers and headings."""

from __future__ import annotations

import re

_INDENT = r"[ \t]{0,40}"
_BULLET = r"(?:[-*+•‣▪–][ \t]{1,8})"
_QUOTE = r"(?:>[ \t]?){0,4}"
_OPEN_BOLD = r"(?:\*\*|__)?"
_ENUMERATED = (
    r"(?:\(?(?:[0-9]{1,2}|[a-zA-Z]|[ivxIVX]{2,4})[.)]"
    r"(?=(?:\*\*|__)?:?[ \t]{1,8}\S|\*\*|__))"
)
_NAMED = (
    r"(?:(?:[Ss]tep|STEP|[Pp]art|[Cc]ase|[Pp]hase|[Ss]tage)[ \t]{1,4}[0-9]{1,2}"
    r"(?:[ \t]?[:.)–—]|[ \t]-(?=[ \t])|(?=(?:\*\*|__))|(?=[ \t]*$)))"
)
_HASHES = r"(?:\#{1,6}[ \t]{1,8})"

_MARKER = re.compile(
    rf"(?m)^{_INDENT}{_QUOTE}"
    rf"(?:{_HASHES}?{_OPEN_BOLD}(?:{_ENUMERATED}|{_NAMED})(?:\*\*|__)?:?|{_BULLET}"
    rf"(?:{_OPEN_BOLD}(?:{_ENUMERATED}|{_NAMED})(?:\*\*|__)?:?)?)"
)
_HASH_HEADING = re.compile(r"\#{1,6}(?!\#)(?=[ \t]|$)")
_RULE = re.compile(r"[-*_=~]{3,}")
_BOLD_LINE = re.compile(r"(\*\*|__)(?=\S)[^\n]{0,120}\1:?")
_NAMED_LINE = re.compile(rf"{_NAMED}:?")
_CLOSED_SENTENCE = re.compile(r"[.!?](?:\*\*|__)?$")


def marker_spans(text: str) -> list[tuple[int, int]]:
    """Where the list markers stand (``1.``, ``a)``, ``-``, ``Step 3:``), in order.

    A marker opens a line. Its digits count the items and state nothing.
    """
    return [m.span() for m in _MARKER.finditer(text)]


def is_heading(line: str) -> bool:
    """The line (without white space around it) only announces what follows.

    True for ``## Cost``, ``**Cost:**`` alone on a line, ``Step 2:`` alone, and rules
    such as ``---``. Not for ``#### 18``, which GSM8K writes before an answer, nor for
    a bold sentence or one with an equation.
    """
    if len(line) > 160:
        return False
    if _RULE.fullmatch(line):
        return True
    if _HASH_HEADING.match(line):
        return not re.fullmatch(r"####[ \t]*\S{1,40}", line)
    if _NAMED_LINE.fullmatch(line):
        return True
    marker = _MARKER.match(line)
    if marker is not None and line.startswith(("**", "__"), marker.end()):
        line = line[marker.end() :]  # "3. **Cost:**"
    if not _BOLD_LINE.fullmatch(line):
        return False
    inside = line.rstrip(":")[2:-2]
    return not ("=" in inside or "**" in inside or _CLOSED_SENTENCE.search(inside))


def body_start(text: str) -> int:
    """Where a step's own words begin, behind its headings and list marker.

    >>> text = "## Cost\\n2. She pays $5."
    >>> text[body_start(text):]
    'She pays $5.'
    """
    start = 0
    while True:
        end = text.find("\n", start)
        if end < 0 or not (
            text[start:end].isspace()
            or start == end
            or is_heading(text[start:end].strip())
        ):
            break
        start = end + 1
    marker = _MARKER.match(text, start)
    if marker is not None and text[marker.end() :].strip():
        start = marker.end()
    while start < len(text) and text[start].isspace():
        start += 1
    return start
