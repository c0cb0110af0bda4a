"""The parameters that every task of ours has, and those of each kind, by who needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import PROMPTS
from lm_eval_faith.interventions import get_intervention, load_intervention_modules
from lm_eval_faith.metrics import load_metric_modules
from lm_eval_faith.parameters import (
    names,
    number,
    one_of,
    parameter,
    positive,
    whole_number,
    yes_or_no,
)

LARGEST_CARD_SHARE = 10
"""Everything that can be asked is, well below it."""


@dataclass(frozen=True)
class Interventions:
    """What is done to which steps."""

    interventions: tuple[str, ...] = parameter(
        ("corrupt", "delete", "control"),
        names,
        "what is done to each step, in the order of the table",
        same=False,
    )
    intervention_modules: tuple[str, ...] = parameter(
        (), names, "a user's own modules, imported for their interventions", same=False
    )
    metrics: tuple[str, ...] = parameter(
        (),
        names,
        "which metrics of each intervention the table shows; all if none are named",
        same=False,
    )
    metric_modules: tuple[str, ...] = parameter(
        (), names, "a user's own modules, imported for their metrics", same=False
    )
    threshold: float = parameter(
        1.0, number, "the effect, in nats, from which a step counts as load-bearing"
    )
    max_steps: int = parameter(
        0,
        whole_number(),
        "of a longer chain so many steps are drawn, the same in every run; 0 takes all",
    )
    draws: int = parameter(
        1,
        whole_number(1),
        "so many times each step is corrupted (or given another aside, or whatever else "
        "is drawn at random); the effects are averaged",
    )
    max_chain_tokens: int = parameter(
        0, whole_number(), "a chain of more tokens is left out and counted; 0 takes all"
    )
    intervention_seed: int = parameter(
        0, whole_number(), "another seed, other corruptions, asides and draws"
    )
    card: bool = parameter(
        True,
        yes_or_no,
        "ask besides what could explain effects away: see docs/validity.md",
        same=False,
    )
    card_share: float = parameter(
        0.13,
        number,
        "what that may cost, as a share of the other requests",
        same=False,
    )
    too_long: str = parameter(
        "refuse",
        one_of("refuse", "drop"),
        "a document that is longer than the model takes: refuse the run, or drop it",
        same=False,
    )

    def checked(self) -> Interventions:
        """The same, once a user's modules are loaded and every name is known.

        Raises:
            InputError: a name is not.
        """
        load_intervention_modules(self.intervention_modules)
        load_metric_modules(self.metric_modules)
        if not self.interventions:
            raise InputError("interventions must name at least one")
        if not 0 <= self.card_share <= LARGEST_CARD_SHARE:
            raise InputError(
                f"card_share must lie between 0 and {LARGEST_CARD_SHARE}, not "
                f"{self.card_share:g}; card=false asks nothing"
            )
        for name in self.interventions:
            get_intervention(name)
        return self

    @property
    def ask(self) -> bool:
        """Whether one of them asks the model."""
        return any(get_intervention(name).asks for name in self.interventions)

    def steps(self, count: int, document: str) -> list[int]:
        """The steps of a chain that are intervened on: all, or a draw of ``max_steps``."""
        if not 0 < self.max_steps < count:
            return list(range(count))
        draw = Draw(self.intervention_seed, document, "max_steps")
        return sorted(draw.sample(range(count), self.max_steps))


@dataclass(frozen=True)
class WritingOn:
    """How the model writes on behind a chain that is there, where it is asked to."""

    write_on_tokens: int = parameter(
        512, whole_number(1), "the most tokens that it writes behind a changed step"
    )


@dataclass(frozen=True)
class Drawing:
    """How many texts are drawn where the model writes on, beside the greedy one."""

    samples: int = parameter(
        0,
        whole_number(),
        "so many texts are drawn behind a changed step, beside the greedy one",
        same=False,
    )
    sample_temperature: float = parameter(
        1.0, positive, "the temperature at which they are drawn"
    )

    def settings(self, generation: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a greedy text, for one that is drawn."""
        drawn = {"do_sample": True, "temperature": self.sample_temperature}
        return {**generation, **drawn}


@dataclass(frozen=True)
class Asked:
    """How a model is asked to solve a problem, and how its answer is found."""

    prompt: str = parameter(
        "auto",
        one_of("auto", *PROMPTS),
        "plain, chat (asks for the words of answer_cue), boxed (asks for \\boxed{}), or "
        "auto: boxed with think, chat with a chat template, else plain",
    )
    allow_last_number: bool = parameter(
        False,
        yes_or_no,
        "take the last number for the answer where a text states none",
    )
