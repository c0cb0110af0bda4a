"""Chains from files as sources of problems."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.parameters import parameter, read_parameters, text, yes_or_no
from lm_eval_faith.problems.chain_files import (
    FieldNames,
    FileChain,
    is_wrong,
    read_chains,
)
from lm_eval_faith.problems.gsm8k import worked_examples
from lm_eval_faith.problems.labelled_files import label_counts, read_labelled
from lm_eval_faith.problems.problem import Problem, Source

logger = logging.getLogger(__name__)


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


class ChainFile(Source):
    """The source ``chain_file``: chains that another model, or a person, has written."""

    setting = "replay"
    FILE = "a samples file of ours, or JSONL with 'question', 'chain' and 'answer'"
    """What a user is told to name where nothing is named."""

    def __init__(
        self,
        settings: ChainFileSettings,
        chains: Sequence[FileChain],
        told_of_file: Mapping[str, Any],
    ) -> None:
        self.settings = settings
        self._told = told_of_file
        self._problems = tuple(self._problem(chain) for chain in chains)

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> ChainFile:
        """The chains of the file that a user's parameters name."""
        settings = read_parameters(ChainFileSettings, parameters)
        if not settings.chains:
            raise InputError(f"name the chains by --metadata chains=PATH: {cls.FILE}")
        path = Path(settings.chains).expanduser()
        chains, told = cls.read_file(path, parameters)
        return cls(settings, chains, told)

    @classmethod
    def read_file(
        cls, path: Path, parameters: Mapping[str, object]
    ) -> tuple[Sequence[FileChain], dict[str, Any]]:
        """The chains of a file, and the parameters that it was read by."""
        names = FieldNames.read(parameters)
        return read_chains(path, names), names.to_dict()

    def _problem(self, chain: FileChain) -> Problem:
        taken = is_wrong(chain) and not self.settings.correct_only
        left_out = "" if taken else chain.left_out
        return Problem(chain.id, chain.question, chain.chain, left_out=left_out)

    def problems(self) -> Sequence[Problem]:
        """All chains, those that are left out too."""
        return self._problems

    def examples(self) -> list[Problem]:
        """Problems of our own, in no dataset."""
        return worked_examples()

    def to_dict(self) -> dict[str, Any]:
        """Parameters, and how the file was read."""
        return super().to_dict() | dict(self._told)


class LabelledFile(ChainFile):
    """The source ``labelled_file``: with the truth about steps, or chains as a whole."""

    setting = "labelled"
    FILE = (
        "JSONL with 'question', 'chain', 'answer' and 'labels', or CSV with 'question', "
        "'chain', 'answer', 'span' and 'label'"
    )

    @classmethod
    def read_file(
        cls, path: Path, parameters: Mapping[str, object]
    ) -> tuple[Sequence[FileChain], dict[str, Any]]:
        """The chains of a file, and the parameters that it was read by."""
        chains, names = read_labelled(path, parameters)
        return chains, names.to_dict()


def labels_of(problems: Sequence[Problem]) -> tuple[dict[str, int], dict[str, int]]:
    """How many steps, and how many chains, there are of each label and without one."""
    chains = [problem.chain for problem in problems]
    steps = label_counts(step.label for chain in chains for step in chain.steps)
    return steps, label_counts(chain.label for chain in chains)
