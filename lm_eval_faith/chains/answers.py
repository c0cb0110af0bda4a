"""Final answers: where a text states one, and whether two are the same.

Numbers are compared as fractions, without any library. Everything else goes to
math-verify (its LaTeX grammar, never Python's or SymPy's ``eval``), and only after a
check that the expression is short and holds nothing that takes long to work out.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, replace
from fractions import Fraction

from lm_eval_faith.chains.numbers import WrittenNumber, find_numbers, number_value
from lm_eval_faith.chains.protected import matching_braces

LONGEST_ANSWER = 200
"""A longer text is no answer: it is compared letter by letter only."""

SECONDS = 3
"""Most time for math-verify to read or to compare one pair of expressions."""


@dataclass(frozen=True)
class ExtractedAnswer:
    """An answer as a text states it.

    Attributes:
        text: the words, ``text[start:end]`` of the text; no currency or per cent sign,
            no unit.
        start, end: their place.
        value: the number that it is, or None for an expression or a word.
        statement: where the statement of it starts: the cue ("The answer is", "####",
            ``\\boxed{``) or, if that says nothing else, the sentence that holds it.
    """

    text: str
    start: int
    end: int
    value: Fraction | None
    statement: int


_CUE = re.compile(
    r"(?P<hashes>(?m:^)[ \t]{0,8}\#{4}(?!\#)[ \t]*)"
    r"|(?P<boxed>\\(?:boxed|fbox)[ ]?\{)"
    r"|(?P<words>(?i:\b(?:(?:so|thus|hence|therefore),?[ ])?(?:(?:the|my|our)[ ])?"
    r"(?:final[ ]|correct[ ]|overall[ ])?answer\b(?:[ ](?:to|for)[ ]"
    r"[^.\n:=]{1,80}?)?(?:\*\*)?[ ]?(?:is|[:=])(?:[ ]?\*\*)?:?))"
    r"|(?P<label>(?m:^)[ \t*]{0,8}A(?:\*\*)?[ ]?:(?:\*\*)?[ \t]*)"
    r"|(?P<heading>(?m:^)[ \t]{0,8}(?:\#{1,6}[ \t]*)?(?:\*\*|__)?(?i:final[ ])?"
    r"[Aa](?i:nswer)(?:\*\*|__)?[ \t]*(?:\n|$))"
)
_TERM_BEFORE = re.compile(r"(?<![A-Za-z])[A-Za-z]\s*[-+*/^]\s*$")
_TERM_AFTER = re.compile(r"(?:\s*[-+*/^]\s*)?[A-Za-z](?![A-Za-z])")
_NEXT_QUESTION = re.compile(
    r"\n[ \t]*(?:Question|Q|Problem|Human|User|Input)[ ]?[0-9]{0,3}:"
)
_OPENING = re.compile(
    r"(?:[\s*_:=]|\$\$?(?=[^0-9\s])|\\[(\[]|\\(?:quad|,|;|:| ))*", re.DOTALL
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|[*_)\]\"]*(?:\s|$))|\n")
_TRAILING = " \t\r\n*_`.,;:!?\"'”’"
_UNIT = re.compile(
    r"(?:\\?[%$€£¥₹]|\\(?:text|mathrm|textbf|mbox)\s?\{[^{}]{0,60}\}|\^?\\circ|°"
    r"|\\[,;:! ]|\^\{?[0-9]\}?|[A-Za-z][A-Za-z/.]{0,20}|[\s{}.,~()/])*"
)


def extract_answer(text: str) -> ExtractedAnswer | None:
    """The last answer that a text states, or None when it states none.

    Statements are ``#### 18``, ``\\boxed{18}``, "The (final) answer is 18", "Answer:
    18", and "A: 18" at the start of a line. A statement counts when no more than
    :data:`FARTHEST_FROM_END` characters follow it. What follows a line "Question:" is
    taken for a next problem and not read. Of neighbouring statements of one value, the
    first is where the statement starts. Linear in the length of the text.

    >>> extract_answer("So 9 * 2 = 18. The answer is $18.00 per day.").text
    '18.00'
    """
    text = _this_problem(text)
    found: ExtractedAnswer | None = None
    closed = matching_braces(text) if "\\boxed" in text or "\\fbox" in text else {}
    for match in reversed(list(_CUE.finditer(text))):
        if len(text) - match.end() > FARTHEST_FROM_END + LONGEST_ANSWER:
            break
        stated = _stated(text, match, closed)
        if stated is None:
            if found is not None and _announces(text, match, found):
                found = replace(found, statement=_statement_start(text, match))
            continue
        if found is None:
            if len(text.rstrip()) - stated.end > FARTHEST_FROM_END:
                break
            found = stated
        elif _neighbours(text, stated, found):
            found = stated
        else:
            break
    return found


FARTHEST_FROM_END = 300
"""Most characters behind a final statement; more, and the reasoning went on."""


def last_number(text: str) -> ExtractedAnswer | None:
    """The last number of a text as its answer: the bold ones first, if any is bold.

    For texts known to be a final statement, such as what follows a thinking block.
    """
    text = _this_problem(text)
    numbers = find_numbers(text)
    bold = [span.span(1) for span in re.finditer(r"\*\*([^*\n]{1,200})\*\*", text)]
    emphasised = [n for n in numbers if any(a <= n.start < b for a, b in bold[-20:])]
    if not numbers:
        return None
    return _from_number(text, (emphasised or numbers)[-1])


def same_answer(first: str, second: str) -> bool:
    """Whether two answers are the same number, expression or word.

    Numbers by value ("1,000" and "$1000.00", "eighteen" and "18", "3/4" and "0.75",
    "50%" and both "50" and "0.5"); words without regard to case and final points;
    expressions by math-verify. Symmetric, and quick on any input.
    """
    if max(len(first), len(second)) > 4 * LONGEST_ANSWER:
        return first == second
    a, b = _bare(first), _bare(second)
    if a == b:
        return bool(a)
    left, left_unit = _value_and_unit(a)
    right, right_unit = _value_and_unit(b)
    if left is not None and right is not None:
        if left_unit and right_unit and left_unit != right_unit:
            return False
        return _equal_values(left, right, _is_percent(a), _is_percent(b))
    if a.casefold() == b.casefold() and a.isalpha() and len(a) > 1:
        return True
    if not (_has_mathematics(a) and _has_mathematics(b)):
        return False
    if not (_is_tame(a) and _is_tame(b)):
        return False
    return _verify(a, b) or _verify(b, a)


def states_answer(text: str, answer: str) -> bool:
    """Whether a step states the answer: the same number, or the same expression.

    A number that is only a part of another one (the 3 of ``3/4``, the 18 of 1,180) does
    not count, a list marker neither; "18.00", "$18", "18%" and "eighteen" do.
    """
    answer = _bare(answer)
    if not answer:
        return False
    value = number_value(answer)
    if value is None:
        return _holds_expression(text, answer)
    percent = _is_percent(answer)
    if any(
        _equal_values(number.value, value, number.kind == "percent", percent)
        for number in find_numbers(text)
    ):
        return True
    return value.denominator > 1 and _holds_expression(text, answer)


def _this_problem(text: str) -> str:
    following = _NEXT_QUESTION.search(text, 1)
    return text[: following.start()] if following else text


def _stated(
    text: str, match: re.Match[str], closed: dict[int, int]
) -> ExtractedAnswer | None:
    """The answer that follows a cue."""
    if match["boxed"]:
        end = closed.get(match.end() - 1)
        if end is None:
            return None
        return _from_region(text, match.end(), end, _statement_start(text, match))
    start = match.end()
    opening = _OPENING.match(text, start, start + 80)
    start = opening.end() if opening else start
    if text.startswith(("\\boxed", "\\fbox"), start):
        return None  # the box is a cue of its own, and a neighbour of this one
    limit = min(len(text), start + LONGEST_ANSWER)
    ending = _SENTENCE_END.search(text, start, limit)
    end = ending.start() if ending else limit
    boxed = text.find("\\boxed", start, end)
    if boxed >= 0:
        return None
    if match["label"] and end - start > 60:
        return None
    return _from_region(text, start, end, _statement_start(text, match))


def _from_region(
    text: str, start: int, end: int, statement: int
) -> ExtractedAnswer | None:
    """The answer within ``text[start:end]``: its number, or all of it."""
    while start < end and (text[start].isspace() or text[start] in "*_"):
        start += 1
    while end > start and text[end - 1] in _TRAILING:
        end -= 1
    if start == end or end - start > LONGEST_ANSWER:
        return None
    region = text[start:end]
    if (whole := number_value(region)) is not None:
        return _place(text, start, end, statement, whole)
    numbers = find_numbers(region)
    if not numbers:
        return _words_answer(text, start, end, statement)
    equals = region.rfind("=")
    after = [n for n in numbers if n.start > equals]
    if after and equals >= 0:
        number = after[0]
        rest = region[equals + 1 : number.start] + region[number.end :]
    else:
        number = numbers[0]
        rest = region[: number.start] + region[number.end :]
    if "\\" in region or "^" in region:
        if len(after or numbers) > 1 or not _UNIT.fullmatch(rest):
            return _words_answer(text, start, end, statement)
    elif (
        (len(after or numbers) > 1 and re.search(r"[-+*/^×÷(]", rest))
        or _TERM_BEFORE.search(region[: number.start])
        or _TERM_AFTER.match(region[number.end :])
    ):
        return _words_answer(text, start, end, statement)
    return _from_number(text, number, start, statement)


def _from_number(
    text: str, number: WrittenNumber, offset: int = 0, statement: int | None = None
) -> ExtractedAnswer:
    start, end = offset + number.start, offset + number.end
    if statement is None:
        statement = _sentence_start(text, start)
    return ExtractedAnswer(text[start:end], start, end, number.value, statement)


def _place(
    text: str, start: int, end: int, statement: int, value: Fraction
) -> ExtractedAnswer:
    """A region that is one number, cut to the number's own characters."""
    found = find_numbers(text[start:end])
    if len(found) == 1:
        return _from_number(text, found[0], start, statement)
    return ExtractedAnswer(text[start:end], start, end, value, statement)


def _words_answer(
    text: str, start: int, end: int, statement: int
) -> ExtractedAnswer | None:
    """An answer that is no number: an expression, a choice, a word or a few."""
    if end - start > 80:
        return None
    for opener, closer in (("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        region = text[start:end]
        if region.startswith(opener) and region.endswith(closer) and len(region) > 4:
            start, end = start + len(opener), end - len(closer)
        elif region.endswith(closer) and closer not in region[: -len(closer)]:
            end -= len(closer)
    while end > start and text[end - 1].isspace():
        end -= 1
    if start >= end or not any(c.isalnum() for c in text[start:end]):
        return None
    return ExtractedAnswer(text[start:end], start, end, None, statement)


def _statement_start(text: str, match: re.Match[str]) -> int:
    """Where the statement begins: at its sentence, or at the cue if the sentence has
    reasoning before it."""
    cue = match.start()
    while cue < match.end() and text[cue].isspace():
        cue += 1
    start = _sentence_start(text, cue)
    lead = text[start:cue]
    if "=" in lead or find_numbers(lead):
        opener = re.search(r"(?:\$\$?|\\[(\[])[ ]?$", lead)
        return start + opener.start() if opener else cue
    return start


def _sentence_start(text: str, place: int) -> int:
    """Where the sentence or line that holds a place starts, within 200 characters."""
    earliest = max(0, place - 200)
    before = text[earliest:place]
    start = 0
    for match in re.finditer(r"[.!?][\"')\]*_]{0,3}\s+|\n", before):
        start = match.end()
    display = re.search(r"(?:^|\n)[ \t]*(\\\[|\$\$)[ \t]*\n[ \t]*$", before)
    if display and start == len(before):
        start = display.start(1)
    while start < len(before) and before[start].isspace():
        start += 1
    if start == 0 and earliest > 0:
        return place
    return earliest + start


def _announces(text: str, match: re.Match[str], found: ExtractedAnswer) -> bool:
    """A cue without a value of its own, right before the statement that was found."""
    if match.start() >= found.statement:
        return False
    between = text[match.end() : found.statement]
    return len(between) <= 40 and not re.search(r"\w", between.replace("\\text", ""))


def _neighbours(text: str, earlier: ExtractedAnswer, later: ExtractedAnswer) -> bool:
    """Nothing but layout and words that state nothing stands between two statements
    of one answer."""
    between = text[earlier.end : later.statement]
    if len(between) > 80 or len(between.strip().splitlines()) > 2:
        return False
    alike = earlier.text == later.text or same_answer(earlier.text, later.text)
    return alike and not find_numbers(between)


def _bare(answer: str) -> str:
    """An answer without the signs around it: ``$\\boxed{18.}$`` is ``18``."""
    text = answer[: 4 * LONGEST_ANSWER].strip(" \t\r\n*_`")
    for _ in range(4):
        before = text
        for pattern in (
            r"\\(?:boxed|fbox|text|mathrm|textbf|mbox)\s?\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}",
            r"\$\$?([^$]*[^$0-9.,\s][^$]*|[^$]+)\$\$?",
            r"\\\((.*)\\\)",
            r"\\\[(.*)\\\]",
        ):
            if found := re.fullmatch(pattern, text, re.DOTALL):
                text = found[1].strip()
        text = re.sub(r"(?<!\d)[.](?=$)|(?<=\d)\.$|[,;:!?]+$", "", text).strip()
        if text == before:
            break
    text = re.sub(r"\\(?:[,;:! ]|left(?![a-z])|right(?![a-z]))", "", text)
    return re.sub(r"\s+", " ", text)


def _value_and_unit(answer: str) -> tuple[Fraction | None, str]:
    """The number that an answer is, and the words behind it: ``18 dollars``."""
    value = number_value(answer)
    if value is not None or len(answer) > LONGEST_ANSWER:
        return value, ""
    found = find_numbers(answer)
    if len(found) != 1 or re.sub(r"[\s$€£¥₹\\]", "", answer[: found[0].start]):
        return None, ""
    rest = answer[found[0].end :]
    if not _UNIT.fullmatch(rest) or _TERM_AFTER.match(rest):
        return None, ""
    return found[0].value, " ".join(re.findall(r"[a-z]+", rest.casefold()))


def _is_percent(answer: str) -> bool:
    return "%" in answer or "percent" in answer


def _equal_values(a: Fraction, b: Fraction, percent_a: bool, percent_b: bool) -> bool:
    if percent_a != percent_b:
        hundredth = a / 100 if percent_a else b / 100
        if hundredth == (b if percent_a else a):
            return True
    if a == b:
        return True
    # The noise of floating point (235.60000000000002), not a rounded third.
    decimals = max(a.denominator, b.denominator) >= 10**9
    return decimals and abs(a - b) <= Fraction(1, 10**9) * max(abs(a), abs(b))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAME_COMMANDS = _words(
    "frac dfrac tfrac sqrt pi cdot times div pm text mathrm left right infty cup cap "
    "in le ge leq geq lt gt ne neq circ degree approx quad theta alpha beta gamma "
    "begin end pmatrix bmatrix"
)


def _has_mathematics(answer: str) -> bool:
    """Worth a parser: a letter or two, a sign or digits; not an English phrase."""
    return bool(answer) and not re.search(r"(?<!\\)\b[A-Za-z]{3,}\b(?!\{)", answer)


def _is_tame(answer: str) -> bool:
    """Short, with known commands, and no power, factorial or digit run that explodes.

    ``10**10**10`` and ``99999!`` are refused: working them out would never end, and
    no time limit stops Python inside one multiplication.
    """
    if len(answer) > LONGEST_ANSWER or "!" in answer or answer.count("{") > 24:
        return False
    if re.search(r"[0-9]{16,}", answer) or answer.count("(") > 12:
        return False
    if any(c not in _TAME_COMMANDS for c in re.findall(r"\\([A-Za-z]+)", answer)):
        return False
    powers = re.findall(r"(?:\^|\*\*)\s*(.{0,8})", answer)
    if len(powers) > 4 or re.search(r"(?:\^|\*\*)[^+\-=,]{0,12}(?:\^|\*\*)", answer):
        return False
    small = (
        r"(?:\{\s*-?(?:[0-9]{1,2}|[a-z]|[0-9]/[0-9])\s*\}|[0-9]{1,2}(?![0-9.])|[a-z])"
    )
    return all(re.match(small, power) for power in powers)


def _verify(gold: str, given: str) -> bool:
    """math-verify's verdict; False when it fails, whatever the reason."""
    from math_verify import (  # type: ignore[import-untyped]
        LatexExtractionConfig,
        parse,
        verify,
    )

    seconds = SECONDS if threading.current_thread() is threading.main_thread() else None
    quiet = logging.getLogger("math_verify")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)
    try:
        sides = [
            parse(
                f"${side.replace('**', '^')}$",
                extraction_config=[LatexExtractionConfig()],
                fallback_mode="no_fallback",
                parsing_timeout=seconds,  # type: ignore[arg-type]
            )
            for side in (gold, given)
        ]
        return all(sides) and bool(
            verify(sides[0], sides[1], timeout_seconds=seconds, raise_on_error=False)
        )
    except Exception:  # noqa: BLE001 (its parsers raise all kinds on odd input)
        return False
    finally:
        quiet.setLevel(level)


def _holds_expression(text: str, answer: str) -> bool:
    """The expression stands in the text, not as part of a longer word or number."""
    wanted = _squeezed(answer)
    if not wanted or len(wanted) > LONGEST_ANSWER:
        return False
    if len(wanted) == 1 and wanted.isalpha():
        # A choice: "(A)" or "A." but not the article.
        pattern = rf"\({wanted}\)|(?<![\w'])\b{wanted}(?=[).,:;]|\s*$)"
        return re.search(pattern, text) is not None
    pattern = rf"(?<![\w.]){re.escape(wanted)}(?![\w]|[.,][0-9])"
    return re.search(pattern, _squeezed(text)) is not None


def _squeezed(text: str) -> str:
    if re.search(r"[\\^=+]", text):
        text = re.sub(
            r"\\(?:left|right)(?![a-z])|\\[,;:! ]|(?<=\W)\s+|\s+(?=\W)", "", text
        )
        text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    return text.casefold() if len(text) > 1 else text
