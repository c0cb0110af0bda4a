"""The leaderboard's page: a sortable table a board, and a matrix of differences."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath

from lm_eval_faith_stats import Estimate

from lm_eval_faith.report.card import Card
from lm_eval_faith.report.cells import interval, number, p_value
from lm_eval_faith.report.html.document import render
from lm_eval_faith.report.leaderboard import (
    CARD_MEANING,
    RANK_MEANING,
    Board,
    Entry,
    Pair,
    RunKey,
    remarks,
)
from lm_eval_faith.shown import brief

LONGEST_NAME = 120
"""Characters of a model's name on the page; the files beside it have it whole."""

_WHOLE_SCALES = {"share": (0.0, 1.0), "auc": (0.0, 1.0), "correlation": (-1.0, 1.0)}
"""Where a unit's values can lie: the scale of its bars."""

LEAST_SCALE = 0.01
"""Of other bars: what is written as 0.000 fills none of them."""


@dataclass(frozen=True)
class Scale:
    """What the left and the right end of a column's bars mean."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """From 0 to 100; NaN where there is no value."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True)
class Bar:
    """An interval as drawn in a row: places from 0 to 100."""

    low: float
    high: float
    point: float
    zero: float


@dataclass(frozen=True)
class Cell:
    """A number in a row: what is written, what it is sorted by, what is drawn."""

    text: str
    interval: str
    value: str
    bar: Bar | None


@dataclass(frozen=True)
class ColumnView:
    """A column's heading, what it means, and the ends of its scale."""

    name: str
    meaning: str
    low: str
    high: str


@dataclass(frozen=True)
class RowView:
    """A model's row."""

    place: int
    ranks: str
    model: str
    whole: str
    href: str
    cells: tuple[Cell, ...]
    problems: int
    card: Card


@dataclass(frozen=True)
class Difference:
    """A cell of the matrix: row less column.

    ``kind`` is ``higher``, ``lower`` or ``alike``; ``none`` where there is nothing to
    compare and ``self`` on the diagonal.
    """

    kind: str
    text: str = ""
    p: str = ""
    told: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """A model's differences from all."""

    place: int
    model: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class BoardView:
    """All that the page shows of a board."""

    number: int
    board: Board
    by: str
    meaning: str
    columns: tuple[ColumnView, ...]
    rows: tuple[RowView, ...]
    matrix: tuple[MatrixRow, ...]
    paired: str
    unpaired: tuple[MatrixRow, ...]
    remarks: tuple[str, ...]
    facts: tuple[str, ...]


def leaderboard_page(
    boards: Sequence[Board],
    links: Mapping[RunKey, str] | None = None,
    downloads: Sequence[str] = (),
) -> str:
    """One HTML file with every board.

    Args:
        boards: in the order in which they can be chosen.
        links: from a model's run to the address of its report.
        downloads: names of files beside the page with the same numbers.
    """
    views = [_view(k, board, links or {}) for k, board in enumerate(boards, start=1)]
    return render(
        "leaderboard.html.j2",
        {
            "boards": views,
            "tasks": list(dict.fromkeys(board.task for board in boards)),
            "models": len({e.report.model for board in boards for e in board.entries}),
            "runs": len({e.run for board in boards for e in board.entries}),
            "rule": RANK_MEANING,
            "card_rule": CARD_MEANING,
            "by_effect": all(board.by.metric.unit == "nats" for board in boards),
            "downloads": downloads,
        },
        styles=["leaderboard.css"],
        scripts=["leaderboard.js"],
    )


def _view(k: int, board: Board, links: Mapping[RunKey, str]) -> BoardView:
    names = [brief(name, LONGEST_NAME) for name in shown_names(board.entries)]
    notes = tuple(f": {note}" for e in board.entries for note in e.report.notes)
    said = remarks(board)
    scales = {name: _scale(board, name) for name in board.columns}
    places = {entry.model: place for place, entry in enumerate(board.entries)}
    return BoardView(
        number=k,
        board=board,
        by=board.by.column,
        meaning=board.meaning(board.by.column),
        columns=tuple(_column(board, f, scale) for f, scale in scales.items()),
        rows=tuple(_rows(board, names, scales, links)),
        matrix=tuple(_matrix(board.pairs, names, places)),
        paired=board.pairs[0].difference.problems if board.pairs else "",
        unpaired=tuple(_matrix(board.unpaired, names, places)),
        remarks=tuple(text for text in said if not text.endswith(notes)),
        facts=tuple(text for text in said if text.endswith(notes)),
    )


# --- names -------------------------------------------------------------------------


def last_name(model: str) -> str:
    """The last part of a folder's path; any other name as it is."""
    if not model.startswith(("/", "./", "../", "~/")):
        return model
    return PurePosixPath(model).name or model


def shown_names(entries: Sequence[Entry]) -> list[str]:
    """What the models are called: where two are called the same, with what tells them apart.

    That is the part of their runs' folders in which they differ, or the whole name where
    there is none.
    """
    names = [last_name(entry.report.model) for entry in entries]
    by_name: dict[str, list[int]] = defaultdict(list)
    for k, name in enumerate(names):
        by_name[name].append(k)
    for name, several in by_name.items():
        if len(several) == 1:
            continue
        folders = [entries[k].folder.parts for k in several]
        start = _alike(folders)
        end = _alike([folder[start:][::-1] for folder in folders])
        parts = ["/".join(f[start : len(f) - end]) for f in folders]
        apart = all(parts) and len(set(parts)) == len(parts)
        for k, part in zip(several, parts, strict=True):
            names[k] = f"{name} ({part})" if apart else entries[k].model
    return names


def _alike(paths: Sequence[Sequence[str]]) -> int:
    """How many parts all paths begin with."""
    columns = zip(*paths, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


# --- rows --------------------------------------------------------------------------


def _scale(board: Board, name: str) -> Scale:
    """The same for all rows; nats hold zero and every interval."""
    unit = board.unit(name)
    if unit in _WHOLE_SCALES:
        return Scale(*_WHOLE_SCALES[unit])
    found = [e.rows[name].estimate for e in board.entries if name in e.rows]
    ends = [x for e in found for x in (e.low, e.point, e.high) if math.isfinite(x)]
    low, high = min((*ends, 0.0)), max((*ends, 0.0))
    return Scale(low, max(high, low + LEAST_SCALE))


def _column(board: Board, name: str, scale: Scale) -> ColumnView:
    unit = board.unit(name)
    ends = (number(scale.low, unit), number(scale.high, unit))
    return ColumnView(name, board.meaning(name), *ends)


def _rows(
    board: Board,
    names: Sequence[str],
    scales: Mapping[str, Scale],
    links: Mapping[RunKey, str],
) -> Iterator[RowView]:
    for k, entry in enumerate(board.entries):
        yield RowView(
            place=k + 1,
            ranks=entry.ranks,
            model=names[k],
            whole=brief(_whole(entry)),
            href=links.get(entry.run, ""),
            cells=tuple(_cell(entry, name, scale) for name, scale in scales.items()),
            problems=entry.n_problems(board.by.column),
            card=entry.report.card,
        )


def _whole(entry: Entry) -> str:
    """A model's name as the board has it, and its path where that says more."""
    path = entry.report.model_path
    return entry.model if path in ("", entry.model) else f"{entry.model}: {path}"


def _cell(entry: Entry, name: str, scale: Scale) -> Cell:
    row = entry.rows.get(name)
    if row is None or math.isnan(row.estimate.point):
        return Cell("–", "", "", None)
    e = row.estimate
    drawn = interval(e, row.unit)
    return Cell(
        text=number(e.point, row.unit),
        interval="" if drawn == "–" else drawn,
        value=repr(e.point),
        bar=_bar(e, scale),
    )


def _bar(e: Estimate, scale: Scale) -> Bar:
    low, high = (e.point if math.isnan(x) else x for x in (e.low, e.high))
    return Bar(*map(scale.place, (low, high, e.point, 0.0)))


# --- differences -------------------------------------------------------------------


def _matrix(
    pairs: Sequence[Pair], names: Sequence[str], places: Mapping[str, int]
) -> Iterator[MatrixRow]:
    """A row and a column a model, in the order of the board; empty without pairs."""
    if not pairs:
        return
    cells = [[Difference("none")] * len(names) for _ in names]
    for k in range(len(names)):
        cells[k][k] = Difference("self")
    for pair in pairs:
        first, second = places[pair.difference.first], places[pair.difference.second]
        cells[first][second] = _difference(pair, 1, names[first], names[second])
        cells[second][first] = _difference(pair, -1, names[second], names[first])
    for k, name in enumerate(names):
        yield MatrixRow(k + 1, name, tuple(cells[k]))


def _difference(pair: Pair, sign: int, row: str, column: str) -> Difference:
    d = pair.difference
    e, unit = d.comparison.estimate, d.quantity.metric.unit
    point = sign * e.point
    kind = "alike"
    if pair.told_apart:
        kind = "higher" if point > 0 else "lower"
    ends = sorted((sign * e.low, sign * e.high))
    p = "no p-value" if math.isnan(d.p_adjusted) else f"p {p_value(d.p_adjusted)}"
    drawn = "no interval"
    if not math.isnan(e.low):
        drawn = f"[{number(ends[0], unit)}, {number(ends[1], unit)}]"
    said = "told apart" if pair.told_apart else "not told apart"
    return Difference(
        kind=kind,
        text=number(point, unit),
        p=p,
        told=f"{row} less {column}: {number(point, unit)} {drawn}, {p}, "
        f"{e.n_problems} problems, {said}",
    )
