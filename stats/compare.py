"""Models side by side: paired on the problems both have, or unpaired on each model's own.

Every comparison is a difference, first less second, with an interval and a two-sided p-value against no difference from
the same resamples: the level at which the interval would just touch zero. A p-value from R resamples is at least
1 / (R + 1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import exp, log
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .adjust import benjamini_hochberg, holm
from .bootstrap import (
    FEWEST_PROBLEMS,
    FOR_ANY,
    Bootstrap,
    Estimate,
    LinearStatistic,
    Method,
    Ratio,
    Ratios,
    Resampled,
    Share,
    ShareStatistic,
    Statistic,
    WithLimits,
    above_rounding,
    bootstrap_values,
    error_of_influence,
    estimate_of,
    on_exact_grid,
    resample,
    resample_weights,
    why_no_interval,
    within,
)
from .intervals import Floats, Interval, bca_constants, mover_interval, pivots
from .steps import Steps

PAIRED_METHOD: Method = "studentised"
SHARE_DIFFERENCE_METHOD: Method = "mover"

TOGETHER: tuple[Method, ...] = ("studentised", "percentile")
"""Methods that need no more of a model than its values and influences at every resample."""

_BATCH_PAIRS = 128


@dataclass(frozen=True)
class Comparison:
    """The difference of two models, first less second.

    estimate: its point and interval; n_problems counts shared problems where paired, the problems of both where not.
    p_value: two-sided, against no difference; NaN where there is no interval. paired: whether problems were shared.
    """

    estimate: Estimate
    p_value: float
    paired: bool


@dataclass(frozen=True)
class PairComparison:
    """A comparison among several models. first, second: their rows. p_holm, p_bh: p-values adjusted over all pairs."""

    first: int
    second: int
    comparison: Comparison
    p_holm: float
    p_bh: float

    def within(self, lowest: float, highest: float) -> PairComparison:
        """The same with the interval of the difference cut to what it can be."""
        found = within(self.comparison.estimate, lowest, highest)
        return replace(self, comparison=replace(self.comparison, estimate=found))


def all_pairs_of(
    models: Sequence[Steps],
    statistic: Callable[[Steps], Statistic],
    method: Method,
    bootstrap: Bootstrap,
    paired: bool,
) -> tuple[PairComparison, ...]:
    """Every pair (0, 1), (0, 2), ... of models by one statistic, with p-values adjusted over the pairs.

    models: grouped steps of the problems that have a value. statistic: of such steps. method: where the bootstrap says
    "default". paired: on the problems that both have, by id. For studentised and percentile intervals, the usual case, a
    model is evaluated once a resample, whatever the number of its pairs, and ratios in one matrix product for many pairs;
    a pair is the same to rounding whether alone or among others.
    """
    pairs = list(combinations(range(len(models)), 2))
    chosen = method if bootstrap.method == "default" else bootstrap.method
    if chosen not in TOGETHER:
        compared = _one_by_one(models, statistic, method, bootstrap, paired, pairs)
    elif paired:
        compared = _paired(models, statistic, chosen, bootstrap, pairs)
    else:
        compared = _unpaired(models, statistic, chosen, bootstrap, pairs)
    p_values = [comparison.p_value for comparison in compared]
    adjusted = zip(holm(p_values), benjamini_hochberg(p_values), strict=True)
    return tuple(
        PairComparison(*pair, comparison, float(p_holm), float(p_bh))
        for pair, comparison, (p_holm, p_bh) in zip(
            pairs, compared, adjusted, strict=True
        )
    )


Pairs = Sequence[tuple[int, int]]


def _one_by_one(
    models: Sequence[Steps],
    statistic: Callable[[Steps], Statistic],
    method: Method,
    bootstrap: Bootstrap,
    paired: bool,
    pairs: Pairs,
) -> list[Comparison]:
    """Each pair by itself. An AUC's pairs of steps are counted once for each set of problems that is shared."""
    known: dict[tuple[int, bytes], tuple[Steps, LinearStatistic]] = {}

    def of_problems(
        model: int, ids: NDArray[np.int64]
    ) -> tuple[Steps, LinearStatistic]:
        key = model, ids.tobytes()
        if key not in known:
            steps = models[model].of_problems(ids)
            known[key] = steps, cast(LinearStatistic, statistic(steps))
        return known[key]

    compared = []
    for i, j in pairs:
        ids = models[i].ids, models[j].ids
        if paired:
            ids = (np.intersect1d(*ids),) * 2
        (one, first), (other, second) = of_problems(i, ids[0]), of_problems(j, ids[1])
        both = (
            PairedDifference(first, second)
            if paired
            else UnpairedDifference(first, second)
        )
        n_steps = len(one.value) + len(other.value)
        comparison = _compare(
            both,
            first.value_at_sample() - second.value_at_sample(),
            bootstrap,
            method,
            n_problems=min(one.n_problems, other.n_problems),
            n_steps=n_steps,
            n_missing=one.n_missing + other.n_missing,
            paired=paired,
        )
        if not paired:
            comparison = _of_both(comparison, one.n_problems + other.n_problems)
        compared.append(comparison)
    return compared


def _paired(
    models: Sequence[Steps],
    statistic: Callable[[Steps], Statistic],
    method: Method,
    bootstrap: Bootstrap,
    pairs: Pairs,
) -> list[Comparison]:
    """Differences on shared problems; pairs that share the same ones are resampled together."""
    shared: dict[bytes, list[int]] = defaultdict(list)
    ids = {}
    for place, (i, j) in enumerate(pairs):
        both = np.intersect1d(models[i].ids, models[j].ids)
        ids[both.tobytes()] = both
        shared[both.tobytes()].append(place)
    found: dict[int, Comparison] = {}
    for key, places in shared.items():
        for start in range(0, len(places), _BATCH_PAIRS):
            batch = places[start : start + _BATCH_PAIRS]
            rows = sorted({row for place in batch for row in pairs[place]})
            steps = [models[row].of_problems(ids[key]) for row in rows]
            where = [[rows.index(row) for row in pairs[place]] for place in batch]
            compared = _paired_batch(steps, statistic, where, method, bootstrap)
            found.update(zip(batch, compared, strict=True))
    return [found[place] for place in range(len(pairs))]


def _paired_batch(
    steps: Sequence[Steps],
    statistic: Callable[[Steps], Statistic],
    pairs: Sequence[Sequence[int]],
    method: Method,
    bootstrap: Bootstrap,
) -> list[Comparison]:
    """Pairs of models that have the same problems."""
    statistics = [statistic(s) for s in steps]
    first, second = np.array(pairs).T
    n = steps[0].n_problems
    points = [
        statistics[i].value_at_sample() - statistics[j].value_at_sample()
        for i, j in pairs
    ]
    errors, drawn = np.full(len(pairs), np.nan), np.empty((0, len(pairs)))
    ratios = [one for one in statistics if isinstance(one, Ratio)]
    if method != "studentised" or len(ratios) < len(steps):
        if n >= FEWEST_PROBLEMS:
            errors, drawn = _drawn_together(
                statistics, first, second, np.array(points), method, bootstrap
            )
    elif n > 1 and all((ratio.denominator == 1).all() for ratio in ratios):
        # Means over problems: the mean of the problems' differences.
        values = np.column_stack([ratio.numerator for ratio in ratios])
        differences = values[:, first] - values[:, second]
        points = [float(column.mean()) for column in differences.T]
        errors, drawn = _mean_pivots(differences, np.array(points), bootstrap)
    elif n > 1:
        errors, drawn = _ratio_pivots(ratios, first, second, bootstrap)
    return [
        _of_drawn(
            points[k],
            float(errors[k]),
            drawn[:, k],
            method,
            n_problems=n,
            n_steps=len(steps[i].value) + len(steps[j].value),
            n_missing=steps[i].n_missing + steps[j].n_missing,
            confidence_level=bootstrap.confidence_level,
            paired=True,
        )
        for k, (i, j) in enumerate(pairs)
    ]


def _drawn_together(
    statistics: Sequence[Statistic],
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    points: Floats,
    method: Method,
    bootstrap: Bootstrap,
) -> tuple[Floats, Floats]:
    """Standard errors (pairs,) of differences of any statistics of the same problems, and what the method draws of each,
    (n_resamples, pairs): values, or pivots where studentised."""

    def values_and_errors(weights: Floats) -> tuple[Floats, Floats]:
        both = [
            cast(LinearStatistic, one).value_and_influence(weights)
            for one in statistics
        ]
        values = np.column_stack([value for value, _ in both])
        errors = [
            error_of_influence(both[i][1] - both[j][1], weights)
            for i, j in zip(first, second, strict=True)
        ]
        return values[:, first] - values[:, second], np.column_stack(errors)

    strata = statistics[0].strata
    errors = values_and_errors(np.ones((1, sum(strata))))[1][0]
    drawn = []
    for weights in resample_weights(strata, bootstrap):
        if method == "percentile":
            values = np.column_stack([one.value(weights) for one in statistics])
            drawn.append(values[:, first] - values[:, second])
        else:
            differences, drawn_errors = values_and_errors(weights)
            drawn.append(pivots(differences - points, drawn_errors, errors))
    return errors, np.concatenate(drawn)


def _ratio_pivots(
    ratios: Sequence[Ratio],
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    bootstrap: Bootstrap,
) -> tuple[Floats, Floats]:
    """Standard errors (pairs,) and pivots (n_resamples, pairs) of differences of ratios over the same problems.

    With centred numerators s and denominators d of a problem, a resample's ratio is off by t = sum s / sum d, and the
    squared error of a difference is the sum over its problems of ((s1 - t1 d1) / D1 - (s2 - t2 d2) / D2) ** 2: made of
    the sums of s, d and their products, which are the columns below.
    """
    centre = np.array([ratio.value_at_sample() for ratio in ratios])
    d = np.column_stack([ratio.denominator for ratio in ratios])
    s = np.column_stack([ratio.numerator for ratio in ratios]) - centre * d
    s1, s2, d1, d2 = s[:, first], s[:, second], d[:, first], d[:, second]
    of_models, of_pairs = (
        (s, d, s * s, s * d, d * d),
        (s1 * s2, s1 * d2, d1 * s2, d1 * d2),
    )
    columns = on_exact_grid(np.hstack([*of_models, *of_pairs]))
    n, m = s.shape
    cuts = np.cumsum([m] * 5 + [len(first)] * 4)[:-1]

    def shifts_and_errors(weights: Floats) -> tuple[Floats, Floats]:
        sums = np.split(weights @ columns, cuts, axis=1)
        total_s, total, ss, sd, dd, s1s2, s1d2, d1s2, d1d2 = sums
        with np.errstate(invalid="ignore", divide="ignore"):
            t = total_s / total
            own = (ss - 2 * t * sd + t**2 * dd) / total**2
            t1, t2 = t[:, first], t[:, second]
            cross = s1s2 - t2 * s1d2 - t1 * d1s2 + t1 * t2 * d1d2
            apart = own[:, first] + own[:, second]
            squares = apart - 2 * cross / (total[:, first] * total[:, second])
            steps = (centre**2 * dd / total**2)[:, first] + (centre**2 * dd / total**2)[
                :, second
            ]
            squares = above_rounding(squares, 1.0, apart, steps)
            return t1 - t2, np.sqrt(squares * n / (n - 1))

    errors = shifts_and_errors(np.ones((1, n)))[1][0]
    found = [
        pivots(*shifts_and_errors(weights), errors)
        for weights in resample_weights((n,), bootstrap)
    ]
    return errors, np.concatenate(found)


def _unpaired(
    models: Sequence[Steps],
    statistic: Callable[[Steps], Statistic],
    method: Method,
    bootstrap: Bootstrap,
    pairs: Pairs,
) -> list[Comparison]:
    """Differences of different problems.

    A model's values are drawn once for each side that it can stand on, and not once a pair.
    """
    found = [statistic(model) for model in models]
    as_first = _drawn_each(found[:-1], method, bootstrap, bootstrap.seed)
    as_second = [None, *_drawn_each(found[1:], method, bootstrap, bootstrap.seed + 1)]
    compared = []
    for i, j in pairs:
        one, other = as_first[i], as_second[j]
        assert other is not None
        point = found[i].value_at_sample() - found[j].value_at_sample()
        error = float(np.hypot(one.error, other.error))
        drawn = np.empty(0)
        if len(one.values) and len(other.values):
            drawn = one.values - other.values
        if method == "studentised" and error > 0:
            drawn = pivots(drawn - point, np.hypot(one.errors, other.errors), error)
        comparison = _of_drawn(
            point,
            error,
            drawn,
            method,
            n_problems=min(models[i].n_problems, models[j].n_problems),
            n_steps=len(models[i].value) + len(models[j].value),
            n_missing=models[i].n_missing + models[j].n_missing,
            confidence_level=bootstrap.confidence_level,
            paired=False,
        )
        compared.append(
            _of_both(comparison, models[i].n_problems + models[j].n_problems)
        )
    return compared


@dataclass(frozen=True)
class Drawn:
    """A statistic's standard error, and its values and, where studentised, standard errors at each resample: (n_resamples,)."""

    error: float
    values: Floats
    errors: Floats


def _drawn_each(
    statistics: Sequence[Statistic], method: Method, bootstrap: Bootstrap, seed: int
) -> list[Drawn]:
    """Each model's statistic, resampled; studentised ratios of as many problems in one matrix product."""
    seeded = replace(bootstrap, seed=seed)
    alike: dict[int, list[int]] = defaultdict(list)
    found: dict[int, Drawn] = {}
    for row, one in enumerate(statistics):
        if sum(one.strata) < FEWEST_PROBLEMS:
            found[row] = Drawn(float("nan"), np.empty(0), np.empty(0))
        elif isinstance(one, Ratio) and method == "studentised":
            alike[sum(one.strata)].append(row)
        else:
            found[row] = _drawn(one, method, seeded)
    for n, rows in alike.items():
        ratios = [cast(Ratio, statistics[row]) for row in rows]
        several = Ratios(
            np.column_stack([ratio.numerator for ratio in ratios]),
            np.column_stack([ratio.denominator for ratio in ratios]),
        )
        error = several.values_and_errors(np.ones((1, n)))[1][0]
        blocks = [
            several.values_and_errors(weights)
            for weights in resample_weights((n,), seeded)
        ]
        values, errors = (np.concatenate(b).T for b in zip(*blocks, strict=True))
        for k, row in enumerate(rows):
            found[row] = Drawn(float(error[k]), values[k], errors[k])
    return [found[row] for row in range(len(statistics))]


def _drawn(statistic: Statistic, method: Method, bootstrap: Bootstrap) -> Drawn:
    ones = np.ones((1, sum(statistic.strata)))
    error = float(statistic.value_and_error(ones)[1][0])
    if method == "percentile":
        return Drawn(error, bootstrap_values(statistic, bootstrap), np.empty(0))
    blocks = [
        statistic.value_and_error(weights)
        for weights in resample_weights(statistic.strata, bootstrap)
    ]
    values, errors = (np.concatenate(b) for b in zip(*blocks, strict=True))
    return Drawn(error, values, errors)


def _of_drawn(
    point: float,
    error: float,
    drawn: Floats,
    method: Method,
    *,
    n_problems: int,
    n_steps: int,
    n_missing: int,
    confidence_level: float,
    paired: bool,
) -> Comparison:
    """The comparison from what the method has drawn of a difference."""
    why = why_no_interval(point, n_problems)
    if why:
        error = np.nan
    if why or (method == "studentised" and not error > 0):
        drawn = np.empty(0)
    own = np.ascontiguousarray(drawn)
    sampled = Resampled(point, error, method, n_problems, own, np.empty(0), why)
    estimate = estimate_of(
        sampled, confidence_level, n_steps=n_steps, n_missing=n_missing
    )
    return Comparison(estimate, p_value_of(sampled), paired)


def _of_both(comparison: Comparison, n_problems: int) -> Comparison:
    """The same with the problems of both models counted, and not those of the smaller sample."""
    return replace(
        comparison, estimate=replace(comparison.estimate, n_problems=n_problems)
    )


@dataclass(frozen=True)
class RankRange:
    """The ranks that a model may have, 1 the highest: from `best` to `worst`, both included."""

    best: int
    worst: int


def rank_ranges(
    n_models: int, pairs: Sequence[PairComparison], confidence_level: float = 0.95
) -> tuple[RankRange, ...]:
    """For each model, from 1 + those significantly above it to n_models - those significantly below it.

    pairs: of models 0 to n_models - 1. A pair is told apart where Holm's p-value of its difference is under
    1 - confidence_level, and then the sign of the difference says who is above; a pair that is missing or cannot be
    compared (NaN) is not told apart. With p-values adjusted over all pairs the ranges hold together for all models with
    that confidence: Mogstad et al. (2024), Rev. Econ. Stud. 91, 476-518.

    >>> from .bootstrap import BOOTSTRAP
    >>> from .estimators import MEAN_OF_PROBLEMS, Sample
    >>> problem = np.arange(30)
    >>> values = [problem / 10.0, problem / 10.0 + 0.1 * (problem % 2 - 0.5), problem / 10.0 - 5]
    >>> pairs = MEAN_OF_PROBLEMS.all_pairs([Sample(v, problem) for v in values], BOOTSTRAP, paired=True)
    >>> [(r.best, r.worst) for r in rank_ranges(3, pairs)]
    [(1, 2), (1, 2), (3, 3)]
    """
    above, below = np.zeros(n_models, dtype=int), np.zeros(n_models, dtype=int)
    for pair in pairs:
        if pair.p_holm < 1 - confidence_level:
            first_wins = pair.comparison.estimate.point > 0
            winner, loser = (
                (pair.first, pair.second) if first_wins else (pair.second, pair.first)
            )
            below[winner] += 1
            above[loser] += 1
    return tuple(
        RankRange(1 + int(over), n_models - int(under))
        for over, under in zip(above, below, strict=True)
    )


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two statistics of the same problems, resampled together."""

    first: LinearStatistic
    second: LinearStatistic
    share: bool = False

    @property
    def methods(self) -> tuple[Method, ...]:
        """Any, and MOVER for shares."""
        return _methods_of_difference(self.first, self.second)

    @property
    def strata(self) -> tuple[int, ...]:
        """The shared problems."""
        return self.first.strata

    def value_at_sample(self) -> float:
        """The difference of the sample itself."""
        return self.first.value_at_sample() - self.second.value_at_sample()

    @cached_property
    def shares(self) -> tuple[Share, Share, float]:
        """Both shares of the sample, and the correlation of the two over problems; 0 where one does not vary."""
        first = Share.of(cast(ShareStatistic, self.first))
        second = Share.of(cast(ShareStatistic, self.second))
        one, other = first.influence, second.influence
        scale = float(np.sqrt((one @ one) * (other @ other)))
        return first, second, float(one @ other) / scale if scale > 0 else 0.0

    def limits(self, confidence_level: float) -> Interval:
        """The interval by MOVER."""
        return _mover(*self.shares, confidence_level)

    def value(self, weights: Floats) -> Floats:
        """The difference at each row of weights."""
        return self.first.value(weights) - self.second.value(weights)

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """The difference and its standard error over problems at each row of weights."""
        difference, influence = self.value_and_influence(weights)
        return difference, error_of_influence(influence, weights)

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The difference, (rows,), and what one more drawing of a problem adds to it, (rows, problems), at each row."""
        first, influence = self.first.value_and_influence(weights)
        second, other = self.second.value_and_influence(weights)
        return first - second, influence - other


def _methods_of_difference(first: Statistic, second: Statistic) -> tuple[Method, ...]:
    return (*FOR_ANY, "mover") if first.share and second.share else FOR_ANY


def _mover(
    first: Share, second: Share, correlation: float, confidence_level: float
) -> Interval:
    return mover_interval(
        (first.point, first.limits(confidence_level)),
        (second.point, second.limits(confidence_level)),
        correlation,
    )


@dataclass(frozen=True)
class UnpairedDifference:
    """Difference of two statistics, each of its own problems, resampled independently."""

    first: Statistic
    second: Statistic
    share: bool = False

    @property
    def methods(self) -> tuple[Method, ...]:
        """Any, and MOVER for shares."""
        return _methods_of_difference(self.first, self.second)

    @property
    def strata(self) -> tuple[int, ...]:
        """The problems of the first, then those of the second."""
        return self.first.strata + self.second.strata

    def value_at_sample(self) -> float:
        """The difference of the sample itself."""
        return self.first.value_at_sample() - self.second.value_at_sample()

    @cached_property
    def shares(self) -> tuple[Share, Share, float]:
        """Both shares of the samples, and no correlation."""
        first = Share.of(cast(ShareStatistic, self.first))
        return first, Share.of(cast(ShareStatistic, self.second)), 0.0

    def limits(self, confidence_level: float) -> Interval:
        """The interval by MOVER."""
        return _mover(*self.shares, confidence_level)

    def value(self, weights: Floats) -> Floats:
        """The difference at each row of weights."""
        cut = sum(self.first.strata)
        return self.first.value(weights[:, :cut]) - self.second.value(weights[:, cut:])

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """The difference and its standard error over problems at each row of weights."""
        cut = sum(self.first.strata)
        first, error = self.first.value_and_error(weights[:, :cut])
        second, other = self.second.value_and_error(weights[:, cut:])
        return first - second, np.hypot(error, other)


def p_value_of(sampled: Resampled) -> float:
    """Two-sided p-value against zero: the level at which the interval of the same method would just touch zero."""
    if sampled.why_no_interval:
        return float("nan")
    point, error, n = sampled.point, sampled.error, sampled.n_problems
    if sampled.statistic:
        return _touching(sampled.statistic, point)
    if error == 0:
        # Identical differences everywhere: what is left is the test of their signs.
        return 1.0 if point == 0 else float(2.0 ** (1 - n))
    drawn = sampled.drawn[np.isfinite(sampled.drawn)]
    if sampled.method == "student":
        from scipy.special import stdtr

        return float(2 * stdtr(n - 1, -abs(point) / error))
    if sampled.method == "studentised":
        beyond = np.count_nonzero(np.abs(drawn) >= abs(point) / error)
        return (beyond + 1) / (len(drawn) + 1)
    if sampled.method == "bca":
        return _bca_p(drawn, sampled.jackknife, point)
    tail = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return min(1.0, 2 * (tail + 1) / (len(drawn) + 1))


def _touching(statistic: WithLimits, point: float) -> float:
    """1 less the confidence level at which the interval around the point just touches zero, no less than 1e-15."""

    def covers_zero(p_value: float) -> bool:
        low, high = statistic.limits(1 - p_value)
        return low <= 0 if point > 0 else high >= 0

    if point == 0:
        return 1.0
    smallest, largest = log(1e-15), 0.0
    if not covers_zero(exp(smallest)):
        return exp(smallest)
    while largest - smallest > 1e-6:
        middle = (smallest + largest) / 2
        if covers_zero(exp(middle)):
            smallest = middle
        else:
            largest = middle
    return exp(largest)


def _bca_p(drawn: Floats, jackknife: Floats, point: float) -> float:
    # The level at which an end of the bca interval is zero: Efron's (1987) endpoint formula solved for the level.
    from scipy.special import ndtr, ndtri

    bias, acceleration = bca_constants(drawn, jackknife, point)
    below = np.count_nonzero(drawn < 0) + np.count_nonzero(drawn <= 0)
    share = np.clip(
        below / (2 * len(drawn)), 1 / (len(drawn) + 1), len(drawn) / (len(drawn) + 1)
    )
    z = ndtri(share) - bias
    tail = float(ndtr(z / (1 + acceleration * z) - bias))
    return max(2 * min(tail, 1 - tail), 2 / (len(drawn) + 1))


def _compare(
    statistic: Statistic,
    point: float,
    bootstrap: Bootstrap,
    default: Method,
    *,
    n_problems: int,
    n_steps: int,
    n_missing: int,
    paired: bool,
) -> Comparison:
    sampled = resample(statistic, point, bootstrap, default, n_problems)
    estimate = estimate_of(
        sampled, bootstrap.confidence_level, n_steps=n_steps, n_missing=n_missing
    )
    return Comparison(estimate, p_value_of(sampled), paired)


def _mean_pivots(
    values: Floats, points: Floats, bootstrap: Bootstrap
) -> tuple[Floats, Floats]:
    """Standard errors (m,) and bootstrap pivots (n_resamples, m) of the means `points` of (problems, m) values.

    Number for number those of Ratio with a denominator of ones, for many columns in one matrix product.
    """
    n, m = values.shape
    centred = values - points
    in_sample = np.einsum("ij,ij->j", centred, centred)
    columns = on_exact_grid(np.hstack([centred, centred * centred]))

    def moments(weights: Floats) -> tuple[Floats, Floats]:
        sums = weights @ columns
        shift = sums[:, :m] / n
        squares = sums[:, m:] - 2 * shift * sums[:, :m] + shift**2 * n
        squares = above_rounding(squares, points, in_sample, n)
        return shift, np.sqrt(squares * n / (n - 1)) / n

    errors = moments(np.ones((1, n)))[1][0]
    found = []
    for weights in resample_weights((n,), bootstrap):
        shift, drawn_errors = moments(weights)
        found.append(pivots(points + shift - points, drawn_errors, errors))
    return errors, np.concatenate(found)
