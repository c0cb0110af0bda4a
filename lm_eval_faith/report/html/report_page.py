"""The page of a report: estimates, figures, chains and method in one file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lm_eval_faith_stats import BOOTSTRAP, Bootstrap
from markupsafe import Markup

from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.run import Run
from lm_eval_faith.records.tables import tables_of
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.figures import Figure, Table, ThresholdCurves, figures_of
from lm_eval_faith.report.figures_of_models import first_numbers
from lm_eval_faith.report.html import sentences as words
from lm_eval_faith.report.html import svg
from lm_eval_faith.report.html.chains import (
    LARGEST_PAGE,
    LEAST_OF_CHAINS,
    SCALE,
    BrowsedTask,
    Packed,
    browsed,
    colour_of,
    in_sets,
    numbers_of,
    packed,
    told_apart,
)
from lm_eval_faith.report.html.differences import differences
from lm_eval_faith.report.html.document import render
from lm_eval_faith.report.html.method import (
    Method,
    citation,
    method_of,
    report_command,
)
from lm_eval_faith.report.html.telling import Telling
from lm_eval_faith.report.measured import Measured, measured_of_task
from lm_eval_faith.report.report import (
    NOTHING_ASKED,
    Asked,
    TaskReport,
    report_of_task,
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
        figures: its charts, as data.
        method: how it came about.
        chains: what it brings to the chain browser.
        measured: what its differences from other models are made of.
    """

    report: TaskReport
    figures: tuple[Figure, ...]
    method: Method
    chains: BrowsedTask
    measured: Measured


@dataclass(frozen=True)
class TellingView:
    """A chain in the opening, and the address of it in the chain browser."""

    telling: Telling
    number: int
    address: str


@dataclass(frozen=True)
class TaskView:
    """What the template shows of one task of one run.

    Attributes:
        page: what is known of it.
        figures: its charts as SVG.
        telling: the chains that it opens with.
        address: what leads to it in the chain browser, to be gone on with.
    """

    page: TaskPage
    figures: tuple[FigureView, ...]
    telling: tuple[TellingView, ...]
    address: str

    @property
    def report(self) -> TaskReport:
        """Its estimates."""
        return self.page.report

    @property
    def method(self) -> Method:
        """How it came about."""
        return self.page.method


@dataclass(frozen=True)
class Opening:
    """What the page says first of one task: of one model, or of several beside each other."""

    task: str
    setting: str
    views: tuple[TaskView, ...]
    overlay: tuple[FigureView, ...] = ()
    differences: tuple[str, ...] = ()


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
    pages = []
    for task in run.tasks:
        tables = tables_of([(run.model, task)])
        report = report_of_task(run, task, bootstrap, asked, tables=tables)
        pages.append(
            TaskPage(
                report=report,
                figures=figures_of(report, tables, bootstrap),
                method=method_of(run, task, results),
                chains=browsed(report, task),
                measured=measured_of_task(run, task, asked, tables),
            )
        )
    return pages


def _view(figure: Figure, link: svg.Link = svg.no_link) -> FigureView:
    return FigureView(
        figure.title,
        figure.caption,
        tuple(svg.drawn(panel, link) for panel in figure.panels),
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
    views = _views(pages)
    openings = _openings(views, bootstrap)
    return {
        "leaderboard": leaderboard,
        "pages": views,
        "openings": openings,
        "alone": [o.views[0] for o in openings if len(o.views) == 1],
        "colour_of": colour_of,
        "citation": citation(),
        "models": tuple(dict.fromkeys(page.report.model for page in pages)),
        "words": words,
        "told_interventions": _told_interventions(pages),
        "scale": colour_names(),
        "bootstrap": bootstrap,
        "command": report_command(
            bootstrap, asked.threshold, asked.exclude_answer_steps, asked.modules
        ),
    }


def _views(pages: Sequence[TaskPage]) -> tuple[TaskView, ...]:
    """The pages with their charts and links, in their order."""
    sets = in_sets([page.chains for page in pages])
    numbers = {name: numbers_of(runs) for name, runs in sets.items()}
    made = []
    for page in pages:
        name = page.chains.task, page.chains.setting
        of_document = {key[0]: numbers[name][key] for key in page.chains.documents}
        address = "#"
        if len(sets) > 1:
            address += f"task={quote(page.chains.task, safe='')}&"
        runs = sets[name]
        if len(runs) > 1:
            called = told_apart([run.model for run in runs])
            place = next(k for k, run in enumerate(runs) if run is page.chains)
            address += f"model={quote(called[place], safe='')}&"

        def link(
            document: str, step: int, of_document: Mapping[str, int] = of_document
        ) -> str:
            return f"{of_document.get(document, 0)}.{step + 1}"

        made.append(
            TaskView(
                page,
                tuple(_view(figure, link) for figure in page.figures),
                tuple(
                    TellingView(
                        one,
                        numbers[name][one.key],
                        f"{address}problem={numbers[name][one.key]}",
                    )
                    for one in page.chains.telling
                    if one.key in numbers[name]
                ),
                address,
            )
        )
    return tuple(made)


def _openings(views: Sequence[TaskView], bootstrap: Bootstrap) -> tuple[Opening, ...]:
    """A task of one model opens with its sentences; of several, with one figure of all and
    their differences."""
    by_task: dict[tuple[str, str], list[TaskView]] = {}
    for view in views:
        ran = view.report.task
        by_task.setdefault((ran.task, ran.setting), []).append(view)
    made = []
    for (task, setting), those in by_task.items():
        if len(those) == 1:
            made.append(Opening(task, setting, tuple(those)))
            continue
        overlay = tuple(map(_view, first_numbers([view.report for view in those])))
        told = differences([view.page.measured for view in those], bootstrap)
        made.append(Opening(task, setting, tuple(those), overlay, told))
    return tuple(made)


def _rendered(context: Mapping[str, Any], chains: Packed, curves: Sequence[Any]) -> str:
    return render(
        "report.html.j2",
        {**context, "packed": chains},
        data={**chains.data, "curves": curves},
        styles=("report.css",),
        scripts=("thresholds.js", "chains.js", "copies.js"),
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
