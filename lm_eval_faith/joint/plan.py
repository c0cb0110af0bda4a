"""What is to be asked about the sets of steps of a chain: a user's choice, made concrete.

Groups, pairs, Shapley values and curves in a given order are known beforehand
(``planned``). Cores and the curve in order of single effects are searched: what is
asked next depends on the last answer (``sought``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.errors import InputError
from lm_eval_faith.interventions import Context, NotApplicable
from lm_eval_faith.joint.changes import (
    corrupted,
    corruptible,
    with_other_value,
    without,
)
from lm_eval_faith.joint.core import (
    FOUND,
    SEARCHES,
    Core,
    core,
    in_place_of,
    most_scorings,
)
from lm_eval_faith.joint.curve import by_effect, sizes
from lm_eval_faith.joint.found import (
    CORRUPT,
    DELETE,
    MOST_EXACT_STEPS,
    Found,
    SetChange,
)
from lm_eval_faith.joint.groups import Group, alike, all_steps, by_third, by_value
from lm_eval_faith.joint.pairs import of_groups, others
from lm_eval_faith.joint.questions import Keeps, Questions, Scored
from lm_eval_faith.joint.shapley import drawn_orders, is_exact
from lm_eval_faith.parameters import names, one_of, parameter, whole_number

FIXED_ORDERS = ("front", "back")
SEARCHED = ("curve=effect", "core", "core=greedy")
"""What only a model that answers multi-stage requests can be asked."""

ASKABLE = {
    "group=value": "all places that state one value",
    "group=third": "the early, the middle and the late third",
    "group=all": "all steps",
    "interaction": "pairs that state the same value, and a draw of others",
    "shapley": "what each step adds, on average over orders",
    "curve=front": "steps left out, or kept, from the front",
    "curve=back": "from the back",
    "curve=effect": "in the order of their single effects",
    "core": "the smallest set of steps that keeps the answer's log-probability",
    "core=greedy": "the smallest set that keeps the answer what greedy decoding writes",
}
"""All that can be named, beside ``group=FILE.jsonl`` and ``curve``, which is all three."""

OTHER_PAIRS = 8
"""At least so many pairs are drawn beside those that state the same value."""


def _askable(name: str, value: object) -> tuple[str, ...]:
    wanted: list[str] = []
    for one in names(name, value):
        if one == "curve":
            wanted += [n for n in ASKABLE if n.startswith("curve=")]
        elif one in ASKABLE or _file(one):
            wanted.append(one)
        else:
            known = ", ".join([*ASKABLE, "curve", "group=FILE.jsonl"])
            raise InputError(f"{name}: {one!r} is nothing to ask: choose from {known}")
    return tuple(dict.fromkeys(wanted))


def _file(name: str) -> str:
    kind, _, path = name.partition("=")
    return path if kind == "group" and path.endswith(".jsonl") else ""


def _operators(name: str, value: object) -> tuple[str, ...]:
    chosen = names(name, value)
    if not chosen or set(chosen) - {DELETE, CORRUPT}:
        raise InputError(f"{name} must be some of delete, corrupt, not {value!r}")
    return chosen


@dataclass(frozen=True)
class Joint:
    """What is asked about several steps at once."""

    joint: tuple[str, ...] = parameter(
        (),
        _askable,
        "what is asked about sets of steps: "
        + ", ".join(ASKABLE)
        + ", group=FILE.jsonl",
        same=False,
    )
    joint_interventions: tuple[str, ...] = parameter(
        (DELETE,),
        _operators,
        "what is done to groups and pairs: delete, corrupt",
        same=False,
    )
    budget: int = parameter(
        400,
        whole_number(1),
        "of each thing that joint names, the most sets of a chain's steps that are scored",
    )
    core_orders: int = parameter(
        2,
        whole_number(1),
        "so many searches for a core: early steps go first, late ones, then drawn orders",
    )
    core_search: str = parameter(
        "mixture", one_of(*SEARCHES), "how a core is searched: " + ", ".join(SEARCHES)
    )

    @property
    def searches(self) -> bool:
        """Whether what is asked depends on earlier answers."""
        return any(name in SEARCHED for name in self.joint)

    @property
    def all_interventions(self) -> tuple[str, ...]:
        """What is done to sets of any kind, in the order of a table."""
        if not self.joint:
            return ()
        chosen = (DELETE, *self.joint_interventions)
        return tuple(name for name in dict.fromkeys(chosen) if self.kinds(name))

    def kinds(self, intervention: str) -> frozenset[str]:
        """What metrics may find of sets under one: see ``records.tables.what_sets_have``."""
        found: set[str] = set()
        for name in self.joint:
            kind, _, which = name.partition("=")
            changed = kind in ("group", "interaction")
            if intervention not in (self.joint_interventions if changed else (DELETE,)):
                continue
            if kind == "group":
                kind = f"group_{'file' if _file(name) else which}"
            elif which:
                kind = f"{kind}_{which}"
            found |= {kind, f"{kind}_labels"}
            if self.core_orders > 1:
                found.add(f"{kind}_orders")
        return frozenset(found)

    @property
    def files(self) -> tuple[str, ...]:
        """Files of sets that are named."""
        return tuple(path for name in self.joint if (path := _file(name)))


@dataclass(frozen=True)
class ChainPlan:
    """What is to be asked about one chain.

    Attributes:
        choice: the user's.
        chain: the clean chain.
        context: whose seed and document all draws follow.
        threshold: the drop in nats up to which a log-probability counts as kept.
        sets: of this chain, from files.
    """

    choice: Joint
    chain: Chain
    context: Context
    threshold: float
    sets: Sequence[Group] = ()

    @functools.cached_property
    def _values(self) -> Mapping[str, Group]:
        """The steps of each value that is stated, by its name."""
        return {group.name: group for group in by_value(self.chain)}

    @property
    def n_steps(self) -> int:
        """Steps of the chain."""
        return len(self.chain.steps)

    def draw(self, *key: object) -> Draw:
        """Choices for this chain, the same in every run."""
        return Draw(self.context.seed, self.context.document, "joint", *key)

    def chain_of(self, change: SetChange) -> Chain:
        """The chain with a set of steps changed.

        Raises:
            NotApplicable: it cannot be.
        """
        if change.intervention == DELETE:
            return without(self.chain, change.steps)
        if not change.value:
            return corrupted(self.chain, change.steps, self.context)
        value = self._values[change.value].value
        assert value is not None
        return with_other_value(self.chain, change.steps, value, self.context)

    # --- known beforehand ---------------------------------------------------------

    @functools.cached_property
    def planned(self) -> tuple[Found, ...]:
        """Groups, pairs, Shapley values and curves in fixed orders."""
        return tuple(
            one
            for name in self.choice.joint
            if name not in SEARCHED
            for one in self._planned(name)
        )

    def _planned(self, name: str) -> Iterator[Found]:
        kind, _, which = name.partition("=")
        if kind == "group":
            yield from self._groups(which)
        elif kind == "interaction":
            yield from self._pairs()
        elif kind == "shapley":
            yield self._shapley()
        else:
            forward = tuple(range(self.n_steps))
            order = forward if which == "front" else forward[::-1]
            yield self.curve(which, order, (self.choice.budget + 2) // 2)

    def _groups(self, which: str) -> Iterator[Found]:
        kind, groups = which, tuple(self._values.values())
        if which == "third":
            groups = by_third(self.n_steps)
        elif which == "all":
            groups = all_steps(self.n_steps)
        elif which != "value":
            kind, groups = "file", tuple(self.sets)
        operators = self.choice.joint_interventions
        most = self.choice.budget // len(operators)
        if len(groups) > most:
            chosen = sorted(self.draw(kind).sample(range(len(groups)), most))
            groups = tuple(groups[k] for k in chosen)
        for operator in operators:
            for group in groups:
                yield self._group(kind, group, operator)

    def _group(self, kind: str, group: Group, operator: str) -> Found:
        found = Found(kind, group.name, group.steps, operator)
        if operator == DELETE:
            return found
        try:
            if kind == "value":
                self.chain_of(SetChange(operator, group.steps, group.name))
                return found
            self.chain_of(SetChange(operator, group.steps))
        except NotApplicable as reason:
            return replace(found, ending=str(reason))
        possible = corruptible(self.chain, group.steps, self.context)
        return replace(found, steps=tuple(possible))

    def _pairs(self) -> Iterator[Found]:
        """Half of the budget for pairs that state the same value, half for others."""
        operators = self.choice.joint_interventions
        if self.n_steps < 2:
            reason = "a chain of one step has no pairs"
            for operator in operators:
                yield Found("interaction", "", (0,), operator, ending=reason)
            return
        most = max(self.choice.budget // (6 * len(operators)), 1)
        same = of_groups([group.steps for group in self._values.values()])
        draw = self.draw("interaction")
        chosen = sorted(draw.sample(same, most)) if len(same) > most else same
        count = min(max(len(chosen), OTHER_PAIRS), most)
        rest = others(self.n_steps, same, count, draw)
        for operator in operators:
            for name, pairs in ("same value", chosen), ("others", rest):
                for pair in pairs:
                    yield self._pair(name, pair, operator)

    def _pair(self, name: str, pair: tuple[int, int], operator: str) -> Found:
        found = Found("interaction", name, pair, operator)
        if operator == CORRUPT:
            possible = corruptible(self.chain, pair, self.context)
            if len(possible) < 2:
                return replace(found, ending="a step of the pair cannot be corrupted")
        return found

    def _shapley(self) -> Found:
        n, budget = self.n_steps, self.choice.budget
        every = tuple(range(n))
        if n <= MOST_EXACT_STEPS and is_exact(n, budget):
            return Found("shapley", "exact", every)
        orders = drawn_orders(n, budget, self.draw("shapley"))
        ending = "" if orders else f"two orders of {n} steps are over the budget"
        return Found("shapley", "drawn", every, orders=orders, ending=ending)

    def curve(self, name: str, order: Sequence[int], most: int) -> Found:
        """A curve in some order, of at most so many sizes."""
        return Found("curve", name, tuple(order), sizes=sizes(self.n_steps, most))

    # --- searched -----------------------------------------------------------------

    def sought(self, clean: Scored) -> list[Questions[list[Found]]]:
        """What depends on answers: each asks by itself.

        Args:
            clean: the score of the clean chain.
        """
        made: list[Questions[list[Found]]] = []
        for name in self.choice.joint:
            if name == "curve=effect":
                made.append(self._curve_by_effect(clean))
            elif name == "core":
                made.append(self._cores("core", _within(clean, self.threshold)))
            elif name == "core=greedy":
                made.append(self._cores("core_greedy", _greedy))
        return made

    def _curve_by_effect(self, clean: Scored) -> Questions[list[Found]]:
        n = self.n_steps
        whole = frozenset(range(n))
        if self.choice.budget < n + 2:
            ending = f"the single effects of {n} steps are over the budget"
            return [Found("curve", "effect", tuple(range(n)), ending=ending)]
        scores = yield [whole - {k} for k in range(n)]
        order = by_effect([clean[0] - logprob for logprob, _ in scores])
        left = self.choice.budget - n
        found = self.curve("effect", order, (left + 2) // 2)
        yield list(found.sets(n))
        return [found]

    def _cores(self, kind: str, keeps: Keeps) -> Questions[list[Found]]:
        """A core from each order of steps, then what may stand in for the first one's."""
        n, choice = self.n_steps, self.choice
        most = min(most_scorings(n), choice.budget)
        cores: dict[str, Core] = {}
        for name, order in self._core_orders():
            search = SEARCHES[choice.core_search]
            cores[name] = yield from core(order, keeps, most, search)
            if cores[name].ending not in FOUND:
                break
        found = [
            Found(kind, name, one.steps, ending=one.ending, scorings=one.scorings)
            for name, one in cores.items()
        ]
        first = cores["front"]
        if first.ending not in FOUND or not first.steps:
            return found
        candidates = alike(self._values.values())
        for other in cores.values():
            for step in first.steps:
                more = {*candidates.get(step, ()), *other.steps} - {step}
                candidates[step] = tuple(sorted(more))
        standing_in = yield from in_place_of(first.steps, candidates, keeps, n)
        for step, those in standing_in.items():
            beside = tuple(k for k in first.steps if k != step)
            found.append(Found(f"{kind}_restated", "", (step, *those), beside=beside))
        return found

    def _core_orders(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Which steps are first tried to be left out: the early ones, the late ones, drawn."""
        forward = tuple(range(self.n_steps))
        for k in range(self.choice.core_orders):
            if k < 2:
                yield FIXED_ORDERS[k], forward[:: 1 - 2 * k]
            else:
                order = self.draw("core", k).sample(forward, self.n_steps)
                yield f"drawn {k - 1}", tuple(order)


def _within(clean: Scored, threshold: float) -> Keeps:
    return lambda score: score[0] >= clean[0] - threshold


def _greedy(score: Scored) -> bool:
    return score[1]
