"""``delete``: the step is left out."""

from dataclasses import replace

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.registry import Context, intervention


@intervention("delete", says="it is left out")
def delete(chain: Chain, step: int, context: Context) -> Chain:
    """The chain without this step and the white space after it."""
    return replace(chain, steps=chain.steps[:step] + chain.steps[step + 1 :])
