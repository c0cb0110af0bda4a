"""Coverage of the intervals, by simulation with known truth: python -m benchmarks.coverage

Each data set has problems with 3 to 12 steps; problems with large effects have more steps; steps of one problem are
correlated through the problem's level and its slope over positions. In the "normal" world levels and noise are normal;
in the "heavy" world levels are log-normal and noise is Student's t with 3 degrees of freedom. The truth of a statistic
is its value in one very large data set.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from lm_eval_faith_stats import (
    Bootstrap,
    Comparison,
    Estimate,
    auc,
    auc_estimate,
    hedges_g_estimate,
    mean_label_difference_estimate,
    mean_of_problem_means_estimate,
    mean_within_problem_auc_estimate,
    median_effect_estimate,
    paired_auc_difference,
    paired_difference,
    paired_step_difference,
    position_correlation_estimate,
    position_rank_correlation_estimate,
    problem_means,
    rank_agreement_estimate,
    share_at_threshold_estimate,
    share_negative_estimate,
    share_positive_correlation_estimate,
    share_separated_estimate,
    step_mean_estimate,
    third_mean_estimates,
    third_share_estimates,
    unpaired_step_difference,
)
from lm_eval_faith_stats.bootstrap import Floats, Method
from numpy.typing import NDArray

TRUTH_PROBLEMS = 200_000
WORLDS = ("normal", "heavy")


@dataclass(frozen=True)
class Data:
    """One simulated data set: (steps,) arrays.

    effect: a generated chain's; sharp: a provided chain's, whose load-bearing steps stand out; other and sharp_other: a
    second model's on the same problems, with the same distribution.
    """

    problem: NDArray[np.int64]
    position: Floats
    third: NDArray[np.int64]
    load_bearing: NDArray[np.bool_]
    effect: Floats
    other: Floats
    sharp: Floats
    sharp_other: Floats


Estimator = Callable[[Data, Bootstrap], Estimate | Comparison]

ESTIMATORS: dict[str, Estimator] = {
    "mean effect (problem means)": lambda d, b: mean_of_problem_means_estimate(d.effect, d.problem, b),
    "mean effect (steps)": lambda d, b: step_mean_estimate(d.effect, d.problem, b),
    "label difference": lambda d, b: mean_label_difference_estimate(d.sharp, d.load_bearing, d.problem, b),
    "Hedges' g": lambda d, b: hedges_g_estimate(problem_means(d.effect, d.problem)[1], b),
    "median": lambda d, b: median_effect_estimate(d.effect, d.problem, b),
    "share at the threshold": lambda d, b: share_at_threshold_estimate(d.effect, d.problem, 1.0, b),
    "share at a high threshold (near 0)": lambda d, b: share_at_threshold_estimate(d.effect, d.problem, 5.0, b),
    "share negative": lambda d, b: share_negative_estimate(d.effect, d.problem, b),
    "AUC": lambda d, b: auc_estimate(d.effect, d.load_bearing, d.problem, b),
    "AUC near 1": lambda d, b: auc_estimate(d.sharp, d.load_bearing, d.problem, b),
    "within-problem AUC": lambda d, b: mean_within_problem_auc_estimate(d.effect, d.load_bearing, d.problem, b),
    "within-problem AUC near 1": lambda d, b: mean_within_problem_auc_estimate(d.sharp, d.load_bearing, d.problem, b),
    "separation": lambda d, b: share_separated_estimate(d.effect, d.load_bearing, d.problem, b),
    "separation near 1": lambda d, b: share_separated_estimate(d.sharp, d.load_bearing, d.problem, b),
    "mean of early third": lambda d, b: third_mean_estimates(d.effect, d.problem, d.third, b)[0],
    "mean of middle third": lambda d, b: third_mean_estimates(d.effect, d.problem, d.third, b)[1],
    "mean of late third": lambda d, b: third_mean_estimates(d.effect, d.problem, d.third, b)[2],
    "share of late third": lambda d, b: third_share_estimates(d.effect, d.problem, d.third, 1.0, b)[2],
    "position correlation": lambda d, b: position_correlation_estimate(d.effect, d.position, d.problem, b),
    "position rank correlation": lambda d, b: position_rank_correlation_estimate(d.effect, d.position, d.problem, b),
    "share of positive correlations": lambda d, b: share_positive_correlation_estimate(d.effect, d.position, d.problem, b),
    "rank agreement": lambda d, b: rank_agreement_estimate(d.effect, d.sharp, d.problem, b),
}  # fmt: skip

# Two models without a difference: the truth is zero, and every finding of the test is a false positive.
COMPARISONS: dict[str, Estimator] = {
    "paired difference": lambda d, b: paired_difference(
        problem_means(d.effect, d.problem)[1], problem_means(d.other, d.problem)[1], b
    ),
    "paired difference (steps)": lambda d, b: paired_step_difference(
        (d.effect, d.problem), (d.other, d.problem), b
    ),
    "paired AUC difference": lambda d, b: paired_auc_difference(
        (d.effect, d.load_bearing, d.problem), (d.other, d.load_bearing, d.problem), b
    ),
    "paired AUC difference near 1": lambda d, b: paired_auc_difference(
        (d.sharp, d.load_bearing, d.problem),
        (d.sharp_other, d.load_bearing, d.problem),
        b,
    ),
    "unpaired difference": lambda d, b: unpaired_step_difference(
        *_halves(d.effect, d.problem), b
    ),
}


def simulated(n_problems: int, world: str, rng: np.random.Generator) -> Data:
    """One data set of n_problems in the named world."""
    heavy = world == "heavy"
    z = rng.normal(size=n_problems)
    level = np.exp(0.6 * z) - np.exp(0.18) if heavy else 0.7 * z
    steps = 3 + rng.binomial(9, 0.25 + 0.5 * (z > 0))
    problem = np.repeat(np.arange(n_problems), steps)
    first = np.repeat(np.cumsum(steps) - steps, steps)
    k, n = np.arange(len(problem)) - first, steps[problem]
    position = k / (n - 1)
    slope = 1.5 + rng.normal(size=n_problems)
    load_bearing = rng.random(len(problem)) < 0.65
    # Every problem has both kinds of step.
    load_bearing[(k == 0) | (k == 1)] = np.tile([True, False], n_problems)
    trend = level[problem] + slope[problem] * position

    def noise(scale: float) -> Floats:
        drawn = (
            rng.standard_t(3, len(problem)) / np.sqrt(3)
            if heavy
            else rng.normal(size=len(problem))
        )
        return scale * drawn

    def effect() -> Floats:
        return trend + 1.6 * load_bearing - 0.8 + noise(0.8)

    def sharp() -> Floats:
        return load_bearing * (6 + level[problem] + trend) + noise(1.5)

    return Data(
        problem,
        position,
        3 * k // n,
        load_bearing,
        effect(),
        effect(),
        sharp(),
        sharp(),
    )


@dataclass(frozen=True)
class Coverage:
    """What many data sets showed of one interval, as shares of the data sets.

    below, above: the interval lies below, or above, the truth; a NaN interval does both. width: mean over those that
    have one. false_positives: p-value under 1 - confidence_level, NaN where there is no test. method: the interval's.
    """

    below: float
    above: float
    width: float
    false_positives: float
    method: str


def coverage(
    estimator: Estimator,
    truth: float,
    data_sets: Iterable[Data],
    bootstrap: Bootstrap,
) -> Coverage:
    """How often the interval misses the truth, over data sets."""
    found = [estimator(data, bootstrap) for data in data_sets]
    estimates = [f.estimate if isinstance(f, Comparison) else f for f in found]
    tested = [
        f.p_value < 1 - bootstrap.confidence_level
        for f in found
        if isinstance(f, Comparison)
    ]
    return Coverage(
        below=float(np.mean([not e.high >= truth for e in estimates])),
        above=float(np.mean([not e.low <= truth for e in estimates])),
        width=float(np.nanmean([e.high - e.low for e in estimates])),
        false_positives=float(np.mean(tested)) if tested else float("nan"),
        method=estimates[0].method,
    )


def main(arguments: list[str] | None = None) -> None:
    """Simulate and print the table, one Markdown row a world, statistic and number of problems."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage", description=__doc__
    )
    parser.add_argument("--data-sets", type=int, default=2000)
    parser.add_argument("--n-resamples", type=int, default=999)
    parser.add_argument("--problems", type=int, nargs="+", default=[25, 30, 50, 200])
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument(
        "--methods", nargs="+", default=["default", "percentile", "bca"]
    )
    parser.add_argument("--only", default="", help="part of the statistics' names")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args(arguments)
    print(
        "| world | statistic | truth | problems | " + " | ".join(options.methods) + " |"
    )
    print("| --- " * (4 + len(options.methods)) + "|")
    for world in options.worlds:
        truths = simulated(TRUTH_PROBLEMS, world, np.random.default_rng(options.seed))
        for problems in options.problems:
            rng = np.random.default_rng([options.seed, problems])
            sets = [simulated(problems, world, rng) for _ in range(options.data_sets)]
            _rows(world, problems, sets, truths, options)


def _rows(
    world: str,
    problems: int,
    sets: list[Data],
    truths: Data,
    options: argparse.Namespace,
) -> None:
    for name, estimator in (ESTIMATORS | COMPARISONS).items():
        if options.only not in name:
            continue
        start = time.perf_counter()
        truth = _truth(name, estimator, truths)
        cells = [
            _cell(estimator, truth, sets, method, options) for method in options.methods
        ]
        print(f"| {world} | {name} | {truth:.3f} | {problems} | {' | '.join(cells)} |")
        seconds = time.perf_counter() - start
        print(f"{world} {problems} {name}: {seconds:.0f} s", file=sys.stderr)
        sys.stdout.flush()


def _cell(
    estimator: Estimator,
    truth: float,
    sets: list[Data],
    method: Method,
    options: argparse.Namespace,
) -> str:
    bootstrap = Bootstrap(n_resamples=options.n_resamples, method=method)
    try:
        found = coverage(estimator, truth, sets, bootstrap)
    except ValueError:
        return "-"
    covered = 100 * (1 - found.below - found.above)
    cell = f"{covered:.1f} ({100 * found.below:.1f}, {100 * found.above:.1f})"
    if method == "default":
        cell = f"{found.method} {cell}"
    if not np.isnan(found.false_positives):
        cell += f", p {100 * found.false_positives:.1f}"
    return cell


def _truth(name: str, estimator: Estimator, truths: Data) -> float:
    if name in COMPARISONS:
        return 0.0
    # The point alone: the matrix of an AUC's pairs of problems would not fit.
    if name == "AUC":
        return auc(truths.effect, truths.load_bearing)
    if name == "AUC near 1":
        return auc(truths.sharp, truths.load_bearing)
    # Two resamples, whose interval nobody reads.
    found = estimator(truths, Bootstrap(n_resamples=2, method="percentile"))
    assert isinstance(found, Estimate)
    return found.point


def _halves(
    effect: Floats, problem: NDArray[np.int64]
) -> tuple[tuple[Floats, NDArray[np.int64]], tuple[Floats, NDArray[np.int64]]]:
    even = problem % 2 == 0
    return (effect[even], problem[even]), (effect[~even], problem[~even])


if __name__ == "__main__":
    main()
