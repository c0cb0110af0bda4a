"""Searches for a core against brute force over all subsets."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.joint.core import (
    SEARCHES,
    certificate,
    core,
    in_place_of,
    most_scorings,
)
from lm_eval_faith.joint.questions import answered_by

MANY = 10**9


def greedy(score):
    return score[1]


def subsets(n):
    for size in range(n + 1):
        yield from map(frozenset, itertools.combinations(range(n), size))


def is_one_minimal(steps, keeps):
    """By definition 10 of Zeller and Hildebrandt, from the function itself."""
    whole = frozenset(steps)
    return keeps(whole) and not any(keeps(whole - {k}) for k in whole)


@st.composite
def monotone(draw):
    """Chains of 1 to 10 steps that keep the answer where one of some sets is kept."""
    n = draw(st.integers(1, 10))
    sets = draw(st.lists(st.frozensets(st.integers(0, n - 1)), min_size=1, max_size=5))
    order = draw(st.permutations(range(n)))
    return n, order, lambda kept: any(one <= kept for one in sets)


@st.composite
def any_function(draw):
    """Chains of 1 to 7 steps where more steps may hurt; the whole chain keeps the answer."""
    n = draw(st.integers(1, 7))
    truth = draw(st.lists(st.booleans(), min_size=2**n - 1, max_size=2**n - 1))
    table = dict(zip(subsets(n), [*truth, True], strict=True))
    return n, draw(st.permutations(range(n))), table.__getitem__


def searched(n, order, keeps, search, most=MANY):
    asked = []

    def score(kept):
        asked.append(kept)
        return (0.0, keeps(kept))

    found = answered_by(core(order, greedy, most, SEARCHES[search]), score)
    assert len(asked) == len(set(asked)) == found.scorings
    return found, set(asked)


@settings(max_examples=150, deadline=None)
@given(monotone(), st.sampled_from(sorted(SEARCHES)))
def test_where_more_steps_never_hurt_no_set_within_the_core_keeps_the_answer(
    world, search
):
    n, order, keeps = world
    found, asked = searched(n, order, keeps, search)
    smaller = [s for s in subsets(n) if keeps(s) and s < frozenset(found.steps)]
    assert keeps(frozenset(found.steps)) and not smaller
    assert set(certificate(found.steps)) <= asked
    assert found.ending == (
        "none_needed"
        if not found.steps
        else "all_needed"
        if len(found.steps) == n
        else "certified"
    )


@settings(max_examples=150, deadline=None)
@given(any_function(), st.sampled_from(sorted(SEARCHES)))
def test_whatever_the_function_a_core_is_one_minimal_and_its_certificate_was_scored(
    world, search
):
    n, order, keeps = world
    found, asked = searched(n, order, keeps, search)
    if found.ending == "none_needed":
        assert keeps(frozenset())
    else:
        assert is_one_minimal(found.steps, keeps)
        assert set(certificate(found.steps)) <= asked


@settings(max_examples=150, deadline=None)
@given(any_function(), st.integers(1, 40))
def test_a_spent_budget_is_said_and_what_is_left_keeps_the_answer(world, most):
    n, order, keeps = world
    found, _ = searched(n, order, keeps, "mixture", most)
    assert found.scorings <= most
    if found.ending == "budget":
        assert keeps(frozenset(found.steps)) or len(found.steps) == n


def test_the_mixture_is_within_its_bound_for_any_needed_steps():
    """2n + 4 where more steps never hurt: every pattern of needed steps to 12, then some."""
    for n in range(1, 13):
        for needed in subsets(n):
            found, _ = searched(n, range(n), needed.issubset, "mixture")
            assert found.steps == tuple(sorted(needed))
            assert found.scorings <= 2 * n + 4 <= most_scorings(n), (n, needed)


def test_the_mixture_is_cheap_where_few_steps_are_needed_and_where_most_are():
    n = 128
    for place in (0, 17, 64, 127):
        found, _ = searched(n, range(n), frozenset({place}).issubset, "mixture")
        # two logarithms of 128 up to the step, one behind it, certificate and the two ends
        assert found.steps == (place,)
        assert found.scorings <= 3 * math.log2(n) + 4
    found, _ = searched(n, range(n), lambda kept: len(kept) == n, "mixture")
    # each step once; the certificate asks the same; the clean chain and no step at all
    assert (found.ending, found.scorings) == ("all_needed", n + 2)


def test_early_steps_of_the_order_go_first():
    keeps_any = lambda kept: bool(kept & {2, 7})
    for search in SEARCHES:
        assert searched(10, range(10), keeps_any, search)[0].steps in ((2,), (7,))
    for search in ("mixture", "one_by_one"):
        assert searched(10, range(10), keeps_any, search)[0].steps == (7,)
        assert searched(10, range(9, -1, -1), keeps_any, search)[0].steps == (2,)


def test_a_clean_chain_that_misses_the_threshold_itself_has_no_core():
    found, _ = searched(3, range(3), lambda kept: False, "mixture")
    assert (found.ending, found.scorings) == ("clean_misses", 1)


@pytest.mark.parametrize("needed, ending", [((), "none_needed"), ((0,), "all_needed")])
def test_a_chain_of_one_step_needs_it_or_none(needed, ending):
    found, _ = searched(1, range(1), lambda kept: set(needed) <= kept, "mixture")
    assert (found.steps, found.ending, found.scorings) == (needed, ending, 2)


def test_a_score_that_is_no_number_does_not_keep_the_answer():
    def score(kept):
        return (-1.0 if len(kept) == 2 else math.nan, False)

    found = answered_by(core(range(2), lambda s: s[0] >= -2, MANY), score)
    assert found.ending == "all_needed"


def test_steps_that_suffice_in_place_of_one_of_the_core_are_found():
    """1 and one of 0, 3 are needed, with one of 2, 4: the core from the front is 1, 3, 4."""

    def keeps(kept):
        return 1 in kept and bool(kept & {0, 3}) and bool(kept & {2, 4})

    found, _ = searched(5, range(5), keeps, "mixture")
    assert found.steps == (1, 3, 4)
    everything = {k: range(5) for k in range(5)}
    standing_in = answered_by(
        in_place_of(found.steps, everything, greedy, MANY),
        lambda kept: (0.0, keeps(kept)),
    )
    assert standing_in == {3: (0,), 4: (2,)}
    assert (
        answered_by(
            in_place_of(found.steps, everything, greedy, 0), lambda kept: (0.0, True)
        )
        == {}
    )
