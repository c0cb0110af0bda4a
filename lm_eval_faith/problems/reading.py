"""How a file of chains is read: which field holds what, and the other parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, cast

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.language import AUTO
from lm_eval_faith.chains.splitting import UNITS, Splitting, Unit
from lm_eval_faith.chains.written import CUTS
from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.labels import LabelReading
from lm_eval_faith.problems.layouts import Layout, layout_named


@dataclass(frozen=True)
class FieldNames:
    """Which field holds what; see :mod:`~lm_eval_faith.problems.field_paths`.

    Attributes:
        question: the problem.
        chain: the reasoning, as text or as a list of steps.
        thinking, final: where reasoning and final text are fields of their own.
        answer: the right answer, or a text that states it; may be missing.
        correct: whether the chain's own answer is right; may be missing.
        id: the document's name; may be missing.
        group: what chains of one question share; without it, the question's text.
        tags: what kind of step each is, in the order of the steps, or of the sentences
            that ``span`` names; may be missing.
        prompt: what the model was given when it wrote the chain, to the byte; empty where
            a task's own prompt is to stand before it.
        labels: the labels of a chain's steps: one a step, or objects with ``span`` and
            ``label``.
        chain_label: the label of the chain as a whole; may be missing.
        label, span: of a table with a row a label, the label and what it is about: first
            and last character as ``start:end`` (the end is not included), or the step's
            text. A row without a span is about the chain as a whole. Where a record is a
            chain, the sentences that ``labels`` is about, in their order.
        span_end: where the end of the span has a column of its own.
    """

    question: str = "question"
    chain: str = "chain"
    thinking: str = ""
    final: str = ""
    answer: str = "answer"
    correct: str = "correct"
    id: str = "id"
    group: str = "group"
    prompt: str = ""
    tags: str = ""
    labels: str = "labels"
    chain_label: str = "chain_label"
    label: str = "label"
    span: str = "span"
    span_end: str = ""

    OPTIONAL: ClassVar = frozenset(
        ("answer", "correct", "id", "group", "labels", "chain_label", "label", "span")
    )

    @classmethod
    def given(cls, parameters: Mapping[str, object]) -> dict[str, str]:
        """The names that a user's parameters ``field_question`` and so on change.

        Empty is as if it was not given; ``none``, for what may be missing, says that no
        field holds it.

        Raises:
            InputError: one is not text.
        """
        made: dict[str, str] = {}
        for known in fields(cls):
            name = f"field_{known.name}"
            value = read.text(name, parameters.get(name, ""))
            if value == "none" and known.name in cls.OPTIONAL:
                made[known.name] = ""
            elif value not in ("", known.default):
                made[known.name] = value
        return made

    def to_dict(self) -> dict[str, str]:
        """The names as parameters."""
        return {f"field_{f.name}": getattr(self, f.name) for f in fields(self)}


def _tags(name: str, value: object) -> tuple[str, ...]:
    """``[OPEN, CLOSE]``, also with a space between; nothing finds the known ones."""
    if value is None or value in ("", [], ()):
        return ()
    tags = (
        value.strip("[]()").replace(",", " ").split()
        if isinstance(value, str)
        else value
    )
    if isinstance(tags, (list, tuple)) and len(tags) == 2:
        opening, closing = tags
        if isinstance(opening, str) and isinstance(closing, str) and closing.strip():
            return opening, closing
    raise InputError(
        f"{name} must be what opens and what closes the thinking, not {value!r}"
    )


@dataclass(frozen=True)
class TextReading:
    """How a text that a model wrote becomes a chain, from a file or just now."""

    unit: str = read.parameter(
        "sentence",
        read.one_of(*UNITS),
        "what a step is: a sentence, a paragraph, or merged: with the formula that a "
        "sentence leads to and the remarks beside it",
    )
    language: str = read.parameter(
        AUTO, read.text, "the text's language, a code such as de; auto finds it"
    )
    decimal_mark: str = read.parameter(
        AUTO,
        read.one_of(AUTO, ".", ","),
        "what stands before decimals; auto takes the language's, or finds it",
    )
    cut: str = read.parameter(
        "final",
        read.one_of(*CUTS),
        "where the chain ends: before its final statement, or before the first or the "
        "last step that states the answer",
    )
    reading_tags: tuple[str, ...] = read.parameter(
        (), _tags, "what opens and what closes the thinking; the known ones are found"
    )
    keep_final: bool = read.parameter(
        False,
        read.yes_or_no,
        "the final statement stays in the chain, as its last step",
    )

    @property
    def splitting(self) -> Splitting:
        """How a text becomes steps."""
        return Splitting(cast(Unit, self.unit), self.language, self.decimal_mark)

    @property
    def how(self) -> dict[str, Any]:
        """For :func:`~lm_eval_faith.chains.written.split_generation`, but for the tags."""
        return {
            "cut": self.cut,
            "keep_final": self.keep_final,
            "splitting": self.splitting,
        }

    @property
    def tags(self) -> tuple[str, str] | None:
        """What opens and closes the thinking; None finds the known ones."""
        return (
            (self.reading_tags[0], self.reading_tags[1]) if self.reading_tags else None
        )


@dataclass(frozen=True)
class Reading(TextReading):
    """How a file is read: names of fields and the other parameters, all resolved.

    Attributes:
        names: which field holds what.
        given: the names of ``names`` that a user gave.
        layout: the layout's name; ``plain`` for none, ``samples`` for our own.
        steps: ``listed``: a list of texts is a list of steps. ``split``: it is a text.
        answer_is: ``reference``: the answer is what is right. ``own``: it is what the
            chain leads to, by definition. ``option:0``, ``option:1``: it is the number
            of an option, counted from there. Empty: as ``reference``, but a number
            beside a list of options is refused, for it may be either.
        labels: what labels of steps mean.
        chain_labels: what labels of whole chains mean.
        bad_records: ``refuse`` or ``skip``.
    """

    names: FieldNames = field(default_factory=FieldNames)
    given: frozenset[str] = frozenset()
    layout: str = ""
    steps: str = "listed"
    answer_is: str = ""
    labels: LabelReading = field(default_factory=LabelReading)
    chain_labels: LabelReading = field(default_factory=LabelReading)
    bad_records: str = "refuse"

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> Reading:
        """From a user's parameters; names that are not its own are left alone.

        Raises:
            InputError: a parameter has no usable value.
        """
        names = FieldNames.given(parameters)
        readers: dict[str, read.Reader] = {
            "layout": _layout_name,
            "steps": read.one_of("listed", "split"),
            "answer_is": read.one_of("reference", "own", "option:0", "option:1"),
            "bad_records": read.one_of("refuse", "skip"),
            "labels": lambda _, value: LabelReading.read(value),
            **{n: p.read for n, p in read.parameters_of(TextReading).items()},
        }
        asked = {n: v for n, v in parameters.items() if v != "" or n not in readers}
        if names.get("answer") == FieldNames.label:
            names.setdefault("label", "")  # such a column cannot be both
        return cls(
            names=FieldNames(**names),
            given=frozenset(names),
            **read.given(asked, readers),
        )

    def to_dict(self) -> dict[str, Any]:
        """As parameters, to be recorded beside the results."""
        return {
            **self.names.to_dict(),
            "layout": self.layout,
            "steps": self.steps,
            "answer_is": self.answer_is or "reference",
            "labels": str(self.labels),
            "bad_records": self.bad_records,
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name in read.parameters_of(TextReading)
                for value in [getattr(self, name)]
            },
        }

    def of_layout(self, layout: Layout) -> Reading:
        """With what the layout says and the user does not."""
        own = {n: getattr(self.names, n) for n in self.given}
        unnamed = {f.name: "" for f in fields(FieldNames)} | {"id": "id"}
        names = FieldNames(**{**unnamed, **layout.names, **own})
        told = layout.parameters
        return replace(
            self,
            names=names,
            layout=layout.name,
            answer_is="own" if told.get("answer_is") == "own" else self.answer_is,
            labels=LabelReading.read(told["labels"])
            if "labels" in told and not self.labels.kind
            else self.labels,
        )


def _layout_name(name: str, value: object) -> str:
    layout = read.text(name, value)
    return layout if layout == "plain" else layout_named(layout).name
