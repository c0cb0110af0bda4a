"""From a chain and its variants to log-likelihood requests.

The order of requests is the one that :mod:`lm_eval_faith.records.outcome` reads responses in:
the clean chain first, then each variant that can be made with the original answer, and
with the other answer where the intervened chain leads to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.errors import InputError
from lm_eval_faith.interventions.plan import Variant

Request = tuple[str, str]
"""A context and the continuation whose log-probability is asked for."""


@dataclass(frozen=True)
class AnswerFormat:
    """How a chain and its answer follow a prompt.

    Attributes:
        cue: the words that lead to the answer.
        delimiter: what stands between cue and answer; it is scored with the answer.
        think: the chain stands between think tags.
        think_open, think_close: the tags, with their white space.
    """

    cue: str = "The answer is"
    delimiter: str = " "
    think: bool = False
    think_open: str = "<think>\n"
    think_close: str = "\n</think>\n\n"

    def context(self, prompt: str, chain_text: str) -> str:
        """Everything before the answer.

        Raises:
            InputError: the prompt closes the thinking before it begins.
        """
        if not self.think:
            return f"{prompt}{chain_text}{self.cue}"
        start = self.opened(prompt)
        return f"{start}{chain_text.rstrip()}{self.think_close}{self.cue}"

    def opened(self, prompt: str) -> str:
        """The prompt up to where the thinking begins: the tag is added if it is missing.

        Raises:
            InputError: the prompt closes the thinking before it begins.
        """
        written = prompt.rstrip()
        if written.endswith(self.think_close.strip()):
            raise InputError(
                f"the chat template ends with {self.think_close.strip()!r}, so the "
                "model is told not to think: pass enable_thinking=True in --model_args"
            )
        return prompt if self.is_open(prompt) else prompt + self.think_open

    def is_open(self, prompt: str) -> bool:
        """Whether the prompt ends with the tag that opens the thinking."""
        tag = self.think_open.strip()
        return bool(tag) and prompt.rstrip().endswith(tag)

    def worked(self, chain: Chain) -> str:
        """A whole solution, as few-shot examples show it."""
        return f"{self.context('', chain.text)}{self.delimiter}{chain.answer}"


def chain_requests(
    prompt: str, chain: Chain, variants: Sequence[Variant], form: AnswerFormat
) -> list[Request]:
    """All that must be scored for one chain."""
    answer = form.delimiter + chain.answer
    requests = [(form.context(prompt, chain.text), answer)]
    for variant in variants:
        if variant.chain is None:
            continue
        context = form.context(prompt, variant.chain.text)
        requests.append((context, answer))
        if variant.other_answer:
            requests.append((context, form.delimiter + variant.other_answer))
    return requests
