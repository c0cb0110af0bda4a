"""The one writer of tables: for the terminal, Markdown, CSV, and JSON with a version."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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

WIDTH = 80
"""Columns of a text that is not written on a terminal."""

GAP = 2
"""Columns between those of a table."""

LONGEST_WORD, SHORTEST_WORDS = 32, 19
"""Columns of a name that stands whole; and of names that are broken behind underscores,
where that lets the whole table stand."""

LONGEST_LINE = 2000
"""Characters of a title or a remark in the terminal; names in it are shorter."""

LONGEST_NAME = 60
"""Characters of a name in the terminal's tables."""

Format = Literal["table", "markdown", "csv", "json"]


@dataclass(frozen=True)
class Column:
    """A column's name, and whether it holds numbers."""

    name: str
    numbers: bool = False


@dataclass(frozen=True)
class Section:
    """One table: a title, the names of columns, rows of cells, and remarks below.

    ``head`` stands between the title and the table, where there is one.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()
    head: str = ""


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


def as_table(
    sections: Sequence[Section], legend: Mapping[str, str], width: int | None = None
) -> str:
    """For a terminal, as wide as it is, else of 80 columns; the legend says what names mean.

    A table that has more columns than fit goes on below, its first columns again.
    """
    from rich.console import Console
    from rich.text import Text

    width = width or shutil.get_terminal_size((WIDTH, 24)).columns
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False, soft_wrap=False)
    for section in sections:
        console.print(Text(brief(section.title, LONGEST_LINE), style="bold"))
        if section.head:
            console.print(Text(brief(section.head, LONGEST_LINE)))
        if section.rows:
            for part in _parts(section, width):
                console.print(_grid(part, width))
        for remark in section.remarks:
            console.print(_hanging("! ", brief(remark, LONGEST_LINE)))
        console.print()
    longest = min(max((len(brief(name)) for name in legend), default=0), LONGEST_WORD)
    for name, meaning in legend.items():
        told = brief(meaning, LONGEST_LINE)
        console.print(_hanging(f"{brief(name):<{longest}}  ", told))
    return "".join(f"{line.rstrip(' ')}\n" for line in out.getvalue().split("\n")[:-1])


def _hanging(start: str, text: str) -> Any:
    """A text that goes on below itself, not below its start."""
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=0)
    row.add_column(no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(Text(start), Text(text))
    return row


def as_markdown(sections: Sequence[Section], legend: Mapping[str, str]) -> str:
    """A heading and a table a section; names and their meaning in a list below."""
    parts = []
    for section in sections:
        lines = [f"### {markdown_text(section.title)}", ""]
        if section.head:
            lines += [f"{markdown_paragraph(section.head)}.", ""]
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


def _parts(section: Section, width: int) -> list[Section]:
    """The section's table in pieces that fit: the leading columns of words, then numbers."""
    grouped = _is_grouped(section)
    first = 1 if grouped else 0
    words = next(
        (k for k, c in enumerate(section.columns) if c.numbers), len(section.columns)
    )
    sizes = [
        max(map(len, [*_heading(section, k), *(brief(row[k]) for row in section.rows)]))
        for k in range(len(section.columns))
    ]
    longest = SHORTEST_WORDS if grouped else LONGEST_WORD
    room = width - 1 - sum(min(sizes[k], longest) + GAP for k in range(first, words))
    pieces: list[list[int]] = [[]]
    left = room
    for k in range(words, len(section.columns)):
        if sizes[k] + GAP > left and pieces[-1]:
            pieces.append([])
            left = room
        pieces[-1].append(k)
        left -= sizes[k] + GAP
    if len(pieces) == 1:
        return [section]
    return [
        replace(
            section,
            columns=tuple(section.columns[k] for k in (*range(words), *piece)),
            rows=tuple(
                tuple(row[k] for k in (*range(words), *piece)) for row in section.rows
            ),
        )
        for piece in pieces
    ]


def _is_grouped(section: Section) -> bool:
    return len({row[0] for row in section.rows}) < len(section.rows)


def _heading(section: Section, k: int) -> list[str]:
    """The lines of a column's name: over numbers it is hardly wider than they are."""
    name = section.columns[k].name
    if not section.columns[k].numbers:
        return [name]
    return _broken(name, max([8, *(len(brief(row[k])) for row in section.rows)]))


def _broken(name: str, width: int) -> list[str]:
    """Pieces of a name that are no longer than that, where its words allow it."""
    lines = [""]
    for word in re.split(r"(?<=[_ ])", name):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def _grid(section: Section, width: int) -> Any:
    """Where rows share their first cell, it stands over them instead of in a column."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grouped = _is_grouped(section)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for k, column in enumerate(section.columns):
        if k == 0 and grouped:
            continue
        if column.numbers:
            heading = "\n".join(_heading(section, k))
            table.add_column(heading, justify="right", no_wrap=True)
        else:
            table.add_column(column.name, overflow="fold")
    if not grouped:
        for row in section.rows:
            table.add_row(*(Text(brief(cell)) for cell in row))
        return table
    names = (
        width
        - 1
        - sum(
            max(
                map(
                    len,
                    [*_heading(section, k), *(brief(row[k]) for row in section.rows)],
                )
            )
            + GAP
            for k in range(2, len(section.columns))
        )
    )
    before = ""
    for first, second, *others in section.rows:
        if first != before:
            table.add_section()
            table.add_row(Text(brief(first, LONGEST_NAME), style="bold"))
        indent = "  " if first else ""
        lines = _broken(brief(second, LONGEST_NAME), max(names - GAP - 4, 12))
        shown = f"\n{indent}  ".join(lines)
        table.add_row(*map(Text, (indent + shown, *map(brief, others))))
        before = first
    return table


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(markdown_text, cells))} |"


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return csv_text(value)
    return csv_number(value) if isinstance(value, float) else value
