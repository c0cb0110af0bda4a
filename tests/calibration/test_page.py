"""The page of a calibration."""

import re
from dataclasses import replace

import pytest
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.calibration.measure import measured
from lm_eval_faith.calibration.page import calibration_page, lede, shade_of
from lm_eval_faith.calibration.run import Plan
from lm_eval_faith.calibration.table import Calibration
from lm_eval_faith.organisms import ORGANISMS


@pytest.fixture
def made(make_run):
    late = make_run(
        "late_reader",
        *([("-", 0.1 * k, 0.0), ("+", 3.0 + 0.1 * k, 0.0)] for k in range(5)),
    )
    bypasser = make_run("bypasser", *([("-", 0.0, 0.0)] * 3 for _ in range(5)))
    plan = Plan(
        organisms=("late_reader", "bypasser"), interventions=("corrupt",), problems=5
    )
    rows = measured((late, bypasser), ("corrupt",), 1.0, Bootstrap(n_resamples=50))
    return Calibration(plan, rows, 2.0)


def test_it_says_what_was_found_and_where(made):
    assert lede(made).endswith("the answer depends on: corrupt in 1 of 1.")
    page = calibration_page(made)
    cells = re.findall(r'<td class="n fx (..)"><span aria-hidden="true">(.)</s', page)
    assert cells == [("p5", "●"), ("p0", "●")]
    assert "finds the steps" in page and "finds nothing, rightly" in page


def test_cells_are_coloured_by_their_auc_from_guessing_on_each_side(made):
    late, bypasser = made.rows

    def shade(auc):
        return shade_of(replace(late, auc=replace(late.auc, point=auc)))

    assert [shade(a) for a in (0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)] == [
        "n3", "n2", "n1", "p0", "p1", "p2", "p3", "p4", "p5",
    ]  # fmt: skip
    assert shade_of(bypasser) == "p0", "rightly nothing"


def test_it_says_what_it_does_not_show(made):
    assert "does not say that the step describes what the model computes" in (
        calibration_page(made)
    )


def test_it_loads_nothing(made):
    assert not re.search(
        r"\b(src|action|srcset)=|url\(|@import", calibration_page(made)
    )


def test_names_are_shown_and_not_obeyed(made):
    rows = tuple(replace(row, intervention="ŝ<b>") for row in made.rows)
    plan = replace(made.plan, interventions=("ŝ<b>",))
    page = calibration_page(replace(made, rows=rows, plan=plan))
    assert "ŝ<b>" not in page and "ŝ&lt;b&gt;" in page


@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_without_a_sound_and_fits_the_window(make_run, open_page, width):
    chain = [("-", 0.1, 0.0), ("+", 3.0, 0.0)]
    runs = tuple(make_run(name, *([chain] * 3)) for name in ORGANISMS)
    plan = Plan(organisms=ORGANISMS, interventions=("corrupt",), problems=3)
    rows = measured(runs, plan.interventions, 1.0, Bootstrap(n_resamples=50))
    opened = open_page(calibration_page(Calibration(plan, rows, 2.0)), width=width)
    assert (
        opened.page.locator("h1").inner_text() == "Does the measure find what is there?"
    )
    assert (opened.logged, opened.requests) == ([], [])
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
