"""Cards of runs of organisms: how many say what explains the effects away."""

import math
from dataclasses import replace

from lm_eval_faith_stats import BOOTSTRAP, Estimate

from lm_eval_faith.calibration.explained import (
    EXPLAINED,
    NO_LABELS,
    READERS,
    check_of,
    lines_of,
    runs_of,
    without_labels,
)
from lm_eval_faith.organisms import ORGANISMS
from lm_eval_faith.report.card import (
    AWAY,
    CLEAR,
    DOUBTFUL,
    NO_CHAIN,
    POSITION_LINE,
    STATEMENT,
    Card,
    Line,
)


def estimate(point):
    return Estimate(point, point - 0.5, point + 1, 0.95, "by hand", 50, 0)


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


def test_without_labels_the_position_is_another_line_of_the_same_runs():
    line = Line(POSITION_LINE, "position_corr", "correlation", estimate(0.6), AWAY)
    cards = [without_labels(replace(card(), lines=(*card().lines, line)))] * 20
    assert [one.name for one in cards[0].lines] == [NO_LABELS]
    check = check_of("late_reader", cards, 3.0, 40.0, BOOTSTRAP)
    assert check.what == f"card: explained away ({NO_LABELS})" and check.holds
    assert not check_of("reader", cards, 3.0, 40.0, BOOTSTRAP).holds


def test_lines_tell_words_and_numbers_of_all_runs():
    cards = [card(point=p) for p in (1.0, 3.0, 4.0)] + [card(AWAY, point=0.0)]
    first, second = lines_of("bypasser", cards)
    assert (first.line, first.metric, first.n_runs) == (NO_CHAIN, "chain_gain", 4)
    assert (first.lowest, first.median, first.highest) == (0.0, 2.0, 4.0)
    assert (first.low_end, first.high_end) == (-0.5, 5.0)
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
    assert {*EXPLAINED, *READERS} <= set(ORGANISMS)
