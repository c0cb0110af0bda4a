"""Figures of labelled steps: two distributions, ROC curves, the effect by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Bootstrap, Estimate

from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.report import figure_data
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.estimates import StepArrays, TaskReport, step_arrays
from lm_eval_faith.report.generated import written_steps
from lm_eval_faith.report.html import svg
from lm_eval_faith.report.html.figure import (
    NATS,
    Figure,
    Table,
    estimate_cells,
    estimates_axis,
    named_columns,
    row_cells,
    series_marks,
    spread,
)
from lm_eval_faith.report.html.sentences import rows_by_name
from lm_eval_faith.report.html.svg import Axis, Bars, Line, Mark, Panel, Rule
from lm_eval_faith.report.labelled import LabelledEffects

MOST_VERTICES = 300
"""Corners that are drawn of one ROC curve at most."""

FLAGGED = (0.0, 0.05, 0.1, 0.2, 0.5)
"""Shares of decoys at which the table under the ROC curves is read."""


def distributions(
    report: TaskReport, by_name: Mapping[str, StepArrays | LabelledEffects]
) -> Figure:
    rows = rows_by_name(report)
    panels, cells = [], []
    for name, steps in by_name.items():
        known = ~np.isnan(steps.effect)
        edges = figure_data.histogram_edges(steps.effect[known])
        up = figure_data.histogram(steps.effect[known & steps.load_bearing], edges)
        down = figure_data.histogram(steps.effect[known & ~steps.load_bearing], edges)
        means = [
            Rule(x=row.estimate.point, series=k)
            for k, figure in enumerate(("load_bearing", "decoy"))
            if np.isfinite((row := rows[name, figure]).estimate.point)
        ]
        most = max(0.01, float(max(up.shares.max(), down.shares.max())))
        panels.append(
            Panel(
                name,
                svg.nice_axis(edges, NATS),
                _mirrored(most),
                (
                    Bars(edges.tolist(), up.shares.tolist(), 0),
                    Bars(edges.tolist(), (-down.shares).tolist(), 1),
                    Rule(y=0),
                    *means,
                ),
                f"Histograms of the effects of {name}: on load-bearing steps upward, on "
                "decoys downward.",
            )
        )
        cells += [
            (name, f"{low:g} to {high:g}", f"{100 * a:.1f}%", f"{100 * b:.1f}%")
            for low, high, a, b in zip(edges, edges[1:], up.shares, down.shares)
            if a or b
        ]
    return Figure(
        "Load-bearing steps against decoys",
        "Shares of steps by how far the answer's log-probability fell when the step was "
        "changed: steps that the answer rests on upward, decoys downward. Vertical lines are their "
        "means. The less the two overlap, the better the "
        "intervention tells them apart.",
        tuple(map(svg.drawn, panels)),
        (("load-bearing", svg.key(0, line=False)), ("decoy", svg.key(1, line=False))),
        Table(
            named_columns("intervention", "nats", number_from=2)
            + (("load-bearing", True), ("decoy", True)),
            tuple(cells),
        ),
    )


def _mirrored(most: float) -> Axis:
    axis = svg.nice_axis([0, most], "share of steps")
    up = [(v, f"{100 * v:g}%") for v, _ in axis.ticks]
    down = [(-v, label) for v, label in up if v]
    return Axis(-axis.high, axis.high, (*reversed(down), *up), axis.label)


def roc_curves(
    report: TaskReport, by_name: Mapping[str, StepArrays | LabelledEffects]
) -> Figure:
    rows = rows_by_name(report)
    marks: list[Mark] = [Line((0.0, 1.0), (0.0, 1.0), 0, faint=True)]
    legend, cells = [], []
    for k, (name, steps) in enumerate(by_name.items()):
        roc = stats.roc_curve(steps.effect, steps.load_bearing)
        x, y = _thinned(roc)
        marks.append(Line(x.tolist(), y.tolist(), k))
        auc = rows[name, "auc"]
        told = f"{number(auc.estimate.point, 'auc')} {interval(auc.estimate, 'auc')}"
        legend.append((f"{name}, AUC {told}", svg.key(k)))
        caught = (figure_data.caught_at(roc, share) for share in FLAGGED)
        cells.append((name, *row_cells(auc), *(number(c, "share") for c in caught)))
    axis = svg.share_axis("decoys over the threshold")
    panel = Panel(
        "ROC curves",
        axis,
        replace(axis, label="load-bearing over it"),
        tuple(marks),
        "ROC curves of all interventions: "
        + "; ".join(name for name, _ in legend)
        + ".",
    )
    columns = tuple((f"caught at {100 * f:g}% of decoys", True) for f in FLAGGED)
    return Figure(
        "Telling load-bearing steps from decoys",
        "Call every step load-bearing whose effect is over some threshold. Each curve "
        "shows, for all thresholds, the share of load-bearing steps found against the "
        "share of decoys wrongly called so; the diagonal is guessing. The area under the "
        "curve (AUC) is the chance that a load-bearing step has the larger effect.",
        (svg.drawn(panel),),
        tuple(legend),
        Table(
            (*named_columns("intervention", "AUC", "interval"), *columns), tuple(cells)
        ),
    )


def by_position(
    scored: Sequence[ChainRecord], names: Sequence[str], bootstrap: Bootstrap
) -> Figure:
    kinds = ("load-bearing", "decoy")
    found: dict[tuple[str, str], tuple[Estimate, ...]] = {}
    for name in names:
        steps = step_arrays(scored, name)
        position = written_steps(scored, name, less_control=False).position
        for kind, here in zip(kinds, (steps.load_bearing, ~steps.load_bearing)):
            found[name, kind] = figure_data.means_by_part(
                steps.effect[here], position[here], steps.problem[here], bootstrap
            )
    parts = figure_data.PART_NAMES
    y = estimates_axis((e for es in found.values() for e in es), NATS)
    panels = [
        Panel(
            name,
            svg.names_axis(parts, "part of the chain"),
            y,
            (
                Rule(y=0),
                *(
                    mark
                    for k, kind in enumerate(kinds)
                    for mark in series_marks(found[name, kind], k, 0.12 * (k - 0.5))
                ),
            ),
            f"Mean effect of {name} by part of the chain, on load-bearing steps and on decoys.",
        )
        for name in names
    ]
    cells = tuple(
        (name, kind, parts[k], *estimate_cells(e, "nats"), str(e.n_steps))
        for (name, kind), es in found.items()
        for k, e in enumerate(es)
    )
    return Figure(
        "Effect by position in the chain",
        "Mean effect over the steps of each fifth of the chain, with intervals, cut where they reach beyond the panel. Effects in "
        "the last part alone mean that later steps restate what was changed, or that "
        "the model reads only the end.",
        tuple(map(svg.drawn, panels)),
        tuple((kind, svg.key(k)) for k, kind in enumerate(kinds)),
        Table(
            named_columns("intervention", "steps that are", "part", number_from=3)
            + (("mean", True), ("interval", False), ("steps", True)),
            cells,
        ),
    )


def _thinned(
    roc: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    chosen = spread(np.arange(len(roc[0])), MOST_VERTICES)
    return roc[0][chosen], roc[1][chosen]
