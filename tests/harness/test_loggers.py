"""The harness's own loggers take our samples: W&B makes a table of them."""

import json

import pytest
from lm_eval.loggers.wandb_logger import WandbLogger

from ..report.conftest import generated_runs as runs_of_two_models


@pytest.fixture(scope="module")
def generated_run(scripted_lm, save_run, tmp_path_factory):
    make = runs_of_two_models._get_wrapped_function()
    return make(scripted_lm, save_run, tmp_path_factory)[0]


def test_wandb_makes_a_row_of_every_sample(provided_run, generated_run):
    for run in (provided_run, generated_run):
        (results,) = run.rglob("results_*.json")
        (samples,) = run.rglob("samples_*.jsonl")
        data = [json.loads(line) for line in samples.read_text().splitlines()]
        ((_, config),) = json.loads(results.read_text())["configs"].items()
        for (
            sample
        ) in data:  # the evaluator hands them over as lists, the file as objects
            asked = sample["arguments"].values()
            sample["arguments"] = [tuple(one.values()) for one in asked]
        frame = WandbLogger._generate_dataset(None, data, config)
        assert len(frame) == len(data) and set(frame["id"]) == set(range(len(data)))
