"""Sets of steps, asked of a model whose every score is known, down to the table's rows."""

from __future__ import annotations

import json
import math
import re

import pytest

from lm_eval_faith.asks import answered
from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.harness.requests import read
from lm_eval_faith.harness.set_requests import SetsWanted
from lm_eval_faith.interventions import Context
from lm_eval_faith.interventions.plan import changes
from lm_eval_faith.joint.found import sets_from_dict
from lm_eval_faith.joint.plan import ChainPlan, Joint
from lm_eval_faith.metrics import Choices, quantities
from lm_eval_faith.parameters import read_parameters
from lm_eval_faith.records.outcome import chain_record
from lm_eval_faith.records.tables import tables_of_chains

TEXTS = (
    "The bus takes 40 minutes.",
    "She starts with 3 pens.",
    "She gets 5 more, so 3 + 5 = 8.",
    "The lamp is red.",
    "Now she has 8 pens.",
)
"""Two places state the total of 8; either of them suffices for the answer."""
LABELS = ("decoy", "decoy", "load_bearing", "decoy", "load_bearing")
CHAIN = Chain(
    tuple(Step(t, " ", label=k) for t, k in zip(TEXTS, LABELS, strict=True)), "8"
)
NOTHING_STATED = -8.0


def says_eight(context):
    """0 nats where an 8 stands before the cue, -8 where none does."""
    return (0.0, True) if "8" in context else (NOTHING_STATED, False)


def measured(joint, model=says_eight, chain=CHAIN, names=(), threshold=1.0, **more):
    """The record of a chain, through its JSON form, and the stages of what was asked."""
    parameters = {"joint": joint, **more}
    plan = ChainPlan(
        read_parameters(Joint, parameters),
        chain,
        Context(0, "d", 0, ""),
        threshold,
    )
    stages = []

    def answer(asks):
        stages.append([ask.context for ask in asks])
        return [model(ask.context) for ask in asks]

    made = changes(chain, names, seed=0, document="d")
    wanted = SetsWanted(plan, encode=str.split)
    outcome = answered(
        read("", chain, made, AnswerFormat(), lambda request: True, wanted), answer
    )
    plain = json.loads(json.dumps(outcome.to_dict()))
    record = chain_record(
        "d",
        "Q?",
        chain,
        outcome.variants,
        plain["loglikelihoods"],
        sets=sets_from_dict(plain["sets"], len(chain.steps)),
    )
    return record, stages


def rows(record, kind, **wanted):
    return [
        r
        for r in record.sets
        if r.kind == kind and all(getattr(r, k) == v for k, v in wanted.items())
    ]


def test_two_places_of_one_value_have_no_effect_each_and_a_large_one_together():
    """By hand: effects 0 and 0 alone, 8 nats together, so an interaction of +8."""
    record, stages = measured("group=value,interaction", names=("delete",))
    single = {r.step: r.effect for r in record.steps}
    assert single == dict.fromkeys(range(5), 0.0)
    groups = {r.name: (r.steps, r.effect, r.label) for r in rows(record, "value")}
    assert groups["8"] == ((2, 4), 8.0, "load_bearing")
    assert groups["3"] == ((1, 2), 0.0, "load_bearing")
    assert groups["40"] == ((0,), 0.0, "decoy")
    pairs = {r.steps: r.measured["interaction"] for r in rows(record, "interaction")}
    assert pairs.pop((2, 4)) == 8.0
    assert set(pairs.values()) == {0.0}
    assert {r.steps for r in rows(record, "interaction", name="same value")} == {
        (1, 2),
        (2, 4),
    }
    assert len(stages) == 1  # nothing hangs on an answer
    assert len(stages[0]) == len(set(stages[0]))  # and no text is asked about twice


def test_two_steps_that_are_both_needed_have_a_negative_interaction():
    """Without either one 8 nats are lost, without both the same 8: 8 - 8 - 8 = -8."""

    def both(context):
        there = TEXTS[1] in context and TEXTS[2] in context
        return (0.0, True) if there else (NOTHING_STATED, False)

    record, _ = measured("interaction", both)
    (pair,) = rows(record, "interaction", steps=(1, 2))
    assert (pair.effect, pair.measured["interaction"]) == (8.0, -8.0)


def test_the_core_is_one_of_the_two_places_and_the_other_one_stands_in_for_it():
    for joint, kind in ("core", "core"), ("core=greedy", "core_greedy"):
        record, stages = measured(joint, names=("delete",))
        texts = [text for stage in stages for text in stage]
        assert len(texts) == len(set(texts))
        front, back = rows(record, kind)
        assert (front.name, front.steps, front.ending) == ("front", (4,), "certified")
        assert (back.name, back.steps) == ("back", (2,))
        assert front.effect == 0.0
        assert front.measured["share"] == 1 / 5
        assert front.measured["token_share"] == 5 / 29  # words of the step, of all
        assert (front.measured["cores"], front.measured["restated"]) == (2.0, 1.0)
        assert front.measured["scorings"] <= 3 * 5 + 20
        certificate = rows(record, f"{kind}_less_one")
        assert [(r.steps, r.effect) for r in certificate] == [((), 8.0), ((), 8.0)]
        (group,) = rows(record, f"{kind}_restated")
        assert group.steps == (4, 2)
        inside = [r.measured["in_core"] for r in rows(record, f"{kind}_step")]
        assert inside == [0, 0, 0, 0, 1]


def test_shapley_values_of_the_two_places_are_half_of_what_either_gives():
    record, _ = measured("shapley")
    values = [r.measured["shapley"] for r in rows(record, "shapley")]
    assert values == pytest.approx([0, 0, 4, 0, 4])
    assert {r.measured["std_error"] for r in rows(record, "shapley")} == {0.0}
    drawn, _ = measured("shapley", budget=30)
    again, _ = measured("shapley", budget=30)
    values = [r.measured["shapley"] for r in rows(drawn, "shapley")]
    assert values == [r.measured["shapley"] for r in rows(again, "shapley")]
    assert sum(values) == pytest.approx(8)
    assert values[0] == values[1] == values[3] == 0
    assert all(r.measured["std_error"] > 0 for r in rows(drawn, "shapley")[2::2])


def graded(context):
    """Something of its own for every text, and always less than nothing."""
    worth = {TEXTS[0]: 0.25, TEXTS[1]: 0.5, TEXTS[2]: 3.0, TEXTS[3]: 0.125, TEXTS[4]: 2}
    there = sum(value for text, value in worth.items() if text in context)
    both = 1.5 if TEXTS[2] in context and TEXTS[4] in context else 0.0
    return there - both - 10, False


def test_curves_are_those_of_a_loop_over_plain_requests():
    record, stages = measured("curve", graded)
    form = AnswerFormat()

    def plain(steps):
        text = "".join(TEXTS[k] + " " for k in sorted(steps))
        return graded(form.request("", text, "8")[0])[0]

    clean = plain(range(5))
    single = [clean - plain(set(range(5)) - {k}) for k in range(5)]
    by_effect = sorted(range(5), key=lambda k: -single[k])
    orders = {"front": range(5), "back": range(4, -1, -1), "effect": by_effect}
    for name, order in orders.items():
        for kept in False, True:
            (curve,) = rows(record, "curve", name=name, kept=kept)
            assert curve.steps == tuple(order)
            points = rows(record, "curve_point", name=name, kept=kept)
            effects = []
            for size, point in enumerate(points):
                first = set(list(order)[:size])
                stay = first if kept else set(range(5)) - first
                effects.append(clean - plain(stay))
                assert point.steps == tuple(sorted(first))
                assert point.effect == pytest.approx(effects[-1])
            inner = sum(effects[1:-1]) + (effects[0] + effects[-1]) / 2
            assert curve.measured["area"] == pytest.approx(inner / 5)
    assert len(stages) == 3  # all that is known, single effects, the order by them


def test_groups_can_be_corrupted_and_a_value_becomes_the_same_other_one_everywhere():
    seen = []

    def model(context):
        seen.append(context)
        return says_eight(context)

    record, _ = measured(
        "group=value,group=all,interaction", model, joint_interventions="corrupt"
    )
    groups = {r.name: r for r in rows(record, "value")}
    assert {r.intervention for r in record.sets} == {"corrupt"}
    assert groups["8"].effect == 8.0 and groups["3"].effect == 0.0
    # all other words stay, and both places say the same new value
    pattern = CHAIN.text.replace("+", "[+]").replace("8", r"(\d+)")
    news = [m.groups() for t in seen if (m := re.match(pattern, t))]
    assert any(one == other != "8" for one, other in news)
    (every,) = rows(record, "all")
    assert every.steps == (0, 1, 2, 4)  # the lamp has no number
    (pair,) = rows(record, "interaction", steps=(2, 4))
    assert pair.measured["interaction"] == 8.0
    endings = {r.steps: r.ending for r in rows(record, "interaction") if 3 in r.steps}
    assert set(endings.values()) == {"a step of the pair cannot be corrupted"}
    assert all(math.isnan(r.effect) for r in rows(record, "interaction", steps=(2, 3)))


def ending(joint, model=says_eight, **more):
    record, _ = measured(joint, model, **more)
    (core,) = rows(record, joint.replace("=", "_"), name="front")
    return core.ending, core.steps


def test_how_a_search_ends_is_named():
    one = Chain((Step("So it is 8.", " "),), "8")
    assert ending("core", chain=one) == ("all_needed", (0,))
    assert ending("core", lambda text: (0.0, True), chain=one) == ("none_needed", ())
    assert ending("core", lambda text: (0.0, True)) == ("none_needed", ())

    def all_of_them(text):
        return (0.0, True) if all(t in text for t in TEXTS) else (-9.0, False)

    assert ending("core", all_of_them) == ("all_needed", (0, 1, 2, 3, 4))
    assert ending("core", threshold=-1)[0] == "clean_misses"
    assert ending("core=greedy", lambda text: (0.0, False))[0] == "clean_misses"
    assert ending("core", lambda text: (math.nan, False))[0] == "clean_misses"
    assert ending("core", budget=4) == ("budget", (3, 4))


def test_a_chain_of_one_step_has_curves_a_shapley_value_and_no_pairs():
    one = Chain((Step("So it is 8.", " "),), "8")
    record, _ = measured("curve,shapley,interaction,group=all,group=third", chain=one)
    assert {r.measured["area"] for r in rows(record, "curve")} == {4.0}
    (value,) = rows(record, "shapley")
    assert value.measured["shapley"] == 8.0
    (pair,) = rows(record, "interaction")
    assert pair.ending == "a chain of one step has no pairs"
    assert rows(record, "all")[0].effect == 8.0


def test_a_budget_is_kept_by_each_thing_that_is_asked():
    many = Chain(tuple(Step(f"Then {k} comes.", " ") for k in range(30)), "8")
    for joint in (
        "group=value",
        "interaction",
        "shapley",
        "curve",
        "core",
        "core=greedy",
    ):
        for budget in 1, 3, 10, 40, 200:
            record, _ = measured(joint, chain=many, budget=budget)
            # in three orders; from two of them, and what may stand in for the core's steps
            most = {"curve": 3 * budget, "core": 2 * budget + 30}
            kind = joint.split("=")[0]
            assert record.set_requests <= most.get(kind, max(budget, 3)), (
                joint,
                budget,
            )
    record, _ = measured("shapley", chain=many, budget=59)
    (value,) = rows(record, "shapley")
    assert value.ending == "two orders of 30 steps are over the budget"
    record, _ = measured("curve=effect", chain=many, budget=20)
    (curve,) = rows(record, "curve")
    assert curve.ending == "the single effects of 30 steps are over the budget"


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"budget": 0}, "budget must be a whole number of at least 1, not 0"),
        ({"core_orders": 0}, "core_orders must be a whole number of at least 1"),
        (
            {"joint": "cores"},
            "joint: 'cores' is nothing to ask: choose from group=value",
        ),
        ({"joint": "group=sets.csv"}, "'group=sets.csv' is nothing to ask"),
        ({"joint_interventions": "filler"}, "some of delete, corrupt, not 'filler'"),
        (
            {"core_search": "luck"},
            "core_search must be mixture, delta_debugging or one_by",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(parameters, told):
    with pytest.raises(InputError, match=told):
        read_parameters(Joint, parameters)


def test_what_was_asked_is_counted_in_texts_and_distinct_tokens():
    """Left out alone each: 5 texts. Of their words those count that no text begins with."""
    record, (first,) = measured("group=value", names=())
    assert record.set_requests == len(first) - 1 == 4
    clean, *others = [text.split() for text in first]
    beginnings = {tuple(t[:k]) for t in others for k in range(1, len(t) + 1)}
    beginnings -= {tuple(clean[:k]) for k in range(1, len(clean) + 1)}
    # the answer follows each text: one more token
    assert record.set_tokens == len(beginnings) + 4


def test_every_metric_of_sets_is_made_of_the_table():
    record, _ = measured(
        "group=value,group=third,group=all,interaction,shapley,curve,core,core=greedy"
    )
    tables = tables_of_chains([("m", "t", [record])])
    found = {
        q.name: q.metric.by.point(q.sample(tables.columns("sets"), choices))
        for choices in [Choices()]
        for q in quantities(tables)
        if q.metric.of == "sets"
    }
    assert found["delete_group_value"] == pytest.approx(8 / 4)  # values 40, 3, 5 and 8
    assert found["delete_group_value_restated"] == pytest.approx(8 / 2)
    assert found["delete_group_all"] == 8
    assert found["delete_group_late"] == 0.0
    assert found["delete_interaction_same_value"] == pytest.approx(8 / 2)
    assert found["delete_interaction_others"] == 0
    assert found["delete_interaction_difference"] == pytest.approx(8 / 2)
    assert found["delete_shapley_auc"] == 1.0
    assert found["delete_shapley_late"] == pytest.approx(4 / 2)
    # from the front: 8 nats are lost with the last step alone; from the back with step 2
    assert found["delete_comprehensiveness_front"] == pytest.approx((0 + 8 / 2) / 5)
    assert found["delete_sufficiency_front"] == pytest.approx((8 / 2 + 8 + 8) / 5)
    assert found["delete_core_share"] == 1 / 5
    assert (found["delete_core_late"], found["delete_core_early"]) == (1.0, 0.0)
    assert found["delete_core_different"] == 2.0
    assert found["delete_core_restated"] == 1.0
    # the core has one of two load-bearing steps: 1/2 + 1/2 * 1/2
    assert found["delete_core_auc"] == 0.75
    assert found["delete_core_load_bearing"] == 0.5
    assert found["delete_core_decoy"] == 0.0
    assert found["delete_core_greedy_share"] == 1 / 5


def test_of_one_search_it_is_not_said_how_many_cores_differ():
    for orders, said in (1, False), (2, True):
        record, _ = measured("core", core_orders=orders)
        tables = tables_of_chains([("m", "t", [record])])
        names = {q.name for q in quantities(tables)}
        assert ("delete_core_different" in names) == said
        assert "delete_core_share" in names


def test_a_samples_file_with_sets_that_cannot_be_is_refused():
    good = {"kind": "value", "name": "8", "steps": [2, 4]}
    for wrong in (
        {"steps": [2, 5]},
        {"steps": [2, 2]},
        {"steps": [2.5]},
        {"steps": "24"},
        {"kind": "other"},
        {"name": 8},
        {"kind": "curve", "sizes": [0, 5]},
        {"kind": "shapley", "orders": [[0, 1]]},
        {"kind": "interaction", "steps": [1]},
        {"scorings": "3"},
    ):
        with pytest.raises((TypeError, ValueError)):
            sets_from_dict({"found": [good | wrong]}, 5)
    with pytest.raises(ValueError, match="counts of tokens"):
        sets_from_dict({"found": [good], "step_tokens": [1]}, 5)
    assert sets_from_dict({"found": [good]}, 5).found[0].steps == (2, 4)


def test_a_forecast_takes_every_step_for_needed():
    """The clean chain, each step left out, all of them: 7 texts, whatever the orders."""
    made = changes(CHAIN, (), seed=0, document="d")
    for joint in "core", "core=greedy":
        joint_wanted = read_parameters(Joint, {"joint": joint})
        plan = ChainPlan(joint_wanted, CHAIN, Context(0, "d", 0, ""), 1.0)
        asked = []

        def answer(asks, asked=asked):
            asked += asks
            return [ask.assumed for ask in asks]

        outcome = answered(
            read("", CHAIN, made, AnswerFormat(), lambda r: True, SetsWanted(plan)),
            answer,
        )
        assert len(asked) == 7 == outcome.sets.requests + 1
        assert {one.ending for one in outcome.sets.found} == {"all_needed"}
        made = changes(CHAIN, (), seed=0, document="d")
