"""One reading of runs for all that is asked of them."""

import functools

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.records import run as reading
from lm_eval_faith.report import report
from lm_eval_faith.report.html.report_page import report_page
from lm_eval_faith.report.outputs import Wanted, outputs_of
from lm_eval_faith.report.report import NOTHING_ASKED, make_reports
from lm_eval_faith.report.step_table import steps_frame

FAST = Bootstrap(n_resamples=20)


def counting(monkeypatch, module, name):
    calls = []
    plain = getattr(module, name)

    @functools.wraps(plain)
    def counted(*args, **kwargs):
        calls.append(args)
        return plain(*args, **kwargs)

    monkeypatch.setattr(module, name, counted)
    return calls


def test_a_report_its_page_and_its_steps_are_made_of_one_reading(
    provided_run, generated_runs, monkeypatch
):
    runs = [*generated_runs, provided_run]
    reads = counting(monkeypatch, reading, "read_samples")
    estimates = counting(monkeypatch, report, "estimate_of")
    made = outputs_of(runs, Wanted(page=True, steps=True), FAST, NOTHING_ASKED)
    assert len(reads) == len(made.reports) == 3
    assert len(estimates) == sum(len(one.rows) for one in made.reports)
    assert made.sets is None
    monkeypatch.undo()
    # The same as each made by itself.
    assert str(made.reports) == str(make_reports(runs, FAST))
    assert made.page == report_page(runs, FAST).html
    alone = [steps_frame(reading.load_run(run)) for run in runs]
    assert len(made.steps) == sum(map(len, alone))
    assert list(made.steps.columns) == list(alone[0].columns)
