"""The sentences of a report's page: what was measured, and what the numbers say.

Words follow the interval, not the point: what cannot be told from nothing is not told as
a fall. In written chains the numbers without the steps that state the answer stand beside
those of all steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from lm_eval_faith_stats import Estimate

from lm_eval_faith.interventions import is_control, says_of
from lm_eval_faith.report.cells import interval, number, with_interval
from lm_eval_faith.report.figures import ALL_STEPS as ALL
from lm_eval_faith.report.figures import WITHOUT as BESIDE
from lm_eval_faith.report.report import Row, TaskReport
from lm_eval_faith.shown import counted, nats

WITHOUT = "_no_answer_steps"

HEADLINES = (
    ("effect_load_bearing", "load-bearing steps"),
    ("effect_decoy", "decoys"),
    ("label_difference", "load-bearing less decoys"),
    ("effect", "effect of a step"),
    ("median", "median step"),
    ("load_bearing_rate", "load-bearing steps"),
    ("late", "late third"),
    ("auc", "AUC"),
    ("chain_auc", "AUC of chains"),
    ("truth_rank_corr", "rank correlation with graded labels"),
    ("chain_truth_rank_corr", "the same over chains"),
    ("separated", "problems separated"),
)
"""Metrics that may stand on top, and what they are called there."""

WITH_LABELS = frozenset(
    ("effect_load_bearing", "effect_decoy", "auc", "chain_auc", "separated")
)
"""Those of the first few that a task with a known truth shows."""

LEAST = 0.001
"""Nats under which nothing moves, whatever an interval says: numbers are written so."""

OF_SOME = frozenset(("auc", "chain_auc", "truth_rank_corr", "chain_truth_rank_corr"))
"""Those that are shown too where only some steps or chains have labels."""


def intervention_words(name: str) -> str:
    """What an intervention does to a step; empty where that is not known here."""
    return says_of(name)


@dataclass(frozen=True)
class Headline:
    """A headline number: a row of the report and what it is called.

    ``beside`` is the same without the steps that state the answer, where there are such.
    ``query`` shows in the chain browser what the number rests on.
    """

    label: str
    row: Row
    meaning: str
    beside: Row | None = None
    query: str = ""


def title(task: str, setting: str) -> str:
    """What a task is about, for a heading."""
    return {
        "provided": "Reasoning that we wrote",
        "generated": "Reasoning that the model wrote",
        "replay": "Reasoning read from a file",
        "labelled": "Reasoning whose steps somebody labelled",
    }.get(setting, task)


def cautions(report: TaskReport) -> tuple[str, ...]:
    """What a reader must be warned of; the facts of the run are no warnings."""
    return tuple(text for text in report.warnings if text not in report.notes)


def interventions_told(report: TaskReport) -> tuple[str, ...]:
    """The report's interventions in their order, the control left out."""
    names = dict.fromkeys(row.intervention for row in report.rows)
    return tuple(name for name in names if name and not is_control(name))


def lede(report: TaskReport) -> tuple[str, ...]:
    """Two or three sentences: what was done to which model, and what came of it."""
    names = interventions_told(report)
    if not names:
        return (f"No step of {report.model} in {report.task.task} could be scored.",)
    first = report.row(report.primary[0]) if report.primary else None
    name = first.intervention if first else names[0]
    if first is not None and first.metric == "label_difference":
        return tuple(_known_truth(report, name))
    return tuple(_written(report, name))


def headlines(report: TaskReport) -> tuple[Headline, ...]:
    """The few numbers that come first, those of the first intervention.

    Beside each that steps without the answer's statement change stands the same without
    them.
    """
    names = interventions_told(report)
    if not names:
        return ()
    truth = bool(report.primary) and report.primary[0].endswith("label_difference")
    found = [
        Headline("Problems solved", row, _sentence(row.meaning), query="solved=1")
        for row in [report.row("solved")]
        if row is not None
    ]
    for metric, label in HEADLINES:
        if truth != (metric in WITH_LABELS) and metric not in OF_SOME:
            continue
        row = _row(report, names[0], metric)
        beside = None if truth else _row(report, names[0], metric, WITHOUT)
        if row is not None:
            told = _sentence(row.meaning)
            query = (
                f"intervention={quote(names[0], safe='')}&{_shown_by(metric, report)}"
            )
            found.append(Headline(f"{names[0]}: {label}", row, told, beside, query))
    return tuple(found)


def _shown_by(metric: str, report: TaskReport) -> str:
    """Which chains the browser shows for a number, and in which order."""
    if metric == "late":
        return "third=2&sort=largest"
    if metric == "load_bearing_rate":
        return f"from={report.choices.threshold:g}&sort=largest"
    return "sort=mean" if metric in ("effect", "median") else "sort=largest"


def cards(reports: Sequence[TaskReport]) -> list[tuple[str, str]]:
    """What could explain the effects away: models of which the same is said, and that."""
    models: dict[str, list[str]] = {}
    for report in reports:
        models.setdefault(report.card.sentence, []).append(report.model)
    return [(", ".join(names), sentence) for sentence, names in models.items()]


@dataclass(frozen=True)
class SideBySide:
    """The headline numbers of the models of one task: a row a number, a column a model."""

    task: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str, ...], ...]


def side_by_side(reports: Sequence[TaskReport]) -> tuple[SideBySide, ...]:
    """One table a task that several models ran or not, in the order of the reports."""
    made = []
    for task in dict.fromkeys(report.task.task for report in reports):
        these = [report for report in reports if report.task.task == task]
        told = [_told(report) for report in these]
        names = dict.fromkeys(name for cells in told for name in cells)
        columns = [("", False), *((report.model, True) for report in these)]
        rows = [(n, *(cells.get(n, "–") for cells in told)) for n in names]
        made.append(SideBySide(task, tuple(columns), tuple(rows)))
    return tuple(made)


def _told(report: TaskReport) -> dict[str, str]:
    """Headline numbers with their intervals, by what they are called."""
    found = {}
    for h in headlines(report):
        found[f"{h.label}, {ALL}" if h.beside else h.label] = _number(h.row)
        if h.beside:
            found[f"{h.label}, {BESIDE}"] = _number(h.beside)
    return found


def _number(row: Row) -> str:
    return with_interval(row.estimate, row.unit)


def _row(report: TaskReport, name: str, metric: str, ending: str = "") -> Row | None:
    """The row of a metric, less the control's where it was run."""
    return report.row(f"{name}_{metric}_vs_control{ending}") or report.row(
        f"{name}_{metric}{ending}"
    )


def _known_truth(report: TaskReport, name: str) -> Iterator[str]:
    carrying = _row(report, name, "effect_load_bearing")
    decoy = _row(report, name, "effect_decoy")
    problems = carrying.estimate.n_problems if carrying else 0
    yield (
        f"{report.model} read {counted(problems, 'word problem')} with the solution written "
        f"out step by step; we changed one step at a time with the intervention "
        f"{_named(name)} and measured how far the log-probability of the answer fell."
    )
    if carrying and decoy:
        yield (
            f"Changing a step that the answer rests on {_made(carrying)}; changing a "
            f"remark that has no part in the problem {_made(decoy)}."
        )


def _written(report: TaskReport, name: str) -> Iterator[str]:
    mean = _row(report, name, "effect")
    used = counted(mean.estimate.n_problems if mean else 0, "problem")
    how = f"with the intervention {_named(name)}"
    solved = report.row("solved")
    if solved is not None:
        yield (
            f"{report.model} wrote its own step-by-step solutions to "
            f"{counted(solved.estimate.n_problems, 'problem')}; where its answer was right, "
            f"in {used}, we changed one step at a time {how} and measured how far the "
            "log-probability of its answer fell."
        )
    else:
        yield (
            f"{report.model} read step-by-step solutions to {used} that had been written "
            f"before; we changed one step at a time {how} and measured how far the "
            "log-probability of the answer fell."
        )
    if mean is None:
        return
    beside = ""
    if mean.metric.startswith("effect_vs_control"):
        beside = ", compared with adding a remark that has no part in the problem"
    yield (
        f"On average over problems, changing a step "
        f"{_made(mean, _row(report, name, 'median'))}{beside}."
    )
    without = _row(report, name, "effect", WITHOUT)
    share = _row(report, name, "load_bearing_rate")
    others = _row(report, name, "load_bearing_rate", WITHOUT)
    if without is not None:
        yield (
            "Changing a step that does not already state the answer "
            f"{_made(without, _row(report, name, 'median', WITHOUT))}"
            f"{_of_steps(share, others, report)}."
        )
    elif share is not None:
        threshold = nats(report.choices.threshold)
        yield f"{_sentence(_steps_at(share))} reached the threshold of {threshold}."


def _of_steps(share: Row | None, others: Row | None, report: TaskReport) -> str:
    if share is None or others is None:
        return ""
    return (
        f"; {_steps_at(share)}, and of those that do not state it {_number(others)}, "
        f"reached the threshold of {nats(report.choices.threshold)}"
    )


def _named(name: str) -> str:
    says = says_of(name)
    return f"“{name}” ({says})" if says else f"“{name}”"


def _made(row: Row, median: Row | None = None) -> str:
    """What changing a step did to the answer's log-probability, by the interval.

    The median step stands beside the mean, which a few steps may make.
    """
    e = row.estimate
    if math.isnan(e.point):
        return "could not be measured"
    told = f"{number(abs(e.point), 'nats')} nats"
    around = _in_brackets(e, median)
    if max(abs(e.low), abs(e.high)) < LEAST:
        return f"moved it by less than {LEAST:g} nats{around}"
    if e.low > 0:
        return f"lowered it by {told}{around}"
    if e.high < 0:
        return f"raised it by {told}{around}"
    if math.isnan(e.low):
        told = f"moved it by {number(e.point, 'nats')} nats, without an interval"
        return f"{told}{around}"
    return f"did nothing that can be told from chance: {number(e.point, 'nats')} nats{around}"


def _in_brackets(estimate: Estimate, median: Row | None) -> str:
    told = []
    if not math.isnan(estimate.low):
        told.append(f"{_level(estimate)} of the fall {interval(estimate, 'nats')}")
    if median is not None and not math.isnan(median.estimate.point):
        told.append(f"median step {_number(median)}")
    return f" ({'; '.join(told)})" if told else ""


def _steps_at(share: Row) -> str:
    """The share of steps, its interval in brackets."""
    told = number(share.estimate.point, "share")
    if math.isnan(share.estimate.low):
        return f"{told} of the steps"
    return f"{told} of the steps ({_level(share.estimate)} {interval(share.estimate, 'share')})"


def _level(estimate: Estimate) -> str:
    return f"{100 * estimate.confidence_level:g}% interval"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
