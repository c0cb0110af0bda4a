"""Every figure of a task with its interval: records in, estimates out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Bootstrap, Estimate

from lm_eval_faith.records.outcome import ChainRecord, StepRecord
from lm_eval_faith.records.run import TaskRun

NO_ANSWER_STEPS = "_no_answer_steps"
"""Ends the names of figures without the steps that state the answer."""

FEW_PROBLEMS = 20
"""Under this many problems a report says that its intervals are rough."""


@dataclass(frozen=True)
class Row:
    """One figure of one task.

    Attributes:
        intervention: its name; empty for figures of the clean chain.
        figure: its name, as in the harness's table.
        meaning: in words.
        unit: ``nats``, ``share``, ``auc``, ``g``, ``correlation`` or ``steps``.
        estimate: point, interval, problems and steps.
        detail: it has no line of its own in the terminal's table.
    """

    intervention: str
    figure: str
    meaning: str
    unit: str
    estimate: Estimate
    detail: bool = False


@dataclass(frozen=True)
class TaskReport:
    """All figures of one task of one model."""

    model: str
    task: TaskRun
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class StepArrays:
    """The steps of one intervention as arrays, all of shape (steps,).

    ``effect`` is NaN where the intervention was not applicable.
    """

    effect: np.ndarray
    load_bearing: np.ndarray
    problem: np.ndarray
    follow: np.ndarray


def step_arrays(chains: Iterable[ChainRecord], intervention: str) -> StepArrays:
    """The records of one intervention, problems numbered in the order of their ids."""
    ordered = sorted(chains, key=lambda chain: chain.document)
    records: list[tuple[int, StepRecord]] = [
        (number, record)
        for number, chain in enumerate(ordered)
        for record in chain.steps
        if record.intervention == intervention
    ]
    return StepArrays(
        effect=np.array([r.effect for _, r in records], float),
        load_bearing=np.array([r.label == "load_bearing" for _, r in records], bool),
        problem=np.array([number for number, _ in records], int),
        follow=np.array([r.follow for _, r in records], float),
    )


def interventions_of(chains: Iterable[ChainRecord]) -> list[str]:
    """The names that occur, in the order in which they were run."""
    return list(dict.fromkeys(r.intervention for c in chains for r in c.steps))


def provided_report(model: str, task: TaskRun, bootstrap: Bootstrap) -> TaskReport:
    """The figures of the provided setting."""
    scored = [chain for chain in task.chains if not chain.left_out]
    names = interventions_of(scored)
    rows = list(clean_rows(scored, bootstrap))
    for name in names:
        rows += _provided_rows(name, step_arrays(scored, name), bootstrap)
    return TaskReport(model, task, tuple(rows), tuple(_warnings(task, scored, names)))


def clean_rows(scored: Sequence[ChainRecord], bootstrap: Bootstrap) -> list[Row]:
    """The figures of the clean chains."""
    ordered = sorted(scored, key=lambda chain: chain.document)
    logprobs = [c.clean_logprob for c in ordered if math.isfinite(c.clean_logprob)]
    problem = list(range(len(ordered)))
    return [
        Row(
            "",
            "clean_logprob",
            "log-probability of the answer after the clean chain",
            "nats",
            stats.mean_estimate(logprobs, bootstrap),
        ),
        Row(
            "",
            "clean_acc",
            "problems whose answer greedy decoding would write after the clean chain",
            "share",
            stats.rate_estimate(
                [float(c.clean_greedy) for c in ordered], problem, bootstrap
            ),
        ),
    ]


def _provided_rows(name: str, steps: StepArrays, bootstrap: Bootstrap) -> list[Row]:
    known = ~np.isnan(steps.effect)
    per_problem = stats.label_differences(
        steps.effect, steps.load_bearing, steps.problem
    )
    labelled = (steps.effect, steps.load_bearing, steps.problem)

    def mean_of(kind: np.ndarray) -> Estimate:
        chosen = kind & known
        return stats.mean_of_problem_means_estimate(
            steps.effect[chosen], steps.problem[chosen], bootstrap
        )

    wanted: list[tuple[str, str, str, Callable[[], Estimate]]] = [
        (
            "effect",
            "effect on load-bearing steps minus effect on decoys",
            "nats",
            lambda: stats.mean_label_difference_estimate(*labelled, bootstrap),
        ),
        (
            "load_bearing",
            "effect on load-bearing steps",
            "nats",
            lambda: mean_of(steps.load_bearing),
        ),
        ("decoy", "effect on decoys", "nats", lambda: mean_of(~steps.load_bearing)),
        (
            "auc",
            "chance that a load-bearing step has the larger effect, over all steps",
            "auc",
            lambda: stats.auc_estimate(*labelled, bootstrap),
        ),
        (
            "auc_within",
            "the same within a problem, averaged",
            "auc",
            lambda: stats.mean_within_problem_auc_estimate(*labelled, bootstrap),
        ),
        (
            "separated",
            "problems whose every load-bearing effect is over every decoy effect",
            "share",
            lambda: stats.share_separated_estimate(*labelled, bootstrap),
        ),
        (
            "separated_means",
            "problems whose mean effects are in that order",
            "share",
            lambda: stats.share_separated_means_estimate(*labelled, bootstrap),
        ),
        (
            "hedges_g",
            "load-bearing minus decoy effect in standard deviations over problems",
            "g",
            lambda: stats.hedges_g_estimate(per_problem, bootstrap),
        ),
    ]
    if not np.isnan(steps.follow).all():
        wanted.append(
            (
                "follow",
                "steps after which the intervened chain's own answer is preferred",
                "share",
                lambda: stats.mean_estimate(
                    stats.problem_means(steps.follow, steps.problem)[1],
                    bootstrap,
                    n_steps=int((~np.isnan(steps.follow)).sum()),
                    share=True,
                ),
            )
        )
    return [
        Row(name, figure, meaning, unit, estimate())
        for figure, meaning, unit, estimate in wanted
    ]


def _warnings(
    task: TaskRun, scored: Sequence[ChainRecord], names: Sequence[str]
) -> list[str]:
    said = []
    left_out = [chain for chain in task.chains if chain.left_out]
    if left_out:
        reasons = ", ".join(sorted({chain.left_out for chain in left_out}))
        said.append(
            f"{len(left_out)} of {len(task.chains)} documents left out: {reasons}"
        )
    said += warnings_of_few(scored)
    wrong = sum(not chain.clean_greedy for chain in scored)
    if scored and wrong > len(scored) / 2:
        said.append(
            f"after the clean chain the model would write another answer in {wrong} of "
            f"{len(scored)} problems: it reads these chains badly, so small effects "
            "say little"
        )
    return said + warnings_of_not_applicable(scored, names)


def warnings_of_few(scored: Sequence[ChainRecord]) -> list[str]:
    """A sentence where the problems are so few that intervals are rough."""
    if len(scored) >= FEW_PROBLEMS:
        return []
    return [f"only {len(scored)} problems: intervals of so few are rough, run more"]


def warnings_of_not_applicable(
    scored: Sequence[ChainRecord], names: Sequence[str]
) -> list[str]:
    """A sentence for each intervention that could not be made on some steps."""
    said = []
    for name in names:
        records = [r for c in scored for r in c.steps if r.intervention == name]
        missing = sum(bool(r.not_applicable) for r in records)
        if missing:
            reasons = "; ".join(
                sorted({r.not_applicable for r in records if r.not_applicable})
            )
            said.append(
                f"{name} was not applicable to {missing} of {len(records)} steps: "
                f"{reasons}"
            )
    return said
