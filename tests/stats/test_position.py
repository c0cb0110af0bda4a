"""Position in the chain against SciPy, and on cases small enough to see."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval_faith_stats import (
    PEARSON,
    PEARSON_OVER_ZERO,
    SPEARMAN,
    SPEARMAN_POOLED,
    Bootstrap,
    Sample,
)
from lm_eval_faith_stats.correlation import (
    PooledSpearman,
    problem_pearson,
    problem_spearman,
)
from lm_eval_faith_stats.steps import group_steps
from scipy import stats as scipy_stats

from .samples import sample

NAN = float("nan")


def chains(seed, problems=12, decimals=6):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 9, problems)
    problem = np.repeat(np.arange(problems), n)
    k = np.concatenate([np.arange(m) for m in n])
    position = k / np.maximum(n[problem] - 1, 1)
    effect = np.round(position + rng.normal(size=len(k)), decimals)
    effect[rng.random(len(k)) < 0.1] = NAN
    return Sample(effect, problem, position)


@pytest.mark.parametrize("decimals", [0, 6])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_correlations_within_problems_are_those_of_scipy(decimals, seed):
    data = chains(seed, decimals=decimals)
    steps = group_steps(data.value, data.problem, position=data.second)
    pearson, spearman = problem_pearson(steps), problem_spearman(steps)
    kept = ~np.isnan(data.value)
    for row, k in enumerate(np.unique(data.problem[kept])):
        x = data.value[kept & (data.problem == k)]
        y = data.second[kept & (data.problem == k)]
        if len(x) < 3 or np.ptp(x) == 0:
            assert math.isnan(pearson[row])
            assert math.isnan(spearman[row])
        else:
            assert pearson[row] == pytest.approx(scipy_stats.pearsonr(x, y)[0])
            assert spearman[row] == pytest.approx(scipy_stats.spearmanr(x, y)[0])


@pytest.mark.parametrize("decimals", [0, 6])
def test_the_pooled_rank_correlation_is_that_of_scipy_at_any_weights(decimals):
    rng = np.random.default_rng(5)
    for seed in range(20):
        data = chains(seed, decimals=decimals)
        steps = group_steps(data.value, data.problem, position=data.second)
        pooled = PooledSpearman(steps)
        x, y = steps.value, steps.labels[0]
        assert pooled.value_at_sample() == pytest.approx(scipy_stats.spearmanr(x, y)[0])
        drawn = rng.multinomial(
            steps.n_problems, np.ones(steps.n_problems) / steps.n_problems
        )
        times = drawn[steps.problem]
        again = scipy_stats.spearmanr(np.repeat(x, times), np.repeat(y, times))[0]
        weights = drawn[np.newaxis].astype(float)
        assert pooled.value(weights)[0] == pytest.approx(again)
        _, influence = pooled.value_and_influence(weights)
        for k in range(0, steps.n_problems, 4):
            more = np.zeros_like(weights)
            more[0, k] = 1e-5
            slope = (pooled.value(weights + more) - pooled.value(weights - more)) / 2e-5
            assert influence[0, k] == pytest.approx(slope[0], abs=1e-6)


def test_the_pooled_rank_correlations_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = 6 / math.pi * math.asin(0.6 / 2)  # of a normal pair with correlation 0.6
    held = 0
    for seed in range(200):
        pair = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=40)
        data = Sample(pair[:, 0], np.arange(40), pair[:, 1])
        found = SPEARMAN_POOLED.estimate(data, Bootstrap(n_resamples=200, seed=seed))
        held += found.low <= truth <= found.high
    assert 180 <= held <= 198
    few = SPEARMAN_POOLED.estimate(sample([1, 2.0], [0.1, 0.2], [1, 2]))
    same = SPEARMAN_POOLED.estimate(sample([1, 1, 1.0], [1, 2, 3], [1, 2, 3]))
    assert math.isnan(few.point) and math.isnan(same.point)


def test_only_problems_with_three_steps_and_varying_effects_count():
    #         rises          too short   constant        falls
    effect = [1, 2, 3.0] + [9, 1.0] + [0.1, 0.1, 0.1] + [3, 2, 1.0]
    position = [0, 0.5, 1] + [0, 1] + [0, 0.5, 1] + [0, 0.5, 1]
    problem = [1] * 3 + [2] * 2 + [3] * 3 + [4] * 3
    data = sample(effect, problem, position)
    for estimator, expected in (
        (PEARSON, 0.0),
        (SPEARMAN, 0.0),
        (PEARSON_OVER_ZERO, 0.5),
    ):
        estimate = estimator.estimate(data)
        assert estimate.point == estimator.point(data) == pytest.approx(expected)
        assert (estimate.n_problems, estimate.n_steps) == (2, 6)


def test_a_mean_correlation_keeps_its_interval_within_minus_one_and_one():
    rng = np.random.default_rng(0)
    problem = np.repeat(np.arange(6), 4)
    position = np.tile(np.arange(4) / 3, 6)
    effect = position + 0.1 * rng.normal(size=24)
    estimate = PEARSON.estimate(Sample(effect, problem, position))
    assert -1 <= estimate.low <= estimate.point <= estimate.high <= 1
