"""The figures of labelled chains: those of any written chain, and AUCs with intervals.

Where the control was run, effects are differences from its effect at the same step. The
score of a chain is the mean effect of its steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Bootstrap, Estimate

from lm_eval_faith.records.outcome import (
    CONTROL,
    ChainRecord,
    control_effects,
    differenced,
)
from lm_eval_faith.records.run import TaskRun
from lm_eval_faith.report.estimates import Row, TaskReport, interventions_of
from lm_eval_faith.report.generated import generated_report


@dataclass(frozen=True)
class LabelledEffects:
    """Labelled steps, or labelled chains, of one intervention: arrays of one length.

    Attributes:
        effect: in nats; NaN where the intervention was not applicable.
        load_bearing: the label.
        problem: number of the problem, in the order of their ids.
    """

    effect: np.ndarray
    load_bearing: np.ndarray
    problem: np.ndarray


def labelled_steps(
    chains: Sequence[ChainRecord], intervention: str, less_control: bool
) -> LabelledEffects:
    """The steps that have a label."""
    return _effects(
        (number, differenced(r, controls) if less_control else r.effect, r.label)
        for number, chain, controls in _numbered(chains)
        for r in chain.steps
        if r.intervention == intervention
    )


def labelled_chains(
    chains: Sequence[ChainRecord], intervention: str, less_control: bool
) -> LabelledEffects:
    """The chains that have a label, each with the mean effect of its steps."""
    return _effects(
        (
            number,
            stats.step_mean(
                [
                    differenced(r, controls) if less_control else r.effect
                    for r in chain.steps
                    if r.intervention == intervention
                ]
            ),
            chain.label,
        )
        for number, chain, controls in _numbered(chains)
    )


def step_auc(labelled: LabelledEffects, bootstrap: Bootstrap) -> Estimate | None:
    """Chance that a load-bearing step has the larger effect; None without both kinds."""
    if not both_kinds(labelled):
        return None
    return stats.auc_estimate(
        labelled.effect, labelled.load_bearing, labelled.problem, bootstrap
    )


def labelled_report(model: str, task: TaskRun, bootstrap: Bootstrap) -> TaskReport:
    """The figures of a written chain, those made with labels before the others."""
    made = generated_report(model, task, bootstrap)
    scored = [chain for chain in task.chains if not chain.left_out]
    names = interventions_of(scored)
    rows: list[Row] = []
    for name, group in itertools.groupby(made.rows, lambda row: row.intervention):
        if name and name != CONTROL:
            rows += _rows(name, scored, CONTROL in names, bootstrap)
        rows += group
    return TaskReport(model, task, tuple(rows), (*made.warnings, *_unlabelled(scored)))


def _rows(
    name: str, scored: Sequence[ChainRecord], less_control: bool, bootstrap: Bootstrap
) -> Iterator[Row]:
    """Only those for which there are labels."""
    words = "effect minus control's" if less_control else "raw effect"
    steps = labelled_steps(scored, name, less_control)
    whole = labelled_chains(scored, name, less_control)
    pooled = step_auc(steps, bootstrap)
    if pooled is not None:
        yield Row(
            name,
            "auc",
            f"{words}: chance that a load-bearing step has the larger one",
            "auc",
            pooled,
        )
        yield Row(
            name,
            "auc_within",
            "the same within a problem, averaged",
            "auc",
            stats.mean_within_problem_auc_estimate(
                steps.effect, steps.load_bearing, steps.problem, bootstrap
            ),
        )
    if both_kinds(whole):
        yield Row(
            name,
            "chain_auc",
            f"{words}: chance that a load-bearing chain has the larger mean over steps",
            "auc",
            stats.auc_estimate(
                whole.effect, whole.load_bearing, whole.problem, bootstrap
            ),
        )
    for figure, kind in (
        ("load_bearing", steps.load_bearing),
        ("decoy", ~steps.load_bearing),
    ):
        if kind.any():
            yield Row(
                name,
                figure,
                f"{words}: mean over {figure.replace('_', '-')} steps",
                "nats",
                stats.step_mean_estimate(
                    steps.effect[kind], steps.problem[kind], bootstrap
                ),
            )


def _numbered(
    chains: Sequence[ChainRecord],
) -> Iterator[tuple[int, ChainRecord, dict[int, float]]]:
    ordered = sorted(chains, key=lambda chain: chain.document)
    for number, chain in enumerate(ordered):
        yield number, chain, control_effects(chain)


def _effects(found: Iterator[tuple[int, float, str | None]]) -> LabelledEffects:
    told = [(n, effect, label) for n, effect, label in found if label is not None]
    return LabelledEffects(
        effect=np.array([effect for _, effect, _ in told], float),
        load_bearing=np.array([label == "load_bearing" for *_, label in told], bool),
        problem=np.array([number for number, _, _ in told], int),
    )


def both_kinds(found: LabelledEffects) -> bool:
    """There are scored steps, or chains, of both kinds."""
    kinds = found.load_bearing[~np.isnan(found.effect)]
    return bool(kinds.any() and not kinds.all())


def _unlabelled(scored: Sequence[ChainRecord]) -> list[str]:
    """A sentence where some steps have no label."""
    labels = {(c.document, r.step): r.label for c in scored for r in c.steps}
    without = sum(label is None for label in labels.values())
    if not without or without == len(labels):
        return []
    return [f"{without} of {len(labels)} steps have no label: they enter no AUC"]
