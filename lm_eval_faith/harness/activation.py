"""Make the plugin known to the harness in this process."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

MODEL = "faith"
MODEL_CLASS = "lm_eval_faith.harness.faith_model:FaithLM"


def activate() -> None:
    """Register the ``faith`` model, and let every ``TaskManager`` see our tasks.

    Release 0.4.13 of the harness has no way for a plugin to say that it is there, so
    the task manager's constructor is wrapped: our folder is added to its
    ``include_path``. Calling this twice changes nothing.
    """
    import lm_eval.models  # noqa: F401  (fills the registry, which is lazy only while empty)
    from lm_eval.api.registry import model_registry
    from lm_eval.tasks.manager import TaskManager

    if MODEL not in model_registry:
        model_registry.register(MODEL, target=MODEL_CLASS)
    if is_active():
        return
    plain = TaskManager.__init__

    @functools.wraps(plain)
    def with_our_tasks(
        self: TaskManager,
        verbosity: str | None = None,
        include_path: str | Path | Sequence[str | Path] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        plain(self, verbosity, with_our_path(include_path), *args, **kwargs)

    with_our_tasks.knows_lm_eval_faith = True  # type: ignore[attr-defined]
    TaskManager.__init__ = with_our_tasks


def is_active() -> bool:
    """Whether task managers of this process see our tasks by themselves."""
    from lm_eval.tasks.manager import TaskManager

    return hasattr(TaskManager.__init__, "knows_lm_eval_faith")


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
    include_path: str | Path | Sequence[str | Path] | None = None, **kwargs: Any
) -> TaskManager:
    """The harness's task manager with our tasks in it, and ``--model faith`` known.

    Takes the arguments of ``lm_eval.tasks.TaskManager``::

        lm_eval.simple_evaluate(
            model="hf", model_args="pretrained=...", tasks=["cot_faith_provided"],
            task_manager=lm_eval_faith.task_manager(metadata={"problems": 50}),
        )
    """
    activate()
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=include_path, **kwargs)
