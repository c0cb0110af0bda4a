"""The core of a chain: a set of steps that keeps the answer, and none of which can go.

Such a set is 1-minimal in the sense of Zeller and Hildebrandt (Simplifying and Isolating
Failure-Inducing Input, IEEE TSE 2002, definition 10): it keeps the answer, and it loses it
with any one of its steps. Where more steps never hurt, no smaller set within it keeps the
answer; where they can, one may.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lm_eval_faith.joint.questions import (
    Asked,
    BudgetSpent,
    Keeps,
    Kept,
    Questions,
)

Ending = Literal["certified", "none_needed", "all_needed", "clean_misses", "budget"]
"""How a search ended: with a core that is certified, one of no step, or of all of them;
without, as the clean chain itself does not keep the answer, or the budget was spent."""

FOUND = ("certified", "none_needed", "all_needed")
"""Endings with a core."""


@dataclass(frozen=True)
class Core:
    """What a search found.

    Attributes:
        steps: of the core, ascending; where the budget was spent, of the smallest set that
            was seen to keep the answer.
        ending: how the search ended.
        scorings: how many different sets were scored, those of the certificate among them.
    """

    steps: tuple[int, ...]
    ending: Ending
    scorings: int


Test = Callable[[Sequence[int]], Questions[bool]]
"""Whether the answer stays where only these steps stay."""

Search = Callable[[Sequence[int], Test], Questions[list[int]]]
"""Finds steps that keep the answer, from all of them, which do."""


def most_scorings(n_steps: int) -> int:
    """What a search may cost, certificate included.

    The mixture stays under 2n + 4 where more steps never hurt. The rest is for chains
    where they do, and the certificate finds a step that can go after all.
    """
    return 3 * n_steps + 20


def galloping(order: Sequence[int], keeps: Test) -> Questions[list[int]]:
    """Leave out 1, 2, 4, ... steps at once; where the answer goes, halve to the step it hangs on.

    Cheap where few steps are needed (two logarithms a needed step) and where most are (one
    question each). Earlier steps of the order are the first to go.
    """
    kept, done = list(order), 0
    while done < len(kept):
        size = 1
        while (few := kept[done : done + size]) and (
            yield from keeps(kept[:done] + kept[done + size :])
        ):
            del kept[done : done + size]
            size *= 2
        low, high = 0, len(few)  # so many can go; so many cannot
        while high - low > 1:
            middle = (low + high) // 2
            if (yield from keeps(kept[:done] + kept[done + middle :])):
                low = middle
            else:
                high = middle
        del kept[done : done + low]
        done += 1
    return kept


def one_by_one(order: Sequence[int], keeps: Test) -> Questions[list[int]]:
    """Try to leave out each step once, in order."""
    kept = list(order)
    for step in order:
        rest = [k for k in kept if k != step]
        if (yield from keeps(rest)):
            kept = rest
    return kept


def delta_debugging(order: Sequence[int], keeps: Test) -> Questions[list[int]]:
    """The algorithm ``ddmin`` of Zeller and Hildebrandt (2002, figure 5)."""
    kept, parts = list(order), 2
    while len(kept) > 1:
        edges = [len(kept) * k // parts for k in range(parts + 1)]
        ranges = list(itertools.pairwise(edges))
        for low, high in ranges:
            if (yield from keeps(kept[low:high])):
                kept, parts = kept[low:high], 2
                break
        else:
            for low, high in ranges:
                rest = kept[:low] + kept[high:]
                if (yield from keeps(rest)):
                    kept, parts = rest, max(parts - 1, 2)
                    break
            else:
                if parts >= len(kept):
                    break
                parts = min(2 * parts, len(kept))
    return kept


SEARCHES: Mapping[str, Search] = {
    "mixture": galloping,
    "delta_debugging": delta_debugging,
    "one_by_one": one_by_one,
}


def core(
    order: Sequence[int], keeps: Keeps, most: int, search: Search = galloping
) -> Questions[Core]:
    """Search a core, and certify it: score it alone, and less each one of its steps.

    Args:
        order: all steps; a search tries to leave out the first of them first.
        keeps: whether a score keeps the answer.
        most: so many different sets may be scored.
        search: how.
    """
    asked = Asked(most)
    whole: Kept = frozenset(order)

    def test(steps: Sequence[int]) -> Questions[bool]:
        (score,) = yield from asked.about([frozenset(steps)])
        return keeps(score)

    def ended(steps: Kept, ending: Ending) -> Core:
        return Core(tuple(sorted(steps)), ending, len(asked.answers))

    try:
        if not (yield from test(tuple(order))):
            return ended(whole, "clean_misses")
        if (yield from test(())):
            return ended(frozenset(), "none_needed")
        kept = frozenset((yield from search(order, test)))
        while removable := (yield from _removable(kept, order, keeps, asked)):
            for step in removable:
                if (yield from test([k for k in order if k in kept - {step}])):
                    kept -= {step}
    except BudgetSpent:
        sufficing = [one for one, score in asked.answers.items() if keeps(score)]
        return ended(min(sufficing, key=len, default=whole), "budget")
    return ended(kept, "all_needed" if kept == whole else "certified")


def certificate(steps: Sequence[int]) -> tuple[Kept, ...]:
    """The sets whose scores say that a set is 1-minimal: itself, then less each step."""
    whole = frozenset(steps)
    return (whole, *(whole - {step} for step in steps))


def _removable(
    kept: Kept, order: Sequence[int], keeps: Keeps, asked: Asked
) -> Questions[list[int]]:
    """The steps that could each go alone; none once the set is certified."""
    steps = [k for k in order if k in kept]
    _, *less_one = yield from asked.about(certificate(steps))
    return [k for k, score in zip(steps, less_one, strict=True) if keeps(score)]


def in_place_of(
    steps: Sequence[int],
    candidates: Mapping[int, Sequence[int]],
    keeps: Keeps,
    most: int,
) -> Questions[dict[int, tuple[int, ...]]]:
    """For each step of a core the steps outside that suffice in its place.

    With it they are a group of which any one is enough.

    Args:
        steps: the core.
        candidates: for steps of it those that may stand in.
        keeps: whether a score keeps the answer.
        most: so many sets may be scored; further candidates are not tried.
    """
    whole = frozenset(steps)
    tried = [
        (step, other)
        for step in steps
        for other in candidates.get(step, ())
        if other not in whole
    ][:most]
    if not tried:
        return {}
    scores = yield [whole - {step} | {other} for step, other in tried]
    found: dict[int, tuple[int, ...]] = {}
    for (step, other), score in zip(tried, scores, strict=True):
        if keeps(score):
            found[step] = (*found.get(step, ()), other)
    return found
