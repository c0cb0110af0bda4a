"""Planning against statsmodels and simulation."""

import math

import numpy as np
import pytest
from lm_eval_faith_stats import (
    MEAN_OF_PROBLEMS,
    half_width,
    paired_power,
    problems_for_half_width,
    problems_for_paired_difference,
    problems_for_unpaired_difference,
    problems_to_ask,
    std_over_problems,
)
from lm_eval_faith_stats.power import half_width_assurance, unpaired_power
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestIndPower, TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from .samples import sample


@pytest.mark.parametrize(
    ("n", "effect"),
    [(2, 0.3), (5, 1.0), (30, 0.05), (30, 0.3), (30, 1.0), (1000, 0.05)],
)
def test_paired_power_is_that_of_statsmodels(n, effect):
    expected = TTestPower().power(effect, n, 0.05)
    assert paired_power(n, effect * 2.0, 2.0) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "effect"),
    [(2, 0.3), (5, 1.0), (30, 0.05), (30, 0.3), (30, 1.0), (1000, 0.05)],
)
def test_unpaired_power_with_equal_deviations_is_that_of_statsmodels(n, effect):
    expected = TTestIndPower().power(effect, n, 0.05)
    assert unpaired_power(n, effect, 1.0, 1.0) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("effect", [0.1, 0.5, 0.9])
def test_numbers_of_problems_are_those_of_statsmodels_rounded_up(effect):
    paired = TTestPower().solve_power(effect, alpha=0.05, power=0.8)
    unpaired = TTestIndPower().solve_power(effect, alpha=0.05, power=0.8)
    assert problems_for_paired_difference(effect, 1.0) == math.ceil(float(paired))
    assert problems_for_unpaired_difference(effect, 1.0, 1.0) == math.ceil(
        float(unpaired)
    )


def test_a_half_standard_deviation_needs_34_pairs_and_64_of_each():
    # Cohen (1988), table 2.4.1: d = 0.5, two-sided 5%, power 0.80 needs 64 in each group.
    assert problems_for_unpaired_difference(0.5, 1.0, 1.0) == 64
    assert problems_for_paired_difference(-0.5, 1.0) == 34


@pytest.mark.parametrize("sides", [(1.0, 3.0), (2.0, 0.5)])
def test_unpaired_power_with_unequal_deviations_is_that_of_simulated_welch_tests(sides):
    rng = np.random.default_rng(0)
    a = rng.normal(1.0, sides[0], (4000, 40))
    b = rng.normal(0.0, sides[1], (4000, 40))
    found = np.mean(scipy_stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue < 0.05)
    assert unpaired_power(40, 1.0, *sides) == pytest.approx(found, abs=0.025)


def test_half_width_is_that_of_students_interval():
    values = np.random.default_rng(0).normal(size=23)
    low, high = DescrStatsW(values).tconfint_mean()
    assert half_width(23, values.std(ddof=1)) == pytest.approx((high - low) / 2)


@pytest.mark.parametrize("wanted", [0.01, 0.2, 3.0])
def test_the_number_of_problems_for_a_half_width_is_the_smallest(wanted):
    n = problems_for_half_width(wanted, 1.3)
    assert half_width(n, 1.3) <= wanted
    assert n == 2 or half_width(n - 1, 1.3) > wanted


def test_the_deviation_over_problems_of_a_mean_is_its_standard_deviation():
    values = np.random.default_rng(0).normal(size=23)
    std = std_over_problems(MEAN_OF_PROBLEMS.estimate(sample(values)))
    assert std == pytest.approx(values.std(ddof=1))


def test_no_deviation_needs_the_fewest_problems():
    assert problems_for_half_width(0.1, 0.0) == 2
    assert problems_for_paired_difference(0.1, 0.0) == 2


def test_a_large_difference_is_found_for_certain():
    assert paired_power(1000, 50.0, 1.0) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: problems_for_half_width(0.0, 1.0),
        lambda: problems_for_half_width(0.1, -1.0),
        lambda: problems_for_half_width(0.1, math.nan),
        lambda: problems_for_half_width(1e-9, 1.0),
        lambda: problems_for_paired_difference(0.0, 1.0),
        lambda: problems_for_paired_difference(0.1, 1.0, power=1.0),
        lambda: paired_power(1, 0.1, 1.0),
        lambda: half_width(10, 1.0, confidence_level=1.0),
    ],
)
def test_a_wish_that_cannot_be_met_is_a_value_error(call):
    with pytest.raises(ValueError, match="."):
        call()


def test_the_half_width_is_met_in_the_share_of_samples_that_was_asked_for():
    n = problems_for_half_width(0.6, std=2.0, assurance=0.9)
    samples = np.random.default_rng(0).normal(scale=2.0, size=(20_000, n))
    t = scipy_stats.t.ppf(0.975, n - 1)
    halves = t * samples.std(axis=1, ddof=1) / np.sqrt(n)
    assert np.mean(halves <= 0.6) == pytest.approx(
        half_width_assurance(n, 0.6, std=2.0), abs=0.01
    )
    assert 0.9 <= half_width_assurance(n, 0.6, std=2.0) < 0.93
    assert half_width_assurance(n - 1, 0.6, std=2.0) < 0.9
    without = problems_for_half_width(0.6, std=2.0)
    assert half_width_assurance(without, 0.6, std=2.0) == pytest.approx(0.53, abs=0.04)


def test_enough_problems_are_asked_that_the_wanted_number_is_solved():
    assert problems_to_ask(30, 0.25) == 120
    assert problems_to_ask(7, 1.0, assurance=0.99) == 7
    for solved, rate, assurance in ((30, 0.25, 0.9), (1, 0.01, 0.5), (200, 0.9, 0.99)):
        n = problems_to_ask(solved, rate, assurance)
        assert scipy_stats.binom.sf(solved - 1, n, rate) >= assurance
        assert scipy_stats.binom.sf(solved - 1, n - 1, rate) < assurance
    for wrong in ((0, 0.5), (3, 0.0), (3, 1.1), (3, 0.5, 1.0)):
        with pytest.raises(ValueError, match=r"n_solved|solve_rate|assurance"):
            problems_to_ask(*wrong)
