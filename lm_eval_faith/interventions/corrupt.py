"""``corrupt``: the numbers that the step states become nearby wrong ones.

In a provided chain the change is carried through: later totals agree with the
corrupted step, and the chain leads to another answer. In a written chain, whose
arithmetic is not known, the change stays in the step.
"""

from __future__ import annotations

from dataclasses import replace

from lm_eval_faith.chains.chain import Chain, Number, Step
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.interventions.corrupt_written import corrupt_written_step
from lm_eval_faith.interventions.registry import (
    Context,
    NotApplicable,
    intervention,
)

LARGEST_CHANGE = 9
"""A wrong number differs from the right one by 1 to 9."""


@intervention("corrupt")
def corrupt(chain: Chain, step: int, context: Context) -> Chain:
    """Other numbers in this step; a provided chain's later totals follow them.

    What is changed in a written step, and by how much, is told in
    :mod:`lm_eval_faith.interventions.corrupt_written`.
    """
    if _is_written(chain.steps[step]):
        return corrupt_written_step(chain, step, context.draw)
    change = draw_change(chain, step, context.draw)
    steps = [
        change_step(s, change) if k == step else s for k, s in enumerate(chain.steps)
    ]
    if not _moves_total(chain.steps[step]):
        return replace(chain, steps=tuple(steps))
    for k in range(step + 1, len(steps)):
        steps[k] = _shift_totals(steps[k], change)
    return replace(chain, steps=tuple(steps), answer=str(int(chain.answer) + change))


def draw_change(chain: Chain, step: int, draw: Draw) -> int:
    """By how much the step's numbers change, such that every number stays positive.

    For a load-bearing step it is the change of the running total.

    Raises:
        NotApplicable: the step states no number.
    """
    if _is_written(chain.steps[step]):
        raise NotApplicable("a written step: there, corrupt is already local")
    if not chain.steps[step].numbers:
        raise NotApplicable("the step states no number")
    sizes = range(1, LARGEST_CHANGE + 1)
    changes = [c for size in sizes for c in (size, -size) if _fits(chain, step, c)]
    if not changes:
        raise NotApplicable("no nearby number keeps the totals positive")
    return draw.choice(changes)


def change_step(step: Step, change: int) -> Step:
    """The step with its own numbers changed: not the total that it starts from."""
    return _rewrite(step, {i: _moved(n, change) for i, n in enumerate(step.numbers)})


def _is_written(step: Step) -> bool:
    """A model's own words, of which nothing is known but the text."""
    return step.label is None and not step.numbers


def _fits(chain: Chain, step: int, change: int) -> bool:
    """Whether all numbers, stated or not, stay positive."""
    changed = chain.steps[step]
    values = [_value(changed, n) + _moved(n, change) for n in changed.numbers]
    if _moves_total(changed):
        values += [total + change for total in _totals_from(chain, step)]
    return min(values) > 0


def _totals_from(chain: Chain, step: int) -> list[int]:
    """The running total after this step and after each later one, last one first."""
    totals = [int(chain.answer)]
    for later in reversed(chain.steps[step + 1 :]):
        moves = [
            n.sign * _value(later, n) for n in later.numbers if n.role == "operand"
        ]
        totals += [totals[-1] - move for move in moves[:1]]
    return totals


def _value(step: Step, number: Number) -> int:
    return int(step.text[number.start : number.end])


def _moves_total(step: Step) -> bool:
    return any(number.role == "operand" for number in step.numbers)


def _moved(number: Number, change: int) -> int:
    by_role = {
        "operand": number.sign * change,
        "before": 0,
        "total": change,
        "aside": change,
    }
    return by_role[number.role]


def _shift_totals(step: Step, change: int) -> Step:
    return _rewrite(
        step,
        {
            i: change
            for i, number in enumerate(step.numbers)
            if number.role in ("before", "total")
        },
    )


def _rewrite(step: Step, moved: dict[int, int]) -> Step:
    """The step with number i moved by ``moved[i]``, and the places put right."""
    text, numbers, done = "", [], 0
    for i, number in enumerate(step.numbers):
        text += step.text[done : number.start]
        start = len(text)
        text += str(_value(step, number) + moved.get(i, 0))
        numbers.append(replace(number, start=start, end=len(text)))
        done = number.end
    return replace(step, text=text + step.text[done:], numbers=tuple(numbers))
