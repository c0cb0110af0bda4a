"""What the task classes share: parameters, problems, the table, the model's limits."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets import Dataset
from lm_eval.api.task import ConfigurableTask

from lm_eval_faith.asks import Stages
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.written import WrittenChain
from lm_eval_faith.errors import InputError
from lm_eval_faith.files import require_place_for
from lm_eval_faith.harness import lm_eval_compat
from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.harness.backend_check import warn_of_special_tokens
from lm_eval_faith.harness.harness_table import (
    HarnessTable,
    ShowsMetrics,
    harness_table,
)
from lm_eval_faith.harness.lengths import (
    is_cut_off,
    tokens_behind,
    tokens_too_many,
)
from lm_eval_faith.harness.lm_eval_compat import (
    ContextLimit,
    output_path_of_run,
    predicts_only,
    running_model,
    store_of_run,
    told_to_simple_evaluate,
    warn_of_ignored_parameters,
    warn_of_unknown_model,
)
from lm_eval_faith.harness.requests import document_of
from lm_eval_faith.harness.response_cache import (
    claim,
    digest_of_weights,
    model_path,
    owner_of,
)
from lm_eval_faith.harness.seam import warn_of_joined
from lm_eval_faith.harness.servers import require_server
from lm_eval_faith.harness.set_requests import Request, SetsWanted
from lm_eval_faith.harness.task_parameters import Drawing, Interventions
from lm_eval_faith.interventions import (
    Context,
    NotApplicable,
    get_intervention,
    is_control,
)
from lm_eval_faith.interventions.plan import Variant, changes
from lm_eval_faith.interventions.probes import Probe, Probing, probes_of
from lm_eval_faith.joint.groups import Group
from lm_eval_faith.joint.plan import ChainPlan, Joint
from lm_eval_faith.metrics import Choices, load_metric_modules
from lm_eval_faith.parameters import (
    as_json,
    may_differ,
    read_parameters,
    warn_of_unknown,
)
from lm_eval_faith.problems.chain_sources import ChainFile, labels_of
from lm_eval_faith.problems.problem import Problem, Source
from lm_eval_faith.problems.reading import TextReading
from lm_eval_faith.problems.set_files import read_sets
from lm_eval_faith.problems.sources import name_of, source_named
from lm_eval_faith.records.outcome import n_requests, problem_of
from lm_eval_faith.records.tables import CARD

logger = logging.getLogger(__name__)

NOT_READ_BY_TASKS = ("version", "config_source", "model_name")
"""What may stand among the metadata and is read by others."""


_MADE_BEFORE: ContextVar[dict[str, FaithTask] | None] = ContextVar(
    "made before", default=None
)


@contextmanager
def taking_over() -> Iterator[None]:
    """For one run: what tasks were made of when they were looked at serves them again.

    A task of the same name and parameters takes over what was read and what the
    interventions have made, which do not depend on the model.
    """
    told = _MADE_BEFORE.set({})
    try:
        yield
    finally:
        _MADE_BEFORE.reset(told)


def keep_for_the_run(tasks: Iterable[FaithTask]) -> None:
    """These were made to be looked at, in a run that is :func:`taking_over`."""
    made = _MADE_BEFORE.get()
    if made is not None:
        made.update((task.config.task, task) for task in tasks)


class FaithTask(ShowsMetrics, ConfigurableTask):  # type: ignore[misc]
    """A harness task of ours: its parameters, its problems, the model's limits."""

    setting: str
    """What the report makes of the samples."""

    source: Source
    """Where its problems come from."""

    given: dict[str, Any]
    """The parameters as they were given."""

    before: FaithTask | None
    """The same task as it was made before the run, until this one is made."""

    OWNERS: tuple[type[Any], ...] = (Interventions, AnswerFormat, Drawing, Joint)
    """Who declares the task's parameters, beside its source."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        lm_eval_compat.tell_tasks_the_model()  # under plain `lm_eval` too
        # Among the metadata may be a model that was given as an object: it is not copied.
        config = {
            name: dict(value or {}) if name == "metadata" else copy.deepcopy(value)
            for name, value in config.items()
            if name != "class"
        }
        name, source = config["task"], config.pop("source", None)
        parameters = dict(config.get("metadata") or {})
        before = (_MADE_BEFORE.get() or {}).pop(name, None)
        alike = before is not None and before.given == parameters
        self.given, self.before = parameters, before if alike else None
        try:
            owned = {kind: read_parameters(kind, parameters) for kind in self.OWNERS}
            self.choice: Interventions = owned[Interventions].checked()
            if self.choice.max_chain_tokens:  # counted by the model's tokenizer
                self.before = None
            self.form: AnswerFormat = owned[AnswerFormat]
            self.joint: Joint = owned[Joint]
            self.owned = owned
            if self.before is not None:
                self.source = self.before.source
            else:
                self.source = source_named(source).read(parameters)
            recorded = self._read_problems()
        except InputError as error:
            raise InputError(f"task {name}: {error}") from None
        resolved = {k: v for each in owned.values() for k, v in as_json(each).items()}
        resolved |= self.source.to_dict() | recorded
        self.not_parameters = tuple(
            key for key in parameters if key not in {*resolved, *NOT_READ_BY_TASKS}
        )
        self.parameter_names = tuple(name for name in resolved if name not in recorded)
        warn_of_unknown(name, self.not_parameters, self.parameter_names)
        free = self.source.may_differ() + may_differ(*self.OWNERS) + list(recorded)
        config["metadata"] = parameters | resolved | {"may_differ": sorted(free)}
        config["metadata"]["source"] = name_of(self.source)
        self._model: Any | None = None
        self._limit = ContextLimit()
        self._ranks = 1
        super().__init__(config=config)
        self.before = None

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
        self._places = {id: place for place, id in enumerate(self._problems)}
        self._examples = {problem.id: problem for problem in self.source.examples()}
        self._donors = [
            (problem.id, step.text)
            for problem in self.source.donors(used)
            for step in problem.chain.steps
        ]
        self._given_sets = self._read_sets()
        steps, chains = labels_of(used)
        self.table = self._table(used, (steps, chains))
        of_file = isinstance(self.source, ChainFile)
        if not (of_file or left_out):
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

    def _read_sets(self) -> dict[str, tuple[Group, ...]]:
        files = self.joint.files
        if files and self.setting == "generated":
            raise InputError(
                f"{files[0]}: the steps of chains that the model writes are not known "
                "beforehand: replay them from a file to name sets of them"
            )
        return read_sets(files, {id: p.chain for id, p in self._problems.items()})

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
            sets=self._sets_have(labels[0]),
        )

    def _sets_have(self, steps: Mapping[str, int]) -> dict[str, frozenset[str]]:
        """What metrics of sets can need, by what is done to them."""
        labelled = steps["load_bearing"] and steps["decoy"]
        return {
            name: frozenset(
                kind
                for kind in self.joint.kinds(name)
                if labelled or not kind.endswith("_labels")
            )
            for name in self.joint.all_interventions
        }

    def _has(
        self, labels: tuple[Mapping[str, int], Mapping[str, int]]
    ) -> frozenset[str]:
        """What metrics can need and the task's chains can have: see ``records.tables``."""
        steps, chains = labels
        given = [problem.chain for problem in self._problems.values()]
        there = {
            "solved": self.setting == "generated",
            "answer_steps": True,
            "other_answer": self.setting != "generated" or self.choice.ask,
            "control": any(map(is_control, self.choice.interventions)),
            **dict.fromkeys(CARD, self.choice.card),
            "load_bearing": steps["load_bearing"],
            "decoys": steps["decoy"],
            "labels": steps["load_bearing"] and steps["decoy"],
            "chain_labels": chains["load_bearing"] and chains["decoy"],
            "graded": any(s.truth is not None for c in given for s in c.steps),
            "graded_chains": len({c.truth for c in given} - {None}) > 1,
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
            draws=self.choice.draws,
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

    def planned(self, problem: Problem, chain: Chain) -> ChainPlan | None:
        """What is asked about sets of the steps of a problem's chain; None for nothing."""
        if not self.joint.joint or not chain.steps:
            return None
        seed = self.source.seed + self.choice.intervention_seed
        context = Context(
            seed,
            problem.id,
            0,
            "",
            question=problem.question,
            rewrite=problem.rewrite if chain is problem.chain else None,
        )
        sets = self._given_sets.get(problem.id, ())
        return ChainPlan(self.joint, chain, context, self.choice.threshold, sets)

    def wanted(self, problem: Problem, chain: Chain) -> SetsWanted | None:
        """The same, with how the running model counts tokens."""
        plan = self.planned(problem, chain)
        encode = getattr(self._limit.model, "tok_encode", None)
        return None if plan is None else SetsWanted(plan, encode)

    def asking(
        self, prompt: str, generation: Mapping[str, Any], form: AnswerFormat
    ) -> dict[str, Any]:
        """What the context of an intervention holds so that it can ask the model.

        Args:
            prompt: everything before the chain.
            generation: settings of what the model writes on.
            form: how an answer follows a chain.
        """

        def prompt_of(chain: Chain) -> str:
            text = prompt + chain.text
            if tokens_too_many(self._limit, text, generation):
                raise NotApplicable("the model has no room to write on")
            return text

        apart = self.form.taker_apart(prompt, generation, self.reading)

        def taken_apart(text: str) -> WrittenChain:
            own = apart(text)
            if own.rest.strip() or not is_cut_off(self._limit, text, generation):
                return own
            return replace(own, answer="")  # perhaps half of one

        def cue_of(chain: Chain) -> tuple[str, str]:
            return form.context(prompt, chain.text), form.answer_cue

        drawing: Drawing = self.owned[Drawing]
        settings = self.form.asked_for(generation)
        return {
            "prompt": prompt_of,
            "generation": settings,
            "taken_apart": taken_apart,
            "cue": cue_of if form.answer_cue else None,
            "samples": drawing.samples,
            "sampling": drawing.settings(settings),
        }

    def probes(
        self, problem: Problem, chain: Chain, variants: Sequence[Variant]
    ) -> tuple[Probe, ...]:
        """What is asked about a chain of a problem besides its interventions."""
        if not self.choice.card:
            return ()
        how = Probing(
            share=self.choice.card_share,
            seed=self.source.seed + self.choice.intervention_seed,
            document=problem.id,
            place=self._places[problem.id],
            tokens=tokens_behind(self._limit.model or running_model()),
        )
        return probes_of(chain, variants, n_requests(variants), how)

    def few_shot_examples(self) -> int:
        """How many worked examples are at hand."""
        return len(self.dataset["fewshot"])

    def fits(self, request: Request) -> bool:
        """Whether the model can read a request in full."""
        return not self._limit.excess(*request)

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, once the limits of the running model are known."""
        shots, most = self.config.num_fewshot or 0, self.few_shot_examples()
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
        self._refuse_what_would_be_wasted()
        self._limit = ContextLimit.of(self._model)
        warn_of_special_tokens(self._model)
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

    def _refuse_what_would_be_wasted(self) -> None:
        """Find out before the first request whether the run could not be kept or trusted.

        Raises:
            InputError: the output path cannot be written, or the store of responses is of
                another model (the ``faith`` model looks after its store itself), or the
                backend's server cannot be used.
        """
        output, store = output_path_of_run(), store_of_run()
        if output:
            require_place_for(Path(output))
        if store is not None and not hasattr(self._model, "wrapped"):
            claim(store, owner_of(self._model, told_to_simple_evaluate("model_args")))
        require_server(self._model)

    def _prompt_of(self, context: str, kwargs: dict[str, Any], given: str = "") -> str:
        """Everything before the chain; takes what the harness told of it out of kwargs.

        Args:
            context: as the harness makes it.
            kwargs: what it tells of it, and more.
            given: the prompt that the chain was written behind, where it is known. A chat
                template makes a turn of it; without one it is everything, to the byte.

        Raises:
            InputError: the prompt is not what the chain was written behind.
        """
        chat = kwargs.pop("apply_chat_template", False)
        kwargs.pop("chat_template", None)
        if given and not chat:
            if context != given:
                raise InputError(
                    f"task {self.config.task}: the prompt that a chain was written behind "
                    "is given, so nothing can stand before it: leave out --num_fewshot and "
                    "--system_instruction"
                )
            return context
        if given and self.form.has_tags(given):
            raise InputError(
                f"task {self.config.task}: the prompt that is given ends with a tag of the "
                "thinking, so a chat template was applied to it already: leave out "
                "--apply_chat_template"
            )
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

    @property
    def asks_again(self) -> bool:
        """Whether what is asked depends on what was answered."""
        return self.choice.ask or self.joint.searches

    def dump_config(self) -> dict[str, Any]:
        """The harness's own, with the entry that its loggers read (documents hold different
        metrics, so there is none that all of them have), which model ran, and what the user
        gave that is no parameter of the task."""
        backend = getattr(self._model, "wrapped", self._model)
        return {
            "metric_list": [],
            **super().dump_config(),
            "running_model": {
                "path": model_path(backend),
                "weights": digest_of_weights(getattr(backend, "model", None)),
            },
            "not_parameters": list(self.not_parameters),
        }

    @property
    def reading(self) -> TextReading:
        """How a text that the model writes becomes a chain."""
        return TextReading()

    @property
    def predicts_only(self) -> bool:  # type: ignore[override]
        """Whether the run wants samples and no metrics (``--predict_only``)."""
        return predicts_only(self)
