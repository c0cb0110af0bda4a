"""Where sentences end inside a line of reasoning."""

from __future__ import annotations

import re
from collections.abc import Iterator


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
_STOP = re.compile(r"[.!?…]+|[。！？]+")
_CLOSERS = "\"'”’)]}*_»$`"
_MARKUP = " \t\"'“‘«([*_~`"


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Ends of the sentences of ``text[start:end]`` but for the last; white space and
    closing quotes, brackets and markup belong to the sentence that they close."""
    first = start
    for match in _STOP.finditer(text, start, end):
        stop = match.end()
        closed = stop
        while closed < end and closed - stop < 8 and text[closed] in _CLOSERS:
            closed += 1
        wide = match[0][0] in "。！？"
        if closed >= end or not (wide or text[closed].isspace()):
            continue
        if wide or ends_sentence(text, first, match.start(), stop, closed, end):
            yield closed
            first = closed


def ends_sentence(
    text: str, first: int, mark: int, stop: int, closed: int, end: int
) -> bool:
    """Whether the mark ``text[mark:stop]`` of a sentence begun at ``first`` ends it.

    Args:
        closed: behind the closing quotes and brackets; white space follows.
        end: where the line ends.
    """
    following = _following(text, closed, end)
    if following is None or following.islower() or following in "=+-–—<>×÷/*|,;:&^":
        return False
    is_period = text[mark:stop] == "."
    if text[mark:stop] == "!" and mark > first and text[mark - 1].isdigit():
        return not following.isdigit()
    if not is_period:
        return True
    if mark - first < 24 and _LIST_MARKER.fullmatch(text, first, mark):
        return False
    if _FIRST_OF_A_LIST.search(text[max(first, mark - 8) : mark]):
        return False
    return not _is_abbreviation(text, first, mark, closed, following, end)


def _following(text: str, at: int, end: int) -> str | None:
    """The first character of the next sentence behind its opening markup."""
    limit = min(end, at + 40)
    while at < limit and (text[at].isspace() or text[at] in _MARKUP):
        at += 1
    return text[at] if at < limit else None


def _is_abbreviation(
    text: str, first: int, mark: int, closed: int, following: str, end: int
) -> bool:
    """The period belongs to the word before it, and the sentence goes on."""
    before = re.search(
        r"(?:[^\W\d_]{1,16}\.){0,8}[^\W\d_]{1,16}$", text[max(first, mark - 16) : mark]
    )
    if before is None:
        return False
    word = before[0]
    known = word.lower()
    if known in _TITLES or known in _NEVER_LAST:
        return True
    if known in _BEFORE_A_NUMBER and following.isdigit():
        return True
    starter = _next_word(text, closed, end).lower() in _STARTERS
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
