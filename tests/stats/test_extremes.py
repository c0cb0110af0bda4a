"""Whatever finite numbers come in, an answer or a sentence comes out: no warning, no other error."""

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap, Sample
from lm_eval_faith_stats.bootstrap import METHODS

SHAPE = np.array([1, 0.2, 0.9, 0.3, 0.5, -0.6, 0.7, 0.1])
PROBLEM = np.repeat(np.arange(4), 2)
LABEL = np.tile([1.0, 0.0], 4)
LONG = np.repeat([3, 9], 4)
VALUES = {
    "huge": SHAPE * 1e49,
    "plain": SHAPE,
    "tiny": SHAPE * 1e-200,
    "subnormal": SHAPE * 1e-320,
    "zero": SHAPE * 0.0,
    "constant": np.full(8, 0.1),
    "none": np.full(8, np.nan),
    "half of them": np.tile([np.nan, 1.0], 4),
    "one": np.array([0.3] + [np.nan] * 7),
}
OVER_THIRD = (
    stats.AUC_OVER_THIRD,
    stats.SPEARMAN_OVER_THIRD,
    *(e for n, e in vars(stats).items() if n.startswith("PARTIAL")),
)
ESTIMATORS = {n: e for n, e in vars(stats).items() if isinstance(e, stats.Estimator)}


def sample(estimator, value):
    if estimator in (stats.SHARE_OF_PROBLEMS, stats.SHARE_OF_STEPS):
        value = np.where(np.isnan(value), np.nan, value > 0.25)
    if estimator in (stats.PEARSON, stats.SPEARMAN, stats.PEARSON_OVER_ZERO):
        return Sample(value, LONG, np.tile([0.0, 0.5, 0.7, 1.0], 2))
    third = np.tile([0.0, 0.5, 0.7, 1.0], 2) if estimator in OVER_THIRD else None
    if estimator is stats.SPEARMAN_OVER_THIRD:
        return Sample(value, LONG, np.tile([1.0, 0.0, 0.5, 0.2], 2), third=third)
    return Sample(value, PROBLEM, LABEL, third=third)


def ordered(estimate):
    """Both ends are finite and on their sides of the point, or there is a sentence why not."""
    ends = np.array([estimate.low, estimate.point, estimate.high])
    if np.isnan(ends).any():
        return bool(estimate.note) or estimate.method == "bca"
    slack = 1e-9 * np.abs(ends).max()
    return np.isfinite(ends).all() and ends[0] - slack <= ends[2]


@pytest.mark.filterwarnings("error")
def test_extreme_values_give_finite_ordered_ends_or_a_reason():
    for method in METHODS:
        bootstrap = Bootstrap(n_resamples=30, method=method)
        for name, estimator in ESTIMATORS.items():
            for kind, value in VALUES.items():
                here = sample(estimator, value)
                try:
                    found = estimator.estimate(here, bootstrap)
                except ValueError as error:
                    assert "is not for this statistic" in str(error), (name, kind)
                else:
                    assert ordered(found), (method, name, kind, found)


@pytest.mark.filterwarnings("error")
def test_extreme_values_compare_with_finite_ordered_ends_or_a_reason():
    for method in ("default", "percentile"):
        bootstrap = Bootstrap(n_resamples=30, method=method)
        for name, estimator in ESTIMATORS.items():
            for kind, value in VALUES.items():
                several = [sample(estimator, v) for v in (value, -value, value / 3)]
                for paired in (True, False):
                    for pair in estimator.all_pairs(several, bootstrap, paired):
                        found = pair.comparison
                        assert ordered(found.estimate), (name, kind, paired, found)
                        assert np.isnan(found.p_value) or 0 <= found.p_value <= 1
                        assert np.isnan(found.p_value) == bool(
                            np.isnan(found.estimate.low)
                        ), (name, kind, found)


@pytest.mark.filterwarnings("error")
def test_resamples_in_which_a_statistic_is_undefined_are_left_out_of_a_comparison():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=3), rng.normal(size=3)
    bootstrap = Bootstrap(n_resamples=300, method="studentised")
    counts = np.concatenate(list(stats.resample_counts(3, 300, bootstrap.seed)))
    of_other_problem = np.concatenate(list(stats.resample_counts(3, 300, 1)))
    # Hedges' g: nothing varies where one problem was drawn over and over.
    alone, other_alone = counts.max(axis=1) == 3, of_other_problem.max(axis=1) == 3
    samples = [Sample(value, np.arange(3)) for value in (one, other)]
    # AUC: the only decoy is in the last problem.
    label = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    twice = np.repeat(np.arange(3), 2)
    pooled = [Sample(rng.normal(size=6), twice, label) for _ in range(2)]
    lost, other_lost = counts[:, 2] == 0, of_other_problem[:, 2] == 0
    for estimator, given, undefined, elsewhere in (
        (stats.HEDGES_G, samples, alone, other_alone),
        (stats.AUC, pooled, lost, other_lost),
    ):
        for paired, expected in ((True, undefined), (False, undefined | elsewhere)):
            (pair,) = estimator.all_pairs(given, bootstrap, paired)
            estimate = pair.comparison.estimate
            assert estimate.note.startswith(f"{expected.sum()} of 300 resamples")
            assert np.isfinite([estimate.low, estimate.high]).all()
