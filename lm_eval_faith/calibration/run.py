"""Run the harness on organisms: labelled files in, chain records and costs out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lm_eval_faith.calibration.cost import costs
from lm_eval_faith.errors import InputError
from lm_eval_faith.files import write_whole
from lm_eval_faith.harness.forecast import Cost
from lm_eval_faith.interventions import (
    get_intervention,
    is_control,
    load_intervention_modules,
)
from lm_eval_faith.organisms import ORGANISMS, organism_path
from lm_eval_faith.problems import restated_boxes
from lm_eval_faith.problems.boxes import BoxProblem, box_problem
from lm_eval_faith.problems.restated_boxes import RestatedProblem, restated_problem
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.run import TaskRun, load_run

TASK = "cot_faith_labelled"
BYPASSER = "bypasser"
"""Its answers owe nothing to the chain; all other organisms' do."""

INTERVENTIONS = ("corrupt", "delete", "truncate", "filler", "swap")
"""All of ours that change a written chain."""

CONTROL = "control"
"""What is run with them."""

BATCH_SIZE = 32


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        organisms: their names.
        interventions: their names; the control is always run too.
        problems: of each organism, the same ones for all.
        plugins: modules that register a user's own interventions.
        models: a folder that holds a folder for each organism; None takes those that
            come with the package.
        threshold: the effect, in nats, at which a step counts as load-bearing.
        problem_seed: another seed, other problems.
        joint_problems: so many whose steps are taken jointly, of each organism whose
            chains say each value several times.
        card_runs: so many runs of 50 problems get a card, of each organism of which it is
            known what explains its effects away, if anything does.
        parameters: further parameters of the task, such as ``answer_cue``.
    """

    organisms: tuple[str, ...] = ORGANISMS
    interventions: tuple[str, ...] = INTERVENTIONS
    problems: int = 100
    plugins: tuple[str, ...] = ()
    models: Path | None = None
    threshold: float = 1.0
    problem_seed: int = 0
    joint_problems: int = 10
    card_runs: int = 4
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def checked(self) -> Plan:
        """The same plan, the plugins loaded and the control not among the rest.

        Raises:
            InputError: an organism or intervention is not there.
        """
        chosen = tuple(name for name in self.interventions if not is_control(name))
        if not chosen or not self.organisms:
            raise InputError("name at least one organism and one intervention")
        load_intervention_modules(self.plugins)
        for name in self.interventions:
            get_intervention(name)
        for name in self.organisms:
            if name not in ORGANISMS:
                known = ", ".join(ORGANISMS)
                raise InputError(f"unknown organism {name!r}: choose from {known}")
            if not (self.model(name) / "config.json").is_file():
                raise InputError(f"{self.model(name)}: there is no model here")
        return replace(self, interventions=chosen)

    def model(self, organism: str) -> Path:
        """The folder of an organism."""
        return self.models / organism if self.models else organism_path(organism)


@dataclass(frozen=True)
class OrganismRun:
    """What was measured on one organism.

    Attributes:
        organism: its name.
        chains: a record a problem.
        cost: of each intervention.
        seconds: that the harness took, loading included.
    """

    organism: str
    chains: tuple[ChainRecord, ...]
    cost: Mapping[str, Cost]
    seconds: float


def run_organisms(
    plan: Plan, out: Path, told: Callable[[str], None] = lambda line: None
) -> tuple[OrganismRun, ...]:
    """Run every intervention on every organism.

    Args:
        plan: what is run.
        out: where the labelled files and the harness's runs are written.
        told: gets a line before and after each organism.

    Raises:
        InputError: the plan names what is not there, or the folder cannot be written.
    """
    plan = plan.checked()
    runs = []
    for place, organism in enumerate(plan.organisms, start=1):
        told(f"{organism} ({place} of {len(plan.organisms)}) ...")
        runs.append(_run(plan, organism, out / organism))
        told(f"{organism}: {len(runs[-1].chains)} problems, {runs[-1].seconds:.0f} s")
    return tuple(runs)


@dataclass(frozen=True)
class Evaluated:
    """What the harness made of an organism's chains.

    Attributes:
        task: the one of the run, as it is read from its files.
        cost: of each intervention.
        seconds: that the harness took, loading included.
    """

    task: TaskRun
    cost: Mapping[str, Cost]
    seconds: float


def organism_problem(
    organism: str, index: int, seed: int, once: bool = False
) -> BoxProblem | RestatedProblem:
    """One problem as the organism gets it.

    Args:
        organism: its name.
        index: the problem's number.
        seed: another seed gives other problems.
        once: of those whose chains say each value several times: they say it once.
    """
    if organism in restated_boxes.ORGANISMS:
        return restated_problem(organism, index, seed, once)
    return box_problem(organism, index, seed)


def labelled_lines(organism: str, problems: int, seed: int, once: bool = False) -> str:
    """The organism's problems as JSONL: every step a labelled span of the chain."""
    return "".join(
        json.dumps(_line(organism, k, seed, once)) + "\n" for k in range(problems)
    )


def _line(organism: str, index: int, seed: int, once: bool) -> dict[str, Any]:
    problem = organism_problem(organism, index, seed, once)
    kind = "restated" if organism in restated_boxes.ORGANISMS else "boxes"
    name = f"{kind}-{seed}-{index:05d}"
    labels, end = [], 0
    for step, label in zip(problem.steps, problem.labels, strict=True):
        start, end = end, end + len(step)
        labels.append({"span": [start, end], "label": label})
    return {
        "id": name,
        "question": problem.question,
        "group": name,
        "chain": "".join(problem.steps),
        "answer": problem.answer,
        "correct": True,  # the chain does not end in a statement of its answer
        "labels": labels,
        "chain_label": "decoy" if organism == BYPASSER else "load_bearing",
    }


def _run(plan: Plan, organism: str, out: Path) -> OrganismRun:
    lines = labelled_lines(organism, plan.problems, plan.problem_seed)
    made = evaluated(plan, organism, lines, out)
    return OrganismRun(organism, made.task.chains, made.cost, made.seconds)


def evaluated(
    plan: Plan, organism: str, lines: str, out: Path, **parameters: object
) -> Evaluated:
    """Let the harness score an organism's chains, and read the run back.

    Args:
        plan: the model, the interventions and the threshold.
        organism: its name.
        lines: labelled chains.
        out: where the labelled file and the run are written.
        parameters: of the task, over those of the plan.

    Raises:
        InputError: the folder cannot be written.
    """
    start = time.perf_counter()
    chains = out / "chains.jsonl"
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(chains, lines)
    except OSError as error:
        raise InputError(f"cannot write {out} ({error.strerror})") from None
    metadata = {
        **plan.parameters,
        "chains": str(chains),
        "interventions": [*plan.interventions, CONTROL],
        "intervention_modules": list(plan.plugins),
        "threshold": plan.threshold,
        **parameters,
    }
    samples = _evaluate(plan.model(organism), metadata, out / "run")
    (task,) = load_run(out / "run").tasks
    cost = costs(samples, plan.model(organism) / "tokenizer.json")
    return Evaluated(task, cost, time.perf_counter() - start)


def _evaluate(
    pretrained: Path, metadata: Mapping[str, Any], out: Path
) -> Sequence[Mapping[str, Any]]:
    from lm_eval_faith.harness.evaluation import evaluate_quietly

    model = {
        "backend": "hf",
        "pretrained": str(pretrained),
        "dtype": "float32",
    }
    return evaluate_quietly(TASK, model, metadata, out, BATCH_SIZE)
