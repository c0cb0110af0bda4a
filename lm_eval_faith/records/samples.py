"""Read a samples file of the harness, line by line, into chain records."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval_faith.chains.chain import chain_from_dict
from lm_eval_faith.errors import InputError
from lm_eval_faith.interventions.plan import variant_from_dict
from lm_eval_faith.joint.found import sets_from_dict
from lm_eval_faith.records.outcome import (
    READABLE_FORMATS,
    ChainRecord,
    Response,
    chain_record,
    generated_record,
    probes_of_note,
)
from lm_eval_faith.shown import brief

LONGEST_LINE = 1 << 29
"""Bytes of a line; a longer one is no sample, and is not read into memory."""

LARGEST_FALL, ROUNDING = 1e9, 0.01
"""In nats: a log-probability lies between, up to rounding."""

_OLD_SETTINGS = {"labeled": "labelled"}

_NOT_AS_WRITTEN = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True)
class Samples:
    """What a samples file holds: the setting, a record a document, and their format."""

    setting: str
    chains: tuple[ChainRecord, ...]
    samples_format: int


def read_samples(file: Path) -> Samples | None:
    """The records of a samples file; None where it is of a task that is not ours.

    Raises:
        InputError: a line is broken; the sentence names file and line.
    """
    settings: set[str] = set()
    chains: dict[str, ChainRecord] = {}
    samples_format = 0
    for number, sample in _lines(file):
        where = f"{file}:{number}"
        doc = sample.get("doc")
        if not isinstance(doc, dict) or "samples_format" not in doc:
            if settings:
                raise InputError(f"{where}: a sample of another task")
            return None
        samples_format = require_readable(doc["samples_format"], where)
        try:
            record = _checked(_record(doc, sample))
        except _NOT_AS_WRITTEN as error:
            raise InputError(f"{where}: {_what_is_wrong(error)}") from None
        named = str(doc.get("setting"))
        settings.add(_OLD_SETTINGS.get(named, named))
        if record.document in chains:
            raise InputError(
                f"{where}: document {_shown(record.document)} is there twice"
            )
        chains[record.document] = record
    if not settings:
        raise InputError(f"{file}: no samples in this file")
    if len(settings) > 1:
        told = _shown(sorted(settings))
        raise InputError(f"{file}: samples of several settings: {told}")
    return Samples(settings.pop(), tuple(chains.values()), samples_format)


def require_readable(samples_format: object, where: str) -> int:
    """The format of samples that this version can read.

    Raises:
        InputError: this one does not read their format.
    """
    for readable in READABLE_FORMATS:
        if samples_format == readable:
            return readable
    known = " and ".join(map(str, READABLE_FORMATS))
    raise InputError(
        f"{where}: samples of format {_shown(samples_format)}, this version reads "
        f"{known}: use the version of lm-eval-faith that wrote it"
    )


def _lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if not file.is_file():
        raise InputError(f"{file}: cannot be read (not a file)")
    try:
        with file.open("rb") as lines:
            for number in itertools.count(1):
                line = lines.readline(LONGEST_LINE + 1)
                if not line:
                    return
                if line.strip():
                    yield number, _sample(line, f"{file}:{number}")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None


def _sample(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise InputError(f"{where}: a line of more than {LONGEST_LINE:,} bytes")
    try:
        text = line.decode()
        sample = json.loads(text)
        if "\\ud" in text:  # a lone half of a character could not be written again
            json.dumps(sample, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise InputError(f"{where}: cannot be read as UTF-8 ({error})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{where}: not a line of JSON ({error}); was the run stopped while it wrote?"
        ) from None
    if not isinstance(sample, dict):
        raise InputError(f"{where}: not a sample of the harness")
    return sample


def responses_of(sample: Mapping[str, Any]) -> list[Any]:
    """The responses to a document: texts, or pairs of a log-probability and whether greedy.

    Harness 0.4 writes one for each request, 0.5 a list of one for each repeat of it.
    """
    return [
        one[0] if isinstance(one, list) and one and not _is_score(one) else one
        for one in sample["filtered_resps"]
    ]


def _is_score(one: Sequence[Any]) -> bool:
    """Two values, a number or a truth among them; whether both are is for later."""
    if len(one) != 2 or str(one[1]) in ("True", "False"):
        return len(one) == 2
    try:
        float(str(one[0]))
    except ValueError:
        return False
    return True


def _record(doc: Mapping[str, Any], sample: Mapping[str, Any]) -> ChainRecord:
    if doc.get("setting") == "generated":
        return _generated(doc, sample)
    told, responses = doc, responses_of(sample)
    sets = json.loads(_text(doc, "sets")) if doc.get("sets") else {"found": []}
    if responses and isinstance(responses[0], str):
        # Interventions that asked the model: what came of them stands with the scores.
        response = json.loads(responses[0])
        told = {
            **doc,
            "interventions": response["interventions"],
            "probes": response.get("probes"),
        }
        responses = response["loglikelihoods"]
        sets = response.get("sets", sets)
    _check_types(told)
    chain = chain_from_dict(told["chain"])
    variants = [variant_from_dict(v) for v in told["interventions"]]
    if any(not 0 <= v.step < len(chain.steps) for v in variants):
        raise ValueError("an intervention on a step that is not there")
    return chain_record(
        _text(doc, "id"),
        _text(doc, "question"),
        chain,
        variants,
        _responses(responses),
        problem=_text(doc, "problem") if doc.get("problem") else "",
        sets=sets_from_dict(sets, len(chain.steps)),
        probes=probes_of_note(told),
    )


def _checked(record: ChainRecord) -> ChainRecord:
    """The same record.

    Raises:
        ValueError: it holds what no run of ours writes.
    """
    for label in (record.label, *(r.label for r in record.steps)):
        if label not in (None, "load_bearing", "decoy"):
            raise ValueError(f"unknown label {label!r}")
    drawn = {(r.intervention, r.step, r.draw) for r in record.steps}
    if len(drawn) < len(record.steps):
        raise ValueError("an intervention is twice on the same step")
    return record


def _check_types(told: Mapping[str, Any]) -> None:
    """What would be read as something else than it says: 2.5 as step 2, "no" as true."""
    for step in told["chain"]["steps"]:
        _truth(step.get("states_answer", False))
    for graded in (told["chain"], *told["chain"]["steps"]):
        truth = graded.get("truth")  # the harness fills in null where others have one
        known = type(truth) in (int, float) and math.isfinite(truth)
        if truth is not None and not known:
            raise TypeError("a 'truth' is no finite number")
    for variant in told["interventions"]:
        if type(variant["step"]) is not int:
            raise TypeError("'step' is not a whole number")


def _truth(value: object) -> bool:
    """As the harness writes it, or as JSON does."""
    if str(value) not in ("True", "False"):
        raise TypeError(f"{_shown(value)} is neither true nor false")
    return str(value) == "True"


def _text(doc: Mapping[str, Any], name: str) -> str:
    if not isinstance(doc[name], str):
        raise TypeError(f"{name!r} is not text")
    return str(doc[name])


def _generated(doc: Mapping[str, Any], sample: Mapping[str, Any]) -> ChainRecord:
    """The response to a multi-stage request is one text of JSON."""
    response = json.loads(responses_of(sample)[0])
    _check_types(response["note"])
    if response["note"]["solved"] not in (True, False, None):
        raise TypeError("'solved' is neither true nor false")
    choices = response.get("choices")
    if choices is not None:
        for scores in (choices["clean"], *choices["changed"]):
            for logprob in scores:
                _logprob(logprob)
    return generated_record(
        _text(doc, "id"),
        _text(doc, "question"),
        response["note"],
        _responses(response["loglikelihoods"]),
        problem=_text(doc, "problem") if doc.get("problem") else "",
        choices=choices,
        verdicts=response.get("verdicts"),
        subject=_text(doc, "subject") if doc.get("subject") else "",
    )


def _responses(responses: Sequence[Any]) -> list[Response]:
    """The harness writes numbers and truth values as text.

    Raises:
        ValueError: a number is no log-probability.
    """
    return [(_logprob(logprob), _truth(greedy)) for logprob, greedy in responses]


def _logprob(value: object) -> float:
    logprob = float(str(value))
    if math.isfinite(logprob) and not -LARGEST_FALL < logprob < ROUNDING:
        raise ValueError(f"{logprob:g} is no log-probability")
    return logprob


def _what_is_wrong(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the sample has no {_shown(error.args[0])}"
    return f"not a sample as this version writes it ({brief(str(error))})"


def _shown(value: object) -> str:
    return brief(repr(value))
