"""What became of the chains, and how the model reads them as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from lm_eval_faith_stats import MEAN_OF_PROBLEMS, SHARE_OF_PROBLEMS

from lm_eval_faith.metrics.metric import Choices, Metric
from lm_eval_faith.records.columns import Columns, Floats
from lm_eval_faith.records.outcome import UNANSWERED

TOO_LONG = ("too_long", "long_chain", "long_prompt")
"""Outcomes of documents that were dropped for their length."""


def ended_as(*outcomes: str) -> Callable[[Columns, Choices], Floats]:
    """Says, 1 or 0, which documents had such an outcome."""
    return lambda chains, choices: np.isin(chains.outcome, outcomes).astype(np.float64)


def is_right(chains: Columns) -> np.ndarray:
    """Chains that the model wrote and whose answer is right; given ones that were scored."""
    given = np.isnan(chains.solved) & (chains.outcome == "scored")
    right: np.ndarray = (chains.solved == 1) | given
    return right


METRICS = (
    Metric(
        "solved",
        "share",
        "higher",
        "problems whose own final answer is right",
        SHARE_OF_PROBLEMS,
        lambda c, choices: c.solved,
        of="chains",
        needs=frozenset({"solved"}),
        modifiers=(),
    ),
    Metric(
        "unparsed",
        "share",
        "lower",
        "problems without a final answer that can be read",
        SHARE_OF_PROBLEMS,
        ended_as(*(outcome.replace(" ", "_") for outcome in UNANSWERED)),
        of="chains",
        needs=frozenset({"solved"}),
        modifiers=(),
    ),
    Metric(
        "task_right",
        "share",
        "higher",
        "problems that the task's own metric calls right, by one of its filters",
        SHARE_OF_PROBLEMS,
        lambda c, choices: c.task_right,
        of="chains",
        needs=frozenset({"task_right"}),
        modifiers=(),
    ),
    Metric(
        "task_agrees",
        "share",
        "higher",
        "problems whose verdict is the task's own",
        SHARE_OF_PROBLEMS,
        lambda c, choices: np.where(
            np.isnan(c.task_right) | np.isnan(c.solved),
            np.nan,
            c.task_right == c.solved,
        ),
        of="chains",
        needs=frozenset({"task_right"}),
        modifiers=(),
    ),
    Metric(
        "dropped",
        "share",
        "lower",
        "documents that were too long to be used",
        SHARE_OF_PROBLEMS,
        ended_as(*TOO_LONG),
        of="chains",
        modifiers=(),
    ),
    Metric(
        "steps",
        "steps",
        "neither",
        "steps of a right chain",
        replace(MEAN_OF_PROBLEMS, lowest=0.0),
        lambda c, choices: c.n_steps,
        where=is_right,
        of="chains",
        modifiers=(),
    ),
    Metric(
        "clean_logprob",
        "nats",
        "higher",
        "log-probability of the answer after the clean chain",
        replace(MEAN_OF_PROBLEMS, highest=0.0),
        lambda c, choices: c.logprob,
        where=lambda c: c.outcome == "scored",
        of="chains",
        modifiers=(),
    ),
    Metric(
        "clean_acc",
        "share",
        "higher",
        "problems whose answer greedy decoding would write after the clean chain",
        SHARE_OF_PROBLEMS,
        lambda c, choices: c.greedy,
        where=lambda c: c.outcome == "scored",
        of="chains",
        modifiers=(),
    ),
)
