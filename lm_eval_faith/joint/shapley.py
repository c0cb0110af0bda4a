"""Shapley values of steps: how much each adds to the answer's log-probability, on average.

The game's value is log p(answer given the steps that are kept). Orders are drawn, and in
each the steps come one after the other; what a step adds, averaged over orders, is an
unbiased estimate of its value (Castro, Gomez and Tejada, Polynomial calculation of the
Shapley value based on sampling, 2009). The values of a chain's steps sum to what all steps
together add.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.joint.questions import Kept

Order = tuple[int, ...]
Value = Callable[[Kept], float]

FEWEST_ORDERS = 2
"""With fewer there is no standard error."""


@dataclass(frozen=True)
class ShapleyValue:
    """Of one step.

    Attributes:
        value: in nats; NaN where a set could not be scored.
        std_error: of the value; 0 where it is exact.
    """

    value: float
    std_error: float


def drawn_orders(n_steps: int, budget: int, draw: Draw) -> tuple[Order, ...]:
    """As many orders as a number of scorings allows, each drawn by itself.

    No order and all orders share their first and last set, so each costs n - 1 beside them.
    None where fewer than two can be had.
    """
    count = (budget - 2) // max(n_steps - 1, 1)
    if count < FEWEST_ORDERS:
        return ()
    steps = range(n_steps)
    return tuple(tuple(draw.sample(steps, n_steps)) for _ in range(count))


def is_exact(n_steps: int, budget: int) -> bool:
    """Whether every set of steps can be scored."""
    return n_steps < budget.bit_length()


def prefixes(order: Order) -> tuple[Kept, ...]:
    """The sets that an order passes through: no step, ..., all of them."""
    return tuple(frozenset(order[:k]) for k in range(len(order) + 1))


def every_set(n_steps: int) -> tuple[Kept, ...]:
    """All sets of steps."""
    return tuple(
        frozenset(k for k in range(n_steps) if bits >> k & 1)
        for bits in range(2**n_steps)
    )


def sampled(n_steps: int, orders: Sequence[Order], value: Value) -> list[ShapleyValue]:
    """The mean of what each step adds in the orders, with its standard error."""
    added: list[list[float]] = [[] for _ in range(n_steps)]
    for order in orders:
        values = [value(one) for one in prefixes(order)]
        for step, before, after in zip(order, values, values[1:], strict=False):
            added[step].append(after - before)
    return [_mean(those) for those in added]


def enumerated(n_steps: int, value: Value) -> list[ShapleyValue]:
    """The exact values, from every set of steps (Shapley 1953)."""
    values = {one: value(one) for one in every_set(n_steps)}
    weights = [
        math.factorial(size)
        * math.factorial(n_steps - size - 1)
        / math.factorial(n_steps)
        for size in range(n_steps)
    ]
    return [
        ShapleyValue(
            math.fsum(
                weights[len(one)] * (values[one | {step}] - values[one])
                for one in values
                if step not in one
            ),
            0.0,
        )
        for step in range(n_steps)
    ]


def _mean(added: Sequence[float]) -> ShapleyValue:
    n = len(added)
    mean = math.fsum(added) / n
    squares = math.fsum((x - mean) ** 2 for x in added)
    return ShapleyValue(mean, math.sqrt(squares / (n - 1) / n))
