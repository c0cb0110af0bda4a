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
from lm_eval_faith.harness.lm_eval_compat import belongs_to_document, running_model
from lm_eval_faith.harness.other_tasks import AnswerTasks, Document
from lm_eval_faith.harness.requests import (
    Outcome,
    answer_form_of,
    rest_of,
    written,
)
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
from lm_eval_faith.records.outcome import (
    UNANSWERED,
    ChainRecord,
    generated_record,
    task_right,
)

logger = logging.getLogger(__name__)

CONTEXT = (
    "system_instruction",
    "apply_chat_template",
    "fewshot_as_multiturn",
    "chat_template",
)
"""How a prompt is made, of what the harness tells ``build_all_requests``."""

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
        self._chosen_generation: dict[str, Any] = {}
        return super()._read_problems()

    @functools.cached_property
    def _of_others(self) -> Mapping[str, Document]:
        """The documents of another task that has its own prompt, by id."""
        return self.source.documents if isinstance(self.source, AnswerTasks) else {}

    def _has(self, *labels: Any) -> frozenset[str]:
        judged = {"task_right"} if self._of_others else set()
        return super()._has(*labels) | judged

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
        """The harness's own; it is called for what the user names."""
        self._chose_shots = self._chose_shots or key == "num_fewshot"
        if key == "generation_kwargs":
            self._chosen_generation |= value
        super().set_config(key, value, update)

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, with the prompt that fits the model.

        Worked examples are there by default for base models, none with a chat template.
        """
        require_multi_stage(running_model(), self.config.task)
        # By this name the evaluator evens out the number of requests between processes.
        self.OUTPUT_TYPE = MULTI_STAGE
        chat = bool(kwargs.get("apply_chat_template"))
        if (chat or self._of_others) and not self._chose_shots:
            self.config.num_fewshot = 0
        self._prompt = self._prompt_for(chat)
        super().build_all_requests(**kwargs)

    def few_shot_examples(self) -> int:
        """Those at hand: another task's own are sampled by that task."""
        shots = self.config.num_fewshot or 0
        return shots if self._of_others else super().few_shot_examples()

    def fewshot_context(
        self, doc: Mapping[str, Any], num_fewshot: int, *args: Any, **kwargs: Any
    ) -> Any:
        """The harness's own; of another task's document that task's own prompt."""
        document = self._of_others.get(doc["id"])
        if document is None:
            return super().fewshot_context(doc, num_fewshot, *args, **kwargs)
        told = dict(zip(CONTEXT, args, strict=False)) | kwargs
        shots = num_fewshot if self._chose_shots else None
        return document.prompt(shots, **{name: told.get(name) for name in CONTEXT})

    def _prompt_of(self, context: str, kwargs: dict[str, Any], given: str = "") -> str:
        """As for every task of ours; another task's own prompt is whole as it is."""
        whole = super()._prompt_of(context, kwargs, given)
        return context if self._of_others else whole

    def construct_requests(
        self, doc: Mapping[str, Any], ctx: str, **kwargs: Any
    ) -> MultiStageRequest:
        """A generation, and what is asked about it."""
        prompt = self._prompt_of(ctx, kwargs)
        problem = self._problems[doc["id"]]
        generation = copy.deepcopy(self.config.generation_kwargs)
        if problem.id in self._of_others:
            own = self._of_others[problem.id].task.config.generation_kwargs or {}
            generation = {**generation, **own, **self._chosen_generation}
        try:
            prompt = self.form.before_chain(prompt)
            too_long = self._is_long_prompt(prompt, problem.id, generation)
        except InputError as error:
            raise InputError(f"task {self.config.task}: {error}") from None
        if too_long:  # every document needs a generation: a short one
            generation = generation | {"max_gen_toks": 1}
        return MultiStageRequest(
            doc=doc,
            arguments=(prompt, generation),
            idx=0,
            make=functools.partial(self.stages, problem, too_long),
            counts=_solved,
            assumed=functools.partial(self._assumed, problem, prompt),
            **belongs_to_document(self.config, kwargs),
        )

    def _assumed(self, problem: Problem, prompt: str, ask: Generate) -> str:
        """For a forecast, that the model writes the reference solution."""
        solution = self._prompt.worked(problem.chain, self.form)
        if self.form.is_open(prompt):
            solution = solution.removeprefix(self.form.think_open)
        if ask.context == prompt:
            return solution
        return rest_of(solution, ask.context.removeprefix(prompt), problem.chain)

    def _is_long_prompt(
        self, prompt: str, document: str, settings: Mapping[str, Any]
    ) -> bool:
        """Whether backends would cut the prompt to have room for the generation.

        Raises:
            InputError: they would, and the run is to be refused for that.
        """
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
        return outcome.to_dict() | self._verdict_of_task(problem, outcome)

    def _verdict_of_task(self, problem: Problem, outcome: Outcome) -> dict[str, Any]:
        """What the task whose document it is says of the generation, if there is one."""
        document = self._of_others.get(problem.id)
        if document is None or outcome.outcome == "long prompt":
            return {}
        try:
            return {"verdicts": document.verdicts(outcome.generation)}
        except Exception as error:  # noqa: BLE001 - another task's code
            reason = f"{type(error).__name__}: {error}"
            return {"verdicts": {}, "no_verdict": " ".join(reason.split())[:300]}

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
            form = answer_form_of(own)
            asking = self.asking(prompt + own.before, generation, form)
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
                functools.partial(self.probes, problem),
            )
        )

    def taker_apart(
        self, problem: Problem, prompt: str, generation: Mapping[str, Any]
    ) -> Callable[[str], WrittenChain]:
        """What makes a chain of a text that answers a problem."""
        document = self._of_others.get(problem.id)
        known = document.references if document else (problem.chain.answer,)
        ways = [
            self.form.taker_apart(
                prompt, generation, self.reading, answer, self.asked.allow_last_number
            )
            for answer in known
        ]

        def taken_apart(text: str) -> WrittenChain:
            read = [apart(text) for apart in ways]
            return next((own for own in read if own.correct), read[0])

        return taken_apart

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
        otherwise: list[str] = []
        unjudged: dict[str, list[str]] = {}
        for doc, results in self._documents_and_results():
            response = json.loads(results[0])
            note = response["note"]
            if note["outcome"] in UNANSWERED:
                ids.setdefault(note["outcome"], []).append(str(doc["id"]))
            told = task_right(response.get("verdicts") or {})
            if told in (0, 1) and told != bool(note["solved"]):
                otherwise.append(str(doc["id"]))
            if reason := response.get("no_verdict"):
                unjudged.setdefault(reason, []).append(str(doc["id"]))
        asked = (self.config.task, len(self.instances))
        if otherwise:
            logger.warning(
                "%s: of %d generations the task's own filters judge %d otherwise (%s)",
                *asked,
                len(otherwise),
                _some(otherwise),
            )
        for reason, those in unjudged.items():
            logger.warning(
                "%s: of %d generations the task itself could not judge %d: %s (%s)",
                *asked,
                len(those),
                reason,
                _some(those),
            )
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
            verdicts=response.get("verdicts"),
            subject=self._problems[doc["id"]].subject,
        )


def _solved(result: Mapping[str, Any]) -> dict[str, int]:
    return {"solved": int(bool(result["note"]["solved"]))}


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - IDS_TOLD} more" if len(ids) > IDS_TOLD else ""
    return ", ".join(ids[:IDS_TOLD]) + more
