"""The model that is being evaluated, as a task can find it.

The harness gives a task everything but the model, and two things need it before the
first request is made: whether a context is longer than the model takes (the backends
cut it from the left without saying so to the task), and whether the model can answer
multi-stage requests. The evaluator holds the model in a local variable when it asks the
task for its requests; it is looked up there. Where that fails, both checks are left
out and nothing else changes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any


def running_model() -> Any | None:
    """The model of the evaluation that is calling us, or None."""
    from lm_eval.api.model import LM, CachingLM

    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "lm_eval.evaluator":
            model = frame.f_locals.get("lm")
            if isinstance(model, CachingLM):
                model = model.lm
            if isinstance(model, LM):
                return model
        frame = frame.f_back  # type: ignore[assignment]
    return None


@dataclass(frozen=True)
class ContextLimit:
    """How long a request may be.

    Attributes:
        model: the model, with ``tok_encode``; None where no limit is known.
        max_length: how many tokens it takes; 0 where no limit is known.
    """

    model: Any = None
    max_length: int = 0

    @classmethod
    def of(cls, model: Any | None) -> ContextLimit:
        """The limit of a model, none where it does not tell or has no tokenizer here."""
        try:
            limit = int(model.max_length)  # type: ignore[union-attr]
            model.tok_encode("a")  # type: ignore[union-attr]
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            return cls()
        return cls(model, limit)

    def excess(self, context: str, continuation: str) -> int:
        """By how many tokens a request is too long; 0 where it fits.

        The last token is predicted and not read, so one more than the limit fits.
        """
        whole = context + continuation
        # A token stands for at least one byte, so short texts need no tokenizer; 8 for
        # the special tokens that a tokenizer may add.
        if self.model is None or len(whole.encode()) + 8 <= self.max_length:
            return 0
        return max(0, len(self.model.tok_encode(whole)) - 1 - self.max_length)
