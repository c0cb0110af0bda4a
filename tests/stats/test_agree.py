"""Agreement of interventions inside problems."""

import numpy as np
import pytest
from lm_eval_faith_stats import agreements, rank_agreement_estimate
from scipy import stats as scipy_stats

NAN = float("nan")


def test_agreement_is_the_mean_rank_correlation_over_problems_with_three_common_steps():
    effect = [1.0, 2.0, 3.0, 4.0] + [5.0, 1.0, 3.0] + [1.0, 2.0, 3.0]
    other = [1.0, 1.0, 9.0, 8.0] + [2.0, 9.0, 4.0] + [1.0, NAN, 3.0]
    problem = [0] * 4 + [1] * 3 + [2] * 3
    expected = (scipy_stats.spearmanr(effect[:4], other[:4])[0] - 1) / 2
    estimate = rank_agreement_estimate(effect, other, problem)
    assert estimate.point == pytest.approx(expected)
    assert (estimate.n_problems, estimate.n_steps, estimate.n_missing) == (2, 7, 1)


def test_agreement_is_symmetric():
    rng = np.random.default_rng(0)
    a, b, problem = rng.normal(size=90), rng.normal(size=90), np.arange(90) // 6
    one, other = (rank_agreement_estimate(x, y, problem) for x, y in ((a, b), (b, a)))
    assert one.point == pytest.approx(other.point)
    assert one.low == pytest.approx(other.low)


def test_every_pair_of_interventions_is_compared_once_in_order():
    rng = np.random.default_rng(0)
    effects = {name: rng.normal(size=40) for name in ("corrupt", "delete", "filler")}
    found = agreements(effects, np.arange(40) // 5)
    assert [(a.first, a.second) for a in found] == [
        ("corrupt", "delete"),
        ("corrupt", "filler"),
        ("delete", "filler"),
    ]


def test_effects_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="one effect a step"):
        rank_agreement_estimate([1.0], [1.0, 2.0], [1])
