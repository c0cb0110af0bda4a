"""Numbers and expressions that stand in a text as results.

A result stands behind an equals sign, "is", "get" and words like them, in a box, behind
a colon, or alone: it is what the sentence says comes out. No result: operands, factors,
coefficients, exponents, arguments and indices, labels ("equation 2"), members of ranges
and lists, what is supposed ("if x = 2"), compared with ("more than 5") or denied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lm_eval_faith.chains.emphasis import without_emphasis
from lm_eval_faith.chains.numbers import WrittenNumber, find_numbers
from lm_eval_faith.chains.protected import matching_braces

Span = tuple[int, int]

_WINDOW = 48
"""As many characters before a number tell what it is there for."""

LONGEST_RESULT = 120
"""A longer run of characters behind an equals sign is not taken for a result."""


def _words(text: str) -> str:
    return "|".join(text.split())


# What may stand between a marker and the number: markup, mathematics, hedges.
_FILLER = (
    r"(?:[\s$*_({\[~≈=:\"'“]|\\[(\[$,]|\\(?:text|mathbf|mathrm|textbf|boxed|fbox)\{"
    r"|\\(?:approx|quad|;)|[€£¥₹]){0,24}"
)
_HEDGE = (
    r"(?:(?:"
    + _words(
        "indeed exactly approximately about around roughly only just still also actually "
        "now then simply therefore thus equal equals correctly simplified rounded to "
        "nearly almost really clearly in fact as"
    )
    + r"|the\s(?:value|answer|number))\b[\s,]{0,4}){0,3}"
)
_VERB = _words(
    "is are was were be been becomes become equals equal being remains remain remained "
    "get gets got getting obtain obtains obtained give gives gave giving given yield "
    "yields yielding leaves leave leaving left find finds found has have had makes make "
    "made totals conclude concludes leads lead comes come amounts amount took takes take results result "
    "resulting answer costs cost earns earned needs took takes rounds round corresponds "
    "correspond means mean simplifies simplify reduces reduce evaluates returns produces "
    "it's that's that’s it’s say says write writes into as receive receives gets total"
)
_MARKER = re.compile(
    rf"(?:\b(?:{_VERB})\b(?:\s(?:to|in|at|up|out|with|down|of|us|a\stotal\sof|him|her|them"
    rf"|me|you|that|for|by|into|there|all)\b){{0,2}}[\s,:]{{0,6}}{_HEDGE}|[=≈≡:⇒→∴>]|\\(?:approx|equiv"
    rf"|implies|Rightarrow|to|rightarrow|therefore)\s?|\\boxed\s?\{{|\\fbox\s?\{{"
    rf"|(?:^|[.!?\n,;]\s{{0,4}})(?:{_HEDGE}(?:so|thus|hence|therefore|yes|yeah|correct|right|finally"
    rf"|ok|okay|i\.e\.|namely)\b[\s,]{{0,4}}){{1,3}}{_HEDGE}){_FILLER}$",
    re.IGNORECASE,
)
_OPERATOR_BEFORE = re.compile(
    r"(?:[-+*/^×÷·⋅_√−]|(?<=[\d\s)}\]])[x]\s?|\\(?:times|cdot|div|pm|mp|sqrt|d?frac|t?frac"
    r"|binom|d?binom|log|ln|sin|cos|tan)\s?|\b(?:times|plus|minus|divided by|multiplied by"
    r"|multiply by|over|mod|modulo|power of|multiple of|multiples of|factor of"
    r"|factors of|square root of|root of|log of|half of|third of|quarter of|fourth of|%\sof"
    r"|percent of|subtract|subtracting|add|adding|multiplying by|dividing by|divide by"
    r"|multiplying|multiply|dividing|divide|product of|number by|by adding|sqrt)\s?)"
    r"(?:[\s$({\[]|\\[(\[,{]){0,12}$",
    re.IGNORECASE,
)
_OPERATOR_AFTER = re.compile(
    r"(?:[})\]$]|\\[)\]]){0,12}\s?(?:[$€£]\s?)?(?:(?:[*/^×÷·⋅+]|-(?=[\s$\d(])|−|–(?=\s?\d)|[x](?=\s?\$?[\d.(])|<<)"
    r"|\\(?:times|cdot|div|pm|mp|sqrt|d?frac|pi|binom)|!|[⁰¹²³⁴-⁹]|(?<=\))\("
    r"|(?:times|plus|minus|divided|multiplied|over|mod|squared|cubed)\b"
    r"|(?:of|out of)\s(?:the\s)?\$?\d)"
)
_UNIT_THEN_OPERATOR = re.compile(
    r"%?(?:\s?[A-Za-z][A-Za-z'’/]{0,20}|\s?\\text\{[^{}]{0,30}\}){1,5}(?:\s[*×÷+/-]\s?[\d$(.]|\s?[*×÷+/]\s?[\d$(.]|\s[x]\s?[\d$])"
)
_COEFFICIENT = re.compile(
    r"(?:[α-ωΔ√]|[a-zA-Z](?![A-Za-z°])(?!\s)|[a-zA-Z][\^_]|[a-zA-Z](?=\s?(?:[-+*/=)^]|$))|\(|\\(?:sqrt|pi|left|frac|sum|theta|binom))"
)
_UNIT_LETTER = re.compile(r"[mgslhLkKWVAJNCF°](?![A-Za-z^_(])")
_EXPONENT = re.compile(r"[\^_]\s?[{(]?\s?-?$")
_LABEL_BEFORE = re.compile(
    r"\b(?:"
    + _words(
        "equation equations eq step steps case cases method methods part option approach "
        "figure row column page pages question problem day year level chapter theorem "
        "example way point line layer iteration base degree term digit position item "
        "round phase stage section exit horse number\\sline power grade"
    )
    + r")s?\s#?[\s({\\]*$",
    re.IGNORECASE,
)
_DETERMINER = re.compile(
    r"\b(?:the|all|these|those|its|his|their|my|our|your|another|every|other|any|same|both"
    r"|each|per|for|from|of|if|with|between|among|first|last|next|after|than|most|least|under|over|above|below"
    r"|exceed|exceeds|to|and|until|every|within|before|at|in|on|by)\s{1,4}(?:the\s)?[$\\({]{0,6}$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\b(?:not|isn['’]t|wasn['’]t|aren['’]t|than|instead of|rather than|vs\.?|versus|neither"
    r"|nor|at most|at least|up to|without)\s|<|(?<!>)>(?!>)|[≠≤≥]|\\(?:ne|neq|lt|gt|le|ge|leq|geq)\s?)"
    + _FILLER
    + "$",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"(?:^|[.;:!?,\n(]\s?|(?:^|\n)[-*•]\s|\b(?:and|so|but|then|that|,)\s)(?:if|suppose|assume|assuming|let(?!\sme|\sus)|when|whenever"
    r"|for|given|say|where|setting|set|try|trying|with|plug|plugging|substitute|substituting|using"
    r"|since)\s[^,.;:!?\n]{0,40}$",
    re.IGNORECASE,
)
_RANGE_BEFORE = re.compile(
    r"(?:\d\s?[-–]|\b(?:from|between)\s(?:[\\($]{0,3}-?[\d.,]{1,20}[\\)$]{0,3}\s(?:to|and|through)\s)?)"
    r"[\\($\s]{0,8}$"
)
_RANGE_AFTER = re.compile(
    r"\s?(?:[-–]\s?\d|to\s\d|through\s\d|and\s\d[\d.]{0,12}(?:\s(?:is|are|inclusive))|-[A-Za-z])"
)
_LIST_BEFORE = re.compile(r"(?:\d|\w),\s?$")
_LIST_AFTER = re.compile(r",\s?-?\d")
_PAREN_PAIR_BEFORE = re.compile(r"[A-Za-z(]\(\s?-?$")
_SENTENCE = re.compile(r"[.!?;]\s|\n")
_SEGMENT_END = re.compile(
    r"[=≈≡;\n]|\\(?:approx|equiv|implies|Rightarrow|quad|\)|\]|text\{\s)|\$|\.(?=\s|$)"
    r"|,\s|\?|!(?=\s|$)|\s(?:and|which|because|since|when|where|so|if|for|but|as|or|in|is|are|from|then|with|by"
    r"|was|,)\b|\*\*|>>"
)
_SEGMENT_START = re.compile(
    r"[=≈:]|\\approx|\b(?i:is|are|was|be|get|gets|got|gives|give|equals|becomes|answer|to|as|of|leaving"
    r"|yields|obtain|have|so|yes|write|thus|hence|therefore|result|it's|that's|or)\b[\s,:]{0,6}|(?<!\w)\\\(|\\\[|\$\$?|(?:\A|(?<=[.!?]\s)|(?<=\n))"
)


def result_numbers(
    text: str, wanted: Callable[[WrittenNumber], bool] = lambda number: True
) -> Iterator[WrittenNumber]:
    """The numbers of a text that stand as results, in order; of some the wanted ones."""
    numbers = find_numbers(text)
    of_interest = [k for k, number in enumerate(numbers) if wanted(number)]
    if not of_interest:
        return
    plain, read = without_emphasis(text, numbers)
    boxes = boxed(plain)
    for k in of_interest:
        number = read[k]
        if any(a <= number.start < b for a, b in boxes):
            if not _OPERATOR_AFTER.match(plain, number.end):
                yield numbers[k]
        elif _is_result(plain, number, read, k):
            yield numbers[k]


def _is_result(
    text: str, number: WrittenNumber, numbers: tuple[WrittenNumber, ...], k: int
) -> bool:
    before = text[max(0, number.start - _WINDOW) : number.start]
    after = text[number.end : number.end + 80]
    if _is_operand(text, number, before, after):
        return False
    if _DENIED.search(before) or _is_member(before, after):
        return False
    if _SUPPOSED.search(before) and not _marked_strongly(before):
        return False
    if _MARKER.search(before):
        return not _LABEL_BEFORE.search(before)
    if _LABEL_BEFORE.search(before) or _DETERMINER.search(before):
        return (
            number.kind != "word"
            and _only_number(text, numbers, k)
            and _announced(before)
        )
    return number.kind != "word" and _only_number(text, numbers, k)


def _marked_strongly(before: str) -> bool:
    """The result of arithmetic, even where something is supposed before it."""
    equals = re.search(r"[\d})\]]\s?(?:[=≈]|\\approx|>>)[^=]{0,12}$", before)
    return equals is not None or before.endswith(">>")


def _announced(before: str) -> bool:
    return (
        re.search(
            r"(?:^|[.!?,;\n]\s{0,4})(?:so|thus|hence|therefore|then|in total|altogether|in all"
            r"|now|finally|total)\b[^.!?\n]{0,100}$",
            before,
            re.IGNORECASE,
        )
        is not None
    )


def _is_operand(text: str, number: WrittenNumber, before: str, after: str) -> bool:
    if _OPERATOR_AFTER.match(after) or _UNIT_THEN_OPERATOR.match(after):
        return True
    if _EXPONENT.search(before) or _OPERATOR_BEFORE.search(before):
        return not re.search(r"[=≈:>]\s?\$?\s?-?$|\bis\s-?$", before)
    if number.kind not in ("word", "ordinal") and _COEFFICIENT.match(after):
        unit = _UNIT_LETTER.match(after)
        return not (unit and not re.match(r"\s?[-+*/=^]\s?\w", after[1:]))
    return bool(_PAREN_PAIR_BEFORE.search(before[-4:]) and before[-2:-1].isalpha())


def _is_member(before: str, after: str) -> bool:
    """One of a range, a list of numbers, or the coordinates of a point."""
    if _RANGE_AFTER.match(after) or _RANGE_BEFORE.search(before):
        return True
    if _LIST_AFTER.match(after) and (
        _LIST_BEFORE.search(before) or before.rstrip().endswith(("(", "[", "{", ":"))
    ):
        return True
    return bool(re.search(r"\d,\s?-?$", before)) and (
        bool(re.match(r"\s?[)\]}]|,\s?(?:\.\.\.|…|\d)", after))
    )


def _only_number(text: str, numbers: tuple[WrittenNumber, ...], k: int) -> bool:
    """No other number stands in the sentence."""
    number = numbers[k]
    first = 0
    for found in _SENTENCE.finditer(text, max(0, number.start - 400), number.start):
        first = found.end()
    following = _SENTENCE.search(text, number.end, number.end + 400)
    last = following.start() if following else len(text)
    others = (numbers[k - 1 : k] if k else ()) + numbers[k + 1 : k + 2]
    if any(first <= n.start < last for n in others) or re.search(
        r"[=+×*/^\\]", text[first : number.start]
    ):
        return False
    return last - first < 160


def boxed(text: str) -> list[Span]:
    """The insides of ``\\boxed{…}`` and ``\\fbox{…}``, in order."""
    if "\\boxed" not in text and "\\fbox" not in text:
        return []
    pairs = matching_braces(text)
    found = re.finditer(r"\\(?:boxed|fbox)\s?\{", text)
    return [(m.end(), pairs[m.end() - 1]) for m in found if m.end() - 1 in pairs]


def result_segments(text: str) -> Iterator[Span]:
    """Runs of characters that may be a result: what stands in a box, behind an equals
    sign, "is" and words like them, or fills a formula or a line."""
    yield from boxed(text)
    for found in _SEGMENT_START.finditer(text):
        start = found.end()
        while (
            start < len(text)
            and text[start] in " \t:$*(\\[\n"
            and (
                text[start] != "\\" or text[start : start + 2] in ("\\(", "\\[", "\\ ")
            )
        ):
            if text[start] == "(" and text[start - 1] != "\\":
                break
            start += 1
        ending = _SEGMENT_END.search(text, start, start + LONGEST_RESULT + 1)
        if ending is None and len(text) - start > LONGEST_RESULT:
            continue
        end = ending.start() if ending else len(text)
        while end > start and text[end - 1] in " \t.,*$)":
            if text[end - 1] == ")" and text.count("(", start, end) >= text.count(
                ")", start, end
            ):
                break
            end -= 1
        if end > start:
            yield start, end
