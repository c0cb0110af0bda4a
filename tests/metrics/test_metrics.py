"""Metrics: names, rows and values, by arithmetic on tables written by hand."""

import math

import numpy as np
import pytest
from lm_eval_faith_stats import MEAN_OF_STEPS

from lm_eval_faith.errors import InputError
from lm_eval_faith.metrics import (
    DEFAULT,
    Choices,
    Metric,
    Quantity,
    metric,
    metrics,
    primary,
    quantities,
    register,
)
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.tables import (
    STEP_COLUMNS,
    log_odds,
    tables_of_run,
    with_what_follows,
)

NAN = math.nan


def steps(**columns):
    """Two problems under one intervention: chains a and b of problem 0, chain c of 1.

    Effects are 2, 0, 1 | 4, -2 | 3, NaN; control effects 1 everywhere.
    """
    n = 7
    clean = np.full(n, -1.0)
    effect = np.array([2.0, 0.0, 1.0, 4.0, -2.0, 3.0, NAN])
    made = {
        "model": np.full(n, "m"),
        "task": np.full(n, "t"),
        "chain": np.array(list("aaabbcc")),
        "problem": np.array([0, 0, 0, 0, 0, 1, 1]),
        "step": np.array([0, 1, 2, 0, 1, 0, 1]),
        "n_steps": np.array([3, 3, 3, 2, 2, 2, 2]),
        "position": np.array([0.0, 0.5, 1.0, 0.0, 1.0, 0.0, 1.0]),
        "third": np.array(
            ["early", "middle", "late", "early", "late", "early", "late"]
        ),
        "label": np.array(
            ["load_bearing", "decoy", "", "load_bearing", "decoy", "", ""]
        ),
        "load_bearing": np.array([1.0, 0.0, NAN, 1.0, 0.0, NAN, NAN]),
        "truth": np.full(n, NAN),
        "chain_load_bearing": np.array([1.0] * 3 + [0.0] * 2 + [1.0] * 2),
        "chain_truth": np.full(n, NAN),
        "effect_cut_over_floor": np.full(n, NAN),
        "states_answer": np.array([False, False, True, False, True, False, True]),
        "intervention": np.full(n, "delete"),
        "site": np.full(n, ""),
        "logprob_clean": clean,
        "logprob": clean - effect,
        "effect": effect,
        "control_effect": np.ones(n),
        "draw": np.zeros(n, int),
        "weight": np.ones(n),
        "follow": np.array([1.0, 0.0, NAN, NAN, NAN, 1.0, NAN]),
    }
    unknown = {
        name: np.full(n, NAN)
        for name, kind in STEP_COLUMNS.items()
        if kind == "float64"
    }
    return with_what_follows(unknown | made | columns)


def point(name, columns=None, choices=DEFAULT, intervention="delete", modifiers=()):
    quantity = Quantity(metric(name), intervention, modifiers)
    columns = steps() if columns is None else columns
    return quantity.metric.by.point(quantity.sample(columns, choices))


def test_values_are_plain_arithmetic():
    first, second = (2 + 0 + 1 + 4 - 2) / 5, 3
    worked_out = {
        "effect": (first + second) / 2,
        "effect_over_steps": 8 / 6,
        "load_bearing_rate": 4 / 6,
        "median": 1.5,
        "negative": 1 / 6,
        "early": 9 / 3,
        "middle": 0,
        "late": -1 / 2,
        "early_rate": 1,
        "gradient": (1 - 2) / 2 - (2 + 4) / 2,  # the other problem has no late effect
        "middle_rate": 0,
        "late_rate": 1 / 2,
        "effect_load_bearing": 3,
        "effect_decoy": -1,
        "label_difference": 4,
        "auc": 1,
        "auc_within": 1,
        "separated": 1,
        "separated_means": 1,
        "follow": (1 / 2 + 1) / 2,
        # Chains a and c, of means 1 and 3, against b, of mean 1: one win, one tie.
        "chain_auc": 0.75,
    }
    for name, value in worked_out.items():
        assert point(name) == pytest.approx(value, abs=1e-12), name
    likely = steps(logprob_clean=np.full(7, -5.0), logprob=-5 - steps().effect)
    within = (math.exp(-5) - np.exp(-5 - np.array([2, 0, 1, 4, -2]))).mean()
    drop = (within + math.exp(-5) - math.exp(-8)) / 2
    assert point("probability_drop", likely) == pytest.approx(drop)


def test_a_step_that_was_drawn_counts_for_those_that_it_stands_for():
    # Of chain a three steps of six were drawn, of b two of two, of c two of eight.
    drawn = steps(weight=np.array([2.0, 2, 2, 1, 1, 4, 4]))
    worked_out = {
        "effect": ((2 * 3 + 2) / 8 + 3) / 2,
        "effect_over_steps": (2 * 3 + 2 + 4 * 3) / (6 + 2 + 4),
        "load_bearing_rate": (2 * 2 + 1 + 4) / 12,
        "negative": 1 / 12,
        "early": (2 * 2 + 4 + 4 * 3) / 7,
        "late_rate": 2 / 3,
        "effect_load_bearing": (2 * 2 + 4) / 3,
        "effect_decoy": -2 / 3,
        # Chains count as chains.
        "chain_auc": 0.75,
    }
    for name, value in worked_out.items():
        assert point(name, drawn) == pytest.approx(value, abs=1e-12), name


def test_modifiers_change_the_rows_before_the_metric_is_made():
    from lm_eval_faith.metrics import NO_ANSWER_STEPS, VS_CONTROL

    assert point("effect", modifiers=(VS_CONTROL,)) == pytest.approx(1.0)
    assert point("effect_over_steps", modifiers=(NO_ANSWER_STEPS,)) == 9 / 4
    both = (VS_CONTROL, NO_ANSWER_STEPS)
    assert point("effect_over_steps", modifiers=both) == 9 / 4 - 1
    quantity = Quantity(metric("late"), "delete", both)
    assert quantity.name == "delete_late_vs_control_no_answer_steps"
    assert quantity.meaning(Choices()) == (
        "effect on steps in the late third of the chain, effects less the control's, "
        "without the steps that state the answer"
    )


def test_the_threshold_is_the_readers():
    assert point("load_bearing_rate", choices=Choices(3.0)) == 2 / 6
    told = Quantity(metric("load_bearing_rate"), "delete").meaning(Choices(3.0))
    assert told == "steps with an effect of 3 nats or more"


def test_log_odds_are_finite_up_to_certainty():
    p = np.array([0.5, 0.1, 0.999])
    np.testing.assert_allclose(log_odds(np.log(p)), np.log(p / (1 - p)), rtol=1e-9)
    assert np.isfinite(log_odds(np.array([0.0, 1e-9, -80.0]))).all()
    assert np.isnan(log_odds(np.array([NAN]))).all()


def test_effect_is_raw_in_every_setting_and_each_metric_says_what_it_needs(
    provided_run, generated_runs
):
    provided = tables_of_run(load_run(provided_run))
    written = tables_of_run(load_run(generated_runs[0]))
    for tables in (provided, written):
        by_name = {q.name: q for q in quantities(tables)}
        frame = tables.steps[tables.steps["intervention"] == "corrupt"]
        raw = frame["logprob_clean"] - frame["logprob"]
        mean = raw.groupby(frame["problem"]).mean().mean()
        sample = by_name["corrupt_effect"].sample(tables.columns(), Choices())
        found = by_name["corrupt_effect"].metric.by.point(sample)
        assert found == pytest.approx(mean)
        assert len(by_name) == len(quantities(tables))  # names are unique
    names = {q.name for q in quantities(provided)}
    assert {"corrupt_label_difference", "corrupt_follow", "clean_acc"} <= names
    assert not any("vs_control" in name for name in names) and "solved" not in names
    names = {q.name for q in quantities(written)}
    assert {
        "solved",
        "unparsed",
        "corrupt_effect_vs_control",
        "control_effect",
    } <= names
    assert not any("auc" in name or "follow" in name for name in names)
    assert "control_effect_vs_control" not in names


def test_the_primary_metric_and_what_stands_beside_it(provided_run, generated_runs):
    for run, wanted in (
        (provided_run, "corrupt_label_difference"),
        (generated_runs[0], "corrupt_effect_vs_control"),
    ):
        tables = tables_of_run(load_run(run))
        found = primary(quantities(tables), tables.has)
        assert [q.name for q in found] == [wanted, f"{wanted}_no_answer_steps"]
    excluded = quantities(tables, Choices(exclude_answer_steps=True))
    assert [q.name for q in primary(excluded, tables.has)] == [
        "corrupt_effect_vs_control_no_answer_steps"
    ]
    assert all(q.name.endswith("_no_answer_steps") for q in excluded if q.intervention)


def test_names_of_metrics_are_unique_and_known():
    with pytest.raises(ValueError, match="already"):
        register(
            Metric(
                "late",
                "nats",
                "higher",
                "another",
                MEAN_OF_STEPS,
                lambda s, c: s.effect,
            )
        )
    with pytest.raises(ValueError, match="identifier"):
        Metric("no name", "nats", "higher", "x", MEAN_OF_STEPS, lambda s, c: s.effect)
    with pytest.raises(InputError, match="unknown metric 'lat': choose from .*late"):
        metric("lat")
    texts = set(STEP_COLUMNS) | {
        *("load_bearing", "late", "chain_truth", "chain_gain", "same_value"),
        "effect_over_floor",
    }
    assert all(not one.second or one.second in texts for one in metrics())


def test_graded_labels_are_ranked_against_the_effects_within_a_problem():
    from scipy.stats import spearmanr

    effects = np.array([2.0, 0.0, 1.0, 4.0, -2.0, 3.0, 3.0])
    truth = np.array([0.5, 0.1, 0.9, 0.8, NAN, 0.2, 0.7])
    graded = steps(truth=truth, effect=effects)
    expected = spearmanr(effects[:4], truth[:4]).statistic  # two steps are too few
    assert point("truth_rank_corr", graded) == pytest.approx(expected)


def test_graded_chains_are_ranked_by_their_mean_effects_over_all_problems():
    from scipy.stats import spearmanr

    effects = np.array([2.0, 0.0, 1.0, 4.0, -2.0, 3.0, 3.0])
    truth = np.array([0.5, 0.5, 0.9, 0.9, 0.1, 0.1, 0.1])
    chain = np.array(["a", "a", "b", "b", "c", "c", "c"])
    graded = steps(effect=effects, chain=chain, chain_truth=truth)
    means = [1.0, 2.5, 4 / 3]
    expected = spearmanr(means, [0.5, 0.9, 0.1]).statistic
    assert point("chain_truth_rank_corr", graded) == pytest.approx(expected)
