"""Whatever finite numbers come in, an answer or a sentence comes out: no warning, no other error."""

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap, Sample

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
ESTIMATORS = {n: e for n, e in vars(stats).items() if isinstance(e, stats.Estimator)}


def sample(estimator, value):
    if estimator in (stats.SHARE_OF_PROBLEMS, stats.SHARE_OF_STEPS):
        value = np.where(np.isnan(value), np.nan, value > 0.25)
    if estimator in (stats.PEARSON, stats.SPEARMAN, stats.PEARSON_OVER_ZERO):
        return Sample(value, LONG, np.tile([0.0, 0.5, 0.7, 1.0], 2))
    return Sample(value, PROBLEM, LABEL)


def ordered(estimate):
    """Both ends are finite and on their sides of the point, or there is a sentence why not."""
    ends = np.array([estimate.low, estimate.point, estimate.high])
    if np.isnan(ends).any():
        return bool(estimate.note) or estimate.method == "bca"
    slack = 1e-9 * np.abs(ends).max()
    return np.isfinite(ends).all() and ends[0] - slack <= ends[2]


@pytest.mark.filterwarnings("error")
def test_extreme_values_give_finite_ordered_ends_or_a_reason():
    for method in stats.METHODS:
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
