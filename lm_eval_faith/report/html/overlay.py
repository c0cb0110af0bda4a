"""Several models that ran one task: one figure of all, and their differences in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.metrics import primary
from lm_eval_faith.records.outcome import THIRDS
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.compare import Difference, compared, named_apart
from lm_eval_faith.report.figures import (
    NATS,
    Figure,
    Table,
    named_columns,
    row_cells,
)
from lm_eval_faith.report.html.sentences import ALL, BESIDE, WITHOUT
from lm_eval_faith.report.marks import (
    Dots,
    Line,
    Mark,
    Panel,
    Rule,
    estimates_axis,
    names_axis,
)
from lm_eval_faith.report.measured import Measured, quantities_of
from lm_eval_faith.report.report import Row, TaskReport
from lm_eval_faith.shown import counted

MOST_SENTENCES = 6
"""Differences that are told in sentences; the command shows all of them."""

LONGEST_NAME = 14
"""Characters of a model's name under a chart; they are whole in the table."""


def overlaid(reports: Sequence[TaskReport]) -> tuple[Figure, ...]:
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
    if row.metric.startswith("label_difference"):
        kinds = {
            "load-bearing": f"{name}_effect_load_bearing{ending}",
            "decoy": f"{name}_effect_decoy{ending}",
        }
        more = [_by_model(reports, {"AUC": f"{name}_auc{ending}"}, "AUC")]
    else:
        kinds = {ALL: first, BESIDE: f"{first}{WITHOUT}"}
        more = [_by_third(reports, f"{name}_{{}}{ending}")]
    panels = [_by_model(reports, kinds, NATS), *more]
    cells = [
        (report.model, kind, *row_cells(found))
        for kind, of in kinds.items()
        for report in reports
        if (found := report.row(of))
    ]
    return (
        Figure(
            "models",
            f"{name}: the models side by side",
            "Each model's mean over problems, with its interval. Whether two models differ is "
            "told by their difference on the problems both have, not by whether intervals "
            "overlap.",
            tuple(panel for panel in panels if panel.marks),
            tuple(kinds),
            Table(
                named_columns("model", "steps", number_from=2)
                + (("mean, nats", True), ("interval", False)),
                tuple(cells),
            ),
        ),
    )


def _by_model(
    reports: Sequence[TaskReport], kinds: dict[str, str], label: str
) -> Panel:
    """A place a model, a series a kind."""
    rows = {
        kind: [report.row(name) for report in reports] for kind, name in kinds.items()
    }
    marks: list[Mark] = [Rule(y=0.5 if label == "AUC" else 0)]
    for k, found in enumerate(rows.values()):
        marks += _dots(found, k, 0.15 * (k - (len(rows) - 1) / 2))
    y = estimates_axis((r.estimate for f in rows.values() for r in f if r), label)
    return Panel(
        label if label == "AUC" else "Mean effect",
        names_axis([_short(report.model) for report in reports]),
        y,
        tuple(marks) if any(map(any, rows.values())) else (),
        f"{label} of each model: {', '.join(kinds)}.",
    )


def _by_third(reports: Sequence[TaskReport], name: str) -> Panel:
    """The three thirds of the chain, a line a model; the lines are named at their ends."""
    rows = [[report.row(name.format(third)) for third in THIRDS] for report in reports]
    marks: list[Mark] = [Rule(y=0)]
    for k, found in enumerate(rows):
        place = 0.08 * (k - (len(rows) - 1) / 2)
        ys = [row.estimate.point if row else math.nan for row in found]
        marks.append(Line([x + place for x in range(len(ys))], ys, k))
        marks += _dots(found, k, place)
    return Panel(
        "Mean effect by third of the chain, a line a model",
        names_axis(THIRDS, "third of the chain"),
        estimates_axis((r.estimate for f in rows for r in f if r), NATS),
        tuple(marks) if any(map(any, rows)) else (),
        "Mean effect in each third of the chain, a line a model.",
    )


def _dots(rows: Sequence[Row | None], series: int, place: float) -> list[Mark]:
    known = [(x + place, row.estimate) for x, row in enumerate(rows) if row]
    return [
        Dots(
            [x for x, _ in known],
            [e.point for _, e in known],
            series,
            [e.low for _, e in known],
            [e.high for _, e in known],
        )
    ]


def _short(model: str) -> str:
    return model if len(model) <= LONGEST_NAME else f"{model[:LONGEST_NAME]}…"


# --- differences -------------------------------------------------------------------


def differences(models: Sequence[Measured], bootstrap: Bootstrap) -> tuple[str, ...]:
    """How the models differ in the metric that they are first compared by, in sentences.

    Words follow the p-value adjusted by Holm over all pairs; where runs cannot be
    compared, the one sentence says why.
    """
    models = named_apart(models)
    every = quantities_of(models)
    has = frozenset[str]().union(*(model.has for model in models))
    first = primary(every, has)[:2]
    try:
        found = compared(models, bootstrap, only=first).differences
    except InputError as why:
        return (f"The models are not compared: {why}.",)
    level = 1 - bootstrap.confidence_level
    by_pair: dict[tuple[str, str], list[Difference]] = {}
    for d in found:
        if d.comparison.paired:
            by_pair.setdefault((d.first, d.second), []).append(d)
    told = [
        f"{_difference(ds[0], level, len(by_pair))}{''.join(map(_beside, ds[1:]))}."
        for ds in by_pair.values()
    ]
    if len(told) > MOST_SENTENCES:
        apart = sum(ds[0].p_adjusted < level for ds in by_pair.values())
        said = (
            f"{apart} of {counted(len(told), 'pair')} of models can be told apart; "
            "lm-eval-faith compare shows them all."
        )
        return (said, *told[:MOST_SENTENCES])
    return tuple(told) or ("The models have no problem in common.",)


def _difference(d: Difference, level: float, pairs: int) -> str:
    e, unit = d.comparison.estimate, d.quantity.metric.unit
    over = f", adjusted by Holm over {pairs} pairs" if pairs > 1 else ""
    p = "no p-value" if math.isnan(d.p_adjusted) else _p(d.p_adjusted)
    numbers = f"{interval(e, unit)}; {p}{over}; {counted(e.n_problems, 'problem')}"
    where = d.problems.removeprefix("paired, ")
    if not d.p_adjusted < level:
        return (
            f"{d.first} and {d.second} cannot be told apart in {d.quantity.name}, {where}: "
            f"{number(e.point, unit)} {unit} ({numbers})"
        )
    more = "higher" if e.point > 0 else "lower"
    return (
        f"{d.first} is {number(abs(e.point), unit)} {unit} {more} than {d.second} in "
        f"{d.quantity.name}, {where} (difference {numbers})"
    )


def _beside(d: Difference) -> str:
    e, unit = d.comparison.estimate, d.quantity.metric.unit
    told = f"{number(e.point, unit)} {interval(e, unit)}"
    return f"; without the steps that state the answer {told}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p {value:.3f}"
