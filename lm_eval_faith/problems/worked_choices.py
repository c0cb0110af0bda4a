"""Worked examples with choices: how a base model is shown to reason before it chooses."""

from __future__ import annotations

from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.problems.choices import AnswerChoices
from lm_eval_faith.problems.problem import Problem


def worked_choices() -> list[Problem]:
    """Questions of our own with choices, solved by us: in no test set."""
    return [
        Problem(
            f"worked-{k}",
            f"{question}\n{choices.list}",
            chain_of(" ".join(steps), choices.letter),
            choices=choices,
        )
        for k, (question, choices, steps) in enumerate(_WORKED)
    ]


_WORKED = (
    (
        "A wet towel hangs in the wind and in the sun. What takes the water out of it?",
        AnswerChoices(("melting", "evaporation", "freezing", "rusting"), 1),
        (
            (
                "The water in the towel is liquid, and the towel gets dry, so the water leaves "
                "as a gas."
            ),
            "Melting makes a liquid of a solid, and freezing makes a solid of a liquid.",
            "Rusting is what iron does with water and air.",
            "A liquid that becomes a gas at its surface evaporates.",
        ),
    ),
    (
        "Which of these would a mapmaker need to show how high the hills are?",
        AnswerChoices(
            ("contour lines", "a compass rose", "the date", "the names of roads"), 0
        ),
        (
            "A compass rose shows where north is, which says nothing about height.",
            "Dates and names of roads do not say how high the ground is either.",
            "Contour lines join places of the same height.",
        ),
    ),
    (
        (
            "Ben has a full bucket of sand and a full bucket of feathers of the same size. Why "
            "is the bucket of sand harder to lift?"
        ),
        AnswerChoices(
            (
                "sand is warmer",
                "feathers are lighter than air",
                "the buckets have different shapes",
                "sand has more mass in the same space",
            ),
            3,
        ),
        (
            "The buckets have the same size, so their shape is not the reason.",
            (
                "Warmth does not make a thing heavy, and feathers fall, so they are not lighter "
                "than air."
            ),
            (
                "What is left is the mass: a bucket of sand holds more of it than a bucket of "
                "feathers."
            ),
        ),
    ),
    (
        "A train leaves at 9:40 and needs 35 minutes. When does it arrive?",
        AnswerChoices(("9:75", "10:05", "10:15", "10:35"), 2),
        (
            "From 9:40 to 10:00 it is 20 minutes.",
            "Of the 35 minutes 35 - 20 = 15 are left.",
            "15 minutes after 10:00 it is 10:15.",
        ),
    ),
)
