"""Labels as people write them mean what they say, or are refused."""

import math

import pytest

from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.chain_files import read_chains
from lm_eval_faith.problems.labels import LabelReading, Truth, agreed

STEPS = ["First he adds 4.", "Then he adds 3, so 7.", "A bus has 12 seats."]
CHAIN = {"question": "q", "chain": STEPS, "answer": "7", "correct": True}
LB, DECOY = "load_bearing", "decoy"


def labels_of(jsonl, labels, parameters=()):
    (chain,) = read_chains(
        jsonl(CHAIN | {"labels": labels}), dict(parameters), "yes"
    ).chains
    return [s.label for s in chain.chain.steps], [s.truth for s in chain.chain.steps]


def test_two_kinds_in_all_their_words(jsonl):
    for positive, negative, unknown in (
        ("load_bearing", "decoy", None),
        (True, False, None),
        (1, 0, ""),
        (1.0, 0.0, math.nan),
        ("1.0", "0.0", "NaN"),
        ("+", "-", "N/A"),
        ("Correct", "Incorrect", None),
        ("load-bearing", "UNFAITHFUL_STEP", "none"),
    ):
        found = labels_of(jsonl, [positive, negative, unknown])
        assert found == ([LB, DECOY, None], [None] * 3), positive


def test_a_map_says_what_labels_mean(jsonl):
    for given in (
        "map:{1: load_bearing, 0: decoy, -1: load_bearing}",
        "map:[1:load_bearing,0:decoy,-1:load_bearing]",
        {"1": "load_bearing", "0": "decoy", "-1": "load_bearing"},
    ):
        labels, _ = labels_of(jsonl, [1, 0.0, "-1"], {"labels": given})
        assert labels == [LB, DECOY, LB]
    labels, _ = labels_of(
        jsonl, ["good", "bad", None], {"labels": "map:[good:decoy,bad:none]"}
    )
    assert labels == [DECOY, None, None]
    with pytest.raises(InputError, match=":1: the label '7' is not among good"):
        labels_of(jsonl, [7, 7, 7], {"labels": "map:[good:decoy]"})


def test_an_index_is_the_first_error(jsonl):
    first = {"labels": "first_error"}
    from_one = {"labels": "first_error:1"}
    assert labels_of(jsonl, -1, first)[0] == [LB] * 3
    assert labels_of(jsonl, "N/A", from_one)[0] == [LB] * 3
    assert labels_of(jsonl, 0, first)[0] == [DECOY, None, None]
    assert labels_of(jsonl, 1, first)[0] == [LB, DECOY, None]
    assert labels_of(jsonl, "2", from_one)[0] == [LB, DECOY, None]
    with pytest.raises(
        InputError, match="first error is step 3, but there are 3 steps"
    ):
        labels_of(jsonl, 3, first)
    with pytest.raises(InputError, match="labels=first_error reads it as the index"):
        labels_of(jsonl, 1)


def test_numbers_that_are_no_yes_or_no_are_graded_in_the_whole_file(jsonl):
    path = jsonl(
        CHAIN | {"labels": [0.25, -3.5, None]},
        CHAIN | {"labels": [1, 0, math.nan]},
    )
    read = read_chains(path, {}, "yes")
    assert str(read.reading.labels) == "graded"
    truths = [[s.truth for s in c.chain.steps] for c in read.chains]
    assert truths == [[0.25, -3.5, None], [1.0, 0.0, None]]
    assert {s.label for c in read.chains for s in c.chain.steps} == {None}
    assert labels_of(jsonl, [2, 0, 1], {"labels": "graded"})[1] == [2.0, 0.0, 1.0]


def test_labels_that_could_mean_two_things_are_refused_with_the_ways_out(jsonl):
    with pytest.raises(InputError, match="'-1' is no label: .*labels=map:"):
        labels_of(jsonl, [1, 0, -1])
    with pytest.raises(InputError, match="'yes' is no number, but labels are graded"):
        labels_of(jsonl, [0.5, "yes", 0])
    with pytest.raises(InputError, match="a list of 1 numbers is no label"):
        labels_of(jsonl, [[1], 0, 1])
    with pytest.raises(InputError, match="labels='fancy' is no way to read labels"):
        labels_of(jsonl, [1, 0, 1], {"labels": "fancy"})
    with pytest.raises(InputError, match="a label means load_bearing, decoy or none"):
        labels_of(jsonl, [1, 0, 1], {"labels": "map:[1:yes]"})


def test_graded_labels_of_spans_stand_at_their_steps(jsonl):
    text = "First he adds 4. Then he adds 3, so 7. The answer is 7."
    spans = [
        {"span": [0, 16], "label": 0.5},
        {"span": "The answer is 7.", "label": 0.9},
    ]
    record = {"question": "q", "chain": text, "answer": "7", "labels": spans}
    read = read_chains(jsonl(record), {}, "yes")
    (chain,) = read.chains
    assert [(s.text, s.truth) for s in chain.chain.steps] == [
        ("First he adds 4.", 0.5),
        ("Then he adds 3, so 7.", None),
    ]
    assert chain.taken_off == 1
    assert "1 label on final statements" in read.told()[0]
    (kept,) = read_chains(jsonl(record), {"keep_final": "true"}, "yes").chains
    assert [(s.text, s.truth) for s in kept.chain.steps][-1] == (
        "The answer is 7.",
        0.9,
    )
    assert kept.taken_off == 0 and kept.chain.answer == "7"


def test_listed_steps_may_hold_their_labels(jsonl):
    steps = [{"text": t, "label": k} for t, k in zip(STEPS, (1, 0, 0.5), strict=True)]
    (chain,) = read_chains(jsonl(CHAIN | {"chain": steps}), {}, "yes").chains
    assert [s.truth for s in chain.chain.steps] == [1.0, 0.0, 0.5]
    named = {"field_label": "kind"}
    kinds = [{"text": s["text"], "kind": "decoy"} for s in steps]
    (chain,) = read_chains(jsonl(CHAIN | {"chain": kinds}), named, "yes").chains
    assert [s.label for s in chain.chain.steps] == [DECOY] * 3


def test_sentences_of_another_splitter_are_found_whatever_their_white_space(jsonl):
    text = "First he adds 4.\n\nThen he adds 3,\nso 7. A bus. The answer is 7."
    record = {
        "question": "q",
        "chain": text,
        "answer": "7",
        "sentences": [
            {"text": "First he adds 4. Then", "kl": 0.25},
            {"text": "he adds 3, so 7.", "kl": -1},
            {"text": "A bus.", "kl": None},
        ],
    }
    names = {"field_span": "sentences[].text", "field_labels": "sentences[].kl"}
    (chain,) = read_chains(jsonl(record), names, "yes").chains
    assert chain.chain.text == text.removesuffix("The answer is 7.")
    assert [(s.text, s.truth) for s in chain.chain.steps] == [
        ("First he adds 4.\n\nThen", 0.25),
        ("he adds 3,\nso 7.", -1.0),
        ("A bus.", None),
    ]
    record["sentences"][1]["text"] = "he takes 3."
    with pytest.raises(
        InputError, match="sentence 2, 'he takes 3.', does not stand in"
    ):
        read_chains(jsonl(record), names, "yes")


def test_a_label_on_a_listed_final_statement_is_counted(jsonl):
    record = CHAIN | {"chain": [*STEPS, "The answer is 7."], "labels": [1, 1, 0, 1]}
    (chain,) = read_chains(jsonl(record), {}, "yes").chains
    assert [s.label for s in chain.chain.steps] == [LB, LB, DECOY]
    assert chain.taken_off == 1
    (kept,) = read_chains(jsonl(record), {"keep_final": True}, "yes").chains
    assert [s.label for s in kept.chain.steps] == [LB, LB, DECOY, LB]


def test_parameters_of_labels_are_written_as_they_are_read():
    for words in ("words", "graded", "first_error:1", "map:[1:load_bearing,0:none]"):
        assert str(LabelReading.read(str(LabelReading.read(words)))) == words


def test_two_labels_of_one_place_are_none():
    assert agreed([Truth(LB), Truth(), Truth(LB)]) == Truth(LB)
    assert agreed([Truth(LB), Truth(DECOY)]) == Truth()


def test_chains_may_be_graded_where_steps_are_not_and_the_other_way_round(jsonl):
    def read(steps, *chains, **parameters):
        lines = [
            {
                "id": k,
                "question": f"How many, {k}?",
                "chain": ["She has 3.", "She buys 4, so 3 + 4 = 7."],
                "answer": 7,
                "correct": True,
                "labels": steps,
                "chain_label": of_chain,
            }
            for k, of_chain in enumerate(chains)
        ]
        found = read_chains(jsonl(*lines), parameters, "yes").chains
        return [(c.chain.label, c.chain.truth) for c in found], found[0].chain.steps

    whole, steps = read([1, 0], 0.5, 0.25, None)
    assert whole == [(None, 0.5), (None, 0.25), (None, None)]
    assert [s.label for s in steps] == ["load_bearing", "decoy"]
    whole, steps = read([0.5, 0.1], True, False)
    assert whole == [("load_bearing", None), ("decoy", None)]
    assert [s.truth for s in steps] == [0.5, 0.1]
    assert read([2, 0], 1, 5, labels="graded")[0] == [(None, 1.0), (None, 5.0)]
    assert read(None, "faithful", "unfaithful")[0][0] == ("load_bearing", None)
    with pytest.raises(InputError, match="'4' is no label.*labels=graded"):
        read([1, 0], 4, 2)
