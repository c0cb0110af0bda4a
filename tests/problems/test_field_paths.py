"""Paths lead into objects and lists."""

from lm_eval_faith.problems.field_paths import kind_of, value_at

RECORD = {
    "answer": "7",
    "a.b": "dotted",
    "a": {"b": "nested"},
    "model": {"out": {"text": "t"}},
    "messages": [{"content": "asked"}, {"content": "said"}],
    "generations": ["first", "second"],
    "label": {
        "steps": [
            {"completions": [{"text": "one"}, {"text": "other"}], "rating": 1},
            {"completions": [{"text": "two"}]},
        ]
    },
    "step_1": "x",
    "step_2": "y",
    "step_4": "behind a gap",
    "by_number": {"0": "zero"},
}


def test_paths_lead_where_they_say():
    cases = {
        "answer": "7",
        "a.b": "dotted",
        "model.out.text": "t",
        "messages.-1.content": "said",
        "messages[-1].content": "said",
        "generations.0": "first",
        "generations[]": ["first", "second"],
        "messages[].content": ["asked", "said"],
        "label.steps[].completions[0].text": ["one", "two"],
        "label.steps[].completions[].text": ["one", "other", "two"],
        "label.steps[].rating": [1, None],
        "step_1…step_N": ["x", "y"],
        "step_1...step_2": ["x", "y"],
        "step_2..step_n": ["y"],
        "by_number.0": "zero",
    }
    assert {path: value_at(RECORD, path) for path in cases} == cases


def test_paths_that_lead_nowhere_lead_to_nothing():
    for path in (
        "",
        "x",
        "answer.x",
        "answer[].x",
        "generations.2",
        "generations.-3",
        "generations.x",
        "step_5…step_N",
        "step_1…other_N",
        "messages.99999999999999999999",
        ".",
        "[]",
    ):
        assert value_at(RECORD, path) is None, path


def test_a_value_is_told_by_its_kind():
    told = {
        "missing": None,
        "true or false": False,
        "a number": 7.5,
        "empty": " ",
        "an empty list": [],
        "a list of 2 lists": [[], [1]],
        "a list of 2 values": [1, "x"],
        "a list of 1 truth values": [True],
        "an object with b, a": {"b": 1, "a": 2},
        "an empty object": {},
    }
    assert {kind_of(value) for value in told.values()} == told.keys()
    many = kind_of({f"n{k}": k for k in range(20)})
    assert many.endswith("n11 and 8 more")
