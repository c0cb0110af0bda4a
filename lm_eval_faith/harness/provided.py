"""The task class of the provided setting: chains that we write, with known labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval_faith.harness.chain_task import ChainDocument, ChainTask
from lm_eval_faith.interventions.plan import plan
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    running_total_problem,
)

OF_PROVIDED = frozenset(
    {"labels", "all_labels", "load_bearing", "decoys", "other_answer", "answer_steps"}
)
"""What metrics can need that chains of ours have."""

FEWSHOT_EXAMPLES = 32
"""Worked examples at hand, made from a seed of their own."""


class ProvidedChains(ChainTask):
    """Running totals whose load-bearing steps and asides are known."""

    SETTING = "provided"

    def read_parameters(self, parameters: Mapping[str, object]) -> dict[str, Any]:
        """The generator's parameters."""
        self.generator = RunningTotalSettings.read(parameters)
        self.table = self.settings.table(OF_PROVIDED)
        return self.generator.to_dict()

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
