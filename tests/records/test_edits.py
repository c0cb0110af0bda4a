"""Replacements that make one text of another."""

from lm_eval_faith.records.edits import edited, edits

PAIRS = (
    ("so 2 and 4 are 6.", "so 3 and 4 are 7."),
    ("one two three", "one three"),
    ("one  two\nthree", "two"),
    ("", "new"),
    ("gone", ""),
    ("same", "same"),
    ("a b a b", "a b"),
    ("x  y", "x y"),
    ("数 3 和 4", "数 5 和 4"),
)


def test_replacements_make_the_second_text_of_the_first():
    for before, after in PAIRS:
        assert edited(before, edits(before, after)) == after, (before, after)


def test_changed_numbers_are_replaced_one_by_one():
    assert edits("so 2 and 4 are 6.", "so 3 and 4 are 7.") == [
        (3, 4, "3"),
        (15, 17, "7."),
    ]
    assert edits("same", "same") == []
