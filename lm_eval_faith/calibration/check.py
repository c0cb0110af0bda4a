"""One thing that must hold of an organism, and what was found."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lm_eval_faith_stats import Bootstrap, Estimate, exact_interval

Side = Literal["at least", "at most"]


@dataclass(frozen=True)
class Check:
    """A number that is known to lie on one side of a bound.

    Attributes:
        organism: its name.
        what: the number, in words.
        unit: ``share`` or ``auc``.
        estimate: the number, with its interval over problems, or over runs.
        side: where it must lie.
        bound: of the number.
        requests, tokens: what it takes, a problem; of tokens every beginning that requests
            of a problem have in common counts once.
    """

    organism: str
    what: str
    unit: Literal["share", "auc"]
    estimate: Estimate
    side: Side
    bound: float
    requests: float
    tokens: float

    @property
    def holds(self) -> bool:
        """The number is on the side of the bound where it must be."""
        point = self.estimate.point
        return point >= self.bound if self.side == "at least" else point <= self.bound

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {**asdict(self), "holds": self.holds}


def share_of(values: Iterable[bool], bootstrap: Bootstrap) -> Estimate:
    """The share of runs, or of chains, of which something is so; each is one by itself, so
    the interval is the exact one of Clopper and Pearson."""
    ones = list(values)
    level = bootstrap.confidence_level
    low, high = exact_interval(sum(ones), len(ones), level)
    point = sum(ones) / len(ones) if ones else math.nan
    return Estimate(point, low, high, level, "exact", len(ones), len(ones))
