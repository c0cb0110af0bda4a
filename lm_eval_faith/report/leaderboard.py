"""Many models in one task: a row each, and tiers instead of ranks where they are alike.

Models are ordered by one figure, the highest first. Where two models cannot be told apart
on the problems they share, after Holm's correction over all pairs, their order says
nothing: such models stand in one tier. See :func:`lm_eval_faith_stats.tiers` for the rule
and its limit.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import lm_eval_faith_stats as stats
from lm_eval_faith_stats import BOOTSTRAP, Bootstrap, Comparison, PairComparison

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.outcome import CONTROL
from lm_eval_faith.records.run import Run
from lm_eval_faith.report.cells import brief
from lm_eval_faith.report.compare import Difference, compared, named_apart
from lm_eval_faith.report.estimates import Row, TaskReport
from lm_eval_faith.report.make import DEFAULT, Choices, reports_of_run
from lm_eval_faith.report.problem_values import TEXTS, Figure, TaskValues, values_of_run

FIRST_INTERVENTION = "corrupt"
"""The board that stands first."""

DEFAULT_BY = ("effect", "raw")
"""Models are ordered by the first of these that there is."""

COLUMNS = (
    "effect",
    "auc",
    "share",
    "position_corr",
    "follow",
    "clean_acc",
    "solved",
)
"""The figures of a row, where a task has them."""

GRADIENT = "gradient"
HEADINGS = {"position_corr": GRADIENT}
"""What a column is called where it is not called as its figure."""


@dataclass(frozen=True)
class Entry:
    """One model's row.

    Attributes:
        model: its name, with its folder where several runs have the same.
        report: all its figures in the task.
        tier: from 1; 0 where the figure that orders the models is not defined.
        figures: by name: those of the board's intervention, and of the clean chain.
    """

    model: str
    report: TaskReport
    tier: int
    figures: Mapping[str, Row]

    @property
    def folder(self) -> Path:
        """Where its samples lie."""
        return self.report.task.path.parent


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
        intervention: whose figures are shown.
        by: the figure that orders the models.
        confidence_level: confidence of the intervals; pairs are tested at 1 - confidence_level.
        entries: one a model, the highest first; models without the figure last.
        pairs: all pairs of models that can be compared, paired where they share problems.
        unpaired: written chains also compared each on its own solved problems.
        warnings: what a reader must know, in sentences.
    """

    task: str
    version: str
    setting: str
    intervention: str
    by: str
    confidence_level: float
    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...]
    unpaired: tuple[Pair, ...]
    warnings: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the figures of a row, the ordering one first."""
        others = (name for name in COLUMNS if name != self.by)
        there = {name for entry in self.entries for name in entry.figures}
        return (self.by, *(name for name in others if name in there))

    def meaning(self, figure: str) -> str:
        """A figure in words, with its unit."""
        for entry in self.entries:
            if row := entry.figures.get(figure):
                return f"{row.meaning} ({row.unit})"
        return TEXTS[figure].meaning


def heading(figure: str) -> str:
    """What a figure's column is called."""
    return HEADINGS.get(figure, figure)


def leaderboards(
    paths: Sequence[str | Path],
    by: str | None = None,
    intervention: str | None = None,
    bootstrap: Bootstrap = BOOTSTRAP,
    choices: Choices = DEFAULT,
    workers: int = 1,
) -> tuple[Board, ...]:
    """A board for each task and intervention of the runs, ``corrupt`` first in each task.

    Args:
        paths: run directories, each of which may hold several models.
        by: the figure that orders the models: one that models are compared by. None
            takes the effect, raw where no control was run.
        intervention: only this one.

    Raises:
        InputError: no such figure or intervention, runs of one task that differ in
            version, parameters, prompt or few-shot examples, no problem in common, or a broken
            file.
    """
    if by is not None and by not in TEXTS:
        raise InputError(
            f"models cannot be ordered by {brief(repr(by))}: choose from {_few(TEXTS)}"
        )
    make = partial(_read, bootstrap=bootstrap, choices=choices)
    by_task: dict[str, list[Read]] = defaultdict(list)
    for of_run in of_runs(paths, make, workers):
        for read in of_run:
            by_task[read.values.task.task].append(read)
    wanted = (by,) if by else DEFAULT_BY
    boards = [
        board
        for _, several in sorted(by_task.items())
        for board in _boards_of_task(several, wanted, bootstrap)
    ]
    if intervention is not None:
        boards = _only(boards, intervention)
    if not boards:
        told = f"figure {by}" if by else "intervention with an effect"
        raise InputError(f"no task of these runs has the {told}: nothing to order by")
    return tuple(boards)


@dataclass(frozen=True)
class Read:
    """What one run says of one task: its figures, and its problems' values."""

    report: TaskReport
    values: TaskValues


def _read(run: Run, bootstrap: Bootstrap, choices: Choices) -> list[Read]:
    reports = reports_of_run(run, bootstrap, choices)
    return [
        Read(*both) for both in zip(reports, values_of_run(run, choices), strict=True)
    ]


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
    several: Sequence[Read], wanted: Sequence[str], bootstrap: Bootstrap
) -> list[Board]:
    models = named_apart([read.values for read in several])
    named = [
        (model.model, read.report) for model, read in zip(models, several, strict=True)
    ]
    differences: tuple[Difference, ...] = ()
    warnings: tuple[str, ...] = ()
    if len(models) > 1:
        task = compared([_only_figures(model, wanted) for model in models], bootstrap)
        differences, warnings = task.differences, task.warnings
    made = []
    for intervention in _interventions(several):
        figures = [_figures(report, intervention) for _, report in named]
        by = next((name for name in wanted if any(name in f for f in figures)), None)
        if by is not None:
            entries = [
                Entry(name, report, 0, of_model)
                for (name, report), of_model in zip(named, figures, strict=True)
            ]
            of_figure = [
                d
                for d in differences
                if d.figure in (Figure(intervention, by), Figure("", by))
            ]
            board = board_of(
                intervention, by, entries, of_figure, bootstrap.confidence_level
            )
            made.append(replace(board, warnings=(*warnings, *board.warnings)))
    return made


def _interventions(several: Sequence[Read]) -> list[str]:
    """Those with an effect of their own, ``corrupt`` first, then as they were run."""
    names = dict.fromkeys(
        row.intervention for read in several for row in read.report.rows
    )
    ours = [name for name in names if name not in ("", CONTROL)]
    return sorted(ours, key=lambda name: name != FIRST_INTERVENTION)


def _only_figures(model: TaskValues, names: Sequence[str]) -> TaskValues:
    """Only what the models are ordered by is compared."""
    return replace(
        model,
        values={f: value for f, value in model.values.items() if f.name in names},
        steps=model.steps if "auc" in names else {},
    )


def _figures(report: TaskReport, intervention: str) -> dict[str, Row]:
    return {
        row.figure: row for row in report.rows if row.intervention in ("", intervention)
    }


def board_of(
    intervention: str,
    by: str,
    entries: Sequence[Entry],
    differences: Sequence[Difference],
    confidence_level: float,
) -> Board:
    """Order the models of one task, and put them into tiers.

    Args:
        intervention, by: whose figures, and which of them orders the models.
        entries: one a model, in any order.
        differences: of that figure, in any order and either direction.
        confidence_level: pairs are told apart at 1 - confidence_level.
    """
    ordered = sorted(
        entries, key=lambda e: (*_down(_point(e, by)), e.model, str(e.folder))
    )
    place = {entry.model: k for k, entry in enumerate(ordered)}
    found = [
        Pair(_turned(d, place), d.p_adjusted < 1 - confidence_level)
        for d in differences
    ]
    found.sort(key=lambda pair: _places(pair, place))
    pairs = [p for p in found if p.difference.comparison.paired]
    unpaired = [p for p in found if not p.difference.comparison.paired]
    task = ordered[0].report.task
    return Board(
        task=task.task,
        version=task.version,
        setting=task.setting,
        intervention=intervention,
        by=by,
        confidence_level=confidence_level,
        entries=_in_tiers(ordered, by, pairs, confidence_level),
        pairs=tuple(pairs),
        unpaired=tuple(unpaired),
        warnings=(
            *_unordered(ordered, by),
            *_against_the_order(pairs),
            *_too_few_resamples(pairs, confidence_level),
        ),
    )


def _point(entry: Entry, figure: str) -> float:
    row = entry.figures.get(figure)
    return row.estimate.point if row else math.nan


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


def _in_tiers(
    ordered: Sequence[Entry], by: str, pairs: Sequence[Pair], confidence_level: float
) -> tuple[Entry, ...]:
    """The entries with their tiers; only differences along the order tell apart."""
    ranked = [e for e in ordered if not math.isnan(_point(e, by))]
    number = {entry.model: k for k, entry in enumerate(ranked)}
    nothing = PairComparison(0, 0, _NOT_COMPARED, math.nan, math.nan)
    known = {
        (i, j): replace(nothing, first=i, second=j)
        for i in range(len(ranked))
        for j in range(i + 1, len(ranked))
    }
    for pair in pairs:
        d = pair.difference
        if d.first in number and d.second in number and not _against(pair):
            key = number[d.first], number[d.second]
            known[key] = replace(known[key], p_holm=d.p_adjusted)
    descending = [-float(k) for k in range(len(ranked))]
    tiers = stats.tiers(descending, list(known.values()), confidence_level)
    tier_of = {k: t for t, tier in enumerate(tiers, start=1) for k in tier}
    return tuple(
        replace(entry, tier=tier_of[number[entry.model]])
        if entry.model in number
        else entry
        for entry in ordered
    )


_NOT_COMPARED = Comparison(
    stats.Estimate(math.nan, math.nan, math.nan, 0.95, "none", 0, 0), math.nan, True
)


def _against(pair: Pair) -> bool:
    """Told apart the other way round than the models are ordered."""
    return pair.told_apart and pair.difference.comparison.estimate.point < 0


# --- sentences ---------------------------------------------------------------------


def _unordered(ordered: Sequence[Entry], by: str) -> list[str]:
    names = [e.model for e in ordered if math.isnan(_point(e, by))]
    return [f"{by} is not defined for {_few(names)}: not in any tier"] if names else []


def _against_the_order(pairs: Sequence[Pair]) -> list[str]:
    """Possible where the models were not measured on the same problems."""
    return [
        f"{p.difference.first} stands above {p.difference.second}, but is lower "
        f"{p.difference.problems.removeprefix('paired, ')}: this pair opens no tier"
        for p in pairs
        if _against(p)
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


def _few(names: Sequence[str] | Mapping[str, object]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 20} more" if len(listed) > 20 else ""
    return ", ".join(map(brief, listed[:20])) + more
