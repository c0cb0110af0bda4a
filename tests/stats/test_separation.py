"""Separation on cases small enough to see."""

import math

import numpy as np
import pytest
from lm_eval_faith_stats import DIFFERENCE, SEPARATED, SEPARATED_MEANS
from lm_eval_faith_stats.effects import problem_difference, problem_separated
from lm_eval_faith_stats.steps import group_steps

from .samples import sample

NAN = float("nan")
# problem 1: separated; 2: means only; 3: a tie; 4: no decoy applies; 5: neither.
EFFECT = [3, 2, 1, 5, 1, 2, 1, 1, 4, NAN, 0, 1]
LABEL = [1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0]
PROBLEM = [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5]
SAMPLE = sample(EFFECT, PROBLEM, LABEL)
STEPS = group_steps(EFFECT, PROBLEM, label=LABEL)


def test_a_problem_is_separated_when_every_load_bearing_effect_exceeds_every_decoy():
    assert problem_separated(STEPS) == pytest.approx([1, 0, 0, NAN, 0], nan_ok=True)
    assert SEPARATED.point(SAMPLE) == 0.25


def test_means_can_be_separated_where_steps_are_not():
    assert SEPARATED_MEANS.point(SAMPLE) == 0.5


def test_label_difference_is_the_mean_of_differences_of_means():
    assert problem_difference(STEPS) == pytest.approx([1.5, 1, 0, NAN, -1], nan_ok=True)
    assert DIFFERENCE.point(SAMPLE) == 0.375


def test_estimates_count_problems_and_steps_that_have_both_kinds():
    for estimator in (SEPARATED, SEPARATED_MEANS, DIFFERENCE):
        estimate = estimator.estimate(SAMPLE)
        assert (estimate.n_problems, estimate.n_steps) == (4, 10)
        assert estimate.n_missing == 1
        assert estimate.low <= estimate.point <= estimate.high


def test_the_interval_of_a_share_of_problems_contains_the_exact_binomial_quantiles():
    # 37 of 40: the interval of Wilson (1927) is [0.801, 0.974].
    problem = np.repeat(np.arange(40), 2)
    label = np.tile([1, 0], 40)
    effect = np.tile([1.0, 0.0], 40)
    effect[:6] = [0, 1, 0, 1, 0, 1]
    estimate = SEPARATED.estimate(sample(effect, problem, label))
    assert (estimate.low, estimate.high) == pytest.approx((0.801, 0.974), abs=0.012)


def test_without_both_kinds_nothing_is_separated_or_not():
    assert math.isnan(SEPARATED.point(sample([1.0], [1], [1])))
    assert math.isnan(DIFFERENCE.point(sample([], [], [])))


def test_a_label_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="second has an entry"):
        SEPARATED.point(sample([1.0, 2.0], [1, 1], [NAN, 1.0]))
