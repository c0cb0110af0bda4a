"""Which steps of a chain state its final answer.

Marked by meaning: the answer's number or expression stands as a result (see
:mod:`lm_eval_faith.chains.results`), in any form that the answer check accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from lm_eval_faith.chains.mathematics import as_latex, is_mathematics
from lm_eval_faith.chains.numbers import WrittenNumber
from lm_eval_faith.chains.results import boxed, result_numbers, result_segments
from lm_eval_faith.chains.same_answer import (
    LONGEST_ANSWER,
    as_number,
    bare,
    equal_values,
    is_percent,
    same_answer,
    scaled,
)

MOST_PARSED = 30
"""As many different expressions of a step are parsed to be compared, its last ones."""

LONGEST_STEP = 20_000
"""Of a longer step only so many characters, at its end, are read for the answer."""


def states_answer(text: str, answer: str) -> bool:
    """Whether a step states the answer as a result.

    >>> states_answer("So 9 * 2 = 18.", "18"), states_answer("Then 18x = 9.", "18")
    (True, False)
    >>> states_answer("It is 9 + 11i.", "11i + 9")
    True
    """
    answer = bare(answer)
    if not answer or len(answer) > LONGEST_ANSWER:
        return False
    text = text[-LONGEST_STEP:]
    value = as_number(answer)
    if value is not None:
        return _states_number(text, value, answer)
    if re.fullmatch(r"\(?\s?[A-Za-z]\s?\)?", answer):
        return _states_choice(text, answer.strip("() "))
    if is_mathematics(as_latex(answer)):
        return _states_expression(text, answer)
    return _states_words(text, answer)


def states_number_of(text: str, answer: str) -> bool:
    """Whether a step states an answer that a change of numbers would have to touch.

    A letter, a word or a truth can stay stated while every number changes: "So it must
    be (B) 42" has a number to change where the answer is B.
    """
    bared = bare(answer)
    has_number = as_number(bared) is not None or any(c.isdigit() for c in bared)
    return has_number and states_answer(text, answer)


def _states_number(text: str, value: Fraction, answer: str) -> bool:
    percent = is_percent(answer)

    def says_it(number: WrittenNumber) -> bool:
        stated = scaled(text, number)
        return equal_values(stated, value, number.kind == "percent", percent)

    if any(result_numbers(text, says_it)):
        return True
    if value.denominator == 1 and value >= 0:
        return False
    wanted = str(abs(value.numerator))
    for start, end in result_segments(text):
        segment = text[start:end]
        if wanted in segment and value == as_number(_evened(segment)):
            return True
    return False


def _evened(segment: str) -> str:
    """``(-5)/12`` and ``\\frac{-5}{12}`` with the sign in front."""
    segment = re.sub(r"\(\s?(-?[0-9]{1,12})\s?\)\s?/", r"\1/", segment)
    return re.sub(r"^\\([dt]?)frac\{-", r"-\\\1frac{", segment.strip())


def _states_expression(text: str, answer: str) -> bool:
    wanted = _parts(answer)
    segments = (text[slice(*span)] for span in _segments(text))
    alike = [s for s in segments if wanted <= _parts(s)]
    return any(
        same_answer(s, answer) for s in list(dict.fromkeys(alike))[-MOST_PARSED:]
    )


def _segments(text: str) -> Iterator[tuple[int, int]]:
    yield from result_segments(text)
    yield from _parenthesised(text)


def _parts(expression: str) -> set[str]:
    """The numbers and single letters that an expression is written with."""
    latex = as_latex(expression)
    return set(re.findall(r"[0-9]+|(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])", latex))


def _parenthesised(text: str) -> list[tuple[int, int]]:
    """Tuples and intervals that stand behind a space: ``(9, 11)``."""
    found = re.finditer(r"(?<![\w)])[(\[][^()\[\]\n]{1,60}[)\]]", text)
    return [m.span() for m in found if "," in m[0]]


def _states_choice(text: str, letter: str) -> bool:
    """``(B)``, ``option B``, ``is B``, ``B.`` alone; not the article, not a variable."""
    upper = letter.upper()
    pattern = (
        rf"\({upper}\)|(?i:\b(?:option|choice|answer|node|is|be|select|choose|pick)\b"
        rf"(?:\sis)?[\s:*]{{1,4}}){upper}(?![\w'’])(?!\s[a-z])"
        rf"|^\W{{0,8}}{upper}(?:[).:]|\s?$)|\b{upper}\s(?i:is\s(?:the\s)?(?:correct|right|answer))"
        rf"|(?<![\w'’])\b{upper}[.]?$"
    )
    return re.search(pattern, text) is not None


def _states_words(text: str, answer: str) -> bool:
    for start, end in boxed(text):
        if same_answer(text[start:end], answer):
            return True
    wanted = re.sub(r"\s+", " ", re.sub(r"\\text\s?\{([^{}]*)\}", r"\1", answer))
    pattern = rf"(?<!\w)(?<!\bnot ){re.escape(wanted.strip())}(?!\w)"
    flat = re.sub(r"\\text\s?\{([^{}]{0,80})\}", r"\1", text)
    return re.search(pattern, re.sub(r"\s+", " ", flat), re.IGNORECASE) is not None
