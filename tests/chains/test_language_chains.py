"""Chains in six languages: steps, numbers, verdict and corruption against a reading by hand.

``language_texts.tsv``: 18 whole solutions in zh, de and es with money, times, units, formulae
and lists, written after the rules; ``steps`` was read by hand. At the first reading 4 verdicts
(17:30 Uhr, 150万 and 100万, ℃) and 4 splits (Mio., Min., l, EE. UU.) of these were wrong.

``language_chains.tsv``: 30 short solutions a language, written for this project. ``steps``
has a bar where a reader ends a step; ``numbers`` are those that state quantities, in order,
read by hand; ``readings`` is 2 where the first reading differed from the code and the row was
read again (in each the first reading had left out a number); ``answer`` is what the solution
comes to.
"""

import csv
import re
from pathlib import Path

import pytest

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.chains.written import chain_of, split_generation
from lm_eval_faith.interventions.corrupt_written import corrupt_text, quantities

LANGUAGES = ["zh", "de", "es", "bn", "ru", "ja"]
NO_SPACES = ("zh", "ja")
ENOUGH = 28

with (Path(__file__).parent / "language_chains.tsv").open(encoding="utf-8") as _file:
    ROWS = list(csv.DictReader(_file, delimiter="\t", quoting=csv.QUOTE_NONE))


def text_of(row: dict[str, str]) -> str:
    return ("" if row["language"] in NO_SPACES else " ").join(row["steps"].split("|"))


def is_right(row: dict[str, str]) -> bool:
    """Language, steps, numbers and verdict as a reader has them, and a corruption that
    changes every one of the numbers and nothing else, in the text's own digits."""
    text = text_of(row)
    chain = chain_of(text, row["answer"])
    assert chain.text == text
    if chain.writing.language != row["language"]:
        return False
    if [step.text for step in chain.steps] != row["steps"].split("|"):
        return False
    found = [n for step in chain.steps for n in quantities(step.text, chain.writing)]
    if [float(n.value) for n in found] != [float(n) for n in row["numbers"].split()]:
        return False
    if not split_generation(text, row["answer"], allow_last_number=True).correct:
        return False
    for k, step in enumerate(chain.steps):
        before = quantities(step.text, chain.writing)
        if not before:
            continue
        changed = corrupt_text(step.text, "", Draw(k), writing=chain.writing)
        pattern, done = "", 0
        for number in before:
            script = "".join(sorted(set(step.text[number.start : number.end])))
            own = (
                r"[0-9.,  \u00a0]+"
                if re.search("[0-9]", script)
                else r"[^\sa-zA-Z0-9]+"
            )
            pattern += re.escape(step.text[done : number.start]) + f"({own})"
            done = number.end
        match = re.fullmatch(pattern + re.escape(step.text[done:]), changed)
        if match is None:
            return False
        if any(
            new == step.text[n.start : n.end]
            for n, new in zip(before, match.groups(), strict=True)
        ):
            return False
    return True


@pytest.mark.parametrize("language", LANGUAGES)
def test_chains_are_read_as_a_reader_reads_them(language: str) -> None:
    rows = [row for row in ROWS if row["language"] == language]
    assert len(rows) == 30
    wrong = [text_of(row) for row in rows if not is_right(row)]
    assert len(rows) - len(wrong) >= ENOUGH, wrong


def test_solutions_written_after_the_rules_are_read_too() -> None:
    path = Path(__file__).parent / "language_texts.tsv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) == 54
    wrong = []
    for row in rows:
        found = split_generation(row["text"].replace("⏎", "\n"), row["answer"])
        steps = "|".join(step.text for step in found.chain.steps)
        language = found.chain.writing.language
        if (language, steps, found.correct) != (row["language"], row["steps"], True):
            wrong.append(row["text"])
    assert not wrong
