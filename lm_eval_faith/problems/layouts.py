"""Layouts of public data sets and logs: which field holds what, under a ready name.

A layout names fields. Where a chain is spread over several fields, or one record holds
several chains, it also makes plain records of them; what it puts together is in the file.
A layout is found by itself where the fields of the first record are unmistakable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.chat_logs import (
    is_chat,
    last_of,
    question_and_answers,
    role_of,
    said_in,
)
from lm_eval_faith.problems.field_paths import kind_of, listed, value_at
from lm_eval_faith.problems.record_files import BadRecord, Found, Record

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """One layout.

    Attributes:
        name: as ``layout=`` takes it.
        fits: whether a record's fields are unmistakably of it.
        names: which field holds what, by the names of ``field_...``.
        parameters: others that go with it, unless a user says otherwise.
        shaped: makes plain records, where the fields alone do not.
    """

    name: str
    fits: Callable[[Fields], bool]
    names: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    shaped: Callable[[Sequence[Record]], Iterable[Found]] | None = None


def layout_named(name: str) -> Layout:
    """A layout by its name.

    Raises:
        InputError: there is none of that name.
    """
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    known = ", ".join(layout.name for layout in LAYOUTS)
    raise InputError(f"layout={name!r} is not known; known are plain, {known}")


def layout_of(fields: Fields) -> Layout | None:
    """The layout that a record is unmistakably of; None where there is none or two."""
    fitting = [layout for layout in LAYOUTS if layout.fits(fields)]
    return fitting[0] if len(fitting) == 1 else None


def _has(*names: str) -> Callable[[Fields], bool]:
    return lambda fields: all(name in fields for name in names)


def _each(
    make: Callable[[Record], Iterable[Record]],
) -> Callable[[Sequence[Record]], Iterator[Found]]:
    """Record by record; one that cannot be made is a bad one."""

    def made(records: Sequence[Record]) -> Iterator[Found]:
        for record in records:
            try:
                yield from list(make(record))
            except InputError as error:
                yield BadRecord(record.where, str(error))

    return made


def _with(record: Record, suffix: str = "", **fields: Any) -> Record:
    made = record.made | (fields.keys() - record.fields.keys())
    name = record.name + suffix
    return Record({**record.fields, **fields}, record.where, name, made)


def _wanted(record: Record, path: str, kind: type, called: str) -> Any:
    value = value_at(record.fields, path)
    if not isinstance(value, kind):
        raise InputError(
            f"{record.where}: {path!r} is {kind_of(value)}, not {called}; there is "
            f"{listed(record.fields)}"
        )
    return value


# --- sets of steps with a label --------------------------------------------------


def _prm800k(record: Record) -> Iterator[Record]:
    """The completion that was chosen of each step, or the one that a person wrote."""
    texts, ratings = [], []
    for k, step in enumerate(_wanted(record, "label.steps", list, "a list of steps")):
        chosen = _chosen(step)
        if not isinstance(chosen.get("text"), str):
            raise InputError(f"{record.where}: step {k + 1} has no text")
        texts.append(chosen["text"])
        ratings.append(chosen.get("rating"))
    yield _with(record, chain=texts, labels=ratings)


def _chosen(step: object) -> Fields:
    if not isinstance(step, Mapping):
        return {}
    completions, chosen = step.get("completions"), step.get("chosen_completion")
    if chosen is None and isinstance(step.get("human_completion"), Mapping):
        return dict(step["human_completion"])
    if not isinstance(completions, list) or not completions:
        return {}
    place = chosen if type(chosen) is int and 0 <= chosen < len(completions) else 0
    found = completions[place]
    return found if isinstance(found, Mapping) else {}


_STEP_TAG = "ки"


def _math_shepherd(record: Record) -> Iterator[Record]:
    """Problem and steps in one text, a tag behind each step, its sign in another text."""
    whole = _wanted(record, "input", str, "text")
    signs = _wanted(record, "label", str, "text")
    *pieces, behind = whole.split(_STEP_TAG)
    labels, place = [], 0
    for piece in pieces:
        place += len(piece)
        labels.append(signs[place : place + 1])
        if not signs.startswith(piece, place - len(piece)) or labels[-1] not in "+-":
            raise InputError(f"{record.where}: 'label' is not 'input' with signs")
        place += 1
    first = pieces[0].find("Step 1:") if pieces else -1
    if first <= 0 or behind.strip():
        raise InputError(
            f"{record.where}: 'input' is no problem with steps that end in {_STEP_TAG}"
        )
    steps = [pieces[0][first:], *pieces[1:]]
    yield _with(record, question=whole[:first].strip(), chain=steps, labels=labels)


def _trl(record: Record) -> Iterator[Record]:
    prompt = record.fields.get("prompt")
    question = last_of(prompt, "user") if isinstance(prompt, list) else prompt
    yield _with(record, question=question)


_STEP = re.compile(r"step_[0-9]{1,4}")


def _faithcot(record: Record) -> Iterator[Record]:
    """One chain a sample; the options are part of the question."""
    question = _wanted(record, "question", str, "text")
    options = record.fields.get("options")
    if isinstance(options, list) and all(isinstance(o, str) for o in options):
        question = "\n".join([question, *options])
    names = [n for n in record.fields if re.fullmatch(r"sample_[0-9]{1,6}", n)]
    if not names:
        raise InputError(f"{record.where}: there is no 'sample_0'")
    for k, name in enumerate(names):
        sample = _wanted(record, name, dict, "an object")
        yield _with(
            record,
            f"-{k}" if len(names) > 1 else "",
            question=question,
            chain=value_at(sample, "step_1…step_N"),
            final=sample.get("final_answer"),
            group=record.name,
        )


MEASURES = (
    "counterfactual_importance_accuracy",
    "resampling_importance_accuracy",
    "forced_importance_accuracy",
)
"""Of thought-anchors, in this order: the first that all sentences have is the truth."""


def _thought_anchors(record: Record) -> Iterator[Record]:
    """The text behind the prompt, the sentences of it, and the importance of each."""
    text = _wanted(record, "full_cot", str, "text")
    prompt = record.fields.get("prompt")
    start = len(prompt) if isinstance(prompt, str) and text.startswith(prompt) else 0
    name = "chunks_labeled" if "chunks_labeled" in record.fields else "chunks"
    chunks = _wanted(record, name, list, "a list of sentences")
    if not all(
        isinstance(c, Mapping) and isinstance(c.get("chunk"), str) for c in chunks
    ):
        raise InputError(
            f"{record.where}: {name!r} is {kind_of(chunks)}, not of objects with 'chunk'"
        )
    measure = next((m for m in MEASURES if all(m in c for c in chunks)), MEASURES[0])
    yield _with(
        record,
        chain=text[start:],
        span=[chunk["chunk"] for chunk in chunks],
        labels=[chunk.get(measure) for chunk in chunks],
    )


def _reveal(records: Sequence[Record]) -> Iterator[Found]:
    """A row a step, or several of one step with other evidence: one chain an answer."""
    answers: dict[tuple[str, str], dict[int, Record]] = {}
    for record in records:
        index = record.fields.get("step_idx")
        index = int(index) if isinstance(index, str) and index.isdigit() else index
        key = str(record.fields.get("question_id")), str(record.fields.get("answer_id"))
        steps = answers.setdefault(key, {})
        if "step_idx" not in record.fields:  # in their order, each once
            texts = [known.fields["step"] for known in steps.values()]
            said = record.fields.get("step")
            index = texts.index(said) if said in texts else len(texts)
        if type(index) is not int or not isinstance(record.fields.get("step"), str):
            reason = f"{record.where}: 'step_idx' is no number or 'step' is no text"
            yield BadRecord(record.where, reason)
            continue
        steps.setdefault(index, record)
    answers = {key: steps for key, steps in answers.items() if steps}
    for (question, answer), steps in answers.items():
        rows = [steps[k] for k in sorted(steps)]
        yield _with(
            rows[0],
            id=answer if answer.startswith(question) else f"{question}/{answer}",
            group=question,
            chain=[row.fields["step"] for row in rows],
            labels=[row.fields.get("correctness_label") for row in rows],
        )


# --- logs ------------------------------------------------------------------------


def _openai(record: Record) -> Iterator[Record]:
    """The last answer of a conversation, or each of several."""
    fields = record.fields
    question, answers = question_and_answers(fields, record.where)
    many = len(answers) > 1
    for k, answer in enumerate(answers):
        told: dict[str, Any] = {"question": question} if question else {}
        if many:
            told["id"] = f"{fields.get('id', record.name)}-{k}"
            told["group"] = str(fields.get("id", record.name))
        yield _with(record, f"-{k}" if many else "", **told, **answer.fields)


def _inspect(record: Record) -> Iterator[Record]:
    """A sample of inspect_ai: what was asked, the last answer, what a scorer said."""
    sample = _attached(record)
    fields = sample.fields
    asked = fields.get("input")
    question = asked if isinstance(asked, str) else last_of(asked, "user")
    if error := value_at(fields, "error.message"):
        raise InputError(f"{record.where}: a sample that failed: {str(error)[:200]!r}")
    message = value_at(fields, "output.choices.0.message")
    if not isinstance(message, Mapping):
        messages = fields.get("messages")
        told = messages if isinstance(messages, list) else []
        spoken = [m for m in told if role_of(m) == "assistant"]
        message = spoken[-1] if spoken else None
    if not isinstance(message, Mapping):
        raise InputError(f"{record.where}: a sample without an answer of the model")
    ended = value_at(fields, "output.choices.0.stop_reason")
    verdict = _scored(fields.get("scores"))
    target = fields.get("target")
    if isinstance(target, list) and (
        len(target) == 1 or target and verdict is not None
    ):
        target = target[0]  # any of them is right, and which answers are a scorer says
    many = isinstance(fields.get("epoch"), int) and fields["epoch"] > 1
    identity = str(fields.get("id", record.name))
    yield _with(
        record,
        question=_with_options(question, fields.get("choices")),
        answer=target,
        correct=verdict,
        id=f"{identity}-{fields['epoch']}" if many else identity,
        group=identity,
        **said_in({**message, "stop_reason": ended}).fields,
    )


def _with_options(question: str, options: object) -> str:
    """The question with its options, lettered as inspect_ai does."""
    if not isinstance(options, list) or not options or len(options) > 26:
        return question
    lines = (f"{chr(ord('A') + k)}) {option}" for k, option in enumerate(options))
    return "\n".join([question, *lines])


def _attached(record: Record) -> Record:
    """With the long texts that the log keeps apart."""
    kept = record.fields.get("attachments")
    if not isinstance(kept, Mapping) or not kept:
        return record
    texts = {f"attachment://{k}": v for k, v in kept.items() if isinstance(v, str)}

    def put(value: Any) -> Any:
        if isinstance(value, str):
            return texts.get(value, value)
        if isinstance(value, list):
            return [put(entry) for entry in value]
        if isinstance(value, dict):
            return {name: put(entry) for name, entry in value.items()}
        return value

    names = ("input", "target", "messages", "output")
    return _with(record, **{n: put(record.fields.get(n)) for n in names})


def _scored(scores: object) -> bool | None:
    """The verdict of the one scorer; None where there is another number of them."""
    if not isinstance(scores, Mapping) or len(scores) != 1:
        return None
    (score,) = scores.values()
    value = score.get("value") if isinstance(score, Mapping) else score
    return {"C": True, "I": False}.get(value) if isinstance(value, str) else None


QUESTIONS = ("question", "problem", "query", "prompt", "input")


def _lm_eval(records: Sequence[Record]) -> Iterator[Found]:
    """The answers to a document; filters of one answer are one chain."""
    documents: dict[tuple[str, str], list[tuple[Record, str]]] = {}
    for record in records:
        try:
            texts = _responses(record)
        except InputError as error:
            yield BadRecord(record.where, str(error))
            continue
        key = str(record.fields.get("doc_id", record.name)), _asked(record)
        answers = documents.setdefault(key, [])
        seen = {text for _, text in answers}
        for text in dict.fromkeys(texts):
            if text not in seen:
                answers.append((record, text))
    for (name, question), answers in documents.items():
        for k, (record, text) in enumerate(answers):
            yield _with(
                record,
                question=question,
                answer=_target(record),
                chain=text,
                id=f"{name}-{k}" if len(answers) > 1 else name,
                group=name,
            )


def _responses(record: Record) -> list[str]:
    resps = record.fields.get("resps")
    texts = [
        text
        for entry in (resps if isinstance(resps, list) else [resps])
        for text in (entry if isinstance(entry, list) else [entry])
    ]
    spoken = [text for text in texts if isinstance(text, str)]
    if not texts or len(spoken) < len(texts):
        raise InputError(
            f"{record.where}: a sample without a text of the model ('resps' is "
            f"{kind_of(resps)}): only tasks that generate have chains"
        )
    return spoken


def _asked(record: Record) -> str:
    """The document's question, or all of the prompt where it has choices beside it."""
    doc = record.fields.get("doc")
    if isinstance(doc, Mapping):
        beside = [name for name in doc if re.search(r"(?i)choice|option", str(name))]
        for name in QUESTIONS:
            if not beside and isinstance(doc.get(name), str):
                return str(doc[name])
    arguments = record.fields.get("arguments")
    prompt = value_at(record.fields, "arguments.gen_args_0.arg_0")
    if prompt is None and isinstance(arguments, list):
        prompt = value_at(record.fields, "arguments.0.0")
    return prompt if isinstance(prompt, str) else ""


def _target(record: Record) -> Any:
    target = record.fields.get("target")
    if isinstance(target, list) and len(target) == 1:
        return target[0]
    if isinstance(target, str) and target.startswith("["):
        try:
            parsed = json.loads(target)
        except (ValueError, RecursionError):
            return target
        return parsed[0] if isinstance(parsed, list) and len(parsed) == 1 else target
    return target


# --- the table -------------------------------------------------------------------

_PLAIN = {name: name for name in ("question", "chain", "answer", "id")}
_TWO_TEXTS = {**_PLAIN, "thinking": "thinking", "final": "final"}

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "prm800k",
        lambda fields: (
            isinstance(value_at(fields, "label.steps"), list)
            and value_at(fields, "question.problem") is not None
        ),
        {
            "question": "question.problem",
            "answer": "question.ground_truth_answer",
            "chain": "chain",
            "labels": "labels",
        },
        {"labels": "map:[1:load_bearing,0:decoy,-1:load_bearing]"},
        _each(_prm800k),
    ),
    Layout(
        "processbench",
        _has("problem", "steps", "final_answer_correct", "label"),
        {
            "question": "problem",
            "chain": "steps",
            "correct": "final_answer_correct",
            "labels": "label",
        },
        {"labels": "first_error:0"},
    ),
    Layout(
        "math_shepherd",
        lambda fields: (
            isinstance(fields.get("input"), str)
            and isinstance(fields.get("label"), str)
            and _STEP_TAG in fields["input"]
        ),
        {"question": "question", "chain": "chain", "labels": "labels"},
        {},
        _each(_math_shepherd),
    ),
    Layout(
        "mr_gsm8k",
        _has("model_output_steps", "model_output_solution_first_error_step"),
        {
            "question": "question",
            "chain": "model_output_steps",
            "answer": "ground_truth_answer",
            "correct": "model_output_answer_correctness",
            "labels": "model_output_solution_first_error_step",
            "id": "uuid",
        },
        {"labels": "first_error:1"},
    ),
    Layout(
        "bonafide",
        _has("cot", "label_type"),
        {
            "question": "prompt",
            "chain": "cot",
            "answer": "model_answer",
            "label": "label_type",
            "span": "sentence_span_start",
            "span_end": "sentence_span_end",
        },
        {"answer_is": "own"},
    ),
    Layout(
        "faithcot",
        lambda fields: (
            isinstance(fields.get("sample_0"), dict)
            and any(_STEP.fullmatch(name) for name in fields["sample_0"])
        ),
        {
            "question": "question",
            "chain": "chain",
            "final": "final",
            "answer": "label",
            "group": "group",
        },
        {},
        _each(_faithcot),
    ),
    Layout(
        "thought_anchors",
        lambda fields: (
            "full_cot" in fields and ("chunks" in fields or "chunks_labeled" in fields)
        ),
        {
            "question": "problem",
            "chain": "chain",
            "answer": "gt_answer",
            "correct": "is_correct",
            "labels": "labels",
            "span": "span",
        },
        {"labels": "graded"},
        _each(_thought_anchors),
    ),
    Layout(
        "reveal",
        lambda fields: (
            _has("question_id", "answer_id", "step")(fields)
            and bool({"step_idx", "full_answer"} & {*fields})
        ),
        {
            "question": "question",
            "chain": "chain",
            "labels": "labels",
            "id": "id",
            "group": "group",
        },
        {},
        _reveal,
    ),
    Layout(
        "trl",
        lambda fields: (
            "prompt" in fields
            and isinstance(fields.get("completions"), list)
            and isinstance(fields.get("labels"), list)
        ),
        {"question": "question", "chain": "completions", "labels": "labels"},
        {},
        _each(_trl),
    ),
    Layout("openai", is_chat, _TWO_TEXTS | {"group": "group"}, {}, _each(_openai)),
    Layout(
        "inspect",
        _has("id", "epoch", "input", "target", "output"),
        _TWO_TEXTS | {"correct": "correct", "group": "group"},
        {},
        _each(_inspect),
    ),
    Layout(
        "lm_eval",
        lambda fields: (
            "doc" in fields and bool({"resps", "filtered_resps"} & {*fields})
        ),
        _PLAIN | {"group": "group"},
        {},
        _lm_eval,
    ),
)
"""All that are known, by their names."""
