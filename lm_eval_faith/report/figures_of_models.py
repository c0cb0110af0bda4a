"""Figures of several models that ran one task: the same marks, a series or a row a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import lm_eval_faith_stats as stats
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.metrics import NO_ANSWER_STEPS
from lm_eval_faith.records.outcome import THIRDS
from lm_eval_faith.records.tables import Tables
from lm_eval_faith.report import curves
from lm_eval_faith.report.figures import (
    ALL_STEPS,
    DIAGONAL,
    KINDS,
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
    Axis,
    Mark,
    Panel,
    Rule,
    beside,
    estimates_axis,
    names_axis,
    nice_axis,
    row_marks,
    rows_axis,
    series_marks,
    share_axis,
)
from lm_eval_faith.report.report import Row, TaskReport
from lm_eval_faith.shown import nats

DIFFERENCE = (
    "Whether two models differ is told by their difference on the problems both have, not "
    "by whether intervals overlap."
)


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
    modifiers = {ALL_STEPS: (), WITHOUT: (NO_ANSWER_STEPS,)}
    found = {
        name: {
            kind: [d.row(name, main, *more) for d in drawn]
            for kind, more in modifiers.items()
        }
        for name in names
    }
    x = _axis_of(
        (rows for kinds in found.values() for rows in kinds.values()),
        f"{SHORT[main][:1].lower()}{SHORT[main][1:]}, nats",
    )
    models = [d.report.model for d in drawn]
    panels = tuple(
        _row_a_model(name, models, kinds, x, f"{SHORT[main]} of {name}, a row a model.")
        for name, kinds in found.items()
    )
    cells = tuple(
        (model, name, *_cells(kinds[ALL_STEPS][k]), *_cells(kinds[WITHOUT][k]))
        for name, kinds in found.items()
        for k, model in enumerate(models)
    )
    return Figure(
        "models",
        "The models side by side",
        f"{SHORT[main]}, in nats, with intervals, of all steps and without those that state "
        f"the answer. {DIFFERENCE}",
        panels,
        tuple(k for k in modifiers if any(any(kinds[k]) for kinds in found.values())),
        Table(
            named_columns("model", "intervention", number_from=2)
            + ((f"{main}, nats", True), ("interval", False))
            + (("without", True), ("interval", False)),
            cells,
        ),
    )


def first_numbers(reports: Sequence[TaskReport]) -> tuple[Figure, ...]:
    """The first number of every model, with what stands beside it; nothing without one.

    In written chains that is the mean effect of all steps and of those that do not state
    the answer, and the mean of each third, a line a model; where the truth of every step
    is known, load-bearing steps and decoys, and the AUC.
    """
    first = next((r.primary[0] for r in reports if r.primary), "")
    row = next((row for r in reports if (row := r.row(first))), None)
    if row is None:
        return ()
    name, ending = row.intervention, row.metric.partition("_vs_")[2]
    ending = f"_vs_{ending}" if ending else ""
    models = [report.model for report in reports]
    known_truth = row.metric.startswith("label_difference")
    kinds = (
        {kind: f"{name}_effect_{kind.replace('-', '_')}{ending}" for kind in KINDS}
        if known_truth
        else {ALL_STEPS: first, WITHOUT: f"{first}_no_answer_steps"}
    )
    found = {kind: [r.row(of) for r in reports] for kind, of in kinds.items()}
    x = _axis_of(found.values(), NATS)
    said = f"Mean effect of {name}, a row a model."
    panels = [_row_a_model(f"{name}: mean effect", models, found, x, said)]
    if known_truth:
        auc = {"AUC": [r.row(f"{name}_auc{ending}") for r in reports]}
        x = _axis_of(auc.values(), "AUC")
        said = f"AUC of {name}, a row a model."
        panels.append(_row_a_model(f"{name}: AUC", models, auc, x, said, at=0.5))
    side = Figure(
        "models",
        f"{name}: the models side by side",
        f"Each model's mean over problems, with its interval. {DIFFERENCE}",
        tuple(panels),
        tuple(kinds),
        Table(
            named_columns("model", "steps", number_from=2)
            + (("mean, nats", True), ("interval", False)),
            tuple(
                (model, kind, *row_cells(row))
                for kind, rows in found.items()
                for model, row in zip(models, rows, strict=True)
                if row
            ),
        ),
    )
    return (side,) if known_truth else (side, *_thirds(reports, name, ending))


def _thirds(
    reports: Sequence[TaskReport], name: str, ending: str
) -> tuple[Figure, ...]:
    """The mean effect in each third of the chain, of the models that have all three."""
    rows = [
        (r, [r.row(f"{name}_{third}{ending}") for third in THIRDS]) for r in reports
    ]
    found = [
        (r.model, [row for row in three if row]) for r, three in rows if all(three)
    ]
    if not found:
        return ()
    marks: list[Mark] = [Rule(y=0)]
    for k, (_, three) in enumerate(found):
        places = beside(k, len(found), len(THIRDS), 0.08)
        marks += series_marks([row.estimate for row in three], k, places)
    panel = Panel(
        f"{name}: mean effect by third",
        names_axis(THIRDS, "third of the chain"),
        _axis_of((three for _, three in found), NATS),
        tuple(marks),
        f"Mean effect of {name} in each third of the chain, a line a model.",
    )
    return (
        Figure(
            "thirds",
            f"{name}: the gradient over the chain, by model",
            "The mean over the steps of each third of the chain, with intervals, a line a "
            "model.",
            (panel,),
            tuple(model for model, _ in found),
            Table(
                named_columns("model", "third", number_from=2)
                + (("mean, nats", True), ("interval", False)),
                tuple(
                    (model, third, *row_cells(row))
                    for model, three in found
                    for third, row in zip(THIRDS, three, strict=True)
                ),
            ),
        ),
    )


def _axis_of(rows: Iterable[Sequence[Row | None]], label: str) -> Axis:
    return estimates_axis((r.estimate for some in rows for r in some if r), label)


def _row_a_model(
    title: str,
    models: Sequence[str],
    kinds: Mapping[str, Sequence[Row | None]],
    x: Axis,
    said: str,
    at: float = 0.0,
) -> Panel:
    """A row a model, a series a kind; what a model has no number of is left out."""
    marks: list[Mark] = [Rule(x=at)]
    for k, rows in enumerate(kinds.values()):
        places = beside(k, len(kinds), len(rows), 0.25)
        there = [(r.estimate, y) for r, y in zip(rows, places, strict=True) if r]
        marks += row_marks([e for e, _ in there], k, [y for _, y in there])
    return Panel(title, x, rows_axis(models), tuple(marks), said)


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
