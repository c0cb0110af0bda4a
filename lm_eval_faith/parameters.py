"""Reading a user's parameters: text, numbers or lists in, checked values out.

Parameters come from YAML, from ``--metadata key=val`` and from JSON, so the same value may
arrive as ``5``, ``"5"``, ``[5, 8]``, ``(5, 8)`` or ``"5-8"``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lm_eval_faith.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Range = tuple[int, int]
Reader = Callable[[str, object], Any]
"""Takes a parameter's name and what the user wrote, and gives the checked value."""


def given(
    parameters: Mapping[str, object], readers: Mapping[str, Reader]
) -> dict[str, Any]:
    """The parameters that a user has set, read; names without a reader are left alone.

    Raises:
        InputError: a parameter has no usable value.
    """
    return {
        name: reader(name, parameters[name])
        for name, reader in readers.items()
        if name in parameters
    }


def as_json(settings: DataclassInstance) -> dict[str, Any]:
    """Settings as JSON types, to be recorded beside the results."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(settings).items()
    }


def whole_number(name: str, value: object, least: int = 0) -> int:
    """An integer not under ``least``.

    Raises:
        InputError: it is not, as for every function here.
    """
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"{name} must be a whole number of at least {least}, not {value!r}"
        )
    return value


def whole_range(name: str, value: object, least: int = 0) -> Range:
    """Lowest and highest value; one number stands for both."""
    if isinstance(value, str) and (
        match := re.fullmatch(r"\s*(\d{1,18})\s*-\s*(\d{1,18})\s*", value)
    ):
        value = (match[1], match[2])
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise InputError(
                f"{name} must be one number or a range of two, such as [5, 8], "
                f"not {value!r}"
            )
        low, high = (whole_number(name, bound, least) for bound in value)
    else:
        low = high = whole_number(name, value, least)
    if low > high:
        raise InputError(f"{name} must be a range from low to high, not {value!r}")
    return low, high


def number(name: str, value: object) -> float:
    """A finite number."""
    try:
        if isinstance(value, bool):
            raise TypeError
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise InputError(f"{name} must be a number, not {value!r}")
    return result


def yes_or_no(name: str, value: object) -> bool:
    """A truth value, also written as true/false, yes/no, on/off or 1/0."""
    words = {
        **dict.fromkeys(("true", "yes", "on", "1"), True),
        **dict.fromkeys(("false", "no", "off", "0"), False),
    }
    answer = words.get(str(value).strip().lower())
    if answer is None:
        raise InputError(f"{name} must be true or false, not {value!r}")
    return answer


def text(name: str, value: object) -> str:
    """Text."""
    if not isinstance(value, str):
        raise InputError(f"{name} must be text, not {value!r}")
    return value


def white_space(name: str, value: object) -> str:
    r"""White space; ``\n`` is a line break also where it is written out."""
    written = text(name, value).replace("\\n", "\n")
    if not written or written.strip():
        raise InputError(f"{name} must be white space, not {value!r}")
    return written


def signs(name: str, value: object, known: Sequence[str]) -> tuple[str, ...]:
    """Some of the known signs; ``+-``, ``+,-`` and a list will do."""
    chosen = tuple(value.replace(",", "")) if isinstance(value, str) else value
    if (
        not isinstance(chosen, (list, tuple))
        or not chosen
        or any(sign not in known for sign in chosen)
    ):
        listed = ", ".join(repr(sign) for sign in known)
        raise InputError(f"{name} must be some of {listed}, not {value!r}")
    return tuple(dict.fromkeys(chosen))


def names(name: str, value: object) -> tuple[str, ...]:
    """A list of names; ``a,b``, ``[a, b]`` and a single name will do."""
    if isinstance(value, str):
        value = [part.strip(" '\"") for part in value.strip("[]() ").split(",")]
    if not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
        raise InputError(f"{name} must be a list of names, not {value!r}")
    return tuple(dict.fromkeys(v for v in value if v))


def from_words(words: Sequence[str]) -> dict[str, object]:
    """Parameters as a command line gives them: ``KEY=VALUE``, or a JSON object.

    Raises:
        InputError: a word is neither.
    """
    found: dict[str, object] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if word.lstrip().startswith("{"):
            try:
                found |= json.loads(word)
                continue
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"--metadata: {word[:60]!r} is not JSON ({error})"
                ) from None
        if not equals or not key.strip():
            raise InputError(f"--metadata wants KEY=VALUE, not {word[:60]!r}")
        found[key.strip()] = value
    return found
