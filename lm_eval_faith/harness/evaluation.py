"""Start the harness: from its command line's arguments, or from Python with its files written."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lm_eval_faith.harness import run_guards
from lm_eval_faith.harness.activation import activate, task_manager
from lm_eval_faith.harness.lm_eval_compat import (
    missing_packages_said,
    when_the_next_task_manager_is_made,
    without_default_tasks,
)


def run_command(arguments: Sequence[str], keeps: bool = True) -> None:
    """``lm_eval run`` with these arguments, in this process, our tasks and model known.

    The harness's own tasks are indexed only where others than ours are asked for.

    Args:
        arguments: as ``lm_eval run`` takes them.
        keeps: whether the run is to keep its samples, as it should.

    Raises:
        InputError: the run would be wasted; the sentence says why.
    """
    run_guards.quiet_progress()
    from lm_eval.__main__ import cli_evaluate

    from lm_eval_faith.harness.task import taking_over

    asked = run_guards.asked_of(arguments)
    words = run_guards.with_samples(arguments, asked) if keeps else list(arguments)
    activate()
    when_the_next_task_manager_is_made(
        lambda manager: run_guards.check_tasks(manager, asked)
    )
    sys.argv = ["lm-eval-faith", "run", *words]
    with (
        taking_over(),
        without_default_tasks(asked.ours_alone),
        missing_packages_said(),
    ):
        cli_evaluate()


def evaluate_quietly(
    task: str,
    model_args: Mapping[str, Any],
    metadata: Mapping[str, Any],
    out: Path,
    batch_size: int,
) -> Sequence[Mapping[str, Any]]:
    """Evaluate one task of ours on the processor, and write the files of the command line.

    Args:
        task: its name.
        model_args: of the ``faith`` model.
        metadata: the task's parameters.
        out: the folder for the results and samples.
        batch_size: requests that are run at once.

    Returns:
        The task's samples.
    """
    import lm_eval
    from lm_eval.loggers import EvaluationTracker

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    tracker = EvaluationTracker(output_path=str(out))
    results = lm_eval.simple_evaluate(
        model="faith",
        model_args=dict(model_args),
        tasks=[task],
        task_manager=task_manager(metadata=dict(metadata), include_defaults=False),
        batch_size=batch_size,
        device="cpu",
        log_samples=True,
        bootstrap_iters=0,
        evaluation_tracker=tracker,
    )
    samples = results.pop("samples")
    kept = [dict(sample) for sample in samples[task]]  # the tracker changes them
    tracker.save_results_aggregated(results=results, samples=samples)
    tracker.save_results_samples(task_name=task, samples=samples[task])
    return kept
