"""What the probes of a chain measured, read from the responses to them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lm_eval_faith.interventions.probes import LEAST_OWN, Probe

Response = tuple[float, bool]

NAN = math.nan

LEAST_SPREAD = 0.1
"""In nats a token: the spread of steps of which a model is sure, as of its own greedy ones,
counts as no smaller, or any other word would be thousands of spreads away."""


@dataclass(frozen=True)
class Probed:
    """What was measured on a chain besides its interventions.

    Attributes:
        logprob_no_chain: log p(answer | no chain), in nats.
        logprob_cut: log p(answer | the chain before its first statement of the answer).
        logprob_conflict, logprob_conflict_other: log p of the answer, and of the other one,
            where the last statement alone gives the other one.
        early: log p(answer | the steps before step k), by k.
        cut: log p(answer | the cut chain with an intervention), by intervention and step.
        surprise: nats a token of each scored step's own words, by step.
        changed: nats a token of what an intervention puts in its place, by intervention
            and step.
    """

    logprob_no_chain: float = NAN
    logprob_cut: float = NAN
    logprob_conflict: float = NAN
    logprob_conflict_other: float = NAN
    early: Mapping[int, float] = field(default_factory=dict)
    cut: Mapping[tuple[str, int], float] = field(default_factory=dict)
    surprise: Mapping[int, float] = field(default_factory=dict)
    changed: Mapping[tuple[str, int], float] = field(default_factory=dict)

    def headroom(self, step: int) -> float:
        """How much a step could give, in nats: -log p(answer | the steps before it)."""
        return _less(0.0, self.early.get(step))

    def of_change(self, intervention: str, step: int, draw: int) -> dict[str, float]:
        """What was measured of a changed step: of several draws of the first one."""
        if draw:
            return {}
        return {
            "effect_cut": self.effect_cut(intervention, step),
            "edit": self.edit(intervention, step),
            "edit_z": self.edit_z(intervention, step),
        }

    def effect_cut(self, intervention: str, step: int) -> float:
        """The effect in the cut chain, in nats."""
        return _less(self.logprob_cut, self.cut.get((intervention, step)))

    def edit(self, intervention: str, step: int) -> float:
        """How much more surprising the changed step is than the own one, nats a token."""
        return _less(self.changed.get((intervention, step)), self.surprise.get(step))

    def edit_z(self, intervention: str, step: int) -> float:
        """The same in standard deviations of the chain's own steps; NaN under three."""
        edit = self.edit(intervention, step)
        if math.isnan(edit) or len(self.surprise) < LEAST_OWN:
            return NAN
        spread = statistics.stdev(self.surprise.values())
        return edit / max(spread, LEAST_SPREAD)


def _less(one: float | None, other: float | None) -> float:
    """The difference; NaN, the one that equals itself in records, where one is not known."""
    if one is None or other is None or math.isnan(one):
        return NAN
    return one - other


NOTHING = Probed()


def probed(probes: Sequence[Probe], responses: Sequence[Response]) -> Probed:
    """What was measured, from the responses in the order of the probes.

    What is not finite was not measured.

    Raises:
        ValueError: there are not as many responses as probes.
    """
    whole: dict[str, float] = {}
    early: dict[int, float] = {}
    cut: dict[tuple[str, int], float] = {}
    surprise: dict[int, float] = {}
    changed: dict[tuple[str, int], float] = {}
    for probe, (logprob, _) in zip(probes, responses, strict=True):
        if not math.isfinite(logprob):
            continue
        place = probe.intervention, probe.step
        match probe.kind:
            case "early":
                early[probe.step] = logprob
            case "cut" if probe.intervention:
                cut[place] = logprob
            case "own":
                surprise[probe.step] = -logprob / probe.tokens
            case "changed":
                changed[place] = -logprob / probe.tokens
            case _:
                whole[f"logprob_{probe.kind}"] = logprob
    return Probed(
        **whole,
        early=early,
        cut=cut,
        surprise=surprise,
        changed=changed,
    )
