"""What an intervention costs, in tokens that a model reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lm_eval_faith.engines.tree import distinct_tokens
from lm_eval_faith.harness.forecast import Cost
from lm_eval_faith.interventions.plan import variant_from_dict
from lm_eval_faith.records.outcome import n_requests

BESIDE = "beside"
"""Stands for what is asked about a chain behind its interventions: the card, or sets of steps."""


def costs(samples: Sequence[Mapping[str, Any]], tokenizer: Path) -> dict[str, Cost]:
    """The cost of each intervention, and of what is asked beside them (:data:`BESIDE`).

    Args:
        samples: of a run.
        tokenizer: the tokenizer's file.
    """
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
    """The cost of requests beside the clean one, all as token ids: of contexts and answers together.

    ``distinct`` are the tokens that remain where every beginning that they have in common
    with each other, or with the clean one, is read once.

    >>> cost([1, 2, 3], [[1, 2, 4], [1, 5]]).distinct
    2
    """
    total = distinct_tokens([tuple(clean), *map(tuple, requests)])
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
    if beside := list(rest):
        yield BESIDE, beside
