"""What a model read before the answer: the prompts of a chain and its interventions, from
the samples file, where they stand whole or can be made again to the byte."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm_eval_faith.chains.chain import chain_from_dict
from lm_eval_faith.interventions.plan import Variant, variant_from_dict
from lm_eval_faith.records.edits import edited
from lm_eval_faith.records.samples import responses_of

Place = tuple[str, int]
"""An intervention's name and the step's index."""


@dataclass(frozen=True)
class Prompts:
    """The prompts of one document.

    Attributes:
        clean: all that stands before the answer, with the clean chain.
        changed: the same with the first draw of an intervention on a step.
    """

    clean: str
    changed: Mapping[Place, str] = field(default_factory=dict)


def prompts_of(file: Path, documents: Collection[str]) -> dict[str, Prompts]:
    """The prompts of some documents of a samples file that has been read before.

    Documents whose prompts are not in the file, as of other versions, are not among them.
    """
    found = {}
    wanted = set(documents)
    with file.open("rb") as lines:
        for line in lines:
            if not wanted:
                break
            if not line.strip():
                continue
            sample = json.loads(line)
            document = sample["doc"]["id"]
            if document not in wanted:
                continue
            wanted.discard(document)
            try:
                made = _prompts(sample)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError):
                continue  # not as this version writes them
            if made is not None:
                found[document] = made
    return found


def _prompts(sample: Mapping[str, Any]) -> Prompts | None:
    doc, asked = sample["doc"], sample["arguments"]
    contexts = [str(asked[f"gen_args_{k}"]["arg_0"]) for k in range(len(asked))]
    responses = responses_of(sample)
    if not (responses and isinstance(responses[0], str)):
        variants = [variant_from_dict(v) for v in doc["interventions"]]
        return Prompts(contexts[0], dict(_in_order(variants, contexts)))
    response = json.loads(responses[0])
    note = response.get("note")
    if note is None or not response["loglikelihoods"]:
        return None
    text = chain_from_dict(note["chain"]).text
    before, cue = contexts[0] + note["before"], note["cue"]
    changed: dict[Place, str] = {}
    for plain in note["interventions"]:
        variant = variant_from_dict(plain)
        if not variant.not_applicable and not variant.draw and "edits" in plain:
            made = edited(
                text, [(int(a), int(b), str(t)) for a, b, t in plain["edits"]]
            )
            changed[variant.intervention, variant.step] = f"{before}{made}{cue}"
    return Prompts(f"{before}{text}{cue}", changed)


def _in_order(
    variants: list[Variant], contexts: list[str]
) -> Iterator[tuple[Place, str]]:
    """As a chain's requests are made: each variant, and again with its other answer."""
    rest = iter(contexts[1:])
    for variant in variants:
        if variant.not_applicable:
            continue
        context = next(rest)
        if variant.other_answer:
            next(rest)
        if not variant.draw:
            yield (variant.intervention, variant.step), context
