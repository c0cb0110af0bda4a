"""Figures as data: each is made once, and drawn as SVG on the page and by matplotlib for papers.

A figure holds panels of marks, a legend, and its numbers as a table. What figures and
report share is taken from the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Bootstrap, Estimate

from lm_eval_faith.interventions import is_control
from lm_eval_faith.metrics import (
    NO_ANSWER_STEPS,
    VS_CONTROL,
    Modifier,
    Quantity,
    metric,
)
from lm_eval_faith.records.columns import Columns
from lm_eval_faith.records.outcome import THIRDS
from lm_eval_faith.records.tables import Tables
from lm_eval_faith.report import curves
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.marks import (
    Axis,
    Band,
    Bars,
    Dots,
    Line,
    Mark,
    Panel,
    Rule,
    estimates_axis,
    names_axis,
    nice_axis,
    series_marks,
    share_axis,
)
from lm_eval_faith.report.report import Row, TaskReport
from lm_eval_faith.shown import nats

NATS = "fall of log-probability, nats"
"""What the axes of effects say."""

MOST_DOTS, MOST_LINES, MOST_VERTICES = 600, 60, 300
"""What is drawn in one panel at most; more would be larger, not clearer."""

FLAGGED = (0.0, 0.05, 0.1, 0.2, 0.5)
"""Shares of decoys at which the table under the ROC curves is read."""

KINDS = ("load-bearing", "decoy")


@dataclass(frozen=True)
class Table:
    """A table under a figure: (name, holds numbers) of each column, and rows of texts."""

    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ThresholdCurves:
    """What the movable threshold needs: where it can stand, where it stands, and the shares
    of each intervention in the order of the thresholds."""

    thresholds: tuple[float, ...]
    threshold: float
    shares: Mapping[str, tuple[Estimate, ...]]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: how ``plot --figure`` calls it.
        title: a heading.
        caption: what it shows and how to read it, in sentences.
        panels: what is drawn.
        legend: names of the series, in their order.
        table: the numbers.
        filled: the samples of the legend are areas, not lines.
        curves: of the figure with the movable threshold; None of others.
    """

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    legend: tuple[str, ...]
    table: Table
    filled: bool = False
    curves: ThresholdCurves | None = None


@dataclass(frozen=True)
class Drawn:
    """What figures are made of: the report, and the steps of each intervention.

    Attributes:
        report: its estimates.
        modifiers: of the effects that are drawn: less the control's where it was run.
        steps: by intervention, the control left out; ``effect`` is modified.
    """

    report: TaskReport
    modifiers: tuple[Modifier, ...]
    steps: Mapping[str, Columns]

    def row(self, intervention: str, name: str, *more: Modifier) -> Row | None:
        """The report's row of a metric, modified like the effects that are drawn."""
        quantity = Quantity(metric(name), intervention, (*self.modifiers, *more))
        return self.report.row(quantity.name)

    @property
    def what(self) -> str:
        """What the effects are, to begin a sentence."""
        if self.modifiers:
            return "The effect of changing a step, less that of the control at the same step,"
        return "The effect of changing a step"


def figures_of(
    report: TaskReport, tables: Tables, bootstrap: Bootstrap
) -> tuple[Figure, ...]:
    """The figures of a task, the main one first; none where no step could be scored.

    Args:
        report: its estimates, and what the reader chose.
        tables: of the same task.
        bootstrap: how the intervals that the report has not are made.
    """
    columns = tables.columns("steps")
    modifiers = (VS_CONTROL,) if "control" in tables.has else ()
    if report.choices.exclude_answer_steps and "answer_steps" in tables.has:
        modifiers = (*modifiers, NO_ANSWER_STEPS)
    steps = {
        name: Quantity(metric("effect"), name, modifiers).rows(columns)
        for name in tables.interventions
        if not is_control(name)
    }
    steps = {name: s for name, s in steps.items() if not np.isnan(s.effect).all()}
    joint = curves_of_sets(report, tables.columns("sets"), bootstrap)
    if not steps:
        return joint
    drawn = Drawn(report, modifiers, steps)
    labelled = {
        name: s[~np.isnan(s.load_bearing)]
        for name, s in steps.items()
        if drawn.row(name, "auc")
    }
    made = (
        [distributions(drawn, labelled), roc_curves(drawn, labelled)]
        if labelled
        else []
    )
    if "all_labels" in tables.has:
        return (*made, by_position(labelled, bootstrap), *joint)
    made += [
        gradient(drawn),
        against_position(drawn),
        over_thresholds(drawn, bootstrap),
    ]
    if not report.choices.exclude_answer_steps and "answer_steps" in tables.has:
        made.append(without_answer_steps(drawn))
    return (*made, *joint)


# --- where the truth is known ------------------------------------------------------


def distributions(drawn: Drawn, by_name: Mapping[str, Columns]) -> Figure:
    """The effects on load-bearing steps and on decoys, one panel an intervention."""
    panels, cells = [], []
    for name, steps in by_name.items():
        known = steps[~np.isnan(steps.effect)]
        edges = curves.histogram_edges(known.effect)
        kinds = [known[known.load_bearing == truth] for truth in (1, 0)]
        up, down = (
            curves.histogram(kind.effect, edges, kind.weight).shares for kind in kinds
        )
        means = [
            Rule(x=float(np.average(kind.effect, weights=kind.weight)), series=k)
            for k, kind in enumerate(kinds)
            if len(kind)
        ]
        panels.append(
            Panel(
                name,
                nice_axis(edges, NATS),
                _mirrored(max(0.01, float(up.max()), float(down.max()))),
                (
                    Bars(edges.tolist(), up.tolist(), 0),
                    Bars(edges.tolist(), (-down).tolist(), 1),
                    Rule(y=0),
                    *means,
                ),
                f"Histograms of the effects of {name}: on load-bearing steps upward, on "
                "decoys downward.",
            )
        )
        cells += [
            (name, f"{low:g} to {high:g}", f"{100 * a:.1f}%", f"{100 * b:.1f}%")
            for low, high, a, b in zip(edges, edges[1:], up, down, strict=False)
            if a or b
        ]
    return Figure(
        "effects",
        "Load-bearing steps against decoys",
        "Shares of steps by how far the answer's log-probability fell when the step was "
        "changed: steps that the answer rests on upward, decoys downward. Vertical lines "
        "are their means. The less the two overlap, the better the intervention tells "
        "them apart.",
        tuple(panels),
        KINDS,
        Table(
            named_columns("intervention", "nats", number_from=2)
            + (("load-bearing", True), ("decoy", True)),
            tuple(cells),
        ),
        filled=True,
    )


def _mirrored(most: float) -> Axis:
    axis = nice_axis([0, most], "share of steps")
    up = [(v, f"{100 * v:g}%") for v, _ in axis.ticks]
    down = [(-v, label) for v, label in up if v]
    return Axis(-axis.high, axis.high, (*reversed(down), *up), axis.label)


def roc_curves(drawn: Drawn, by_name: Mapping[str, Columns]) -> Figure:
    """The ROC curves of all interventions, with the report's AUCs."""
    marks: list[Mark] = [Line((0.0, 1.0), (0.0, 1.0), 0, faint=True)]
    legend, cells = [], []
    for k, (name, steps) in enumerate(by_name.items()):
        roc = stats.roc_curve(steps.effect, steps.load_bearing == 1, steps.weight)
        chosen = curves.spread(np.arange(len(roc[0])), MOST_VERTICES)
        marks.append(Line(roc[0][chosen].tolist(), roc[1][chosen].tolist(), k))
        auc = drawn.row(name, "auc")
        assert auc is not None
        told = " ".join(row_cells(auc))
        legend.append(f"{name}, AUC {told}")
        caught = (curves.caught_at(roc, share) for share in FLAGGED)
        cells.append((name, *row_cells(auc), *(number(c, "share") for c in caught)))
    axis = share_axis("decoys over the threshold")
    panel = Panel(
        "ROC curves",
        axis,
        replace(axis, label="load-bearing over it"),
        tuple(marks),
        f"ROC curves of all interventions: {'; '.join(legend)}.",
    )
    columns = tuple((f"caught at {100 * f:g}% of decoys", True) for f in FLAGGED)
    return Figure(
        "roc",
        "Telling load-bearing steps from decoys",
        "Call every step load-bearing whose effect is over some threshold. Each curve "
        "shows, for all thresholds, the share of load-bearing steps found against the "
        "share of decoys wrongly called so; the diagonal is guessing. The area under the "
        "curve (AUC) is the chance that a load-bearing step has the larger effect.",
        (panel,),
        tuple(legend),
        Table(
            (*named_columns("intervention", "AUC", "interval"), *columns), tuple(cells)
        ),
    )


def by_position(by_name: Mapping[str, Columns], bootstrap: Bootstrap) -> Figure:
    """The mean effect by part of the chain, of load-bearing steps and of decoys."""
    found = {
        (name, kind): curves.means_by_part(
            steps[steps.load_bearing == truth], bootstrap
        )
        for name, steps in by_name.items()
        for kind, truth in zip(KINDS, (1, 0), strict=True)
    }
    parts = curves.PART_NAMES
    y = estimates_axis((e for es in found.values() for e in es), NATS)
    panels = [
        Panel(
            name,
            names_axis(parts, "part of the chain"),
            y,
            (
                Rule(y=0),
                *(
                    mark
                    for k, kind in enumerate(KINDS)
                    for mark in series_marks(found[name, kind], k, 0.12 * (k - 0.5))
                ),
            ),
            f"Mean effect of {name} by part of the chain, on load-bearing steps and on "
            "decoys.",
        )
        for name in by_name
    ]
    cells = tuple(
        (name, kind, parts[k], *estimate_cells(e, "nats"), str(e.n_steps))
        for (name, kind), es in found.items()
        for k, e in enumerate(es)
    )
    return Figure(
        "position",
        "Effect by position in the chain",
        "Mean effect over the steps of each fifth of the chain, with intervals, cut where "
        "they reach beyond the panel. Effects in the last part alone mean that later steps "
        "restate what was changed, or that the model reads only the end.",
        tuple(panels),
        KINDS,
        Table(
            named_columns("intervention", "steps that are", "part", number_from=3)
            + (("mean", True), ("interval", False), ("steps", True)),
            cells,
        ),
    )


# --- written chains ----------------------------------------------------------------


def gradient(drawn: Drawn) -> Figure:
    """Mean effect and share at the threshold by third of the chain."""
    threshold = drawn.report.choices.threshold
    means = {name: _rows(drawn, name, THIRDS) for name in drawn.steps}
    shares = {
        name: _rows(drawn, name, [f"{third}_rate" for third in THIRDS])
        for name in drawn.steps
    }
    x = names_axis(THIRDS, "third of the chain")
    panels = (
        Panel(
            "Mean effect",
            x,
            _nats_axis(means.values()),
            (Rule(y=0), *_all_series(means)),
            "Mean effect of a step in the early, middle and late third of the chain.",
        ),
        Panel(
            f"Share of steps at or over {nats(threshold)}",
            x,
            share_axis("share of steps"),
            tuple(_all_series(shares)),
            "Share of steps at or over the threshold in each third of the chain.",
        ),
    )
    cells = tuple(
        (name, third, *row_cells(mean), *row_cells(share), str(mean.estimate.n_steps))
        for name in drawn.steps
        for third, mean, share in zip(THIRDS, means[name], shares[name], strict=True)
    )
    return Figure(
        "thirds",
        "The gradient over the chain",
        f"{drawn.what} in each third of the chain, with intervals: the mean, and the share "
        f"of steps at or over the threshold of {threshold:g}.",
        panels,
        tuple(drawn.steps),
        Table(
            named_columns("intervention", "third", number_from=2)
            + (("mean, nats", True), ("interval", False))
            + (("share", True), ("interval", False), ("steps", True)),
            cells,
        ),
    )


def against_position(drawn: Drawn) -> Figure:
    """Each step's effect against its position, with a line fitted within each problem."""
    panels, cells = [], []
    fitted = {name: curves.slopes(s) for name, s in drawn.steps.items()}
    ends = [e for fits in fitted.values() for f in fits for e in (f.at_start, f.at_end)]
    averages = [e for fits in fitted.values() for e in _average(fits) or ()]
    seen = [curves.within_reach(s.effect) for s in drawn.steps.values()]
    near = np.concatenate([*seen, curves.within_reach(np.array(ends, float))])
    y = nice_axis(near.tolist(), NATS, 0.0, *averages)
    for k, (name, s) in enumerate(drawn.steps.items()):
        inside = ~np.isnan(s.effect) & (s.effect >= y.low) & (s.effect <= y.high)
        dots = curves.spread(np.flatnonzero(inside), MOST_DOTS)
        lines = fitted[name]
        picked = [lines[i] for i in curves.spread(np.arange(len(lines)), MOST_LINES)]
        average = _average(lines)
        panels.append(
            Panel(
                name,
                Axis(-0.04, 1.04, ((0, "first"), (0.5, "middle"), (1, "last")), "step"),
                y,
                (
                    Rule(y=0),
                    Dots(
                        s.position[dots].tolist(),
                        s.effect[dots].tolist(),
                        k,
                        size=2,
                        faint=True,
                        steps=steps_at(s, dots),
                    ),
                    *(
                        Line((0, 1), (f.at_start, f.at_end), k, faint=True)
                        for f in picked
                        if y.low <= min(f.at_start, f.at_end)
                        and max(f.at_start, f.at_end) <= y.high
                    ),
                    *([Line((0, 1), average, k)] if average else []),
                ),
                f"Effect of {name} on each step against its position, with a line fitted "
                "within each problem.",
            )
        )
        told = _rows(
            drawn, name, ("position_corr", "position_rank_corr", "position_positive")
        )
        cells.append(
            (
                name,
                number(average[1] - average[0], "nats") if average else "–",
                *(cell for row in told for cell in row_cells(row)),
                str(told[0].estimate.n_problems),
            )
        )
    return Figure(
        "position",
        "Effect against position, within problems",
        "Each dot is a step and each thin line the least-squares slope within one problem "
        "of at least three steps; the thick line has their mean slope. In panels with many "
        f"steps, evenly chosen {MOST_DOTS} dots and {MOST_LINES} lines are drawn, and "
        "the few effects beyond the axis are not; the numbers below rest on all.",
        tuple(panels),
        (),
        Table(
            (
                ("intervention", False),
                ("mean slope, nats", True),
                ("correlation", True),
                ("interval", False),
                ("by ranks", True),
                ("interval", False),
                ("problems over zero", True),
                ("interval", False),
                ("problems", True),
            ),
            tuple(cells),
        ),
    )


def over_thresholds(drawn: Drawn, bootstrap: Bootstrap) -> Figure:
    """The share of steps at or over each threshold; the reader's is marked."""
    threshold = drawn.report.choices.threshold
    thresholds = curves.curve_thresholds(threshold)
    shares = {
        name: curves.share_curve(s, thresholds, bootstrap)
        for name, s in drawn.steps.items()
    }
    marks: list[Mark] = []
    for k, curve in enumerate(shares.values()):
        lows, highs = [e.low for e in curve], [e.high for e in curve]
        marks.append(Band(thresholds, lows, highs, k))
        marks.append(Line(thresholds, [e.point for e in curve], k))
    panel = Panel(
        "Share of steps at or over the threshold",
        nice_axis(thresholds, "threshold, nats"),
        share_axis("share of steps"),
        (*marks, Rule(x=threshold, name="threshold")),
        "The share of steps at or over the threshold, as the threshold moves, with "
        "intervals.",
        name="thresholds",
    )
    cells = tuple(
        (
            f"{value:g}",
            *(
                c
                for curve in shares.values()
                for c in estimate_cells(curve[at], "share")
            ),
        )
        for at, value in enumerate(thresholds)
        if round(4 * value) == 4 * value
    )
    columns = tuple(
        column for name in shares for column in ((name, True), ("interval", False))
    )
    return Figure(
        "thresholds",
        "How the share depends on the threshold",
        f"A step counts as load-bearing from the threshold of {threshold:g}, which is a "
        "choice; the curve shows what another one would give, with pointwise intervals. "
        "Moving it here also moves it in the chain browser.",
        (panel,),
        tuple(shares),
        Table((("threshold, nats", True), *columns), cells),
        curves=ThresholdCurves(thresholds, threshold, shares),
    )


def without_answer_steps(drawn: Drawn) -> Figure:
    """Mean effect and share at the threshold with and without the answer-stating steps."""
    kinds: dict[str, tuple[Modifier, ...]] = {
        "all steps": (),
        "without answer-stating steps": (NO_ANSWER_STEPS,),
    }
    names = [name for name in drawn.steps if drawn.row(name, "effect", NO_ANSWER_STEPS)]

    def of(name: str) -> dict[str, list[Row]]:
        return {
            kind: [row for n in names for row in _rows(drawn, n, (name,), *more)]
            for kind, more in kinds.items()
        }

    means, shares = of("effect"), of("load_bearing_rate")
    x = names_axis(names)
    panels = (
        Panel(
            "Mean effect",
            x,
            _nats_axis(means.values()),
            (Rule(y=0), *_all_series(means, joined=False)),
            "Mean effect with and without the steps that state the answer.",
        ),
        Panel(
            f"Share of steps at or over {nats(drawn.report.choices.threshold)}",
            x,
            share_axis("share of steps"),
            tuple(_all_series(shares, joined=False)),
            "Share of steps at or over the threshold, with and without the steps that "
            "state it.",
        ),
    )
    wanted = ("effect", "median", "load_bearing_rate", *THIRDS, "position_corr")
    cells = [
        (name, row.metric, *row_cells(row), *row_cells(beside))
        for name in names
        for row, beside in zip(
            _rows(drawn, name, wanted),
            _rows(drawn, name, wanted, NO_ANSWER_STEPS),
            strict=True,
        )
    ]
    return Figure(
        "without",
        "With and without the steps that state the answer",
        "A step that already states the final answer gives it away, so changing it matters "
        "for that reason alone. The numbers without such steps leave that out.",
        panels,
        tuple(kinds),
        Table(
            named_columns("intervention", "metric", number_from=2)
            + (("all steps", True), ("interval", False))
            + (("without", True), ("interval", False)),
            tuple(cells),
        ),
    )


# --- several steps at once ---------------------------------------------------------

ORDERS = {"front": "first steps", "back": "last steps", "effect": "largest effects"}
"""The orders of curves: which steps come first."""


def curves_of_sets(
    report: TaskReport, sets: Columns, bootstrap: Bootstrap
) -> tuple[Figure, ...]:
    """What becomes of the answer when steps are left out, or kept alone, one after the other."""
    points = sets[(sets.kind == "curve_point") & ~np.isnan(sets.effect)]
    orders = [name for name in ORDERS if (points["name"] == name).any()]
    if not orders:
        return ()
    panels, cells = [], []
    ticks = tuple((2.5 * k, f"{25 * k}%") for k in range(5))
    for kept, of, told in (
        (False, "comprehensiveness", "left out"),
        (True, "sufficiency", "kept"),
    ):
        chosen = points[points.kept == kept]
        found = {
            name: curves.set_curve(chosen[chosen["name"] == name], bootstrap)
            for name in orders
        }
        marks = [
            mark
            for k, es in enumerate(found.values())
            for mark in series_marks(es, k, 0.12 * (k - (len(found) - 1) / 2))
        ]
        panels.append(
            Panel(
                f"Steps {told}",
                Axis(-0.5, 10.5, ticks, f"share of the steps that are {told}"),
                estimates_axis((e for es in found.values() for e in es), NATS),
                (Rule(y=0), *marks),
                f"Mean effect where a share of the steps is {told}, by which come first.",
            )
        )
        for name in orders:
            row = report.row(f"delete_{of}_{name}")
            area = row_cells(row) if row else ("–", "–")
            halfway = estimate_cells(found[name][5], "nats")
            cells.append((ORDERS[name], told, *area, *halfway))
    return (
        Figure(
            "joint",
            "Steps left out together",
            "How far the answer's log-probability falls when a growing share of the steps "
            "is left out (comprehensiveness), or is kept and all others are left out "
            "(sufficiency), by which steps come first, with pointwise intervals. Where "
            "steps are left out from the front, a curve that stays low to the end means "
            "that late steps say it all again.",
            tuple(panels),
            tuple(ORDERS[name] for name in orders),
            Table(
                named_columns("come first", "are", number_from=2)
                + (("area, nats", True), ("interval", False))
                + (("at half of the steps", True), ("interval", False)),
                tuple(cells),
            ),
        ),
    )


def steps_at(steps: Columns, places: np.ndarray) -> tuple[tuple[str, int], ...]:
    """Which steps stand there: the chain's document and the step's index."""
    chosen = steps[places]
    return tuple(zip(chosen.chain.tolist(), map(int, chosen.step), strict=True))


# --- parts of figures --------------------------------------------------------------


def _rows(
    drawn: Drawn, intervention: str, names: Iterable[str], *more: Modifier
) -> list[Row]:
    """The report's rows of some metrics, all of which it has."""
    found = [drawn.row(intervention, name, *more) for name in names]
    return [row for row in found if row is not None]


def _all_series(
    by_name: Mapping[str, Sequence[Row]], joined: bool = True
) -> list[Mark]:
    middle = (len(by_name) - 1) / 2
    return [
        mark
        for k, rows in enumerate(by_name.values())
        for mark in series_marks(
            [r.estimate for r in rows], k, 0.1 * (k - middle), joined
        )
    ]


def _nats_axis(rows: Iterable[Sequence[Row]]) -> Axis:
    return estimates_axis((row.estimate for some in rows for row in some), "nats")


def _average(lines: Sequence[curves.Slope]) -> tuple[float, float] | None:
    if not lines:
        return None
    return (
        float(np.mean([line.at_start for line in lines])),
        float(np.mean([line.at_end for line in lines])),
    )


def row_cells(row: Row) -> tuple[str, str]:
    """The estimate and its interval as texts."""
    return estimate_cells(row.estimate, row.unit)


def estimate_cells(estimate: Estimate, unit: str) -> tuple[str, str]:
    """The estimate and its interval as texts."""
    return number(estimate.point, unit), interval(estimate, unit)


def named_columns(*names: str, number_from: int = 1) -> tuple[tuple[str, bool], ...]:
    """Columns of a table; intervals are no numbers."""
    return tuple(
        (name, k >= number_from and name != "interval") for k, name in enumerate(names)
    )
