"""Comparisons of models as text: a table a pair, Markdown, CSV and JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lm_eval_faith.report import sections
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.compare import Difference, TaskComparison, meanings
from lm_eval_faith.report.problem_values import TEXTS
from lm_eval_faith.report.sections import Column, Section

_ADJUSTED = {"holm": "p (Holm)", "bh": "p (BH)"}

CSV_COLUMNS = (
    "task",
    "first",
    "second",
    "problems",
    "intervention",
    "figure",
    "unit",
    "difference",
    "low",
    "high",
    "confidence_level",
    "method",
    "p_value",
    "p_adjusted",
    "adjustment",
    "n_problems",
    "n_steps",
    "n_missing",
    "n_resamples",
    "note",
    "warnings",
)


def as_table(comparisons: Sequence[TaskComparison]) -> str:
    """A table for each pair of models."""
    return sections.as_table(_sections(comparisons), meanings(comparisons))


def as_markdown(comparisons: Sequence[TaskComparison]) -> str:
    """The same tables, for a model card."""
    return sections.as_markdown(_sections(comparisons), meanings(comparisons))


def as_csv(comparisons: Sequence[TaskComparison]) -> str:
    """One line a difference; warnings of the task stand in each of its lines."""
    rows = [
        {
            "task": c.task,
            **flat(d),
            "adjustment": c.adjustment,
            "warnings": "; ".join(c.warnings),
        }
        for c in comparisons
        for d in c.differences
    ]
    return sections.as_csv(rows, CSV_COLUMNS)


def as_json(comparisons: Sequence[TaskComparison]) -> str:
    """Everything, under ``comparisons``."""
    return sections.as_json(
        {
            "comparisons": [
                {
                    "task": c.task,
                    "setting": c.setting,
                    "models": list(c.models),
                    "adjustment": c.adjustment,
                    "differences": [flat(d) for d in c.differences],
                    "warnings": list(c.warnings),
                }
                for c in comparisons
            ]
        }
    )


def flat(d: Difference) -> dict[str, Any]:
    """A difference as one JSON object."""
    estimate = asdict(d.comparison.estimate)
    text = TEXTS[d.figure.name]
    return {
        "first": d.first,
        "second": d.second,
        "problems": d.problems,
        "paired": d.comparison.paired,
        "intervention": d.figure.intervention,
        "figure": d.figure.name,
        "meaning": text.meaning,
        "unit": text.unit,
        "difference": estimate.pop("point"),
        **estimate,
        "p_value": d.comparison.p_value,
        "p_adjusted": d.p_adjusted,
    }


def _sections(comparisons: Sequence[TaskComparison]) -> list[Section]:
    found = []
    for comparison in comparisons:
        groups: dict[tuple[str, str, str], list[Difference]] = {}
        for d in comparison.differences:
            groups.setdefault((d.first, d.second, d.problems), []).append(d)
        found += [
            Section(
                title=f"{comparison.task}: {first} less {second}, {problems}",
                columns=_columns(comparison, differences),
                rows=tuple(map(_row, differences)),
            )
            for (first, second, problems), differences in groups.items()
        ]
        if comparison.warnings:
            found.append(
                Section(f"{comparison.task}: remarks", (), (), comparison.warnings)
            )
    return found


def _columns(
    comparison: TaskComparison, differences: Sequence[Difference]
) -> tuple[Column, ...]:
    confidence_level = differences[0].comparison.estimate.confidence_level
    return (
        Column("intervention"),
        Column("figure"),
        Column("difference", numbers=True),
        Column(f"{100 * confidence_level:g}% interval", numbers=True),
        Column("p", numbers=True),
        Column(_ADJUSTED[comparison.adjustment], numbers=True),
        Column("problems", numbers=True),
    )


def _row(d: Difference) -> tuple[str, ...]:
    unit, estimate = TEXTS[d.figure.name].unit, d.comparison.estimate
    return (
        d.figure.intervention,
        d.figure.name,
        number(estimate.point, unit),
        interval(estimate, unit),
        _p(d.comparison.p_value),
        _p(d.p_adjusted),
        str(estimate.n_problems),
    )


def _p(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"
