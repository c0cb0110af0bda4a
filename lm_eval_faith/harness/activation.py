"""Make the plugin known to the harness in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_faith.harness.lm_eval_compat import (
    tell_tasks_the_model,
    wrap_task_managers,
)

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

MODEL = "faith"
MODEL_CLASS = "lm_eval_faith.harness.faith_model:FaithLM"


def activate() -> None:
    """Register the ``faith`` model, and let every ``TaskManager`` see our tasks.

    For ``lm-eval-faith run`` and the start-up file of ``lm-eval-faith enable``; calling
    it twice changes nothing.
    """
    register_model()
    wrap_task_managers(with_our_path)
    tell_tasks_the_model()


def register_model() -> None:
    """Let the harness know ``--model faith``."""
    import lm_eval.models  # noqa: F401  (fills the registry, which is lazy only while empty)
    from lm_eval.api.registry import model_registry

    if MODEL not in model_registry:
        model_registry.register(MODEL, target=MODEL_CLASS)


def with_our_path(
    include_path: str | Path | Sequence[str | Path] | None,
) -> list[str | Path]:
    """The paths given, and our folder of tasks if it is not among them."""
    from lm_eval_faith_tasks import PATH

    if include_path is None:
        given: list[str | Path] = []
    elif isinstance(include_path, (str, Path)):
        given = [include_path]
    else:
        given = list(include_path)
    if any(Path(path).resolve() == PATH for path in given):
        return given
    return [PATH, *given]


def task_manager(
    include_path: str | Path | Sequence[str | Path] | None = None,
    *,
    metadata: dict[str, Any] | None = None,
    **kwargs: Any,
) -> TaskManager:
    """The harness's task manager with our tasks in it, and ``--model faith`` known.

    Other task managers of the process stay as they are. Parameters of tasks go here: the
    harness ignores ``metadata`` beside ``task_manager`` in ``simple_evaluate``::

        lm_eval.simple_evaluate(
            model="hf", model_args="pretrained=...", tasks=["cot_faith_provided"],
            task_manager=lm_eval_faith.task_manager(metadata={"problems": 50}),
        )

    Args:
        include_path: folders with other tasks.
        metadata: parameters of the tasks, as ``--metadata`` takes them.
        kwargs: other arguments of ``lm_eval.tasks.TaskManager``.
    """
    register_model()
    from lm_eval.tasks import TaskManager

    return TaskManager(
        include_path=with_our_path(include_path), metadata=metadata, **kwargs
    )
