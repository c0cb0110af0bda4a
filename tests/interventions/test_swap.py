"""``swap``: a step of another problem in the place of this one."""

import pytest

from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.interventions import Context, NotApplicable, get_intervention

CHAIN = chain_of("1. She has 5 eggs.\n2. She buys 3 more.\n3. So she has 8.", "8")
DONORS = ("- The bus holds 40 people.", "So the sum is 8.0.", "He ran 3 miles.")


def swapped(k: int, donors: tuple[str, ...], document: str = "d") -> str:
    context = Context(0, document, k, "swap", donors)
    return get_intervention("swap")(CHAIN, k, context).text


def test_words_are_a_donors_and_layout_is_the_steps_own() -> None:
    results = {swapped(1, DONORS, f"d{i}") for i in range(40)}
    assert results == {
        "1. She has 5 eggs.\n2. The bus holds 40 people.\n3. So she has 8.",
        "1. She has 5 eggs.\n2. He ran 3 miles.\n3. So she has 8.",
    }


def test_donor_that_states_the_answer_is_not_used() -> None:
    with pytest.raises(NotApplicable, match="every donor"):
        swapped(0, ("It is eight.", "$8.00", "She has 5 eggs."))


def test_without_donors_it_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="no steps of other problems"):
        swapped(0, ())


def test_same_place_gives_the_same_donor() -> None:
    assert swapped(2, DONORS) == swapped(2, DONORS)
