"""The task ``cot_faith_labelled``: chains from a file that says which steps count."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval_faith.harness.replay import ReplayedChains
from lm_eval_faith.problems.chain_files import ChainsRead, FileChain, read_chains
from lm_eval_faith.problems.labels import label_counts

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
        for what, counts in ("steps", steps), ("chains", whole):
            if counts["unlabelled"] and counts["load_bearing"] + counts["decoy"]:
                told = f"{counts['unlabelled']} of {sum(counts.values())} {what}"
                logger.info("%s have no label and do not enter AUCs", told)
        return resolved | {"step_labels": steps, "chain_labels": whole}

    def labels_of(self, chains: Sequence[FileChain]) -> frozenset[str]:
        """What metrics can need of labels, as the file has them."""
        steps = label_counts(s.label for chain in chains for s in chain.chain.steps)
        whole = label_counts(chain.chain.label for chain in chains)
        there = {
            "load_bearing": steps["load_bearing"],
            "decoys": steps["decoy"],
            "labels": steps["load_bearing"] and steps["decoy"],
            "chain_labels": whole["load_bearing"] and whole["decoy"],
        }
        return frozenset(name for name, count in there.items() if count)
