"""What a task asks about: a problem, and where problems come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.registry import Rewrite
from lm_eval_faith.parameters import as_json, may_differ
from lm_eval_faith.problems.choices import AnswerChoices

FEWSHOT_EXAMPLES = 32
"""Worked examples that a generator has at hand, made from a seed of their own."""


@dataclass(frozen=True)
class Problem:
    """A question with a chain that leads to its answer.

    Attributes:
        id: names the problem and its seed; equal ids are equal problems.
        question: what is asked.
        chain: the reasoning that is read, or a worked solution; ``chain.answer`` is the
            answer.
        problem: what chains of one question share; empty: the question's text.
        left_out: why it is not used; empty where it is.
        prompt: what stood before the chain when it was written, in place of a task's own
            prompt; empty where that is not known.
        cue: what its writer put between chain and answer; empty where that is not known.
        choices: among which the answer is chosen; None where it is not.
        subject: of which task of a group the question is; empty where there is one.
        rewrite: corrupts a step of the chain, where whoever wrote it knows how.
    """

    id: str
    question: str
    chain: Chain
    problem: str = ""
    left_out: str = ""
    prompt: str = ""
    cue: str = ""
    choices: AnswerChoices | None = None
    subject: str = ""
    rewrite: Rewrite | None = field(default=None, compare=False)


class Source(Protocol):
    """Where problems come from: the generator or reader that a YAML's ``source`` names.

    Attributes:
        setting: what the report makes of its chains where they are read as they are.
        settings: the frozen dataclass that declares its parameters.
        seed: added to the seed of interventions.
    """

    setting: str = "replay"
    settings: Any
    seed: int = 0

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> Source:
        """The source that a user's parameters describe.

        Raises:
            InputError: a parameter has no usable value.
        """
        ...

    def problems(self) -> Sequence[Problem]:
        """The problems that are evaluated.

        Raises:
            InputError: they cannot be read.
        """
        ...

    def examples(self) -> Sequence[Problem]:
        """Problems for worked examples, none of which is evaluated."""
        ...

    def donors(self, problems: Sequence[Problem]) -> Sequence[Problem]:
        """Problems whose steps ``swap`` may borrow: the problems themselves."""
        return problems

    def to_dict(self) -> dict[str, Any]:
        """Parameters, and what else is recorded beside the results, as JSON types."""
        return as_json(self.settings)

    def may_differ(self) -> list[str]:
        """What compared runs may differ in."""
        return may_differ(type(self.settings))
