"""`lm-eval-faith agree`, against scipy on the step records."""

import json

import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from lm_eval_faith.report import agreements_of_run, load_run, steps_frame
from lm_eval_faith.report.agree import agreements, written
from lm_eval_faith.report.report import Asked
from lm_eval_faith.report.write import text

QUICK = Bootstrap(n_resamples=200)
NAN = float("nan")


def by_hand(run, first, second, without_answers=False):
    frame = steps_frame(load_run(run))
    if without_answers:
        frame = frame[~frame.states_answer]
    wide = frame.pivot_table(
        index=["chain", "step"], columns="intervention", values="effect"
    )
    rhos = []
    for _, chain in wide.groupby("chain"):
        both = chain[[first, second]].dropna()
        if len(both) >= 3:
            rhos.append(spearmanr(both[first], both[second]).statistic)
    return np.mean(rhos)


def agreement(effect, other, problem):
    effects = {"corrupt": np.array(effect), "delete": np.array(other)}
    (pair,) = agreements(effects, np.array(problem), QUICK)
    return pair.estimate


def test_only_problems_with_three_common_steps_count():
    effect = [1.0, 2.0, 3.0, 4.0] + [5.0, 1.0, 3.0] + [1.0, 2.0, 3.0]
    other = [1.0, 1.0, 9.0, 8.0] + [2.0, 9.0, 4.0] + [1.0, NAN, 3.0]
    problem = [0] * 4 + [1] * 3 + [2] * 3
    expected = (spearmanr(effect[:4], other[:4])[0] - 1) / 2
    estimate = agreement(effect, other, problem)
    assert estimate.point == pytest.approx(expected)
    assert (estimate.n_problems, estimate.n_steps, estimate.n_missing) == (2, 7, 1)


def test_agreement_is_symmetric():
    rng = np.random.default_rng(0)
    a, b, problem = rng.normal(size=90), rng.normal(size=90), np.arange(90) // 6
    a[3], b[10] = NAN, NAN
    one, other = agreement(a, b, problem), agreement(b, a, problem)
    assert one.point == pytest.approx(other.point)
    assert one.low == pytest.approx(other.low)
    assert one.n_missing == other.n_missing == 2


def test_an_infinite_effect_is_refused_on_either_side():
    for effects in (([1.0, np.inf], [1.0, 2.0]), ([1.0, 2.0], [1.0, np.inf])):
        with pytest.raises(ValueError, match="infinite|no finite"):
            agreement(*effects, [1, 1])


def test_agreement_is_the_mean_rank_correlation_within_chains(provided_run):
    (task,) = agreements_of_run(load_run(provided_run), QUICK)
    assert [(p.first, p.second) for p in task.agreements] == [
        ("corrupt", "corrupt_local"),
        ("corrupt", "delete"),
        ("corrupt_local", "delete"),
    ]
    for pair in task.agreements:
        expected = by_hand(provided_run, pair.first, pair.second)
        assert pair.estimate.point == pytest.approx(expected)
        assert pair.estimate.low <= pair.estimate.point <= pair.estimate.high


def test_aucs_stand_side_by_side_where_there_is_truth(provided_run, generated_runs):
    (task,) = agreements_of_run(load_run(provided_run), QUICK)
    frame = steps_frame(load_run(provided_run)).dropna(subset=["effect"])
    for name, estimate in task.aucs.items():
        steps = frame[frame.intervention == name]
        expected = roc_auc_score(steps.label == "load_bearing", steps.effect)
        assert estimate.point == pytest.approx(expected)
    (written,) = agreements_of_run(load_run(generated_runs[0]), QUICK)
    assert set(task.aucs) == {"corrupt", "corrupt_local", "delete"}
    assert written.aucs == {}


def test_the_control_is_not_compared_and_answer_steps_can_be_left_out(generated_runs):
    run = load_run(generated_runs[0])
    for without in (False, True):
        choices = Asked(exclude_answer_steps=without)
        (task,) = agreements_of_run(run, QUICK, choices)
        (pair,) = task.agreements
        expected = by_hand(generated_runs[0], "corrupt", "delete", without)
        assert pair.estimate.point == pytest.approx(expected)


def test_the_command_prints_tables_of_100_columns_and_json(command, provided_run):
    code, table, _ = command("agree", provided_run, "--n-resamples", 100)
    assert code == 0 and max(map(len, table.splitlines())) <= 100
    assert "AUC side by side" in table
    _, text, _ = command(
        "agree", provided_run, "--format", "json", "--n-resamples", 100
    )
    assert len(json.loads(text)["agreements"][0]["pairs"]) == 3


def test_one_intervention_alone_is_said(provided_run, other_model, tmp_path):
    def only_delete(k, sample):
        variants = sample["doc"]["interventions"]
        kept = [v for v in variants if v["intervention"] == "delete"]
        sample["doc"]["interventions"] = kept
        sample["filtered_resps"] = sample["filtered_resps"][: 1 + len(kept)]
        return sample

    alone = other_model(provided_run, tmp_path / "alone", line=only_delete)
    found = agreements_of_run(load_run(alone), QUICK)
    assert "fewer than two interventions" in text(written(found), "table")
