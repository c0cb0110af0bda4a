"""Every number that a text states, with its value, its kind and its place.

Found: integers, decimals, fractions (``3/4``, ``1 1/2``, ``\\frac{3}{4}``, ``\\frac34``,
``½``, ``two-thirds``), percentages, money, thousands separators, number words (``twenty-five``,
``a hundred``), ordinals in digits (``3rd``), times of day, each with its sign. Digits of
any script (``६``, ``৬``, ``٦``, ``６``) and Chinese numerals (``三百``, ``两个``) too. Which mark
stands before decimals and which between thousands is the chain's
:class:`~lm_eval_faith.chains.language.Writing`.

Not numbers: digits inside identifiers (``x2``, ``H2O``, ``x_{1}``, ``GPT-4``), version
numbers (``1.2.3``), ``0x1F`` and ``0b101``, addresses, exponents of units (``cm^2``), list markers (``1.``,
``Step 3:``), "one" as a pronoun ("the last one"), and words that name an operation or a
group and no number: half, twice, double, dozen, first. ``12/4`` is two numbers, not a
fraction: an improper ``a/b`` is a division.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from lm_eval_faith.chains.han_numerals import CHARACTERS, han_to_int
from lm_eval_faith.chains.language import ENGLISH, Writing
from lm_eval_faith.chains.layout import marker_spans
from lm_eval_faith.chains.number_words import NUMBER_WORDS, words_to_int

Kind = Literal[
    "integer", "decimal", "fraction", "percent", "money", "word", "ordinal", "time"
]

LONGEST_NUMBER = 40
"""Runs of more digits than this are no quantities and are passed over."""

VULGAR = {
    "½": Fraction(1, 2),
    "⅓": Fraction(1, 3),
    "⅔": Fraction(2, 3),
    "¼": Fraction(1, 4),
    "¾": Fraction(3, 4),
    "⅕": Fraction(1, 5),
    "⅖": Fraction(2, 5),
    "⅗": Fraction(3, 5),
    "⅘": Fraction(4, 5),
    "⅙": Fraction(1, 6),
    "⅚": Fraction(5, 6),
    "⅛": Fraction(1, 8),
    "⅜": Fraction(3, 8),
    "⅝": Fraction(5, 8),
    "⅞": Fraction(7, 8),
}


@dataclass(frozen=True)
class Part:
    """One run of digits, or of number words, of a number: ``3`` and ``4`` of ``3/4``.

    Attributes:
        start, end: its place in the text.
        value: what it says by itself, without sign.
        most: the largest value that may stand in its place, or None.
    """

    start: int
    end: int
    value: Fraction
    most: int | None = None


@dataclass(frozen=True)
class WrittenNumber:
    """A number in a text.

    Attributes:
        start, end: its place, sign included, currency and per cent sign not.
        kind: how it is written.
        value: its value with sign; a percentage is counted in per cent, a time of day
            in hours.
        parts: what it is written with, in order.
    """

    start: int
    end: int
    kind: Kind
    value: Fraction
    parts: tuple[Part, ...]


_GROUPED = (
    r"[0-9]{1,3}(?:(?:,[0-9]{3})+|(?:\{,\}[0-9]{3})+|(?:,\\![0-9]{3})+"
    r"|(?:[\u00a0\u202f\u2009][0-9]{3})+)(?![0-9])"
    r"|[0-9]{1,2}(?:'[0-9]{2}){1,9}'[0-9]{3}(?![0-9])"  # see with_plain_digits
)
_FRACTION_WORDS = (
    r"half|halves|third|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth"
    r"|thirds|quarters|fourths|fifths|sixths|sevenths|eighths|ninths|tenths"
)
_DENOMINATORS = {
    **dict.fromkeys(("half", "halves"), 2),
    "third": 3,
    **dict.fromkeys(("quarter", "fourth"), 4),
    **{
        word: n
        for n, word in enumerate(("fifth", "sixth", "seventh", "eighth", "ninth"), 5)
    },
    "tenth": 10,
}

_LETTER = "A-Za-zªºÀ-ÖØ-öø-ɏͰ-ϿḀ-ỿ𝐀-𝟋_"
_NAME_CHARACTER = f"{_LETTER}0-9"
_CURRENCY_CODES = (
    "USD|EUR|GBP|INR|JPY|CNY|RMB|AUD|CAD|CHF|HKD|SGD|NZD|KRW|THB|BRL|MXN|ZAR|KES|TZS|NGN"
    "|BDT|PKR|RUB|SEK|NOK|DKK|PLN|TRY|Ksh|KSh|Tsh|TSh|US|HK|AU|CA|NT|Rs|Re|Tk|Fr|Kr|kr|Sh"
    "|RM|R"
)
_MEASURES = (
    "个個只隻本块塊元天周週年岁歲人米克斤吨噸升条條张張支枝朵棵颗顆头頭匹辆輛台臺架艘"
    "件套双雙对對束瓶杯碗盒箱包袋串份位名次倍页頁层層排组組行段节節小分秒点點时時公厘毫英"
    "平立美欧日磅枚匹冊回円つ匙把座间間封篇场場盘盤根粒片种種打户戶家班箩筐"
)
_HAN = re.compile(f"[{CHARACTERS}]+")
_HAN_SKIP = re.compile(
    f"(?!百分之)[{CHARACTERS}]{{1,8}}分之[{CHARACTERS}]{{1,8}}|百分之(?=[{CHARACTERS}])|十分(?![钟鐘之])|千万不|万一|一一|"
    "(?:第|每|这|這|那|另|某|同|任|唯|初)(?=一)|第[" + CHARACTERS + "]{1,6}"
)
_HAN_BEFORE = re.compile(
    "(?:[加减減乘以除于於是共有剩得为為等到了出卖賣买買吃用花給给]|百分之)$"
)
_HAN_AFTER = re.compile(f"[{_MEASURES}]|[加减減乘除等是。，、,.）)]|の|倍")


_TOKEN = re.compile(
    rf"""
    (?=[\w\\.{_LETTER}])  # what a token begins with: nothing else is tried elsewhere
    (?:
    (?P<skip>
        https?://\S+
      | _\{{[0-9A-Za-z,]{{1,9}}\}}
      | (?:cm|mm|km|ft|in|m|yd|mi|inch(?:es)?|feet|foot|units?|meters?|miles?)
        \^\{{?[0-9]\}}?
      | [A-Z]\w+(?:-[0-9]+)+
      | [0-9]+(?:\.[0-9]+){{2,}}
      | 0[xX][0-9A-Fa-f]+
      | 0[bB][01]+
      | 0[oO][0-7]+
      | (?<=[0-9])[xX](?=[0-9]{{1,15}}(?![{_NAME_CHARACTER}^]))
      | (?:{_CURRENCY_CODES})\.?(?=[0-9$])
    )
  | (?:(?P<whole_f>[0-9]{{1,4}})[ ]?)?
    \\[dt]?frac\s?\{{\s?(?P<num_f>[0-9]{{1,6}})\s?\}}\s?\{{\s?(?P<den_f>[0-9]{{1,6}})\s?\}}
  | (?:(?P<whole_g>[0-9]{{1,4}})[ ]?)?\\[dt]?frac(?P<num_g>[0-9])(?P<den_g>[0-9])(?![0-9])
  | (?P<command>\\(?:[A-Za-z]+|[^\W\d]|\\))
  | (?:(?P<whole_v>[0-9]{{1,4}})[ ]?)?(?P<vulgar>[{"".join(VULGAR)}])
  | (?P<words>(?ai:{NUMBER_WORDS}))(?!\w)(?:[- ](?P<parts>(?ai:{_FRACTION_WORDS}))(?!\w))?
  | (?P<name>[{_LETTER}][{_NAME_CHARACTER}]*(?:(?<=_)\{{[0-9A-Za-z,]{{1,9}}\}})?)
  | (?P<han_skip>{_HAN_SKIP.pattern})
  | (?P<han>{_HAN.pattern})
  | (?P<clock>1[0-2]|0?[1-9])(?=[ ]?(?:[ap]m(?!\w)|[ap]\.[ ]?m\.|o['’]clock)|[点點時时](?![间間数數]))
  | (?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?
    (?![0-9:]|[.,][0-9])
  | (?P<whole_s>[0-9]{{1,4}})[ ](?P<num_m>[0-9]{{1,2}})/(?P<den_m>[0-9]{{1,3}})
    (?![0-9/]|[.,][0-9])
  | (?P<num_s>[0-9]{{1,3}})/(?P<den_s>[0-9]{{1,4}})(?![0-9/]|[.,][0-9])
  | (?P<plain>(?:{_GROUPED}|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)
    (?:[eE][+-]?[0-9]{{1,3}}(?!\w))?
    )
    """,
    re.VERBOSE,
)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?!\w)")
_PERCENT = re.compile(
    r"[ ]?(?:\\?%|per[ ]?cent(?!\w)|Prozent|por[ ]ciento|pour[ ]cent|процент|শতাংশ|प्रतिशत)"
)
_SCALES = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_CURRENCY = ("$", "€", "£", "¥", "₹")
_MINUS = ("-", "−", "–")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OWN_NUMBER_WORDS = _words("de es fr it pt nl sw pl tr vi id sv da nb fi ro hu cs")
"""Languages in Latin letters whose words are not read as English number words."""

_NOT_A_NUMBER_BEFORE_ONE = _words(
    "the this that these those which each every any no some another other last next "
    "first second only same right wrong new old big small final correct good"
)
_NOT_A_NUMBER_AFTER_ONE = _words(
    "another can must should would could may might has is was who that which will "
    "day way by thing"
)


# Zeros of the scripts whose digits stand in order, ten in a row.
_ZEROS = (
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x1D7CE, 0x1D7D8,
    0x1D7E2, 0x1D7EC, 0x1D7F6,
)  # fmt: skip
_PLAIN = {zero + k: str(k) for zero in _ZEROS for k in range(10)} | {
    ord(mark): plain
    for mark, plain in zip(
        "．％－＋／＝＄￥٪٫٬（）［］：", ".%-+/=$¥%.,()[]:", strict=True
    )
}
_WIDE_COMMA = re.compile("(?<=[0-9])[，,](?=[0-9]{3}(?![0-9]))")
_SPACES = " \u00a0\u202f\u2009"
_COMMA_NUMBER = re.compile(
    rf"(?<![\w.,])(?:[1-9][0-9]{{0,2}}(?:(?:\.[0-9]{{3}})+|(?:[{_SPACES}][0-9]{{3}})+)(?:,[0-9]+)?"
    rf"(?![0-9]|[.,][0-9])|[0-9]+,[0-9]+(?:[eE][+-]?[0-9]{{1,3}})?(?![0-9]|[.,][0-9]))"
)
_COMMA_IN_LATEX = re.compile(r"(?<=[0-9])\{,\}(?=[0-9])")
_MONEY_WITH_SPACES = re.compile(
    rf"(?<=[$€£₹])[1-9][0-9]{{0,2}}(?:[{_SPACES}][0-9]{{3}})+(?![0-9]|[.,][0-9]{{3}})"
)
_INDIAN_NUMBER = re.compile(
    r"(?<![\w.,])[0-9]{1,2}(?:,[0-9]{2}){1,9},[0-9]{3}(?![0-9]|,[0-9])"
)
_SWAP = str.maketrans(".," + _SPACES, ",." + "," * len(_SPACES))


def with_plain_digits(text: str, writing: Writing = ENGLISH) -> str:
    """The text, of the same length, with its numbers in ASCII digits and English marks.

    Between lakhs and crores an apostrophe stands for the comma, so that ``1'00'000`` is
    one number and ``1,00,000`` in English is none.

    >>> with_plain_digits("1.250,50 € oder ১২টি", Writing("de", ","))
    '1,250.50 € oder 12টি'
    """
    if not text.isascii():
        wide = text
        text = text.translate(_PLAIN)
        if "，" in text:
            text = _WIDE_COMMA.sub(
                lambda m: "," if wide[m.start() - 1] >= "\uff10" else m[0], text
            )
    if writing.indian:
        text = _INDIAN_NUMBER.sub(lambda match: match[0].replace(",", "'"), text)
    if writing.decimal_mark == ",":
        text = _COMMA_NUMBER.sub(lambda match: match[0].translate(_SWAP), text)
    elif _MONEY_WITH_SPACES.search(text):
        text = _MONEY_WITH_SPACES.sub(lambda match: match[0].translate(_SWAP), text)
    return text


def find_numbers(text: str, writing: Writing = ENGLISH) -> tuple[WrittenNumber, ...]:
    """All numbers of the text in order; linear in its length.

    Args:
        writing: how the chain that the text is from writes its numbers.

    >>> [str(n.value) for n in find_numbers("H2O costs $1,250.50, 3/4 of twenty.")]
    ['2501/2', '3/4', '20']
    """
    return tuple(_scan(with_plain_digits(text, writing), writing))


def number_value(text: str, writing: Writing = ENGLISH) -> Fraction | None:
    """The value of a text that is one number and nothing else, or None.

    Currency and per cent signs are allowed, and a fraction may be improper.

    >>> number_value("$1,250.50"), number_value("7/2"), number_value("7 apples")
    (Fraction(2501, 2), Fraction(7, 2), None)
    """
    text = with_plain_digits(text.strip(), writing)
    if len(text) > 3 * LONGEST_NUMBER:
        return None
    if match := re.fullmatch(
        r"([-−]?)(?:([0-9]{1,18}) ?/ ?([0-9]{1,18})"
        r"|\\[dt]?frac(?:\{([0-9]{1,18})\}\{([0-9]{1,18})\}|([0-9])([0-9])))",
        text,
    ):
        minus, *digits = match.groups()
        above, below = (int(n) for n in digits if n)
        if below == 0:
            return None
        return Fraction(above, below) * (-1 if minus else 1)
    if _HAN.fullmatch(text):
        return Fraction(value) if (value := han_to_int(text)) is not None else None
    found = tuple(_scan(text, writing))
    if len(found) != 1:
        return None
    outside = text[: found[0].start] + text[found[0].end :]
    left = re.sub(r"\\?[%$€£¥₹]|per ?cent|\s", "", outside)
    return found[0].value if not left else None


def _scan(text: str, writing: Writing) -> Iterator[WrittenNumber]:
    in_words = writing.code not in _OWN_NUMBER_WORDS
    markers = iter([*marker_spans(text), (len(text) + 1, len(text) + 1)])
    marker_start, marker_end = next(markers)
    position = 0
    while match := _TOKEN.search(text, position):
        while marker_end <= match.start():
            marker_start, marker_end = next(markers)
        if marker_start <= match.start():
            position = max(marker_end, position + 1)
            continue
        number, position = _read(text, match)
        if number is not None and number.kind == "word" and not in_words:
            continue
        if number is not None:
            yield number


def _read(text: str, match: re.Match[str]) -> tuple[WrittenNumber | None, int]:
    """The number of a token, if it is one, and where to go on."""
    end = match.end()
    if match.lastgroup in ("skip", "command", "name", "han_skip"):
        return None, end
    if match["han"]:
        return _read_han(text, match), end
    if match["clock"]:
        part = _part(match, "clock", 12)
        return WrittenNumber(match.start(), end, "time", part.value, (part,)), end
    if match["words"]:
        return _read_words(text, match), end
    if match["num_g"]:
        return _read_latex_fraction(text, match, "g", 9), end
    if match["num_f"]:
        number = _read_latex_fraction(text, match, "f")
        if number is None and match["whole_f"]:
            return _read_plain(text, match, "whole_f")
        return number, (end if number else match.start("num_f"))
    if match["vulgar"]:
        return _read_vulgar(text, match), end
    if match["hour"]:
        return _read_time(text, match), end
    if match["num_m"]:
        number = _read_fraction(text, match, "whole_s", "num_m", "den_m")
        return (number, end) if number else _read_plain(text, match, "whole_s")
    if match["num_s"]:
        number = None
        if match.start() == 0 or text[match.start() - 1] != "/":
            number = _read_fraction(text, match, None, "num_s", "den_s")
        return (number, end) if number else _read_plain(text, match, "num_s")
    return _read_plain(text, match, "plain")


def _read_words(text: str, match: re.Match[str]) -> WrittenNumber | None:
    start, end = match.span("words")
    words = match["words"]
    value = words_to_int(words)
    if value is None or (words.lower() == "one" and _is_pronoun(text, match)):
        return None
    part = Part(start, end, Fraction(value))
    if match["parts"]:
        name = match["parts"].lower()
        below = _DENOMINATORS[name if name in _DENOMINATORS else name.rstrip("s")]
        fraction = Fraction(value, below)
        return WrittenNumber(start, match.end(), "fraction", fraction, (part,))
    return WrittenNumber(start, end, "word", part.value, (part,))


def _read_han(text: str, match: re.Match[str]) -> WrittenNumber | None:
    """A Chinese numeral that says how many: more than one character, or counted."""
    start, end = match.span("han")
    value = han_to_int(match["han"])
    if value is None or not value:
        return None
    if end - start == 1:
        counted = _HAN_AFTER.match(text, end)
        said = _HAN_BEFORE.search(text[max(0, start - 3) : start])
        if not counted and not (said and not text[end : end + 1].isalpha()):
            return None
        if match["han"] in "百千万萬亿億" and not said:
            return None
    percent = text.endswith("百分之", 0, start)
    part = Part(start, end, Fraction(value), 100 if percent and value <= 100 else None)
    return WrittenNumber(
        start, end, "percent" if percent else "word", part.value, (part,)
    )


def _is_pronoun(text: str, match: re.Match[str]) -> bool:
    """The word "one" stands for a thing or a person here, not for 1."""
    if match["parts"]:
        return False
    start, end = match.span("words")
    before = re.search(r"([^\W\d]{1,20})[ \t]$", text[max(0, start - 20) : start])
    after = re.match(r"[ \t]([^\W\d]{1,20})", text[end : end + 24])
    return bool(
        (before and before[1].lower() in _NOT_A_NUMBER_BEFORE_ONE)
        or (after and after[1].lower() in _NOT_A_NUMBER_AFTER_ONE)
        or text[end : end + 2] in ("'s", "’s")
        or text[end : end + 4] == "-on-"
        or text[end : end + 4] == "-way"
    )


def _part(match: re.Match[str], group: str, most: int | None = None) -> Part:
    start, end = match.span(group)
    return Part(start, end, Fraction(int(match[group])), most)


def _read_latex_fraction(
    text: str, match: re.Match[str], form: str, most: int | None = None
) -> WrittenNumber | None:
    """``\\frac{3}{4}`` (form f), and ``\\frac34`` (g) of two digits."""
    above, below = (_part(match, f"{name}_{form}", most) for name in ("num", "den"))
    whole = (_part(match, f"whole_{form}"),) if match[f"whole_{form}"] else ()
    if below.value == 0 or (above.value % below.value == 0 and above.value):
        return None
    value = above.value / below.value + sum(part.value for part in whole)
    start, sign = _sign(text, match.start())
    return WrittenNumber(
        start, match.end(), "fraction", sign * value, (*whole, above, below)
    )


def _read_vulgar(text: str, match: re.Match[str]) -> WrittenNumber:
    start, end = match.span("vulgar")
    part = Part(start, end, VULGAR[match["vulgar"]])
    whole = (_part(match, "whole_v"),) if match["whole_v"] else ()
    value = part.value + sum(part.value for part in whole)
    start, sign = _sign(text, match.start())
    return WrittenNumber(start, match.end(), "fraction", sign * value, (*whole, part))


def _read_time(text: str, match: re.Match[str]) -> WrittenNumber:
    hour = _part(match, "hour", 12 if int(match["hour"]) <= 12 else 24)
    minute = _part(match, "minute", 59)
    parts: tuple[Part, ...] = (hour, minute)
    value = hour.value + minute.value / 60
    if match["second"]:
        second = _part(match, "second", 59)
        parts, value = (*parts, second), value + second.value / 3600
    return WrittenNumber(match.start(), match.end(), "time", value, parts)


def _read_fraction(
    text: str, match: re.Match[str], whole: str | None, above: str, below: str
) -> WrittenNumber | None:
    """A proper fraction, perhaps with a whole number before it; None if improper."""
    top, bottom = _part(match, above), _part(match, below)
    if not 0 < top.value < bottom.value:
        return None
    before = (_part(match, whole),) if whole else ()
    value = top.value / bottom.value + sum(part.value for part in before)
    start, sign = _sign(text, match.start())
    return WrittenNumber(
        start, match.end(), "fraction", sign * value, (*before, top, bottom)
    )


def _read_plain(
    text: str, match: re.Match[str], group: str
) -> tuple[WrittenNumber | None, int]:
    start, end = match.span(group)
    digits = re.sub(r"[^0-9.]", "", match[group])
    # A point that opens a number follows white space or a sign, never a word or a dot.
    opens = digits.startswith(".") and start > 0
    if len(digits) > LONGEST_NUMBER or (
        opens and (text[start - 1].isalnum() or text[start - 1] in ".)]}")
    ):
        return None, match.end() if group == "plain" else end
    mantissa = Fraction(int(digits) if digits.isdigit() else digits)
    value = mantissa * _SCALES.get(text[match.end() : match.end() + 1], 1)
    if group == "plain" and match.end() > end:
        value *= Fraction(10) ** int(match[0][end - match.start() + 1 :])
        end = match.end()
    kind: Kind = "decimal" if "." in digits or end > match.end(group) else "integer"
    part_end = match.end(group)
    if kind == "integer" and _ORDINAL.match(text, end):
        kind = "ordinal"
    elif _PERCENT.match(text, end):
        kind = "percent"
    elif start > 0 and text[start - 1] in _CURRENCY:
        kind = "money"
    first, sign = _sign(text, start)
    part = Part(
        start, part_end, mantissa, 100 if _at_most_100(kind, mantissa) else None
    )
    return WrittenNumber(first, end, kind, sign * value, (part,)), end


def _at_most_100(kind: Kind, value: Fraction) -> bool:
    return kind == "percent" and value <= 100


def _sign(text: str, start: int) -> tuple[int, int]:
    """Where a number that starts here starts with its sign, and the sign.

    A minus belongs to the number when nothing that could be subtracted from stands
    before it: ``= -3`` and ``(-3`` are negative, ``16-3`` and ``16 -3`` are not. In
    ``-$5`` the sign is counted and, being outside of the digits, not included.
    """
    at = start - 1
    while at >= 0 and text[at] in ("$", "\\", "€", "£") and start - at < 4:
        at -= 1
    if at < 0 or text[at] not in _MINUS:
        return start, 1
    first = at if at == start - 1 else start
    # Ten spaces back are enough to see what a minus belongs to.
    before = text[max(0, at - 10) : at].rstrip(" \t")
    if before and (before[-1].isalnum() or before[-1] in ")]}%>$°'\"*_-–"):
        word = re.search(r"[^\W\d]{2,12}$", before)
        return (first, -1) if word and at > 0 and text[at - 1] == " " else (start, 1)
    return first, -1
