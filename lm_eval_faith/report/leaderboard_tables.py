"""Leaderboards as text: a table a board, CSV and JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lm_eval_faith.report import sections
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.compare_tables import flat
from lm_eval_faith.report.leaderboard import (
    COLUMNS,
    Board,
    Entry,
    Pair,
    heading,
)
from lm_eval_faith.report.sections import Column, Section

TIER = "tier"
TIER_MEANING = (
    "no two models of one tier are told apart after Holm's correction; models of "
    "neighbouring tiers may not be either"
)

CSV_FIGURES = tuple(dict.fromkeys((*COLUMNS, "raw")))
CSV_COLUMNS = (
    "task",
    "task_version",
    "setting",
    "intervention",
    "by",
    "place",
    "tier",
    "model",
    "n_documents",
    "by_point",
    "by_low",
    "by_high",
    "by_n_problems",
    "confidence_level",
    *(f"{name}{part}" for name in CSV_FIGURES for part in ("", "_low", "_high")),
    "warnings",
)


def as_table(boards: Sequence[Board]) -> str:
    """For the terminal: the first board of each task."""
    first = {board.task: board for board in reversed(boards)}
    shown = [board for board in boards if board is first[board.task]]
    return sections.as_table([_section(board) for board in shown], _legend(shown))


def as_csv(boards: Sequence[Board]) -> str:
    """One line a model and board."""
    rows = [
        _csv_row(board, place, entry)
        for board in boards
        for place, entry in enumerate(board.entries, start=1)
    ]
    return sections.as_csv(rows, CSV_COLUMNS)


def as_json(boards: Sequence[Board]) -> str:
    """Everything, under ``leaderboards``."""
    return sections.as_json({"leaderboards": [_board_to_dict(b) for b in boards]})


def remarks(board: Board) -> tuple[str, ...]:
    """The board's warnings, and those of its models' reports, each said once."""
    said: dict[str, list[str]] = {}
    for entry in board.entries:
        for warning in entry.report.warnings:
            said.setdefault(warning, []).append(entry.model)
    return (
        *board.warnings,
        *(f"{_few(models)}: {warning}" for warning, models in said.items()),
    )


def _legend(boards: Sequence[Board]) -> dict[str, str]:
    """What each column means; with the setting where the same name means other things."""
    legend = {TIER: TIER_MEANING}
    for board in boards:
        for figure in board.columns:
            name, meaning = heading(figure), board.meaning(figure)
            if legend.setdefault(name, meaning) != meaning:
                legend[f"{name} ({board.setting})"] = meaning
    return legend


def _few(models: Sequence[str]) -> str:
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    return ", ".join(models[:3]) + more


def title(board: Board) -> str:
    """Task, intervention and ordering figure."""
    return (
        f"{board.task} (version {board.version}), {board.intervention}: "
        f"by {heading(board.by)}"
    )


def _section(board: Board) -> Section:
    columns = (
        Column(TIER),
        Column("model"),
        Column(heading(board.by), numbers=True),
        Column(f"{100 * board.confidence_level:g}% interval", numbers=True),
        *(Column(heading(name), numbers=True) for name in board.columns[1:]),
        Column("problems", numbers=True),
    )
    rows = tuple(
        (
            str(entry.tier or "–"),
            entry.model,
            *_estimate(entry, board.by),
            *(_point(entry, name) for name in board.columns[1:]),
            str(problems(entry, board.by)),
        )
        for entry in board.entries
    )
    return Section(title(board), columns, rows, remarks(board))


def problems(entry: Entry, by: str) -> int:
    """How many problems the ordering figure rests on."""
    row = entry.figures.get(by)
    return row.estimate.n_problems if row else 0


def _estimate(entry: Entry, figure: str) -> tuple[str, str]:
    row = entry.figures.get(figure)
    if row is None:
        return "–", "–"
    return number(row.estimate.point, row.unit), interval(row.estimate, row.unit)


def _point(entry: Entry, figure: str) -> str:
    return _estimate(entry, figure)[0]


def _csv_row(board: Board, place: int, entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "task": board.task,
        "task_version": board.version,
        "setting": board.setting,
        "intervention": board.intervention,
        "by": board.by,
        "place": place,
        "tier": entry.tier or "",
        "model": entry.model,
        "n_documents": entry.report.task.n_documents,
        "by_n_problems": problems(entry, board.by),
        "confidence_level": board.confidence_level,
        "warnings": "; ".join((*board.warnings, *entry.report.warnings)),
    }
    named = {"by_point": board.by} | {name: name for name in CSV_FIGURES}
    for column, figure in named.items():
        found = entry.figures.get(figure)
        stem = column.removesuffix("_point")
        e = found.estimate if found else None
        row[column] = e.point if e else math.nan
        row[f"{stem}_low"] = e.low if e else math.nan
        row[f"{stem}_high"] = e.high if e else math.nan
    return row


def _board_to_dict(board: Board) -> dict[str, Any]:
    return {
        "task": board.task,
        "task_version": board.version,
        "setting": board.setting,
        "intervention": board.intervention,
        "by": board.by,
        "confidence_level": board.confidence_level,
        "adjustment": "holm",
        "columns": list(board.columns),
        "models": [
            _entry_to_dict(board, place, entry)
            for place, entry in enumerate(board.entries, start=1)
        ],
        "pairs": [_pair_to_dict(pair) for pair in board.pairs],
        "unpaired": [_pair_to_dict(pair) for pair in board.unpaired],
        "warnings": list(board.warnings),
    }


def _entry_to_dict(board: Board, place: int, entry: Entry) -> dict[str, Any]:
    return {
        "model": entry.model,
        "place": place,
        "tier": entry.tier or None,
        "n_documents": entry.report.task.n_documents,
        "estimates": [
            {
                "intervention": row.intervention,
                "figure": row.figure,
                "meaning": row.meaning,
                "unit": row.unit,
                **asdict(row.estimate),
            }
            for name in board.columns
            if (row := entry.figures.get(name))
        ],
        "warnings": list(entry.report.warnings),
    }


def _pair_to_dict(pair: Pair) -> dict[str, Any]:
    return flat(pair.difference) | {"told_apart": pair.told_apart}
