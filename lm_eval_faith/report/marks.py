"""What charts are made of: panels with two axes and marks on them, and how both are made.

Drawn as SVG by ``html/svg.py`` and by matplotlib in ``plot.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from lm_eval_faith_stats import Estimate

LONGEST_WHISKER = 1.5
"""Of the range of the points: how far an axis follows intervals beyond them."""


@dataclass(frozen=True)
class Axis:
    """One axis: its ends, its ticks with their labels, and its name."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    label: str = ""

    def part(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high one."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Line:
    """A line through points."""

    xs: Sequence[float]
    ys: Sequence[float]
    series: int
    faint: bool = False


@dataclass(frozen=True)
class Dots:
    """Dots in the series' shape, with whiskers where lows and highs are given.

    Whiskers are upright, or across where the dots stand in rows; they end where the panel does.
    Where each dot is a step, ``steps`` names them: the chain's document and the step's index.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    series: int
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    size: float = 4.0
    faint: bool = False
    across: bool = False
    steps: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class Band:
    """The area between two lines."""

    xs: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]
    series: int


@dataclass(frozen=True)
class Bars:
    """Bars from zero: edges has one more than heights; heights may be negative."""

    edges: Sequence[float]
    heights: Sequence[float]
    series: int


@dataclass(frozen=True)
class Rule:
    """A straight line across the panel at x or at y."""

    x: float | None = None
    y: float | None = None
    series: int | None = None
    name: str = ""


Mark = Line | Dots | Band | Bars | Rule


@dataclass(frozen=True)
class Panel:
    """A chart: what it shows in words for those who do not see it, axes and marks."""

    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    description: str
    name: str = field(default="")

    @property
    def square(self) -> bool:
        """Both axes are of the same kind, so that the panel has equal sides."""
        return replace(self.x, label="") == replace(self.y, label="")

    @property
    def in_rows(self) -> bool:
        """The y axis has names."""
        return self.y.low > self.y.high


def nice_axis(values: Iterable[float], label: str, *also: float) -> Axis:
    """An axis over the values that are finite, with about five round ticks."""
    known = [v for v in (*values, *also) if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(m * scale for m in (1, 2, 2.5, 5, 10) if m * scale >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple((k * step, f"{k * step:.6g}") for k in range(first, last + 1))
    return Axis(ticks[0][0], ticks[-1][0], ticks, label)


def share_axis(label: str) -> Axis:
    """From 0% to 100%."""
    return Axis(0, 1, tuple((k / 4, f"{25 * k}%") for k in range(5)), label)


def names_axis(names: Sequence[str], label: str = "") -> Axis:
    """One place a name, at 0, 1, 2 and so on."""
    ticks = tuple((float(k), name) for k, name in enumerate(names))
    return Axis(-0.5, len(names) - 0.5, ticks, label)


def rows_axis(names: Sequence[str]) -> Axis:
    """One row a name, at 0, 1, 2 and so on, the first on top."""
    ticks = tuple((float(k), name) for k, name in enumerate(names))
    return Axis(len(names) - 0.5, -0.5, ticks)


def estimates_axis(estimates: Iterable[Estimate], label: str) -> Axis:
    """An axis over zero, the points, and their intervals unless they are far wider."""
    told = [e for e in estimates if np.isfinite(e.point)]
    points = [0.0, *(e.point for e in told)]
    reach = LONGEST_WHISKER * max(max(points) - min(points), 1.0)
    ends = np.array([end for e in told for end in (e.low, e.high)], float)
    near = np.clip(ends, min(points) - reach, max(points) + reach)
    return nice_axis([*points, *near.tolist()], label)


def series_marks(
    estimates: Sequence[Estimate],
    k: int,
    places: Sequence[float],
    joined: bool = True,
) -> list[Mark]:
    """Estimates at their places along x, with whiskers; joined where they have an order."""
    ys = [e.point for e in estimates]
    lows, highs = [e.low for e in estimates], [e.high for e in estimates]
    dots = Dots(places, ys, k, lows, highs)
    return [Line(places, ys, k), dots] if joined else [dots]


def row_marks(
    estimates: Sequence[Estimate], k: int, places: Sequence[float]
) -> list[Mark]:
    """Estimates along x, each in its row, with whiskers."""
    lows, highs = [e.low for e in estimates], [e.high for e in estimates]
    xs = [e.point for e in estimates]
    return [Dots(xs, places, k, lows, highs, across=True)]


def beside(k: int, of: int, count: int, apart: float = 0.1) -> list[float]:
    """The places 0, 1, 2, ... of one of several series, set off from the others'."""
    offset = min(apart, 0.6 / max(of - 1, 1)) * (k - (of - 1) / 2)
    return [place + offset for place in range(count)]
