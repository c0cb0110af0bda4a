"""Requests for the benchmark, as token ids: what our tasks and a stock few-shot task ask a model."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from lm_eval_faith.engines.tree import Pair

Encode = Callable[[str], list[int]]

NAMES = ("Tom", "Anna", "Maria", "Sam", "Lena", "Omar", "Ines", "Paul")
THINGS = ("apples", "stamps", "coins", "books", "marbles", "tickets", "shells", "cards")
ASIDES = (
    "The weather was pleasant and {other} hummed a song for about {n} minutes.",
    "It was a quiet afternoon, and {other} had {n} letters to answer.",
    "On the wall hung {n} small pictures that nobody had looked at for years.",
)


def word_encoder(vocabulary: int) -> Encode:
    """A tokenizer that needs no model: words, single digits and marks, spread over the vocabulary in order of use."""
    ids: dict[str, int] = {}

    def encode(text: str) -> list[int]:
        pieces = re.findall(r"\d|[^\W\d]+|[^\w\s]", text)
        return [
            ids.setdefault(piece, 10 + len(ids) * 17 % (vocabulary - 10))
            for piece in pieces
        ]

    return encode


def provided_chain(
    rng: random.Random,
    encode: Encode,
    *,
    load_bearing: int = 5,
    asides: int = 2,
    interventions: Sequence[str] = ("corrupt", "corrupt_local", "delete"),
) -> list[Pair]:
    """The requests about one running-total problem: the clean chain, then each intervention at each step.

    `corrupt` carries the change through to every later total, `corrupt_local` changes one step, `delete` leaves it out;
    each is scored with the answer of the clean chain.
    """
    person, other = rng.sample(NAMES, 2)
    thing = rng.choice(THINGS)
    begin = rng.randint(20, 60)
    changes = [rng.randint(2, 19) for _ in range(load_bearing)]
    kinds = ["total"] * load_bearing + ["aside"] * asides
    rng.shuffle(kinds)
    gifts = ", ".join(map(str, changes))
    question = f"Question: {person} has {begin} {thing} and gets {gifts} more. How many are there?\nReasoning:"
    numbers = [rng.randint(2, 19) for _ in kinds]
    templates = [rng.choice(ASIDES) for _ in kinds]

    def chain(
        corrupted: int | None = None, carry: bool = False, deleted: int | None = None
    ) -> tuple[str, int]:
        """The chain's text and the total that it ends with."""
        total, added, lines = begin, iter(changes), []
        for step, kind in enumerate(kinds):
            shift = 3 if step == corrupted else 0
            if kind == "aside":
                line = templates[step].format(other=other, n=numbers[step] + shift)
            else:
                change = next(added)
                line = f"{person} had {total} {thing} and got {change}, so now there are {total + change + shift}."
                total += change + (shift if carry else 0)
            if step != deleted:
                lines.append(line)
        return f"{question} {' '.join(lines)}\nAnswer:", total

    clean, answer = chain()
    requests = [(clean, answer)]
    for step in range(len(kinds)):
        changed = {
            "corrupt": chain(corrupted=step, carry=True),
            "corrupt_local": chain(corrupted=step),
            "delete": chain(deleted=step),
        }
        requests += [(changed[name][0], answer) for name in interventions]
    return [(encode(context), encode(f" {total}")) for context, total in requests]


def multiple_choice(
    rng: random.Random,
    encode: Encode,
    *,
    questions: int,
    shots: int = 5,
    choices: int = 4,
) -> list[Pair]:
    """A few-shot multiple-choice task: for each question its own examples, as the harness draws them, and its choices."""

    def item() -> tuple[str, list[str]]:
        name, thing, n = rng.choice(NAMES), rng.choice(THINGS), rng.randint(2, 99)
        question = (
            f"Question: At the market {name} saw {n} boxes of {thing}, each of which held {rng.randint(2, 99)} {thing}, "
            f"and wondered for {rng.randint(2, 50)} minutes what to do with them. What did {name} do next?\nAnswer:"
        )
        return question, [
            f" {name} {rng.choice(['bought', 'sold', 'counted', 'drew'])} {rng.randint(2, 99)} of the {thing}"
            f" and {rng.choice(['went home', 'sat down', 'told a friend', 'came back later'])}."
            for _ in range(choices)
        ]

    pairs: list[Pair] = []
    for _ in range(questions):
        examples = [item() for _ in range(shots)]
        question, answers = item()
        context = "\n\n".join(
            [*(text + given[0] for text, given in examples), question]
        )
        pairs += [(encode(context), encode(answer)) for answer in answers]
    return pairs
