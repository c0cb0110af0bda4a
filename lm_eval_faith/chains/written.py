"""A model's own text as a chain of steps, the final statement, and the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lm_eval_faith.chains.answers import (
    ExtractedAnswer,
    extract_answer,
    last_number,
    same_answer,
    states_answer,
)
from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.chains.splitting import split

THINK_TAGS = ("<think>", "</think>")

UNFINISHED = "the thinking does not end: the generation was cut off before {tag}"
NO_STATEMENT = "the text ends without a final statement of the answer"
NO_STEPS = "the text has no steps before the answer"


@dataclass(frozen=True)
class WrittenChain:
    """A generated text, taken apart.

    ``before + chain.text + cue + answer + rest`` is the text, to the byte.

    Attributes:
        before: what stands before the chain, such as an opening think tag.
        chain: the steps; ``chain.answer`` is the answer as written, or the reference
            where the text states none, and each step knows whether it states it.
        cue: from the end of the chain to where the answer starts, such as
            ``"#### "`` or ``"</think>\\n\\nShe makes $\\\\boxed{"``. The answer's
            log-probability is scored after ``prompt + before + chain.text + cue``.
        answer: the answer as written, without currency signs and units; empty when
            there is none.
        rest: what follows the answer.
        short_cue: the cue without a solution that is told again between the thinking
            and the final statement: closing tag and statement only. Equal to ``cue``
            where nothing is told again.
        problem: why the text cannot be used (no final statement, no steps), or None.
        correct: the answer is the reference; None without reference or answer.
    """

    before: str
    chain: Chain
    cue: str
    answer: str
    rest: str
    short_cue: str
    problem: str | None = None
    correct: bool | None = None

    @property
    def text(self) -> str:
        """The whole text again."""
        return self.before + self.chain.text + self.cue + self.answer + self.rest


def split_generation(
    text: str,
    reference: str | None = None,
    *,
    think_tags: tuple[str, str] = THINK_TAGS,
    thinking: bool = False,
    allow_last_number: bool = False,
) -> WrittenChain:
    """Take a generated text apart into chain, cue and answer.

    A thinking block is the chain, and what follows it holds the final statement.
    Without one the chain ends where the final statement of the answer starts (see
    :func:`~lm_eval_faith.chains.answers.extract_answer`).

    Args:
        text: the generation.
        reference: the right answer, to say whether the text's own is right.
        think_tags: what opens and closes the thinking.
        thinking: the prompt ends with the opening tag. Then, and when the text has
            that tag itself, a text without the closing one was cut off in thought and
            has no answer.
        allow_last_number: a text without a statement answers with the last number of
            its last sentence. Behind a thinking block that is always allowed.

    Raises:
        nothing: what is wrong with the text is told in the result's ``problem``.
    """
    start, end, final, cut_off = _thinking_span(text, think_tags, thinking)
    if cut_off:
        chain = _chain(text[start:end], reference or "")
        problem = UNFINISHED.format(tag=think_tags[1])
        return WrittenChain(text[:start], chain, "", "", text[end:], "", problem)
    found = extract_answer(text[final:])
    if found is None and (allow_last_number or final > end):
        found = last_number(text[final:])
    if found is None:
        end = max(end, start) if final > end else len(text)
        chain = _chain(text[start:end], reference or "")
        return WrittenChain(
            text[:start], chain, "", "", text[end:], "", problem=NO_STATEMENT
        )
    answer_start, answer_end = final + found.start, final + found.end
    statement = final + found.statement
    if final == start:
        end = body = statement
    else:
        body = final + len(text[final:]) - len(text[final:].lstrip())
    chain = _chain(text[start:end], found.text)
    return WrittenChain(
        before=text[:start],
        chain=chain,
        cue=text[end:answer_start],
        answer=found.text,
        rest=text[answer_end:],
        short_cue=text[end:body] + text[statement:answer_start],
        problem=None if chain.steps else NO_STEPS,
        correct=None if reference is None else _is_right(found, text, final, reference),
    )


def chain_of(steps: Sequence[str] | str, answer: str, separator: str = "\n") -> Chain:
    """A chain from text, or from a list of steps that stay the steps.

    Each step says whether it states the answer. White space at the ends of a listed
    step, and the separator between two, is its ``after``.
    """
    if isinstance(steps, str):
        return _chain(steps, answer)
    listed: list[Step] = []
    opening = ""
    for k, words in enumerate(steps):
        text = words.strip()
        lead = words[: len(words) - len(words.lstrip())]
        tail = words[len(words.rstrip()) :] if text else ""
        tail += separator if k + 1 < len(steps) else ""
        if listed:
            listed[-1] = replace(listed[-1], after=listed[-1].after + lead)
        else:
            opening += lead
        if text:
            listed.append(_marked(Step(text, tail), answer))
        elif listed:
            listed[-1] = replace(listed[-1], after=listed[-1].after + tail)
        else:
            opening += tail
    return Chain(steps=tuple(listed), answer=answer, opening=opening)


def _chain(text: str, answer: str) -> Chain:
    opening, steps = split(text)
    marked = tuple(_marked(step, answer) for step in steps)
    return Chain(steps=marked, answer=answer, opening=opening)


def _marked(step: Step, answer: str) -> Step:
    return replace(step, states_answer=states_answer(step.text, answer))


def _is_right(found: ExtractedAnswer, text: str, offset: int, reference: str) -> bool:
    """With the per cent sign that stands behind the answer, if one does."""
    behind = re.match(r"[ ]?\\?%", text[offset + found.end : offset + found.end + 4])
    return same_answer(found.text + ("%" if behind else ""), reference)


def _thinking_span(
    text: str, tags: tuple[str, str], thinking: bool
) -> tuple[int, int, int, bool]:
    """Where the chain starts and ends, where the final part starts, and whether the
    thinking is cut off. Without thinking the final part is the chain's own text."""
    opening, closing = tags
    lead = len(text) - len(text.lstrip())
    opened = bool(opening) and text.startswith(opening, lead)
    start = lead + len(opening) if opened else 0
    close = text.find(closing, start) if closing else -1
    if close < 0:
        return start, len(text), start, opened or thinking
    final = close + len(closing)
    if not text[start:close].strip():
        return final, len(text), final, False
    return start, close, final, False
