"""Do the interventions agree? Rank correlations of their step effects within a chain.

Effects are raw: a control that is taken from two interventions' effects would make them
agree by itself. The control is not one of those compared. The AUCs are those of the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import BOOTSTRAP, Agreement, Bootstrap, Estimate

from lm_eval_faith.records.outcome import CONTROL, ChainRecord
from lm_eval_faith.records.run import Run, TaskRun
from lm_eval_faith.report import sections
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.estimates import interventions_of, step_arrays
from lm_eval_faith.report.labelled import labelled_steps, step_auc
from lm_eval_faith.report.make import DEFAULT, Choices, chosen
from lm_eval_faith.report.sections import Column, Section

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
    run: Run, bootstrap: Bootstrap = BOOTSTRAP, choices: Choices = DEFAULT
) -> list[TaskAgreement]:
    """The agreement of the interventions in every task of a run."""
    return [
        _of_task(run, chosen(task, choices), bootstrap, choices) for task in run.tasks
    ]


def _of_task(
    run: Run, task: TaskRun, bootstrap: Bootstrap, choices: Choices
) -> TaskAgreement:
    scored = [chain for chain in task.chains if not chain.left_out]
    names = [name for name in interventions_of(scored) if name != CONTROL]
    effects, problem = aligned_effects(scored, names)
    warnings = list(run.warnings)
    if len(names) < 2:
        warnings.append("fewer than two interventions: there is nothing to compare")
    if choices.exclude_answer_steps and task.setting != "provided":
        warnings.append("steps that state the final answer do not count")
    return TaskAgreement(
        model=run.model,
        task=task.task,
        agreements=stats.agreements(effects, problem, bootstrap),
        aucs=_aucs(task.setting, scored, names, bootstrap),
        warnings=tuple(warnings),
    )


def aligned_effects(
    chains: Sequence[ChainRecord], names: Sequence[str]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The raw effects of each intervention on the same steps, and the steps' problems.

    A step stands in all arrays where any of the interventions was made on it, with NaN
    for the others.
    """
    ordered = sorted(chains, key=lambda chain: chain.document)
    steps = [
        (number, step)
        for number, chain in enumerate(ordered)
        for step in sorted({r.step for r in chain.steps})
    ]
    place = {step: k for k, step in enumerate(steps)}
    effects = {name: np.full(len(steps), np.nan) for name in names}
    for problem, chain in enumerate(ordered):
        for record in chain.steps:
            if record.intervention in effects:
                k = place[problem, record.step]
                effects[record.intervention][k] = record.effect
    return effects, np.array([number for number, _ in steps], int)


def _aucs(
    setting: str,
    scored: Sequence[ChainRecord],
    names: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, Estimate]:
    """As the report gives them; empty where the truth about steps is not known."""
    found: dict[str, Estimate] = {}
    less_control = CONTROL in interventions_of(scored)
    for name in names:
        if setting == "provided":
            s = step_arrays(scored, name)
            found[name] = stats.auc_estimate(
                s.effect, s.load_bearing, s.problem, bootstrap
            )
        elif setting == "labelled":
            auc = step_auc(labelled_steps(scored, name, less_control), bootstrap)
            if auc is not None:
                found[name] = auc
    return found


# --- as text -----------------------------------------------------------------------


def as_table(found: Sequence[TaskAgreement]) -> str:
    """A table of pairs, and one of AUCs, a task."""
    return sections.as_table(_sections(found), MEANINGS)


def as_markdown(found: Sequence[TaskAgreement]) -> str:
    """The same tables, for a model card."""
    return sections.as_markdown(_sections(found), MEANINGS)


def as_csv(found: Sequence[TaskAgreement]) -> str:
    """One line a pair of interventions, and one an AUC."""
    rows = []
    for task in found:
        same = {
            "model": task.model,
            "task": task.task,
            "warnings": "; ".join(task.warnings),
        }
        for pair in task.agreements:
            names = {"first": pair.first, "second": pair.second}
            rows.append(same | {"measure": "agreement"} | names | asdict(pair.estimate))
        for name, estimate in task.aucs.items():
            names = {"first": name, "second": ""}
            rows.append(same | {"measure": "auc"} | names | asdict(estimate))
    return sections.as_csv(rows, CSV_COLUMNS)


def as_json(found: Sequence[TaskAgreement]) -> str:
    """Everything, under ``agreements``."""
    return sections.as_json({"agreements": [_task_to_dict(task) for task in found]})


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
