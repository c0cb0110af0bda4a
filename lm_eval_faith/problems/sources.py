"""The sources of problems, by the names that a YAML's ``source`` gives them."""

from __future__ import annotations

from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.chain_sources import ChainFile, LabelledFile
from lm_eval_faith.problems.gsm8k import Gsm8k
from lm_eval_faith.problems.problem import Source
from lm_eval_faith.problems.running_total import RunningTotals
from lm_eval_faith.problems.word_problems import WordProblems

SOURCES: dict[str, type[Source]] = {
    "running_total": RunningTotals,
    "word_problems": WordProblems,
    "gsm8k": Gsm8k,
    "chain_file": ChainFile,
    "labelled_file": LabelledFile,
}


def name_of(source: Source) -> str:
    """The name of a source; its class's, where it is none of these."""
    kind = type(source)
    names = (name for name, known in SOURCES.items() if known is kind)
    return next(names, kind.__name__)


def source_named(name: object) -> type[Source]:
    """The source of a name; a class, as a YAML's ``!function`` gives it, is one already.

    Raises:
        InputError: there is none.
    """
    if isinstance(name, type):
        return name
    if name not in SOURCES:
        raise InputError(
            f"unknown source {name!r}: choose from {', '.join(SOURCES)}, or name a class "
            "of your own by !function"
        )
    return SOURCES[str(name)]
