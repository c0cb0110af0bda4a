"""`vllm serve` itself, on this machine's processor, asked over HTTP by the harness's client."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "vllm", reason="vLLM is not installed: .ci/vllm makes an environment that has it"
)

import lm_eval

import lm_eval_faith
from lm_eval_faith.harness.activation import activate
from lm_eval_faith.organisms import solver_path
from lm_eval_faith.records.samples import responses_of

KILLS = int(os.environ.get("LM_EVAL_FAITH_KILLS", "5"))
"""How often the run is killed, and the server."""

TO_HF, TO_ECHO = 1e-3, 1e-5
"""Nats."""

PROVIDED, WRITTEN = "cot_faith_provided", "cot_faith_generated_arith"


class VllmServer:
    """`vllm serve` on a port of its own."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = log.open("a")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            *(str(Path(sys.executable).parent / "vllm"), "serve", str(solver_path())),
            *("--served-model-name", "solver", "--port", str(self.port)),
            *("--dtype", "float32", "--enforce-eager", "--block-size", "32"),
            *("--max-model-len", "1024", "--disable-uvicorn-access-log"),
        ]
        environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1"}
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while not self._answers():
            assert self.process.poll() is None, Path(self.log.name).read_text()[-3000:]
            time.sleep(0.5)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(urllib.request.urlopen(f"{self.address}/v1/models").status)
        return False

    def kill(self) -> None:
        """All its processes, by -9."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    one = VllmServer(tmp_path_factory.mktemp("server") / "log.txt")
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

RUN = '''
"""Runs command lines, each in a process of its own, with the libraries imported once."""

import os, sys
import lm_eval.evaluator, lm_eval.loggers, lm_eval.models.openai_completions, sqlitedict
import transformers
from lm_eval_faith.cli import main
import lm_eval_faith.harness.evaluation, lm_eval_faith.harness.faith_model

lm_eval.evaluator.add_env_info = lambda results: None
for line in sys.stdin:
    log, *sys.argv[1:] = line.split()
    child = os.fork()
    if child == 0:
        to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(to, 1)
        os.dup2(to, 2)
        code = 1
        try:
            main()
            code = 0
        except SystemExit as exit:
            code = exit.code or 0
        finally:
            os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
'''


class Client:
    """Runs the command line against the server, one run after the other."""

    def __init__(self, server: VllmServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.log = folder / "log.txt"
        script = folder / "run.py"
        script.write_text(RUN)
        self.process = subprocess.Popen(
            [sys.executable, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def begin(self, out: str, *more: str, problems: int = 12) -> int:
        """Start a run; its process."""
        assert self.process.stdin and self.process.stdout
        told = ",".join(
            f"{name}={value}"
            for name, value in arguments(
                self.server, backend="local-completions", num_concurrent=1
            ).items()
        )
        self.log.write_text("")
        print(
            self.log,
            *("run", "--model", "faith", "--model_args", told),
            *("--tasks", WRITTEN, "--metadata", f"problems={problems}"),
            *("--use_cache", self.folder / f"{out}.store"),
            *("--output_path", self.folder / out, "--log_samples", *more),
            file=self.process.stdin,
            flush=True,
        )
        return int(self.process.stdout.readline())

    def end(self) -> int:
        """The exit code of the run."""
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def answers(self, out: str) -> int:
        """How many are in the store."""
        store = self.folder / f"{out}.store_rank0.db"
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(
                sqlite3.connect(f"file:{store}?mode=ro", uri=True)
            ) as db,
        ):
            return int(db.execute("select count(*) from unnamed").fetchone()[0])
        return 0

    def responses(self, out: str) -> list[Any]:
        (file,) = (self.folder / out).rglob("samples_*.jsonl")
        lines = file.read_text().splitlines()
        return [responses_of(json.loads(line)) for line in lines]


@pytest.fixture
def client(server: VllmServer, tmp_path: Path) -> Iterator[Client]:
    one = Client(server, tmp_path)
    yield one
    one.process.kill()
    one.process.wait()


def when_there_are(client: Client, out: str, answers: int, child: int) -> bool:
    """Wait until so many answers are kept; false where the run ended before."""
    while client.answers(out) < answers:
        if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            return False
        time.sleep(0.02)
    return True


def test_a_run_killed_at_random_moments_ends_with_the_results_of_one_that_was_not(
    client: Client,
) -> None:
    client.begin("whole")
    assert client.end() == 0, client.log.read_text()
    whole = client.answers("whole")
    moments = sorted(random.sample(range(1, whole - 1), KILLS))
    for moment in moments:
        child = client.begin("killed")
        assert when_there_are(client, "killed", moment, child)
        os.kill(child, signal.SIGKILL)
        assert client.end() == -signal.SIGKILL
    client.begin("killed")
    assert client.end() == 0, client.log.read_text()
    assert client.responses("killed") == client.responses("whole")


def test_a_server_killed_at_random_moments_costs_a_run_nothing(
    client: Client, server: VllmServer
) -> None:
    client.begin("whole")
    assert client.end() == 0, client.log.read_text()
    whole = client.answers("whole")
    moments = sorted(random.sample(range(1, whole - 1), KILLS))
    for moment in moments:
        child = client.begin("killed")
        assert when_there_are(client, "killed", moment, child)
        server.kill()
        assert client.end() == 2, client.log.read_text()
        told = client.log.read_text()
        assert "error: the server at" in told and "Traceback" not in told
        assert client.answers("killed") >= moment
        server.start()
    client.begin("killed")
    assert client.end() == 0, client.log.read_text()
    assert client.responses("killed") == client.responses("whole")


def test_two_clients_at_once_have_the_report_of_one(
    server: VllmServer, client: Client, tmp_path: Path, command: Callable[..., Any]
) -> None:
    client.begin("whole", problems=6)
    assert client.end() == 0, client.log.read_text()
    folders = [tmp_path / name for name in ("first", "second")]
    clients = []
    for k, folder in enumerate(folders):
        folder.mkdir()
        clients.append(Client(server, folder))
        some = json.dumps({WRITTEN: [k, k + 2, k + 4]}, separators=(",", ":"))
        clients[-1].begin("run", "--samples", some, problems=6)
    for one in clients:
        assert one.end() == 0, one.log.read_text()
        one.process.kill()
        one.process.wait()
    estimates = []
    for runs in ([tmp_path / "whole"], [*(f / "run" for f in folders), "--merge"]):
        code, out, errors = command("report", *runs, "--format", "json")
        assert code == 0, errors
        estimates.append(json.loads(out)["reports"][0]["estimates"])
    for one, other in zip(*estimates, strict=True):
        for name in ("intervention", "metric", "n_problems"):
            assert one[name] == other[name]
        if one["point"] is not None:
            assert one["point"] == pytest.approx(other["point"], abs=TO_ECHO)
