"""Chains from files: samples of our own runs, and whatever people keep chains in.

One reader for chains with labels and without. A file becomes records
(:mod:`~lm_eval_faith.problems.record_files`), a known layout makes plain records of them
(:mod:`~lm_eval_faith.problems.layouts`), and each of those, or all rows of one chain,
becomes a chain here. What cannot be read is refused or left out and named, never guessed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.chain import Chain, Step, chain_from_dict, tags_of
from lm_eval_faith.chains.written import Cut, cut_off, split_generation
from lm_eval_faith.errors import InputError, require_characters
from lm_eval_faith.problems.field_paths import listed, value_at
from lm_eval_faith.problems.labelled_files import (
    Told,
    in_order,
    placed,
    with_labels,
    with_spans,
    with_tags,
)
from lm_eval_faith.problems.labels import Truth, agreed
from lm_eval_faith.problems.layouts import Layout, layout_named, layout_of
from lm_eval_faith.problems.reading import FieldNames, Reading, TextReading
from lm_eval_faith.problems.record_chains import (
    NO_STEPS,
    FileChain,
    as_list,
    missing,
    read_chain,
    step_labels,
)
from lm_eval_faith.problems.record_files import (
    BadRecord,
    Record,
    read_records,
)
from lm_eval_faith.records.outcome import (
    OUTCOMES,
    UNANSWERED,
    UNPARSED,
    WRONG,
)
from lm_eval_faith.records.samples import require_readable, responses_of

LabelsWanted = Literal["no", "if there", "yes"]


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
        made = [_attempt(_from_sample, record, reading, labels) for record in records]
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
    texts = {
        "chain": chain.chain.text,
        "question": chain.question,
        "id": chain.id,
        "prompt": chain.prompt,
        "cue": chain.cue,
        "answer": chain.chain.answer + chain.reference + chain.own,
        "group": chain.problem,
        "reason": chain.left_out,
    }
    try:
        for name, text in texts.items():
            require_characters(text, f"{where}: the {name}")
    except InputError as error:
        return BadRecord(where, str(error))
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


def _from_sample(record: Record, reading: Reading, labels: LabelsWanted) -> FileChain:
    where = record.where
    if not _is_own(record):
        raise InputError(f"{where}: a sample of a task that is not ours among ours")
    sample, doc = record.fields, record.fields["doc"]
    require_readable(doc["samples_format"], where)
    if doc.get("setting") != "generated" and _is_asked(replace(reading, cut="final")):
        raise InputError(
            f"{where}: the steps of a chain that was given to a run stay as they were given; "
            "of how texts are read, only cut applies to them"
        )
    try:
        if doc["setting"] == "generated":
            response = json.loads(responses_of(sample)[0])
            found = _generated(doc, response["note"])
            if _is_asked(reading) and found.left_out in ("", WRONG):
                found = _read_anew(found, response["generation"], reading)
            return replace(found, where=where)
        chain = _written(chain_from_dict(doc["chain"]), labels)
        chain = cut_off(chain, cast(Cut, reading.cut))
        return FileChain(
            str(doc["id"]),
            str(doc["question"]),
            chain,
            "" if chain.steps else NO_STEPS,
            problem=_same_problem(doc),
            own=chain.answer,
            correct=True,
            said_by_file=True,
            where=where,
            cue=_cue(doc.get("cue", "")),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(
            f"{where}: not a sample as this version writes it "
            f"({type(error).__name__}: {error})"
        ) from None


def _is_asked(reading: Reading) -> bool:
    """Texts are to be read in another way than the default."""
    return bool(reading.tags) or reading.how != TextReading().how


def _read_anew(found: FileChain, text: str, reading: Reading) -> FileChain:
    """A chain of a run, read out of its text as is asked now; its answer and verdict stay the
    run's, and so do the words before the answer."""
    how = {**reading.how, "cut": "final"}
    made = split_generation(
        text, think_tags=reading.tags, allow_last_number=True, **how
    )
    marked = _written(replace(made.chain, answer=found.chain.answer), "no")
    chain = cut_off(marked, cast(Cut, reading.cut))
    left_out = found.left_out or ("" if chain.steps else NO_STEPS)
    if reading.cut != "final":  # which decides how the cue is set off, too
        made = split_generation(
            text, think_tags=reading.tags, allow_last_number=True, **reading.how
        )
    same = made.short_cue.strip() == found.cue.strip()
    cue = made.short_cue if same else found.cue
    return replace(found, chain=chain, left_out=left_out, cue=cue)


def _cue(told: object) -> str:
    if not isinstance(told, str):
        raise TypeError("'cue' is not text")
    return told


def _same_problem(doc: Mapping[str, Any]) -> str:
    problem = doc.get("problem")
    return problem if isinstance(problem, str) else ""


def _generated(doc: Mapping[str, Any], note: Mapping[str, Any]) -> FileChain:
    """Whatever was too long for the model that wrote it may do for another one."""
    chain = _written(chain_from_dict(note["chain"]), "no")
    outcome = note["outcome"]
    unusable = ("wrong", *UNANSWERED, "long prompt")
    reason = OUTCOMES[outcome] if outcome in unusable else ""
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
        cue=_cue(note["cue"]),
    )


def _written(chain: Chain, labels: LabelsWanted) -> Chain:
    """As a chain of which nothing is known but the text, and its labels if wanted."""
    steps = tuple(
        Step(s.text, s.after, states_answer=states_answer(s.text, chain.answer))
        if labels == "no"
        else replace(s, numbers=(), states_answer=states_answer(s.text, chain.answer))
        for s in chain.steps
    )
    kept = chain if labels != "no" else replace(chain, label=None, truth=None)
    return replace(kept, steps=steps)


# --- plain records ---------------------------------------------------------------


def _plain_chains(
    records: Sequence[Record], reading: Reading, labels: LabelsWanted
) -> tuple[list[FileChain | BadRecord], Reading]:
    names = reading.names
    _check_names(records, reading)
    reading = replace(
        reading,
        chain_labels=reading.labels.of_chains(
            _chain_label(record, names) for record in records
        ),
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
                f"{listed(records[0].in_file)}"
            )


def _raw_labels(record: Record, names: FieldNames) -> Iterable[object]:
    told = step_labels(record, names)
    if isinstance(told, list):
        for entry in told:
            yield entry.get("label") if isinstance(entry, dict) else entry
    if isinstance(value_at(record.fields, names.span), (str, int, float)):
        yield value_at(record.fields, names.label)


def _chain_label(record: Record, names: FieldNames) -> Any:
    """What a record says of its chain as a whole."""
    whole = value_at(record.fields, names.chain_label)
    if whole is not None or step_labels(record, names) is not None:
        return whole
    if names.span and value_at(record.fields, names.span) is not None:
        return None
    row_label = value_at(record.fields, names.label)
    return None if isinstance(row_label, (dict, list)) else row_label


def _has_row_labels(records: Sequence[Record], names: FieldNames) -> bool:
    """A row a label, not a record a chain."""
    fields = records[0].fields if records else {}
    if names.labels in fields or value_at(fields, names.labels) is not None:
        return False
    return names.span in fields and not isinstance(fields[names.span], list)


def _of_record(record: Record, reading: Reading, labels: LabelsWanted) -> FileChain:
    names, where = reading.names, record.where
    found, written = read_chain(record, reading)
    if labels == "no":
        return _with_tags(found, written, record, reading)
    told = step_labels(record, names)
    whole = _chain_label(record, names)
    if told is None and whole is None:
        if labels == "if there":
            return _with_tags(found, written, record, reading)
        raise InputError(
            missing(record, names.labels, "labels", None, "a list of labels")
        )
    chain = found.chain
    made = Told(chain)
    sentences = value_at(record.fields, names.span)
    if told is not None and isinstance(sentences, list) and isinstance(written, str):
        made = _of_sentences(record, reading, chain, written, told)
    elif told is not None:
        made = with_labels(chain, written, told, reading.labels, where)
    truth = reading.chain_labels.truth(whole, where)
    chain = replace(made.chain, label=truth.label, truth=truth.graded)
    found = replace(found, chain=chain, taken_off=made.taken_off)
    if names.tags and not (isinstance(sentences, list) and isinstance(written, str)):
        tagged = with_tags(chain, written, _tags(record, names), where)
        return replace(found, chain=tagged)
    return found


def _tags(record: Record, names: FieldNames) -> list[tuple[str, ...]]:
    """The tags of each step, or of each sentence of another splitter."""
    told = as_list(value_at(record.fields, names.tags))
    if not isinstance(told, list):
        raise InputError(missing(record, names.tags, "tags", told, "a list of tags"))
    return [tags_of(one) for one in told]


def _with_tags(
    found: FileChain, written: Any, record: Record, reading: Reading
) -> FileChain:
    """A chain without labels, with the tags of its steps if a user names them."""
    names = reading.names
    if not names.tags:
        return found
    if isinstance(value_at(record.fields, names.span), list) and isinstance(
        written, str
    ):
        made = _of_sentences(record, reading, found.chain, written, None)
        return replace(found, chain=made.chain)
    chain = with_tags(found.chain, written, _tags(record, names), record.where)
    return replace(found, chain=chain)


def _of_sentences(
    record: Record, reading: Reading, chain: Chain, written: str, labels: object
) -> Told:
    """A chain with one label a sentence, as another splitter has found them; None: tags."""
    name, where = reading.names.span, record.where
    texts = value_at(record.fields, name)
    if not all(isinstance(text, str) for text in texts):
        raise InputError(missing(record, name, "span", texts, "a list of texts"))
    truths = [Truth()] * len(texts)
    if labels is not None:
        told = reading.labels.of_steps(labels, len(texts), where)
        if len(told) != len(texts):
            raise InputError(
                f"{where}: {len(told)} labels for {len(texts)} in {name!r}"
            )
        truths = [reading.labels.truth(label, where) for label in told]
    if reading.names.tags:
        tags = _tags(record, reading.names)
        if len(tags) != len(texts):
            raise InputError(f"{where}: {len(tags)} tags for {len(texts)} in {name!r}")
        truths = [replace(truth, tags=t) for truth, t in zip(truths, tags)]
    spans = in_order(texts, truths, written, where)
    return with_spans(chain, written, spans, where)


_OF_CHAIN = "_COT"
"""How a label of BonaFide ends that is about the chain as a whole."""


def _of_rows(
    rows: Sequence[Record], reading: Reading, labels: LabelsWanted
) -> FileChain:
    """The rows of one document as a chain."""
    names, first = reading.names, rows[0]
    found, written = read_chain(first, reading)
    answer = value_at(first.fields, names.answer)
    spans, whole = [], []
    if labels == "yes" and all(value_at(r.fields, names.label) is None for r in rows):
        raise InputError(missing(first, names.label, "label", None, "a label"))
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
            whole.append(truth)
        of_chain = value_at(row.fields, names.chain_label)
        if of_chain is not None:
            whole.append(reading.chain_labels.truth(of_chain, row.where))
    if not isinstance(written, str):
        return found
    made = with_spans(found.chain, written, spans, first.where)
    agrees = agreed(whole)
    chain = replace(made.chain, label=agrees.label, truth=agrees.graded)
    return replace(found, chain=chain, taken_off=made.taken_off)


def _span_of_row(row: Record, names: FieldNames) -> str:
    start = value_at(row.fields, names.span)
    end = value_at(row.fields, names.span_end) if names.span_end else None
    if start is None or (isinstance(start, float) and math.isnan(start)):
        return ""
    return f"{start}:{end}".replace(" ", "") if end is not None else str(start)


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
