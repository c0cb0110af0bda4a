"""Steps taken jointly, against groups of steps that are known."""

import math

import pytest
from lm_eval_faith_stats import Bootstrap
from sklearn.metrics import roc_auc_score

from lm_eval_faith.calibration.check import Check, share_of
from lm_eval_faith.calibration.jointly import (
    SCORES,
    auc_of,
    has_known_core,
    is_cheap,
    joint_checks,
    single_checks,
)
from lm_eval_faith.calibration.measure import row_of
from lm_eval_faith.calibration.run import Plan
from lm_eval_faith.problems.restated_boxes import RestatedProblem
from lm_eval_faith.records.sets import SetRecord

QUICK = Bootstrap(n_resamples=100)
GROUPS = ((0, 3), (1,))


@pytest.fixture
def chain(make_run):
    """Five steps, of which 0 and 3 say the same and 1 says another thing that counts."""

    def make(*sets):
        steps = [(label, 0.0, 0.0) for label in "++-+-"]
        (one,) = make_run("restated_reader", steps).chains
        from dataclasses import replace

        return replace(one, sets=sets)

    return make


def a_set(kind, steps, effect=math.nan, name="", ending="", **measured):
    return SetRecord(
        intervention="delete",
        kind=kind,
        name=name,
        steps=tuple(steps),
        kept=kind.startswith("core"),
        n_steps=5,
        logprob_clean=-1.0,
        logprob=-1.0 - effect,
        label=None,
        states_answer=False,
        ending=ending,
        measured=measured,
    )


def test_a_step_scores_by_the_groups_that_it_is_in(chain):
    value = [
        a_set("value", *one) for one in (((0, 3), 9.0), ((1, 2), 4.0), ((4,), 0.0))
    ]
    one = chain(*value)
    assert SCORES["group=value"](one.sets, 5) == [9.0, 4.0, 4.0, 9.0, 0.0]
    auc = auc_of([one], SCORES["group=value"], QUICK)
    assert auc.point == pytest.approx(roc_auc_score([1, 1, 0, 1, 0], [9, 4, 4, 9, 0]))


def test_a_step_scores_by_what_it_adds(chain):
    one = chain(
        *(a_set("shapley", [k], shapley=v) for k, v in enumerate([3, 5, 0, 3, 1]))
    )
    assert SCORES["shapley"](one.sets, 5) == [3, 5, 0, 3, 1]
    assert auc_of([one, one], SCORES["shapley"], QUICK).point == 1.0
    spent = chain(a_set("shapley", range(5), ending="over the budget"))
    assert all(map(math.isnan, SCORES["shapley"](spent.sets, 5)))


def test_a_step_scores_that_is_in_a_core_or_can_stand_in_for_one_that_is(chain):
    found = [
        a_set("core", [1, 3], name="front", ending="certified", scorings=9),
        a_set("core_restated", [3, 0], name=""),
    ]
    assert SCORES["core"](chain(*found).sets, 5) == [1.0, 1.0, 0.0, 1.0, 0.0]
    spent = a_set("core", range(5), name="front", ending="budget", scorings=35)
    assert SCORES["core"](chain(spent).sets, 5) == [0.0] * 5


@pytest.mark.parametrize(
    ("steps", "ending", "known"),
    [
        ([1, 3], "certified", True),
        ([0, 1], "certified", True),
        ([0, 1, 3], "certified", False),  # two that say the same
        ([0, 3], "certified", False),  # one thing is missing
        ([1, 3, 4], "certified", False),  # one that does not count
        ([1, 3], "budget", False),
    ],
)
def test_a_core_is_known_that_has_one_step_of_each_group(chain, steps, ending, known):
    problem = RestatedProblem("", (), "", GROUPS, ())
    one = chain(a_set("core", steps, name="front", ending=ending, scorings=1))
    assert has_known_core(one, problem) is known


def test_every_search_may_score_three_sets_a_step_and_twenty(chain):
    for scorings, cheap in ((35.0, True), (36.0, False)):
        one = chain(
            a_set("core", [1], name="front", scorings=9.0),
            a_set("core", [1], name="back", scorings=scorings),
        )
        assert is_cheap(one) is cheap


def test_a_check_holds_on_its_side_of_the_bound():
    share = share_of([True, True, False, True], QUICK)
    assert share.point == 0.75 and share.n_problems == 4

    def holds(side, bound):
        return Check("reader", "", "share", share, side, bound, 0, 0).holds

    assert holds("at least", 0.75) and not holds("at least", 0.76)
    assert holds("at most", 0.75) and not holds("at most", 0.74)


def test_single_steps_are_looked_at_where_values_are_restated(make_run):
    """By their ranks, and by what reaches the threshold."""
    steps = [("+", 0.3, 0.1), ("-", 0.1, 0.1), ("+", 0.4, 0.1), ("-", 0.1, 0.2)]
    row = row_of(make_run("restated_reader", steps), "corrupt", None, 1.0, QUICK)
    ranks, threshold = single_checks([row])
    assert (ranks.estimate.point, ranks.holds) == (1.0, False)
    assert (threshold.estimate.point, threshold.holds) == (0.5, True)
    assert (threshold.requests, threshold.tokens) == (1, 3)
    row = row_of(make_run("restated_reader", steps), "corrupt", None, 0.25, QUICK)
    assert [one.estimate.point for one in single_checks([row])] == [1.0, 0.75]
    row = row_of(make_run("reader", steps), "corrupt", None, 1.0, QUICK)
    assert not list(single_checks([row]))


def test_groups_and_cores_of_the_restated_reader_are_the_known_ones(tmp_path):
    plan = Plan(organisms=("restated_reader",), joint_problems=4)
    checks = list(joint_checks(plan, tmp_path, QUICK, asked=("group=value", "core")))
    assert [check.what for check in checks] == [
        "group=value: AUC",
        "core: AUC",
        "core: a known one",
        "core: 3n + 20 scorings do",
    ]
    assert all(check.holds for check in checks)
    assert all(check.requests > 0 and check.tokens > 0 for check in checks)
