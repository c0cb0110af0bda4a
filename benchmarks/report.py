"""Speed of reports and comparisons: python -m benchmarks.report

Writes synthetic runs as the harness writes them (real chains, interventions and
contexts, made-up log-probabilities), then times `report` of all of them and `compare` of
all pairs, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.harness.requests import chain_requests, read_document
from lm_eval_faith.interventions import Context
from lm_eval_faith.interventions.plan import plan
from lm_eval_faith.parameters import as_json
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    running_total_problem,
)

TASK = "cot_faith_provided"
INTERVENTIONS = ("corrupt", "corrupt_local", "delete", "truncate")
DATE = "2026-01-01T00-00-00.000000"
SUPPORT = {"load_bearing": 2.0, "decoy": 0.0}


@dataclass(frozen=True)
class Measured:
    """What a command took: seconds on the clock and of the processors, and the largest process in GB."""

    clock: float
    processor: float
    memory: float

    def __str__(self) -> str:
        return (
            f"{self.clock:.1f} s ({self.processor:.1f} s of processor time), "
            f"at most {self.memory:.2f} GB in one process"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Make runs, time both commands, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=__doc__
    )
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--problems", type=int, default=1319)
    parser.add_argument("--steps", type=int, default=12, help="steps of a problem")
    parser.add_argument("--folder", type=Path, help="keep the runs in this folder")
    options = parser.parse_args(arguments)
    rows = options.models * options.problems * options.steps * len(INTERVENTIONS)
    print(
        f"{options.models} models, {options.problems} problems of {options.steps} "
        f"steps, {len(INTERVENTIONS)} interventions: {rows:,} rows"
    )
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not any(folder.glob("model-*")):
            write_runs(folder, options.models, options.problems, options.steps)
        runs = sorted(folder.glob("model-*"))
        size = sum(file.stat().st_size for file in folder.rglob("*.jsonl"))
        print(f"samples files: {size / 1e9:.2f} GB")
        out = str(folder / "out.json")
        for command in ("report", "compare") if len(runs) > 1 else ("report",):
            taken = _measured(
                [command, *map(str, runs), "--format", "json", "--out", out]
            )
            print(f"{command}: {taken}; load {os.getloadavg()[0]:.1f}")


def write_runs(folder: Path, models: int, problems: int, steps: int) -> None:
    """One run directory a model, all of the same problems."""
    decoys = steps // 4
    settings = RunningTotalSettings(
        problems=problems,
        load_bearing=(steps - decoys, steps - decoys),
        asides=(decoys, decoys),
    )
    documents = [_document(settings, k) for k in range(problems)]
    rng = np.random.default_rng(0)
    for model in range(models):
        name = f"model-{model:02d}"
        (folder / name).mkdir(parents=True)
        path = folder / name / f"samples_{TASK}_{DATE}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(
                _sample(k, text, means, rng, 1 + 0.05 * model)
                for k, (text, means) in enumerate(documents)
            )
        results = folder / name / f"results_{DATE}.json"
        results.write_text(json.dumps(_results(name, settings)), encoding="utf-8")


def _document(settings: RunningTotalSettings, index: int) -> tuple[str, np.ndarray]:
    """A document and its requests as JSON, and the mean log-probability of each."""
    problem = running_total_problem(settings, index, "test")
    variants = plan(
        problem.chain,
        INTERVENTIONS,
        seed=0,
        document=problem.id,
        context=Context(0, problem.id, 0, "", rewrite=problem.rewrite),
    )
    document = read_document(problem, "provided", variants)
    prompt = f"Question: {problem.question}\nLet's work it out step by step.\n"
    requests = chain_requests(prompt, problem.chain, variants, AnswerFormat())
    arguments = {
        f"gen_args_{i}": {"arg_0": context, "arg_1": answer}
        for i, (context, answer) in enumerate(requests)
    }
    doc = json.dumps(document, ensure_ascii=False)
    asked = json.dumps(arguments, ensure_ascii=False)
    text = f'"doc": {doc}, "target": "{problem.chain.answer}", "arguments": {asked}'
    means = [-1.0]
    for variant in variants:
        if variant.chain is not None:
            label = problem.chain.steps[variant.step].label
            means.append(-1.0 - (SUPPORT[label] if label else 0.0))
            if variant.other_answer:
                means.append(-2.0)
    return text, np.array(means)


def _sample(
    index: int, text: str, means: np.ndarray, rng: np.random.Generator, scale: float
) -> str:
    logprobs = np.minimum(means * scale + rng.normal(0, 0.8, len(means)), -1e-6)
    pairs = json.dumps([[str(x), str(k == 0)] for k, x in enumerate(logprobs.tolist())])
    return f'{{"doc_id": {index}, {text}, "resps": [{pairs}], "filtered_resps": {pairs}, "filter": "none"}}\n'


def _results(name: str, settings: RunningTotalSettings) -> dict[str, Any]:
    metadata = as_json(settings) | {"interventions": list(INTERVENTIONS)}
    return {
        "results": {},
        "configs": {TASK: {"task": TASK, "metadata": {"version": 2.0, **metadata}}},
        "versions": {TASK: 2.0},
        "n-shot": {TASK: 0},
        "config": {"model": "hf", "model_args": {"pretrained": name}},
        "model_name": name,
    }


def _measured(arguments: Sequence[str]) -> Measured:
    """Run the command line in a process of its own; what it took, from the system."""
    import resource

    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", _CALL, *arguments], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(time.perf_counter() - start, used, after.ru_maxrss * unit / 1e9)


_CALL = "from lm_eval_faith.cli import main; main()"


if __name__ == "__main__":
    main()
