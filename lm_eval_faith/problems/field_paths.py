"""Where a record holds what: names, and paths that lead into objects and lists.

==========================  ======================================================
path                        what it leads to
==========================  ======================================================
``answer``                  a field
``model.out.text``          a field of an object in an object
``generations.0``           the first entry of a list; ``-1`` is the last one
``label.steps[].text``      the field ``text`` of every entry, as a list
``completions[0].text``     the same as ``completions.0.text``
``step_1…step_N``           ``step_1``, ``step_2`` and so on, as a list (``...`` too)
==========================  ======================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

EACH = "[]"

_RANGE = re.compile(r"([^0-9…]*)([0-9]{1,6})…([^0-9…]*)([0-9]{1,6}|[nN])")
_INDEX = re.compile(r"\[(-?[0-9]{0,9})\]")


def value_at(record: Mapping[str, Any], path: str) -> Any:
    """What a path leads to; None where it leads nowhere.

    A field whose name is the whole path comes first, dots or not.

    >>> value_at({"a": [{"b": 1}, {"b": 2}]}, "a[].b")
    [1, 2]
    >>> value_at({"step_1": "x", "step_2": "y"}, "step_1...step_N")
    ['x', 'y']
    """
    if not path:
        return None
    if path in record:
        return record[path]
    dotted = re.sub(r"\.{2,3}", "…", path)
    dotted = _INDEX.sub(lambda found: f".{found[1] or EACH}", dotted)
    parts = [part for part in dotted.split(".") if part]
    return _follow(record, parts) if parts else None


def _follow(value: Any, parts: Sequence[str]) -> Any:
    for k, part in enumerate(parts):
        if part == EACH:
            if not isinstance(value, list):
                return None
            rest = parts[k + 1 :]
            entries = [_follow(entry, rest) for entry in value]
            if EACH in rest:  # lists of lists are one list
                return [e for found in entries if found is not None for e in found]
            return entries
        value = _entry(value, part)
        if value is None:
            return None
    return value


def _entry(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        if part in value:
            return value[part]
        found = _RANGE.fullmatch(part)
        return _numbered(value, found) if found and found[1] == found[3] else None
    if isinstance(value, list) and re.fullmatch(r"-?[0-9]{1,9}", part):
        place = int(part)
        return value[place] if -len(value) <= place < len(value) else None
    return None


def _numbered(value: Mapping[str, Any], found: re.Match[str]) -> list[Any] | None:
    """Fields that are numbered, up to the last one asked for or the first gap."""
    name, first = found[1], int(found[2])
    last = first + len(value) if found[4] in "nN" else int(found[4])
    entries: list[Any] = []
    for k in range(first, min(last, first + len(value)) + 1):
        if f"{name}{k}" not in value:
            break
        entries.append(value[f"{name}{k}"])
    return entries or None


def kind_of(value: object) -> str:
    """What a value is, in words for a sentence.

    >>> kind_of([1, 2]), kind_of({"a": 1}), kind_of(True)
    ('a list of 2 numbers', 'an object with a', 'true or false')
    """
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text" if value.strip() else "empty"
    if isinstance(value, list):
        if not value:
            return "an empty list"
        kinds = {_plural(entry) for entry in value}
        return f"a list of {len(value)} {kinds.pop() if len(kinds) == 1 else 'values'}"
    if isinstance(value, Mapping):
        if not value:
            return "an empty object"
        return f"an object with {listed(value)}"
    return f"a value of the kind {type(value).__name__}"


def _plural(value: object) -> str:
    if isinstance(value, bool):
        return "truth values"
    if isinstance(value, (int, float)):
        return "numbers"
    if isinstance(value, str):
        return "texts"
    if isinstance(value, list):
        return "lists"
    return "objects" if isinstance(value, Mapping) else "values"


def listed(names: Mapping[str, Any], most: int = 12) -> str:
    """The names of a record's fields, the first dozen of them."""
    shown = [str(name)[:40] for name in list(names)[:most]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
