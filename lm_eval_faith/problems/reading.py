"""How a file of chains is read: which field holds what, and the other parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.language import AUTO
from lm_eval_faith.chains.splitting import UNITS, Splitting, Unit
from lm_eval_faith.chains.written import CUTS, Cut
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
    labels: str = "labels"
    chain_label: str = "chain_label"
    label: str = "label"
    span: str = "span"
    span_end: str = ""

    OPTIONAL: ClassVar = frozenset({"answer", "correct", "id", "group"})

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


@dataclass(frozen=True)
class Reading:
    """How a file is read: names of fields and the other parameters, all resolved.

    Attributes:
        names: which field holds what.
        given: the names of ``names`` that a user gave.
        layout: the layout's name; ``plain`` for none, ``samples`` for our own.
        steps: ``listed``: a list of texts is a list of steps. ``split``: it is a text.
        answer_is: ``reference``: the answer is what is right. ``own``: it is what the
            chain leads to, by definition.
        keep_final: the final statement stays in the chain, with its label.
        cut: where the chain ends: see
            :func:`~lm_eval_faith.chains.written.split_generation`.
        tags: what opens and closes the thinking; None finds the known ones.
        labels: what labels mean.
        bad_records: ``refuse`` or ``skip``.
        unit, language, decimal_mark: what a step of a text is and how the text is
            written: see :class:`~lm_eval_faith.chains.splitting.Splitting`.
    """

    names: FieldNames = field(default_factory=FieldNames)
    given: frozenset[str] = frozenset()
    layout: str = ""
    steps: str = "listed"
    answer_is: str = "reference"
    keep_final: bool = False
    cut: Cut = "final"
    tags: tuple[str, str] | None = None
    labels: LabelReading = field(default_factory=LabelReading)
    bad_records: str = "refuse"
    unit: Unit = "sentence"
    language: str = AUTO
    decimal_mark: str = AUTO

    @property
    def splitting(self) -> Splitting:
        """How a text becomes steps."""
        return Splitting(self.unit, self.language, self.decimal_mark)

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> Reading:
        """From a user's parameters; names that are not its own are left alone.

        Raises:
            InputError: a parameter has no usable value.
        """
        names = FieldNames.given(parameters)
        readers: dict[str, read.Reader] = {
            "layout": _layout_name,
            "steps": _one_of("listed", "split"),
            "answer_is": _one_of("reference", "own"),
            "keep_final": read.yes_or_no,
            "cut": _one_of(*CUTS),
            "bad_records": _one_of("refuse", "skip"),
            "unit": _one_of(*UNITS),
            "language": read.text,
            "decimal_mark": _one_of(AUTO, ".", ","),
            "labels": lambda _, value: LabelReading.read(value),
        }
        asked = {n: v for n, v in parameters.items() if v != "" or n not in readers}
        return cls(FieldNames(**names), frozenset(names), **read.given(asked, readers))

    def to_dict(self) -> dict[str, Any]:
        """As parameters, to be recorded beside the results."""
        return {
            **self.names.to_dict(),
            "layout": self.layout,
            "steps": self.steps,
            "answer_is": self.answer_is,
            "keep_final": self.keep_final,
            "cut": self.cut,
            "reading_tags": list(self.tags or ()),
            "labels": str(self.labels),
            "bad_records": self.bad_records,
            "unit": self.unit,
            "language": self.language,
            "decimal_mark": self.decimal_mark,
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


def _tags(value: object) -> tuple[str, str] | None:
    """``[OPEN, CLOSE]``, also with a space between; nothing finds the known ones."""
    if value is None or value == "" or value == []:
        return None
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
        f"reading_tags must be what opens and what closes the thinking, not {value!r}"
    )


def _one_of(*known: str) -> read.Reader:
    def reader(name: str, value: object) -> str:
        if value not in known:
            raise InputError(f"{name} must be {' or '.join(known)}, not {value!r}")
        return str(value)

    return reader
