"""Partial R-squared and slope against statsmodels, and what compares a value with another one."""

import numpy as np
import pytest
from lm_eval_faith_stats import (
    AUC,
    AUC_OVER_THIRD,
    BOOTSTRAP,
    PARTIAL_R2,
    PARTIAL_SLOPE,
    RATIO_OF_MEANS,
    SPEARMAN_OVER_THIRD,
    Sample,
)
from lm_eval_faith_stats.partial import partial_r2, partial_slope
from lm_eval_faith_stats.steps import group_steps
from scipy.stats import spearmanr


def world(seed, chains=12, longest=9):
    """Value, two variables that depend on each other, and the chain of each step."""
    rng = np.random.default_rng(seed)
    chain = np.repeat(np.arange(chains), rng.integers(2, longest, chains))
    x = rng.normal(size=len(chain)) + 0.3 * chain
    z = 0.6 * x + rng.normal(size=len(chain))
    y = rng.normal() * x + rng.normal() * z + rng.normal(size=len(chain)) + chain
    return y, x, z, chain


def centred(column, chain):
    return column - (np.bincount(chain, column) / np.bincount(chain))[chain]


def sample_of(y, x, z, chain, problem=None):
    y, x, z = (centred(column, chain) for column in (y, x, z))
    return Sample(y, chain if problem is None else problem, x, third=z)


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_a_regression_with_an_intercept_for_each_chain(seed):
    api = pytest.importorskip("statsmodels.api")
    y, x, z, chain = world(seed)
    dummies = (chain[:, np.newaxis] == np.unique(chain)).astype(float)
    fitted = api.OLS(y, np.column_stack([x, z, dummies])).fit()
    square = fitted.tvalues[0] ** 2
    sample = sample_of(y, x, z, chain)
    assert PARTIAL_SLOPE.point(sample) == pytest.approx(fitted.params[0], rel=1e-10)
    expected = square / (square + fitted.df_resid)
    assert PARTIAL_R2.point(sample) == pytest.approx(expected, rel=1e-10)


def test_without_a_third_it_is_the_squared_correlation():
    y, x, _, chain = world(7)
    y, x = centred(y, chain), centred(x, chain)
    found = PARTIAL_R2.point(Sample(y, chain, x))
    assert found == pytest.approx(np.corrcoef(y, x)[0, 1] ** 2, rel=1e-10)


def test_what_the_third_says_whole_leaves_nothing():
    y, x, _, chain = world(3)
    sample = sample_of(y, x, 2 * x, chain)
    assert np.isnan(PARTIAL_R2.point(sample))
    assert np.isnan(PARTIAL_SLOPE.point(sample))


def test_values_that_do_not_vary_have_no_share():
    _, x, z, chain = world(3)
    assert np.isnan(PARTIAL_R2.point(sample_of(0 * x, x, z, chain)))
    assert np.isnan(
        PARTIAL_R2.point(Sample(np.empty(0), np.empty(0, int), np.empty(0)))
    )


@pytest.mark.parametrize("seed", range(3))
def test_as_many_steps_as_means_and_slopes_have_no_share(seed):
    """A plane goes through any three points: in a chain of three steps it would always be 1."""
    y, x, z = np.random.default_rng(seed).normal(size=(3, 4))
    for n, known in (2, False), (3, False), (4, True):
        sample = sample_of(y[:n], x[:n], z[:n], np.zeros(n, int))
        assert np.isnan(PARTIAL_R2.point(sample)) != known


@pytest.mark.parametrize("made", [partial_r2, partial_slope])
def test_a_problem_drawn_again_counts_again_and_adds_what_its_influence_says(made):
    y, x, z, chain = world(11)
    y, x, z = (centred(column, chain) for column in (y, x, z))
    counts = np.array([2, 0, 1, 3, 1, 1, 0, 1, 2, 1, 0, 0])
    steps = made(group_steps(y, chain, second=x, third=z))
    drawn = np.repeat(np.arange(len(y)), counts[chain])
    again = made(group_steps(y[drawn], chain[drawn], second=x[drawn], third=z[drawn]))
    weights = counts[np.newaxis].astype(float)
    value, influence = steps.value_and_influence(weights)
    assert value[0] == pytest.approx(again.value_at_sample(), rel=1e-10)
    for problem in range(len(counts)):
        more = weights.copy()
        more[0, problem] += 1e-6
        slope = (steps.value(more)[0] - value[0]) / 1e-6
        assert slope == pytest.approx(influence[0, problem], abs=1e-5)
    assert (influence[0] @ counts) == pytest.approx(0, abs=1e-9)


def test_the_interval_of_a_share_lies_in_it_and_holds_it():
    found = PARTIAL_R2.estimate(sample_of(*world(2)), BOOTSTRAP)
    assert 0 <= found.low <= found.point <= found.high <= 1


def test_a_ratio_of_means_gives_every_problem_the_same_weight():
    sample = Sample(
        np.array([1.0, 3.0, 5.0, np.nan]),
        np.array([0, 0, 1, 1]),
        np.array([8.0, 8.0, 2.0, 2.0]),
    )
    assert RATIO_OF_MEANS.point(sample) == pytest.approx((2 + 5) / (8 + 2))


def test_an_auc_over_another_value_is_the_difference_of_the_two():
    rng = np.random.default_rng(1)
    problem, label = np.repeat(np.arange(20), 5), rng.integers(0, 2, 100).astype(float)
    value, third = label + rng.normal(size=100), rng.normal(size=100)
    found = AUC_OVER_THIRD.estimate(Sample(value, problem, label, third=third))
    apart = AUC.point(Sample(value, problem, label)) - AUC.point(
        Sample(third, problem, label)
    )
    assert found.point == pytest.approx(apart)
    assert found.low < found.point < found.high
    same = AUC_OVER_THIRD.estimate(Sample(value, problem, label, third=value))
    assert same.point == 0 and same.low <= 0 <= same.high


def test_a_rank_correlation_over_another_value_is_the_mean_difference():
    rng = np.random.default_rng(2)
    problem = np.repeat(np.arange(6), 7)
    value, truth, third = rng.normal(size=(3, 42))
    expected = [
        spearmanr(value[of], truth[of]).statistic
        - spearmanr(third[of], truth[of]).statistic
        for of in (problem == k for k in range(6))
    ]
    found = SPEARMAN_OVER_THIRD.point(Sample(value, problem, truth, third=third))
    assert found == pytest.approx(np.mean(expected))


def test_models_are_compared_by_them_too():
    one, other = world(4), world(5, chains=12)
    pairs = [
        by.all_pairs([sample_of(*one), sample_of(*other)], BOOTSTRAP, paired=True)[0]
        for by in (PARTIAL_R2, PARTIAL_SLOPE)
    ]
    for by, pair in zip((PARTIAL_R2, PARTIAL_SLOPE), pairs, strict=True):
        apart = by.point(sample_of(*one)) - by.point(sample_of(*other))
        assert pair.comparison.estimate.point == pytest.approx(apart)
        assert 0 < pair.comparison.p_value <= 1
