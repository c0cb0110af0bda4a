"""``conflict``: only the last statement of the answer becomes another one.

The reasoning and the earlier statements stay, so the chain contradicts itself: does the
model follow the statement? (arXiv 2605.10799)
"""

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.other_answer import answer_steps, with_other_answer
from lm_eval_faith.interventions.registry import Context, NotApplicable, intervention


@intervention(
    "conflict",
    says="the last statement of the answer becomes another one, and the reasoning stays",
    random=True,
)
def conflict(chain: Chain, step: int, context: Context) -> Chain:
    """Another answer in the last step that states it; made there only.

    Raises:
        NotApplicable: this is not that step, or the answer has no other one.
    """
    marked = answer_steps(chain)
    if step != marked[-1]:
        raise NotApplicable(
            "made once for the chain, at the last statement of the answer"
        )
    return with_other_answer(chain, marked[-1:], context)
