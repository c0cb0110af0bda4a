"""Run, measure, and keep the files where that is wanted."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lm_eval_faith_stats import BOOTSTRAP, Bootstrap

from lm_eval_faith.calibration.explained import explained
from lm_eval_faith.calibration.jointly import joint_checks, single_checks
from lm_eval_faith.calibration.measure import measured
from lm_eval_faith.calibration.run import Plan, run_organisms
from lm_eval_faith.calibration.table import Calibration


def calibration(
    plan: Plan, out: Path | None = None, bootstrap: Bootstrap = BOOTSTRAP
) -> Calibration:
    """Every intervention on every organism against the truth; progress on stderr.

    Args:
        plan: what is run.
        out: where labelled files and runs are kept; None keeps none.
        bootstrap: how intervals are made.

    Raises:
        InputError: the plan names what is not there, or the folder cannot be written.
    """
    start = time.perf_counter()
    plan = plan.checked()
    with folder(out) as path:
        runs = run_organisms(plan, path, told=tell)
        rows = measured(runs, plan.interventions, plan.threshold, bootstrap)
        cards = explained(plan, path, bootstrap, told=tell)
        checks = (
            *cards.checks,
            *single_checks(rows),
            *joint_checks(plan, path, bootstrap, told=tell),
        )
    seconds = time.perf_counter() - start
    tell(f"all of it: {seconds:.0f} s")
    return Calibration(plan, rows, seconds, checks, cards.lines)


@contextlib.contextmanager
def folder(out: Path | None) -> Iterator[Path]:
    """The folder that is named, or one that is gone afterwards."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="lm-eval-faith-") as path:
        yield Path(path)


def tell(line: str) -> None:
    """A line of progress, apart from the result."""
    print(line, file=sys.stderr, flush=True)
