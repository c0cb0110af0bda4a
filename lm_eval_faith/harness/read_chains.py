"""Tasks whose chains are there and are read by the model, with a step changed."""

from __future__ import annotations

import functools
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lm_eval.api.instance import Instance

from lm_eval_faith.asks import Ask, Generate, Score, Stages, answered
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.language_phrases import PHRASES, phrases_of
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import AnswerFormat, white_space_of
from lm_eval_faith.harness.lengths import is_long
from lm_eval_faith.harness.lm_eval_compat import (
    belongs_to_document,
    require_loglikelihoods,
    running_model,
)
from lm_eval_faith.harness.requests import (
    all_requests,
    chain_requests,
    probe_requests,
    read,
    read_document,
    rest_of,
)
from lm_eval_faith.harness.set_requests import Request
from lm_eval_faith.harness.stages import (
    MULTI_STAGE,
    MultiStageRequest,
    require_multi_stage,
)
from lm_eval_faith.harness.task import FaithTask
from lm_eval_faith.harness.task_parameters import WritingOn
from lm_eval_faith.interventions.plan import Variant, variant_from_dict
from lm_eval_faith.interventions.probes import Probe
from lm_eval_faith.joint.found import NO_SETS, Sets, changes_of, sets_from_dict
from lm_eval_faith.problems.problem import Problem
from lm_eval_faith.records.outcome import (
    OUTCOMES,
    ChainRecord,
    chain_record,
    left_out,
    probes_of_note,
)

logger = logging.getLogger(__name__)

ENDS = ("Question:", "</s>", "<|im_end|>", "<|endoftext|>")
"""Where a model that writes on behind a given chain is stopped."""


class ReadChains(FaithTask):
    """Chains that are there, read by the model."""

    OWNERS = (*FaithTask.OWNERS, WritingOn)

    def _read_problems(self) -> dict[str, Any]:
        self.setting = self.source.setting
        recorded = super()._read_problems()
        self._warn_of_languages()
        return recorded

    def _warn_of_languages(self) -> None:
        """Say of which chains prompt and cue are in English, for we have no others."""
        found = Counter(p.chain.writing.language for p in self._problems.values())
        for language, count in found.items():
            if phrases_of(language) is None:
                logger.warning(
                    "%d of %d chains are in %r, for which there is no prompt, cue or "
                    "aside here: prompt and cue stay in English (prompt= and answer_cue= "
                    "give others), and control is not applicable",
                    *(count, len(self._problems), language),
                )

    def judged(self, problem: Problem) -> Problem:
        """Left out where its chain is too long."""
        most = self.choice.max_chain_tokens
        if not problem.left_out and is_long(problem.chain, most, running_model()):
            return replace(problem, left_out=OUTCOMES["long chain"])
        if problem.left_out:
            return problem
        if self.form.in_words_of(problem.cue) is self.form:
            problem = replace(problem, cue="")  # it is asked for in other words
        return replace(problem, chain=self._shown(problem))

    def form_of(self, problem: Problem) -> AnswerFormat:
        """How the answer follows a chain: behind its writer's words, or in its language."""
        if problem.cue:
            return self.form.in_words_of(problem.cue)
        return self.form.in_language_of(problem.chain)

    def _shown(self, problem: Problem) -> Chain:
        """The chain as a prompt holds it: a cue that did not stand there is set off like a step."""
        chain, words = problem.chain, self.form_of(problem).answer_cue
        glued = words != problem.cue and not words[:1].isspace()  # its tag is gone
        if not problem.cue or glued:
            last = replace(chain.steps[-1], after=white_space_of(chain))
            chain = replace(chain, steps=(*chain.steps[:-1], last))
        kept = problem.prompt or chain.opening.strip()
        return chain if kept else replace(chain, opening="")

    # --- documents ---------------------------------------------------------------

    def download(self, *args: Any, **kwargs: Any) -> None:
        """Make the documents, and what interventions make of their chains."""
        self._variants: dict[str, tuple[Variant, ...]] = {}
        self._probes: dict[str, tuple[Probe, ...]] = {}
        self._sets: dict[str, Sets] = {}
        super().download(*args, **kwargs)

    def document(self, problem: Problem) -> dict[str, Any]:
        """The problem with its chain and the interventions on it.

        What an intervention that asks the model makes of a chain stands beside the
        responses instead.
        """
        if self.asks_again:
            return read_document(problem, self.setting, ())
        before = getattr(self.before, "_variants", {})
        variants = before.get(problem.id)
        if variants is None:
            made = self.changes(problem, problem.chain, rewrite=problem.rewrite)
            variants = answered(made, _nothing_to_ask)
        probes = self.probes(problem, problem.chain, variants)
        self._variants[problem.id], self._probes[problem.id] = variants, probes
        document = read_document(problem, self.setting, variants, probes)
        plan = self.planned(problem, problem.chain)
        if plan is None:
            return document
        changes = changes_of(plan.planned, plan.n_steps, left_out(variants))
        self._sets[problem.id] = Sets(plan.planned, requests=len(changes))
        return document | {"sets": json.dumps(self._sets[problem.id].to_dict())}

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> Any:
        """The task's prompt, unless it is known what the chain was written behind.

        The prompt that comes with the task is in the chain's language, where there is one.
        """
        problem = self._problems.get(doc["id"])
        if problem is not None and problem.prompt:
            return problem.prompt
        ours = self.config.doc_to_text == PHRASES["en"].prompt("{{question}}")
        if problem is not None and ours and problem.chain.writing.code != "en":
            phrases = phrases_of(problem.chain.writing.language)
            if phrases is not None:
                return phrases.prompt(problem.question)
        return super().doc_to_text(doc, doc_to_text)

    def example(self, problem: Problem) -> dict[str, Any]:
        """The problem as a worked example."""
        return {
            **super().document(problem),
            "worked": self.form.worked(self._shown(problem)),
        }

    # --- requests ----------------------------------------------------------------

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, for a backend that can answer the requests."""
        model = running_model()
        if self.asks_again:
            require_multi_stage(model, self.config.task)
            # By this name the evaluator evens out requests between processes.
            self.OUTPUT_TYPE = MULTI_STAGE
        elif model is not None:
            backend = getattr(model, "wrapped", model)
            require_loglikelihoods(backend, f"by task {self.config.task}")
        super().build_all_requests(**kwargs)

    def construct_requests(
        self, doc: Mapping[str, Any], ctx: str, **kwargs: Any
    ) -> list[Instance] | MultiStageRequest:
        """The one stage as log-likelihood requests of any backend, or all stages."""
        problem = self._problems[doc["id"]]
        prompt = self._prompt_of(ctx, kwargs, problem.prompt)
        try:
            before = self.form.before_chain(prompt)
            if self.asks_again:
                self._refuse_too_long(problem, self._clean(before, problem))
                make = functools.partial(self.stages, problem)
                return MultiStageRequest(
                    doc=doc,
                    arguments=(before,),
                    idx=0,
                    make=make,
                    assumed=functools.partial(self._assumed, problem, before),
                    **belongs_to_document(self.config, kwargs),
                )
            made = _ready(self._variants[problem.id])
            form = self.form_of(problem)
            wanted = self.wanted(problem, problem.chain)
            probes = self._probes[problem.id]
            requests = _first(
                read(
                    before,
                    problem.chain,
                    made,
                    form,
                    self.fits,
                    wanted,
                    probes=lambda *_: probes,
                )
            )
            if not requests:
                variants = self._variants[problem.id]
                asked = all_requests(before, problem.chain, variants, form, wanted)
                asked += probe_requests(before, probes, form)
                self._refuse_too_long(problem, asked)
                requests = [self._stand_in(problem)]
        except InputError as error:
            raise InputError(f"task {self.config.task}: {error}") from None
        return [
            Instance(
                request_type="loglikelihood",
                doc=doc,
                arguments=(request.context, request.continuation),
                idx=i,
                **belongs_to_document(self.config, kwargs),
            )
            for i, request in enumerate(requests)
        ]

    def stages(self, problem: Problem, before: str) -> Stages[dict[str, Any]]:
        """All that is asked about a document, where interventions ask."""
        generation = {
            "until": [*ENDS, *_next_question(problem.chain)],
            "max_gen_toks": self.owned[WritingOn].write_on_tokens,
            "do_sample": False,
        }
        form = self.form_of(problem)
        made = self.changes(
            problem,
            problem.chain,
            rewrite=problem.rewrite,
            **self.asking(before, generation, form),
        )
        wanted = self.wanted(problem, problem.chain)
        probes = functools.partial(self.probes, problem)
        outcome = yield from read(
            before, problem.chain, made, form, self.fits, wanted, probes=probes
        )
        return outcome.to_dict()

    def _assumed(self, problem: Problem, before: str, ask: Generate) -> str:
        """For a forecast, that the model goes on as the chain does."""
        plain = replace(problem, cue="")
        solution = self.form_of(plain).worked(self._shown(plain))
        if self.form.think:
            solution = solution.removeprefix(self.form.think_open)
        return rest_of(solution, ask.context.removeprefix(before), problem.chain)

    def _clean(self, before: str, problem: Problem) -> list[Request]:
        form = self.form_of(problem)
        return chain_requests(before, problem.chain, (), form)

    def _stand_in(self, problem: Problem) -> Score:
        """The answer by itself: the harness wants a request for every document."""
        form = self.form
        answer = form.answer_delimiter + problem.chain.answer
        return Score(form.answer_cue or " ", answer)

    def _refuse_too_long(self, problem: Problem, requests: Iterable[Request]) -> None:
        """Say of a document that is too long that it is dropped.

        Raises:
            InputError: the run is to be refused for it.
        """
        excess = max(self._limit.excess(*request) for request in requests)
        if not excess:
            return
        limit = self._limit.max_length
        told = f"document {problem.id}: {limit + excess} tokens, but the model takes {limit}"
        if self.choice.too_long == "refuse":
            raise InputError(
                f"{told}: use fewer steps or few-shot examples, a model that takes "
                "more (max_length in --model_args), or --metadata too_long=drop"
            )
        logger.warning("task %s, %s: dropped", self.config.task, told)

    # --- results -----------------------------------------------------------------

    def record_of(self, doc: Mapping[str, Any], results: Sequence[Any]) -> ChainRecord:
        """What was measured on the document."""
        problem = self._problems[doc["id"]]
        variants: Sequence[Variant] = self._variants.get(problem.id, ())
        sets = self._sets.get(problem.id, NO_SETS)
        probes: Sequence[Probe] = self._probes.get(problem.id, ())
        if self.asks_again:
            response = json.loads(results[0])
            variants = [variant_from_dict(v) for v in response["interventions"]]
            probes = probes_of_note(response)
            results = response["loglikelihoods"]
            if "sets" in response:
                sets = sets_from_dict(response["sets"], len(problem.chain.steps))
        return chain_record(
            problem.id,
            problem.question,
            problem.chain,
            variants,
            results,
            problem=problem.problem,
            sets=sets,
            probes=probes,
        )


def _next_question(chain: Chain) -> list[str]:
    """How the next question would begin, in a language of its own."""
    phrases = phrases_of(chain.writing.language)
    word = phrases.question.strip() if phrases else ""
    return [word] if word and word not in ENDS else []


def _ready(variants: tuple[Variant, ...]) -> Stages[tuple[Variant, ...]]:
    """Interventions that are made already, and ask nothing."""
    yield from ()
    return variants


def _first(stages: Stages[Any]) -> Sequence[Any]:
    """What is asked in the first stage; nothing where there is none."""
    return next(stages, ())


def _nothing_to_ask(asks: Sequence[Ask]) -> Sequence[Any]:
    raise TypeError("an intervention asks the model")
