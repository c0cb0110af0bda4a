"""Effects by kind of step, where a file tags its steps."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import lm_eval
import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap

import lm_eval_faith
from lm_eval_faith.chains.chain import tags_of
from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.chain_files import read_chains
from lm_eval_faith.report.html.report_page import report_page
from lm_eval_faith.report.report import make_reports, written
from lm_eval_faith.report.schema import report_schema
from lm_eval_faith.report.write import text

QUICK = Bootstrap(n_resamples=200)
KINDS = [["Plan generation"], ["fact-retrieval", "Plan generation"], [], ["doubt"]]


def line(n: int, **more: Any) -> dict[str, Any]:
    chain = [
        f"First I count {n} balls.",
        f"Then {n} + 4 = {n + 4}.",
        f"So there are {n + 4} now.",
        f"Hmm, that is {n + 4} all right.",
    ]
    question = f"There are {n} balls and 4 more. How many?"
    answer = str(n + 4)
    return {
        "question": question,
        "chain": chain,
        "answer": answer,
        "kind": KINDS,
    } | more


@pytest.fixture
def tagged(
    scripted_lm: Any, save_run: Any, tmp_path: Path
) -> Callable[..., tuple[Path, Any]]:
    """Runs a replay of chains with tags."""

    def run(**more: Any) -> tuple[Path, Any]:
        file = tmp_path / "chains.jsonl"
        lines = [
            line(n, chain=[*line(n)["chain"], f"The answer is {n + 4}."],
                 kind=[*KINDS, ["final"]])
            for n in range(3, 12)
        ]  # fmt: skip
        file.write_text("".join(json.dumps(one) + "\n" for one in lines))
        how = {"chains": str(file), "field_tags": "kind", **more}
        lm = scripted_lm(str)
        done = lm_eval.simple_evaluate(
            model=lm,
            tasks=["cot_faith_replay"],
            task_manager=lm_eval_faith.task_manager(
                metadata=how, include_defaults=False
            ),
            bootstrap_iters=0,
        )
        assert done is not None
        return save_run(done, tmp_path / f"run {len(more)}"), lm

    return run


def by_kind(run: Path, logprob: Any, intervention: str) -> dict[str, list[list[float]]]:
    """Effects of each problem by tag, from the samples alone."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    [file] = run.rglob("samples_*.jsonl")
    for text_line in file.read_text().splitlines():
        sample = json.loads(text_line)
        requests = list(sample["arguments"].values())
        scores = iter([logprob(r["arg_0"], r["arg_1"]) for r in requests])
        clean = next(scores)
        for v in sample["doc"]["interventions"]:
            if v["not_applicable"]:
                continue
            effect = clean - next(scores)
            if v["intervention"] == intervention:
                for tag in KINDS[v["step"]]:
                    name = tag.lower().replace(" ", "_").replace("-", "_")
                    found[name][sample["doc"]["id"]].append(effect)
    return {tag: list(problems.values()) for tag, problems in found.items()}


def test_the_report_has_a_row_for_each_kind_with_an_interval(tagged: Any) -> None:
    run, lm = tagged(interventions="delete")
    (report,) = make_reports([run], QUICK)
    expected = by_kind(run, lm.logprob, "delete")
    assert set(expected) == {"plan_generation", "fact_retrieval", "doubt"}
    for tag, problems in expected.items():
        row = report.row(f"delete_effect_of_{tag}")
        assert row is not None and row.shown
        means = [np.mean(effects) for effects in problems]
        assert row.estimate.point == pytest.approx(np.mean(means))
        assert row.estimate.low < row.estimate.point < row.estimate.high
        assert row.estimate.n_problems == len(problems) == 9
        assert row.meaning == (
            f"effect, mean over problems, of steps tagged {tag.replace('_', ' ')}"
        )
    assert report.row("delete_effect_of_final") is None


def test_it_is_told_how_many_steps_stand_behind_the_first_statement(
    tagged: Any,
) -> None:
    """Of four steps the second states the answer first; two stand behind it."""
    run, _ = tagged(interventions="delete")
    (report,) = make_reports([run], QUICK)
    assert (
        "9 of 9 chains go on behind the first step that states the answer: 18 of 36 steps "
        "stand there (cut=first ends a chain before it)"
    ) in report.notes
    cut, _ = tagged(interventions="delete", cut="first")
    (report,) = make_reports([cut], QUICK)
    assert not [note for note in report.notes if "first step that states" in note]


def test_with_a_control_the_row_less_the_control_has_a_line_of_its_own(
    tagged: Any,
) -> None:
    run, _ = tagged()
    (report,) = make_reports([run], QUICK)
    shown = report.row("delete_effect_vs_control_of_doubt")
    raw = report.row("delete_effect_of_doubt")
    assert shown is not None and shown.shown
    assert raw is not None and not raw.shown
    table = text(written([report]), "table")
    assert "effect_vs_control_of_doubt" in table
    told = json.loads(text(written([report]), "json"))
    jsonschema.validate(told, report_schema())
    page = report_page([run], QUICK).html
    assert "effect_vs_control_of_doubt" in page
    names = {row["metric"] for row in told["reports"][0]["estimates"]}
    assert {"effect_of_doubt", "effect_vs_control_of_doubt"} <= names


def test_tags_of_another_studys_sentences_come_with_these(tmp_path: Path) -> None:
    trace = "I plan. Then 3 + 4 = 7.\n\nSo it is 7. The answer is 7."
    record = {
        "question": "How many?",
        "chain": trace,
        "answer": "7",
        "sentences": [
            {"text": "I plan. Then 3 + 4 = 7.", "tags": ["plan", "sum"]},
            {"text": "So it is 7.", "tags": "sum"},
        ],
    }
    file = tmp_path / "traces.jsonl"
    file.write_text(json.dumps(record))
    how = {"field_span": "sentences[].text", "field_tags": "sentences[].tags"}
    (found,) = read_chains(file, how).chains
    assert [(s.text, s.tags) for s in found.chain.steps] == [
        ("I plan. Then 3 + 4 = 7.", ("plan", "sum")),
        ("So it is 7.", ("sum",)),
    ]


def test_tags_that_are_not_one_a_step_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "chains.jsonl"
    file.write_text(json.dumps(line(5, kind=["a", "b"])))
    with pytest.raises(InputError, match=r":1: 2 tags for 4 steps; .*field_span"):
        read_chains(file, {"field_tags": "kind"})
    file.write_text(json.dumps(line(5, kind="a")))
    with pytest.raises(InputError, match=r":1: 'kind' is text, not a list of tags"):
        read_chains(file, {"field_tags": "kind"})


def test_whatever_a_tag_says_its_name_is_plain() -> None:
    assert tags_of(["<b>Ä\n!</b>", "", " ", 3, None, "x" * 99]) == (
        "b_ä____b",
        "x" * 40,
    )
