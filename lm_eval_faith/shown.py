"""Texts of others as people may see them: nothing in them is obeyed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MARKS = (
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u06d6-\u06ed"
    r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    r"\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
"""Marks above and below letters, in scripts that pile them up."""

CONTROL_CHARACTERS = re.compile(
    r"(?=[^\t\n -~])(?:"  # printable ASCII, most of most texts, is passed at once
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f"
    r"\ud800-\udfff]"
    # What takes no room: two texts that differ in it look the same.
    r"|[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u3164\ufeff\uffa0"
    r"\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
    # Joiners, variants and tags make other letters, or emoji, of what stands before them
    # in scripts that have such; behind anything else they are not seen.
    r"|(?<![\u0590-\u1fff\u2190-\u2bff\u3000-\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]"
    r"|(?<![0-9#*\u1800-\u18af\u1000-\u109f\u2000-\u2bff\u3000-\u9fff\U0001f000-\U0001faff"
    r"\U00020000-\U0003ffff])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+"
    r"|(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0000-\U000e007f]+"
    # No script piles up more on a letter; more would climb over the lines above.
    rf"|(?<={_MARKS}{{5}}){_MARKS}+)"
)
"""What is written by its number: what is obeyed, what is not seen, and what hides others."""


def plain(text: str) -> str:
    """Text with control, direction and invisible characters shown, not obeyed.

    Where a script or an emoji needs such a character it stays.

    >>> plain("a\u200bb")
    'a\\\\x200bb'
    """
    return CONTROL_CHARACTERS.sub(
        lambda found: "".join(f"\\x{ord(c):02x}" for c in found[0]), text
    )


def brief(text: str, longest: int = 200) -> str:
    """Plain text on one line, cut where it is long: for sentences about bad input."""
    line = plain(text[: longest + 1]).replace("\n", "\\n").replace("\t", "\\t")
    return line if len(line) <= longest else f"{line[:longest]}..."


def nats(value: float) -> str:
    """A number of nats in words: ``1 nat``, ``0.5 nats``."""
    return f"{value:g} {'nat' if value == 1 else 'nats'}"


def counted(n: int, noun: str) -> str:
    """So many of them: ``1 document``, ``1,200 documents``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


HIDDEN = "(hidden)"
"""Stands for the value of an argument that may be a key."""

_SECRET = re.compile(
    r"(?i)(^|[_-])(token|api_?key|key|secret|password|passwd|auth|authorization|"
    r"credentials?|headers?|header)$"
)
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+@")


def without_secrets(value: Any) -> Any:
    """The same JSON value with those of names such as ``api_key`` hidden."""
    if isinstance(value, Mapping):
        return {
            key: HIDDEN
            if inner and _SECRET.search(str(key))
            else without_secrets(inner)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return _IN_ADDRESS.sub(f"{HIDDEN}@", value)
    return value
