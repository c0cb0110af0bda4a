"""GSM8K: its problems from the hub or from a file, and worked examples of our own.

Cobbe et al., Training Verifiers to Solve Math Word Problems, 2021.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.errors import InputError
from lm_eval_faith.files import read_json_lines
from lm_eval_faith.parameters import parameter, read_parameters, text
from lm_eval_faith.problems.problem import Problem, Source

_CALCULATOR = re.compile(r"<<[^<>\n]{0,200}>>")


@dataclass(frozen=True)
class Gsm8kSettings:
    """Where the problems are."""

    dataset_task: str = parameter(
        "gsm8k",
        text,
        "gsm8k, or a task of the harness whose answers are generated, or a group of such",
    )
    gsm8k: str = parameter(
        "",
        text,
        'a local copy: JSONL with "question" and "answer" ("... #### 18"); empty: the hub',
        same=False,
    )
    dataset_path: str = parameter("openai/gsm8k", text, "the dataset on the hub")
    dataset_name: str = parameter("main", text, "its configuration")
    dataset_split: str = parameter("test", text, "its split")


class Gsm8k(Source):
    """The source ``gsm8k``: its test problems, from the hub or from a local file."""

    def __init__(self, settings: Gsm8kSettings) -> None:
        self.settings = settings

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> Gsm8k:
        """The source that a user's parameters describe."""
        return cls(read_parameters(Gsm8kSettings, parameters))

    def problems(self) -> list[Problem]:
        """All problems of the split."""
        of = self.settings
        if of.gsm8k:
            return gsm8k_from_file(Path(of.gsm8k).expanduser())
        return gsm8k_from_hub(
            of.dataset_path, of.dataset_name or None, of.dataset_split
        )

    def examples(self) -> list[Problem]:
        """Problems of our own, in no dataset."""
        return worked_examples()


def gsm8k_from_file(path: Path) -> list[Problem]:
    """The problems of a JSONL file with ``question`` and ``answer``.

    Raises:
        InputError: the file is broken or empty; the sentence names file and line.
    """
    problems = [
        _problem(index, row, f"{path}:{number}")
        for index, (number, row) in enumerate(read_json_lines(path))
    ]
    if not problems:
        raise InputError(f"{path}: no problems in this file")
    return problems


def gsm8k_from_hub(path: str, name: str | None, split: str) -> list[Problem]:
    """The problems of a dataset on the hub, or in its local cache.

    Raises:
        InputError: it cannot be loaded.
    """
    import datasets

    try:
        rows = datasets.load_dataset(path, name, split=split)
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(
            f"the dataset {path} cannot be loaded ({type(error).__name__}: {reason}): "
            "go online, or name a local copy by --metadata gsm8k=PATH, a JSONL file "
            "with 'question' and 'answer'"
        ) from None
    return [_problem(k, row, f"{path}, row {k}") for k, row in enumerate(rows)]


def _problem(index: int, row: Mapping[str, Any], where: str) -> Problem:
    question, answer = (_text(row, name, where) for name in ("question", "answer"))
    solution, marker, final = answer.rpartition("####")
    if not marker or not final.strip():
        raise InputError(f"{where}: the answer does not end with '#### NUMBER'")
    number = final.strip().replace(",", "")
    chain = chain_of(_CALCULATOR.sub("", solution).strip(), number)
    return Problem(f"test-{index}", question.strip(), chain)


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {name!r} is missing or is not text")
    return value


@dataclass(frozen=True)
class _Example:
    question: str
    answer: str
    steps: tuple[str, ...]


def worked_examples() -> list[Problem]:
    """Problems in the manner of GSM8K, solved by us: in no test set."""
    return [
        Problem(
            f"worked-{k}",
            example.question,
            chain_of(" ".join(example.steps), example.answer),
        )
        for k, example in enumerate(_WORKED)
    ]


_WORKED = (
    _Example(
        "A bakery sells a loaf for $4 and a roll for $1. On Monday it sells 12 loaves "
        "and 30 rolls. How many dollars does it take in on Monday?",
        "78",
        (
            "The loaves bring in 12 * 4 = 48 dollars.",
            "The rolls bring in 30 * 1 = 30 dollars.",
            "Together that is 48 + 30 = 78 dollars.",
        ),
    ),
    _Example(
        "Nadia reads 15 pages a day. Her book has 240 pages, and she has read for 6 "
        "days. How many pages are left?",
        "150",
        (
            "In 6 days Nadia has read 6 * 15 = 90 pages.",
            "So 240 - 90 = 150 pages are left.",
        ),
    ),
    _Example(
        "A tank holds 500 litres. It is three fifths full when 80 litres are drawn "
        "off, and then a quarter of what is left leaks away. How many litres does it "
        "hold now?",
        "165",
        (
            "Three fifths of 500 litres is 500 * 3 / 5 = 300 litres.",
            "After 80 litres are drawn off there are 300 - 80 = 220 litres.",
            "A quarter of that is 220 / 4 = 55 litres.",
            "So the tank holds 220 - 55 = 165 litres.",
        ),
    ),
    _Example(
        "Tom is 4 years older than twice the age of his sister. In 3 years his sister "
        "will be 12. How old is Tom?",
        "22",
        (
            "His sister is now 12 - 3 = 9 years old.",
            "Twice her age is 2 * 9 = 18.",
            "So Tom is 18 + 4 = 22 years old.",
        ),
    ),
    _Example(
        "A printer makes 25 pages a minute. It prints 3 copies of a report of 40 pages "
        "and one copy of a book of 130 pages. How many minutes does that take?",
        "10",
        (
            "The reports are 3 * 40 = 120 pages.",
            "With the book there are 120 + 130 = 250 pages.",
            "At 25 pages a minute that takes 250 / 25 = 10 minutes.",
        ),
    ),
    _Example(
        "A jacket costs $90. It is sold at 20% off, and Lena pays with a voucher of "
        "$15 besides. How many dollars does she still pay?",
        "57",
        (
            "The reduction is 90 * 20 / 100 = 18 dollars.",
            "The jacket is sold for 90 - 18 = 72 dollars.",
            "With the voucher Lena pays 72 - 15 = 57 dollars.",
        ),
    ),
    _Example(
        "Four friends pick 18, 25, 31 and 22 apples. They keep 16 and sell the others "
        "in bags of 8. How many bags do they sell?",
        "10",
        (
            "They pick 18 + 25 + 31 + 22 = 96 apples.",
            "They sell 96 - 16 = 80 of them.",
            "That makes 80 / 8 = 10 bags.",
        ),
    ),
    _Example(
        "A bus leaves with 14 people. At the first stop 9 get on and 2 get off, and at "
        "the second 5 get off. How many people are on the bus now?",
        "16",
        (
            "After the first stop there are 14 + 9 - 2 = 21 people.",
            "After the second there are 21 - 5 = 16 people.",
        ),
    ),
)
