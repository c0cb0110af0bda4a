"""Which interventions are made on which steps of a chain, and what they change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NoReturn

from lm_eval_faith.asks import Ask, Stages, answered, together
from lm_eval_faith.chains.chain import Chain, unlabelled
from lm_eval_faith.errors import require_characters
from lm_eval_faith.interventions.registry import (
    Changed,
    Context,
    Intervention,
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
        written: what the model wrote behind the step, where it was asked to.
        drawn: what else it wrote there, where several texts were drawn.
        measured: numbers of the intervention's own.
        draw: which of several draws of it on this step, from 0.
    """

    intervention: str
    step: int
    before: str
    after: str = ""
    other_answer: str = ""
    not_applicable: str = ""
    chain: Chain | None = None
    written: str = ""
    drawn: Sequence[str] = ()
    measured: Mapping[str, float] = field(default_factory=dict)
    draw: int = 0

    def to_dict(self) -> dict[str, Any]:
        """All but the intervened chain, as JSON types."""
        plain = asdict(replace(self, chain=None))
        del plain["chain"]
        for name in "written", "drawn", "measured", "draw":  # few have them
            if not plain[name]:
                del plain[name]
        return plain


def variants_to_dicts(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """Those of one chain; each says which draw it is where any was made several times."""
    several = any(variant.draw for variant in variants)
    return [v.to_dict() | ({"draw": v.draw} if several else {}) for v in variants]


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
    measured = plain.get("measured") or {}
    return Variant(
        step=int(plain["step"]),
        written=str(plain.get("written") or ""),
        drawn=tuple(map(str, plain.get("drawn") or ())),
        measured={str(name): float(value) for name, value in measured.items()},
        draw=int(plain.get("draw") or 0),
        **texts,
    )


def plan(
    chain: Chain,
    names: Sequence[str],
    *,
    seed: int,
    document: str,
    steps: Iterable[int] | None = None,
    draws: int = 1,
    context: Context | None = None,
) -> tuple[Variant, ...]:
    """The variants of :func:`changes`, where no intervention asks the model."""
    made = changes(
        chain,
        names,
        seed=seed,
        document=document,
        steps=steps,
        draws=draws,
        context=context,
    )
    return answered(made, _nobody_answers)


def changes(
    chain: Chain,
    names: Sequence[str],
    *,
    seed: int,
    document: str,
    steps: Iterable[int] | None = None,
    draws: int = 1,
    context: Context | None = None,
) -> Stages[tuple[Variant, ...]]:
    """Every named intervention on every step, in that order; they ask side by side.

    Args:
        chain: the clean chain; interventions see it without labels.
        names: the interventions' names.
        seed, document: the task's seed and the document's id, from which all random
            choices follow.
        steps: the steps to intervene on; all unless told otherwise.
        draws: how often an intervention that is ``random`` is made on each step; others
            are always made once.
        context: what else interventions may use; its seed, document, step, name and
            repeat are those of each place.

    Raises:
        InputError: there is no intervention of such a name.
    """
    chosen = range(len(chain.steps)) if steps is None else sorted(steps)
    bare = unlabelled(chain)
    known = context or Context(seed, document, 0, "")
    return together(
        *(
            _variant(
                get_intervention(name),
                bare,
                replace(
                    known,
                    seed=seed,
                    document=document,
                    step=step,
                    name=name,
                    repeat=repeat,
                ),
            )
            for name in names
            for step in chosen
            for repeat in range(draws if get_intervention(name).random else 1)
        )
    )


def _nobody_answers(asks: Sequence[Ask]) -> NoReturn:
    raise TypeError("an intervention asks the model, and there is none to answer")


def _variant(made_by: Intervention, chain: Chain, context: Context) -> Stages[Variant]:
    before = chain.steps[context.step].text
    told = Variant(context.name, context.step, before, draw=context.repeat)
    try:
        changed = made_by(chain, context.step, context)
        if made_by.asks:
            changed = yield from changed
    except NotApplicable as reason:
        return replace(told, not_applicable=str(reason))
    if isinstance(changed, Chain):
        changed = Changed(changed, _text_of_step(chain, changed, context.step))
    answer = changed.chain.answer
    made = f"{changed.chain.text}{changed.after}{changed.written}{answer}"
    require_characters(made, f"what {context.name} makes of step {context.step + 1}")
    return replace(
        told,
        after=changed.after,
        other_answer=answer if answer != chain.answer else "",
        chain=unlabelled(changed.chain),
        written=changed.written,
        drawn=changed.drawn,
        measured=changed.measured,
    )


def _text_of_step(chain: Chain, changed: Chain, step: int) -> str:
    """What now stands where the step stood: nothing where steps are gone."""
    added = len(changed.steps) - len(chain.steps)
    if added < 0:
        return ""
    standing = changed.steps[step : step + 1 + added]
    return "".join(s.text + s.after for s in standing[:-1]) + standing[-1].text
