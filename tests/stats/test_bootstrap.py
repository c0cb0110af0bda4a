"""The resampler: what it draws, and that order and threads do not matter."""

import subprocess
import sys

import lm_eval_faith_stats as stats
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval_faith_stats.bootstrap import Ratio, bootstrap_values, on_exact_grid

from .samples import at_least, sample


def test_every_resample_draws_as_many_problems_as_there_are():
    counts = np.concatenate(list(stats.resample_counts(7, 500, 1)))
    assert counts.shape == (500, 7)
    assert (counts.sum(axis=1) == 7).all()


def test_draws_depend_on_problems_resamples_and_seed_only():
    def drawn(*arguments):
        return np.concatenate(list(stats.resample_counts(*arguments)))

    assert (drawn(50, 20_000, 1) == drawn(50, 20_000, 1, 17)).all()
    assert (drawn(50, 20_000, 1) != drawn(50, 20_000, 2)).any()


def test_every_problem_is_drawn_once_on_average_with_binomial_variance():
    counts = np.concatenate(list(stats.resample_counts(20, 50_000, 0))).astype(float)
    # Binomial(20, 1/20): mean 1, variance 19/20; four standard errors of 50,000.
    assert counts.mean(axis=0) == pytest.approx(np.ones(20), abs=4 * 0.0044)
    assert counts.var(axis=0) == pytest.approx(np.full(20, 0.95), abs=0.04)


def test_large_draws_come_in_blocks_of_bounded_size():
    blocks = stats.resample_counts(100_000, 1_000, 0)
    assert next(blocks).size <= 1 << 19


def test_sums_on_the_exact_grid_are_the_same_in_any_order():
    rng = np.random.default_rng(0)
    column = on_exact_grid(rng.standard_cauchy((3000, 1)))[:, 0]
    counts = rng.integers(0, 5, 3000).astype(float)
    sums = set()
    for _ in range(20):
        order = rng.permutation(3000)
        total = 0.0
        for term in (column * counts)[order]:
            total += term
        sums.add(total)
    assert len(sums) == 1


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
)
def test_the_exact_grid_changes_nothing_that_matters(values):
    column = np.array(values)[:, np.newaxis]
    tolerance = np.abs(column).max() * len(values) * 2.0**-50 + 2.0**-1022
    assert np.abs(on_exact_grid(column) - column).max() <= tolerance


ESTIMATORS = (
    "MEAN_OF_PROBLEMS",
    "MEAN_OF_STEPS",
    "SHARE_OF_STEPS",
    "MEDIAN",
    "AUC",
    "AUC_WITHIN",
    "SEPARATED",
    "DIFFERENCE",
)


@pytest.mark.parametrize("method", ["default", "percentile", "bca"])
@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_changes_no_digit(name, method, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    effect = rng.standard_t(2, n)
    effect = np.round(effect, int(rng.integers(0, 3)))
    effect[rng.random(n) < 0.1] = np.nan
    label, problem = rng.random(n) < 0.6, rng.integers(0, 9, n)
    order = rng.permutation(n)
    if name == "SHARE_OF_STEPS":
        effect = at_least(effect, 1.0)
    estimator = getattr(stats, name)
    settings = stats.Bootstrap(n_resamples=50, method=method)
    one, other = (
        estimator.estimate(sample(effect[rows], problem[rows], label[rows]), settings)
        for rows in (slice(None), order)
    )
    assert repr(one) == repr(other)


SCRIPT = """
import numpy as np, lm_eval_faith_stats as s
rng = np.random.default_rng(0)
p = np.repeat(np.arange(301), 7)
sample = s.Sample(rng.standard_t(3, p.size), p, (rng.random(p.size) < 0.6).astype(float))
print(s.MEAN_OF_STEPS.estimate(sample), s.AUC.estimate(sample))
"""


def test_the_number_of_threads_changes_no_digit():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in ("1", "2")
    }
    assert len(outputs) == 1


def test_importing_the_package_loads_no_scipy_submodule():
    script = "import sys, lm_eval_faith_stats; print(*[m for m in sys.modules if m.startswith('scipy.')])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_resamples_in_which_a_ratio_is_undefined_are_left_out_and_named():
    estimate = stats.AUC.estimate(
        sample([2.0, 1.0, 3.0, 1.5], second=[True, True, True, False]),
        stats.Bootstrap(n_resamples=1000, method="percentile"),
    )
    # No resample without the only decoy has an AUC: (3/4)**4 of them, 316 of 1000 expected.
    undefined = int(estimate.note.split()[0])
    assert 260 < undefined < 370


def test_the_bootstrap_mean_has_the_variance_of_theory():
    values = np.random.default_rng(0).normal(size=40)
    drawn = bootstrap_values(
        Ratio(values, np.ones(40)), stats.Bootstrap(n_resamples=40_000)
    )
    # Var* = population variance / n; the standard error of a variance of 40,000 is 0.7%.
    assert drawn.var() == pytest.approx(values.var() / 40, rel=0.03)
