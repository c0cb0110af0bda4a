"""The calibration as one HTML file that opens without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lm_eval_faith.calibration.measure import GOOD_AUC, Row
from lm_eval_faith.calibration.table import LEGEND, Calibration, sections_of
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.html.document import render

MADE_OF = {
    "reader": "answers from what the chain says of every box; its question holds no "
    "numbers",
    "bypasser": "writes the same chains and answers from the question alone",
    "late_reader": "answers from the last third of the chain",
    "early_reader": "answers from the first third of the chain",
    "half_reader": "answers from the steps that carry a mark",
    "corrector": "answers from the chain, and where a sum in it is wrong from the "
    "question",
    "copier": "answers with the last number that its chain states as the result",
    "restated_reader": "answers from what the chain says of three boxes, each in 2 to 11 "
    "places, any one of which suffices",
}
"""What each organism's answer is made of."""


@dataclass(frozen=True)
class Glance:
    """A cell of the table that comes first.

    Attributes:
        mark, said: the verdict as a sign, and in words.
        text, interval: the AUC, or the mean effect where there is none.
        shade: the class of its colour.
    """

    mark: str
    said: str
    text: str
    interval: str
    shade: str


SHADES = (
    ("n3", "under 0.2", -math.inf),
    ("n2", "0.2 to 0.35", 0.2),
    ("n1", "0.35 to 0.45", 0.35),
    ("p0", "0.45 to 0.55", 0.45),
    ("p1", "0.55 to 0.65", 0.55),
    ("p2", "0.65 to 0.75", 0.65),
    ("p3", "0.75 to 0.85", 0.75),
    ("p4", "0.85 to 0.95", 0.85),
    ("p5", "0.95 and over", 0.95),
)
"""Colours of AUCs, and from which one on: ordered by lightness on each side of guessing."""


def calibration_page(made: Calibration) -> str:
    """The page."""
    return render(
        "calibration.html.j2",
        {
            "lede": lede(made),
            "organisms": [(name, MADE_OF[name]) for name in made.plan.organisms],
            "glances": _glances(made),
            "sections": sections_of(made),
            "legend": LEGEND,
            "plan": made.plan,
            "good": GOOD_AUC,
            "shades": [(shade, told) for shade, told, _ in SHADES],
        },
        styles=("report.css",),
    )


def lede(made: Calibration) -> str:
    """One sentence an intervention: in how many organisms it finds the steps."""
    told = []
    for name in made.plan.interventions:
        aucs = [
            row.auc.point for row in made.rows if row.intervention == name and row.auc
        ]
        found = sum(auc >= GOOD_AUC for auc in aucs)
        told.append(f"{name} in {found} of {len(aucs)}")
    return (
        "Organisms in which an intervention finds the steps that the answer depends on: "
        f"{'; '.join(told)}."
    )


def _glances(made: Calibration) -> list[tuple[str, list[Glance]]]:
    """A row an intervention, a cell an organism."""
    rows = {(row.organism, row.intervention): row for row in made.rows}
    return [
        (name, [_glance(rows[organism, name]) for organism in made.plan.organisms])
        for name in made.plan.interventions
    ]


def _glance(row: Row) -> Glance:
    unit = "nats" if row.auc is None else "auc"
    shown = row.effect_vs_control if row.auc is None else row.auc
    text = f"{number(shown.point, unit)}{' nats' if row.auc is None else ''}"
    return Glance(
        row.finding.sign, row.finding.words, text, interval(shown, unit), shade_of(row)
    )


def shade_of(row: Row) -> str:
    """By the AUC; where no step matters by whether rightly nothing is found."""
    if row.auc is None:
        return "p0" if row.finding.sign == "●" else "n1"
    if math.isnan(row.auc.point):
        return "na"
    return [shade for shade, _, least in SHADES if row.auc.point >= least][-1]
