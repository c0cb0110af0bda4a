"""Cards of many runs: parts that are made once, and are put together in order."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import card_runs
from lm_eval_faith.calibration.run import Plan
from lm_eval_faith.records.run import TaskRun


def task(*documents: str) -> TaskRun:
    chains: Any = tuple(SimpleNamespace(document=name) for name in documents)
    return TaskRun("t", "2", "labelled", {}, 0, chains, Path("samples.jsonl"))


def test_a_stopped_command_makes_what_is_missing_and_no_problem_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def evaluated(plan: Plan, organism: str, lines: str, out: Path) -> None:
        asked.append([json.loads(line)["id"] for line in lines.splitlines()])
        (out / "run").mkdir(parents=True)
        (out / "run" / "samples_t.jsonl").touch()

    monkeypatch.setattr(card_runs, "evaluated", evaluated)
    monkeypatch.setattr(
        card_runs, "load_run", lambda path: SimpleNamespace(tasks=[task(str(path))])
    )
    plan = Plan(("reader",), ("corrupt",))
    parts = card_runs.parts_of(plan, "reader", 7, tmp_path, run=True)
    next(parts)  # stopped behind the first part
    assert not list(card_runs.parts_of(plan, "copier", 7, tmp_path, run=False))
    assert len(list(card_runs.parts_of(plan, "reader", 7, tmp_path, run=False))) == 1
    assert len(list(card_runs.parts_of(plan, "reader", 7, tmp_path, run=True))) == 2
    assert [len(names) for names in asked] == [250, 100]
    assert len({name for names in asked for name in names}) == 350


def test_parts_are_one_task_with_each_chain_once_in_the_order_of_the_problems() -> None:
    whole = card_runs.joined([task("b-00003", "b-00004"), task("b-00001", "b-00003")])
    assert [c.document for c in whole.chains] == ["b-00001", "b-00003", "b-00004"]
