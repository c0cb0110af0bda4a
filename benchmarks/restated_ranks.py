"""Why ranks find steps that sizes do not, where every value is said in several places.

``python -m benchmarks.restated_ranks RUN`` prints two tables of docs/calibration.md from the
run of the restated reader that ``calibrate --out DIR`` keeps (``DIR/restated_reader/run``):
the effects by how many places say a step's value, and the AUC where small effects count as none.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from lm_eval_faith_stats import AUC, BOOTSTRAP, Sample

from lm_eval_faith.metrics import VS_CONTROL, Quantity, metric
from lm_eval_faith.problems.restated_boxes import RESTATED_READER, restated_problem
from lm_eval_faith.records.columns import Columns, Floats
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.tables import tables_of_chains

PLACES = ((2, 2), (3, 3), (4, 4), (5, 5), (6, 11))
NONE_UNDER = (0.0, 0.0001, 0.001, 0.01, 0.1, 1.0)
"""In nats; a nat is the threshold from which a step counts as load-bearing."""


def places(steps: Columns, chains: Sequence[ChainRecord], seed: int) -> Floats:
    """For each row in how many places the chain says what its step says; 0 of decoys."""
    found: list[dict[int, int]] = []
    for chain in chains:
        index = int(chain.document.rpartition("-")[2])
        groups = restated_problem(RESTATED_READER, index, seed).groups
        found.append({step: len(group) for group in groups for step in group})
    where = zip(steps.problem, steps.step, strict=True)
    return np.array([found[problem].get(step, 0) for problem, step in where], float)


def table_of_places(said: Floats, effect: Floats, problem: Floats) -> Iterator[str]:
    """A line for each number of places, against all decoys."""
    yield "| places that say it | steps | step AUC | 10% | median | 90% |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for low, high in (*PLACES, (0, 0)):
        chosen = (said >= low) & (said <= high)
        shown = (
            "decoys" if not high else str(low) if low == high else f"{low} to {high}"
        )
        auc = "" if not high else _auc(chosen, said == 0, effect, problem)
        ends = " | ".join(
            f"{q:.5f}" for q in np.quantile(effect[chosen], (0.1, 0.5, 0.9))
        )
        yield f"| {shown} | {chosen.sum()} | {auc} | {ends} |"


def table_of_sizes(said: Floats, effect: Floats, problem: Floats) -> Iterator[str]:
    """A line for each size under which an effect counts as none."""
    yield "| effects count as none under (nats) | step AUC |"
    yield "| ---: | ---: |"
    for least in NONE_UNDER:
        sized = np.where(np.abs(effect) < least, 0.0, effect)
        yield f"| {least:g} | {_auc(said > 0, said == 0, sized, problem)} |"


def _auc(high: Floats, low: Floats, effect: Floats, problem: Floats) -> str:
    both = np.asarray(high | low, bool)
    sample = Sample(effect[both], problem[both], high[both].astype(np.float64))
    made = AUC.estimate(sample, BOOTSTRAP)
    return f"{made.point:.3f} [{made.low:.3f}, {made.high:.3f}]"


def main() -> None:
    """Print both tables for each intervention of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of the run")
    parser.add_argument("--problem-seed", type=int, default=0, help="default: 0")
    options = parser.parse_args()
    (task,) = load_run(options.run).tasks
    steps = tables_of_chains([("", "", task.chains)]).columns()
    for name in ("corrupt", "delete"):
        rows = Quantity(metric("effect"), name, (VS_CONTROL,)).rows(steps)
        rows = rows[~np.isnan(rows.effect)]
        said = places(rows, task.chains, options.problem_seed)
        print(f"\n{name}, effects less the control's\n")
        print("\n".join(table_of_places(said, rows.effect, rows.problem)), "\n")
        print("\n".join(table_of_sizes(said, rows.effect, rows.problem)))


if __name__ == "__main__":
    main()
