"""``control``: an aside behind the step, in the chain's own layout."""

import re

import pytest

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.numbers import find_numbers
from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.interventions import Context, get_intervention
from lm_eval_faith.interventions.control import ASIDES

ASIDE = "(" + "|".join(re.escape(aside) for aside in ASIDES) + ")"


def controlled(chain: Chain, k: int, document: str = "d") -> str:
    return get_intervention("control")(
        chain, k, Context(0, document, k, "control")
    ).text


def test_asides_are_many_and_state_no_number() -> None:
    assert len(set(ASIDES)) >= 20
    assert not any(find_numbers(aside) or "one" in aside.split() for aside in ASIDES)


@pytest.mark.parametrize(
    ("text", "k", "expected"),
    [
        ("It is 5. Then 6 come.", 0, "It is 5. @ Then 6 come."),
        ("It is 5. Then 6 come.", 1, "It is 5. Then 6 come. @"),
        ("It is 5\nThen 6 come\n", 0, "It is 5\n@\nThen 6 come\n"),
        ("It is 5\nThen 6 come\n", 1, "It is 5\nThen 6 come\n@\n"),
        ("It is 5\n\nThen 6 come", 1, "It is 5\n\nThen 6 come\n\n@"),
        ("It is 5.", 0, "It is 5. @"),
        ("It is 5.\n\n## End\n", 0, "It is 5.\n\n@\n\n## End\n"),
    ],
)
def test_aside_is_set_off_as_steps_are(text: str, k: int, expected: str) -> None:
    pattern = re.escape(expected).replace("@", ASIDE)
    assert re.fullmatch(pattern, controlled(chain_of(text, "7"), k))


def test_asides_differ_between_documents_and_not_between_runs() -> None:
    chain = chain_of("It is 5. Then 6 come.", "7")
    results = [controlled(chain, 0, f"d{i}") for i in range(200)]
    assert results == [controlled(chain, 0, f"d{i}") for i in range(200)]
    assert len(set(results)) == len(ASIDES)
