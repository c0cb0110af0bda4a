"""The spread that a power analysis starts from, out of one run or two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.report.compare import compare_runs
from lm_eval_faith.report.estimates import TaskReport
from lm_eval_faith.report.make import make_reports
from lm_eval_faith.report.power import Spread, spread_of_comparison, spread_of_report

RESAMPLES = 100
"""Standard errors are not made of resamples."""


def spread_of_runs(
    paths: Sequence[Path],
    figure: str,
    task: str | None = None,
    correlation: float = 0.0,
    confidence_level: float = 0.95,
) -> Spread:
    """How much problems differ in a figure.

    Args:
        paths: a run, or two runs of the same problems.
        figure: ``INTERVENTION_figure``, as in the harness's table.
        task: which one, where a run has several.
        correlation: of two models' values over problems, where there is one run.

    Raises:
        InputError: there are other than one or two runs, no such task or figure, or
            runs that cannot be compared.
    """
    if len(paths) not in (1, 2):
        raise InputError(f"power takes one run or two, not {len(paths)}")
    try:
        bootstrap = Bootstrap(confidence_level, RESAMPLES)
    except ValueError as error:
        raise InputError(str(error)) from None
    report = _one(make_reports(paths[:1], bootstrap), task, paths[0])
    if len(paths) == 1:
        return spread_of_report(report, figure, correlation)
    for comparison in compare_runs(paths, bootstrap):
        if comparison.task == report.task.task:
            return spread_of_comparison(report, comparison, figure)
    raise InputError(f"{paths[1]}: no run of the task {report.task.task}")


def _one(reports: Sequence[TaskReport], task: str | None, path: Path) -> TaskReport:
    found = [r for r in reports if task is None or r.task.task == task]
    if len(found) != 1:
        names = ", ".join(dict.fromkeys(r.task.task for r in reports))
        raise InputError(f"{path}: choose one task of one run with --task: {names}")
    return found[0]
