"""Texts of others as people may see them: nothing in them is obeyed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CONTROL_CHARACTERS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f"
    r"\ud800-\udfff]"
)


def plain(text: str) -> str:
    """Text with control and direction characters shown, not obeyed."""
    return CONTROL_CHARACTERS.sub(lambda c: f"\\x{ord(c[0]):02x}", text)


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
