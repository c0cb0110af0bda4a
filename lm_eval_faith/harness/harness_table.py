"""The metrics of the registry in the harness's own table, live: document by document.

A document gives a value under each name that it has one for; the harness joins them. The
values and estimators are those of the report, so both show the same numbers.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Sample

from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.lm_eval_compat import (
    as_values_of_document,
    filtered_responses,
    has_scorers,
)
from lm_eval_faith.metrics import (
    NO_SETS,
    Choices,
    Quantity,
    metric_names,
    possible,
    shown_first,
)
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.tables import columns_of, set_columns_of

Join = Callable[[Sequence[Any]], float | str]

MEANS = (
    stats.MEAN_OF_PROBLEMS,
    stats.SHARE_OF_PROBLEMS,
    stats.DIFFERENCE,
    stats.SEPARATED,
    stats.SEPARATED_MEANS,
    stats.AUC_WITHIN,
    stats.PEARSON,
    stats.SPEARMAN,
    stats.PEARSON_OVER_ZERO,
)
"""Means of one number a problem: the harness's own mean joins them, with a standard error."""

ERROR = "_stderr"
"""With this ending the harness writes the standard error of a metric."""


@dataclass(frozen=True)
class HarnessTable:
    """What a task shows.

    Attributes:
        quantities: by name, in the table's order.
        choices: the task's threshold.
        alone: no two documents ask the same question, so that a document is a problem.
    """

    quantities: Mapping[str, Quantity]
    choices: Choices
    alone: bool = True

    def values(self, record: ChainRecord) -> dict[str, Any]:
        """The values of one document, under the names that it has.

        A number where the harness can average them; else a tuple: what its problem is
        called, and of its steps the values, the weights, and what the estimator needs
        beside them.
        """
        chains, steps = columns_of(record)
        tables = {"chains": chains, "steps": steps, "sets": set_columns_of(record)}
        found: dict[str, Any] = {}
        for name, quantity in self.quantities.items():
            sample = quantity.sample(tables[quantity.metric.table], self.choices)
            known = np.isfinite(sample.value)
            if not known.any():
                continue
            if self.is_mean(name):
                value = quantity.metric.by.point(sample)
                if np.isfinite(value):
                    found[name] = value
                continue
            found[name] = (
                record.problem,
                *(
                    None if column is None else column[known].tolist()
                    for column in (
                        sample.value,
                        sample.weight,
                        sample.second,
                        sample.third,
                    )
                ),
            )
        return found

    def joins(self) -> dict[str, Join]:
        """For each name, how the values of documents are joined."""
        from lm_eval.api.metrics import mean

        return {
            name: mean if self.is_mean(name) else functools.partial(joined, q)
            for name, q in self.quantities.items()
        }

    def higher_is_better(self) -> dict[str, bool]:
        """For each name whether more is better; none where neither is."""
        return {
            name: q.metric.better == "higher"
            for name, q in self.quantities.items()
            if q.metric.better != "neither"
        }

    def is_mean(self, name: str) -> bool:
        """Whether the harness's own mean joins the values of that name."""
        by = self.quantities[name].metric.by
        return self.alone and any(by.sums is mean.sums is not None for mean in MEANS)


def joined(quantity: Quantity, documents: Sequence[Any]) -> float:
    """The number of the whole run, from all documents' tuples."""
    numbers = {name: k for k, name in enumerate(dict.fromkeys(d[0] for d in documents))}
    problem = np.repeat(
        [numbers[name] for name, *_ in documents], [len(v) for _, v, *_ in documents]
    )
    value, weight, second, third = (
        np.array([x for d in documents for x in d[place] or ()], float)
        for place in (1, 2, 3, 4)
    )
    sample = Sample(
        value,
        problem,
        second if len(second) else None,
        weight if len(weight) else None,
        third if len(third) else None,
    )
    return quantity.metric.by.point(sample)


def harness_table(
    interventions: Sequence[str],
    has: frozenset[str],
    choices: Choices,
    shown: Sequence[str] = (),
    modules: Sequence[str] = (),
    alone: bool = True,
    sets: Mapping[str, frozenset[str]] = NO_SETS,
) -> HarnessTable:
    """The table of a task.

    Args:
        interventions: their names, in the table's order.
        has: what the task's chains can have, of ``records.tables``; the control counts
            where it is among the interventions.
        choices: the task's threshold.
        shown: names of metrics, with their modifiers' endings, that the user wants of each
            intervention; all if there are none. Without a control ``effect_vs_control``
            stands for ``effect``. Metrics of chains are always shown.
        modules: metrics of the user's own modules, which are always shown.
        alone: see :class:`HarnessTable`.
        sets: what is asked about sets of steps, by what is done to them; their metrics are
            always shown.

    Raises:
        InputError: a name is no metric's.
    """
    every = metric_names()
    for name in shown:
        if name not in every:
            known = ", ".join(every)
            raise InputError(f"unknown metric {name!r}: choose from {known}")
    order = {name: k for k, name in enumerate(shown_first(shown, has))}
    found = possible(has, dict.fromkeys(interventions, has), choices, sets)
    kept = [
        q
        for q in found
        if not shown
        or q.metric.of in ("chains", "sets")
        or q.column in order
        or q.metric.name in modules
    ]
    place = {name: k for k, name in enumerate(("", *interventions, *sets))}
    last = len(order)
    kept.sort(key=lambda q: (place[q.intervention], order.get(q.column, last)))
    return HarnessTable({q.name: q for q in kept}, choices, alone)


class ShowsMetrics:
    """Puts metrics into the harness's table, from one process or several: before the task class.

    Not every document has a value of every metric, but the harness expects one: it takes the
    names from its first process, and counts a task's documents by its metrics. So every name
    that some document has is given to all of them, without a value where they have none,
    and the standard error, which the harness adds to its own mean alone, is given by us.
    """

    table: HarnessTable
    _model: Any
    _ranks: int
    predicts_only: bool
    instances: list[Any]
    scorers: list[Any]
    _values: Mapping[str, Mapping[str, Any]] = {}
    """Of each document of this process."""
    _names: Mapping[str, bool] = {}
    """The names that some document of any process has, and whether all have them."""

    def record_of(self, doc: Mapping[str, Any], results: Sequence[Any]) -> ChainRecord:
        """What was measured on a document."""
        raise NotImplementedError

    def process_results(
        self, doc: Mapping[str, Any], results: Sequence[Any]
    ) -> dict[str, Any]:
        """The document's values, none under the names that only others have."""
        if self.predicts_only:
            return as_values_of_document(self, {"bypass": None})
        values = self._values.get(doc["id"])
        if values is None:
            made = self.table.values(self.record_of(doc, results))
            return as_values_of_document(self, made)
        found: dict[str, Any] = {}
        for name in self._names:
            found[name] = values.get(name)
            if self._has_error_of_ours(name):
                found[f"{name}{ERROR}"] = None
        return as_values_of_document(self, found)

    def aggregation(self) -> dict[str, Any]:
        """How documents are joined; those without a value are left out."""
        if self.predicts_only:
            return dict(super().aggregation())  # type: ignore[misc]
        joins = self.table.joins()
        for name, everywhere in self._names.items():
            if not everywhere:
                join = joins[name]
                if self._has_error_of_ours(name):
                    joins[f"{name}{ERROR}"] = functools.partial(self._error_of, name)
                joins[name] = functools.partial(self._join, name, join)
        return joins

    def higher_is_better(self) -> dict[str, bool]:
        """For each name whether more is better."""
        if self.predicts_only:
            return dict(super().higher_is_better())  # type: ignore[misc]
        return self.table.higher_is_better()

    def apply_filters(self) -> Any:
        """The harness's own; then all responses are there, and their values are known."""
        filtered = super().apply_filters()  # type: ignore[misc]
        if not self.predicts_only:
            self._values = {
                doc["id"]: self.table.values(self.record_of(doc, results))
                for doc, results in self._documents_and_results()
            }
            self._names = self._names_of_all_processes()
        return filtered

    def aggregate(
        self, bootstrap_iters: int | None = None
    ) -> tuple[dict[str, Any], int]:
        """The table as 0.5 asks for it; 0.4 calls what `aggregation` gives.

        0.5 would draw resamples of the documents for whatever is no mean: an error that the
        report has better and in a hundredth of the time. Means have theirs, as with 0.4.
        """
        found, count = super().aggregate(bootstrap_iters=0)  # type: ignore[misc]
        for scorer in (
            self.scorers if bootstrap_iters and not self.predicts_only else ()
        ):
            for name in filter(self.table.is_mean, self._names):
                documents = scorer.reduced_docs.values()
                known = [v for d in documents if (v := d.get(name)) is not None]
                found[f"{name}{ERROR},{scorer.name}"] = _error(known)
        return found, count

    def _names_of_all_processes(self) -> dict[str, bool]:
        names = list(self.table.quantities)
        counts = [sum(name in v for v in self._values.values()) for name in names]
        counts.append(len(self._values))
        if self._ranks > 1:
            import torch

            here = torch.tensor(counts, device=self._model.device)
            everywhere = self._model.all_gather(here).reshape(self._ranks, -1)
            counts = everywhere.sum(dim=0).tolist()
        return {name: n == counts[-1] for name, n in zip(names, counts) if n}

    def _has_error_of_ours(self, name: str) -> bool:
        named_by_all = self._names[name] or has_scorers(self)
        return not named_by_all and self.table.is_mean(name)

    def _join(self, name: str, join: Join, values: Sequence[Any]) -> float | str:
        known = [value for value in values if value is not None]
        if self._has_error_of_ours(name):
            self._errors[name] = _error(known)
        return join(known) if known else math.nan

    def _error_of(self, name: str, values: Sequence[Any]) -> float | str:
        """What was found when the metric itself was joined: the harness joins it first."""
        return self._errors[name]

    @functools.cached_property
    def _errors(self) -> dict[str, float | str]:
        return {}

    def _documents_and_results(self) -> Iterator[tuple[Any, list[Any]]]:
        by_document = defaultdict(list)
        for instance in self.instances:
            by_document[instance.doc_id].append(instance)
        for instances in by_document.values():
            ordered = sorted(instances, key=lambda instance: instance.idx)
            results = [one for i in ordered for one in filtered_responses(self, i)]
            yield ordered[0].doc, results


def _error(known: Sequence[float]) -> float | str:
    """The standard error of a mean, or what the harness writes where there is none."""
    from lm_eval.api.metrics import mean_stderr

    return float(mean_stderr(known)) if len(known) > 1 else "N/A"
