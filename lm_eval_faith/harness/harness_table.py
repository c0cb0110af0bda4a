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
from lm_eval_faith.metrics import (
    Choices,
    Quantity,
    metric_names,
    possible,
    shown_first,
)
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.tables import columns_of

Join = Callable[[Sequence[Any]], float]

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
        found: dict[str, Any] = {}
        for name, quantity in self.quantities.items():
            whole = quantity.metric.of == "chains"
            sample = quantity.sample(chains if whole else steps, self.choices)
            known = np.isfinite(sample.value)
            if not known.any():
                continue
            if self._is_mean(quantity):
                value = quantity.metric.by.point(sample)
                if np.isfinite(value):
                    found[name] = value
                continue
            found[name] = (
                record.problem,
                *(
                    None if column is None else column[known].tolist()
                    for column in (sample.value, sample.weight, sample.second)
                ),
            )
        return found

    def joins(self) -> dict[str, Join]:
        """For each name, how the values of documents are joined."""
        from lm_eval.api.metrics import mean

        return {
            name: mean if self._is_mean(q) else functools.partial(joined, q)
            for name, q in self.quantities.items()
        }

    def higher_is_better(self) -> dict[str, bool]:
        """For each name whether more is better; none where neither is."""
        return {
            name: q.metric.better == "higher"
            for name, q in self.quantities.items()
            if q.metric.better != "neither"
        }

    def _is_mean(self, quantity: Quantity) -> bool:
        by = quantity.metric.by
        return self.alone and any(by.sums is mean.sums is not None for mean in MEANS)


def joined(quantity: Quantity, documents: Sequence[Any]) -> float:
    """The number of the whole run, from all documents' tuples."""
    numbers = {name: k for k, name in enumerate(dict.fromkeys(d[0] for d in documents))}
    problem = np.repeat(
        [numbers[name] for name, *_ in documents], [len(v) for _, v, *_ in documents]
    )
    value, weight, second = (
        np.array([x for d in documents for x in d[place] or ()], float)
        for place in (1, 2, 3)
    )
    sample = Sample(
        value,
        problem,
        second if len(second) else None,
        weight if len(weight) else None,
    )
    return quantity.metric.by.point(sample)


def harness_table(
    interventions: Sequence[str],
    has: frozenset[str],
    choices: Choices,
    shown: Sequence[str] = (),
    modules: Sequence[str] = (),
    alone: bool = True,
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

    Raises:
        InputError: a name is no metric's.
    """
    every = metric_names()
    for name in shown:
        if name not in every:
            known = ", ".join(every)
            raise InputError(f"unknown metric {name!r}: choose from {known}")
    order = {name: k for k, name in enumerate(shown_first(shown, has))}
    found = possible(has, dict.fromkeys(interventions, has), choices)
    kept = [
        q
        for q in found
        if not shown
        or q.metric.of == "chains"
        or q.column in order
        or q.metric.name in modules
    ]
    place = {name: k for k, name in enumerate(("", *interventions))}
    last = len(order)
    kept.sort(key=lambda q: (place[q.intervention], order.get(q.column, last)))
    return HarnessTable({q.name: q for q in kept}, choices, alone)


class ShowsMetrics:
    """Puts metrics into the harness's table, from one process or several: before the task class.

    A document leaves out the names that it has no value for. The evaluator takes the names
    of its first process and asks every other one for each of them, so a name that all
    documents of one process leave out would end the run or be lost. Such a name is given
    to every document, at worst with an empty value.
    """

    table: HarnessTable
    _model: Any
    _ranks: int
    predicts_only: bool
    instances: list[Any]
    _lacking: Sequence[str] = ()

    def record_of(self, doc: Mapping[str, Any], results: Sequence[Any]) -> ChainRecord:
        """What was measured on a document."""
        raise NotImplementedError

    def process_results(
        self, doc: Mapping[str, Any], results: Sequence[Any]
    ) -> dict[str, Any]:
        """The document's values, also under the names that some process lacks."""
        if self.predicts_only:
            return {"bypass": None}
        empty: dict[str, Any] = dict.fromkeys(self._lacking, ())
        return empty | self.table.values(self.record_of(doc, results))

    def aggregation(self) -> dict[str, Any]:
        """How documents are joined; those that only fill a name up are left out."""
        if self.predicts_only:
            return dict(super().aggregation())  # type: ignore[misc]
        joins = self.table.joins()
        # The harness shows a standard error beside its own mean and not beside this.
        return joins | {
            name: functools.partial(_join_values, joins[name]) for name in self._lacking
        }

    def higher_is_better(self) -> dict[str, bool]:
        """For each name whether more is better."""
        if self.predicts_only:
            return dict(super().higher_is_better())  # type: ignore[misc]
        return self.table.higher_is_better()

    def apply_filters(self) -> Any:
        """The harness's own; then all responses are there, and processes compare."""
        filtered = super().apply_filters()  # type: ignore[misc]
        if self._ranks > 1 and not self.predicts_only:
            self._lacking = self._names_that_some_process_lacks()
        return filtered

    def _names_that_some_process_lacks(self) -> list[str]:
        """Those that other processes have; the same list in every process."""
        import torch

        own = {
            name
            for doc, results in self._documents_and_results()
            for name in self.table.values(self.record_of(doc, results))
        }
        names = list(self.table.quantities)
        here = torch.tensor([int(n in own) for n in names], device=self._model.device)
        everywhere = self._model.all_gather(here).reshape(self._ranks, len(names))
        having = everywhere.sum(dim=0).tolist()
        return [name for name, n in zip(names, having) if 0 < n < self._ranks]

    def _documents_and_results(self) -> Iterator[tuple[Any, list[Any]]]:
        by_document = defaultdict(list)
        for instance in self.instances:
            by_document[instance.doc_id].append(instance)
        for instances in by_document.values():
            ordered = sorted(instances, key=lambda instance: instance.idx)
            results = [next(iter(i.filtered_resps.values())) for i in ordered]
            yield ordered[0].doc, results


def _join_values(join: Join, values: Sequence[Any]) -> float:
    told = [value for value in values if value != () and value != []]
    return join(told) if told else math.nan
