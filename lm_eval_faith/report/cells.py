"""How numbers and texts are written in the cells of tables, CSV and Markdown."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from lm_eval_faith.shown import CONTROL_CHARACTERS, plain

if TYPE_CHECKING:
    from lm_eval_faith_stats import Estimate

_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What makes a spreadsheet take a text for a formula: OWASP's CSV Injection, with the
wide forms of Asian keyboards."""

_BLOCK = re.compile(r"(?P<sign>[-+=])|(?P<number>\d{1,9})(?=[.)])")
"""What begins a list or a rule where it begins a line of Markdown."""


def csv_text(text: str) -> str:
    """Plain text that no spreadsheet runs as a formula."""
    return f"'{plain(text)}" if text.startswith(_FORMULA) else plain(text)


def csv_number(value: float) -> str:
    """With full precision; empty where it is not defined."""
    return "" if math.isnan(value) else repr(value)


def markdown_text(text: str) -> str:
    """Text of which Markdown shows every character, within a line or a cell."""
    return re.sub(r"([\\`*_{}\[\]<>|#&~$])", r"\\\1", " ".join(plain(text).split()))


def markdown_paragraph(text: str) -> str:
    """The same for a line of its own, where more characters mean something."""
    line = markdown_text(text)
    begins = _BLOCK.match(line)
    if begins is None:
        return line
    place = begins.end() if begins["number"] else 0
    return f"{line[:place]}\\{line[place:]}"


def json_text(content: Any) -> str:
    """JSON that parses to the same texts, and that a terminal shows and does not obey.

    Numbers that are not finite must not be in it.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return CONTROL_CHARACTERS.sub(lambda c: json.dumps(c[0])[1:-1], text) + "\n"


def number(value: float, unit: str) -> str:
    """With three decimals, a share as a percentage; a dash where it is not defined."""
    if math.isnan(value):
        return "–"
    if unit == "share":
        return f"{round(100 * value, 1) + 0.0:.1f}%"
    return f"{round(value, 3) + 0.0:.3f}"


def with_unit(value: float, unit: str) -> str:
    """A number, its unit behind it where that is not seen."""
    shown = number(value, unit)
    return shown if unit in ("share", "auc", "correlation") else f"{shown} {unit}"


def interval(estimate: Estimate, unit: str) -> str:
    """As ``[low, high]``; a dash where there is none."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return "–"
    return f"[{number(estimate.low, unit)}, {number(estimate.high, unit)}]"


def with_interval(estimate: Estimate, unit: str) -> str:
    """As ``1.234 [1.111, 1.357]``."""
    return f"{number(estimate.point, unit)} {interval(estimate, unit)}"


def p_value(value: float) -> str:
    """With four decimals, none of which is a nought that stands for less; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def finite(value: Any) -> Any:
    """The same JSON value with null for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
