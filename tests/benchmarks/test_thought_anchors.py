"""Effects beside another study's importances: which sentences are joined, and how."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap
from scipy.stats import rankdata, spearmanr

from benchmarks.thought_anchors import (
    MEASURES,
    WRITE_ON,
    correlations,
    folder_of,
    importances,
    main,
    ranks_in_traces,
    records_of,
    right_traces,
    run_trace,
    samples_file,
    shown,
)
from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.errors import InputError
from lm_eval_faith.interventions.plan import plan
from lm_eval_faith.records.outcome import ChainRecord, chain_record

QUICK = Bootstrap(n_resamples=100)


def trace(n: int, right: bool = True) -> dict[str, Any]:
    texts = [f"I have {n}.", f"Then {n} + 4 = {n + 4}.", "Hmm, wait.", f"So {n + 4}."]
    sentences = [
        {"text": text, "tags": ["plan"]}
        | {name: 0.1 * ((k * 7 + n + m) % 5) - 0.1 for m, name in enumerate(MEASURES)}
        for k, text in enumerate(texts)
    ]
    return {
        "id": f"model/{n}",
        "right": right,
        "question": f"What is {n} and 4?",
        "prompt": f"Problem: what is {n} and 4? Solution:\n<think>\n",
        "chain": " ".join(texts) + f"\n</think>\n\nIt is \\boxed{{{n + 4}}}.",
        "answer": str(n + 4),
        "sentences": sentences,
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = [trace(n) for n in (100, 5, 50)] + [trace(7, right=False)]
    file = tmp_path / "traces.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def record(line: dict[str, Any], effect: Any) -> ChainRecord:
    """What would be measured if each sentence's effect was this of its importances."""
    texts = [sentence["text"] for sentence in line["sentences"]]
    chain = Chain(tuple(Step(text, " ") for text in texts), line["answer"])
    variants = plan(chain, ["delete"], seed=0, document=line["id"])
    effects = [effect(sentence) for sentence in line["sentences"]]
    responses = [(-1.0, True), *((-1.0 - one, False) for one in effects)]
    return chain_record(line["id"], line["question"], chain, variants, responses)


def test_right_traces_come_shortest_first(data: Path) -> None:
    found = [line["id"] for line in right_traces(data)]
    assert set(found) == {"model/5", "model/50", "model/100"}
    lengths = [len(line["chain"]) for line in right_traces(data)]
    assert lengths == sorted(lengths)
    with pytest.raises(InputError, match="not the traces of the study"):
        right_traces(data.parent / "none.jsonl")


def test_each_sentence_has_the_studys_own_number(data: Path) -> None:
    found = importances(data, MEASURES[2])
    for line in right_traces(data):
        told = [sentence[MEASURES[2]] for sentence in line["sentences"]]
        assert found[line["id"]] == pytest.approx(told)


def test_effects_that_are_a_measure_go_with_it_perfectly(data: Path) -> None:
    records = [record(t, lambda s: s[MEASURES[1]]) for t in right_traces(data)]
    found = {c.measure: c for c in correlations(records, data, QUICK)}
    assert found[MEASURES[1]].within.point == pytest.approx(1)
    assert found[MEASURES[1]].pooled.point == pytest.approx(1)
    assert found[MEASURES[1]].at_like_place.point == pytest.approx(1)
    few = replace(found[MEASURES[1]].pooled, low=math.nan, high=math.nan)
    assert shown(few) == "1.00"  # of two traces there is no interval
    traces = right_traces(data)
    effects = [[s[MEASURES[1]] for s in t["sentences"]] for t in traces]
    other = [[s[MEASURES[3]] for s in t["sentences"]] for t in traces]
    expected = [spearmanr(*both).statistic for both in zip(effects, other)]
    assert found[MEASURES[3]].within.point == pytest.approx(np.mean(expected))
    pooled = spearmanr(np.ravel(effects), np.ravel(other)).statistic
    assert found[MEASURES[3]].pooled.point == pytest.approx(pooled)
    place = [list(range(len(e))) for e in effects]
    ranks = [np.ravel([rankdata(v) for v in some]) for some in (effects, other, place)]
    traces_of = np.repeat(np.eye(3), 4, axis=0)  # an intercept for each
    rests = [
        r - (x := np.column_stack([traces_of, ranks[2]])) @ np.linalg.lstsq(x, r)[0]
        for r in ranks[:2]
    ]
    explained = np.corrcoef(*rests)[0, 1] ** 2
    assert found[MEASURES[3]].at_like_place.point == pytest.approx(explained)
    assert found[MEASURES[3]].pooled.n_problems == 3
    assert found[MEASURES[3]].pooled.n_steps == 12


def test_ranks_are_those_in_a_trace_also_where_another_has_no_sentence() -> None:
    values, trace = np.array([5.0, 1, 1, 7, 2]), np.array([0, 0, 0, 2, 2])
    assert ranks_in_traces(values, trace).tolist() == [1.0, -0.5, -0.5, 0.5, -0.5]


def test_a_step_that_was_not_changed_has_no_part_in_it(data: Path) -> None:
    records = [record(t, lambda s: s[MEASURES[1]]) for t in right_traces(data)]
    first = records[0]
    gone = replace(first.steps[0], not_applicable="no number", logprob=math.nan)
    records[0] = replace(first, steps=(gone, *first.steps[1:]))
    (one, *_) = correlations(records, data, QUICK)
    assert one.pooled.n_steps == 11


def test_a_model_reads_each_trace_once_behind_its_own_prompt(
    data: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line, out = right_traces(data)[0], tmp_path / "out"
    folder = folder_of(out, "read", line)
    run_trace(line, folder, tiny_model, ("delete",), 2, 8)
    file = samples_file(folder)
    assert file is not None
    before = file.read_bytes()
    run_trace(line, folder, tiny_model, ("delete",), 2, 8)
    assert samples_file(folder) == file and file.read_bytes() == before
    (found,) = records_of(out, "read", right_traces(data))
    assert len(found.steps) == 2 and found.document == line["id"]
    context = json.loads(before.splitlines()[0])["arguments"]["gen_args_0"]["arg_0"]
    thinking = line["chain"].partition("\n</think>")[0]
    assert context.startswith(line["prompt"] + thinking)
    assert context.endswith("\n</think>\n\nTherefore, the final answer is \\boxed{")
    capsys.readouterr()
    main(data, out, tiny_model, traces=1, run=False)
    told = capsys.readouterr().out
    assert "read: 1 of 1 traces, 0 of them longer than the model takes" in told
    assert "mean effect in nats: delete " in told
    assert "| `delete` | counterfactual, accuracy | – |" in told  # two sentences only
    assert f"{WRITE_ON[0]}: 0 of 1 traces" in told
