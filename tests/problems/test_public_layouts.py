"""Small files in the layouts of public data sets and logs, read as they are meant.

What each should give is in the README beside them; they are no part of this repository.
"""

from pathlib import Path

import pytest

from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.chain_files import read_chains

FOLDER = Path(__file__).resolve().parents[3] / "shared/data/public_layouts"
pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason=f"{FOLDER} is not on this machine"
)
SOLUTIONS = {"field_question": "problem", "field_chain": "solution"}

READ = {
    "02_faithcot.json": ("faithcot", {"line-1": True}),
    "03_prm800k.jsonl": ("prm800k", {"line-1": True}),
    "05b_mr_gsm8k.jsonl": ("mr_gsm8k", {"a-1": True, "a-2": False}),
    "07_thought_anchors.jsonl": ("thought_anchors", {"line-1": True}),
    "07b_ta_labels.jsonl": ("plain", {"line-1": True}),
    "10b_openthoughts_flat.jsonl": ("plain", {"line-1": True}),
    "11_openai_log.jsonl": ("openai", {"chatcmpl-1": True}),
    "11c_flat_two_fields.jsonl": ("openai", {"line-1": False}),
    "13_lm_eval_samples.jsonl": ("lm_eval", {"0": False, "1": False}),
    "14_gpqa.jsonl": ("plain", dict.fromkeys((f"line-{k}" for k in range(1, 5)), True)),
    "16_mgsm.jsonl": ("plain", {"zh-right": True, "de-right": True, "es-wrong": False}),
    "22_trl_prm.jsonl": ("trl", {"line-1": None}),
    "23_harmony.jsonl": (
        "plain",
        {"raw": True, "tags": True, "eos": True, "magistral": True},
    ),
    "24_wait.jsonl": (
        "plain",
        {
            "wait": True,
            "part": True,
            "name": True,
            "million": True,
            "list-false-right": False,
        },
    ),
    "30_bom.jsonl": ("plain", {"line-1": True}),
    "32_array.json": ("plain", {"record-1": True, "record-2": True}),
    "34_x.jsonl.gz": ("plain", {"line-1": True}),
    "35_x.parquet": ("plain", {"row-1": True}),
    "36_x.csv": ("plain", {"row-2": True}),
    "43_answer_float.jsonl": ("plain", {"line-1": True}),
    "55_label_final_span.jsonl": ("plain", {"line-1": True}),
}


def read(name, parameters=()):
    return read_chains(FOLDER / name, dict(parameters), "if there")


def test_each_file_is_found_out_and_judged_as_its_readme_says():
    found = {name: read(name) for name in READ}
    assert {
        name: (r.reading.layout, {c.id: c.correct for c in r.chains})
        for name, r in found.items()
    } == READ
    for made in found.values():
        for chain in made.chains:
            assert bool(chain.left_out) == (chain.correct is False)
            steps = [step.text for step in chain.chain.steps]
            assert steps or chain.left_out
            assert not any("<" in text[:2] and "<<" not in text for text in steps)


def test_labels_and_importances_stand_at_their_steps():
    (prm,) = read("03_prm800k.jsonl").chains
    assert [s.label for s in prm.chain.steps] == ["decoy"] + ["load_bearing"] * 2
    for name in "07_thought_anchors.jsonl", "07b_ta_labels.jsonl":
        (anchors,) = read(name).chains
        truths = [s.truth for s in anchors.chain.steps if s.truth is not None]
        assert truths == [0.144, 0.31, -0.05]
    (final,) = read("55_label_final_span.jsonl").chains
    assert final.taken_off == 1
    (trl,) = read("22_trl_prm.jsonl").chains
    assert [s.label for s in trl.chain.steps] == ["load_bearing"] * 2


def test_lists_of_whole_thinkings_and_of_rollouts_are_no_steps():
    with pytest.raises(InputError, match="the one entry .* is a whole reasoning"):
        read("08_s1k.jsonl", {"field_chain": "thinking_trajectories"})
    s1k = {
        "field_chain": "thinking_trajectories.0",
        "field_final": "attempt",
        "field_answer": "solution",
    }
    (chain,) = read("08_s1k.jsonl", s1k).chains
    assert chain.correct and len(chain.chain.steps) in (4, 5)
    named = {"field_question": "problem", "field_chain": "generations"}
    with pytest.raises(InputError, match="the 2 entries .* are whole reasonings"):
        read("09_openr1.jsonl", named)
    for k, right in (0, True), (1, False):
        (chain,) = read(
            "09_openr1.jsonl", named | {"field_chain": f"generations.{k}"}
        ).chains
        assert chain.correct is right


def test_answers_that_are_lists_intervals_dates_and_sets_are_right():
    assert {c.id: c.correct for c in read("20_math.jsonl", SOLUTIONS).chains} == (
        dict.fromkeys(
            [
                "list",
                "interval",
                "date",
                "and",
                "dur",
                "pm",
                "base2",
                "pct",
                "set",
                "surd",
                "thousand",
            ],
            True,
        )
    )


def test_a_null_chain_is_refused_with_the_good_ones_counted():
    with pytest.raises(
        InputError, match=":1: 'chain' is null.* 1 are good: bad_records"
    ):
        read("46_null_chain.jsonl")
    skipped = read("46_null_chain.jsonl", {"bad_records": "skip"})
    assert [c.id for c in skipped.chains] == ["line-2"] and len(skipped.bad) == 1
