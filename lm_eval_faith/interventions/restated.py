"""One value wherever a text states it, and another one written in its place.

A value is restated in many forms: ``9``, ``nine``, ``$9.00``, ``3/4`` and ``0.75``, ``75%`` and
``0.75``. Each is rewritten in its own form. What is no statement of a value stays: exponents,
indices, labels and counting words (:mod:`lm_eval_faith.chains.number_roles`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from lm_eval_faith.chains.language import ENGLISH, Writing
from lm_eval_faith.chains.number_roles import number_roles
from lm_eval_faith.chains.number_words import words_to_int
from lm_eval_faith.chains.numbers import (
    VULGAR,
    Part,
    WrittenNumber,
    find_numbers,
    number_value,
    with_plain_digits,
)
from lm_eval_faith.chains.same_answer import as_number, scaled
from lm_eval_faith.interventions.corrupt_written import write_part

MOST_CHANGE = 9
"""Another value is at most so many units away."""


@dataclass(frozen=True)
class Value:
    """A value that a text states.

    Attributes:
        number: its value; a percentage counted in per cent.
        percent: it is a percentage, so that ``0.75`` is another form of 75.
        any_unit: ``6%`` states 6 too, as the answer check has it for final answers.
    """

    number: Fraction
    percent: bool = False
    any_unit: bool = False


def value_of(number: WrittenNumber) -> Value:
    """The value that a number states."""
    return Value(_rounded(number.value), number.kind == "percent")


def stated_numbers(text: str, writing: Writing = ENGLISH) -> tuple[WrittenNumber, ...]:
    """The numbers that state values, arguments of functions among them; no times. With
    "million" or a word like it behind one, that is counted in."""
    plain = with_plain_digits(text, writing)
    numbers = find_numbers(text, writing)
    roles = number_roles(plain, numbers)
    return tuple(
        replace(number, value=scaled(plain, number))
        for number, role in zip(numbers, roles, strict=True)
        if role in ("quantity", "argument") and number.kind not in ("time", "ordinal")
    )


def number_of(answer: str, writing: Writing = ENGLISH) -> Fraction | None:
    """The value of an answer that is one number, with a unit or "million" behind it."""
    value = number_value(answer, writing)
    return as_number(with_plain_digits(answer, writing)) if value is None else value


def states(number: WrittenNumber, value: Value) -> bool:
    """Whether a number states the value, in this form or another."""
    return _factor(number, value) is not None


def _factor(number: WrittenNumber, value: Value) -> Fraction | None:
    """What the value is multiplied with to be the number: 1, 100 or 1/100."""
    percent = number.kind == "percent"
    factor = Fraction(1)
    if percent != value.percent:
        factor = Fraction(100) if percent else Fraction(1, 100)
    if _rounded(number.value) == _rounded(value.number * factor):
        return factor
    # 6 is a restatement of 6%, but 6% is none of 6 unless units do not matter.
    if (value.percent or value.any_unit) and _rounded(number.value) == value.number:
        return Fraction(1)
    return None


def _rounded(value: Fraction) -> Fraction:
    """Without the noise of floating point."""
    return value if value.denominator < 10**9 else round(value, 9)


def restated(text: str, old: Value, new: Fraction, writing: Writing = ENGLISH) -> str:
    """The text with every statement of one value changed to another.

    Args:
        new: the other value, counted as ``old.number`` is.

    Raises:
        ValueError: a form cannot say the new value, as three decimals cannot say a third.
    """
    return _restated(text, stated_numbers(text, writing), old, new, writing)


def _restated(
    text: str,
    numbers: Sequence[WrittenNumber],
    old: Value,
    new: Fraction,
    writing: Writing,
) -> str:
    plain = with_plain_digits(text, writing)
    pieces, done = [], 0
    for number in numbers:
        factor = _factor(number, old)
        if factor is None:
            continue
        for part, value in _new_parts(plain, number, new * factor):
            pieces += [
                text[done : part.start],
                write_part(text, plain, part, value, writing),
            ]
            done = part.end
    return "".join([*pieces, text[done:]])


def _new_parts(
    plain: str, number: WrittenNumber, new: Fraction
) -> Iterator[tuple[Part, Fraction]]:
    """The parts of a number and what they must say for it to be the new value."""
    if (new < 0) != (number.value < 0) and number.value:
        raise ValueError("the sign would change")
    new = abs(new)
    last = number.parts[-1]
    if plain[last.start : last.end] in VULGAR:
        whole = number.parts[0] if len(number.parts) == 2 else None
        rest = new - int(new) if whole else new
        if rest not in VULGAR.values() or (whole and new < 1):
            raise ValueError("no such character")
        if whole:
            yield whole, Fraction(int(new))
        yield last, rest
    elif number.kind == "fraction":
        yield from _new_fraction(number, new)
    else:
        scale = abs(number.value) / last.value if last.value else Fraction(1)
        value = new / scale
        if not _can_say(plain[last.start : last.end], value):
            raise ValueError("not in this form")
        yield last, value


def _new_fraction(
    number: WrittenNumber, new: Fraction
) -> Iterator[tuple[Part, Fraction]]:
    """Another numerator over the same denominator, and the whole number before it."""
    if len(number.parts) == 1:  # in words, "two-thirds"
        below = number.parts[0].value / abs(number.value)
        if (new * below).denominator != 1 or (new * below > 1) != (
            number.parts[0].value > 1
        ):
            raise ValueError("not in this form")
        yield number.parts[0], new * below
        return
    *whole, above, under = number.parts
    rest = new - int(new) if whole else new
    numerator = rest * under.value
    most = above.most or numerator
    if numerator.denominator != 1 or not 0 < numerator <= most or (whole and new < 1):
        raise ValueError("not in this form")
    if (abs(number.value) < 1) != (new < 1):
        raise ValueError("a proper fraction stays one")
    if whole:
        yield whole[0], Fraction(int(new))
    yield above, numerator


def _can_say(written: str, value: Fraction) -> bool:
    if written[0].isalpha() and words_to_int(written) is None:  # Chinese numerals
        return value.denominator == 1 and 0 < value < 10**9
    if words_to_int(written) is not None:
        return value.denominator == 1 and 0 <= value < 10**9
    places = len(written.partition(".")[2])
    if (value * 10**places).denominator != 1:
        return False
    grouped = any(c not in "0123456789." for c in written)
    return value >= 1000 or not grouped


def other_values(
    value: Value, texts: Iterable[str], writing: Writing, avoid: frozenset[Fraction]
) -> list[Fraction]:
    """The nearby values that all the texts can state in place of this one.

    Args:
        avoid: values that it is not to become; left out where others remain.
    """
    affected: list[tuple[str, list[WrittenNumber]]] = []
    unit = _unit(value.number)
    for text in texts:
        stating = [n for n in stated_numbers(text, writing) if states(n, value)]
        affected += [(text, stating)] if stating else []
        unit = max([unit, *(_resolution(text, n, writing) for n in stating)])
    signs = (1, -1)
    candidates = [
        value.number + sign * k * unit
        for k in range(1, MOST_CHANGE + 1)
        for sign in signs
    ]
    possible = []
    for new in candidates:
        if new == 0 or (value.number and (new > 0) != (value.number > 0)):
            continue
        if value.percent and value.number <= 100 < new:
            continue
        try:
            for text, stating in affected:
                _restated(text, stating, value, new, writing)
        except ValueError:
            continue
        possible.append(new)
    return [new for new in possible if new not in avoid] or possible


def _resolution(text: str, number: WrittenNumber, writing: Writing) -> Fraction:
    """The last decimal of ``2.5 million``; 0 of a number that is not counted so."""
    last = number.parts[-1]
    plain = with_plain_digits(text, writing)[last.start : last.end]
    scale = abs(number.value) / last.value if last.value else Fraction(0)
    if number.kind not in ("integer", "decimal", "money") or scale <= 1:
        return Fraction(0)
    return scale * Fraction(1, 10 ** len(plain.partition(".")[2]))


def _unit(value: Fraction) -> Fraction:
    """1 for whole numbers, a unit of the last decimal, or of the denominator."""
    if value.denominator == 1:
        return Fraction(1)
    places = 1
    while places < 6 and (value * 10**places).denominator != 1:
        places += 1
    if (value * 10**places).denominator == 1 and value.denominator not in (2, 4, 8):
        return (
            Fraction(1, 10 ** min(places, 2))
            if value * 100 % 1 == 0
            else Fraction(1, 10**places)
        )
    return Fraction(1, value.denominator)
