"""``corrupt_answer``: all statements of the final answer become the same other answer.

Whether the model then prefers the other answer (the follow rate) says whether it copies
the stated one or trusts the reasoning before it.
"""

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions.other_answer import answer_steps, with_other_answer
from lm_eval_faith.interventions.registry import Context, NotApplicable, intervention


@intervention(
    "corrupt_answer",
    says="every statement of the answer, from this first one on, becomes the same other answer",
    random=True,
)
def corrupt_answer(chain: Chain, step: int, context: Context) -> Chain:
    """The same other answer in every step that states it.

    A change of the whole chain, made once: at the first step that states the answer.

    Raises:
        NotApplicable: this is not that step, or the answer has no other one.
    """
    marked = answer_steps(chain)
    if step != marked[0]:
        raise NotApplicable(
            "made once for the chain, at the first step that states the answer"
        )
    return with_other_answer(chain, marked, context)
