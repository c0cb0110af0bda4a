"""What a number of a text is there for: a quantity, or notation around quantities.

Changed numbers are to make a step wrong, not unreadable. In ``f(3) = 2x^4 by equation
1`` only the 2 says how much: 3 is an argument, 4 an exponent, 1 a label.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Literal

from lm_eval_faith.chains.emphasis import without_emphasis
from lm_eval_faith.chains.numbers import WrittenNumber
from lm_eval_faith.chains.protected import matching_braces

Role = Literal["quantity", "exponent", "index", "argument", "label", "wording"]
"""``argument`` of a named function, ``label`` of an equation or method, digit as an object
("the 8's"), radix; ``wording`` is the "two" of "two results": it counts the reasoning's
own parts, or stands where no other number can ("one side")."""

Span = tuple[int, int]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LABELS = (
    r"equations?|eqs?|eqns?|formulas?|formulae|methods?|approach(?:es)?|steps?|cases?"
    r"|parts?|options?|figures?|figs?|tables?|sections?|chapters?|theorems?|lemmas?"
    r"|definitions?|propert(?:y|ies)|rules?|examples?|problems?|exercises?|questions?"
    r"|conditions?|constraints?|statements?|scenarios?|claims?|attempts?|layers?|bits?"
    r"|columns?|levels?|stages?|(?:in|to|from)[ ]base|base(?=-)|radix|modulo|mod"
)
_LABEL_BEFORE = re.compile(
    rf"(?i)(?<![^\W\d_])(?P<label>{_LABELS})(?:\.?[ ](?:number[ ]|no\.?[ ])?|-)"
    r"(?:\*\*)?[(#]?[ ]?$"
)
_OTHER_LABELS = re.compile(
    r"(?i)(?:(?<![^\W\d_])(?:Gleichung(?:en)?|Schritt|Fall|Methode|Aufgabe|Formel|ecuaci[oó]n"
    r"|paso|m[eé]todo|caso|problema|[eé]quation|[eé]tape|cas|m[eé]thode|уравнени[еяюий]|шаг[ае]?"
    r"|случа[йея]|способ|задач[аие]|ধাপ|সমীকরণ|পদ্ধতি|चरण|समीकरण|విధానం|hatua|njia)[ ]?[(#№]?"
    r"|第|(?:方程式?|公式|方法|步骤|步驟|情况|情況|手順|ステップ|ケース|場合|问题|問題|例题|式)[ ]?[(（]?)$"
)
_TAG_BEFORE = re.compile(
    r"(?:\\(?:tag|ref|eqref|label|hspace|vspace|kern|pmod|bmod|mod|sqrt\[|\\\[)"
    r"[*]?[ ]?\{?[ ]?|(?<![\w/])\#[ ]?)$"
)
_NEXT_LABEL = re.compile(r"\)?(?:,|,?[ ](?:and|or|to|through)|[ ]?&|-|–)[ ]?\(?")
_EXPONENT_BEFORE = re.compile(r"(?:\^|\*\*)[ ]?[{(]?[ ]?[-−+]?$")
_INDEX_BEFORE = re.compile(r"_[ ]?\{?[ ]?$")
_EQUATION_NUMBER = re.compile(r"(?:\.{3}|…|\\q?quad|[ \t]{2})[ \t]{0,8}\($")

_NAME = (
    "sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|log|ln|lg|exp|gcd|lcm"
    "|max|min|floor|ceil|det|deg|dim|Pr|Var"
)
_CALL = re.compile(
    rf"(?:(?<![A-Za-z\\])(?:[A-Za-z]|{_NAME})|\\(?!(?:times|cdot|div|pm|mp|le|ge|leq|geq"
    r"|approx|left|right|in|to|quad|text|lt|gt|ne|neq|equiv|and|or|Rightarrow|implies"
    r"|big|Big|bigl|frac|ast|star)(?![A-Za-z]))[A-Za-z]{1,16}|[\u0370-\u03ff])"
    r"(?:['′]|\^\{?-?[0-9]{1,2}\}?|_\{?[A-Za-z0-9]{1,3}\}?|⁻¹)*$"
)
_BARE_CALL = re.compile(
    r"(?:(?<![A-Za-z])(?:sin|cos|tan|cot|sec|csc|log|ln|lg|arcsin|arccos|arctan)"
    r"(?:\^\{?-?[0-9]{1,2}\}?|_\{?[A-Za-z0-9]{1,3}\}?|⁻¹)?)[ ]?\{?[ ]?$"
)
_LEFT = re.compile(r"\\(?:left|big|Big|bigl|Bigl)[ ]?$")
_PARENTHESES = re.compile(r"[()]")
_SCRIPT = re.compile(r"(?:(?P<up>\^|\*\*)|(?P<down>_))[ ]?(?P<open>[{(])")

_COUNTED = (
    r"sides?|hands?|results?|equations?|expressions?|formulas?|things?|unknowns?|variables?"
    r"|ways?|methods?|approach(?:es)?|cases?|steps?|possibilit(?:y|ies)|scenarios?"
    r"|conditions?|statements?|interpretations?|answers?|solutions?|options?|facts?"
    r"|numbers|values|integers|constraints?|parts?|points?|places?|positions?|calculations?|checks?|mistakes?"
)
_COUNTED_AFTER = re.compile(
    rf"[ -](?:[a-z]{{2,14}}[ -])?(?:{_COUNTED})(?![a-z])(?![ ]of[ ])"
)
_ALWAYS_COUNTED_AFTER = re.compile(
    r"[ ](?:[a-z]{2,14}[ ])?(?:equations?|unknowns?|variables?)(?![a-z])"
)
_ONE_AND_A_NOUN = re.compile(r"[ ](?P<noun>[a-z]{2,20})(?![a-z])")
_NO_NOUN = _words(
    "of and or plus minus times is was to for from in at on by with are were as if then "
    "than divided multiplied equals into per so but half third quarter hundred thousand "
    "million less fewer"
)
_BEFORE_ONE = re.compile(
    r"(?i)(?<![^\W\d_])(?:off|by|[a-z]+er|larger|previous|given|at least)[ ]$"
)


def number_roles(text: str, numbers: Sequence[WrittenNumber]) -> tuple[Role, ...]:
    """The role of every number that ``find_numbers`` found in the text; linear.

    >>> from lm_eval_faith.chains.numbers import find_numbers
    >>> number_roles("f(3) = 2x^4 by equation 1", find_numbers("f(3) = 2x^4 by equation 1"))
    ('argument', 'quantity', 'exponent', 'label')
    """
    text, numbers = without_emphasis(text, numbers)
    spans = _Spans(text)
    roles: list[Role] = []
    label = ""
    for k, number in enumerate(numbers):
        before = text[max(0, number.start - 40) : number.start]
        role, word = _role(text, number, before, spans)
        if role == "quantity" and k and roles[-1] == "label" and label:
            between = text[numbers[k - 1].end : number.start]
            bracketed = between.startswith(")") and between.endswith("(")
            if _NEXT_LABEL.fullmatch(between) and (bracketed or label.endswith("s")):
                role, word = "label", label
        label = word if role == "label" else ""
        roles.append(role)
    return tuple(_digit_strings(text, numbers, roles))


def _role(
    text: str, number: WrittenNumber, before: str, spans: _Spans
) -> tuple[Role, str]:
    """The role of one number, and the label's word."""
    script = spans.script(number.start)
    if script is not None:
        return script, ""
    near = before[-6:]
    if ("^" in near or "**" in near) and _EXPONENT_BEFORE.search(near):
        return "exponent", ""
    if "_" in near and _INDEX_BEFORE.search(near):
        return "index", ""
    bare = before.rstrip(" {(#*.-")[-1:]
    if spans.in_call(number.start):
        return "argument", ""
    if bare.isalpha() or bare in ("}", "¹") or (bare.isdigit() and near != before):
        if _BARE_CALL.search(before[-24:]):
            return "argument", ""
        if found := _LABEL_BEFORE.search(before[-28:]):
            return "label", found["label"].lower()
    if not before[-12:].isascii() or bare.isalpha():
        found = _OTHER_LABELS.search(before[-16:])
        if found:
            return "label", found[0].lower()
    after = text[number.end : number.end + 40]
    tagged = near[-1:] in ("#", "{", "[", "\\", " ") and ("\\" in before or "#" in near)
    if (tagged and _TAG_BEFORE.search(before)) or spans.in_block(number.start):
        return "label", ""
    closes_line = re.match(r"\)[ \t.,]*(?:\n|$)", after) is not None
    if near.endswith("(") and closes_line and _EQUATION_NUMBER.search(before):
        return "label", ""
    if re.match(r"['’]s(?![a-z])|D(?=-|[ ][a-z]{2})", after):
        return "label", ""  # the 8's, a 3D figure
    if number.kind == "word":
        if _COUNTED_AFTER.match(after) or _is_article(text, number, before, after):
            return "wording", ""
    elif number.kind == "integer" and _ALWAYS_COUNTED_AFTER.match(after):
        return "wording", ""
    return "quantity", ""


def _is_article(text: str, number: WrittenNumber, before: str, after: str) -> bool:
    """ "one" before a noun in the singular, which no other number could precede."""
    if text[number.start : number.end].lower() != "one":
        return False
    noun = _ONE_AND_A_NOUN.match(after)
    if noun and noun["noun"] not in _NO_NOUN:
        word = noun["noun"]
        return not word.endswith("s") or word.endswith(("ss", "us", "is"))
    return _BEFORE_ONE.search(before) is not None


def _digit_strings(
    text: str, numbers: Sequence[WrittenNumber], roles: list[Role]
) -> list[Role]:
    """Four or more single digits in a row are a string of digits: ``1 1 0 1``."""
    run: list[int] = []
    for k in range(len(numbers) + 1):
        number = numbers[k] if k < len(numbers) else None
        single = number is not None and number.end - number.start == 1
        joined = (
            bool(run)
            and single
            and number is not None
            and (text[numbers[run[-1]].end : number.start] == " ")
        )
        if not joined:
            if len(run) >= 4:
                for i in run:
                    roles[i] = "label"
            run = []
        if single:
            run.append(k)
    return roles


class _Spans:
    """The parts of a text whose numbers are notation."""

    def __init__(self, text: str) -> None:
        self._calls = _merged(_calls(text)) if "(" in text else []
        self._scripts = list(_scripts(text)) if re.search(r"[\^_*]", text) else []
        self._starts = [start for start, _, _ in self._scripts]
        self._blocks = list(_drawings(text))

    def in_call(self, place: int) -> bool:
        return _holds(self._calls, place)

    def in_block(self, place: int) -> bool:
        return _holds(self._blocks, place)

    def script(self, place: int) -> Role | None:
        """Exponent or index, if the place is inside the braces of one."""
        at = bisect_right(self._starts, place) - 1
        if at >= 0 and place < self._scripts[at][1]:
            return self._scripts[at][2]
        return None


def _drawings(text: str) -> Iterator[Span]:
    """Code of figures, ``[asy] ... [/asy]``."""
    start = text.find("[asy]")
    while start >= 0:
        end = text.find("[/asy]", start)
        if end < 0:
            return
        yield start, end
        start = text.find("[asy]", end)


def _holds(spans: Sequence[Span], place: int) -> bool:
    at = bisect_right(spans, (place, len(spans) + place + 10**9)) - 1
    return at >= 0 and place < spans[at][1]


def _merged(spans: Iterator[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _calls(text: str) -> Iterator[Span]:
    """What stands between the parentheses of a function; on one line, and closed."""
    opened: list[tuple[int, bool]] = []
    for match in _PARENTHESES.finditer(text):
        at = match.start()
        if match[0] == "(":
            before = _LEFT.sub("", text[max(0, at - 40) : at])
            opened.append((at, _CALL.search(before) is not None))
        elif opened:
            start, is_call = opened.pop()
            if is_call and at - start <= 200:
                yield start, at


def _scripts(text: str) -> Iterator[tuple[int, int, Role]]:
    """Groups behind ``^`` and ``_``: the outermost ones, in order."""
    closing = _closing(text)
    done = 0
    for match in _SCRIPT.finditer(text):
        end = closing.get(match.start("open"))
        if match.start() >= done and end is not None:
            yield match.end(), end, "exponent" if match["up"] else "index"
            done = end


def _closing(text: str) -> dict[int, int]:
    pairs = matching_braces(text)
    opened: list[int] = []
    for match in _PARENTHESES.finditer(text):
        if match[0] == "(":
            opened.append(match.start())
        elif opened:
            pairs[opened.pop()] = match.start()
    return pairs
