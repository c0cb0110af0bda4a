"""What is said around chains in the languages of MGSM."""

from lm_eval_faith.chains.language import writing_of
from lm_eval_faith.chains.language_phrases import PHRASES
from lm_eval_faith.chains.numbers import find_numbers

MGSM = {"bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh"}


def test_every_language_of_mgsm_has_a_prompt_a_cue_and_asides_without_numbers() -> None:
    assert set(PHRASES) == MGSM
    for language, phrases in PHRASES.items():
        assert phrases.cue.strip() == phrases.cue != ""
        assert phrases.prompt("9?").splitlines() == [
            f"{phrases.question}9?",
            phrases.instruction,
        ]
        assert len(phrases.asides) >= 2
        for aside in phrases.asides:
            assert not find_numbers(aside, writing_of(aside, language)), aside
