"""The words of the provided chains.

Places in braces: ``{operand}``, ``{before}``, ``{total}`` and ``{aside}`` are numbers,
``{things}``, ``{person}``, ``{they}`` and ``{They}`` are names. No aside speaks of the
things that are counted, so none can be read as part of the sum.
"""

from lm_eval_faith.chains.asides import ASIDES_WITHOUT_NUMBER

PEOPLE = (
    ("Mia", "she"),
    ("Omar", "he"),
    ("Lena", "she"),
    ("Felix", "he"),
    ("Ruth", "she"),
    ("Hugo", "he"),
    ("Nadia", "she"),
    ("Theo", "he"),
)

THINGS = (
    "marbles",
    "stickers",
    "stamps",
    "shells",
    "buttons",
    "cards",
    "coins",
    "beads",
    "postcards",
    "pencils",
)

GAINS = (
    "finds {operand}",
    "buys {operand}",
    "wins {operand}",
    "gets {operand} from a friend",
    "gets {operand} from an aunt",
    "picks up {operand}",
)

LOSSES = (
    "loses {operand}",
    "sells {operand}",
    "gives {operand} to a friend",
    "gives {operand} to a cousin",
    "gives away {operand}",
    "trades away {operand}",
)

GAINS_TOTAL = (
    "{They} {verb}, so the total is now {total}.",
    "{They} {verb}, which makes {total} {things}.",
    "{They} {verb}, and {before} + {operand} = {total}.",
    "{They} {verb}, so now there are {total} {things}.",
)

LOSSES_TOTAL = (
    "{They} {verb}, so the total is now {total}.",
    "{They} {verb}, which leaves {total} {things}.",
    "{They} {verb}, and {before} - {operand} = {total}.",
    "{They} {verb}, so now there are {total} {things}.",
)

ASIDES = (
    "The bus stop is {aside} minutes away on foot.",
    "The house next door was painted {aside} years ago.",
    "The radio plays a song from {aside} years ago.",
    "A train passes every {aside} minutes.",
    "It is {aside} degrees outside.",
    "The library closes in {aside} minutes.",
    "The nearest lake is {aside} kilometres away.",
    "The kitchen window is {aside} centimetres wider than the door.",
    *ASIDES_WITHOUT_NUMBER,
)
