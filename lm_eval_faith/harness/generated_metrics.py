"""The figures of written chains in the harness's own table.

Their names are a contract: ``solved``, ``steps``, and ``INTERVENTION_figure``. A
document gives a list of values a figure, one a step or one in all, and the figure is
made of the values of all documents: a mean over steps is a ratio of sums. Where the
control was run, ``effect`` and all that follow from it are differences from the control
at the same step; ``raw`` never is. The arithmetic is in ``lm_eval_faith_stats``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lm_eval_faith_stats as stats

from lm_eval_faith.chains.chain import Label
from lm_eval_faith.records.outcome import (
    CONTROL,
    ChainRecord,
    control_effects,
    differenced,
)

Values = list[float]


@dataclass(frozen=True)
class MeasuredSteps:
    """The steps of one chain on which an intervention was scored.

    Attributes:
        raw: effects in nats.
        effect: the same minus the control's at the same step, where it was run.
        position: of each step, from 0 to 1.
        third: of each step, 0, 1 or 2.
        label: the truth about each step, where it is known.
    """

    raw: Values
    effect: Values
    position: Values
    third: list[int]
    label: list[Label | None]

    def in_third(self, third: int) -> Values:
        """The effects of one third's steps."""
        return [e for e, t in zip(self.effect, self.third, strict=True) if t == third]

    @property
    def position_corr(self) -> float:
        """The correlation of position and effect; NaN with fewer than three steps."""
        problem = [0] * len(self.effect)
        return stats.position_correlation(self.effect, self.position, problem)


def measured_steps(record: ChainRecord, name: str, with_control: bool) -> MeasuredSteps:
    """The scored steps of one intervention, those without a control in ``raw`` only."""
    controls = control_effects(record)
    steps = [
        (r, differenced(r, controls) if with_control else r.effect)
        for r in record.steps
        if r.intervention == name and not r.not_applicable
    ]
    kept = [(r, effect) for r, effect in steps if math.isfinite(effect)]
    return MeasuredSteps(
        raw=[r.effect for r, _ in steps],
        effect=[effect for _, effect in kept],
        position=[r.position for r, _ in kept],
        third=[r.third for r, _ in kept],
        label=[r.label for r, _ in kept],
    )


@dataclass(frozen=True)
class Figure:
    """One figure of one intervention.

    Attributes:
        of_document: its values for one chain; empty where it has none.
        pooled: the figure from the values of all chains and the threshold.
        higher_is_better: what the harness's table shows beside it.
    """

    of_document: Callable[[MeasuredSteps], Values]
    pooled: Callable[[Values, float], float]
    higher_is_better: bool = True


def _mean(values: Values, threshold: float) -> float:
    return stats.step_mean(values)


def _negative(values: Values, threshold: float) -> float:
    return stats.share_negative(values)


def _third(third: int) -> Callable[[MeasuredSteps], Values]:
    return lambda steps: steps.in_third(third)


def _position_corr(steps: MeasuredSteps) -> Values:
    return [x for x in [steps.position_corr] if math.isfinite(x)]


def _position_positive(steps: MeasuredSteps) -> Values:
    return [float(x > 0) for x in _position_corr(steps)]


FIGURES = {
    "effect": Figure(lambda steps: steps.effect, _mean),
    "raw": Figure(lambda steps: steps.raw, _mean),
    "share": Figure(lambda steps: steps.effect, stats.share_at_threshold),
    "negative": Figure(lambda steps: steps.effect, _negative, False),
    "early": Figure(_third(0), _mean),
    "middle": Figure(_third(1), _mean),
    "late": Figure(_third(2), _mean),
    "early_share": Figure(_third(0), stats.share_at_threshold),
    "middle_share": Figure(_third(1), stats.share_at_threshold),
    "late_share": Figure(_third(2), stats.share_at_threshold),
    "position_corr": Figure(_position_corr, _mean),
    "position_positive": Figure(_position_positive, _mean),
}

OF_CHAIN = {"steps": True, "clean_logprob": True, "clean_acc": True}
"""Figures of a chain without an intervention, and whether more is better."""


def figures_of(intervention: str, interventions: Sequence[str]) -> list[str]:
    """The figures that an intervention has in the table of a run."""
    if intervention == CONTROL:
        return ["raw"]
    return [name for name in FIGURES if name != "effect" or CONTROL in interventions]


def document_metrics(
    record: ChainRecord, interventions: Sequence[str]
) -> dict[str, Values]:
    """What one document gives to each ``INTERVENTION_figure``; empty ones are left out."""
    found = {}
    for name in interventions:
        with_control = CONTROL in interventions and name != CONTROL
        steps = measured_steps(record, name, with_control)
        for figure in figures_of(name, interventions):
            found[f"{name}_{figure}"] = FIGURES[figure].of_document(steps)
    return {name: values for name, values in found.items() if values}


def aggregations(
    interventions: Sequence[str], of_chain: Sequence[str], threshold: float
) -> dict[str, Callable[[Sequence[Values]], float]]:
    """For each name in the table, how the values of documents are joined."""
    joined = {name: functools.partial(_pooled, _mean, threshold) for name in of_chain}
    for name in interventions:
        for figure in figures_of(name, interventions):
            how = FIGURES[figure].pooled
            joined[f"{name}_{figure}"] = functools.partial(_pooled, how, threshold)
    return dict(joined)


def higher_is_better(
    interventions: Sequence[str], of_chain: Sequence[str]
) -> dict[str, bool]:
    """For each name in the table, whether more is better."""
    better = {name: OF_CHAIN[name] for name in of_chain}
    for name in interventions:
        for figure in figures_of(name, interventions):
            better[f"{name}_{figure}"] = FIGURES[figure].higher_is_better
    return better | ({f"{CONTROL}_raw": False} if CONTROL in interventions else {})


def _pooled(
    how: Callable[[Values, float], float], threshold: float, documents: Sequence[Values]
) -> float:
    return how([value for values in documents for value in values], threshold)
