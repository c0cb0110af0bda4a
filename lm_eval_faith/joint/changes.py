"""What is done to a set of steps: they are left out, or their numbers become wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lm_eval_faith.chains.chain import Chain, unlabelled
from lm_eval_faith.chains.numbers import number_value
from lm_eval_faith.interventions import Context, NotApplicable, get_intervention
from lm_eval_faith.interventions.restated import (
    Value,
    other_values,
    restated,
    stated_numbers,
)


def without(chain: Chain, steps: Sequence[int]) -> Chain:
    """The chain without some steps and the white space after them."""
    gone = set(steps)
    kept = tuple(step for k, step in enumerate(chain.steps) if k not in gone)
    return replace(chain, steps=kept)


def corrupted(chain: Chain, steps: Sequence[int], context: Context) -> Chain:
    """The chain with each of the steps corrupted by itself: later totals do not follow.

    Each step is as ``corrupt`` makes it in a written chain, ``corrupt_local`` in one that we
    wrote. Steps that cannot be corrupted stay: see :func:`corruptible`.

    Raises:
        NotApplicable: none of them can be.
    """
    possible = corruptible(chain, steps, context)
    if not possible:
        raise NotApplicable("no step of the set can be corrupted")
    for step, text in possible.items():
        chain = chain.with_step(step, text)
    return chain


def corruptible(chain: Chain, steps: Sequence[int], context: Context) -> dict[int, str]:
    """The corrupted texts of those of the steps that have one."""
    name = "corrupt" if context.rewrite is None else "corrupt_local"
    change, bare = get_intervention(name), unlabelled(chain)
    texts: dict[int, str] = {}
    for step in steps:
        try:
            changed = change(bare, step, replace(context, step=step, name="corrupt"))
        except NotApplicable:
            continue
        texts[step] = changed.steps[step].text
    return texts


def with_other_value(
    chain: Chain, steps: Sequence[int], value: Value, context: Context
) -> Chain:
    """The chain with one value changed to the same other one in each of the steps.

    Raises:
        NotApplicable: no nearby value can be written wherever the old one stands.
    """
    writing, texts = chain.writing, [chain.steps[k].text for k in steps]
    answer = number_value(chain.answer, writing)
    there = {n.value for s in chain.steps for n in stated_numbers(s.text, writing)}
    avoid = frozenset(there | ({answer} if answer is not None else set()))
    possible = other_values(value, texts, writing, avoid)
    if not possible:
        raise NotApplicable(
            "no nearby value can be written wherever the old one stands"
        )
    draw = replace(context, step=steps[0], name=f"corrupt {value.number}").draw
    new = draw.choice(possible)
    for step in steps:
        text = restated(chain.steps[step].text, value, new, writing)
        chain = chain.with_step(step, text)
    return chain
