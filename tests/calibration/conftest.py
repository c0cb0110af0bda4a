"""Runs of organisms whose every effect is set by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from lm_eval_faith.calibration.cost import Cost
from lm_eval_faith.calibration.run import OrganismRun
from lm_eval_faith.chains.chain import Label
from lm_eval_faith.records.outcome import ChainRecord, StepRecord

LABELS: dict[str, Label] = {"+": "load_bearing", "-": "decoy"}

MakeRun = Callable[..., OrganismRun]


def chain_of(document: str, steps: Sequence[tuple[str, float, float]]) -> ChainRecord:
    """One chain from (label, effect of ``corrupt``, effect of the control) a step."""
    records = tuple(
        StepRecord(
            step=k,
            n_steps=len(steps),
            label=LABELS[label],
            states_answer=False,
            intervention=name,
            before="",
            after="",
            logprob_clean=-1.0,
            logprob=-1.0 - effect,
            other_answer="",
            logprob_other=float("nan"),
            not_applicable="no number" if math.isnan(effect) else "",
        )
        for name, place in (("corrupt", 1), ("control", 2))
        for k, (label, *_) in enumerate(steps)
        for effect in [float(steps[k][place])]
    )
    used = any(label == "+" for label, *_ in steps)
    return ChainRecord(
        document=document,
        question="",
        answer="1",
        chain="",
        clean_logprob=-1.0,
        clean_greedy=True,
        steps=records,
        n_steps=len(steps),
        label="load_bearing" if used else "decoy",
        problem=document,
    )


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Makes an organism's run from the steps of its chains."""

    def make(organism: str, *chains: Sequence[tuple[str, float, float]]) -> OrganismRun:
        records = tuple(chain_of(f"{k:03}", steps) for k, steps in enumerate(chains))
        return OrganismRun(organism, records, {"corrupt": Cost(1, 2, 3)}, 1.0)

    return make
