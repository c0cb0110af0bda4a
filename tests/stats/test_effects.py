"""Sizes of effects against hand-computed cases, NumPy, SciPy, statsmodels and a plain loop."""

import math

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from lm_eval_faith_stats import (
    AUC,
    HEDGES_G,
    MEAN_OF_PROBLEMS,
    MEAN_OF_STEPS,
    MEDIAN,
    SHARE_OF_STEPS,
    Bootstrap,
    Sample,
    resample_counts,
)
from lm_eval_faith_stats.intervals import SMALLEST_ERROR, bca_interval
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from .samples import at_least, sample

NAN = float("nan")
#           problem 7: mean 2     problem 3: mean -1   problem 5: nothing applies
EFFECT = [1.0, 3.0, NAN, -1.0, NAN]
PROBLEM = [7, 7, 7, 3, 5]


def clustered(seed=0, problems=12, ties=False):
    rng = np.random.default_rng(seed)
    problem = np.repeat(np.arange(problems) * 3 + 1, rng.integers(1, 9, problems))
    effect = rng.standard_t(3, len(problem)) + rng.normal(size=40)[problem % 40]
    if ties:
        effect = np.round(effect)
    effect[rng.random(len(effect)) < 0.1] = np.nan
    return Sample(effect, problem)


def of_each_problem(sample):
    """The values of each problem that has any, by ascending id."""
    kept = ~np.isnan(sample.value)
    value, problem = sample.value[kept], sample.problem[kept]
    return [value[problem == i] for i in np.unique(problem)]


def replayed(statistic, sample, n_resamples, seed):
    """The statistic of each resample, by a plain loop that repeats the drawn problems."""
    problems = of_each_problem(sample)
    values = []
    for counts in np.concatenate(
        list(resample_counts(len(problems), n_resamples, seed))
    ):
        drawn = [p for p, n in zip(problems, counts, strict=True) for _ in range(n)]
        values.append(statistic(drawn))
    return np.array(values)


def test_numbers_are_those_computed_by_hand():
    assert MEAN_OF_PROBLEMS.point(sample(EFFECT, PROBLEM)) == 0.5
    assert MEAN_OF_STEPS.point(sample(EFFECT, PROBLEM)) == 1.0
    assert MEDIAN.point(sample(EFFECT, PROBLEM)) == 1.0
    for threshold, share in ((-1.0, 1.0), (1.0, 2 / 3), (1.0001, 1 / 3)):
        hit = at_least(EFFECT, threshold)
        assert SHARE_OF_STEPS.point(sample(hit, PROBLEM)) == share


def test_left_out_steps_and_problems_are_counted():
    estimate = MEAN_OF_STEPS.estimate(sample(EFFECT, PROBLEM))
    assert (estimate.n_problems, estimate.n_steps, estimate.n_missing) == (2, 3, 2)


def test_an_empty_sample_has_no_value_and_says_so():
    for estimator in (MEAN_OF_PROBLEMS, MEAN_OF_STEPS, SHARE_OF_STEPS, MEDIAN):
        for nothing in (sample([]), sample([NAN])):
            estimate = estimator.estimate(nothing)
            assert np.isnan([estimator.point(nothing), estimate.low]).all()
            assert estimate.note == "no problem has a value"
    assert math.isnan(HEDGES_G.point(sample([1.0])))


def test_one_problem_has_a_point_but_no_interval():
    for estimator in (MEAN_OF_STEPS, SHARE_OF_STEPS, MEDIAN):
        estimate = estimator.estimate(sample([1.0, 0.0], [4, 4]))
        assert estimate.point == 0.5
        assert math.isnan(estimate.low)
        assert math.isnan(estimate.high)
        assert estimate.note == "one problem: no interval"


def test_problems_without_variation_give_an_interval_without_width_and_say_so():
    estimate = MEAN_OF_PROBLEMS.estimate(sample([2.0] * 5))
    assert (estimate.low, estimate.high) == (2.0, 2.0)
    assert "no variation" in estimate.note


def test_percentile_interval_is_that_of_a_loop_over_resampled_problems():
    bootstrap = Bootstrap(n_resamples=400, seed=3, method="percentile")
    for estimator, statistic in (
        (MEAN_OF_PROBLEMS, lambda drawn: np.mean([np.mean(d) for d in drawn])),
        (MEAN_OF_STEPS, lambda drawn: np.mean(np.concatenate(drawn))),
        (SHARE_OF_STEPS, lambda drawn: np.mean(np.concatenate(drawn))),
        (MEDIAN, lambda drawn: np.median(np.concatenate(drawn))),
    ):
        for ties in (False, True):
            data = clustered(ties=ties)
            if estimator is SHARE_OF_STEPS:
                data = Sample(at_least(data.value, 1), data.problem)
            estimate = estimator.estimate(data, bootstrap)
            values = replayed(statistic, data, 400, 3)
            assert [estimate.low, estimate.high] == pytest.approx(
                np.quantile(values, [0.025, 0.975])
            )


def test_studentised_interval_is_that_of_a_loop_over_resampled_problems():
    data = clustered()
    bootstrap = Bootstrap(n_resamples=300, seed=5, method="studentised")
    estimate = MEAN_OF_PROBLEMS.estimate(data, bootstrap)
    means = [np.mean(d) for d in of_each_problem(data)]

    def pivot(drawn):
        drawn = [np.mean(d) for d in drawn]
        return (np.mean(drawn) - np.mean(means)) / scipy_stats.sem(drawn)

    pivots = replayed(pivot, data, 300, 5)
    half = np.quantile(np.abs(pivots), 0.95) * scipy_stats.sem(means)
    assert estimate.low == pytest.approx(np.mean(means) - half)
    assert estimate.high == pytest.approx(np.mean(means) + half)


def test_standard_error_of_a_pooled_mean_is_the_clustered_one_of_statsmodels():
    import statsmodels.api as sm

    data = clustered()
    kept = ~np.isnan(data.value)
    fit = sm.OLS(data.value[kept], np.ones(kept.sum())).fit(
        cov_type="cluster",
        cov_kwds={"groups": data.problem[kept], "use_correction": False},
    )
    n_problems = len(of_each_problem(data))
    expected = fit.bse[0] * math.sqrt(n_problems / (n_problems - 1))
    assert MEAN_OF_STEPS.estimate(data).standard_error == pytest.approx(expected)


def test_bca_interval_of_given_resamples_is_scipys():
    values = np.random.default_rng(1).exponential(size=30)
    reference = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=2_000, method="BCa", rng=2
    )
    jackknife = np.array([np.delete(values, i).mean() for i in range(30)])
    drawn = reference.bootstrap_distribution
    assert bca_interval(drawn, jackknife, values.mean(), 0.95) == pytest.approx(
        reference.confidence_interval
    )


def test_bca_interval_agrees_with_arch():
    from arch.bootstrap import IIDBootstrap

    values = np.random.default_rng(4).exponential(size=40)
    reference = IIDBootstrap(values, seed=np.random.default_rng(0))
    bca = reference.conf_int(np.mean, reps=10_000, method="bca").ravel()
    ours = MEAN_OF_PROBLEMS.estimate(sample(values), Bootstrap(method="bca"))
    # Quantiles of 10,000 resamples of two generators: Monte Carlo error is about 0.01.
    assert [ours.low, ours.high] == pytest.approx(bca, abs=0.03)


def test_a_pooled_studentised_interval_is_that_of_a_loop_with_statsmodels_errors():
    import statsmodels.api as sm

    data = clustered(ties=True)

    def fitted(drawn):
        groups = np.repeat(np.arange(len(drawn)), [len(d) for d in drawn])
        fit = sm.OLS(np.concatenate(drawn), np.ones(len(groups))).fit(
            cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
        )
        k = len(drawn)
        return fit.params[0], fit.bse[0] * math.sqrt(k / (k - 1))

    mean, error = fitted(of_each_problem(data))
    drawn = replayed(fitted, data, 200, 4)
    half = np.quantile(np.abs(drawn[:, 0] - mean) / drawn[:, 1], 0.95) * error
    settings = Bootstrap(n_resamples=200, seed=4, method="studentised")
    estimate = MEAN_OF_STEPS.estimate(data, settings)
    assert (estimate.low, estimate.high) == pytest.approx((mean - half, mean + half))


def test_an_interval_of_a_share_stays_between_zero_and_one_by_any_method():
    hit = [1] * 14 + [0]
    for method in ("percentile", "bca", "student", "studentised", "wilson"):
        estimate = SHARE_OF_STEPS.estimate(sample(hit), Bootstrap(method=method))
        assert 0 <= estimate.low <= estimate.high <= 1


def test_equal_values_whose_mean_is_rounded_have_an_interval_without_width():
    assert sum([0.1] * 3) / 3 != 0.1
    estimate = MEAN_OF_PROBLEMS.estimate(sample([0.1] * 3))
    assert (estimate.low, estimate.high) == (estimate.point, estimate.point)
    assert estimate.standard_error == 0


def test_share_of_zero_or_one_still_has_an_interval():
    estimate = SHARE_OF_STEPS.estimate(sample([0] * 20))
    assert estimate.low == 0
    assert 0.1 < estimate.high < 0.3
    every = SHARE_OF_STEPS.estimate(sample([1] * 20))
    assert every.low == pytest.approx(1 - estimate.high)


def test_share_interval_over_many_single_step_problems_is_wilsons():
    hit = np.arange(20_000) % 10 == 0
    estimate = SHARE_OF_STEPS.estimate(sample(hit))
    low, high = proportion_confint(hit.sum(), len(hit), method="wilson")
    assert [estimate.low, estimate.high] == pytest.approx([low, high], abs=1e-6)


def test_share_interval_of_clustered_steps_solves_wilsons_equation_for_both_limits():
    # Few hits, in clumps: 4 of 4 steps, 1 of 2, 1 of 3, and 21 problems without any.
    steps, hits = [4, 2, 3] + [3] * 21, [4, 1, 1] + [0] * 21
    problem = np.repeat(np.arange(24), steps)
    hit = np.concatenate([np.arange(n) < h for n, h in zip(steps, hits, strict=True)])
    estimate = SHARE_OF_STEPS.estimate(sample(hit, problem))
    share = 6 / sum(steps)
    influence = [(h - share * n) / sum(steps) for h, n in zip(hits, steps, strict=True)]
    variance = sum(u**2 for u in influence) * 24 / 23
    # A twentieth of one more problem that fails as a whole: 1/20 of 1/24 in the share, of its square in the variance.
    size = (share * (1 - share) + 0.05 / 24) / (variance + 0.05 / 24**2)
    # The variance of the variance that a straight line in the influences leaves: residuals of squares.
    squares = np.square(influence)
    line = np.polyval(np.polyfit(influence, squares, 1), influence)
    degrees = 2 * squares.sum() ** 2 / np.sum((squares - line) ** 2)
    assert 6 < degrees

    for limit in (estimate.low, estimate.high):
        c = scipy_stats.t.ppf(0.975, min(degrees, 23))
        gap = abs(share - limit) - c * math.sqrt(limit * (1 - limit) / size)
        assert gap == pytest.approx(0, abs=1e-12)


def test_intervals_of_shares_change_little_where_the_share_changes_little():
    # One more hit at a time among 60 steps of 20 problems, from none to all, across one half.
    problem = np.repeat(np.arange(20), 3)
    order = np.random.default_rng(0).permutation(60)
    ends = []
    for hits in range(61):
        hit = np.isin(np.arange(60), order[:hits])
        estimate = SHARE_OF_STEPS.estimate(sample(hit, problem))
        ends.append((estimate.low, estimate.high))
    moves = np.diff(ends, axis=0)
    assert np.abs(moves[1:-1]).max() < 0.05
    # Without any hit nobody knows whether steps hit together: the limit is that of 20 problems, not of 60 steps.
    assert np.abs(moves).max() < 0.08
    assert ends[0][1] == pytest.approx(1 - ends[60][0])


def test_the_interval_of_an_auc_reaches_that_of_one_without_a_jump():
    # 100 problems of 5 load-bearing steps and 2 decoys; in one problem a decoy beats ever fewer of them.
    problem = np.repeat(np.arange(100), 7)
    label = np.tile([1, 1, 1, 1, 1, 0, 0], 100)
    effect = np.where(label, 5.0, 0.0) + np.linspace(0, 1, 700)
    lows = []
    for beaten in (0, 1, 2, 5, 20, 60):
        lost = effect.copy()
        lost[np.flatnonzero(label == 0)[7]] = np.sort(effect[label == 1])[beaten] - 1e-9
        lows.append(AUC.estimate(sample(lost, problem, label)).low)
    assert np.ptp(lows) < 0.005
    assert 0.98 < min(lows)


def test_the_median_of_effects_with_the_sign_turned_has_its_interval_turned_round():
    rng = np.random.default_rng(5)
    problem = rng.integers(0, 15, 90)
    for effect in (rng.standard_t(2, 90), np.round(rng.exponential(size=90), 1)):
        one = MEDIAN.estimate(sample(effect, problem))
        other = MEDIAN.estimate(sample(-effect, problem))
        assert (other.low, other.high) == pytest.approx((-one.high, -one.low))


def test_the_interval_of_a_share_mirrors_that_of_the_rest():
    problem = np.repeat(np.arange(24), 4)
    hit = (problem < 2) | (np.arange(96) % 11 == 0)
    share, rest = (SHARE_OF_STEPS.estimate(sample(h, problem)) for h in (hit, ~hit))
    assert (rest.low, rest.high) == pytest.approx((1 - share.high, 1 - share.low))


def test_repeating_every_step_of_a_problem_does_not_narrow_its_interval():
    hit, problem = np.array([0, 1, 1, 0, 1, 0, 1, 1]), np.arange(8)
    once = SHARE_OF_STEPS.estimate(sample(hit, problem))
    many = sample(np.repeat(hit, 50), np.repeat(problem, 50))
    often = SHARE_OF_STEPS.estimate(many)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_hedges_g_is_the_corrected_ratio_of_mean_and_deviation():
    # 1, 2, 3, 6: mean 3, variance 14/3; c(3) = gamma(3/2) / (sqrt(3/2) gamma(1)).
    correction = math.gamma(1.5) / (math.sqrt(1.5) * math.gamma(1.0))
    assert HEDGES_G.point(sample([6.0, 1.0, 3.0, 2.0, NAN])) == pytest.approx(
        correction * 3 / math.sqrt(14 / 3)
    )


def test_hedges_g_standard_error_is_that_of_the_jackknife_in_a_large_sample():
    values = np.random.default_rng(0).gamma(2.0, size=400)
    deleted = np.array(
        [HEDGES_G.point(sample(np.delete(values, i))) for i in range(400)]
    )
    jackknife = math.sqrt(399 / 400 * np.sum((deleted - deleted.mean()) ** 2))
    estimate = HEDGES_G.estimate(sample(values))
    assert estimate.standard_error == pytest.approx(jackknife, rel=0.05)
    assert estimate.low < estimate.point < estimate.high


def test_hedges_g_bootstrap_is_that_of_a_plain_loop():
    values = np.random.default_rng(0).gamma(2.0, size=15)
    bootstrap = Bootstrap(n_resamples=300, seed=2, method="percentile")
    estimate = HEDGES_G.estimate(sample(values), bootstrap)
    correction = math.gamma(7) / (math.sqrt(7) * math.gamma(6.5))
    loop = replayed(
        lambda drawn: correction * np.mean(drawn) / np.std(drawn, ddof=1),
        sample(values),
        300,
        2,
    )
    assert [estimate.low, estimate.high] == pytest.approx(
        np.quantile(loop, [0.025, 0.975])
    )


def test_wilson_is_refused_for_a_mean():
    with pytest.raises(ValueError, match="not for this statistic"):
        MEAN_OF_STEPS.estimate(sample([1.0, 2.0]), Bootstrap(method="wilson"))


@pytest.mark.parametrize(
    ("effect", "problem", "message"),
    [
        ([1.0, math.inf], [1, 2], "infinite or beyond"),
        ([1.0, -math.inf], [1, 2], "infinite or beyond 1e\\+50 at index 1"),
        ([1.0, 1e51], [1, 2], "infinite or beyond 1e\\+50 at index 1"),
        ([1.0, 2.0], [1], "one id a step"),
        ([[1.0]], [[1]], "one-dimensional"),
        ([1.0, 2.0], [1.5, 2.0], "whole numbers"),
    ],
)
def test_a_wrong_input_is_a_value_error_that_names_it(effect, problem, message):
    with pytest.raises(ValueError, match=message):
        MEAN_OF_STEPS.estimate(Sample(np.array(effect), np.array(problem)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"confidence_level": 95}, "confidence_level"),
        ({"n_resamples": 0}, "n_resamples"),
        ({"seed": -1}, "seed"),
        ({"method": "normal"}, "method"),
    ],
)
def test_a_wrong_setting_is_a_value_error_that_names_it(settings, message):
    with pytest.raises(ValueError, match=message):
        Bootstrap(**settings)


def test_resamples_of_one_problem_alone_count_with_the_smallest_error():
    counts = np.concatenate(list(resample_counts(3, 500, 1)))
    values = np.array([0.1, 0.7, 1 / 3])
    shifts = counts @ values / 3 - values.mean()
    means = counts @ values / 3
    variances = (counts * (values - means[:, None]) ** 2).sum(axis=1) / 2
    errors, error = np.sqrt(variances / 3), values.std(ddof=1) / np.sqrt(3)
    pivots = np.abs(shifts) / np.maximum(errors, SMALLEST_ERROR * error)
    bootstrap = Bootstrap(n_resamples=500, seed=1)
    estimate = MEAN_OF_PROBLEMS.estimate(sample(values), bootstrap)
    assert estimate.method == "studentised"
    half = float(np.quantile(pivots, 0.95)) * error
    assert estimate.high - estimate.point == pytest.approx(half)
    assert estimate.note == ""


def test_one_large_effect_among_small_ones_gives_a_wide_interval_but_no_absurd_one():
    rng = np.random.default_rng(0)
    values = np.append(1e-3 * rng.normal(size=19), 26.0)
    estimate = MEAN_OF_PROBLEMS.estimate(sample(values), Bootstrap(n_resamples=2000))
    assert estimate.low < 0 < estimate.point < estimate.high
    assert estimate.high - estimate.low < 10 * estimate.standard_error


def test_the_variance_of_draws_is_told_from_that_of_steps():
    rng = np.random.default_rng(1)
    step = np.repeat(np.arange(4000), rng.integers(1, 5, 4000))
    effect = rng.normal(scale=2.0, size=4000)[step] + rng.normal(size=len(step))
    found = stats.draw_variance(effect, step)
    assert found.within == pytest.approx(1.0, rel=0.05)
    assert found.between == pytest.approx(4.0, rel=0.08)
    assert found.share_of_one == pytest.approx(0.2, abs=0.02)
    assert found.share_of_mean == pytest.approx(1 / (1 + 4 * found.n_draws), abs=0.02)
    balanced = effect[:12].reshape(3, 4)
    f = scipy_stats.f_oneway(*balanced).statistic
    found = stats.draw_variance(effect[:12], np.repeat([0, 1, 2], 4))
    assert found.between == pytest.approx(max((f - 1) * found.within / 4, 0))
    assert np.isnan(stats.draw_variance([1.0, 2.0], [0, 1]).within)
