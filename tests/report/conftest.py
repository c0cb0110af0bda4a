"""What several tests of reports use: the command line in this process, and more models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def other_model() -> Callable[..., Path]:
    """Copies a run as that of another model, its lines and results changed."""

    def make(
        run: Path,
        target: Path,
        name: str = "other",
        line: Callable[[int, dict[str, Any]], Any] = lambda k, sample: sample,
        results: Callable[[dict[str, Any]], Any] = lambda content: content,
    ) -> Path:
        shutil.copytree(run, target)
        for file in target.rglob("samples_*.jsonl"):
            samples = [json.loads(text) for text in file.read_text().splitlines()]
            changed = [line(k, sample) for k, sample in enumerate(samples)]
            kept = [json.dumps(sample) for sample in changed if sample is not None]
            file.write_text("".join(f"{text}\n" for text in kept))
        for file in target.rglob("results_*.json"):
            content = json.loads(file.read_text())
            content["model_name"] = name
            file.write_text(json.dumps(results(content)))
        return target

    return make


def doubled(k: int, sample: dict[str, Any]) -> dict[str, Any]:
    """Every log-probability doubled, and a little added that differs by problem."""
    sample["filtered_resps"] = [
        [str(2 * float(logprob) - 0.1 * k), greedy]
        for logprob, greedy in sample["filtered_resps"]
    ]
    return sample


@pytest.fixture(scope="session")
def second_run(provided_run, other_model, tmp_path_factory) -> Path:
    """The provided run as another model, effects twice as large."""
    return other_model(
        provided_run, tmp_path_factory.mktemp("second") / "run", line=doubled
    )


@pytest.fixture(scope="session")
def generated_runs(scripted_lm, save_run, tmp_path_factory) -> tuple[Path, Path]:
    return runs_of_two_models(scripted_lm, save_run, tmp_path_factory)


def runs_of_two_models(scripted_lm, save_run, tmp_path_factory) -> tuple[Path, Path]:
    """Runs of two scripted models that solve different problems of twelve."""
    import lm_eval

    import lm_eval_faith
    from lm_eval_faith.harness.faith_model import FaithLM
    from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem

    made = [word_problem(WordProblemSettings(), k) for k in range(12)]
    chains = {p.question: (k, p.chain) for k, p in enumerate(made)}

    def run(name: str, fails: int) -> Path:
        def solution(question: str) -> str:
            k, chain = chains[question]
            return f"{chain.text} The answer is {int(chain.answer) + (k % 4 == fails)}."

        lm = scripted_lm(solution)
        plain = lm.logprob
        lm.logprob = lambda context, answer: plain(f"{name}{context}", answer)
        done = lm_eval.simple_evaluate(
            model=FaithLM(backend=lm),
            tasks=["cot_faith_generated_arith"],
            task_manager=lm_eval_faith.task_manager(
                metadata={"problems": len(made), "card": False}, include_defaults=False
            ),
            bootstrap_iters=0,
        )
        folder = save_run(done, tmp_path_factory.mktemp("generated") / name)
        (file,) = folder.rglob("results_*.json")
        content = json.loads(file.read_text()) | {"model_name": name}
        file.write_text(json.dumps(content))
        return folder

    return run("one", fails=1), run("two", fails=2)
