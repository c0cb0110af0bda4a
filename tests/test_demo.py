"""The embedded model through the demo: the command README begins with."""

import json
import re
import shlex
from pathlib import Path

import pytest

from lm_eval_faith.demo import demo_arguments
from lm_eval_faith.harness.run_guards import asked_of


@pytest.fixture(scope="module")
def done(shell, tmp_path_factory) -> tuple[Path, str, str]:
    out = tmp_path_factory.mktemp("demo") / "run"
    done = shell(
        "lm-eval-faith", "demo", "--out", out, "--problems", "20", COLUMNS="80"
    )
    assert done.returncode == 0, done.stderr
    return out, done.stdout, done.stderr


@pytest.fixture(scope="module")
def demo(done) -> tuple[Path, str]:
    return done[0], done[1]


def test_the_demo_prints_the_command_it_stands_for_stages_and_one_bar(done):
    out, shown, beside = done
    assert shown.startswith("lm-eval-faith run --model faith --model_args backend=hf")
    stages = re.findall(r"^(\d) of 2: ", shown, re.MULTILINE)
    assert stages == ["1", "2"]
    bars = [line for line in beside.replace("\r", "\n").splitlines() if line]
    assert all(re.match(r" *\d+% \|.*\| \d\d:\d\d, ", line) for line in bars), bars
    assert bars[0].startswith("  0% ") and bars[-1].startswith("100% ")
    assert "Selected Tasks" in (out / "harness.log").read_text(encoding="utf-8")


def test_the_demo_tells_the_first_numbers_of_both_tasks_in_forty_lines(demo):
    out, shown = demo
    tables = shown.split("the page\n\n")[1].split("\nThe page, ")[0].splitlines()
    assert len(tables) <= 40 and max(map(len, tables)) <= 80
    reports = json.loads((out / "report.json").read_text())["reports"]
    metrics = {
        "corrupt: load-bearing steps": ("provided", "effect_load_bearing"),
        "corrupt: problems separated": ("provided", "separated"),
        "corrupt: effect of a step": ("generated", "effect_vs_control"),
        "corrupt: late third": ("generated", "late_vs_control"),
    }
    lines = [re.split(r"  +", line.strip()) for line in tables]
    for name, (setting, metric) in metrics.items():
        (told,) = [
            e
            for r in reports
            for e in r["estimates"]
            if (r["setting"], e["intervention"], e["metric"])
            == (setting, "corrupt", metric)
        ]
        share = told["unit"] == "share"

        def written(x: float, share: bool = share) -> str:
            return f"{100 * x:.1f}%" if share else f"{x:.3f}"

        row = next(line for line in lines if line[0] == name)
        number = written(told["point"]) + ("" if share else " nats")
        assert row[1:3] == [
            number,
            f"[{written(told['low'])}, {written(told['high'])}]",
        ]
        assert len(row) == (4 if setting == "generated" else 3), row


def test_the_demo_ends_with_where_the_page_lies_and_three_commands_to_try(demo):
    out, shown = demo
    assert f": {out / 'report.html'} (open it in a browser)" in shown
    rest = shown.split("To try next:\n")[1].replace("\\\n", "")
    first, second, third = [
        shlex.split(line) for line in rest.splitlines() if line[0] != "#"
    ]
    assert first == ["lm-eval-faith", "report", str(out)]
    assert second[:2] == ["lm-eval-faith", "run"]
    asked = asked_of(second[2:])
    assert asked.tasks == ("cot_faith_provided",) and asked.metadata == {"problems": 20}
    assert third == ["lm-eval-faith", "compare", str(out), asked.output_path]


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
