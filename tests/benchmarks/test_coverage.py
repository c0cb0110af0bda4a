"""The simulation and the benchmark, at a small scale."""

import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap

from benchmarks import coverage as simulate
from benchmarks import statistics as benchmark


def data_sets(n=200, problems=40, world="normal"):
    rng = np.random.default_rng(11)
    return [simulate.simulated(problems, world, rng) for _ in range(n)]


@pytest.mark.parametrize(
    "name",
    ["mean effect (steps)", "share at the threshold", "AUC", "position correlation"],
)
def test_intervals_of_200_data_sets_cover_the_truth_about_as_often_as_they_say(name):
    statistic = simulate.STATISTICS[name]
    truth = statistic.truth(
        simulate.simulated(4_000, "normal", np.random.default_rng(1))
    )
    found = simulate.coverage(statistic, truth, data_sets(), Bootstrap(n_resamples=299))
    # Three standard errors of a share of 200, and the truth of 4,000 problems.
    assert 0.89 <= 1 - found.below - found.above <= 0.99


def test_a_wrong_truth_is_not_covered():
    statistic = simulate.STATISTICS["share at the threshold"]
    found = simulate.coverage(statistic, 0.9, data_sets(50), Bootstrap())
    assert found.below == 1
    assert found.above == 0


def test_the_paired_test_finds_a_difference_that_is_not_there_about_as_often_as_it_says():
    pair = simulate.DIFFERENCES["paired difference"]
    found = simulate.coverage(pair, 0.0, data_sets(), Bootstrap(n_resamples=299))
    assert 0.005 <= found.found <= 0.1


def test_a_difference_that_is_there_is_covered_and_found():
    pair = simulate.DIFFERENCES["paired difference, not zero"]
    truth = pair.truth(simulate.simulated(4_000, "normal", np.random.default_rng(1)))
    found = simulate.coverage(pair, truth, data_sets(), Bootstrap(n_resamples=299))
    assert 0.89 <= 1 - found.below - found.above <= 0.99
    assert found.found > 0.5


@pytest.mark.parametrize("world", simulate.WORLDS)
def test_simulated_problems_have_steps_of_both_kinds_in_chains_as_long_as_said(world):
    data = simulate.simulated(500, world, np.random.default_rng(0))
    steps = np.bincount(data.problem)
    positive = np.bincount(data.problem, weights=data.load_bearing)
    assert (steps.min(), steps.max()) == ((2, 80) if "long" in world else (3, 12))
    assert (positive > 0).all()
    assert (positive < steps).all()
    assert data.position.min() == 0
    assert data.position.max() == 1
    # Steps of one problem are alike: the variance between problems exceeds that of unrelated steps.
    means = np.bincount(data.problem, weights=data.effect) / steps
    assert means.var() > 1.5 * (data.effect.var() / steps).mean()


def test_the_simulation_prints_one_row_for_each_statistic(capsys, monkeypatch):
    monkeypatch.setattr(simulate, "TRUTH_PROBLEMS", 2_000)
    simulate.main(
        [
            "--data-sets",
            "3",
            "--n-resamples",
            "9",
            "--problems",
            "10",
            "--worlds",
            "heavy",
            "--only",
            "third",
        ]
    )
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + 5
    assert all(line.count("|") == table[0].count("|") for line in table)


def test_the_benchmark_agrees_with_scikit_learn_on_the_same_resamples(capsys):
    benchmark.main(
        [
            "--problems",
            "30",
            "--n-resamples",
            "50",
            "--plain-resamples",
            "20",
            "--models",
            "3",
        ]
    )
    difference = float(capsys.readouterr().out.split("difference ")[1].split()[0])
    assert difference < 1e-12
