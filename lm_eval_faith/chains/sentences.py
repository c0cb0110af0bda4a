"""Where sentences end inside a line of reasoning, in the languages that we know.

``。！？।۔؟`` end a sentence wherever they stand, a point only where white space follows (or
Chinese writing goes on) and it belongs to no abbreviation of the language. A sentence
may begin in lower case. On the chains of ``tests/chains/language_chains.tsv`` pysbd 0.3.4 (of
2021, the one splitter with these languages in rules) has 159 of 180 right and these rules
180, so it is no dependency. Thai has no mark at the end of sentences: there, lines are steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lm_eval_faith.chains.language import ENGLISH, Writing
from lm_eval_faith.chains.language_words import (
    MAY_BE_LAST,
    NEVER_LAST,
    ORDINALS_AFTER,
    ORDINALS_BEFORE,
    STARTERS,
    TITLES,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words("mr mrs ms mx dr prof st gen rep sen gov capt lt col sgt rev")
_NEVER_LAST = _words("e.g i.e eg ie cf viz approx ca vs resp incl excl")
_BEFORE_A_NUMBER = _words(
    "no nos nr fig figs eq eqs eqn sec sect ch chap vol p pp art ex ver v pt "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
_MAY_BE_LAST = _words(
    "etc al inc ltd co corp jr sr a.m p.m am pm ft in lb lbs oz min mins sec secs hr "
    "hrs mi yd yds kg g mg cm mm m km gal qt pt pts mph sq cu est avg max dept apt ave "
    "tbsp tsp pkg doz approx misc temp diff num qty mo yr yrs wk wks bldg assn calif "
    "blvd rd ph.d u.s u.k u.n e.u d.c b.c a.d mon tue tues wed thu thur thurs fri sat "
    "sun"
)
_INITIALS = re.compile(r"(?:[A-Z]\.)*[A-Z]")
_STARTERS = _words(
    "the a an he she it they we i you this that these those there then so now next "
    "thus therefore hence since because if when after before in on at for to from by "
    "with of as and but or however finally first second third also each every both "
    "all let wait hmm okay ok alternatively what which how why is are his her their "
    "its our my your not no yes"
)
_LIST_MARKER = re.compile(
    r"[\s>*_#•+-]{0,12}(?:\(?(?:[0-9]{1,2}|[a-zA-Z]|[ivxIVX]{1,4})"
    r"|(?:[Ss]tep|[Pp]art|[Cc]ase)[ \t][0-9]{1,2})"
)
_FIRST_OF_A_LIST = re.compile(r":[ \t]{1,4}\(?1$")
_WIDE = "。！？｡।॥۔؟"
_STOP = re.compile(rf"[.!?…]+|[{_WIDE}]+")
_CLOSERS = "\"'”’“)]}*_»$`」』）】》"
_MARKUP = " \t\"'“‘«([*_~`¿¡「『（【《"
_QUOTES = "\"'”’»」』"
_GOES_ON_QUOTED = ("と", "って", "、", "，", ",")
_NO_VOWEL = re.compile(r"[b-df-hj-np-tv-xz]{2,4}")
_CHINESE_OR_DIGIT = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[0-9]")


def sentence_ends(
    text: str, start: int, end: int, writing: Writing = ENGLISH
) -> Iterator[int]:
    """Ends of the sentences of ``text[start:end]`` but for the last; white space and
    closing quotes, brackets and markup belong to the sentence that they close."""
    first = start
    for match in _STOP.finditer(text, start, end):
        stop = match.end()
        closed = stop
        while closed < end and closed - stop < 8 and text[closed] in _CLOSERS:
            closed += 1
        if closed >= end:
            continue
        if match[0][0] in _WIDE:
            quoted = any(c in _QUOTES for c in text[stop:closed])
            ends = not (quoted and text.startswith(_GOES_ON_QUOTED, closed))
        elif text[closed].isspace():
            ends = ends_sentence(text, first, match.start(), stop, closed, end, writing)
        else:
            ends = _between_chinese(text, first, match.start(), closed)
        if ends:
            yield closed
            first = closed


def _between_chinese(text: str, first: int, mark: int, closed: int) -> bool:
    """A western mark in Chinese writing, where no space follows it."""
    return (
        text[mark] in ".!?"
        and mark > first
        and _CHINESE_OR_DIGIT.match(text, closed) is not None
        and _CHINESE_OR_DIGIT.match(text, mark - 1) is not None
        and not (text[mark - 1].isdigit() and text[closed].isdigit())
        and _LIST_MARKER.fullmatch(text, first, mark) is None
    )


def ends_sentence(
    text: str,
    first: int,
    mark: int,
    stop: int,
    closed: int,
    end: int,
    writing: Writing = ENGLISH,
) -> bool:
    """Whether the mark ``text[mark:stop]`` of a sentence begun at ``first`` ends it.

    Args:
        closed: behind the closing quotes and brackets; white space follows.
        end: where the line ends.
    """
    following = _following(text, closed, end)
    if following is None or following in "=+-–—<>×÷/*|,;:&^":
        return False
    is_period = text[mark:stop] == "."
    if following.islower() and not _begins_low(text, first, mark, stop, closed, end):
        return False
    if text[mark:stop] == "!" and mark > first and text[mark - 1].isdigit():
        return not following.isdigit()
    if not is_period:
        return True
    if mark - first < 24 and _LIST_MARKER.fullmatch(text, first, mark):
        return False
    if _FIRST_OF_A_LIST.search(text[max(first, mark - 8) : mark]):
        return False
    if writing.code == "de" and _is_german_ordinal(text, first, mark, closed, end):
        return False
    return not _is_abbreviation(text, first, mark, closed, following, end, writing)


def _begins_low(
    text: str, first: int, mark: int, stop: int, closed: int, end: int
) -> bool:
    """A sentence in lower case may begin behind this mark.

    Not behind dots, nor behind a quote or a factorial (``"No!" he said``, ``5! ways``),
    nor behind what looks like an abbreviation: a letter, or two to four consonants.
    """
    if stop - mark > 1 or text[mark] == "…":
        return False
    if text[mark] != "." and (closed > stop or text[mark] == "!"):
        return False
    if any(c in _QUOTES for c in text[stop:closed]):
        return False
    before = _WORD_BEFORE.search(text[max(first, mark - 16) : mark])
    if before is None:
        return True
    word = before[0].lower()
    if len(word) == 1:
        return _next_word(text, closed, end).lower() in _STARTERS
    return word not in _ABBREVIATIONS and not _NO_VOWEL.fullmatch(word)


def _is_german_ordinal(text: str, first: int, mark: int, closed: int, end: int) -> bool:
    """``am 3. Mai``, ``die 2. Woche``: the point makes the number an ordinal."""
    before = re.search(
        r"(?:([^\W\d_]{1,20})[ ])?[0-9]{1,3}$", text[max(first, mark - 20) : mark]
    )
    if before is None:
        return False
    following = _next_word(text, closed, end).lower()
    if following in STARTERS["de"]:
        return False
    return following in ORDINALS_AFTER or (
        before[1] is not None and before[1].lower() in ORDINALS_BEFORE
    )


def _following(text: str, at: int, end: int) -> str | None:
    """The first character of the next sentence behind its opening markup."""
    limit = min(end, at + 40)
    while at < limit and (text[at].isspace() or text[at] in _MARKUP):
        at += 1
    return text[at] if at < limit else None


_WORD_BEFORE = re.compile(r"(?:[^\W\d_]{1,24}[.-]){0,8}[^\W\d_]{1,24}$")
_SPACED_LETTERS = re.compile(r"(?<![^\W_])(?:[^\W\d_]\. ?){1,3}[^\W\d_]$")
_OF_UNIT = re.compile(r"[0-9][  ]?°?[a-zA-Z]$")
_SPACED_LAST = ("т. д", "т. п", "u. a", "n. chr", "a. m", "p. m")
_ABBREVIATIONS = _TITLES | _NEVER_LAST | _BEFORE_A_NUMBER | _MAY_BE_LAST


def _is_abbreviation(
    text: str,
    first: int,
    mark: int,
    closed: int,
    following: str,
    end: int,
    writing: Writing,
) -> bool:
    """The period belongs to the word before it, and the sentence goes on."""
    before = _WORD_BEFORE.search(text[max(first, mark - 16) : mark])
    if before is None:
        return False
    word = before[0]
    known, code = word.lower(), writing.code
    starts = _next_word(text, closed, end).lower()
    if code in STARTERS or code in NEVER_LAST or code in TITLES:
        starter = starts in STARTERS.get(code, frozenset())
        spaced = _SPACED_LETTERS.search(text[max(first, mark - 16) : mark])
        if spaced is not None and spaced[0].lower() in _SPACED_LAST:
            return not following.isupper()
        if known in TITLES.get(code, ()) or known in NEVER_LAST.get(code, ()):
            return True
        if known in MAY_BE_LAST.get(code, ()):
            counted = code == "de" and known in ("mio", "mrd", "tsd") and not starter
            return following.isdigit() or following.islower() or counted
        if following.isupper() and _OF_UNIT.search(text[max(first, mark - 16) : mark]):
            return False  # 75 l. Man braucht
        if spaced is not None or (len(word) == 1 and following.isalpha()):
            return not starter  # "z. B.", "т. е.", initials
        if code != "en":
            return known in _TITLES or (
                known in _BEFORE_A_NUMBER and following.isdigit()
            )
    if known in _TITLES or known in _NEVER_LAST:
        return True
    if known in _BEFORE_A_NUMBER and following.isdigit():
        return True
    starter = starts in _STARTERS
    if known in _MAY_BE_LAST:
        return following.isdigit() or (
            "." in known and known[0] in "ue" and not starter
        )
    if _INITIALS.fullmatch(word):
        alone = mark - len(word) == 0 or not text[mark - len(word) - 1].isalnum()
        return alone and following.isupper() and not starter
    return False


def _next_word(text: str, at: int, end: int) -> str:
    found = re.compile(r"[\s\"'“‘«(\[*_~`]*([^\W\d_]+)").match(
        text, at, min(end, at + 60)
    )
    return found[1] if found else ""
