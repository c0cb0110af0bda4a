"""Reports of runs, from Python: read a run, estimate, compare, and pandas frames out.

>>> from lm_eval_faith.report import load_run, steps_frame
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lm_eval_faith.records.run import load_run as load_run
    from lm_eval_faith.records.run import load_runs as load_runs
    from lm_eval_faith.report.agree import agreements_of_run as agreements_of_run
    from lm_eval_faith.report.compare import compare_runs as compare_runs
    from lm_eval_faith.report.plot import drawn as drawn
    from lm_eval_faith.report.plot import rendered as rendered
    from lm_eval_faith.report.report import make_reports as make_reports
    from lm_eval_faith.report.schema import report_schema as report_schema
    from lm_eval_faith.report.step_table import chains_frame as chains_frame
    from lm_eval_faith.report.step_table import estimates_frame as estimates_frame
    from lm_eval_faith.report.step_table import sets_frame as sets_frame
    from lm_eval_faith.report.step_table import steps_frame as steps_frame

_HOMES = {
    "agreements_of_run": "report.agree",
    "chains_frame": "report.step_table",
    "compare_runs": "report.compare",
    "drawn": "report.plot",
    "estimates_frame": "report.step_table",
    "load_run": "records.run",
    "load_runs": "records.run",
    "make_reports": "report.report",
    "rendered": "report.plot",
    "report_schema": "report.schema",
    "sets_frame": "report.step_table",
    "steps_frame": "report.step_table",
}

__all__ = [
    "agreements_of_run",
    "chains_frame",
    "compare_runs",
    "drawn",
    "estimates_frame",
    "load_run",
    "load_runs",
    "make_reports",
    "rendered",
    "report_schema",
    "sets_frame",
    "steps_frame",
]


def __getattr__(name: str) -> Any:
    """Imported when first used: numpy and scipy take a second."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"lm_eval_faith.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
