"""What was measured on one chain: the data between the harness and the statistics.

Records are made from the responses to the requests of
:func:`lm_eval_faith.harness.requests.chain_requests`, in the running harness and
again when a samples file is read: by the same functions, these.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lm_eval_faith.chains import thirds
from lm_eval_faith.chains.chain import Chain, Label, chain_from_dict
from lm_eval_faith.interventions import is_control
from lm_eval_faith.interventions.plan import Variant, variant_from_dict
from lm_eval_faith.interventions.probes import (
    EARLY,
    Probe,
    first_statement,
    probe_from_dict,
)
from lm_eval_faith.joint.found import (
    DELETE,
    NO_SETS,
    SetChange,
    Sets,
    sets_from_dict,
)
from lm_eval_faith.records.choices import LETTERS, ChoiceRecord, choices_from_dict
from lm_eval_faith.records.probed import NOTHING, Probed, probed
from lm_eval_faith.records.sets import SetRecord, set_records

Response = tuple[float, bool]
"""Log-probability in nats, and whether greedy decoding would write it."""

SAMPLES_FORMAT = 2
"""Version of what a document of ours holds in the harness's samples file.

1 also had what is known of the numbers of provided steps; 2 can have several draws of an
intervention on a step, sets of steps, and scores of choices.
"""

READABLE_FORMATS = (1, SAMPLES_FORMAT)

TOO_LONG = "longer than the model takes"
WRONG = "wrong answer"
UNPARSED = "no final answer that can be read"

UNANSWERED = {
    "unparsed": UNPARSED,
    "cut off": "cut off by max_gen_toks before a final answer",
    "stopped": "ended by a stop string before a final answer",
    "unfinished": "no tag that closes the thinking",
    "no number": "no number where the final answer should be",
}
"""Why a generation has no final answer: it states none, or what is known besides."""

OUTCOMES = {
    "scored": "",
    "wrong": WRONG,
    **UNANSWERED,
    "no chain": "right answer without a step before it",
    "long chain": "chain longer than max_chain_tokens",
    "too long": TOO_LONG,
    "long prompt": "prompt longer than the model takes",
}
"""What can become of a generated chain, and why it then gives no effects."""

THIRDS, third_of = thirds.THIRDS, thirds.third_of


def problem_of(question: str, named: str = "") -> str:
    """What chains of one question share: the name that is given, or a digest of the question.

    White space does not count: the same question from two files is one problem.
    """
    if named:
        return named
    words = " ".join(question.split())
    return hashlib.sha256(words.encode()).hexdigest()[:16]


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
        measured: numbers of the intervention's own, by name.
        truth: a graded label of the step, any real number; NaN without one.
        tags: what kind of step it is, as a file says.
        draw: which of several draws of the same intervention on the step, from 0.
        logprob_other_clean: log p(best other choice | clean chain) of a question with
            choices; there ``other_answer`` is the best other one behind the changed chain.
        headroom: -log p(answer | the steps before this one), in nats; NaN if not asked.
        effect_cut: the effect in the chain cut before its first statement of the answer.
        edit: how much more surprising the changed step is than the own one, nats a token.
        edit_z: the same in standard deviations of the chain's own steps.
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
    measured: Mapping[str, float] = field(default_factory=dict)
    truth: float = math.nan
    tags: tuple[str, ...] = ()
    draw: int = 0
    logprob_other_clean: float = math.nan
    headroom: float = math.nan
    effect_cut: float = math.nan
    edit: float = math.nan
    edit_z: float = math.nan

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
    def margin_drop(self) -> float:
        """How far the log-odds against the best other choice fall; NaN without choices."""
        clean = self.logprob_clean - self.logprob_other_clean
        return clean - (self.logprob - self.logprob_other)

    @property
    def position(self) -> float:
        """From 0 (first step) to 1 (last); 0 in a chain of one step."""
        return self.step / (self.n_steps - 1) if self.n_steps > 1 else 0.0

    @property
    def third(self) -> int:
        """0 early, 1 middle, 2 late: floor(3(k + 1/2) / n)."""
        return third_of(self.step, self.n_steps)


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
        n_steps: steps of the clean chain, those that were not intervened on included.
        stated_at: the first of them that states the answer; -1 where none does.
        solved: whether the model's own chain ended in the right answer; None where the
            chain was provided.
        left_out: why the document gives no effects; empty where it does.
        label: the truth about the chain as a whole, where it is known.
        truth: the same as a graded label, any real number; NaN without one.
        problem: what all chains of one question share: the unit of resampling.
        outcome: ``scored``, or why there are no effects: a key of :data:`OUTCOMES`, its
            words joined by ``_``.
        sets: what was measured on several steps at once.
        set_requests, set_tokens: what that cost: see :class:`lm_eval_faith.joint.found.Sets`.
        choices: the choices' scores, where the question has choices.
        subject: of which task of a group it is; empty where there is one.
        task_right: 1 where the task whose document it is calls the answer right by one of
            its filters, else 0; NaN where it was not asked.
        probed: what was measured besides the interventions.
    """

    document: str
    question: str
    answer: str
    chain: str
    clean_logprob: float
    clean_greedy: bool
    steps: tuple[StepRecord, ...] = ()
    n_steps: int = 0
    stated_at: int = -1
    solved: bool | None = None
    left_out: str = ""
    label: Label | None = None
    problem: str = ""
    outcome: str = "scored"
    sets: tuple[SetRecord, ...] = ()
    set_requests: int = 0
    set_tokens: int = 0
    truth: float = math.nan
    choices: ChoiceRecord | None = None
    subject: str = ""
    task_right: float = math.nan
    probed: Probed = NOTHING

    @property
    def greedy(self) -> float:
        """1 where greedy decoding would write the answer, else 0; NaN without a score."""
        return (
            float(self.clean_greedy) if math.isfinite(self.clean_logprob) else math.nan
        )


def chain_record(
    document: str,
    question: str,
    chain: Chain,
    variants: Sequence[Variant],
    responses: Sequence[Response],
    solved: bool | None = None,
    problem: str = "",
    sets: Sets = NO_SETS,
    probes: Sequence[Probe] = (),
) -> ChainRecord:
    """What was measured on a document, from the responses to its requests.

    No response, or a single one to a document that wants more, stands for one that was
    dropped.
    ``problem`` names what chains of one question share; without it the question's text
    does. ``sets`` are those of steps whose texts were scored behind the interventions; the
    responses to ``probes`` follow all others.

    Raises:
        ValueError: there are not as many responses as requests.
    """
    wanted = n_responses(chain, variants, sets, probes)
    dropped = not responses or len(responses) == 1 < wanted
    measured: dict[str, Any] = (
        {} if dropped else _measured(chain, variants, responses, sets, probes)
    )
    clean_logprob, clean_greedy = responses[0] if responses else (math.nan, False)
    return ChainRecord(
        document=document,
        question=question,
        clean_logprob=clean_logprob,
        clean_greedy=bool(clean_greedy),
        solved=solved,
        left_out=TOO_LONG if dropped else "",
        problem=problem_of(question, problem),
        outcome="too_long" if dropped else "scored",
        set_requests=sets.requests,
        set_tokens=sets.tokens,
        **_read_off(chain),
        **measured,
    )


def _read_off(chain: Chain) -> dict[str, Any]:
    """What a record holds of the clean chain itself, whoever wrote it."""
    stated = first_statement(chain)
    return {
        "answer": chain.answer,
        "chain": chain.text,
        "n_steps": len(chain.steps),
        "stated_at": -1 if stated is None else stated,
        "label": chain.label,
        "truth": math.nan if chain.truth is None else float(chain.truth),
    }


def generated_record(
    document: str,
    question: str,
    note: Mapping[str, Any],
    responses: Sequence[Response],
    problem: str = "",
    choices: Mapping[str, Any] | None = None,
    subject: str = "",
    verdicts: Mapping[str, Mapping[str, float]] | None = None,
) -> ChainRecord:
    """What was measured on a chain that the model wrote itself.

    Args:
        document, question: the problem's.
        note: what the task noted about the generation: its ``outcome`` (a key of
            :data:`OUTCOMES`), ``solved``, the ``chain``, the ``interventions`` and the
            ``probes``, if there are any.
        responses: to the requests of the chain; none where it was not scored.
        problem: what chains of one question share.
        choices: the scores of the choices, as JSON types, where the question has some.
        subject: of which task of a group it is.
        verdicts: the task's metrics for each of its filters, where the document is one of
            another task's.

    Raises:
        KeyError, TypeError, ValueError: the note or the responses are not as the task
            writes them.
    """
    reason = OUTCOMES[note["outcome"]]
    solved = note["solved"]
    chain = chain_from_dict(note["chain"])
    variants = [variant_from_dict(v) for v in note["interventions"]]
    if any(not 0 <= v.step < len(chain.steps) for v in variants):
        raise ValueError("an intervention on a step that is not there")
    probes = probes_of_note(note)
    clean_logprob, clean_greedy = (math.nan, False) if reason else responses[0]
    sets = sets_from_dict(note["sets"], len(chain.steps)) if "sets" in note else NO_SETS
    measured: dict[str, Any] = (
        {} if reason else _measured(chain, variants, responses, sets, probes)
    )
    steps = measured.get("steps", ())
    scored = None
    if choices is not None:
        scored = choices_from_dict(choices, len(steps))
        steps = tuple(
            _of_choices(step, scored, scores)
            for step, scores in zip(steps, scored.changed, strict=True)
        )
        measured["steps"] = steps
    return ChainRecord(
        document=document,
        question=question,
        clean_logprob=clean_logprob,
        clean_greedy=clean_greedy,
        solved=solved if solved is None else bool(solved),
        left_out=reason,
        problem=problem_of(question, problem),
        outcome=str(note["outcome"]).replace(" ", "_"),
        set_requests=sets.requests,
        set_tokens=sets.tokens,
        choices=scored,
        subject=subject,
        task_right=task_right(verdicts or {}),
        **_read_off(chain),
        **measured,
    )


def probes_of_note(note: Mapping[str, Any]) -> list[Probe]:
    """The probes that a document or a note holds, those of runs without any too.

    Raises:
        KeyError, TypeError, ValueError: they are not as the task writes them.
    """
    return [probe_from_dict(plain) for plain in note.get("probes") or ()]


def task_right(verdicts: Mapping[str, Mapping[str, float]]) -> float:
    """1 where the first metric behind one of a task's filters is 1, else 0.

    >>> task_right({"strict": {"exact_match": 0.0}, "flexible": {"exact_match": 1.0}})
    1.0
    """
    first = [next(iter(of.values())) for of in verdicts.values() if of]
    return float(any(value == 1 for value in first)) if first else math.nan


def _of_choices(
    step: StepRecord, choices: ChoiceRecord, scores: tuple[float, ...]
) -> StepRecord:
    """With the best other choice, behind the clean and behind the changed chain."""
    if step.not_applicable or not (choices.scored and all(map(math.isfinite, scores))):
        return replace(step, other_answer="", logprob_other=math.nan)
    other, logprob = choices.best_other(scores)
    return replace(
        step,
        other_answer=LETTERS[other],
        logprob_other=logprob,
        logprob_other_clean=choices.best_other(choices.clean)[1],
    )


def left_out(variants: Sequence[Variant]) -> list[int]:
    """The steps that were left out by themselves, whose scores sets of steps need not ask."""
    return [
        v.step for v in variants if v.intervention == DELETE and not v.not_applicable
    ]


def n_responses(
    chain: Chain, variants: Sequence[Variant], sets: Sets, probes: Sequence[Probe]
) -> int:
    """How many responses a document has: to interventions, sets of steps, and probes."""
    of_sets = sets.changes(len(chain.steps), left_out(variants))
    return n_requests(variants) + len(of_sets) + len(probes)


def _measured(
    chain: Chain,
    variants: Sequence[Variant],
    responses: Sequence[Response],
    sets: Sets,
    probes: Sequence[Probe],
) -> dict[str, Any]:
    """What was measured on steps, on sets of them, and besides, in this order of responses.

    Raises:
        ValueError: there are not as many responses as requests.
    """
    wanted = n_responses(chain, variants, sets, probes)
    if len(responses) != wanted:
        raise ValueError(f"{len(responses)} responses to {wanted} requests")
    single, end = n_requests(variants), wanted - len(probes)
    found = _with_truncated(chain, variants, responses, probed(probes, responses[end:]))
    steps = step_records(chain, variants, responses[:single], found)
    of_sets = _of_sets(chain, variants, responses[:end], sets, steps)
    return {"steps": steps, "sets": of_sets, "probed": found}


def _of_sets(
    chain: Chain,
    variants: Sequence[Variant],
    responses: Sequence[Response],
    sets: Sets,
    steps: Sequence[StepRecord],
) -> tuple[SetRecord, ...]:
    """What was measured on sets of steps, whose scores stand behind the others."""
    if not sets.found:
        return ()
    changes = sets.changes(len(chain.steps), left_out(variants))
    logprobs = {SetChange(DELETE, ()): responses[0][0]}
    logprobs |= {
        SetChange(DELETE, (r.step,)): r.logprob
        for r in steps
        if r.intervention == DELETE
    }
    logprobs |= {
        change: score[0]
        for change, score in zip(
            changes, responses[n_requests(variants) :], strict=True
        )
    }
    return set_records(chain, sets.found, logprobs, sets.step_tokens)


def _with_truncated(
    chain: Chain,
    variants: Sequence[Variant],
    responses: Sequence[Response],
    found: Probed,
) -> Probed:
    """With what the run's own truncations say of the headroom, and the lack of a chain."""
    early = dict(found.early)
    if not chain.opening and math.isfinite(found.logprob_no_chain):
        early.setdefault(0, found.logprob_no_chain)
    rest = iter(responses[1:])
    for variant in variants:
        if variant.not_applicable:
            continue
        logprob = next(rest)[0]
        if variant.other_answer:
            next(rest)
        if variant.intervention == EARLY and math.isfinite(logprob):
            early[variant.step] = logprob
    return replace(found, early=early)


def control_effects(chain: ChainRecord) -> dict[int, float]:
    """The effect of the control at each step where one was run, in nats.

    Of several draws, and of several controls, it is the mean.
    """
    effects: dict[int, list[float]] = {}
    for r in chain.steps:
        if is_control(r.intervention):
            effects.setdefault(r.step, []).append(r.effect)
    return {step: mean_of_known(drawn) for step, drawn in effects.items()}


def controls_among(names: Iterable[str]) -> frozenset[str]:
    """Those of some interventions that are declared to be controls."""
    return frozenset(filter(is_control, names))


def mean_of_known(values: Sequence[float]) -> float:
    """The mean of those that are not NaN; NaN where none is.

    >>> mean_of_known([1.0, float("nan"), 3.0])
    2.0
    """
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def n_requests(variants: Sequence[Variant]) -> int:
    """How many requests a chain's requests makes."""
    made = [v for v in variants if not v.not_applicable]
    return 1 + len(made) + sum(bool(v.other_answer) for v in made)


def step_records(
    chain: Chain,
    variants: Sequence[Variant],
    responses: Sequence[Response],
    found: Probed = NOTHING,
) -> tuple[StepRecord, ...]:
    """The effects, from responses in the order of a chain's requests.

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
    return tuple(_step_record(chain, one, clean, rest, found) for one in variants)


def _step_record(
    chain: Chain,
    variant: Variant,
    clean: float,
    rest: Iterator[Response],
    found: Probed,
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
        truth=math.nan if step.truth is None else float(step.truth),
        tags=step.tags,
        states_answer=step.states_answer,
        intervention=variant.intervention,
        before=variant.before,
        after=variant.after,
        logprob_clean=clean,
        logprob=logprob,
        other_answer=variant.other_answer,
        logprob_other=other,
        not_applicable=reason,
        measured={} if reason else variant.measured,
        draw=variant.draw,
        headroom=found.headroom(variant.step),
        **found.of_change(variant.intervention, variant.step, variant.draw),
    )
