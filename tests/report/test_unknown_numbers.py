"""Log-probabilities that are not finite: no number, no accuracy, no p-value, anywhere."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import lm_eval
import pytest

import lm_eval_faith

from ..hostile import TASK, write_run

UNKNOWN = ("nan", "-inf", "inf")
QUICK = ("--n-resamples", 50, "--format", "json")


@pytest.fixture(params=UNKNOWN)
def unknown_run(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A run of which no request has a finite log-probability, and another one."""
    write_run(tmp_path / "runs" / "known", ["a", "b", "c"], "known")
    run = write_run(tmp_path / "runs" / "unknown", ["a", "b", "c"], "unknown")
    (file,) = run.glob("samples_*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line["filtered_resps"] = [
            [request.param, "False"] for _ in line["filtered_resps"]
        ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def numbers(value: Any, name: str = "") -> list[tuple[str, float]]:
    """Every number of a JSON value with its name."""
    if isinstance(value, dict):
        return [x for k, v in value.items() for x in numbers(v, k)]
    if isinstance(value, list):
        return [x for v in value for x in numbers(v, name)]
    return [(name, value)] if isinstance(value, float) else []


def test_a_report_of_unknown_numbers_has_none(command: Any, unknown_run: Path) -> None:
    code, out, error = command("report", unknown_run, *QUICK)
    assert code == 0, error
    (report,) = json.loads(out)["reports"]
    known = {"dropped", "steps"}
    for estimate in report["estimates"]:
        if estimate["metric"] in known:
            continue
        assert estimate["point"] is None, estimate
        assert estimate["low"] is None and estimate["high"] is None
    assert any("not finite" in warning for warning in report["warnings"])
    code, table, _ = command("report", unknown_run, "--n-resamples", 50)
    (accuracy,) = [line for line in table.splitlines() if "clean_acc " in line][:1]
    assert "%" not in accuracy and "0.0" not in accuracy


def test_nothing_is_compared_with_unknown_numbers(
    command: Any, unknown_run: Path
) -> None:
    code, out, error = command("compare", unknown_run.parent, *QUICK)
    if code == 0:
        (compared,) = json.loads(out)["comparisons"]
        for difference in compared["differences"]:
            if difference["metric"] not in ("dropped", "steps"):
                assert difference["p_value"] is None, difference
    else:
        assert code == 2 and "Traceback" not in error
    code, out, error = command("leaderboard", unknown_run.parent, *QUICK)
    if code == 0:
        for board in json.loads(out)["leaderboards"]:
            (row,) = [m for m in board["models"] if m["model"] == "unknown"]
            assert row["rank"] is None
    else:
        assert code == 2 and "Traceback" not in error
    page = unknown_run.parent.parent / "page.html"
    code, _, error = command("report", unknown_run.parent, "--html", page)
    assert code == 0 and page.exists(), error


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_the_harness_shows_no_number_of_unknown_ones(
    scripted_lm: Any, value: float
) -> None:
    lm = scripted_lm(str)
    lm.logprob = lambda context, answer: value
    done = lm_eval.simple_evaluate(
        model=lm,
        tasks=[TASK],
        task_manager=lm_eval_faith.task_manager(
            include_defaults=False, metadata={"problems": 3}
        ),
        bootstrap_iters=0,
    )
    shown = {
        key.split(",")[0]: number
        for key, number in done["results"][TASK].items()
        if key.endswith(",none") and "_stderr" not in key
    }
    assert set(shown) <= {"dropped", "steps", "answer_stated"}, shown
