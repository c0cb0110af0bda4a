"""Chains from files: samples of our own runs, and whatever people keep chains in.

One reader for chains with labels and without. A file becomes records
(:mod:`~lm_eval_faith.problems.record_files`), a known layout makes plain records of them
(:mod:`~lm_eval_faith.problems.layouts`), and each of those, or all rows of one chain,
becomes a chain here. What cannot be read is refused or left out and named, never guessed.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.answers import (
    concluded,
    extract_answer,
    final_answer,
    read_reference,
)
from lm_eval_faith.chains.chain import Chain, Step, chain_from_dict
from lm_eval_faith.chains.language import AUTO
from lm_eval_faith.chains.markup import parts_of
from lm_eval_faith.chains.same_answer import same_answer
from lm_eval_faith.chains.splitting import UNITS, Splitting, Unit, split
from lm_eval_faith.chains.written import (
    CUTS,
    NO_REFERENCE,
    THINK_TAGS,
    Cut,
    chain_of,
    split_generation,
    split_steps,
)
from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.field_paths import kind_of, listed, value_at
from lm_eval_faith.problems.labelled_files import (
    Told,
    in_order,
    placed,
    with_labels,
    with_spans,
)
from lm_eval_faith.problems.labels import LabelReading, Truth, agreed
from lm_eval_faith.problems.layouts import Layout, layout_named, layout_of
from lm_eval_faith.problems.record_files import (
    BadRecord,
    Record,
    read_records,
)
from lm_eval_faith.records.outcome import OUTCOMES, SAMPLES_FORMAT, UNPARSED, WRONG

NO_STEPS = "no steps"
UNFINISHED = "cut off before the thinking ends"

LabelsWanted = Literal["no", "if there", "yes"]


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


@dataclass(frozen=True)
class FileChain:
    """A chain from a file.

    Attributes:
        id: names the document.
        question: the problem.
        chain: the reasoning without the final statement, and the answer it leads to.
        left_out: why it is of no use, or that it is wrong; empty for a right chain.
        problem: what chains of one question share; empty: the question's text.
        reference: the right answer; empty where the file has none.
        own: the answer that the chain states; empty where none can be read.
        correct: whether the chain is right, as the file says or as its answer shows; None
            where neither does.
        said_by_file: the file says whether it is right.
        taken_off: labels of its final statement, which is no part of the chain.
        where: file and line.
    """

    id: str
    question: str
    chain: Chain
    left_out: str = ""
    problem: str = ""
    reference: str = ""
    own: str = ""
    correct: bool | None = None
    said_by_file: bool = False
    taken_off: int = 0
    where: str = ""


@dataclass(frozen=True)
class ChainsRead:
    """All of a file.

    Attributes:
        chains: in the order of the file.
        reading: how they were read.
        bad: records that cannot be read, where a user wants them left out.
    """

    chains: tuple[FileChain, ...]
    reading: Reading
    bad: tuple[BadRecord, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """How the file was read, to be recorded beside the results."""
        return {
            **self.reading.to_dict(),
            "bad_records_left_out": [bad.reason for bad in self.bad],
            "labels_taken_off": sum(chain.taken_off for chain in self.chains),
        }

    def told(self) -> list[str]:
        """What a user should know of the reading, a sentence each."""
        said = []
        if self.reading.layout not in ("plain", "samples"):
            said.append(f"read as layout={self.reading.layout}")
        if self.bad:
            shown = "; ".join(bad.reason for bad in self.bad[:3])
            said.append(f"{_counted(len(self.bad), 'bad record')} left out: {shown}")
        unread = [c.id for c in self.chains if c.left_out == UNPARSED and c.reference]
        if unread:
            said.append(
                f"no answer can be read in {_counted(len(unread), 'chain')} (first "
                f"{unread[0]}); where the file's answers are what the chains lead to, "
                "answer_is=own says so"
            )
        lost = [chain for chain in self.chains if chain.taken_off]
        if lost:
            count = sum(chain.taken_off for chain in lost)
            said.append(
                f"{_counted(count, 'label')} on final statements, which are no steps "
                f"(first in {lost[0].id}): keep_final=true keeps them"
            )
        return said


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def read_chains(
    source: str | Path,
    parameters: Mapping[str, object],
    labels: LabelsWanted = "no",
) -> ChainsRead:
    """The chains of a file, a folder or a dataset.

    Args:
        source: see :func:`~lm_eval_faith.problems.record_files.read_records`.
        parameters: a user's parameters, of which those of :class:`Reading` are read.
        labels: whether labels are read, and whether they must be there.

    Raises:
        InputError: the file is broken, or a record is and ``bad_records`` is ``refuse``;
            the sentence names file and line.
    """
    reading = Reading.read(parameters)
    found = read_records(source)
    records = [record for record in found if isinstance(record, Record)]
    bad = [record for record in found if isinstance(record, BadRecord)]
    own = [record for record in records if _is_own(record)]
    if own:
        reading = replace(reading, layout="samples")
        made = [_attempt(_from_sample, record, labels) for record in records]
    else:
        layout = _layout_for(reading, records)
        reading = (
            reading.of_layout(layout) if layout else replace(reading, layout="plain")
        )
        if layout and layout.shaped:
            shaped = list(layout.shaped(records))
            records = [record for record in shaped if isinstance(record, Record)]
            bad += [record for record in shaped if isinstance(record, BadRecord)]
        made, reading = _plain_chains(records, reading, labels)
    bad += [chain for chain in made if isinstance(chain, BadRecord)]
    chains = [chain for chain in made if isinstance(chain, FileChain)]
    if bad and (reading.bad_records == "refuse" or not chains):
        good = (
            f" ({len(bad)} such in all, {len(chains)} are good: bad_records=skip leaves "
            "the bad ones out)"
        )
        raise InputError(bad[0].reason + (good if chains else ""))
    if not chains:
        raise InputError(f"{source}: no chains in this file")
    return ChainsRead(_told_apart(chains), reading, tuple(bad))


def _layout_for(reading: Reading, records: Sequence[Record]) -> Layout | None:
    if reading.layout:
        return None if reading.layout == "plain" else layout_named(reading.layout)
    if not records or {"question", "chain"} <= reading.given:
        return None
    first = records[0].fields
    if all(value_at(first, n) is not None for n in ("question", "chain")):
        return None
    return layout_of(first)


def _attempt(make: Any, *arguments: Any) -> FileChain | BadRecord:
    """A chain, or why there is none."""
    first = arguments[0]
    where = (first if isinstance(first, Record) else first[0]).where
    try:
        chain: FileChain = make(*arguments)
    except InputError as error:
        return BadRecord(where, str(error))
    texts = {"chain": chain.chain.text, "question": chain.question, "id": chain.id}
    texts["answer"] = chain.chain.answer + chain.reference
    for name, text in texts.items():
        if half := re.search(r"[\ud800-\udfff]", text):
            return BadRecord(
                where,
                f"{where}: the {name} holds \\u{ord(half[0]):x}, a lone half of a "
                "character, which no model can be given; write the text anew",
            )
    return chain


def _told_apart(chains: Sequence[FileChain]) -> tuple[FileChain, ...]:
    """The chains, no two of one id."""
    first: dict[str, FileChain] = {}
    for chain in chains:
        if chain.id in first:
            raise InputError(
                f"{chain.where}: document {chain.id!r} is there twice (before at "
                f"{first[chain.id].where}); name a field that tells chains apart by "
                "field_id=NAME, or number them by field_id=none"
            )
        first[chain.id] = chain
    return tuple(chains)


# --- our own samples -------------------------------------------------------------


def _is_own(record: Record) -> bool:
    doc = record.fields.get("doc")
    return isinstance(doc, dict) and "samples_format" in doc


def _from_sample(record: Record, labels: LabelsWanted) -> FileChain:
    where = record.where
    if not _is_own(record):
        raise InputError(f"{where}: a sample of a task that is not ours among ours")
    sample, doc = record.fields, record.fields["doc"]
    if doc["samples_format"] != SAMPLES_FORMAT:
        raise InputError(
            f"{where}: samples of format {doc['samples_format']!r}, this version reads "
            f"{SAMPLES_FORMAT}: use the version of lm-eval-faith that wrote it"
        )
    try:
        if doc["setting"] == "generated":
            return replace(_generated(doc, _note_of(sample)), where=where)
        chain = _written(chain_from_dict(doc["chain"]), labels)
        return FileChain(
            str(doc["id"]),
            str(doc["question"]),
            chain,
            problem=_same_problem(doc),
            own=chain.answer,
            correct=True,
            said_by_file=True,
            where=where,
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(
            f"{where}: not a sample as this version writes it "
            f"({type(error).__name__}: {error})"
        ) from None


def _same_problem(doc: Mapping[str, Any]) -> str:
    problem = doc.get("problem")
    return problem if isinstance(problem, str) else ""


def _note_of(sample: Mapping[str, Any]) -> Mapping[str, Any]:
    note = json.loads(sample["filtered_resps"][0])["note"]
    if not isinstance(note, dict):
        raise TypeError("the note is no object")
    return note


def _generated(doc: Mapping[str, Any], note: Mapping[str, Any]) -> FileChain:
    """Whatever was too long for the model that wrote it may do for another one."""
    chain = _written(chain_from_dict(note["chain"]), "no")
    outcome = note["outcome"]
    reason = (
        OUTCOMES[outcome] if outcome in ("wrong", "unparsed", "long prompt") else ""
    )
    solved = note.get("solved")
    return FileChain(
        str(doc["id"]),
        str(doc["question"]),
        chain,
        reason or ("" if chain.steps else NO_STEPS),
        problem=_same_problem(doc),
        own=chain.answer,
        correct=solved if isinstance(solved, bool) else None,
        said_by_file=True,
    )


def _written(chain: Chain, labels: LabelsWanted) -> Chain:
    """As a chain of which nothing is known but the text, and its labels if wanted."""
    steps = tuple(
        Step(s.text, s.after, states_answer=states_answer(s.text, chain.answer))
        if labels == "no"
        else replace(s, numbers=(), states_answer=states_answer(s.text, chain.answer))
        for s in chain.steps
    )
    return replace(chain, steps=steps, label=None if labels == "no" else chain.label)


# --- plain records ---------------------------------------------------------------


def _plain_chains(
    records: Sequence[Record], reading: Reading, labels: LabelsWanted
) -> tuple[list[FileChain | BadRecord], Reading]:
    names = reading.names
    _check_names(records, reading)
    reading = replace(
        reading,
        labels=reading.labels.settled(
            label for record in records for label in _raw_labels(record, names)
        ),
    )
    if not _has_row_labels(records, names):
        made = [_attempt(_of_record, record, reading, labels) for record in records]
        return made, reading
    documents: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        key = tuple(
            str(value_at(record.fields, name)) for name in (names.question, names.chain)
        )
        documents.setdefault((key[0], key[1]), []).append(record)
    made = [_attempt(_of_rows, rows, reading, labels) for rows in documents.values()]
    return made, reading


def _check_names(records: Sequence[Record], reading: Reading) -> None:
    """A name that a user gives leads somewhere in one record at least."""
    for what in sorted(reading.given - {"question", "chain", "answer", "label"}):
        name = getattr(reading.names, what)
        held = (value_at(record.fields, name) for record in records)
        if records and name and all(value is None for value in held):
            raise InputError(
                f"{records[0].where}: no record has {name!r} (field_{what}); there is "
                f"{listed(records[0].fields)}"
            )


def _raw_labels(record: Record, names: FieldNames) -> Iterable[object]:
    told = _step_labels(record, names)
    if isinstance(told, list):
        for entry in told:
            yield entry.get("label") if isinstance(entry, dict) else entry
    if isinstance(value_at(record.fields, names.span), (str, int, float)):
        yield value_at(record.fields, names.label)


def _has_row_labels(records: Sequence[Record], names: FieldNames) -> bool:
    """A row a label, not a record a chain."""
    fields = records[0].fields if records else {}
    if names.labels in fields or value_at(fields, names.labels) is not None:
        return False
    return names.span in fields and not isinstance(fields[names.span], list)


def _of_record(record: Record, reading: Reading, labels: LabelsWanted) -> FileChain:
    names, where = reading.names, record.where
    found, written = _read_chain(record, reading)
    if labels == "no":
        return found
    told = _step_labels(record, names)
    whole = value_at(record.fields, names.chain_label)
    row_label = value_at(record.fields, names.label)
    if told is None and whole is None and not isinstance(row_label, (dict, list)):
        whole = row_label  # one row, one chain, one label
    if told is None and whole is None:
        if labels == "if there":
            return found
        raise InputError(
            _missing(record, names.labels, "labels", None, "a list of labels")
        )
    chain = found.chain
    made = Told(chain)
    sentences = value_at(record.fields, names.span)
    if told is not None and isinstance(sentences, list) and isinstance(written, str):
        made = _of_sentences(record, reading, chain, written, told)
    elif told is not None:
        made = with_labels(chain, written, told, reading.labels, where)
    label = None if whole is None else reading.labels.label(whole, where)
    chain = replace(made.chain, label=label)
    return replace(found, chain=chain, taken_off=made.taken_off)


def _step_labels(record: Record, names: FieldNames) -> Any:
    """The labels of the steps, also where each listed step holds its own."""
    told = _as_list(value_at(record.fields, names.labels))
    steps = value_at(record.fields, names.chain)
    if told is not None or not isinstance(steps, list) or not steps:
        return told
    own = [s[names.label] for s in steps if isinstance(s, dict) and names.label in s]
    return own if len(own) == len(steps) else None


def _of_sentences(
    record: Record, reading: Reading, chain: Chain, written: str, labels: object
) -> Told:
    """A chain with one label a sentence, as another splitter has found them."""
    name, where = reading.names.span, record.where
    texts = value_at(record.fields, name)
    if not all(isinstance(text, str) for text in texts):
        raise InputError(_missing(record, name, "span", texts, "a list of texts"))
    told = reading.labels.of_steps(labels, len(texts), where)
    if len(told) != len(texts):
        raise InputError(f"{where}: {len(told)} labels for {len(texts)} in {name!r}")
    truths = [reading.labels.truth(label, where) for label in told]
    spans = in_order(texts, truths, written, where)
    return with_spans(chain, written, spans, where)


_OF_CHAIN = "_COT"
"""How a label of BonaFide ends that is about the chain as a whole."""


def _of_rows(
    rows: Sequence[Record], reading: Reading, labels: LabelsWanted
) -> FileChain:
    """The rows of one document as a chain."""
    names, first = reading.names, rows[0]
    found, written = _read_chain(first, reading)
    answer = value_at(first.fields, names.answer)
    spans, whole = [], []
    if labels == "yes" and all(value_at(r.fields, names.label) is None for r in rows):
        raise InputError(_missing(first, names.label, "label", None, "a label"))
    for row in rows:
        if value_at(row.fields, names.answer) != answer:
            raise InputError(
                f"{row.where}: another answer than the same chain at {first.where}"
            )
        told = value_at(row.fields, names.label)
        span = _span_of_row(row, names)
        if labels == "no":
            continue
        truth = reading.labels.truth(told, row.where)
        if span and not str(told).upper().endswith(_OF_CHAIN):
            if not isinstance(written, str):
                raise InputError(f"{row.where}: spans want a chain that is one text")
            spans.append(placed(span, truth, written, row.where))
        else:
            whole.append(Truth(truth.label))
        of_chain = value_at(row.fields, names.chain_label)
        if of_chain is not None:
            whole.append(Truth(reading.labels.label(of_chain, row.where)))
    if not isinstance(written, str):
        return found
    made = with_spans(found.chain, written, spans, first.where)
    chain = replace(made.chain, label=agreed(whole).label)
    return replace(found, chain=chain, taken_off=made.taken_off)


def _span_of_row(row: Record, names: FieldNames) -> str:
    start = value_at(row.fields, names.span)
    end = value_at(row.fields, names.span_end) if names.span_end else None
    if start is None or (isinstance(start, float) and math.isnan(start)):
        return ""
    return f"{start}:{end}".replace(" ", "") if end is not None else str(start)


# --- one record ------------------------------------------------------------------

Written = str | list[str]
"""A chain as a file has it: a text, or a list of steps."""


@dataclass(frozen=True)
class _Apart:
    """A written chain, taken apart.

    Attributes:
        chain: without the final statement.
        own: the answer that it states; empty where none can be read.
        correct: whether that is the reference; None without either.
        unfinished: the thinking does not end.
    """

    chain: Chain
    own: str = ""
    correct: bool | None = None
    unfinished: bool = False


def _read_chain(record: Record, reading: Reading) -> tuple[FileChain, Written]:
    """The chain of a record without its labels, and what it was made from."""
    names, where = reading.names, record.where
    question = value_at(record.fields, names.question)
    if not isinstance(question, str) or not question.strip():
        raise InputError(_missing(record, names.question, "question", question, "text"))
    written = _written_chain(record, reading)
    final = _final_text(record, reading)
    told = _reference(record, reading)
    reference = None if told is None else read_reference(told)
    correct = _correct(record, names.correct)
    is_own = reading.answer_is == "own" and told is not None
    apart = _apart(written, final, None if is_own else reference, reading)
    if is_own:
        apart = _answering(apart, reference or str(told))
    elif correct and not apart.own and reference:
        apart = replace(_answering(apart, reference), own="", correct=None)
    elif correct is None and not apart.own and reference and final is None:
        apart = _comes_to(apart, written, reference)
    right = apart.correct if correct is None else correct
    identity = _name(record, names.id) if names.id else None
    group = _name(record, names.group) if names.group else None
    found = FileChain(
        record.name if identity is None else identity,
        question,
        apart.chain,
        NO_REFERENCE
        if told and reference is None and right is None
        else _reason(apart, right, correct is not None),
        group or "",
        "" if is_own else reference or "",
        apart.own,
        right,
        correct is not None,
        where=where,
    )
    return found, written


def _reason(apart: _Apart, right: bool | None, said_by_file: bool) -> str:
    """Why a chain is left out."""
    if not apart.chain.text.strip() and not apart.own:
        return NO_STEPS
    trusted = said_by_file and bool(right)
    if apart.unfinished and not trusted:
        return UNFINISHED
    if not apart.own and not (trusted and apart.chain.answer):
        return UNPARSED
    if right is False:
        return WRONG
    return "" if apart.chain.steps else NO_STEPS


def _apart(
    written: Written, final: str | None, reference: str | None, reading: Reading
) -> _Apart:
    if isinstance(written, list) and final is not None:
        listed = chain_of(written, "", splitting=reading.splitting)
        return _with_final_text(listed, final, reference)
    how: dict[str, Any] = {
        "cut": reading.cut,
        "keep_final": reading.keep_final,
        "splitting": reading.splitting,
    }
    if isinstance(written, list):
        made = split_steps(written, reference, think_tags=reading.tags, **how)
    elif final is None:
        made = split_generation(written, reference, think_tags=reading.tags, **how)
    else:
        opening, closing = THINK_TAGS
        text = f"{opening}{written}{closing}\n\n{final}"
        made = split_generation(text, reference, think_tags=THINK_TAGS, **how)
    return _Apart(
        made.chain if made.answer else replace(made.chain, answer=""),
        made.answer,
        made.correct,
        unfinished=final == "" or made.outcome == "unfinished",
    )


def _with_final_text(chain: Chain, final: str, reference: str | None) -> _Apart:
    """Listed steps whose answer a text of its own tells."""
    found = final_answer(final)
    if found is None:
        return _Apart(chain, unfinished=final == "")
    right = read_reference(reference) if reference else None
    agrees = None if right is None else same_answer(found.text, right)
    return replace(_answering(_Apart(chain), found.text), correct=agrees)


def _comes_to(apart: _Apart, written: Written, reference: str) -> _Apart:
    """A chain that states no answer, and whose last sentence comes to the right one.

    Where it comes to another number nothing is concluded: it may be a check, or cut off.
    Nor is anything of thinking, which has a final text to tell its answer.
    """
    thought = isinstance(written, str) and parts_of(written).final is not None
    found = None if apart.unfinished or thought else concluded(apart.chain.text)
    if found is None or not same_answer(found.text, reference):
        return apart
    return _answering(apart, found.text)


def _answering(apart: _Apart, answer: str) -> _Apart:
    """With the answer that the file says the chain has."""
    steps = tuple(
        replace(step, states_answer=states_answer(step.text, answer))
        for step in apart.chain.steps
    )
    chain = replace(apart.chain, steps=steps, answer=answer)
    return replace(apart, chain=chain, own=answer, correct=True)


def _written_chain(record: Record, reading: Reading) -> Written:
    names = reading.names
    name = names.chain
    if names.thinking and value_at(record.fields, names.thinking) is not None:
        name = names.thinking
    value = _texts_of(_as_list(value_at(record.fields, name)))
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        kind = "text or a list of texts"
        raise InputError(_missing(record, name, "chain", value, kind))
    if not all(isinstance(step, str) for step in value):
        hint = ""
        if all(isinstance(step, dict) for step in value):
            hint = f"; {name}[].NAME takes a field of each, of {listed(value[0])}"
        kind = f"text or a list of texts{hint}"
        raise InputError(_missing(record, name, "chain", value, kind))
    steps: list[str] = value
    whole = _whole_reasonings(steps)
    labelled = _step_labels(record, names)
    if isinstance(labelled, list) and len(labelled) == len(steps):
        whole = 0
    entry = name.replace("[]", ".0", 1) if "[]" in name else f"{name}.0"
    if whole > 1:
        raise InputError(
            f"{record.where}: the {len(steps)} entries of {name!r} are whole reasonings, "
            f"not steps; name one of them: field_chain={entry}"
        )
    if reading.steps == "split":
        return "\n".join(steps)
    if whole:
        raise InputError(
            f"{record.where}: the one entry of {name!r} is a whole reasoning, not a step; "
            f"steps=split takes it apart, and so does field_chain={entry}"
        )
    return steps


def _whole_reasonings(steps: Sequence[str]) -> int:
    """How many of the listed texts are reasonings, where they are that and no steps."""
    if not steps:
        return 0
    if len(steps) == 1:
        return int(_is_block(steps[0]) or len(split(steps[0])[1]) > 2)
    blocks = sum(map(_is_block, steps))
    if blocks > 1:
        return blocks
    stating = [s for s in steps if len(s) > 40 and extract_answer(s) is not None]
    long = [s for s in stating if len(split(s)[1]) > 2]
    return len(long) if len(long) == len(steps) else 0


def _is_block(text: str) -> bool:
    """Thinking, and what was said after it."""
    parts = parts_of(text)
    return parts.final is not None and bool(text[parts.start : parts.end].strip())


_TEXT_NAMES = ("text", "content", "step", "sentence", "chunk")


def _texts_of(value: object) -> object:
    """A list of objects with one text each, as the list of those texts."""
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        for name in _TEXT_NAMES:
            if all(isinstance(entry.get(name), str) for entry in value):
                return [entry[name] for entry in value]
    return value


def _as_list(value: object) -> Any:
    """The list that a cell of a table holds as text: JSON, or as Python prints it."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    bare = value.strip()
    try:
        parsed = json.loads(bare)
    except (ValueError, RecursionError):
        parsed = _printed(bare) if len(bare) < 1_000_000 else None
    return parsed if isinstance(parsed, list) else value


def _printed(text: str) -> object:
    """The list whose ``repr`` a text is; None where it is none."""
    try:
        parsed = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return parsed if repr(parsed) == text else None


def _final_text(record: Record, reading: Reading) -> str | None:
    """The final text where it is a field of its own; empty where there is none yet."""
    names = reading.names
    if not names.final:
        return None
    value = value_at(record.fields, names.final)
    if value is None:
        alone = bool(names.thinking) and value_at(record.fields, names.thinking) is None
        return None if alone else ""
    if not isinstance(value, str):
        raise InputError(_missing(record, names.final, "final", value, "text"))
    return value.strip() and value


def _reference(record: Record, reading: Reading) -> str | None:
    """What the file says the answer is: by itself, or as a whole solution."""
    name = reading.names.answer
    value = value_at(record.fields, name) if name else None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            return None
        return str(int(value) if value == int(value) else value)
    if value is None:
        if "answer" in reading.given and name:
            raise InputError(_missing(record, name, "answer", value, "text"))
        return None
    if not isinstance(value, str):
        raise InputError(
            _missing(record, name, "answer", value, "text, a number, true or false")
        )
    return value.strip() or None


_VERDICTS = {
    **dict.fromkeys(("correct", "right", "1.0"), True),
    **dict.fromkeys(("incorrect", "wrong", "0.0"), False),
}


def _correct(record: Record, name: str) -> bool | None:
    value = value_at(record.fields, name) if name else None
    if isinstance(value, float):
        value = None if math.isnan(value) else int(value) if value in (0, 1) else value
    if value is None:
        return None
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, str) and word in _VERDICTS:
        return _VERDICTS[word]
    try:
        return read.yes_or_no(name, value)
    except InputError:
        shown = repr(value[:60]) if isinstance(value, str) else kind_of(value)
        raise InputError(
            f"{record.where}: {name} must be true or false, not {shown}"
        ) from None


def _name(record: Record, name: str) -> str | None:
    """What names a document or a problem: text or a number."""
    value = value_at(record.fields, name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    raise InputError(
        f"{record.where}: {name!r} is {kind_of(value)}, and names no document; name "
        "another field by field_id=NAME, or number the records by field_id=none"
    )


def _missing(record: Record, name: str, what: str, value: object, kind: str) -> str:
    """The sentence about a field that is not there, or is of another kind."""
    found = "null" if name in record.fields else "missing"
    if value is not None:
        found = f"{kind_of(value)}, not {kind}"
    if not name:
        return (
            f"{record.where}: this layout has no {what}; name the field that holds them "
            f"by --metadata field_{what}=NAME (there is {listed(record.fields)})"
        )
    return (
        f"{record.where}: {name!r} is {found}; name the field that holds the {what} by "
        f"--metadata field_{what}=NAME (there is {listed(record.fields)}; dots lead into "
        "objects and lists, as in messages.-1.content)"
    )


def ids_left_out(chains: Iterable[FileChain]) -> dict[str, list[str]]:
    """Which chains are left out for each reason."""
    found: dict[str, list[str]] = {}
    for chain in chains:
        if chain.left_out:
            found.setdefault(chain.left_out, []).append(chain.id)
    return found


def is_wrong(chain: FileChain) -> bool:
    """The chain is left out for its answer alone: it has one, and steps."""
    return chain.left_out == WRONG and bool(chain.chain.steps)
