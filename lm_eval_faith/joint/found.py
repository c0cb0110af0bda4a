"""What was chosen or found about sets of steps of one chain, and which texts tell its numbers.

A samples file holds these, and the scores of their texts behind those of single steps, in
the order of :func:`changes_of`. Every number is made of the two when they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from lm_eval_faith.joint.core import FOUND, certificate
from lm_eval_faith.joint.curve import kept, left_out
from lm_eval_faith.joint.questions import Kept
from lm_eval_faith.joint.shapley import every_set, prefixes

DELETE, CORRUPT = "delete", "corrupt"

GROUPS = ("value", "third", "all", "file")
CORES = ("core", "core_greedy")
KINDS = (
    *GROUPS,
    "interaction",
    "curve",
    "shapley",
    *CORES,
    *(f"{c}_restated" for c in CORES),
)

MOST_EXACT_STEPS = 14
"""With more steps Shapley values are averaged over orders: every set would be too many."""


class SetChange(NamedTuple):
    """A text: the chain with some steps changed.

    Attributes:
        intervention: what is done to them: ``delete`` or ``corrupt``.
        steps: their indices, ascending.
        value: for ``corrupt``, the value that becomes another one wherever they state it;
            empty where each step is corrupted by itself.
    """

    intervention: str
    steps: tuple[int, ...]
    value: str = ""


@dataclass(frozen=True)
class Found:
    """One set, pair, curve or core, or the orders of Shapley values.

    Attributes:
        kind: one of :data:`KINDS`.
        name: which one: a value as written, a third, an order of steps.
        steps: the set; of a curve all steps in its order; of ``restated`` a step of the core
            and those that suffice in its place.
        intervention: what is done to them; cores and curves leave out, or keep, steps.
        orders: of Shapley values; none where every set was scored.
        sizes: of a curve.
        beside: of ``restated``, the core's other steps.
        ending: of a core, how its search ended; of others, why there is no number.
        scorings: how many different sets a search scored.
    """

    kind: str
    name: str
    steps: tuple[int, ...]
    intervention: str = DELETE
    orders: tuple[tuple[int, ...], ...] = ()
    sizes: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    ending: str = ""
    scorings: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON types; what is empty is left out."""
        return {
            name: value
            for name, value in asdict(self).items()
            if value or name in ("name", "steps")
        }

    def sets(self, n_steps: int) -> tuple[Kept, ...]:
        """The sets of steps whose scores tell its numbers, where the others are left out."""
        if self.kind == "curve":
            return tuple(
                stay(self.steps, size)
                for stay in (left_out, kept)
                for size in self.sizes
            )
        if self.kind == "shapley" and not self.ending:
            if not self.orders:
                return every_set(n_steps)
            return tuple(s for order in self.orders for s in prefixes(order))
        if self.kind in CORES and self.ending in FOUND:
            return certificate(self.steps)
        if self.kind in CORES and self.ending == "budget":
            return (frozenset(self.steps),)
        if self.kind.endswith("_restated"):
            rest = frozenset(self.beside)
            return tuple(rest | {step} for step in self.steps)
        return ()

    def changes(self, n_steps: int) -> tuple[SetChange, ...]:
        """The texts whose scores tell its numbers."""
        if self.kind in GROUPS or self.kind == "interaction":
            if self.ending:
                return ()
            value = self.name if self.kind == "value" else ""
            if self.intervention == DELETE:
                value = ""
            both = SetChange(self.intervention, self.steps, value)
            if self.kind != "interaction":
                return (both,)
            return (both, *(SetChange(self.intervention, (k,)) for k in self.steps))
        return tuple(leaving(stay, n_steps) for stay in self.sets(n_steps))


@dataclass(frozen=True)
class Sets:
    """All that was chosen or found about the sets of steps of one chain.

    Attributes:
        found: in the order in which the scores of their texts stand.
        step_tokens: tokens of each step; empty where the model does not say.
        requests: different texts that were scored for it, those of searches among them.
        tokens: that these texts have, where every beginning that they have in common with
            each other or with the clean chain counts once; 0 where it is not known.
    """

    found: tuple[Found, ...] = ()
    step_tokens: tuple[int, ...] = ()
    requests: int = 0
    tokens: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "found": [one.to_dict() for one in self.found],
            "step_tokens": list(self.step_tokens),
            "requests": self.requests,
            "tokens": self.tokens,
        }

    def changes(self, n_steps: int, known: Iterable[int]) -> tuple[SetChange, ...]:
        """See :func:`changes_of`."""
        return changes_of(self.found, n_steps, known)


NO_SETS = Sets()


def sets_from_dict(plain: Mapping[str, Any], n_steps: int) -> Sets:
    """The same from its JSON form.

    Raises:
        KeyError, TypeError, ValueError: a field is missing or is not as it was written.
    """
    tokens = tuple(_whole(one) for one in plain.get("step_tokens", ()))
    if tokens and len(tokens) != n_steps:
        raise ValueError("not as many counts of tokens as steps")
    return Sets(
        tuple(found_from_dict(one, n_steps) for one in plain["found"]),
        tokens,
        _whole(plain.get("requests", 0)),
        _whole(plain.get("tokens", 0)),
    )


def leaving(stay: Kept, n_steps: int) -> SetChange:
    """The text in which these steps stay and the others are left out."""
    return SetChange(DELETE, tuple(k for k in range(n_steps) if k not in stay))


def changes_of(
    found: Iterable[Found], n_steps: int, known: Iterable[int] = ()
) -> tuple[SetChange, ...]:
    """All texts to be scored, each once, in the order in which their scores stand.

    Args:
        found: what was chosen or found.
        n_steps: of the chain.
        known: steps that were left out by themselves anyhow, so that their scores are there;
            the clean chain's always is.
    """
    there = {SetChange(DELETE, ()), *(SetChange(DELETE, (k,)) for k in known)}
    asked = dict.fromkeys(c for one in found for c in one.changes(n_steps))
    return tuple(change for change in asked if change not in there)


def found_from_dict(plain: Mapping[str, Any], n_steps: int) -> Found:
    """What was found from its JSON form.

    Raises:
        KeyError, TypeError, ValueError: a field is missing or is not as it was written.
    """
    names = {n: plain.get(n, "") for n in ("kind", "name", "ending")}
    names["intervention"] = plain.get("intervention", DELETE)
    for name, value in names.items():
        if not isinstance(value, str):
            raise TypeError(f"{name!r} of a set is not text")
    if names["kind"] not in KINDS:
        raise ValueError(f"sets of steps of an unknown kind {names['kind']!r}")
    found = Found(
        steps=_steps(plain["steps"], n_steps),
        orders=tuple(_steps(order, n_steps) for order in plain.get("orders", ())),
        sizes=_numbers(plain.get("sizes", ()), n_steps + 1),
        beside=_steps(plain.get("beside", ()), n_steps),
        scorings=_whole(plain.get("scorings", 0)),
        **names,
    )
    _check(found, n_steps)
    return found


def _check(found: Found, n_steps: int) -> None:
    every = list(range(n_steps))
    wrong = {
        "a curve that does not go over all steps": found.kind == "curve"
        and not found.ending
        and (
            sorted(found.steps) != every
            or list(found.sizes) != sorted(set(found.sizes))
            or not {0, n_steps} <= set(found.sizes)
        ),
        "an order without some steps": any(sorted(o) != every for o in found.orders),
        "Shapley values of too many sets": found.kind == "shapley"
        and not (found.ending or found.orders)
        and n_steps > MOST_EXACT_STEPS,
        "a pair that is none": found.kind == "interaction"
        and not found.ending
        and len(found.steps) != 2,
    }
    for what, is_so in wrong.items():
        if is_so:
            raise ValueError(what)


def _steps(value: Any, n_steps: int) -> tuple[int, ...]:
    steps = _numbers(value, n_steps)
    if len(set(steps)) < len(steps):
        raise ValueError("a step is twice in a set")
    return steps


def _numbers(value: Any, below: int) -> tuple[int, ...]:
    numbers = tuple(_whole(one) for one in value)
    if any(not 0 <= one < below for one in numbers):
        raise ValueError("a set has a step that is not there")
    return numbers


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("a step of a set is not a whole number")
    return value
