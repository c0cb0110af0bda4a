"""The card in many runs of an organism, made in parts that a stopped command goes on from.

What ``lm-eval-faith calibrate --card-runs`` does in one piece, for as many runs as a narrow
interval takes::

    python -m benchmarks.card_runs OUT reader --runs 72

Each part is a run of the harness on the problems of five runs of 50, in a folder of its own in
OUT. Whatever is there is read; what is missing is run, unless ``--no-run`` is said. The tables
are those of docs/calibration.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from lm_eval_faith_stats import BOOTSTRAP

from lm_eval_faith.calibration.calibrate import tell
from lm_eval_faith.calibration.explained import (
    INTERVENTIONS,
    RUN_PROBLEMS,
    Explained,
    explained_in,
)
from lm_eval_faith.calibration.run import Plan, evaluated, labelled_lines
from lm_eval_faith.calibration.table import section_of_cards
from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import TaskRun, load_run
from lm_eval_faith.report.cells import with_interval
from lm_eval_faith.report.write import as_markdown

PART = 5
"""Runs that are made at once."""


def parts_of(
    plan: Plan, organism: str, runs: int, out: Path, run: bool
) -> Iterator[TaskRun]:
    """The parts that are there; those that are missing are made first, where that is wanted."""
    n = runs * RUN_PROBLEMS
    text = labelled_lines(organism, n, plan.problem_seed, once=True)
    lines = text.splitlines(keepends=True)
    for first in range(0, runs, PART):
        folder = out / organism / f"{first:03d}"
        if not any(folder.rglob("samples_*.jsonl")):
            if not run:
                continue
            last = min(first + PART, runs)
            tell(f"{organism}: runs {first + 1} to {last} ...")
            own = lines[first * RUN_PROBLEMS : last * RUN_PROBLEMS]
            evaluated(plan, organism, "".join(own), folder)
        yield load_run(folder / "run").tasks[0]


def joined(parts: list[TaskRun]) -> TaskRun:
    """All chains, each once, in the order of their problems."""
    chains = {chain.document: chain for part in parts for chain in part.chains}
    return replace(parts[0], chains=tuple(chains[name] for name in sorted(chains)))


def table(found: Explained) -> str:
    """Shares of runs, then the lines of their cards."""
    told = ["| organism | what | runs | share, exact interval |"]
    told.append("| --- | --- | ---: | ---: |")
    for check in found.checks:
        share, runs = check.estimate, check.estimate.n_problems
        cells = (
            f"{round(share.point * runs)} of {runs} | {with_interval(share, 'share')}"
        )
        told.append(f"| {check.organism} | {check.what} | {cells} |")
    lines = as_markdown([section_of_cards(found.lines)], {})
    return "\n".join([*told, "", lines])


def main(
    out: Path,
    organism: str,
    runs: Annotated[int, typer.Option(help="So many runs of 50 problems.")] = 72,
    run: Annotated[
        bool, typer.Option(help="Run what is missing; else say what is there.")
    ] = True,
) -> None:
    """The cards of RUNS runs of ORGANISM, kept in OUT."""
    try:
        plan = Plan((organism,), INTERVENTIONS).checked()
        parts = list(parts_of(plan, organism, runs, out, run))
        if not parts:
            raise InputError(f"{out / organism}: there is no run here")
        not_counted = math.nan  # what the card costs: calibrate says it
        print(
            table(
                explained_in(
                    organism, joined(parts), not_counted, not_counted, BOOTSTRAP
                )
            )
        )
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    typer.run(main)
