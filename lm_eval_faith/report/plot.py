"""Figures for papers and model cards: the page's panels, drawn by matplotlib in one style."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from lm_eval_faith_stats import BOOTSTRAP

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import Run, TaskRun
from lm_eval_faith.records.tables import tables_of
from lm_eval_faith.report.figures import Figure as FigureData
from lm_eval_faith.report.figures import figures_of
from lm_eval_faith.report.marks import Band, Bars, Dots, Line, Mark, Panel, Rule
from lm_eval_faith.report.report import report_of_task
from lm_eval_faith.shown import brief

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOAD_BEARING = "#0072b2"
DECOY = "#e69f00"
"""Two colours that colour-blind readers and grey printers tell apart (Okabe and Ito)."""

COLOURS = (LOAD_BEARING, DECOY, "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""One a series, from the same palette."""

DASHES = ("-", "--", ":", "-.", (0, (4, 2)), (0, (1, 2)))
SHAPES = ("o", "s", "^", "D", "v", "P")
"""One a series: what grey printers tell apart."""

FORMATS = ("png", "svg", "pdf")

WIDTH, HEIGHT = 3.4, 3.0
"""Of a panel, in inches: one column of a paper."""

LONGEST_LABEL = 80
"""Characters of a name in a figure."""


def name_text(text: str) -> str:
    """A name as a figure shows it: on one line, dollars no signs of a formula.

    matplotlib keeps names that begin with an underscore out of legends.
    """
    shown = brief(text, LONGEST_LABEL).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def drawn(run: Run, task: TaskRun, name: str | None = None) -> Figure:
    """A figure of a task, by its name; the first without a name.

    Raises:
        InputError: there is no such figure, nothing to draw, or matplotlib is missing.
    """
    new_figure = figure_class()
    report = report_of_task(run, task, BOOTSTRAP)
    figures = figures_of(report, tables_of([(run.model, task)]), BOOTSTRAP)
    if not figures:
        raise InputError(f"{task.path}: no scored steps to draw")
    by_name = {figure.name: figure for figure in figures}
    chosen = by_name.get(figures[0].name if name is None else name)
    if chosen is None:
        raise InputError(
            f"no figure {brief(repr(name))} of {task.setting} chains; "
            f"there are {', '.join(by_name)}"
        )
    return _figure(chosen, new_figure, f"{run.model}, {task.task}")


def _figure(data: FigureData, new_figure: type[Figure], title: str) -> Figure:
    count = len(data.panels)
    made = new_figure(figsize=(WIDTH * count, HEIGHT), layout="constrained")
    axes = made.subplots(1, count, squeeze=False)[0]
    for axis, panel in zip(axes, data.panels, strict=True):
        _panel(axis, panel)
    if data.legend:
        handles = [_sample(k, data.filled) for k in range(len(data.legend))]
        labels = [name_text(name) for name in data.legend]
        axes[0].legend(handles, labels, frameon=False, fontsize=7)
    made.suptitle(name_text(title), fontsize=10)
    return made


def _sample(k: int, filled: bool) -> Any:
    """What stands beside a series' name."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if filled:
        return Patch(color=_colour(k))
    return Line2D([], [], color=_colour(k), linestyle=_dash(k), marker=_shape(k), ms=4)


def _panel(axis: Axes, panel: Panel) -> None:
    for mark in panel.marks:
        _mark(axis, panel, mark)
    for which, shown in (("x", panel.x), ("y", panel.y)):
        places = [place for place, _ in shown.ticks]
        labels = [name_text(label) for _, label in shown.ticks]
        getattr(axis, f"set_{which}ticks")(places, labels, fontsize=8)
        getattr(axis, f"set_{which}lim")(shown.low, shown.high)
        getattr(axis, f"set_{which}label")(name_text(shown.label), fontsize=9)
    if (panel.x.low, panel.x.high, panel.x.ticks) == (
        panel.y.low,
        panel.y.high,
        panel.y.ticks,
    ):
        axis.set_aspect("equal")
    axis.set_title(name_text(panel.title), fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _mark(axis: Axes, panel: Panel, mark: Mark) -> None:
    if isinstance(mark, Line):
        look: dict[str, Any] = {"color": _colour(mark.series)}
        look |= (
            {"alpha": 0.25, "linewidth": 0.6}
            if mark.faint
            else {"linestyle": _dash(mark.series), "linewidth": 1.4}
        )
        axis.plot(list(mark.xs), list(mark.ys), **look)
    elif isinstance(mark, Dots):
        _dots(axis, panel, mark)
    elif isinstance(mark, Band):
        colour = _colour(mark.series)
        axis.fill_between(
            list(mark.xs),
            list(mark.lows),
            list(mark.highs),
            color=colour,
            alpha=0.15,
            lw=0,
        )
    elif isinstance(mark, Bars):
        edges = np.array(mark.edges)
        axis.bar(
            edges[:-1],
            list(mark.heights),
            np.diff(edges),
            align="edge",
            color=_colour(mark.series),
            alpha=0.7,
        )
    else:
        _rule(axis, mark)


def _dots(axis: Axes, panel: Panel, mark: Dots) -> None:
    colour = _colour(mark.series)
    known = zip(mark.xs, mark.lows, mark.highs, strict=False)
    for x, low, high in known:
        if np.isfinite(low) and np.isfinite(high):
            ends = np.clip([low, high], panel.y.low, panel.y.high)
            axis.vlines(x, *ends, color=colour, linewidth=1)
    axis.plot(
        list(mark.xs),
        list(mark.ys),
        linestyle="none",
        marker=_shape(mark.series),
        markersize=mark.size,
        color=colour,
        alpha=0.35 if mark.faint else 1,
    )


def _rule(axis: Axes, mark: Rule) -> None:
    colour = "0.6" if mark.series is None else _colour(mark.series)
    if mark.x is not None:
        axis.axvline(mark.x, color=colour, linewidth=1)
    else:
        axis.axhline(mark.y or 0, color=colour, linewidth=0.6)


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _dash(k: int) -> Any:
    return DASHES[k % len(DASHES)]


def _shape(k: int) -> str:
    return SHAPES[k % len(SHAPES)]


def rendered(figure: Figure, form: str) -> bytes:
    """The figure as a PNG (200 dots an inch), SVG or PDF file."""
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=200)
    return out.getvalue()


def figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "figures need matplotlib: pip install 'lm-eval-faith[report]'"
        ) from None
    return Figure
