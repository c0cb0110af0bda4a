"""All that one reading of runs gives: reports, the page, and the tables of steps and sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.merged import Merge
from lm_eval_faith.records.run import Run
from lm_eval_faith.report.html.report_page import TaskPage, as_html, pages_of_run
from lm_eval_faith.report.report import (
    Asked,
    TaskReport,
    in_order,
    reports_of_run,
    with_subjects,
)
from lm_eval_faith.report.step_table import sets_frame, steps_frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Wanted:
    """What is made beside the reports."""

    page: bool = False
    steps: bool = False
    sets: bool = False


@dataclass(frozen=True)
class Outputs:
    """What was made of some runs.

    Attributes:
        reports: of every task, ordered by model and task, and behind each those of its
            subjects.
        page: HTML; empty unless wanted.
        steps, sets: a row a step, or a set of steps; None unless wanted.
    """

    reports: tuple[TaskReport, ...]
    page: str = ""
    steps: pd.DataFrame | None = None
    sets: pd.DataFrame | None = None


def outputs_of(
    paths: Sequence[str | Path],
    wanted: Wanted,
    bootstrap: Bootstrap,
    asked: Asked,
    workers: int = 1,
    merge: Merge = "no",
) -> Outputs:
    """Every run is read once, and every estimate made once.

    Raises:
        InputError: a directory holds no run, or a file is broken.
    """
    make = partial(_of_run, wanted=wanted, bootstrap=bootstrap, asked=asked)
    made = of_runs(paths, make, workers, merge)
    runs = sorted(made, key=lambda one: in_order(one.reports[0]))
    pages = tuple(page for one in runs for page in one.pages)
    return Outputs(
        reports=tuple(report for one in runs for report in one.reports),
        page=as_html(pages, bootstrap, asked) if wanted.page else "",
        steps=_below(one.steps for one in made) if wanted.steps else None,
        sets=_below(one.sets for one in made) if wanted.sets else None,
    )


@dataclass(frozen=True)
class _Made:
    reports: tuple[TaskReport, ...]
    pages: tuple[TaskPage, ...]
    steps: pd.DataFrame | None
    sets: pd.DataFrame | None


def _of_run(run: Run, wanted: Wanted, bootstrap: Bootstrap, asked: Asked) -> _Made:
    pages = pages_of_run(run, bootstrap, asked) if wanted.page else []
    plain = (
        [page.report for page in pages]
        if wanted.page
        else reports_of_run(run, bootstrap, asked)
    )
    return _Made(
        tuple(with_subjects(plain, run, bootstrap, asked)),
        tuple(pages),
        steps_frame(run) if wanted.steps else None,
        sets_frame(run) if wanted.sets else None,
    )


def _below(frames: Iterable[pd.DataFrame | None]) -> pd.DataFrame:
    """One below the other."""
    import pandas as pd

    return pd.concat([frame for frame in frames if frame is not None])
