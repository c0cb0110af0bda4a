"""Any task of the harness as a source: its documents, questions, choices and targets.

``dataset_task`` names it, or a group of such. What the task says about a document is asked
of the task itself (``doc_to_text``, ``doc_to_choice``, ``doc_to_target``, its filters, its
metrics), so there is no line here about any single one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lm_eval.api.instance import Instance

from lm_eval_faith.asks import Score
from lm_eval_faith.chains.answers import read_reference
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.lm_eval_compat import (
    belongs_to,
    filters_of,
    loading_task_manager,
)
from lm_eval_faith.parameters import parameter, read_parameters, text, yes_or_no
from lm_eval_faith.problems.choices import choices_of
from lm_eval_faith.problems.gsm8k import Gsm8k
from lm_eval_faith.problems.problem import Problem, Source
from lm_eval_faith.problems.worked_choices import worked_choices

OURS = "cot_faith"
"""How our own tasks are called: they are no source of problems."""

NO_TEXT = "the task's target is no answer that can be read"

_ASKED = re.compile(r"(?:Question|Q)[ ]{0,4}:")
_ANSWER = re.compile(r"(?:Answer|A)[ ]{0,4}:\Z")


@dataclass(frozen=True)
class Document:
    """A document of another task of the harness.

    Attributes:
        task: the task, as the harness made it.
        doc: the document, as the task knows it.
        references: the answers that are right, of a task whose answers are generated.
    """

    task: Any
    doc: Mapping[str, Any]
    references: tuple[str, ...] = ()

    def prompt(self, shots: int | None, **context: Any) -> str:
        """The task's own prompt.

        Args:
            shots: its few-shot examples; None: as many as it has by default.
            context: how the prompt is made, as the harness tells ``build_all_requests``.
        """
        own = self.task
        made: str = own.fewshot_context(
            self.doc,
            num_fewshot=own.config.num_fewshot or 0 if shots is None else shots,
            gen_prefix=own.doc_to_prefix(self.doc),
            **context,
        )
        return made

    def plain(self, shots: int | None, **context: Any) -> list[Score]:
        """What the task itself asks about the document, without reasoning.

        Args:
            shots: its few-shot examples; None: as many as it has by default.
            context: how the prompt is made, as the harness tells ``build_all_requests``.
        """
        requests = self.task.construct_requests(
            self.doc,
            self.prompt(shots, **context),
            apply_chat_template=bool(context.get("apply_chat_template")),
            chat_template=context.get("chat_template"),
            metadata=(self.task.config.task, 0, 1),
        )
        return [Score(*request.args[:2]) for request in requests]

    def metrics(self, results: Sequence[Any]) -> dict[str, float]:
        """What the task makes of results: its metrics of one document that are numbers."""
        made = self.task.process_results(self.doc, results)
        return {
            name: float(value)
            for name, value in made.items()
            if isinstance(value, (int, float))
        }

    def verdicts(self, generation: str) -> dict[str, dict[str, float]]:
        """The task's metrics of a generation, for each of its filters, by name.

        Raises:
            Exception: whatever the task's own code raises.
        """
        found = {}
        for own in filters_of(self.task):
            one = Instance(
                request_type="generate_until",
                doc=dict(self.doc),
                arguments=("", {}),
                idx=0,
                **belongs_to(self.task.config.task, 0, 1),
            )
            one.resps = [generation]
            own.apply([one])
            found[own.name] = self.metrics([one.filtered_resps[own.name]])
        return found


@dataclass(frozen=True)
class OtherTask:
    """Which task of the harness the problems are of."""

    dataset_task: str = parameter(
        "", text, "a task of the harness, or a group of tasks, whose documents are used"
    )


@dataclass(frozen=True)
class ChoiceTask(OtherTask):
    """The same, and how its choices are shown."""

    shuffle_choices: bool = parameter(
        False, yes_or_no, "the choices in another order, drawn for each document"
    )


class OtherTasks(Source):
    """The documents of a task of the harness, or of a group of them."""

    def __init__(self, settings: OtherTask, output_type: str) -> None:
        if not settings.dataset_task:
            raise InputError(
                "which task's documents? --metadata dataset_task=NAME, such as "
                + ("arc_challenge" if output_type == CHOICES else "gsm8k_cot")
            )
        self.settings = settings
        self.output_type = output_type
        self.documents: dict[str, Document] = {}
        self.tasks: dict[str, Any] = {}

    def problems(self) -> list[Problem]:
        """All documents that the harness would evaluate."""
        tasks = self.tasks = tasks_named(self.settings.dataset_task)
        found = []
        for name, task in tasks.items():
            _check(name, task, self.output_type)
            for k, doc in enumerate(task.eval_docs):
                document = self._known(Document(task, doc))
                subject = name if len(tasks) > 1 else ""
                problem = self._problem(f"{name}-{k}", subject, document)
                self.documents[problem.id] = document
                found.append(problem)
        return found

    def _known(self, document: Document) -> Document:
        return document

    def _problem(self, id: str, subject: str, of: Document) -> Problem:
        raise NotImplementedError

    def examples(self) -> Sequence[Problem]:
        """None: see the subclasses."""
        return ()


class ChoiceTasks(OtherTasks):
    """The documents of a multiple-choice task."""

    settings: ChoiceTask

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> ChoiceTasks:
        """The source that a user's parameters describe."""
        return cls(read_parameters(ChoiceTask, parameters), CHOICES)

    def _problem(self, id: str, subject: str, of: Document) -> Problem:
        task, doc = of.task, of.doc
        options = [str(choice) for choice in task.doc_to_choice(doc)]
        target = _index(task.doc_to_target(doc), options)
        asked = _question(task, doc)
        seed = id if self.settings.shuffle_choices else None
        choices = choices_of(options, target, seed)
        return Problem(
            id,
            asked if choices.are_letters else f"{asked}\n{choices.list}",
            Chain((), choices.letter),
            left_out=choices.problem,
            choices=choices,
            subject=subject,
        )

    def examples(self) -> Sequence[Problem]:
        """Questions of our own with choices, solved by us: in no test set."""
        return worked_choices()


class AnswerTasks(OtherTasks):
    """The documents of a task whose answers are generated."""

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> Source:
        """The source that a user's parameters describe.

        GSM8K, which needs no task of the harness, where no task is named.
        """
        settings = read_parameters(OtherTask, parameters)
        if settings.dataset_task in ("", GSM8K):
            return Gsm8k.read(parameters)
        return cls(settings, GENERATED)

    def _known(self, document: Document) -> Document:
        """With the answers that are right, one or several."""
        task, doc = document.task, document.doc
        target = task.doc_to_target(doc)
        if task.config.doc_to_choice is not None and isinstance(target, int):
            target = task.doc_to_choice(doc)[target]
        targets = target if isinstance(target, (list, tuple)) else [target]
        read = [
            read_reference(str(one))
            for one in targets
            if isinstance(one, (str, int, float)) and not isinstance(one, bool)
        ]
        return replace(document, references=tuple(filter(None, read)))

    def _problem(self, id: str, subject: str, of: Document) -> Problem:
        return Problem(
            id,
            _question(of.task, of.doc),
            Chain((), of.references[0] if of.references else ""),
            left_out="" if of.references else NO_TEXT,
            subject=subject,
        )


def _question(task: Any, doc: Mapping[str, Any]) -> str:
    """What a task asks, without the words that its prompt puts around it."""
    asked = str(task.doc_to_text(doc)).strip()
    opening = _ASKED.match(asked)
    lines = asked[opening.end() :] if opening else asked
    *before, last = lines.rsplit("\n", 1)
    if _ANSWER.fullmatch(last.strip()):
        lines = "\n".join(before)
    return lines.strip()


CHOICES, GENERATED, GSM8K = "multiple_choice", "generate_until", "gsm8k"


def tasks_named(name: str) -> dict[str, Any]:
    """The tasks of the harness behind a name: itself, or all of a group's or a tag's.

    Raises:
        InputError: there is none, or it cannot be loaded.
    """
    manager = loading_task_manager()
    if name.startswith(OURS):
        raise InputError(
            f"dataset_task={name}: that is one of our own tasks; name one of the harness"
        )
    if name not in manager.all_tasks:
        near = difflib.get_close_matches(name, manager.all_tasks, n=3)
        told = f"; did you mean {', '.join(near)}?" if near else ""
        raise InputError(
            f"dataset_task={name}: the harness knows no such task{told} (a user's own: "
            "--include_path DIRECTORY)"
        )
    try:
        tasks: dict[str, Any] = manager.load([name])["tasks"]
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"dataset_task={name} cannot be loaded ({type(error).__name__}: {reason}): "
            "does `lm_eval --tasks` run it?"
        ) from error
    return tasks


def _check(name: str, task: Any, output_type: str) -> None:
    """
    Raises:
        InputError: the task is of another kind.
    """
    kind = task.OUTPUT_TYPE
    if kind != output_type:
        other = {
            CHOICES: "cot_faith_generated_mc",
            GENERATED: "cot_faith_generated",
        }.get(kind)
        told = (
            f": use --tasks {other}" if other else ", which has no chain to ask about"
        )
        raise InputError(f"dataset_task={name} is a {kind} task{told}")
    if output_type == CHOICES and getattr(task, "multiple_input", False):
        raise InputError(
            f"dataset_task={name}: its choices are contexts, not answers (as in "
            "winogrande), and there is nothing to be scored behind a chain"
        )
    if task.config.doc_to_image or task.config.doc_to_audio:
        raise InputError(f"dataset_task={name}: its documents are not text alone")


def _index(target: object, options: Sequence[str]) -> int | None:
    """The target's place among the choices, as the harness finds it."""
    if isinstance(target, str):
        return options.index(target) if target in options else None
    if isinstance(target, int) and 0 <= target < len(options):
        return target
    return None
