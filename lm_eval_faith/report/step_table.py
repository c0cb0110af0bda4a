"""Step records and estimates as pandas frames, and as CSV and Parquet files.

One row an intervention and step. CSV is for people and spreadsheets: control characters
are shown, and text that a spreadsheet would run as a formula is quoted. Parquet holds
every text as it is.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.outcome import (
    CONTROL,
    ChainRecord,
    StepRecord,
    control_effects,
    differenced,
)
from lm_eval_faith.records.run import Run
from lm_eval_faith.report.cells import csv_text

if TYPE_CHECKING:
    import pandas as pd

    from lm_eval_faith.report.estimates import TaskReport

TEXT, WHOLE, NUMBER, TRUTH = "str", "int64", "float64", "bool"

COLUMNS = {
    "model": TEXT,
    "task": TEXT,
    "document": TEXT,
    "step": WHOLE,
    "n_steps": WHOLE,
    "position": NUMBER,
    "third": TEXT,
    "label": TEXT,
    "intervention": TEXT,
    "logprob_clean": NUMBER,
    "logprob": NUMBER,
    "other_answer": TEXT,
    "logprob_other": NUMBER,
    "effect": NUMBER,
    "effect_minus_control": NUMBER,
    "states_answer": TRUTH,
    "before": TEXT,
    "after": TEXT,
    "not_applicable": TEXT,
}
"""The columns of a step table, and their types."""

THIRDS = ("early", "middle", "late")

ENDINGS = (".csv", ".parquet")


def steps_frame(*runs: Run) -> pd.DataFrame:
    """The step records of runs: one row an intervention and step.

    Columns are those of :data:`COLUMNS`: log-probabilities and effects in nats, NaN
    where there is none; texts empty where there is none. ``effect_minus_control`` is the
    effect less that of the ``control`` intervention at the same step. Where no control
    was run but decoys are known, the chain's decoys are the control: it is then given
    for load-bearing steps, less the mean effect on decoys of the same intervention.
    Documents that gave no effects have no rows.
    """
    import pandas as pd

    rows = [row for run in runs for row in _rows_of_run(run)]
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    return pd.DataFrame(
        {
            name: pd.Series(column, dtype=kind)
            for (name, kind), column in zip(COLUMNS.items(), columns, strict=True)
        }
    )


def estimates_frame(reports: Iterable[TaskReport]) -> pd.DataFrame:
    """The estimates of reports: one row a figure, columns as in the CSV report."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "model": report.model,
                "task": report.task.task,
                "task_version": report.task.version,
                "intervention": row.intervention,
                "figure": row.figure,
                "unit": row.unit,
                **asdict(row.estimate),
                "meaning": row.meaning,
            }
            for report in reports
            for row in report.rows
        ]
    )


def check_ending(path: Path) -> None:
    """Refuse a name that does not say how the table is to be written.

    Raises:
        InputError: the name ends neither in .csv nor in .parquet.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: the name must end in {' or '.join(ENDINGS)}")


def step_file(paths: Sequence[Path], target: Path) -> bytes:
    """The step table of all runs below the directories, in the form of target's name."""
    import pandas as pd

    return table_file(pd.concat(of_runs(paths, steps_frame)), target)


def table_file(frame: pd.DataFrame, path: Path) -> bytes:
    """The content of the file that holds the frame, as its name's ending says."""
    if path.suffix.lower() == ".csv":
        return as_csv(frame).encode()
    out = io.BytesIO()
    frame.to_parquet(out, index=False)
    return out.getvalue()


def as_csv(frame: pd.DataFrame) -> str:
    """CSV that is safe to open in a spreadsheet; numbers with full precision."""
    import pandas as pd

    guarded = {
        name: frame[name].map(csv_text, na_action="ignore")
        for name in frame.columns
        if not pd.api.types.is_numeric_dtype(frame[name])
    }
    return str(frame.assign(**guarded).to_csv(index=False, lineterminator="\n"))


def _rows_of_run(run: Run) -> Iterator[tuple[Any, ...]]:
    for task in run.tasks:
        for chain in sorted(task.chains, key=lambda chain: chain.document):
            controls = _control_of(chain)
            for record in chain.steps:
                control = controls(record)
                yield _row(run.model, task.task, chain.document, record, control)


def _row(
    model: str, task: str, document: str, r: StepRecord, minus_control: float
) -> tuple[Any, ...]:
    """In the order of COLUMNS."""
    return (
        model,
        task,
        document,
        r.step,
        r.n_steps,
        r.position,
        THIRDS[r.third],
        r.label or "",
        r.intervention,
        r.logprob_clean,
        r.logprob,
        r.other_answer,
        r.logprob_other,
        r.effect,
        minus_control,
        r.states_answer,
        r.before,
        r.after,
        r.not_applicable,
    )


def _control_of(chain: ChainRecord) -> Any:
    """The function that takes a record's control from its effect."""
    controls = control_effects(chain)
    if controls:
        return lambda r: (
            math.nan if r.intervention == CONTROL else differenced(r, controls)
        )
    decoys: dict[str, list[float]] = {}
    for record in chain.steps:
        if record.label == "decoy" and not math.isnan(record.effect):
            decoys.setdefault(record.intervention, []).append(record.effect)
    means = {name: _mean(effects) for name, effects in decoys.items()}
    return lambda r: (
        r.effect - means.get(r.intervention, math.nan)
        if r.label == "load_bearing"
        else math.nan
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
