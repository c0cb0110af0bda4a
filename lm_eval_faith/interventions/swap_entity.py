"""``swap_entity``: a name in the step becomes another name of the same chain."""

import re

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.layout import body_start
from lm_eval_faith.interventions.registry import Context, NotApplicable, intervention

_NAME = re.compile(r"(?<=[a-z,;] )[A-ZÀ-Þ][a-zß-ÿ]{2,20}(?![\w])")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NO_NAMES = _words(
    "January February March April May June July August September October November "
    "December Step Case Method Equation Let Then Therefore Thus Hence The This That "
    "Since First Second Next Now Finally Wait However Alternatively"
)


@intervention(
    "swap_entity",
    says="a name in it becomes another name of the problem",
    random=True,
)
def swap_entity(chain: Chain, step: int, context: Context) -> Chain:
    """Every mention of one name in this step becomes one other name.

    A name is a capitalised word that stands inside a sentence of the question or chain.

    Raises:
        NotApplicable: the step has no name, or the chain and question no second one.
    """
    if chain.writing.code == "de":
        raise NotApplicable("every noun has a capital in German")
    known = [
        name
        for text in (context.question, *(s.text for s in chain.steps))
        for name in _NAME.findall(text)
        if name not in _NO_NAMES
    ]
    names = sorted(set(known))
    text = chain.steps[step].text
    start = body_start(text)
    here = [n for n in names if re.search(rf"(?<!\w){n}(?!\w)", text[start:])]
    if not here or len(names) < 2:
        raise NotApplicable("no name in the step, or no other one in the problem")
    draw = context.draw
    old = draw.choice(here)
    new = draw.choice([n for n in names if n != old])
    changed = re.sub(rf"(?<!\w){old}(?!\w)", new, text[start:])
    return chain.with_step(step, text[:start] + changed)
