"""`vllm serve` itself, on this machine's processor, asked over HTTP by the harness's client."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # not to a busy core
pytest.importorskip(
    "vllm", reason="vLLM is not installed: .ci/vllm makes an environment that has it"
)

import lm_eval

import lm_eval_faith
from lm_eval_faith.harness.activation import activate
from lm_eval_faith.organisms import solver_path
from lm_eval_faith.records.samples import responses_of

from ..killed import StoredRuns
from ..start import Starter

TO_HF, TO_ECHO = 1e-3, 1e-5
"""Nats."""

PROVIDED, WRITTEN = "cot_faith_provided", "cot_faith_generated_arith"


class VllmServer:
    """`vllm serve` on a port of its own."""

    def __init__(
        self, starter: Starter, environment: dict[str, str], log: Path
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.starter, self.environment, self.log = starter, environment, log
        self.child: int | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            *("vllm", "serve", str(solver_path()), "--served-model-name", "solver"),
            *("--port", str(self.port), "--dtype", "float32", "--enforce-eager"),
            *("--block-size", "32", "--max-model-len", "1024"),
            *("--distributed-executor-backend", "uni", "--disable-uvicorn-access-log"),
        ]
        self.child = self.starter.start(
            command, self.log, self.log, self.environment, longest=3600
        )
        while not self._answers():
            state = Path(f"/proc/{self.child}/stat").read_text().split()[2]
            assert state != "Z", self.log.read_text()[-3000:]
            time.sleep(0.5)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(urllib.request.urlopen(f"{self.address}/v1/models").status)
        return False

    def kill(self) -> None:
        """All its processes, by -9."""
        if self.child is not None:
            os.killpg(self.child, signal.SIGKILL)
            self.starter.exit_code(self.child)
            self.child = None


@pytest.fixture(scope="module")
def server(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VllmServer]:
    # Its engine is a process of its own, and must not have another for its one worker.
    less = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1"}
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with closing(Starter("vllm.entrypoints.openai.api_server")) as starter:
        one = VllmServer(starter, environment | less, log)
        one.start()
        yield one
        one.kill()


def arguments(server: VllmServer, **more: Any) -> dict[str, Any]:
    return {
        "model": "solver",
        "base_url": f"{server.address}/v1/completions",
        "tokenizer": str(solver_path()),
        "tokenizer_backend": "huggingface",
        "max_length": 1024,
        "max_retries": 1,
        "num_concurrent": 2,
        **more,
    }


def evaluated(model: str, model_args: dict[str, Any], task: str) -> list[Any]:
    """The responses to each document."""
    activate()
    done = lm_eval.simple_evaluate(
        model=model,
        model_args=model_args,
        tasks=[task],
        device="cpu",
        task_manager=lm_eval_faith.task_manager(
            metadata={"problems": 3}, include_defaults=False
        ),
        bootstrap_iters=0,
    )
    return [responses_of(sample) for sample in done["samples"][task]]


def scores(responses: list[Any]) -> list[tuple[float, bool]]:
    found = []
    for one in responses:
        given = json.loads(one[0])["loglikelihoods"] if type(one[0]) is str else one
        found += [(float(p), str(greedy) == "True") for p, greedy in given]
    return found


def assert_close(responses: list[Any], expected: list[Any], nats: float) -> None:
    found, wanted = scores(responses), scores(expected)
    assert [p for p, _ in found] == pytest.approx([p for p, _ in wanted], abs=nats)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in wanted]


def test_both_settings_have_the_numbers_of_hf_with_and_without_the_servers_cache(
    server: VllmServer,
) -> None:
    hf = {"pretrained": str(solver_path()), "dtype": "float32"}
    plain = evaluated("local-completions", arguments(server), PROVIDED)
    assert_close(plain, evaluated("hf", hf, PROVIDED), TO_HF)
    through = arguments(server, backend="local-completions")
    before = counted(server)
    cached = evaluated("faith", through, PROVIDED)
    asked, read = (now - then for now, then in zip(counted(server), before))
    assert_close(cached, plain, TO_ECHO)
    assert read > 0.5 * asked  # of the tokens that are asked, so many lie in the cache
    written = evaluated("faith", through, WRITTEN)
    alone = evaluated("faith", through | {"shared_prefix": "off"}, WRITTEN)
    of_hf = evaluated("faith", hf, WRITTEN)
    for other, nats in (alone, TO_ECHO), (of_hf, TO_HF):
        assert_close(written, other, nats)
        texts, others = (
            [json.loads(one[0])["generation"] for one in responses]
            for responses in (written, other)
        )
        assert texts == others


def counted(server: VllmServer) -> tuple[float, float]:
    """Tokens of prompts that the cache was looked up for, and those that it had."""
    text = urllib.request.urlopen(f"{server.address}/metrics").read().decode()
    found = [
        sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith(f"vllm:prefix_cache_{name}_total")
        )
        for name in ("queries", "hits")
    ]
    return found[0], found[1]


# --- processes that are started and killed -----------------------------------------


@pytest.fixture
def runs_in(
    server: VllmServer, starter: Starter, environment: dict[str, str]
) -> Callable[..., StoredRuns]:
    """Runs against the server, in a folder."""
    asked = arguments(server, backend="local-completions", num_concurrent=1)
    told = ",".join(f"{name}={value}" for name, value in asked.items())

    def make(folder: Path, problems: int = 12) -> StoredRuns:
        command = (
            *("run", "--model", "faith", "--model_args", told),
            *("--tasks", WRITTEN, "--metadata", f"problems={problems}"),
        )
        return StoredRuns(starter, environment, folder, command)

    return make


def test_a_run_killed_at_random_moments_ends_with_the_results_of_one_that_was_not(
    runs_in: Callable[..., StoredRuns], tmp_path: Path
) -> None:
    runs = runs_in(tmp_path)
    runs.assert_nothing_is_lost_by(runs.kill)


def test_a_server_killed_at_random_moments_costs_a_run_nothing(
    runs_in: Callable[..., StoredRuns], server: VllmServer, tmp_path: Path
) -> None:
    runs = runs_in(tmp_path)

    def kill_the_server(child: int) -> None:
        server.kill()
        runs.assert_ends(child, 2)
        told = runs.log.read_text()
        assert "error: the server at" in told and "Traceback" not in told
        server.start()

    runs.assert_nothing_is_lost_by(kill_the_server)


def test_two_clients_at_once_have_the_report_of_one(
    runs_in: Callable[..., StoredRuns], tmp_path: Path, command: Callable[..., Any]
) -> None:
    whole = runs_in(tmp_path, problems=6)
    whole.assert_ends(whole.begin("whole"))
    folders = [tmp_path / name for name in ("first", "second")]
    clients = []
    for k, folder in enumerate(folders):
        folder.mkdir()
        runs = runs_in(folder, problems=6)
        some = json.dumps({WRITTEN: [k, k + 2, k + 4]}, separators=(",", ":"))
        clients.append((runs, runs.begin("run", "--samples", some)))
    for runs, child in clients:
        runs.assert_ends(child)
    estimates = []
    for found in ([tmp_path / "whole"], [*(f / "run" for f in folders), "--merge"]):
        code, out, errors = command("report", *found, "--format", "json")
        assert code == 0, errors
        estimates.append(json.loads(out)["reports"][0]["estimates"])
    for one, other in zip(*estimates, strict=True):
        for name in ("intervention", "metric", "n_problems"):
            assert one[name] == other[name]
        if one["point"] is not None:
            assert one["point"] == pytest.approx(other["point"], abs=TO_ECHO)
