"""The forest holds every distinct prefix once, and its packs cut it without loss."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.engines import score
from lm_eval_faith.engines.packing import pack
from lm_eval_faith.engines.tree import build, truncate

LONGEST = 12
TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=9)
PAIRS = st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=12)


@given(PAIRS)
def test_a_forest_holds_every_distinct_prefix_once(
    pairs: list[tuple[list[int], list[int]]],
) -> None:
    forest = build(pairs, LONGEST)
    texts = [truncate(pair, LONGEST) for pair in pairs]
    prefixes = {text[:length] for text in texts for length in range(1, len(text) + 1)}
    read = [
        tuple(forest.tokens[[*forest.ancestors(index), index]].tolist())
        for index in range(len(forest))
    ]
    assert len(read) == len(set(read))
    assert set(read) == prefixes
    assert [len(text) - 1 for text in read] == forest.depths.tolist()


@given(PAIRS)
def test_a_token_lies_between_an_ancestor_and_its_end(
    pairs: list[tuple[list[int], list[int]]],
) -> None:
    forest = build(pairs, LONGEST)
    for index in range(len(forest)):
        between = [
            other for other in range(len(forest)) if other <= index < forest.ends[other]
        ]
        assert between == [*forest.ancestors(index), index]


@given(PAIRS)
def test_each_scored_token_is_predicted_by_the_text_before_it(
    pairs: list[tuple[list[int], list[int]]],
) -> None:
    forest = build(pairs, LONGEST)
    for owner, (context, continuation) in enumerate(pairs):
        mine = forest.owners == owner
        assert forest.targets[mine].tolist() == continuation
        last = int(forest.rows[mine][-1])
        assert tuple(forest.tokens[[*forest.ancestors(last), last]]) == truncate(
            (context, continuation), LONGEST
        )


@settings(deadline=None)
@given(PAIRS, st.integers(1, 40), st.integers(1, 10))
def test_packs_cover_the_forest_within_budget_and_blocks_hold_every_visible_key(
    pairs: list[tuple[list[int], list[int]]], max_tokens: int, max_rows: int
) -> None:
    forest = build(pairs, LONGEST)
    packs = list(pack(forest, max_tokens, max_rows))
    assert [0, *(this.stop for this in packs)] == [
        *(this.start for this in packs),
        len(forest),
    ]
    for this in packs:
        rows = {row for row in forest.rows.tolist() if this.start <= row < this.stop}
        assert this.stop - this.start <= max_tokens and len(rows) <= max_rows
        keys = np.concatenate([this.kept, np.arange(this.start, this.stop)])
        assert [0, *(b.stop for b in this.blocks)] == [
            *(b.start for b in this.blocks),
            this.stop - this.start,
        ]
        for block in this.blocks:
            held = set(keys[block.keys].tolist())
            for query in range(this.start + block.start, this.start + block.stop):
                assert held >= {*forest.ancestors(query).tolist(), query}


def test_an_answer_comes_as_soon_as_its_pass_is_done(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("llama (").model
    done: list[tuple[int, int]] = []
    answers = score(
        model,
        [([3, 4, 5], [6]), ([7, 8, 9], [6])],
        max_length=LONGEST,
        max_packed_tokens=4,
        progress=lambda *counts: done.append(counts),
    )
    assert next(answers).index == 0
    assert done == []
    assert next(answers).index == 1
    assert list(answers) == []
    assert done == [(4, 6), (6, 6)]


def test_scoring_twice_gives_the_same_numbers_in_the_same_order(
    backend_named: Callable[[str], HFLM],
) -> None:
    model = backend_named("llama (").model
    pairs = [([3, 4, token], [6, token]) for token in (9, 8, 7, 8)]
    assert list(score(model, pairs, max_length=LONGEST)) == list(
        score(model, pairs, max_length=LONGEST)
    )


@pytest.mark.parametrize(
    ("pair", "complaint"),
    [
        (([], [3]), "request 1: the context has no token"),
        (([3], []), "request 1: the continuation has no token"),
        (
            ([3], [4] * (LONGEST + 1)),
            "request 1: the continuation has 13 tokens, the model takes 12",
        ),
    ],
)
def test_a_request_that_cannot_be_scored_is_named(
    pair: tuple[list[int], list[int]],
    complaint: str,
    backend_named: Callable[[str], HFLM],
) -> None:
    with pytest.raises(ValueError, match=complaint):
        next(
            score(
                backend_named("llama (").model, [([3], [4]), pair], max_length=LONGEST
            )
        )
