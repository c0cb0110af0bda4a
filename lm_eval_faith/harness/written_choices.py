"""Tasks with choices: the model reasons first, then all choices are scored behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lm_eval_faith.asks import Score, Stages, together
from lm_eval_faith.chains.written import WrittenChain
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import (
    CHOICE_PROMPTS,
    AnswerFormat,
    white_space_of,
)
from lm_eval_faith.harness.other_tasks import ChoiceTasks, Document
from lm_eval_faith.harness.requests import Outcome
from lm_eval_faith.harness.written_chains import CONTEXT, WrittenChains
from lm_eval_faith.parameters import one_of, parameter
from lm_eval_faith.problems.choices import AnswerChoices
from lm_eval_faith.problems.problem import Problem
from lm_eval_faith.records.choices import ChoiceRecord, choices_to_dict

Scores = tuple[float, ...]
"""Log-probabilities of all choices in their order, in nats; empty where not scored."""


@dataclass(frozen=True)
class Scoring:
    """What is scored behind the reasoning."""

    choices: str = parameter(
        "letters",
        one_of("letters", "text"),
        "what is scored behind the reasoning: the letters, as the model writes its own, "
        "or the texts of the choices",
    )


class WrittenChoices(WrittenChains):
    """Questions with choices, of a multiple-choice task of the harness."""

    OWNERS = (*WrittenChains.OWNERS, Scoring)
    PROMPTS = CHOICE_PROMPTS
    source: ChoiceTasks

    def _read_problems(self) -> dict[str, Any]:
        self._by_text = self.owned[Scoring].choices == "text"
        recorded = super()._read_problems()
        if self._by_text and any(
            _choices_of(p)[0].are_letters for p in self._problems.values()
        ):
            name = self.source.settings.dataset_task
            raise InputError(
                f"choices=text: {name} lists its choices in the question and gives only "
                "their letters: leave choices=letters"
            )
        return recorded

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own; how it makes prompts is kept for the plain task's."""
        self._context = {name: kwargs.get(name) for name in CONTEXT}
        super().build_all_requests(**kwargs)

    def set_fewshot_seed(self, seed: int | None = None) -> None:
        """The harness's own, for the tasks whose documents these are too."""
        super().set_fewshot_seed(seed)
        for task in self.source.tasks.values():
            task.set_fewshot_seed(seed)

    def _has(self, *labels: Any) -> frozenset[str]:
        return super()._has(*labels) | {"choices", "other_answer"}

    # --- requests ----------------------------------------------------------------

    def stages(
        self,
        problem: Problem,
        long_prompt: bool,
        prompt: str,
        generation: Mapping[str, Any],
    ) -> Stages[dict[str, Any]]:
        """A generation, all choices behind it, and what interventions make of them.

        What the plain task asks, without reasoning, is asked beside the generation.
        """
        document = self.source.documents[problem.id]
        asked: Stages[tuple[Any, ...]] = together(
            self.outcome(problem, long_prompt, prompt, generation),
            self._without_reasoning(document),
        )
        outcome, plain = yield from asked
        choices, target, own = *_choices_of(problem), outcome.written
        clean, changed = yield from self._scores(problem, prompt, outcome, own)
        record = ChoiceRecord(
            target=target,
            named=choices.named(own.answer) if own.answer else None,
            clean=clean,
            lengths=tuple(map(len, choices.texts)) if self._by_text and clean else (),
            changed=changed,
            plain=plain,
        )
        told: dict[str, Any] = outcome.to_dict()
        return told | {"choices": choices_to_dict(record)}

    def _without_reasoning(self, document: Document) -> Stages[dict[str, float]]:
        """What the plain task asks about a document, and makes of it."""
        shots = self.config.num_fewshot if self._chose_shots else None
        answers = yield document.plain(shots, **self._context)
        return document.metrics(answers)

    def _scores(
        self, problem: Problem, prompt: str, outcome: Outcome, own: WrittenChain
    ) -> Stages[tuple[Scores, tuple[Scores, ...]]]:
        """All choices in their order, behind the reasoning and behind its changes.

        Where no interventions were scored, because the answer is wrong or none can be read,
        the choices are asked about here.
        """
        choices, target = _choices_of(problem)
        if outcome.outcome == "scored":
            first = iter(outcome.answers)
            scored: list[Scores] = []
            made = [None, *outcome.variants]
            for variant, others in zip(made, outcome.others, strict=True):
                if not others:
                    scored.append(())
                    continue
                answer = next(first)[0]
                if variant is not None and variant.other_answer:
                    next(first)
                row = [logprob for logprob, _ in others]
                row.insert(target, answer)
                scored.append(tuple(row))
            return scored[0], tuple(scored[1:])
        if outcome.outcome in ("long prompt", "too long", "long chain"):
            return (), ()
        answers: Sequence[str] = self._written_as(choices, own)
        form = AnswerFormat(answer_cue=own.short_cue, answer_delimiter="")
        if not own.short_cue:  # nothing was stated
            form = replace(form, answer_cue=self._cue(own))
            answers = choices.texts if self._by_text else choices.letters
        requests = [
            form.request(prompt + own.before, own.chain.text, answer)
            for answer in answers
        ]
        if not all(map(self.fits, requests)):
            return (), ()
        scores = yield [Score(*request) for request in requests]
        return tuple(logprob for logprob, _ in scores), ()

    # --- the text ----------------------------------------------------------------

    def taker_apart(
        self, problem: Problem, prompt: str, generation: Mapping[str, Any]
    ) -> Callable[[str], WrittenChain]:
        """What makes a chain of a text, and says whether it names the right choice."""
        choices, target = _choices_of(problem)
        apart = self.form.taker_apart(prompt, generation, self.reading)

        def taken_apart(text: str) -> WrittenChain:
            own = apart(text)
            k = choices.named(own.answer)
            if k is None:  # none, or several
                return replace(own, answer="", cue="", short_cue="", correct=None)
            own = replace(own, correct=k == target)
            if self._by_text or not choices.names_letter(own.answer):
                own = replace(own, short_cue=self._cue(own))
            answer = self._written_as(choices, own)[k]
            return replace(own, chain=replace(own.chain, answer=answer))

        return taken_apart

    def others(self, problem: Problem, own: WrittenChain) -> Sequence[str]:
        """The other choices, as the chain's own answer is written."""
        choices, target = _choices_of(problem)
        answers = self._written_as(choices, own)
        return [a for k, a in enumerate(answers) if k != target]

    def _written_as(self, choices: AnswerChoices, own: WrittenChain) -> Sequence[str]:
        if self._by_text:
            return choices.texts
        if choices.names_letter(own.answer):
            return choices.written_as(own.answer)
        return choices.letters

    def _cue(self, own: WrittenChain) -> str:
        """What leads from the reasoning to the choices where the model's own words do not."""
        form, text = self.form, own.chain.text
        cue = form.answer_cue + form.answer_delimiter
        if form.think:
            return form.think_close + cue
        apart = "" if not text or text[-1].isspace() else white_space_of(own.chain)
        return apart + cue


def _choices_of(problem: Problem) -> tuple[AnswerChoices, int]:
    """The choices of a problem, and the right one's place."""
    choices = problem.choices
    if choices is None or choices.target is None:
        raise TypeError(f"{problem.id} has no choices, or none that is right")
    return choices, choices.target
