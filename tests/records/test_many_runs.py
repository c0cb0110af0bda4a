"""Several runs at once: the same numbers for any number of processes and any order."""

import pytest
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.records import many_runs
from lm_eval_faith.report import compare, compare_runs, make_reports, report
from lm_eval_faith.report.write import text

QUICK = Bootstrap(n_resamples=100)


@pytest.fixture
def processes_for_small_runs(monkeypatch):
    monkeypatch.setattr(many_runs, "WORTH_A_PROCESS", 1)


def test_workers_do_not_change_a_digit(
    provided_run, second_run, processes_for_small_runs
):
    runs = [provided_run, second_run]
    for made in (
        lambda workers: report.written(make_reports(runs, QUICK, workers=workers)),
        lambda workers: compare.written(compare_runs(runs, QUICK, workers=workers)),
    ):
        assert text(made(1), "json") == text(made(2), "json")


def test_the_order_of_runs_does_not_change_a_report(provided_run, second_run):
    made, turned = (
        report.written(make_reports(runs, QUICK))
        for runs in ([provided_run, second_run], [second_run, provided_run])
    )
    assert text(made, "json") == text(turned, "json")


def test_a_run_that_is_named_twice_counts_once(provided_run, tmp_path):
    (tmp_path / "link").symlink_to(provided_run)
    both = [provided_run, provided_run.parent / provided_run.name, tmp_path / "link"]
    assert len(make_reports(both, QUICK)) == 1


def test_bad_input_in_a_process_is_still_one_sentence(
    provided_run, other_model, tmp_path, processes_for_small_runs
):
    broken = other_model(provided_run, tmp_path / "broken")
    (file,) = broken.rglob("samples_*.jsonl")
    file.write_text("{\n")
    with pytest.raises(InputError, match=f"^{file}:1: not a line of JSON"):
        make_reports([provided_run, broken], QUICK, workers=2)


def test_each_directory_must_hold_a_run_of_ours(provided_run, other_model, tmp_path):
    empty = other_model(provided_run, tmp_path / "empty")
    next(empty.rglob("samples_*.jsonl")).unlink()
    with pytest.raises(InputError, match=f"^{empty}: no samples_"):
        make_reports([provided_run, empty], QUICK)


def test_an_auc_at_its_ceiling_is_said(provided_run, other_model, tmp_path):
    def perfect(k, sample):
        labels = [step["label"] for step in sample["doc"]["chain"]["steps"]]
        scored = [["-1.0", "True"]]
        for v in sample["doc"]["interventions"]:
            if not v["not_applicable"]:
                logprob = -9.0 if labels[v["step"]] == "load_bearing" else -1.0
                scored.append([str(logprob), "False"])
                scored += [["-2.0", "False"]] if v["other_answer"] else []
        return sample | {"filtered_resps": scored}

    run = other_model(provided_run, tmp_path / "perfect", line=perfect)
    (made,) = make_reports([run], QUICK)
    said = "the AUC of corrupt, corrupt_local, delete is at its ceiling of 1"
    assert any(said in warning for warning in made.warnings)
