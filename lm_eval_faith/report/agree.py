"""Do the interventions agree? Rank correlations of their step effects within a chain.

Effects are raw: a control that is taken from two interventions' effects would make them
agree by itself. The control is not one of those compared. The AUCs are those of the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from lm_eval_faith_stats import BOOTSTRAP, SPEARMAN, Bootstrap, Estimate, Sample

from lm_eval_faith.interventions import is_control
from lm_eval_faith.metrics import NO_ANSWER_STEPS, Choices, quantities
from lm_eval_faith.records.columns import Columns
from lm_eval_faith.records.run import Run, TaskRun
from lm_eval_faith.records.tables import Tables, tables_of
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.report import NOTHING_ASKED, Asked, estimate_of
from lm_eval_faith.report.write import Column, Section, Written

MEANINGS = {
    "agreement": (
        "Spearman's correlation, within a chain, of the two interventions' raw effects on "
        "its steps, averaged over problems"
    ),
    "auc": "chance that a load-bearing step has a larger effect than a decoy, all steps",
}

CSV_COLUMNS = (
    "model",
    "task",
    "measure",
    "first",
    "second",
    "point",
    "low",
    "high",
    "confidence_level",
    "method",
    "n_problems",
    "n_steps",
    "n_missing",
    "n_resamples",
    "note",
    "warnings",
)


@dataclass(frozen=True)
class Agreement:
    """How far two interventions agree.

    Attributes:
        first, second: their names.
        estimate: mean over problems of the rank correlation of their effects on the same steps.
    """

    first: str
    second: str
    estimate: Estimate


@dataclass(frozen=True)
class TaskAgreement:
    """How far the interventions of one task agree.

    Attributes:
        model, task: names.
        agreements: one a pair of interventions.
        aucs: by intervention, where the truth about steps is known; else empty.
        warnings: what a reader must know, in sentences.
    """

    model: str
    task: str
    agreements: tuple[Agreement, ...]
    aucs: Mapping[str, Estimate]
    warnings: tuple[str, ...]


def agreements_of_run(
    run: Run, bootstrap: Bootstrap = BOOTSTRAP, asked: Asked = NOTHING_ASKED
) -> list[TaskAgreement]:
    """The agreement of the interventions in every task of a run."""
    return [_of_task(run, task, bootstrap, asked) for task in run.tasks]


def _of_task(
    run: Run, task: TaskRun, bootstrap: Bootstrap, asked: Asked
) -> TaskAgreement:
    tables = tables_of([(run.model, task)])
    steps = tables.columns("steps")
    if asked.exclude_answer_steps:
        steps = steps[~steps.states_answer]
    names = [name for name in tables.interventions if not is_control(name)]
    effects, problem, weight = aligned_effects(steps, names)
    warnings = list(run.warnings)
    if len(names) < 2:
        warnings.append("fewer than two interventions: there is nothing to compare")
    if asked.exclude_answer_steps:
        warnings.append("steps that state the final answer do not count")
    return TaskAgreement(
        model=run.model,
        task=task.task,
        agreements=agreements(effects, problem, bootstrap, weight),
        aucs=_aucs(tables, asked.of(task), bootstrap),
        warnings=tuple(warnings),
    )


def aligned_effects(
    steps: Columns, names: Sequence[str]
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The raw effects of each intervention on the same steps; the steps' problems, weights.

    A step stands in all arrays where any of the interventions was made on it, with NaN
    for the others.
    """
    numbers = {chain: k for k, chain in enumerate(dict.fromkeys(steps.chain))}
    chain = np.array([numbers[name] for name in steps.chain], np.int64)
    places = np.stack([chain, steps.step], axis=1)
    _, first, place = np.unique(places, axis=0, return_index=True, return_inverse=True)
    place = place.reshape(-1)
    effects = {}
    for name in names:
        here = steps.intervention == name
        effects[name] = np.full(len(first), np.nan)
        effects[name][place[here]] = steps.effect[here]
    return effects, steps.problem[first], steps.weight[first]


def agreements(
    effects: Mapping[str, np.ndarray],
    problem: np.ndarray,
    bootstrap: Bootstrap,
    weight: np.ndarray | None = None,
) -> tuple[Agreement, ...]:
    """Each pair of interventions, on the steps on which both were made.

    Args:
        effects: each intervention's, in nats, (steps,), NaN where it was not made.
        problem: (steps,) ids.
        bootstrap: how intervals are made.
        weight: (steps,), of steps that were drawn.

    Raises:
        ValueError: an effect is infinite, or the lengths differ.
    """
    made = []
    for first, second in combinations(effects, 2):
        effect, other = effects[first], effects[second]
        missing = np.isnan(effect) | np.isnan(other)
        sample = Sample(
            np.where(missing, np.nan, effect),
            problem,
            np.where(missing, 0.0, other),
            weight,
        )
        made.append(Agreement(first, second, SPEARMAN.estimate(sample, bootstrap)))
    return tuple(made)


def _aucs(
    tables: Tables, choices: Choices, bootstrap: Bootstrap
) -> dict[str, Estimate]:
    """As the report gives them, less the control's effect where it was run; empty where the
    truth about steps is not known.
    """
    found = {
        q.intervention: q
        for q in quantities(tables, choices)
        if q.metric.name == "auc"
        and not is_control(q.intervention)
        and (NO_ANSWER_STEPS in q.modifiers) <= choices.exclude_answer_steps
    }
    return {
        name: estimate_of(q, tables, choices, bootstrap) for name, q in found.items()
    }


# --- as text -----------------------------------------------------------------------


def written(found: Sequence[TaskAgreement]) -> Written:
    """A table of pairs, and one of AUCs, a task."""
    return Written(
        sections=tuple(_sections(found)),
        legend=MEANINGS,
        columns=CSV_COLUMNS,
        rows=list(_rows(found)),
        content={"agreements": [_task_to_dict(task) for task in found]},
    )


def _rows(found: Sequence[TaskAgreement]) -> Iterator[dict[str, Any]]:
    """One a pair of interventions, and one an AUC."""
    for task in found:
        same = {
            "model": task.model,
            "task": task.task,
            "warnings": "; ".join(task.warnings),
        }
        for pair in task.agreements:
            names = {"first": pair.first, "second": pair.second}
            yield same | {"measure": "agreement"} | names | asdict(pair.estimate)
        for name, estimate in task.aucs.items():
            names = {"first": name, "second": ""}
            yield same | {"measure": "auc"} | names | asdict(estimate)


def _task_to_dict(task: TaskAgreement) -> dict[str, Any]:
    return {
        "model": task.model,
        "task": task.task,
        "pairs": [
            {"first": p.first, "second": p.second, **asdict(p.estimate)}
            for p in task.agreements
        ],
        "aucs": [
            {"intervention": name, **asdict(estimate)}
            for name, estimate in task.aucs.items()
        ],
        "warnings": list(task.warnings),
    }


def _sections(found: Sequence[TaskAgreement]) -> list[Section]:
    made = []
    for task in found:
        title = f"{task.model}: {task.task}"
        estimates = [*(p.estimate for p in task.agreements), *task.aucs.values()]
        confidence_level = (
            f"{100 * estimates[0].confidence_level:g}%" if estimates else ""
        )
        pairs = tuple(
            (p.first, p.second, *_cells(p.estimate, "correlation"))
            for p in task.agreements
        )
        columns = (
            Column("intervention"),
            Column("and"),
            *_numbers("agreement", confidence_level),
        )
        made.append(Section(title, columns, pairs, task.warnings))
        aucs = tuple((name, *_cells(e, "auc")) for name, e in task.aucs.items())
        if aucs:
            columns = (Column("intervention"), *_numbers("auc", confidence_level))
            made.append(Section(f"{title}: AUC side by side", columns, aucs))
    return made


def _cells(estimate: Estimate, unit: str) -> tuple[str, ...]:
    return (
        number(estimate.point, unit),
        interval(estimate, unit),
        str(estimate.n_problems),
        str(estimate.n_steps),
    )


def _numbers(name: str, confidence_level: str) -> tuple[Column, ...]:
    return tuple(
        Column(column, numbers=True)
        for column in (name, f"{confidence_level} interval", "problems", "steps")
    )
