"""Reports as text: a table for the terminal, Markdown, CSV, and JSON with a version."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lm_eval_faith.report.estimates import Row, TaskReport

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA_VERSION = 1
"""Version of the JSON report: a new one when a name changes or goes."""

WIDTH = 100
"""Columns of the terminal table."""

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
    "level",
    "method",
    "n_problems",
    "n_steps",
    "left_out",
    "resamples",
    "meaning",
    "note",
)

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def as_json(reports: Sequence[TaskReport]) -> str:
    """Everything, with a schema version; numbers that are not defined are null."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "reports": [_report_to_dict(report) for report in reports],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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
                    *(_no_formula(text) for text in texts),
                    _no_formula(row.intervention),
                    row.figure,
                    row.unit,
                    *(_csv_number(x) for x in (e.point, e.low, e.high)),
                    e.level,
                    e.method,
                    e.n_problems,
                    e.n_steps,
                    e.left_out,
                    e.resamples,
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
            f"### {_markdown(report.model)}: {_markdown(report.task.task)}",
            "",
            f"| intervention | figure | estimate | {_level(report)} interval "
            + "| problems | steps | meaning |",
            "| --- | --- | ---: | --- | ---: | ---: | --- |",
        ]
        for row in report.rows:
            e = row.estimate
            cells = (
                _markdown(row.intervention),
                row.figure,
                _number(e.point, row.unit),
                _interval(row),
                str(e.n_problems),
                str(e.n_steps),
                row.meaning,
            )
            lines.append("| " + " | ".join(cells) + " |")
        lines += [f"\n{_markdown(warning)}." for warning in report.warnings]
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
        title = f"{plain(report.model)}: {plain(task.task)}"
        shown = f" (version {plain(task.version)}, {len(task.chains)} documents)"
        console.print(Text(title + shown, style="bold"))
        console.print(_table(report))
        for warning in report.warnings:
            console.print(Text(f"! {plain(warning)}"))
        console.print()
    rows = [row for report in reports for row in report.rows]
    meanings = {row.figure: f"{row.meaning} ({row.unit})" for row in rows}
    for figure, meaning in meanings.items():
        console.print(Text(f"{figure:<16} {meaning}"))
    return out.getvalue()


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
    before = ""
    for row in report.rows:
        if row.intervention != before:
            table.add_section()
        table.add_row(
            Text(plain(row.intervention) if row.intervention != before else ""),
            Text(row.figure),
            Text(_number(row.estimate.point, row.unit)),
            Text(_interval(row)),
            str(row.estimate.n_problems),
            str(row.estimate.n_steps),
        )
        before = row.intervention
    return table


def plain(text: str) -> str:
    """Text with control and direction characters shown, not obeyed."""
    return _CONTROL.sub(lambda c: f"\\x{ord(c[0]):02x}", text)


def _report_to_dict(report: TaskReport) -> dict[str, Any]:
    return {
        "model": report.model,
        "task": report.task.task,
        "task_version": report.task.version,
        "setting": report.task.setting,
        "n_shot": report.task.n_shot,
        "settings": _finite(dict(report.task.settings)),
        "n_documents": len(report.task.chains),
        "estimates": [
            {
                "intervention": row.intervention,
                "figure": row.figure,
                "meaning": row.meaning,
                "unit": row.unit,
                **_finite(asdict(row.estimate)),
            }
            for row in report.rows
        ],
        "warnings": list(report.warnings),
        "samples_file": report.task.path.name,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" if unit != "share" else f"{100 * value:.1f}%"


def _interval(row: Row) -> str:
    e = row.estimate
    if math.isnan(e.low) or math.isnan(e.high):
        return "–"
    return f"[{_number(e.low, row.unit)}, {_number(e.high, row.unit)}]"


def _level(report: TaskReport) -> str:
    levels = [row.estimate.level for row in report.rows] or [0.95]
    return f"{100 * levels[0]:g}%"


def _csv_number(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def _no_formula(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


def _markdown(text: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", plain(text))
    return escaped.replace("\n", " ")
