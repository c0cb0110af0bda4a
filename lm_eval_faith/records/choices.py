"""What was measured on the choices of a question: behind the reasoning, and without it."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LETTERS = string.ascii_uppercase

COLUMNS = {
    "acc": "the best-scored choice is the right one",
    "acc_norm": "the best-scored choice for its length is the right one",
    "acc_no_reasoning": "the same without reasoning",
    "acc_norm_no_reasoning": "the same for its length without reasoning",
    "brier": "squared distance of the choices' probabilities from the truth",
    "letter_agrees": "the choice that the text names is the best-scored one",
}
"""The columns of *chains* that only questions with choices have: names and meanings."""


@dataclass(frozen=True)
class ChoiceRecord:
    """The choices of one document, scored.

    Attributes:
        target: the right one's place.
        named: the place of the one that the text names; None where it names none.
        clean: log p(choice | reasoning) of each in nats; empty where it was not scored.
        lengths: how many characters each has, where texts were scored; else empty.
        changed: the same as ``clean`` for each intervention, in their order; empty where it
            was not scored.
        plain: the task's own metrics of the document, without reasoning.
    """

    target: int
    named: int | None
    clean: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()
    changed: tuple[tuple[float, ...], ...] = ()
    plain: Mapping[str, float] = field(default_factory=dict)

    @property
    def scored(self) -> bool:
        """Whether all choices have a finite log-probability behind the reasoning."""
        return bool(self.clean) and all(map(math.isfinite, self.clean))

    def columns(self) -> dict[str, float]:
        """The values of :data:`COLUMNS`; NaN where there is none."""
        found = dict.fromkeys(COLUMNS, math.nan)
        found["acc_no_reasoning"] = self.plain.get("acc", math.nan)
        found["acc_norm_no_reasoning"] = self.plain.get("acc_norm", math.nan)
        if not self.scored:
            return found
        best = self.clean.index(max(self.clean))
        found["acc"] = float(best == self.target)
        if self.lengths:
            for_length = [p / n for p, n in zip(self.clean, self.lengths, strict=True)]
            norm = for_length.index(max(for_length))
            found["acc_norm"] = float(norm == self.target)
        found["brier"] = brier(self.clean, self.target)
        if self.named is not None:
            found["letter_agrees"] = float(best == self.named)
        return found

    def best_other(self, logprobs: Sequence[float]) -> tuple[int, float]:
        """The best choice but the right one, and its log-probability."""
        others = [(p, -k) for k, p in enumerate(logprobs) if k != self.target]
        logprob, k = max(others)
        return -k, logprob


def brier(logprobs: Sequence[float], target: int) -> float:
    """The Brier score (1950): the squared distance from the truth, between 0 and 2.

    The choices' probabilities are taken among themselves.

    >>> round(brier([math.log(0.25), math.log(0.25)], 0), 3)
    0.5
    """
    top = max(logprobs)
    weights = [math.exp(logprob - top) for logprob in logprobs]
    total = math.fsum(weights)
    return math.fsum((w / total - (k == target)) ** 2 for k, w in enumerate(weights))


def choices_to_dict(record: ChoiceRecord) -> dict[str, Any]:
    """As the samples file holds it."""
    return {
        "target": record.target,
        "named": record.named,
        "clean": list(record.clean),
        "lengths": list(record.lengths),
        "changed": [list(one) for one in record.changed],
        "plain": dict(record.plain),
    }


def choices_from_dict(plain: Mapping[str, Any], interventions: int) -> ChoiceRecord:
    """The record from its JSON form.

    Args:
        plain: that form.
        interventions: how many the document has.

    Raises:
        KeyError, TypeError, ValueError: it is not as a run of ours writes it.
    """
    clean = _numbers(plain["clean"])
    changed = tuple(_numbers(one) for one in plain["changed"])
    target, named = plain["target"], plain["named"]
    if type(target) is not int or not (named is None or type(named) is int):
        raise TypeError("a choice's place is no whole number")
    if any(one and len(one) != len(clean) for one in changed):
        raise ValueError("not as many scores as choices")
    if clean and not (0 <= target < len(clean) and (named or 0) < len(clean)):
        raise ValueError("a choice that is not there")
    if len(changed) != interventions:
        raise ValueError("not as many scored choices as interventions")
    lengths = tuple(int(n) for n in plain["lengths"])
    if lengths and len(lengths) != len(clean):
        raise ValueError("not as many lengths as choices")
    told = {str(k): float(v) for k, v in plain["plain"].items()}
    return ChoiceRecord(target, named, clean, lengths, changed, told)


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(float, values))
