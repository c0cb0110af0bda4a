"""What the responses to probes say of a chain: numbers worked out by hand."""

import math
import statistics
from dataclasses import replace

import pytest

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.interventions.plan import plan
from lm_eval_faith.interventions.probes import Probing, probes_of
from lm_eval_faith.records.outcome import chain_record, n_requests
from lm_eval_faith.records.probed import LEAST_SPREAD
from lm_eval_faith.records.tables import columns_of, tables_of_chains

CHAIN = Chain(
    (
        Step("She has 3.", " "),
        Step("She buys 4.", " "),
        Step("It is 7.", " ", states_answer=True),
    ),
    "7",
)
NAMES = ("corrupt", "delete")
VARIANTS = plan(CHAIN, NAMES, seed=0, document="d")
HOW = Probing(10.0, 0, "d", 0, lambda before, text: 2.0)
PROBES = probes_of(CHAIN, VARIANTS, n_requests(VARIANTS), HOW)


def logprob(probe):
    """Of each kind another one, and of the words of each step."""
    return {
        "no_chain": -9.0,
        "early": {1: -6.0, 2: -2.0}.get(probe.step),
        "cut": {"corrupt": -5.0 - probe.step, "delete": -4.0, "": -3.0}[
            probe.intervention
        ],
        "conflict": -8.0,
        "conflict_other": -1.0,
        "own": {0: -2.0, 1: -4.0, 2: -12.0}.get(probe.step),
        "changed": -20.0,
    }[probe.kind]


def record(probes=PROBES, answer=logprob, variants=VARIANTS):
    asked = [(-1.0, True)] + [(-2.5, False)] * (n_requests(variants) - 1)
    asked += [(answer(probe), False) for probe in probes]
    return chain_record("d", "Q?", CHAIN, variants, asked, probes=probes)


def test_the_chain_gives_what_the_answer_gains_by_it():
    chains, steps = columns_of(record())
    assert chains.logprob_no_chain == -9 and chains.chain_gain == 8
    assert set(steps.chain_gain) == {8.0}


def test_headroom_is_what_is_left_to_certainty_before_a_step():
    _, steps = columns_of(record())
    headroom = dict(zip(steps.step.tolist(), steps.headroom.tolist(), strict=True))
    assert headroom == {0: 9.0, 1: 6.0, 2: 2.0}


def test_text_before_the_first_step_is_no_lack_of_a_chain():
    opened = replace(CHAIN, opening="Well. ")
    made = chain_record(
        "d", "Q?", opened, (), [(-1.0, True), (-9.0, False)], probes=PROBES[:1]
    )
    assert made.probed.logprob_no_chain == -9
    assert math.isnan(made.probed.headroom(0))


def test_a_run_that_truncates_knows_the_headroom_already():
    variants = plan(CHAIN, ("truncate",), seed=0, document="d")
    probes = probes_of(CHAIN, variants, n_requests(variants), HOW)
    _, steps = columns_of(record(probes, variants=variants))
    assert steps.headroom.tolist() == [2.5, 2.5, 2.5]


def test_effects_in_the_cut_chain_are_drops_from_the_cut_chain():
    chains, steps = columns_of(record())
    assert chains.logprob_cut == -3 and chains.first_statement == 2
    found = {
        (i, k): x
        for i, k, x in zip(
            steps.intervention, steps.step, steps.effect_cut, strict=True
        )
    }
    assert (found["corrupt", 0], found["corrupt", 1]) == (2.0, 3.0)
    assert (found["delete", 0], found["delete", 1]) == (1.0, 1.0)
    assert math.isnan(found["corrupt", 2])


def test_what_is_under_the_floor_cannot_be_lost():
    """A drop counts down to a probability of 1e-4, and from under it nothing counts."""
    floor = math.log(1e-4)
    for cut, changed, counts in (
        (-3.0, -5.0, 2.0),
        (-3.0, -30.0, -3.0 - floor),
        (-40.0, -5.0, 0.0),
        (-40.0, -60.0, 0.0),
    ):
        known = {"": cut, "corrupt": changed, "delete": changed}
        made = record(
            answer=lambda p, k=known: k[p.intervention] if p.kind == "cut" else -1.0
        )
        _, steps = columns_of(made)
        there = ~(steps.effect_cut != steps.effect_cut)
        assert (steps.effect_cut[there] == cut - changed).all() and there.sum() == 4
        assert steps.effect_cut_over_floor[there] == pytest.approx(counts)
        assert (steps.effect_cut_over_floor != steps.effect_cut_over_floor).sum() == 2
        assert (steps.effect_over_floor == 1.5).all()


def test_another_value_in_the_statement_is_followed_where_it_is_preferred():
    chains, _ = columns_of(record())
    assert chains.follow_conflict == 1 and chains.effect_conflict == 7


def test_an_edit_is_nats_a_token_over_the_own_step_in_the_spread_of_own_steps():
    _, steps = columns_of(record())
    spread = statistics.stdev([1.0, 2.0, 6.0])
    for name, step, edit, z in zip(
        steps.intervention, steps.step, steps.edit, steps.edit_z, strict=True
    ):
        if name == "delete":
            assert math.isnan(edit)
        elif not math.isnan(edit):
            own = {0: 1.0, 1: 2.0, 2: 6.0}[step]
            assert edit == 10 - own and z == pytest.approx((10 - own) / spread)
    assert (~(steps.edit != steps.edit)).sum() == 2


def test_the_spread_of_steps_of_which_a_model_is_sure_counts_as_no_smaller_than_so():
    sure = record(answer=lambda p: -0.01 if p.kind == "own" else logprob(p))
    _, steps = columns_of(sure)
    known = steps.edit == steps.edit
    assert steps.edit_z[known] == pytest.approx(steps.edit[known] / LEAST_SPREAD)


def test_what_is_not_finite_was_not_measured():
    chains, steps = columns_of(record(answer=lambda p: -math.inf))
    for column in (chains.logprob_no_chain, chains.chain_gain, chains.follow_conflict):
        assert math.isnan(column[0])
    for name in ("headroom", "effect_cut", "edit", "edit_z"):
        assert (steps[name] != steps[name]).all()
    assert (steps.effect == 1.5).all()


def test_effects_are_the_same_with_and_without_probes():
    plain, more = record(()), record()
    assert [s.effect for s in plain.steps] == [s.effect for s in more.steps]
    assert math.isnan(plain.probed.logprob_no_chain)


def test_a_wrong_number_of_responses_is_an_error():
    asked = [(-1.0, True)] * (n_requests(VARIANTS) + len(PROBES) - 1)
    with pytest.raises(ValueError, match=f"{len(asked)} responses to {len(asked) + 1}"):
        chain_record("d", "Q?", CHAIN, VARIANTS, asked, probes=PROBES)


def test_tables_say_what_there_is():
    tables = tables_of_chains([("m", "t", [record()])])
    wanted = {"no_chain", "statement", "cut", "conflict", "headroom", "edit"}
    assert wanted <= tables.has
    assert not wanted & tables_of_chains([("m", "t", [record(())])]).has - {"statement"}
