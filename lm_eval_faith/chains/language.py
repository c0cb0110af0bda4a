"""The language of a chain, and how numbers are written in it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from lm_eval_faith.chains.language_words import FREQUENT_WORDS, words

AUTO = "auto"


@dataclass(frozen=True)
class Writing:
    """How the numbers and sentences of a chain are written.

    One chain is read in one way throughout: ``1.250`` is never a thousand here and a bit
    over one there.

    Attributes:
        language: ISO 639-1 code; ``en-IN`` for English with lakhs and crores.
        decimal_mark: ``.`` or ``,``; the other one, and spaces, stand between thousands.
    """

    language: str = "en"
    decimal_mark: str = "."

    @property
    def code(self) -> str:
        """The language without the country."""
        return self.language.partition("-")[0]

    @property
    def indian(self) -> bool:
        """Whether ``1,00,000`` is one number."""
        return self.language == "en-IN" or self.code in _INDIAN


ENGLISH = Writing()

_INDIAN = words("bn hi mr ne gu pa ta te kn ml or as ur si")
_DECIMAL_COMMA = words(
    "de es fr ru it pt nl pl tr uk cs sv da nb no fi ro hu bg el id vi ca hr sr sk sl"
)

_SCRIPTS = {
    "kana": (r"[\u3040-\u30ff\uff66-\uff9f]", "ja"),
    "hangul": (r"[\uac00-\ud7af]", "ko"),
    "han": (r"[\u3400-\u9fff]", "zh"),
    "thai": (r"[\u0e00-\u0e7f]", "th"),
    "bengali": (r"[\u0980-\u09ff]", "bn"),
    "devanagari": (r"[\u0900-\u097f]", "hi"),
    "telugu": (r"[\u0c00-\u0c7f]", "te"),
    "tamil": (r"[\u0b80-\u0bff]", "ta"),
    "gujarati": (r"[\u0a80-\u0aff]", "gu"),
    "gurmukhi": (r"[\u0a00-\u0a7f]", "pa"),
    "kannada": (r"[\u0c80-\u0cff]", "kn"),
    "malayalam": (r"[\u0d00-\u0d7f]", "ml"),
    "arabic": (r"[\u0600-\u06ff]", "ar"),
    "hebrew": (r"[\u0590-\u05ff]", "he"),
    "greek": (r"[\u0370-\u03ff]{3}", "el"),
    "cyrillic": (r"[\u0400-\u04ff]", "ru"),
}
_COMPILED = {name: re.compile(pattern) for name, (pattern, _) in _SCRIPTS.items()}
_URDU = re.compile(r"[ٹڈڑںےہ۔]")
_PERSIAN = re.compile(r"[پچژگ]")
_UKRAINIAN = re.compile(r"[іїєґІЇЄҐ]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ž]{1,20}")
_LATEX = re.compile(r"\\[A-Za-z]+|\$(?![\s])[^$\n]{1,200}(?<!\s)\$(?![0-9])")
_RUPEES = re.compile(r"(?i)₹|\bRs\b|\brupees?\b|\blakhs?\b|\bcrores?\b|\bINR\b")
_POINT_DECIMAL = re.compile(
    r"(?<![0-9.,])(?:[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})|0\.[0-9]+)(?![0-9]|[.,][0-9])"
)
_COMMA_DECIMAL = re.compile(
    r"(?<![0-9.,])(?:[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+)(?![0-9]|[.,][0-9])"
)
_SEEN = 20_000
"""Characters of a chain that say which language it is in."""


@lru_cache(maxsize=256)
def writing_of(text: str, language: str = AUTO, decimal_mark: str = AUTO) -> Writing:
    """How a text is written: found from its script, its frequent words and its numbers.

    Args:
        text: the chain, or question and chain.
        language: a code where it is known.
        decimal_mark: ``.`` or ``,`` where it is known. Else it is the language's, but
            where the text itself writes more decimals with the other mark, that one.

    >>> writing_of("Sie kauft 3 Kilo und zahlt 1.250,50 Euro. Das ist viel.")
    Writing(language='de', decimal_mark=',')
    """
    text = text[:_SEEN]
    code = _language(text) if language == AUTO else language
    if code == "en" and _RUPEES.search(text):
        code = "en-IN"
    if decimal_mark != AUTO:
        return Writing(code, decimal_mark)
    if code.partition("-")[0] not in _DECIMAL_COMMA:
        return Writing(code, ".")
    points = len(_POINT_DECIMAL.findall(text))
    commas = len(_COMMA_DECIMAL.findall(text))
    return Writing(code, "." if points > commas else ",")


def _language(text: str) -> str:
    if text.isascii():
        return _latin(text)
    letters = sum(character.isalpha() for character in text)
    latin = len(re.findall(r"[A-Za-zÀ-ÖØ-öø-ž]", _LATEX.sub(" ", text)))
    found = {name: len(pattern.findall(text)) for name, pattern in _COMPILED.items()}
    script, count = max(found.items(), key=lambda item: item[1])
    if found["kana"] * 20 > found["han"] and found["kana"] > 2:
        script, count = "kana", found["kana"] + found["han"]
    # Formulae and units are in Latin letters in every language.
    if count < 4 or count * 3 < latin or count * 6 < letters:
        return _latin(text)
    code = _SCRIPTS[script][1]
    if code == "ar":
        return "ur" if _URDU.search(text) else "fa" if _PERSIAN.search(text) else "ar"
    return "uk" if code == "ru" and _UKRAINIAN.search(text) else code


def _latin(text: str) -> str:
    """The language whose frequent words are most of the words, English if in doubt."""
    found = Counter(w.lower() for w in _LATIN_WORD.findall(_LATEX.sub(" ", text)))
    scores = {
        code: sum(found[word] for word in frequent)
        for code, frequent in FREQUENT_WORDS.items()
    }
    best = max(scores, key=lambda code: scores[code])
    distinct = sum(1 for word in FREQUENT_WORDS[best] if found[word])
    # A short text may have only two; a name such as "de la Cruz" has them too.
    enough = 2 if not scores["en"] and sum(found.values()) < 40 else 3
    if scores[best] <= 1.3 * scores["en"] or distinct < enough:
        return "en"
    return best
