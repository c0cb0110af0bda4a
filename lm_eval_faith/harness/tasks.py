"""The two task classes: chains that are read, and chains that the model writes first.

A YAML says which, and by ``source`` where its problems come from
(:mod:`lm_eval_faith.problems.sources`); everything else is a parameter.
"""

from __future__ import annotations

import copy
import functools
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datasets import Dataset
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from lm_eval_faith.asks import Ask, Score, Stages, answered
from lm_eval_faith.chains.answers import last_number
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.chains.written import WrittenChain, split_generation
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import (
    PROMPTS,
    AnswerFormat,
    Prompt,
    white_space_of,
)
from lm_eval_faith.harness.harness_table import (
    HarnessTable,
    ShowsMetrics,
    harness_table,
)
from lm_eval_faith.harness.lm_eval_compat import (
    ContextLimit,
    require_loglikelihoods,
    running_model,
    warn_of_ignored_parameters,
    warn_of_unknown_model,
)
from lm_eval_faith.harness.requests import (
    Outcome,
    Request,
    chain_requests,
    document_of,
    read,
    read_document,
    written,
)
from lm_eval_faith.harness.seam import warn_of_joined
from lm_eval_faith.harness.stages import (
    MULTI_STAGE,
    MultiStageRequest,
    require_multi_stage,
)
from lm_eval_faith.interventions import (
    Context,
    NotApplicable,
    get_intervention,
    load_intervention_modules,
)
from lm_eval_faith.interventions.plan import Variant, changes, variant_from_dict
from lm_eval_faith.metrics import Choices, load_metric_modules
from lm_eval_faith.parameters import (
    as_json,
    may_differ,
    names,
    number,
    one_of,
    parameter,
    read_parameters,
    warn_of_unknown,
    whole_number,
    yes_or_no,
)
from lm_eval_faith.problems.chain_sources import ChainFile, labels_of
from lm_eval_faith.problems.problem import Problem
from lm_eval_faith.problems.reading import TextReading
from lm_eval_faith.problems.sources import source_named
from lm_eval_faith.records.outcome import (
    CONTROL,
    OUTCOMES,
    UNANSWERED,
    ChainRecord,
    chain_record,
    generated_record,
    problem_of,
)

logger = logging.getLogger(__name__)

CHARACTERS_PER_TOKEN = 4
"""What a token is taken for where the model's tokenizer is not at hand."""

IDS_TOLD = 10
"""So many ids stand beside a reason in the run's last lines; the samples hold all."""

UNLIKE_WRITTEN = 0.02
"""A text has up to this share fewer tokens when it is encoded than the model wrote it in."""

GENERATION_LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens")
"""What the harness takes for the most tokens to generate, in this order."""

ENDS = ("Question:", "</s>", "<|im_end|>", "<|endoftext|>")
"""Where a model that writes on behind a given chain is stopped."""


@dataclass(frozen=True)
class Interventions:
    """What is done to which steps."""

    interventions: tuple[str, ...] = parameter(
        ("corrupt", "delete", "control"),
        names,
        "what is done to each step, in the order of the table",
        same=False,
    )
    intervention_modules: tuple[str, ...] = parameter(
        (), names, "a user's own modules, imported for their interventions", same=False
    )
    metrics: tuple[str, ...] = parameter(
        (),
        names,
        "which metrics of each intervention the table shows; all if none are named",
        same=False,
    )
    metric_modules: tuple[str, ...] = parameter(
        (), names, "a user's own modules, imported for their metrics", same=False
    )
    threshold: float = parameter(
        1.0, number, "the effect, in nats, from which a step counts as load-bearing"
    )
    max_steps: int = parameter(
        0,
        whole_number(),
        "of a longer chain so many steps are drawn, the same in every run; 0 takes all",
    )
    max_chain_tokens: int = parameter(
        0, whole_number(), "a chain of more tokens is left out and counted; 0 takes all"
    )
    intervention_seed: int = parameter(
        0, whole_number(), "another seed, other corruptions, asides and draws"
    )
    too_long: str = parameter(
        "refuse",
        one_of("refuse", "drop"),
        "a document that is longer than the model takes: refuse the run, or drop it",
        same=False,
    )

    def checked(self) -> Interventions:
        """The same, once a user's modules are loaded and every name is known.

        Raises:
            InputError: a name is not.
        """
        load_intervention_modules(self.intervention_modules)
        load_metric_modules(self.metric_modules)
        if not self.interventions:
            raise InputError("interventions must name at least one")
        for name in self.interventions:
            get_intervention(name)
        return self

    @property
    def ask(self) -> bool:
        """Whether one of them asks the model."""
        return any(get_intervention(name).asks for name in self.interventions)

    def steps(self, count: int, document: str) -> list[int]:
        """The steps of a chain that are intervened on: all, or a draw of ``max_steps``."""
        if not 0 < self.max_steps < count:
            return list(range(count))
        draw = Draw(self.intervention_seed, document, "max_steps")
        return sorted(draw.sample(range(count), self.max_steps))

    def is_long(self, chain: Chain, model: Any | None) -> bool:
        """Whether a chain has more than ``max_chain_tokens``.

        Args:
            chain: the chain.
            model: the running model; without one that has ``tok_encode`` a token is
                taken for four characters.
        """
        most, size = self.max_chain_tokens, len(chain.text.encode())
        # A token stands for at least one byte; 8 for a tokenizer's special tokens.
        if not most or size + 8 <= most:
            return False
        try:
            return len(model.tok_encode(chain.text)) > most  # type: ignore[union-attr]
        except (AttributeError, NotImplementedError):
            return len(chain.text) > CHARACTERS_PER_TOKEN * most


@dataclass(frozen=True)
class WritingOn:
    """How the model writes on behind a chain that is there, where it is asked to."""

    write_on_tokens: int = parameter(
        512, whole_number(1), "the most tokens that it writes behind a changed step"
    )


@dataclass(frozen=True)
class Asked:
    """How a model is asked to solve a problem, and how its answer is found."""

    prompt: str = parameter(
        "auto",
        one_of("auto", *PROMPTS),
        "plain, chat (asks for the words of answer_cue), boxed (asks for \\boxed{}), or "
        "auto: boxed with think, chat with a chat template, else plain",
    )
    allow_last_number: bool = parameter(
        False,
        yes_or_no,
        "take the last number for the answer where a text states none",
    )


class FaithTask(ShowsMetrics, ConfigurableTask):  # type: ignore[misc]
    """A harness task of ours: its parameters, its problems, the model's limits."""

    setting: str
    """What the report makes of the samples."""

    OWNERS: tuple[type[Any], ...] = (Interventions, AnswerFormat)
    """Who declares the task's parameters, beside its source."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        config = {k: copy.deepcopy(v) for k, v in config.items() if k != "class"}
        name, source = config["task"], config.pop("source", None)
        parameters = dict(config.get("metadata") or {})
        try:
            owned = {kind: read_parameters(kind, parameters) for kind in self.OWNERS}
            self.choice: Interventions = owned[Interventions].checked()
            self.form: AnswerFormat = owned[AnswerFormat]
            self.owned = owned
            self.source = source_named(source).read(parameters)
            recorded = self._read_problems()
        except InputError as error:
            raise InputError(f"task {name}: {error}") from None
        resolved = {k: v for each in owned.values() for k, v in as_json(each).items()}
        resolved |= self.source.to_dict() | recorded
        warn_of_unknown(name, parameters, list(resolved))
        free = self.source.may_differ() + may_differ(*self.OWNERS) + list(recorded)
        config["metadata"] = parameters | resolved | {"may_differ": sorted(free)}
        if isinstance(source, str):
            config["metadata"]["source"] = source
        self._limit = ContextLimit()
        self._ranks = 1
        super().__init__(config=config)

    # --- problems ----------------------------------------------------------------

    def _read_problems(self) -> dict[str, Any]:
        """Read the problems, and give back what is recorded of them."""
        found = [self.judged(problem) for problem in self.source.problems()]
        used = [problem for problem in found if not problem.left_out]
        ids: dict[str, list[str]] = {}
        for problem in found:
            if problem.left_out:
                ids.setdefault(problem.left_out, []).append(problem.id)
        left_out = {reason: len(those) for reason, those in ids.items()}
        told = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        where = getattr(self.source.settings, "chains", "") or "the source"
        if not used:
            raise InputError(f"{where}: all {len(found)} chains are left out: {told}")
        if left_out:
            logger.warning("%s: of %d chains left out: %s", where, len(found), told)
        self._problems = {problem.id: problem for problem in used}
        self._examples = {problem.id: problem for problem in self.source.examples()}
        self._donors = [
            (problem.id, step.text)
            for problem in self.source.donors(used)
            for step in problem.chain.steps
        ]
        steps, chains = labels_of(used)
        self.table = self._table(used, (steps, chains))
        if not isinstance(self.source, ChainFile):
            return {}
        recorded = {
            "chains_in_file": len(found),
            "chains_left_out": left_out,
            "chains_left_out_ids": ids,
        }
        if self.setting != "labelled":
            return recorded
        for what, counts in ("steps", steps), ("chains", chains):
            if counts["unlabelled"] and counts["load_bearing"] + counts["decoy"]:
                few = f"{counts['unlabelled']} of {sum(counts.values())} {what}"
                logger.info("%s have no label and do not enter AUCs", few)
        return recorded | {"step_labels": steps, "chain_labels": chains}

    def judged(self, problem: Problem) -> Problem:
        """The problem, with the reason for which this task leaves it out, or none."""
        return problem

    def _table(
        self,
        used: Sequence[Problem],
        labels: tuple[Mapping[str, int], Mapping[str, int]],
    ) -> HarnessTable:
        choice = self.choice
        questions = {problem_of(p.question, p.problem) for p in used}
        return harness_table(
            choice.interventions,
            self._has(labels),
            Choices(choice.threshold),
            choice.metrics,
            [one.name for one in load_metric_modules(choice.metric_modules)],
            alone=len(questions) == len(used),
        )

    def _has(
        self, labels: tuple[Mapping[str, int], Mapping[str, int]]
    ) -> frozenset[str]:
        """What metrics can need and the task's chains can have: see ``records.tables``."""
        steps, chains = labels
        there = {
            "solved": self.setting == "generated",
            "answer_steps": True,
            "other_answer": self.setting != "generated" or self.choice.ask,
            "control": CONTROL in self.choice.interventions,
            "load_bearing": steps["load_bearing"],
            "decoys": steps["decoy"],
            "labels": steps["load_bearing"] and steps["decoy"],
            "chain_labels": chains["load_bearing"] and chains["decoy"],
            **{
                measure: True
                for name in self.choice.interventions
                for measure in get_intervention(name).measures
            },
        }
        return frozenset(name for name, is_there in there.items() if is_there)

    def download(self, *args: Any, **kwargs: Any) -> None:
        """Make the documents; nothing is downloaded."""
        try:
            test = [self.document(problem) for problem in self._problems.values()]
            worked = [self.example(problem) for problem in self._examples.values()]
        except InputError as error:
            raise InputError(f"task {self.config.task}: {error}") from None
        self.dataset = {
            "test": Dataset.from_list(test),
            "fewshot": Dataset.from_list(worked),
        }

    def document(self, problem: Problem) -> dict[str, Any]:
        """The problem as the samples file holds it."""
        return document_of(problem, self.setting)

    def example(self, problem: Problem) -> dict[str, Any]:
        """The problem as a worked example."""
        return self.document(problem)

    # --- requests ----------------------------------------------------------------

    def changes(
        self, problem: Problem, chain: Chain, **asking: Any
    ) -> Stages[tuple[Variant, ...]]:
        """The interventions on a chain of a problem.

        Args:
            problem: whose chain it is.
            chain: the chain.
            asking: what the context of interventions holds for those that ask.
        """
        donors = [text for id, text in self._donors if id != problem.id]
        seed = self.source.seed + self.choice.intervention_seed
        return changes(
            chain,
            self.choice.interventions,
            seed=seed,
            document=problem.id,
            steps=self.choice.steps(len(chain.steps), problem.id),
            context=Context(
                seed,
                problem.id,
                0,
                "",
                donors=donors,
                question=problem.question,
                **asking,
            ),
        )

    def asking(self, prompt: str, generation: Mapping[str, Any]) -> dict[str, Any]:
        """What the context of an intervention holds so that it can ask the model.

        Args:
            prompt: everything before the chain.
            generation: settings of what the model writes on.
        """

        def prompt_of(chain: Chain) -> str:
            text = prompt + chain.text
            if self._tokens_too_many(text, generation):
                raise NotApplicable("the model has no room to write on")
            return text

        apart = self.form.taker_apart(prompt, generation, self.reading)

        def taken_apart(text: str) -> WrittenChain:
            own = apart(text)
            if own.rest.strip() or not self._is_cut_off(text, generation):
                return own
            return replace(own, answer="")  # perhaps half of one

        return {
            "prompt": prompt_of,
            "generation": self.form.asked_for(generation),
            "taken_apart": taken_apart,
        }

    def _is_cut_off(
        self, text: str, generation: Mapping[str, Any], about: float = 0
    ) -> bool:
        """Whether a text has as many tokens as may be generated, so far as is known.

        Args:
            text: the text.
            generation: the settings.
            about: the share of tokens that may be missing.
        """
        most, model = _most_tokens(generation), self._limit.model
        return bool(
            most and model and len(model.tok_encode(text)) >= most - about * most
        )

    def _tokens_too_many(self, prompt: str, generation: Mapping[str, Any]) -> int:
        """How many tokens a prompt has, where backends would cut it to have room for
        the generation; else 0."""
        wanted = _most_tokens(generation)
        room = self._limit.max_length - wanted
        if self._limit.model is None or not wanted or len(prompt.encode()) + 8 <= room:
            return 0
        tokens = len(self._limit.model.tok_encode(prompt))
        return tokens if tokens > room else 0

    def fits(self, request: Request) -> bool:
        """Whether the model can read a request in full."""
        return not self._limit.excess(*request)

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, once the limits of the running model are known."""
        shots, most = self.config.num_fewshot or 0, len(self.dataset["fewshot"])
        if shots > most:
            raise InputError(
                f"task {self.config.task}: {shots} few-shot examples wanted, at most "
                f"{most} are there: lower --num_fewshot"
            )
        if kwargs.get("cache_requests"):
            # The harness keys that cache by the task's name alone: other parameters would
            # get the requests of these.
            logger.warning("%s: --cache_requests is not used", self.config.task)
        kwargs |= {"cache_requests": False, "rewrite_requests_cache": False}
        warn_of_ignored_parameters(str(self.config.task))
        self._model = running_model()
        if self._model is None:
            warn_of_unknown_model(str(self.config.task))
        self._limit = ContextLimit.of(self._model)
        self._ranks = kwargs.get("world_size") or 1
        super().build_all_requests(**kwargs)
        warn_of_joined(
            self._model,
            [
                request.args
                for request in self._instances
                if request.request_type == "loglikelihood"
            ],
        )

    def _prompt_of(self, context: str, kwargs: dict[str, Any]) -> str:
        """Everything before the chain; takes what the harness told of it out of kwargs."""
        chat = kwargs.pop("apply_chat_template", False)
        kwargs.pop("chat_template", None)
        if not chat:
            return context + str(self.config.target_delimiter)
        for example in self._examples.values():
            chain = example.chain.text.strip()
            if example.question in context and chain not in context:
                raise InputError(
                    f"task {self.config.task}: the chat template leaves the reasoning out "
                    "of the worked examples, as templates do that strip the thinking of "
                    "earlier turns: use --fewshot_as_multiturn false, which keeps it (all "
                    "examples stand in one turn), or --num_fewshot 0"
                )
        return context

    # --- results -----------------------------------------------------------------

    def dump_config(self) -> dict[str, Any]:
        """The harness's own, with the entry that its loggers read: documents hold different
        metrics, so there is none that all of them have."""
        return {"metric_list": [], **super().dump_config()}

    @property
    def reading(self) -> TextReading:
        """How a text that the model writes becomes a chain."""
        return TextReading()

    @property
    def predicts_only(self) -> bool:  # type: ignore[override]
        """Whether the run wants samples and no figures (``--predict_only``)."""
        return "bypass" in self._metric_fn_list


class ReadChains(FaithTask):
    """Chains that are there, read by the model."""

    OWNERS = (*FaithTask.OWNERS, WritingOn)

    def _read_problems(self) -> dict[str, Any]:
        self.setting = self.source.setting
        return super()._read_problems()

    def judged(self, problem: Problem) -> Problem:
        """Left out where its chain is too long."""
        if not problem.left_out and self.choice.is_long(problem.chain, running_model()):
            return replace(problem, left_out=OUTCOMES["long chain"])
        return problem if problem.left_out else replace(problem, chain=_shown(problem))

    # --- documents ---------------------------------------------------------------

    def download(self, *args: Any, **kwargs: Any) -> None:
        """Make the documents, and what interventions make of their chains."""
        self._variants: dict[str, tuple[Variant, ...]] = {}
        super().download(*args, **kwargs)

    def document(self, problem: Problem) -> dict[str, Any]:
        """The problem with its chain and the interventions on it.

        What an intervention that asks the model makes of a chain stands beside the
        responses instead.
        """
        if not self.choice.ask:
            made = self.changes(problem, problem.chain, rewrite=problem.rewrite)
            self._variants[problem.id] = answered(made, _nothing_to_ask)
        return read_document(problem, self.setting, self._variants.get(problem.id, ()))

    def example(self, problem: Problem) -> dict[str, Any]:
        """The problem as a worked example."""
        return {
            **super().document(problem),
            "worked": self.form.worked(_shown(problem)),
        }

    # --- requests ----------------------------------------------------------------

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, for a backend that can answer the requests."""
        model = running_model()
        if self.choice.ask:
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
        prompt = self._prompt_of(ctx, kwargs)
        problem = self._problems[doc["id"]]
        try:
            before = self.form.before_chain(prompt)
            if self.choice.ask:
                self._refuse_too_long(problem, self._clean(before, problem))
                make = functools.partial(self.stages, problem)
                return MultiStageRequest(
                    doc=doc, arguments=(before,), idx=0, make=make, **kwargs
                )
            made = _ready(self._variants[problem.id])
            requests = _first(read(before, problem.chain, made, self.form, self.fits))
            if not requests:
                variants = self._variants[problem.id]
                asked = chain_requests(before, problem.chain, variants, self.form)
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
                **kwargs,
            )
            for i, request in enumerate(requests)
        ]

    def stages(self, problem: Problem, before: str) -> Stages[dict[str, Any]]:
        """All that is asked about a document, where interventions ask."""
        generation = {
            "until": list(ENDS),
            "max_gen_toks": self.owned[WritingOn].write_on_tokens,
            "do_sample": False,
        }
        made = self.changes(
            problem,
            problem.chain,
            rewrite=problem.rewrite,
            **self.asking(before, generation),
        )
        outcome = yield from read(before, problem.chain, made, self.form, self.fits)
        return outcome.to_dict()

    def _clean(self, before: str, problem: Problem) -> list[Request]:
        return chain_requests(before, problem.chain, (), self.form)

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
        if self.choice.ask:
            response = json.loads(results[0])
            variants = [variant_from_dict(v) for v in response["interventions"]]
            results = response["loglikelihoods"]
        return chain_record(
            problem.id,
            problem.question,
            problem.chain,
            variants,
            results,
            problem=problem.problem,
        )


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

    def _prompt_for(self, chat: bool) -> Prompt:
        fitting = "boxed" if self.form.think else "chat" if chat else "plain"
        name = fitting if self.asked.prompt == "auto" else self.asked.prompt
        return PROMPTS[name]

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
            **kwargs,
        )

    def _is_long_prompt(self, prompt: str, document: str) -> bool:
        """Whether backends would cut the prompt to have room for the generation.

        Raises:
            InputError: they would, and the run is to be refused for that.
        """
        settings = self.config.generation_kwargs
        tokens = self._tokens_too_many(prompt, settings)
        if not tokens or self.choice.too_long == "drop":
            return bool(tokens)
        wanted = _most_tokens(settings)
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
        reference = problem.chain.answer
        allow = self.asked.allow_last_number

        def unread(text: str) -> WrittenChain:
            """Nothing is asked about a generation whose prompt was cut."""
            return split_generation("", reference)

        taken_apart = self.form.taker_apart(
            prompt, generation, self.reading, reference, allow
        )

        def changes_of(own: WrittenChain) -> Stages[tuple[Variant, ...]]:
            asking = self.asking(prompt + own.before, generation)
            return self.changes(problem, own.chain, **asking)

        outcome: Outcome = yield from written(
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
        )
        return outcome.to_dict()

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
        return "long chain" if self.choice.is_long(own.chain, self._model) else ""

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
        if ends and self._is_cut_off(text, generation, about):
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
        )


def _most_tokens(generation: Mapping[str, Any]) -> int:
    """How many tokens may be generated; 0 where the settings do not say."""
    lengths = (generation[n] for n in GENERATION_LENGTHS if generation.get(n))
    return int(next(lengths, 0))


def _solved(result: Mapping[str, Any]) -> dict[str, int]:
    return {"solved": int(bool(result["note"]["solved"]))}


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - IDS_TOLD} more" if len(ids) > IDS_TOLD else ""
    return ", ".join(ids[:IDS_TOLD]) + more


def _shown(problem: Problem) -> Chain:
    """The chain as a prompt holds it: the cue is set off like one more step."""
    chain = problem.chain
    last = replace(chain.steps[-1], after=white_space_of(chain))
    opening = chain.opening if chain.opening.strip() else ""
    return replace(chain, steps=(*chain.steps[:-1], last), opening=opening)


def _ready(variants: tuple[Variant, ...]) -> Stages[tuple[Variant, ...]]:
    """Interventions that are made already, and ask nothing."""
    yield from ()
    return variants


def _first(stages: Stages[Any]) -> Sequence[Any]:
    """What is asked in the first stage; nothing where there is none."""
    return next(stages, ())


def _nothing_to_ask(asks: Sequence[Ask]) -> Sequence[Any]:
    raise TypeError("an intervention asks the model")
