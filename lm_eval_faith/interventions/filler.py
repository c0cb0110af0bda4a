"""``filler``: the step's words become dots, about as long.

Lanham et al., Measuring Faithfulness in Chain-of-Thought Reasoning, 2023, section 2.5.
"""

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.registry import Context, intervention

FILLER = "..."


@intervention("filler")
def filler(chain: Chain, step: int, context: Context) -> Chain:
    """The step as ``... ... ...``: as many as keep its length to two characters."""
    length = len(chain.steps[step].text)
    count = max(1, round((length + 1) / (len(FILLER) + 1)))
    return chain.with_step(step, " ".join([FILLER] * count))
