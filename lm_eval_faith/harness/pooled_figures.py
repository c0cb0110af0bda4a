"""Figures that are made of lists of values, in one process and in several.

A document leaves out the names that it has no value for. The evaluator takes the names
of its first process and asks every other one for each of them, so in a run of several
processes each document must have all names that any document has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


class PooledFigures:
    """Gives documents the names that they lack, with an empty list of values.

    Put it before the task class. A subclass says which names are pooled.
    """

    _model: Any
    _ranks: int
    predicts_only: bool
    instances: list[Any]
    _shared_names: Sequence[str] = ()

    def pooled(self) -> Mapping[str, Any]:
        """The names whose values are lists, with how they are joined."""
        raise NotImplementedError

    def document_values(
        self, doc: Mapping[str, Any], results: Sequence[Any]
    ) -> dict[str, Any]:
        """The values of one document under the names that it has."""
        raise NotImplementedError

    def process_results(
        self, doc: Mapping[str, Any], results: Sequence[Any]
    ) -> dict[str, Any]:
        """The document's values; in one of several processes, under all names."""
        if self.predicts_only:
            return {"bypass": None}
        empty: dict[str, Any] = {name: [] for name in self._shared_names}
        return empty | self.document_values(doc, results)

    def apply_filters(self) -> Any:
        """The harness's own; then all responses are there, and processes share names."""
        filtered = super().apply_filters()  # type: ignore[misc]
        if self._ranks > 1 and not self.predicts_only:
            self._shared_names = self._names_of_all_processes()
        return filtered

    def _names_of_all_processes(self) -> list[str]:
        """In the first process what any of them has, in the others all there could be."""
        own = sorted(
            {
                name
                for doc, results in self._documents_and_results()
                for name in self.document_values(doc, results)
            }
        )
        gathered: Iterable[Sequence[str]] | None
        gathered = self._model.gather_object(own, dst=0)
        if gathered is None:
            return list(self.pooled())
        there = {name for names in gathered for name in names}
        return [name for name in self.pooled() if name in there]

    def _documents_and_results(self) -> Iterator[tuple[Any, list[Any]]]:
        by_document = defaultdict(list)
        for instance in self.instances:
            by_document[instance.doc_id].append(instance)
        for instances in by_document.values():
            ordered = sorted(instances, key=lambda instance: instance.idx)
            results = [next(iter(i.filtered_resps.values())) for i in ordered]
            yield ordered[0].doc, results
