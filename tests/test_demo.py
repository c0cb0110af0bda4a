"""The embedded model through the demo: the command README begins with."""

import json
from pathlib import Path

import pytest

from lm_eval_faith.demo import demo_arguments


@pytest.fixture(scope="module")
def demo(shell, tmp_path_factory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("demo") / "run"
    done = shell("lm-eval-faith", "demo", "--out", out, "--problems", "20")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_the_demo_prints_the_command_it_stands_for_and_both_reports(demo):
    _, shown = demo
    assert shown.startswith("lm-eval-faith run --model faith --model_args backend=hf")
    assert "solver: cot_faith_provided" in shown
    assert "solver: cot_faith_generated_arith" in shown


def test_the_demo_writes_its_report_beside_the_run(demo):
    out, _ = demo
    tasks = [
        r["task"] for r in json.loads((out / "report.json").read_text())["reports"]
    ]
    assert tasks == ["cot_faith_generated_arith", "cot_faith_provided"]
    assert (out / "report.md").read_text().startswith("### solver: ")
    assert (out / "report.html").read_text().startswith("<!doctype html>")


def test_the_embedded_model_solves_its_problems_and_reads_provided_chains(demo):
    out, _ = demo
    reports = json.loads((out / "report.json").read_text())["reports"]
    point = {
        (r["setting"], e["intervention"], e["metric"]): e["point"]
        for r in reports
        for e in r["estimates"]
    }
    assert point["generated", "", "solved"] >= 0.9
    assert point["provided", "corrupt", "auc"] >= 0.98


def test_the_demo_needs_no_more_than_the_harness_command(tmp_path):
    arguments = demo_arguments(tmp_path, 7)
    assert "problems=7" in arguments and str(tmp_path) in arguments
