"""``corrupt_carried``: a value that the step introduces is changed, here and later.

``corrupt`` changes a step alone; where later steps say the old value again, what it
measures is redundancy. Here every later statement of the value follows, in every form,
so that no trace of the old one is left in the chain.
"""

from dataclasses import replace
from fractions import Fraction

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.registry import Context, NotApplicable, intervention
from lm_eval_faith.interventions.restated import (
    Value,
    number_of,
    other_values,
    restated,
    stated_numbers,
    states,
    value_of,
)


@intervention(
    "corrupt_carried",
    says="a value that it introduces is changed in it and wherever it is restated later",
    random=True,
)
def corrupt_carried(chain: Chain, step: int, context: Context) -> Chain:
    """Another value for the last one that the step introduces and a later step restates.

    Introduced is what stands neither in the question nor in a step before. Where no
    later step restates any, it is the step's last one. Sums are not worked out again.
    Where the value is the final answer, the chain leads to the new one.

    Raises:
        NotApplicable: the step introduces no value, or none that could be another one
            wherever it is restated.
    """
    texts = [s.text for s in chain.steps[step:]]
    writing = chain.writing
    answer = number_of(chain.answer, writing)
    introduced = _introduced(chain, step, context.question)
    if not introduced:
        raise NotApplicable(
            "the step introduces no value: all stand in the question or before"
        )
    later = [n for text in texts[1:] for n in stated_numbers(text, writing)]
    restated_later = [v for v in introduced if any(states(n, v) for n in later)]
    there = frozenset(
        n.value for s in chain.steps for n in stated_numbers(s.text, writing)
    )
    draw = context.draw
    for value in [*reversed(restated_later), *reversed(introduced)]:
        avoid = there | ({answer} if answer is not None else set())
        possible = [
            new
            for new in other_values(
                value, [*texts, *_as_text(chain, value)], writing, avoid
            )
            if new != answer
        ]
        if possible:
            return _changed(chain, step, value, draw.choice(possible))
    raise NotApplicable("no nearby value can be written wherever the old one stands")


def _introduced(chain: Chain, step: int, question: str) -> list[Value]:
    """The values of the step that neither question nor earlier text states, in order."""
    writing = chain.writing
    before = question + "\n" + chain.opening
    known = [
        n
        for text in (before, *(s.text for s in chain.steps[:step]))
        for n in stated_numbers(text, writing)
    ]
    found: list[Value] = []
    for number in stated_numbers(chain.steps[step].text, writing):
        value = value_of(number)
        if value not in found and not any(states(n, value) for n in known):
            found.append(value)
    return found


def _as_text(chain: Chain, value: Value) -> list[str]:
    """The answer, where it is the value: it must be able to follow."""
    answer = number_of(chain.answer, chain.writing)
    return [chain.answer] if answer == value.number else []


def _changed(chain: Chain, step: int, value: Value, new: Fraction) -> Chain:
    steps = [
        s
        if k < step
        else replace(s, text=restated(s.text, value, new, chain.writing), numbers=())
        for k, s in enumerate(chain.steps)
    ]
    steps = [
        old if old.text == s.text else s
        for old, s in zip(chain.steps, steps, strict=True)
    ]
    answer = chain.answer
    for text in _as_text(chain, value):
        answer = restated(text, value, new, chain.writing)
    return replace(chain, steps=tuple(steps), answer=answer)
