"""``corrupt``: the numbers that the step states become nearby wrong ones.

In a chain that we wrote the change is carried through: later totals agree with the
corrupted step, and the chain leads to another answer. In a written chain, whose
arithmetic is not known, the change stays in the step.
"""

from __future__ import annotations

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.corrupt_written import corrupt_written_step
from lm_eval_faith.interventions.registry import Context, intervention


@intervention(
    "corrupt", says="the numbers that it states become nearby wrong ones", random=True
)
def corrupt(chain: Chain, step: int, context: Context) -> Chain:
    """Other numbers in this step; the later totals of a chain that we wrote follow them.

    What is changed in a written step, and by how much, is told in
    :mod:`lm_eval_faith.interventions.corrupt_written`.
    """
    if context.rewrite is not None:
        return context.rewrite(step, context.draw, True)
    return corrupt_written_step(chain, step, context.draw)
