"""Models side by side on the same problems: differences, intervals and p-values.

Problems are matched by the question and, where the chains were given, by what they say;
never by order. Every difference is the first model less the second, of the very numbers
that a report shows.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import lm_eval_faith_stats as stats
from lm_eval_faith_stats import (
    BOOTSTRAP,
    MEAN_OF_PROBLEMS,
    Bootstrap,
    Comparison,
    PairComparison,
)

from lm_eval_faith.errors import InputError
from lm_eval_faith.metrics import Quantity, primary
from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.merged import Merge
from lm_eval_faith.report.cells import interval, number, p_value
from lm_eval_faith.report.measured import (
    Measured,
    measured_of_run,
    on_one_list,
    quantities_of,
    renumbered,
)
from lm_eval_faith.report.report import LARGE_PART, NOTHING_ASKED, Asked, shown_of
from lm_eval_faith.report.write import Column, Section, Written

Adjustment = Literal["holm", "bh"]

SHARED = "paired, on the problems both have"
BOTH_SOLVED = "paired, on the problems both solved"
OWN = "unpaired, each on its own solved problems"

FAR_APART = 1.0
"""In nats: models whose mean clean_logprob differs by more are compared with a caution."""


@dataclass(frozen=True)
class Difference:
    """One quantity of two models.

    Attributes:
        first, second: the models' names.
        problems: on which problems, and whether they are paired.
        quantity: which one, the same as in the report.
        meaning: of the quantity, in words.
        comparison: the difference, first less second, with interval and p-value.
        p_adjusted: the p-value adjusted over all pairs of models; of all quantities but
            the primary one over quantities too.
        shown: it has a line in the terminal.
    """

    first: str
    second: str
    problems: str
    quantity: Quantity
    meaning: str
    comparison: Comparison
    p_adjusted: float
    shown: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As one JSON object."""
        estimate = asdict(self.comparison.estimate)
        return {
            "first": self.first,
            "second": self.second,
            "problems": self.problems,
            "paired": self.comparison.paired,
            "intervention": self.quantity.intervention,
            "metric": self.quantity.column,
            "meaning": self.meaning,
            "unit": self.quantity.metric.unit,
            "difference": estimate.pop("point"),
            **estimate,
            "p_value": self.comparison.p_value,
            "p_adjusted": self.p_adjusted,
        }


@dataclass(frozen=True)
class TaskComparison:
    """All differences in one task.

    Attributes:
        task, setting: the task's.
        models: their names, in the order in which they were given.
        adjustment: how p-values were adjusted.
        primary: names of the quantity that models are first compared by, and of those
            that stand beside it.
        differences: by pair of models, the primary quantities first.
        warnings: what a reader must know, in sentences.
    """

    task: str
    setting: str
    models: tuple[str, ...]
    adjustment: Adjustment
    primary: tuple[str, ...]
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]


def compare_runs(
    paths: Sequence[str | Path],
    bootstrap: Bootstrap = BOOTSTRAP,
    adjustment: Adjustment = "holm",
    asked: Asked = NOTHING_ASKED,
    force: bool = False,
    workers: int = 1,
    merge: Merge = "no",
) -> tuple[TaskComparison, ...]:
    """Every pair of runs in every task that at least two of them have.

    Args:
        paths: run directories, each of which may hold several models.
        adjustment: ``holm`` (family-wise error rate) or ``bh`` (Benjamini and Hochberg's
            false discovery rate): of the primary quantity over all pairs of models, of the
            others over quantities too.
        force: compare runs that differ in more than the model, with a warning.

    Raises:
        InputError: fewer than two runs of one task, runs that differ in version, parameters,
            prompt or few-shot examples, no problem in common, or a broken file.
    """
    make = partial(measured_of_run, asked=asked)
    by_task: dict[str, list[Measured]] = defaultdict(list)
    for measured in of_runs(paths, make, workers, merge):
        for of_task in measured:
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


def named_apart(models: Sequence[Measured]) -> list[Measured]:
    """Runs of the same model get their folder beside the name."""
    counts = Counter(model.model for model in models)
    return [
        model
        if counts[model.model] == 1
        else replace(model, model=f"{model.model} ({model.task.path.parent})")
        for model in models
    ]


def compared(
    models: Sequence[Measured],
    bootstrap: Bootstrap,
    adjustment: Adjustment = "holm",
    force: bool = False,
    said: Sequence[str] = (),
    only: Sequence[Quantity] | None = None,
) -> TaskComparison:
    """Every pair of several models' values in one task.

    Args:
        only: these quantities; None takes all that two models have.

    Raises:
        InputError: runs that differ in more than the model, or no problem in common.
    """
    task = models[0].task
    warnings = [*_refused_or_said(models, force), *said, *_not_the_same(models)]
    every = quantities_of(models)
    has: frozenset[str] = frozenset().union(*(m.has for m in models))
    first, show = primary(every, has), shown_of(task, has)
    names = tuple(q.name for q in first)
    found = [
        tests
        for q in (every if only is None else only)
        for tests in _tests_of(q, models, bootstrap)
    ]
    differences = [
        Difference(
            models[pair.first].model,
            models[pair.second].model,
            tests.problems,
            tests.quantity,
            tests.quantity.meaning(models[0].choices),
            pair.comparison,
            p,
            shown=tests.quantity.name in names or show(tests.quantity),
        )
        for tests, pair, p in _adjusted(found, names[:1], adjustment)
        if pair.comparison.estimate.n_problems
    ]
    order = {model.model: k for k, model in enumerate(models)}
    differences.sort(
        key=lambda d: (order[d.first], order[d.second], d.quantity.name not in names)
    )
    return TaskComparison(
        task=task.task,
        setting=task.setting,
        models=tuple(order),
        adjustment=adjustment,
        primary=names,
        differences=tuple(differences),
        warnings=(
            *warnings,
            *_uneven(models),
            *_far_apart(models),
            *_carried_by_one(first, models),
        ),
    )


# --- what differs besides the model ------------------------------------------------


def _refused_or_said(models: Sequence[Measured], force: bool) -> list[str]:
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


OF_SETS = ("budget", "core_orders", "core_search")
"""Parameters that decide what is measured of sets of steps, and of nothing else."""


def _what_differs(models: Sequence[Measured]) -> list[str]:
    """Each thing in which the runs differ, with the values."""
    accounts = [dict(_account(model)) for model in models]
    names = dict.fromkeys(name for account in accounts for name in account)
    told = []
    for name in names:
        held: dict[str, list[str]] = defaultdict(list)
        for model, account in zip(models, accounts, strict=True):
            if name in OF_SETS and not model.task.settings.get("joint"):
                continue  # nothing was asked about sets of steps
            held[_short(account.get(name))].append(model.model)
        if len(held) > 1:
            values = (f"{value} in {_few(who)}" for value, who in held.items())
            told.append(f"{name} is {', '.join(values)}")
    return told


def _account(model: Measured) -> Iterator[tuple[str, Any]]:
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


def _uneven(models: Sequence[Measured]) -> list[str]:
    """Interventions that not all runs have."""
    ran = [set(model.of_each) for model in models]
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


def _not_the_same(models: Sequence[Measured]) -> list[str]:
    """Sentences on problems that do not match.

    Raises:
        InputError: no two models have a problem in common.
    """
    held = Counter(key for model in models for key in model.problems)
    task = models[0].task
    if max(held.values(), default=0) < 2:
        raise InputError(
            f"task {task.task}: no problem in common (matched by question and content) in "
            f"{' and '.join(str(model.task.path) for model in models[:3])}"
        )
    contents: dict[str, set[str]] = defaultdict(set)
    for model in models:
        for document, content in model.documents.items():
            contents[document].add(content)
    other = sum(len(found) > 1 for found in contents.values())
    partly = sum(count < len(models) for count in held.values())
    said = []
    if other:
        said.append(
            f"{other} documents have the same id and other content in different runs: "
            "they do not count as the same problem"
        )
    if partly:
        said.append(f"{partly} of {len(held)} problems are not in all runs")
    return said


# --- differences -------------------------------------------------------------------


@dataclass(frozen=True)
class _Tests:
    """A quantity of every pair of models, on one choice of problems."""

    problems: str
    quantity: Quantity
    pairs: tuple[PairComparison, ...]


def _tests_of(
    quantity: Quantity, models: Sequence[Measured], bootstrap: Bootstrap
) -> Iterator[_Tests]:
    """Paired, and where the models solved problems of their own unpaired too."""
    places = on_one_list(models)
    having = [k for k, model in enumerate(models) if quantity.name in model.samples]
    if len(having) < 2:
        return
    samples = [renumbered(models[k].samples[quantity.name], places[k]) for k in having]
    solved_only = any("solved" in m.has for m in models) and not _of_all(quantity)
    for problems in (BOTH_SOLVED, OWN) if solved_only else (SHARED,):
        pairs = quantity.metric.by.all_pairs(samples, bootstrap, problems != OWN)
        yield _Tests(
            problems,
            quantity,
            tuple(
                replace(p, first=having[p.first], second=having[p.second])
                for p in pairs
            ),
        )


def _of_all(quantity: Quantity) -> bool:
    """Whether every problem has a value, solved or not."""
    return quantity.metric.of == "chains" and quantity.metric.where is None


def _adjusted(
    found: Sequence[_Tests], primary: Sequence[str], adjustment: Adjustment
) -> Iterator[tuple[_Tests, PairComparison, float]]:
    """Each pair with its adjusted p-value: of the primary quantity over the pairs alone."""
    others = [tests for tests in found if tests.quantity.name not in primary]
    adjust = stats.holm if adjustment == "holm" else stats.benjamini_hochberg
    for tests in found:
        if tests.quantity.name in primary:
            for pair in tests.pairs:
                yield tests, pair, pair.p_holm if adjustment == "holm" else pair.p_bh
    for problems in dict.fromkeys(tests.problems for tests in others):
        family = [t for t in others if t.problems == problems]
        flat = [(tests, pair) for tests in family for pair in tests.pairs]
        p_values = adjust([pair.comparison.p_value for _, pair in flat])
        for (tests, pair), p in zip(flat, p_values, strict=True):
            yield tests, pair, float(p)


def _carried_by_one(first: Sequence[Quantity], models: Sequence[Measured]) -> list[str]:
    """A sentence where one problem carries much of a primary difference's variance."""
    places, told = on_one_list(models), []
    for quantity in first[:1]:
        samples = {
            model.model: renumbered(model.samples[quantity.name], place)
            for model, place in zip(models, places, strict=True)
            if quantity.name in model.samples
        }
        for (one, sample), (other, second) in combinations(samples.items(), 2):
            share = quantity.metric.by.heaviest(sample, second).share
            if share > LARGE_PART:
                first_name, last_name = sorted((one, other))
                told.append(f"{first_name} against {last_name} ({share:.0%})")
        if told:
            more = f" and {len(told) - 3} more" if len(told) > 3 else ""
            which = ", ".join(sorted(told)[:3]) + more
            what = f"the variance of {quantity.name} in {which}"
            return [f"one problem carries much of {what}: such an interval hangs on it"]
    return []


def _far_apart(models: Sequence[Measured]) -> list[str]:
    """A caution where the models' certainty of the answer is very different."""
    clean = {
        m.model: MEAN_OF_PROBLEMS.point(m.samples["clean_logprob"])
        for m in models
        if "clean_logprob" in m.samples
    }
    known = {name: value for name, value in clean.items() if not math.isnan(value)}
    if not known:
        return []
    low, high = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    if known[high] - known[low] <= FAR_APART:
        return []
    return [
        (
            f"{high} is much surer of the answers after the clean chains than {low} "
            f"(clean_logprob {known[high]:.2f} and {known[low]:.2f} nats): an answer that "
            "is unlikely to begin with has less to lose, see probability_drop and "
            "log_odds_drop"
        )
    ]


# --- as text -----------------------------------------------------------------------

_ADJUSTED = {"holm": "p (Holm)", "bh": "p (BH)"}

CSV_COLUMNS = (
    "task",
    "first",
    "second",
    "problems",
    "intervention",
    "metric",
    "unit",
    "difference",
    "low",
    "high",
    "confidence_level",
    "method",
    "p_value",
    "p_adjusted",
    "adjustment",
    "n_problems",
    "n_steps",
    "n_missing",
    "n_resamples",
    "note",
    "warnings",
)


def written(comparisons: Sequence[TaskComparison]) -> Written:
    """A table for each pair of models: in the terminal of what stands first."""
    return Written(
        sections=_sections(comparisons, all_of_them=False),
        more=_sections(comparisons, all_of_them=True),
        legend={
            d.quantity.column: f"{d.meaning} ({d.quantity.metric.unit})"
            for c in comparisons
            for d in c.differences
            if d.shown
        },
        columns=CSV_COLUMNS,
        rows=[
            {
                "task": c.task,
                **d.to_dict(),
                "adjustment": c.adjustment,
                "warnings": "; ".join(c.warnings),
            }
            for c in comparisons
            for d in c.differences
        ],
        content={
            "comparisons": [
                {
                    "task": c.task,
                    "setting": c.setting,
                    "models": list(c.models),
                    "adjustment": c.adjustment,
                    "primary": list(c.primary),
                    "differences": [d.to_dict() for d in c.differences],
                    "warnings": list(c.warnings),
                }
                for c in comparisons
            ]
        },
    )


def _sections(
    comparisons: Sequence[TaskComparison], all_of_them: bool
) -> tuple[Section, ...]:
    found = []
    for comparison in comparisons:
        groups: dict[tuple[str, str, str], list[Difference]] = {}
        for d in comparison.differences:
            if all_of_them or d.shown:
                groups.setdefault((d.first, d.second, d.problems), []).append(d)
        found += [
            Section(
                title=f"{comparison.task}: {first} less {second}, {problems}",
                columns=_columns(comparison, differences),
                rows=tuple(map(_row, differences)),
            )
            for (first, second, problems), differences in groups.items()
        ]
        remarks = (*_how_adjusted(comparison), *comparison.warnings)
        found.append(Section(f"{comparison.task}: remarks", (), (), remarks))
    return tuple(found)


def _how_adjusted(comparison: TaskComparison) -> list[str]:
    """How many tests each adjusted p-value was adjusted for, in one line."""
    name = next(iter(comparison.primary), "")
    tests = Counter(d.quantity.name == name for d in comparison.differences)
    return [
        (
            f"adjusted p-values: of {name}, the primary metric, over {tests[True]} "
            "differences of models; of all others over metrics too, "
            f"{tests[False]} differences"
        )
    ]


def _columns(
    comparison: TaskComparison, differences: Sequence[Difference]
) -> tuple[Column, ...]:
    confidence_level = differences[0].comparison.estimate.confidence_level
    return (
        Column("intervention"),
        Column("metric"),
        Column("difference", numbers=True),
        Column(f"{100 * confidence_level:g}% interval", numbers=True),
        Column("p", numbers=True),
        Column(_ADJUSTED[comparison.adjustment], numbers=True),
        Column("problems", numbers=True),
    )


def _row(d: Difference) -> tuple[str, ...]:
    unit, estimate = d.quantity.metric.unit, d.comparison.estimate
    return (
        d.quantity.intervention,
        d.quantity.column,
        number(estimate.point, unit),
        interval(estimate, unit),
        p_value(d.comparison.p_value),
        p_value(d.p_adjusted),
        str(estimate.n_problems),
    )
