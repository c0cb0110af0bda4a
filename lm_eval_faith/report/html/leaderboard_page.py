"""The leaderboard's page: a sortable table a board, and a matrix of differences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lm_eval_faith_stats import Estimate

from lm_eval_faith.report.cells import brief, interval, number
from lm_eval_faith.report.html.document import render
from lm_eval_faith.report.leaderboard import DEFAULT_BY, Board, Entry, Pair, heading
from lm_eval_faith.report.leaderboard_tables import TIER_MEANING, problems, remarks
from lm_eval_faith.report.problem_values import TEXTS

LONGEST_NAME = 120
"""Characters of a model's name on the page; the files beside it have it whole."""

_WHOLE_SCALES = {"share": (0.0, 1.0), "auc": (0.0, 1.0), "correlation": (-1.0, 1.0)}
"""Where a unit's values can lie: the scale of its bars."""


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
    """A figure in a row: what is written, what it is sorted by, what is drawn."""

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
    tier: int
    model: str
    href: str
    cells: tuple[Cell, ...]
    problems: int


@dataclass(frozen=True)
class TierView:
    """The rows of a tier, and what is said of them."""

    number: int
    told: str
    rows: tuple[RowView, ...]


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
    tiers: tuple[TierView, ...]
    matrix: tuple[MatrixRow, ...]
    paired: str
    unpaired: tuple[MatrixRow, ...]
    remarks: tuple[str, ...]


def leaderboard_page(
    boards: Sequence[Board],
    links: Mapping[Path, str] | None = None,
    downloads: Sequence[str] = (),
) -> str:
    """One HTML file with every board.

    Args:
        boards: in the order in which they can be chosen.
        links: from a model's run folder to the address of its report.
        downloads: names of files beside the page with the same numbers.
    """
    views = [_view(k, board, links or {}) for k, board in enumerate(boards, start=1)]
    return render(
        "leaderboard.html.j2",
        {
            "boards": views,
            "tasks": list(dict.fromkeys(board.task for board in boards)),
            "models": len({e.model for board in boards for e in board.entries}),
            "rule": TIER_MEANING,
            "by_effect": all(board.by in DEFAULT_BY for board in boards),
            "downloads": downloads,
        },
        styles=["leaderboard.css"],
        scripts=["leaderboard.js"],
    )


def _view(k: int, board: Board, links: Mapping[Path, str]) -> BoardView:
    names = [brief(entry.model, LONGEST_NAME) for entry in board.entries]
    scales = {figure: _scale(board, figure) for figure in board.columns}
    places = {entry.model: place for place, entry in enumerate(board.entries)}
    return BoardView(
        number=k,
        board=board,
        by=heading(board.by),
        meaning=board.meaning(board.by),
        columns=tuple(_column(board, f, scale) for f, scale in scales.items()),
        tiers=tuple(_tiers(board, names, scales, links)),
        matrix=tuple(_matrix(board.pairs, names, places)),
        paired=board.pairs[0].difference.problems if board.pairs else "",
        unpaired=tuple(_matrix(board.unpaired, names, places)),
        remarks=remarks(board),
    )


# --- rows --------------------------------------------------------------------------


def _unit(board: Board, figure: str) -> str:
    rows = (entry.figures.get(figure) for entry in board.entries)
    return next(row.unit for row in rows if row)


def _scale(board: Board, figure: str) -> Scale:
    """The same for all rows; nats hold zero and every interval."""
    unit = _unit(board, figure)
    if unit in _WHOLE_SCALES:
        return Scale(*_WHOLE_SCALES[unit])
    found = [e.figures[figure].estimate for e in board.entries if figure in e.figures]
    ends = [x for e in found for x in (e.low, e.point, e.high) if math.isfinite(x)]
    low, high = min((*ends, 0.0)), max((*ends, 0.0))
    return Scale(low, high if high > low else low + 1)


def _column(board: Board, figure: str, scale: Scale) -> ColumnView:
    unit = _unit(board, figure)
    ends = (number(scale.low, unit), number(scale.high, unit))
    return ColumnView(heading(figure), board.meaning(figure), *ends)


def _tiers(
    board: Board,
    names: Sequence[str],
    scales: Mapping[str, Scale],
    links: Mapping[Path, str],
) -> Iterator[TierView]:
    rows = [
        RowView(
            place=k + 1,
            tier=entry.tier,
            model=names[k],
            href=links.get(entry.folder, ""),
            cells=tuple(_cell(entry, f, scale) for f, scale in scales.items()),
            problems=problems(entry, board.by),
        )
        for k, entry in enumerate(board.entries)
    ]
    for tier in dict.fromkeys(row.tier for row in rows):
        of_tier = tuple(row for row in rows if row.tier == tier)
        yield TierView(tier, _told(tier, len(of_tier)), of_tier)


def _told(tier: int, n: int) -> str:
    if not tier:
        return "In no tier: the figure is not defined"
    if n == 1:
        return f"Tier {tier}: one model"
    return f"Tier {tier}: {n} models, no two of them told apart"


def _cell(entry: Entry, figure: str, scale: Scale) -> Cell:
    row = entry.figures.get(figure)
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
    e, unit = d.comparison.estimate, TEXTS[d.figure.name].unit
    point = sign * e.point
    kind = "alike"
    if pair.told_apart:
        kind = "higher" if point > 0 else "lower"
    ends = sorted((sign * e.low, sign * e.high))
    p = "no p-value" if math.isnan(d.p_adjusted) else f"p {_p(d.p_adjusted)}"
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


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.4f}"
