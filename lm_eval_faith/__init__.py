"""Does a model's answer depend on its chain of thought? Measured in lm-evaluation-harness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_faith._version import __version__

if TYPE_CHECKING:
    from lm_eval_faith.harness.activation import task_manager as task_manager


__all__ = ["__version__", "task_manager"]


def __getattr__(name: str) -> Any:
    """Names that need the harness are imported when they are first used."""
    if name == "task_manager":
        from lm_eval_faith.harness.activation import task_manager

        return task_manager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
