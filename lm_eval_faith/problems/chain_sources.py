"""Chains from files as sources of problems."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.parameters import parameter, read_parameters, text, yes_or_no
from lm_eval_faith.problems.chain_files import (
    ChainsRead,
    LabelsWanted,
    is_wrong,
    read_chains,
)
from lm_eval_faith.problems.gsm8k import worked_examples
from lm_eval_faith.problems.labels import label_counts
from lm_eval_faith.problems.problem import Problem, Source
from lm_eval_faith.problems.record_chains import FileChain

logger = logging.getLogger(__name__)


QUESTION = "{{question}}"


def _template(name: str, value: object) -> str:
    template = text(name, value)
    if template and QUESTION not in template:
        raise InputError(f"{name} must hold {QUESTION}, where the question stands")
    return template


@dataclass(frozen=True)
class ChainFileSettings:
    """Which file, and which of its chains."""

    chains: str = parameter("", text, "the file of chains", same=False)
    correct_only: bool = parameter(
        True,
        yes_or_no,
        "chains with a wrong answer are left out and counted; false reads them too, and "
        "asks for the answer that they state",
    )

    prompt: str = parameter(
        "",
        _template,
        "what stood before the chain when it was written, with {{question}} in the "
        "question's place; the task's own prompt unless told otherwise",
    )
    own_cue: bool = parameter(
        True,
        yes_or_no,
        "the answer of a chain that a run of ours wrote is asked for in the words that "
        "stand before it there, unless answer_cue gives others; false asks with answer_cue "
        "behind every chain",
    )


class ChainFile(Source):
    """The source ``chain_file``: chains that another model, or a person, has written."""

    setting = "replay"
    FILE = (
        "a samples file, or JSONL, JSON, CSV or Parquet with 'question', 'chain' and "
        "'answer'"
    )
    """What a user is told to name where nothing is named."""

    LABELS: LabelsWanted = "no"

    def __init__(self, settings: ChainFileSettings, found: ChainsRead) -> None:
        self.settings = settings
        self._found = found

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> ChainFile:
        """The chains of the file that a user's parameters name."""
        settings = read_parameters(ChainFileSettings, parameters)
        if not settings.chains:
            raise InputError(f"name the chains by --metadata chains=PATH: {cls.FILE}")
        found = read_chains(settings.chains, parameters, labels=cls.LABELS)
        if settings.prompt and found.reading.names.prompt:
            raise InputError(
                "prompt and field_prompt both say what stood before a chain: give one"
            )
        return cls(settings, found)

    def _problem(self, chain: FileChain) -> Problem:
        taken = is_wrong(chain) and not self.settings.correct_only
        return Problem(
            chain.id,
            chain.question,
            chain.chain,
            problem=chain.problem,
            left_out="" if taken else chain.left_out,
            prompt=chain.prompt
            or self.settings.prompt.replace(QUESTION, chain.question),
            cue=chain.cue if self.settings.own_cue else "",
        )

    def problems(self) -> Sequence[Problem]:
        """All chains, those that are left out too; how they were read is said."""
        for sentence in self._found.told():
            logger.warning("%s: %s", self.settings.chains, sentence)
        return [self._problem(chain) for chain in self._found.chains]

    def examples(self) -> list[Problem]:
        """Problems of our own, in no dataset."""
        return worked_examples()

    def to_dict(self) -> dict[str, Any]:
        """Parameters, and how the file was read."""
        return super().to_dict() | self._found.to_dict()

    def may_differ(self) -> list[str]:
        """What compared runs may differ in: which chains there are, not what they are."""
        return [*super().may_differ(), "bad_records_left_out", "labels_taken_off"]


class LabelledFile(ChainFile):
    """The source ``labelled_file``: with the truth about steps, or chains as a whole."""

    setting = "labelled"
    FILE = (
        "JSONL with 'question', 'chain', 'answer' and 'labels', or CSV with 'question', "
        "'chain', 'answer', 'span' and 'label'"
    )
    LABELS = "yes"


def labels_of(problems: Sequence[Problem]) -> tuple[dict[str, int], dict[str, int]]:
    """How many steps, and how many chains, there are of each label and without one."""
    chains = [problem.chain for problem in problems]
    steps = label_counts(step.label for chain in chains for step in chain.steps)
    return steps, label_counts(chain.label for chain in chains)
