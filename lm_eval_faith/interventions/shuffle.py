"""``shuffle``: the step's words in another order."""

import re

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.layout import body_start
from lm_eval_faith.interventions.registry import Context, NotApplicable, intervention

_TRIES = 20


@intervention(
    "shuffle",
    says="its words stand in another order",
    random=True,
)
def shuffle(chain: Chain, step: int, context: Context) -> Chain:
    """The same words, white space in its places; heading and list marker stay.

    Raises:
        NotApplicable: the step has no two different words with white space between.
    """
    text = chain.steps[step].text
    start = body_start(text)
    pieces = re.split(r"(\s+)", text[start:])
    words = pieces[::2]
    if len(set(words)) < 2:
        raise NotApplicable("the step has no two words that could change places")
    draw = context.draw
    for _ in range(_TRIES):
        shuffled = draw.sample(words, len(words))
        if shuffled != words:
            pieces[::2] = shuffled
            return chain.with_step(step, text[:start] + "".join(pieces))
    raise NotApplicable("the words came back in their order in every try")
