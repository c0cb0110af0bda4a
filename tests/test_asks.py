"""Generators that ask: alone, and many side by side."""

import importlib

import pytest

from lm_eval_faith import asks
from lm_eval_faith.asks import Generate, Score, answered, together


def counting(name, stages):
    """Asks so many times, once more each time, and returns all that it was told."""
    told = []
    for k in range(stages):
        told += yield [Generate(f"{name}{k}{i}", {}) for i in range(k + 1)]
    return name, told


class Echo:
    """Answers each ask with its own words, and keeps the stages."""

    def __init__(self):
        self.stages = []

    def __call__(self, asks):
        self.stages.append([ask.context for ask in asks])
        return [ask.context.upper() for ask in asks]


def test_a_generator_is_sent_the_answers_to_what_it_asks():
    echo = Echo()
    assert answered(counting("a", 2), echo) == ("a", ["A00", "A10", "A11"])
    assert echo.stages == [["a00"], ["a10", "a11"]]


def test_side_by_side_each_gets_its_own_answers_and_the_stages_are_shared():
    echo = Echo()
    found = answered(
        together(*(counting(n, k) for n, k in zip("abc", (2, 0, 3)))), echo
    )
    assert found == (
        ("a", ["A00", "A10", "A11"]),
        ("b", []),
        ("c", ["C00", "C10", "C11", "C20", "C21", "C22"]),
    )
    assert echo.stages == [
        ["a00", "c00"],
        ["a10", "a11", "c10", "c11"],
        ["c20", "c21", "c22"],
    ]


def test_one_that_asks_for_nothing_in_a_stage_waits_for_the_others():
    def idle():
        assert (yield []) == []
        (text,) = yield [Generate("late", {})]
        return text

    assert answered(together(idle(), counting("a", 1)), Echo())[0] == "LATE"


def test_side_by_side_can_be_nested():
    def outer():
        pair = yield from together(counting("a", 1), counting("b", 2))
        (last,) = yield [Score("end", " x")]
        return pair, last

    echo = Echo()
    ((_, second), last), third = answered(together(outer(), counting("c", 1)), echo)
    assert (second, last, third) == (
        ("b", ["B00", "B10", "B11"]),
        "END",
        ("c", ["C00"]),
    )
    assert echo.stages == [["a00", "b00", "c00"], ["b10", "b11"], ["end"]]


def test_none_side_by_side_ask_nothing():
    assert answered(together(), Echo()) == ()


def test_too_few_answers_are_an_error():
    with pytest.raises(ValueError, match="0 answers to 1 asks"):
        answered(counting("a", 1), lambda asks: [])


def test_the_example_of_the_module_runs(tmp_path, monkeypatch):
    lines = asks.__doc__.split("::\n")[1].splitlines()
    code = ["from __future__ import annotations", "from lm_eval_faith.asks import *"]
    code += [line[4:] for line in lines]
    (tmp_path / "example_of_asks.py").write_text("\n".join(code))
    monkeypatch.syspath_prepend(tmp_path)
    example = importlib.import_module("example_of_asks")

    def answer(wanted):
        return [
            " Seven." if isinstance(ask, Generate) else (-len(ask.context), True)
            for ask in wanted
        ]

    assert answered(example.second_thoughts("What?"), answer) == -len(" Seven.")
