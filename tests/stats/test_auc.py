"""AUC against scikit-learn, a count of pairs by hand, and a plain loop over resampled problems."""

import math

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval_faith_stats import AUC, AUC_WITHIN, Bootstrap, resample_counts
from lm_eval_faith_stats.auc import problem_aucs, steps_auc
from lm_eval_faith_stats.steps import group_steps
from sklearn.metrics import auc as area
from sklearn.metrics import roc_auc_score, roc_curve

from .samples import sample

NAN = float("nan")


def data(seed, problems=15, decimals=1):
    rng = np.random.default_rng(seed)
    problem = rng.permutation(
        np.repeat(np.arange(problems), rng.integers(1, 9, problems))
    )
    label = rng.random(len(problem)) < 0.6
    effect = np.round(rng.normal(size=len(problem)) + label, decimals)
    return effect, label, problem


def test_auc_is_the_share_of_pairs_won_with_ties_half():
    # Load-bearing 2, 1, NaN against decoys 1, 0: wins 1 + 1 + 1/2 + 1 of 4.
    effect, label = [2, 1, NAN, 1, 0], [1, 1, 1, 0, 0]
    for problem in ([0, 0, 0, 0, 0], [0, 1, 2, 3, 4]):
        assert AUC.point(sample(effect, problem, label)) == 3.5 / 4


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(0, 2))
def test_auc_is_that_of_scikit_learn(seed, decimals):
    effect, label, problem = data(seed, decimals=decimals)
    found = AUC.point(sample(effect, problem, label))
    if label.all() or not label.any():
        assert math.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(label, effect))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(1, 150))
def test_doubled_wins_are_those_of_a_loop_over_all_pairs(seed, problems):
    effect, label, problem = data(seed, problems=min(problems, 90))
    steps = group_steps(effect, problem, label=label)
    wins = steps_auc(steps).doubled_wins
    expected = np.zeros_like(wins)
    rows = list(zip(steps.value, steps.problem, steps.labels[0], strict=True))
    for value, k, positive in rows:
        for other, m, is_positive in rows:
            if positive and not is_positive:
                expected[k, m] += 2 * (value > other) + (value == other)
    assert (wins == expected).all()


def test_bootstrap_is_that_of_scikit_learn_on_resampled_problems():
    effect, label, problem = data(3)
    values = []
    for counts in np.concatenate(list(resample_counts(15, 300, 7))):
        rows = np.concatenate(
            [np.tile(np.flatnonzero(problem == k), n) for k, n in enumerate(counts)]
        ).astype(int)
        values.append(roc_auc_score(label[rows], effect[rows]))
    low, high = np.quantile(values, [0.025, 0.975])
    settings = Bootstrap(n_resamples=300, seed=7, method="percentile")
    estimate = AUC.estimate(sample(effect, problem, label), settings)
    assert estimate.point == pytest.approx(roc_auc_score(label, effect))
    assert (estimate.low, estimate.high) == pytest.approx((low, high))


def test_standard_error_with_one_step_a_problem_is_delongs():
    rng = np.random.default_rng(0)
    label = np.arange(400) % 2 == 0
    effect = rng.normal(size=400) + label
    positive, negative = effect[label], effect[~label]
    # DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845, eq. 4 to 6.
    wins = positive[:, None] > negative[None, :]
    delong = math.sqrt(
        wins.mean(axis=1).var(ddof=1) / 200 + wins.mean(axis=0).var(ddof=1) / 200
    )
    error = AUC.estimate(sample(effect, second=label)).standard_error
    assert error == pytest.approx(delong, rel=0.01)


def test_standard_error_is_near_that_of_the_jackknife_over_problems():
    effect, label, problem = data(1, problems=200)
    deleted = np.array(
        [roc_auc_score(label[problem != k], effect[problem != k]) for k in range(200)]
    )
    jackknife = math.sqrt(199 / 200 * np.sum((deleted - deleted.mean()) ** 2))
    error = AUC.estimate(sample(effect, problem, label)).standard_error
    assert error == pytest.approx(jackknife, rel=0.03)


def test_auc_of_one_has_an_interval_that_reaches_below_one():
    problem = np.repeat(np.arange(30), 2)
    label = np.tile([True, False], 30)
    estimate = AUC.estimate(sample(label * 5.0, problem, label))
    assert estimate.point == 1
    assert estimate.high == 1
    assert 0.8 < estimate.low < 0.95


def test_without_decoys_the_auc_is_nan_and_says_so():
    estimate = AUC.estimate(sample([1.0, 2.0], [1, 2], [True, True]))
    assert math.isnan(estimate.point)
    assert estimate.note == "undefined for these problems"


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_auc_within_problems_is_that_of_scikit_learn(seed):
    effect, label, problem = data(seed)
    ours = problem_aucs(group_steps(effect, problem, label=label))
    for k in range(15):
        inside = problem == k
        if label[inside].all() or not label[inside].any():
            assert math.isnan(ours[k])
        else:
            assert ours[k] == pytest.approx(
                roc_auc_score(label[inside], effect[inside])
            )


def test_mean_auc_within_problems_counts_those_that_have_both_kinds():
    effect = [2.0, 1.0, 0.0, 1.0, 5.0]
    label, problem = [1, 0, 1, 0, 1], [1, 1, 2, 2, 3]
    estimate = AUC_WITHIN.estimate(sample(effect, problem, label))
    assert estimate.point == 0.5
    assert (estimate.n_problems, estimate.n_steps) == (2, 4)


def test_the_roc_curve_is_that_of_scikit_learn_and_its_area_the_auc():
    rng = np.random.default_rng(4)
    effect = np.round(rng.normal(size=80), 1)
    label = rng.random(80) < 0.4
    x, y, _ = roc_curve(label, effect, drop_intermediate=False)
    decoys, found = stats.roc_curve(np.append(effect, np.nan), np.append(label, True))
    assert set(zip(decoys, found)) < set(zip(x, y))
    assert area(decoys, found) == pytest.approx(roc_auc_score(label, effect))
    assert len(stats.roc_curve([1.0, 2.0], [True, True])[0]) == 0
