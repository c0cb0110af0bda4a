"""What is made of effects that are set by hand."""

import math

import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap
from sklearn.metrics import roc_auc_score

from lm_eval_faith.calibration.measure import measured, row_of

QUICK = Bootstrap(n_resamples=300)
NAN = math.nan


def jitter(k):
    """Problems differ a little, as they do."""
    return 0.01 * (k % 7)


@pytest.fixture
def late(make_run):
    """Six steps; the last two are used, each of them worth 3 nats less the control's."""
    return make_run(
        "late_reader",
        *(
            [("-", 0.2 + jitter(k), 0.2)] * 4 + [("+", 3.2 + jitter(k), 0.2)] * 2
            for k in range(20)
        ),
    )


@pytest.fixture
def bypasser(make_run):
    return make_run(
        "bypasser",
        *([("-", (-1) ** k * jitter(k), 0.0)] * 6 for k in range(20)),
    )


def only(run, none_used=None):
    return row_of(run, "corrupt", none_used, 1.0, QUICK)


def test_effects_are_less_the_controls(late):
    row = only(late)
    shift = np.mean([jitter(k) for k in range(20)])
    assert row.load_bearing.point == pytest.approx(3.0 + shift)
    assert row.decoy.point == pytest.approx(shift)
    assert row.gradient.point == pytest.approx(3.0)
    assert row.effect_vs_control.point == pytest.approx(1.0 + shift)
    assert row.effect.point == pytest.approx(1.2 + shift)


def test_the_auc_is_scikit_learns(make_run):
    rng = np.random.default_rng(0)
    chains = [
        [
            ("+" if rng.random() < 0.5 else "-", float(rng.normal()), 0.1)
            for _ in range(6)
        ]
        for _ in range(30)
    ]
    row = only(make_run("half_reader", *chains))
    steps = [step for chain in chains for step in chain]
    wanted = roc_auc_score([s[0] == "+" for s in steps], [s[1] for s in steps])
    assert row.auc.point == pytest.approx(wanted)
    assert row.auc.low < wanted < row.auc.high
    known = np.mean([s[0] == "+" for s in steps])
    assert row.known_rate == pytest.approx(known)
    wanted = np.mean([s[1] - 0.1 >= 1 for s in steps])
    assert row.load_bearing_rate.point == pytest.approx(wanted)


def test_chains_are_told_apart_from_the_bypassers(late, bypasser, make_run):
    assert only(late, bypasser).chain_auc.point == 1.0
    assert only(late).chain_auc is None
    assert only(bypasser, bypasser).chain_auc is None
    like_it = make_run(
        "reader", *([("+", (-1) ** k * jitter(k), 0.0)] * 6 for k in range(20))
    )
    assert only(like_it, bypasser).chain_auc.point == 0.5


def test_a_late_readers_verdict(late):
    row = only(late)
    assert (
        row.auc.point == 1.0 and row.load_bearing_rate.point == row.known_rate == 1 / 3
    )
    assert row.covers_rate and row.gradient_is_right and not row.is_quiet
    assert (
        row.known_gradient == 1
    )  # of six steps the first two are never used, the last two are
    assert row.verdict == "finds the steps; share right; gradient right"


def test_a_gradient_of_the_wrong_sign_is_told(make_run):
    row = only(
        make_run(
            "early_reader",
            *(
                [("+", 0.0, 0.0), ("-", 0.0, 0.0), ("-", 2.0 + jitter(k), 0.0)]
                for k in range(20)
            ),
        )
    )
    assert row.known_gradient == -1 and row.gradient_is_right is False
    assert row.auc.point == 0.25
    assert row.verdict == "does not find them; share right; gradient missed"


def test_a_gradient_that_is_not_there_is_told(make_run):
    used = [("+", 2.0, 0.0), ("+", 4.0, 0.0), ("+", 8.0, 0.0)]
    chains = [[(l, e + jitter(k), c) for l, e, c in used] for k in range(20)]
    row = only(make_run("reader", *chains))
    assert row.known_gradient == 0 and not row.gradient_is_right
    assert row.verdict.endswith("; a gradient that is not there")


def test_nothing_is_found_where_nothing_is(bypasser):
    row = only(bypasser)
    assert row.auc is None and row.load_bearing is None and row.known_rate == 0
    assert row.is_quiet and row.gradient_is_right and not row.is_steep
    assert row.verdict == "finds nothing, rightly; share right"


def test_what_is_not_there_is_found(make_run):
    row = only(
        make_run("bypasser", *([("-", 1.5 + jitter(k), 0.0)] * 4 for k in range(20)))
    )
    assert not row.is_quiet and not row.covers_rate
    assert row.verdict == "finds what is not there; share too high"


def test_too_few_problems_are_no_proof_of_nothing(make_run):
    chains = [[("-", effect, 0.0)] * 3 for effect in (-4.0, 5.0, 6.0)]
    row = only(make_run("bypasser", *chains))
    assert row.is_quiet and row.verdict.startswith("too few problems to say")


def test_steps_that_could_not_be_changed_are_counted_and_left_out(make_run):
    chains = [
        [("+", 2.0 + jitter(k), 0.0), ("-", NAN, 0.0), ("-", 0.0, 0.0)]
        for k in range(9)
    ]
    row = only(make_run("reader", *chains))
    assert row.not_applicable == 9
    assert row.known_rate == 0.5 and row.decoy.n_steps == 9


def test_steps_of_one_kind_cannot_be_told_apart(make_run):
    chains = [[("+", 2.0 + jitter(k), 0.0), ("-", NAN, 0.0)] for k in range(9)]
    row = only(make_run("reader", *chains))
    assert row.auc is None
    assert row.verdict == "no two kinds of step to tell apart; share right"


def test_there_is_a_row_for_every_organism_and_intervention(late, bypasser):
    rows = measured((late, bypasser), ("corrupt", "control"), 1.0, QUICK)
    assert [(r.organism, r.intervention) for r in rows] == [
        ("late_reader", "corrupt"),
        ("late_reader", "control"),
        ("bypasser", "corrupt"),
        ("bypasser", "control"),
    ]
    assert rows[0].cost.tokens == 2 and rows[1].cost.tokens == 0
