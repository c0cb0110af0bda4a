"""Scoring behind a prefix cache, against a stand-in for vLLM that keeps blocks as vLLM does."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from lm_eval_faith.engines import PrefixCache, TokenAsk
from lm_eval_faith.engines.prefix_cache import FIRST, PROVEN_BY, reading_order

BLOCK = 4


def nats(before: Sequence[int], token: int) -> float:
    """What the model says of a token behind others."""
    return -random.Random(f"{list(before)} {token}").uniform(0.01, 5.0)


class Output:
    def __init__(self, rows: Sequence[Any], cached: int) -> None:
        self.prompt_logprobs = rows
        self.num_cached_tokens = cached


class Served:
    """Keeps full blocks, takes what it can from them but the last token, and gives nothing of what it took.

    Args:
        holes: cached places hold what the memory held, as in vLLM's first runner; else they are left out.
        off_by: the error of all that is read behind the cache.
        at_once: requests that end with a step.
    """

    max_length = 64
    dtype = "float32"
    block_size = BLOCK

    def __init__(
        self, holes: bool = True, off_by: float = 0.0, at_once: int = 3
    ) -> None:
        self.holes, self.off_by, self.at_once = holes, off_by, at_once
        self.blocks: set[tuple[int, ...]] = set()
        self.waiting: list[tuple[str, tuple[int, ...], bool]] = []
        self.read: list[tuple[tuple[int, ...], int]] = []
        self.most_waiting_before_a_step: list[int] = []

    def scoring(self, cached: bool) -> Any:
        return cached

    def submit(self, ticket: str, tokens: Sequence[int], parameters: Any) -> None:
        self.waiting.append((ticket, tuple(tokens), parameters))

    def ended(self) -> list[tuple[str, Any]]:
        self.most_waiting_before_a_step.append(len(self.waiting))
        now, self.waiting = self.waiting[: self.at_once], self.waiting[self.at_once :]
        return [
            (ticket, self._output(tokens, cached)) for ticket, tokens, cached in now
        ]

    def drop(self, tickets: Sequence[str]) -> None:
        self.waiting = [asked for asked in self.waiting if asked[0] not in tickets]

    def _output(self, tokens: tuple[int, ...], cached: bool) -> Output:
        taken = 0
        while (
            cached
            and taken + BLOCK < len(tokens)
            and tokens[: taken + BLOCK] in self.blocks
        ):
            taken += BLOCK
        self.blocks |= {tokens[:n] for n in range(BLOCK, len(tokens) + 1, BLOCK)}
        self.read.append((tokens, taken))
        # Known are places behind a computed token.
        known = [
            {token: nats(tokens[:place], token) + (self.off_by if taken else 0.0)}
            for place, token in list(enumerate(tokens))[taken + 1 :]
        ]
        # What the memory held may well be the same token's row of another request.
        stale = [{token: -99.0} for token in tokens[1 : taken + 1]]
        lost = stale if self.holes else []
        return Output([None, *lost, *known], taken)


def parse(tokens: Sequence[int], rows: Sequence[Any]) -> tuple[float, bool]:
    return sum(row[token] for token, row in zip(tokens, rows)), False


def chains(seed: int, problems: int = 3, changes: int = 12) -> list[TokenAsk]:
    """Texts that share beginnings of any length, with answers of one to five tokens."""
    rng = random.Random(seed)
    asks = []
    for _ in range(problems):
        clean = [rng.randrange(50) for _ in range(rng.randint(10, 40))]
        answer = [rng.randrange(50) for _ in range(rng.randint(1, 5))]
        asks.append(TokenAsk(clean, answer))
        for _ in range(changes):
            cut = rng.randrange(1, len(clean))
            asks.append(
                TokenAsk(
                    [*clean[:cut], 50 + rng.randrange(3), *clean[cut + 1 :]], answer
                )
            )
    return asks


def expected(ask: TokenAsk) -> float:
    text = [*ask.context, *ask.continuation]
    return sum(
        nats(text[:place], text[place]) for place in range(len(ask.context), len(text))
    )


def scored(engine: PrefixCache, asks: Sequence[TokenAsk]) -> list[float]:
    found = {answer.index: answer.logprob for answer in engine.score(asks)}
    return [found[index] for index in range(len(asks))]


@pytest.mark.parametrize("holes", [True, False])
def test_answers_behind_the_cache_are_those_of_texts_read_whole(holes: bool) -> None:
    for seed in range(20):
        asks = chains(seed)
        engine = PrefixCache(Served(holes), parse)
        assert scored(engine, asks) == pytest.approx([*map(expected, asks)], abs=1e-12)
        assert engine.reason is None
        assert engine.counts.compared == PROVEN_BY


def test_a_block_that_is_shared_is_computed_once() -> None:
    asks = chains(1)
    served = Served()
    engine = PrefixCache(served, parse)
    scored(engine, asks)
    texts = {(*ask.context, *ask.continuation) for ask in asks}
    # Of each text the blocks that no other has begun with, and what fills no block; the last token always.
    seen: set[tuple[int, ...]] = set()
    computed = 0
    for text in sorted(texts):
        blocks = [text[:n] for n in range(BLOCK, len(text), BLOCK)]
        computed += len(text) - BLOCK * sum(block in seen for block in blocks)
        seen |= {*blocks, *([text] if len(text) % BLOCK == 0 else [])}
    compared = [
        len(text)
        for text, _ in served.read
        if [t for t, _ in served.read].count(text) > 1
    ]
    assert engine.counts.again == 0
    assert engine.counts.computed == computed + sum(compared) // 2


def test_an_answer_that_begins_in_the_cache_is_asked_for_again_without_it() -> None:
    clean = list(range(10))
    asks = [
        TokenAsk(clean, [11, 12, 13]),
        *(TokenAsk(clean, [11, 12, last]) for last in range(20, 30)),
    ]
    served = Served(at_once=1)
    engine = PrefixCache(served, parse)
    assert scored(engine, asks) == pytest.approx([*map(expected, asks)], abs=1e-12)
    assert engine.counts.again > 0
    whole = [text for text, taken in served.read if taken == 0]
    assert all(text in whole for text, taken in served.read if taken >= len(clean))


def test_a_cache_that_changes_the_numbers_is_not_read_and_nothing_that_it_said_is_used() -> (
    None
):
    asks = chains(2)
    engine = PrefixCache(Served(off_by=0.01), parse)
    assert scored(engine, asks) == pytest.approx([*map(expected, asks)], abs=1e-12)
    assert engine.reason is not None
    assert "behind its prefix cache but" in engine.reason
    read = engine.served.read[-1]  # type: ignore[attr-defined]
    assert read[1] == 0


def test_half_precision_may_differ_by_a_step_of_its_logits_and_no_more() -> None:
    for off_by, refused in ((0.05, False), (1.5, True)):
        served = Served(off_by=off_by)
        served.dtype = "bfloat16"
        engine = PrefixCache(served, parse)
        scored(
            engine, [TokenAsk(ask.context, ask.continuation[:2]) for ask in chains(3)]
        )
        assert (engine.reason is not None) == refused


def test_little_is_asked_before_it_is_known_whether_the_cache_can_be_read() -> None:
    served = Served(at_once=1)
    engine = PrefixCache(served, parse)
    asks = chains(4)
    for _ in engine.score(asks):
        if engine.counts.compared < PROVEN_BY:
            assert max(served.most_waiting_before_a_step) <= FIRST + PROVEN_BY
            assert engine.counts.texts - engine.counts.compared <= 2 * FIRST
    assert max(served.most_waiting_before_a_step) > FIRST + PROVEN_BY


def test_equal_asks_are_read_once() -> None:
    ask = TokenAsk([1, 2, 3], [4])
    engine = PrefixCache(Served(), parse)
    assert scored(engine, [ask, ask, ask]) == [expected(ask)] * 3
    assert engine.counts.texts == 1


def test_a_run_that_stops_leaves_nothing_under_way() -> None:
    served = Served()
    engine = PrefixCache(served, parse)
    answers = engine.score(chains(5))
    next(answers)
    answers.close()
    assert not served.waiting and not engine.take()
    assert scored(engine, chains(6)) == pytest.approx([*map(expected, chains(6))])


def test_a_text_that_is_too_long_loses_its_beginning_and_an_answer_never() -> None:
    long = TokenAsk([*range(100, 200)], [1, 2])
    kept = TokenAsk([*range(100, 200)][-(Served.max_length - 3) :], [1, 2])
    engine = PrefixCache(Served(), parse)
    assert scored(engine, [long]) == [expected(kept)]
    with pytest.raises(ValueError, match="continuation of 63 tokens"):
        [*engine.score([TokenAsk([1], [0] * 63)])]


def test_what_begins_alike_is_read_in_turn_and_what_was_asked_first_before_it() -> None:
    texts = [
        (7, 7, 7, 7, 1),
        (1, 1, 1, 1, 9, 9),
        (1, 1, 1, 1, 3),
        (7, 7, 7, 7, 0),
        (1, 1, 1, 1, 9, 2),
    ]
    assert reading_order(texts, 4) == [0, 3, 1, 2, 4]
