"""The words of the generated problems: a closed vocabulary of plain English.

Places in braces: ``{n}`` is a number, ``{things}``, ``{person}``, ``{they}``,
``{They}``, ``{their}`` and ``{Their}`` are names. An event is told in the same words by
the question and by the step that works it out.
"""

from __future__ import annotations

from dataclasses import dataclass

PEOPLE = (
    ("Mia", "she", "her"),
    ("Omar", "he", "his"),
    ("Lena", "she", "her"),
    ("Felix", "he", "his"),
    ("Ruth", "she", "her"),
    ("Hugo", "he", "his"),
    ("Nadia", "she", "her"),
    ("Theo", "he", "his"),
    ("Clara", "she", "her"),
    ("Ivan", "he", "his"),
)


@dataclass(frozen=True)
class Theme:
    """What a problem is about.

    Attributes:
        things: what may be counted.
        start: the sentence that gives the first number.
        groups: the sentence that gives it as ``{a}`` groups of ``{b}``.
        gains, losses, products: events that add ``{n}``, take it away, or multiply
            by it.
        total: how a step says the result; ``{sum}`` is the arithmetic.
        question: what is asked.
    """

    things: tuple[str, ...]
    start: str
    groups: str
    gains: tuple[str, ...]
    losses: tuple[str, ...]
    products: tuple[str, ...]
    total: str
    question: str


THEMES = (
    Theme(
        things=("apples", "pears", "plums", "eggs", "flowers", "nuts"),
        start="{person} has {n} {things}.",
        groups="{person} has {a} baskets with {b} {things} in each.",
        gains=(
            "{They} buys {n} more",
            "{They} picks {n} more",
            "{They} gets {n} from a friend",
            "A neighbour brings {n} more",
        ),
        losses=(
            "{They} eats {n} of them",
            "{They} gives {n} to a friend",
            "{They} sells {n} at the market",
            "{They} throws away {n} bad ones",
        ),
        products=(
            "{They} keeps picking until there are {n} times as many",
            "By the evening there are {n} times as many",
        ),
        total="so {person} has {sum} {things}.",
        question="How many {things} does {person} have at the end?",
    ),
    Theme(
        things=("stickers", "stamps", "cards", "shells", "marbles", "buttons"),
        start="{person} starts with {n} {things}.",
        groups="{person} starts with {a} boxes of {b} {things} each.",
        gains=(
            "{They} finds {n} in a drawer",
            "{They} wins {n} in a game",
            "An aunt sends {n} more",
            "{They} buys {n} at the shop",
        ),
        losses=(
            "{They} loses {n} on the way home",
            "{They} trades away {n}",
            "{They} gives {n} to a cousin",
            "{They} sells {n} of them",
        ),
        products=(
            "During the year {their} collection grows to {n} times its size",
            "A big parcel makes the collection {n} times as large",
        ),
        total="so {person} has {sum} {things}.",
        question="How many {things} does {person} have now?",
    ),
    Theme(
        things=("dollars", "coins"),
        start="{person} has saved {n} {things}.",
        groups="{person} has saved {b} {things} a week for {a} weeks.",
        gains=(
            "{They} earns {n} for washing a car",
            "{They} gets {n} for {their} birthday",
            "{They} earns {n} for walking a dog",
            "{They} finds {n} in an old coat",
        ),
        losses=(
            "{They} spends {n} on a book",
            "{They} spends {n} on lunch",
            "{They} lends {n} to {their} brother",
            "{They} pays {n} for a ticket",
        ),
        products=(
            "{Their} grandmother makes the sum {n} times as large",
            "{They} saves until the sum is {n} times as large",
        ),
        total="so {person} has {sum} {things}.",
        question="How many {things} does {person} have left?",
    ),
    Theme(
        things=("people", "children", "passengers"),
        start="There are {n} {things} on the train.",
        groups="There are {a} cars with {b} {things} in each on the train.",
        gains=(
            "At the next station {n} get on",
            "At the bridge {n} get on",
            "At the lake {n} more come in",
        ),
        losses=(
            "At the next station {n} get off",
            "At the school {n} get off",
            "At the park {n} leave",
        ),
        products=(
            "In the big city the number becomes {n} times as large",
            "At the airport the number grows to {n} times its size",
        ),
        total="so there are {sum} {things}.",
        question="How many {things} are on the train at the end?",
    ),
    Theme(
        things=("books", "lamps", "chairs", "toys", "shirts"),
        start="A shop has {n} {things}.",
        groups="A shop has {a} shelves with {b} {things} on each.",
        gains=(
            "A truck brings {n} more",
            "The owner orders {n} more",
            "A customer returns {n}",
        ),
        losses=(
            "On Monday the shop sells {n}",
            "On Friday customers buy {n}",
            "The owner gives away {n}",
            "In the storm {n} are broken",
        ),
        products=(
            "For the holidays the stock grows to {n} times its size",
            "After the repair the shop has {n} times as many",
        ),
        total="so the shop has {sum} {things}.",
        question="How many {things} does the shop have in the end?",
    ),
    Theme(
        things=("points",),
        start="In a game {person} has {n} {things}.",
        groups="In a game {person} wins {a} rounds with {b} {things} each.",
        gains=(
            "{They} wins {n} in the next round",
            "A good hit is worth {n} more",
            "{They} finds a star that is worth {n}",
        ),
        losses=(
            "{They} loses {n} in the next round",
            "A mistake costs {n}",
            "{They} pays {n} for a hint",
        ),
        products=(
            "A bonus card makes the score {n} times as large",
            "A golden key makes the score {n} times as large",
        ),
        total="so {person} has {sum} {things}.",
        question="How many {things} does {person} have at the end of the game?",
    ),
)

IRRELEVANT = (
    "The bus comes every {n} minutes.",
    "The house next door was painted {n} years ago.",
    "It is {n} degrees outside.",
    "The library is {n} minutes away.",
    "{person} is {n} years old.",
    "The radio has played for {n} minutes.",
    "The old tree in the street is {n} feet high.",
    "The meeting begins in {n} minutes.",
    "The weather is fine.",
    "A dog barks in the street.",
)
"""Sentences of a question that have nothing to do with what is counted."""
