"""What a prefix cache must compute, and engines that wait between stages, in cases that can be counted by hand."""

import itertools
import random
from collections.abc import Sequence

import pytest

from benchmarks.vllm import Chain, computed_tokens, waiting, without_waiting


def test_a_chunk_takes_as_long_as_its_longest_chain_and_then_what_is_read() -> None:
    chains = [Chain(10, 100), Chain(30, 100)]
    found = waiting(chains, chunk=2, slots=2, budget=100)
    # 10 steps with both texts, 20 with one of two slots, then 200 tokens in steps of 100.
    assert found.steps == 30 + 1 + 2
    assert found.idle == pytest.approx(1 - (10 + 10 + 2 + 1) / 33, abs=0.01)


def test_without_waiting_what_is_read_goes_beside_what_is_written() -> None:
    chains = [Chain(10, 900), Chain(30, 0)]
    found = without_waiting(chains, slots=2, budget=91)
    # Behind the first text 900 tokens are read in ten steps of 90 beside the second, which then goes on alone.
    assert found.steps == 30
    assert found.idle == pytest.approx(1 - (10 + 10 + 10 / 2) / 30)


def test_as_many_tokens_are_computed_as_no_full_block_holds() -> None:
    clean = ([1, 2, 3, 4, 5, 6], [7])
    assert computed_tokens([clean], 4) == 7
    # The second shares a block of four, the third three tokens and no block, the fourth all but its last token.
    assert computed_tokens([clean, ([1, 2, 3, 4, 9], [7])], 4) == 7 + 2
    assert computed_tokens([clean, ([1, 2, 3, 9, 9], [7])], 4) == 7 + 6
    # Equal texts are read once.
    assert computed_tokens([([1, 2, 3], [4]), ([1, 2, 3], [4])], 4) == 4


def test_no_order_of_reading_computes_less() -> None:
    rng = random.Random(0)
    for _ in range(30):
        texts = [rng.choices((1, 2), k=rng.randint(2, 7)) for _ in range(5)]
        least = min(
            computed_in_this_order(order, 2) for order in itertools.permutations(texts)
        )
        assert computed_tokens([(text[:-1], text[-1:]) for text in texts], 2) == least


def computed_in_this_order(texts: Sequence[Sequence[int]], block: int) -> int:
    """By vLLM's rule: full blocks are kept, and a text takes those that it begins with, but not its last token."""
    kept: list[Sequence[int]] = []
    total = 0
    for text in texts:
        if text in kept:  # equal texts are read once
            continue
        taken = 0
        while taken + block < len(text) and any(
            len(other) >= taken + block
            and other[: taken + block] == text[: taken + block]
            for other in kept
        ):
            taken += block
        total += len(text) - taken
        kept.append(text)
    return total
