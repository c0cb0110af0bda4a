"""Coverage of the intervals, by simulation with known truth: python -m benchmarks.coverage

Five worlds. Of each data set the problems differ in level, in their slope over positions, and in length; the steps of
one problem are correlated through all three. In the "normal" and "heavy" worlds chains have 3 to 12 steps, in the
three "long" worlds 2 to 80, and in all a problem's level goes with its length: in the "long extreme" world so much that
a tenth of the problems make nine tenths of the effect. In the heavy and extreme worlds levels are log-normal and noise is
Student's t with 3 degrees of freedom, elsewhere both are normal. The truth of a statistic
is its value in one very large data set; a difference is simulated where it is zero and where it is not. With --max-steps
some steps of each chain are drawn and weighted; the truth stays that of whole chains.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Bootstrap, Comparison, Estimate, Estimator, Sample
from lm_eval_faith_stats.bootstrap import Method
from lm_eval_faith_stats.intervals import Floats
from numpy.typing import NDArray

TRUTH_PROBLEMS = 40_000
WORLDS = ("normal", "heavy", "long", "long heavy", "long extreme")


@dataclass(frozen=True)
class Data:
    """One simulated data set: (steps,) arrays.

    effect: a written chain's; sharp: a provided chain's, whose load-bearing steps stand out. like, sharp_like: a second
    model's on the same problems, with the same distribution; weaker, blunter: those of a model with smaller effects,
    and of one whose load-bearing steps stand out less. weight: steps of its chain that each stands for, where only some
    were drawn.
    """

    problem: NDArray[np.int64]
    position: Floats
    third: NDArray[np.int64]
    load_bearing: NDArray[np.bool_]
    effect: Floats
    like: Floats
    weaker: Floats
    sharp: Floats
    sharp_like: Floats
    blunter: Floats
    weight: Floats | None = None

    def of(
        self, value: Floats, second: Floats | NDArray[np.bool_] | None = None
    ) -> Sample:
        """A sample of these problems."""
        label = None if second is None else second.astype(float)
        return Sample(value, self.problem, label, self.weight)

    def labelled(self, value: Floats) -> Sample:
        """A sample with the steps' labels."""
        return self.of(value, self.load_bearing)

    def part(self, value: Floats, third: int) -> Sample:
        """A sample of the steps of one third."""
        return chosen(self.of(value), self.third == third)


@dataclass(frozen=True)
class Single:
    """A statistic of one model."""

    by: Estimator
    sample: Callable[[Data], Sample]

    def truth(self, data: Data) -> float:
        """Its value in a data set, without an interval."""
        return self.by.point(self.sample(data))

    def found(self, data: Data, bootstrap: Bootstrap) -> tuple[Estimate, float]:
        """The estimate; there is no test."""
        return self.by.estimate(self.sample(data), bootstrap), float("nan")


@dataclass(frozen=True)
class Pair:
    """The difference of one statistic of two models."""

    by: Estimator
    samples: Callable[[Data], Sequence[Sample]]
    paired: bool = True

    def truth(self, data: Data) -> float:
        """The difference in a data set, without an interval."""
        one, other = self.samples(data)
        return self.by.point(one) - self.by.point(other)

    def found(self, data: Data, bootstrap: Bootstrap) -> tuple[Estimate, float]:
        """The estimate of the difference and its p-value."""
        (pair,) = self.by.all_pairs(self.samples(data), bootstrap, self.paired)
        comparison: Comparison = pair.comparison
        return comparison.estimate, comparison.p_value


STATISTICS: dict[str, Single] = {
    "mean effect (problem means)": Single(stats.MEAN_OF_PROBLEMS, lambda d: d.of(d.effect)),
    "mean effect (steps)": Single(stats.MEAN_OF_STEPS, lambda d: d.of(d.effect)),
    "label difference": Single(stats.DIFFERENCE, lambda d: d.labelled(d.sharp)),
    "Hedges' g": Single(stats.HEDGES_G, lambda d: d.of(d.effect)),
    "median": Single(stats.MEDIAN, lambda d: d.of(d.effect)),
    "share at the threshold": Single(stats.SHARE_OF_STEPS, lambda d: d.of(at_least(d.effect, 1))),
    "share at a high threshold (near 0)": Single(stats.SHARE_OF_STEPS, lambda d: d.of(at_least(d.effect, 5))),
    "share negative": Single(stats.SHARE_OF_STEPS, lambda d: d.of(at_least(-d.effect, 0))),
    "share of problems": Single(stats.SHARE_OF_PROBLEMS, lambda d: firsts(d, 1.0)),
    "share of problems (near 0)": Single(stats.SHARE_OF_PROBLEMS, lambda d: firsts(d, 3.0)),
    "AUC": Single(stats.AUC, lambda d: d.labelled(d.effect)),
    "AUC near 1": Single(stats.AUC, lambda d: d.labelled(d.sharp)),
    "within-problem AUC": Single(stats.AUC_WITHIN, lambda d: d.labelled(d.effect)),
    "within-problem AUC near 1": Single(stats.AUC_WITHIN, lambda d: d.labelled(d.sharp)),
    "separation": Single(stats.SEPARATED, lambda d: d.labelled(d.effect)),
    "separation near 1": Single(stats.SEPARATED, lambda d: d.labelled(d.sharp)),
    "mean of early third": Single(stats.MEAN_OF_STEPS, lambda d: d.part(d.effect, 0)),
    "mean of middle third": Single(stats.MEAN_OF_STEPS, lambda d: d.part(d.effect, 1)),
    "mean of late third": Single(stats.MEAN_OF_STEPS, lambda d: d.part(d.effect, 2)),
    "mean of late third (problem means)": Single(stats.MEAN_OF_PROBLEMS, lambda d: d.part(d.effect, 2)),
    "share of late third": Single(stats.SHARE_OF_STEPS, lambda d: d.part(at_least(d.effect, 1), 2)),
    "position correlation": Single(stats.PEARSON, lambda d: d.of(d.effect, d.position)),
    "position rank correlation": Single(stats.SPEARMAN, lambda d: d.of(d.effect, d.position)),
    "share of positive correlations": Single(stats.PEARSON_OVER_ZERO, lambda d: d.of(d.effect, d.position)),
    "rank agreement": Single(stats.SPEARMAN, lambda d: d.of(d.effect, d.sharp)),
}  # fmt: skip

DIFFERENCES: dict[str, Pair] = {
    "paired difference": Pair(stats.MEAN_OF_PROBLEMS, lambda d: (d.of(d.effect), d.of(d.like))),
    "paired difference, not zero": Pair(stats.MEAN_OF_PROBLEMS, lambda d: (d.of(d.effect), d.of(d.weaker))),
    "paired difference (steps)": Pair(stats.MEAN_OF_STEPS, lambda d: (d.of(d.effect), d.of(d.like))),
    "paired difference (steps), not zero": Pair(stats.MEAN_OF_STEPS, lambda d: (d.of(d.effect), d.of(d.weaker))),
    "paired difference of label differences, not zero": Pair(stats.DIFFERENCE, lambda d: (d.labelled(d.sharp), d.labelled(d.blunter))),
    "paired difference of shares": Pair(stats.SHARE_OF_STEPS, lambda d: (d.of(at_least(d.effect, 1)), d.of(at_least(d.like, 1)))),
    "paired difference of shares, not zero": Pair(stats.SHARE_OF_STEPS, lambda d: (d.of(at_least(d.effect, 1)), d.of(at_least(d.weaker, 1)))),
    "paired difference of separations near 1, not zero": Pair(stats.SEPARATED, lambda d: (d.labelled(d.sharp), d.labelled(d.blunter))),
    "paired AUC difference": Pair(stats.AUC, lambda d: (d.labelled(d.effect), d.labelled(d.like))),
    "paired AUC difference, not zero": Pair(stats.AUC, lambda d: (d.labelled(d.effect), d.labelled(d.weaker))),
    "paired AUC difference near 1": Pair(stats.AUC, lambda d: (d.labelled(d.sharp), d.labelled(d.sharp_like))),
    "paired AUC difference near 1, not zero": Pair(stats.AUC, lambda d: (d.labelled(d.sharp), d.labelled(d.blunter))),
    "unpaired difference": Pair(stats.MEAN_OF_PROBLEMS, lambda d: halves(d, d.effect, d.effect), paired=False),
    "unpaired difference, not zero": Pair(stats.MEAN_OF_PROBLEMS, lambda d: halves(d, d.effect, d.weaker), paired=False),
    "unpaired difference of shares": Pair(stats.SHARE_OF_STEPS, lambda d: halves(d, at_least(d.effect, 1), at_least(d.effect, 1)), paired=False),
}  # fmt: skip


def at_least(value: Floats, threshold: float) -> Floats:
    """1 where the value reaches the threshold, else 0."""
    return (value >= threshold).astype(float)


def firsts(data: Data, threshold: float) -> Sample:
    """One value a problem: whether its first step's effect reaches the threshold."""
    first = np.flatnonzero(np.diff(data.problem, prepend=-1))
    return Sample(at_least(data.effect[first], threshold), data.problem[first])


def chosen(sample: Sample, here: NDArray[np.bool_]) -> Sample:
    """Some of the steps of a sample without labels."""
    weight = None if sample.weight is None else sample.weight[here]
    return Sample(sample.value[here], sample.problem[here], weight=weight)


def halves(data: Data, first: Floats, second: Floats) -> tuple[Sample, Sample]:
    """Two models on the even and on the odd problems."""
    even = data.problem % 2 == 0
    return chosen(data.of(first), even), chosen(data.of(second), ~even)


def simulated(n_problems: int, world: str, rng: np.random.Generator) -> Data:
    """One data set of n_problems in the named world."""
    extreme, long = world.endswith("extreme"), world.startswith("long")
    heavy = extreme or world.endswith("heavy")
    z = rng.normal(size=n_problems)
    spread, with_length = (1.3, 0.9) if extreme else (0.6, 0.6)
    level = np.exp(spread * z) - np.exp(spread**2 / 2) if heavy else 0.7 * z
    if long:
        # Lengths are log-normal around 11, their logarithm correlated with that of the level.
        own = np.sqrt(1 - with_length**2) * rng.normal(size=n_problems)
        length = with_length * z + own
        steps = np.clip(np.rint(11 * np.exp(0.9 * length)), 2, 80).astype(int)
    else:
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
        return np.asarray(scale * drawn)

    def effect(size: float = 1.0) -> Floats:
        return size * (trend + 1.6 * load_bearing - 0.8) + noise(0.8)

    def sharp(size: float = 1.0) -> Floats:
        return load_bearing * size * (6 + level[problem] + trend) + noise(1.5)

    return Data(
        problem,
        position,
        (6 * k + 3) // (2 * n),
        load_bearing,
        effect(),
        effect(),
        effect(0.7),
        sharp(),
        sharp(),
        sharp(0.8),
    )


def drawn(data: Data, max_steps: int, rng: np.random.Generator) -> Data:
    """The data set with at most so many steps of each problem, drawn at random, weighted by how many each stands for."""
    n = np.bincount(data.problem)
    order = np.lexsort([rng.random(len(data.problem)), data.problem])
    place = np.arange(len(order)) - np.repeat(np.cumsum(n) - n, n)
    kept = np.sort(order[place < max_steps])
    arrays = {
        field.name: getattr(data, field.name)[kept]
        for field in fields(data)
        if field.name != "weight"
    }
    weight = np.maximum(n / max_steps, 1.0)[data.problem[kept]]
    return Data(**arrays, weight=weight)


@dataclass(frozen=True)
class Coverage:
    """What many data sets showed of one interval, as shares of the data sets.

    below, above: the interval lies below, or above, the truth; a NaN interval does both. width: mean over those that
    have one. found: p-value under 1 - confidence_level, NaN where there is no test. method: the interval's.
    """

    below: float
    above: float
    width: float
    found: float
    method: str


def coverage(
    statistic: Single | Pair,
    truth: float,
    data_sets: Iterable[Data],
    bootstrap: Bootstrap,
) -> Coverage:
    """How often the interval misses the truth, over data sets."""
    made = [statistic.found(data, bootstrap) for data in data_sets]
    estimates = [estimate for estimate, _ in made]
    p_values = np.array([p for _, p in made])
    tested = float(np.mean(p_values < 1 - bootstrap.confidence_level))
    return Coverage(
        below=float(np.mean([not e.high >= truth for e in estimates])),
        above=float(np.mean([not e.low <= truth for e in estimates])),
        width=float(np.nanmean([e.high - e.low for e in estimates])),
        found=float("nan") if np.isnan(p_values).all() else tested,
        method=estimates[0].method,
    )


def main(arguments: list[str] | None = None) -> None:
    """Simulate and print the table, one Markdown row a world, statistic and number of problems."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage", description=__doc__
    )
    parser.add_argument("--data-sets", type=int, default=2000)
    parser.add_argument("--n-resamples", type=int, default=999)
    parser.add_argument("--problems", type=int, nargs="+", default=[25, 50, 200])
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument(
        "--methods", nargs="+", default=["default", "percentile", "bca"]
    )
    parser.add_argument(
        "--only", nargs="+", default=[""], help="parts of the statistics' names"
    )
    parser.add_argument(
        "--max-steps", type=int, default=0, help="steps drawn of a longer chain; 0: all"
    )
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args(arguments)
    print(
        "| world | statistic | truth | problems | " + " | ".join(options.methods) + " |"
    )
    print("| --- " * (4 + len(options.methods)) + "|")
    named = {
        name: statistic
        for name, statistic in (STATISTICS | DIFFERENCES).items()
        if any(part in name for part in options.only)
    }
    for world in options.worlds:
        many = simulated(TRUTH_PROBLEMS, world, np.random.default_rng(options.seed))
        zero = {name for name in DIFFERENCES if "not zero" not in name}
        truths = {
            name: 0.0 if name in zero else statistic.truth(many)
            for name, statistic in named.items()
        }
        for problems in options.problems:
            rng = np.random.default_rng([options.seed, problems])
            sets = [simulated(problems, world, rng) for _ in range(options.data_sets)]
            if options.max_steps:
                sets = [drawn(data, options.max_steps, rng) for data in sets]
            for name, statistic in named.items():
                start = time.perf_counter()
                cells = [
                    _cell(statistic, truths[name], sets, method, options)
                    for method in options.methods
                ]
                row = (world, name, f"{truths[name]:.3f}", str(problems), *cells)
                print(f"| {' | '.join(row)} |", flush=True)
                seconds = time.perf_counter() - start
                print(f"{world} {problems} {name}: {seconds:.0f} s", file=sys.stderr)


def _cell(
    statistic: Single | Pair,
    truth: float,
    sets: list[Data],
    method: Method,
    options: argparse.Namespace,
) -> str:
    bootstrap = Bootstrap(n_resamples=options.n_resamples, method=method)
    try:
        found = coverage(statistic, truth, sets, bootstrap)
    except ValueError:
        return "-"
    covered = 100 * (1 - found.below - found.above)
    cell = f"{covered:.1f} ({100 * found.below:.1f}, {100 * found.above:.1f})"
    if method == "default":
        cell = f"{found.method} {cell}"
    if not np.isnan(found.found):
        cell += f", p {100 * found.found:.1f}"
    return cell


if __name__ == "__main__":
    main()
