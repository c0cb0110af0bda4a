"""A multi-stage task on disk, and readers of what runs wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval
import pytest
import torch
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

ECHO_TASK = '''
"""Asks about the model's own words, as often as they tell it to."""

import json
import os
import time

from lm_eval.api.task import ConfigurableTask

from lm_eval_faith.asks import Generate, Score
from lm_eval_faith.harness.stages import MultiStageTask


class Echo(MultiStageTask, ConfigurableTask):
    def stages(self, doc, context, settings):
        """A text, scores of as many parts of it as its length says, another text."""
        (text,) = yield [Generate(context, settings)]
        time.sleep(float(os.environ.get("ECHO_SLEEP", "0")))
        often = (len(context) + len(text)) % 4
        whole = context + text
        ends = [len(whole) - 3 * i for i in range(often)]
        scores = yield [Score(whole[:end], " so") for end in ends]
        more = []
        if often > 1:
            more = yield [Generate(whole + " so", settings), Score(whole, " no")]
        return {"texts": [text, *more[:1]], "scores": [*scores, *more[1:]]}

    def counts(self, result):
        return {"asked": len(result["scores"])}

    def process_results(self, doc, results):
        return {"acc": sum(score for score, _ in json.loads(results[0])["scores"])}
'''

ECHO_YAML = """
task: {name}
class: !function echo_task.Echo
dataset_path: json
dataset_kwargs:
  data_files: {questions}
test_split: train
doc_to_text: "{{{{question}}}}"
doc_to_target: ""
output_type: generate_until
generation_kwargs: {settings}
repeats: {repeats}
metric_list:
  - metric: acc
"""

QUESTIONS = [f"{i} apples and {i * i % 7} pears, {'so ' * (i % 5)}" for i in range(24)]
GREEDY = {"until": ["\n"], "max_gen_toks": 6}
SAMPLED = GREEDY | {"do_sample": True, "temperature": 1.0}


def tasks_in(folder: Path) -> TaskManager:
    """The tasks of one folder; to index the harness's own takes seconds."""
    return TaskManager(include_path=str(folder), include_defaults=False)


@pytest.fixture(scope="session")
def multi_stage_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for --include_path: `echo`, and `echo_sampled` with two repeats."""
    folder = tmp_path_factory.mktemp("tasks")
    questions = folder / "questions.jsonl"
    questions.write_text("".join(json.dumps({"question": q}) + "\n" for q in QUESTIONS))
    (folder / "echo_task.py").write_text(ECHO_TASK)
    for name, settings, repeats in ("echo", GREEDY, 1), ("echo_sampled", SAMPLED, 2):
        text = ECHO_YAML.format(
            name=name,
            questions=questions,
            settings=json.dumps(settings),
            repeats=repeats,
        )
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.fixture(scope="session")
def hf(tiny_model: Path) -> Callable[..., HFLM]:
    """Makes the harness's own backend around the tiny model."""
    torch.set_num_threads(1)

    def make(**arguments: Any) -> HFLM:
        settings = {"device": "cpu", "dtype": "float32", "batch_size": 4} | arguments
        return HFLM(pretrained=str(tiny_model), **settings)

    return make


@pytest.fixture(scope="session")
def evaluate(multi_stage_tasks: Path) -> Callable[..., list[dict[str, Any]]]:
    """Runs one task in this process, and gives its samples."""

    def run(
        model: LM, task: str = "echo", folder: Path = multi_stage_tasks, **more: Any
    ) -> list[dict[str, Any]]:
        done = lm_eval.simple_evaluate(
            model=model,
            tasks=[task],
            task_manager=tasks_in(folder),
            bootstrap_iters=0,
            **more,
        )
        samples: list[dict[str, Any]] = done["samples"][task]
        return samples

    return run


@pytest.fixture(scope="session")
def samples_file() -> Callable[..., list[dict[str, Any]]]:
    """Reads the samples that a command line wrote, in the order of the documents."""

    def read(run: Path, task: str = "echo") -> list[dict[str, Any]]:
        [path] = run.rglob(f"samples_{task}_*.jsonl")
        samples = [json.loads(line) for line in path.read_text().splitlines()]
        return sorted(samples, key=lambda sample: int(sample["doc_id"]))

    return read
