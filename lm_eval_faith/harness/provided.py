"""The task class of the provided setting: chains that we write, with known labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval_faith import parameters as read
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness import provided_metrics
from lm_eval_faith.harness.chain_task import ChainDocument, ChainTask
from lm_eval_faith.harness.pooled_figures import Join
from lm_eval_faith.interventions.plan import plan
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    running_total_problem,
)
from lm_eval_faith.records.outcome import ChainRecord

FEWSHOT_EXAMPLES = 32
"""Worked examples at hand, made from a seed of their own."""


class ProvidedChains(ChainTask):
    """Running totals whose load-bearing steps and asides are known."""

    SETTING = "provided"

    def read_parameters(self, parameters: Mapping[str, object]) -> dict[str, Any]:
        """The generator's parameters, and which figures the table shows."""
        self.generator = RunningTotalSettings.read(parameters)
        self.chosen = read.names(
            "figures", parameters.get("figures", list(provided_metrics.FIGURES))
        )
        for figure in self.chosen:
            if figure not in provided_metrics.FIGURES:
                known = ", ".join(provided_metrics.FIGURES)
                raise InputError(f"unknown figure {figure!r}: choose from {known}")
        return self.generator.to_dict() | {"figures": list(self.chosen)}

    def documents(self) -> Sequence[ChainDocument]:
        """The problems of the seed."""
        return [
            self._document(k, "test", self.settings.interventions)
            for k in range(self.generator.problems)
        ]

    def fewshot_documents(self) -> Sequence[ChainDocument]:
        """Problems of a separate seed."""
        return [self._document(k, "fewshot", ()) for k in range(FEWSHOT_EXAMPLES)]

    def _document(
        self, index: int, split: str, interventions: Sequence[str]
    ) -> ChainDocument:
        problem = running_total_problem(self.generator, index, split)
        variants = plan(
            problem.chain,
            interventions,
            seed=self.generator.problem_seed,
            document=problem.id,
        )
        return ChainDocument(problem.id, problem.question, problem.chain, variants)

    def figures(self, record: ChainRecord) -> dict[str, Any]:
        """The document's values under the contract's names."""
        return provided_metrics.document_metrics(
            record, self.settings.interventions, self.chosen
        )

    def joins(self) -> Mapping[str, Join]:
        """Means over problems; the AUC from all steps at once."""
        return provided_metrics.aggregations(self.settings.interventions, self.chosen)

    def higher_is_better(self) -> dict[str, bool]:
        """For each figure, whether more is better."""
        return super().higher_is_better() | provided_metrics.higher_is_better(
            self.settings.interventions, self.chosen
        )
