"""Chains from files: samples of our own runs, and plain JSONL with any field names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.answers import extract_answer
from lm_eval_faith.chains.chain import Chain, Step, chain_from_dict
from lm_eval_faith.chains.same_answer import same_answer
from lm_eval_faith.chains.written import chain_of, split_generation
from lm_eval_faith.errors import InputError
from lm_eval_faith.files import read_json_lines
from lm_eval_faith.records.outcome import OUTCOMES, SAMPLES_FORMAT, WRONG

NO_STEPS = "no steps"


@dataclass(frozen=True)
class FieldNames:
    """Where a line of plain JSONL holds what; dots lead into nested objects.

    Attributes:
        question: the problem.
        chain: the reasoning, as text or as a list of steps.
        answer: the right answer, or a text that states it.
        correct: whether the chain's own answer is right; may be missing.
        id: the document's name; may be missing.
    """

    question: str = "question"
    chain: str = "chain"
    answer: str = "answer"
    correct: str = "correct"
    id: str = "id"

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> FieldNames:
        """From parameters named ``field_question`` and so on.

        Raises:
            InputError: one is not text.
        """
        names = [
            field.name for field in fields(cls) if f"field_{field.name}" in parameters
        ]
        return cls(
            **{n: read.text(f"field_{n}", parameters[f"field_{n}"]) for n in names}
        )

    def to_dict(self) -> dict[str, str]:
        """The names as parameters."""
        return {f"field_{f.name}": getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class FileChain:
    """A chain from a file.

    Attributes:
        id: names the document.
        question: the problem.
        chain: the reasoning without the final statement, and the answer it leads to.
        left_out: why it is of no use, or that it is wrong; empty for a right chain.
    """

    id: str
    question: str
    chain: Chain
    left_out: str = ""


def read_chains(path: Path, names: FieldNames) -> list[FileChain]:
    """The chains of a samples file, of a run's directory, or of plain JSONL.

    Raises:
        InputError: the file is broken; the sentence names file and line.
    """
    file = _samples_file(path) if path.is_dir() else path
    chains: dict[str, FileChain] = {}
    for number, line in read_json_lines(file):
        where = f"{file}:{number}"
        is_sample = isinstance(line.get("doc"), dict) and "filtered_resps" in line
        chain = (
            _from_sample(line, where)
            if is_sample
            else plain_chain(line, names, f"line-{number}", where)
        )
        if chain.id in chains:
            raise InputError(f"{where}: document {chain.id!r} is there twice")
        chains[chain.id] = chain
    if not chains:
        raise InputError(f"{file}: no chains in this file")
    return list(chains.values())


def _samples_file(folder: Path) -> Path:
    files = sorted(folder.rglob("samples_*.jsonl"))
    if len(files) == 1:
        return files[0]
    if not files:
        raise InputError(f"{folder}: no samples_*.jsonl here; run with --log_samples")
    names = ", ".join(str(file.relative_to(folder)) for file in files[:4])
    raise InputError(f"{folder}: several samples files here, name one of them: {names}")


# --- our own samples -------------------------------------------------------------


def _from_sample(sample: Mapping[str, Any], where: str) -> FileChain:
    doc = sample["doc"]
    if "samples_format" not in doc:
        raise InputError(f"{where}: a sample of a task that is not ours")
    if doc["samples_format"] != SAMPLES_FORMAT:
        raise InputError(
            f"{where}: samples of format {doc['samples_format']!r}, this version reads "
            f"{SAMPLES_FORMAT}: use the version of lm-eval-faith that wrote it"
        )
    try:
        if doc["setting"] == "generated":
            return _generated(doc, _note_of(sample))
        chain = _written(chain_from_dict(doc["chain"]))
        return FileChain(str(doc["id"]), str(doc["question"]), chain)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{where}: not a sample as this version writes it "
            f"({type(error).__name__}: {error})"
        ) from None


def _note_of(sample: Mapping[str, Any]) -> Mapping[str, Any]:
    note = json.loads(sample["filtered_resps"][0])["note"]
    if not isinstance(note, dict):
        raise TypeError("the note is no object")
    return note


def _generated(doc: Mapping[str, Any], note: Mapping[str, Any]) -> FileChain:
    """Whatever was too long for the model that wrote it may do for another one."""
    chain = _written(chain_from_dict(note["chain"]))
    outcome = note["outcome"]
    reason = (
        OUTCOMES[outcome] if outcome in ("wrong", "unparsed", "long prompt") else ""
    )
    left_out = reason or ("" if chain.steps else NO_STEPS)
    return FileChain(str(doc["id"]), str(doc["question"]), chain, left_out)


def _written(chain: Chain) -> Chain:
    """As a chain of which nothing is known but the text."""
    steps = tuple(
        Step(s.text, s.after, states_answer=states_answer(s.text, chain.answer))
        for s in chain.steps
    )
    return replace(chain, steps=steps)


# --- plain JSONL -----------------------------------------------------------------


def plain_chain(
    line: Mapping[str, Any], names: FieldNames, default_id: str, where: str
) -> FileChain:
    """The chain of a plain line, its final statement taken off.

    Args:
        line: the fields.
        names: which field holds what.
        default_id: the document's name where the line has none.
        where: file and line, for sentences about what is wrong.

    Raises:
        InputError: a field is missing or is not of its kind.
    """
    question = _text(line, names.question, "question", where)
    answer = _answer(line, names.answer, where)
    written = field_of(line, names.chain)
    if isinstance(written, str):
        chain, agrees = _from_text(written, answer)
    elif isinstance(written, list) and all(isinstance(s, str) for s in written):
        chain, agrees = _from_list(written, answer)
    else:
        raise InputError(
            missing(names.chain, "chain", where, "text or a list of texts")
        )
    correct = _correct(line, names.correct, where)
    is_right = agrees if correct is None else correct
    identity = field_of(line, names.id)
    return FileChain(
        default_id if identity is None else str(identity),
        question,
        chain,
        WRONG if is_right is False else "" if chain.steps else NO_STEPS,
    )


def _from_text(text: str, reference: str) -> tuple[Chain, bool | None]:
    """The chain without its final statement, and whether that is right if there is one."""
    written = split_generation(text, reference)
    if written.answer:
        return written.chain, written.correct
    return chain_of(text, reference), None


def _from_list(steps: Sequence[str], reference: str) -> tuple[Chain, bool | None]:
    """The same for listed steps: the last one may be the final statement by itself."""
    found = extract_answer(steps[-1]) if steps else None
    if found is None:
        return chain_of(steps, reference), None
    own = [*steps[:-1], steps[-1][: found.statement]]
    kept = own if own[-1].strip() else own[:-1]
    return chain_of(kept, found.text), same_answer(found.text, reference)


def _answer(line: Mapping[str, Any], name: str, where: str) -> str:
    """The answer by itself, where the field holds a whole solution too."""
    value = field_of(line, name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    text = _text(line, name, "answer", where)
    found = extract_answer(text)
    return found.text if found else text.strip()


def _correct(line: Mapping[str, Any], name: str, where: str) -> bool | None:
    value = field_of(line, name)
    if value is None:
        return None
    try:
        return read.yes_or_no(name, value)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _text(line: Mapping[str, Any], name: str, what: str, where: str) -> str:
    value = field_of(line, name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(missing(name, what, where, "text"))
    return value


def missing(name: str, what: str, where: str, kind: str) -> str:
    """The sentence about a field that is not there, or is of another kind."""
    return (
        f"{where}: {name!r} is missing or is not {kind}; name the field that holds the "
        f"{what} by --metadata field_{what}=NAME (dots lead into nested objects)"
    )


def field_of(line: Mapping[str, Any], name: str) -> Any:
    """A field by its name, or by a path of names with dots; None where it is missing."""
    if name in line:
        return line[name]
    value: Any = line
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def reasons_left_out(chains: Iterable[FileChain]) -> dict[str, int]:
    """How many chains are left out for each reason."""
    counts: dict[str, int] = {}
    for chain in chains:
        if chain.left_out:
            counts[chain.left_out] = counts.get(chain.left_out, 0) + 1
    return counts


def is_wrong(chain: FileChain) -> bool:
    """The chain is left out for its answer alone: it has one, and steps."""
    return chain.left_out == WRONG and bool(chain.chain.steps)
