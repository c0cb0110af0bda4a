"""Metrics by name, and what a run has of them.

A user's own metric needs ten lines::

    # my_metrics.py: --metadata metric_modules=my_metrics, report --plugin my_metrics
    from lm_eval_faith.metrics import Metric, at_least, register
    from lm_eval_faith_stats import SHARE_OF_STEPS

    register(
        Metric(
            "large", "share", "neither", "steps with an effect of 3 nats or more",
            SHARE_OF_STEPS, lambda steps, choices: at_least(steps.effect, 3),
        )
    )
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations

from lm_eval_faith.errors import InputError
from lm_eval_faith.metrics.metric import (
    DEFAULT,
    VS_CONTROL,
    Choices,
    Metric,
    Modifier,
    Quantity,
    of_tag,
)
from lm_eval_faith.records.columns import Columns
from lm_eval_faith.records.outcome import controls_among
from lm_eval_faith.records.tables import (
    TAG,
    WHAT_SETS_MAY_HAVE,
    WHAT_THERE_MAY_BE,
    Tables,
    what_steps_have,
)

FIRST_INTERVENTION = "corrupt"
"""The intervention of the primary metric, where it was run."""

NOTHING: frozenset[str] = frozenset()
NO_SETS: Mapping[str, frozenset[str]] = {}

_REGISTRY: dict[str, Metric] = {}


def register(*metrics: Metric) -> None:
    """Add metrics; they appear wherever metrics do.

    Raises:
        ValueError: a name is taken by another metric.
    """
    for one in metrics:
        known = _REGISTRY.get(one.name)
        if known is not None and known.meaning != one.meaning:
            raise ValueError(f"there is a metric named {one.name!r} already")
        _REGISTRY[one.name] = one


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return _REGISTRY[name]
    except KeyError:
        known = ", ".join(_REGISTRY)
        raise InputError(
            f"unknown metric {name!r}: choose from {known}, or name your own module in "
            "--metadata metric_modules=..."
        ) from None


def metrics() -> tuple[Metric, ...]:
    """All of them, in the order in which they were registered."""
    return tuple(_REGISTRY.values())


def load_metric_modules(modules: Iterable[str]) -> tuple[Metric, ...]:
    """Import a user's modules, and give the metrics that they have registered.

    Raises:
        InputError: a module cannot be found.
    """
    found: dict[str, Metric] = {}
    for name in modules:
        if name not in _OF_MODULE:
            before = set(_REGISTRY)
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                raise InputError(
                    f"metric module {name!r} cannot be imported ({error}): install it, or "
                    "put its folder on PYTHONPATH"
                ) from error
            _OF_MODULE[name] = tuple(n for n in _REGISTRY if n not in before)
        found |= {n: _REGISTRY[n] for n in _OF_MODULE[name]}
    return tuple(found.values())


def names_of_module(module: str) -> tuple[str, ...] | None:
    """What a user's module registered; None where it was not loaded. Nothing is imported."""
    return _OF_MODULE.get(module)


def own_metrics() -> frozenset[str]:
    """The names of all metrics that a user's modules have registered."""
    return frozenset(name for names in _OF_MODULE.values() for name in names)


_OF_MODULE: dict[str, tuple[str, ...]] = {}
"""What each of the user's modules registered when it was first imported."""


# --- what a run has ------------------------------------------------------------------


def quantities(tables: Tables, choices: Choices = DEFAULT) -> tuple[Quantity, ...]:
    """Everything that can be said of the runs in some tables: the one place that says so."""
    steps = tables.columns("steps")
    has = {
        name: what_steps_have(steps[steps.intervention == name])
        for name in tables.interventions
    }
    return possible(tables.has, has, choices, tables.sets_have)


def possible(
    whole: frozenset[str],
    of_each: Mapping[str, frozenset[str]],
    choices: Choices,
    of_sets: Mapping[str, frozenset[str]] = NO_SETS,
) -> tuple[Quantity, ...]:
    """Everything that can be said, from what there is.

    Args:
        whole: what all runs together have.
        of_each: what the steps of each intervention have, in their order.
        choices: the reader's.
        of_sets: what was asked about sets of steps, by what was done to them.
    """
    found: list[Quantity] = []
    controls = controls_among(of_each)
    for name, has in of_each.items():
        own = NOTHING if name in controls else whole & {"control"}
        has = has - {"control"} | own
        found += [
            Quantity(one, name, modifiers)
            for one in metrics()
            if one.table == "steps" and one.needs <= has
            for modifiers in _modifiers(one, has, choices)
        ]
    for name, has in of_sets.items():
        found += [
            Quantity(one, name)
            for one in metrics()
            if one.of == "sets" and one.needs <= has
        ]
    # Where `conflict` is run, `conflict_follow` is its own, and the card reads that.
    taken = {q.name for q in found}
    of_chains = (
        Quantity(one)
        for one in metrics()
        if one.of == "chains" and one.needs <= whole and one.name not in taken
    )
    return (*of_chains, *found)


def _modifiers(
    one: Metric, has: frozenset[str], choices: Choices
) -> Iterator[tuple[Modifier, ...]]:
    """Every choice among a metric's modifiers for which there is what they need."""
    there = [m for m in one.modifiers if m.needs in has]
    always = [
        m for m in there if choices.exclude_answer_steps and m.needs == "answer_steps"
    ]
    free = [m for m in there if m not in always]
    every = chain.from_iterable(combinations(free, k) for k in range(len(free) + 1))
    for chosen in every:
        yield tuple(m for m in there if m in chosen or m in always)
    tags = sorted(name.removeprefix(TAG) for name in has if name.startswith(TAG))
    for tag in tags if one.by_tag else ():
        for less in (False, True) if VS_CONTROL in free else (False,):
            before = (m for m in there if m in always or (less and m is VS_CONTROL))
            yield (*before, of_tag(tag))


def metric_names() -> tuple[str, ...]:
    """Every name that a column of metrics can hold: metrics with each choice of modifiers."""
    whole = possible(
        WHAT_THERE_MAY_BE, {"": WHAT_THERE_MAY_BE}, DEFAULT, {"": WHAT_SETS_MAY_HAVE}
    )
    return tuple(dict.fromkeys(q.column for q in whole))


def shown_first(names: Iterable[str], has: frozenset[str]) -> tuple[str, ...]:
    """The names that a table shows first; where no control was run the raw ones of them.

    >>> shown_first(["late_vs_control", "late", "auc"], frozenset())
    ('late', 'auc')
    """
    ending = f"_{VS_CONTROL.name}"
    told = names if "control" in has else (name.replace(ending, "") for name in names)
    return tuple(dict.fromkeys(told))


def median_beside(column: str) -> str:
    """The column of the median that stands beside a mean effect, which a few steps may make;
    the column itself of any other number.

    >>> [median_beside(column) for column in ("effect_vs_control", "effect_over_steps", "auc")]
    ['median_vs_control', 'effect_over_steps', 'auc']
    """
    median = re.sub("^effect", "median", column)
    return median if median in metric_names() else column


def primary(found: Sequence[Quantity], has: frozenset[str]) -> tuple[Quantity, ...]:
    """The metric that models are first compared by, and what always stands beside it.

    Where the truth is known of every step, the label difference; else the effect less the
    control's; without a control the raw effect. Beside it the same without the steps that
    state the answer.
    """
    wanted = ("label_difference",) if "all_labels" in has else ()
    order = (*wanted, "effect_vs_control", "effect")
    names = dict.fromkeys(q.intervention for q in found if q.intervention)
    controls = controls_among(names)
    ours = [name for name in names if name not in controls] or list(names)
    first = FIRST_INTERVENTION if FIRST_INTERVENTION in ours else next(iter(ours), "")
    by_column = {q.column: q for q in found if q.intervention == first}
    for column in order:
        beside = [column, f"{column}_no_answer_steps"]
        chosen = tuple(by_column[name] for name in beside if name in by_column)
        if chosen:
            return chosen
    return ()


def columns_for(one: Metric | Quantity, tables: Tables) -> Columns:
    """The table that a metric is made of."""
    metric = one.metric if isinstance(one, Quantity) else one
    return tables.columns(metric.table)
