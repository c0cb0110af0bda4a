"""Runs that were killed go on, and end as if they had not been."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.model import CachingLM, hash_args
from lm_eval.models.huggingface import HFLM
from sqlitedict import SqliteDict  # type: ignore[import-untyped]

from lm_eval_faith.harness.faith_model import FaithLM

from ..start import Starter

Evaluate = Callable[..., list[dict[str, Any]]]
MakeHF = Callable[..., HFLM]

KILLS = int(os.environ.get("LM_EVAL_FAITH_KILLS", "3"))
"""How often the run is killed."""


def responses(samples: list[dict[str, Any]]) -> list[list[list[str]]]:
    """The JSON strings of a run: generations, and every digit of the scores."""
    return [sample["resps"] for sample in samples]


# --- kill -9 ---------------------------------------------------------------------

Run = Callable[..., int]


@pytest.fixture
def run(starter: Starter, environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs a command line, as long as it is let: its exit code, -9 if it was killed.

    It is killed so many seconds after its log, ``log.txt``, said that so many of 24
    documents were done, or more: what is in the cache is passed over unseen.
    """
    log = tmp_path / "log.txt"
    # The kill waits for what the bar shows.
    set_now = environment | {"ECHO_SLEEP": "0.05", "TQDM_MININTERVAL": "0.1"}

    def run(
        command: list[str], kill_at: int | None = None, and_after: float = 0
    ) -> int:
        log.write_text("")
        child = starter.start(["lm-eval-faith", *command], log, log, set_now)
        with contextlib.suppress(ProcessLookupError):
            while kill_at is not None and not done(log.read_text()) >= kill_at:
                time.sleep(0.03)
            if kill_at is not None:
                time.sleep(and_after)
                os.kill(child, signal.SIGKILL)
        return starter.exit_code(child)

    return run


def done(log: str) -> float:
    """Of 24 documents, as a log's bar says; all where its table says that it has ended."""
    if "|Tasks|" in log.replace(" ", "") or "Traceback" in log:
        return 24
    return max((int(n) for n in re.findall(r" (\d+)/24 ", log)), default=-1)


def test_a_run_killed_at_random_moments_ends_with_the_results_of_one_that_was_not(
    tiny_model: Path,
    multi_stage_tasks: Path,
    run: Run,
    samples_file: Evaluate,
    tmp_path: Path,
) -> None:
    def command(out: str) -> list[str]:
        arguments = f"backend=hf,pretrained={tiny_model},dtype=float32,chunk=3"
        return [
            *("run", "--model", "faith", "--model_args", arguments),
            *("--device", "cpu", "--batch_size", "2", "--tasks", "echo"),
            *("--include_path", str(multi_stage_tasks), "--log_samples"),
            *("--output_path", str(tmp_path / out)),
            *("--use_cache", str(tmp_path / out / "cache")),
        ]

    log = tmp_path / "log.txt"
    assert run(command("whole")) == 0, log.read_text()
    moments = random.Random()
    for _ in range(KILLS):
        reached = 3 * moments.randrange(7)  # one chunk is left
        code = run(command("killed"), reached, moments.uniform(0, 0.25))
        assert code == -signal.SIGKILL, log.read_text()
    assert run(command("killed")) == 0, log.read_text()
    once, again = samples_file(tmp_path / "whole"), samples_file(tmp_path / "killed")
    assert responses(again) == responses(once)
    assert [one["acc"] for one in again] == [one["acc"] for one in once]


# --- stopped where we want -------------------------------------------------------


class Stopped(Exception):
    """Ends a run in the middle of a chunk."""


class StopsAfter:
    """Takes the place of a backend's method; works only so often, and counts.

    To be asked for nothing does not count: so it is found out whether it can answer.
    """

    def __init__(self, backend: HFLM, method: str, most: int = 1000) -> None:
        self.method, self.most, self.calls = getattr(backend, method), most, 0
        setattr(backend, method, self)

    def __call__(self, requests: Any, disable_tqdm: bool = False) -> Any:
        if requests and self.calls == self.most:
            raise Stopped
        self.calls += bool(requests)
        return self.method(requests, disable_tqdm=disable_tqdm)


METHODS = "generate_until", "loglikelihood"


@pytest.mark.parametrize(
    ("task", "method", "finished"),
    [
        ("echo", "generate_until", 0),
        ("echo", "loglikelihood", 3),
        ("echo_sampled", "generate_until", 3),
        ("echo_sampled", "loglikelihood", 0),
    ],
)
def test_a_stopped_run_loses_the_stage_in_flight_and_nothing_else(
    hf: MakeHF,
    evaluate: Evaluate,
    tmp_path: Path,
    task: str,
    method: str,
    finished: int,
) -> None:
    more = {"use_cache": str(tmp_path / "cache")}

    def run(most: int, **more: Any) -> tuple[Any, list[int]]:
        backend, samples = hf(), None
        counters = [
            StopsAfter(backend, m, most if m == method else 1000) for m in METHODS
        ]
        with contextlib.suppress(Stopped):
            samples = evaluate(FaithLM(backend, chunk=3), task, limit=8, **more)
        return samples, [counter.calls for counter in counters]

    whole, all_calls = run(1000)
    stopped, done = run(finished, **more)
    again, rest = run(1000, **more)
    assert stopped is None and done[METHODS.index(method)] == finished
    assert responses(again) == responses(whole)
    assert [a + b for a, b in zip(done, rest)] == all_calls


def test_a_finished_run_is_read_from_the_cache_alone(
    hf: MakeHF, evaluate: Evaluate, tmp_path: Path
) -> None:
    more = {"limit": 8, "use_cache": str(tmp_path / "cache")}
    whole = evaluate(FaithLM(hf(), chunk=3), **more)
    idle = hf()
    for method in METHODS:
        StopsAfter(idle, method, 0)
    assert responses(evaluate(FaithLM(idle, chunk=3), **more)) == responses(whole)


@pytest.mark.parametrize("seed", range(2))
def test_a_chunk_that_was_half_written_is_computed_again_to_the_last_digit(
    hf: MakeHF, evaluate: Evaluate, tmp_path: Path, seed: int
) -> None:
    more = {"limit": 12, "use_cache": str(tmp_path / "cache")}
    whole = evaluate(FaithLM(hf(), chunk=4), **more)
    with SqliteDict(str(tmp_path / "cache_rank0.db")) as cache:
        for key in random.Random(seed).sample(sorted(cache), len(cache) // 3):
            del cache[key]
        cache.commit()
    assert responses(evaluate(FaithLM(hf(), chunk=4), **more)) == responses(whole)


def test_what_a_plain_backend_cached_is_not_taken_for_a_generation(
    hf: MakeHF, evaluate: Evaluate, tmp_path: Path
) -> None:
    whole = evaluate(FaithLM(hf()), limit=4)
    with SqliteDict(str(tmp_path / "cache_rank0.db")) as cache:
        for sample in whole:
            context, settings = sample["arguments"][0]
            cache[hash_args("generate_until", (context, settings))] = "only the answer"
        cache.commit()
    again = evaluate(FaithLM(hf()), limit=4, use_cache=str(tmp_path / "cache"))
    assert responses(again) == responses(whole)


def test_the_backend_caches_no_part_of_a_chunk_and_again_all_after_it(
    hf: MakeHF, evaluate: Evaluate, tmp_path: Path
) -> None:
    model = FaithLM(hf())
    samples = evaluate(model, limit=4, use_cache=str(tmp_path / "cache"))
    with SqliteDict(str(tmp_path / "cache_rank0.db")) as cache:
        assert hash_args("generate_until", samples[0]["arguments"][0]) not in cache
    caching = CachingLM(model, str(tmp_path / "other.db"))
    assert model.wrapped.cache_hook.dbdict is caching.dbdict


# --- sampled generations ---------------------------------------------------------


def generations(samples: list[dict[str, Any]]) -> list[list[str]]:
    return [
        [json.loads(text)["texts"][0] for text in sample["resps"][0]]
        for sample in samples
    ]


def test_repeats_of_a_sampled_generation_are_drawn_apart_and_kept_apart(
    hf: MakeHF, evaluate: Evaluate, tmp_path: Path
) -> None:
    more = {"limit": 5, "use_cache": str(tmp_path / "cache")}
    drawn = generations(evaluate(FaithLM(hf(), chunk=1), "echo_sampled", **more))
    assert all(one != other for one, other in drawn)
    kept = generations(evaluate(FaithLM(hf(), chunk=1), "echo_sampled", **more))
    assert kept == drawn


def test_another_seed_draws_anew_with_the_same_cache(
    hf: MakeHF, evaluate: Evaluate, tmp_path: Path
) -> None:
    more = {"limit": 5, "use_cache": str(tmp_path / "cache")}
    one = evaluate(FaithLM(hf()), "echo_sampled", **more, torch_random_seed=1)
    two = evaluate(FaithLM(hf()), "echo_sampled", **more, torch_random_seed=2)
    assert generations(one) != generations(two)


def test_greedy_generations_are_kept_under_another_seed(
    hf: MakeHF, evaluate: Evaluate, tmp_path: Path
) -> None:
    more = {"limit": 5, "use_cache": str(tmp_path / "cache")}
    one = evaluate(FaithLM(hf()), **more, torch_random_seed=1)
    idle = hf()
    StopsAfter(idle, "generate_until", 0)
    two = evaluate(FaithLM(idle), **more, torch_random_seed=2)
    assert responses(one) == responses(two)
