"""`lm-eval-faith compare`: points by plain loops over the samples files."""

import csv
import io
import json
from itertools import pairwise

import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from lm_eval_faith.errors import InputError
from lm_eval_faith.report import load_run, steps_frame
from lm_eval_faith.report.compare import (
    BOTH_SOLVED,
    OWN,
    SHARED,
    compare_runs,
    written,
)
from lm_eval_faith.report.write import text

QUICK = Bootstrap(n_resamples=300)


@pytest.fixture(scope="module")
def compared(provided_run, second_run):
    (task,) = compare_runs([provided_run, second_run], QUICK)
    return task


@pytest.fixture(scope="module")
def generated(generated_runs):
    (task,) = compare_runs(generated_runs, QUICK)
    return task


def found(task, intervention, metric, problems):
    (d,) = [
        d
        for d in task.differences
        if (d.quantity.intervention, d.quantity.column, d.problems)
        == (intervention, metric, problems)
    ]
    return d.comparison.estimate


def refused(*paths, **choices):
    with pytest.raises(InputError) as error:
        compare_runs(paths, QUICK, **choices)
    assert "\n" not in str(error.value)
    return str(error.value)


# --- provided ----------------------------------------------------------------------


def by_label(run, intervention, label):
    frame = steps_frame(load_run(run))
    chosen = frame[(frame.intervention == intervention) & (frame.label == label)]
    return chosen.groupby("chain").effect.mean()


@pytest.mark.parametrize("name", ["corrupt", "corrupt_local", "delete"])
def test_differences_are_of_the_problems_own_values(
    compared, provided_run, second_run, name
):
    bearing = [by_label(r, name, "load_bearing") for r in (provided_run, second_run)]
    decoys = [by_label(r, name, "decoy") for r in (provided_run, second_run)]
    mean = (bearing[0] - bearing[1]).mean()
    assert found(compared, name, "effect_load_bearing", SHARED).point == pytest.approx(
        mean
    )
    less = ((bearing[0] - decoys[0]) - (bearing[1] - decoys[1])).mean()
    assert found(compared, name, "label_difference", SHARED).point == pytest.approx(
        less
    )


def test_the_difference_of_aucs_is_that_of_scikit_learn(
    compared, provided_run, second_run
):
    aucs = []
    for run in (provided_run, second_run):
        frame = steps_frame(load_run(run))
        frame = frame[(frame.intervention == "delete")]
        aucs.append(roc_auc_score(frame.label == "load_bearing", frame.effect))
    estimate = found(compared, "delete", "auc", SHARED)
    assert estimate.point == pytest.approx(aucs[0] - aucs[1])
    assert estimate.n_problems == 6


def test_the_other_order_of_runs_turns_the_sign(compared, provided_run, second_run):
    (turned,) = compare_runs([second_run, provided_run], QUICK)
    for one, other in zip(compared.differences, turned.differences, strict=True):
        assert (one.first, one.second) == (other.second, other.first)
        assert one.comparison.estimate.point == -other.comparison.estimate.point


def test_problems_are_matched_by_question_and_content_not_by_order(
    compared, provided_run, other_model, tmp_path
):
    from .conftest import doubled

    def changed(k, sample):
        sample = doubled(k, sample)
        if k == 4:
            sample["doc"]["question"] += " Really?"
        return None if k == 5 else sample

    other = other_model(provided_run, tmp_path / "other", line=changed)
    (file,) = other.rglob("samples_*.jsonl")
    file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    (task,) = compare_runs([provided_run, other], QUICK)
    assert found(task, "", "clean_logprob", SHARED).n_problems == 4
    assert any("1 documents have the same id and other" in w for w in task.warnings)
    assert any("not in all runs" in w for w in task.warnings)
    mine = by_label(provided_run, "delete", "load_bearing")
    theirs = by_label(other, "delete", "load_bearing")
    ids = [f"test-0-{k}" for k in range(4)]
    estimate = found(task, "delete", "effect_load_bearing", SHARED)
    assert estimate.point == pytest.approx((mine[ids] - theirs[ids]).mean())


def test_p_values_of_the_primary_metric_are_adjusted_over_pairs_and_others_over_metrics_too(
    provided_run, second_run, other_model, tmp_path
):
    def noisy(k, sample):
        rng = np.random.default_rng(k)
        sample["filtered_resps"] = [
            [str(float(x) + rng.normal()), greedy]
            for x, greedy in sample["filtered_resps"]
        ]
        return sample

    third = other_model(provided_run, tmp_path / "third", "third", line=noisy)
    runs = [provided_run, second_run, third]
    for adjustment, method in (("holm", "holm"), ("bh", "fdr_bh")):
        (task,) = compare_runs(runs, QUICK, adjustment)
        assert task.primary[0] == "corrupt_label_difference"
        families = [[], []]
        for d in task.differences:
            families[d.quantity.name == task.primary[0]].append(d)
        assert len(families[1]) == 3 and len(families[0]) > 100
        for family in families:
            raw = np.array([d.comparison.p_value for d in family])
            known = ~np.isnan(raw)
            adjusted = np.full(len(raw), np.nan)
            adjusted[known] = multipletests(raw[known], method=method)[1]
            told = [d.p_adjusted for d in family]
            np.testing.assert_allclose(told, adjusted, rtol=1e-9)
        said = text(written([task]), "table")
        assert "corrupt_label_difference, the primary metric, over 3" in said


def test_the_numbers_are_those_that_the_reports_show(generated, generated_runs):
    from lm_eval_faith.report import make_reports

    reports = [make_reports([run], QUICK)[0] for run in generated_runs]
    unpaired = [d for d in generated.differences if d.problems == OWN]
    assert len(unpaired) > 50
    for d in unpaired:
        one, two = (report.row(d.quantity.name).estimate for report in reports)
        difference = d.comparison.estimate.point
        assert difference == pytest.approx(one.point - two.point, abs=1e-9)


# --- what is refused ---------------------------------------------------------------


def with_setting(key, value):
    def change(content):
        content["configs"]["cot_faith_provided"]["metadata"][key] = value
        return content

    return change


def with_config(key, value):
    def change(content):
        content["configs"]["cot_faith_provided"][key] = value
        return content

    return change


def with_part(key, value):
    def change(content):
        content[key] = {"cot_faith_provided": value}
        return content

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_setting("restate_totals", False), "restate_totals is true in tiny-llama"),
        (with_setting("answer_cue", "So:"), 'answer_cue is "The answer is" in'),
        (with_config("doc_to_text", "{{question}}"), "prompt's doc_to_text is"),
        (with_part("versions", 3.0), 'task version is "2.0" in tiny-llama, "3.0" in'),
        (with_part("n-shot", 3), "few-shot number is 0 in tiny-llama, 3 in other"),
        (lambda c: c | {"system_instruction": "Be brief."}, "system_instruction is"),
        (lambda c: c | {"chat_template": "{{x}}"}, "chat_template is false in"),
    ],
)
def test_runs_that_differ_in_more_than_the_model_are_refused(
    provided_run, other_model, tmp_path, change, said
):
    other = other_model(provided_run, tmp_path / "other", results=change)
    told = refused(provided_run, other)
    assert said in told and told.endswith("--force")
    (task,) = compare_runs([provided_run, other], QUICK, force=True)
    assert any(said in w and "by force" in w for w in task.warnings)


def test_a_difference_that_hangs_on_one_problem_is_told(
    provided_run, other_model, tmp_path
):
    def lower(k, sample):
        if k == 0:  # the clean chain's answer is the first
            falls = [
                str(float(x) - 3 * n)
                for n, (x, _) in enumerate(sample["filtered_resps"])
            ]
            sample["filtered_resps"] = [
                [fall, greedy]
                for fall, (_, greedy) in zip(
                    falls, sample["filtered_resps"], strict=True
                )
            ]
        return sample

    other = other_model(provided_run, tmp_path / "other", line=lower)
    alike = other_model(provided_run, tmp_path / "alike")
    (task,) = compare_runs([provided_run, other], QUICK)
    (told,) = [w for w in task.warnings if w.startswith("one problem carries")]
    assert (
        "the variance of corrupt_label_difference in other against tiny-llama (" in told
    )
    (task,) = compare_runs([provided_run, alike], QUICK)
    assert not any("carries" in w for w in task.warnings)


def test_a_run_says_itself_in_which_parameters_another_may_differ(
    provided_run, other_model, tmp_path
):
    def free(change):
        def changed(content):
            content = change(content)
            for config in content["configs"].values():
                config["metadata"]["may_differ"].append("answer_cue")
            return content

        return changed

    cue = with_setting("answer_cue", "So:")
    alike = other_model(provided_run, tmp_path / "alike", results=free(lambda c: c))
    other = other_model(provided_run, tmp_path / "other", results=free(cue))
    assert "answer_cue is" in refused(
        provided_run, other_model(provided_run, tmp_path / "refused", results=cue)
    )
    (task,) = compare_runs([alike, other], QUICK)
    assert not any("answer_cue" in w for w in task.warnings)


def test_the_models_own_arguments_and_the_number_of_problems_do_not_matter(
    provided_run, other_model, tmp_path
):
    def change(content):
        content["config"]["model_args"]["pretrained"] = "elsewhere"
        metadata = content["configs"]["cot_faith_provided"]["metadata"]
        metadata |= {"pretrained": "elsewhere", "problems": 7}
        return content

    other = other_model(provided_run, tmp_path / "other", results=change)
    assert compare_runs([provided_run, other], QUICK)


def test_one_run_alone_is_refused(provided_run):
    assert "only one run" in refused(provided_run)


def test_the_same_run_twice_counts_once(provided_run):
    assert "only one run" in refused(provided_run, provided_run)


def test_runs_without_a_common_problem_are_refused(provided_run, other_model, tmp_path):
    def changed(k, sample):
        sample["doc"]["question"] += " Really?"
        return sample

    other = other_model(provided_run, tmp_path / "other", line=changed)
    assert "no problem in common" in refused(provided_run, other)


def test_an_intervention_that_one_run_lacks_is_left_out_and_said(
    provided_run, other_model, tmp_path
):
    def changed(k, sample):
        variants = sample["doc"]["interventions"]
        kept = [v for v in variants if v["intervention"] != "delete"]
        sample["doc"]["interventions"] = kept
        made = [v for v in kept if not v["not_applicable"]]
        count = 1 + len(made) + sum(bool(v["other_answer"]) for v in made)
        sample["filtered_resps"] = sample["filtered_resps"][:count]
        return sample

    other = other_model(provided_run, tmp_path / "other", line=changed)
    (task,) = compare_runs([provided_run, other], QUICK)
    assert "delete was run on tiny-llama only" in task.warnings
    assert not any(d.quantity.intervention == "delete" for d in task.differences)


# --- generated ---------------------------------------------------------------------


def less_control(run):
    frame = steps_frame(load_run(run))
    chosen = frame[frame.intervention == "delete"]
    return (chosen.effect - chosen.control_effect).groupby(chosen.chain).mean()


def test_generated_chains_are_compared_where_both_solved_and_unpaired(
    generated, generated_runs
):
    one, two = map(less_control, generated_runs)
    both = one.index.intersection(two.index)
    assert (len(one), len(two), len(both)) == (9, 9, 6)
    paired = found(generated, "delete", "effect_vs_control", BOTH_SOLVED)
    assert paired.n_problems == 6
    assert paired.point == pytest.approx((one[both] - two[both]).mean())
    unpaired = found(generated, "delete", "effect_vs_control", OWN)
    assert unpaired.n_problems == 18
    assert unpaired.point == pytest.approx(one.mean() - two.mean())


def test_solving_is_compared_on_all_problems(generated):
    assert found(generated, "", "solved", SHARED).n_problems == 12
    assert not any(
        d.quantity.name == "solved" and d.problems != SHARED
        for d in generated.differences
    )


def test_the_threshold_and_the_answer_steps_are_the_readers_choice(
    command, generated_runs, tmp_path
):
    def shares(*options):
        code, out, said = command(
            "compare",
            *generated_runs,
            "--format",
            "json",
            "--n-resamples",
            50,
            *options,
        )
        assert code == 0, said
        (task,) = json.loads(out)["comparisons"]
        return {
            (d["intervention"], d["problems"]): (d["difference"], d["n_problems"])
            for d in task["differences"]
            if d["metric"] == "load_bearing_rate"
        }

    assert shares("--threshold", "99") != shares()
    assert {d for d, _ in shares("--threshold", "99").values()} == {0.0}
    assert shares("--exclude-answer-steps") != shares()


# --- as text -----------------------------------------------------------------------


def test_the_table_fits_into_100_columns_and_names_the_pairing(generated):
    table = text(written([generated]), "table")
    assert max(map(len, table.splitlines())) <= 100
    assert "the problems both solved" in " ".join(table.split())
    assert "unpaired, each on its own" in " ".join(table.split())


def test_csv_and_markdown_have_a_line_a_difference(compared):
    lines = list(csv.DictReader(io.StringIO(text(written([compared]), "csv"))))
    assert len(lines) == len(compared.differences)
    first = compared.differences[0]
    assert float(lines[0]["difference"]) == first.comparison.estimate.point
    markdown = text(written([compared]), "markdown").splitlines()
    assert sum(x.startswith("| ") for x in markdown) == len(compared.differences) + 2


def test_pairs_stand_in_the_order_of_the_runs(compared):
    pairs = [(d.first, d.second) for d in compared.differences]
    assert all(a <= b for a, b in pairwise(pairs))
    assert set(pairs) == {("tiny-llama", "other")}


def test_a_refusal_ends_with_code_2_and_writes_nothing(command, provided_run, tmp_path):
    out = tmp_path / "out.json"
    code, said, error = command("compare", provided_run, "--out", out)
    assert (code, said, error.count("\n")) == (2, "", 1) and not out.exists()
