"""Reports of runs: read, estimate, in a stable order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lm_eval_faith_stats import BOOTSTRAP, Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.run import Run, TaskRun
from lm_eval_faith.report.cells import brief
from lm_eval_faith.report.estimates import (
    NO_ANSWER_STEPS,
    Row,
    TaskReport,
    provided_report,
)
from lm_eval_faith.report.generated import generated_report
from lm_eval_faith.report.labelled import labelled_report

_REPORTS = {
    "provided": provided_report,
    "generated": generated_report,
    "replay": generated_report,
    "labelled": labelled_report,
}


@dataclass(frozen=True)
class Choices:
    """What a reader chooses about written chains.

    Attributes:
        threshold: the effect in nats at which a step counts as load-bearing; None takes the
            run's own.
        exclude_answer_steps: steps that state the final answer do not count.
    """

    threshold: float | None = None
    exclude_answer_steps: bool = False


DEFAULT = Choices()


def make_reports(
    paths: Sequence[str | Path],
    bootstrap: Bootstrap = BOOTSTRAP,
    choices: Choices = DEFAULT,
    workers: int = 1,
) -> tuple[TaskReport, ...]:
    """A report for every task of every run, ordered by model and task.

    The reports no longer hold the runs' records: ``task.chains`` is empty.

    Raises:
        InputError: a directory holds no run, or a file is broken.
    """
    make = partial(reports_of_run, bootstrap=bootstrap, choices=choices)
    runs = sorted(
        of_runs(paths, make, workers),
        key=lambda made: (made[0].model, str(made[0].task.path)),
    )
    return tuple(report for made in runs for report in made)


def reports_of_run(
    run: Run, bootstrap: Bootstrap, choices: Choices = DEFAULT
) -> list[TaskReport]:
    """A report for every task of a run."""
    return [_report_of_task(run, task, bootstrap, choices) for task in run.tasks]


def chosen(task: TaskRun, choices: Choices) -> TaskRun:
    """The task as the reader wants it; provided chains stay as they are."""
    if task.setting == "provided":
        return task
    if choices.threshold is not None:
        task = replace(task, settings={**task.settings, "threshold": choices.threshold})
    if choices.exclude_answer_steps:
        task = replace(task, chains=tuple(map(_without_answer_steps, task.chains)))
    return task


def _report_of_task(
    run: Run, task: TaskRun, bootstrap: Bootstrap, choices: Choices
) -> TaskReport:
    make = _REPORTS.get(task.setting)
    if make is None:
        raise InputError(f"{task.path}: unknown setting {brief(repr(task.setting))}")
    made = make(run.model, chosen(task, choices), bootstrap)
    rows, warnings = made.rows, run.warnings + made.warnings
    if choices.exclude_answer_steps and task.setting != "provided":
        rows = tuple(r for r in rows if not r.figure.endswith(NO_ANSWER_STEPS))
        warnings += ("steps that state the final answer do not count in any figure",)
    warnings += _at_ceiling(rows)
    return replace(
        made, task=replace(made.task, chains=()), rows=rows, warnings=warnings
    )


def _at_ceiling(rows: Sequence[Row]) -> tuple[str, ...]:
    """A sentence where AUCs can rise no further."""
    names = [
        r.intervention for r in rows if r.figure == "auc" and r.estimate.point == 1
    ]
    if not names:
        return ()
    told = f"the AUC of {', '.join(names)} is at its ceiling of 1"
    return (f"{told}: it cannot tell this model from others there, the effects can",)


def _without_answer_steps(chain: ChainRecord) -> ChainRecord:
    kept = tuple(record for record in chain.steps if not record.states_answer)
    return replace(chain, steps=kept)
