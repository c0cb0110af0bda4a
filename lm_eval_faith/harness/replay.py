"""The task ``cot_faith_replay``: chains from a file, read by the model that runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness import generated_metrics
from lm_eval_faith.harness.chain_task import ChainDocument, ChainTask
from lm_eval_faith.harness.lm_eval_compat import running_model
from lm_eval_faith.harness.pooled_figures import Join
from lm_eval_faith.harness.step_choice import Donors, StepChoice, white_space_of
from lm_eval_faith.problems.chain_files import (
    ChainsRead,
    FileChain,
    ids_left_out,
    is_wrong,
    read_chains,
    reasons_left_out,
)
from lm_eval_faith.problems.gsm8k import worked_examples
from lm_eval_faith.records.outcome import OUTCOMES, ChainRecord

logger = logging.getLogger(__name__)

OF_CHAIN = ("steps", "clean_logprob", "clean_acc")


class ReplayedChains(ChainTask):
    """Chains that another model, or a person, has written."""

    SETTING = "replay"
    FILE = (
        "a samples file, or JSONL, JSON, CSV or Parquet with 'question', 'chain' and "
        "'answer'"
    )
    """What a user is told to name where nothing is named."""

    def read_parameters(self, parameters: Mapping[str, object]) -> dict[str, Any]:
        """Where the chains are, and which of them and of their steps are used."""
        path = read.text("chains", parameters.get("chains", ""))
        if not path:
            raise InputError(f"name the chains by --metadata chains=PATH: {self.FILE}")
        self.choice = StepChoice.read(parameters)
        self.correct_only = read.yes_or_no(
            "correct_only", parameters.get("correct_only", True)
        )
        chains_read = self.read_file(path, parameters)
        for sentence in chains_read.told():
            logger.warning("%s: %s", path, sentence)
        found = [self._judged(chain) for chain in chains_read.chains]
        self._chains = [chain for chain in found if not chain.left_out]
        left_out = reasons_left_out(found)
        told = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        if not self._chains:
            raise InputError(f"{path}: all {len(found)} chains are left out: {told}")
        if left_out:
            logger.warning("%s: of %d chains left out: %s", path, len(found), told)
        return {
            "chains": path,
            **chains_read.to_dict(),
            "correct_only": self.correct_only,
            **self.choice.to_dict(),
            "chains_in_file": len(found),
            "chains_left_out": left_out,
            "chains_left_out_ids": ids_left_out(found),
        }

    def read_file(self, path: str, parameters: Mapping[str, object]) -> ChainsRead:
        """The chains of a file, a folder or a dataset, and how they were read."""
        return read_chains(path, parameters)

    def _judged(self, chain: FileChain) -> FileChain:
        """With the reason for which this run leaves it out, or none."""
        if is_wrong(chain) and not self.correct_only:
            chain = replace(chain, left_out="")
        if not chain.left_out and self.choice.is_long(chain.chain, running_model()):
            return replace(chain, left_out=OUTCOMES["long chain"])
        return chain

    # --- documents ---------------------------------------------------------------

    def documents(self) -> Sequence[ChainDocument]:
        """The chains that are used, in the order of the file."""
        donors = Donors.of((chain.id, chain.chain) for chain in self._chains)
        return [self._document(chain, donors) for chain in self._chains]

    def _document(self, read: FileChain, donors: Donors) -> ChainDocument:
        chain = as_shown(read.chain)
        variants = self.choice.plan(
            unlabelled(chain),
            self.settings.interventions,
            read.id,
            donors.for_document(read.id),
        )
        return ChainDocument(read.id, read.question, chain, variants)

    def fewshot_documents(self) -> Sequence[ChainDocument]:
        """Problems of our own, in no dataset."""
        return [
            ChainDocument(problem.id, problem.question, as_shown(problem.solution), ())
            for problem in worked_examples()
        ]

    # --- results -----------------------------------------------------------------

    def figures(self, record: ChainRecord) -> dict[str, Any]:
        """The document's values under the contract's names."""
        return {
            "steps": [float(record.n_steps)],
            "clean_logprob": [record.clean_logprob],
            "clean_acc": [float(record.clean_greedy)],
            **generated_metrics.document_metrics(record, self.settings.interventions),
        }

    def joins(self) -> Mapping[str, Join]:
        """Means over steps, shares of steps, means over problems."""
        return generated_metrics.aggregations(
            self.settings.interventions, OF_CHAIN, self.choice.threshold
        )

    def higher_is_better(self) -> dict[str, bool]:
        """For each figure, whether more is better."""
        if self.predicts_only:
            return super().higher_is_better()
        return super().higher_is_better() | generated_metrics.higher_is_better(
            self.settings.interventions, OF_CHAIN
        )


def unlabelled(chain: Chain) -> Chain:
    """The chain as its text alone tells it: what is changed hangs on no label."""
    steps = tuple(replace(step, label=None, truth=None) for step in chain.steps)
    return replace(chain, steps=steps, label=None)


def as_shown(chain: Chain) -> Chain:
    """The chain as the prompt holds it: the cue is set off like one more step."""
    last = replace(chain.steps[-1], after=white_space_of(chain))
    opening = chain.opening if chain.opening.strip() else ""
    return replace(chain, steps=(*chain.steps[:-1], last), opening=opening)
