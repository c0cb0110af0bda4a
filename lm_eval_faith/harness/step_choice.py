"""Which steps of a written chain are intervened on, and which of them count.

The parameters that the generated setting and the replay of chains share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.interventions.plan import Variant, plan

CHARACTERS_PER_TOKEN = 4
"""What a token is taken for where the model's tokenizer is not at hand."""


@dataclass(frozen=True)
class StepChoice:
    """What bounds the cost of a chain, and the threshold.

    Attributes:
        threshold: the effect, in nats, at which a step counts as load-bearing.
        max_steps: of a longer chain so many steps are drawn, the same in every run with
            the same seed; 0 takes all.
        max_chain_tokens: a chain of more tokens is left out and counted; 0 takes all.
        intervention_seed: another seed gives other corruptions, asides and draws.
    """

    threshold: float = 1.0
    max_steps: int = 0
    max_chain_tokens: int = 0
    intervention_seed: int = 0

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> StepChoice:
        """Settings from a user's parameters; names that are not its own are left alone.

        Raises:
            InputError: a parameter has no usable value.
        """
        readers: dict[str, read.Reader] = {
            "threshold": read.number,
            "max_steps": read.whole_number,
            "max_chain_tokens": read.whole_number,
            "intervention_seed": read.whole_number,
        }
        return cls(**read.given(parameters, readers))

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON types, to be recorded beside the results."""
        return read.as_json(self)

    def is_long(self, chain: Chain, model: Any | None) -> bool:
        """Whether a chain has more than ``max_chain_tokens``.

        Args:
            model: the running model; without one that has ``tok_encode`` a token is
                taken for four characters.
        """
        most, size = self.max_chain_tokens, len(chain.text.encode())
        # A token stands for at least one byte; 8 for a tokenizer's special tokens.
        if not most or size + 8 <= most:
            return False
        try:
            return len(model.tok_encode(chain.text)) > most  # type: ignore[union-attr]
        except (AttributeError, NotImplementedError):
            return len(chain.text) > CHARACTERS_PER_TOKEN * most

    def plan(
        self,
        chain: Chain,
        interventions: Sequence[str],
        document: str,
        donors: Sequence[str] = (),
    ) -> tuple[Variant, ...]:
        """The interventions on the chain's steps, or on a draw of ``max_steps``."""
        return plan(
            chain,
            interventions,
            seed=self.intervention_seed,
            document=document,
            steps=self._steps(len(chain.steps), document),
            donors=donors,
        )

    def _steps(self, count: int, document: str) -> list[int]:
        if not 0 < self.max_steps < count:
            return list(range(count))
        draw = Draw(self.intervention_seed, document, "max_steps")
        return sorted(draw.sample(range(count), self.max_steps))


@dataclass(frozen=True)
class Donors:
    """Steps that ``swap`` may borrow, each with the document that it comes from.

    They depend neither on ``--limit`` nor on which process a document runs in.
    """

    steps: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, chains: Iterable[tuple[str, Chain]]) -> Donors:
        """All steps of the chains of some documents."""
        return cls(tuple((id, s.text) for id, chain in chains for s in chain.steps))

    def for_document(self, document: str) -> tuple[str, ...]:
        """The steps of all other documents."""
        return tuple(text for id, text in self.steps if id != document)


def white_space_of(chain: Chain) -> str:
    """What stands between the chain's steps, to be put behind the last one too."""
    for step in reversed(chain.steps):
        if step.after and not step.after.strip():
            return step.after
    return " "
