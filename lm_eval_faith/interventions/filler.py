"""``filler``: the step's words become dots, about as long.

Lanham et al., Measuring Faithfulness in Chain-of-Thought Reasoning, 2023, section 2.5.
"""

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.layout import body_start
from lm_eval_faith.interventions.registry import Context, intervention

FILLER = "..."


@intervention("filler", says="its words become dots, about as many")
def filler(chain: Chain, step: int, context: Context) -> Chain:
    """The step as ``... ... ...``: as many as keep its length to two characters.

    A step keeps its heading and its list marker, which are layout.
    """
    text = chain.steps[step].text
    start = body_start(text)
    count = max(1, round((len(text) - start + 1) / (len(FILLER) + 1)))
    return chain.with_step(step, text[:start] + " ".join([FILLER] * count))
