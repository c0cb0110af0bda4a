"""The one writer of tables: for the terminal, Markdown, CSV, and JSON with a version."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lm_eval_faith.report.cells import (
    csv_number,
    csv_text,
    finite,
    json_text,
    markdown_paragraph,
    markdown_text,
)
from lm_eval_faith.shown import brief

SCHEMA_VERSION = 2
"""Version of what every command writes as JSON: a new one when a name changes or goes."""

WIDTH = 100
"""Columns of the terminal's tables."""

LONGEST_LINE = 2000
"""Characters of a title or a remark in the terminal; names in it are shorter."""

LONGEST_NAME = 40
"""Characters of a name in the terminal's tables."""

Format = Literal["table", "markdown", "csv", "json"]


@dataclass(frozen=True)
class Column:
    """A column's name, and whether it holds numbers."""

    name: str
    numbers: bool = False


@dataclass(frozen=True)
class Section:
    """One table: a title, the names of columns, rows of cells, and remarks below."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """What a command says, for every format.

    Attributes:
        sections: the tables that a person reads.
        legend: what the names in them mean.
        columns, rows: of CSV, a row a number.
        content: of JSON, everything under the command's own key.
        more: the tables of Markdown, where they hold more than the terminal's.
    """

    sections: tuple[Section, ...]
    legend: Mapping[str, str]
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    content: Mapping[str, Any]
    more: tuple[Section, ...] = ()


def text(written: Written, format: Format) -> str:
    """What a command says, in one of the four formats."""
    if format == "csv":
        return as_csv(written.rows, written.columns)
    if format == "json":
        return as_json(written.content)
    if format == "markdown":
        return as_markdown(written.more or written.sections, written.legend)
    return as_table(written.sections, written.legend)


def as_table(sections: Sequence[Section], legend: Mapping[str, str]) -> str:
    """For a terminal of 100 columns; the legend says what names mean."""
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=WIDTH, highlight=False, soft_wrap=False)
    for section in sections:
        console.print(Text(brief(section.title, LONGEST_LINE), style="bold"))
        if section.rows:
            console.print(_grid(section))
        for remark in section.remarks:
            console.print(Text(f"! {brief(remark, LONGEST_LINE)}"))
        console.print()
    width = max((len(brief(name)) for name in legend), default=0)
    for name, meaning in legend.items():
        told = brief(meaning, LONGEST_LINE)
        console.print(Text(f"{brief(name):<{width}}  {told}"))
    return out.getvalue()


def as_markdown(sections: Sequence[Section], legend: Mapping[str, str]) -> str:
    """A heading and a table a section; names and their meaning in a list below."""
    parts = []
    for section in sections:
        lines = [f"### {markdown_text(section.title)}", ""]
        if section.rows:
            lines.append(_markdown_row(column.name for column in section.columns))
            rules = ("---:" if column.numbers else "---" for column in section.columns)
            lines.append(f"| {' | '.join(rules)} |")
            lines += [_markdown_row(row) for row in section.rows]
        lines += [f"\n{markdown_paragraph(remark)}." for remark in section.remarks]
        parts.append("\n".join(lines) + "\n")
    meanings = [
        f"- {markdown_text(name)}: {markdown_text(meaning)}\n"
        for name, meaning in legend.items()
    ]
    return "\n".join([*parts, "".join(meanings)])


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """One line a row; numbers with full precision, empty where they are not defined."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(row[name]) for name in columns] for row in rows)
    return out.getvalue()


def as_json(content: Mapping[str, Any]) -> str:
    """With the schema's version; numbers that are not defined are null."""
    versioned = finite({"schema_version": SCHEMA_VERSION, **content})
    return json_text(versioned)


def _grid(section: Section) -> Any:
    """Where rows share their first cell, it stands over them instead of in a column."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grouped = len({row[0] for row in section.rows}) < len(section.rows)
    columns = section.columns[1:] if grouped else section.columns
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        if column.numbers:
            table.add_column(column.name, justify="right", no_wrap=True)
        else:
            table.add_column(column.name, overflow="fold")
    if not grouped:
        for row in section.rows:
            table.add_row(*(Text(brief(cell)) for cell in row))
        return table
    before = ""
    for first, second, *others in section.rows:
        if first != before:
            table.add_section()
            table.add_row(Text(brief(first, LONGEST_NAME), style="bold"))
        indent = "  " if first else ""
        cells = (indent + brief(second, LONGEST_NAME), *map(brief, others))
        table.add_row(*map(Text, cells))
        before = first
    return table


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(markdown_text, cells))} |"


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return csv_text(value)
    return csv_number(value) if isinstance(value, float) else value
