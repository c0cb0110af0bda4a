"""Mathematical expressions: into LaTeX that math-verify reads, and its verdict.

Untrusted text goes to math-verify (its LaTeX grammar, never Python's or SymPy's
``eval``) only after a check that it is short and holds nothing that takes long to work
out: a time limit by signals works in the main thread only, and stops no Python inside
one multiplication.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import Any

LONGEST_EXPRESSION = 200
"""A longer text is no answer: it is not handed to a parser."""

SECONDS = 30
"""Most time for math-verify to read or to compare one pair of expressions.

Tame ones take hundredths; the limit is a guard, so far off because it goes by the clock,
and no verdict may hang on what else the machine is doing."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAME_COMMANDS = _words(
    "frac dfrac tfrac sqrt pi cdot times div pm mp text mathrm mathbf mathbb textbf mbox "
    "left right infty cup cap setminus in le ge leq geq lt gt ne neq circ degree approx "
    "quad theta alpha beta gamma lambda phi emptyset varnothing sin cos tan cot sec csc "
    "log ln exp arcsin arccos arctan begin end pmatrix bmatrix matrix mid to vert overline "
    "binom ldots dots cdots qquad displaystyle"
)
_SIGNS = {
    "−": "-",
    "–": "-",
    "×": r"\times ",
    "·": r"\cdot ",
    "⋅": r"\cdot ",
    "÷": r"\div ",
    "π": r"\pi ",
    "∞": r"\infty ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "±": r"\pm ",
    "θ": r"\theta ",
    "∅": r"\emptyset ",
    "\\varnothing": r"\emptyset ",
    "∈": r"\in ",
    "**": "^",
    "<=": r"\le ",
    ">=": r"\ge ",
    "½": r"\frac{1}{2}",
}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = re.compile("[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}")
_ROOT = re.compile(
    r"(?:√|\\sqrt(?=\s?[0-9])|(?<![A-Za-z\\])sqrt)\s?(?:\(([^()]{1,60})\)|\[([^\[\]]{1,60})\]|([0-9]{1,12}|[a-z]))"
)
_SPOKEN = (
    (re.compile(r"\s{1,4}squared\b"), "^2"),
    (re.compile(r"\s{1,4}cubed\b"), "^3"),
    (re.compile(r"\s{1,4}plus\s{1,4}"), " + "),
    (re.compile(r"\s{1,4}minus\s{1,4}"), " - "),
    (re.compile(r"\s{1,4}times\s{1,4}"), r" \\times "),
    (re.compile(r"\s{1,4}divided by\s{1,4}"), " / "),
    (re.compile(r"\bsquare root of\s{1,4}([0-9]{1,12}|[a-z]\b)"), r"\\sqrt{\1}"),
    (re.compile(r"(?<!\\)\bpi\b"), r"\\pi "),
    (re.compile(r"(?<!\\)\binfinity\b"), r"\\infty "),
)
_AND = re.compile(r"\\(?:text|mathrm)\s?\{\s?,?\s?(?:and|or)\s?\}|,?\s(?:and|or)\s")
_SPACING = re.compile(r",\\!\s{0,3}|(?<!\\)\\(?:[,;:! ]|(?:left|right)(?![a-z]))|~")
_ENGLISH = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}(?![A-Za-z{])")
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mbox)\s?\{[^{}]{0,80}\}")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[a-z]{1,10}\}")
_FUNCTIONS = re.compile(r"(?<![\\A-Za-z])(sin|cos|tan|log|ln|exp)(?=[ (0-9{])")
_SMALL_POWER = re.compile(
    r"(?:\{\s*-?(?:[0-9]{1,2}|[a-z]|[0-9]{0,2}[a-z]|[a-z]\s?[-+]\s?[0-9]|[0-9]{1,2}/[0-9]{1,2}"
    r"|\\circ|\\d?frac\{[0-9]\}\{[0-9]\})\s*\}"
    r"|[0-9]{1,2}(?![0-9.])|[a-z]|\\circ|\(\s*-?[0-9](?:/[0-9])?\s*\)|-[0-9](?![0-9.]))"
)


def as_latex(text: str) -> str:
    """An expression as people write or say it, in LaTeX.

    >>> as_latex("x squared plus 10x plus √70")
    'x^2 + 10x + \\\\sqrt{70}'
    """
    text = _SPACING.sub(
        lambda m: (
            "," if m[0][0] == "," else "" if m[0][1:] in ("left", "right", "!") else " "
        ),
        text,
    )
    for pattern, latex in _SPOKEN:
        text = pattern.sub(latex, text)
    text = _AND.sub(", ", text)
    text = _SUPERSCRIPT.sub(lambda m: "^{" + m[0].translate(_SUPERSCRIPTS) + "}", text)
    text = _ROOT.sub(lambda m: rf"\sqrt{{{m[1] or m[2] or m[3]}}}", text)
    for sign, latex in _SIGNS.items():
        text = text.replace(sign, latex)
    text = _FUNCTIONS.sub(r"\\\1", text)
    return re.sub(r"\s+", " ", text).strip()


def is_mathematics(latex: str) -> bool:
    """Worth a parser: letters one by one, signs and digits; not an English phrase."""
    bare = _ENVIRONMENT.sub("", _TEXT.sub("", latex))
    return bool(latex.strip()) and not _ENGLISH.search(bare)


def is_tame(latex: str) -> bool:
    """Short, with known commands, and no power, factorial or digit run that explodes.

    ``10**10**10`` and ``99999!`` are refused: working them out would never end.
    """
    if len(latex) > LONGEST_EXPRESSION or latex.count("{") > 24:
        return False
    if re.search(r"[0-9]{16,}", latex) or latex.count("(") > 12:
        return False
    if re.search(r"(?:[0-9]{3}|[^0-9])!|!!|!\^", latex):
        return False
    if any(c not in _TAME_COMMANDS for c in re.findall(r"\\([A-Za-z]+)", latex)):
        return False
    if latex.count("\\binom") > len(
        re.findall(r"\\binom\{[0-9]{1,2}\}\{[0-9]{1,2}\}", latex)
    ):
        return False
    powers = re.findall(r"(?:\^|\*\*)\s*(.{0,16})", latex)
    if len(powers) > 4 or re.search(r"(?:\^|\*\*)[^+\-=,]{0,12}(?:\^|\*\*)", latex):
        return False
    if re.search(r"[)\]}]\s?\^\s?\{?\s?(?:[2-9][0-9]|1[3-9])", latex):
        return False
    return all(_SMALL_POWER.match(power) for power in powers)


def parsed(latex: str) -> list[Any]:
    """What math-verify reads in a tame expression; empty when it reads nothing."""
    from math_verify import (  # type: ignore[import-untyped]
        LatexExtractionConfig,
        parse,
    )

    try:
        found: list[Any] = parse(
            f"${latex}$",
            extraction_config=[LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=_seconds(),
        )
    except Exception:  # noqa: BLE001 (its parsers raise all kinds on odd input)
        return []
    return found


def verified(first: str, second: str) -> bool | None:
    """math-verify's verdict on two expressions in LaTeX, in either order; None where it
    has no opinion: one is not tame, or cannot be read."""
    from math_verify import verify

    if not (is_tame(first) and is_tame(second)):
        return None
    quiet = logging.getLogger("math_verify")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)
    try:
        sides = parsed(first), parsed(second)
        if not all(sides):
            return None
        return any(
            verify(gold, given, timeout_seconds=_seconds(), raise_on_error=False)
            for gold, given in (sides, sides[::-1])
        )
    except Exception:  # noqa: BLE001 (as above)
        return None
    finally:
        quiet.setLevel(level)


def _seconds() -> int | None:
    main = threading.current_thread() is threading.main_thread()
    return SECONDS if main else None
