"""No regular expression of ours takes more than linear time, on any text."""

import ast
import importlib
import pkgutil
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import lm_eval_faith_stats
import pytest

import lm_eval_faith

from .linear import seconds

LENGTH = 40_000
"""Characters of a hostile text: linear work on it takes milliseconds (0.2 s where a
window of a few hundred characters is looked through at every place), quadratic work
tens of seconds."""

MOST_SECONDS = 1.5
"""Of processor time, for one expression on one text, on a machine of today; on a slower one
as much longer as it is slower."""

YARDSTICK = 0.0015
"""Seconds of such a machine for a linear expression on a text."""


def most_seconds() -> float:
    """The limit on this machine."""
    linear = re.compile(r"(?:[a-z] ?)*x")
    took = min(seconds(lambda: linear.match("a " * (LENGTH // 2))) for _ in range(5))
    return MOST_SECONDS * max(1.0, took / YARDSTICK)


NOT_IMPORTED = ("lm_eval_faith.__main__",)


ALL = frozenset({"search", "match", "fullmatch"})
Found = tuple[str, re.Pattern[str], frozenset[str]]
"""Where an expression stands, itself, and how it is used."""


def of_modules(package: Any) -> Iterator[Found]:
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if info.name in NOT_IMPORTED:
            continue
        try:
            module = importlib.import_module(info.name)
        except ImportError:  # of an extra that is not installed
            continue
        if not module.__file__ or not module.__file__.endswith(".py"):
            continue
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        uses = methods(tree)
        for name, value in vars(module).items():
            for pattern in patterns_in(value):
                yield f"{info.name}.{name}", pattern, uses.get(name, ALL)
        yield from in_calls(info.name, tree)


def methods(tree: ast.AST) -> dict[str, frozenset[str]]:
    """How each name is used: an expression of which only ``fullmatch`` is called is
    never tried from every place of a text."""
    found: dict[str, set[str]] = {}
    calls = [
        node.func
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    for call in calls:
        if isinstance(call.value, ast.Name):
            found.setdefault(call.value.id, set()).add(method(call.attr))
    return {name: frozenset(used) for name, used in found.items()}


def method(name: str) -> str:
    return name if name in ("match", "fullmatch") else "search"


def patterns_in(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, dict):
        for inner in [*value, *value.values()]:
            yield from patterns_in(inner)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from patterns_in(inner)


def in_calls(name: str, tree: ast.AST) -> Iterator[Found]:
    """Expressions written where they are used; what is filled in is taken for "A"."""
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.args
        ):
            continue
        written = node.args[0]
        if isinstance(written, ast.Constant) and isinstance(written.value, str):
            words = written.value
        elif isinstance(written, ast.JoinedStr):
            words = "".join(
                part.value if isinstance(part, ast.Constant) else "A"  # type: ignore[misc]
                for part in written.values
            )
        else:
            continue
        if node.func.attr == "compile":
            continue  # a constant of a module is found above
        try:
            used = frozenset({method(node.func.attr)})
            yield f"{name}:{node.lineno}", re.compile(words), used
        except re.error:  # it needs re.VERBOSE, or a part that was filled in
            continue


def sample(parsed: Any) -> str:
    """A text that a parsed expression matches, roughly: the shortest of its kind."""
    words = ""
    for code, value in parsed:
        if code is op.LITERAL:
            words += chr(value)
        elif code is op.NOT_LITERAL:
            words += "a" if value != ord("a") else "b"
        elif code is op.IN:
            words += member(value)
        elif code is op.ANY:
            words += "a"
        elif code is op.BRANCH:
            words += sample(value[1][0])
        elif code is op.SUBPATTERN:
            words += sample(value[-1])
        elif code is op.ATOMIC_GROUP:
            words += sample(value)
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            words += sample(value[2]) * max(1, min(value[0], 3))
    return words


CATEGORIES = {
    op.CATEGORY_DIGIT: "1",
    op.CATEGORY_SPACE: " ",
    op.CATEGORY_WORD: "a",
    op.CATEGORY_NOT_DIGIT: "a",
    op.CATEGORY_NOT_SPACE: "a",
    op.CATEGORY_NOT_WORD: " ",
}


def member(items: Any) -> str:
    if items[0][0] is op.NEGATE:
        matches = re.compile("[^" + "".join(map(written, items[1:])) + "]")
        return next(c for c in "a1 x.\n,(" + chr(0x4E00) if matches.match(c))
    code, value = items[0]
    if code is op.LITERAL:
        return chr(value)
    if code is op.RANGE:
        return chr(value[0])
    return CATEGORIES[value]


def written(item: Any) -> str:
    code, value = item
    if code is op.LITERAL:
        return re.escape(chr(value))
    if code is op.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    return {" ": r"\s", "1": r"\d", "a": r"\w"}[CATEGORIES[value]]


def pumps(parsed: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """For every repeat: what leads to it, and what it repeats, in each of its forms."""
    for k, (code, value) in enumerate(parsed):
        lead = before + sample(list(parsed)[:k])
        if code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            if value[1] is op.MAXREPEAT or value[1] > 3:
                yield from ((lead, form) for form in forms(value[2]))
            yield from pumps(value[2], lead)
        elif code is op.BRANCH:
            for branch in value[1]:
                yield from pumps(branch, lead)
        elif code is op.SUBPATTERN:
            yield from pumps(value[-1], lead)
        elif code in (op.ASSERT, op.ASSERT_NOT):
            yield from pumps(value[1], lead)


def forms(parsed: Any) -> list[str]:
    found = [sample(parsed)]
    for code, value in parsed:
        if code is op.BRANCH:
            found += [sample(branch) for branch in value[1][:6]]
        elif code is op.SUBPATTERN and value[-1]:
            found += forms(value[-1])
        elif code is op.IN and value[0][0] is not op.NEGATE:
            found += [member([item]) for item in value[:4]]
    return [form for form in dict.fromkeys(found) if form]


def hostile_texts(pattern: re.Pattern[str]) -> list[str]:
    parsed = list(parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))
    whole = sample(parsed)
    texts = ["a" * LENGTH, " " * LENGTH, "1" * LENGTH, "a " * (LENGTH // 2)]
    if whole:
        texts.append(whole * (LENGTH // len(whole)))
        texts.append(whole[:-1] * (LENGTH // len(whole)))
    for lead, form in dict.fromkeys(pumps(parsed)):
        texts.append(lead + form * (LENGTH // len(form)) + "\x00")
        if lead:
            texts.append((lead + form) * (LENGTH // len(lead + form)) + "\x00")
    return list(dict.fromkeys(texts))


class TooSlowError(Exception):
    pass


def stopped(*_: object) -> None:
    raise TooSlowError


@pytest.mark.skipif(sys.platform == "win32", reason="it has no timer of processor time")
def test_every_expression_is_linear_on_hostile_texts() -> None:
    found: dict[tuple[str, int], tuple[str, frozenset[str]]] = {}
    for package in (lm_eval_faith, lm_eval_faith_stats):
        for name, pattern, used in of_modules(package):
            key = (pattern.pattern, pattern.flags)
            first, before_this = found.get(key, (name, frozenset()))
            found[key] = (first, before_this | used)
    assert len(found) > 150  # the walk finds them
    slow, limit = [], most_seconds()
    before = signal.signal(signal.SIGVTALRM, stopped)
    try:
        for (words, flags), (name, used) in found.items():
            pattern = re.compile(words, flags)
            for text in hostile_texts(pattern):
                try:
                    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
                    pattern.match(text)
                    pattern.fullmatch(text)
                    if "search" in used:
                        pattern.sub("", text)
                except TooSlowError:
                    slow.append(f"{name}: {words[:80]!r} on {text[:40]!r}")
                    break
                finally:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert not slow, "\n".join(slow)


def test_the_check_finds_what_is_not_linear() -> None:
    """The rule of units that once took nine minutes on a real answer."""
    unit = re.compile(r"(?:[A-Za-z][A-Za-z/.]{0,20}|[\s{}.,~()/])*")
    texts = hostile_texts(re.compile(unit.pattern + "$"))
    before = signal.signal(signal.SIGVTALRM, stopped)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, 1)
        with pytest.raises(TooSlowError):
            for text in texts:
                unit.fullmatch(text)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
