"""The page of a report: estimates, figures, chains and method in one file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lm_eval_faith_stats import BOOTSTRAP, Bootstrap
from markupsafe import Markup

from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.run import Run
from lm_eval_faith.records.tables import tables_of
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.figures import Figure, Table, ThresholdCurves, figures_of
from lm_eval_faith.report.html import sentences as words
from lm_eval_faith.report.html import svg
from lm_eval_faith.report.html.chains import (
    LARGEST_PAGE,
    LEAST_OF_CHAINS,
    SCALE,
    BrowsedTask,
    Packed,
    browsed,
    packed,
)
from lm_eval_faith.report.html.document import render
from lm_eval_faith.report.html.method import Method, method_of, report_command
from lm_eval_faith.report.report import (
    NOTHING_ASKED,
    Asked,
    TaskReport,
    reports_of_run,
)


@dataclass(frozen=True)
class FigureView:
    """A figure as the template shows it: panels and samples of the legend as SVG."""

    title: str
    caption: str
    panels: tuple[Markup, ...]
    legend: tuple[tuple[str, Markup], ...]
    table: Table
    curves: ThresholdCurves | None


@dataclass(frozen=True)
class TaskPage:
    """What the page tells of one task of one run.

    Attributes:
        report: its estimates.
        figures: its charts.
        method: how it came about.
        chains: what it brings to the chain browser.
    """

    report: TaskReport
    figures: tuple[FigureView, ...]
    method: Method
    chains: BrowsedTask


@dataclass(frozen=True)
class ReportPage:
    """A page, and the reports that it shows: those of ``make_reports``, in its order."""

    html: str
    reports: tuple[TaskReport, ...]


def report_page(
    paths: Sequence[str | Path],
    bootstrap: Bootstrap = BOOTSTRAP,
    asked: Asked = NOTHING_ASKED,
    workers: int = 1,
) -> ReportPage:
    """One self-contained HTML file about every task of every run.

    Raises:
        InputError: a directory holds no run, or a file is broken.
    """
    make = partial(pages_of_run, bootstrap=bootstrap, asked=asked)
    runs = sorted(
        of_runs(paths, make, workers),
        key=lambda made: (made[0].report.model, str(made[0].report.task.path)),
    )
    pages = tuple(page for made in runs for page in made)
    return ReportPage(
        html=as_html(pages, bootstrap, asked),
        reports=tuple(page.report for page in pages),
    )


def pages_of_run(
    run: Run, bootstrap: Bootstrap, asked: Asked = NOTHING_ASKED
) -> list[TaskPage]:
    """What the page tells of each task of a run."""
    results = _results(run.path)
    return [
        TaskPage(
            report=report,
            figures=tuple(
                _view(figure)
                for figure in figures_of(
                    report, tables_of([(run.model, task)]), bootstrap
                )
            ),
            method=method_of(run, task, results),
            chains=browsed(report, task),
        )
        for report, task in zip(
            reports_of_run(run, bootstrap, asked), run.tasks, strict=True
        )
    ]


def _view(figure: Figure) -> FigureView:
    return FigureView(
        figure.title,
        figure.caption,
        tuple(map(svg.drawn, figure.panels)),
        tuple(
            (name, svg.key(k, line=not figure.filled))
            for k, name in enumerate(figure.legend)
        ),
        figure.table,
        figure.curves,
    )


def as_html(
    pages: Sequence[TaskPage],
    bootstrap: Bootstrap = BOOTSTRAP,
    asked: Asked = NOTHING_ASKED,
    leaderboard: str = "",
) -> str:
    """The HTML of what is told of one task or more.

    Args:
        leaderboard: the address of the leaderboard that the page belongs to, if any.
    """
    curves = [
        _curve_data(page.report.task.task, figure.curves)
        for page in pages
        for figure in page.figures
        if figure.curves is not None
    ]
    context = _context(pages, bootstrap, asked, leaderboard)
    around = len(_rendered(context, Packed({}, 0, 0), curves).encode())
    budget = max(LARGEST_PAGE - around, LEAST_OF_CHAINS)
    return _rendered(context, packed([page.chains for page in pages], budget), curves)


def _context(
    pages: Sequence[TaskPage],
    bootstrap: Bootstrap,
    asked: Asked,
    leaderboard: str = "",
) -> dict[str, Any]:
    """What the template names, but the chains."""
    return {
        "leaderboard": leaderboard,
        "pages": pages,
        "models": tuple(dict.fromkeys(page.report.model for page in pages)),
        "words": words,
        "told_interventions": _told_interventions(pages),
        "scale": colour_names(),
        "bootstrap": bootstrap,
        "command": report_command(
            bootstrap, asked.threshold, asked.exclude_answer_steps, asked.modules
        ),
    }


def _rendered(context: Mapping[str, Any], chains: Packed, curves: Sequence[Any]) -> str:
    return render(
        "report.html.j2",
        {**context, "packed": chains},
        data={**chains.data, "curves": curves},
        styles=("report.css",),
        scripts=("thresholds.js", "chains.js"),
    )


def colour_names() -> tuple[tuple[str, str], ...]:
    """The classes of the colour scale, lowest effects first, and what they stand for."""
    below = sum(edge < 0 for edge in SCALE)
    classes = [
        f"n{below - k}" if k < below else f"p{k - below}" for k in range(len(SCALE) + 1)
    ]
    middle = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(SCALE)]
    told = [f"under {SCALE[0]:g}", *middle, f"{SCALE[-1]:g} and over"]
    return tuple(zip(classes, (t.replace("-", "\u2212") for t in told), strict=True))


def _told_interventions(pages: Sequence[TaskPage]) -> tuple[tuple[str, str], ...]:
    """What each intervention does, where that is known."""
    names = dict.fromkeys(name for page in pages for name in page.chains.interventions)
    told = ((name, words.intervention_words(name)) for name in names)
    return tuple((name, says) for name, says in told if says)


def _curve_data(task: str, curves: ThresholdCurves) -> dict[str, Any]:
    """Shares as they are written everywhere, so that the script formats nothing."""
    return {
        "task": task,
        "thresholds": list(curves.thresholds),
        "threshold": curves.threshold,
        "shares": [
            [
                [number(e.point, "share"), interval(e, "share")]
                for e in (shares[k] for shares in curves.shares.values())
            ]
            for k in range(len(curves.thresholds))
        ],
    }


def _results(path: Path) -> dict[str, Any]:
    """The results file of a run that has been read before."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
