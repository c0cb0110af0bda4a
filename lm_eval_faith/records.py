"""What was measured on one chain: the data between the harness and the statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lm_eval_faith.chains.chain import Label


@dataclass(frozen=True)
class StepRecord:
    """One intervention on one step of one chain.

    Attributes:
        step, n_steps: the step's index, and the number of steps in the chain.
        label: the truth about the step, where it is known.
        states_answer: the step states the final answer.
        intervention: its name.
        before, after: the step's text without and with it.
        logprob_clean: log p(answer | clean chain), in nats.
        logprob: log p(answer | intervened chain), in nats; NaN where it was not scored.
        other_answer: the answer that the intervened chain leads to, or empty.
        logprob_other: log p(other answer | intervened chain); NaN without one.
        not_applicable: why there is no effect; empty where there is one.
    """

    step: int
    n_steps: int
    label: Label | None
    states_answer: bool
    intervention: str
    before: str
    after: str
    logprob_clean: float
    logprob: float
    other_answer: str
    logprob_other: float
    not_applicable: str

    @property
    def effect(self) -> float:
        """How far the answer's log-probability falls, in nats; NaN without a score."""
        return self.logprob_clean - self.logprob

    @property
    def follow(self) -> float:
        """1 where the model prefers the intervened chain's answer, else 0; NaN without."""
        if math.isnan(self.logprob_other) or math.isnan(self.logprob):
            return math.nan
        return float(self.logprob_other > self.logprob)

    @property
    def position(self) -> float:
        """From 0 (first step) to 1 (last); 0 in a chain of one step."""
        return self.step / (self.n_steps - 1) if self.n_steps > 1 else 0.0

    @property
    def third(self) -> int:
        """0 early, 1 middle, 2 late: floor(3k / n)."""
        return 3 * self.step // self.n_steps


@dataclass(frozen=True)
class ChainRecord:
    """All that was measured on one document.

    Attributes:
        document: the document's id, the same in every run of the same problem.
        question: what was asked.
        answer: the answer whose log-probability is measured.
        chain: the clean chain's text.
        clean_logprob: log p(answer | clean chain), in nats.
        clean_greedy: the answer is what greedy decoding would write.
        steps: one record an intervention and step.
        dropped: why the document was not scored; empty where it was.
    """

    document: str
    question: str
    answer: str
    chain: str
    clean_logprob: float
    clean_greedy: bool
    steps: tuple[StepRecord, ...]
    dropped: str = ""
