"""The two tables: a row a document, a row an intervention and step."""

import json
import math

import numpy as np
import pytest

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.interventions import intervention, registry
from lm_eval_faith.interventions.plan import Variant
from lm_eval_faith.metrics import primary, quantities
from lm_eval_faith.records.outcome import chain_record, problem_of, third_of
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.samples import responses_of
from lm_eval_faith.records.tables import (
    CHAIN_COLUMNS,
    SET_COLUMNS,
    STEP_COLUMNS,
    Tables,
    columns_of,
    tables_of_chains,
    tables_of_run,
)


def record(document="d", labels=("load_bearing", "decoy", None), scores=None, **more):
    """Three steps; deleted one at a time, and followed by the control where scored."""
    chain = Chain(
        tuple(
            Step(f"Step {k}.", " ", label, states_answer=k == 2)
            for k, label in enumerate(labels)
        ),
        "7",
    )
    scores = scores or {"delete": (-3.0, -2.0, -1.5), "control": (-1.25, -1.0, -1.0)}
    variants = [
        Variant(name, k, f"Step {k}.", chain=chain)
        for name, of_name in scores.items()
        for k in range(len(of_name))
    ]
    responses = [(-1.0, True)] + [(x, False) for xs in scores.values() for x in xs]
    return chain_record(document, "What?", chain, variants, responses, **more)


def test_a_step_is_in_the_third_that_its_middle_is_in():
    thirds = {n: [third_of(k, n) for k in range(n)] for n in (1, 2, 3, 4, 5, 6)}
    assert thirds == {
        1: [1],
        2: [0, 2],
        3: [0, 1, 2],
        4: [0, 1, 1, 2],
        5: [0, 0, 1, 2, 2],
        6: [0, 0, 1, 1, 2, 2],
    }
    for n in range(1, 200):  # in whole numbers and by the definition
        for k in range(n):
            assert third_of(k, n) == math.floor(3 * (2 * k + 1) / (2 * n) + 1e-12)


def test_chains_of_one_question_are_one_problem():
    assert problem_of("What  is\n7?") == problem_of("What is 7?")
    assert problem_of("What is 7?") != problem_of("What is 8?")
    assert problem_of("What is 7?", named="seven") == "seven"


def test_effects_are_raw_and_the_control_stands_beside_them():
    _, steps = columns_of(record())
    deleted = steps[steps.intervention == "delete"]
    assert deleted.effect.tolist() == [2.0, 1.0, 0.5]
    assert deleted.control_effect.tolist() == [0.25, 0.0, 0.0]
    assert deleted.third.tolist() == ["early", "middle", "late"]
    np.testing.assert_array_equal(deleted.load_bearing, [1.0, 0.0, math.nan])


def test_a_users_own_control_is_one():
    aside = intervention("my_aside", says="x", control=True)
    aside(lambda chain, step, context: chain)
    try:
        scores = {"delete": (-3.0, -2.0, -1.5), "my_aside": (-1.25, -1.0, -1.0)}
        scored = record(scores=scores)
        _, steps = columns_of(scored)
        deleted = steps[steps.intervention == "delete"]
        assert deleted.control_effect.tolist() == [0.25, 0.0, 0.0]
        found = quantities(tables_of_chains([("m", "t", [scored])]))
        names = {q.name for q in found}
        assert "delete_effect_vs_control" in names
        assert "my_aside_effect" in names and "my_aside_effect_vs_control" not in names
        assert {q.intervention for q in primary(found, frozenset())} == {"delete"}
    finally:
        registry._REGISTRY.pop("my_aside")


def test_without_a_control_the_chains_decoys_are_the_control():
    _, steps = columns_of(record(scores={"delete": (-3.0, -2.0, -1.5)}))
    assert steps.control_effect.tolist() == [1.0, 1.0, 1.0]
    labels = ("load_bearing", None, None)
    _, steps = columns_of(record(labels=labels, scores={"delete": (-3.0, -2.0, -1.5)}))
    assert np.isnan(steps.control_effect).all()


def test_numbers_of_several_draws_are_averaged_before_any_metric():
    chain = Chain((Step("One.", " ", "load_bearing"), Step("Two.")), "7")
    changed = [
        Variant(name, step, "x", chain=chain, other_answer=other, draw=draw)
        for name, other in (("corrupt", "8"), ("control", ""))
        for step in (0, 1)
        for draw in (0, 1)
    ]
    nothing = math.nan
    scores = [-1.0, *(-3.0, -1.0, -5.0, -6.0), *(nothing, nothing, -2.0, -9.0)]
    scores += [-1.0, -2.0, -1.5, nothing]
    scored = chain_record("d", "What?", chain, changed, [(x, False) for x in scores])
    _, steps = columns_of(scored)
    whole = tables_of_chains([("m", "t", [scored])])
    assert whole.steps["draw"].tolist() == [0, 1] * 4
    assert whole.steps["effect"].tolist()[:2] == [2.0, 4.0]
    for found in (steps, whole.columns("steps")):
        assert found.intervention.tolist() == ["corrupt"] * 2 + ["control"] * 2
        assert found.step.tolist() == [0, 1, 0, 1]
        # The second step's first draw was not scored: the other one is what there is.
        assert found.effect.tolist() == [3.0, 1.0, 0.5, 0.5]
        assert found.control_effect.tolist() == [0.5, 0.5, 0.5, 0.5]
        assert found.follow.tolist()[:2] == [0.5, 0.0]
        assert found.logprob.tolist() == [-4.0, -2.0, -1.5, -1.5]
        drop = math.exp(-1) - (math.exp(-3) + math.exp(-5)) / 2
        assert found.probability_drop[0] == pytest.approx(drop)
        assert not any(found.not_applicable)
        assert found.weight.tolist() == [1.0] * 4


def test_a_step_that_was_drawn_stands_for_as_many_as_its_chain_has_a_drawn_one():
    chain = Chain(tuple(Step(f"Step {k}.") for k in range(10)), "7")
    changed = [
        Variant(n, k, "x", chain=chain) for n in ("delete", "control") for k in (1, 7)
    ]
    scored = chain_record("d", "What?", chain, changed, [(-1.0, False)] * 5)
    assert columns_of(scored)[1].weight.tolist() == [5.0] * 4


def test_what_is_not_finite_is_unknown():
    for unknown in (math.nan, -math.inf, math.inf):
        scored = record(scores={"delete": (unknown, -2.0, -1.5)})
        _, steps = columns_of(scored)
        assert np.isnan(steps.effect).tolist() == [True, False, False]
        assert steps.not_applicable[0] == "the log-probability is not finite"
    chain = Chain((Step("One."),), "7")
    unread = chain_record("d", "What?", chain, (), [(-math.inf, False)])
    chains, _ = columns_of(unread)
    assert np.isnan(chains.logprob).all() and np.isnan(chains.greedy).all()


def test_the_frames_have_the_columns_and_types_that_are_told(provided_run):
    run = load_run(provided_run)
    tables = tables_of_run(run)
    assert list(tables.chains.columns) == list(CHAIN_COLUMNS)
    assert list(tables.steps.columns) == list(STEP_COLUMNS)
    assert list(tables.sets.columns) == list(SET_COLUMNS)
    assert tables.has >= {"labels", "all_labels", "other_answer"}
    assert not tables.has & {"control", "solved", "chain_labels"}
    assert len(tables.chains) == len(tables.numbering) == 6
    with pytest.raises(ValueError, match="effect"):
        wrong = tables.steps.astype({"effect": "float32"})
        Tables(tables.chains, wrong, tables.sets)


def test_a_documents_columns_are_those_of_the_frames(provided_run):
    run = load_run(provided_run)
    tables = tables_of_run(run)
    steps, chains = tables.columns("steps"), tables.columns("chains")
    for number, chain in enumerate(
        sorted(run.tasks[0].chains, key=lambda chain: chain.document)
    ):
        whole, own = columns_of(chain)
        of_frame = steps[steps.chain == chain.document]
        assert set(own.arrays) == set(of_frame.arrays)
        assert (of_frame.problem == number).all() and (own.problem == 0).all()
        for name in set(own.arrays) - {"model", "task", "problem", "chain_row"}:
            np.testing.assert_array_equal(own[name], of_frame[name], name)
        for name in set(whole.arrays) - {"model", "task", "problem"}:
            row = chains[chains.chain == chain.document]
            np.testing.assert_array_equal(whole[name], row[name], name)


def test_a_file_may_name_the_problem(provided_run, other_model, tmp_path):
    def in_pairs(k, sample):
        sample["doc"]["problem"] = f"pair {k // 2}"
        return sample

    run = other_model(provided_run, tmp_path / "run", line=in_pairs)
    tables = tables_of_run(load_run(run))
    assert list(tables.numbering) == ["pair 0", "pair 1", "pair 2"]
    assert np.bincount(tables.columns("chains").problem).tolist() == [2, 2, 2]


def test_a_response_may_stand_in_a_list_as_harness_0_5_writes_it(
    provided_run, other_model, tmp_path
):
    def nested(k, sample):
        return sample | {"filtered_resps": [[one] for one in sample["filtered_resps"]]}

    newer = load_run(other_model(provided_run, tmp_path / "newer", line=nested))
    # Their texts: of Python 3.13 on, NaN in two records makes these differ.
    assert repr(newer.tasks[0].chains) == repr(load_run(provided_run).tasks[0].chains)
    texts = {"filtered_resps": [["first of two repeats", "second"], ["alone"], "plain"]}
    assert responses_of(texts) == ["first of two repeats", "alone", "plain"]


def test_runs_of_the_older_format_are_read(provided_run, other_model, tmp_path):
    def older(content):
        for config in content["configs"].values():
            config["metadata"]["bar"] = 0.5
            config["metadata"].pop("threshold", None)
        return content

    run = other_model(provided_run, tmp_path / "run", results=older)
    (task,) = load_run(run).tasks
    assert task.settings["threshold"] == 0.5
    (file,) = run.rglob("samples_*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line["doc"]["setting"] = "labeled"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert load_run(run).tasks[0].setting == "labelled"
