"""Charts as inline SVG: a panel with two axes, and marks on it.

Colours come from the page's style sheet, by class: ``s1`` to ``s6`` are the series, which
also differ in the shape of their dots and the dashes of their lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

from lm_eval_faith.report.marks import Band, Bars, Dots, Line, Mark, Panel, Rule
from lm_eval_faith.shown import brief, plain

WIDTH, HEIGHT = 360.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 18.0, 30.0, 44.0

LETTER, ROW = 6.2, 22.0
"""Width of a letter of a label, and height of a row of a panel with names."""

LONGEST_TITLE, LONGEST_TICK = 44, 24
"""Characters of texts that could run out of the panel."""

SERIES = 6
"""Colours, dashes and shapes of dots; further series begin again."""


Link = Callable[[str, int], str]
"""What is written beside a dot that is a step, of its document and index."""


def no_link(document: str, step: int) -> str:
    """Nothing."""
    return ""


def drawn(panel: Panel, link: Link = no_link) -> Markup:
    """The panel as an SVG element; dots that are steps have what ``link`` makes of them."""
    parts = [
        *_axes(panel),
        *(part for mark in panel.marks for part in _mark(panel, mark, link)),
    ]
    return Markup(
        '<svg class="chart" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}"{}>\n{}\n</svg>'
    ).format(
        WIDTH,
        height_of(panel),
        plain(panel.description),
        Markup(
            ' data-panel="{}" data-left="{:g}" data-right="{:g}" data-low="{:g}" data-high="{:g}"'
        ).format(panel.name, left_of(panel), WIDTH - RIGHT, panel.x.low, panel.x.high)
        if panel.name
        else "",
        Markup("\n").join(parts),
    )


def key(series: int, line: bool = True) -> Markup:
    """The sample of a series beside its name in a legend."""
    stroke = (
        Markup('<path class="line stroke {} {}" d="M0 6H28"/>').format(
            colour(series), _dash(series)
        )
        if line
        else ""
    )
    return Markup(
        '<svg viewBox="0 0 28 12" aria-hidden="true">{}<path class="dot fill {}" d="{}"/></svg>'
    ).format(stroke, colour(series), _shape(series, 14, 6, 4.5))


def colour(series: int) -> str:
    """The class of a series, counted from 0."""
    return f"s{series % SERIES + 1}"


def left_of(panel: Panel) -> float:
    """Where the panel's area begins: behind the names of its rows, if it has them."""
    if not panel.in_rows:
        return LEFT
    longest = max((len(_tick(name)) for _, name in panel.y.ticks), default=0)
    return max(LEFT, 14 + LETTER * longest)


def height_of(panel: Panel) -> float:
    """Of the chart: one with two axes of a kind is a square."""
    if panel.square:
        return TOP + BOTTOM + WIDTH - LEFT - RIGHT
    return max(HEIGHT, TOP + BOTTOM + ROW * len(panel.y.ticks) * panel.in_rows)


def x_of(panel: Panel, value: float) -> float:
    """Where a value stands in the SVG's units."""
    left = left_of(panel)
    return left + (WIDTH - left - RIGHT) * panel.x.part(value)


def y_of(panel: Panel, value: float) -> float:
    """Where a value stands in the SVG's units."""
    height = height_of(panel)
    return height - BOTTOM - (height - TOP - BOTTOM) * panel.y.part(value)


def _tick(label: str) -> str:
    return brief(label, LONGEST_TICK)


def _axes(panel: Panel) -> Iterable[Markup]:
    left, right = left_of(panel), WIDTH - RIGHT
    bottom = height_of(panel) - BOTTOM
    yield Markup('<text class="title" x="{:g}" y="14">{}</text>').format(
        left, brief(panel.title, LONGEST_TITLE)
    )
    for value, label in panel.y.ticks:
        y = y_of(panel, value)
        yield Markup('<path class="grid" d="M{:g} {:.1f}H{:g}"/>').format(
            left, y, right
        )
        yield Markup('<text x="{:g}" y="{:.1f}" text-anchor="end">{}</text>').format(
            left - 6, y + 4, _tick(label)
        )
    yield Markup('<path class="axis" d="M{:g} {:g}H{:g}"/>').format(left, bottom, right)
    for value, label in panel.x.ticks:
        x = x_of(panel, value)
        yield Markup('<path class="axis" d="M{:.1f} {:g}v4"/>').format(x, bottom)
        yield Markup('<text x="{:.1f}" y="{:g}" text-anchor="middle">{}</text>').format(
            x, bottom + 17, _tick(label)
        )
    yield Markup('<text x="{:g}" y="{:g}" text-anchor="middle">{}</text>').format(
        (left + right) / 2, bottom + BOTTOM - 8, plain(panel.x.label)
    )
    middle = (TOP + bottom) / 2
    yield Markup(
        '<text transform="translate(11 {:g}) rotate(-90)" text-anchor="middle">{}</text>'
    ).format(middle, plain(panel.y.label))


def _mark(panel: Panel, mark: Mark, link: Link) -> Iterable[Markup]:
    if isinstance(mark, Line):
        yield _line(panel, mark)
    elif isinstance(mark, Dots) and mark.steps:
        yield _step_dots(panel, mark, link)
    elif isinstance(mark, Dots):
        yield from _dots(panel, mark)
    elif isinstance(mark, Band):
        yield _band(panel, mark)
    elif isinstance(mark, Bars):
        yield from _bars(panel, mark)
    else:
        yield _rule(panel, mark)


def _line(panel: Panel, mark: Line) -> Markup:
    faint = "faint" if mark.faint else _dash(mark.series)
    return Markup('<path class="line stroke {} {}" d="{}"/>').format(
        colour(mark.series), faint, _path(panel, mark.xs, mark.ys)
    )


def _dots(panel: Panel, mark: Dots) -> Iterable[Markup]:
    along = panel.x if mark.across else panel.y
    for x, y, low, high in zip(mark.xs, mark.ys, mark.lows, mark.highs):
        if math.isfinite(low) and math.isfinite(high):
            low, high = max(low, along.low), min(high, along.high)
            if mark.across:
                place = f"M{x_of(panel, low):.1f} {y_of(panel, y):.1f}H{x_of(panel, high):.1f}"
            else:
                place = f"M{x_of(panel, x):.1f} {y_of(panel, low):.1f}V{y_of(panel, high):.1f}"
            yield Markup('<path class="whisker stroke {}" d="{}"/>').format(
                colour(mark.series), place
            )
    shapes = "".join(
        _shape(mark.series, x_of(panel, x), y_of(panel, y), mark.size)
        for x, y in zip(mark.xs, mark.ys, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    )
    yield Markup('<path class="dot fill {}{}" d="{}"/>').format(
        colour(mark.series), " faint" if mark.faint else "", shapes
    )


def _step_dots(panel: Panel, mark: Dots, link: Link) -> Markup:
    """Many dots in one path, as lines of no length with round ends; which steps they are
    stands beside, in their order."""
    there = [
        (f"M{x_of(panel, x):.1f} {y_of(panel, y):.1f}h0", link(*step))
        for x, y, step in zip(mark.xs, mark.ys, mark.steps, strict=True)
        if math.isfinite(y)
    ]
    return Markup(
        '<path class="step-dots stroke {}" stroke-width="{:g}" d="{}" data-steps="{}"/>'
    ).format(
        colour(mark.series),
        2 * mark.size,
        "".join(place for place, _ in there),
        " ".join(told for _, told in there),
    )


def _band(panel: Panel, mark: Band) -> Markup:
    known = [
        (x, low, high)
        for x, low, high in zip(mark.xs, mark.lows, mark.highs, strict=True)
        if math.isfinite(low) and math.isfinite(high)
    ]
    there = _path(panel, [k[0] for k in known], [k[2] for k in known])
    back = _path(panel, [k[0] for k in known][::-1], [k[1] for k in known][::-1])
    return Markup('<path class="band fill {}" d="{}"/>').format(
        colour(mark.series), f"{there}{back.replace('M', 'L')}Z" if known else ""
    )


def _bars(panel: Panel, mark: Bars) -> Iterable[Markup]:
    parts = []
    for low, high, height in zip(mark.edges, mark.edges[1:], mark.heights):
        if height:
            left, right = x_of(panel, low) + 0.5, x_of(panel, high) - 0.5
            zero, top = y_of(panel, 0), y_of(panel, height)
            parts.append(f"M{left:.1f} {zero:.1f}V{top:.1f}H{right:.1f}V{zero:.1f}Z")
    yield Markup('<path class="fill {}" d="{}"/>').format(
        colour(mark.series), "".join(parts)
    )


def _rule(panel: Panel, mark: Rule) -> Markup:
    if mark.x is not None:
        place = f"M{x_of(panel, mark.x):.1f} {TOP:g}V{height_of(panel) - BOTTOM:g}"
    else:
        place = f"M{left_of(panel):g} {y_of(panel, mark.y or 0):.1f}H{WIDTH - RIGHT:g}"
    look = "zero" if mark.series is None else f"whisker stroke {colour(mark.series)}"
    name = Markup(' data-mark="{}"').format(mark.name) if mark.name else ""
    return Markup('<path class="{}" d="{}"{}/>').format(look, place, name)


def _path(panel: Panel, xs: Sequence[float], ys: Sequence[float]) -> str:
    """Straight lines through the points; broken where one is not defined."""
    parts, begin = [], True
    for x, y in zip(xs, ys, strict=True):
        if math.isfinite(y):
            letter = "M" if begin else "L"
            parts.append(f"{letter}{x_of(panel, x):.1f} {y_of(panel, y):.1f}")
        begin = not math.isfinite(y)
    return "".join(parts)


def _dash(series: int) -> str:
    return f"dash{_shift(series) % SERIES + 1}"


def _shift(series: int) -> int:
    """Series in the same colour differ in dashes and shapes."""
    return series + series // SERIES


def _shape(series: int, x: float, y: float, r: float) -> str:
    """The outline of a dot: circle, square, triangle, diamond, triangle on its tip, bar."""
    outlines = (
        f"M{x - r:.1f} {y:.1f}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0Z",
        f"M{x - 0.9 * r:.1f} {y - 0.9 * r:.1f}h{1.8 * r:g}v{1.8 * r:g}h{-1.8 * r:g}Z",
        f"M{x:.1f} {y - 1.2 * r:.1f}l{1.2 * r:g} {2.1 * r:g}h{-2.4 * r:g}Z",
        f"M{x:.1f} {y - 1.3 * r:.1f}l{1.3 * r:g} {1.3 * r:g}l{-1.3 * r:g} {1.3 * r:g}l{-1.3 * r:g} {-1.3 * r:g}Z",
        f"M{x:.1f} {y + 1.2 * r:.1f}l{1.2 * r:g} {-2.1 * r:g}h{-2.4 * r:g}Z",
        f"M{x - 1.3 * r:.1f} {y - 0.5 * r:.1f}h{2.6 * r:g}v{r:g}h{-2.6 * r:g}Z",
    )
    return outlines[_shift(series) % SERIES]
