"""Curves: steps left out, or kept, one after the other.

Comprehensiveness leaves out the first steps of an order, sufficiency keeps only them
(DeYoung et al., ERASER, 1911.03429, section 4.2). There both are drops of probability,
averaged over a few sizes; here they are drops of log-probability, and the area under the
curve takes every size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lm_eval_faith.joint.questions import Kept


def sizes(n_steps: int, most: int) -> tuple[int, ...]:
    """How many steps are left out or kept: 0, ..., n; some of these, evenly, if there are more than ``most``.

    Both ends always belong to it.

    >>> sizes(4, 10), sizes(100, 5)
    ((0, 1, 2, 3, 4), (0, 25, 50, 75, 100))
    """
    points = max(min(most, n_steps + 1), 2)
    return tuple(
        dict.fromkeys(
            (2 * k * n_steps + points - 1) // (2 * (points - 1)) for k in range(points)
        )
    )


def left_out(order: Sequence[int], size: int) -> Kept:
    """The steps that stay where the first of an order are left out."""
    return frozenset(order[size:])


def kept(order: Sequence[int], size: int) -> Kept:
    """The steps that stay where only the first of an order are kept."""
    return frozenset(order[:size])


def area(sizes: Sequence[int], effects: Sequence[float]) -> float:
    """The area under a curve over the share of steps, 0 to 1: a mean effect in nats.

    By trapezoids; NaN where an effect is.

    >>> area([0, 1, 2], [0.0, 3.0, 5.0])
    2.75
    """
    pieces = [
        (high - low) * (before + after) / 2
        for low, high, before, after in zip(
            sizes, sizes[1:], effects, effects[1:], strict=False
        )
    ]
    return sum(pieces) / sizes[-1]


def by_effect(effects: Sequence[float]) -> tuple[int, ...]:
    """The order in which steps matter most when left out alone; earlier ones first among equals.

    Steps without an effect come last.
    """
    known = [k for k, effect in enumerate(effects) if not math.isnan(effect)]
    known.sort(key=lambda k: -effects[k])
    return (*known, *(k for k in range(len(effects)) if k not in set(known)))
