"""What is asked about one chain: the generators behind the tasks.

:func:`read` asks about a chain that is there, :func:`written` has the model write one
first and goes on as :func:`read`. The order of the scores is the one that
:mod:`lm_eval_faith.records.outcome` reads responses in: the clean chain first, then each
variant that can be made with the original answer, and with the other answer where the
intervened chain leads to one; then what the card asks besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lm_eval_faith.asks import Generate, Score, Stages
from lm_eval_faith.chains.chain import Chain, chain_to_dict
from lm_eval_faith.chains.written import WrittenChain
from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.harness.seam import spaces_moved
from lm_eval_faith.harness.set_requests import (
    Fits,
    Request,
    SetsWanted,
    ask_sets,
    planned_requests,
)
from lm_eval_faith.harness.stages import draws
from lm_eval_faith.interventions.plan import Variant, variants_to_dicts
from lm_eval_faith.interventions.probes import Probe
from lm_eval_faith.joint.found import NO_SETS, Sets
from lm_eval_faith.problems.problem import Problem
from lm_eval_faith.records.edits import edits
from lm_eval_faith.records.outcome import (
    SAMPLES_FORMAT,
    TOO_LONG,
    Response,
    left_out,
    n_requests,
)

Probes = Callable[[Chain, Sequence[Variant]], Sequence[Probe]]
"""What is asked about a chain besides the interventions on it."""


def no_probes(chain: Chain, variants: Sequence[Variant]) -> Sequence[Probe]:
    """Nothing."""
    return ()


@dataclass(frozen=True)
class Outcome:
    """What became of a document.

    Attributes:
        outcome: ``scored``, or why there are no answers: a key of
            :data:`lm_eval_faith.records.outcome.OUTCOMES`.
        variants: the interventions on the chain.
        answers: in the order of :func:`chain_requests`.
        written: the text that the model wrote, taken apart; None where it wrote none.
        generation: that text.
        scored: the clean chain's answer as it is scored: with the white space before it, which
            the harness takes from the context.
        sets: of steps whose scores stand behind the others in ``answers``.
        others: answers about other choices: behind the clean chain, and behind each variant
            (nothing where it has no chain).
        probes: what was asked besides; their answers follow all others in ``answers``.
    """

    outcome: str
    variants: Sequence[Variant] = ()
    answers: Sequence[Response] = ()
    written: WrittenChain | None = None
    generation: str = ""
    scored: str = ""
    sets: Sets = NO_SETS
    others: Sequence[Sequence[Response]] = ()
    probes: Sequence[Probe] = ()

    @property
    def solved(self) -> bool | None:
        """Whether the model's own answer is right; None where it was not asked in full."""
        if self.written is None or self.outcome == "long prompt":
            return None
        return bool(self.written.correct)

    def to_dict(self) -> dict[str, Any]:
        """As the samples file holds it: what was measured on a chain that was given, or
        the ``generation`` with a ``note`` on it (``records.generated_record``)."""
        interventions = variants_to_dicts(self.variants)
        answers = list(self.answers)
        sets = {"sets": self.sets.to_dict()} if self.sets.found else {}
        more = {**sets, **probes_told(self.probes)}
        if self.written is None:
            return {"interventions": interventions, "loglikelihoods": answers, **more}
        written = self.written
        for told, variant in zip(interventions, self.variants, strict=True):
            if variant.chain is not None:  # so that its prompt can be made again
                told["edits"] = edits(written.chain.text, variant.chain.text)
        note = {
            "outcome": self.outcome,
            "problem": written.problem or "",
            "solved": self.solved,
            "chain": chain_to_dict(written.chain),
            "interventions": interventions,
            "before": written.before,
            "cue": written.short_cue,
            "cue_leaves_out_a_second_solution": written.short_cue != written.cue,
            "answer": written.answer,
            "scored": self.scored,
            **more,
        }
        return {"generation": self.generation, "note": note, "loglikelihoods": answers}


def document_of(problem: Problem, setting: str) -> dict[str, Any]:
    """A problem as the samples file holds it."""
    return {
        "setting": setting,
        "id": problem.id,
        "question": problem.question,
        "answer": problem.chain.answer,
        "problem": problem.problem,
        **({"subject": problem.subject} if problem.subject else {}),
        "samples_format": SAMPLES_FORMAT,
    }


def read_document(
    problem: Problem,
    setting: str,
    variants: Sequence[Variant],
    probes: Sequence[Probe] = (),
) -> dict[str, Any]:
    """A problem with a chain that is read, the interventions on it, and what else is asked."""
    return {
        **document_of(problem, setting),
        "chain": chain_to_dict(problem.chain),
        "cue": problem.cue,
        "interventions": variants_to_dicts(variants),
        **probes_told(probes),
    }


def probes_told(probes: Sequence[Probe]) -> dict[str, Any]:
    """The probes as a samples file holds them; nothing where none were asked."""
    return {"probes": [probe.to_dict() for probe in probes]} if probes else {}


def chain_requests(
    prompt: str, chain: Chain, variants: Sequence[Variant], form: AnswerFormat
) -> list[Request]:
    """All that must be scored for one chain."""
    requests = [form.request(prompt, chain.text, chain.answer)]
    for variant in variants:
        if variant.chain is None:
            continue
        changed = variant.chain.text
        requests.append(form.request(prompt, changed, chain.answer))
        if variant.other_answer:
            requests.append(form.request(prompt, changed, variant.other_answer))
    return requests


def probe_requests(
    prompt: str, probes: Sequence[Probe], form: AnswerFormat
) -> list[Request]:
    """What is asked about a chain besides its interventions."""
    return [
        form.request(prompt, probe.text, probe.scored)
        if probe.is_answer
        else (prompt + probe.text, probe.scored)
        for probe in probes
    ]


def all_requests(
    prompt: str,
    chain: Chain,
    variants: Sequence[Variant],
    form: AnswerFormat,
    wanted: SetsWanted | None,
) -> list[Request]:
    """The same, and what is known beforehand of what is asked about sets of its steps."""
    requests = chain_requests(prompt, chain, variants, form)
    if wanted is not None:
        requests += planned_requests(
            wanted.plan,
            lambda changed: form.request(prompt, changed.text, chain.answer),
            left_out(variants),
        )
    return requests


def read(
    prompt: str,
    chain: Chain,
    changes: Stages[tuple[Variant, ...]],
    form: AnswerFormat,
    fits: Fits,
    wanted: SetsWanted | None = None,
    others: Sequence[str] = (),
    probes: Probes = no_probes,
) -> Stages[Outcome]:
    """Ask about a chain and what interventions make of it.

    Args:
        prompt: everything before the chain.
        chain: the clean chain.
        changes: the interventions, which may ask the model first.
        form: how chain and answer follow the prompt.
        fits: a document of which a request does not is ``too long``, and is not asked
            about; what the model itself wrote too long is not applicable.
        wanted: what is asked about sets of its steps.
        others: what else could be answered, to be scored behind each chain.
        probes: what is asked besides, of the chain and the interventions on it.
    """
    variants = tuple(
        _if_it_fits(variant, prompt, chain, form, fits)
        for variant in (yield from changes)
    )
    requests = all_requests(prompt, chain, variants, form, wanted)
    chains = [chain, *(variant.chain for variant in variants)]
    beside = [
        form.request(prompt, one.text, other)
        for one in chains
        if one is not None
        for other in others
    ]
    asked = probes(chain, variants)
    of_card = probe_requests(prompt, asked, form)
    every = (*requests, *beside, *of_card)
    if not all(fits(request) for request in every):
        return Outcome("too long", variants)
    scored = spaces_moved(*requests[0])[1]
    first = len(every) - len(of_card)
    answers = yield [
        Score(*request, of_card=place >= first) for place, request in enumerate(every)
    ]
    rest = iter(answers[len(requests) :])
    answers = answers[: len(requests)]
    outcome = Outcome("scored", variants, scored=scored, probes=asked)
    if others:
        told = [[next(rest) for _ in others] if one else [] for one in chains]
        outcome = replace(outcome, others=told)
    if wanted is None:
        return replace(outcome, answers=[*answers, *rest])
    sets, scores = yield from ask_sets(
        wanted,
        lambda changed: form.request(prompt, changed.text, chain.answer),
        dict(zip(requests, answers, strict=True)),
        requests[: n_requests(variants)],
        left_out(variants),
        fits,
    )
    answers = [*answers[: n_requests(variants)], *scores, *rest]
    return replace(outcome, answers=answers, sets=sets)


def _if_it_fits(
    variant: Variant, prompt: str, chain: Chain, form: AnswerFormat, fits: Fits
) -> Variant:
    if not variant.written:
        return variant
    if all(map(fits, chain_requests(prompt, chain, (variant,), form)[1:])):
        return variant
    return replace(variant, chain=None, other_answer="", not_applicable=TOO_LONG)


def written(
    prompt: str,
    generation: Mapping[str, Any],
    taken_apart: Callable[[str], WrittenChain],
    why_not: Callable[[WrittenChain, str], str],
    changes: Callable[[WrittenChain], Stages[tuple[Variant, ...]]],
    fits: Fits,
    wanted: Callable[[Chain], SetsWanted | None] = lambda chain: None,
    others: Callable[[WrittenChain], Sequence[str]] = lambda own: (),
    probes: Probes = no_probes,
) -> Stages[Outcome]:
    """Have the model write a chain, and ask about it as about one that is there.

    The answer is scored as the model wrote it, behind its own cue.

    Args:
        prompt: what the model is asked.
        generation: the settings.
        taken_apart: makes a chain of the text.
        why_not: the outcome of a text, taken apart and as it is, that is not asked
            about; or empty.
        changes: the interventions on a chain.
        fits: whether the model can read a request in full.
        wanted: what is asked about sets of a chain's steps.
        others: what else could be answered to a chain.
        probes: as in :func:`read`.
    """
    (text,) = yield [Generate(prompt, generation)]
    own = taken_apart(text)
    reason = why_not(own, text)
    if reason == "unparsed" and (yield from _was_stopped(prompt + text, generation)):
        reason = "stopped"
    if reason:
        return Outcome(reason, written=own, generation=text)
    form = answer_form_of(own)
    outcome = yield from read(
        prompt + own.before,
        own.chain,
        changes(own),
        form,
        fits,
        wanted=wanted(own.chain),
        others=others(own),
        probes=probes,
    )
    if outcome.outcome != "scored":
        outcome = Outcome(outcome.outcome)
    return replace(outcome, written=own, generation=text)


def _was_stopped(text: str, generation: Mapping[str, Any]) -> Stages[bool]:
    """Whether a stop string ended a text: the model writes it again if it may go on.

    So only where decoding is greedy; else it would write something else, and it is not asked.
    """
    until = generation.get("until") or []
    stops = [stop for stop in ([until] if isinstance(until, str) else until) if stop]
    if not stops or draws(generation):
        return False
    most = max(len(stop.encode()) for stop in stops)  # a token has at least one byte
    settings = {"until": [], "max_gen_toks": most, "do_sample": False}
    (more,) = yield [Generate(text, settings)]
    bare = more.lstrip()
    return any(
        more.startswith(stop) or (stop.strip() and bare.startswith(stop.strip()))
        for stop in stops
    )


def answer_form_of(own: WrittenChain) -> AnswerFormat:
    """How the model's own answer follows its own chain."""
    return AnswerFormat(answer_cue=own.short_cue, answer_delimiter="")


def rest_of(solution: str, begun: str, chain: Chain) -> str:
    """How a solution goes on behind its beginning, whose last step may have been changed.

    Args:
        solution: the chain, and what follows it.
        begun: the beginning that a model is to go on behind.
        chain: whose steps tell where the solution goes on.
    """
    place = len(chain.opening)
    for step in chain.steps:
        if not begun.startswith(solution[:place]):
            break
        place += len(step.text + step.after)
    return solution[place:]
