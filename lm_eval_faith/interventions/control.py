"""``control``: an aside is put after the step, nothing else changes.

It moves everything that follows by about as much as a real change would, and says
nothing, so its effect is what disturbing the text alone does.
"""

import re

from lm_eval_faith.chains.asides import ASIDES_WITHOUT_NUMBER
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.language_phrases import phrases_of
from lm_eval_faith.interventions.registry import (
    Context,
    NotApplicable,
    intervention,
)

ASIDES = (
    *ASIDES_WITHOUT_NUMBER,
    "A bird is singing outside the window.",
    "The street is quiet at this hour.",
    "The leaves are starting to turn.",
    "It rained a little in the night.",
    "The lamp in the hall is still on.",
    "A bicycle leans against the fence.",
    "The garden gate is open.",
    "There is a smell of fresh bread.",
    "The moon is hidden behind the trees.",
    "A light wind comes from the sea.",
    "The old clock ticks on the wall.",
    "The cat is asleep on the sofa.",
    "The windows were cleaned this morning.",
    "Music is playing in the next room.",
    "The river runs past the old mill.",
    "A letter lies on the kitchen table.",
)
"""Sentences without a number, about nothing that problems count."""

WITHOUT_SPACES = ("ja", "th", "zh")
"""Languages that put no white space between sentences."""


@intervention(
    "control",
    says="an aside is put after it, and nothing else changes",
    control=True,
    random=True,
)
def control(chain: Chain, step: int, context: Context) -> Chain:
    """The step, and an aside in the chain's language behind it, set off as its steps are.

    Raises:
        NotApplicable: there is no aside in that language.
    """
    text = chain.steps[step].text
    aside = context.draw.choice(asides_of(chain))
    return chain.with_step(step, text + _spacing(chain, step) + aside)


def asides_of(chain: Chain) -> tuple[str, ...]:
    """The asides in the language of a chain.

    Raises:
        NotApplicable: there are none.
    """
    if chain.writing.code == "en":
        return ASIDES
    phrases = phrases_of(chain.writing.language)
    if phrases is None:
        raise NotApplicable(f"there is no aside in {chain.writing.language!r}")
    return phrases.asides


def _spacing(chain: Chain, step: int) -> str:
    """The white space that follows this step; at the end, that of the step before."""
    places = [step, *range(step - 1, -1, -1), *range(step + 1, len(chain.steps))]
    for k in places:
        if white := re.match(r"\s+", chain.steps[k].after):
            return white[0]
    if "\n" in chain.steps[step].text:
        return "\n"
    return "" if chain.writing.code in WITHOUT_SPACES else " "
