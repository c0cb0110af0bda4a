"""The requests of the card: what they cost, and that they leave all others as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import lm_eval
import pytest

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.run import load_run

PROBLEMS = [word_problem(WordProblemSettings(), k) for k in range(200)]
CHAINS = {p.question: p.chain for p in PROBLEMS}
TASKS = ("cot_faith_provided", "cot_faith_generated_arith")


def solution(question: str) -> str:
    """Right, but for every fourth problem; behind a chain of ours something else."""
    if question not in CHAINS:
        return " It is so. The answer is 5."
    chain = CHAINS[question]
    wrong = list(CHAINS).index(question) % 4 == 3
    return f"{chain.text} The answer is {int(chain.answer) + wrong}."


@pytest.fixture(scope="module")
def run(scripted_lm: Any) -> Callable[..., tuple[dict[str, Any], list[list[Any]]]]:
    """Runs a task; gives its results, and what was scored by document in order."""

    def evaluate(
        task: str, backend: Any = None, **metadata: Any
    ) -> tuple[dict[str, Any], list[list[Any]]]:
        model = scripted_lm(solution)
        asked: list[Any] = []
        score = model.loglikelihood

        def loglikelihood(requests: Any, **_: Any) -> Any:
            asked.extend(requests)
            return score(requests)

        model.loglikelihood = loglikelihood
        results = lm_eval.simple_evaluate(
            model=model if backend == "plain" else FaithLM(model),
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                metadata=metadata, include_defaults=False
            ),
            bootstrap_iters=0,
        )
        return results, asked

    return evaluate


def samples_of(results: dict[str, Any], task: str) -> list[tuple[list[Any], int]]:
    """The probes of each document, and how many scores it has besides."""
    found = []
    for sample in results["samples"][task]:
        if isinstance(sample["filtered_resps"][0], str):
            told = json.loads(sample["filtered_resps"][0])
            probes = told["note"].get("probes") or []
            found.append((probes, len(told["loglikelihoods"]) - len(probes)))
        else:
            probes = sample["doc"].get("probes") or []
            found.append((probes, len(sample["filtered_resps"]) - len(probes)))
    return found


@pytest.mark.parametrize("task", TASKS)
def test_default_runs_ask_at_most_fifteen_percent_more(run, task):
    results, _ = run(task)
    found = samples_of(results, task)
    besides, asked = sum(len(p) for p, _ in found), sum(n for _, n in found)
    assert len(found) == 200
    assert 0.10 < besides / asked <= 0.15
    kinds = {probe["kind"] for probes, _ in found for probe in probes}
    assert {"no_chain", "early", "cut", "conflict", "own", "changed"} <= kinds


def test_all_other_requests_stay_the_same_and_come_first_in_each_document(run):
    (with_card, asked), (_, plain) = (
        run("cot_faith_provided", "plain", problems=8, card=card)
        for card in (True, False)
    )
    texts = [request.args for request in asked]
    kept = []
    for probes, others in samples_of(with_card, "cot_faith_provided"):
        kept += texts[:others]
        texts = texts[others + len(probes) :]
    assert not texts
    assert kept == [request.args for request in plain]


def test_without_the_card_the_samples_hold_nothing_of_it(run):
    for task in TASKS:
        results, _ = run(task, problems=4, card=False)
        assert '"probes"' not in json.dumps(results["samples"][task], default=str)


def test_a_plain_backend_measures_the_card_of_given_chains(run, save_run, tmp_path):
    results, _ = run("cot_faith_provided", "plain", problems=12, card_share=10)
    (task,) = load_run(save_run(results, tmp_path / "run")).tasks
    found = results["results"]["cot_faith_provided"]
    gains = [c.clean_logprob - c.probed.logprob_no_chain for c in task.chains]
    assert found["chain_gain,none"] == pytest.approx(sum(gains) / len(gains))
    assert all(c.probed.early and c.probed.surprise for c in task.chains)


def test_what_a_multi_stage_run_measured_is_read_back_as_the_table_shows_it(
    run, save_run, tmp_path
):
    task = "cot_faith_generated_arith"
    results, _ = run(
        task, problems=12, card_share=10, metrics=["cut_share", "headroom_r2"]
    )
    (read,) = load_run(save_run(results, tmp_path / "run")).tasks
    scored = [c for c in read.chains if not c.left_out]
    gains = [c.clean_logprob - c.probed.logprob_no_chain for c in scored]
    found = results["results"][task]
    assert found["chain_gain,none"] == pytest.approx(sum(gains) / len(gains))
    assert "corrupt_cut_share,none" in found and "corrupt_headroom_r2,none" in found


def test_interventions_that_ask_leave_the_card_in_the_response(run, save_run, tmp_path):
    metadata = {
        "problems": 3,
        "card_share": 10,
        "interventions": ["corrupt", "continue"],
    }
    results, _ = run("cot_faith_provided", **metadata)
    (read,) = load_run(save_run(results, tmp_path / "run")).tasks
    assert all(c.probed.early for c in read.chains)


def test_a_share_that_is_none_is_refused(run):
    for share in (-0.1, 11):
        with pytest.raises(InputError, match="card_share must lie between 0 and 10"):
            run("cot_faith_provided", card_share=share)
