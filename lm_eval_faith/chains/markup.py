"""Tags around thinking and final text, end-of-text tokens, and markup that says nothing.

The chain stands between the tags of the thinking; what follows is the final text; what
stands before the opening tag is the prompt's. Known tags are found by themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

READING_TAGS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
)
"""What opens and closes the thinking of models that are in use."""

_HARMONY = ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>")
_HARMONY_TURN = ("<|end|>", "<|start|>assistant")
_STRIPPED = ("analysis", "assistantfinal")

FINAL_TAGS: tuple[tuple[str, str], ...] = (
    ("<answer>", "</answer>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<solution>", "</solution>"),
    ("[ANSWER]", "[/ANSWER]"),
)
"""What opens and closes the final text of models that are in use."""

_END_OF_TEXT = re.compile(
    r"<[|｜](?:end[_▁]of[_▁](?:sentence|text)|endoftext|im_end|return|eot_id|call|end)"
    r"[|｜]>|</s>|<end_of_turn>|<eos>|<[|｜]im_start[|｜]>|<[|｜](?:User|user)[|｜]>"
)
_TAG = re.compile(
    r"</?[A-Za-z][\w-]{0,24}/?>|\[/?[A-Z_]{3,24}\]|<[|｜][^<>|｜\s]{1,30}[|｜]>"
)
_CLOSING = re.compile(r"\s*(?:</[A-Za-z][\w-]{0,24}>|\[/[A-Za-z_]{3,24}\])")
_NOTHING = re.compile(r"[\s|:+=*_~`<>{}\[\]()#-]*")


@dataclass(frozen=True)
class TextParts:
    """Where the parts of a generated text stand, in characters.

    Attributes:
        start, end: the reasoning: between the tags, or the text's own where it has
            none.
        final, final_end: the final text behind the thinking; None and the end of the
            text proper where the text has no thinking.
        missing: the tag that should have closed the thinking; empty where it is closed
            or there is none.
    """

    start: int
    end: int
    final: int | None
    final_end: int
    missing: str = ""


def behind_thinking(words: str, closing: str = "") -> str:
    """What stands behind the last tag that closes thinking; the words themselves without one.

    >>> behind_thinking("</think>\\n\\nIt is 4", "</done>"), behind_thinking("It is 4")
    ('\\n\\nIt is 4', 'It is 4')
    """
    known = [close for _, close in READING_TAGS]
    for tag in filter(None, (closing, *known, _HARMONY[1], _STRIPPED[1])):
        words = words.rpartition(tag)[2]
    unknown = _CLOSING.match(words)
    return words[unknown.end() :] if unknown else words


def parts_of(
    text: str, tags: tuple[str, str] | None = None, thinking: bool = False
) -> TextParts:
    """The thinking and the final text of a generation. Linear in its length.

    Args:
        text: the generation; a prompt may stand before the opening tag.
        tags: what opens and closes the thinking; where the text has neither, or none
            are given, the known ones are looked for.
        thinking: the prompt ends with the opening tag, so the text begins inside.
    """
    pairs = ([tags] if tags else []) + [p for p in READING_TAGS if p != tags]
    for opening, closing in pairs:
        if (opening and opening in text) or (closing and closing in text):
            return _tagged(text, opening, closing, thinking)
    if _HARMONY[0] in text:
        return _harmony(text)
    lead = len(text) - len(text.lstrip())
    if text.startswith(_STRIPPED[0], lead) and _STRIPPED[1] in text:
        start = lead + len(_STRIPPED[0])
        close = text.find(_STRIPPED[1], start)
        return _with_final(text, start, close, close + len(_STRIPPED[1]))
    if thinking:
        return TextParts(0, len(text), None, len(text), (tags or READING_TAGS[0])[1])
    return _without_thinking(text, 0)


def _tagged(text: str, opening: str, closing: str, thinking: bool) -> TextParts:
    opens = _places(text, opening) if opening else []
    closes = _places(text, closing) if closing else []
    first = opens[0] if opens else len(text)
    if (
        closes
        and closes[0] < first
        or thinking
        and not (opens and not text[: opens[0]].strip())
    ):  # the opening tag is the prompt's
        opens = [-len(opening), *opens]
    best: tuple[int, int] | None = None
    at = 0
    unclosed: int | None = None
    for place in opens:
        start = place + len(opening)
        while at < len(closes) and closes[at] < start:
            at += 1
        if at == len(closes):
            unclosed = start
            break
        if best is None or closes[at] - start > best[1] - best[0]:
            best = (start, closes[at])
    longest = len(text[slice(*best)].strip()) if best else -1
    if unclosed is not None and (
        longest <= 0 or len(text[unclosed:].strip()) > longest
    ):
        return TextParts(unclosed, len(text), None, len(text), closing)
    assert best is not None
    start, close = best
    final = close + len(closing)
    if not text[start:close].strip():
        return _without_thinking(text, final)
    return _with_final(text, start, close, final)


def _harmony(text: str) -> TextParts:
    start = text.find(_HARMONY[0]) + len(_HARMONY[0])
    final = text.find(_HARMONY[1], start)
    if final < 0:
        return TextParts(start, len(text), None, len(text), _HARMONY[1])
    end = final
    for mark in reversed(_HARMONY_TURN):
        if text.endswith(mark, start, end):
            end -= len(mark)
    return _with_final(text, start, end, final + len(_HARMONY[1]))


def _with_final(text: str, start: int, close: int, final: int) -> TextParts:
    final, end = _final_span(text, final)
    return TextParts(start, close, final, end)


def _without_thinking(text: str, start: int) -> TextParts:
    """A text of its own: up to the final text's tag, or to the end-of-text token."""
    stop = _text_end(text, start)
    for opening, closing in FINAL_TAGS:
        place = text.rfind(opening, start, stop)
        if place >= 0:
            first = place + len(opening)
            close = text.find(closing, first, stop)
            return TextParts(start, place, first, close if close >= 0 else stop)
    return TextParts(start, stop, None, stop)


def _final_span(text: str, start: int) -> tuple[int, int]:
    stop = _text_end(text, start)
    for opening, closing in FINAL_TAGS:
        place = text.find(opening, start, stop)
        if place >= 0:
            first = place + len(opening)
            close = text.find(closing, first, stop)
            return first, close if close >= 0 else stop
    return start, stop


def _text_end(text: str, start: int) -> int:
    """Where an end-of-text token stands behind something that was said."""
    for found in _END_OF_TEXT.finditer(text, start):
        if text[start : found.start()].strip():
            return found.start()
    return len(text)


def _places(text: str, words: str) -> list[int]:
    places, at = [], text.find(words)
    while at >= 0:
        places.append(at)
        at = text.find(words, at + len(words))
    return places


def is_markup(text: str) -> bool:
    """Whether a text is nothing but tags, rules and table lines: no step.

    >>> is_markup("|---|---|"), is_markup("</step>"), is_markup("[ANSWER]")
    (True, True, True)
    """
    return len(text) <= 400 and _NOTHING.fullmatch(_TAG.sub("", text)) is not None
