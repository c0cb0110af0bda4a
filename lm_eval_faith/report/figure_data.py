"""What figures show, as numbers: for the page and for papers alike."""

from __future__ import annotations

from dataclasses import dataclass

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Bootstrap, Estimate

from lm_eval_faith.report.generated import THRESHOLDS, WrittenSteps

POSITION_PARTS = 5
"""Equal parts of a chain in which the effect by position is told."""

PART_NAMES = tuple(
    f"{k / POSITION_PARTS:g}–{(k + 1) / POSITION_PARTS:g}"
    for k in range(POSITION_PARTS)
)
"""From where to where each part reaches, as a position."""

NARROWEST_BIN = 0.5
"""Nats of a bin of the histograms; wider ones where effects spread over more than 40."""


@dataclass(frozen=True)
class Histogram:
    """Shares of steps a bin: edges has one more than shares."""

    edges: np.ndarray
    shares: np.ndarray


def histogram_edges(effects: np.ndarray) -> np.ndarray:
    """Edges in nats, at whole multiples of the bins' width, zero among them."""
    if not len(effects):
        return np.array([0.0, NARROWEST_BIN])
    width = max(NARROWEST_BIN, float(np.ptp(effects)) / 40)
    first, last = np.floor(effects.min() / width), np.floor(effects.max() / width) + 1
    return np.arange(first, last + 0.5) * width


def histogram(effects: np.ndarray, edges: np.ndarray) -> Histogram:
    """The share of the effects in each bin."""
    counts = np.histogram(effects, edges)[0]
    return Histogram(edges, counts / max(1, len(effects)))


def caught_at(roc: tuple[np.ndarray, np.ndarray], flagged: float) -> float:
    """The share of load-bearing steps over a threshold that a share of decoys is over."""
    x, y = roc
    return float(y[x <= flagged + 1e-12].max()) if len(x) else float("nan")


def part_of_chain(position: np.ndarray) -> np.ndarray:
    """Which of the equal parts of its chain a step lies in, from 0."""
    part = (position * POSITION_PARTS).astype(int)
    capped: np.ndarray = np.minimum(part, POSITION_PARTS - 1)
    return capped


def means_by_part(
    effect: np.ndarray,
    position: np.ndarray,
    problem: np.ndarray,
    bootstrap: Bootstrap,
) -> tuple[Estimate, ...]:
    """The mean effect over the steps of each part of the chain, first part first."""
    part = part_of_chain(position)
    return tuple(
        stats.step_mean_estimate(effect[part == k], problem[part == k], bootstrap)
        for k in range(POSITION_PARTS)
    )


def curve_thresholds(threshold: float) -> tuple[float, ...]:
    """Bars in nats at which the share is told: the report's, the chosen one, and between."""
    between = np.concatenate(
        [np.arange(0, 2, 0.1), np.arange(2, 4, 0.25), np.arange(4, 8.1, 0.5)]
    )
    thresholds = {round(float(x), 6) for x in between} | set(THRESHOLDS) | {threshold}
    return tuple(sorted(thresholds))


def share_curve(
    steps: WrittenSteps, thresholds: tuple[float, ...], bootstrap: Bootstrap
) -> tuple[Estimate, ...]:
    """The share of steps at or over each threshold."""
    return stats.share_curve_estimate(
        steps.effect, steps.problem, thresholds, bootstrap
    )


@dataclass(frozen=True)
class Slope:
    """The least-squares line of effect on position in one problem, in nats."""

    problem: int
    at_start: float
    at_end: float


def slopes(steps: WrittenSteps) -> tuple[Slope, ...]:
    """One line a problem with at least three applicable steps at different positions."""
    lines = stats.within_problem_slopes(steps.effect, steps.position, steps.problem)
    ends = zip(lines.problem, lines.at_start, lines.at_end, strict=True)
    return tuple(Slope(int(k), float(start), float(end)) for k, start, end in ends)
