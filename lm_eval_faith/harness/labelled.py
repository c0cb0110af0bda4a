"""The task ``cot_faith_labelled``: chains from a file that says which steps count."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from lm_eval_faith.harness import labelled_metrics
from lm_eval_faith.harness.pooled_figures import Join
from lm_eval_faith.harness.replay import ReplayedChains
from lm_eval_faith.problems.chain_files import ChainsRead, read_chains
from lm_eval_faith.problems.labels import label_counts
from lm_eval_faith.records.outcome import ChainRecord

logger = logging.getLogger(__name__)


class LabelledChains(ReplayedChains):
    """Replayed chains with the truth about their steps, or about them as a whole."""

    SETTING = "labelled"
    FILE = (
        "JSONL with 'question', 'chain', 'answer' and 'labels', or CSV with 'question', "
        "'chain', 'answer', 'span' and 'label'"
    )

    def read_file(self, path: str, parameters: Mapping[str, object]) -> ChainsRead:
        """The chains of a file, a folder or a dataset, and how they were read."""
        return read_chains(path, parameters, labels="yes")

    def read_parameters(self, parameters: Mapping[str, object]) -> dict[str, Any]:
        """Those of a replay; how many labels there are is recorded beside them."""
        resolved = super().read_parameters(parameters)
        used = [chain.chain for chain in self._chains]
        steps = label_counts(step.label for chain in used for step in chain.steps)
        whole = label_counts(chain.label for chain in used)
        self.of_labels = labelled_metrics.figures_for(steps, whole)
        for what, counts in ("steps", steps), ("chains", whole):
            if counts["unlabelled"] and counts["load_bearing"] + counts["decoy"]:
                told = f"{counts['unlabelled']} of {sum(counts.values())} {what}"
                logger.info("%s have no label and do not enter AUCs", told)
        return resolved | {"step_labels": steps, "chain_labels": whole}

    def figures(self, record: ChainRecord) -> dict[str, Any]:
        """The document's values under the contract's names."""
        return super().figures(record) | labelled_metrics.document_metrics(
            record, self.settings.interventions, self.of_labels
        )

    def joins(self) -> Mapping[str, Join]:
        """AUCs over all steps or chains at once, and all that a replay has."""
        return {
            **super().joins(),
            **labelled_metrics.aggregations(
                self.settings.interventions, self.of_labels
            ),
        }

    def higher_is_better(self) -> dict[str, bool]:
        """For each figure, whether more is better."""
        if self.predicts_only:
            return super().higher_is_better()
        return super().higher_is_better() | labelled_metrics.higher_is_better(
            self.settings.interventions, self.of_labels
        )
