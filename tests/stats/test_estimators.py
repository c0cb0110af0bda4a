"""One estimator a kind of number, and pairs of samples by the same statistic."""

import doctest
import importlib
import pkgutil
from dataclasses import astuple, replace

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap, PairComparison, Sample

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


def close(found, expected):
    """The same estimate: intervals to the rounding of a sum in another order."""
    for one, other in zip(astuple(found), astuple(expected), strict=True):
        if isinstance(one, float):
            assert one == pytest.approx(other, rel=1e-11, abs=1e-14, nan_ok=True)
        else:
            assert one == other


def test_each_estimator_is_the_function_of_its_name():
    for seed in range(5):
        plain = skewed(seed)
        of = {"label": labelled(plain), "share": share(plain)}
        v, p, x = plain.value, plain.problem, plain.second
        lb, hit = of["label"].second, of["share"].value
        for method in ("default", "percentile", "bca"):
            b = Bootstrap(n_resamples=200, method=method)
            cases = [
                (stats.MEAN_OF_PROBLEMS, plain, stats.mean_of_problem_means_estimate(v, p, b)),
                (stats.MEAN_OF_STEPS, plain, stats.step_mean_estimate(v, p, b)),
                (stats.SHARE_OF_STEPS, of["share"], stats.rate_estimate(hit, p, b)),
                (stats.DIFFERENCE, of["label"], stats.mean_label_difference_estimate(v, lb, p, b)),
                (stats.SEPARATED, of["label"], stats.share_separated_estimate(v, lb, p, b)),
                (stats.SEPARATED_MEANS, of["label"], stats.share_separated_means_estimate(v, lb, p, b)),
                (stats.AUC, of["label"], stats.auc_estimate(v, lb, p, b)),
                (stats.AUC_WITHIN, of["label"], stats.mean_within_problem_auc_estimate(v, lb, p, b)),
                (stats.PEARSON, plain, stats.position_correlation_estimate(v, x, p, b)),
                (stats.SPEARMAN, plain, stats.position_rank_correlation_estimate(v, x, p, b)),
                (stats.PEARSON_OVER_ZERO, plain, stats.share_positive_correlation_estimate(v, x, p, b)),
                (stats.MEDIAN, plain, stats.median_effect_estimate(v, p, b)),
            ]  # fmt: skip
            for estimator, sample, expected in cases:
                close(estimator.estimate(sample, b), expected)
                assert estimator.point(sample) == pytest.approx(
                    expected.point, rel=1e-13
                )


def test_the_share_of_problems_and_hedges_g_are_of_one_value_a_problem():
    plain = skewed(3)
    _, means = stats.problem_means(*astuple(share(plain))[:2])
    expected = stats.mean_estimate(means, FAST, share=True)
    found = stats.SHARE_OF_PROBLEMS.estimate(share(plain), FAST)
    assert (found.point, found.n_problems) == (expected.point, expected.n_problems)
    differences = stats.label_differences(
        plain.value, labelled(plain).second, plain.problem
    )
    expected = stats.hedges_g_estimate(differences, FAST)
    found = stats.HEDGES_G.estimate(labelled(plain), FAST)
    assert found.point == expected.point
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def three(seed, **changes):
    return [skewed(seed + k, **changes) for k in range(3)]


def test_paired_differences_of_means_are_those_of_problem_means():
    one, other, _ = samples = three(1)
    ids = np.intersect1d(one.problem, other.problem)
    values = []
    for sample in (one, other):
        where, means = stats.problem_means(sample.value, sample.problem)
        values.append([dict(zip(where, means)).get(k, np.nan) for k in ids])
    expected = stats.paired_difference(*values, FAST)
    pair = stats.MEAN_OF_PROBLEMS.all_pairs(samples, FAST, paired=True)[0]
    found = pair.comparison
    assert (pair.first, pair.second) == (0, 1)
    assert found.p_value == expected.p_value
    assert (found.estimate.point, found.estimate.low, found.estimate.high) == (
        expected.estimate.point,
        expected.estimate.low,
        expected.estimate.high,
    )


def ends(comparison):
    e = comparison.estimate
    return e.point, e.low, e.high, e.standard_error, comparison.p_value


def test_pairs_are_the_same_whether_resampled_together_or_each_by_itself():
    # Fewer steps than problems, so that models share some problems only.
    for changes in ({}, {"n_steps": 60}, {"n_problems": 5, "n_steps": 9}):
        samples = three(4, **changes)
        arrays = [(s.value, s.problem) for s in samples]
        labels = [(s.value, labelled(s).second, s.problem) for s in samples]
        paired = stats.MEAN_OF_STEPS.all_pairs(samples, FAST, paired=True)
        unpaired = stats.MEAN_OF_STEPS.all_pairs(samples, FAST, paired=False)
        aucs = stats.AUC.all_pairs([labelled(s) for s in samples], FAST, paired=True)
        for pairs in (paired, unpaired, aucs):
            assert [(p.first, p.second) for p in pairs] == [(0, 1), (0, 2), (1, 2)]
        for pair in paired:
            single = stats.paired_step_difference(
                arrays[pair.first], arrays[pair.second], FAST
            )
            assert ends(pair.comparison) == pytest.approx(ends(single), nan_ok=True)
        for pair in unpaired:
            single = stats.unpaired_step_difference(
                arrays[pair.first], arrays[pair.second], FAST
            )
            assert ends(pair.comparison) == pytest.approx(ends(single), nan_ok=True)
        for pair in aucs:
            single = stats.paired_auc_difference(
                labels[pair.first], labels[pair.second], FAST
            )
            # The interval of a difference of AUCs is cut to what it can be.
            cut = np.clip(ends(single), -1, 1)
            assert ends(pair.comparison) == pytest.approx(cut, nan_ok=True)


def test_a_few_large_problems_do_not_make_an_unpaired_interval_endless():
    # Of 20 problems each, two or three large: without the floor under a resample's error, thousands of nats wide.
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=20) * 0.01 for _ in range(3)]
    rows[0][:2], rows[1][:3], rows[2][:1] = 20.0, 15.0, 40.0
    samples = [Sample(row, np.arange(20) + 100 * k) for k, row in enumerate(rows)]
    for method in ("default", "student", "percentile", "bca"):
        bootstrap = Bootstrap(n_resamples=2000, method=method)
        pairs = stats.MEAN_OF_PROBLEMS.all_pairs(samples, bootstrap, paired=False)
        for pair in pairs:
            alone = stats.unpaired_difference(
                rows[pair.first], rows[pair.second], bootstrap
            )
            estimate = pair.comparison.estimate
            assert ends(pair.comparison) == pytest.approx(ends(alone))
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
    assert len(named) == 14
    for name, estimator in named.items():
        samples = three(2)
        if name.startswith("SHARE"):
            samples = [share(s) for s in samples]
        elif "PEARSON" not in name and name != "SPEARMAN":
            samples = [labelled(s) for s in samples]
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
            ids, means = stats.problem_means(plain.value, plain.problem)
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


def test_examples_in_docstrings_give_what_they_say():
    for module in pkgutil.iter_modules(stats.__path__):
        loaded = importlib.import_module(f"lm_eval_faith_stats.{module.name}")
        assert doctest.testmod(loaded, optionflags=doctest.ELLIPSIS).failed == 0, (
            module.name
        )
