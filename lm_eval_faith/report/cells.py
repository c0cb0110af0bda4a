"""How numbers and texts are written in the cells of tables, CSV and Markdown."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lm_eval_faith_stats import Estimate

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff]"
)


def plain(text: str) -> str:
    """Text with control and direction characters shown, not obeyed."""
    return _CONTROL.sub(lambda c: f"\\x{ord(c[0]):02x}", text)


def brief(text: str, longest: int = 200) -> str:
    """Plain text on one line, cut where it is long: for sentences about bad input."""
    line = plain(text).replace("\n", "\\n")
    return line if len(line) <= longest else f"{line[:longest]}..."


def csv_text(text: str) -> str:
    """Plain text that no spreadsheet runs as a formula."""
    return f"'{plain(text)}" if text and text[:1] in "=+-@\t\r" else plain(text)


def csv_number(value: float) -> str:
    """With full precision; empty where it is not defined."""
    return "" if math.isnan(value) else repr(value)


def markdown_text(text: str) -> str:
    """Text of which Markdown shows every character."""
    escaped = re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", plain(text))
    return escaped.replace("\n", " ")


def number(value: float, unit: str) -> str:
    """With three decimals, a share as a percentage; a dash where it is not defined."""
    if math.isnan(value):
        return "–"
    if unit == "share":
        return f"{round(100 * value, 1) + 0.0:.1f}%"
    return f"{round(value, 3) + 0.0:.3f}"


def interval(estimate: Estimate, unit: str) -> str:
    """As ``[low, high]``; a dash where there is none."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return "–"
    return f"[{number(estimate.low, unit)}, {number(estimate.high, unit)}]"


def finite(value: Any) -> Any:
    """The same JSON value with null for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
