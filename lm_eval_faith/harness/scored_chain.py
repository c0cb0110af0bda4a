"""From a chain and its variants to log-likelihood requests, and from responses back.

The order of requests is fixed here and nowhere else: the clean chain first, then each
variant that can be made with the original answer, and with the other answer where the
intervened chain leads to one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.errors import InputError
from lm_eval_faith.interventions.plan import Variant
from lm_eval_faith.records import StepRecord

Request = tuple[str, str]
"""A context and the continuation whose log-probability is asked for."""

Response = tuple[float, bool]
"""Log-probability in nats, and whether greedy decoding would write it."""


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
        written = prompt.rstrip()
        if written.endswith(self.think_close.strip()):
            raise InputError(
                f"the chat template ends with {self.think_close.strip()!r}, so the "
                "model is told not to think: pass enable_thinking=True in --model_args"
            )
        opened = written.endswith(self.think_open.strip())
        start = prompt if opened else prompt + self.think_open
        return f"{start}{chain_text.rstrip()}{self.think_close}{self.cue}"

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


def n_requests(variants: Sequence[Variant]) -> int:
    """How many requests :func:`chain_requests` makes."""
    made = [v for v in variants if not v.not_applicable]
    return 1 + len(made) + sum(bool(v.other_answer) for v in made)


def step_records(
    chain: Chain, variants: Sequence[Variant], responses: Sequence[Response]
) -> tuple[StepRecord, ...]:
    """The effects, from responses in the order of :func:`chain_requests`.

    A log-probability that is not finite gives no effect; the record says so.

    Raises:
        ValueError: there are not as many responses as requests.
    """
    if len(responses) != n_requests(variants):
        raise ValueError(
            f"{len(responses)} responses to {n_requests(variants)} requests"
        )
    rest = iter(responses)
    clean = next(rest)[0]
    return tuple(_step_record(chain, variant, clean, rest) for variant in variants)


def _step_record(
    chain: Chain, variant: Variant, clean: float, rest: Iterator[Response]
) -> StepRecord:
    logprob = other = math.nan
    reason = variant.not_applicable
    if not reason:
        logprob = next(rest)[0]
        other = next(rest)[0] if variant.other_answer else math.nan
        if not (math.isfinite(clean) and math.isfinite(logprob)):
            logprob, other = math.nan, math.nan
            reason = "the log-probability is not finite"
    step = chain.steps[variant.step]
    return StepRecord(
        step=variant.step,
        n_steps=len(chain.steps),
        label=step.label,
        states_answer=step.states_answer,
        intervention=variant.intervention,
        before=variant.before,
        after=variant.after,
        logprob_clean=clean,
        logprob=logprob,
        other_answer=variant.other_answer,
        logprob_other=other,
        not_applicable=reason,
    )
