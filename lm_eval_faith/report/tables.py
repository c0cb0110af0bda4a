"""Reports as text: a table for the terminal, Markdown, CSV, and JSON with a version."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lm_eval_faith.report.cells import (
    brief,
    csv_number,
    csv_text,
    finite,
    interval,
    json_text,
    markdown_paragraph,
    markdown_text,
    number,
)
from lm_eval_faith.report.estimates import NO_ANSWER_STEPS, Row, TaskReport

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA_VERSION = 1
"""Version of the JSON report: a new one when a name changes or goes."""

WIDTH = 100
"""Columns of the terminal table."""

LONGEST_LINE = 2000
"""Characters of a title or a remark in the terminal; names in it are shorter."""

NO_ANSWER_COLUMN = "without"
NO_ANSWER_MEANING = (
    "the estimate without the steps that state the answer; its interval is in the "
    "other formats"
)

CSV_COLUMNS = (
    "model",
    "task",
    "task_version",
    "intervention",
    "figure",
    "unit",
    "point",
    "low",
    "high",
    "confidence_level",
    "method",
    "n_problems",
    "n_steps",
    "n_missing",
    "n_resamples",
    "meaning",
    "note",
)


def as_json(reports: Sequence[TaskReport]) -> str:
    """Everything, with a schema version; numbers that are not defined are null."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "reports": [_report_to_dict(report) for report in reports],
    }
    return json_text(content)


def as_csv(reports: Sequence[TaskReport]) -> str:
    """One line a figure. Text that a spreadsheet would run as a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for report in reports:
        for row in report.rows:
            e = row.estimate
            texts = (report.model, report.task.task, report.task.version)
            writer.writerow(
                [
                    *(csv_text(text) for text in texts),
                    csv_text(row.intervention),
                    row.figure,
                    row.unit,
                    *(csv_number(x) for x in (e.point, e.low, e.high)),
                    e.confidence_level,
                    e.method,
                    e.n_problems,
                    e.n_steps,
                    e.n_missing,
                    e.n_resamples,
                    row.meaning,
                    e.note,
                ]
            )
    return out.getvalue()


def as_markdown(reports: Sequence[TaskReport]) -> str:
    """A section a task, for a model card."""
    parts = []
    for report in reports:
        lines = [
            f"### {markdown_text(report.model)}: {markdown_text(report.task.task)}",
            "",
            f"| intervention | figure | estimate | {_level(report)} interval "
            + "| problems | steps | meaning |",
            "| --- | --- | ---: | --- | ---: | ---: | --- |",
        ]
        for row in report.rows:
            e = row.estimate
            cells = (
                markdown_text(row.intervention),
                row.figure,
                number(e.point, row.unit),
                interval(row.estimate, row.unit),
                str(e.n_problems),
                str(e.n_steps),
                row.meaning,
            )
            lines.append("| " + " | ".join(cells) + " |")
        lines += [f"\n{markdown_paragraph(warning)}." for warning in report.warnings]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def as_table(reports: Sequence[TaskReport]) -> str:
    """What a person reads in a terminal of 100 columns: a table a task, then a legend."""
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=WIDTH, highlight=False, soft_wrap=False)
    for report in reports:
        task = report.task
        title = f"{brief(report.model)}: {brief(task.task)}"
        shown = f" (version {brief(task.version)}, {task.n_documents} documents)"
        console.print(Text(title + shown, style="bold"))
        console.print(_table(report))
        for warning in report.warnings:
            console.print(Text(f"! {brief(warning, LONGEST_LINE)}"))
        console.print()
    for setting, meanings in _legends(reports).items():
        console.print(Text(f"{brief(setting)} chains:", style="bold"))
        width = max(16, *(len(figure) for figure in meanings))
        for figure, meaning in meanings.items():
            console.print(Text(f"{figure:<{width}} {meaning}"))
    return out.getvalue()


def _legends(reports: Sequence[TaskReport]) -> dict[str, dict[str, str]]:
    """What each figure means, by setting: the same name may mean another thing."""
    legends: dict[str, dict[str, str]] = {}
    for report in reports:
        legend = legends.setdefault(report.task.setting, {})
        for row in report.rows:
            if not row.detail:
                legend[row.figure] = f"{row.meaning} ({row.unit})"
        if _without_answer_steps(report):
            legend[NO_ANSWER_COLUMN] = NO_ANSWER_MEANING
    return legends


def _table(report: TaskReport) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("intervention", no_wrap=True)
    table.add_column("figure", no_wrap=True)
    table.add_column("estimate", justify="right", no_wrap=True)
    table.add_column(f"{_level(report)} interval", no_wrap=True)
    table.add_column("problems", justify="right", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    without = _without_answer_steps(report)
    if without:
        table.add_column(NO_ANSWER_COLUMN, justify="right", no_wrap=True)
    before = ""
    for row in report.rows:
        if row.detail:
            continue
        beside = without.get((row.intervention, row.figure))
        if row.intervention != before:
            table.add_section()
        table.add_row(
            Text(brief(row.intervention) if row.intervention != before else ""),
            Text(row.figure),
            Text(number(row.estimate.point, row.unit)),
            Text(interval(row.estimate, row.unit)),
            str(row.estimate.n_problems),
            str(row.estimate.n_steps),
            *([number(beside.estimate.point, beside.unit)] if beside else []),
        )
        before = row.intervention
    return table


def _without_answer_steps(report: TaskReport) -> dict[tuple[str, str], Row]:
    """The figures that leave out the steps that state the answer, by the others' names."""
    return {
        (row.intervention, row.figure.removesuffix(NO_ANSWER_STEPS)): row
        for row in report.rows
        if row.figure.endswith(NO_ANSWER_STEPS)
    }


def _report_to_dict(report: TaskReport) -> dict[str, Any]:
    return {
        "model": report.model,
        "task": report.task.task,
        "task_version": report.task.version,
        "setting": report.task.setting,
        "n_shot": report.task.n_shot,
        "settings": finite(dict(report.task.settings)),
        "n_documents": report.task.n_documents,
        "estimates": [
            {
                "intervention": row.intervention,
                "figure": row.figure,
                "meaning": row.meaning,
                "unit": row.unit,
                **finite(asdict(row.estimate)),
            }
            for row in report.rows
        ],
        "warnings": list(report.warnings),
        "samples_file": report.task.path.name,
    }


def _level(report: TaskReport) -> str:
    levels = [row.estimate.confidence_level for row in report.rows] or [0.95]
    return f"{100 * levels[0]:g}%"
