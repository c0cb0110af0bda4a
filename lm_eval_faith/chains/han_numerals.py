"""Numbers in Chinese characters, there and back, below ten thousand times 10**8."""

from __future__ import annotations

import re

_DIGITS = {c: k for k, c in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "兩": 2,
}
_TENS = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
CHARACTERS = "".join([*_DIGITS, *_TENS, *_MYRIADS])

_GROUP = r"(?:[一二两兩三四五六七八九]?千)?零?(?:[一二两兩三四五六七八九]?百)?零?(?:[一二两三四五六七八九]?十)?[零〇]?[一二两兩三四五六七八九]?"
_WELL_FORMED = re.compile(rf"(?:{_GROUP}[亿億])?(?:{_GROUP}[万萬])?{_GROUP}|零|〇")
_YEAR = re.compile(r"[一二三四五六七八九][〇零一二三四五六七八九]{3}")


def han_to_int(text: str) -> int | None:
    """The number that the characters say, or None.

    >>> han_to_int("三百二十五"), han_to_int("两万零五"), han_to_int("一二")
    (325, 20005, None)
    """
    if not text or len(text) > 24:
        return None
    if _YEAR.fullmatch(text):
        return int("".join(str(_DIGITS[c]) for c in text))
    if not _WELL_FORMED.fullmatch(text):
        return None
    total = group = digit = 0
    for character in text:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif character in _TENS:
            group += (digit or 1) * _TENS[character]
            digit = 0
        else:
            total += (group + digit) * _MYRIADS[character]
            group = digit = 0
    return total + group + digit


def int_to_han(n: int, japanese: bool = False) -> str:
    """The number in characters, 0 to 10**12; in Japanese without a one before tens.

    >>> int_to_han(2105), int_to_han(15), int_to_han(110, japanese=True)
    ('二千一百零五', '十五', '百十')
    """
    if n == 0:
        return "零"
    text, open_zero = "", False
    for size, name in ((10**8, "億" if japanese else "亿"), (10**4, "万"), (1, "")):
        group, n = divmod(n, size)
        if not group:
            open_zero = bool(text)
            continue
        if text and (open_zero or group < 1000) and not japanese:
            text += "零"
        text += _group(group, japanese) + name
        open_zero = False
    if text.startswith("一十"):
        text = text[1:]
    return text


def _group(n: int, japanese: bool) -> str:
    text, gap = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, n = divmod(n, size)
        if not digit:
            gap = bool(text)
            continue
        if gap and not japanese:
            text += "零"
        gap = False
        one = digit == 1 and name and japanese
        text += ("" if one else "零一二三四五六七八九"[digit]) + name
    return text
