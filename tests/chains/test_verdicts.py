"""Which answers are the same: a table by kind, and math-verify's own opinion of it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lm_eval_faith.chains.same_answer import same_answer
from lm_eval_faith.chains.written import split_generation

TABLE = Path(__file__).with_name("verdicts.tsv")
MEANING = {True: "right", False: "wrong", None: "unread"}


class Row(NamedTuple):
    kind: str
    text: str
    answer: str
    verdict: str
    math_verify: str
    why: str


def rows() -> Iterator[Row]:
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith(("#", "kind\t")):
            row = Row(*line.split("\t"))
            yield row._replace(text=row.text.replace("⏎", "\n"))


def test_every_verdict_of_the_table_is_given_in_both_orders() -> None:
    table = list(rows())
    assert len(table) >= 300
    wrong = []
    for row in table:
        if row.kind == "text":
            verdict = split_generation(row.text, row.answer).correct
        else:
            verdict = same_answer(row.text, row.answer)
            assert verdict is same_answer(row.answer, row.text), row
        if MEANING[verdict] != row.verdict:
            wrong.append(row)
    assert not wrong


def test_table_states_what_math_verify_says_and_why_we_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """We agree on 437 of the 629 pairs that it can read."""
    from math_verify import parse, verify

    monkeypatch.setattr(logging.getLogger("math_verify"), "disabled", True)
    has_opinion = agrees = 0
    for row in rows():
        if row.kind == "empty or hostile":
            continue
        gold = parse(f"${row.answer}$")
        given = parse(row.text if row.kind == "text" else f"${row.text}$")
        opinion = ""
        if gold and given:
            same = verify(gold, given) or verify(given, gold)
            opinion = "right" if same else "wrong"
        assert opinion == row.math_verify, row
        assert bool(row.why) is (opinion not in ("", row.verdict)), row
        has_opinion += opinion != ""
        agrees += opinion == row.verdict
    assert (has_opinion, agrees) == (629, 437)
