"""Runs that ask about sets of steps: plain backends, the `faith` model, their files, resume."""

import itertools
import json
import random

import lm_eval
import pytest
from sqlitedict import SqliteDict

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.tables import tables_of_run
from lm_eval_faith.report.report import make_reports

REPLAY, PROVIDED = "cot_faith_replay", "cot_faith_provided"
ARITH = "cot_faith_generated_arith"
AT_ONCE = "group=value,group=third,interaction,shapley,curve=front,curve=back"
PROBLEMS = {"problems": 3, "load_bearing": "3", "asides": "2"}


@pytest.fixture(scope="module")
def evaluate(scripted_lm):
    def run(metadata, task=PROVIDED, lm=None, **more):
        parameters = PROBLEMS if task == PROVIDED else {}
        return lm_eval.simple_evaluate(
            model=lm or scripted_lm(str),
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                metadata=parameters | metadata, include_defaults=False
            ),
            bootstrap_iters=10,
            **more,
        )

    return run


@pytest.fixture(scope="module")
def at_once(evaluate):
    return evaluate({"joint": AT_ONCE})


def numbers(done, task=PROVIDED):
    """The table's numbers without those of standard errors."""
    found = done["results"][task].items()
    return {k: v for k, v in found if isinstance(v, float) and "stderr" not in k}


def test_what_hangs_on_no_answer_is_asked_of_any_backend_and_the_faith_model_agrees(
    evaluate, at_once, scripted_lm, save_run, tmp_path
):
    # naming an intervention that writes on makes all of it multi-stage
    lm = FaithLM(scripted_lm(lambda question: "The answer is 5."))
    more = {"interventions": "corrupt,corrupt_local,delete,continue", "joint": AT_ONCE}
    again = evaluate(more, lm=lm)
    first = numbers(at_once)
    assert sum("group_" in name for name in first) >= 5
    assert {k: v for k, v in numbers(again).items() if k in first} == first


def test_the_file_of_a_run_gives_the_numbers_of_its_table(at_once, save_run, tmp_path):
    folder = save_run(at_once, tmp_path)
    (report,) = make_reports([folder])
    shown = {n.partition(",")[0]: v for n, v in numbers(at_once).items()}
    wanted = {n: v for n, v in shown.items() if "shapley" in n or "interaction" in n}
    assert len(wanted) >= 6
    for name, value in wanted.items():
        assert report.row(name).estimate.point == pytest.approx(value), name
    sets = tables_of_run(load_run(folder)).sets
    assert set(sets["kind"]) == {
        *("value", "third", "interaction", "shapley", "curve", "curve_point"),
    }
    assert (sets["effect"] == sets["logprob_clean"] - sets["logprob"]).sum() > 50


def test_a_search_on_a_plain_backend_is_refused_before_anything_is_asked(evaluate):
    with pytest.raises(InputError, match="task cot_faith_provided .* --model faith"):
        evaluate({"joint": "core"})
    with pytest.raises(InputError, match="task cot_faith_provided .* --model faith"):
        evaluate({"joint": "curve"})


def test_cores_of_chains_that_the_model_wrote_itself(
    evaluate, scripted_lm, save_run, tmp_path
):
    chains = {
        p.question: p.chain
        for p in (word_problem(WordProblemSettings(), k) for k in range(3))
    }

    def solution(question):
        chain = chains[question]
        return f"{chain.text} The answer is {chain.answer}."

    done = evaluate(
        {"problems": 3, "joint": "core,curve"},
        ARITH,
        FaithLM(scripted_lm(solution)),
    )
    sets = tables_of_run(load_run(save_run(done, tmp_path))).sets
    cores = sets[sets["kind"] == "core"]
    assert len(cores) == 6  # two orders of three chains
    assert numbers(done, ARITH)["delete_core_share,none"] == pytest.approx(
        cores[cores["name"] == "front"]["share"].mean()
    )
    threshold = 1.0
    kept = cores[cores["ending"].isin(["certified", "all_needed"])]
    assert (kept["effect"] <= threshold).all()
    less = sets[(sets["kind"] == "core_less_one") & (sets["ending"] != "none_needed")]
    assert (less["effect"] > threshold).all() and len(less)


LINES = [
    {
        "id": "a",
        "question": "Q1?",
        "chain": ["So 4.", "And 3.", "Then 7."],
        "answer": "7",
    },
    {"id": "b", "question": "Q2?", "chain": ["So 2.", "It is 9."], "answer": "9"},
]


def lines_in(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.fixture
def chains(tmp_path):
    return {"chains": lines_in(tmp_path / "chains.jsonl", LINES)}


def test_sets_that_a_file_gives(evaluate, chains, save_run, tmp_path, caplog):
    given = [
        {"id": "a", "steps": [2, 0], "name": "ends"},
        {"id": "b", "steps": [1]},
        {"id": "c", "steps": [0]},
    ]
    path = lines_in(tmp_path / "sets.jsonl", given)
    done = evaluate({**chains, "joint": f"group={path}"}, REPLAY)
    assert "1 lines name no chain of this run" in caplog.text
    sets = tables_of_run(load_run(save_run(done, tmp_path / "run"))).sets
    rows = zip(sets["chain"], sets["kind"], sets["name"], sets["members"], strict=True)
    assert set(rows) == {("a", "file", "ends", "0 2"), ("b", "file", "", "1")}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"id": "a", "steps": [3]}, r"sets.jsonl:1: 3 is no step of a chain of 3"),
        ({"id": "a", "steps": []}, "sets.jsonl:1: 'steps' must be a list"),
        ({"id": "a", "steps": [True]}, "sets.jsonl:1: True is no step"),
        ({"id": "a", "steps": [0], "name": 1}, "'name' must be text"),
        ({"id": "z", "steps": [0]}, "none of its 1 lines names a chain"),
    ],
)
def test_a_file_of_sets_that_cannot_be_is_refused(
    evaluate, chains, tmp_path, line, told
):
    path = lines_in(tmp_path / "sets.jsonl", [line])
    with pytest.raises(InputError, match=told):
        evaluate({**chains, "joint": f"group={path}"}, REPLAY)


def test_a_file_of_sets_for_chains_that_are_yet_to_be_written_is_refused(
    evaluate, tmp_path
):
    path = lines_in(tmp_path / "sets.jsonl", [{"id": "a", "steps": [0]}])
    with pytest.raises(InputError, match="not known beforehand: replay them"):
        evaluate({"problems": 2, "joint": f"group={path}"}, ARITH)


def test_a_search_goes_on_after_it_was_stopped_and_ends_to_the_last_digit(
    evaluate, hf, tmp_path
):
    """Whatever part of the stages is in the cache: here two thirds of the answers."""
    more = {"limit": 2, "use_cache": str(tmp_path / "cache")}
    joint = {"joint": "core,curve=effect", "interventions": "delete"}
    whole = evaluate(joint, lm=FaithLM(hf(), chunk=2), **more)
    with SqliteDict(str(tmp_path / "cache_rank0.db")) as cache:
        keys = sorted(k for k in cache if isinstance(cache[k], (tuple, list)))
        assert len(keys) > 20
        for key in random.Random(0).sample(keys, len(keys) // 3):
            del cache[key]
        cache.commit()
    again = evaluate(joint, lm=FaithLM(hf(), chunk=2), **more)
    for one, other in itertools.zip_longest(
        whole["samples"][PROVIDED], again["samples"][PROVIDED]
    ):
        assert one["resps"] == other["resps"]
