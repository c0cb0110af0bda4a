"""The task classes, by the names that a YAML gives: ``class: !function`` of this module.

A YAML says which, and by ``source`` where its problems come from
(:mod:`lm_eval_faith.problems.sources`); everything else is a parameter.
"""

from lm_eval_faith.harness.read_chains import ReadChains
from lm_eval_faith.harness.written_chains import WrittenChains
from lm_eval_faith.harness.written_choices import WrittenChoices

__all__ = ["ReadChains", "WrittenChains", "WrittenChoices"]
