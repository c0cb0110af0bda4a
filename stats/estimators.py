"""One estimator a kind of number: a sample of steps in, an estimate or comparisons of several samples out.

Every mean, share and correlation is one case: each problem gives two sums, and the statistic is the ratio of their sums
over problems (`Ratio`). The AUC, the median and Hedges' g are statistics of their own. An estimator is made of plain
functions over grouped steps, so that a metric names one and needs no function of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .auc import AUC_METHOD, problem_aucs, steps_auc
from .bootstrap import (
    BOOTSTRAP,
    Bootstrap,
    Estimate,
    LinearStatistic,
    Method,
    Ratio,
    Statistic,
    estimate,
    within,
)
from .compare import (
    PAIRED_METHOD,
    SHARE_DIFFERENCE_METHOD,
    PairComparison,
    PairedDifference,
    all_pairs_of,
)
from .correlation import PooledSpearman, problem_pearson, problem_spearman
from .effects import (
    MEAN_METHOD,
    SHARE_METHOD,
    HedgesG,
    median_of,
    problem_difference,
    problem_mean,
    problem_separated,
)
from .intervals import Floats
from .partial import R2_METHOD, partial_r2, partial_slope
from .steps import Steps, group_steps

Ints = NDArray[np.int64]
Sums = tuple[Floats, Floats]


@dataclass(frozen=True)
class Sample:
    """What an estimator sees: arrays of one length, one entry a step (or a chain).

    value: in the units of the metric; NaN where there is none, and such entries are left out and counted. problem: ids
    of the problems, whole numbers that need not be contiguous: the unit of resampling, and what samples are matched by
    where they are compared as paired. second: a 1/0 label for AUCs, differences and separation, the position in the
    chain (or the other effect) for correlations. weight: how many steps of its chain each stands for, the inverse of the
    chance that it was drawn; 1 for each where None. third: what a partial R-squared or slope holds constant, or what the
    value's AUC or correlation is compared with.
    """

    value: Floats
    problem: Ints
    second: Floats | None = None
    weight: Floats | None = None
    third: Floats | None = None


@dataclass(frozen=True)
class Heaviest:
    """The problem with the largest share of an estimate's variance: its id, and the share."""

    problem: int
    share: float


@dataclass(frozen=True)
class Estimator:
    """How values of steps become one number with an interval, and how such numbers of several samples are compared.

    sums: numerator and denominator of each problem, both (problems,), where the statistic is made of them; a denominator
        of zero means that the problem has no value. None where every problem with a step enters.
    statistic: the statistic of grouped steps.
    method: of the interval, where the bootstrap says "default". pair_method: of the interval of a difference.
    lowest, highest: what the number can be; intervals are cut to it.
    """

    sums: Callable[[Steps], Sums] | None
    statistic: Callable[[Steps], Statistic]
    method: Method
    lowest: float = -inf
    highest: float = inf
    pair_method: Method = PAIRED_METHOD

    def point(self, sample: Sample) -> float:
        """The number alone, without an interval: NaN where undefined.

        Raises ValueError for infinite values, unequal lengths and ids that are no whole numbers.

        >>> MEAN_OF_PROBLEMS.point(Sample(np.array([1.0, 3.0, 5.0]), np.array([7, 7, 9])))
        3.5
        """
        return self.statistic(_grouped(sample)).value_at_sample()

    def estimate(self, sample: Sample, bootstrap: Bootstrap = BOOTSTRAP) -> Estimate:
        """The number with its interval over problems.

        Raises ValueError as `point` does, and where the bootstrap's method is not for this statistic.

        >>> found = SHARE_OF_STEPS.estimate(Sample(np.array([1.0, 0.0, 0.0, np.nan]), np.array([1, 2, 3, 3])))
        >>> f"{found.point:.3f} {found.n_problems} {found.n_steps}"
        '0.333 3 3'
        """
        steps = _grouped(sample)
        statistic = self.statistic(steps)
        used = self._used(steps)
        found = estimate(
            statistic,
            statistic.value_at_sample(),
            bootstrap,
            self.method,
            n_problems=int(np.count_nonzero(used)),
            n_steps=int(np.count_nonzero(used[steps.problem])),
            n_missing=steps.n_missing,
        )
        return within(found, self.lowest, self.highest)

    def heaviest(self, sample: Sample, other: Sample | None = None) -> Heaviest:
        """The problem that carries most of the estimate's variance, and what share of it.

        Of the linearised variance over problems, as in the standard error. Where one of many problems carries more than a
        fifth, an interval says less than its level. NaN where there is no variance, and for medians. other: of a second
        model; then of the paired difference, on the problems that both have.

        >>> MEAN_OF_PROBLEMS.heaviest(Sample(np.array([1.0, 2.0, 1.0, 2.0, 30.0]), np.array([3, 4, 5, 6, 9])))
        Heaviest(problem=9, share=0.79...)
        """
        steps = [_grouped(s) for s in (sample, other) if s is not None]
        used = [s.ids[self._used(s)] for s in steps]
        ids = used[0] if other is None else np.intersect1d(used[0], used[1])
        if not len(ids):
            return Heaviest(-1, float("nan"))
        ones = np.ones((1, len(ids)))
        influences = [
            cast(
                LinearStatistic, self.statistic(s.of_problems(ids))
            ).value_and_influence(ones)[1][0]
            for s in steps
        ]
        influence = influences[0] - sum(influences[1:])
        squares, place = influence**2, int(np.argmax(np.abs(influence)))
        total = float(squares.sum())
        share = float(squares[place]) / total if total > 0 else float("nan")
        return Heaviest(int(ids[place]), share)

    def all_pairs(
        self, samples: Sequence[Sample], bootstrap: Bootstrap, paired: bool
    ) -> tuple[PairComparison, ...]:
        """Every pair (0, 1), (0, 2), ... of samples: the same number of the first less the second.

        paired: on the problems that both have, matched by id and resampled together; otherwise each sample on its own
        problems. p-values are adjusted over the pairs. Raises ValueError as `estimate` does.

        >>> problem = np.arange(4)
        >>> one, other = Sample(np.array([3.0, 2.0, 4.0, 3.0]), problem), Sample(np.zeros(4), problem)
        >>> (pair,) = MEAN_OF_PROBLEMS.all_pairs([one, other], BOOTSTRAP, paired=True)
        >>> pair.comparison.estimate.point
        3.0
        """
        steps = [_grouped(sample) for sample in samples]
        models = [s.of_problems(s.ids[self._used(s)]) for s in steps]
        found = all_pairs_of(
            models, self.statistic, self.pair_method, bootstrap, paired
        )
        lowest, highest = self.lowest - self.highest, self.highest - self.lowest
        return tuple(pair.within(lowest, highest) for pair in found)

    def _used(self, steps: Steps) -> NDArray[np.bool_]:
        """Which problems enter: (problems,)."""
        if self.sums is None:
            return np.ones(steps.n_problems, dtype=bool)
        return np.asarray(self.sums(steps)[1] != 0)


def ratio_of(
    sums: Callable[[Steps], Sums],
    method: Method,
    lowest: float = -inf,
    highest: float = inf,
    *,
    share: bool = False,
) -> Estimator:
    """The estimator of a ratio of sums over problems; arguments as the attributes of `Estimator`.

    share: whether every value lies between 0 and 1, which admits the method "wilson".

    >>> total = ratio_of(lambda steps: (steps.sums(steps.value), np.ones(steps.n_problems)), "studentised")
    >>> total.point(Sample(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1])))
    3.5
    """

    def statistic(steps: Steps) -> Ratio:
        numerator, denominator = sums(steps)
        used = denominator != 0
        return Ratio(numerator[used], denominator[used], share=share)

    pair_method = SHARE_DIFFERENCE_METHOD if share else PAIRED_METHOD
    return Estimator(sums, statistic, method, lowest, highest, pair_method)


def mean_over_problems(
    value: Callable[[Steps], Floats],
    method: Method = MEAN_METHOD,
    lowest: float = -inf,
    highest: float = inf,
    *,
    share: bool = False,
) -> Estimator:
    """The estimator of a mean over problems of one value each. value: grouped steps to (problems,), NaN where none.

    >>> largest = mean_over_problems(lambda steps: np.maximum.reduceat(steps.value, [0, 2]))
    >>> largest.point(Sample(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1])))
    3.0
    """

    return ratio_of(_value_sums(value), method, lowest, highest, share=share)


def _value_sums(value: Callable[[Steps], Floats]) -> Callable[[Steps], Sums]:
    def sums(steps: Steps) -> Sums:
        values = value(steps)
        there = ~np.isnan(values)
        return np.where(there, values, 0.0), there.astype(np.float64)

    return sums


def _grouped(sample: Sample) -> Steps:
    beside = {"second": sample.second, "third": sample.third}
    labels = {name: label for name, label in beside.items() if label is not None}
    return group_steps(sample.value, sample.problem, sample.weight, **labels)


def _over_steps(steps: Steps) -> Sums:
    return steps.sums(steps.value), steps.sums(np.ones(len(steps.value)))


def _ratio_of_means(steps: Steps) -> Sums:
    value, second = (
        steps.means(column, np.ones(len(steps.value)))
        for column in (steps.value, steps.labels[0])
    )
    return value, second


def _of_third(steps: Steps) -> Steps:
    """The same steps with their second label as the value."""
    ids = steps.ids[steps.problem]
    return group_steps(steps.labels[1], ids, steps.weight, second=steps.labels[0])


def _auc_over_third(steps: Steps) -> PairedDifference:
    return PairedDifference(steps_auc(steps), steps_auc(_of_third(steps)))


def _spearman_over_third(steps: Steps) -> Floats:
    return problem_spearman(steps) - problem_spearman(_of_third(steps))


def _above(values: Floats) -> Floats:
    return np.where(np.isnan(values), np.nan, values > 0)


def _per_problem(steps: Steps) -> Floats:
    return problem_difference(steps) if steps.labels else problem_mean(steps)


def _hedges(steps: Steps) -> HedgesG:
    values = _per_problem(steps)
    return HedgesG(values[~np.isnan(values)])


MEAN_OF_PROBLEMS = mean_over_problems(problem_mean)
"""Mean over problems of the problem's mean value."""

MEAN_OF_STEPS = ratio_of(_over_steps, MEAN_METHOD)
"""Mean over all steps, whatever their problem."""

SHARE_OF_PROBLEMS = mean_over_problems(problem_mean, SHARE_METHOD, 0.0, 1.0, share=True)
"""Mean over problems of the problem's share of ones; values are 1 or 0."""

SHARE_OF_STEPS = ratio_of(_over_steps, SHARE_METHOD, 0.0, 1.0, share=True)
"""Share of ones over all steps; values are 1 or 0."""

DIFFERENCE = mean_over_problems(problem_difference)
"""Mean over problems of the mean value of steps with second = 1 less that of steps with second = 0."""

SEPARATED = mean_over_problems(problem_separated, SHARE_METHOD, 0.0, 1.0, share=True)
"""Share of problems in which every value with second = 1 exceeds every value with second = 0."""

SEPARATED_MEANS = mean_over_problems(
    lambda steps: _above(problem_difference(steps)), SHARE_METHOD, 0.0, 1.0, share=True
)
"""Share of problems in which the mean value with second = 1 exceeds that with second = 0."""

AUC = Estimator(None, steps_auc, AUC_METHOD, 0.0, 1.0, SHARE_DIFFERENCE_METHOD)
"""Chance that a step with second = 1 has a larger value than one with second = 0, pooled over problems, ties half."""

AUC_WITHIN = mean_over_problems(problem_aucs, AUC_METHOD, 0.0, 1.0, share=True)
"""Mean over problems of the AUC inside the problem."""

PEARSON = mean_over_problems(problem_pearson, MEAN_METHOD, -1.0, 1.0)
"""Mean over problems of Pearson's correlation of value and second inside the problem (three steps or more)."""

SPEARMAN = mean_over_problems(problem_spearman, MEAN_METHOD, -1.0, 1.0)
"""Mean over problems of the rank correlation of value and second inside the problem (three steps or more)."""

SPEARMAN_POOLED = Estimator(None, PooledSpearman, MEAN_METHOD, -1.0, 1.0)
"""Rank correlation of value and second over all steps or chains, whatever their problem (three or more)."""

PEARSON_OVER_ZERO = mean_over_problems(
    lambda steps: _above(problem_pearson(steps)), SHARE_METHOD, 0.0, 1.0, share=True
)
"""Share of problems whose Pearson's correlation of value and second is above zero."""

MEDIAN = Estimator(None, median_of, "woodruff", pair_method="percentile")
"""Median over all steps."""

HEDGES_G = Estimator(_value_sums(_per_problem), _hedges, MEAN_METHOD)
"""Hedges' g against zero of one value a problem: its mean, or with a second its difference as in `DIFFERENCE`."""

RATIO_OF_MEANS = ratio_of(_ratio_of_means, MEAN_METHOD)
"""Mean over problems of the problem's mean value, over the same mean of second."""

PARTIAL_R2 = Estimator(None, partial_r2, R2_METHOD, 0.0, 1.0)
"""Share of the variance of value that second explains beside third; all three centred within chains."""

PARTIAL_SLOPE = Estimator(None, partial_slope, MEAN_METHOD)
"""Change of value with second where third is the same, by least squares; all three centred within chains."""

AUC_OVER_THIRD = Estimator(None, _auc_over_third, SHARE_DIFFERENCE_METHOD, -1.0, 1.0)
"""AUC of value less AUC of third, for the same label second, pooled over problems."""

SPEARMAN_OVER_THIRD = mean_over_problems(_spearman_over_third, MEAN_METHOD, -2.0, 2.0)
"""Mean over problems of the rank correlation of value and second less that of third and second."""
