import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.joint.curve import area, by_effect, kept, left_out, sizes
from lm_eval_faith.joint.pairs import interaction, of_groups, others


@given(st.integers(1, 300), st.integers(1, 300))
def test_sizes_go_from_none_to_all_evenly_and_are_no_more_than_wanted(n, most):
    found = sizes(n, most)
    assert found[0] == 0 and found[-1] == n
    gaps = np.diff(found)
    assert (gaps > 0).all()
    assert gaps.max() - gaps.min() <= 1
    assert len(found) == max(2, min(most, n + 1))


@given(st.permutations(range(6)), st.integers(0, 6))
def test_what_is_left_out_and_what_is_kept_are_the_whole_chain(order, size):
    first = set(order[:size])
    assert kept(order, size) == first
    assert left_out(order, size) == set(range(6)) - first


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=20))
def test_the_area_is_scipys_trapezoids_over_the_share_of_steps(effects):
    where = sizes(40, len(effects))
    expected = trapezoid(effects, np.array(where) / 40)
    assert area(where, effects) == pytest.approx(expected, abs=1e-9)


def test_the_area_of_a_chain_whose_last_step_is_all_by_hand():
    """Four steps, 8 nats hang on the last: left out from the front 0 0 0 0 8, from the back 0 8 8 8 8."""
    where = sizes(4, 99)
    assert area(where, [0, 0, 0, 0, 8]) == 1.0
    assert area(where, [0, 8, 8, 8, 8]) == 7.0
    assert math.isnan(area(where, [0, 0, math.nan, 0, 8]))


def test_the_order_of_effects_has_the_largest_first_and_the_unknown_last():
    assert by_effect([0.5, math.nan, 2.0, 0.5, -1.0]) == (2, 0, 3, 4, 1)


def test_interactions_by_hand():
    # two places of which either suffices; two that are both needed; two that add up
    assert interaction(8.0, 0.0, 0.0) == 8.0
    assert interaction(8.0, 8.0, 8.0) == -8.0
    assert interaction(8.0, 5.0, 3.0) == 0.0


def test_pairs_that_state_the_same_value_stand_apart_from_the_others():
    groups = [(0, 3, 4), (3, 4), (1,), (2, 5)]
    same = of_groups(groups)
    assert same == [(0, 3), (0, 4), (2, 5), (3, 4)]
    every = set(itertools.combinations(range(6), 2))
    rest = others(6, same, 99, Draw(0))
    assert set(rest) == every - set(same)
    few = others(6, same, 4, Draw(0))
    assert len(few) == 4 and set(few) <= set(rest)
    assert others(6, same, 4, Draw(0)) == few
