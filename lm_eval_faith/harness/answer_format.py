"""How a chain and its answer follow a prompt, and how a model is asked for both."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.language_phrases import phrases_of
from lm_eval_faith.chains.markup import READING_TAGS, behind_thinking, parts_of
from lm_eval_faith.chains.written import WrittenChain, split_generation
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.seam import spaces_moved
from lm_eval_faith.parameters import parameter, text, yes_or_no
from lm_eval_faith.problems.reading import TextReading


def _tag(name: str, value: object) -> str:
    """A tag with its white space; a line break may be written out."""
    return text(name, value).replace("\\n", "\n")


ENGLISH_CUE = "The answer is"


@dataclass(frozen=True)
class AnswerFormat:
    """How a chain and its answer follow a prompt."""

    answer_cue: str = parameter(
        ENGLISH_CUE,
        text,
        "the words that lead to the answer; unless told otherwise those of a run of ours "
        "that wrote the chain (own_cue), else in the language of the chain",
    )
    answer_delimiter: str = parameter(
        " ", text, "what stands between cue and answer; it is scored with the answer"
    )
    think: bool = parameter(
        False,
        yes_or_no,
        "the chain stands between think tags; the opening one is put behind the prompt "
        "unless the chat template does",
    )
    think_open: str = parameter(
        "<think>\n", _tag, "the tag that opens the thinking, with its white space"
    )
    think_close: str = parameter(
        "\n</think>\n\n", _tag, "the tag that closes it, with its white space"
    )

    def in_language_of(self, chain: Chain) -> AnswerFormat:
        """The same with the cue in the chain's language, unless another one was asked for."""
        phrases = phrases_of(chain.writing.language)
        if self.answer_cue != ENGLISH_CUE or phrases is None:
            return self
        return replace(self, answer_cue=phrases.cue)

    def in_words_of(self, cue: str) -> AnswerFormat:
        """The same with what a chain's writer put between chain and answer; itself where that
        is not known, or another cue was asked for.

        It stays to the byte where it closes the thinking as this form does, or where neither
        does. Else only the words behind the tag are taken, and the tags are this form's.
        """
        plain = AnswerFormat()
        asked_for = (self.answer_cue, self.answer_delimiter)
        if not cue or asked_for != (plain.answer_cue, plain.answer_delimiter):
            return self
        own = replace(self, answer_cue=cue, answer_delimiter="")
        closing = self._own_tags()[1]
        if self.think and closing and closing in cue:
            return replace(own, think=False)
        words = behind_thinking(cue, closing)
        if self.think:
            return replace(own, answer_cue=words.lstrip())
        if words != cue and not words.strip():
            return self  # a tag alone led to the answer, and it is not there
        return replace(own, answer_cue=words)

    def context(self, prompt: str, chain_text: str) -> str:
        """Everything before the answer.

        Raises:
            InputError: the prompt closes the thinking before it begins.
        """
        if not self.think:
            return f"{prompt}{chain_text}{self.answer_cue}"
        start = self.opened(prompt)
        return f"{start}{chain_text.rstrip()}{self.think_close}{self.answer_cue}"

    def request(self, prompt: str, chain_text: str, answer: str) -> tuple[str, str]:
        """A context, and the continuation whose log-probability is asked for.

        Behind a closing tag without a cue, white space ends the context. The harness
        would score it with the answer, so it is put there, where the samples file shows it.
        """
        context = self.context(prompt, chain_text)
        continuation = self.answer_delimiter + answer
        return (
            spaces_moved(context, continuation)
            if self.think
            else (context, continuation)
        )

    def before_chain(self, prompt: str) -> str:
        """Everything before the chain.

        Raises:
            InputError: the prompt closes the thinking before it begins, or opens it
                where there is to be none.
        """
        if self.think:
            return self.opened(prompt)
        for opening, closing in self._known_tags():
            if opening and prompt.rstrip().endswith(opening):
                raise InputError(
                    f"the chat template ends with {opening!r}, so all that follows is "
                    "thinking, and a chain without the closing tag would never end it: "
                    "pass --metadata think=true" + self._tags_to_pass(opening, closing)
                )
        return prompt

    def opened(self, prompt: str) -> str:
        """The prompt up to where the thinking begins: the tag is added if it is missing.

        Raises:
            InputError: the prompt closes the thinking before it begins, or opens it with
                another tag.
        """
        if self.is_open(prompt):
            return prompt
        for opening, closing in self._known_tags():
            if closing and prompt.rstrip().endswith(closing):
                raise InputError(
                    f"the chat template ends with {closing!r}, so the model is told not "
                    'to think: pass chat_template_args={"enable_thinking":true} in '
                    "--model_args, or think=false in --metadata"
                )
            if opening and prompt.rstrip().endswith(opening):
                raise InputError(
                    f"the chat template opens the thinking with {opening!r}: pass "
                    "--metadata think=true" + self._tags_to_pass(opening, closing)
                )
        return prompt + self.think_open

    def _known_tags(self) -> Sequence[tuple[str, str]]:
        """What opens and closes thinking: this form's tags, then those in use."""
        return (self._own_tags(), *READING_TAGS)

    def _own_tags(self) -> tuple[str, str]:
        return self.think_open.strip(), self.think_close.strip()

    def _tags_to_pass(self, opening: str, closing: str) -> str:
        if (opening, closing) == self._own_tags():
            return ""
        return f" think_open='{opening}\\n' think_close='\\n{closing}\\n\\n'"

    def is_open(self, prompt: str) -> bool:
        """Whether the prompt ends with the tag that opens the thinking."""
        tag = self.think_open.strip()
        return bool(tag) and prompt.rstrip().endswith(tag)

    def has_tags(self, prompt: str) -> bool:
        """Whether the prompt ends with what opens or closes thinking."""
        end = prompt.rstrip()
        return any(
            tag and end.endswith(tag) for pair in self._known_tags() for tag in pair
        )

    def asked_for(self, generation: Mapping[str, Any]) -> dict[str, Any]:
        """Settings under which a model writes a chain, from a user's.

        No stop string ends the thinking, where it would be one of its own words: the
        backend gets none, and :meth:`without_what_stops` cuts behind the closing tag.
        """
        settings = copy.deepcopy(dict(generation))
        return settings | {"until": []} if self.think else settings

    def without_what_stops(self, text: str, generation: Mapping[str, Any]) -> str:
        """A generation up to the first stop string behind its thinking, if it has one.

        Without ``think`` the backend has cut it already.
        """
        if not self.think:
            return text
        parts = parts_of(text, self._own_tags(), thinking=True)
        if parts.missing:
            return text
        answer = parts.start if parts.final is None else parts.end
        until = generation.get("until") or []
        stops = [until] if isinstance(until, str) else until
        places = [text.find(stop, answer) for stop in stops if stop]
        return text[: min((p for p in places if p >= 0), default=len(text))]

    def taker_apart(
        self,
        prompt: str,
        generation: Mapping[str, Any],
        reading: TextReading,
        reference: str | None = None,
        allow_last_number: bool = False,
    ) -> Callable[[str], WrittenChain]:
        """What takes apart the texts that a model writes behind a prompt.

        Args:
            prompt: the prompt.
            generation: a user's settings, whose stop strings count.
            reading: how a text becomes a chain.
            reference: the right answer.
            allow_last_number: it may be the last number of a text without a statement.
        """

        def taken_apart(text: str) -> WrittenChain:
            return split_generation(
                self.without_what_stops(text, generation),
                reference,
                think_tags=reading.tags or self._own_tags(),
                thinking=self.is_open(prompt),
                allow_last_number=allow_last_number,
                **reading.how,
            )

        return taken_apart

    def worked(self, chain: Chain) -> str:
        """A whole solution, as few-shot examples show it."""
        return f"{self.context('', chain.text)}{self.answer_delimiter}{chain.answer}"


@dataclass(frozen=True)
class Prompt:
    """How a model is asked to solve a problem.

    Attributes:
        instruction: follows the question; ``{cue}`` is the answer's cue.
        statement: how a worked example states its answer.
    """

    instruction: str
    statement: str = "{cue}{delimiter}{answer}"

    def worked(self, chain: Chain, form: AnswerFormat) -> str:
        """A whole solution, as the model is to write it."""
        statement = self.statement.format(
            cue=form.answer_cue, delimiter=form.answer_delimiter, answer=chain.answer
        )
        solution = chain.text.rstrip()
        if not form.think:
            return f"{solution}{white_space_of(chain)}{statement}"
        return f"{form.think_open}{solution}{form.think_close}{statement}"


PROMPTS = {
    "plain": Prompt("Let's work it out step by step."),
    "chat": Prompt(
        'Let\'s work it out step by step, and end with "{cue}" and the number.'
    ),
    "boxed": Prompt(
        "Please reason step by step, and put your final answer within \\boxed{{}}.",
        "{cue}{delimiter}\\boxed{{{answer}}}",
    ),
}
"""For base models, for models with a chat template, and for reasoning models."""

CHOICE_PROMPTS = {
    **PROMPTS,
    "chat": Prompt(
        'Let\'s work it out step by step, and end with "{cue}" and the letter.'
    ),
    "boxed": Prompt(
        "Please reason step by step, and put the letter of your answer within "
        "\\boxed{{}}.",
        PROMPTS["boxed"].statement,
    ),
}
"""The same where the answer is a letter."""


def white_space_of(chain: Chain) -> str:
    """What stands between the chain's steps, to be put behind the last one too."""
    for step in reversed(chain.steps):
        if step.after and not step.after.strip():
            return step.after
    return " "
