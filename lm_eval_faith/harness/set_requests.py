"""What is asked about sets of steps of one chain, as requests for a model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lm_eval_faith.asks import Score, Stages, together
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.engines.tree import distinct_tokens
from lm_eval_faith.joint.found import SetChange, Sets, changes_of, leaving
from lm_eval_faith.joint.plan import ChainPlan
from lm_eval_faith.joint.questions import Kept, Questions, Scored

T = TypeVar("T")

Request = tuple[str, str]
"""A context and the continuation whose log-probability is asked for."""

Fits = Callable[[Request], bool]
"""Whether a model can read a request in full."""

RequestOf = Callable[[Chain], Request]
"""How the answer is asked for behind a chain."""

UNREAD = (math.nan, False)
"""The score of a text that is longer than the model takes."""

LOST = (-math.inf, False)
"""What a forecast assumes of sets that are searched: that every step is needed."""


@dataclass(frozen=True)
class SetsWanted:
    """What is asked about sets of a chain's steps.

    Attributes:
        plan: what it is.
        encode: the model's tokens of a text; None where it does not say.
    """

    plan: ChainPlan
    encode: Callable[[str], Sequence[int]] | None = None


def planned_requests(
    plan: ChainPlan, request_of: RequestOf, known: Sequence[int]
) -> list[Request]:
    """What hangs on no answer, behind the requests about single steps.

    Args:
        plan: what is asked.
        request_of: how the answer is asked for behind a chain.
        known: steps that are left out by themselves anyhow.
    """
    changes = changes_of(plan.planned, plan.n_steps, known)
    return [request_of(plan.chain_of(change)) for change in changes]


def ask_sets(
    wanted: SetsWanted,
    request_of: RequestOf,
    scored: Mapping[Request, Scored],
    single: Sequence[Request],
    known: Sequence[int],
    fits: Fits,
) -> Stages[tuple[Sets, list[Scored]]]:
    """Search what is to be searched, and give all sets with the scores of their texts.

    Args:
        wanted: what is asked.
        request_of: how the answer is asked for behind a chain.
        scored: what was asked before: the clean chain first, then single steps, then
            :func:`planned_requests`.
        single: those about the clean chain and single steps, whose cost is not counted.
        known: steps that were left out by themselves anyhow.
        fits: a text that does not is not asked about, and does not keep the answer.
    """
    plan, asked = wanted.plan, dict(scored)

    def request(change: SetChange) -> Request:
        return request_of(plan.chain_of(change))

    def request_keeping(stay: Kept) -> Request:
        return request(leaving(stay, plan.n_steps))

    clean = next(iter(scored.values()))
    searched = yield from together(
        *(
            _answered(questions, request_keeping, asked, fits)
            for questions in plan.sought(clean)
        )
    )
    found = (*plan.planned, *itertools.chain.from_iterable(searched))
    changes = changes_of(found, plan.n_steps, known)
    step_tokens, tokens = _tokens(wanted, asked, single)
    sets = Sets(found, step_tokens, len(asked) - len(set(single)), tokens)
    return sets, [asked[request(change)] for change in changes]


def _answered(
    questions: Questions[T],
    request_keeping: Callable[[Kept], Request],
    asked: dict[Request, Scored],
    fits: Fits,
) -> Stages[T]:
    """Ask a model what a search wants to know, no text of the chain twice."""
    answers: list[Scored] | None = None
    while True:
        try:
            sets = questions.send(answers)  # type: ignore[arg-type]
        except StopIteration as ended:
            result: T = ended.value
            return result
        requests = [request_keeping(stay) for stay in sets]
        new = [one for one in dict.fromkeys(requests) if one not in asked]
        asked.update((one, UNREAD) for one in new if not fits(one))
        new = [one for one in new if one not in asked]
        if new:
            scores = yield [Score(*one, assumed=LOST) for one in new]
            asked.update(zip(new, map(tuple, scores), strict=True))
        answers = [asked[one] for one in requests]


def _tokens(
    wanted: SetsWanted, asked: Iterable[Request], before: Iterable[Request]
) -> tuple[tuple[int, ...], int]:
    """The tokens of each step, and how many distinct ones the sets have cost."""
    if wanted.encode is None:
        return (), 0
    encode = wanted.encode
    steps = wanted.plan.chain.steps
    each = tuple(len(encode(step.text + step.after)) for step in steps)
    there = {one: tuple(encode("".join(one))) for one in asked}
    known = distinct_tokens([there[one] for one in before])
    return each, distinct_tokens(list(there.values())) - known
