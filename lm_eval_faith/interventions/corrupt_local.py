"""``corrupt_local``: the change of ``corrupt`` in this step only.

Later steps keep their values, so a reader who trusts the last total still finds the
right answer: the step's error is repaired by the text that follows.
"""

from dataclasses import replace

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.registry import Context, NotApplicable, intervention


@intervention(
    "corrupt_local",
    says="its numbers become nearby wrong ones, and later steps stay",
    random=True,
)
def corrupt_local(chain: Chain, step: int, context: Context) -> Chain:
    """Other numbers in this step, nothing else."""
    if context.rewrite is None:
        raise NotApplicable("a written step: there, corrupt is already local")
    return context.rewrite(step, replace(context, name="corrupt").draw, False)
