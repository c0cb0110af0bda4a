"""A user's parameters: declared once, in their owner's dataclass, and read from text.

Parameters come from YAML, from ``--metadata key=val`` and from JSON, so the same value may
arrive as ``5``, ``"5"``, ``[5, 8]``, ``(5, 8)`` or ``"5-8"``.
"""

from __future__ import annotations

import difflib
import json
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from lm_eval_faith.errors import InputError, require_characters

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = logging.getLogger(__name__)

P = TypeVar("P", bound="DataclassInstance")
Range = tuple[int, int]
Reader = Callable[[str, object], Any]
"""Takes a parameter's name and what the user wrote, and gives the checked value."""


@dataclass(frozen=True)
class Parameter:
    """What is known of a parameter beside its name and its default.

    Attributes:
        read: checks and reads what a user wrote.
        meaning: one line.
        same: runs that differ in it have measured different things, and are not compared.
    """

    read: Reader
    meaning: str
    same: bool = True


def parameter(default: Any, read: Reader, meaning: str, *, same: bool = True) -> Any:
    """Declare a parameter: a field of the frozen dataclass that owns it.

    >>> @dataclass(frozen=True)
    ... class Settings:
    ...     problems: int = parameter(200, whole_number(1), "how many", same=False)
    >>> read_parameters(Settings, {"problems": "5", "think": True})
    Settings(problems=5)
    >>> parameters_of(Settings)["problems"].meaning
    'how many'
    """
    return field(default=default, metadata={"": Parameter(read, meaning, same)})


def parameters_of(owner: type[DataclassInstance]) -> dict[str, Parameter]:
    """The parameters that a class declares, by name."""
    return {f.name: f.metadata[""] for f in fields(owner) if "" in f.metadata}


def read_parameters(owner: type[P], given: Mapping[str, object]) -> P:
    """The owner with what a user has set; names that are not its own are left alone.

    Raises:
        InputError: a parameter has no usable value.
    """
    known = parameters_of(owner)
    return owner(**{n: p.read(n, given[n]) for n, p in known.items() if n in given})


def may_differ(*owners: type[DataclassInstance]) -> list[str]:
    """The parameters in which compared runs may differ."""
    return [
        name
        for owner in owners
        for name, parameter in parameters_of(owner).items()
        if not parameter.same
    ]


def warn_of_unknown(task: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Say so where a name in the metadata looks like a parameter written wrongly.

    The harness puts the model's arguments among the metadata, so a name that is no
    parameter is not wrong in itself.
    """
    for name in given:
        if name in known:
            continue
        for meant in difflib.get_close_matches(name, known, n=1, cutoff=0.85):
            logger.warning(
                "%s: metadata %r is no parameter of this task; did you mean %r?",
                task,
                name,
                meant,
            )


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


def whole_number(least: int = 0) -> Reader:
    """Reads an integer not under ``least``.

    The reader raises:
        InputError: it is none, as every reader here.
    """

    def read(name: str, value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(
                f"{name} must be a whole number of at least {least}, not {value!r}"
            )
        return value

    return read


def whole_range(least: int = 0) -> Reader:
    """Reads a lowest and a highest value, not under ``least``; one number is both."""
    bound = whole_number(least)

    def read(name: str, value: object) -> Range:
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
            low, high = (bound(name, each) for each in value)
        else:
            low = high = bound(name, value)
        if low > high:
            raise InputError(f"{name} must be a range from low to high, not {value!r}")
        return low, high

    return read


def one_of(*known: str) -> Reader:
    """Reads one of some words."""

    def read(name: str, value: object) -> str:
        if value not in known:
            told = ", ".join(known[:-1]) + f" or {known[-1]}"
            raise InputError(f"{name} must be {told}, not {value!r}")
        return str(value)

    return read


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


def positive(name: str, value: object) -> float:
    """A finite number over 0."""
    found = number(name, value)
    if found <= 0:
        raise InputError(f"{name} must be over 0, not {value!r}")
    return found


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
    return require_characters(value, name)


def white_space(name: str, value: object) -> str:
    r"""White space; ``\n`` is a line break also where it is written out."""
    written = text(name, value).replace("\\n", "\n")
    if not written or written.strip():
        raise InputError(f"{name} must be white space, not {value!r}")
    return written


def signs(*known: str) -> Reader:
    """Reads some of the known signs; ``+-``, ``+,-`` and a list will do."""

    def read(name: str, value: object) -> tuple[str, ...]:
        chosen = tuple(value.replace(",", "")) if isinstance(value, str) else value
        if (
            not isinstance(chosen, (list, tuple))
            or not chosen
            or any(sign not in known for sign in chosen)
        ):
            listed = ", ".join(repr(sign) for sign in known)
            raise InputError(f"{name} must be some of {listed}, not {value!r}")
        return tuple(dict.fromkeys(chosen))

    return read


def names(name: str, value: object) -> tuple[str, ...]:
    """A list of names; ``a,b``, ``[a, b]`` and a single name will do."""
    if isinstance(value, str):
        value = [part.strip(" '\"") for part in value.strip("[]() ").split(",")]
    if not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
        raise InputError(f"{name} must be a list of names, not {value!r}")
    require_characters("".join(value), name)
    return tuple(dict.fromkeys(v for v in value if v))


def from_words(words: Sequence[str]) -> dict[str, object]:
    """Parameters as a command line gives them: ``KEY=VALUE``, or a JSON object.

    Raises:
        InputError: a word is neither, or holds no whole characters.
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
    require_characters(json.dumps(found, ensure_ascii=False), "--metadata")
    return found
