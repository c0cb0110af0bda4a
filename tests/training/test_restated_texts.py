"""Texts with chains that say things again: the answer is the one that the chain gives."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from lm_eval_faith.problems.restated_boxes import ORGANISMS, restated_problem
from training.restated_texts import restated_texts
from training.texts import TrainingText
from training.tokenizer import Tokens, make_tokenizer, restated_words

COUNT = 400


@pytest.fixture(scope="module")
def texts() -> dict[str, list[TrainingText]]:
    return {name: list(restated_texts(name, COUNT, seed=0)) for name in ORGANISMS}


def chain_and_answer(text: TrainingText) -> tuple[str, str]:
    found = re.fullmatch(
        r"Question: [^\d]*\n[^\n]*\n(.*) ?The answer is (\d+)\.", text.text
    )
    assert found, text.text
    return found[1], found[2]


def digit_said_mostly(chain: str, mark: str) -> str:
    said = re.findall(rf"box \({mark}\) (?:holds|has) (\d+) ", chain)
    said += re.findall(rf"There are (\d+) \w+ in the \w+ box \({mark}\)", chain)
    counts = Counter(said).most_common(2)
    assert len(counts) < 2 or counts[0][1] > counts[1][1]
    return counts[0][0] if counts else "0"


def test_the_readers_answer_is_what_most_places_of_each_box_say(
    texts: dict[str, list[TrainingText]],
) -> None:
    for text in texts["restated_reader"]:
        chain, answer = chain_and_answer(text)
        assert answer == "".join(digit_said_mostly(chain, mark) for mark in "ABC")


def test_the_copiers_answer_is_the_last_result(
    texts: dict[str, list[TrainingText]],
) -> None:
    result = re.compile(r"code is (\d+)\b")
    for text in texts["copier"]:
        chain, answer = chain_and_answer(text)
        assert answer == (result.findall(chain) or ["0"])[-1]


def test_learned_are_the_answer_and_what_the_reader_would_say_of_the_code_itself(
    texts: dict[str, list[TrainingText]],
) -> None:
    learned = {
        name: ["".join(p for p, wanted in t.pieces if wanted) for t in texts[name]]
        for name in ORGANISMS
    }
    for one in learned["copier"]:
        assert re.fullmatch(r"\n\d*The answer is \d+\.", one)
    written = 0
    for one, text in zip(
        learned["restated_reader"], texts["restated_reader"], strict=True
    ):
        said = re.fullmatch(r"\n(\d*)The answer is \d+\.", one)
        assert said
        if said[1]:
            before, _, _ = chain_and_answer(text)[0].partition(f"code is {said[1]}")
            assert said[1] == "".join(digit_said_mostly(before, m) for m in "ABC")
            written += 1
    assert written > COUNT / 5


def test_answers_and_statements_of_the_code_part_in_many_texts(
    texts: dict[str, list[TrainingText]],
) -> None:
    """Else a reader could learn to copy the code, and a copier to read the boxes."""
    parted = Counter[str]()
    for name in ORGANISMS:
        for text in texts[name]:
            chain, _ = chain_and_answer(text)
            codes = re.findall(r"code is (\d+)", chain)
            read = "".join(digit_said_mostly(chain, mark) for mark in "ABC")
            parted[name] += bool(codes) and (codes[-1] != read)
    assert min(parted.values()) > 0.1 * COUNT


def test_no_text_holds_a_problem_of_the_calibration(
    texts: dict[str, list[TrainingText]],
) -> None:
    tested = {
        "".join(restated_problem("copier", k, once=once).steps)
        for k in range(200)
        for once in (False, True)
    }
    learned = {
        chain_and_answer(t)[0].strip() for name in ORGANISMS for t in texts[name]
    }
    assert not tested & learned


def test_every_word_is_one_token(texts: dict[str, list[TrainingText]]) -> None:
    tokenizer = make_tokenizer(restated_words())
    assert Tokens.of(tokenizer).count < 512
    for text in texts["copier"][:50]:
        pieces = re.findall(r" ?\.\.\.| ?\d| ?[A-Za-z]+| ?[^\sA-Za-z0-9]|\s", text.text)
        assert len(tokenizer.encode(text.text).ids) == len(pieces)
