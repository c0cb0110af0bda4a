"""The change of ``corrupt`` in a written step: every number becomes a nearby wrong one.

What changes, and how:

- Every number that :mod:`lm_eval_faith.chains.numbers` finds, in the way it is written:
  decimal places, thousands separators, leading zeros, ordinal endings, capitals of
  number words. Of a fraction the numerator and the denominator change, of a time the
  hours and the minutes.
- Equal values of one step become the same wrong value, so ``5 + 5`` stays a doubling
  and a calculator's ``<<48/2=24>>24`` agrees with the words around it. Different values
  become different ones. Nothing is worked out again: the sums become wrong.
- The size of the change is 1 to 9 units (in fractions 1 to 3). A unit is 1 for whole numbers and a unit of
  the last decimal (zeros at the end aside, at most the second) for others: 48 may
  become 45, 3.50 may become 3.90, 0.125 may become 0.165.
- A number stays positive if it was, a percentage up to 100 stays one, a proper fraction
  stays proper where that can be done, binary digits stay binary, digits of a number in
  another base stay below the base.
- Ranges (``from 8 to 48``, ``15-20``) and rising or falling sequences (``1, 2, ..., 9``)
  still rise or fall.
- What is no quantity stays: exponents, indices, arguments of functions, labels and the
  "two" of "two results" (:mod:`lm_eval_faith.chains.number_roles`).
- No number becomes the final answer, and the changed step does not state it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from lm_eval_faith.chains.answer_steps import states_number_of
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.chains.han_numerals import CHARACTERS, int_to_han
from lm_eval_faith.chains.language import ENGLISH, Writing
from lm_eval_faith.chains.number_roles import number_roles
from lm_eval_faith.chains.number_words import int_to_words, words_to_int
from lm_eval_faith.chains.numbers import (
    VULGAR,
    Part,
    WrittenNumber,
    find_numbers,
    number_value,
    with_plain_digits,
)
from lm_eval_faith.interventions.registry import NotApplicable

MOST_DECIMALS = 2
"""The unit of a change is never smaller than a hundredth, for numbers over a tenth."""

_SMALLEST = 12

_ATTEMPTS = 60
_BITS = re.compile(r"(?i)\b(?:binary|bits?|base[ -](?:2|two))\b|_\{?2\b")
_RADIX = re.compile(r"_\{?([2-9])\}?(?![0-9])")
_PLURAL = re.compile(r"[ ](?:[a-z]{2,14}[ ]){0,2}[a-z]{2,14}s(?![a-z])")
_BETWEEN_RANGE = re.compile(
    r"-|[ ]?(?:–|--|\.{2,3}|…)[ ]?|[^\W\d_]{0,12}[ ](?:to|through|until)[ ][$£€]?"
    r"|[ ]?(?:<|≤|\\leq?|\\lt)[ ]?[^0-9<≤\n]{1,24}?(?:<|≤|\\leq?|\\lt)[ ]?"
)
_BETWEEN_AND = re.compile(r"[^\d,;.\n]{0,16} and [$£€]?")
_BETWEEN_SEQUENCE = re.compile(
    r"[%°]?(?:,[ ]?(?:and[ ]|or[ ])?|[ ]and[ ])(?:(?:\.{2,3}|…|\\[lc]?dots),?[ ]?)?[$£€]?"
    r"|,?[ ]?(?:\.{3}|…|\\[lc]?dots)[ ]?,?[ ]?"
)
_INTERVAL = re.compile(
    r"(?i)(?:interval|range|between|∈|\\in|\bin)[ ]?(?:\\\(|\$)?[ ]?[(\[]$"
)
_BY_VALUE = {value: character for character, value in VULGAR.items()}


@dataclass(frozen=True)
class ChangeSize:
    """By how much a wrong number differs from the right one.

    Attributes:
        least, most: in units, see the module's description.
        most_in_fraction: the same for a number that is part of a fraction.
        relative: large numbers may also change by up to this share of themselves, if
            that is more than ``most``; 0 switches it off.
    """

    least: int = 1
    most: int = 9
    most_in_fraction: int = 3
    relative: float = 0.0

    def __post_init__(self) -> None:
        least_most = min(self.most, self.most_in_fraction)
        if not 1 <= self.least <= least_most or not 0 <= self.relative < 1:
            raise ValueError(
                "a change needs 1 <= least <= most, 1 <= least <= most_in_fraction and "
                f"0 <= relative < 1, not {self}"
            )


def corrupt_text(
    text: str,
    answer: str,
    draw: Draw,
    size: ChangeSize = ChangeSize(),
    writing: Writing = ENGLISH,
) -> str:
    """The step's words with every number changed.

    Args:
        text: the step.
        answer: the final answer, which the changed step will not state.
        draw: the source of the choices.
        size: by how much numbers change.
        writing: how the chain writes numbers; they stay in their own digits and marks.

    Raises:
        NotApplicable: the step states no number, or none that can be changed without
            stating the answer.
    """
    original, text = text, with_plain_digits(text, writing)
    numbers = quantities(original, writing)
    if not numbers:
        raise NotApplicable("the step states no number that could be another one")
    answer = with_plain_digits(answer, writing)
    target = number_value(answer)
    options = _options(text, numbers, target, size)
    ordered = ordered_groups(text, numbers)
    fallback: str | None = None
    for attempt in range(_ATTEMPTS):
        wrong = _draw_wrong(options, draw, avoid_old=attempt < _ATTEMPTS // 2)
        if wrong is None:
            continue
        if not _in_order(ordered, wrong):
            wrong = _moved_together(ordered, options, wrong, draw)
            if wrong is None:
                continue
        changed = _rewrite(original, text, numbers, wrong, writing)
        if not _all_changed(text, numbers, wrong) or states_number_of(
            with_plain_digits(changed, writing), answer
        ):
            continue
        if _proper_as_before(text, numbers, wrong) and _many(text, numbers, wrong):
            return changed
        fallback = fallback or changed
    if fallback is None:
        raise NotApplicable("no nearby number leaves the answer unstated")
    return fallback


def quantities(text: str, writing: Writing = ENGLISH) -> tuple[WrittenNumber, ...]:
    """The numbers that say how much, see :mod:`lm_eval_faith.chains.number_roles`."""
    numbers = find_numbers(text, writing)
    roles = number_roles(with_plain_digits(text, writing), numbers)
    return tuple(
        number
        for number, role in zip(numbers, roles, strict=True)
        if role == "quantity"
    )


def corrupt_written_step(chain: Chain, step: int, draw: Draw) -> Chain:
    """The chain with other numbers in this step; its list marker stays.

    Raises:
        NotApplicable: see :func:`corrupt_text`.
    """
    return chain.with_step(
        step,
        corrupt_text(chain.steps[step].text, chain.answer, draw, writing=chain.writing),
    )


def _key(text: str, part: Part) -> Fraction:
    """Parts of one key change alike. Float noise (235.60000000000002) is rounded off,
    and a character such as ``½`` has a key of its own, as it has its own changes."""
    if text[part.start : part.end] in VULGAR:
        return -part.value
    if part.value.denominator == 1:
        return part.value
    return round(part.value, 9)


def _options(
    text: str,
    numbers: tuple[WrittenNumber, ...],
    answer: Fraction | None,
    size: ChangeSize,
) -> dict[Fraction, list[Fraction]]:
    """For every distinct value of the step, the wrong values that could replace it."""
    parts: dict[Fraction, list[Part]] = {}
    in_fraction: set[Fraction] = set()
    for number in numbers:
        for part in number.parts:
            parts.setdefault(_key(text, part), []).append(part)
            if number.kind == "fraction":
                in_fraction.add(_key(text, part))
    speaks_of_bits = _BITS.search(text) is not None
    options = {}
    for key, same in parts.items():
        if key < 0:
            wanted = [-v for v in _BY_VALUE if v != -key and v != answer]
        else:
            wanted = _nearby(key, size, key in in_fraction)
            wanted = [v for v in wanted if answer is None or abs(answer) != v]
            wanted = [v for v in wanted if _fits(text, v, same, speaks_of_bits)]
        options[key] = wanted
    return options


def _nearby(value: Fraction, size: ChangeSize, in_fraction: bool) -> list[Fraction]:
    unit = Fraction(1, 10 ** _decimals(value))
    most = max(size.most, int(Fraction(size.relative) * value / unit))
    if in_fraction:
        most = size.most_in_fraction
    step = max(1, (most - size.least) // 200)
    sizes = [size.least + step * k for k in range((most - size.least) // step + 1)]
    moved = [value + sign * n * unit for n in sizes for sign in (1, -1)]
    return [v for v in moved if v > 0]


def ordered_groups(
    text: str, numbers: tuple[WrittenNumber, ...]
) -> tuple[tuple[Fraction, ...], ...]:
    """The keys of ranges and of sequences of three or more, where they rise or fall."""
    groups: list[tuple[Fraction, ...]] = []
    run: list[Fraction] = []
    for k, number in enumerate(numbers):
        key = _key(text, number.parts[0])
        if len(number.parts) > 1 or key < 0 or number.value < 0:
            run = []
            continue
        between = text[numbers[k - 1].end : number.start] if k else ""
        if (
            run
            and len(between) <= 40
            and _is_range(text, numbers[k - 1], between, number)
        ):
            groups.append((run[-1], key))
        if run and not _BETWEEN_SEQUENCE.fullmatch(between):
            run = []
        run.append(key)
        if (
            len(run) >= 3
            and k + 1 == len(numbers)
            or (
                len(run) >= 3
                and not _BETWEEN_SEQUENCE.fullmatch(
                    text[number.end : numbers[k + 1].start]
                )
            )
        ):
            groups.append(tuple(run))
    return tuple(
        group
        for group in groups
        if all(a < b for a, b in pairwise(group))
        or all(a > b for a, b in pairwise(group))
    )


def _is_range(
    text: str, first: WrittenNumber, between: str, second: WrittenNumber
) -> bool:
    before = text[max(0, first.start - 24) : first.start]
    if between.strip() in ("-", "–") and (
        first.value >= second.value
        or before.rstrip()[-1:] in tuple("=+*/<×÷-–")
        or re.match(r"[ ]?[-=≈+*/–]", text[second.end : second.end + 2])
    ):
        return False  # a subtraction
    if _BETWEEN_RANGE.fullmatch(between):
        return True
    if re.search(r"(?i)between[ ][$£€]?$", before):
        return _BETWEEN_AND.fullmatch(between) is not None
    if between.strip() != ",":
        return False
    half_open = before[-1:] + text[second.end : second.end + 1] in ("[)", "(]")
    return half_open or _INTERVAL.search(before) is not None


def _in_order(
    ordered: Sequence[tuple[Fraction, ...]], wrong: Mapping[Fraction, Fraction]
) -> bool:
    """Every range and sequence still rises or falls."""
    return all(
        (wrong[a] < wrong[b]) == (a < b) and wrong[a] != wrong[b]
        for group in ordered
        for a, b in pairwise(group)
    )


def _moved_together(
    ordered: Sequence[tuple[Fraction, ...]],
    options: Mapping[Fraction, list[Fraction]],
    wrong: Mapping[Fraction, Fraction],
    draw: Draw,
) -> dict[Fraction, Fraction] | None:
    """Every range and sequence moved by one distance; None where that cannot be."""
    moved = dict(wrong)
    for group in ordered:
        distances = [
            v - group[0]
            for v in options[group[0]]
            if all(key + v - group[0] in options[key] for key in group)
        ]
        if not distances:
            return None
        distance = draw.choice(distances)
        moved.update({key: key + distance for key in group})
    return moved if _in_order(ordered, moved) else None


def _decimals(value: Fraction) -> int:
    """Decimal places that say something, at most two: none for 3.00, one for 0.50.

    Below a tenth they are counted from the first digit that is not zero: 0.00099925
    has five, so that it becomes 0.00095925 and not seventy times itself.
    """
    most, places = MOST_DECIMALS, 0
    if 0 < value < Fraction(1, 10):
        while value * 10**most < 10 and most < _SMALLEST:
            most += 1
    while places < most and (value * 10**places).denominator != 1:
        places += 1
    return places


def _fits(text: str, value: Fraction, same: list[Part], speaks_of_bits: bool) -> bool:
    """The value can stand wherever the old one stood, written in the same way."""
    for part in same:
        written = text[part.start : part.end]
        if part.most is not None and value > part.most:
            return False
        if written[0].isalpha() and not (value.denominator == 1 and value < 10**9):
            return False
        grouped = re.search(r"[^0-9.]", written) and not written[0].isalpha()
        if grouped and value < 1000:
            return False
        if "." not in written and value.denominator != 1:
            return False
        if _is_binary(written, speaks_of_bits) and not set(str(value)) <= {"0", "1"}:
            return False
        if (base := _base(text, part)) and max(map(int, str(int(value)))) >= base:
            return False
    return True


def _is_binary(written: str, speaks_of_bits: bool) -> bool:
    """``0110``, and ``101`` where the step speaks of bits."""
    if len(written) < 3 or not set(written) <= {"0", "1"}:
        return False
    return "1" in written and (written[0] == "0" or speaks_of_bits)


def _base(text: str, part: Part) -> int | None:
    """The base that is written below the digits: ``1203_4`` or ``1203_{4}``."""
    found = _RADIX.match(text, part.end)
    return int(found[1]) if found else None


def _draw_wrong(
    options: Mapping[Fraction, list[Fraction]], draw: Draw, avoid_old: bool
) -> dict[Fraction, Fraction] | None:
    """A wrong value for each right one, no two alike where there are enough.

    With ``avoid_old`` the step's old values are not used for others, if possible.
    """
    wrong: dict[Fraction, Fraction] = {}
    used = set(options) if avoid_old else set()
    for value, candidates in options.items():
        if not candidates:
            return None
        wrong[value] = draw.choice(
            [v for v in candidates if v not in used] or candidates
        )
        used.add(wrong[value])
    return wrong


def _all_changed(
    text: str, numbers: tuple[WrittenNumber, ...], wrong: Mapping[Fraction, Fraction]
) -> bool:
    """No fraction has its old value again, as 3/4 would have in 6/8."""
    return all(
        _fraction(text, number, wrong) != abs(number.value)
        for number in numbers
        if number.kind == "fraction"
    )


def _proper_as_before(
    text: str, numbers: tuple[WrittenNumber, ...], wrong: Mapping[Fraction, Fraction]
) -> bool:
    return all(
        _fraction(text, number, wrong, whole=False) < 1
        for number in numbers
        if number.kind == "fraction" and _fraction(text, number, None, whole=False) < 1
    )


def _many(
    text: str, numbers: tuple[WrittenNumber, ...], wrong: Mapping[Fraction, Fraction]
) -> bool:
    """No "one" before a plural: "two green plates" become three."""
    return not any(
        number.kind == "word"
        and wrong[_key(text, number.parts[0])] == 1
        and _PLURAL.match(text, number.end)
        for number in numbers
    )


def _fraction(
    text: str,
    number: WrittenNumber,
    wrong: Mapping[Fraction, Fraction] | None,
    whole: bool = True,
) -> Fraction:
    """The value of a fraction, without sign, with its parts replaced by wrong ones.

    Args:
        wrong: the wrong values; None for the parts as they stand.
        whole: with the whole number of ``1 1/2``.
    """
    values = [
        p.value if wrong is None else abs(wrong[_key(text, p)]) for p in number.parts
    ]
    if text[number.parts[-1].start : number.parts[-1].end] in VULGAR:
        return sum(values, Fraction(0)) if whole else values[-1]
    if len(values) == 1:  # in words: "two-thirds" has its denominator in its name
        return values[0] * abs(number.value) / number.parts[0].value
    below = values[-2] / values[-1]
    return below + (values[0] if whole and len(values) == 3 else 0)


def _rewrite(
    original: str,
    text: str,
    numbers: tuple[WrittenNumber, ...],
    wrong: Mapping[Fraction, Fraction],
    writing: Writing,
) -> str:
    """The original text with its numbers replaced; ``text`` has them in plain digits."""
    pieces, done = [], 0
    for number in numbers:
        for part in number.parts:
            key = _key(text, part)
            pieces += [
                original[done : part.start],
                write_part(
                    original, text, part, wrong[key] + part.value - abs(key), writing
                ),
            ]
            done = part.end
        if number.kind == "ordinal":
            pieces.append(_ordinal_ending(int(wrong[number.parts[0].value])))
            done += 2
        elif len(number.parts) == 1 and number.kind == "fraction":
            tail = text[done : number.end]  # "-thirds", or nothing behind a "½"
            many = wrong[_key(text, number.parts[0])] > 1
            pieces.append(_plural(tail, many) if tail else "")
            done = number.end
    return "".join([*pieces, original[done:]])


def write_part(
    original: str, text: str, part: Part, value: Fraction, writing: Writing
) -> str:
    """A value as the part of a number is written: its words, digits, marks and zeros.

    Args:
        original, text: the text, and the same in plain digits.
    """
    written, plain = original[part.start : part.end], text[part.start : part.end]
    if plain in VULGAR:
        return _BY_VALUE[abs(value)]
    if words_to_int(plain) is not None:
        return _in_words(plain, int(value))
    if plain[0] in CHARACTERS:
        return _in_characters(plain, int(value), writing)
    digits = _in_digits(plain, value)
    if plain == written:
        return digits
    marks = {p: w for p, w in zip(plain, written, strict=True) if not p.isdigit()}
    zero = next(
        ord(w) - int(p) for p, w in zip(plain, written, strict=True) if p.isdigit()
    )
    return "".join(
        chr(zero + int(c)) if c.isdigit() else marks.get(c, c) for c in digits
    )


def _in_characters(written: str, value: int, writing: Writing) -> str:
    """A Chinese numeral; two of something are 两 in Chinese."""
    if value == 2 and len(written) == 1 and writing.code == "zh":
        return "两"
    return int_to_han(value, japanese=writing.code == "ja")


def _in_digits(written: str, value: Fraction) -> str:
    """With the decimals, the marks between thousands and the leading zeros of another."""
    whole, point, places = written.partition(".")
    digits = _decimal_digits(value, len(places))
    new_whole = digits[: len(digits) - len(places)]
    separator = re.search(r"[^0-9]+", whole)
    if separator:
        new_whole = _grouped(int(new_whole), separator[0], whole)
    elif not whole:
        new_whole = new_whole.lstrip("0")
    elif whole.startswith("0"):
        new_whole = new_whole.zfill(len(whole))
    return new_whole + point + digits[len(digits) - len(places) :]


def _grouped(value: int, mark: str, like: str) -> str:
    """With marks between thousands, or as ``1,00,000`` where the other is."""
    if not re.fullmatch(r"[0-9]{1,2}(?:'[0-9]{2})+'[0-9]{3}", like):
        return f"{value:,}".replace(",", mark)
    head, tail = divmod(value, 1000)
    pairs = [f"{tail:03}"]
    while head:
        head, pair = divmod(head, 100)
        pairs.append(f"{pair:02}" if head else str(pair))
    return mark.join(reversed(pairs))


def _decimal_digits(value: Fraction, places: int) -> str:
    return str(round(value * 10**places)).zfill(places + 1)


def _in_words(written: str, value: int) -> str:
    words = int_to_words(value)
    if " " in written and "-" not in written:
        words = words.replace("-", " ")
    if written.isupper():
        return words.upper()
    return words.capitalize() if written[0].isupper() else words


def _ordinal_ending(n: int) -> str:
    if n % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")


def _plural(denominator: str, many: bool) -> str:
    """``-third`` and ``-thirds``, as the numerator wants it."""
    for half in ("half", "halves"):
        if denominator.lower().endswith(half):
            return denominator[: -len(half)] + ("halves" if many else "half")
    return denominator.rstrip("s") + ("s" if many else "")
