"""What a figure of the page is: charts, words, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from lm_eval_faith_stats import Estimate
from markupsafe import Markup

from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.estimates import Row
from lm_eval_faith.report.html.svg import Axis, Dots, Line, Mark, nice_axis

NATS = "fall of log-probability, nats"
"""What the axes of effects say."""


@dataclass(frozen=True)
class Table:
    """A table under a figure: (name, holds numbers) of each column, and rows of texts."""

    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Curve:
    """One intervention's share of steps over thresholds, in the curve's order of thresholds."""

    intervention: str
    shares: tuple[Estimate, ...]


@dataclass(frozen=True)
class ThresholdCurves:
    """What the movable threshold needs: where it can stand, where it stands, and the shares."""

    thresholds: tuple[float, ...]
    threshold: float
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        title: a heading.
        caption: what it shows and how to read it, in sentences.
        panels: SVG elements.
        legend: names of series and their samples.
        table: the numbers.
        curves: of the figure with the movable threshold; None of others.
    """

    title: str
    caption: str
    panels: tuple[Markup, ...]
    legend: tuple[tuple[str, Markup], ...]
    table: Table
    curves: ThresholdCurves | None = None


LONGEST_WHISKER = 1.5
"""Of the range of the points: how far an axis follows intervals beyond them."""


def estimates_axis(estimates: Iterable[Estimate], label: str) -> Axis:
    """An axis over zero, the points, and their intervals unless they are far wider."""
    told = [e for e in estimates if np.isfinite(e.point)]
    points = [0.0, *(e.point for e in told)]
    reach = LONGEST_WHISKER * max(max(points) - min(points), 1.0)
    ends = np.array([end for e in told for end in (e.low, e.high)])
    near = np.clip(ends, min(points) - reach, max(points) + reach)
    return nice_axis([*points, *near.tolist()], label)


def series_marks(
    estimates: Sequence[Estimate], k: int, offset: float, joined: bool = True
) -> list[Mark]:
    """Estimates at 0, 1, 2, ..., with whiskers; joined where they have an order."""
    xs = [place + offset for place in range(len(estimates))]
    ys = [e.point for e in estimates]
    dots = Dots(xs, ys, k, [e.low for e in estimates], [e.high for e in estimates])
    return [Line(xs, ys, k), dots] if joined else [dots]


def row_cells(row: Row) -> tuple[str, str]:
    return estimate_cells(row.estimate, row.unit)


def estimate_cells(estimate: Estimate, unit: str) -> tuple[str, str]:
    return number(estimate.point, unit), interval(estimate, unit)


def named_columns(*names: str, number_from: int = 1) -> tuple[tuple[str, bool], ...]:
    return tuple(
        (name, k >= number_from and name != "interval") for k, name in enumerate(names)
    )


def spread(indices: np.ndarray, most: int) -> np.ndarray:
    """At most so many of them, evenly chosen, the first and the last among them."""
    if len(indices) <= most:
        return indices
    places = np.linspace(0, len(indices) - 1, most).round().astype(int)
    chosen: np.ndarray = indices[places]
    return chosen
