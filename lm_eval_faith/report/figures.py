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
from lm_eval_faith.report.cells import interval, number, with_interval
from lm_eval_faith.report.marks import (
    Axis,
    Band,
    Bars,
    Dots,
    Line,
    Mark,
    Panel,
    Rule,
    beside,
    estimates_axis,
    names_axis,
    nice_axis,
    row_marks,
    rows_axis,
    series_marks,
    share_axis,
)
from lm_eval_faith.report.report import Row, TaskReport
from lm_eval_faith.shown import nats

NATS = "effect, nats"
"""What the axes of effects say."""

MOST_DOTS, MOST_VERTICES = 600, 300
"""What is drawn in one panel at most; more would be larger, not clearer."""

FLAGGED = (0.0, 0.05, 0.1, 0.2, 0.5)
"""Shares of decoys at which the table under the ROC curves is read."""

KINDS = ("load-bearing", "decoy")

SHORT = {
    "label_difference": "Load-bearing steps less decoys",
    "auc": "AUC",
    "effect": "Mean effect",
    "load_bearing_rate": "Share of steps at or over {threshold}",
}
"""Headings of metrics."""

ALL_STEPS, WITHOUT = "all steps", "without steps that state the answer"
"""What the numbers rest on that stand beside each other."""


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
        all_labelled: the truth of every step is known.
    """

    report: TaskReport
    modifiers: tuple[Modifier, ...]
    steps: Mapping[str, Columns]
    all_labelled: bool = False

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

    @property
    def labelled(self) -> dict[str, Columns]:
        """The steps whose truth is known, where there are both kinds."""
        return {
            name: s[~np.isnan(s.load_bearing)]
            for name, s in self.steps.items()
            if self.row(name, "auc")
        }

    @property
    def main(self) -> tuple[str, str]:
        """The metrics of an intervention that are told first: one in nats, and one beside it."""
        if self.all_labelled:
            return "label_difference", "auc"
        return "effect", "load_bearing_rate"

    def tells_answer_steps(self, name: str) -> bool:
        """There are numbers with and without the steps that state the answer."""
        return self.row(name, self.main[0], NO_ANSWER_STEPS) is not None


def drawn_of(report: TaskReport, tables: Tables) -> Drawn:
    """What the figures of a task are made of; no steps where none could be scored."""
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
    return Drawn(report, modifiers, steps, "all_labels" in tables.has)


def figures_of(
    report: TaskReport, tables: Tables, bootstrap: Bootstrap
) -> tuple[Figure, ...]:
    """The figures of a task, the main one first; none where no step could be scored.

    Args:
        report: its estimates, and what the reader chose.
        tables: of the same task.
        bootstrap: how the intervals that the report has not are made.
    """
    drawn = drawn_of(report, tables)
    joint = curves_of_sets(report, tables.columns("sets"), bootstrap)
    if not drawn.steps:
        return joint
    labelled = drawn.labelled
    made = (
        [label_distributions(labelled), roc_curves(drawn, labelled)] if labelled else []
    )
    if drawn.all_labelled:
        made.append(by_position(labelled, bootstrap))
    else:
        made += [
            gradient(drawn),
            against_position(drawn, bootstrap),
            over_thresholds(drawn, bootstrap),
        ]
        if not labelled:
            made.append(answer_distributions(drawn))
    if any(map(drawn.tells_answer_steps, drawn.steps)):
        made.append(without_answer_steps(drawn))
    return (*made, *joint)


# --- where the truth is known ------------------------------------------------------


def label_distributions(by_name: Mapping[str, Columns]) -> Figure:
    """The effects on load-bearing steps and on decoys, one panel an intervention."""
    return distributions(
        {
            name: dict(
                zip(
                    KINDS, (s[s.load_bearing == truth] for truth in (1, 0)), strict=True
                )
            )
            for name, s in by_name.items()
        },
        "Load-bearing steps against decoys",
        "The less the two overlap, the better the intervention tells them apart.",
    )


def answer_distributions(drawn: Drawn) -> Figure:
    """The effects on steps that state the answer and on all others."""
    by_name: dict[str, Mapping[str, Columns]] = {}
    for name, s in drawn.steps.items():
        by_name[name] = {"steps": s}
        if drawn.tells_answer_steps(name):
            by_name[name] = {
                "other steps": s[~s.states_answer],
                "steps that state the answer": s[s.states_answer],
            }
    return distributions(
        by_name,
        "How the effects are spread",
        "A mean of effects of which most are zero and a few are large describes neither.",
    )


def distributions(
    by_name: Mapping[str, Mapping[str, Columns]], title: str, reading: str
) -> Figure:
    """How the effects of one kind of steps, or of two, are spread.

    As histograms back to back; where most effects of an intervention are about zero, which
    would leave one bar to be seen, as cumulative curves.

    Args:
        by_name: by intervention and kind of step.
        title: of the figure.
        reading: ends the caption.
    """
    known = {
        name: {kind: s[~np.isnan(s.effect)] for kind, s in kinds.items()}
        for name, kinds in by_name.items()
    }
    heaped = any(
        curves.mostly_zero(s.effect, s.weight)
        for kinds in known.values()
        for s in kinds.values()
    )
    panel = _cumulative if heaped else _histograms
    cells = []
    for name, kinds in known.items():
        effects = np.concatenate([s.effect for s in kinds.values()])
        edges = curves.histogram_edges(effects)
        shares = [
            curves.histogram(s.effect, edges, s.weight).shares for s in kinds.values()
        ]
        for low, high, *some in zip(edges, edges[1:], *shares, strict=False):
            if any(some):
                told = [f"{100 * share:.1f}%" for share in some]
                cells.append((name, f"{low:g} to {high:g}", *told))
    names = tuple(next(iter(known.values())))
    if heaped:
        said = (
            "The share of steps whose effect is at most so large, a curve for each kind of "
            "step: where a curve leaps, many effects are alike. "
        )
    else:
        said = (
            "Shares of steps by how far the answer's log-probability fell when the step was "
            f"changed: {names[0]} upward{f', {names[1]} downward' if names[1:] else ''}. "
            "Vertical lines are their means. "
        )
    return Figure(
        "effects",
        title,
        said + reading,
        tuple(panel(name, kinds) for name, kinds in known.items()),
        names,
        Table(
            named_columns("intervention", "nats", number_from=2)
            + tuple((name, True) for name in names),
            tuple(cells),
        ),
        filled=not heaped,
    )


def _histograms(name: str, kinds: Mapping[str, Columns]) -> Panel:
    edges = curves.histogram_edges(np.concatenate([s.effect for s in kinds.values()]))
    heights = [
        sign * curves.histogram(s.effect, edges, s.weight).shares
        for sign, s in zip((1, -1), kinds.values(), strict=False)
    ]
    means = [
        Rule(x=float(np.average(s.effect, weights=s.weight)), series=k)
        for k, s in enumerate(kinds.values())
        if len(s)
    ]
    return Panel(
        name,
        nice_axis(edges, NATS),
        _mirrored(max(0.01, *(float(abs(h).max()) for h in heights))),
        (
            *(Bars(edges.tolist(), h.tolist(), k) for k, h in enumerate(heights)),
            Rule(y=0),
            *means,
        ),
        f"Histograms of the effects of {name}: {' upward, '.join(kinds)}"
        f"{' downward' if len(kinds) > 1 else ''}.",
    )


def _cumulative(name: str, kinds: Mapping[str, Columns]) -> Panel:
    seen = [curves.within_reach(s.effect) for s in kinds.values()]
    x = nice_axis(np.concatenate(seen).tolist(), NATS, 0.0)
    marks: list[Mark] = [Rule(x=0)]
    for k, s in enumerate(kinds.values()):
        if len(s):
            xs, ys = curves.cumulative(s.effect, s.weight, MOST_VERTICES)
            inside = (xs >= x.low) & (xs <= x.high)
            ends = [float(ys[xs < x.low].max(initial=0)), *ys[inside].tolist()]
            marks.append(
                Line([x.low, *xs[inside].tolist(), x.high], [*ends, ends[-1]], k)
            )
    return Panel(
        name,
        x,
        share_axis("steps with at most that"),
        tuple(marks),
        f"Cumulative curves of the effects of {name}: {', '.join(kinds)}.",
    )


def _mirrored(most: float) -> Axis:
    axis = nice_axis([0, most], "share of steps")
    up = [(v, f"{100 * v:g}%") for v, _ in axis.ticks]
    down = [(-v, label) for v, label in up if v]
    return Axis(-axis.high, axis.high, (*reversed(down), *up), axis.label)


PARTS = Axis(
    -0.04,
    1.04,
    tuple((edge, f"{edge:g}") for edge in curves.PART_EDGES),
    "position in the chain",
)


DIAGONAL = Line((0.0, 1.0), (0.0, 1.0), 0, faint=True)


def roc_curves(drawn: Drawn, by_name: Mapping[str, Columns]) -> Figure:
    """The ROC curves of all interventions, with the report's AUCs."""
    marks: list[Mark] = [DIAGONAL]
    legend, cells = [], []
    for k, (name, steps) in enumerate(by_name.items()):
        roc = stats.roc_curve(steps.effect, steps.load_bearing == 1, steps.weight)
        marks.append(roc_line(roc, k))
        auc = drawn.row(name, "auc")
        assert auc is not None
        legend.append(f"{name}, AUC {with_interval(auc.estimate, auc.unit)}")
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


def in_parts(k: int, of: int) -> list[float]:
    """The middle of each part of the chain, set off from those of other series."""
    return [at + 0.02 * (k - (of - 1) / 2) for at in curves.PART_CENTRES]


def roc_line(roc: tuple[np.ndarray, np.ndarray], k: int) -> Line:
    chosen = curves.spread(np.arange(len(roc[0])), MOST_VERTICES)
    return Line(roc[0][chosen].tolist(), roc[1][chosen].tolist(), k)


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
            PARTS,
            y,
            (
                Rule(y=0),
                *(
                    mark
                    for k, kind in enumerate(KINDS)
                    for mark in series_marks(
                        found[name, kind], k, in_parts(k, len(KINDS))
                    )
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


def against_position(drawn: Drawn, bootstrap: Bootstrap) -> Figure:
    """Each step's effect against its position, and the mean of each fifth of the chain."""
    kinds = {
        name: {ALL_STEPS: s}
        | (
            {WITHOUT: NO_ANSWER_STEPS.change(s)}
            if drawn.tells_answer_steps(name)
            else {}
        )
        for name, s in drawn.steps.items()
    }
    found = {
        (name, kind): curves.means_by_part(s, bootstrap)
        for name, some in kinds.items()
        for kind, s in some.items()
    }
    seen = [curves.within_reach(s.effect) for s in drawn.steps.values()]
    means = estimates_axis((e for es in found.values() for e in es), NATS)
    y = nice_axis(np.concatenate(seen).tolist(), NATS, means.low, means.high)
    panels, cells = [], []
    for name, s in drawn.steps.items():
        inside = ~np.isnan(s.effect) & (s.effect >= y.low) & (s.effect <= y.high)
        dots = curves.spread(np.flatnonzero(inside), MOST_DOTS)
        marks: list[Mark] = [
            Rule(y=0),
            Dots(
                s.position[dots].tolist(),
                s.effect[dots].tolist(),
                0,
                size=2,
                faint=True,
                steps=steps_at(s, dots),
            ),
        ]
        for k, kind in enumerate(kinds[name]):
            places = in_parts(k, len(kinds[name]))
            marks += series_marks(found[name, kind], k, places)
        panels.append(
            Panel(
                name,
                PARTS,
                y,
                tuple(marks),
                f"Effect of {name} on each step against its position, and the mean effect "
                "by fifth of the chain.",
            )
        )
        told = _rows(
            drawn, name, ("position_corr", "position_rank_corr", "position_positive")
        )
        cells.append(
            (
                name,
                *(number(e.point, "nats") for e in found[name, ALL_STEPS]),
                *(cell for row in told for cell in row_cells(row)),
                str(told[0].estimate.n_problems),
            )
        )
    return Figure(
        "position",
        "Effect against position",
        "Each faint dot is a step; the curves are the means over the steps of each fifth of "
        "the chain, with intervals. In panels with many "
        f"steps, evenly chosen {MOST_DOTS} dots are drawn, and "
        "the few effects beyond the axis are not; the numbers below rest on all. "
        "Correlations are within problems of at least three steps.",
        tuple(panels),
        tuple(next(iter(kinds.values()))),
        Table(
            (
                ("intervention", False),
                *((f"mean in {part}, nats", True) for part in curves.PART_NAMES),
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
        marks += banded(thresholds, curve, k)
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


def banded(xs: Sequence[float], curve: Sequence[Estimate], k: int) -> list[Mark]:
    lows, highs = [e.low for e in curve], [e.high for e in curve]
    return [Band(xs, lows, highs, k), Line(xs, [e.point for e in curve], k)]


def without_answer_steps(drawn: Drawn) -> Figure:
    """Mean effect and share at the threshold with and without the answer-stating steps."""
    kinds: dict[str, tuple[Modifier, ...]] = {
        ALL_STEPS: (),
        WITHOUT: (NO_ANSWER_STEPS,),
    }
    names = [name for name in drawn.steps if drawn.tells_answer_steps(name)]

    def of(name: str) -> dict[str, list[Row]]:
        return {
            kind: [row for n in names for row in _rows(drawn, n, (name,), *more)]
            for kind, more in kinds.items()
        }

    main, second = drawn.main
    means, shares = of(main), of(second)
    y = rows_axis(names)
    panels = (
        Panel(
            SHORT[main],
            estimates_axis(
                (r.estimate for rows in means.values() for r in rows), "nats"
            ),
            y,
            (Rule(x=0), *_all_rows(means)),
            f"{SHORT[main]}, with and without the steps that state the answer.",
        ),
        Panel(
            SHORT[second].format(threshold=nats(drawn.report.choices.threshold)),
            share_axis("area under the curve" if second == "auc" else "share of steps"),
            y,
            tuple(_all_rows(shares)),
            "The number beside it, with and without the steps that state the answer.",
        ),
    )
    wanted = (main, "median", second, *THIRDS, "position_corr")
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
            for mark in series_marks(es, k, beside(k, len(found), len(es), 0.12))
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


def _all_series(by_name: Mapping[str, Sequence[Row]]) -> list[Mark]:
    return [
        mark
        for k, rows in enumerate(by_name.values())
        for mark in series_marks(
            [r.estimate for r in rows], k, beside(k, len(by_name), len(rows))
        )
    ]


def _all_rows(by_name: Mapping[str, Sequence[Row]]) -> list[Mark]:
    return [
        mark
        for k, rows in enumerate(by_name.values())
        for mark in row_marks(
            [r.estimate for r in rows], k, beside(k, len(by_name), len(rows), 0.25)
        )
    ]


def _nats_axis(rows: Iterable[Sequence[Row]]) -> Axis:
    return estimates_axis((row.estimate for some in rows for row in some), "nats")


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
