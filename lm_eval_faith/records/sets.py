"""What was measured on sets of steps of one chain: the rows of the table *sets*.

A samples file holds what was chosen or found (:class:`lm_eval_faith.joint.found.Found`) and
the scores of its texts. Every number is made of these two here, in the running harness and
when the file is read again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lm_eval_faith.chains.chain import Chain, Label
from lm_eval_faith.joint.core import FOUND
from lm_eval_faith.joint.curve import area, kept, left_out
from lm_eval_faith.joint.found import (
    CORES,
    DELETE,
    GROUPS,
    Found,
    SetChange,
    leaving,
)
from lm_eval_faith.joint.pairs import interaction
from lm_eval_faith.joint.questions import Kept
from lm_eval_faith.joint.shapley import enumerated, sampled

MEASURES = {
    "area": "area under a curve over the share of steps, nats",
    "interaction": "effect of both steps less the effect of each, nats",
    "shapley": "what the step adds to the answer's log-probability on average, nats",
    "std_error": "of a Shapley value, nats; 0 where it is exact",
    "in_core": "1 where the step belongs to the core, else 0",
    "share": "share of the steps that belong to the core",
    "token_share": "share of the tokens of all steps that belong to the core",
    "cores": "different cores that were found from different orders",
    "restated": "steps of the core in whose place another step suffices",
    "scorings": "different sets that the search scored",
}
"""Numbers of sets beside the effect: columns of the table, NaN where they do not apply."""


KINDS_OF_CORES = CORES
"""What a core keeps: the answer's log-probability, or its being the greedy one."""

ENDINGS = {
    "certified": "found and certified",
    "none_needed": "no step is needed",
    "all_needed": "all steps are needed",
    "clean_misses": "the clean chain itself does not keep the answer",
    "budget": "not certified within the budget",
}
"""How a search for a core ended, in words."""

NOTHING: Mapping[str, float] = {}


@dataclass(frozen=True)
class SetRecord:
    """One set of steps of one chain.

    Attributes:
        intervention: what was done: ``delete`` (to the set, or to all but the set) or
            ``corrupt``.
        kind: ``value``, ``third``, ``all``, ``file`` (groups); ``interaction``; ``curve`` and its
            ``curve_point``; ``shapley``; ``core``, its ``core_less_one`` (the certificate),
            ``core_step`` (a row a step, in it or not) and ``core_restated`` (steps of which
            any one suffices); the same of ``core_greedy``.
        name: the value, the third, the order, ...
        steps: the set's indices; of a curve all steps in its order.
        kept: the set stayed and all other steps were left out.
        n_steps: steps of the chain.
        logprob_clean, logprob: log p(answer) given the clean chain, and given the chain with
            the set changed or kept, in nats; NaN where no text stands for the row.
        label: ``load_bearing`` where a step of the set is, ``decoy`` where all are decoys.
        states_answer: a step of the set states the final answer.
        ending: how the search of a core ended; of others, why there is no number.
        measured: of :data:`MEASURES`.
    """

    intervention: str
    kind: str
    name: str
    steps: tuple[int, ...]
    kept: bool
    n_steps: int
    logprob_clean: float
    logprob: float
    label: Label | None
    states_answer: bool
    ending: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def effect(self) -> float:
        """How far the answer's log-probability falls, in nats; NaN without a score."""
        return self.logprob_clean - self.logprob


@dataclass(frozen=True)
class _Chain:
    """A chain, and the log-probability of the answer behind each changed text."""

    chain: Chain
    logprobs: Mapping[SetChange, float]
    step_tokens: Sequence[int]

    @property
    def n(self) -> int:
        return len(self.chain.steps)

    @property
    def clean(self) -> float:
        return self.logprobs[SetChange(DELETE, ())]

    def leaving(self, stay: Kept) -> float:
        return self.logprobs[leaving(stay, self.n)]

    def row(
        self,
        found: Found,
        kind: str,
        steps: Sequence[int],
        logprob: float = math.nan,
        stays: bool = False,
        measured: Mapping[str, float] = NOTHING,
    ) -> SetRecord:
        return SetRecord(
            intervention=found.intervention,
            kind=kind,
            name=found.name,
            steps=tuple(steps),
            kept=stays,
            n_steps=self.n,
            logprob_clean=self.clean,
            logprob=logprob,
            label=self._label(steps),
            states_answer=any(self.chain.steps[k].states_answer for k in steps),
            ending=found.ending,
            measured=measured,
        )

    def _label(self, steps: Sequence[int]) -> Label | None:
        labels = {self.chain.steps[k].label for k in steps}
        if "load_bearing" in labels:
            return "load_bearing"
        return "decoy" if labels == {"decoy"} else None


def set_records(
    chain: Chain,
    found: Sequence[Found],
    logprobs: Mapping[SetChange, float],
    step_tokens: Sequence[int] = (),
) -> tuple[SetRecord, ...]:
    """The rows of a chain.

    Args:
        chain: the clean chain.
        found: what was chosen or found.
        logprobs: log p(answer) behind each text that it needs, the clean chain's (no step
            left out) among them, in nats; what is not finite gives no effect.
        step_tokens: tokens of each step, where they are known.

    Raises:
        KeyError: a text has no score.
    """
    known = _Chain(
        chain,
        {c: x if math.isfinite(x) else math.nan for c, x in logprobs.items()},
        step_tokens,
    )
    rows = [row for one in found for row in _rows(one, known)]
    for kind in CORES:
        rows += _core_rows(kind, found, known)
    return tuple(rows)


def _rows(found: Found, known: _Chain) -> Iterator[SetRecord]:
    if found.kind in GROUPS or found.kind == "interaction":
        scores = [known.logprobs[change] for change in found.changes(known.n)]
        measured = {}
        if len(scores) > 1:
            effects = [known.clean - score for score in scores]
            measured["interaction"] = interaction(*effects)
        logprob = scores[0] if scores else math.nan
        yield known.row(found, found.kind, found.steps, logprob, measured=measured)
    elif found.kind == "curve":
        yield from _curve(found, known)
    elif found.kind == "shapley":
        yield from _shapley(found, known)


def _curve(found: Found, known: _Chain) -> Iterator[SetRecord]:
    if found.ending:
        yield known.row(found, "curve", found.steps)
        return
    for stays, stay in (False, left_out), (True, kept):
        logprobs = [known.leaving(stay(found.steps, size)) for size in found.sizes]
        under = area(found.sizes, [known.clean - logprob for logprob in logprobs])
        yield known.row(
            found, "curve", found.steps, stays=stays, measured={"area": under}
        )
        for size, logprob in zip(found.sizes, logprobs, strict=True):
            steps = sorted(found.steps[:size])
            yield known.row(found, "curve_point", steps, logprob, stays=stays)


def _shapley(found: Found, known: _Chain) -> Iterator[SetRecord]:
    if found.ending:
        yield known.row(found, "shapley", found.steps)
        return
    values = (
        sampled(known.n, found.orders, known.leaving)
        if found.orders
        else enumerated(known.n, known.leaving)
    )
    for step, one in enumerate(values):
        yield known.row(
            found,
            "shapley",
            (step,),
            measured={"shapley": one.value, "std_error": one.std_error},
        )


def _core_rows(kind: str, found: Sequence[Found], known: _Chain) -> Iterator[SetRecord]:
    cores = [one for one in found if one.kind == kind]
    restated = [one for one in found if one.kind == f"{kind}_restated"]
    there = [one for one in cores if one.ending in FOUND]
    for k, core in enumerate(cores):
        measured = {"scorings": float(core.scorings)}
        if core in there:
            measured["share"] = len(core.steps) / known.n
            if sum(known.step_tokens):
                tokens = sum(known.step_tokens[step] for step in core.steps)
                measured["token_share"] = tokens / sum(known.step_tokens)
            if k == 0:
                measured["restated"] = float(len(restated))
                if len(cores) == len(there) > 1:
                    measured["cores"] = float(len({one.steps for one in there}))
        whole = frozenset(core.steps)
        scored = core in there or core.ending == "budget"
        logprob = known.leaving(whole) if scored else math.nan
        yield known.row(core, kind, core.steps, logprob, stays=True, measured=measured)
        if core not in there:
            continue
        for step in core.steps:
            rest = whole - {step}
            logprob = known.leaving(rest)
            yield known.row(core, f"{kind}_less_one", sorted(rest), logprob, stays=True)
        if k == 0:
            for step in range(known.n):
                within = {"in_core": float(step in whole)}
                yield known.row(core, f"{kind}_step", (step,), measured=within)
    for one in restated:
        beside = frozenset(one.beside)
        worst = min(known.leaving(beside | {step}) for step in one.steps)
        yield known.row(one, f"{kind}_restated", one.steps, worst, stays=True)
