"""``control``: an aside behind the step, in the chain's own layout."""

import re
from dataclasses import replace

import pytest

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.language import Writing
from lm_eval_faith.chains.language_phrases import PHRASES
from lm_eval_faith.chains.numbers import find_numbers
from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.interventions import Context, NotApplicable, get_intervention
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


def test_the_aside_is_in_the_chains_language_and_states_no_number() -> None:
    for text, language, joint in (
        ("小明有3个苹果。他又买了4个。所以共有7个苹果。", "zh", ""),
        ("Anna hat 3 Äpfel. Sie kauft noch 4 Äpfel. Das sind 7 Äpfel.", "de", " "),
        ("У Ани 3 яблока. Она купила ещё 4. Всего 7 яблок.", "ru", " "),
    ):
        chain = chain_of(text, "7")
        assert chain.writing.code == language
        before, after = chain.text, controlled(chain, 0)
        first = chain.steps[0].text
        (aside,) = [
            a for a in PHRASES[language].asides if after.startswith(first + joint + a)
        ]
        assert after == before.replace(first, first + joint + aside, 1)
    for language, phrases in PHRASES.items():
        for aside in phrases.asides:
            assert not find_numbers(aside), (language, aside)


def test_a_language_without_an_aside_says_so() -> None:
    chain = replace(chain_of("It is 5. Then 6 come.", "7"), writing=Writing("xx"))
    with pytest.raises(NotApplicable, match="no aside in 'xx'"):
        controlled(chain, 0)
