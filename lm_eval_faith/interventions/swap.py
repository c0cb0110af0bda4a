"""``swap``: the step is replaced by a step of another problem."""

from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.layout import body_start
from lm_eval_faith.interventions.registry import Context, NotApplicable, intervention


@intervention("swap", says="a step of another problem stands in its place", random=True)
def swap(chain: Chain, step: int, context: Context) -> Chain:
    """Words of another problem, behind this step's own heading and list marker.

    The donor states the final answer of this problem in no way, and is another text.

    Raises:
        NotApplicable: no donor is left.
    """
    if not context.donors:
        raise NotApplicable("there are no steps of other problems to take one from")
    text = chain.steps[step].text
    start = body_start(text)
    draw = context.draw
    candidates = range(len(context.donors))
    for place in draw.sample(candidates, min(_TRIES, len(candidates))):
        donor = context.donors[place]
        words = donor[body_start(donor) :].strip()
        if words and words != text[start:] and not states_answer(words, chain.answer):
            return chain.with_step(step, text[:start] + words)
    raise NotApplicable("every donor that was tried states the answer or is this step")


_TRIES = 50
