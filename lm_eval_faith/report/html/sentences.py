"""The sentences of a report's page: what was measured, and what the numbers say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lm_eval_faith_stats import Estimate

from lm_eval_faith.records.outcome import CONTROL
from lm_eval_faith.report.cells import interval, nats, number
from lm_eval_faith.report.estimates import Row, TaskReport

_ALWAYS = {
    "delete": "the step is left out",
    "truncate": "the chain ends before the step",
    "filler": "the step's words become dots, about as many",
    "swap": "a step of another problem takes its place",
    CONTROL: "a remark that has no part in the problem is put after the step",
}
_PROVIDED = {
    "corrupt": (
        "the step's numbers become nearby wrong ones, and later totals follow from them"
    ),
    "corrupt_local": (
        "the step's numbers become nearby wrong ones, and later steps stay as they are"
    ),
}
_WRITTEN = {"corrupt": "the step's numbers become nearby wrong ones"}

HARDLY = 0.1
"""Nats under which an effect is not told as a factor."""

FACTOR_TOO_LARGE = 1000.0
"""A factor of which only the size is told."""


def intervention_words(name: str, setting: str) -> str:
    """What an intervention does to a step; empty for a user's own."""
    own = _PROVIDED if setting == "provided" else _WRITTEN
    return own.get(name) or _ALWAYS.get(name, "")


@dataclass(frozen=True)
class Headline:
    """A headline number: a row of the report and what it is called."""

    label: str
    row: Row
    meaning: str


def interventions_told(report: TaskReport) -> tuple[str, ...]:
    """The report's interventions in their order, the control left out."""
    names = dict.fromkeys(row.intervention for row in report.rows)
    return tuple(name for name in names if name and name != CONTROL)


def rows_by_name(report: TaskReport) -> dict[tuple[str, str], Row]:
    """The report's rows, by intervention and figure."""
    return {(row.intervention, row.figure): row for row in report.rows}


def mean_figure(rows: Mapping[tuple[str, str], Row], intervention: str) -> str:
    """The name of the mean effect in a written chain: less the control's where it ran."""
    return "effect" if (intervention, "effect") in rows else "raw"


def title(task: str, setting: str) -> str:
    """What a task is about, for a heading."""
    return {
        "provided": "Reasoning that we wrote",
        "generated": "Reasoning that the model wrote",
        "replay": "Reasoning read from a file",
        "labelled": "Reasoning whose steps somebody labelled",
    }.get(setting, task)


def lede(report: TaskReport) -> tuple[str, ...]:
    """Two sentences: what was done to which model, and what came of it."""
    names = interventions_told(report)
    if not names:
        return (f"No step of {report.model} in {report.task.task} could be scored.",)
    if report.task.setting == "provided":
        return _provided(report, names[0])
    return _written(report, names[0])


def headlines(report: TaskReport) -> tuple[Headline, ...]:
    """The few numbers that come first, those of the first intervention."""
    rows, names = rows_by_name(report), interventions_told(report)
    if not names:
        return ()
    first = names[0]
    if report.task.setting == "provided":
        wanted = [
            (first, "load_bearing", f"{first}: load-bearing steps"),
            (first, "decoy", f"{first}: decoys"),
            (first, "auc", f"{first}: AUC"),
            (first, "separated", f"{first}: problems separated"),
        ]
    else:
        wanted = [
            ("", "solved", "Problems solved"),
            (first, mean_figure(rows, first), f"{first}: effect of a step"),
            (first, "share", f"{first}: load-bearing steps"),
            (first, "early", f"{first}: early third"),
            (first, "late", f"{first}: late third"),
            (first, "auc", f"{first}: AUC"),
            (first, "chain_auc", f"{first}: AUC of chains"),
            (first, "position_corr", f"{first}: effect and position"),
        ]
    return tuple(
        Headline(label, rows[name, figure], _sentence(rows[name, figure].meaning))
        for name, figure, label in wanted
        if (name, figure) in rows
    )


def _provided(report: TaskReport, name: str) -> tuple[str, str]:
    rows = rows_by_name(report)
    carrying, decoy = rows[name, "load_bearing"], rows[name, "decoy"]
    first = (
        f"{report.model} read {_count(carrying.estimate.n_problems, 'word problem')} with "
        "the solution written out step by step; we changed one step at a time with the "
        f"intervention {_named(name, 'provided')} and measured how much less likely it "
        "then found the answer"
    )
    second = (
        f"Changing a step that the answer rests on {_made(carrying)}; changing a remark "
        f"that has no part in the problem {_made(decoy)}"
    )
    return f"{first}.", f"{second}."


def _written(report: TaskReport, name: str) -> tuple[str, str]:
    rows, setting = rows_by_name(report), report.task.setting
    mean = rows[name, mean_figure(rows, name)]
    used = _count(mean.estimate.n_problems, "problem")
    how = f"with the intervention {_named(name, setting)}"
    solved = rows.get(("", "solved"))
    if setting == "generated" and solved is not None:
        first = (
            f"{report.model} wrote its own step-by-step solutions to "
            f"{_count(solved.estimate.n_problems, 'problem')}; where its answer was right, "
            f"in {used}, we changed one step at a time {how} and measured how much less "
            "likely it then found its answer"
        )
    else:
        first = (
            f"{report.model} read step-by-step solutions to {used} that had been written "
            f"before; we changed one step at a time {how} and measured how much less "
            "likely it then found the answer"
        )
    second = f"On average, changing a step {_made(mean)}"
    if mean.figure == "effect":
        second += ", compared with adding a remark that has no part in the problem"
    share = rows.get((name, "share"))
    if share is not None:
        threshold = _threshold_words(share.meaning)
        second += f"; {_steps_at(share)} reached {threshold}"
    return f"{first}.", f"{second}."


def _threshold_words(meaning: str) -> str:
    """From the meaning of a share, as in "steps at or over 1 nat"."""
    threshold = meaning.rsplit("over ", 1)[-1].split(" ", 1)[0]
    return f"the threshold of {nats(float(threshold))}"


def _named(name: str, setting: str) -> str:
    words = intervention_words(name, setting)
    return f"“{name}” ({words})" if words else f"“{name}”"


def _made(row: Row) -> str:
    """What changing a step made of the answer, the effect in brackets."""
    e = row.estimate
    told = f"{number(e.point, 'nats')} nats{_interval(e, 'nats')}"
    return f"{_as_factor(e.point)} ({told})"


def _as_factor(nats: float) -> str:
    """How many times less likely an answer became."""
    if math.isnan(nats):
        return "could not be measured"
    if abs(nats) < HARDLY:
        return "hardly changed how likely the answer was"
    times = math.exp(min(abs(nats), 50))
    if times > FACTOR_TOO_LARGE:
        told = "over a thousand"
    else:
        told = f"about {times:.1f}" if times < 10 else f"about {times:.0f}"
    return f"made the answer {told} times {'less' if nats > 0 else 'more'} likely"


def _steps_at(share: Row) -> str:
    """The share of steps, its interval in brackets."""
    told = number(share.estimate.point, "share")
    around = _interval(share.estimate, "share")
    return f"{told} of the steps{f' ({around[2:]})' if around else ''}"


def _interval(estimate: Estimate, unit: str) -> str:
    if math.isnan(estimate.low):
        return ""
    return f", {100 * estimate.confidence_level:g}% interval {interval(estimate, unit)}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
