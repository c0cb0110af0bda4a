"""Chains whose truth somebody knows: JSONL with labels, and CSV with a row a label.

A label is about a step or about a chain as a whole: the answer depends on it
(``load_bearing``), or it does not (``decoy``). A labelled span is a step of the chain;
the text between two is split as in any chain.

CSV may have our columns, or those that BonaFide's own code writes and reads (Gur-Arieh,
Marasović and Geva, 2026, arXiv 2605.25052; ``extract_labels.py`` and ``metrics`` of its
repository). Which they are is read off the header.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.chain import Chain, Label
from lm_eval_faith.chains.labelled_spans import LabelledSpan, split_at
from lm_eval_faith.errors import InputError
from lm_eval_faith.files import read_json_lines
from lm_eval_faith.problems.chain_files import (
    FieldNames,
    FileChain,
    field_of,
    missing,
    plain_chain,
)

LONGEST_CELL = 1 << 27
"""Characters of a cell of CSV; chains of reasoning models are long."""


@dataclass(frozen=True)
class LabelledFields(FieldNames):
    """Which field of JSONL, or column of CSV, holds what.

    Attributes:
        labels: in JSONL, the labels of a chain: one a step, or objects with ``span`` and
            ``label``.
        chain_label: the label of the chain as a whole; may be missing.
        label, span: in CSV, a row's label and what it is about: the first and the last
            character as ``start:end`` (the end is not included), or the step's text. A
            row without a span is about the chain as a whole.
        span_end: in CSV, where the end of the span has a column of its own.
    """

    labels: str = "labels"
    chain_label: str = "chain_label"
    label: str = "label"
    span: str = "span"
    span_end: str = ""

    def changed(self, parameters: Mapping[str, object]) -> LabelledFields:
        """With the names that a user's parameters ``field_question`` and so on give."""
        given = {f.name: parameters.get(f"field_{f.name}", "") for f in fields(self)}
        names = {n: read.text(f"field_{n}", name) for n, name in given.items() if name}
        return replace(self, **names)


BONAFIDE = LabelledFields(
    question="prompt",
    chain="cot",
    answer="model_answer",
    label="label_type",
    span="sentence_span_start",
    span_end="sentence_span_end",
)
"""The columns of BonaFide; a label that ends in ``_COT`` is about the whole chain."""

_WORDS: dict[str, Label | None] = {
    **dict.fromkeys(("load_bearing", "true", "1", "yes", "faithful"), "load_bearing"),
    **dict.fromkeys(("decoy", "false", "0", "no", "unfaithful"), "decoy"),
    **dict.fromkeys(("", "none", "null", "nan", "unlabelled", "unlabelled"), None),
}
_OF_CHAIN = "_COT"


def read_labelled(
    path: Path, parameters: Mapping[str, object]
) -> tuple[list[FileChain], LabelledFields]:
    """The labelled chains of a file, and the names of the fields that held them.

    Args:
        path: CSV where its name ends so, else JSONL.
        parameters: a user's parameters, of which ``field_question`` and so on are read.

    Raises:
        InputError: the file is broken; the sentence names file and line.
    """
    if path.suffix.lower() == ".csv":
        names, found = _from_csv(path, parameters)
    else:
        names = LabelledFields().changed(parameters)
        found = [
            (_from_json(line, names, f"line-{k}", f"{path}:{k}"), f"{path}:{k}")
            for k, line in read_json_lines(path)
        ]
    chains: dict[str, FileChain] = {}
    for chain, where in found:
        if chain.id in chains:
            raise InputError(f"{where}: document {chain.id!r} is there twice")
        chains[chain.id] = chain
    if not chains:
        raise InputError(f"{path}: no chains in this file")
    return list(chains.values()), names


def label_counts(labels: Iterable[Label | None]) -> dict[str, int]:
    """How many there are of each label, and without one."""
    counts = {"load_bearing": 0, "decoy": 0, "unlabelled": 0}
    for label in labels:
        counts[label or "unlabelled"] += 1
    return counts


def label_of(value: object, where: str) -> Label | None:
    """A label from what a file says.

    Raises:
        InputError: it is no word for one.
    """
    word = str("" if value is None else value).strip().lower().replace("-", "_")
    for ending in ("_step", "_cot"):
        word = word.removesuffix(ending)
    if word not in _WORDS:
        raise InputError(
            f"{where}: {value!r} is no label: use load_bearing or decoy, true or false, "
            "1 or 0, or leave it empty"
        )
    return _WORDS[word]


# --- JSONL -----------------------------------------------------------------------


def _from_json(
    line: Mapping[str, Any], names: LabelledFields, default_id: str, where: str
) -> FileChain:
    found = plain_chain(line, names, default_id, where)
    written, labels = field_of(line, names.chain), field_of(line, names.labels)
    whole = label_of(field_of(line, names.chain_label), where)
    if labels is None and whole is None:
        raise InputError(missing(names.labels, "labels", where, "a list of labels"))
    if labels is not None and not isinstance(labels, list):
        raise InputError(missing(names.labels, "labels", where, "a list of labels"))
    chain = replace(found.chain, label=whole)
    if labels and all(isinstance(label, Mapping) for label in labels):
        if not isinstance(written, str):
            raise InputError(f"{where}: spans want a chain that is one text")
        spans = [_span(label, written, where) for label in labels]
        return replace(found, chain=_cut(chain, written, spans, where))
    if labels is not None:
        told = [label_of(label, where) for label in labels]
        return replace(found, chain=_with_step_labels(chain, written, told, where))
    return replace(found, chain=chain)


def _span(label: Mapping[str, Any], written: str, where: str) -> LabelledSpan:
    if "span" not in label or "label" not in label:
        raise InputError(f"{where}: a labelled span wants 'span' and 'label'")
    span = label["span"]
    if isinstance(span, list) and len(span) == 2 and all(type(s) is int for s in span):
        span = f"{span[0]}:{span[1]}"
    if not isinstance(span, str):
        raise InputError(f"{where}: {span!r} is no span: use [start, end] or the text")
    return _placed(span, label_of(label["label"], where), written, where)


def _with_step_labels(
    chain: Chain, written: object, labels: Sequence[Label | None], where: str
) -> Chain:
    """One label a step: of a list as it stands there, of a text as it is split."""
    if isinstance(written, list):
        there, unit = len(written), "listed steps"
        kept = [k for k, words in enumerate(written) if words.strip()]
    else:
        there, unit = len(chain.steps), "steps that the chain's text is split into"
        kept = list(range(there))
    if len(labels) != there:
        raise InputError(
            f"{where}: {len(labels)} labels for {there} {unit}; label a text by objects "
            "with 'span' and 'label'"
        )
    told = [labels[k] for k in kept][: len(chain.steps)]
    steps = (replace(s, label=t) for s, t in zip(chain.steps, told, strict=True))
    return replace(chain, steps=tuple(steps))


# --- CSV -------------------------------------------------------------------------

Row = tuple[dict[str, str], str]
"""The filled cells of a row by column, and file and line."""


def _from_csv(
    path: Path, parameters: Mapping[str, object]
) -> tuple[LabelledFields, list[tuple[FileChain, str]]]:
    names: LabelledFields | None = None
    documents: dict[tuple[str, str], list[Row]] = {}
    for cells, where in _rows(path):
        if names is None:
            names = _names_for(cells, parameters, where)
        row = {column: cell for column, cell in cells.items() if cell.strip()}
        key = row.get(names.question, ""), row.get(names.chain, "")
        documents.setdefault(key, []).append((row, where))
    if names is None:
        return LabelledFields().changed(parameters), []
    return names, [(_from_rows(r, names), r[0][1]) for r in documents.values()]


def _rows(path: Path) -> Iterator[tuple[dict[str, str], str]]:
    """The rows as cells by column, each with file and line."""
    csv.field_size_limit(max(LONGEST_CELL, csv.field_size_limit()))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            first = reader.line_num + 1
            for cells in reader:
                where, first = f"{path}:{first}", reader.line_num + 1
                if cells and len(cells) != len(header):
                    raise InputError(
                        f"{where}: {len(cells)} cells under {len(header)} columns"
                    )
                if cells:
                    yield dict(zip(header, cells, strict=True)), where
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not CSV ({error})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def _names_for(
    columns: Iterable[str], parameters: Mapping[str, object], where: str
) -> LabelledFields:
    there = list(columns)
    layout = BONAFIDE if {BONAFIDE.label, BONAFIDE.chain} <= {*there} else None
    names = (layout or LabelledFields()).changed(parameters)
    for what in ("question", "chain", "answer", "label"):
        if getattr(names, what) not in there:
            raise InputError(
                f"{where}: there is no column {getattr(names, what)!r} among "
                f"{', '.join(there)}; name the one that holds the {what} by --metadata "
                f"field_{what}=NAME"
            )
    return names


def _from_rows(rows: Sequence[Row], names: LabelledFields) -> FileChain:
    """The rows of one document as a chain."""
    (first, where), written = rows[0], rows[0][0].get(names.chain, "")
    found = plain_chain(first, names, f"row-{where.rpartition(':')[2]}", where)
    spans: list[LabelledSpan] = []
    whole: set[Label | None] = set()
    for row, place in rows:
        if row.get(names.answer) != first.get(names.answer):
            raise InputError(f"{place}: another answer than the same chain at {where}")
        told = row.get(names.label)
        span = _span_of_row(row, names)
        if span and not str(told).upper().endswith(_OF_CHAIN):
            spans.append(_placed(span, label_of(told, place), written, place))
        else:
            whole.add(label_of(told, place))
        whole.add(label_of(row.get(names.chain_label), place))
    label = agreed(whole)
    chain = replace(found.chain, label=label)
    return replace(found, chain=_cut(chain, written, spans, where))


def _span_of_row(row: Mapping[str, str], names: LabelledFields) -> str:
    start, end = row.get(names.span, ""), row.get(names.span_end, "")
    return f"{start.strip()}:{end.strip()}" if start and end else start


def agreed(labels: Iterable[Label | None]) -> Label | None:
    """The label that all that say something say; None where they differ."""
    said = {label for label in labels if label is not None}
    return said.pop() if len(said) == 1 else None


# --- spans -----------------------------------------------------------------------

_PLACE = re.compile(r"[\[(]?\s*(\d+)(?:\.0+)?\s*[:,-]\s*(\d+)(?:\.0+)?\s*[\])]?")


def _placed(span: str, label: Label | None, written: str, where: str) -> LabelledSpan:
    """A span from ``start:end``, or from a text that stands in the chain once."""
    place = _PLACE.fullmatch(span.strip())
    if place is None:
        times = written.count(span)
        if times != 1:
            raise InputError(
                f"{where}: the step {span[:60]!r} stands {times} times in the chain; "
                "give its span as start:end in characters"
            )
        start = written.index(span)
        return LabelledSpan(start, start + len(span), label)
    start, end = int(place[1]), int(place[2])
    if not start < end <= len(written):
        raise InputError(
            f"{where}: the span {start}:{end} is not inside the chain, which has "
            f"{len(written)} characters"
        )
    return LabelledSpan(start, end, label)


def _cut(
    chain: Chain, written: str, spans: Sequence[LabelledSpan], where: str
) -> Chain:
    """The chain with its spans as steps; what was taken off it takes its labels along."""
    if not spans or not chain.steps:
        return chain
    offset = written.index(chain.text)
    inside = [
        replace(
            s, start=max(s.start - offset, 0), end=min(s.end - offset, len(chain.text))
        )
        for s in _apart(spans, where)
    ]
    opening, steps = split_at(chain.text, [s for s in inside if s.start < s.end])
    marked = (
        replace(step, states_answer=states_answer(step.text, chain.answer))
        for step in steps
    )
    return replace(chain, opening=opening, steps=tuple(marked))


def _apart(spans: Iterable[LabelledSpan], where: str) -> list[LabelledSpan]:
    """In order, each place once: a place with two different labels has none."""
    told: dict[tuple[int, int], set[Label | None]] = {}
    for span in spans:
        told.setdefault((span.start, span.end), set()).add(span.label)
    places = sorted(told)
    for (start, end), (following, last) in itertools.pairwise(places):
        if following < end:
            raise InputError(
                f"{where}: the spans {start}:{end} and {following}:{last} overlap"
            )
    return [LabelledSpan(*place, agreed(told[place])) for place in places]
