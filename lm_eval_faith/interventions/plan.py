"""Which interventions are made on which steps of a chain, and what they change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.registry import (
    Context,
    NotApplicable,
    get_intervention,
)


@dataclass(frozen=True)
class Variant:
    """One intervention on one step.

    Attributes:
        intervention: its name.
        step: the step's index.
        before, after: the step's text without and with the intervention; ``after`` is
            empty where the step is gone.
        other_answer: the answer that the intervened chain leads to where it is known
            to differ from the chain's own; empty otherwise.
        not_applicable: why the intervention cannot be made here; empty where it can.
        chain: the intervened chain; None where the intervention cannot be made.
    """

    intervention: str
    step: int
    before: str
    after: str = ""
    other_answer: str = ""
    not_applicable: str = ""
    chain: Chain | None = None

    def to_dict(self) -> dict[str, Any]:
        """All but the intervened chain, as JSON types."""
        plain = asdict(self)
        del plain["chain"]
        return plain


def variant_from_dict(plain: Mapping[str, Any]) -> Variant:
    """A variant from its JSON form.

    Raises:
        KeyError, TypeError, ValueError: a field is missing or is not of its type.
    """
    texts = {
        name: plain[name]
        for name in (
            "intervention",
            "before",
            "after",
            "other_answer",
            "not_applicable",
        )
    }
    for name, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(f"{name!r} is not text")
    return Variant(step=int(plain["step"]), **texts)


def plan(
    chain: Chain,
    names: Sequence[str],
    *,
    seed: int,
    document: str,
    steps: Iterable[int] | None = None,
    donors: Sequence[str] = (),
) -> tuple[Variant, ...]:
    """Every named intervention on every step, in that order.

    Args:
        chain: the clean chain.
        names: the interventions' names.
        seed, document: the task's seed and the document's id, from which all random
            choices follow.
        steps: the steps to intervene on; all unless told otherwise.
        donors: steps of other problems, for interventions that borrow one.

    Raises:
        InputError: there is no intervention of such a name.
    """
    chosen = range(len(chain.steps)) if steps is None else sorted(steps)
    return tuple(
        _variant(chain, Context(seed, document, step, name, donors))
        for name in names
        for step in chosen
    )


def _variant(chain: Chain, context: Context) -> Variant:
    before = chain.steps[context.step].text
    try:
        changed = get_intervention(context.name)(chain, context.step, context)
    except NotApplicable as reason:
        return Variant(context.name, context.step, before, not_applicable=str(reason))
    return Variant(
        context.name,
        context.step,
        before,
        after=_text_of_step(chain, changed, context.step),
        other_answer=changed.answer if changed.answer != chain.answer else "",
        chain=changed,
    )


def _text_of_step(chain: Chain, changed: Chain, step: int) -> str:
    """What now stands where the step stood: nothing where steps are gone."""
    added = len(changed.steps) - len(chain.steps)
    if added < 0:
        return ""
    standing = changed.steps[step : step + 1 + added]
    return "".join(s.text + s.after for s in standing[:-1]) + standing[-1].text
