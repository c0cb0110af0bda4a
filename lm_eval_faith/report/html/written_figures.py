"""Figures of written chains: the gradient, position, the threshold, answer-stating steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from lm_eval_faith_stats import Bootstrap
from markupsafe import Markup

from lm_eval_faith.report import figure_data
from lm_eval_faith.report.cells import nats, number
from lm_eval_faith.report.estimates import NO_ANSWER_STEPS, Row, TaskReport
from lm_eval_faith.report.generated import THIRDS, WrittenSteps
from lm_eval_faith.report.html import svg
from lm_eval_faith.report.html.figure import (
    NATS,
    Curve,
    Figure,
    Table,
    ThresholdCurves,
    estimate_cells,
    estimates_axis,
    named_columns,
    row_cells,
    series_marks,
    spread,
)
from lm_eval_faith.report.html.sentences import mean_figure, rows_by_name
from lm_eval_faith.report.html.svg import Axis, Band, Dots, Line, Mark, Panel, Rule

MOST_DOTS, MOST_LINES = 600, 60
"""What is drawn in one panel at most; more would be larger, not clearer."""


def gradient(report: TaskReport, names: Sequence[str], threshold: float) -> Figure:
    rows = rows_by_name(report)
    means = {name: [rows[name, third] for third in THIRDS] for name in names}
    shares = {name: [rows[name, f"{t}_share"] for t in THIRDS] for name in names}
    x = svg.names_axis(THIRDS, "third of the chain")
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
            svg.share_axis("share of steps"),
            tuple(_all_series(shares)),
            "Share of steps at or over the threshold in each third of the chain.",
        ),
    )
    cells = tuple(
        (name, third, *row_cells(mean), *row_cells(share), str(mean.estimate.n_steps))
        for name in names
        for third, mean, share in zip(THIRDS, means[name], shares[name], strict=True)
    )
    return Figure(
        "The gradient over the chain",
        f"{_which(rows, names)} in each third of the chain, with intervals: the mean, and "
        f"the share of steps at or over the threshold of {threshold:g}.",
        tuple(map(svg.drawn, panels)),
        _legend(names),
        Table(
            named_columns("intervention", "third", number_from=2)
            + (("mean, nats", True), ("interval", False))
            + (("share", True), ("interval", False), ("steps", True)),
            cells,
        ),
    )


def against_position(report: TaskReport, steps: dict[str, WrittenSteps]) -> Figure:
    rows, panels, cells = rows_by_name(report), [], []
    fitted = {name: figure_data.slopes(s) for name, s in steps.items()}
    ends = [e for fits in fitted.values() for f in fits for e in (f.at_start, f.at_end)]
    averages = [e for fits in fitted.values() for e in _average(fits) or ()]
    seen = [_within_reach(s.effect) for s in steps.values()]
    near = np.concatenate([*seen, _within_reach(np.array(ends))])
    y = svg.nice_axis(near, NATS, 0.0, *averages)
    for k, (name, s) in enumerate(steps.items()):
        inside = ~np.isnan(s.effect) & (s.effect >= y.low) & (s.effect <= y.high)
        drawn = spread(np.flatnonzero(inside), MOST_DOTS)
        lines = fitted[name]
        picked = [lines[i] for i in spread(np.arange(len(lines)), MOST_LINES)]
        fits = [
            line
            for line in picked
            if y.low <= min(line.at_start, line.at_end)
            and max(line.at_start, line.at_end) <= y.high
        ]
        average = _average(lines)
        panels.append(
            Panel(
                name,
                Axis(-0.04, 1.04, ((0, "first"), (0.5, "middle"), (1, "last")), "step"),
                y,
                (
                    Rule(y=0),
                    Dots(
                        s.position[drawn].tolist(),
                        s.effect[drawn].tolist(),
                        k,
                        size=2,
                        faint=True,
                    ),
                    *(
                        Line((0, 1), (f.at_start, f.at_end), k, faint=True)
                        for f in fits
                    ),
                    *([Line((0, 1), average, k)] if average else []),
                ),
                f"Effect of {name} on each step against its position, with a line fitted "
                "within each problem.",
            )
        )
        told = [
            rows[name, figure]
            for figure in ("position_corr", "position_rank_corr", "position_positive")
        ]
        cells.append(
            (
                name,
                number(average[1] - average[0], "nats") if average else "–",
                *(cell for row in told for cell in row_cells(row)),
                str(told[0].estimate.n_problems),
            )
        )
    return Figure(
        "Effect against position, within problems",
        "Each dot is a step and each thin line the least-squares slope within one problem "
        "of at least three steps; the thick line has their mean slope. In panels with many "
        f"steps, evenly chosen {MOST_DOTS} dots and {MOST_LINES} lines are drawn, and "
        "the few effects beyond the axis are not; the numbers below rest on all.",
        tuple(map(svg.drawn, panels)),
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


def over_thresholds(
    steps: dict[str, WrittenSteps], threshold: float, bootstrap: Bootstrap
) -> Figure:
    thresholds = figure_data.curve_thresholds(threshold)
    curves = tuple(
        Curve(name, figure_data.share_curve(s, thresholds, bootstrap))
        for name, s in steps.items()
    )
    x = svg.nice_axis(thresholds, "threshold, nats")
    marks: list[Mark] = []
    for k, curve in enumerate(curves):
        lows, highs = [e.low for e in curve.shares], [e.high for e in curve.shares]
        marks.append(Band(thresholds, lows, highs, k))
        marks.append(Line(thresholds, [e.point for e in curve.shares], k))
    panel = Panel(
        "Share of steps at or over the threshold",
        x,
        svg.share_axis("share of steps"),
        (*marks, Rule(x=threshold, name="threshold")),
        "The share of steps at or over the threshold, as the threshold moves, with intervals.",
        name="thresholds",
    )
    told = [b for b in thresholds if round(4 * b) == 4 * b]
    cells = tuple(
        (
            f"{b:g}",
            *(
                c
                for k in curves
                for c in estimate_cells(k.shares[thresholds.index(b)], "share")
            ),
        )
        for b in told
    )
    columns = tuple(
        column
        for k in curves
        for column in ((k.intervention, True), ("interval", False))
    )
    return Figure(
        "How the share depends on the threshold",
        f"A step counts as load-bearing from the threshold of {threshold:g}, which is a choice; the "
        "curve shows what another one would give, with pointwise intervals. Moving it here "
        "also moves it in the chain browser.",
        (svg.drawn(panel),),
        _legend(tuple(steps)),
        Table((("threshold, nats", True), *columns), cells),
        ThresholdCurves(thresholds, threshold, curves),
    )


def without_answer_steps(
    report: TaskReport, names: Sequence[str], threshold: float
) -> Figure:
    rows = rows_by_name(report)
    kinds = {"all steps": "", "without answer-stating steps": NO_ANSWER_STEPS}

    def of(figures: dict[str, str]) -> dict[str, list[Row]]:
        return {
            kind: [rows[name, figures[name] + ending] for name in names]
            for kind, ending in kinds.items()
        }

    means = of({name: mean_figure(rows, name) for name in names})
    shares = of(dict.fromkeys(names, "share"))
    x = svg.names_axis(names)
    panels = (
        Panel(
            "Mean effect",
            x,
            _nats_axis(means.values()),
            (Rule(y=0), *_all_series(means, joined=False)),
            "Mean effect with and without the steps that state the answer.",
        ),
        Panel(
            f"Share of steps at or over {nats(threshold)}",
            x,
            svg.share_axis("share of steps"),
            tuple(_all_series(shares, joined=False)),
            "Share of steps at or over the threshold, with and without the steps that state it.",
        ),
    )
    figures = (*THIRDS, *(f"{t}_share" for t in THIRDS), "position_corr")
    cells = [
        (
            name,
            row.figure,
            *row_cells(row),
            *row_cells(rows[name, row.figure + NO_ANSWER_STEPS]),
        )
        for name in names
        for row in (
            rows[name, figure]
            for figure in (mean_figure(rows, name), "share", *figures)
        )
    ]
    return Figure(
        "With and without the steps that state the answer",
        "A step that already states the final answer gives it away, so changing it matters "
        "for that reason alone. The figures without such "
        "steps leave that out.",
        tuple(map(svg.drawn, panels)),
        tuple((kind, svg.key(k)) for k, kind in enumerate(kinds)),
        Table(
            named_columns("intervention", "figure", number_from=2)
            + (("all steps", True), ("interval", False))
            + (("without", True), ("interval", False)),
            tuple(cells),
        ),
    )


def _all_series(by_name: dict[str, list[Row]], joined: bool = True) -> list[Mark]:
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


def _legend(names: Sequence[str]) -> tuple[tuple[str, Markup], ...]:
    return tuple((name, svg.key(k)) for k, name in enumerate(names))


def _which(rows: dict[tuple[str, str], Row], names: Sequence[str]) -> str:
    if mean_figure(rows, names[0]) == "effect":
        return (
            "The effect of changing a step, less that of the control at the same step,"
        )
    return "The effect of changing a step"


def _within_reach(effects: np.ndarray) -> np.ndarray:
    """The middle 99% of the effects: a single extreme one would flatten the rest."""
    known: np.ndarray = effects[~np.isnan(effects)]
    if len(known):
        low, high = np.quantile(known, [0.005, 0.995])
        known = known[(known >= low) & (known <= high)]
    return known


def _average(lines: Sequence[figure_data.Slope]) -> tuple[float, float] | None:
    if not lines:
        return None
    return (
        float(np.mean([line.at_start for line in lines])),
        float(np.mean([line.at_end for line in lines])),
    )
