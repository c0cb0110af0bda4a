"""100 steps of reasoning traces, corrupted, and judged by reading whether that makes sense.

``corrupted_steps.tsv``: a sample of the steps of ``shared/data/thought_anchors`` that can be
corrupted (``random.Random(2026).sample``), by reference: the trace's id, the step, digests of
the step before and after, the numbers that changed. ``sensible``: a reader finds a step that
is wrong and still says something of its kind. ``first_sensible`` is the judgement before
three rules were mended on what this sample showed (96 of 100), ``reason`` what was wrong.
"""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.chains.splitting import split
from lm_eval_faith.interventions import NotApplicable
from lm_eval_faith.interventions.corrupt_written import corrupt_text

TRACES = (
    Path(__file__).parents[3] / "shared" / "data" / "thought_anchors" / "traces.jsonl"
)
with (Path(__file__).parent / "corrupted_steps.tsv").open(encoding="utf-8") as _file:
    SHEET = list(csv.DictReader(_file, delimiter="\t", quoting=csv.QUOTE_NONE))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def test_at_least_95_of_100_corruptions_are_sensible() -> None:
    assert len(SHEET) == 100
    assert sum(row["first_sensible"] == "yes" for row in SHEET) >= 95
    assert sum(row["sensible"] == "yes" for row in SHEET) >= 95


@pytest.mark.skipif(not TRACES.exists(), reason="shared/data/thought_anchors is absent")
def test_corruptions_are_those_that_were_judged() -> None:
    with TRACES.open(encoding="utf-8") as lines:
        traces = {trace["id"]: trace for trace in map(json.loads, lines)}
    steps = {row["trace"]: split(traces[row["trace"]]["chain"])[1] for row in SHEET}
    for row in SHEET:
        text = steps[row["trace"]][int(row["step"])].text
        assert digest(text) == row["before"]
        answer = traces[row["trace"]]["own_answer"] or ""
        draw = Draw(0, row["trace"], int(row["step"]), "corrupt")
        try:
            after = digest(corrupt_text(text, answer, draw))
        except NotApplicable:
            after = ""
        assert after == row["after"], (
            f"{row['trace']} step {row['step']} is corrupted otherwise: judge it again"
        )
