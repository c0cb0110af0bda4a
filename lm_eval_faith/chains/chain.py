"""A chain of thought as data: the steps, what is known of them, and the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from lm_eval_faith.chains.language import ENGLISH, Writing

Label = Literal["load_bearing", "decoy"]
Role = Literal["operand", "before", "total", "aside"]


@dataclass(frozen=True)
class Number:
    """A number that a provided step states, at ``text[start:end]``.

    Attributes:
        start, end: where it stands in the step's text, in characters.
        role: ``operand`` is what the step adds or takes away, ``before`` the running
            total it starts from, ``total`` the one it ends at, ``aside`` has no part
            in the sum.
        sign: +1 or -1, how an operand moves the total; 0 for the other roles.
    """

    start: int
    end: int
    role: Role
    sign: int = 0


@dataclass(frozen=True)
class Step:
    """One unit of reasoning.

    Attributes:
        text: the words of the step.
        after: what stands between it and the next one, usually white space.
        label: the truth about a provided step; None where it is not known.
        states_answer: the step states the final answer.
        truth: a graded label, such as an importance that another study measured; None
            where it is not known.
        numbers: the numbers of a provided step; empty in a written one, where they
            are found in the text.
        tags: what kind of step it is, as a file says: plain identifiers.
    """

    text: str
    after: str = ""
    label: Label | None = None
    states_answer: bool = False
    numbers: tuple[Number, ...] = ()
    truth: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chain:
    """Steps in order, and the answer that they lead to.

    Attributes:
        steps: the steps.
        answer: the final answer that the chain leads to, as written.
        opening: text before the first step that no intervention touches.
        label: the truth about the chain as a whole; None where it is not known.
        truth: the same as a graded label, any real number; None where it is not known.
        writing: its language, and how it writes numbers.
    """

    steps: tuple[Step, ...]
    answer: str
    opening: str = ""
    label: Label | None = None
    writing: Writing = ENGLISH
    truth: float | None = None

    @property
    def text(self) -> str:
        """The chain as a reader sees it, to the byte."""
        return self.opening + "".join(step.text + step.after for step in self.steps)

    def with_step(self, k: int, text: str) -> Chain:
        """The same chain with other words in step k."""
        changed = replace(self.steps[k], text=text, numbers=())
        return replace(self, steps=self.steps[:k] + (changed,) + self.steps[k + 1 :])


def unlabelled(chain: Chain) -> Chain:
    """The chain as its text alone tells it: what is changed hangs on no label."""
    steps = tuple(map(_unlabelled, chain.steps))
    return replace(chain, steps=steps, label=None, truth=None)


def _unlabelled(step: Step) -> Step:
    if step.label is None and step.truth is None and not (step.numbers or step.tags):
        return step  # as all but one of the steps of a change of a written chain
    return Step(step.text, step.after, states_answer=step.states_answer)


def chain_to_dict(chain: Chain) -> dict[str, Any]:
    """The chain as plain JSON types, without what its maker knows of its numbers.

    :func:`chain_from_dict` reads it.
    """
    plain = asdict(chain)
    plain["steps"] = list(plain["steps"])
    for step in plain["steps"]:
        del step["numbers"]
        if step["truth"] is None:  # few steps have one
            del step["truth"]
        if step["tags"]:
            step["tags"] = list(step["tags"])
        else:
            del step["tags"]
    for name in ("label", "truth"):
        if plain[name] is None:  # few chains have one
            del plain[name]
    if chain.writing == ENGLISH:
        del plain["writing"]
    return plain


def chain_from_dict(plain: Mapping[str, Any]) -> Chain:
    """A chain from its JSON form.

    Raises:
        KeyError, TypeError: a field is missing or is not of its type.
    """
    return Chain(
        steps=tuple(_step_from_dict(step) for step in plain["steps"]),
        answer=_text(plain["answer"]),
        opening=_text(plain.get("opening", "")),
        label=plain.get("label"),
        writing=Writing(**plain["writing"]) if plain.get("writing") else ENGLISH,
        truth=plain.get("truth"),
    )


def _step_from_dict(plain: Mapping[str, Any]) -> Step:
    return Step(
        text=_text(plain["text"]),
        after=_text(plain.get("after", "")),
        label=plain.get("label"),
        states_answer=bool(plain.get("states_answer", False)),
        truth=plain.get("truth"),
        tags=tags_of(plain.get("tags") or ()),
    )


_MOST_TAGS = 9


def tags_of(value: object) -> tuple[str, ...]:
    """The tags of a step, from a text or a list of texts, as plain identifiers.

    >>> tags_of(["Plan generation", "fact-retrieval", 3])
    ('plan_generation', 'fact_retrieval')
    """
    told = value if isinstance(value, (list, tuple)) else [value]
    words = (
        re.sub(r"\W", "_", tag.strip().lower()) for tag in told if isinstance(tag, str)
    )
    names = (word.strip("_")[:40] for word in words)
    return tuple(dict.fromkeys(name for name in names if name))[:_MOST_TAGS]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value
