"""Two real processes on a CPU, each with its share of the documents."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval.models.huggingface import HFLM

import lm_eval_faith
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.records.samples import responses_of

from ..start import Starter

Evaluate = Callable[..., list[dict[str, Any]]]
MakeHF = Callable[..., HFLM]
Launch = Callable[..., Path]

PROVIDED = "cot_faith_provided"

LAUNCHED = '''
"""Runs the command line with a backend that splits the documents over processes."""

from accelerate import PartialState
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM
from torch import distributed

from lm_eval_faith.cli import main

@register_model("hf-split")
class SplitHF(HFLM):
    """`hf` as it is on several GPUs; on a CPU all its processes do all documents."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self._rank = PartialState().process_index
        self._world_size = PartialState().num_processes
        assert self._world_size == 2


main()
assert not distributed.is_initialized(), "the process group is left open"
'''


@pytest.fixture
def launch(
    tiny_model: Path, starter: Starter, environment: dict[str, str], tmp_path: Path
) -> Launch:
    """Runs the command line on the tiny model in two processes."""
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    model = f"pretrained={tiny_model},dtype=float32"

    def run(*arguments: str | Path, backend: str = "") -> Path:
        words = [
            *(sys.executable, script, "run", *arguments),
            *("--model_args", backend + model, "--device", "cpu", "--batch_size", "4"),
            *("--output_path", tmp_path / "out", "--log_samples"),
        ]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # What `torch.distributed.run --nproc_per_node 2` tells its processes.
        shared = environment | {
            "WORLD_SIZE": "2",
            "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
            "ACCELERATE_USE_CPU": "true",
        }
        children = []
        for rank in "01":
            own = shared | {"RANK": rank, "LOCAL_RANK": rank}
            log = tmp_path / f"log{rank}.txt"
            children.append(starter.start([*map(str, words)], log, log, own, tmp_path))
        codes = [starter.exit_code(child) for child in children]
        assert codes == [0, 0], [log.read_text() for log in tmp_path.glob("log?.txt")]
        return tmp_path / "out"

    return run


def test_multi_stage_requests_get_the_answers_of_one_process(
    multi_stage_tasks: Path,
    hf: MakeHF,
    evaluate: Evaluate,
    samples_file: Evaluate,
    launch: Launch,
) -> None:
    out = launch(
        *("--model", "faith", "--tasks", "echo", "--limit", "7"),
        *("--include_path", multi_stage_tasks),
        backend="backend=hf-split,chunk=2,",
    )
    one, two = evaluate(FaithLM(hf(), chunk=2), limit=7), samples_file(out)
    assert len(two) == len(one)
    for alone, shared in zip(one, two, strict=True):
        assert alone["doc_hash"] == shared["doc_hash"]
        expected, answer = (
            json.loads(responses_of(each)[0]) for each in (alone, shared)
        )
        assert answer["texts"] == expected["texts"]
        assert [logprob for logprob, _ in answer["scores"]] == pytest.approx(
            [logprob for logprob, _ in expected["scores"]], abs=1e-4
        )


# The chains of a problem with 3 to 60 steps: which of the first two is too long for
# the model hangs on the seed. Each process has one of them.
@pytest.mark.parametrize(("seed", "dropped"), [(0, 0), (2, 1)])
def test_a_process_whose_documents_are_all_dropped_takes_nothing_from_the_table(
    hf: MakeHF, launch: Launch, seed: int, dropped: int
) -> None:
    parameters = {
        "problems": 2,
        "problem_seed": seed,
        "load_bearing": [3, 60],
        "asides": 2,
        "interventions": "corrupt",
        "too_long": "drop",
    }
    one = lm_eval.simple_evaluate(
        model=hf(),
        tasks=[PROVIDED],
        task_manager=lm_eval_faith.task_manager(
            metadata=parameters, include_defaults=False
        ),
    )
    scored = [len(responses_of(s)) > 1 for s in one["samples"][PROVIDED]]
    assert scored == [dropped == 1, dropped == 0]

    out = launch(
        *("--model", "hf-split", "--tasks", PROVIDED),
        *("--metadata", json.dumps(parameters)),
    )
    [file] = out.rglob("results_*.json")
    table = json.loads(file.read_text())["results"][PROVIDED]
    expected = {
        name: value
        for name, value in one["results"][PROVIDED].items()
        if isinstance(value, (int, float)) and "_stderr," not in name
    }
    assert expected["dropped,none"] == 0.5 and "corrupt_auc,none" in expected
    assert {n: table[n] for n in expected} == pytest.approx(expected, abs=1e-4)
