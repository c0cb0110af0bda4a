"""One record as a chain: its text taken apart, its answer judged, without its labels."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lm_eval_faith import parameters as read
from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.answers import (
    concluded,
    extract_answer,
    final_answer,
    read_reference,
)
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.markup import parts_of
from lm_eval_faith.chains.same_answer import same_answer
from lm_eval_faith.chains.splitting import split
from lm_eval_faith.chains.written import (
    NO_REFERENCE,
    THINK_TAGS,
    chain_of,
    in_other_words,
    split_generation,
    split_steps,
)
from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.field_paths import kind_of, listed, value_at
from lm_eval_faith.problems.reading import FieldNames, Reading
from lm_eval_faith.problems.record_files import Record
from lm_eval_faith.records.outcome import UNPARSED, WRONG

NO_STEPS = "no steps"
UNFINISHED = "cut off before the thinking ends"


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
        prompt: what the model was given; empty where that is not said.
        cue: what its writer put between chain and answer, its own words and a closing
            think tag; empty where that is not known.
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
    prompt: str = ""
    cue: str = ""


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


def read_chain(record: Record, reading: Reading) -> tuple[FileChain, Written]:
    """The chain of a record without its labels, and what it was made from."""
    names, where = reading.names, record.where
    question = value_at(record.fields, names.question)
    if not isinstance(question, str) or not question.strip():
        raise InputError(missing(record, names.question, "question", question, "text"))
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
        prompt=_prompt(record, names.prompt),
    )
    return found, written


def _prompt(record: Record, name: str) -> str:
    """What the model was given, where a user says which field holds it."""
    value = value_at(record.fields, name) if name else ""
    if not isinstance(value, str) or bool(name) != bool(value):
        raise InputError(missing(record, name, "prompt", value, "text"))
    return value


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
    how = reading.how
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
    if right and in_other_words(found.text, right, chain.writing):
        return _Apart(chain)
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
    value = _texts_of(as_list(value_at(record.fields, name)))
    if isinstance(value, str):
        if re.fullmatch(r"\s*\[\s*(['\"]).*\1\s*\]\s*", value, re.DOTALL):
            raise InputError(
                f"{record.where}: {name!r} is a list as numpy prints it, whose entries "
                "cannot be told apart; write it as JSON (tolist())"
            )
        return value
    if not isinstance(value, list):
        kind = "text or a list of texts"
        raise InputError(missing(record, name, "chain", value, kind))
    if not all(isinstance(step, str) for step in value):
        hint = ""
        if all(isinstance(step, dict) for step in value):
            hint = f"; {name}[].NAME takes a field of each, of {listed(value[0])}"
        kind = f"text or a list of texts{hint}"
        raise InputError(missing(record, name, "chain", value, kind))
    steps: list[str] = value
    whole = _whole_reasonings(steps)
    labelled = step_labels(record, names)
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
    stating = [s for s in steps if len(s) > 20 and extract_answer(s) is not None]
    long = [s for s in stating if len(split(s)[1]) > 1 + (len(stating) < 2)]
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


def as_list(value: object) -> Any:
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
        raise InputError(missing(record, names.final, "final", value, "text"))
    return value.strip() and value


def _reference(record: Record, reading: Reading) -> str | None:
    """What the file says the answer is: by itself, or as a whole solution."""
    name = reading.names.answer
    value = value_at(record.fields, name) if name else None
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if isinstance(value, bool):
        return str(value).lower()
    if type(value) is int and (option := _option(record, value, reading)):
        return option
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            return None
        return str(int(value) if value == int(value) else value)
    if value is None:
        if "answer" in reading.given and name:
            raise InputError(missing(record, name, "answer", value, "text"))
        return None
    if not isinstance(value, str):
        kind = "text, a number, true or false"
        if isinstance(value, list) and value:
            kind += f"; field_answer={name}.0 takes the first"
        raise InputError(missing(record, name, "answer", value, kind))
    return value.strip() or None


_OPTIONS = ("choices", "options", "endings", "choices.text", "options.text")


def _option(record: Record, number: int, reading: Reading) -> str:
    """The option that an answer is the number of, with its letter; empty for none."""
    held = (value_at(record.fields, name) for name in _OPTIONS)
    options = next((h for h in held if isinstance(h, list) and h), [])
    if reading.answer_is.startswith("option:"):
        place = number - int(reading.answer_is[-1])
        if not 0 <= place < len(options):
            raise InputError(
                f"{record.where}: the answer is option {number}, but there are "
                f"{len(options)} in {' or '.join(_OPTIONS[:3])}"
            )
        return f"({chr(ord('A') + place)}) {options[place]}" if place < 26 else ""
    if options and not reading.answer_is and 0 <= number <= len(options):
        raise InputError(
            f"{record.where}: the answer {number} stands beside {len(options)} options, "
            "so it may be the number of one: answer_is=option:0 or option:1 says from "
            "where they are counted, answer_is=reference that it is the answer itself"
        )
    return ""


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


def missing(record: Record, name: str, what: str, value: object, kind: str) -> str:
    """The sentence about a field that is not there, or is of another kind."""
    found = "null" if name in record.fields else "missing"
    if value is not None:
        found = f"{kind_of(value)}, not {kind}"
    if not name:
        return (
            f"{record.where}: this layout has no {what}; name the field that holds them "
            f"by --metadata field_{what}=NAME (there is {listed(record.in_file)})"
        )
    return (
        f"{record.where}: {name!r} is {found}; name the field that holds the {what} by "
        f"--metadata field_{what}=NAME (there is {listed(record.in_file)}; dots lead into "
        "objects and lists, as in messages.-1.content)"
    )


def step_labels(record: Record, names: FieldNames) -> Any:
    """The labels of the steps, also where each listed step holds its own."""
    told = as_list(value_at(record.fields, names.labels))
    steps = value_at(record.fields, names.chain)
    if told is not None or not isinstance(steps, list) or not steps:
        return told
    own = [s[names.label] for s in steps if isinstance(s, dict) and names.label in s]
    return own if len(own) == len(steps) else None
