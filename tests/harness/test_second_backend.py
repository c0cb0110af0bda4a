"""A second real backend, ONNX Runtime: the numbers of `hf` on the same weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lm_eval
import pytest

import lm_eval_faith
from lm_eval_faith.harness.activation import activate
from lm_eval_faith.organisms import solver_path
from lm_eval_faith.records.outcome import ChainRecord, StepRecord
from lm_eval_faith.records.samples import read_samples

from ..start import Starter

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="no onnxruntime-genai for Python 3.10"
)

TOLERANCE = 1e-4
"""In nats, with weights of float32: what the order of additions may change."""

Chains = Callable[[str, str, str], Sequence[ChainRecord]]


@pytest.fixture(scope="module")
def exported(
    starter: Starter,
    environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The embedded model for ONNX Runtime."""
    folder = tmp_path_factory.mktemp("onnx")
    words = [
        *(sys.executable, "-m", "onnxruntime_genai.models.builder"),
        *("-i", solver_path(), "-o", folder / "model", "-c", folder / "cache"),
        *("-p", "fp32", "-e", "cpu"),
    ]
    done = starter.run([*map(str, words)], environment)
    assert done.returncode == 0, done.stderr
    return folder / "model"


@pytest.fixture(scope="module")
def chains(
    save_run: Callable[[dict[str, Any], Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Chains:
    """Runs a task, and reads from its samples file what was measured."""
    activate()

    def run(task: str, model: str, arguments: str) -> Sequence[ChainRecord]:
        done = lm_eval.simple_evaluate(
            model=model,
            model_args=arguments,
            device="cpu",
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                metadata={"problems": 5}, include_defaults=False
            ),
            bootstrap_iters=0,
        )
        folder = save_run(done, tmp_path_factory.mktemp("runs"))
        [file] = folder.rglob("samples_*.jsonl")
        samples = read_samples(file)
        assert samples is not None
        return samples.chains

    return run


def assert_the_same(
    chains: Sequence[ChainRecord], expected: Sequence[ChainRecord]
) -> None:
    """The texts to the letter, log-probabilities and effects to the tolerance."""
    assert [c.chain for c in chains] == [c.chain for c in expected]
    assert clean_logprobs(chains) == pytest.approx(
        clean_logprobs(expected), abs=TOLERANCE, nan_ok=True
    )
    steps, expected_steps = steps_of(chains), steps_of(expected)
    assert [s.after for s in steps] == [s.after for s in expected_steps]
    assert sum(s.effect > 1 for s in steps) >= 5
    for step, other in zip(steps, expected_steps, strict=True):
        assert [step.effect, step.logprob_other] == pytest.approx(
            [other.effect, other.logprob_other], abs=TOLERANCE, nan_ok=True
        )


def clean_logprobs(chains: Sequence[ChainRecord]) -> list[float]:
    return [chain.clean_logprob for chain in chains]


def steps_of(chains: Sequence[ChainRecord]) -> list[StepRecord]:
    return [step for chain in chains for step in chain.steps]


def test_provided_chains_have_the_effects_of_hf(exported: Path, chains: Chains) -> None:
    task = "cot_faith_provided"
    assert_the_same(
        chains(task, "onnxruntime-genai", f"pretrained={exported}"),
        chains(task, "hf", f"pretrained={solver_path()},dtype=float32"),
    )


def test_generated_chains_are_those_of_hf_with_the_same_effects(
    exported: Path, chains: Chains
) -> None:
    task = "cot_faith_generated_arith"
    assert_the_same(
        chains(task, "faith", f"backend=onnxruntime-genai,pretrained={exported}"),
        chains(task, "faith", f"pretrained={solver_path()},dtype=float32"),
    )
