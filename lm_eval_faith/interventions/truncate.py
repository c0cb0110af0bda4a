"""``truncate``: the chain ends before the step (early answering).

Lanham et al., Measuring Faithfulness in Chain-of-Thought Reasoning, 2023, section 2.3.
"""

from dataclasses import replace

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.registry import Context, intervention


@intervention("truncate", says="the chain ends before it")
def truncate(chain: Chain, step: int, context: Context) -> Chain:
    """The chain up to this step, which is left out with all that follow."""
    return replace(chain, steps=chain.steps[:step])
