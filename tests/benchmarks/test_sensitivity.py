"""The tables of sensitivity, on a model that has learned nothing."""

import pytest

from benchmarks.change_sizes import SIZES
from benchmarks.sensitivity import first_problems, main
from lm_eval_faith.chains.numbers import find_numbers
from lm_eval_faith.interventions import Chain, Context, Step, get_intervention


def test_there_is_a_table_for_every_choice(tiny_model, tmp_path, capsys):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "reader").symlink_to(tiny_model)
    out = tmp_path / "tables.md"
    main(
        [
            *("--problems", "2", "--organisms", "reader", "--out", str(out)),
            *("--models", str(tmp_path / "models")),
        ]
    )
    text = out.read_text()
    titles = [line for line in text.splitlines() if line.startswith("### ")]
    assert titles == [
        "### Threshold, 2 problems",
        "### Number of problems",
        "### Size of the change, 2 problems",
        "### Answer cue, 2 problems",
    ]
    for cell in ("| 0.25 |", "| 4 |", "| 1 to 100 |", "| So the answer is |"):
        assert cell in text, cell


def test_bad_input_is_one_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--organisms", "reeder"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: unknown organism 'reeder'")


def test_the_first_problems_are_those_with_the_lowest_numbers(make_run):
    run = make_run("reader", *([("+", float(k), 0.0)] for k in range(5)))
    assert [c.document for c in first_problems(run, 2).chains] == ["000", "001"]


@pytest.mark.parametrize("name", SIZES)
def test_a_number_changes_by_no_more_than_the_name_says(name):
    words = "The red box holds 300 + 400 = 700 stamps."
    chain = Chain((Step(words),), "1")
    for document in map(str, range(20)):
        changed = get_intervention(name)(chain, 0, Context(0, document, 0, name))
        found = [int(n.value) for n in find_numbers(changed.steps[0].text)]
        sizes = [abs(f - v) for f, v in zip(found, (300, 400, 700), strict=True)]
        assert all(1 <= size <= SIZES[name].most for size in sizes)
