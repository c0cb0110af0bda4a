"""Pages of made-up runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from lm_eval_faith_stats import Bootstrap

from benchmarks.report import write_runs
from lm_eval_faith.report.html.report_page import ReportPage, report_page

QUICK = Bootstrap(n_resamples=200)


@pytest.fixture(scope="session")
def provided_folder(tmp_path_factory) -> Path:
    """Runs of two made-up models on the same fifteen problems."""
    folder = tmp_path_factory.mktemp("provided")
    write_runs(folder, models=2, problems=15, steps=8)
    return folder


@pytest.fixture(scope="session")
def provided_page(provided_folder) -> ReportPage:
    return report_page([provided_folder / "model-00"], QUICK)


@pytest.fixture(scope="session")
def both_page(provided_folder) -> ReportPage:
    """Two runs of the same problems."""
    return report_page([provided_folder], QUICK)


@pytest.fixture(scope="session")
def written_page(generated_runs) -> ReportPage:
    """Chains that scripted models wrote: eighteen of twenty-four are right."""
    return report_page([generated_runs[0]], QUICK)
