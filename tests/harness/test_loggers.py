"""The harness's own loggers take our samples: W&B makes a table of them, Trackio traces.

With trackio 0.43.0 itself, offline, a run of both settings gave a trace of each sample
(2026-11-26); here its place is taken by a class that keeps what it is given.
"""

import json
import sys

import pytest
from lm_eval.loggers.trackio_logger import TrackioLogger
from lm_eval.loggers.wandb_logger import WandbLogger

from ..report.conftest import runs_of_two_models


@pytest.fixture(scope="module")
def generated_run(scripted_lm, save_run, tmp_path_factory):
    return runs_of_two_models(scripted_lm, save_run, tmp_path_factory)[0]


def results_and_samples(run):
    """As the evaluator hands them over: arguments are lists, in the file they are objects."""
    (results,) = run.rglob("results_*.json")
    (samples,) = run.rglob("samples_*.jsonl")
    data = [json.loads(line) for line in samples.read_text().splitlines()]
    for sample in data:
        asked = sample["arguments"].values()
        sample["arguments"] = [tuple(one.values()) for one in asked]
    return json.loads(results.read_text()), data


def test_wandb_makes_a_row_of_every_sample(provided_run, generated_run):
    for run in (provided_run, generated_run):
        results, data = results_and_samples(run)
        ((_, config),) = results["configs"].items()
        frame = WandbLogger._generate_dataset(None, data, config)
        assert len(frame) == len(data) and set(frame["id"]) == set(range(len(data)))


class Trackio:
    """What the harness uses of the library."""

    def __init__(self):
        self.logged, self.config = [], {}

    def init(self, **arguments):
        return self

    def log(self, values, step=None):
        json.dumps(values)  # as it is kept
        self.logged.append(values)

    def Trace(self, messages, metadata):
        return {"messages": messages, "metadata": metadata}


def test_trackio_has_a_trace_of_every_sample(provided_run, generated_run, monkeypatch):
    for run in (provided_run, generated_run):
        kept = Trackio()
        monkeypatch.setitem(sys.modules, "trackio", kept)
        results, data = results_and_samples(run)
        ((task, _),) = results["configs"].items()
        logger = TrackioLogger({"project": "mine"})
        logger.post_init(results)
        logger.log_eval_result()
        logger.log_eval_samples({task: data})
        table, *traces = kept.logged
        assert f"{task}/clean_logprob" in table
        assert len(traces) == len(data)
        told = [trace[f"{task}/sample"]["metadata"]["doc_id"] for trace in traces]
        assert told == [sample["doc_id"] for sample in data]
