"""Speed, side by side with the plain way: python -m benchmarks.statistics

The plain way repeats the drawn problems and calls scikit-learn's roc_auc_score for each resample; it is timed on fewer
resamples and scaled up. Both see the same resamples, and their values are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from lm_eval_faith_stats import (
    AUC,
    MEAN_OF_PROBLEMS,
    MEAN_OF_STEPS,
    SHARE_OF_STEPS,
    Bootstrap,
    Estimate,
    Sample,
    resample_counts,
)
from lm_eval_faith_stats.auc import steps_auc
from lm_eval_faith_stats.bootstrap import bootstrap_values
from lm_eval_faith_stats.intervals import Floats
from lm_eval_faith_stats.steps import group_steps
from numpy.typing import NDArray


def main(arguments: Sequence[str] | None = None) -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.statistics", description=__doc__
    )
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=12, help="steps of a problem")
    parser.add_argument("--n-resamples", type=int, default=10_000)
    parser.add_argument("--plain-resamples", type=int, default=100)
    parser.add_argument("--models", type=int, default=20)
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(0)
    problem = np.repeat(np.arange(options.problems), options.steps)
    label = rng.random(len(problem)) < 0.65
    effect = rng.normal(size=len(problem)) + 2 * label
    bootstrap = Bootstrap(n_resamples=options.n_resamples, method="percentile")
    print(
        f"{options.problems} problems of {options.steps} steps, "
        f"{options.n_resamples} resamples"
    )

    start = time.perf_counter()
    estimate = AUC.estimate(Sample(effect, problem, label.astype(float)), bootstrap)
    fast = time.perf_counter() - start
    print(f"AUC, from arrays to interval: {fast:.3f} s   {_shown(estimate)}")

    start = time.perf_counter()
    plain = _plain_aucs(effect, label, problem, options.plain_resamples, bootstrap)
    slow = (time.perf_counter() - start) * options.n_resamples / options.plain_resamples
    print(
        f"loop over roc_auc_score: {slow:.1f} s "
        f"(timed on {options.plain_resamples} resamples and scaled)"
    )
    steps = group_steps(effect, problem, label=label)
    values = bootstrap_values(steps_auc(steps), bootstrap)
    difference = np.abs(values[: len(plain)] - plain).max()
    print(f"{slow / fast:.0f} times as fast; largest difference {difference:.1e}")

    bootstrap = Bootstrap(n_resamples=options.n_resamples)
    hit = (effect > 1).astype(float)
    for name, by, value in (
        ("mean of steps", MEAN_OF_STEPS, effect),
        ("share of steps", SHARE_OF_STEPS, hit),
    ):
        start = time.perf_counter()
        found = by.estimate(Sample(value, problem), bootstrap)
        seconds = time.perf_counter() - start
        print(f"{name}: {seconds:.3f} s   {_shown(found)}")

    models = [
        Sample(effect + rng.normal(size=len(effect)), problem)
        for _ in range(options.models)
    ]
    for name, by in (
        ("means of problems", MEAN_OF_PROBLEMS),
        ("means of steps", MEAN_OF_STEPS),
    ):
        for paired in (True, False):
            start = time.perf_counter()
            pairs = by.all_pairs(models, bootstrap, paired)
            seconds = time.perf_counter() - start
            how = "paired" if paired else "unpaired"
            print(f"{len(pairs)} {how} differences of {name}: {seconds:.2f} s")


def _plain_aucs(
    effect: Floats,
    label: NDArray[np.bool_],
    problem: NDArray[np.int64],
    n_resamples: int,
    bootstrap: Bootstrap,
) -> Floats:
    from sklearn.metrics import roc_auc_score

    rows = [np.flatnonzero(problem == k) for k in range(int(problem.max()) + 1)]
    values: list[float] = []
    for block in resample_counts(len(rows), bootstrap.n_resamples, bootstrap.seed):
        for counts in block[: n_resamples - len(values)]:
            drawn = np.concatenate([np.tile(rows[k], n) for k, n in enumerate(counts)])
            drawn = drawn.astype(np.intp)
            values.append(roc_auc_score(label[drawn], effect[drawn]))
        if len(values) == n_resamples:
            break
    return np.array(values)


def _shown(estimate: Estimate) -> str:
    return f"{estimate.point:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


if __name__ == "__main__":
    main()
