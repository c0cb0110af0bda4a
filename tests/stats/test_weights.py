"""Steps that were drawn of longer chains stand for those that were not."""

from dataclasses import replace
from itertools import combinations, product

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap, Estimator, Sample
from lm_eval_faith_stats.steps import group_steps

FAST = Bootstrap(n_resamples=200)
BY_NAME = {
    name: getattr(stats, name)
    for name in stats.__all__
    if isinstance(getattr(stats, name), Estimator)
}
WITH_THIRD = ("AUC_OVER_THIRD", "SPEARMAN_OVER_THIRD", "PARTIAL_R2", "PARTIAL_SLOPE")
LABELLED = (
    "AUC_OVER_THIRD",
    "DIFFERENCE",
    "SEPARATED",
    "SEPARATED_MEANS",
    "AUC",
    "AUC_WITHIN",
)
MOVED = (
    "MEAN_OF_STEPS",
    "MEAN_OF_PROBLEMS",
    "DIFFERENCE",
    "AUC",
    "AUC_WITHIN",
    "PEARSON",
)
SHARES = ("SHARE_OF_STEPS", "SHARE_OF_PROBLEMS")
CORRELATIONS = (
    "PEARSON",
    "SPEARMAN",
    "PEARSON_OVER_ZERO",
    "SPEARMAN_POOLED",
    *WITH_THIRD[1:],
    "RATIO_OF_MEANS",
)


def samples(name, seed=0):
    """The same steps twice: each with a whole weight, and each as often as its weight says."""
    rng = np.random.default_rng(seed)
    problem = np.repeat(np.arange(30), rng.integers(4, 9, 30))
    value = np.round(8 * rng.normal(size=len(problem))) / 8  # sums are exact
    value[np.flatnonzero(np.diff(problem))[:5]] = np.nan
    if name in SHARES:
        value = np.where(np.isnan(value), np.nan, value > 0)
    second = rng.random(len(value)) if name in CORRELATIONS else None
    if name in LABELLED:
        second = (rng.random(len(value)) < 0.5).astype(float)
    weight = rng.integers(1, 4, len(value))
    often = np.repeat(np.arange(len(value)), weight)
    third = rng.random(len(value)) if name in WITH_THIRD else None
    weighted = Sample(value, problem, second, weight.astype(float), third)
    repeated = Sample(
        value[often],
        problem[often],
        None if second is None else second[often],
        third=None if third is None else third[often],
    )
    return weighted, repeated


@pytest.mark.parametrize("name", BY_NAME)
def test_a_step_of_weight_two_counts_as_two_steps(name):
    by = BY_NAME[name]
    for seed in range(3):
        weighted, repeated = samples(name, seed)
        assert by.point(weighted) == pytest.approx(by.point(repeated), rel=1e-12)
        if name in MOVED:
            plain = replace(weighted, weight=None)
            assert by.point(weighted) != pytest.approx(by.point(plain), abs=1e-6)
        one, other = (by.estimate(s, FAST) for s in (weighted, repeated))
        assert one.standard_error == pytest.approx(
            other.standard_error, rel=1e-9, nan_ok=True
        )
        if name not in (
            "AUC",
            "AUC_OVER_THIRD",
        ):  # their interval knows the number of steps
            assert (one.low, one.high) == pytest.approx((other.low, other.high), 1e-9)
        (pair,), (alike,) = (
            by.all_pairs([s, replace(s, value=-s.value)], FAST, True)
            if name not in SHARES
            else by.all_pairs([s, replace(s, value=1 - s.value)], FAST, True)
            for s in (weighted, repeated)
        )
        assert pair.comparison.estimate.point == pytest.approx(
            alike.comparison.estimate.point
        )


def test_the_median_of_steps_of_one_weight_is_that_of_unweighted_ones():
    """Also of resamples that hold the one long problem again and again."""
    problem = np.repeat([0, 1, 2], [50, 1, 1])
    by_percentile = Bootstrap(n_resamples=500, method="percentile")
    for seed in range(20):
        value = np.random.default_rng(seed).normal(size=52)
        plain, thirds = (
            stats.MEDIAN.estimate(Sample(value, problem, weight=w), by_percentile)
            for w in (None, np.full(52, 7 / 3))
        )
        assert thirds.point == plain.point
        assert (thirds.low, thirds.high) == (plain.low, plain.high)


def test_the_order_of_weighted_steps_changes_nothing_to_the_last_digit():
    rng = np.random.default_rng(1)
    for name, by in BY_NAME.items():
        sample, _ = samples(name)
        weight = np.repeat(rng.random(30) * 5 + 1, 10)[: len(sample.value)]
        order = rng.permutation(len(weight))
        mixed = Sample(
            *(
                None if column is None else column[order]
                for column in (
                    *(sample.value, sample.problem, sample.second),
                    *(weight, sample.third),
                )
            )
        )
        straight = replace(sample, weight=weight)
        one, other = by.estimate(mixed, FAST), by.estimate(straight, FAST)
        assert str(one) == str(other), name


def chains():
    """Three whole chains of 2, 4 and 5 steps, one with a step that is not applicable."""
    rng = np.random.default_rng(5)
    return [rng.normal(size=n) + n for n in (2, 4, 5)]


def drawn(whole, max_steps):
    """Every draw of at most so many steps of each chain: as likely as any other."""
    choices = [list(combinations(range(len(c)), min(max_steps, len(c)))) for c in whole]
    for chosen in product(*choices):
        parts = [c[list(steps)] for c, steps in zip(whole, chosen, strict=True)]
        problem = np.repeat(np.arange(len(whole)), [len(p) for p in parts])
        weight = np.concatenate(
            [
                np.full(len(p), len(c) / len(p))
                for p, c in zip(parts, whole, strict=True)
            ]
        )
        yield Sample(np.concatenate(parts), problem, weight=weight)


def test_over_all_draws_means_and_shares_are_those_of_the_whole_chains():
    whole = chains()
    every = np.concatenate(whole)
    truths = {
        stats.MEAN_OF_STEPS: every.mean(),
        stats.MEAN_OF_PROBLEMS: np.mean([c.mean() for c in whole]),
    }
    for by, truth in truths.items():
        points = [by.point(sample) for sample in drawn(whole, 2)]
        assert len(points) == 60
        assert np.mean(points) == pytest.approx(truth, rel=1e-12)
    over = [
        stats.SHARE_OF_STEPS.point(
            Sample((s.value > 4).astype(float), s.problem, weight=s.weight)
        )
        for s in drawn(whole, 2)
    ]
    assert np.mean(over) == pytest.approx(np.mean(every > 4), rel=1e-12)
    plain = [
        stats.MEAN_OF_STEPS.point(Sample(s.value, s.problem)) for s in drawn(whole, 2)
    ]
    assert abs(np.mean(plain) - every.mean()) > 0.2


def test_intervals_cover_what_whole_chains_would_give_where_length_goes_with_effect():
    """Chains of 2 to 80 steps, of which at most 6 are asked; the truth in closed form.

    A step's effect is n / 20 + noise with n its chain's length, uniform from 2 to 80: over
    steps its mean is E[n^2] / 20 E[n].
    """
    lengths = np.arange(2, 81)
    truth = (lengths**2).mean() / lengths.mean() / 20
    rng = np.random.default_rng(7)
    covered, plain, points = [], [], []
    for _ in range(300):
        n = rng.integers(2, 81, 50)
        asked = np.minimum(n, 6)
        problem = np.repeat(np.arange(50), asked)
        value = n[problem] / 20 + rng.normal(size=len(problem))
        weighted = Sample(value, problem, weight=(n / asked)[problem])
        one = stats.MEAN_OF_STEPS.estimate(weighted, FAST)
        other = stats.MEAN_OF_STEPS.estimate(Sample(value, problem), FAST)
        covered.append(one.low <= truth <= one.high)
        plain.append(other.low <= truth <= other.high)
        points.append(one.point)
    assert 0.91 <= np.mean(covered) <= 0.98
    assert np.mean(plain) < 0.1
    assert abs(np.mean(points) - truth) < 0.03


def test_a_problem_without_decoys_has_no_auc_whatever_its_weights():
    value, problem = np.array([0.1, 0.7, 0.3, 2.0]), np.array([0, 0, 0, 1])
    sample = Sample(value, problem, np.ones(4), np.array([10 / 3, 10 / 3, 10 / 3, 1]))
    with np.errstate(all="raise"):
        assert np.isnan(stats.AUC_WITHIN.point(sample))


def test_a_weight_that_is_not_over_zero_is_refused():
    for weight in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="weight"):
            group_steps([1.0], [0], [weight])
