"""Runs to read, as the tests of reports have them."""

from ..report.conftest import generated_runs, other_model, second_run

__all__ = ["generated_runs", "other_model", "second_run"]
