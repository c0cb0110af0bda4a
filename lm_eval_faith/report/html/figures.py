"""Which figures a task has on the page."""

from __future__ import annotations

from collections.abc import Sequence

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.records.outcome import CONTROL, ChainRecord
from lm_eval_faith.records.run import TaskRun
from lm_eval_faith.report.estimates import (
    NO_ANSWER_STEPS,
    TaskReport,
    interventions_of,
    step_arrays,
)
from lm_eval_faith.report.generated import WrittenSteps, threshold_of, written_steps
from lm_eval_faith.report.html import labelled_figures, written_figures
from lm_eval_faith.report.html.figure import Figure
from lm_eval_faith.report.html.sentences import interventions_told, rows_by_name
from lm_eval_faith.report.labelled import LabelledEffects, labelled_steps


def figures_of(
    report: TaskReport, task: TaskRun, bootstrap: Bootstrap
) -> tuple[Figure, ...]:
    """The figures of a task; none where no step could be scored.

    Args:
        report: its estimates: what figures and estimates share is taken from here.
        task: the same task with its records, as the reader chose it.
        bootstrap: how the intervals that the report has not are made.
    """
    scored = [chain for chain in task.chains if not chain.left_out]
    names = interventions_told(report)
    if not names:
        return ()
    if task.setting == "provided":
        by_name = {name: step_arrays(scored, name) for name in names}
        return (
            labelled_figures.distributions(report, by_name),
            labelled_figures.roc_curves(report, by_name),
            labelled_figures.by_position(scored, names, bootstrap),
        )
    steps = _written_by_name(scored, names)
    labelled = _labelled(report, scored, names)
    made = [
        *(
            [
                labelled_figures.distributions(report, labelled),
                labelled_figures.roc_curves(report, labelled),
            ]
            if labelled
            else []
        ),
        written_figures.gradient(report, names, threshold_of(task)),
        written_figures.against_position(report, steps),
        written_figures.over_thresholds(steps, threshold_of(task), bootstrap),
    ]
    if any(row.figure.endswith(NO_ANSWER_STEPS) for row in report.rows):
        made.append(
            written_figures.without_answer_steps(report, names, threshold_of(task))
        )
    return tuple(made)


def _labelled(
    report: TaskReport, scored: Sequence[ChainRecord], names: Sequence[str]
) -> dict[str, LabelledEffects]:
    """Steps of written chains whose labels somebody has given, where both kinds are there."""
    rows = rows_by_name(report)
    less_control = CONTROL in interventions_of(scored)
    return {
        name: labelled_steps(scored, name, less_control)
        for name in names
        if (name, "auc") in rows
    }


def _written_by_name(
    scored: Sequence[ChainRecord], names: Sequence[str]
) -> dict[str, WrittenSteps]:
    """The steps of each intervention, effects less the control's where it was run."""
    less_control = CONTROL in interventions_of(scored)
    return {name: written_steps(scored, name, less_control) for name in names}
