"""The values of one problem each: what models are compared by.

Where a figure of the report is a mean over steps, its value for a problem is the mean
over that problem's steps. Names are the report's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lm_eval_faith_stats as stats
import numpy as np

from lm_eval_faith.records.outcome import CONTROL, ChainRecord
from lm_eval_faith.records.run import Run, TaskRun
from lm_eval_faith.report.estimates import StepArrays, interventions_of, step_arrays
from lm_eval_faith.report.generated import WrittenSteps, threshold_of, written_steps
from lm_eval_faith.report.labelled import LabelledEffects, both_kinds, labelled_steps
from lm_eval_faith.report.make import Choices, chosen


@dataclass(frozen=True, order=True)
class Figure:
    """What is compared: a figure of an intervention, or of the clean chain."""

    intervention: str
    name: str


@dataclass(frozen=True)
class FigureText:
    """What a figure means, in words, and its unit."""

    meaning: str
    unit: str


@dataclass(frozen=True)
class TaskValues:
    """One model's values in one task, all arrays of shape (documents,).

    Attributes:
        model: its name.
        task: what it ran, without the records.
        documents: ids, ascending.
        contents: a digest of each problem: the question, the chain and its answer where
            they were provided, and the steps' labels where somebody gave them.
        parameters: the settings that decide what is measured; runs that differ in them
            cannot be compared.
        values: NaN where a document has none.
        steps: labelled steps by intervention, for the AUC; ``problem`` counts documents.
    """

    model: str
    task: TaskRun
    documents: tuple[str, ...]
    contents: tuple[str, ...]
    parameters: Mapping[str, Any]
    values: Mapping[Figure, np.ndarray]
    steps: Mapping[str, StepArrays | LabelledEffects]


TEXTS = {
    "clean_logprob": FigureText("log-probability after the clean chain", "nats"),
    "clean_acc": FigureText("greedy answer after the clean chain is right", "share"),
    "solved": FigureText("generated answer is right", "share"),
    "steps": FigureText("steps of a right chain", "steps"),
    "effect": FigureText("effect less its control's", "nats"),
    "raw": FigureText("raw effect", "nats"),
    "load_bearing": FigureText("effect on load-bearing steps", "nats"),
    "decoy": FigureText("effect on decoys", "nats"),
    "auc": FigureText("AUC over all steps", "auc"),
    "auc_within": FigureText("AUC within a problem, averaged", "auc"),
    "separated": FigureText("every load-bearing effect over every decoy's", "share"),
    "separated_means": FigureText("the two mean effects in that order", "share"),
    "follow": FigureText("the intervened chain's answer is preferred", "share"),
    "share": FigureText("steps at or over the threshold", "share"),
    "negative": FigureText("steps under zero", "share"),
    "early": FigureText("effect in the early third", "nats"),
    "middle": FigureText("effect in the middle third", "nats"),
    "late": FigureText("effect in the late third", "nats"),
    "position_corr": FigureText("correlation with the position", "correlation"),
    "position_rank_corr": FigureText("the same by ranks", "correlation"),
}
"""Every figure that models are compared by."""


def values_of_run(run: Run, choices: Choices) -> list[TaskValues]:
    """The values of every task of a run."""
    return [_values_of_task(run, chosen(task, choices)) for task in run.tasks]


def _values_of_task(run: Run, task: TaskRun) -> TaskValues:
    chains = sorted(task.chains, key=lambda chain: chain.document)
    scored = [chain if not chain.left_out else _empty(chain) for chain in chains]
    names = interventions_of(scored)
    values = _of_chains(chains)
    steps: dict[str, StepArrays | LabelledEffects] = {}
    for name in names:
        if task.setting == "provided":
            provided = step_arrays(scored, name)
            found = _provided(provided, len(chains))
            steps[name] = provided
        else:
            found = _written(name, names, scored, threshold_of(task))
        if task.setting == "labelled" and name != CONTROL:
            labelled = labelled_steps(scored, name, CONTROL in names)
            found |= _by_label(labelled, len(chains))
            if both_kinds(labelled):
                steps[name] = labelled
        values |= {Figure(name, figure): value for figure, value in found.items()}
    return TaskValues(
        model=run.model,
        task=replace(task, chains=()),
        documents=tuple(chain.document for chain in chains),
        contents=tuple(_content(chain, task.setting) for chain in chains),
        parameters={
            name: value
            for name, value in task.settings.items()
            if name not in _NO_MATTER and name not in _model_arguments(run)
        },
        values=values,
        steps=steps,
    )


_NO_MATTER = frozenset(
    (
        "chains",
        "chain_labels",
        "chains_in_file",
        "chains_left_out",
        "config_source",
        "figures",
        "gsm8k",
        "intervention_modules",
        "metric_modules",
        "metrics",
        "interventions",
        "problems",
        "step_labels",
        "too_long",
        "version",
    )
)
"""Parameters that decide which problems and interventions there are, not what they are, and
the version, which stands by itself."""


def _model_arguments(run: Run) -> set[str]:
    """The harness puts the model's arguments among the task's metadata."""
    given = run.config.get("model_args") or {}
    if isinstance(given, str):
        return {part.partition("=")[0].strip() for part in given.split(",")}
    return set(given) if isinstance(given, dict) else set()


def _empty(chain: ChainRecord) -> ChainRecord:
    """Keeps its place among the problems, and gives no value."""
    return replace(chain, steps=())


def _labels(chain: ChainRecord) -> dict[int, str | None]:
    return {record.step: record.label for record in chain.steps}


def _content(chain: ChainRecord, setting: str) -> str:
    parts = [chain.question]
    if setting != "generated":
        parts += [chain.chain, chain.answer]
    if setting == "labelled":
        parts += [f"{k} {label}" for k, label in sorted(_labels(chain).items())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _of_chains(chains: Sequence[ChainRecord]) -> dict[Figure, np.ndarray]:
    def column(value: Callable[[ChainRecord], float], used: bool = True) -> np.ndarray:
        return np.array(
            [math.nan if used and c.left_out else value(c) for c in chains], float
        )

    logprob = column(lambda c: c.clean_logprob)
    found = {
        Figure("", "clean_logprob"): np.where(np.isfinite(logprob), logprob, np.nan),
        Figure("", "clean_acc"): column(lambda c: c.clean_greedy),
    }
    if any(c.solved is not None for c in chains):
        found[Figure("", "solved")] = column(lambda c: bool(c.solved), used=False)
        found[Figure("", "steps")] = column(
            lambda c: c.n_steps if c.solved else math.nan, used=False
        )
    return found


def _provided(steps: StepArrays, n: int) -> dict[str, np.ndarray]:
    labelled = (steps.effect, steps.load_bearing, steps.problem)
    where = np.unique(steps.problem[~np.isnan(steps.effect)])
    found = _by_label(steps, n) | {
        "effect": _spread(where, stats.label_differences(*labelled), n),
        "separated": _spread(where, stats.separated(*labelled), n),
        "separated_means": _spread(where, stats.separated_means(*labelled), n),
    }
    if not np.isnan(steps.follow).all():
        found["follow"] = _means(steps.follow, steps.problem, n)
    return found


def _by_label(steps: StepArrays | LabelledEffects, n: int) -> dict[str, np.ndarray]:
    effect, truth, problem = steps.effect, steps.load_bearing, steps.problem
    where = np.unique(problem[~np.isnan(effect)])
    aucs = stats.within_problem_aucs(effect, truth, problem)
    return {
        "load_bearing": _means(effect[truth], problem[truth], n),
        "decoy": _means(effect[~truth], problem[~truth], n),
        "auc_within": _spread(where, aucs, n),
    }


def _written(
    name: str, names: Sequence[str], scored: Sequence[ChainRecord], threshold: float
) -> dict[str, np.ndarray]:
    """Of the effect less the control's where it was run; else of the raw effect."""
    n = len(scored)
    plain = written_steps(scored, name, less_control=False)
    found = {"raw": _means(plain.effect, plain.problem, n)}
    if name == CONTROL:
        return found
    steps = plain
    if CONTROL in names:
        steps = written_steps(scored, name, less_control=True)
        found = {"effect": _means(steps.effect, steps.problem, n)} | found
    return found | _distribution(steps, threshold, n) | _places(steps, n)


def _distribution(s: WrittenSteps, threshold: float, n: int) -> dict[str, np.ndarray]:
    nothing = np.isnan(s.effect)
    over = np.where(nothing, np.nan, s.effect >= threshold)
    under = np.where(nothing, np.nan, s.effect < 0)
    return {
        "share": _means(over, s.problem, n),
        "negative": _means(under, s.problem, n),
    }


def _places(s: WrittenSteps, n: int) -> dict[str, np.ndarray]:
    thirds = {
        name: _means(s.effect[s.third == third], s.problem[s.third == third], n)
        for third, name in enumerate(("early", "middle", "late"))
    }
    where = np.unique(s.problem[~np.isnan(s.effect)])
    by_position = (s.effect, s.position, s.problem)
    return thirds | {
        "position_corr": _spread(where, stats.within_problem_pearson(*by_position), n),
        "position_rank_corr": _spread(
            where, stats.within_problem_spearman(*by_position), n
        ),
    }


def _means(effect: np.ndarray, problem: np.ndarray, n: int) -> np.ndarray:
    where, means = stats.problem_means(effect, problem)
    return _spread(where, means, n)


def _spread(where: Any, values: np.ndarray, n: int) -> np.ndarray:
    """Values of some problems among all of them, NaN for the others."""
    everywhere = np.full(n, np.nan)
    everywhere[where] = values
    return everywhere
