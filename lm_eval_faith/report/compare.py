"""Models side by side on the same problems: differences, intervals and p-values.

Problems are matched by the document's id and what it says, never by order. Every
difference is the first model less the second.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import BOOTSTRAP, Bootstrap, Comparison, PairComparison

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.report.make import DEFAULT, Choices
from lm_eval_faith.report.problem_values import (
    TEXTS,
    Figure,
    TaskValues,
    values_of_run,
)

Adjustment = Literal["holm", "bh"]

SHARED = "paired, on the problems both have"
BOTH_SOLVED = "paired, on the problems both solved"
OWN = "unpaired, each on its own solved problems"

_OF_ALL_PROBLEMS = (Figure("", "solved"),)


@dataclass(frozen=True)
class Difference:
    """One figure of two models.

    Attributes:
        first, second: the models' names.
        problems: on which problems, and whether they are paired.
        figure: which one.
        comparison: the difference, first less second, with interval and p-value.
        p_adjusted: the p-value adjusted over all pairs of models.
    """

    first: str
    second: str
    problems: str
    figure: Figure
    comparison: Comparison
    p_adjusted: float


@dataclass(frozen=True)
class TaskComparison:
    """All differences in one task.

    Attributes:
        task, setting: the task's.
        models: their names, in the order in which they were given.
        adjustment: how p-values were adjusted.
        differences: by pair of models, then by intervention and figure.
        warnings: what a reader must know, in sentences.
    """

    task: str
    setting: str
    models: tuple[str, ...]
    adjustment: Adjustment
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]


def compare_runs(
    paths: Sequence[str | Path],
    bootstrap: Bootstrap = BOOTSTRAP,
    adjustment: Adjustment = "holm",
    choices: Choices = DEFAULT,
    force: bool = False,
    workers: int = 1,
) -> tuple[TaskComparison, ...]:
    """Every pair of runs in every task that at least two of them have.

    Args:
        paths: run directories, each of which may hold several models.
        adjustment: ``holm`` (family-wise error rate) or ``bh`` (Benjamini and Hochberg's
            false discovery rate), for each figure over all pairs of models.
        force: compare runs that differ in more than the model, with a warning.

    Raises:
        InputError: fewer than two runs of one task, runs that differ in version, parameters,
            prompt or few-shot examples, no problem in common, or a broken file.
    """
    make = partial(values_of_run, choices=choices)
    by_task: dict[str, list[TaskValues]] = defaultdict(list)
    for values in of_runs(paths, make, workers):
        for of_task in values:
            by_task[of_task.task.task].append(of_task)
    alone = [name for name, models in by_task.items() if len(models) < 2]
    several = {name: models for name, models in by_task.items() if len(models) > 1}
    if not several:
        told = ", ".join(sorted(alone))
        raise InputError(f"nothing to compare: only one run of each task ({told})")
    said = [f"task {name} is in one run only and is left out" for name in sorted(alone)]
    return tuple(
        compared(named_apart(models), bootstrap, adjustment, force, said)
        for _, models in sorted(several.items())
    )


def named_apart(models: Sequence[TaskValues]) -> list[TaskValues]:
    """Runs of the same model get their folder beside the name."""
    counts = Counter(model.model for model in models)
    return [
        model
        if counts[model.model] == 1
        else replace(model, model=f"{model.model} ({model.task.path.parent})")
        for model in models
    ]


def compared(
    models: Sequence[TaskValues],
    bootstrap: Bootstrap,
    adjustment: Adjustment = "holm",
    force: bool = False,
    said: Sequence[str] = (),
) -> TaskComparison:
    """Every pair of several models' values in one task.

    Raises:
        InputError: runs that differ in more than the model, or no problem in common.
    """
    task = models[0].task
    warnings = [*_refused_or_said(models, force), *said]
    matched = _match(models)
    if not matched.shared:
        raise InputError(
            f"task {task.task}: no problem in common (matched by id and content) in "
            f"{' and '.join(str(model.task.path) for model in models[:3])}"
        )
    pairs = _all_pairs(models, matched, bootstrap)
    differences = [
        Difference(
            models[pair.first].model,
            models[pair.second].model,
            problems,
            figure,
            pair.comparison,
            pair.p_holm if adjustment == "holm" else pair.p_bh,
        )
        for problems, figure, pair in sorted(
            pairs, key=lambda found: (found[2].first, found[2].second)
        )
        if pair.comparison.estimate.n_problems
    ]
    return TaskComparison(
        task=task.task,
        setting=task.setting,
        models=tuple(model.model for model in models),
        adjustment=adjustment,
        differences=tuple(differences),
        warnings=(*warnings, *matched.warnings, *_uneven(models)),
    )


# --- what differs besides the model ------------------------------------------------


def _refused_or_said(models: Sequence[TaskValues], force: bool) -> list[str]:
    told = _what_differs(models)
    if not told:
        return []
    task = models[0].task.task
    if not force:
        raise InputError(
            f"task {task}: the runs differ in more than the model: {'; '.join(told)}; "
            "run them alike, or see them side by side with lm-eval-faith compare --force"
        )
    return [
        f"compared by force, the runs differ in more than the model: {t}" for t in told
    ]


def _what_differs(models: Sequence[TaskValues]) -> list[str]:
    """Each thing in which the runs differ, with the values."""
    accounts = [dict(_account(model)) for model in models]
    names = dict.fromkeys(name for account in accounts for name in account)
    told = []
    for name in names:
        held: dict[str, list[str]] = defaultdict(list)
        for model, account in zip(models, accounts, strict=True):
            held[_short(account.get(name))].append(model.model)
        if len(held) > 1:
            values = (f"{value} in {_few(who)}" for value, who in held.items())
            told.append(f"{name} is {', '.join(values)}")
    return told


def _account(model: TaskValues) -> Iterator[tuple[str, Any]]:
    task = model.task
    yield "task version", task.version
    yield "setting", task.setting
    yield "few-shot number", task.n_shot
    yield from model.parameters.items()
    for name, value in task.prompt.items():
        yield f"prompt's {name}", value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    if len(text) <= 80:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[:60]}... ({digest})"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more


def _uneven(models: Sequence[TaskValues]) -> list[str]:
    """Interventions that not all runs have."""
    ran = [{figure.intervention for figure in model.values} for model in models]
    return [
        f"{name} was run on {_few(who)} only"
        for name in sorted(set.union(*ran))
        if len(
            who := [
                m.model for m, names in zip(models, ran, strict=True) if name in names
            ]
        )
        < len(models)
    ]


# --- which problems are the same ---------------------------------------------------


@dataclass(frozen=True)
class Matched:
    """Problems of several models on one list.

    Attributes:
        places: of each model, where its documents stand on the list.
        length: of the list.
        shared: whether any two models have a problem in common.
        warnings: sentences on problems that do not match.
    """

    places: tuple[np.ndarray, ...]
    length: int
    shared: bool
    warnings: tuple[str, ...]


def _match(models: Sequence[TaskValues]) -> Matched:
    keys = [list(zip(m.documents, m.contents, strict=True)) for m in models]
    held = Counter(key for of_model in keys for key in of_model)
    order = {key: place for place, key in enumerate(sorted(held))}
    contents: dict[str, set[str]] = defaultdict(set)
    for document, content in order:
        contents[document].add(content)
    other = sum(len(found) > 1 for found in contents.values())
    partly = sum(count < len(models) for count in held.values())
    warnings = []
    if other:
        warnings.append(
            f"{other} documents have the same id and other content in different runs: "
            "they do not count as the same problem"
        )
    if partly:
        warnings.append(f"{partly} of {len(order)} problems are not in all runs")
    return Matched(
        places=tuple(np.array([order[k] for k in of_model], int) for of_model in keys),
        length=len(order),
        shared=any(count > 1 for count in held.values()),
        warnings=tuple(warnings),
    )


# --- differences -------------------------------------------------------------------

Found = tuple[str, Figure, PairComparison]


def _all_pairs(
    models: Sequence[TaskValues], matched: Matched, bootstrap: Bootstrap
) -> list[Found]:
    generated = models[0].task.setting == "generated"
    figures = sorted({figure for model in models for figure in model.values})
    tables = {figure: _table(models, matched, figure) for figure in figures}
    named = {f"{f.intervention}\n{f.name}": f for f in figures}
    compared = stats.all_pairs(
        {name: tables[figure] for name, figure in named.items()}, bootstrap
    )
    found = []
    for name, figure in named.items():
        solved = generated and figure not in _OF_ALL_PROBLEMS
        problems = BOTH_SOLVED if solved else SHARED
        found += [(problems, figure, pair) for pair in compared[name]]
    found += list(_auc_pairs(models, matched, bootstrap))
    found.sort(key=lambda f: _place_of(f[1]))
    if generated:
        own = {
            figure: tables[figure]
            for figure in sorted(figures, key=_place_of)
            if figure not in _OF_ALL_PROBLEMS
        }
        numbers = np.arange(matched.length)
        for figure, table in own.items():
            samples = [stats.Sample(row, numbers) for row in table]
            unpaired = stats.MEAN_OF_PROBLEMS.all_pairs(samples, bootstrap, False)
            found += [(OWN, figure, pair) for pair in unpaired]
    return found


def _place_of(figure: Figure) -> tuple[str, int]:
    return figure.intervention, list(TEXTS).index(figure.name)


def _table(
    models: Sequence[TaskValues], matched: Matched, figure: Figure
) -> np.ndarray:
    """(models, problems), NaN where a model has no value for a problem."""
    table = np.full((len(models), matched.length), np.nan)
    for row, model in enumerate(models):
        if figure in model.values:
            table[row, matched.places[row]] = model.values[figure]
    return table


def _auc_pairs(
    models: Sequence[TaskValues], matched: Matched, bootstrap: Bootstrap
) -> Iterator[Found]:
    names = dict.fromkeys(name for model in models for name in model.steps)
    for name in names:
        rows = [row for row, model in enumerate(models) if name in model.steps]
        labelled = [
            (s.effect, s.load_bearing, matched.places[row][s.problem])
            for row in rows
            for s in (models[row].steps[name],)
        ]
        if len(rows) > 1:
            for pair in stats.all_pairs_auc(labelled, bootstrap):
                here = replace(pair, first=rows[pair.first], second=rows[pair.second])
                yield SHARED, Figure(name, "auc"), here


def meanings(comparisons: Sequence[TaskComparison]) -> Mapping[str, str]:
    """The names of the figures that occur, and what they mean."""
    there = {d.figure.name for c in comparisons for d in c.differences}
    return {
        name: f"{text.meaning} ({text.unit})"
        for name, text in TEXTS.items()
        if name in there
    }
