"""Tables of the documentation that are made from the code."""

import json
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest

from benchmarks import publish
from benchmarks.records import RECORDS, kept, report_of, unpacked
from lm_eval_faith.records.run import load_run
from lm_eval_faith.report.figures import Figure, Table


def test_no_table_of_the_documentation_is_stale():
    # In a process of its own: other tests register metrics and interventions.
    check = (sys.executable, "-m", "benchmarks.publish", "--check")
    done = subprocess.run(
        check, cwd=publish.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_step_records_of_the_study_give_its_numbers():
    steps = pd.read_parquet(publish.STEPS)
    kept_runs = {path.stem for path in RECORDS.glob("study_*.zip")}
    assert set(steps.run) == kept_runs
    of_one = steps[(steps.run == "study_0.5b_own") & (steps.intervention == "corrupt")]
    effect = (of_one.effect - of_one.control_effect).dropna()
    row = report_of("study_0.5b_own").row("corrupt_load_bearing_rate_vs_control")
    assert row is not None and len(effect) == row.estimate.n_steps
    assert (effect >= 1.0).mean() == pytest.approx(row.estimate.point)


def test_every_table_that_can_be_made_stands_somewhere():
    pages = "".join(page.read_text() for page in publish.pages())
    assert {name for _, name, *_ in publish.BLOCK.findall(pages)} == set(publish.MADE)


def test_a_block_is_made_anew_and_nothing_else_is_touched():
    page = "before\n<!-- made: interventions -->\nold\n<!-- end -->\nafter\n"
    made = publish.published(page)
    assert made.startswith("before\n") and made.endswith("<!-- end -->\nafter\n")
    assert "old" not in made and "| `corrupt` |" in made
    assert publish.published(made) == made


def test_a_picture_is_of_the_data_that_its_metadata_tells():
    one = Figure("x", "title", "", (), ("a",), Table((), (("1.0",),)))
    other = replace(one, table=Table((), (("1.1",),)))
    assert publish._made_of(one) == publish._made_of(replace(one))
    assert publish._made_of(one) != publish._made_of(other)
    for name in publish.PICTURES:
        assert b"made of " in (publish.ROOT / name).read_bytes()


def test_a_kept_run_is_the_run_without_what_tells_of_the_machine(
    provided_run, monkeypatch, tmp_path
):
    monkeypatch.setattr("benchmarks.records.RECORDS", tmp_path)
    (tmp_path / "one.zip").write_bytes(kept(provided_run, [str(provided_run)]))
    with unpacked("one") as folder:
        again, run = load_run(folder), load_run(provided_run)
        told = json.loads(again.path.read_text())
    assert repr(again.tasks[0].chains) == repr(run.tasks[0].chains)  # NaN is in them
    assert told["results"] and "pretty_env_info" not in told
