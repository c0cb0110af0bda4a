"""Figures of which some documents have no value, in one process and in several.

A document leaves out the names that it has no value for. The evaluator takes the names
of its first process and asks every other one for each of them, so a name that all
documents of one process leave out would end the run or be lost from the table.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Join = Callable[[Sequence[Any]], float]


class PooledFigures:
    """Gives a name that some process lacks to every document, at worst an empty list.

    Put it before the task class.
    """

    _model: Any
    _ranks: int
    predicts_only: bool
    instances: list[Any]
    _lacking: Sequence[str] = ()

    def joins(self) -> Mapping[str, Join]:
        """For each name that a document may have, how documents are joined."""
        raise NotImplementedError

    def document_values(
        self, doc: Mapping[str, Any], results: Sequence[Any]
    ) -> dict[str, Any]:
        """The values of one document under the names that it has."""
        raise NotImplementedError

    def process_results(
        self, doc: Mapping[str, Any], results: Sequence[Any]
    ) -> dict[str, Any]:
        """The document's values, also under the names that some process lacks."""
        if self.predicts_only:
            return {"bypass": None}
        empty: dict[str, Any] = {name: [] for name in self._lacking}
        return empty | self.document_values(doc, results)

    def aggregation(self) -> dict[str, Join]:
        """How documents are joined; those that only fill a name up are left out."""
        joins: dict[str, Join] = super().aggregation()  # type: ignore[misc]
        if self.predicts_only:
            return joins
        joins |= self.joins()
        # The harness shows a standard error beside its own mean and not beside this.
        return joins | {
            name: functools.partial(_join_values, joins[name]) for name in self._lacking
        }

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
            for name in self.document_values(doc, results)
        }
        names = list(self.joins())
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
    return join([value for value in values if value != []])
