"""Spans of a text that no step boundary may fall into: mathematics and code."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_BLOCK = 4_000
"""A block of mathematics or code that is not closed within this is not a block."""

LONGEST_INLINE = 400
"""The same for mathematics between single dollar signs."""

_OPENER = re.compile(
    r"(?m)^[ \t]{0,12}(?P<fence>```|~~~)"
    r"|(?P<backticks>`{1,3})(?!`)"
    r"|(?P<begin>\\begin\{(?P<environment>[A-Za-z]{1,20}\*?)\})"
    r"|(?P<display>\$\$)"
    r"|(?P<bracket>\\\[)|(?P<paren>\\\()"
    r"|(?P<command>\\[A-Za-z]{1,20}\{)"
    r"|(?P<escaped>\\[^\n])"
    r"|(?P<dollar>\$)"
    r"|(?P<annotation><<)"
)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|textbf|mbox)\{[^{}]{0,200}\}")
_SENTENCE_INSIDE = re.compile(r"[.!?][\"')]{0,2}\s+[A-Z][a-z]|<<")
_NEXT_DOLLAR = re.compile(r"((?:[^$\\]|\\.)*)\$", re.DOTALL)


def protected_spans(text: str) -> list[tuple[int, int]]:
    """Spans of LaTeX, code and calculator annotations, in order, not overlapping.

    An opener whose closer is missing, or too far away, protects nothing, so a stray
    ``$`` or backtick costs no more than itself. Linear in the length of the text.

    >>> text = r"so $x = 1. Y$ costs $5. It is \\boxed{5. Z}"
    >>> [text[a:b] for a, b in protected_spans(text)]
    ['$x = 1. Y$', '\\\\boxed{5. Z}']
    """
    return list(_scan(text))


def _scan(text: str) -> Iterator[tuple[int, int]]:
    braces = matching_braces(text)
    position = 0
    while match := _OPENER.search(text, position):
        end = _end(text, match, braces)
        if end is not None:
            yield match.start(), end
        position = end or match.end()


def _end(text: str, match: re.Match[str], braces: dict[int, int]) -> int | None:
    """Where the block that opens here ends, or None."""
    start = match.end()
    if match["escaped"]:
        return None
    if match["command"]:
        close = braces.get(start - 1)
        return (
            close + 1 if close is not None and close - start < LONGEST_BLOCK else None
        )
    if match["fence"]:
        return _fence_end(text, start, match["fence"])
    if match["backticks"]:
        return _inline_code_end(text, start, match["backticks"])
    if match["dollar"]:
        return _inline_math_end(text, start)
    if match["annotation"]:
        return _find(text, ">>", start, 200)
    if match["begin"]:
        closer = "\\end{" + match["environment"] + "}"
    else:
        closer = {"display": "$$", "bracket": "\\]", "paren": "\\)"}[
            str(match.lastgroup)
        ]
    return _find(text, closer, start, LONGEST_BLOCK)


def _find(text: str, closer: str, start: int, longest: int) -> int | None:
    at = text.find(closer, start, start + longest)
    return at + len(closer) if at >= 0 else None


def _fence_end(text: str, start: int, fence: str) -> int | None:
    close = _find(text, "\n" + fence, start, LONGEST_BLOCK)
    indented = close
    if close is None:
        found = re.compile(rf"\n[ \t]{{1,12}}{fence}").search(
            text, start, start + LONGEST_BLOCK
        )
        indented = found.end() if found else None
    if indented is None:
        return None
    line_end = text.find("\n", indented)
    return line_end if line_end >= 0 else len(text)


def _inline_code_end(text: str, start: int, ticks: str) -> int | None:
    line_end = text.find("\n", start, start + LONGEST_INLINE)
    limit = line_end if line_end >= 0 else start + LONGEST_INLINE
    found = re.compile(rf"(?<!`){ticks}(?!`)").search(text, start, limit)
    return found.end() if found else None


def _inline_math_end(text: str, start: int) -> int | None:
    """The rule of Pandoc: no space inside of either sign, no digit behind the second.

    Amounts of money are told from mathematics by it, and by the sentence that would
    have to end in between.
    """
    found = _NEXT_DOLLAR.match(text, start, start + LONGEST_INLINE)
    if found is None:
        return None
    inside, end = found[1], found.end()
    if not inside or inside[0].isspace() or inside[-1].isspace():
        return None
    if text[end : end + 1].isdigit() or text[end : end + 2] == "<<":
        return None
    if _BLANK_LINE.search(inside):
        return None
    return None if _SENTENCE_INSIDE.search(_TEXT_COMMAND.sub("", inside)) else end


def matching_braces(text: str) -> dict[int, int]:
    """Place of every closed ``{`` and of its ``}``; a backslash escapes either."""
    open_at: list[int] = []
    pairs: dict[int, int] = {}
    for match in re.finditer(r"\\.|[{}]", text):
        if match[0] == "{":
            open_at.append(match.start())
        elif match[0] == "}" and open_at:
            pairs[open_at.pop()] = match.start()
    return pairs
