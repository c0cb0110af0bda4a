"""Start the harness: from its command line's arguments, or from Python with its files written."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lm_eval_faith.harness.activation import (
    activate,
    names_our_tasks_alone,
    task_manager,
)
from lm_eval_faith.harness.lm_eval_compat import without_default_tasks


def run_command(arguments: Sequence[str]) -> None:
    """``lm_eval run`` with these arguments, in this process, our tasks and model known.

    The harness's own tasks are indexed only where others than ours are asked for.
    """
    from lm_eval.__main__ import cli_evaluate

    activate()
    sys.argv = ["lm-eval-faith", "run", *arguments]
    with without_default_tasks(names_our_tasks_alone(arguments)):
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
