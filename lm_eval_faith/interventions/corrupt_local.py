"""``corrupt_local``: the change of ``corrupt`` in this step only.

Later steps keep their values, so a reader who trusts the last total still finds the
right answer: the step's error is repaired by the text that follows.
"""

from dataclasses import replace

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.corrupt import change_step, draw_change
from lm_eval_faith.interventions.registry import Context, intervention


@intervention("corrupt_local")
def corrupt_local(chain: Chain, step: int, context: Context) -> Chain:
    """Other numbers in this step, nothing else."""
    change = draw_change(chain, step, replace(context, name="corrupt").draw)
    changed = change_step(chain.steps[step], change)
    return replace(
        chain, steps=chain.steps[:step] + (changed,) + chain.steps[step + 1 :]
    )
