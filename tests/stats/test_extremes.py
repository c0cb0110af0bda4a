"""Whatever finite numbers come in, an answer or a sentence comes out: no warning, no other error."""

import lm_eval_faith_stats as stats
import numpy as np
import pytest

PROBLEM = [0, 0, 1, 1, 2, 2, 3, 3]
LABEL = [1, 0] * 4
CALLS = {
    "step mean": lambda e, b: stats.step_mean_estimate(e, PROBLEM, b),
    "problem mean": lambda e, b: stats.mean_of_problem_means_estimate(e, PROBLEM, b),
    "median": lambda e, b: stats.median_effect_estimate(e, PROBLEM, b),
    "share": lambda e, b: stats.share_at_threshold_estimate(e, PROBLEM, 1.0, b),
    "auc": lambda e, b: stats.auc_estimate(e, LABEL, PROBLEM, b),
    "separation": lambda e, b: stats.share_separated_estimate(e, LABEL, PROBLEM, b),
    "hedges": lambda e, b: stats.hedges_g_estimate(e, b),
    "correlation": lambda e, b: stats.position_correlation_estimate(
        e, LABEL, [0] * 4 + [1] * 4, b
    ),
    "paired": lambda e, b: stats.paired_difference(e, -e, b),
    "paired auc": lambda e, b: stats.paired_auc_difference(
        (e, LABEL, PROBLEM), (-e, LABEL, PROBLEM), b
    ),
    "unpaired": lambda e, b: stats.unpaired_difference(e, e[:3], b),
    "all pairs": lambda e, b: stats.all_pairs({"x": [e, -e, e / 3]}, b),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", stats.METHODS)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "effect",
    [
        np.array([1, 0.2, 0.9, 0.3, 0.5, -0.6, 0.7, 0.1]) * scale
        for scale in (1e49, 1.0, 1e-200, 1e-320, 0.0)
    ]
    + [np.full(8, np.nan), np.array([np.nan, 1.0] * 4), np.array([0.1] * 8)],
)
def test_extreme_effects_give_an_answer_or_a_value_error(effect, name, method):
    bootstrap = stats.Bootstrap(n_resamples=30, method=method)
    try:
        CALLS[name](effect, bootstrap)
    except ValueError as error:
        assert "method" in str(error)
