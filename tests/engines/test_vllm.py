"""vLLM itself, on this machine's processor, against the harness's own `vllm` and `hf` on the same weights.

One process, so that requests are computed in the order in which they are asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # not to a busy core
pytest.importorskip(
    "vllm", reason="vLLM is not installed: .ci/vllm makes an environment that has it"
)

import lm_eval
from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model

import lm_eval_faith
from lm_eval_faith.asks import Score
from lm_eval_faith.engines import vllm_compat
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.activation import activate
from lm_eval_faith.harness.backend_check import look_at
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.forecast import Reader
from lm_eval_faith.organisms import solver_path
from lm_eval_faith.records.samples import responses_of

from ..killed import StoredRuns
from ..start import Starter

BLOCK = 32
ARGUMENTS = {
    "pretrained": str(solver_path()),
    "dtype": "float32",
    "enforce_eager": True,
    "block_size": BLOCK,
    "max_model_len": 1024,
    "distributed_executor_backend": "uni",
}
TO_HF, TO_UNCACHED = 1e-3, 1e-5
"""Nats."""

Answers = list[tuple[float, bool]]
Texts = list[tuple[str, str]]


@pytest.fixture(scope="module")
def backend() -> Any:
    """The harness's own `vllm`."""
    activate()
    return get_model("vllm")(**ARGUMENTS)


@pytest.fixture
def faith(backend: Any) -> Iterator[Callable[..., FaithLM]]:
    """`faith` around it, with nothing cached and nothing proven."""

    def make(**arguments: Any) -> FaithLM:
        backend.model.reset_prefix_cache()
        return FaithLM(backend, **arguments)

    return make


def evaluated(model: Any, task: str, **metadata: Any) -> dict[str, Any]:
    done: dict[str, Any] = lm_eval.simple_evaluate(
        model=model,
        tasks=[task],
        task_manager=lm_eval_faith.task_manager(
            metadata={"problems": 3, **metadata}, include_defaults=False
        ),
        bootstrap_iters=0,
    )
    return done


def responses(done: dict[str, Any]) -> list[Any]:
    return [s["resps"] for samples in done["samples"].values() for s in samples]


def asked(model: Any, texts: Texts) -> Answers:
    requests = [
        Instance(
            request_type="loglikelihood",
            doc={},
            arguments=text,
            idx=0,
            metadata=("a task", 0, 1),
        )
        for text in texts
    ]
    answers: Answers = model.loglikelihood(requests, disable_tqdm=True)
    return answers


def assert_equal(found: Answers, expected: Answers, nats: float) -> None:
    assert [a for a, _ in found] == pytest.approx([a for a, _ in expected], abs=nats)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]


@pytest.fixture(scope="module")
def texts(backend: Any) -> Texts:
    """What the task of provided chains asks."""
    done = evaluated(backend, "cot_faith_provided")
    found = {
        tuple(arguments): None
        for samples in done["samples"].values()
        for sample in samples
        for arguments in sample["arguments"]
    }
    return list(found)


# --- scores ----------------------------------------------------------------------


def test_provided_chains_have_the_numbers_of_vllm_without_its_cache_and_of_hf(
    backend: Any, faith: Callable[..., FaithLM], texts: Texts
) -> None:
    model = faith()
    found = asked(model, texts)
    assert_equal(found, asked(backend, texts), TO_UNCACHED)
    hf = get_model("hf")(ARGUMENTS["pretrained"], dtype="float32", device="cpu")
    assert_equal(found, asked(hf, texts), TO_HF)
    assert model.how_asked()["shared_prefixes"] == "on"
    assert model.how_asked()["expected"]


def test_no_more_is_computed_than_is_distinct_and_what_fills_no_block(
    faith: Callable[..., FaithLM], texts: Texts
) -> None:
    model = faith()
    asked(model, texts)
    counts = model._engine.prefix_cache.counts
    cost = Reader.of(model).cost([Score(*text) for text in texts])
    compared = counts.compared * cost.tokens / len(texts)
    assert counts.computed - 1.5 * compared <= cost.distinct + BLOCK * len(texts)
    assert counts.computed < 0.5 * counts.tokens
    assert (counts.compared, counts.again) == (4, 0)


def test_answers_that_lie_in_the_cache_are_asked_for_again(
    backend: Any, faith: Callable[..., FaithLM], texts: Texts
) -> None:
    context = texts[0][0]
    spaces = BLOCK - len(backend.tok_encode(context)) % BLOCK - 1
    # The context ends one token before a block does, so the answer's first token fills it.
    words = backend.tokenizer.decode(backend.tok_encode(context)[-spaces:])
    long = context + words
    many = [(long, f" {first} {second}") for first in (1, 2) for second in range(9)]
    many += [(long, f" {n}") for n in range(9)]
    model = faith()
    assert_equal(asked(model, many), asked(backend, many), TO_UNCACHED)
    assert_equal(asked(model, many), asked(backend, many), TO_UNCACHED)
    assert model._engine.prefix_cache.counts.again > 0


def test_contexts_that_are_empty_or_too_long_are_read_as_the_harness_reads_them(
    backend: Any, faith: Callable[..., FaithLM], texts: Texts
) -> None:
    long = " ".join(context for context, _ in texts[:20])
    odd = [("", " 7"), ("", " 7 8"), (long, " 7"), (long, " 12 3")]
    assert len(backend.tok_encode(long)) > backend.max_length
    assert_equal(asked(faith(), odd), asked(backend, odd), TO_UNCACHED)


def test_a_token_at_the_beginning_stays(
    backend: Any,
    faith: Callable[..., FaithLM],
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bos = backend.tokenizer.bos_token
    begun = [(bos + context, answer) for context, answer in texts[:12]]
    plain = asked(backend, begun)
    assert_equal(asked(faith(), begun), plain, TO_UNCACHED)
    assert plain != asked(backend, texts[:12])


def test_what_the_cache_changes_is_found_and_read_without_it(
    backend: Any,
    faith: Callable[..., FaithLM],
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = asked(backend, texts)
    model = faith()
    cache = model._engine.prefix_cache
    ended = cache.served.ended

    def wrong() -> Any:
        outputs = ended()
        for _, output in outputs:
            if output.num_cached_tokens:
                for row in output.prompt_logprobs[-1:]:
                    for said in row.values():
                        said.logprob -= 0.01
        return outputs

    monkeypatch.setattr(cache.served, "ended", wrong)
    assert_equal(asked(model, texts), plain, TO_UNCACHED)
    assert "behind its prefix cache but" in model.how_asked()["shared_prefixes"]
    assert not model.how_asked()["expected"]


def test_where_the_cache_cannot_be_read_the_reason_is_said(
    backend: Any,
    faith: Callable[..., FaithLM],
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = texts[:6]
    plain = asked(backend, few)
    config = backend.model.llm_engine.vllm_config.cache_config
    with monkeypatch.context() as off:
        off.setattr(config, "enable_prefix_caching", False)
        assert "keeps no prefix cache" in faith().how_asked()["shared_prefixes"]
        with pytest.raises(InputError, match="shared_prefix=on: vLLM keeps no"):
            faith(shared_prefix="on")
    with monkeypatch.context() as old:
        old.setattr(vllm_compat, "CACHE_IS_SKIPPED_BY", "no_such_field")
        assert "cannot read its prefix cache" in faith().how_asked()["shared_prefixes"]
    with monkeypatch.context() as several:
        several.setattr(backend, "data_parallel_size", 2)
        assert "data_parallel_size=2" in faith().how_asked()["shared_prefixes"]
    switched_off = faith(shared_prefix="off")
    assert_equal(asked(switched_off, few), plain, TO_UNCACHED)
    assert switched_off.how_asked()["shared_prefixes"] == "off: switched off"
    assert switched_off._engine.prefix_cache.counts.texts == 0


def test_check_finds_no_fault(backend: Any) -> None:
    findings = {finding.check: finding for finding in look_at(backend)}
    assert not [f for f in findings.values() if f.state == "fault"]
    assert {"chain rule", "repeats", "greedy"} <= findings.keys()


# --- several stages ----------------------------------------------------------------


def test_chains_that_the_model_writes_have_the_texts_and_numbers_of_plain_vllm(
    faith: Callable[..., FaithLM],
) -> None:
    in_chunks = faith(shared_prefix="off")
    in_chunks._engine.prefix_cache = None
    plain = responses(evaluated(in_chunks, "cot_faith_generated_arith"))
    for arguments in ({}, {"chunk": 1}, {"shared_prefix": "off"}):
        model = faith(**arguments)
        assert responses(evaluated(model, "cot_faith_generated_arith")) == plain
        assert model.how_asked()["notes"] == []


def test_texts_that_are_drawn_do_not_depend_on_what_is_written_beside_them(
    faith: Callable[..., FaithLM],
) -> None:
    drawn = {"interventions": ["continue"], "samples": 3, "problems": 2}
    one, many = (
        responses(evaluated(faith(chunk=n), "cot_faith_generated_arith", **drawn))
        for n in (1, 9)
    )
    assert one == many


# --- processes of their own ---------------------------------------------------------


@pytest.fixture(scope="module")
def runs_of(
    environment: dict[str, str],
) -> Iterator[Callable[..., StoredRuns]]:
    """Runs of a task in a folder, each in a process of its own."""
    arguments = ",".join(f"{name}={value}" for name, value in ARGUMENTS.items())
    with closing(Starter("vllm", "lm_eval.models.vllm_causallms")) as starter:

        def make(folder: Path, task: str, problems: int, **more: str) -> StoredRuns:
            command = (
                *("run", "--model", "faith"),
                *("--model_args", f"backend=vllm,chunk=4,{arguments}"),
                *("--tasks", task, "--metadata", f"problems={problems}"),
            )
            return StoredRuns(starter, {**environment, **more}, folder, command)

        yield make


def test_an_engine_in_a_process_of_its_own_which_is_vllms_default_gives_the_same(
    faith: Callable[..., FaithLM], runs_of: Callable[..., StoredRuns], tmp_path: Path
) -> None:
    both = "cot_faith_provided", "cot_faith_generated_arith"
    default = {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
    runs = runs_of(tmp_path, ",".join(both), problems=3, **default)
    runs.assert_ends(runs.begin("own"))
    (results,) = (tmp_path / "own").rglob("results_*.json")
    how = json.loads(results.read_text())["config"]["faith"]
    assert (how["shared_prefixes"], how["expected"]) == ("on", True)
    for task in both:
        samples = evaluated(faith(), task)["samples"][task]
        in_this_one = [responses_of(sample) for sample in samples]
        assert numbers(runs.responses("own", task)) == numbers(in_this_one)


def numbers(responses: list[Any]) -> list[Any]:
    """Of scores, which samples files have as texts; what a model wrote stays as it is."""
    return [
        [
            one if type(one) is str else (float(one[0]), str(one[1]))
            for one in of_a_chain
        ]
        for of_a_chain in responses
    ]


def test_a_run_killed_at_random_moments_ends_with_the_results_of_one_that_was_not(
    runs_of: Callable[..., StoredRuns], tmp_path: Path
) -> None:
    runs = runs_of(tmp_path, "cot_faith_generated_arith", problems=12)
    runs.assert_nothing_is_lost_by(runs.kill)
