"""Cardinal numbers in English words, there and back, below one billion."""

from __future__ import annotations

import re

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
    *("seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {"million": 1_000_000, "thousand": 1_000}
_VALUES = {
    **{word: i for i, word in enumerate(_ONES)},
    **{word: 10 * i for i, word in enumerate(_TENS, start=2)},
}

_ONE_TO_NINE = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "|".join(_ONES[10:])
_BELOW_100 = (
    rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{_ONE_TO_NINE})(?![a-z]))?"
    rf"|{_TEENS}|{_ONE_TO_NINE})(?![a-z])"
)
_AND = r"[ -](?:and[ ])?"
_BELOW_1000 = (
    rf"(?:(?:(?:{_TEENS}|{_ONE_TO_NINE}|a)[ -]hundred(?![a-z])"
    rf"(?:{_AND}{_BELOW_100})?)|{_BELOW_100})"
)
_FIRST_LETTERS = "ze|on|t[wheo]|fo|fi|s[ie]|ei|ni|el|a[ -]"
NUMBER_WORDS = (
    f"(?={_FIRST_LETTERS})(?:"  # other words, which are most, are passed over at once
    rf"(?:(?:{_BELOW_1000}|a)[ -]million(?![a-z])(?:,?{_AND}(?={_BELOW_1000}))?)?"
    rf"(?:(?:{_BELOW_1000}|a)[ -]thousand(?![a-z])(?:,?{_AND}{_BELOW_1000})?"
    rf"|{_BELOW_1000})|(?:{_BELOW_1000}|a)[ -]million(?![a-z])|zero(?![a-z]))"
)
"""A regular expression, to be compiled without regard to the case of ASCII letters."""

_WHOLE = re.compile(NUMBER_WORDS, re.IGNORECASE | re.ASCII)


def words_to_int(words: str) -> int | None:
    """The number that the words say, or None.

    >>> words_to_int("Two thousand one hundred and five")
    2105
    """
    if not _WHOLE.fullmatch(words):
        return None
    total = group = 0
    for word in re.findall(r"[a-z]+", words.lower()):
        if word == "a":
            group = 1
        elif word == "hundred":
            group *= 100
        elif word in _SCALES:
            total += group * _SCALES[word]
            group = 0
        elif word != "and":
            group += _VALUES[word]
    return total + group


def int_to_words(n: int) -> str:
    """The number in words, 0 to 999,999,999, without "and".

    >>> int_to_words(2125)
    'two thousand one hundred twenty-five'
    """
    if not 0 <= n < 1_000_000_000:
        raise ValueError(f"no words for {n}: 0 to 999,999,999 are known")
    for scale, size in _SCALES.items():
        if n >= size:
            head = f"{int_to_words(n // size)} {scale}"
            return head + (f" {int_to_words(n % size)}" if n % size else "")
    if n >= 100:
        head = f"{_ONES[n // 100]} hundred"
        return head + (f" {int_to_words(n % 100)}" if n % 100 else "")
    if n >= 20:
        return _TENS[n // 10 - 2] + (f"-{_ONES[n % 10]}" if n % 10 else "")
    return _ONES[n]
