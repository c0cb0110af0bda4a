"""``negate``: what the step says is denied."""

import re

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.layout import body_start
from lm_eval_faith.chains.protected import protected_spans
from lm_eval_faith.interventions.registry import Context, NotApplicable, intervention

_DENIED = re.compile(
    r"(?i)\b(?P<verb>is|are|was|were|can|could|will|would|should|must|do|does|did|has|have"
    r"|had)(?:[ ]not|n['’]t)\b|\b(?P<short>can['’]t|cannot|won['’]t)\b"
)
_ASSERTED = re.compile(
    r"\b(?P<verb>is|are|was|were|can|could|will|would|should|must)\b(?![ ]+not\b|['’])"
)


@intervention(
    "negate",
    says="what it says is denied",
)
def negate(chain: Chain, step: int, context: Context) -> Chain:
    """The step's first "not" is taken away; where there is none, its first "is", "can"
    or verb like them gets one. Formulae and the heading stay.

    Raises:
        NotApplicable: the chain is not in English, or no such verb stands in the step.
    """
    if chain.writing.code != "en":
        raise NotApplicable("only English sentences can be negated")
    text = chain.steps[step].text
    start = body_start(text)
    protected = protected_spans(text)

    def outside(match: re.Match[str]) -> bool:
        return not any(a <= match.start() < b for a, b in protected)

    for match in _DENIED.finditer(text, start):
        if outside(match):
            verb = match["verb"] or match[0][0] + (
                "an" if match[0][1] == "a" else "ill"
            )
            changed = text[: match.start()] + verb + text[match.end() :]
            return chain.with_step(step, changed)
    for match in _ASSERTED.finditer(text, start):
        if outside(match):
            changed = text[: match.end()] + " not" + text[match.end() :]
            return chain.with_step(step, changed)
    raise NotApplicable("no verb of the step can be negated by a word")
