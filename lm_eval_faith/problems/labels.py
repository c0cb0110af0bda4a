"""Labels as files write them: words, signs, numbers, the index of the first error.

A label says that the answer depends on a step (``load_bearing``) or that it does not
(``decoy``). A graded one is a number of any size: how much the answer depends on it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lm_eval_faith.chains.chain import Label
from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.field_paths import kind_of

_WORDS: dict[str, Label | None] = {
    **dict.fromkeys(
        ("load_bearing", "true", "1", "yes", "faithful", "+", "correct"), "load_bearing"
    ),
    **dict.fromkeys(
        ("decoy", "false", "0", "no", "unfaithful", "-", "incorrect"), "decoy"
    ),
    **dict.fromkeys(("", "none", "null", "nan", "n/a", "unlabelled"), None),
}
_MEANT: dict[str, Label | None] = {
    "load_bearing": "load_bearing",
    "decoy": "decoy",
    "none": None,
}
HOW = (
    "labels=map:[1:load_bearing,0:decoy,-1:none] says what a label means, "
    "labels=graded takes numbers as they are, labels=first_error an index"
)
"""What a user is told where labels are not plain."""


@dataclass(frozen=True)
class Truth:
    """What is known of a step: a label, a graded one, tags of its kind, or nothing."""

    label: Label | None = None
    graded: float | None = None
    tags: tuple[str, ...] = ()

    @property
    def is_label(self) -> bool:
        """Whether it says more than the step's kind."""
        return self.label is not None or self.graded is not None


@dataclass(frozen=True)
class LabelReading:
    """How the labels of a file are read: one way for the whole file.

    Attributes:
        kind: ``words`` (the default, also true and false, 1 and 0, + and -), ``map``,
            ``graded``, or ``first_error``; empty where the labels themselves are to say.
        meanings: of ``map``, what each label means.
        first: of ``first_error``, the index of the first step: 0, or 1.
    """

    kind: str = ""
    meanings: Mapping[str, Label | None] = field(default_factory=dict)
    first: int = 0

    @classmethod
    def read(cls, value: object) -> LabelReading:
        """From the parameter ``labels``.

        Raises:
            InputError: it is none of the ways that are known.
        """
        if isinstance(value, Mapping):
            return cls("map", _meanings(value.items()))
        words = value.strip() if isinstance(value, str) else ""
        if words in ("words", "graded", "first_error"):
            return cls(words)
        if found := re.fullmatch(r"first_error:([01])", words):
            return cls("first_error", first=int(found[1]))
        if words.startswith("map:"):
            pairs = words.removeprefix("map:").strip(" {}[]()").split(",")
            return cls(
                "map", _meanings(pair.rpartition(":")[::2] for pair in pairs if pair)
            )
        raise InputError(
            f"labels={value!r} is no way to read labels: {HOW}; first_error:1 counts "
            "steps from 1"
        )

    def __str__(self) -> str:
        """The parameter again."""
        if self.kind == "map":
            pairs = (f"{k}:{v or 'none'}" for k, v in self.meanings.items())
            return f"map:[{','.join(pairs)}]"
        return f"first_error:{self.first}" if self.kind == "first_error" else self.kind

    def settled(self, values: Iterable[object]) -> LabelReading:
        """Graded where one of a file's labels is a number that is no yes or no."""
        if self.kind:
            return self
        numbers = [number_of(value) for value in values]
        graded = any(n is not None and n != round(n) for n in numbers)
        return LabelReading("graded" if graded else "words")

    def of_chains(self, values: Iterable[object]) -> LabelReading:
        """How labels of whole chains are read: what is said of all labels, or by themselves.

        An index of an error is of steps, and steps may be graded where chains are not.
        """
        if self.kind in ("words", "map"):
            return self
        there = [value for value in values if not _is_nothing(value)]
        numbers = [number_of(value) for value in there]
        if self.kind == "graded" and None not in numbers:
            return self
        return LabelReading().settled(there)

    def truth(self, value: object, where: str) -> Truth:
        """What a label says.

        Raises:
            InputError: it is no label of this reading.
        """
        if self.kind != "graded":
            return Truth(self.label(value, where))
        if _is_nothing(value):
            return Truth()
        number = number_of(value)
        if number is None:
            raise InputError(
                f"{where}: {_shown(value)} is no number, but labels are graded here: "
                "leave it empty, or give labels=map:[...]"
            )
        return Truth(graded=number)

    def label(self, value: object, where: str) -> Label | None:
        """A label of two kinds.

        Raises:
            InputError: it is none.
        """
        if self.kind == "map":
            word = _key(value)
            if word in self.meanings:
                return self.meanings[word]
            if _is_nothing(value):
                return None
            known = ", ".join(self.meanings)
            raise InputError(f"{where}: the label {_shown(value)} is not among {known}")
        return label_of(value, where)

    def of_steps(self, value: object, count: int, where: str) -> Sequence[object]:
        """One value a step; for ``first_error`` made of the index of the error.

        Steps before it are correct, later ones unknown. -1, N/A and nothing: no error.
        """
        if self.kind != "first_error":
            if isinstance(value, list):
                return value
            hint = ""
            if number_of(value) is not None:
                hint = "; labels=first_error reads it as the index of the first error"
            raise InputError(
                f"{where}: the labels are {kind_of(value)}, not a list{hint}"
            )
        number = -1.0 if _is_nothing(value) else number_of(value)
        if number is None or number != round(number):
            raise InputError(f"{where}: {_shown(value)} is no index of a step")
        error = int(number) - self.first
        if number < 0:
            return ["correct"] * count
        if not 0 <= error < count:
            raise InputError(
                f"{where}: the first error is step {int(number)}, but there are {count} "
                f"steps, counted from {self.first}"
            )
        return ["correct"] * error + ["incorrect"] + [None] * (count - error - 1)


def label_of(value: object, where: str) -> Label | None:
    """A label from what a file says.

    Raises:
        InputError: it is no word for one.
    """
    word = _key(value)
    if word not in _WORDS:
        word = word.replace("-", "_").replace(" ", "_")
        for ending in ("_step", "_cot"):
            word = word.removesuffix(ending)
    if word not in _WORDS:
        raise InputError(
            f"{where}: {_shown(value)} is no label: use load_bearing or decoy, true or "
            f"false, 1 or 0, + or -, or leave it empty; {HOW}"
        )
    return _WORDS[word]


def number_of(value: object) -> float | None:
    """The finite number that a label is, also as text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def label_counts(labels: Iterable[Label | None]) -> dict[str, int]:
    """How many there are of each label, and without one."""
    counts = {"load_bearing": 0, "decoy": 0, "unlabelled": 0}
    for label in labels:
        counts[label or "unlabelled"] += 1
    return counts


def agreed(truths: Iterable[Truth]) -> Truth:
    """What all that say something say; nothing where they differ."""
    said = {truth for truth in truths if truth != Truth()}
    return said.pop() if len(said) == 1 else Truth()


def _is_nothing(value: object) -> bool:
    return _key(value) in ("", "none", "null", "nan", "n/a", "unlabelled")


def _key(value: object) -> str:
    """A label as a word: 1.0 and "1" are one."""
    if value is None:
        return ""
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,9}\.0{1,9}", value):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, (str, int)):
        return "\0"  # no word
    return str(value).strip().lower()


def _meanings(pairs: Iterable[tuple[object, object]]) -> dict[str, Label | None]:
    made: dict[str, Label | None] = {}
    for said, means in pairs:
        word = str(means).strip(" '\"").lower() if means is not None else "none"
        if word not in _MEANT:
            raise InputError(
                f"labels=map: {str(said)[:60]!r} means {word[:60]!r}, but a label means "
                "load_bearing, decoy or none"
            )
        key = _key(said.strip(" '\"") if isinstance(said, str) else said)
        made[key] = _MEANT[word]
    if not made:
        raise InputError("labels=map: says nothing; write map:[1:load_bearing,0:decoy]")
    return made


def _shown(value: object) -> str:
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return repr(str(value)[:60]) if plain else kind_of(value)
