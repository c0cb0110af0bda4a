"""The calibration as text: tables for the terminal and Markdown, CSV, and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lm_eval_faith_stats import Estimate

from lm_eval_faith.calibration.check import Check
from lm_eval_faith.calibration.explained import RUN_PROBLEMS, CardLine
from lm_eval_faith.calibration.measure import GOOD_AUC, SMALL_EFFECT, Row
from lm_eval_faith.calibration.run import BYPASSER, Plan
from lm_eval_faith.report import write
from lm_eval_faith.report.card import WORDS
from lm_eval_faith.report.cells import number, with_interval
from lm_eval_faith.report.write import Column, Section
from lm_eval_faith.shown import counted, nats

NOTHING = "n/a"

LEGEND = {
    "step AUC": "chance that a step which the answer depends on has a larger effect "
    "than one on which it does not (n/a: all steps are of one kind)",
    "used, not used": "mean effect, less the control's, on steps of that kind (nats)",
    "share": "steps at or over the threshold; known: steps on which the answer depends",
    "gradient": "mean effect in the last third of the chain less that in the first "
    "(nats); known: the same of the share of steps which the answer depends on",
    "chain AUC": "chance that a chain of this organism has a larger mean effect than a "
    f"chain of the {BYPASSER}, whose answers owe nothing to the chain",
    "tokens": "read a problem, the clean chain not counted; distinct: what remains "
    "where common beginnings are read once",
    "checks": "what is known of an organism beside its single steps: a number, where it "
    "must lie, and whether it does; requests and tokens of a problem (common beginnings "
    "read once)",
    "cards": "lowest, median and highest number of a line of the card in all runs, the lowest "
    "and highest end of its intervals, and how many runs have each word (nats, shares, "
    "correlations, standard deviations: as the metric)",
    "verdict": f"finds the steps: AUC of at least {GOOD_AUC}; in part: its interval is "
    f"over 0.5; nothing: a mean effect whose interval holds 0, or under "
    f"{SMALL_EFFECT} nats",
}
"""What the columns say."""

CSV_COLUMNS = (
    "organism",
    "intervention",
    "metric",
    "point",
    "low",
    "high",
    "known",
    "n_problems",
    "n_steps",
)


@dataclass(frozen=True)
class Calibration:
    """What was run, and what came out.

    Attributes:
        plan: what was run.
        rows: one an organism and intervention.
        seconds: that all of it took.
        checks: what else is known, and whether it was found.
        cards: of runs of organisms, line by line.
    """

    plan: Plan
    rows: tuple[Row, ...]
    seconds: float
    checks: tuple[Check, ...] = ()
    cards: tuple[CardLine, ...] = ()


def as_table(made: Calibration) -> str:
    """For a terminal of 100 columns."""
    return write.as_table(sections_of(made), LEGEND)


def as_markdown(made: Calibration) -> str:
    """Its tables and what their columns say."""
    return write.as_markdown(sections_of(made), LEGEND)


def as_csv(made: Calibration) -> str:
    """One line an estimate; what is known of it stands beside it."""
    lines = [
        {
            "organism": row.organism,
            "intervention": row.intervention,
            "metric": metric,
            "known": known,
            **{
                name: value
                for name, value in asdict(estimate).items()
                if name in CSV_COLUMNS
            },
        }
        for row in made.rows
        for metric, estimate, known in _estimates(row)
        if estimate is not None
    ]
    lines += [
        {
            "organism": check.organism,
            "intervention": "",
            "metric": check.what,
            "known": f"{check.side} {check.bound:g}",
            **{
                name: value
                for name, value in asdict(check.estimate).items()
                if name in CSV_COLUMNS
            },
        }
        for check in made.checks
    ]
    return write.as_csv(lines, CSV_COLUMNS)


def as_json(made: Calibration) -> str:
    """Everything, with a schema version; what is not defined is null."""
    plan = made.plan
    return write.as_json(
        {
            "calibration": {
                "organisms": list(plan.organisms),
                "interventions": list(plan.interventions),
                "problems": plan.problems,
                "problem_seed": plan.problem_seed,
                "threshold": plan.threshold,
                "seconds": made.seconds,
                "rows": [row_to_dict(row) for row in made.rows],
                "checks": [check.to_dict() for check in made.checks],
                "cards": [line.to_dict() for line in made.cards],
            }
        }
    )


def row_to_dict(row: Row) -> dict[str, Any]:
    """A row as JSON types: estimates as objects, null where there is none."""
    return {
        **{n: v for n, v in asdict(row).items() if not n.startswith("known_")},
        "cost": {
            "requests": row.cost.requests,
            "tokens": row.cost.tokens,
            "distinct": row.cost.distinct,
        },
        "known_rate": row.known_rate,
        "known_gradient": row.known_gradient,
        "covers_rate": row.covers_rate,
        "gradient_is_right": row.gradient_is_right,
        "is_quiet": row.is_quiet,
        "verdict": row.verdict,
    }


def _estimates(row: Row) -> Iterator[tuple[str, Estimate | None, float | str]]:
    """Each metric, its estimate, and what is known of it."""
    yield "auc", row.auc, ""
    yield "auc_at_threshold", row.auc_at_threshold, ""
    yield "load_bearing", row.load_bearing, ""
    yield "decoy", row.decoy, ""
    yield "effect", row.effect, ""
    nothing = 0.0 if row.load_bearing is None else ""
    yield "effect_vs_control", row.effect_vs_control, nothing
    yield "load_bearing_rate", row.load_bearing_rate, row.known_rate
    yield "gradient", row.gradient, row.known_gradient
    yield "chain_auc", row.chain_auc, ""


def sections_of(made: Calibration) -> list[Section]:
    """Steps; shares and gradients; chains and costs; what else is known."""
    rows, problems = made.rows, made.plan.problems
    left_out = [
        f"{row.organism}: {row.intervention} was not applicable to "
        f"{row.not_applicable} steps"
        for row in rows
        if row.not_applicable
    ]
    return [
        Section(
            f"Steps: is the effect where the answer comes from? ({problems} problems)",
            (*_NAMES, *_numbers("step AUC", "used", "not used"), _VERDICT),
            tuple(map(_of_steps, rows)),
            tuple(left_out),
        ),
        Section(
            f"Shares at the threshold of {nats(made.plan.threshold)}, and gradients, against the truth",
            (
                *_NAMES,
                *_numbers("share", "known"),
                *_numbers("gradient", "known"),
            ),
            tuple(map(_of_known, rows)),
        ),
        Section(
            "Whole chains, and what they cost",
            (
                *_NAMES,
                *_numbers("chain AUC", "tokens", "distinct", "requests"),
            ),
            tuple(_of_chains(row, problems) for row in rows),
        ),
        *([_checks(made)] if made.checks else []),
        *([section_of_cards(made.cards)] if made.cards else []),
    ]


def section_of_cards(lines: Sequence[CardLine]) -> Section:
    """What numbers and words the cards of runs have, a row an organism and line."""
    runs = lines[0].n_runs
    return Section(
        f"The card in {counted(runs, 'run')} of {RUN_PROBLEMS} problems",
        (
            Column("organism"),
            Column("line"),
            Column("metric"),
            *_numbers("low end", "lowest", "median", "highest", "high end", *WORDS),
        ),
        tuple(
            (
                line.organism,
                line.line,
                line.metric,
                *map(
                    _plain,
                    (
                        line.low_end,
                        line.lowest,
                        line.median,
                        line.highest,
                        line.high_end,
                    ),
                ),
                *(str(line.words.get(word, "")) for word in WORDS),
            )
            for line in lines
        ),
    )


def _plain(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.3f}"


def _checks(made: Calibration) -> Section:
    return Section(
        "What else is known, and whether it is found",
        (
            Column("organism"),
            Column("checks"),
            *_numbers("found", "must be"),
            Column("so"),
            *_numbers("requests", "tokens"),
        ),
        tuple(
            (
                check.organism,
                check.what,
                _estimate(check.estimate, check.unit),
                f"{check.side} {number(check.bound, check.unit)}",
                "yes" if check.holds else "no",
                f"{check.requests:,.1f}",
                f"{check.tokens:,.0f}",
            )
            for check in made.checks
        ),
    )


_NAMES = Column("organism"), Column("intervention")
_VERDICT = Column("verdict")


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, numbers=True) for name in names)


def _of_steps(row: Row) -> tuple[str, ...]:
    return (
        row.organism,
        row.intervention,
        _estimate(row.auc, "auc"),
        _point(row.load_bearing, "nats"),
        _point(row.decoy, "nats"),
        row.verdict,
    )


def _of_known(row: Row) -> tuple[str, ...]:
    return (
        row.organism,
        row.intervention,
        _estimate(row.load_bearing_rate, "share"),
        number(row.known_rate, "share"),
        _estimate(row.gradient, "nats"),
        f"{100 * row.known_gradient:+.1f}%",
    )


def _of_chains(row: Row, problems: int) -> tuple[str, ...]:
    cost = row.cost
    return (
        row.organism,
        row.intervention,
        _estimate(row.chain_auc, "auc"),
        *(
            f"{total / problems:,.0f}"
            for total in (cost.tokens, cost.distinct, cost.requests)
        ),
    )


def _point(estimate: Estimate | None, unit: str) -> str:
    return NOTHING if estimate is None else number(estimate.point, unit)


def _estimate(estimate: Estimate | None, unit: str) -> str:
    return NOTHING if estimate is None else with_interval(estimate, unit)
