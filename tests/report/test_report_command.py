"""`lm-eval-faith report` and `plot` on real run directories, and on broken ones."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import load_run, load_runs
from lm_eval_faith.report.report import make_reports, written
from lm_eval_faith.report.write import as_table, text


def told(reports, format):
    return text(written(reports), format)


def samples_file(folder: Path) -> Path:
    return next(folder.rglob("samples_*.jsonl"))


@pytest.fixture
def run_copy(provided_run, tmp_path) -> Path:
    return Path(shutil.copytree(provided_run, tmp_path / "run"))


@pytest.fixture(scope="module")
def reports(provided_run):
    return make_reports([provided_run], Bootstrap(n_resamples=500))


def rows(reports):
    return {(r.intervention, r.metric): r.estimate for r in reports[0].rows}


def test_points_are_those_of_the_harness_table(provided_run, reports):
    (file,) = provided_run.rglob("results_*.json")
    table = json.loads(file.read_text())["results"]["cot_faith_provided"]
    compared = 0
    for (intervention, figure), estimate in rows(reports).items():
        name = f"{intervention}_{figure}" if intervention else figure
        if f"{name},none" in table:
            assert estimate.point == pytest.approx(table[f"{name},none"], abs=1e-12)
            compared += 1
    assert compared == 4 + 3 + 6 * 3 + 1


def test_effects_are_differences_of_the_log_probabilities_in_the_samples(
    provided_run,
):
    (task,) = load_run(provided_run).tasks
    line = json.loads(samples_file(provided_run).read_text().splitlines()[0])
    logprobs = [float(logprob) for logprob, _ in line["filtered_resps"]]
    chain = next(c for c in task.chains if c.document == line["doc"]["id"])
    assert chain.clean_logprob == logprobs[0]
    first = next(r for r in chain.steps if not r.not_applicable)
    assert first.effect == logprobs[0] - logprobs[1]


def test_every_estimate_has_an_interval_problems_and_steps(reports):
    for (intervention, figure), e in rows(reports).items():
        assert 0 < e.n_problems <= 6 and e.confidence_level == 0.95, (
            intervention,
            figure,
        )
        assert np.isnan(e.low) or e.low <= e.point <= e.high, (intervention, figure)
    assert rows(reports)["delete", "auc"].n_steps == 6 * 5


def test_a_report_of_few_problems_says_so(reports):
    assert any("only 6 problems" in warning for warning in reports[0].warnings)


def test_the_order_of_lines_changes_nothing(run_copy, reports):
    file = samples_file(run_copy)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(reversed(lines)))
    again = make_reports([run_copy], Bootstrap(n_resamples=500))
    assert told(again, "json") == told(reports, "json")


def test_json_has_a_schema_version_and_no_nan(reports):
    content = json.loads(told(reports, "json"), parse_constant=pytest.fail)
    assert content["schema_version"] == 2
    (report,) = content["reports"]
    assert report["task"] == "cot_faith_provided" and report["task_version"] == "2.0"
    assert report["settings"]["load_bearing"] == [3, 3]


def test_csv_has_a_line_a_metric_and_full_precision(reports):
    lines = list(csv.DictReader(io.StringIO(told(reports, "csv"))))
    assert len(lines) == len(reports[0].rows)
    by_name = {(x["intervention"], x["metric"]): x for x in lines}
    point = rows(reports)["corrupt", "label_difference"].point
    assert float(by_name["corrupt", "label_difference"]["point"]) == point


def test_the_table_fits_into_100_columns(reports):
    assert max(len(line) for line in told(reports, "table").splitlines()) <= 100


def test_markdown_is_a_table_a_task(reports):
    lines = told(reports, "markdown").splitlines()
    assert lines[0].startswith("### tiny-llama: cot")
    assert (
        sum(line.startswith("| ") for line in lines) == len(reports[0].rows) + 2 + 6 + 2
    )


def test_text_of_models_is_not_obeyed_by_the_terminal_or_a_spreadsheet(reports):
    from dataclasses import replace

    hostile = [replace(reports[0], model="=1+1\x1b[31m\u202e|<b>")]
    assert "\x1b" not in told(hostile, "table")
    assert "\\x1b" in told(hostile, "table")
    (first, *_) = csv.DictReader(io.StringIO(told(hostile, "csv")))
    assert first["model"].startswith("'=1+1")
    assert "\\<b\\>" in told(hostile, "markdown")


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_tables_fit_the_terminal_and_lose_nothing(
    command, provided_run, second_run, monkeypatch, width
):
    """What has more columns than fit goes on below, names are broken behind underscores."""
    monkeypatch.setenv("COLUMNS", str(width))
    for verb in ("report", "compare", "leaderboard", "agree"):
        code, shown, error = command(
            verb, provided_run, second_run, "--n-resamples", 20
        )
        assert code == 0, error
        assert max(map(len, shown.splitlines())) <= width, verb
        assert "…" not in shown
        if verb == "leaderboard":
            assert shown.count("other") >= 2 - (width >= 100)
            assert "rank" in shown and "problems" in shown


def test_what_is_written_on_no_terminal_is_80_columns_wide(provided_run):
    reports = make_reports([provided_run], Bootstrap(n_resamples=20))
    program = as_table(written(reports).sections, written(reports).legend, 80)
    assert max(map(len, program.splitlines())) <= 80


def test_out_writes_the_file_whole(command, provided_run, tmp_path):
    out = tmp_path / "report.json"
    asked = ("report", provided_run, "--format", "json", "--out", out)
    assert command(*asked)[:2] == (0, "")
    assert json.loads(out.read_text())["schema_version"] == 2


def test_plot_draws_the_two_distributions(command, provided_run, tmp_path):
    for name, start in (("e.png", b"\x89PNG"), ("e.svg", b"<?xml"), ("e.pdf", b"%PDF")):
        code, _, said = command("plot", provided_run, "--out", tmp_path / name)
        assert code == 0, said
        assert (tmp_path / name).read_bytes().startswith(start)


# --- bad input -------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        load_runs(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_directory_that_is_not_there(tmp_path):
    assert "no such directory" in refused(tmp_path / "nowhere")


def test_a_directory_without_a_run(tmp_path):
    assert "no results_*.json here" in refused(tmp_path)


def test_a_run_without_samples(run_copy):
    samples_file(run_copy).unlink()
    assert "run again with --log_samples" in refused(run_copy)


def test_samples_of_another_task(run_copy):
    samples_file(run_copy).write_text('{"doc": {"q": 1}, "filtered_resps": []}\n')
    assert "no samples of our tasks here" in refused(run_copy)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda line: line[: len(line) // 2], "not a line of JSON"),
        (lambda line: "[1]", "not a sample of the harness"),
        (lambda line: "\ufeffnothing", "not a line of JSON"),
        (lambda line: line.replace('"chain"', '"chian"', 1), "has no 'chain'"),
        (
            lambda line: line.replace('"samples_format": 2', '"samples_format": 99'),
            "samples of format 99",
        ),
        (lambda line: line.replace('"step": 0', '"step": 77'), "a step that is not"),
        (lambda line: line.replace('"filtered_resps"', '"resps_"'), "filtered_resps"),
        (lambda line: '{"doc": {"q": 1}}', "a sample of another task"),
    ],
)
def test_a_broken_line_is_named(run_copy, broken, said):
    file = samples_file(run_copy)
    lines = file.read_text().splitlines()
    lines[2] = broken(lines[2])
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = refused(run_copy)
    assert told.startswith(f"{file}:3: ") and said in told


def test_a_document_that_is_there_twice(run_copy):
    file = samples_file(run_copy)
    first = file.read_text().splitlines(keepends=True)[0]
    file.write_text(first + file.read_text())
    assert ":2: document 'test-0-0' is there twice" in refused(run_copy)


def test_a_results_file_that_is_no_json(run_copy):
    next(run_copy.rglob("results_*.json")).write_text("{")
    assert "not a results file" in refused(run_copy)


def test_a_run_directory_with_binary_junk(run_copy):
    samples_file(run_copy).write_bytes(b"\xff\xfe\x00junk")
    assert "cannot be read" in refused(run_copy)


def test_bad_input_ends_the_command_with_code_2_and_nothing_written(
    command, run_copy, tmp_path
):
    samples_file(run_copy).write_text("{\n")
    out = tmp_path / "report.json"
    code, _, said = command("report", run_copy, "--out", out)
    assert code == 2 and not out.exists()
    assert said.count("\n") == 1 and said.startswith("error: ")


@pytest.mark.parametrize(
    "option",
    [
        ("--confidence-level", "2"),
        ("--n-resamples", "0"),
        ("--format", "pdf"),
        ("--method", "x"),
    ],
)
def test_a_wrong_option_is_refused(command, provided_run, option):
    code, _, said = command("report", provided_run, *option)
    assert code == 2 and said and "Traceback" not in said
