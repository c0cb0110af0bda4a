"""Figures of several models that ran one task: the same marks, a series or a row a model."""

from __future__ import annotations

from collections.abc import Sequence

import lm_eval_faith_stats as stats
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.metrics import NO_ANSWER_STEPS
from lm_eval_faith.records.tables import Tables
from lm_eval_faith.report import curves
from lm_eval_faith.report.figures import (
    ALL_STEPS,
    DIAGONAL,
    NATS,
    PARTS,
    SHORT,
    WITHOUT,
    Drawn,
    Figure,
    Table,
    banded,
    drawn_of,
    estimate_cells,
    in_parts,
    named_columns,
    roc_line,
    row_cells,
)
from lm_eval_faith.report.marks import (
    Panel,
    Rule,
    beside,
    estimates_axis,
    nice_axis,
    row_marks,
    rows_axis,
    series_marks,
    share_axis,
)
from lm_eval_faith.report.report import Row, TaskReport
from lm_eval_faith.shown import nats


def figures_of_models(
    several: Sequence[tuple[TaskReport, Tables]], bootstrap: Bootstrap
) -> tuple[Figure, ...]:
    """The figures of one task of several models, the main one first.

    Interventions that only some of the models have are left out.

    Args:
        several: a report of each model, and the tables of the same task.
        bootstrap: how the intervals that the reports have not are made.
    """
    drawn = [drawn_of(report, tables) for report, tables in several]
    names = [n for n in drawn[0].steps if all(n in d.steps for d in drawn)]
    if not names:
        return ()
    made = [side_by_side(drawn, names), positions(drawn, names, bootstrap)]
    labelled = [n for n in names if all(n in d.labelled for d in drawn)]
    if labelled:
        made.insert(1, roc_by_model(drawn, labelled))
    if not drawn[0].all_labelled:
        made.append(thresholds_by_model(drawn, names, bootstrap))
    return tuple(made)


def side_by_side(drawn: Sequence[Drawn], names: Sequence[str]) -> Figure:
    """The main metric of every model, with and without the steps that state the answer."""
    main, _ = drawn[0].main
    kinds = {ALL_STEPS: (), WITHOUT: (NO_ANSWER_STEPS,)}
    found = {
        (name, kind): [d.row(name, main, *more) for d in drawn]
        for name in names
        for kind, more in kinds.items()
    }
    told = {key: rows for key, rows in found.items() if all(rows)}
    x = estimates_axis(
        (row.estimate for rows in told.values() for row in rows if row),
        f"{SHORT[main][:1].lower()}{SHORT[main][1:]}, nats",
    )
    models = [d.report.model for d in drawn]
    panels = tuple(
        Panel(
            name,
            x,
            rows_axis(models),
            (
                Rule(x=0),
                *(
                    mark
                    for k, kind in enumerate(kinds)
                    for mark in row_marks(
                        [row.estimate for row in told.get((name, kind), ()) if row],
                        k,
                        beside(k, len(kinds), len(drawn), 0.25)
                        if (name, kind) in told
                        else (),
                    )
                ),
            ),
            f"{SHORT[main]} of {name}, a row a model.",
        )
        for name in names
    )
    cells = tuple(
        (
            model,
            name,
            *_cells(found[name, ALL_STEPS][k]),
            *_cells(found[name, WITHOUT][k]),
        )
        for name in names
        for k, model in enumerate(models)
    )
    return Figure(
        "models",
        "The models side by side",
        f"{SHORT[main]}, in nats, with intervals, of all steps and without those that state "
        "the answer. Whether two models differ is told by their difference, not by whether "
        "their intervals overlap.",
        panels,
        tuple(kind for kind in kinds if any(kind == k for _, k in told)),
        Table(
            named_columns("model", "intervention", number_from=2)
            + ((f"{main}, nats", True), ("interval", False))
            + (("without", True), ("interval", False)),
            cells,
        ),
    )


def roc_by_model(drawn: Sequence[Drawn], names: Sequence[str]) -> Figure:
    """The ROC curves of all models, one panel an intervention."""
    axis = share_axis("decoys over the threshold")
    panels, cells = [], []
    for name in names:
        marks = [DIAGONAL]
        for k, d in enumerate(drawn):
            s = d.labelled[name]
            marks.append(
                roc_line(stats.roc_curve(s.effect, s.load_bearing == 1, s.weight), k)
            )
            cells.append((d.report.model, name, *_cells(d.row(name, "auc"))))
        panels.append(
            Panel(
                name,
                axis,
                share_axis("load-bearing over it"),
                tuple(marks),
                f"ROC curves of {name}, one a model.",
            )
        )
    return Figure(
        "roc",
        "Telling load-bearing steps from decoys, by model",
        "For all thresholds of the effect, the share of load-bearing steps over it against "
        "the share of decoys over it; the diagonal is guessing.",
        tuple(panels),
        tuple(d.report.model for d in drawn),
        Table(
            named_columns("model", "intervention", number_from=2)
            + (("AUC", True), ("interval", False)),
            tuple(cells),
        ),
    )


def positions(
    drawn: Sequence[Drawn], names: Sequence[str], bootstrap: Bootstrap
) -> Figure:
    """The mean effect of every fifth of the chain, a curve a model."""
    found = {
        name: [curves.means_by_part(d.steps[name], bootstrap) for d in drawn]
        for name in names
    }
    y = estimates_axis((e for some in found.values() for es in some for e in es), NATS)
    parts = curves.PART_NAMES
    panels = tuple(
        Panel(
            name,
            PARTS,
            y,
            (
                Rule(y=0),
                *(
                    mark
                    for k, es in enumerate(some)
                    for mark in series_marks(es, k, in_parts(k, len(some)))
                ),
            ),
            f"Mean effect of {name} by fifth of the chain, a curve a model.",
        )
        for name, some in found.items()
    )
    cells = tuple(
        (d.report.model, name, parts[k], *estimate_cells(e, "nats"), str(e.n_steps))
        for name, some in found.items()
        for d, es in zip(drawn, some, strict=True)
        for k, e in enumerate(es)
    )
    return Figure(
        "position",
        "Effect by position in the chain, by model",
        f"{drawn[0].what} in each fifth of the chain: the mean over its steps, with "
        "intervals, cut where they reach beyond the panel.",
        panels,
        tuple(d.report.model for d in drawn),
        Table(
            named_columns("model", "intervention", "part", number_from=3)
            + (("mean", True), ("interval", False), ("steps", True)),
            cells,
        ),
    )


def thresholds_by_model(
    drawn: Sequence[Drawn], names: Sequence[str], bootstrap: Bootstrap
) -> Figure:
    """The share of steps at or over each threshold, a curve a model."""
    threshold = drawn[0].report.choices.threshold
    x = nice_axis(curves.THRESHOLDS, "threshold, nats", 0.0)
    found = {
        name: [
            curves.share_curve(d.steps[name], curves.THRESHOLDS, bootstrap)
            for d in drawn
        ]
        for name in names
    }
    panels = tuple(
        Panel(
            name,
            x,
            share_axis("share of steps"),
            (
                Rule(x=threshold),
                *(
                    mark
                    for k, curve in enumerate(some)
                    for mark in banded(curves.THRESHOLDS, curve, k)
                ),
            ),
            f"The share of steps whose effect under {name} is at or over the threshold, a "
            "curve a model.",
        )
        for name, some in found.items()
    )
    cells = tuple(
        (d.report.model, name, f"{at:g}", *estimate_cells(e, "share"))
        for name, some in found.items()
        for d, curve in zip(drawn, some, strict=True)
        for at, e in zip(curves.THRESHOLDS, curve, strict=True)
    )
    return Figure(
        "thresholds",
        "How the share depends on the threshold, by model",
        "The share of steps at or over the threshold, with pointwise intervals; the upright "
        f"line is the threshold of {nats(threshold)}.",
        panels,
        tuple(d.report.model for d in drawn),
        Table(
            named_columns("model", "intervention", number_from=3)
            + (("threshold, nats", True), ("share", True), ("interval", False)),
            cells,
        ),
    )


def _cells(row: Row | None) -> tuple[str, str]:
    return row_cells(row) if row is not None else ("–", "–")
