"""``lm-eval-faith chains`` shows how a file is read."""

import json

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from lm_eval_faith.cli import app
from lm_eval_faith.errors import InputError
from lm_eval_faith.parameters import from_words
from lm_eval_faith.report import report_schema

STEPS = ["She starts with 4.", "Then she waits.", "She buys 14, so 4 + 14 = 18."]
GOOD = {
    "question": "How many?",
    "chain": " ".join([*STEPS, "The answer is 18."]),
    "answer": "18",
}


@pytest.fixture
def chains():
    def run(*arguments):
        done = CliRunner().invoke(app, ["chains", *map(str, arguments)])
        if isinstance(done.exception, InputError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.fixture
def file(jsonl):
    return jsonl(
        GOOD | {"labels": [{"span": STEPS[0], "label": 1}]},
        GOOD | {"answer": "17"},
        GOOD | {"labels": [{"span": STEPS[0], "label": 1}]},
        {"question": "Why?", "chain": "It rains today. Take a coat.", "answer": "3"},
    )


def test_each_reading_is_shown_once_with_its_marks(chains, file):
    lines = chains(file).splitlines()
    assert lines[0] == f"{file}: 4 chains, 2 used"
    assert "  left out, wrong answer: 1 (line-2)" in lines
    assert "  left out, no final answer that can be read: 1 (line-4)" in lines
    at = lines.index("line-1: used")
    assert lines[at + 1 : at + 3] == ["  read alike: line-3", "  question: How many?"]
    first, second, third = lines[at + 3 : at + 6]
    assert first == "     1  She starts with 4.  [load_bearing]"
    assert second.startswith("     2  Then she waits.  [not corruptible: ")
    assert third == "     3  She buys 14, so 4 + 14 = 18.  [states the answer]"
    assert lines[at + 6] == "  its answer 18, reference 18: right"
    assert "  its answer 18, reference 17: wrong" in lines
    assert "  no answer is read, reference 3: not read" in lines
    assert not any(line.startswith("line-3") for line in lines)


def test_json_holds_the_same(chains, file):
    told = json.loads(chains(file, "--format", "json"), parse_constant=pytest.fail)
    Draft202012Validator(report_schema()).validate(told)
    (read,) = told["files"]
    assert [c["ids"] for c in read["chains"]] == [
        ["line-1", "line-3"],
        ["line-2"],
        ["line-4"],
    ]
    assert read["left_out"] == {
        "wrong answer": ["line-2"],
        "no final answer that can be read": ["line-4"],
    }
    first = read["chains"][0]
    assert [s["text"] for s in first["steps"]] == STEPS
    assert [s["label"] for s in first["steps"]] == ["load_bearing", None, None]
    assert [bool(s["not_corruptible"]) for s in first["steps"]] == [False, True, False]
    assert first["text"] == " ".join(STEPS) + " "
    assert first["steps"][2]["corrupted"] not in ("", STEPS[2])
    assert read["parameters"]["layout"] == "plain"
    told["files"][0]["chains"][0]["seen"] = True
    assert not Draft202012Validator(report_schema()).is_valid(told)


def test_parameters_are_those_of_the_tasks(chains, jsonl):
    path = jsonl({"q": GOOD["question"], "text": GOOD["chain"]})
    told = chains(
        path, "--metadata", "field_question=q", "--metadata", "field_chain=text"
    )
    assert "its answer 18, no reference: not judged" in told
    again = chains(path, "--metadata", '{"field_question": "q", "field_chain": "text"}')
    assert again == told
    with pytest.raises(InputError, match="--metadata wants KEY=VALUE, not 'field'"):
        chains(path, "--metadata", "field")
    with pytest.raises(InputError, match="is not JSON"):
        from_words(['{"a"'])


def test_only_so_many_are_shown_and_the_rest_is_counted(chains, jsonl):
    path = jsonl(*(GOOD | {"question": f"How many, {k}?"} for k in range(4)))
    assert "2 more: --limit 0 shows all" in chains(path, "--limit", 2)
    assert "line-4: used" in chains(path, "--limit", 0)


def test_control_characters_are_shown_and_not_obeyed(chains, jsonl):
    told = chains(jsonl(GOOD | {"question": "a\x1b[31mb\nc"}))
    assert "question: a\\x1b[31mb⏎c" in told
