"""Steps at given places of a text: what is labelled is a step, the rest is split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lm_eval_faith.chains.chain import Label, Step
from lm_eval_faith.chains.splitting import split


@dataclass(frozen=True, order=True)
class LabelledSpan:
    """A label for ``text[start:end]``, or a graded one; None where it is not known; and tags."""

    start: int
    end: int
    label: Label | None = None
    truth: float | None = None
    tags: tuple[str, ...] = ()


def split_at(text: str, spans: Sequence[LabelledSpan]) -> tuple[str, tuple[Step, ...]]:
    """The opening and the steps of a text of which some steps are known.

    Joined they are the text, as for :func:`~lm_eval_faith.chains.splitting.split`. Each
    span is a step, without the white space at its ends; the text between two spans is
    split, unless it holds neither letter nor digit: then it stands behind a step.

    Args:
        text: the text.
        spans: inside the text, in order, none overlapping another.
    """
    pieces: list[Step] = [Step("")]  # the first one's `after` is the opening
    done = 0
    for span in spans:
        _append(pieces, *_between(text[done : span.start]))
        words = text[span.start : span.end]
        bare = words.strip()
        lead = len(words) - len(words.lstrip())
        after = words[lead + len(bare) :]
        known = Step(bare, after, span.label, truth=span.truth, tags=span.tags)
        steps = [known] if bare else []
        _append(pieces, words[:lead], steps)
        done = span.end
    _append(pieces, *_between(text[done:]))
    return pieces[0].after, tuple(pieces[1:])


def _between(text: str) -> tuple[str, Sequence[Step]]:
    """What stands behind the step before, and the steps of the rest."""
    if any(character.isalnum() for character in text):
        return split(text)
    return text, ()


def _append(pieces: list[Step], after: str, steps: Sequence[Step]) -> None:
    pieces[-1] = replace(pieces[-1], after=pieces[-1].after + after)
    pieces += steps
