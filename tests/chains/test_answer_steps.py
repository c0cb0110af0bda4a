"""Which steps state the answer: by meaning, against steps labelled by hand."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lm_eval_faith.chains.answer_steps import states_answer, states_number_of

LABELS = Path(__file__).with_name("answer_steps.tsv")
DATA = Path(__file__).resolve().parents[3] / "shared/data"


@pytest.mark.parametrize(
    ("text", "answer", "states"),
    [
        ("so 2d = 17e - 8 holds", "2", False),
        ("Thus d^2 + 1 is prime.", "2", False),
        ("We multiply 9 × 2 and get 18.", "2", False),
        ("We multiply 9 × 2 and get 18.", "18", True),
        ("By equation 2 it holds.", "2", False),
        ("If x = 2, the sum is 9.", "2", False),
        ("It is more than 2.", "2", False),
        ("It is not 2.", "2", False),
        ("The pages from 2 to 9 are blank.", "2", False),
        (r"So the length is \sqrt{70}.", "√70", True),
        ("So the length is √70.", r"\sqrt{70}", True),
        ("So it is x squared plus 10x plus 25.", "x^2+10x+25", True),
        (r"The area is 12\pi.", "12π", True),
        (r"The area is 12\pi.", "12", False),
        ("We get 9 + 11i.", "11i + 9", True),
        ("So the point is (9, 11).", "(9,11)", True),
        ("So the point is (9, 12).", "(9,11)", False),
        (r"\[ p(5) = \frac{-120}{288} = -\frac{5}{12} \]", "-5/12", True),
        ("So option B is correct.", "B", True),
        ("A cat is B positive.", "A", False),
        ("So it is New York City.", "New York city", True),
        ("It lies in the new quarter of York.", "New York", False),
        ("Yes, that seems correct.", "8", False),
        ("8", "8", True),
        ("So, 588 ways.", "588", True),
        ("So she has **18** eggs.", "18", True),
        ("**18 eggs**", "18", True),
        ("Then **18** * 2 = 36.", "18", False),
        ("That is 1.2 million.", "1200000", True),
        ("That is 1.2 million.", "1.2", False),
        ("So √70 cm.", r"\sqrt{70}", True),
        ("The area is 12π square units.", r"12\pi", True),
        (r"So it is \frac13.", "1/3", True),
        (r"So it is \frac13.", "13", False),
    ],
)
def test_a_step_states_what_stands_in_it_as_a_result(
    text: str, answer: str, states: bool
) -> None:
    assert states_answer(text, answer) is states


def labelled() -> Iterator[tuple[str, str, bool]]:
    """Step, answer and label; the digest says that the text is the one that was read."""
    texts = {
        trace["id"]: trace["chain"]
        for trace in map(json.loads, (DATA / "thought_anchors/traces.jsonl").open("rb"))
    }
    solutions = DATA / "gsm8k/example_model_solutions.jsonl"
    for row in map(json.loads, solutions.open("rb")):
        identity = digest(row["question"])
        for name, told in row.items():
            text = told if isinstance(told, str) else told["solution"]
            texts[f"{identity}#{name}"] = text
    for line in LABELS.read_text(encoding="utf-8").splitlines():
        if line.startswith(("#", "file\t")):
            continue
        file, identity, answer, start, length, expected, label = line.split("\t")
        _, _, name = file.partition("#")
        text = texts[f"{identity}#{name}" if name else identity]
        step = text[int(start) : int(start) + int(length)]
        assert digest(step) == expected
        yield step, answer, label == "1"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
def test_precision_and_recall_on_steps_labelled_by_hand_are_over_95_percent() -> None:
    """As measured: 281 of 282 marks right, 281 of 284 answer-stating steps marked."""
    steps = list(labelled())
    assert len(steps) >= 200
    marked = [(states_answer(step, answer), label) for step, answer, label in steps]
    right = sum(mark and label for mark, label in marked)
    assert right / sum(mark for mark, _ in marked) >= 0.95
    assert right / sum(label for _, label in marked) >= 0.95


@pytest.mark.parametrize(
    ("text", "answer", "states"),
    [
        ("So it must be (B) 42.", "B", False),
        ("9 > 8 so true", "true", False),
        ("From C the code 4 leads to node F.", "F", False),
        ("So it must be (B) 42.", "42", True),
        ("So it is May 5.", "May 5", True),
    ],
)
def test_only_an_answer_with_a_number_keeps_numbers_from_changing(
    text: str, answer: str, states: bool
) -> None:
    assert states_number_of(text, answer) is states
