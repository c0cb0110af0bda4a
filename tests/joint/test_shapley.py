import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.joint.shapley import (
    drawn_orders,
    enumerated,
    every_set,
    is_exact,
    prefixes,
    sampled,
)


def over_all_orders(n, value):
    """Shapley's definition: the mean of what a step adds, over all n! orders."""
    added = [[] for _ in range(n)]
    for order in itertools.permutations(range(n)):
        for k, step in enumerate(order):
            before = frozenset(order[:k])
            added[step].append(value(before | {step}) - value(before))
    return [sum(those) / len(those) for those in added]


def over_all_sets(n, weights, pairs):
    """Full enumeration of all 2^n sets of the game below, in arrays."""
    kept = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    worth = kept @ np.array(weights)
    worth += sum(4.0 * (kept[:, i] | kept[:, j]) for i, j in pairs)
    size = kept.sum(axis=1)
    weight = [1 / (n * math.comb(n - 1, k)) for k in range(n)]
    found = []
    for step in range(n):
        without = np.flatnonzero(kept[:, step] == 0)
        added = worth[without + 2**step] - worth[without]
        found.append(float((np.array(weight)[size[without]] * added).sum()))
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10**6))
def test_enumeration_is_the_mean_over_all_orders(n, seed):
    rng = random.Random(seed)
    table = {one: rng.gauss(0, 3) for one in every_set(n)}
    expected = over_all_orders(n, table.__getitem__)
    found = enumerated(n, table.__getitem__)
    assert [v.value for v in found] == pytest.approx(expected)
    assert {v.std_error for v in found} == {0.0}
    assert sum(v.value for v in found) == pytest.approx(
        table[frozenset(range(n))] - table[frozenset()]
    )


def test_two_steps_of_which_one_suffices_share_its_worth_and_an_idle_one_has_none():
    """v = 6 where 0 or 1 is kept: in an order the first of them adds 6. By hand 3, 3, 0."""
    found = enumerated(3, lambda kept: 6.0 if kept & {0, 1} else 0.0)
    assert [v.value for v in found] == pytest.approx([3.0, 3.0, 0.0])


@pytest.mark.parametrize("n", [4, 12, 20])
def test_drawn_orders_come_to_the_exact_values_within_their_standard_errors(n):
    """A game of weights and redundant pairs; exact by hand: an own weight, half of a pair's."""
    weights = [0.25 * (k % 4) for k in range(n)]
    pairs = [(0, n - 1), (1, 2)]

    def value(kept):
        own = sum(weights[k] for k in kept)
        return own + sum(4.0 * bool({i, j} & kept) for i, j in pairs)

    exact = [weights[k] + sum(2.0 for pair in pairs if k in pair) for k in range(n)]
    if n <= 12:
        assert [v.value for v in enumerated(n, value)] == pytest.approx(exact)
    assert over_all_sets(n, weights, pairs) == pytest.approx(exact)
    orders = drawn_orders(n, 400 * (n - 1) + 2, Draw(0, "test"))
    assert len(orders) == 400
    found = sampled(n, orders, value)
    for step, estimate in enumerate(found):
        assert abs(estimate.value - exact[step]) <= 4 * estimate.std_error + 1e-12
    assert sum(v.value for v in found) == pytest.approx(sum(exact))


def test_the_standard_error_is_that_of_a_mean_and_the_estimate_is_unbiased():
    """Of many estimates the mean is the exact value, their spread what each says."""

    def value(kept):
        return (
            8.0 if {0, 1} <= kept else 0.0
        )  # 4 each; it adds 8 or 0, half of the time

    found = [
        sampled(3, drawn_orders(3, 2 + 2 * 25, Draw(seed)), value)[0]
        for seed in range(400)
    ]
    values = np.array([v.value for v in found])
    spread = 4 / math.sqrt(25)
    assert abs(values.mean() - 4) < 4 * spread / math.sqrt(400)
    assert values.std() == pytest.approx(spread, rel=0.15)
    assert np.mean([v.std_error for v in found]) == pytest.approx(spread, rel=0.1)


def test_a_budget_is_kept_and_too_small_a_one_gives_no_orders():
    for n, budget in itertools.product((1, 2, 5, 30), (1, 2, 3, 10, 100)):
        orders = drawn_orders(n, budget, Draw(n, budget))
        asked = {one for order in orders for one in prefixes(order)}
        assert len(asked) <= budget
        assert len(orders) != 1
    assert drawn_orders(30, 59, Draw(0)) == ()
    assert len(drawn_orders(30, 60, Draw(0))) == 2


def test_every_set_is_scored_where_there_are_no_more_than_the_budget():
    for n in range(1, 12):
        assert len(set(every_set(n))) == 2**n
        assert is_exact(n, 2**n) and not is_exact(n, 2**n - 1)


def test_a_set_that_was_not_scored_leaves_its_steps_without_a_value():
    (value,) = sampled(1, [(0,), (0,)], lambda kept: math.nan)
    assert math.isnan(value.value) and math.isnan(value.std_error)
