"""Steps taken jointly, on chains of which it is known which steps stand in for each other.

These chains say each value in several places, of which any one suffices. So single steps
show next to nothing, and groups of places, Shapley values and cores must find what the
answer is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from lm_eval_faith_stats import AUC, Bootstrap, Estimate, Sample

from lm_eval_faith.calibration.check import Check, share_of
from lm_eval_faith.calibration.cost import BESIDE
from lm_eval_faith.calibration.measure import Row
from lm_eval_faith.calibration.run import Evaluated, Plan, evaluated, labelled_lines
from lm_eval_faith.harness.forecast import Cost
from lm_eval_faith.joint.core import FOUND, most_scorings
from lm_eval_faith.problems import restated_boxes
from lm_eval_faith.problems.restated_boxes import RestatedProblem, restated_problem
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.sets import SetRecord

HIGH_AUC = 0.95
LOW_AUC = 0.6
"""What single steps may reach where every step is restated."""

RIGHT_CORES = 0.95
SINGLE = ("corrupt", "delete")

BUDGET = 1000
"""Sets of a chain's steps for Shapley values: of 24 steps 43 orders. In fewer, one of eleven
places of a value is too often never the first to come, and gets no value."""
RESTATED_READER = "restated_reader"

FIRST = "front"
"""The search whose core is looked at: early steps are the first to be left out."""

Scores = Callable[[Sequence[SetRecord], int], list[float]]
"""A number a step of a chain, made of its sets; NaN where there is none."""


def single_checks(rows: Sequence[Row]) -> Iterator[Check]:
    """What single steps show where every value is said in several places: by the ranks of
    their effects, however small these are, and by which of them reach the threshold."""
    for row in rows:
        if row.organism != RESTATED_READER or row.intervention not in SINGLE:
            continue
        for what, auc in (
            ("AUC", row.auc),
            ("AUC of effects at the threshold", row.auc_at_threshold),
        ):
            if auc is not None:
                yield Check(
                    row.organism,
                    f"{row.intervention}, step by step: {what}",
                    "auc",
                    auc,
                    "at most",
                    LOW_AUC,
                    row.cost.requests / auc.n_problems,
                    row.cost.distinct / auc.n_problems,
                )


def joint_checks(
    plan: Plan,
    out: Path,
    bootstrap: Bootstrap,
    told: Callable[[str], None] = lambda line: None,
    asked: Sequence[str] | None = None,
) -> Iterator[Check]:
    """Groups, Shapley values and cores of the organisms whose chains say things again.

    Args:
        plan: organisms, models, seeds, and how many problems; none without any.
        out: where labelled files and runs are written.
        bootstrap: how intervals are made.
        told: gets a line before each run.
        asked: some of :data:`SCORES`; None takes all.

    Raises:
        InputError: the folder cannot be written.
    """
    plan = replace(plan, interventions=("delete",), plugins=())
    problems = plan.joint_problems
    for organism in plan.organisms if problems else ():
        if organism not in restated_boxes.ORGANISMS:
            continue
        lines = labelled_lines(organism, problems, plan.problem_seed)
        for name in SCORES if asked is None else asked:
            told(f"{organism}: {name}, {problems} problems ...")
            folder = out / organism / name.partition("=")[0]
            asks = {"joint": [name], "budget": BUDGET, "card": False}
            made = evaluated(plan, organism, lines, folder, **asks)
            auc = auc_of(made.task.chains, SCORES[name], bootstrap)
            yield _check(organism, f"{name}: AUC", made, auc)
            if name == "core":
                yield from _of_cores(plan, organism, made, bootstrap)


def _of_cores(
    plan: Plan, organism: str, made: Evaluated, bootstrap: Bootstrap
) -> Iterator[Check]:
    chains = made.task.chains
    known = [
        restated_problem(organism, k, plan.problem_seed) for k in range(len(chains))
    ]
    right = share_of(map(has_known_core, chains, known), bootstrap)
    yield _check(organism, "core: a known one", made, right, "share", RIGHT_CORES)
    cheap = share_of(map(is_cheap, chains), bootstrap)
    yield _check(organism, "core: 3n + 20 scorings do", made, cheap, "share", 1.0)


def _check(
    organism: str,
    what: str,
    made: Evaluated,
    estimate: Estimate,
    unit: Literal["share", "auc"] = "auc",
    bound: float = HIGH_AUC,
) -> Check:
    chains = made.task.chains
    searched = sum(chain.set_tokens for chain in chains)
    planned = made.cost.get(BESIDE, Cost()).distinct
    return Check(
        organism,
        what,
        unit,
        estimate,
        "at least",
        bound,
        sum(chain.set_requests for chain in chains) / len(chains),
        (searched or planned) / len(chains),
    )


def has_known_core(chain: ChainRecord, problem: RestatedProblem) -> bool:
    """The first search ended with one step of each group, and nothing else."""
    core = next(s for s in chain.sets if s.kind == "core" and s.name == FIRST)
    found = set(core.steps)
    return (
        core.ending in FOUND
        and len(found) == len(problem.groups)
        and all(len(found.intersection(group)) == 1 for group in problem.groups)
    )


def is_cheap(chain: ChainRecord) -> bool:
    """No search of the chain's scored more sets than it may."""
    most = most_scorings(chain.n_steps)
    scorings = [s.measured["scorings"] for s in chain.sets if s.kind == "core"]
    return max(scorings) <= most


def auc_of(
    chains: Sequence[ChainRecord], scores: Scores, bootstrap: Bootstrap
) -> Estimate:
    """Chance that a step that can stand for what is needed scores over one that cannot."""
    value, problem, label = [], [], []
    for k, chain in enumerate(chains):
        labels = {record.step: record.label for record in chain.steps}
        value += scores(chain.sets, chain.n_steps)
        problem += [k] * chain.n_steps
        label += [labels[step] == "load_bearing" for step in range(chain.n_steps)]
    sample = Sample(np.array(value), np.array(problem), np.array(label, np.float64))
    return AUC.estimate(sample, bootstrap)


def _of_groups(sets: Sequence[SetRecord], n_steps: int) -> list[float]:
    """The largest effect of a group that the step is in; 0 of a step that states no value."""
    found = [0.0] * n_steps
    for one in sets:
        for step in one.steps if one.kind == "value" else ():
            found[step] = max(found[step], one.effect)
    return found


def _of_shapley(sets: Sequence[SetRecord], n_steps: int) -> list[float]:
    found = {
        s.steps[0]: s.measured["shapley"]
        for s in sets
        if s.kind == "shapley" and s.measured
    }
    return [found.get(step, np.nan) for step in range(n_steps)]


def _of_cores_steps(sets: Sequence[SetRecord], n_steps: int) -> list[float]:
    """1 of a step that is in a core, or can stand in for one that is."""
    kinds = ("core", "core_restated")
    within = {
        k for s in sets if s.kind in kinds and s.ending in ("", *FOUND) for k in s.steps
    }
    return [float(step in within) for step in range(n_steps)]


SCORES: Mapping[str, Scores] = {
    "group=value": _of_groups,
    "shapley": _of_shapley,
    "core": _of_cores_steps,
}
"""What is asked of the chains, and how a step scores by it."""
