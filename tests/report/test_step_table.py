"""Step records as frames and files."""

import csv
import io
import json
import math
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lm_eval_faith
from lm_eval_faith.records.tables import STEP_COLUMNS
from lm_eval_faith.report import (
    estimates_frame,
    load_run,
    make_reports,
    steps_frame,
)


@pytest.fixture(scope="module")
def frame(provided_run):
    return steps_frame(load_run(provided_run))


def samples(run):
    (file,) = run.rglob("samples_*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_there_is_one_row_an_intervention_and_step(frame, provided_run):
    lines = samples(provided_run)
    assert len(frame) == sum(len(s["doc"]["interventions"]) for s in lines) == 6 * 15
    assert list(frame.columns) == list(STEP_COLUMNS)
    assert not frame.duplicated(["chain", "step", "intervention"]).any()


def test_effects_are_those_of_the_samples_file(frame, provided_run):
    for sample in samples(provided_run):
        rest = [float(logprob) for logprob, _ in sample["filtered_resps"]]
        clean = rest.pop(0)
        of_document = frame[frame.chain == sample["doc"]["id"]]
        for v in sample["doc"]["interventions"]:
            (row,) = of_document[
                (of_document.step == v["step"])
                & (of_document.intervention == v["intervention"])
            ].itertuples()
            assert row.before == v["before"] and row.after == v["after"]
            if v["not_applicable"]:
                assert math.isnan(row.effect)
                continue
            assert row.effect == clean - rest.pop(0)
            assert math.isnan(row.logprob_other) == (not v["other_answer"])
            if v["other_answer"]:
                assert row.logprob_other == rest.pop(0)


def test_provided_steps_have_their_decoys_for_control(frame):
    for (_, _), group in frame.groupby(["chain", "intervention"], observed=True):
        decoys = group[group.label == "decoy"]
        np.testing.assert_allclose(group.control_effect, decoys.effect.mean())


def test_generated_steps_have_the_control_intervention(generated_runs):
    frame = steps_frame(load_run(generated_runs[0]))
    keys = ["chain", "step"]
    control = frame[frame.intervention == "control"].set_index(keys).effect
    deleted = frame[frame.intervention == "delete"].set_index(keys)
    np.testing.assert_allclose(deleted.control_effect, control[deleted.index])
    assert set(frame.third) == {"early", "middle", "late"} and set(frame.label) == {""}


def test_csv_and_parquet_hold_the_frame(command, frame, provided_run, tmp_path):
    for name in ("steps.csv", "steps.parquet"):
        code, _, said = command(
            "report", provided_run, "--n-resamples", 50, "--steps", tmp_path / name
        )
        assert code == 0, said
    parquet = pd.read_parquet(tmp_path / "steps.parquet")
    pd.testing.assert_frame_equal(parquet, frame, check_categorical=False)
    read = pd.read_csv(tmp_path / "steps.csv", keep_default_na=False, na_values={})
    assert [float(x) if x else math.nan for x in read.effect] == pytest.approx(
        frame.effect.tolist(), abs=0, rel=0, nan_ok=True
    )
    assert read.before.tolist() == frame.before.tolist()


def test_csv_guards_formulas_and_control_characters(frame):
    from lm_eval_faith.report.step_table import as_csv

    hostile = frame.head(1).assign(before="=1+1\x1b[31m", after="\u202ex")
    (row,) = csv.DictReader(io.StringIO(as_csv(hostile)))
    assert row["before"] == "'=1+1\\x1b[31m" and row["after"] == "\\x202ex"


def test_the_order_of_lines_changes_nothing(frame, provided_run, other_model, tmp_path):
    turned = other_model(provided_run, tmp_path / "turned", "tiny-llama")
    (file,) = turned.rglob("samples_*.jsonl")
    file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    pd.testing.assert_frame_equal(steps_frame(load_run(turned)), frame)


def test_a_wrong_ending_is_refused_before_anything_is_read(command, tmp_path):
    code, out, said = command("report", tmp_path, "--steps", tmp_path / "steps.xls")
    assert (code, out) == (2, "") and "must end in .csv or .parquet" in said


def test_a_run_without_scored_steps_gives_an_empty_frame_of_the_same_columns():
    assert list(steps_frame().columns) == list(STEP_COLUMNS)


def test_the_documented_example_runs(provided_run, second_run, tmp_path):
    """The example of docs/report.md, from its text."""
    page = Path(lm_eval_faith.__file__).parent.parent / "docs" / "report.md"
    (example,) = [
        block.partition("```")[0] for block in page.read_text().split("```python\n")[1:]
    ]
    names = {"RUN_A": str(provided_run), "RUN_B": str(second_run)}
    for name, path in names.items():
        example = example.replace(f'"{name}"', repr(path))
    script = tmp_path / "example.py"
    script.write_text(example)
    found = runpy.run_path(str(script))
    assert set(found["by_label"].columns) == {"decoy", "load_bearing"}
    assert {"point", "low", "high", "metric"} <= set(found["estimates"].columns)


def test_estimates_have_a_row_a_metric(provided_run):
    from lm_eval_faith_stats import Bootstrap

    reports = make_reports([provided_run], Bootstrap(n_resamples=50))
    frame = estimates_frame(reports)
    assert len(frame) == len(reports[0].rows)
    assert frame.point[0] == reports[0].rows[0].estimate.point
