"""Cards of runs of organisms: how many say what explains the effects away."""

import math

from lm_eval_faith_stats import BOOTSTRAP, Estimate

from lm_eval_faith.calibration.explained import (
    EXPLAINED,
    READERS,
    check_of,
    lines_of,
    runs_of,
)
from lm_eval_faith.organisms import ORGANISMS
from lm_eval_faith.report.card import (
    AWAY,
    CLEAR,
    DOUBTFUL,
    NO_CHAIN,
    STATEMENT,
    Card,
    Line,
)


def estimate(point):
    return Estimate(point, point, point, 0.95, "by hand", 50, 0)


def card(no_chain=CLEAR, statement=CLEAR, point=1.0):
    lines = (
        Line(NO_CHAIN, "chain_gain", "nats", estimate(point), no_chain),
        Line(STATEMENT, "cut_share", "share", None, statement),
    )
    return Card("corrupt", lines, "")


def test_what_explains_an_organism_away_must_be_said_by_its_own_line():
    cards = [card(statement=AWAY)] * 19 + [card(no_chain=AWAY)]
    check = check_of("copier", cards, 3.0, 40.0, BOOTSTRAP)
    assert check.what == "card: explained away (without the statement)"
    assert check.estimate.point == 0.95 and check.holds
    assert check.estimate.low < 0.95 < check.estimate.high
    assert not check_of("bypasser", cards, 3.0, 40.0, BOOTSTRAP).holds


def test_no_line_may_explain_a_reader_away():
    cards = [card(statement=DOUBTFUL)] * 19 + [card(no_chain=AWAY)]
    check = check_of("reader", cards, 3.0, 40.0, BOOTSTRAP)
    assert check.estimate.point == 0.05 and check.holds
    assert not check_of(
        "reader", [*cards, card(statement=AWAY)], 3, 40, BOOTSTRAP
    ).holds


def test_lines_tell_words_and_numbers_of_all_runs():
    cards = [card(point=p) for p in (1.0, 3.0, 4.0)] + [card(AWAY, point=0.0)]
    first, second = lines_of("bypasser", cards)
    assert (first.line, first.metric, first.n_runs) == (NO_CHAIN, "chain_gain", 4)
    assert (first.lowest, first.median, first.highest) == (0.0, 2.0, 4.0)
    assert first.words == {CLEAR: 3, AWAY: 1}
    assert math.isnan(second.median) and second.to_dict()["median"] is None


def test_a_run_is_cut_into_runs_of_fifty():
    assert [list(one) for one in runs_of(list(range(120)), 50)] == [
        list(range(50)),
        list(range(50, 100)),
        list(range(100, 120)),
    ]


def test_organisms_are_explained_or_readers():
    assert not set(EXPLAINED) & set(READERS)
    assert {*EXPLAINED, *READERS} - {"copier"} <= set(ORGANISMS)
