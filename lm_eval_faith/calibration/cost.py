"""What an intervention costs, in tokens that a model reads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval_faith.interventions.plan import variant_from_dict
from lm_eval_faith.records.outcome import n_requests


@dataclass(frozen=True)
class Cost:
    """Of one intervention over all problems, the clean chain not counted.

    Attributes:
        requests: log-likelihood requests.
        tokens: of contexts and answers together: what a backend without a prefix cache
            reads.
        distinct: those that remain where every beginning that requests of one problem,
            the clean one included, have in common is read once.
    """

    requests: int = 0
    tokens: int = 0
    distinct: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.distinct + other.distinct,
        )


def costs(samples: Sequence[Mapping[str, Any]], tokenizer: Path) -> dict[str, Cost]:
    """The cost of each intervention, from the samples of a run and a tokenizer's file."""
    from tokenizers import Tokenizer

    encode = Tokenizer.from_file(str(tokenizer)).encode
    found: dict[str, Cost] = {}
    for sample in samples:
        texts = ["".join(request) for request in sample["arguments"]]
        requests = [
            encode(text, add_special_tokens=False).ids if text else [] for text in texts
        ]
        for name, own in _by_intervention(sample["doc"], requests[1:]):
            found[name] = found.get(name, Cost()) + cost(requests[0], own)
    return found


def cost(clean: Sequence[int], requests: Sequence[Sequence[int]]) -> Cost:
    """The cost of requests beside the clean one, all as token ids.

    >>> cost([1, 2, 3], [[1, 2, 4], [1, 5]])
    Cost(requests=2, tokens=5, distinct=2)
    """
    ordered = sorted([list(clean), *map(list, requests)])
    total = len(ordered[0]) + sum(
        len(after) - _common(before, after)
        for before, after in itertools.pairwise(ordered)
    )
    return Cost(len(requests), sum(map(len, requests)), total - len(clean))


def _by_intervention(
    doc: Mapping[str, Any], requests: Sequence[Sequence[int]]
) -> Iterator[tuple[str, Sequence[Sequence[int]]]]:
    """The requests that follow the clean one, in the order of a chain's requests."""
    rest = iter(requests)
    for plain in doc["interventions"]:
        variant = variant_from_dict(plain)
        yield (
            variant.intervention,
            [next(rest) for _ in range(n_requests([variant]) - 1)],
        )


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two lists begin with alike."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))
