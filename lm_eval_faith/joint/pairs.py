"""Pairs of steps: what both do beyond what each does alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

from lm_eval_faith.chains.draw import Draw

Pair = tuple[int, int]


def interaction(both: float, first: float, second: float) -> float:
    """The effect of both less the effect of each, in nats.

    Over zero where each stands in for the other: with two places that state one value,
    either of which suffices, the effect of each is 0 and the interaction is that of both.
    Under zero where one gone is as bad as both: with two steps that are both needed, it is
    less their common effect.

    >>> interaction(4.0, 0.0, 0.0), interaction(4.0, 4.0, 4.0), interaction(4.0, 3.0, 1.0)
    (4.0, -4.0, 0.0)
    """
    return both - first - second


def of_groups(groups: Collection[Sequence[int]]) -> list[Pair]:
    """The pairs of steps that stand in a group together, each once, in order."""
    found = {pair for group in groups for pair in combinations(sorted(group), 2)}
    return sorted(found)


def others(n_steps: int, known: Collection[Pair], count: int, draw: Draw) -> list[Pair]:
    """So many of the other pairs, drawn; all of them where there are no more."""
    rest = [pair for pair in combinations(range(n_steps), 2) if pair not in set(known)]
    return sorted(draw.sample(rest, min(count, len(rest))))
