"""How a chain and its answer follow a prompt, and how a model is asked for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.written import WrittenChain, split_generation
from lm_eval_faith.errors import InputError
from lm_eval_faith.parameters import parameter, text, yes_or_no


@dataclass(frozen=True)
class AnswerFormat:
    """How a chain and its answer follow a prompt."""

    answer_cue: str = parameter(
        "The answer is", text, "the words that lead to the answer"
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
        "<think>\n", text, "the tag that opens the thinking, with its white space"
    )
    think_close: str = parameter(
        "\n</think>\n\n", text, "the tag that closes it, with its white space"
    )

    def context(self, prompt: str, chain_text: str) -> str:
        """Everything before the answer.

        Raises:
            InputError: the prompt closes the thinking before it begins.
        """
        if not self.think:
            return f"{prompt}{chain_text}{self.answer_cue}"
        start = self.opened(prompt)
        return f"{start}{chain_text.rstrip()}{self.think_close}{self.answer_cue}"

    def before_chain(self, prompt: str) -> str:
        """Everything before the chain.

        Raises:
            InputError: the prompt closes the thinking before it begins.
        """
        return self.opened(prompt) if self.think else prompt

    def opened(self, prompt: str) -> str:
        """The prompt up to where the thinking begins: the tag is added if it is missing.

        Raises:
            InputError: the prompt closes the thinking before it begins.
        """
        written = prompt.rstrip()
        if written.endswith(self.think_close.strip()):
            raise InputError(
                f"the chat template ends with {self.think_close.strip()!r}, so the "
                "model is told not to think: pass chat_template_args="
                '{"enable_thinking":true} in --model_args'
            )
        return prompt if self.is_open(prompt) else prompt + self.think_open

    def is_open(self, prompt: str) -> bool:
        """Whether the prompt ends with the tag that opens the thinking."""
        tag = self.think_open.strip()
        return bool(tag) and prompt.rstrip().endswith(tag)

    def taker_apart(
        self, prompt: str, reference: str | None = None, allow_last_number: bool = False
    ) -> Callable[[str], WrittenChain]:
        """What takes apart the texts that a model writes behind a prompt."""

        def taken_apart(text: str) -> WrittenChain:
            return split_generation(
                text,
                reference,
                think_tags=(self.think_open.strip(), self.think_close.strip()),
                thinking=self.is_open(prompt),
                allow_last_number=allow_last_number,
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


def white_space_of(chain: Chain) -> str:
    """What stands between the chain's steps, to be put behind the last one too."""
    for step in reversed(chain.steps):
        if step.after and not step.after.strip():
            return step.after
    return " "
