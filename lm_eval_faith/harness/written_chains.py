"""Tasks whose problems the model solves in its own words, then reads with a step changed."""

from __future__ import annotations

import copy
import functools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lm_eval_faith.asks import Generate, Stages
from lm_eval_faith.chains.answers import last_number
from lm_eval_faith.chains.written import WrittenChain, split_generation
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import PROMPTS, Prompt
from lm_eval_faith.harness.lengths import (
    is_cut_off,
    is_long,
    most_tokens,
    tokens_too_many,
)
from lm_eval_faith.harness.lm_eval_compat import running_model
from lm_eval_faith.harness.requests import Outcome, rest_of, written
from lm_eval_faith.harness.stages import (
    MULTI_STAGE,
    MultiStageRequest,
    require_multi_stage,
)
from lm_eval_faith.harness.task import FaithTask
from lm_eval_faith.harness.task_parameters import Asked
from lm_eval_faith.interventions.plan import Variant
from lm_eval_faith.problems.problem import Problem
from lm_eval_faith.problems.reading import TextReading
from lm_eval_faith.records.outcome import UNANSWERED, ChainRecord, generated_record

logger = logging.getLogger(__name__)

IDS_TOLD = 10
"""So many ids stand beside a reason in the run's last lines; the samples hold all."""

UNLIKE_WRITTEN = 0.02
"""A text has up to this share fewer tokens when it is encoded than the model wrote it in."""


class WrittenChains(FaithTask):
    """Problems that the model solves in its own words, then reads with a step changed."""

    setting = "generated"
    OWNERS = (*FaithTask.OWNERS, Asked, TextReading)

    @property
    def reading(self) -> TextReading:
        """As the user's parameters say."""
        own: TextReading = self.owned[TextReading]
        return own

    def _read_problems(self) -> dict[str, Any]:
        self.asked: Asked = self.owned[Asked]
        self._prompt = self._prompt_for(chat=False)
        self._chose_shots = False
        return super()._read_problems()

    PROMPTS: Mapping[str, Prompt] = PROMPTS

    def _prompt_for(self, chat: bool) -> Prompt:
        fitting = "boxed" if self.form.think else "chat" if chat else "plain"
        name = fitting if self.asked.prompt == "auto" else self.asked.prompt
        return self.PROMPTS[name]

    # --- documents ---------------------------------------------------------------

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> Any:
        """The question with the instruction of the chosen prompt."""
        told = self._prompt.instruction.format(cue=self.form.answer_cue)
        return super().doc_to_text({**doc, "instruction": told}, doc_to_text)

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> Any:
        """A worked example's solution as the model is to write it, else the answer."""
        example = self._examples.get(doc["id"])
        if example is None:
            return super().doc_to_target(doc, doc_to_target)
        return self._prompt.worked(example.chain, self.form)

    # --- requests ----------------------------------------------------------------

    def set_config(self, key: str, value: Any, update: bool = False) -> None:
        """The harness's own; it is called for ``num_fewshot`` where the user names it."""
        self._chose_shots = self._chose_shots or key == "num_fewshot"
        super().set_config(key, value, update)

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, with the prompt that fits the model.

        Worked examples are there by default for base models, none with a chat template.
        """
        require_multi_stage(running_model(), self.config.task)
        # By this name the evaluator evens out the number of requests between processes.
        self.OUTPUT_TYPE = MULTI_STAGE
        chat = bool(kwargs.get("apply_chat_template"))
        if chat and not self._chose_shots:
            self.config.num_fewshot = 0
        self._prompt = self._prompt_for(chat)
        super().build_all_requests(**kwargs)

    def construct_requests(
        self, doc: Mapping[str, Any], ctx: str, **kwargs: Any
    ) -> MultiStageRequest:
        """A generation, and what is asked about it."""
        prompt = self._prompt_of(ctx, kwargs)
        problem = self._problems[doc["id"]]
        try:
            prompt = self.form.before_chain(prompt)
            too_long = self._is_long_prompt(prompt, problem.id)
        except InputError as error:
            raise InputError(f"task {self.config.task}: {error}") from None
        generation = copy.deepcopy(self.config.generation_kwargs)
        if too_long:  # every document needs a generation: a short one
            generation = generation | {"max_gen_toks": 1}
        return MultiStageRequest(
            doc=doc,
            arguments=(prompt, generation),
            idx=0,
            make=functools.partial(self.stages, problem, too_long),
            counts=_solved,
            assumed=functools.partial(self._assumed, problem, prompt),
            **kwargs,
        )

    def _assumed(self, problem: Problem, prompt: str, ask: Generate) -> str:
        """For a forecast, that the model writes the reference solution."""
        solution = self._prompt.worked(problem.chain, self.form)
        if self.form.is_open(prompt):
            solution = solution.removeprefix(self.form.think_open)
        if ask.context == prompt:
            return solution
        return rest_of(solution, ask.context.removeprefix(prompt), problem.chain)

    def _is_long_prompt(self, prompt: str, document: str) -> bool:
        """Whether backends would cut the prompt to have room for the generation.

        Raises:
            InputError: they would, and the run is to be refused for that.
        """
        settings = self.config.generation_kwargs
        tokens = tokens_too_many(self._limit, prompt, settings)
        if not tokens or self.choice.too_long == "drop":
            return bool(tokens)
        wanted = most_tokens(settings)
        raise InputError(
            f"document {document}: the prompt has {tokens} tokens, and with the "
            f"{wanted} that may be generated that is more than the "
            f"{self._limit.max_length} that the model takes: lower max_gen_toks in "
            "--gen_kwargs or --num_fewshot, or use --metadata too_long=drop"
        )

    def stages(
        self,
        problem: Problem,
        long_prompt: bool,
        prompt: str,
        generation: Mapping[str, Any],
    ) -> Stages[dict[str, Any]]:
        """A generation, and what is asked about its chain if its answer is right."""
        outcome = yield from self.outcome(problem, long_prompt, prompt, generation)
        return outcome.to_dict()

    def outcome(
        self,
        problem: Problem,
        long_prompt: bool,
        prompt: str,
        generation: Mapping[str, Any],
    ) -> Stages[Outcome]:
        """What becomes of a document."""
        reference = problem.chain.answer

        def unread(text: str) -> WrittenChain:
            """Nothing is asked about a generation whose prompt was cut."""
            return split_generation("", reference)

        taken_apart = self.taker_apart(problem, prompt, generation)

        def changes_of(own: WrittenChain) -> Stages[tuple[Variant, ...]]:
            asking = self.asking(prompt + own.before, generation)
            return self.changes(problem, own.chain, **asking)

        return (
            yield from written(
                prompt,
                self.form.asked_for(generation),
                unread if long_prompt else taken_apart,
                (lambda *_: "long prompt")
                if long_prompt
                else functools.partial(
                    self._why_not, generation=generation, reference=reference
                ),
                changes_of,
                self.fits,
                functools.partial(self.wanted, problem),
                functools.partial(self.others, problem),
            )
        )

    def taker_apart(
        self, problem: Problem, prompt: str, generation: Mapping[str, Any]
    ) -> Callable[[str], WrittenChain]:
        """What makes a chain of a text that answers a problem."""
        allow = self.asked.allow_last_number
        return self.form.taker_apart(
            prompt, generation, self.reading, problem.chain.answer, allow
        )

    def others(self, problem: Problem, own: WrittenChain) -> Sequence[str]:
        """What else could be answered to a chain, as its own answer is written."""
        return ()

    def _why_not(
        self,
        own: WrittenChain,
        text: str,
        generation: Mapping[str, Any],
        reference: str,
    ) -> str:
        """Why a chain is not asked about, or nothing.

        Args:
            own: what was written, taken apart.
            text: the same as the backend gave it.
            generation: the settings, as the user has them.
            reference: the right answer.
        """
        if not own.correct:
            return self._why_no_answer(own, text, generation, reference) or "wrong"
        if not own.chain.steps:
            return "no chain"
        most = self.choice.max_chain_tokens
        return "long chain" if is_long(own.chain, most, self._model) else ""

    # --- results -----------------------------------------------------------------

    def _why_no_answer(
        self,
        own: WrittenChain,
        text: str,
        generation: Mapping[str, Any],
        reference: str,
    ) -> str:
        """Why a text has no answer to be judged, or nothing; arguments as above."""
        whole = self.form.without_what_stops(text, generation) == text
        # Of an answer at the very end of a text that was cut off, perhaps half is there.
        ends = whole and not (own.answer and own.rest.strip())
        about = 0 if own.answer else UNLIKE_WRITTEN
        if ends and is_cut_off(self._limit, text, generation, about):
            return "cut off"
        if not own.answer:
            if own.outcome == "unfinished":
                return "unfinished"
            return "unparsed" if whole else "stopped"
        is_number = last_number(reference) is not None
        return "no number" if is_number and last_number(own.answer) is None else ""

    def apply_filters(self) -> Any:
        """The harness's own; then all responses are there, and it is said what became of
        generations without a final answer."""
        filtered = super().apply_filters()
        ids: dict[str, list[str]] = {}
        for doc, results in self._documents_and_results():
            outcome = json.loads(results[0])["note"]["outcome"]
            if outcome in UNANSWERED:
                ids.setdefault(outcome, []).append(str(doc["id"]))
        for outcome, those in ids.items():
            logger.warning(
                "%s: %d of %d generations could not be used: %s (%s)%s",
                self.config.task,
                len(those),
                len(self.instances),
                UNANSWERED[outcome],
                _some(those),
                self._what_to_do(outcome),
            )
        return filtered

    def _what_to_do(self, outcome: str) -> str:
        if outcome == "cut off":
            return "; raise max_gen_toks in --gen_kwargs"
        if outcome == "unfinished" and not self.form.think:
            return (
                "; a stop string may have ended the thinking: with --metadata think=true "
                "they count behind the closing tag only"
            )
        return ""

    def record_of(self, doc: Mapping[str, Any], results: Sequence[str]) -> ChainRecord:
        """What was measured on the document; of one that was not scored, what became of it."""
        response = json.loads(results[0])
        return generated_record(
            doc["id"],
            doc["question"],
            response["note"],
            response["loglikelihoods"],
            problem=self._problems[doc["id"]].problem,
            choices=response.get("choices"),
            subject=self._problems[doc["id"]].subject,
        )


def _solved(result: Mapping[str, Any]) -> dict[str, int]:
    return {"solved": int(bool(result["note"]["solved"]))}


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - IDS_TOLD} more" if len(ids) > IDS_TOLD else ""
    return ", ".join(ids[:IDS_TOLD]) + more
