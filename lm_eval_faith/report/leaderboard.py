"""Many models in one task: a row each, and ranges of ranks instead of ranks where they are alike.

Models are ordered by one quantity, the highest first. Where two models cannot be told apart
on the problems they share, after Holm's correction over all pairs, their order says
nothing: a model's rank lies between 1 and those told apart above it, and the number of
models less those told apart below it. See :func:`lm_eval_faith_stats.rank_ranges`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import lm_eval_faith_stats as stats
from lm_eval_faith_stats import BOOTSTRAP, Bootstrap, PairComparison, RankRange

from lm_eval_faith.errors import InputError
from lm_eval_faith.interventions import is_control
from lm_eval_faith.metrics import Quantity, median_beside, own_metrics, primary
from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.merged import Merge
from lm_eval_faith.records.run import Run
from lm_eval_faith.records.tables import tables_of
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.compare import Difference, compared, named_apart
from lm_eval_faith.report.measured import Measured, measured_of_task, quantities_of
from lm_eval_faith.report.report import (
    NOTHING_ASKED,
    Asked,
    Row,
    TaskReport,
    report_of_task,
)
from lm_eval_faith.report.write import Column, Section, Written
from lm_eval_faith.shown import brief

FIRST_INTERVENTION = "corrupt"
"""The board that stands first."""

BESIDE = (
    "auc",
    "load_bearing_rate",
    "position_corr",
    "follow",
    "clean_acc",
    "solved",
)
"""Metrics of a row, where a task has them, beside the ordering quantity, the same
without the steps that state the answer, and the medians of both where they are mean effects;
modified like the ordering quantity."""

RANK_MEANING = (
    "1 + the models told apart above to all less those told apart below, after Holm's "
    "correction over all pairs"
)


CARD = "card"
CARD_MEANING = (
    "the worst word of the card's six lines: what could explain the effects away; the lines "
    "are in the page and the JSON"
)
RunKey = tuple[Path, str]


@dataclass(frozen=True)
class Entry:
    """One model's row.

    Attributes:
        model: its name, with its folder where several runs have the same.
        report: all its numbers in the task.
        rows: by name without the intervention: those of the board's intervention, and of
            chains.
        rank: where it may stand; None where the ordering quantity is not defined, or the
            model gets no problem right.
    """

    model: str
    report: TaskReport
    rows: Mapping[str, Row]
    rank: RankRange | None = None

    @property
    def folder(self) -> Path:
        """Where its samples lie."""
        return self.report.task.path.parent

    @property
    def run(self) -> RunKey:
        """The same in every board that the run is in, and no other run's."""
        return self.folder, self.report.model

    @property
    def ranks(self) -> str:
        """The range in words: ``2``, ``1-3``, or a dash."""
        if self.rank is None:
            return "–"
        best, worst = self.rank.best, self.rank.worst
        return str(best) if best == worst else f"{best}-{worst}"

    def point(self, name: str) -> float:
        """The number of that name; NaN where there is none."""
        row = self.rows.get(name)
        return row.estimate.point if row else math.nan

    def ranked(self, name: str) -> bool:
        """Whether it has a number of that name, and one that says something: what depends
        on the chain in a model that gets no problem right is no answer."""
        right = "solved" if "solved" in self.rows else "clean_acc"
        return not math.isnan(self.point(name)) and self.point(right) != 0

    def n_problems(self, name: str) -> int:
        """How many problems it rests on."""
        row = self.rows.get(name)
        return row.estimate.n_problems if row else 0


@dataclass(frozen=True)
class Pair:
    """A model and one further down: the difference, and whether it tells them apart.

    Attributes:
        difference: the higher model less the lower.
        told_apart: its adjusted p-value is under 1 - confidence_level.
    """

    difference: Difference
    told_apart: bool


@dataclass(frozen=True)
class Board:
    """The models of one task under one intervention.

    Attributes:
        task, version, setting: the task's.
        intervention: whose numbers are shown.
        by: the quantity that orders the models.
        confidence_level: confidence of the intervals; pairs are tested at 1 - confidence_level.
        entries: one a model, the highest first; models without the quantity last.
        pairs: all pairs of models that can be compared, paired where they share problems.
        unpaired: written chains also compared each on its own solved problems.
        warnings: what a reader must know, in sentences.
    """

    task: str
    version: str
    setting: str
    intervention: str
    by: Quantity
    confidence_level: float
    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...]
    unpaired: tuple[Pair, ...]
    warnings: tuple[str, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of a row's numbers, the ordering one first."""
        first = self.by.column
        modified = first.removeprefix(self.by.metric.name)
        names = [*BESIDE, *sorted(own_metrics())]
        there = {name for entry in self.entries for name in entry.rows}
        if self.setting == "generated":  # only chains that it solved are read again
            there -= {"clean_acc"}
        wanted = [first, f"{first}_no_answer_steps"]
        wanted += [median_beside(name) for name in wanted]
        wanted += [
            f"{name}{modified}" if f"{name}{modified}" in there else name
            for name in names
        ]
        return (first, *dict.fromkeys(n for n in wanted[1:] if n in there - {first}))

    def meaning(self, name: str) -> str:
        """A number in words, with its unit."""
        for entry in self.entries:
            if row := entry.rows.get(name):
                return f"{row.meaning} ({row.unit})"
        return name

    def unit(self, name: str) -> str:
        """The unit of a number."""
        rows = (entry.rows.get(name) for entry in self.entries)
        return next((row.unit for row in rows if row), "")


def leaderboards(
    paths: Sequence[str | Path],
    by: str | None = None,
    intervention: str | None = None,
    bootstrap: Bootstrap = BOOTSTRAP,
    asked: Asked = NOTHING_ASKED,
    workers: int = 1,
    merge: Merge = "no",
) -> tuple[Board, ...]:
    """A board for each task and intervention of the runs, ``corrupt`` first in each task.

    Args:
        paths: run directories, each of which may hold several models.
        by: the name, without the intervention, of the quantity that orders the models. None
            takes the primary one.
        intervention: only this one.

    Raises:
        InputError: no such quantity or intervention, runs of one task that differ in
            version, parameters, prompt or few-shot examples, no problem in common, or a broken
            file.
    """
    make = partial(_read, bootstrap=bootstrap, asked=asked)
    by_task: dict[str, list[Read]] = defaultdict(list)
    for of_run in of_runs(paths, make, workers, merge):
        for read in of_run:
            by_task[read.measured.task.task].append(read)
    boards = [
        board
        for _, several in sorted(by_task.items())
        for board in _boards_of_task(several, by, bootstrap)
    ]
    if by is not None and not boards:
        known = dict.fromkeys(
            row.metric
            for several in by_task.values()
            for read in several
            for row in read.report.rows
        )
        raise InputError(
            f"models cannot be ordered by {brief(repr(by))}: choose from {_few(known)}"
        )
    if intervention is not None:
        boards = _only(boards, intervention)
    if not boards:
        raise InputError("no task of these runs has an intervention with an effect")
    return tuple(boards)


@dataclass(frozen=True)
class Read:
    """What one run says of one task: its report, and what pairs are made of."""

    report: TaskReport
    measured: Measured


def _read(run: Run, bootstrap: Bootstrap, asked: Asked) -> list[Read]:
    found = []
    for task in run.tasks:
        tables = tables_of([(run.model, task)])
        report = report_of_task(run, task, bootstrap, asked, tables=tables)
        found.append(Read(report, measured_of_task(run, task, asked, tables)))
    return found


def _only(boards: Sequence[Board], intervention: str) -> list[Board]:
    found = [board for board in boards if board.intervention == intervention]
    if not found:
        names = dict.fromkeys(board.intervention for board in boards)
        raise InputError(
            f"no intervention {brief(repr(intervention))} in these runs: "
            f"choose from {_few(names)}"
        )
    return found


# --- one task ----------------------------------------------------------------------


def _boards_of_task(
    several: Sequence[Read], by: str | None, bootstrap: Bootstrap
) -> list[Board]:
    models = named_apart([read.measured for read in several])
    every = quantities_of(models)
    made = []
    for intervention in _interventions(every):
        quantity = _ordering(every, models, intervention, by)
        if quantity is None:
            continue
        entries = [
            Entry(
                model.model,
                read.report,
                {
                    row.metric: row
                    for row in read.report.rows
                    if row.intervention in ("", intervention)
                },
            )
            for model, read in zip(models, several, strict=True)
        ]
        differences: tuple[Difference, ...] = ()
        warnings: tuple[str, ...] = ()
        if len(models) > 1:
            task = compared(models, bootstrap, only=(quantity,))
            differences, warnings = task.differences, task.warnings
        level = bootstrap.confidence_level
        board = board_of(intervention, quantity, entries, differences, level)
        made.append(replace(board, warnings=(*warnings, *board.warnings)))
    return made


def _interventions(every: Sequence[Quantity]) -> list[str]:
    """Those with an effect of their own, ``corrupt`` first, then as they were run."""
    names = dict.fromkeys(q.intervention for q in every)
    ours = [name for name in names if name and not is_control(name)]
    return sorted(ours, key=lambda name: name != FIRST_INTERVENTION)


def _ordering(
    every: Sequence[Quantity],
    models: Sequence[Measured],
    intervention: str,
    by: str | None,
) -> Quantity | None:
    """The quantity that orders the models of a board."""
    if by is None:
        of_one = [q for q in every if q.intervention == intervention]
        has: frozenset[str] = frozenset().union(*(m.has for m in models))
        return next(iter(primary(of_one, has)), None)
    named = {q.column: q for q in every if q.intervention in ("", intervention)}
    return named.get(by)


def board_of(
    intervention: str,
    by: Quantity,
    entries: Sequence[Entry],
    differences: Sequence[Difference],
    confidence_level: float,
) -> Board:
    """Order the models of one task, and say between which ranks each stands.

    Args:
        intervention, by: whose numbers, and which of them orders the models.
        entries: one a model, in any order.
        differences: of that quantity, in any order and either direction.
        confidence_level: pairs are told apart at 1 - confidence_level.
    """
    ordered = sorted(
        entries,
        key=lambda e: (
            not e.ranked(by.column),
            *_down(e.point(by.column)),
            e.model,
            str(e.folder),
        ),
    )
    place = {entry.model: k for k, entry in enumerate(ordered)}
    found = [
        Pair(_turned(d, place), d.p_adjusted < 1 - confidence_level)
        for d in differences
    ]
    found.sort(key=lambda pair: _places(pair, place))
    pairs = [p for p in found if p.difference.comparison.paired]
    task = ordered[0].report.task
    return Board(
        task=task.task,
        version=task.version,
        setting=task.setting,
        intervention=intervention,
        by=by,
        confidence_level=confidence_level,
        entries=_with_ranks(ordered, by.column, pairs, confidence_level),
        pairs=tuple(pairs),
        unpaired=tuple(p for p in found if not p.difference.comparison.paired),
        warnings=(
            *_unordered(ordered, by.column),
            *_against_the_order(pairs),
            *_too_few_resamples(pairs, confidence_level),
        ),
    )


def _down(point: float) -> tuple[bool, float]:
    """Sorts from high to low, what is not defined last."""
    return (True, 0.0) if math.isnan(point) else (False, -point)


def _places(pair: Pair, place: Mapping[str, int]) -> tuple[int, int]:
    return place[pair.difference.first], place[pair.difference.second]


def _turned(d: Difference, place: Mapping[str, int]) -> Difference:
    """The same difference, as the higher model less the lower."""
    if place[d.first] < place[d.second]:
        return d
    e = d.comparison.estimate
    estimate = replace(e, point=-e.point, low=-e.high, high=-e.low)
    return replace(
        d,
        first=d.second,
        second=d.first,
        comparison=replace(d.comparison, estimate=estimate),
    )


def _with_ranks(
    ordered: Sequence[Entry], by: str, pairs: Sequence[Pair], confidence_level: float
) -> tuple[Entry, ...]:
    """The entries with their ranges of ranks, among the models that can be ranked."""
    ranked = [e for e in ordered if e.ranked(by)]
    number_of = {entry.model: k for k, entry in enumerate(ranked)}
    tests = [
        PairComparison(
            number_of[d.first],
            number_of[d.second],
            d.comparison,
            d.p_adjusted,
            d.p_adjusted,
        )
        for d in (pair.difference for pair in pairs)
        if d.first in number_of and d.second in number_of
    ]
    ranges = stats.rank_ranges(len(ranked), tests, confidence_level)
    return tuple(
        replace(entry, rank=ranges[number_of[entry.model]])
        if entry.model in number_of
        else entry
        for entry in ordered
    )


# --- sentences ---------------------------------------------------------------------


def _unordered(ordered: Sequence[Entry], by: str) -> list[str]:
    unknown = [e.model for e in ordered if math.isnan(e.point(by))]
    told = [f"{by} is not defined for {_few(unknown)}: no rank"] if unknown else []
    others = [e.model for e in ordered if not e.ranked(by) and e.model not in unknown]
    if others:
        gets = "gets" if len(others) == 1 else "get"
        told.append(f"{_few(others)} {gets} no problem right: no rank")
    return told


def _against_the_order(pairs: Sequence[Pair]) -> list[str]:
    """Possible where the models were not measured on the same problems."""
    return [
        f"{p.difference.first} stands above {p.difference.second}, but is lower "
        f"{p.difference.problems.removeprefix('paired, ')}: their ranges of ranks say so"
        for p in pairs
        if p.told_apart and p.difference.comparison.estimate.point < 0
    ]


def _too_few_resamples(pairs: Sequence[Pair], confidence_level: float) -> list[str]:
    """The least p-value of R resamples is 1 / (R + 1), and Holm multiplies it."""
    drawn = [p.difference.comparison.estimate.n_resamples for p in pairs]
    least = min((n for n in drawn if n), default=0)
    if not least or len(pairs) / (least + 1) < 1 - confidence_level:
        return []
    needed = math.ceil(len(pairs) / (1 - confidence_level))
    told = f"{least} resamples cannot tell any of {len(pairs)} pairs apart after Holm's"
    return [f"{told} correction: give --n-resamples of more than {needed}"]


def remarks(board: Board) -> tuple[str, ...]:
    """The board's warnings, and those of its models' reports, each said once."""
    said: dict[str, list[str]] = {}
    for entry in board.entries:
        for warning in entry.report.warnings:
            said.setdefault(warning, []).append(entry.model)
    return (
        *board.warnings,
        *(f"{_few(models, 3)}: {warning}" for warning, models in said.items()),
    )


def _few(names: Sequence[str] | Mapping[str, object], most: int = 20) -> str:
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(map(brief, listed[:most])) + more


# --- as text -----------------------------------------------------------------------

CSV_COLUMNS = (
    "task",
    "task_version",
    "setting",
    "intervention",
    "by",
    "place",
    "rank_best",
    "rank_worst",
    "model",
    "n_documents",
    "metric",
    "unit",
    "point",
    "low",
    "high",
    "confidence_level",
    "n_problems",
    "card",
    "warnings",
)


def written(boards: Sequence[Board]) -> Written:
    """In the terminal the first board of each task; one line of CSV a model and number."""
    first = {board.task: board for board in reversed(boards)}
    shown = [board for board in boards if board is first[board.task]]
    legend = {"rank": RANK_MEANING, CARD: CARD_MEANING}
    for board in shown:
        legend |= {name: board.meaning(name) for name in board.columns}
    return Written(
        sections=tuple(map(_section, shown)),
        more=tuple(map(_section, boards)),
        legend=legend,
        columns=CSV_COLUMNS,
        rows=[
            row
            for board in boards
            for place, entry in enumerate(board.entries, start=1)
            for row in _csv_rows(board, place, entry)
        ],
        content={"leaderboards": [_board_to_dict(board) for board in boards]},
    )


def title(board: Board) -> str:
    """Task, intervention and ordering quantity."""
    return (
        f"{board.task} (version {board.version}), {board.intervention}: "
        f"by {board.by.column}"
    )


def _section(board: Board) -> Section:
    first, *others = board.columns
    columns = (
        Column("rank"),
        Column("model"),
        Column(first, numbers=True),
        Column(f"{100 * board.confidence_level:g}% interval", numbers=True),
        *(Column(name, numbers=True) for name in others),
        Column("problems", numbers=True),
        Column(CARD),
    )
    rows = tuple(
        (
            entry.ranks,
            entry.model,
            *_estimate(entry, first),
            *(_estimate(entry, name)[0] for name in others),
            str(entry.n_problems(first)),
            entry.report.card.word,
        )
        for entry in board.entries
    )
    return Section(title(board), columns, rows, remarks(board))


def _estimate(entry: Entry, name: str) -> tuple[str, str]:
    row = entry.rows.get(name)
    if row is None:
        return "–", "–"
    return number(row.estimate.point, row.unit), interval(row.estimate, row.unit)


def _csv_rows(board: Board, place: int, entry: Entry) -> list[dict[str, Any]]:
    same: dict[str, Any] = {
        "task": board.task,
        "task_version": board.version,
        "setting": board.setting,
        "intervention": board.intervention,
        "by": board.by.column,
        "place": place,
        "rank_best": entry.rank.best if entry.rank else "",
        "rank_worst": entry.rank.worst if entry.rank else "",
        "model": entry.model,
        "n_documents": entry.report.task.n_documents,
        "confidence_level": board.confidence_level,
        "card": entry.report.card.word,
        "warnings": "; ".join((*board.warnings, *entry.report.warnings)),
    }
    return [
        same
        | {
            "metric": name,
            "unit": row.unit,
            "point": row.estimate.point,
            "low": row.estimate.low,
            "high": row.estimate.high,
            "n_problems": row.estimate.n_problems,
        }
        for name in board.columns
        if (row := entry.rows.get(name))
    ]


def _board_to_dict(board: Board) -> dict[str, Any]:
    return {
        "task": board.task,
        "task_version": board.version,
        "setting": board.setting,
        "intervention": board.intervention,
        "by": board.by.column,
        "confidence_level": board.confidence_level,
        "adjustment": "holm",
        "columns": list(board.columns),
        "models": [
            {
                "model": entry.model,
                "model_path": entry.report.model_path,
                "place": place,
                "rank": asdict(entry.rank) if entry.rank else None,
                "n_documents": entry.report.task.n_documents,
                "card": entry.report.card.to_dict(),
                "estimates": [
                    {
                        "intervention": row.intervention,
                        "metric": row.metric,
                        "meaning": row.meaning,
                        "unit": row.unit,
                        **asdict(row.estimate),
                    }
                    for name in board.columns
                    if (row := entry.rows.get(name))
                ],
                "warnings": list(entry.report.warnings),
            }
            for place, entry in enumerate(board.entries, start=1)
        ],
        "pairs": [_pair_to_dict(pair) for pair in board.pairs],
        "unpaired": [_pair_to_dict(pair) for pair in board.unpaired],
        "warnings": list(board.warnings),
    }


def _pair_to_dict(pair: Pair) -> dict[str, Any]:
    return pair.difference.to_dict() | {"told_apart": pair.told_apart}
