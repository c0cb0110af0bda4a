"""Figures for papers and model cards: the page's panels, drawn by matplotlib in one style.

Two sizes: as wide as a column of a paper, or as its page. Letters keep their size in both.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from lm_eval_faith_stats import BOOTSTRAP, Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import Run
from lm_eval_faith.records.tables import tables_of
from lm_eval_faith.report.figures import Figure as FigureData
from lm_eval_faith.report.figures import figures_of
from lm_eval_faith.report.figures_of_models import figures_of_models
from lm_eval_faith.report.marks import Axis, Band, Bars, Dots, Line, Mark, Panel, Rule
from lm_eval_faith.report.report import NOTHING_ASKED, Asked, report_of_task
from lm_eval_faith.shown import brief

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""One a series, which colour-blind readers tell apart (Okabe and Ito)."""

DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.5)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (2.5, 1.5)),
    (0, (6, 1.5, 1, 1.5, 1, 1.5)),
)
SHAPES = ("o", "s", "^", "D", "v", "P")
"""One a series: what grey printers tell apart. Where there are more series than colours,
the next have other dashes and shapes in the same colours."""

FORMATS = ("png", "svg", "pdf")

WIDTHS = {"column": 3.4, "page": 7.0}
"""Inches: of one column of a paper with two, and of both."""

PER_ROW = {"column": 1, "page": 3}
"""Panels beside each other at most."""

HEIGHT, HIGHEST = 2.1, 9.0
"""Inches: of a panel, and of a whole figure but one of many rows of names."""

LONGEST_LABEL = 80
"""Characters of a name in a figure."""

POINTS, LETTER = 7.0, 0.62
"""Size of the letters in points, and how wide one is for its size, at most on average."""

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": POINTS,
    "axes.titlesize": POINTS + 1,
    "axes.labelsize": POINTS,
    "xtick.labelsize": POINTS,
    "ytick.labelsize": POINTS,
    "legend.fontsize": POINTS,
    "figure.titlesize": POINTS + 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "lm-eval-faith",
}
"""matplotlib's own font is in every figure: in PDF as TrueType, which journals ask for, in SVG
as outlines, which every program shows."""


def name_text(text: str) -> str:
    """A name as a figure shows it: on one line, dollars no signs of a formula.

    matplotlib keeps names that begin with an underscore out of legends.
    """
    shown = brief(text, LONGEST_LABEL).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def figures_of_runs(
    runs: Sequence[Run],
    task: str | None = None,
    asked: Asked = NOTHING_ASKED,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[str, tuple[FigureData, ...]]:
    """A heading, and the figures of one task of one run, or of several models.

    Args:
        runs: of models that ran the same task.
        task: which, where they have several in common.
        asked: what the reader asks of the reports.
        bootstrap: how intervals are made.

    Raises:
        InputError: the runs have no task in common, or several and none is named.
    """
    names = [n.task for n in runs[0].tasks]
    names = [n for n in names if all(n in {t.task for t in run.tasks} for run in runs)]
    chosen = [name for name in names if task is None or name == task]
    if len(chosen) != 1:
        told = ", ".join(map(brief, names)) or "none is common to all"
        raise InputError(f"{runs[0].path}: choose one task with --task: {told}")
    several = []
    for run in runs:
        (one,) = (found for found in run.tasks if found.task == chosen[0])
        tables = tables_of([(run.model, one)])
        several.append(
            (report_of_task(run, one, bootstrap, asked, tables=tables), tables)
        )
    if len(several) > 1:
        return chosen[0], figures_of_models(several, bootstrap)
    return f"{runs[0].model}, {chosen[0]}", figures_of(*several[0], bootstrap)


def drawn(
    runs: Sequence[Run],
    task: str | None = None,
    name: str | None = None,
    size: str = "page",
    asked: Asked = NOTHING_ASKED,
) -> Figure:
    """A figure of a task, by its name; the first without a name.

    Args:
        runs: one, or those of several models.
        task: its name, where the runs have several.
        name: of the figure.
        size: ``column`` or ``page``.
        asked: what the reader asks of the reports.

    Raises:
        InputError: there is no such figure, nothing to draw, or matplotlib is missing.
    """
    heading, figures = figures_of_runs(runs, task, asked)
    if not figures:
        raise InputError(f"{runs[0].path}: no scored steps to draw")
    by_name = {figure.name: figure for figure in figures}
    chosen = by_name.get(figures[0].name if name is None else name)
    if chosen is None:
        raise InputError(
            f"no figure {brief(repr(name))} of {'these models' if runs[1:] else 'this run'}; "
            f"there are {', '.join(by_name)}"
        )
    return figure_drawn(chosen, heading, size)


@contextmanager
def styled() -> Iterator[None]:
    """Our style, whatever the user's own matplotlibrc says."""
    from matplotlib import style

    with style.context(["default", STYLE]):
        yield


@dataclass(frozen=True)
class Layout:
    """Where the panels of a figure go, in inches."""

    columns: int
    rows: int
    width: float
    heights: float

    @property
    def panel_width(self) -> float:
        """Of one panel."""
        return self.width / self.columns


def layout_of(panels: Sequence[Panel], size: str) -> Layout:
    """As many panels beside each other as fit, rows of like length."""
    most = min(PER_ROW[size], 2 if panels[0].square else PER_ROW[size])
    rows = -(-len(panels) // most)
    columns = -(-len(panels) // rows)
    width = WIDTHS[size] if columns > 1 or size == "column" else WIDTHS["page"] * 0.6
    height = HEIGHT
    if panels[0].square:
        height = width / columns - 0.1
    at = Layout(columns, rows, width, min(height, HIGHEST / rows))
    if not panels[0].in_rows:
        return at
    names = [_ticks(p.y, "y", at) for p in panels]
    lines = max((n.count("\n") + 1 for some in names for n in some), default=1)
    one = 0.11 + 0.14 * lines
    return replace(at, heights=0.8 + one * max(map(len, names)))


def figure_drawn(data: FigureData, heading: str, size: str = "page") -> Figure:
    """A figure's panels under a heading, as wide as a ``column`` or a ``page``.

    Raises:
        InputError: matplotlib is missing.
    """
    new_figure = figure_class()
    with styled():
        return _figure(data, new_figure, heading, size)


def _figure(
    data: FigureData, new_figure: type[Figure], heading: str, size: str
) -> Figure:
    at = layout_of(data.panels, size)
    title = wrapped(heading, at.width, POINTS + 1)
    names = [wrapped(name, at.width - 0.6) for name in data.legend]
    per_row = _legend_columns(names, at.width)
    lines = max((name.count("\n") + 1 for name in names), default=0)
    below = -(-len(names) // per_row) * lines * 0.14 + 0.1 if names else 0.0
    above = (title.count("\n") + 1) * 0.16
    made = new_figure(
        figsize=(at.width, at.rows * at.heights + above + below), layout="constrained"
    )
    axes = made.subplots(at.rows, at.columns, squeeze=False).ravel()
    for axis, panel in zip(axes, data.panels, strict=False):
        _panel(axis, panel, at)
    for axis in axes[len(data.panels) :]:
        axis.set_axis_off()
    if names:
        handles = [_sample(k, data) for k in range(len(names))]
        made.legend(handles, names, loc="outside lower center", ncols=per_row)
    made.suptitle(title)
    return made


def wrapped(text: str, inches: float, points: float = POINTS) -> str:
    """A name in lines that are no wider than that."""
    most = max(8, int(inches * 72 / (points * LETTER)))
    words = name_text(text)
    if len(words) <= most:
        return words
    lines = textwrap.wrap(words.replace("_", "_\0"), most, break_long_words=True)
    if "\0" in words:
        lines = textwrap.wrap(words, most)
    return "\n".join(line.replace("\0", "") for line in lines)


def _legend_columns(names: Sequence[str], inches: float) -> int:
    longest = max((len(line) for n in names for line in n.split("\n")), default=0)
    one = longest * POINTS * LETTER + 45
    return max(1, min(len(names), int(inches * 72 / one)))


def _sample(k: int, data: FigureData) -> Any:
    """What stands beside a series' name."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if data.filled:
        return Patch(color=_colour(k), alpha=0.7)
    joined = any(isinstance(m, Line) for panel in data.panels for m in panel.marks)
    line: Any = _dash(k) if joined else "none"
    return Line2D([], [], color=_colour(k), linestyle=line, marker=_shape(k), ms=4)


def _panel(axis: Axes, panel: Panel, at: Layout) -> None:
    dotted = any(isinstance(mark, Dots) for mark in panel.marks)
    for mark in panel.marks:
        _mark(axis, panel, mark, dotted)
    for which, shown in (("x", panel.x), ("y", panel.y)):
        places = [place for place, _ in shown.ticks]
        getattr(axis, f"set_{which}ticks")(places, _ticks(shown, which, at))
        getattr(axis, f"set_{which}lim")(shown.low, shown.high)
        room = at.panel_width if which == "x" else at.heights
        label = wrapped(shown.label, room - 0.7)
        getattr(axis, f"set_{which}label")(label)
    if panel.square:
        axis.set_aspect("equal")
    axis.set_title(wrapped(panel.title, at.panel_width - 0.5, POINTS + 1))


def _ticks(axis: Axis, which: str, at: Layout) -> list[str]:
    """Names in rows take two fifths of the panel at most, names below share its width."""
    inches = at.panel_width * 0.4
    if which == "x":
        inches = (at.panel_width - 0.6) / max(len(axis.ticks), 1)
    return [wrapped(label, inches) for _, label in axis.ticks]


def _mark(axis: Axes, panel: Panel, mark: Mark, dotted: bool) -> None:
    if isinstance(mark, Line):
        _line(axis, mark, dotted)
    elif isinstance(mark, Dots):
        _dots(axis, panel, mark)
    elif isinstance(mark, Band):
        axis.fill_between(
            list(mark.xs),
            list(mark.lows),
            list(mark.highs),
            color=_colour(mark.series),
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


def _line(axis: Axes, mark: Line, dotted: bool) -> None:
    """Lines without dots of their own have the series' shape here and there."""
    look: dict[str, Any] = {"color": _colour(mark.series)}
    if mark.faint:
        look = {"color": "0.6", "linewidth": 0.6}
    else:
        look["linestyle"] = _dash(mark.series)
        if not dotted:
            begin = 0.03 + 0.03 * (mark.series % len(SHAPES))
            look |= {
                "marker": _shape(mark.series),
                "markevery": (begin, 0.2),
                "markersize": 3,
            }
    axis.plot(list(mark.xs), list(mark.ys), **look)


def _dots(axis: Axes, panel: Panel, mark: Dots) -> None:
    colour = _colour(mark.series)
    along = panel.x if mark.across else panel.y
    draw = axis.hlines if mark.across else axis.vlines
    places = mark.ys if mark.across else mark.xs
    for place, low, high in zip(places, mark.lows, mark.highs, strict=False):
        if np.isfinite(low) and np.isfinite(high):
            ends = np.clip([low, high], along.low, along.high)
            draw(place, *ends, color=colour, linewidth=1)
    # A dot on the edge, as an AUC of 1, is drawn whole, and one beyond it not at all.
    xs, ys = np.array([mark.xs, mark.ys], float)
    inside = _inside(panel.x, xs) & _inside(panel.y, ys)
    (line,) = axis.plot(
        xs[inside],
        ys[inside],
        clip_on=False,
        linestyle="none",
        marker=_shape(mark.series),
        markersize=mark.size,
        markeredgewidth=0,
        color=colour,
        alpha=0.25 if mark.faint else 1,
    )
    line.set_in_layout(False)  # unclipped, it would take room


def _inside(along: Axis, places: np.ndarray) -> np.ndarray:
    """Which places are on the axis, whose low end is the larger number where rows go down."""
    low, high = sorted((along.low, along.high))
    return (low <= places) & (places <= high)


def _rule(axis: Axes, mark: Rule) -> None:
    own = mark.series is not None
    look: dict[str, Any] = {
        "color": _colour(mark.series or 0) if own else "0.6",
        "linewidth": 1 if own else 0.6,
        "linestyle": _dash(mark.series or 0) if own else "-",
        "zorder": 2 if own else 0.5,
    }
    if mark.x is not None:
        axis.axvline(mark.x, **look)
    else:
        axis.axhline(mark.y or 0, **look)


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _dash(k: int) -> Any:
    return DASHES[(k + k // len(COLOURS)) % len(DASHES)]


def _shape(k: int) -> str:
    return SHAPES[(k + k // len(COLOURS)) % len(SHAPES)]


def rendered(figure: Figure, form: str, description: str = "") -> bytes:
    """The figure as a PNG (300 dots an inch), SVG or PDF file, the same bytes every time.

    Args:
        figure: what :func:`drawn` made.
        form: of :data:`FORMATS`.
        description: what the file says of itself, in its metadata.
    """
    told = {
        "png": {"Software": None, "Description": description or None},
        "svg": {"Date": None, "Creator": None, "Description": description or None},
        "pdf": {"CreationDate": None, "Subject": description or None},
    }
    out = io.BytesIO()
    with styled():
        figure.savefig(out, format=form, dpi=300, metadata=told[form])
    return out.getvalue()


def figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("figures need matplotlib: pip install matplotlib") from None
    return Figure
