"""One model's numbers in one task, small enough to hold those of many: what pairs are made of."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from lm_eval_faith_stats import Sample

from lm_eval_faith.metrics import Choices, Quantity, load_metric_modules, quantities
from lm_eval_faith.metrics.registry import columns_for, possible
from lm_eval_faith.records.merged import NOT_OF_THE_TASK
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.run import Run, TaskRun
from lm_eval_faith.records.tables import Tables, tables_of, what_steps_have
from lm_eval_faith.records.which_model import arguments_given
from lm_eval_faith.report.report import NOTHING_ASKED, Asked

Has = frozenset[str]


@dataclass(frozen=True)
class Measured:
    """One model's values in one task.

    Attributes:
        model: its name.
        task: what it ran, without the records.
        parameters: those that decide what is measured; runs that differ in them cannot be
            compared.
        choices: the threshold, and which steps count.
        documents: a digest of the content of each document by its id.
        problems: a key of each problem, in the order of the numbers in ``samples``: the
            question, and the chains where they were given.
        has, of_each, of_sets: what the run has, what the steps of each intervention have, and
            sets of steps of each.
        samples: what the estimator of each quantity takes, by the quantity's name.
    """

    model: str
    task: TaskRun
    parameters: Mapping[str, Any]
    choices: Choices
    documents: Mapping[str, str]
    problems: tuple[str, ...]
    has: Has
    of_each: Mapping[str, Has]
    of_sets: Mapping[str, Has]
    samples: Mapping[str, Sample]


def measured_of_run(run: Run, asked: Asked = NOTHING_ASKED) -> list[Measured]:
    """The values of every task of a run."""
    return [
        measured_of_task(run, task, asked, tables_of([(run.model, task)]))
        for task in run.tasks
    ]


def measured_of_task(run: Run, task: TaskRun, asked: Asked, tables: Tables) -> Measured:
    """The values of one task, of which these are the tables."""
    load_metric_modules(asked.modules)
    choices = asked.of(task)
    steps = tables.columns("steps")
    documents = {c.document: _content(c) for c in task.chains}
    model_arguments = arguments_given(run.config.get("model_args"))
    of_problem: dict[str, list[str]] = defaultdict(list)
    for chain in task.chains:
        of_problem[chain.problem].append(documents[chain.document])
    return Measured(
        model=run.model,
        task=replace(task, chains=()),
        parameters={
            name: value
            for name, value in task.settings.items()
            if name not in {*_may_differ(task), *task.unread, *model_arguments}
        },
        choices=choices,
        documents=documents,
        problems=tuple(_digest(p, *sorted(of_problem[p])) for p in tables.numbering),
        has=tables.has,
        of_each={
            name: what_steps_have(steps[steps.intervention == name])
            for name in tables.interventions
        },
        of_sets=tables.sets_have,
        samples={
            q.name: q.sample(columns_for(q, tables), choices)
            for q in quantities(tables, choices)
        },
    )


def quantities_of(models: Sequence[Measured]) -> list[Quantity]:
    """Every quantity that any of the models has, in the order of a report."""
    whole = frozenset().union(*(m.has for m in models))
    of_each = _together(model.of_each for model in models)
    of_sets = _together(model.of_sets for model in models)
    there = {name for model in models for name in model.samples}
    every = possible(whole, of_each, models[0].choices, of_sets)
    return [q for q in every if q.name in there]


def _together(accounts: Iterable[Mapping[str, Has]]) -> dict[str, Has]:
    found: dict[str, Has] = {}
    for account in accounts:
        for name, has in account.items():
            found[name] = found.get(name, frozenset()) | has
    return found


def on_one_list(models: Sequence[Measured]) -> list[np.ndarray]:
    """For each model, the number of each of its problems on a list of those of all."""
    keys = sorted({key for model in models for key in model.problems})
    place = {key: k for k, key in enumerate(keys)}
    return [np.array([place[key] for key in m.problems], np.int64) for m in models]


def renumbered(sample: Sample, places: np.ndarray) -> Sample:
    """The sample with each problem's number on another list."""
    return replace(sample, problem=places[sample.problem])


BEFORE_IT_WAS_RECORDED = frozenset(
    (
        *("chains", "chain_labels", "chains_in_file", "chains_left_out", "gsm8k"),
        *("intervention_modules", "interventions", "metric_modules", "metrics"),
        *("problems", "step_labels", "too_long"),
    )
)
"""What runs of 0.1 may differ in, which do not say so."""


def _may_differ(task: TaskRun) -> frozenset[str]:
    """The parameters that do not decide what is measured, as the run itself says."""
    said = task.settings.get("may_differ")
    known = map(str, said) if isinstance(said, list) else BEFORE_IT_WAS_RECORDED
    return NOT_OF_THE_TASK.union(known)


def _content(chain: ChainRecord) -> str:
    """What must be alike in two runs of a document: also the chain where it was given."""
    parts = [chain.question]
    if chain.solved is None:
        labels = {r.step: f"{r.label} {r.truth:g}" for r in chain.steps}
        parts += [chain.chain, chain.answer, f"{chain.label} {chain.truth:g}"]
        parts += [f"{k} {label}" for k, label in sorted(labels.items())]
    return _digest(*parts)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
