"""Final answers: where a text states one.

What two answers must have in common to be the same is in
:mod:`lm_eval_faith.chains.same_answer`, which steps state one in
:mod:`lm_eval_faith.chains.answer_steps`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from fractions import Fraction

from lm_eval_faith.chains.answer_cues import (
    COURTEOUS,
    CUE,
    DOUBT,
    EXPLAINED,
)
from lm_eval_faith.chains.numbers import WrittenNumber, find_numbers, number_value
from lm_eval_faith.chains.protected import matching_braces
from lm_eval_faith.chains.results import result_numbers
from lm_eval_faith.chains.same_answer import (
    LONGEST_ANSWER,
    as_number,
    bare,
    quantities,
    same_answer,
)

FARTHEST_FROM_END = 300
"""Most characters behind a final statement; more, and the reasoning went on."""


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


_NEXT_QUESTION = re.compile(
    r"\n[ \t]{0,40}(?:Question|Q|Problem|Human|User|Input)[ ]?[0-9]{0,3}:"
)
_OPENING = re.compile(
    r"(?:[\s*_:=\"“‘'「]|\$(?=[^0-9\s])|\\[(\[]|\\(?:quad|,|;|:| )){0,80}", re.DOTALL
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|[*_)\]\"]{0,8}(?:\s|$))|[。！？।؟]|\n|<<|</")
_TRAILING = " \t\r\n*_`.,;:!?\"'”’。」"
_NO_ANSWER = re.compile(
    r"(?:let|we|i|to|first|given|here|see|the following|as follows|found|not (?:clear|known))\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"\[asy\].{0,6000}?\[/asy\]|```.{0,6000}?```", re.DOTALL)
_COURTESY = re.compile(r"(?:</?[A-Za-z_]{1,20}>|\[/?[A-Z]{3,20}\]|[\s}\])$\\*.#_|>-])*")
_TAIL = re.compile(
    r",?\s(?:because|since|as (?:it|he|she|they|we|the|there)|which|so that|when|if|where"
    r"|after|while|and (?:he|she|it|they|we|this|that|so|the)\b)\s|\s?[;—–]\s?|\s-\s(?=[A-Za-z])|\s\((?=[^)]{12})|(?<=[0-9])\s\((?!mod\b)(?=[a-z -]{2,40}\)$)|,\s(?=[a-z]{2,}\s)"
)
_ASSIGNED = re.compile(r"[^=<>≤≥≠]{0,60}?(?<![<>!=])=(?!=)")
_SAID = re.compile(r"\b(?:is|are|be|equals)\s")
_CHOSEN = re.compile(
    r"(?:(?:option|choice|letter)\s)?(\(\s?[A-Za-z]\s?\)|\[[A-Z]\]|[A-Z](?=[).:]\s|\)|\s?$|\s[-–—]\s))",
    re.IGNORECASE,
)


def extract_answer(text: str) -> ExtractedAnswer | None:
    """The final answer that a text states, or None when it states none.

    Statements are ``#### 18``, ``\\boxed{18}``, "The (final) answer is 18", "Answer:
    18", "A: 18" at the start of a line, "option B is correct", and what says so in the
    languages of MGSM. A statement is final when no reasoning follows it: no doubt
    ("Wait, …"), no other result, and no more than :data:`FARTHEST_FROM_END` characters.
    Where reasoning follows the last one, the text's last sentence is read for the
    result that it comes to. What follows a line "Question:" behind a statement is taken
    for a next problem and not read. Of neighbouring statements of one value, the first
    is where the statement starts. Linear in the length of the text.

    >>> extract_answer("So 9 * 2 = 18. The answer is $18.00 per day.").text
    '18.00'
    >>> extract_answer("So the answer is 8. Wait, 3 + 4 = 7. So he has 7.").text
    '7'
    """
    text = _this_problem(text)
    found: ExtractedAnswer | None = None
    overtaken = False
    closed = matching_braces(text) if "\\boxed" in text or "\\fbox" in text else {}
    length = (
        len(_CODE.sub("", text).rstrip()) if "[asy]" in text else len(text.rstrip())
    )
    for match in reversed(list(CUE.finditer(text))):
        far = length - match.end() > FARTHEST_FROM_END + LONGEST_ANSWER
        stated = None if far else _stated(text, match, closed)
        if stated is None:
            if found is not None and _announces(text, match, found):
                found = replace(found, statement=_statement_start(text, match))
            overtaken = overtaken or found is None
            continue
        if found is None:
            if _goes_on(text, stated):
                overtaken = True
                break
            found = stated
        elif _neighbours(text, stated, found):
            found = stated
        else:
            break
    return concluded(text) if found is None and overtaken else found


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


def concluded(text: str) -> ExtractedAnswer | None:
    """The result that the last sentence of a text comes to: ``So he has 7.`` says 7."""
    end = len(text.rstrip())
    start = end
    for _ in range(3):  # closing remarks without a number are passed over
        start = _last_sentence(text, start)
        sentence = text[start:end]
        results = list(result_numbers(sentence))
        if results:
            found = _from_number(text, results[-1], start, start)
            lead = text[start : found.start]
            reasons = "=" in lead or len(find_numbers(lead)) > 0
            return replace(found, statement=found.start) if reasons else found
        if find_numbers(sentence) or DOUBT.search(sentence):
            return None
    return None


def final_answer(text: str) -> ExtractedAnswer | None:
    """The answer of a text that is known to be a final one, however short.

    A statement; else the whole of a short text (``B``, ``Paris``, ``**8**``); else what
    is printed in bold, the last result, the last number, or what the last "is" leads to.
    """
    if (found := extract_answer(text)) is not None:
        return found
    start, end = _trimmed(text, 0, len(text))
    if start == end:
        return None
    bold = list(re.finditer(r"\*\*([^*\n]{1,80})\*\*", text))
    if bold and (
        found := _from_region(
            text, *bold[-1].span(1), _sentence_start(text, bold[-1].start())
        )
    ):
        return found
    short = end - start <= 60 and len(text[start:end].split()) <= 5
    short = short and len(re.findall(r"[\u0e00-\u0e7f\u3040-\u9fff]", text)) < 3
    if (
        short
        and "\n" not in text[start:end]
        and not re.search(r"\b(?:is|are|has|have|equals)\b", text[start:end])
    ):
        return _from_region(text, start, end, start)
    if (found := concluded(text)) is not None:
        return found
    if (found := last_number(text)) is not None:
        return found
    said = list(re.finditer(r"\b(?:is|are|was|be|名字是|是)[ ]?(?=\S)", text))
    if said:
        start = said[-1].end()
        ending = _SENTENCE_END.search(text, start)
        return _from_region(
            text,
            start,
            ending.start() if ending else len(text),
            _sentence_start(text, said[-1].start()),
        )
    return None


@functools.lru_cache(maxsize=64)  # a question is often answered several times in a row
def read_reference(text: str) -> str | None:
    """The answer of a reference: what a worked solution states, or the text itself where
    it is short; None where no answer can be found in it.

    >>> read_reference("It has 3 + 4 = 7 legs.\\n#### 7"), read_reference("May 5")
    ('7', 'May 5')
    """
    closed = matching_braces(text) if "\\boxed" in text or "\\fbox" in text else {}
    for match in reversed(list(CUE.finditer(text))):
        if match["boxed"] and (found := _stated(text, match, closed)):
            return found.text
    if (found := extract_answer(text)) is not None:
        return found.text
    text = text.strip()
    if not text or len(text) > LONGEST_ANSWER or not any(c.isalnum() for c in text):
        return None
    return text


def _this_problem(text: str) -> str:
    """Up to the next problem, which a model that does not stop writes by itself."""
    first = CUE.search(text) if _NEXT_QUESTION.search(text, 1) else None
    following = _NEXT_QUESTION.search(text, first.end() - 1) if first else None
    return text[: following.start()] if following else text


def _goes_on(text: str, stated: ExtractedAnswer) -> bool:
    """Whether the reasoning goes on behind a statement, to another result or none."""
    rest = text[stated.end :]
    if "[asy]" in rest or "```" in rest:
        rest = _CODE.sub("", rest)
    rest = rest.rstrip()
    opening = _COURTESY.match(rest)
    if opening is not None and opening.end() == len(rest):
        return False
    if len(rest) > FARTHEST_FROM_END:
        return True
    ending = _SENTENCE_END.search(rest)
    behind = rest[ending.end() :] if ending else ""
    results = [
        number.value
        for sentence in re.split(r"(?<=[.!?])\s|\n", behind)
        if not (EXPLAINED.search(sentence) or COURTEOUS.search(sentence))
        for number in result_numbers(sentence)
    ]
    value = as_number(stated.text) if stated.value is None else stated.value
    if DOUBT.search(rest):
        return not results or results[-1] != value
    return bool(results) and value is not None and results[-1] != value


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
    if CUE.match(text, start):
        return None  # that is a statement of its own, and a neighbour of this one
    limit = min(len(text), start + LONGEST_ANSWER)
    ending = _SENTENCE_END.search(text, start, limit)
    end = ending.start() if ending else limit
    boxed = text.find("\\boxed", start, end)
    if boxed >= 0:
        return None
    if match["label"] and end - start > 60:
        return None
    if match["hashes"] and not _is_short_line(text, start, end):
        return None
    if _NO_ANSWER.match(text, start, end):
        return None
    if match["choice"]:
        end = start + re.match(r"\(?[A-Z]\)?", text[start : start + 3]).end()  # type: ignore[union-attr]
    return _from_region(text, start, end, _statement_start(text, match))


def _is_short_line(text: str, start: int, end: int) -> bool:
    """Behind ``####``: an answer, not a heading with a text below it."""
    words = text[start:end]
    if find_numbers(words) and not re.match(r"(?:[Ss]tep|[Pp]art|[Cc]ase)\s", words):
        return len(words) <= 60
    return len(words.split()) <= 4 and not text[end:].strip(" \n.*`")


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (text[start].isspace() or text[start] in '*_"“‘「'):
        start += 1
    while end > start and text[end - 1] in _TRAILING:
        if text[end - 1] == "!" and end - start > 1 and text[end - 2].isdigit():
            break
        end -= 1
    return start, end


def _from_region(
    text: str, start: int, end: int, statement: int
) -> ExtractedAnswer | None:
    """The answer within ``text[start:end]``: its number, or all of it."""
    start, end = _trimmed(text, start, end)
    if start == end or end - start > LONGEST_ANSWER:
        return None
    region = text[start:end]
    if (chosen := _CHOSEN.match(region)) is not None:
        a, b = chosen.span(1)
        return ExtractedAnswer(chosen[1], start + a, start + b, None, statement)
    if (whole := number_value(region)) is not None:
        return _place(text, start, end, statement, whole)
    tail = _TAIL.search(region)
    if tail is not None and tail.start() > 0:
        end = start + tail.start()
        start, end = _trimmed(text, start, end)
        region = text[start:end]
    if region.endswith("]") and "[" not in region:
        end -= 1
        region = text[start:end]
    assigned = list(_ASSIGNED.finditer(region))
    if assigned and not _is_list(region):
        a, b = _trimmed(text, start + assigned[-1].end(), end)
        if b > a and (chain := _one_number(text, a, b, statement)) is not None:
            return chain
        if b > a and len(assigned) > 1:
            start = a
    elif (number := _one_number(text, start, end, statement)) is not None:
        return number
    said = list(_SAID.finditer(region))
    if said and len(re.findall(r"[^\W\d_]{2,}", region[: said[-1].start()])) > 1:
        a, b = _trimmed(text, start + said[-1].end(), end)
        inside = _from_region(text, a, b, statement)
        if inside is not None and any(c.isdigit() for c in inside.text):
            return inside
    return _words_answer(text, start, end, statement)


def _is_list(region: str) -> bool:
    """Several equations: ``x = 3, y = 4``."""
    return region.count("=") > 1 and re.search(r",|\b(?:and|or)\b", region) is not None


def _one_number(
    text: str, start: int, end: int, statement: int
) -> ExtractedAnswer | None:
    """The number of a region that is one number with its unit, or a sentence around
    one ("She makes 18 dollars"); None where it is an expression, or says more."""
    region = text[start:end]
    numbers = find_numbers(region)
    read = quantities(bare(region))
    if read is not None and len(read) == 1 and len(numbers) == 1:
        number = numbers[0]
        if number.value == read[0].value:
            return _from_number(text, number, start, statement)
        return ExtractedAnswer(region, start, end, read[0].value, statement)
    if read is not None or len(numbers) != 1 or "\\" in region or "^" in region:
        return None
    number = numbers[0]
    before = region[: number.start]
    after = quantities(bare(region[number.start :]))
    sentence = len(re.findall(r"[^\W\d_]{2,}", before)) >= 2
    sentence = sentence or re.search(r"[\u3040-\u9fff]{2}\s?$", before) is not None
    negative = re.search(r"\b(?:not|no|than|isn['’]t)\b|[±<>≤≥]", before)
    if sentence and not negative and after is not None and len(after) == 1:
        if after[0].value != number.value:
            return ExtractedAnswer(
                region[number.start :],
                start + number.start,
                end,
                after[0].value,
                statement,
            )
        return _from_number(text, number, start, statement)
    return None


_HAN_SCALE = re.compile("[万亿億萬千百]{1,2}")


def _from_number(
    text: str,
    number: WrittenNumber,
    offset: int = 0,
    statement: int | None = None,
) -> ExtractedAnswer:
    start, end = offset + number.start, offset + number.end
    scale = _HAN_SCALE.match(text, end)
    if scale is not None and number_value(text[start:end]) != number.value:
        end = scale.end()  # 150万 is not 150
    if statement is None:
        statement = _sentence_start(text, start)
    return ExtractedAnswer(text[start:end], start, end, number.value, statement)


def _place(
    text: str, start: int, end: int, statement: int, value: Fraction
) -> ExtractedAnswer:
    """A region that is one number, cut to the number's own characters."""
    found = find_numbers(text[start:end])
    if len(found) == 1 and found[0].value == value:  # not 150 of 150万
        return _from_number(text, found[0], start, statement)
    return ExtractedAnswer(text[start:end], start, end, value, statement)


def _words_answer(
    text: str, start: int, end: int, statement: int
) -> ExtractedAnswer | None:
    """An answer that is no number: an expression, a list, a choice, a word or a few."""
    if end - start > 120 or (end - start > 80 and "\\" not in text[start:end]):
        return None
    for opener, closer in (("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        region = text[start:end]
        inside = region[len(opener) : -len(closer)]
        if (
            region.startswith(opener)
            and region.endswith(closer)
            and closer not in inside
        ):
            start, end = start + len(opener), end - len(closer)
        elif (
            region.endswith(closer)
            and closer not in region[: -len(closer)]
            and opener not in region[: -len(closer)]
        ):
            end -= len(closer)
    while end > start and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
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


def _last_sentence(text: str, end: int) -> int:
    """Where the sentence that ends here starts."""
    end = len(text[:end].rstrip(" \t\r\n.!?*"))
    start = _sentence_start(text, end)
    return min(start, end)


def _sentence_start(text: str, place: int) -> int:
    """Where the sentence or line that holds a place starts, within 200 characters."""
    earliest = max(0, place - 200)
    before = text[earliest:place]
    start = 0
    for match in re.finditer(r"[.!?][\"')\]*_]{0,3}\s+|[。！？]|\n", before):
        start = match.end()
    display = re.search(
        r"(?:^|\n)[ \t]{0,40}(\\\[|\$\$)[ \t]{0,40}\n[ \t]{0,40}$", before
    )
    if display and not before[start:].strip():
        start = display.start(1)
    while start < len(before) and before[start].isspace():
        start += 1
    if start == 0 and earliest > 0:
        return place
    return earliest + start


def _announces(text: str, match: re.Match[str], found: ExtractedAnswer) -> bool:
    """A cue without a value of its own, right before the statement that was found; a
    heading announces the paragraph below it."""
    if match.start() >= found.statement:
        return False
    between = text[match.end() : found.statement]
    if match["heading"]:
        return len(between) <= 200 and "\n" not in between.strip()
    return len(between) <= 40 and not re.search(r"\w", between.replace("\\text", ""))


def _neighbours(text: str, earlier: ExtractedAnswer, later: ExtractedAnswer) -> bool:
    """Nothing but layout and words that state nothing stands between two statements
    of one answer."""
    between = text[earlier.end : later.statement]
    if len(between) > 80 or len(between.strip().splitlines()) > 2:
        return False
    alike = earlier.text == later.text or same_answer(earlier.text, later.text)
    return alike and not find_numbers(between)
