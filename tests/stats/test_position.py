"""Position in the chain against SciPy, and on cases small enough to see."""

import math

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval_faith_stats import (
    position_correlation,
    position_correlation_estimate,
    position_rank_correlation,
    share_positive_correlation,
    share_positive_correlation_estimate,
    step_mean_estimate,
    third_mean_estimates,
    third_means,
    third_share_estimates,
    third_shares,
    within_problem_pearson,
    within_problem_spearman,
)
from scipy import stats as scipy_stats

NAN = float("nan")


def chains(seed, problems=12, decimals=6):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 9, problems)
    problem = np.repeat(np.arange(problems), n)
    k = np.concatenate([np.arange(m) for m in n])
    position = k / np.maximum(n[problem] - 1, 1)
    effect = np.round(position + rng.normal(size=len(k)), decimals)
    effect[rng.random(len(k)) < 0.1] = NAN
    return effect, position, 3 * k // n[problem], problem


def test_thirds_are_those_computed_by_hand():
    effect = [1.0, 3.0, NAN, 0.5, 4.0, 2.0]
    third = [0, 0, 1, 1, 2, 2]
    assert third_means(effect, third) == (2.0, 0.5, 3.0)
    assert third_shares(effect, third, 2.0) == (0.5, 0.0, 1.0)


def test_a_third_without_steps_is_nan_and_says_so():
    assert math.isnan(third_means([1.0], [0])[2])
    late = third_mean_estimates([1.0], [5], [0])[2]
    assert math.isnan(late.point)
    assert late.note == "no problem has a value"


def test_thirds_are_the_pooled_estimates_of_their_steps():
    effect, _, third, problem = chains(1)
    early = third_mean_estimates(effect, problem, third)[0]
    assert early == step_mean_estimate(effect[third == 0], problem[third == 0])
    shares = third_share_estimates(effect, problem, third, 0.5)
    assert [s.point for s in shares] == list(third_shares(effect, third, 0.5))


def test_a_third_other_than_zero_one_two_is_refused():
    with pytest.raises(ValueError, match="third must hold"):
        third_means([1.0, 2.0], [0, 3])


@pytest.mark.parametrize("decimals", [0, 6])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_correlations_within_problems_are_those_of_scipy(decimals, seed):
    effect, position, _, problem = chains(seed, decimals=decimals)
    kept = ~np.isnan(effect)
    pearson = within_problem_pearson(effect, position, problem)
    spearman = within_problem_spearman(effect, position, problem)
    for row, k in enumerate(np.unique(problem[kept])):
        x = effect[kept & (problem == k)]
        y = position[kept & (problem == k)]
        if len(x) < 3 or np.ptp(x) == 0:
            assert math.isnan(pearson[row])
            assert math.isnan(spearman[row])
        else:
            assert pearson[row] == pytest.approx(scipy_stats.pearsonr(x, y)[0])
            assert spearman[row] == pytest.approx(scipy_stats.spearmanr(x, y)[0])


def test_only_problems_with_three_steps_and_varying_effects_count():
    #         rises          too short   constant        falls
    effect = [1, 2, 3.0] + [9, 1.0] + [0.1, 0.1, 0.1] + [3, 2, 1.0]
    position = [0, 0.5, 1] + [0, 1] + [0, 0.5, 1] + [0, 0.5, 1]
    problem = [1] * 3 + [2] * 2 + [3] * 3 + [4] * 3
    assert within_problem_pearson(effect, position, problem) == pytest.approx(
        [1, NAN, NAN, -1], nan_ok=True
    )
    assert position_correlation(effect, position, problem) == pytest.approx(0)
    assert position_rank_correlation(effect, position, problem) == pytest.approx(0)
    assert share_positive_correlation(effect, position, problem) == 0.5
    for estimator in (
        position_correlation_estimate,
        share_positive_correlation_estimate,
    ):
        estimate = estimator(effect, position, problem)
        assert (estimate.n_problems, estimate.n_steps) == (2, 6)


def test_a_mean_correlation_keeps_its_interval_within_minus_one_and_one():
    rng = np.random.default_rng(0)
    problem = np.repeat(np.arange(6), 4)
    position = np.tile(np.arange(4) / 3, 6)
    effect = position + 0.1 * rng.normal(size=24)
    estimate = position_correlation_estimate(effect, position, problem)
    assert -1 <= estimate.low <= estimate.point <= estimate.high <= 1


def test_the_slope_of_a_problem_is_that_of_numpys_line():
    rng = np.random.default_rng(2)
    problem = np.repeat([5, 8, 20], [6, 2, 9])
    position, effect = rng.random(17), rng.normal(size=17)
    effect[3] = np.nan
    found = stats.within_problem_slopes(effect, position, problem)
    assert found.problem.tolist() == [5, 20]
    for k, one in enumerate(found.problem):
        here = (problem == one) & ~np.isnan(effect)
        slope, start = np.polyfit(position[here], effect[here], 1)
        assert found.at_start[k] == pytest.approx(start)
        assert found.at_end[k] == pytest.approx(start + slope)
