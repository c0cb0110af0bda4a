"""Comparisons against SciPy, statsmodels, plain loops, and cases small enough to see."""

import gc
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval_faith_stats import (
    AUC,
    BOOTSTRAP,
    MEAN_OF_PROBLEMS,
    MEAN_OF_STEPS,
    SHARE_OF_STEPS,
    Bootstrap,
    Sample,
    benjamini_hochberg,
    holm,
    resample_counts,
)
from lm_eval_faith_stats.intervals import mover_interval
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from .samples import sample

NAN = float("nan")


def models(n_models=4, problems=30, missing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=problems) + rng.normal(size=(n_models, problems))
    values += np.arange(n_models)[:, None]
    values[rng.random(values.shape) < missing] = NAN
    return values


def chains(seed, problems=20, shift=1.0):
    rng = np.random.default_rng(seed)
    problem = np.repeat(np.arange(problems), 5)
    label = np.tile([True, True, True, False, False], problems)
    effect = rng.normal(size=len(problem)) + shift * label
    return sample(effect, problem, label)


def compared(one, other, bootstrap=BOOTSTRAP, by=MEAN_OF_PROBLEMS, paired=True):
    """The difference of two samples, or of two lists of one value a problem."""
    samples = [s if isinstance(s, Sample) else sample(s) for s in (one, other)]
    (pair,) = by.all_pairs(samples, bootstrap, paired)
    return pair.comparison


def test_paired_difference_leaves_out_problems_that_one_model_lacks():
    comparison = compared([1.0, 2.0, NAN, 5.0], [0.0, 4.0, 1.0, 1.0])
    assert comparison.estimate.point == 1.0
    assert comparison.estimate.n_problems == 3
    # One entry has no value, and the other model's of that problem does not count either.
    assert comparison.estimate.n_missing == 2
    assert comparison.paired


@pytest.mark.parametrize("method", ["student", "studentised", "percentile", "bca"])
def test_paired_p_value_agrees_with_the_t_test_where_values_are_normal(method):
    rng = np.random.default_rng(5)
    a = rng.normal(0.25, 1, 60)
    b = rng.normal(0, 1, 60)
    expected = scipy_stats.ttest_rel(a, b).pvalue
    assert 0.01 < expected < 0.5
    found = compared(a, b, Bootstrap(method=method)).p_value
    assert found == pytest.approx(expected, abs=1e-12 if method == "student" else 0.03)


@pytest.mark.parametrize("method", ["student", "studentised", "percentile", "bca"])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.floats(-0.8, 0.8))
def test_the_p_value_is_below_five_percent_when_the_interval_excludes_zero(
    method, seed, shift
):
    values = np.random.default_rng(seed).exponential(size=20) - 1 + shift
    bootstrap = Bootstrap(n_resamples=999, method=method)
    found = compared(values, np.zeros(20), bootstrap)
    excludes = not found.estimate.low <= 0 <= found.estimate.high
    # On the edge of the interval interpolation of quantiles decides.
    if not 0.045 < found.p_value < 0.055:
        assert (found.p_value < 0.05) == excludes


def test_percentile_p_value_is_that_of_a_loop_over_resampled_problems():
    values = np.random.default_rng(1).normal(0.3, 1, 15)
    counts = np.concatenate(list(resample_counts(15, 500, 3)))
    means = np.array([np.repeat(values, row).mean() for row in counts])
    tail = min((means <= 0).sum(), (means >= 0).sum())
    bootstrap = Bootstrap(n_resamples=500, seed=3, method="percentile")
    found = compared(values, np.zeros(15), bootstrap)
    assert found.p_value == pytest.approx(2 * (tail + 1) / 501)


def test_swapping_the_models_turns_the_difference_around():
    a, b = models(2)
    one, other = compared(a, b), compared(b, a)
    assert one.p_value == other.p_value
    assert one.estimate.low == pytest.approx(-other.estimate.high)


def test_equal_models_do_not_differ():
    comparison = compared([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert comparison.estimate.point == 0
    assert comparison.p_value == 1


def test_the_same_difference_everywhere_has_the_p_value_of_its_signs():
    comparison = compared(np.arange(8.0) + 1, np.arange(8.0))
    assert comparison.p_value == 2 / 2**8


def test_without_two_shared_problems_there_is_no_interval_and_no_p_value():
    for comparison in (
        compared([1.0, NAN], [0.0, 1.0]),
        compared([1.0], [0.0, 1.0, 2.0], paired=False),
        compared(sample([1.0], [1]), sample([2.0], [2]), by=MEAN_OF_STEPS),
    ):
        assert math.isnan(comparison.p_value)
        assert math.isnan(comparison.estimate.low)
        assert comparison.estimate.note


def test_paired_samples_match_problems_by_id_and_not_by_order():
    first = sample([1.0, 2.0, 3.0, 9.0], [10, 10, 20, 30])
    second = sample([5.0, 1.0, 1.0], [20, 10, 40])
    comparison = compared(first, second, by=MEAN_OF_STEPS)
    assert comparison.estimate.point == 2.0 - 3.0
    assert comparison.estimate.n_problems == 2
    assert comparison.estimate.n_steps == 5
    assert comparison.estimate.n_missing == 2


def test_the_difference_over_steps_with_one_step_a_problem_is_that_over_problems():
    a, b = models(2)
    one, other = compared(a, b, by=MEAN_OF_STEPS), compared(a, b)
    assert one.estimate.low == pytest.approx(other.estimate.low)
    assert one.p_value == pytest.approx(other.p_value)


def test_paired_auc_difference_is_that_of_a_loop_over_resampled_problems():
    one, other = chains(1), chains(2, shift=0.3)
    values = []
    for counts in np.concatenate(list(resample_counts(20, 200, 6))):
        rows = np.concatenate(
            [np.tile(np.arange(5) + 5 * k, n) for k, n in enumerate(counts)]
        ).astype(int)
        aucs = [roc_auc_score(s.second[rows], s.value[rows]) for s in (one, other)]
        values.append(aucs[0] - aucs[1])
    bootstrap = Bootstrap(n_resamples=200, seed=6, method="percentile")
    estimate = compared(one, other, bootstrap, by=AUC).estimate
    aucs = [roc_auc_score(s.second, s.value) for s in (one, other)]
    assert estimate.point == pytest.approx(aucs[0] - aucs[1])
    assert (estimate.low, estimate.high) == pytest.approx(
        tuple(np.quantile(values, [0.025, 0.975]))
    )


def test_paired_auc_error_with_one_step_a_problem_is_delongs():
    rng = np.random.default_rng(0)
    label = np.arange(300) % 2 == 0
    shared = rng.normal(size=300)
    a, b = (shared + rng.normal(size=300) + s * label for s in (1.5, 1.0))

    def placements(x):
        wins = x[label][:, None] > x[~label][None, :]
        return wins.mean(axis=1), wins.mean(axis=0)

    # DeLong et al. (1988), eq. 6: the variance of the difference from placement values.
    (pa, na), (pb, nb) = placements(a), placements(b)
    delong = math.sqrt((pa - pb).var(ddof=1) / 150 + (na - nb).var(ddof=1) / 150)
    samples = [sample(x, second=label) for x in (a, b)]
    estimate = compared(*samples, by=AUC).estimate
    assert estimate.standard_error == pytest.approx(delong, rel=0.01)


def test_unpaired_difference_agrees_with_welchs_test_in_large_samples():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.2, 1, 300), rng.normal(0, 2, 400)
    comparison = compared(a, b, paired=False)
    reference = scipy_stats.ttest_ind(a, b, equal_var=False)
    interval = reference.confidence_interval()
    assert comparison.estimate.low == pytest.approx(interval.low, abs=0.02)
    assert comparison.estimate.high == pytest.approx(interval.high, abs=0.02)
    assert comparison.p_value == pytest.approx(reference.pvalue, abs=0.02)
    assert comparison.estimate.n_problems == 700
    error = math.sqrt(a.var(ddof=1) / 300 + b.var(ddof=1) / 400)
    assert comparison.estimate.standard_error == pytest.approx(error)
    assert not comparison.paired


def test_unpaired_samples_are_drawn_independently():
    values = np.random.default_rng(0).normal(size=50)
    bootstrap = Bootstrap(method="percentile")
    comparison = compared(values, values, bootstrap, paired=False)
    # Drawn alike, every difference would be zero; drawn independently it has twice the variance of one mean.
    expected = 2 * 1.96 * math.sqrt(2 * values.var() / 50)
    width = comparison.estimate.high - comparison.estimate.low
    assert width == pytest.approx(expected, rel=0.05)


def test_unpaired_steps_weigh_problems_by_their_steps():
    first = sample([1.0, 1.0, 1.0, 5.0], [1, 1, 1, 2])
    second = sample([0.0, 1.0], [7, 8])
    comparison = compared(first, second, by=MEAN_OF_STEPS, paired=False)
    assert comparison.estimate.point == 2.0 - 0.5


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("method", ["default", "percentile"])
def test_all_pairs_gives_what_each_pair_alone_gives_to_the_last_digit(missing, method):
    samples = [sample(row) for row in models(missing=missing)]
    bootstrap = Bootstrap(n_resamples=300, seed=2, method=method)
    found = MEAN_OF_PROBLEMS.all_pairs(samples, bootstrap, paired=True)
    assert [(p.first, p.second) for p in found] == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3),
    ]  # fmt: skip
    for pair in found:
        alone = compared(samples[pair.first], samples[pair.second], bootstrap)
        assert repr(alone) == repr(pair.comparison)


def test_p_values_are_adjusted_over_all_pairs():
    samples = [sample(row) for row in models()]
    pairs = MEAN_OF_PROBLEMS.all_pairs(samples, BOOTSTRAP, paired=True)
    p_values = [p.comparison.p_value for p in pairs]
    for found, method in (("p_holm", "holm"), ("p_bh", "fdr_bh")):
        expected = multipletests(p_values, method=method)[1]
        assert [getattr(p, found) for p in pairs] == pytest.approx(expected)


@pytest.mark.parametrize("method", ["default", "percentile"])
def test_all_pairs_of_aucs_are_those_of_each_pair_alone(method):
    data = [chains(k, shift=k / 2) for k in range(3)]
    fewer = (
        column[:-10] for column in (data[2].value, data[2].problem, data[2].second)
    )
    data[2] = Sample(*fewer)
    bootstrap = Bootstrap(n_resamples=100, method=method)
    for pair in AUC.all_pairs(data, bootstrap, paired=True):
        alone = compared(data[pair.first], data[pair.second], bootstrap, by=AUC)
        assert pair.comparison.p_value == pytest.approx(alone.p_value, rel=1e-12)
        assert pair.comparison.estimate.low == pytest.approx(alone.estimate.low)
        assert pair.comparison.estimate.n_problems == alone.estimate.n_problems


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_are_those_of_statsmodels(p_values):
    with pytest.MonkeyPatch.context() as patch:
        # statsmodels collects all garbage of the process, each time.
        patch.setattr(gc, "collect", lambda: 0)
        step_down = multipletests(p_values, method="holm")[1]
        step_up = multipletests(p_values, method="fdr_bh")[1]
    assert holm(p_values) == pytest.approx(step_down)
    assert benjamini_hochberg(p_values) == pytest.approx(step_up)


def test_adjusted_p_values_are_those_computed_by_hand():
    # Sorted 0.01, 0.02, 0.04: Holm 0.03, 0.04, 0.04; Benjamini-Hochberg 0.03, 0.03, 0.04.
    assert holm([0.04, 0.01, NAN, 0.02]) == pytest.approx(
        [0.04, 0.03, NAN, 0.04], nan_ok=True
    )
    assert benjamini_hochberg([0.04, 0.01, NAN, 0.02]) == pytest.approx(
        [0.04, 0.03, NAN, 0.03], nan_ok=True
    )


def test_p_values_outside_zero_and_one_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, 1.5])


def test_movers_interval_of_independent_shares_is_newcombes_published_one():
    # Newcombe (1998), Stat. Med. 17, 873-890, table II: 56 of 70 less 48 of 80, method 10.
    shares = [
        (x / n, proportion_confint(x, n, method="wilson"))
        for x, n in ((56, 70), (48, 80))
    ]
    low, high = mover_interval(*shares, correlation=0.0)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_correlation_narrows_movers_interval_and_equal_shares_have_nearly_none():
    first, second = (0.9, (0.8, 0.95)), (0.85, (0.75, 0.92))
    widths = [np.diff(mover_interval(first, second, r))[0] for r in (-0.5, 0, 0.5, 0.9)]
    assert (np.diff(widths) < 0).all()
    symmetric = (0.5, (0.4, 0.6))
    assert mover_interval(symmetric, symmetric, 1.0) == pytest.approx((0, 0))


def test_the_p_value_of_a_difference_of_shares_is_where_its_interval_touches_zero():
    rng = np.random.default_rng(3)
    problem = np.repeat(np.arange(30), 4)
    hits = [(rng.random(120) < share).astype(float) for share in (0.7, 0.55)]
    samples = [Sample(hit, problem) for hit in hits]
    for paired in (True, False):
        (pair,) = SHARE_OF_STEPS.all_pairs(samples, Bootstrap(), paired)
        p_value = pair.comparison.p_value
        assert 0 < p_value < 0.5
        at_p = Bootstrap(confidence_level=1 - p_value)
        (touching,) = SHARE_OF_STEPS.all_pairs(samples, at_p, paired)
        assert touching.comparison.estimate.low == pytest.approx(0, abs=1e-5)
    (same,) = SHARE_OF_STEPS.all_pairs([samples[0]] * 2, Bootstrap(), paired=True)
    assert same.comparison.p_value == 1


def test_differences_of_aucs_near_one_are_covered_where_they_are_there():
    # One model's decoys reach into the load-bearing steps in some problems: a true difference near -0.01.
    rng = np.random.default_rng(0)

    def sample(n_problems, reach):
        label = np.tile([1.0, 1.0, 1.0, 0.0, 0.0], n_problems)
        value = 4.0 * label + rng.normal(size=len(label))
        bad = np.repeat(rng.random(n_problems) < 0.1, 5)
        value[bad & (label == 0)] += reach
        return Sample(value, np.repeat(np.arange(n_problems), 5), label)

    truth = AUC.point(sample(20_000, 0.0)) - AUC.point(sample(20_000, 3.0))
    assert 0.005 < truth < 0.03
    covered = []
    for _ in range(150):
        pairs = AUC.all_pairs([sample(30, 0.0), sample(30, 3.0)], Bootstrap(), True)
        estimate = pairs[0].comparison.estimate
        covered.append(estimate.low <= truth <= estimate.high)
    assert np.mean(covered) > 0.93
