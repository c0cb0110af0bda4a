import pytest

from lm_eval_faith import parameters as read
from lm_eval_faith.errors import InputError


@pytest.mark.parametrize("value", [5, "5", " 5 "])
def test_a_whole_number_may_come_as_text(value):
    assert read.whole_number(1)("problems", value) == 5


@pytest.mark.parametrize("value", [0, -1, 1.5, "x", "", None, True, [], "9" * 40])
def test_what_is_no_whole_number_in_range_is_refused_by_name(value):
    with pytest.raises(InputError, match="problems must be a whole number of at least"):
        read.whole_number(1)("problems", value)


@pytest.mark.parametrize("value", [[5, 8], (5, 8), "5-8", ["5", "8"]])
def test_a_range_may_be_a_list_or_text(value):
    assert read.whole_range()("asides", value) == (5, 8)


def test_one_number_is_a_range_of_itself():
    assert read.whole_range()("asides", 3) == (3, 3)


@pytest.mark.parametrize("value", [[8, 5], [1, 2, 3], "-3", [-1, 2], "a-b", {}, []])
def test_what_is_no_range_is_refused_by_name(value):
    with pytest.raises(InputError, match="^asides must be"):
        read.whole_range()("asides", value)


@pytest.mark.parametrize("value", [True, "true", "Yes", "on", 1])
def test_yes_has_several_spellings(value):
    assert read.yes_or_no("think", value) is True


@pytest.mark.parametrize("value", [2, "maybe", None])
def test_neither_yes_nor_no_is_refused(value):
    with pytest.raises(InputError, match="think must be true or false"):
        read.yes_or_no("think", value)


@pytest.mark.parametrize(
    "value", ["corrupt,delete", "[corrupt, delete]", ["corrupt", "delete"]]
)
def test_names_may_be_a_list_or_text(value):
    assert read.names("interventions", value) == ("corrupt", "delete")


@pytest.mark.parametrize("value", ["nan", "inf", "one", None, True, []])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(InputError, match="threshold must be a number"):
        read.number("threshold", value)
