"""What figures show, as numbers: for the page and for papers alike."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from lm_eval_faith_stats import (
    MEAN_OF_PROBLEMS,
    MEAN_OF_STEPS,
    SHARE_OF_STEPS,
    Bootstrap,
    Estimate,
    Sample,
)

from lm_eval_faith.metrics import at_least
from lm_eval_faith.records.columns import Columns, Floats

THRESHOLDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Where the curve of the share over thresholds is read, in nats."""

POSITION_PARTS = 5
"""Equal parts of a chain in which the effect by position is told."""

PART_EDGES = tuple(k / POSITION_PARTS for k in range(POSITION_PARTS + 1))
"""Where the parts begin and end, as positions."""

PART_CENTRES = tuple((k + 0.5) / POSITION_PARTS for k in range(POSITION_PARTS))
"""The middle of each part, as a position."""

PART_NAMES = tuple(f"{a:g}–{b:g}" for a, b in itertools.pairwise(PART_EDGES))
"""From where to where each part reaches."""

NARROWEST_BIN = 0.5
"""Nats of a bin of the histograms; wider ones where effects spread over more than 40."""


@dataclass(frozen=True)
class Histogram:
    """Shares of steps a bin: edges has one more than shares."""

    edges: np.ndarray
    shares: np.ndarray


def histogram_edges(effects: np.ndarray) -> np.ndarray:
    """Edges in nats; zero is the middle of a bin, so that a spike there is one bar."""
    if not len(effects):
        return np.array([-NARROWEST_BIN / 2, NARROWEST_BIN / 2])
    width = max(NARROWEST_BIN, float(np.ptp(effects)) / 40)
    first = np.floor(effects.min() / width + 0.5)
    last = np.floor(effects.max() / width + 0.5)
    edges: np.ndarray = (np.arange(first, last + 1.5) - 0.5) * width
    return edges


def histogram(effects: np.ndarray, edges: np.ndarray, weight: np.ndarray) -> Histogram:
    """The weighted share of the effects in each bin."""
    total = float(weight.sum())
    counts = np.histogram(effects, edges, weights=weight)[0]
    return Histogram(edges, counts / (total or 1.0))


MOSTLY_ZERO = 0.5
"""Share of effects in the bin round zero from which a histogram shows only that bin."""


def mostly_zero(effects: np.ndarray, weight: np.ndarray) -> bool:
    """Whether half of the effects or more lie in the histogram's bin round zero."""
    near = np.abs(effects) <= NARROWEST_BIN / 2
    return bool(len(effects)) and float(weight[near].sum()) >= MOSTLY_ZERO * float(
        weight.sum()
    )


def cumulative(
    effects: np.ndarray, weight: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The weighted share of the effects that are at most so large: corners of a stair.

    Args:
        effects: in nats, all known.
        weight: of each.
        most: about so many corners at most; effects between are left out of the drawing.
    """
    order = np.argsort(effects, kind="stable")
    total = float(weight.sum()) or 1.0
    share = np.cumsum(weight[order]) / total
    last = np.flatnonzero(np.diff(effects[order], append=np.inf))
    chosen = spread(last, most // 2)
    xs, tops = effects[order][chosen], share[chosen]
    below = np.concatenate([[0.0], tops[:-1]])
    return np.repeat(xs, 2), np.column_stack([below, tops]).ravel()


def caught_at(roc: tuple[np.ndarray, np.ndarray], flagged: float) -> float:
    """The share of load-bearing steps over a threshold that a share of decoys is over."""
    x, y = roc
    return float(y[x <= flagged + 1e-12].max()) if len(x) else float("nan")


def part_of_chain(position: np.ndarray) -> np.ndarray:
    """Which of the equal parts of its chain a step lies in, from 0."""
    part = (position * POSITION_PARTS).astype(int)
    capped: np.ndarray = np.minimum(part, POSITION_PARTS - 1)
    return capped


def means_by_part(steps: Columns, bootstrap: Bootstrap) -> tuple[Estimate, ...]:
    """The mean effect over the steps of each part of the chain, first part first."""
    part = part_of_chain(steps.position)
    return tuple(
        MEAN_OF_STEPS.estimate(
            Sample(
                steps.effect[part == k],
                steps.problem[part == k],
                weight=steps.weight[part == k],
            ),
            bootstrap,
        )
        for k in range(POSITION_PARTS)
    )


def curve_thresholds(threshold: float) -> tuple[float, ...]:
    """Nats at which the share is told: the report's, the chosen one, and between."""
    between = np.concatenate(
        [np.arange(0, 2, 0.1), np.arange(2, 4, 0.25), np.arange(4, 8.1, 0.5)]
    )
    thresholds = {round(float(x), 6) for x in between} | set(THRESHOLDS) | {threshold}
    return tuple(sorted(thresholds))


def share_curve(
    steps: Columns, thresholds: tuple[float, ...], bootstrap: Bootstrap
) -> tuple[Estimate, ...]:
    """The share of steps at or over each threshold. Intervals are pointwise."""
    return tuple(
        SHARE_OF_STEPS.estimate(
            Sample(
                at_least(steps.effect, threshold), steps.problem, weight=steps.weight
            ),
            bootstrap,
        )
        for threshold in thresholds
    )


def within_reach(effects: Floats) -> Floats:
    """The middle 99% of the effects: a single extreme one would flatten the rest."""
    known: Floats = effects[~np.isnan(effects)]
    if len(known):
        low, high = np.quantile(known, [0.005, 0.995])
        known = known[(known >= low) & (known <= high)]
    return known


def spread(indices: np.ndarray, most: int) -> np.ndarray:
    """At most so many of them, evenly chosen, the first and the last among them."""
    if len(indices) <= most:
        return indices
    places = np.linspace(0, len(indices) - 1, most).round().astype(int)
    chosen: np.ndarray = indices[places]
    return chosen


SET_SHARES = tuple(k / 10 for k in range(11))
"""Shares of the steps at which the curves of sets are read."""


def set_curve(points: Columns, bootstrap: Bootstrap) -> tuple[Estimate, ...]:
    """The effect, mean over problems, where a share of the steps is left out or kept.

    Between the sizes that were scored a chain's curve is a straight line, as in its area.

    Args:
        points: rows of sets, of one order, left out or kept.
        bootstrap: how the intervals are made; they are pointwise.
    """
    keys = np.char.add(
        np.char.add(points.model.astype(str), "\0"),
        np.char.add(
            np.char.add(points.task.astype(str), "\0"), points.chain.astype(str)
        ),
    )
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    share = points.n_members / points.n_steps
    read = np.array(
        [
            np.interp(SET_SHARES, share[place == k], points.effect[place == k])
            for k in range(len(first))
        ]
    ).reshape(len(first), len(SET_SHARES))
    problem = points.problem[first]
    return tuple(
        MEAN_OF_PROBLEMS.estimate(Sample(read[:, k], problem), bootstrap)
        for k in range(len(SET_SHARES))
    )
