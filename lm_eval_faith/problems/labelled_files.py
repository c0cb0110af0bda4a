"""The truth that a file tells about a chain: labels of its steps, and of it as a whole.

A label stands for a step of a list, for a span of a text, or in a row of a table. A
labelled span is a step of the chain; the text between two is split as in any chain. What
is taken off as the final statement takes its labels along; how many those are is told.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.labelled_spans import LabelledSpan, split_at
from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.labels import LabelReading, Truth, agreed


@dataclass(frozen=True)
class Told:
    """A chain with what is known of it.

    Attributes:
        chain: the chain.
        taken_off: labels of what is no part of the chain: of its final statement.
    """

    chain: Chain
    taken_off: int = 0


def with_labels(
    chain: Chain,
    written: str | Sequence[str],
    labels: object,
    reading: LabelReading,
    where: str,
) -> Told:
    """A chain with the labels of its steps.

    Args:
        chain: the chain, its final statement taken off.
        written: the text or the list of steps that it was made from.
        labels: one a step, objects with ``span`` and ``label``, or an index.
        reading: what a label means.
        where: file and line, for sentences.

    Raises:
        InputError: the labels are not of their kind, or not as many as steps.
    """
    if labels and isinstance(labels, list) and all(isinstance(x, dict) for x in labels):
        if not isinstance(written, str):
            raise InputError(f"{where}: spans want a chain that is one text")
        spans = [_span(label, written, reading, where) for label in labels]
        return with_spans(chain, written, spans, where)
    return _with_step_labels(chain, written, labels, reading, where)


def _span(
    label: Mapping[str, Any], written: str, reading: LabelReading, where: str
) -> LabelledSpan:
    if "span" not in label or "label" not in label:
        raise InputError(f"{where}: a labelled span wants 'span' and 'label'")
    span = label["span"]
    if isinstance(span, list) and len(span) == 2 and all(type(s) is int for s in span):
        span = f"{span[0]}:{span[1]}"
    if not isinstance(span, str) or not span.strip():
        raise InputError(f"{where}: a span is [start, end] or the text of a step")
    return placed(span, reading.truth(label["label"], where), written, where)


def _with_step_labels(
    chain: Chain,
    written: str | Sequence[str],
    labels: object,
    reading: LabelReading,
    where: str,
) -> Told:
    """One label a step: of a list as it stands there, of a text as it is split."""
    if isinstance(written, str):
        unit = "steps that the chain's text is split into"
        there = len(chain.steps)
        kept = list(range(there))
    else:
        unit = "listed steps"
        there = len(written)
        kept = _places(chain, written)
    told = reading.of_steps(labels, there, where)
    if len(told) != there:
        raise InputError(
            f"{where}: {len(told)} labels for {there} {unit}; label a text by objects "
            "with 'span' and 'label'"
        )
    truths = [reading.truth(label, where) for label in told]
    steps = tuple(
        replace(step, label=truths[k].label, truth=truths[k].graded)
        for step, k in zip(chain.steps, kept, strict=True)
    )
    beyond = [truth for k, truth in enumerate(truths) if k not in {*kept}]
    return Told(replace(chain, steps=steps), sum(truth.is_label for truth in beyond))


def with_tags(
    chain: Chain,
    written: str | Sequence[str],
    tags: Sequence[tuple[str, ...]],
    where: str,
) -> Chain:
    """A chain with the tags of its steps.

    Args:
        chain: the chain, its final statement taken off.
        written: the text or the list of steps that it was made from.
        tags: one tuple a step: of a list as it stands there, of a text as it is split.
        where: file and line, for sentences.

    Raises:
        InputError: there are not as many as steps.
    """
    text = isinstance(written, str)
    places = list(range(len(chain.steps))) if text else _places(chain, written)
    there = len(chain.steps) if text else len(written)
    if len(tags) != there:
        raise InputError(
            f"{where}: {len(tags)} tags for {there} steps; tags of another study's "
            "sentences want field_span, which names these"
        )
    steps = tuple(
        replace(step, tags=tags[k]) for step, k in zip(chain.steps, places, strict=True)
    )
    return replace(chain, steps=steps)


def _places(chain: Chain, written: Sequence[str]) -> list[int]:
    """Which of the listed texts each step of the chain is, or is the beginning of."""
    places: list[int] = []
    at = 0
    for step in chain.steps:
        at = next(k for k in range(at, len(written)) if step.text in written[k])
        places.append(at)
        at += 1
    return places


# --- spans -----------------------------------------------------------------------

_PLACE = re.compile(
    r"[\[(]?\s{0,9}([0-9]{1,12})(?:\.0{1,9})?\s{0,9}[:,-]"
    r"\s{0,9}([0-9]{1,12})(?:\.0{1,9})?\s{0,9}[\])]?"
)


def placed(span: str, truth: Truth, written: str, where: str) -> LabelledSpan:
    """A span from ``start:end``, or from a text that stands in the chain once.

    Raises:
        InputError: it is not inside the chain, or stands there more than once.
    """
    place = _PLACE.fullmatch(span.strip())
    if place is None:
        times = written.count(span)
        if times != 1:
            raise InputError(
                f"{where}: the step {span[:60]!r} stands {times} times in the chain; "
                "give its span as start:end in characters"
            )
        start = written.index(span)
        return LabelledSpan(start, start + len(span), truth.label, truth.graded)
    start, end = int(place[1]), int(place[2])
    if not start < end <= len(written):
        raise InputError(
            f"{where}: the span {start}:{end} is not inside the chain, which has "
            f"{len(written)} characters"
        )
    return LabelledSpan(start, end, truth.label, truth.graded)


def in_order(
    texts: Sequence[str], truths: Sequence[Truth], written: str, where: str
) -> list[LabelledSpan]:
    """Spans from the sentences of a chain in their order; white space does not count.

    Raises:
        InputError: one does not stand in the chain behind the one before.
    """
    places = [k for k, character in enumerate(written) if not character.isspace()]
    squeezed = "".join(written[k] for k in places)
    spans, at = [], 0
    for k, (text, truth) in enumerate(zip(texts, truths, strict=True)):
        words = "".join(text.split())
        start = squeezed.find(words, at)
        if start < 0:
            raise InputError(
                f"{where}: sentence {k + 1}, {text[:60]!r}, does not stand in the chain "
                "behind the one before"
            )
        at = start + len(words)
        if words:
            end = places[at - 1] + 1
            spans.append(_spanned(places[start], end, truth))
    return spans


def _spanned(start: int, end: int, truth: Truth) -> LabelledSpan:
    return LabelledSpan(start, end, truth.label, truth.graded, truth.tags)


def with_spans(
    chain: Chain, written: str, spans: Sequence[LabelledSpan], where: str
) -> Told:
    """The chain with its spans as steps.

    Raises:
        InputError: two spans overlap.
    """
    apart = _apart(spans, where)
    if not apart or not chain.steps:
        return Told(chain)
    offset = max(written.find(chain.text), 0)
    inside = [
        replace(
            s, start=max(s.start - offset, 0), end=min(s.end - offset, len(chain.text))
        )
        for s in apart
    ]
    kept = [span for span in inside if span.start < span.end]
    opening, steps = split_at(chain.text, kept)
    marked = (
        replace(step, states_answer=states_answer(step.text, chain.answer))
        for step in steps
    )
    lost = [s for s in inside if s.start >= s.end and (s.label or s.truth is not None)]
    return Told(replace(chain, opening=opening, steps=tuple(marked)), len(lost))


def _apart(spans: Iterable[LabelledSpan], where: str) -> list[LabelledSpan]:
    """In order, each place once: a place with two different labels has none."""
    told: dict[tuple[int, int], list[Truth]] = {}
    for span in spans:
        truth = Truth(span.label, span.truth, span.tags)
        told.setdefault((span.start, span.end), []).append(truth)
    places = sorted(told)
    for (start, end), (following, last) in itertools.pairwise(places):
        if following < end:
            raise InputError(
                f"{where}: the spans {start}:{end} and {following}:{last} overlap"
            )
    said = [(place, agreed(told[place])) for place in places]
    return [_spanned(*place, truth) for place, truth in said]
