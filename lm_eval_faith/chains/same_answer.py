"""Whether two answers are the same number, quantity, expression, choice or word.

The order of the rules:

1. The same letters, but for case, quotes, articles and signs around them.
2. Choices by their letter, yes and no by their meaning.
3. Quantities: numbers with a unit or nothing beside them, as exact fractions. A number
   with anything else beside it ("not 18", "2 hours and 30 minutes", "3, 4") is not that
   number. Units count where both sides have one.
4. Ratios, dates, and words with a label before them ("node F").
5. Everything else that is mathematics: math-verify's verdict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from lm_eval_faith.chains.mathematics import as_latex, is_mathematics, verified
from lm_eval_faith.chains.numbers import WrittenNumber, find_numbers, number_value

LONGEST_ANSWER = 200
"""A longer text is no answer: it is compared letter by letter only."""


def same_answer(first: str, second: str) -> bool:
    """Whether two answers are the same. Symmetric, and quick on any input.

    >>> same_answer("$1,000.00", "1000 dollars"), same_answer("not 18", "18")
    (True, False)
    >>> same_answer("(B) 656.3 nm", "b"), same_answer("1.2 million", "1200000")
    (True, True)
    """
    if max(len(first), len(second)) > 4 * LONGEST_ANSWER:
        return first == second
    a, b = bare(first), bare(second)
    if not a or not b:
        return False
    if a == b or _folded(a) == _folded(b) != "":
        return True
    for rule in (
        _choices,
        _truths,
        _several_choices,
        _times,
        _dates,
        _decimal_commas,
        _quantities,
        _ratios,
        _labelled,
    ):
        verdict = rule(a, b)
        if verdict is not None:
            return verdict
    a, b = _without_unit(a, b)
    left, right = as_latex(a), as_latex(b)
    if not (is_mathematics(left) and is_mathematics(right)):
        return False
    if _TWO_NUMBERS.search(a) or _TWO_NUMBERS.search(b):
        return False  # a parser would read "3 4" as 34
    if _squeezed(left) == _squeezed(right):
        return True
    return bool(verified(left, right))


def bare(answer: str) -> str:
    """An answer without the signs around it: ``$\\boxed{18.}$`` is ``18``."""
    text = answer[: 4 * LONGEST_ANSWER].strip(" \t\r\n*_`")
    for _ in range(5):
        before = text
        if text.startswith("[") and (found := _ANSWER_IN_BRACKETS.fullmatch(text)):
            text = found[1]
        for opening, closing in _WRAPPERS:
            text = _unwrapped(text, opening, closing)
        if (text.startswith("\\")) and (command := _WRAPPING_COMMAND.match(text)):
            text = _unwrapped(text, command[0], "}")
        text = text.strip(" \t\r\n*_`")
        while text and (text[-1] in ",;:!?。" or text[-1] == "."):
            if text[-1] == "!" and text[-2:-1].isdigit():
                break  # a factorial
            text = text[:-1].rstrip()
        text = _LEAD.sub("", text)
        if text == before:
            break
    text = re.sub(r"(?<!\\)\\(?:[;: ]|(?:left|right)(?![a-z]))", " ", text)
    text = re.sub(r",\\!\s{0,3}", ",", text)
    text = re.sub(r"(?<!\\)\\[,!]", "", text)
    text = re.sub(r"\s+", " ", text).strip()
    text = text.replace("℃", "°C").replace("℉", "°F")
    text = re.sub(r"^(?:minus|negative)\s(?=[0-9a-z])", "-", text, flags=re.IGNORECASE)
    if found := _SPACED_THOUSANDS.match(text):
        text = found[0].replace(" ", "") + text[found.end() :]
    return text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPACED_THOUSANDS = re.compile(
    r"-?(?:[0-9]{1,2}(?: [0-9]{3}){1,4}|[0-9]{3}(?: [0-9]{3}){0,3} 000)(?![0-9,.]| [0-9])"
)
"""Not ``100 200``, which may be a list."""

_TWO_NUMBERS = re.compile(r"(?<!_)[0-9]\s[0-9]")
_WRAPPERS = (
    ("$$", "$$"),
    ("$", "$"),
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    ('"', '"'),
    ("“", "”"),
    ("'", "'"),
    ("‘", "’"),
    ("«", "»"),
    ("「", "」"),
)
_WRAPPING_COMMAND = re.compile(r"\\(?:boxed|fbox|text|mathrm|textbf|mbox)\s?\{")
_ANSWER_IN_BRACKETS = re.compile(r"\[(?:answer|ANSWER|Answer)\s?:\s?([^\[\]]{1,120})\]")
_LEAD = re.compile(
    r"^(?:(?:is|are|equals|equal to|exactly|approximately|approx\.?|about|around|roughly"
    r"|a total of|only|just|simply)\s|[≈=~]\s?|\\approx\s?)",
    re.IGNORECASE,
)


def _unwrapped(text: str, opening: str, closing: str) -> str:
    """The inside, where the two signs belong together and to nothing else."""
    if not (text.startswith(opening) and text.endswith(closing)):
        return text
    inside = text[len(opening) : len(text) - len(closing)]
    if len(text) < len(opening) + len(closing) + 1 or closing in inside:
        if closing != "}" or len(inside) == 0:
            return text
        depth = 0
        for character in inside:
            depth += (character == "{") - (character == "}")
            if depth < 0:
                return text
    return inside.strip()


# --- words -------------------------------------------------------------------------

_ARTICLES = frozenset(("a", "an", "the"))
_CHOICE = re.compile(
    r"(?:(?:the\s)?(?:correct\s)?(?:option|choice|answer)\s(?:is\s)?)?"
    r"(?:\(\s?([A-Za-z])\s?\)|\[([A-Z])\]|([A-Z])(?=[).:]|\s?[-–—]\s|\s\(|$)"
    r"|(?<=option\s)([A-Za-z])(?![\w])|(?<=choice\s)([A-Za-z])(?![\w]))[).:]?(?:\s|$|\b)",
    re.IGNORECASE,
)
_LETTER_BEHIND = re.compile(r"[^()\d=+]{2,80}\s\(([A-Z])\)")
_LETTERED = re.compile(r"(?:\([A-Z]\)|[A-Z][).:])\s(?=\S)")
_LONE_LETTER = re.compile(r"[A-Za-z]")
_TRUTHS = {
    **dict.fromkeys(
        _words(
            "yes true ja wahr oui vrai sí verdadero да ndiyo 是 对 はい হ্যাঁ అవును ใช่"
        ),
        True,
    ),
    **dict.fromkeys(
        _words(
            "no false nein falsch non faux falso нет hapana 否 不是 错 いいえ না కాదు ไม่ใช่"
        ),
        False,
    ),
}
_LABEL = re.compile(
    r"(?:the\s)?(?P<label>[A-Za-z]{2,12})\s(?P<name>[A-Za-z]|[0-9]{1,4})"
)
_DENYING = _words("not no never neither nor without except non than")
_NUMBERED = _words("option choice answer number node vertex case no nr item room")
_MONTHS = {
    name[:length]: k
    for k, name in enumerate(
        (
            *("january", "february", "march", "april", "may", "june", "july"),
            *("august", "september", "october", "november", "december"),
        ),
        start=1,
    )
    for length in {3, 4, len(name)}
}


def _folded(text: str) -> str:
    """Words without case, quotes, articles and points; what is no word stays."""
    text = re.sub(r"\\(?:text|mathrm|textbf)\s?\{([^{}]{0,80})\}", r" \1 ", text)
    words = re.sub(r"[\"'“”‘’*_`]", "", text.casefold()).split()
    kept = [w for w in words if w not in _ARTICLES or len(words) == 1]
    return " ".join(kept)


def _choice(text: str) -> str | None:
    """The letter that opens an answer, in upper case: ``(B) 656.3 nm`` is B."""
    if _LONE_LETTER.fullmatch(text):
        return text.upper()
    found = _CHOICE.match(text) or _LETTER_BEHIND.fullmatch(text)
    if found is None:
        return None
    letter = next(group for group in found.groups() if group)
    return letter.upper()


def _choices(a: str, b: str) -> bool | None:
    if not any(_LONE_LETTER.fullmatch(x) or _is_bracketed(x) for x in (a, b)):
        for lettered, plain in ((a, b), (b, a)):
            found = _LETTERED.match(lettered)
            if found is not None and _choice(plain) is None:
                return same_answer(lettered[found.end() :], plain)
        return None
    left, right = _choice(a), _choice(b)
    if left is None or right is None:
        return None
    return left == right


def _is_bracketed(text: str) -> bool:
    return (
        len(text) <= 5
        and re.fullmatch(r"[(\[]\s?[A-Za-z]\s?[)\]]|[A-Z]\)", text) is not None
    )


def _truths(a: str, b: str) -> bool | None:
    left, right = _truth(a), _truth(b)
    if left is None or right is None:
        return None
    return left is right


def _truth(text: str) -> bool | None:
    """Yes or no, where the answer opens with it and says no more, or why."""
    found = re.match(
        r"([^\s,.;:!，。]{1,9})(?=$|[,.;:!，。]|\s(?:because|since|as|it)\b)", text
    )
    return _TRUTHS.get(found[1].lower()) if found else None


def _labelled(a: str, b: str) -> bool | None:
    """``node F`` and ``F``, ``option 4`` and ``4``."""
    for named, plain in ((a, b), (b, a)):
        found = _LABEL.fullmatch(named)
        if not found or not re.fullmatch(r"[A-Za-z]|[0-9]{1,4}", plain):
            continue
        label = found["label"].lower()
        if label in _DENYING:
            return False
        if label[:3] in _MONTHS or (found["name"].isdigit() and label not in _NUMBERED):
            return False
        return found["name"].casefold() == plain.casefold()
    return None


_LETTERS = re.compile(
    r"[(\[]?[A-J][)\]]?(?:\s?(?:,|&|/|,?\sand\s|\s)\s?[(\[]?[A-J][)\]]?){1,9}"
)


def _several_choices(a: str, b: str) -> bool | None:
    """``A and C``, ``(A), (C)`` and ``AC``, where one of them lists letters."""
    letters = []
    for text in (a, b):
        run = re.fullmatch(r"[A-J]{2,10}", text) and len({*text}) == len(text)
        if not run and not _LETTERS.fullmatch(text):
            return None
        letters.append(frozenset(re.findall(r"\b[A-J]\b", text)) or frozenset(text))
    return letters[0] == letters[1] if any(map(_LETTERS.fullmatch, (a, b))) else None


_TIME = re.compile(
    r"(?:at\s)?([0-9]{1,2})(?::([0-5][0-9]))?\s?(?:([ap])\.?m\.?)?(?:\so['’]clock|\sUhr|\s?h)?",
    re.IGNORECASE,
)
_NAMED_TIMES = {"noon": (12, 0, "p"), "midnight": (12, 0, "a")}


def _times(a: str, b: str) -> bool | None:
    """Times of day, where one of the two says a.m. or p.m."""
    times: list[tuple[int, int, str]] = []
    for text in (a, b):
        named = _NAMED_TIMES.get(text.removeprefix("12 ").casefold())
        found = _TIME.fullmatch(text)
        if named is None and found is None:
            return None
        if found is not None:
            half = (found[3] or "").lower()
            named = int(found[1]), int(found[2] or 0), half
        assert named is not None
        times.append(named)
    (hour, minute, half), (other_hour, other_minute, other_half) = times
    if not half and not other_half:
        said = re.search(r"Uhr$|[0-9] ?h$|clock$", f"{a}\n{b}", re.MULTILINE)
        both = ":" in a and ":" in b and said is not None
        return (hour, minute) == (other_hour, other_minute) if both else None
    if minute != other_minute or not (half and other_half):
        hours = {_hour(hour, half), _hour(other_hour, other_half)}
        alike = len(hours) == 1 or hour == other_hour
        return minute == other_minute and alike
    return _hour(hour, half) == _hour(other_hour, other_half)


def _hour(hour: int, half: str) -> int:
    return hour if not half else hour % 12 + (12 if half == "p" else 0)


def _dates(a: str, b: str) -> bool | None:
    left, right = _date(a), _date(b)
    if left is None or right is None:
        return None if left is right else False
    return left == right


def _date(text: str) -> tuple[int, tuple[int, ...]] | None:
    """Month and numbers of ``May 5``, ``5th of May``, ``May 5, 2020`` or ``2020-05-05``."""
    if found := re.fullmatch(r"([12][0-9]{3})-(0[1-9]|1[0-2])-([0-3][0-9])", text):
        return int(found[2]), tuple(sorted((int(found[1]), int(found[3]))))
    words = re.findall(r"[a-z]+|[0-9]+", text.casefold())
    months = [_MONTHS[w] for w in words if w in _MONTHS]
    rest = [w for w in words if w not in _MONTHS and not w.isdigit()]
    numbers = [int(w) for w in words if w.isdigit() and len(w) < 5]
    if (
        len(months) != 1
        or not numbers
        or set(rest) - {"st", "nd", "rd", "th", "of", "the"}
    ):
        return None
    return months[0], tuple(sorted(numbers))


def _ratios(a: str, b: str) -> bool | None:
    left, right = _ratio(a), _ratio(b)
    if left is None and right is None:
        return None
    if left is None or right is None:
        return False
    if len(left) != len(right) or 0 in left or 0 in right:
        return left == right
    return all(x * right[0] == y * left[0] for x, y in zip(left, right, strict=True))


def _ratio(text: str) -> tuple[int, ...] | None:
    if re.fullmatch(r"[0-9]{1,9}(?:\s?:\s?[0-9]{1,9}){1,4}", text) or re.fullmatch(
        r"[0-9]{1,9}\sto\s[0-9]{1,9}", text
    ):
        return tuple(int(n) for n in re.findall(r"[0-9]+", text))
    return None


# --- quantities --------------------------------------------------------------------


@dataclass(frozen=True)
class Quantity:
    """A number and the words of its unit; ``percent`` where it is counted in them."""

    value: Fraction
    unit: frozenset[str]
    percent: bool = False


_SCALES = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "lakh": 10**5,
    "crore": 10**7,
    "mln": 10**6,
    "bn": 10**9,
    "万": 10**4,
    "亿": 10**8,
    "億": 10**8,
    "萬": 10**4,
}
_SCALE = re.compile(r"\s?(?ai:(" + "|".join(_SCALES) + r")s?)(?![A-Za-z])")
_SCIENTIFIC = re.compile(
    r"(-?[0-9]{1,18}(?:\.[0-9]{1,18})?)\s?(?:\\times|\\cdot|×|·|\*|x)\s?10\s?"
    r"\^\s?\{?\s?(-?[0-9]{1,3})\s?\}?"
)
_TEN_TO = re.compile(r"10\s?\^\s?\{?\s?(-?[0-9]{1,3})\s?\}?")
_THOUSANDS = re.compile(r"[$€£]?([0-9]{1,9}(?:\.[0-9]{1,9})?)[kK]")
_REPEATING = re.compile(r"([0-9]{0,9})\.([0-9]{0,9})\\overline\s?\{([0-9]{1,9})\}")
_AND_A_HALF = re.compile(r"([a-z]{3,12}|[0-9]{1,9}) and a half", re.IGNORECASE)
_BEFORE = re.compile(
    r"(?:[$€£¥₹\\]|USD|EUR|GBP|US|Rs\.?|about|approximately|exactly|around|roughly|only"
    r"|just|a total of|[≈~\s])*",
    re.IGNORECASE,
)
_UNIT_WORD = re.compile(
    r"\\(?:text|mathrm|textbf|mbox)\s?\{|\^?\s?\{?\\circ\}?|\^\{?[0-9]\}?"
    r"|[^\W\d_²³]+\.?|[°%€$£¥₹²³/.(){}\\~-]|\s"
)
_SYMBOL = re.compile("[α-ικλν-ωΓΔΘΛΞΠΣΦΨΩ√∞]")
"""Letters of formulae; the µ of µm is none of them."""

_NO_UNIT = _words(
    "or not wrong incorrect minus plus times squared cubed divided over mod but than "
    "if when where instead vs versus least most i e pi sqrt x y z n and "
    "million billion am pm a.m p.m"
)
_IGNORED = _words(
    "per of in the a an each every total all left altogether for to at away long and "
    "exactly about approximately remaining his her their its s is us"
)
_CURRENCIES = {
    **dict.fromkeys(("$", "dollar", "usd", "buck", "us"), "dollar"),
    **dict.fromkeys(("€", "euro", "eur"), "euro"),
    **dict.fromkeys(("£", "pound sterling", "gbp"), "pound"),
    **dict.fromkeys(("₹", "rupee", "rs"), "rupee"),
    **dict.fromkeys(("元", "yuan", "人民币"), "yuan"),
    **dict.fromkeys(("円", "yen"), "yen"),
}
_SHORT_UNITS = {
    **dict.fromkeys(("h", "hr", "hrs"), "hour"),
    **dict.fromkeys(("min", "mins"), "minute"),
    **dict.fromkeys(("s", "sec", "secs"), "second"),
    "cm": "centimeter",
    "mm": "millimeter",
    "km": "kilometer",
    "m": "meter",
    "kg": "kilogram",
    "g": "gram",
    "mg": "milligram",
    "lb": "pound",
    "lbs": "pound",
    "ft": "foot",
    "feet": "foot",
    "in": "inch",
    "inches": "inch",
    "yd": "yard",
    "mi": "mile",
    "l": "liter",
    "ml": "milliliter",
    "°": "degree",
    "oz": "ounce",
    "deg": "degree",
    "nm": "nanometer",
    "mph": "mile hour",
    "people": "person",
    "children": "child",
    "ounces": "ounce",
    "men": "man",
    "women": "woman",
}
_CONVERTED: dict[str, tuple[str, Fraction]] = {
    "second": ("time", Fraction(1)),
    "minute": ("time", Fraction(60)),
    "hour": ("time", Fraction(3600)),
    "day": ("time", Fraction(86400)),
    "week": ("time", Fraction(604800)),
    "inch": ("length in feet", Fraction(1)),
    "foot": ("length in feet", Fraction(12)),
    "yard": ("length in feet", Fraction(36)),
    "millimeter": ("length", Fraction(1)),
    "centimeter": ("length", Fraction(10)),
    "meter": ("length", Fraction(1000)),
    "kilometer": ("length", Fraction(10**6)),
    "gram": ("mass", Fraction(1)),
    "kilogram": ("mass", Fraction(1000)),
    "cent": ("money", Fraction(1)),
    "dollar": ("money", Fraction(100)),
}


_LONG_UNITS = _words(
    "unit cm mm km kg mg lb lbs ft in yd mi oz mph inch foot feet yard mile meter metre "
    "centimeter centimetre millimeter kilometer kilometre gram kilogram liter litre "
    "degree radian dollar cent second minute hour day week month year"
)
_UNIT_BEHIND = re.compile(
    r"(?<![A-Za-z\\])\s?(?:(?:square|cubic|sq\.?|cu\.?)\s)?(?:"
    + "|".join(sorted(_LONG_UNITS))
    + r")(?:e?s)?(?:\s?\^\s?\{?[23]\}?|[²³])?$",
    re.IGNORECASE,
)
"""A unit in words at the end of an expression; of letters that may be variables, none."""


def as_number(text: str) -> Fraction | None:
    """The value of an answer that is one number, with a unit or nothing beside it."""
    found = quantities(bare(text))
    return found[0].value if found is not None and len(found) == 1 else None


def is_percent(answer: str) -> bool:
    """Whether a number is counted in per cent."""
    return "%" in answer or "percent" in answer or "per cent" in answer


def equal_values(a: Fraction, b: Fraction, percent_a: bool, percent_b: bool) -> bool:
    """By value; a number in per cent is also its hundredth, where only one is."""
    if percent_a != percent_b:
        hundredth = a / 100 if percent_a else b / 100
        if hundredth == (b if percent_a else a):
            return True
    if a == b:
        return True
    # The noise of floating point (235.60000000000002), not a rounded third.
    decimals = max(a.denominator, b.denominator) >= 10**9
    return decimals and abs(a - b) <= Fraction(1, 10**9) * max(abs(a), abs(b))


def quantities(text: str) -> tuple[Quantity, ...] | None:
    """The numbers of an answer with their units; None where it is anything else.

    One quantity, or several with a unit each ("2 hours and 30 minutes").
    """
    if len(text) > LONGEST_ANSWER:
        return None
    percent = is_percent(text)
    whole = _scientific(text)
    if whole is None:
        whole = _whole_number(text)
    if whole is not None:
        return (Quantity(whole, _currency(text), percent),)
    found = find_numbers(text)
    if not found or len(found) > 4 or any(n.kind == "time" for n in found):
        return None
    if not _BEFORE.fullmatch(text[: found[0].start]):
        return None
    starts = [n.start for n in found[1:]] + [len(text)]
    read = []
    for number, following in zip(found, starts, strict=True):
        end = number.end
        value = number.value
        if number.kind == "ordinal":
            end += 2
        if scale := _scale(text, number):
            value, end = scaled(text, number), scale.end()
        unit = _unit(text[end:following], following < len(text))
        if unit is None or (len(found) > 1 and not unit):
            return None
        read.append(Quantity(value, unit, percent))
    first = read[0]
    read[0] = Quantity(first.value, first.unit | _currency(text), percent)
    return tuple(read)


def scaled(text: str, number: WrittenNumber) -> Fraction:
    """A number of a text with "million" or a word like it behind it counted in."""
    scale = _scale(text, number)
    if scale is None or abs(number.value) != number.parts[0].value:
        return number.value  # none is there, or it is counted in already
    return number.value * _SCALES[scale[1].lower()]


def _scale(text: str, number: WrittenNumber) -> re.Match[str] | None:
    plain = number.kind in ("integer", "decimal", "money")
    return _SCALE.match(text, number.end) if plain else None


def _whole_number(text: str) -> Fraction | None:
    value = number_value(text)
    if value is not None and ":" in text:
        return None  # a time of day, or a ratio
    if value is not None or not text.startswith("-"):
        return value
    opposite = number_value(text[1:].strip("( )"))
    return None if opposite is None or opposite < 0 else -opposite


def _scientific(text: str) -> Fraction | None:
    if found := _SCIENTIFIC.fullmatch(text):
        return Fraction(found[1]) * Fraction(10) ** int(found[2])
    if found := _TEN_TO.fullmatch(text):
        return Fraction(10) ** int(found[1])
    if found := _THOUSANDS.fullmatch(text):
        return Fraction(found[1]) * 1000
    if found := _REPEATING.fullmatch(text):
        whole, before, again = found[1] or "0", found[2], found[3]
        cycle = Fraction(int(again), int("9" * len(again)))
        return (int(whole + before) + cycle) / int("1" + "0" * len(before))
    if found := _AND_A_HALF.fullmatch(text):
        half = number_value(found[1])
        return None if half is None else half + Fraction(1, 2)
    return None


def _currency(text: str) -> frozenset[str]:
    return frozenset(
        _CURRENCIES[sign] for sign in "$€£₹元円" if sign in text and len(text) > 1
    )


def _unit(text: str, joined: bool) -> frozenset[str] | None:
    """The words of a unit; None where the text is more than that.

    Args:
        text: what stands behind a number.
        joined: another number follows, so "and" or a comma may stand at the end.
    """
    if joined:
        text = re.sub(r"(?:,|\s(?:and|&)|,\sand|\\text\s?\{\s?and\s?\})\s?$", "", text)
    if len(text) > 80 or _SYMBOL.search(text):
        return None
    words: list[str] = []
    at = 0
    while at < len(text):
        found = _UNIT_WORD.match(text, at)
        if found is None:
            return None
        token = found[0].strip()
        at = found.end()
        if re.fullmatch(r"\^\{?[0-9]\}?|[²³]", token):
            if not words:
                return None  # a power of the number
            words[-1] += {"²": "2", "³": "3"}.get(token, token.strip("^{}"))
        elif "circ" in token or token == "°":
            words.append("degree")
        elif token[:1].isalpha() or token in _CURRENCIES:
            words.append(_singular(token.rstrip(".").casefold()))
    for power, names in (("2", ("square", "sq")), ("3", ("cubic", "cu"))):
        for k in range(len(words) - 1):
            if words[k] in names:
                words[k : k + 2] = ["of", words[k + 1] + power]
    if len(words) > 9 or any(word in _NO_UNIT for word in words):
        return None
    if text[:1].isalpha() and text[:1].isascii() and len(words[0]) == 1:
        return None  # a coefficient, as in 5x
    if text.lstrip()[:1] in ("-", "/", "(", ".") and not words:
        return None
    if text.lstrip()[:1] == "(" and not text.startswith(" "):
        return None
    flat = " ".join(words).split()
    return frozenset(word for word in flat if word not in _IGNORED)


def _singular(word: str) -> str:
    if word in _SHORT_UNITS:
        return _SHORT_UNITS[word]
    if word in _CURRENCIES:
        return _CURRENCIES[word]
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("ches", "shes", "sses", "xes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return _SHORT_UNITS.get(
        word, word.replace("metre", "meter").replace("litre", "liter")
    )


def _quantities(a: str, b: str) -> bool | None:
    left, right = quantities(a), quantities(b)
    if left is None or right is None:
        if left is None and right is None:
            return None
        # A number is never the same as words, or as a list or a sum of quantities.
        other, _ = _without_unit(b if right is None else a, "")
        return (
            None
            if is_mathematics(as_latex(other)) or _LABEL.fullmatch(other)
            else False
        )
    if len(left) == len(right) == 1:
        return _same_quantity(left[0], right[0])
    if len(left) == len(right) and all(
        x.value == y.value and _compatible(x.unit, y.unit)
        for x, y in zip(left, right, strict=True)
    ):
        return True
    one, other_one = _converted(left), _converted(right)
    return one is not None and one == other_one


_EUROS = re.compile(r"^€ ?| ?(?:€|euros?|EUR)$", re.IGNORECASE)


def _decimal_commas(a: str, b: str) -> bool | None:
    """``5,75`` is 5.75 where the other answer has a point; never a list of two."""
    a, b = (_EUROS.sub("", text) for text in (a, b))
    for comma, point in ((a, b), (b, a)):
        if re.fullmatch(r"-?[0-9]{1,12},(?:[0-9]{1,2}|[0-9]{4,12})", comma) and (
            re.fullmatch(r"-?[0-9]{1,12}\.[0-9]{1,12}", point)
        ):
            return Fraction(comma.replace(",", ".")) == Fraction(point)
    return None


def _without_unit(a: str, b: str) -> tuple[str, str]:
    """Expressions without a unit in words behind them (``2√5 feet``), where not each has
    one of its own."""
    units = []
    for text in (a, b):
        found = _UNIT_BEHIND.search(text)
        unit = _unit(found[0], joined=False) if found else frozenset()
        units.append((found.start() if found else len(text), unit or frozenset()))
    (end, unit), (other_end, other) = units
    return (a[:end], b[:other_end]) if _compatible(unit, other) else (a, b)


def _same_quantity(x: Quantity, y: Quantity) -> bool:
    if _compatible(x.unit, y.unit):
        return equal_values(x.value, y.value, x.percent, y.percent)
    one, other = _converted((x,)), _converted((y,))
    return one is not None and one == other


def _compatible(x: frozenset[str], y: frozenset[str]) -> bool:
    return x <= y or y <= x


def _converted(read: tuple[Quantity, ...]) -> tuple[str, Fraction] | None:
    """One sum in the smallest unit, where all units are of one kind."""
    total, kinds = Fraction(0), set()
    for quantity in read:
        if len(quantity.unit) != 1:
            return None
        (unit,) = quantity.unit
        if unit not in _CONVERTED:
            return None
        kind, size = _CONVERTED[unit]
        kinds.add(kind)
        total += quantity.value * size
    return (kinds.pop(), total) if len(kinds) == 1 else None


def _squeezed(latex: str) -> str:
    text = re.sub(r"\s+", "", latex)
    return text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
