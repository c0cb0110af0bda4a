"""One estimator a kind of number, and pairs of samples by the same statistic."""

import doctest
import importlib
import inspect
import math
import pkgutil
from dataclasses import replace

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap, PairComparison, Sample
from lm_eval_faith_stats.bootstrap import estimate_of, resample
from lm_eval_faith_stats.compare import (
    PairedDifference,
    UnpairedDifference,
    p_value_of,
)
from lm_eval_faith_stats.steps import group_steps
from scipy.stats import binomtest

NAN = float("nan")

FAST = Bootstrap(n_resamples=200)


def skewed(seed, n_problems=40, n_steps=400, missing=0.1):
    """Steps of problems whose ids have gaps; a few problems carry much of the effect."""
    rng = np.random.default_rng(seed)
    problem = np.sort(rng.integers(0, n_problems, n_steps)) * 7 - 3
    value = np.exp(1.5 * rng.normal(size=n_steps)) * rng.choice([1, 1, -1], n_steps)
    value *= np.where(problem % 11 == 0, 20, 1)
    value[rng.random(n_steps) < missing] = np.nan
    return Sample(value, problem, rng.random(n_steps))


def labelled(sample):
    return Sample(sample.value, sample.problem, (sample.second > 0.4).astype(float))


def share(sample):
    return Sample(
        np.where(np.isnan(sample.value), np.nan, sample.value > 1), sample.problem
    )


def test_estimators_of_means_are_those_computed_by_hand():
    sample = Sample(
        np.array([1.0, 3.0, 10.0, NAN, 4.0, 0.0]),
        np.array([7, 7, 9, 9, -2, -2]),
        np.array([1.0, 0.0, 1.0, 1.0, 1.0, 0.0]),
    )
    # Problem means 2, 2 and 10; label differences -2 (problem 7) and 4 (-2), none in problem 9.
    assert stats.MEAN_OF_PROBLEMS.point(sample) == pytest.approx(14 / 3)
    assert stats.MEAN_OF_STEPS.point(sample) == pytest.approx(18 / 5)
    assert stats.DIFFERENCE.point(sample) == pytest.approx(1)
    assert stats.SEPARATED_MEANS.point(sample) == stats.SEPARATED.point(sample) == 0.5
    assert stats.MEDIAN.point(sample) == 3
    # Load-bearing 1, 10, 4 against decoys 3, 0: five of six pairs won.
    assert stats.AUC.point(sample) == pytest.approx(5 / 6)
    assert stats.AUC_WITHIN.point(sample) == 0.5
    g = stats.HEDGES_G.estimate(sample, FAST)
    assert (g.n_problems, g.n_steps, g.n_missing) == (2, 4, 1)
    found = stats.DIFFERENCE.estimate(sample, FAST)
    assert (found.n_problems, found.n_steps, found.n_missing) == (2, 4, 1)
    found = stats.MEAN_OF_STEPS.estimate(sample, FAST)
    assert (found.n_problems, found.n_steps, found.n_missing) == (3, 5, 1)


def test_what_an_estimator_can_be_bounds_its_interval():
    logprobs = Sample(np.array([-0.01, -0.02, -0.5, -9.0]), np.arange(4))
    free = stats.MEAN_OF_PROBLEMS.estimate(logprobs, FAST)
    bounded = replace(stats.MEAN_OF_PROBLEMS, highest=0.0).estimate(logprobs, FAST)
    assert free.high > 0 == bounded.high and bounded.low == free.low


def three(seed, **changes):
    return [skewed(seed + k, **changes) for k in range(3)]


def ends(comparison):
    e = comparison.estimate
    return e.point, e.low, e.high, e.standard_error, comparison.p_value


def by_itself(estimator, one, other, bootstrap, paired):
    """A pair's difference, resampled alone and by influences, without the products of sums."""
    models = [group_steps(s.value, s.problem) for s in (one, other)]
    if paired:
        ids = np.intersect1d(*(m.ids for m in models))
        models = [m.of_problems(ids) for m in models]
    both = (PairedDifference if paired else UnpairedDifference)(
        *(estimator.statistic(m) for m in models)
    )
    fewer = min(m.n_problems for m in models)
    sampled = resample(both, both.value_at_sample(), bootstrap, "studentised", fewer)
    estimate = estimate_of(sampled, bootstrap.confidence_level, n_steps=0)
    return ends(stats.Comparison(estimate, p_value_of(sampled), paired))


def test_pairs_are_the_same_whether_resampled_together_or_each_by_itself():
    # Fewer steps than problems, so that models share some problems only; one problem shared; none.
    for changes in ({}, {"n_steps": 60}, {"n_problems": 5, "n_steps": 9}):
        samples = three(4, **changes)
        for estimator in (stats.MEAN_OF_STEPS, stats.MEAN_OF_PROBLEMS):
            for paired in (True, False):
                pairs = estimator.all_pairs(samples, FAST, paired)
                assert [(p.first, p.second) for p in pairs] == [(0, 1), (0, 2), (1, 2)]
                for pair in pairs:
                    one, other = samples[pair.first], samples[pair.second]
                    alone = by_itself(estimator, one, other, FAST, paired)
                    found = ends(pair.comparison)
                    assert found == pytest.approx(alone, rel=1e-9, nan_ok=True)


def test_a_few_large_problems_do_not_make_an_unpaired_interval_endless():
    # Of 20 problems each, two or three large: without the floor under a resample's error, thousands of nats wide.
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=20) * 0.01 for _ in range(3)]
    rows[0][:2], rows[1][:3], rows[2][:1] = 20.0, 15.0, 40.0
    samples = [Sample(row, np.arange(20) + 100 * k) for k, row in enumerate(rows)]
    bootstrap = Bootstrap(n_resamples=2000)
    for pair in stats.MEAN_OF_PROBLEMS.all_pairs(samples, bootstrap, paired=False):
        one, other = samples[pair.first], samples[pair.second]
        alone = by_itself(stats.MEAN_OF_PROBLEMS, one, other, bootstrap, False)
        assert ends(pair.comparison) == pytest.approx(alone)
        estimate = pair.comparison.estimate
        assert (estimate.n_problems, estimate.n_steps) == (40, 40)
        assert estimate.high - estimate.low < 40 * estimate.standard_error


def test_p_values_are_adjusted_over_the_pairs_of_the_call():
    pairs = stats.MEAN_OF_PROBLEMS.all_pairs(three(8), FAST, paired=False)
    p_values = [pair.comparison.p_value for pair in pairs]
    assert [pair.p_holm for pair in pairs] == list(stats.holm(p_values))
    assert [pair.p_bh for pair in pairs] == list(stats.benjamini_hochberg(p_values))


def test_every_estimator_compares_samples_both_ways_and_stays_within_what_can_be():
    named = {
        name: value
        for name, value in vars(stats).items()
        if isinstance(value, stats.Estimator)
    }
    assert len(named) >= 15
    for name, estimator in named.items():
        samples = three(2)
        if name.startswith("SHARE"):
            samples = [share(s) for s in samples]
        elif "PEARSON" not in name and "SPEARMAN" not in name:
            samples = [labelled(s) for s in samples]
        if "THIRD" in name or "PARTIAL" in name:
            rng = np.random.default_rng(1)
            samples = [replace(s, third=rng.random(len(s.value))) for s in samples]
        for paired in (True, False):
            for pair in estimator.all_pairs(samples, FAST, paired=paired):
                e = pair.comparison.estimate
                assert np.isfinite([e.low, e.high, pair.comparison.p_value]).all(), name
                assert e.low <= e.point <= e.high
                assert estimator.lowest - estimator.highest <= e.low
                assert e.high <= estimator.highest - estimator.lowest


def test_the_heaviest_problem_is_the_one_whose_loss_shrinks_the_variance_most():
    plain = skewed(6)
    for estimator in (stats.MEAN_OF_PROBLEMS, stats.MEAN_OF_STEPS, stats.DIFFERENCE):
        sample = labelled(plain)
        found = estimator.heaviest(sample)
        assert found.problem % 11 == 0 and 0 < found.share < 1
        # Of a mean the shares are squared distances from it.
        if estimator is stats.MEAN_OF_PROBLEMS:
            there = ~np.isnan(plain.value)
            ids = np.unique(plain.problem[there])
            means = np.array(
                [plain.value[there & (plain.problem == k)].mean() for k in ids]
            )
            squares = (means - means.mean()) ** 2
            assert found.share == pytest.approx(squares.max() / squares.sum())
            assert found.problem == ids[squares.argmax()]
    even = Sample(np.array([1.0, -1.0, 1.0, -1.0]), np.arange(4))
    assert stats.MEAN_OF_PROBLEMS.heaviest(even).share == pytest.approx(0.25)
    nothing = Sample(np.full(3, np.nan), np.arange(3))
    assert np.isnan(stats.MEAN_OF_PROBLEMS.heaviest(nothing).share)


def test_rank_ranges_count_those_significantly_above_and_below():
    nan = float("nan")
    nothing = stats.Estimate(nan, nan, nan, 0.95, "none", 0, 0)

    def pair(first, second, difference, p):
        estimate = replace(nothing, point=difference)
        return PairComparison(first, second, stats.Comparison(estimate, p, True), p, p)

    pairs = [
        pair(0, 1, 0.1, 0.5),
        pair(0, 2, 2.0, 0.01),
        pair(0, 3, 3.0, 0.01),
        pair(1, 2, 1.9, 0.049),
        pair(1, 3, 1.0, nan),
        pair(3, 2, -1.0, 0.01),
    ]
    ranges = [(r.best, r.worst) for r in stats.rank_ranges(4, pairs)]
    assert ranges == [(1, 2), (1, 3), (3, 3), (3, 4)]
    assert [r.best for r in stats.rank_ranges(4, pairs, 0.999)] == [1, 1, 1, 1]


def test_every_public_function_has_an_example():
    for name in stats.__all__:
        made = getattr(stats, name)
        if inspect.isfunction(made):
            assert ">>>" in (made.__doc__ or ""), name


def test_examples_in_docstrings_give_what_they_say():
    for module in pkgutil.iter_modules(stats.__path__):
        loaded = importlib.import_module(f"lm_eval_faith_stats.{module.name}")
        assert doctest.testmod(loaded, optionflags=doctest.ELLIPSIS).failed == 0, (
            module.name
        )


def test_exact_intervals_of_shares_are_those_of_scipy():
    for n in (1, 10, 72):
        for hits in {0, 1, n // 2, n}:
            wanted = binomtest(hits, n).proportion_ci(0.9, "exact")
            assert stats.exact_interval(hits, n, 0.9) == pytest.approx(wanted, abs=1e-9)
    assert all(map(math.isnan, stats.exact_interval(0, 0, 0.9)))


def test_of_two_problems_there_is_no_interval():
    two = Sample(np.array([1.0, 9.0, 2.0, 3.0]), np.array([0, 1, 0, 1]))
    three = Sample(np.append(two.value, 4.0), np.append(two.problem, 2))
    found = stats.MEAN_OF_STEPS.estimate(two, FAST)
    assert found.point == 3.75 and np.isnan([found.low, found.high]).all()
    assert found.note == "2 problems: no interval"
    assert np.isfinite(stats.MEAN_OF_STEPS.estimate(three, FAST).low)
    (pair,) = stats.MEAN_OF_STEPS.all_pairs([two, two], FAST, paired=True)
    assert np.isnan(pair.comparison.p_value)


def test_the_heaviest_problem_of_a_difference_is_that_of_the_problems_differences():
    rng = np.random.default_rng(3)
    problem = np.arange(40)
    one, other = rng.normal(size=40), rng.normal(size=40)
    one[17] = 12.0
    first, second = Sample(one, problem), Sample(other[:39], problem[:39])
    by = stats.MEAN_OF_PROBLEMS
    apart = Sample(one[:39] - other[:39], problem[:39])
    found = by.heaviest(first, second)
    assert found.problem == 17
    assert found.share == pytest.approx(by.heaviest(apart).share)
    centred = apart.value - apart.value.mean()
    assert found.share == pytest.approx(centred[17] ** 2 / (centred @ centred))
