"""Another final answer, and how a step that states the answer states the other one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.chains.language import Writing
from lm_eval_faith.chains.numbers import with_plain_digits
from lm_eval_faith.chains.same_answer import same_answer
from lm_eval_faith.interventions.registry import Context, NotApplicable
from lm_eval_faith.interventions.restated import (
    Value,
    number_of,
    other_values,
    restated,
    stated_numbers,
    value_of,
)

_OPPOSITES = {"yes": "no", "true": "false", "no": "yes", "false": "true"}


@dataclass(frozen=True)
class OtherAnswer:
    """Another answer.

    Attributes:
        answer: as the chain's own is written.
        write: a text with every statement of the old answer made one of this.
    """

    answer: str
    write: Callable[[str], str]


def answer_steps(chain: Chain) -> list[int]:
    """The steps that state the answer.

    Raises:
        NotApplicable: there is none.
    """
    marked = [k for k, s in enumerate(chain.steps) if s.states_answer]
    if not marked:
        raise NotApplicable("no step states the answer")
    return marked


def with_other_answer(chain: Chain, steps: list[int], context: Context) -> Chain:
    """The chain with another answer in these steps, and as what it leads to.

    The other answer depends on the document alone, so that every intervention that
    uses one, at every step, takes the same.

    Raises:
        NotApplicable: the answer is of a kind that has no other one, or a step states
            it in a form that cannot be rewritten.
    """
    draw = context.draw_for("other answer")
    other = _other(chain, draw)
    changed = list(chain.steps)
    for k in steps:
        text = other.write(chain.steps[k].text)
        stated = states_answer(
            with_plain_digits(text, chain.writing),
            with_plain_digits(chain.answer, chain.writing),
        )
        if stated or text == chain.steps[k].text:
            raise NotApplicable(
                f"step {k + 1} states the answer in a form that cannot be rewritten"
            )
        changed[k] = replace(chain.steps[k], text=text, numbers=())
    return replace(chain, steps=tuple(changed), answer=other.answer)


def _other(chain: Chain, draw: Draw) -> OtherAnswer:
    answer = chain.answer.strip()
    if number_of(answer, chain.writing) is not None:
        return _other_number(chain, answer, draw)
    if re.fullmatch(r"\(?[A-Z]\)?", answer):
        return _other_letter(chain, answer, draw)
    if answer.lower() in _OPPOSITES:
        return _other_word(answer, _OPPOSITES[answer.lower()])
    return _other_expression(chain, answer, draw)


def _other_number(chain: Chain, answer: str, draw: Draw) -> OtherAnswer:
    writing = chain.writing
    number = number_of(answer, writing)
    assert number is not None
    value = Value(number, "%" in answer, any_unit=True)
    marked = [s.text for s in chain.steps if s.states_answer]
    there = frozenset(
        n.value for s in chain.steps for n in stated_numbers(s.text, writing)
    )
    possible = other_values(value, [*marked, answer], writing, there)
    if not possible:
        raise NotApplicable("no nearby value can be written wherever the answer stands")
    new = draw.choice(possible)
    return OtherAnswer(
        restated(answer, value, new, writing),
        lambda text: restated(text, value, new, writing),
    )


def _other_letter(chain: Chain, answer: str, draw: Draw) -> OtherAnswer:
    letter = answer.strip("()")
    choices = re.findall(r"\(([A-Z])\)", chain.text) + ["A", "B", "C", "D"]
    others = sorted({c for c in choices if c != letter and c <= max("D", letter)})
    new = draw.choice(others)
    pattern = re.compile(
        rf"(?<=\(){letter}(?=\))|(?<![\w'’]){letter}(?=[).,:;!*}}\]]|\s*$"
        r"|\sis\s(?:the\s)?(?:correct|right|answer))"
        rf"|(?i:(?<=option )|(?<=choice )|(?<=answer is )|(?<=answer: )){letter}(?!\w)"
    )
    return OtherAnswer(answer.replace(letter, new), lambda text: pattern.sub(new, text))


def _other_word(answer: str, opposite: str) -> OtherAnswer:
    pattern = re.compile(rf"(?i)(?<!\w){answer}(?!\w)")

    def in_case(match: re.Match[str]) -> str:
        if match[0].isupper():
            return opposite.upper()
        return opposite.capitalize() if match[0][0].isupper() else opposite

    return OtherAnswer(pattern.sub(in_case, answer), lambda t: pattern.sub(in_case, t))


def _other_expression(chain: Chain, answer: str, draw: Draw) -> OtherAnswer:
    """An expression with one of its numbers changed, wherever it stands letter by letter
    but for white space and the sizes of fractions and brackets."""
    values = {value_of(n) for n in stated_numbers(answer, chain.writing)}
    tries = [
        (value, new)
        for value in sorted(values, key=lambda v: v.number)
        for new in other_values(value, [answer], chain.writing, frozenset())
    ]
    for value, new in draw.sample(tries, len(tries)):
        other = restated(answer, value, new, chain.writing)
        if not same_answer(answer, other):
            write = partial(_rewritten, _loosely(answer), value, new, chain.writing)
            return OtherAnswer(other, write)
    raise NotApplicable("the answer has no number that could be another one")


def _rewritten(
    pattern: re.Pattern[str], value: Value, new: Fraction, writing: Writing, text: str
) -> str:
    return pattern.sub(lambda found: restated(found[0], value, new, writing), text)


_ROOT = re.compile(
    r"(?:\\sqrt|√)\s?(?:\{([^{}]{1,60})\}|\(([^()]{1,60})\)|([0-9]{1,12}))"
)
_PIECE = re.compile(
    r"\\[dt]?frac(?![A-Za-z])|\\(?:left|right)(?![A-Za-z])|\\[A-Za-z]+|\\.|[0-9]+|[^\s]"
)
_WRITTEN = {
    **dict.fromkeys((r"\frac", r"\dfrac", r"\tfrac"), r"\\[dt]?frac"),
    **dict.fromkeys((r"\pi", "π"), r"(?:\\pi|π)"),
    "√": r"(?:\\sqrt|√|sqrt)",
    "⟨": r"[{(]?",
    "⟩": r"[)}]?",
}
"""How a piece of an expression may be written; ⟨ and ⟩ stand around what is under a root."""


def _loosely(answer: str) -> re.Pattern[str]:
    rooted = _ROOT.sub(lambda m: f"√⟨{m[1] or m[2] or m[3]}⟩", answer)
    parts = [
        _WRITTEN.get(piece) or re.escape(piece)
        for piece in _PIECE.findall(rooted)
        if piece not in (r"\left", r"\right")
    ]
    gap = r"[ ]?(?:\\left|\\right|\\[,;!])?[ ]?"
    return re.compile(r"(?<![\w.])" + gap.join(parts) + r"(?!\w|[.,][0-9])")
