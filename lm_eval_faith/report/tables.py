"""Reports as text: a table for the terminal, Markdown, CSV, and JSON with a version."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from lm_eval_faith_stats import Estimate

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
from lm_eval_faith.report.report import Row, TaskReport

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA_VERSION = 2
"""Version of the JSON report: a new one when a name changes or goes."""

WIDTH = 100
"""Columns of the terminal table."""

LONGEST_LINE = 2000
"""Characters of a title or a remark in the terminal; names in it are shorter."""

LONGEST_NAME = 40
"""Characters of a name in the terminal table."""

NO_ANSWER_COLUMN = "without"
NO_ANSWER_MEANING = (
    "the estimate without the steps that state the answer; its interval is in the "
    "other formats"
)

ESTIMATE_COLUMNS = tuple(
    field.name for field in fields(Estimate) if field.name != "note"
)

CSV_COLUMNS = (
    "model",
    "task",
    "task_version",
    "intervention",
    "metric",
    "unit",
    *ESTIMATE_COLUMNS,
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
    """One line a metric. Text that a spreadsheet would run as a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for report in reports:
        for row in report.rows:
            estimate = asdict(row.estimate)
            texts = (
                report.model,
                report.task.task,
                report.task.version,
                row.intervention,
                row.metric,
                row.unit,
            )
            writer.writerow(
                [
                    *(csv_text(text) for text in texts),
                    *(_csv_cell(estimate[name]) for name in ESTIMATE_COLUMNS),
                    csv_text(row.meaning),
                    csv_text(row.estimate.note),
                ]
            )
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return csv_text(value)
    return csv_number(value) if isinstance(value, float) else value


def as_markdown(reports: Sequence[TaskReport]) -> str:
    """A section a task, for a model card."""
    parts = []
    for report in reports:
        lines = [
            f"### {markdown_text(report.model)}: {markdown_text(report.task.task)}",
            "",
            f"| intervention | metric | estimate | {_level(report)} interval "
            + "| problems | steps | meaning |",
            "| --- | --- | ---: | --- | ---: | ---: | --- |",
        ]
        for row in report.rows:
            e = row.estimate
            cells = (
                markdown_text(row.intervention),
                markdown_text(row.metric),
                number(e.point, row.unit),
                interval(row.estimate, row.unit),
                str(e.n_problems),
                str(e.n_steps),
                markdown_text(row.meaning),
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
    meanings = _legend(reports)
    width = max((len(name) for name in meanings), default=0)
    for name, meaning in meanings.items():
        console.print(Text(f"{name:<{width}}  {meaning}"))
    return out.getvalue()


def _legend(reports: Sequence[TaskReport]) -> dict[str, str]:
    """What each metric that has a line means."""
    legend: dict[str, str] = {}
    for report in reports:
        without = _without_answer_steps(report)
        for row in report.rows:
            if _has_line(row, without):
                legend[row.metric] = f"{row.meaning} ({row.unit})"
        if without:
            legend[NO_ANSWER_COLUMN] = NO_ANSWER_MEANING
    return legend


def _has_line(row: Row, without: Mapping[tuple[str, str], Row]) -> bool:
    """What stands in the last column has no line."""
    return row.shown and row not in without.values()


def _table(report: TaskReport) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    table.add_column("estimate", justify="right", no_wrap=True)
    table.add_column(f"{_level(report)} interval", no_wrap=True)
    table.add_column("problems", justify="right", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    without = _without_answer_steps(report)
    if without:
        table.add_column(NO_ANSWER_COLUMN, justify="right", no_wrap=True)
    before = ""
    for row in report.rows:
        if not _has_line(row, without):
            continue
        beside = without.get((row.intervention, row.metric))
        if row.intervention != before:
            table.add_section()
            table.add_row(Text(brief(row.intervention, LONGEST_NAME), style="bold"))
        indent = "  " if row.intervention else ""
        table.add_row(
            Text(indent + brief(row.metric, LONGEST_NAME)),
            Text(number(row.estimate.point, row.unit)),
            Text(interval(row.estimate, row.unit)),
            str(row.estimate.n_problems),
            str(row.estimate.n_steps),
            *(
                [number(beside.estimate.point, beside.unit) if beside else ""]
                if without
                else []
            ),
        )
        before = row.intervention
    return table


def _without_answer_steps(report: TaskReport) -> dict[tuple[str, str], Row]:
    """Rows that leave out the steps that state the answer, by the others' names."""
    rows = {(row.intervention, row.metric): row for row in report.rows}
    return {
        key: rows[row.intervention, row.without]
        for key, row in rows.items()
        if row.without
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
                "metric": row.metric,
                "meaning": row.meaning,
                "unit": row.unit,
                **finite(asdict(row.estimate)),
            }
            for row in report.rows
        ],
        "primary": list(report.primary),
        "warnings": list(report.warnings),
        "samples_file": report.task.path.name,
    }


def _level(report: TaskReport) -> str:
    levels = [row.estimate.confidence_level for row in report.rows] or [0.95]
    return f"{100 * levels[0]:g}%"
