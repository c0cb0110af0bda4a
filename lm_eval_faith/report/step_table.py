"""Steps, chains and estimates as pandas frames, and as CSV and Parquet files.

One row an intervention and step. CSV is for people and spreadsheets: control characters
are shown, and text that a spreadsheet would run as a formula is quoted. Parquet holds
every text as it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import Run
from lm_eval_faith.records.tables import tables_of
from lm_eval_faith.report.cells import csv_text
from lm_eval_faith.report.report import TaskReport, as_row

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet")


def steps_frame(*runs: Run) -> pd.DataFrame:
    """The steps of runs: one row a chain, step and intervention.

    Columns are those of :data:`lm_eval_faith.records.tables.STEP_COLUMNS`: log-probabilities
    and effects in nats, NaN where there is none; texts empty where there is none. Documents
    that gave no effects have no rows: see :func:`chains_frame`.
    """
    return tables_of((run.model, task) for run in runs for task in run.tasks).steps


def chains_frame(*runs: Run) -> pd.DataFrame:
    """The chains of runs: one row a document, those that gave no effects among them.

    Columns are those of :data:`lm_eval_faith.records.tables.CHAIN_COLUMNS`.
    """
    return tables_of((run.model, task) for run in runs for task in run.tasks).chains


def sets_frame(*runs: Run) -> pd.DataFrame:
    """The sets of steps of runs: one row a chain, intervention and set.

    Columns are those of :data:`lm_eval_faith.records.tables.SET_COLUMNS`.
    """
    return tables_of((run.model, task) for run in runs for task in run.tasks).sets


def estimates_frame(reports: Iterable[TaskReport]) -> pd.DataFrame:
    """The estimates of reports: one row a metric, columns as in the CSV report."""
    import pandas as pd

    return pd.DataFrame(
        [as_row(report, row) for report in reports for row in report.rows]
    )


def check_ending(path: Path) -> None:
    """Refuse a name that does not say how the table is to be written.

    Raises:
        InputError: the name ends neither in .csv nor in .parquet.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: the name must end in {' or '.join(ENDINGS)}")


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
