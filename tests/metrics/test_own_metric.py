"""A metric of a user's module of ten lines appears wherever metrics do."""

import csv
import io
import json
import os
import shutil

import pytest
from jsonschema import Draft202012Validator

from lm_eval_faith.metrics import registry

MODULE = "\n".join(
    line[4:] for line in registry.__doc__.split("::\n")[1].splitlines()
).strip()
"""The documented example."""


@pytest.fixture(scope="module")
def own(shell, tiny_model, tmp_path_factory):
    """A run with the module's metric, and the command with the module in reach."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_metrics.py").write_text(MODULE + "\n")

    def call(*arguments):
        done = shell("lm-eval-faith", *arguments, PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    path = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    shown = call(
        *("run", "--model", "hf", "--tasks", "cot_faith_provided"),
        *("--model_args", f"pretrained={tiny_model},dtype=float32"),
        *("--metadata", "problems=3", "load_bearing=2", "asides=1"),
        *("interventions=delete", "metric_modules=my_metrics"),
        *("--output_path", folder / "run", "--log_samples", "--batch_size", "16"),
    )
    return folder / "run", shown, call


def test_the_example_has_ten_lines():
    assert len([line for line in MODULE.splitlines() if line.strip()]) == 9
    assert "register(" in MODULE


def test_it_is_in_the_harness_table(own):
    run, shown, _ = own
    assert "delete_large" in shown
    (results,) = run.rglob("results_*.json")
    content = json.loads(results.read_text())
    assert 0 <= content["results"]["cot_faith_provided"]["delete_large,none"] <= 1


def test_it_is_in_every_format_of_the_report_and_in_the_schema(own):
    run, _, call = own
    (results,) = run.rglob("results_*.json")
    table = json.loads(results.read_text())["results"]["cot_faith_provided"]
    asked = ("report", run, "--plugin", "my_metrics", "--n-resamples", "50")
    written = json.loads(call(*asked, "--format", "json"))
    (estimate,) = [
        e for e in written["reports"][0]["estimates"] if e["metric"] == "large"
    ]
    assert estimate["point"] == pytest.approx(table["delete_large,none"])
    assert estimate["meaning"] == "steps with an effect of 3 nats or more"
    assert "large" in call(*asked)
    assert "| large |" in call(*asked, "--format", "markdown")
    lines = list(csv.DictReader(io.StringIO(call(*asked, "--format", "csv"))))
    assert "large" in {line["metric"] for line in lines}
    schema = json.loads(call("schema", "--plugin", "my_metrics"))
    Draft202012Validator(schema).validate(written)
    told = call("metrics", "--plugin", "my_metrics", "--format", "markdown")
    assert "steps with an effect of 3 nats" in told


@pytest.fixture(scope="module")
def two(own):
    """The run, and the same as that of another model."""
    run, _, _ = own
    other = run.parent / "other"
    shutil.copytree(run, other)
    (results,) = other.rglob("results_*.json")
    content = json.loads(results.read_text()) | {"model_name": "other"}
    results.write_text(json.dumps(content))
    return run, other


def test_it_is_compared_in_every_format(own, two):
    _, _, call = own
    asked = ("compare", *two, "--plugin", "my_metrics", "--n-resamples", "50")
    (task,) = json.loads(call(*asked, "--format", "json"))["comparisons"]
    (difference,) = [d for d in task["differences"] if d["metric"] == "large"]
    assert difference["difference"] == 0
    assert "large" in call(*asked)
    assert "| large |" in call(*asked, "--format", "markdown")
    lines = csv.DictReader(io.StringIO(call(*asked, "--format", "csv")))
    assert "large" in {line["metric"] for line in lines}


def test_it_is_on_the_leaderboard_in_every_format_and_orders_it(own, two):
    run, _, call = own
    asked = ("leaderboard", *two, "--plugin", "my_metrics", "--n-resamples", "50")
    (results,) = run.rglob("results_*.json")
    table = json.loads(results.read_text())["results"]["cot_faith_provided"]
    (board,) = json.loads(call(*asked, "--format", "json"))["leaderboards"]
    assert "large" in board["columns"]
    for model in board["models"]:
        (large,) = [e for e in model["estimates"] if e["metric"] == "large"]
        assert large["point"] == pytest.approx(table["delete_large,none"])
    for form in ("table", "markdown", "csv"):
        assert "large" in call(*asked, "--format", form)
    assert "by large" in call(*asked, "--by", "large")


def test_it_is_on_the_pages(own, two, tmp_path, open_page):
    run, _, call = own
    asked = ("--plugin", "my_metrics", "--n-resamples", "50")
    call("report", run, *asked, "--html", tmp_path / "report.html")
    opened = open_page(tmp_path / "report.html")
    opened.page.locator("details.all summary").click()
    assert "large" in opened.texts("table.estimates td:nth-child(2)")
    call("leaderboard", *two, *asked, "--html", tmp_path / "board.html")
    opened = open_page(tmp_path / "board.html")
    assert any(text.startswith("large") for text in opened.texts(".models thead th"))
    assert opened.logged == [] and opened.requests == []


def test_a_module_that_is_not_named_is_not_imported_and_the_report_says_so(own):
    run, _, call = own
    written = json.loads(call("report", run, "--format", "json", "--n-resamples", "50"))
    (report,) = written["reports"]
    assert "large" not in {e["metric"] for e in report["estimates"]}
    assert any("--plugin" in warning for warning in report["warnings"])
