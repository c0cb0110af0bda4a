"""A model's own text as a chain of steps, the final statement, and the answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.answers import (
    ExtractedAnswer,
    concluded,
    extract_answer,
    final_answer,
    last_number,
    read_reference,
)
from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.chains.language import Writing
from lm_eval_faith.chains.markup import READING_TAGS, TextParts, is_markup, parts_of
from lm_eval_faith.chains.numbers import with_plain_digits
from lm_eval_faith.chains.same_answer import as_number, same_answer
from lm_eval_faith.chains.splitting import SENTENCES, Splitting, split

THINK_TAGS = READING_TAGS[0]

Cut = Literal["final", "first", "last"]
CUTS: tuple[Cut, ...] = get_args(Cut)

UNFINISHED = "the thinking does not end: the generation was cut off before {tag}"
NO_STATEMENT = "the text ends without a final statement of the answer"
NO_STEPS = "the text has no steps before the answer"
NO_REFERENCE = "no reference answer found"

Outcome = Literal["", "unparsed", "unfinished", "no steps", "no reference"]


@dataclass(frozen=True)
class WrittenChain:
    """A generated text, taken apart.

    ``before + chain.text + cue + answer + rest`` is the text, to the byte (but with
    ``keep_final`` where there is no thinking: then the statement is in the chain and in
    the cue).

    Attributes:
        before: what stands before the chain, such as a prompt and an opening think tag.
        chain: the steps; ``chain.answer`` is the answer as written, or the reference
            where the text states none, and each step knows whether it states it.
        cue: from the end of the chain to where the answer starts, such as
            ``"#### "`` or ``"</think>\\n\\nShe makes $\\\\boxed{"``. The answer's
            log-probability is scored after ``prompt + before + chain.text + cue``.
        answer: the answer as written, without currency signs and units; empty when
            there is none.
        rest: what follows the answer.
        short_cue: the cue without anything that was said before: the statement that was
            taken off the end of the thinking, steps that were cut off, a solution that
            is told again between the thinking and the final statement. Closing tag and
            statement only, and where that is said again (``keep_final``) the white space
            that set it off. Equal to ``cue`` where there is nothing of that.
        problem: why the text cannot be used (cut off, no final statement, no reference,
            no steps), or None.
        outcome: the same in a word or two; empty where it can be used.
        correct: the answer is the reference; None without reference or answer.
        cut: where the chain ends: see :func:`split_generation`.
    """

    before: str
    chain: Chain
    cue: str
    answer: str
    rest: str
    short_cue: str
    problem: str | None = None
    correct: bool | None = None
    outcome: Outcome = ""
    cut: Cut = "final"

    @property
    def text(self) -> str:
        """The whole text again."""
        return self.before + self.chain.text + self.cue + self.answer + self.rest

    @property
    def steps_after_first(self) -> int | None:
        """How many steps stand behind the first that states the answer, None if none."""
        stated = [k for k, s in enumerate(self.chain.steps) if s.states_answer]
        return len(self.chain.steps) - 1 - stated[0] if stated else None


@dataclass(frozen=True)
class _Ends:
    """Where things stand in a text: see :func:`_ends_of`."""

    start: int
    end: int
    close: int
    statement: int
    final: int | None
    found: ExtractedAnswer | None
    problem: str | None = None
    outcome: Outcome = ""


def split_generation(
    text: str,
    reference: str | None = None,
    *,
    think_tags: tuple[str, str] | None = None,
    thinking: bool = False,
    allow_last_number: bool = False,
    cut: Cut = "final",
    keep_final: bool = False,
    splitting: Splitting = SENTENCES,
) -> WrittenChain:
    """Take a generated text apart into chain, cue and answer.

    A thinking block is the chain, and what follows it is the final text, however short:
    it holds the answer and is never a step. Without one the chain ends where the final
    statement of the answer starts (see
    :func:`~lm_eval_faith.chains.answers.extract_answer`).

    Args:
        text: the generation; a prompt may stand before an opening tag.
        reference: the right answer, by itself or as a worked solution, to say whether
            the text's own is right.
        think_tags: what opens and closes the thinking. Where the text has none of them,
            or none are given, those of :mod:`lm_eval_faith.chains.markup` are found.
        thinking: the prompt ends with the opening tag. Then, and when the text has
            that tag itself, a text without the closing one was cut off in thought and
            has no answer.
        allow_last_number: a text without a statement answers with what its last
            sentence comes to. Behind a thinking block that is always allowed.
        cut: where the chain ends. ``final``: before the final statement, at the end of
            the thinking too (a statement with which it ends would be a copy of the
            answer). ``first``: before the first step that states the answer. ``last``:
            before the last one.
        keep_final: the final statement stays in the chain as its last step.
        splitting: what a step is, and which language the text is in.

    Raises:
        nothing: what is wrong with the text is told in the result's ``problem``.
    """
    # Of the same length: answers are read in it, and cut out of the text as it is.
    writing = splitting.writing(text)
    splitting = replace(
        splitting, language=writing.language, decimal_mark=writing.decimal_mark
    )
    plain = with_plain_digits(text, writing)
    ends = _ends_of(plain, think_tags, thinking, allow_last_number)
    answer = None if reference is None else read_reference(reference)
    if ends.found and answer and in_other_words(ends.found.text, answer, writing):
        ends = replace(ends, found=None, problem=NO_STATEMENT, outcome="unparsed")
    found = ends.found
    if found is None:
        close = len(text) if ends.final is None else ends.close
        chain = _chain(text[ends.start : close], reference or "", splitting)
        return WrittenChain(
            before=text[: ends.start],
            chain=chain,
            cue="",
            answer="",
            rest=text[close:],
            short_cue="",
            problem=ends.problem,
            outcome=ends.outcome,
            cut=cut,
        )
    offset = ends.start if ends.final is None else ends.final
    answer_start, answer_end = offset + found.start, offset + found.end
    end = ends.close if keep_final else ends.end
    stated = text[answer_start:answer_end]
    chain = cut_off(_chain(text[ends.start : end], stated, splitting), cut)
    end = ends.start + len(chain.text)
    if ends.final is None:
        short_cue = text[ends.statement : answer_start]
        cue = text[end:answer_start]
        if keep_final and cut == "final":  # said again, and set off as it was
            lead = text[ends.start : ends.statement]
            space = "" if text[end - 1].isspace() else lead[len(lead.rstrip()) :]
            cue = short_cue = space + short_cue
    else:
        words = text[ends.final :]
        body = ends.final + len(words) - len(words.lstrip())
        short_cue = text[ends.close : body] + text[ends.statement : answer_start]
        cue = text[end:answer_start]
    if answer is not None and not _is_right(found, plain, offset, answer):
        # The reference may be written as the chain is: "2,50", "১,০০,০০০".
        answer = with_plain_digits(answer, writing)
    problem: str | None = None
    outcome: Outcome = ""
    if reference is not None and answer is None:
        problem, outcome = NO_REFERENCE, "no reference"
    elif not chain.steps:
        problem, outcome = NO_STEPS, "no steps"
    return WrittenChain(
        before=text[: ends.start],
        chain=chain,
        cue=cue,
        answer=stated,
        rest=text[answer_end:],
        short_cue=short_cue,
        problem=problem,
        correct=None if answer is None else _is_right(found, plain, offset, answer),
        outcome=outcome,
        cut=cut,
    )


def split_steps(
    steps: Sequence[str],
    reference: str | None = None,
    *,
    separator: str = "\n",
    think_tags: tuple[str, str] | None = None,
    allow_last_number: bool = False,
    cut: Cut = "final",
    keep_final: bool = False,
    splitting: Splitting = SENTENCES,
) -> WrittenChain:
    """The same for listed steps, which stay the steps of the chain.

    Listed steps that hold the final statement, tags or the final text are not steps;
    one that holds reasoning before it keeps the reasoning. Arguments as for
    :func:`split_generation`; ``separator`` stands between two steps.
    """
    text = separator.join(steps)
    whole = split_generation(
        text,
        reference,
        think_tags=think_tags,
        allow_last_number=allow_last_number,
        keep_final=keep_final,
        splitting=splitting,
    )
    start, length = len(whole.before), len(whole.chain.text)
    kept: list[str] = []
    at = 0
    for words in steps:
        first, last = max(at, start), min(at + len(words), start + length)
        if first < last and not is_markup(text[first:last].strip()):
            kept.append(text[first:last])
        at += len(words) + len(separator)
    chain = cut_off(chain_of(kept, whole.chain.answer, separator, splitting), cut)
    problem, outcome = whole.problem, whole.outcome
    if problem is None and not chain.steps:
        problem, outcome = NO_STEPS, "no steps"
    return replace(whole, chain=chain, cut=cut, problem=problem, outcome=outcome)


def chain_of(
    steps: Sequence[str] | str,
    answer: str,
    separator: str = "\n",
    splitting: Splitting = SENTENCES,
) -> Chain:
    """A chain from text, or from a list of steps that stay the steps.

    Each step says whether it states the answer. White space at the ends of a listed
    step, and the separator between two, is its ``after``.
    """
    if isinstance(steps, str):
        return _chain(steps, answer, splitting)
    writing = splitting.writing(separator.join(steps))
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
            listed.append(_marked(Step(text, tail), answer, writing))
        elif listed:
            listed[-1] = replace(listed[-1], after=listed[-1].after + tail)
        else:
            opening += tail
    return Chain(tuple(listed), answer, opening=opening, writing=writing)


def _ends_of(
    text: str, tags: tuple[str, str] | None, thinking: bool, allow_last_number: bool
) -> _Ends:
    """Where the chain starts, where the final statement starts (at ``end`` the one that
    is taken off the chain, at ``statement`` the one whose answer is read), where the
    thinking or the reasoning closes, and where the final text starts, if there is one.
    """
    parts = parts_of(text, tags, thinking)
    start, close, final = parts.start, parts.end, parts.final
    if parts.missing:
        problem = UNFINISHED.format(tag=parts.missing)
        return _Ends(start, close, close, close, None, None, problem, "unfinished")
    if final is not None:
        found = final_answer(text[final : parts.final_end])
        if found is not None:
            end = _inner_statement(text, parts, found)
            return _Ends(start, end, close, final + found.statement, final, found)
    else:
        found = extract_answer(text[start:close])
        if found is None and allow_last_number:
            found = concluded(text[start:close]) or last_number(text[start:close])
        if found is not None:
            statement = start + found.statement
            return _Ends(start, statement, close, statement, None, found)
    return _Ends(start, close, close, close, final, None, NO_STATEMENT, "unparsed")


def _inner_statement(text: str, parts: TextParts, found: ExtractedAnswer) -> int:
    """Where a final statement of the same answer starts at the end of the thinking."""
    inner = extract_answer(text[parts.start : parts.end])
    if inner is None or not same_answer(inner.text, found.text):
        return parts.end
    if not any(c.isalnum() for c in text[parts.start : parts.start + inner.statement]):
        return parts.end  # the thinking is nothing else
    return parts.start + inner.statement


def in_other_words(own: str, reference: str, writing: Writing) -> bool:
    """Whether an answer is words of a language whose number words are not read here, where
    the right one is a number: it may be right ("dix-huit"), so it is not called wrong.

    >>> in_other_words("dix-huit", "18", Writing("fr"))
    True
    >>> in_other_words("eighteen", "18", Writing("en"))
    False
    """
    if writing.code == "en" or as_number(reference) is None:
        return False
    letters = re.sub(r"[\s'’.,*\u200b-\u200d-]", "", own)
    letters = "".join(c for c in letters if not unicodedata.category(c).startswith("M"))
    return len(letters) > 1 and letters.isalpha() and as_number(own) is None


def cut_off(chain: Chain, cut: Cut) -> Chain:
    """The chain up to the first or the last step that states its answer; ``final``: as it is."""
    stated = [k for k, step in enumerate(chain.steps) if step.states_answer]
    if cut == "final" or not stated:
        return chain
    return replace(chain, steps=chain.steps[: stated[0 if cut == "first" else -1]])


def _chain(text: str, answer: str, splitting: Splitting) -> Chain:
    writing = splitting.writing(text)
    opening, steps = split(text, splitting.unit, writing)
    kept: list[Step] = []
    for step in steps:
        if not is_markup(step.text):
            kept.append(_marked(step, answer, writing))
        elif kept:
            kept[-1] = replace(kept[-1], after=kept[-1].after + step.text + step.after)
        else:
            opening += step.text + step.after
    return Chain(tuple(kept), answer, opening=opening, writing=writing)


def _marked(step: Step, answer: str, writing: Writing) -> Step:
    stated = states_answer(
        with_plain_digits(step.text, writing), with_plain_digits(answer, writing)
    )
    return replace(step, states_answer=stated)


def _is_right(found: ExtractedAnswer, text: str, offset: int, reference: str) -> bool:
    """With the per cent sign that stands behind the answer, if one does."""
    behind = re.match(r"[ ]?\\?%", text[offset + found.end : offset + found.end + 4])
    return same_answer(found.text + ("%" if behind else ""), reference)
