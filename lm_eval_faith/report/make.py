"""Reports of runs: read, estimate, in a stable order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.report.estimates import TaskReport, provided_report
from lm_eval_faith.report.generated import generated_report
from lm_eval_faith.report.run import Run, load_runs

_REPORTS = {
    "provided": provided_report,
    "generated": generated_report,
    "replay": generated_report,
}


def make_reports(paths: Sequence[Path], bootstrap: Bootstrap) -> tuple[TaskReport, ...]:
    """A report for every task of every run, ordered by model and task.

    Raises:
        InputError: a directory holds no run, or a file is broken.
    """
    runs = sorted(
        {run.path: run for path in paths for run in load_runs(path)}.values(),
        key=lambda run: (run.model, str(run.path)),
    )
    return tuple(report for run in runs for report in _reports_of_run(run, bootstrap))


def _reports_of_run(run: Run, bootstrap: Bootstrap) -> list[TaskReport]:
    reports = []
    for task in run.tasks:
        make = _REPORTS.get(task.setting)
        if make is None:
            raise InputError(f"{task.path}: unknown setting {task.setting!r}")
        made = make(run.model, task, bootstrap)
        reports.append(replace(made, warnings=run.warnings + made.warnings))
    return reports
