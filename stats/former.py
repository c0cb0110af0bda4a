"""The numbers by functions of one metric each, for callers that do not yet name an estimator.

Each is its estimator's `point`, `estimate` or `all_pairs` with the arrays as arguments; effects are in nats, NaN left out,
and problems are whole numbers. New code takes an `Estimator`; what loses its last caller here goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .auc import problem_aucs
from .bootstrap import BOOTSTRAP, Bootstrap, Estimate
from .compare import Comparison, PairComparison
from .correlation import problem_pearson, problem_spearman
from .effects import problem_difference, problem_mean, problem_separated
from .estimators import (
    AUC,
    AUC_WITHIN,
    DIFFERENCE,
    HEDGES_G,
    MEAN_OF_PROBLEMS,
    MEAN_OF_STEPS,
    MEDIAN,
    PEARSON,
    PEARSON_OVER_ZERO,
    SEPARATED,
    SEPARATED_MEANS,
    SHARE_OF_PROBLEMS,
    SHARE_OF_STEPS,
    SPEARMAN,
    Estimator,
    Sample,
)
from .intervals import Floats
from .steps import as_label, as_values, check_finite, group_steps

N_THIRDS = 3


def problem_means(
    effect: ArrayLike, problem: ArrayLike
) -> tuple[NDArray[np.int64], Floats]:
    """Ids of the problems with an applicable step, ascending, and the mean effect of each: two (problems,) arrays."""
    steps = group_steps(effect, problem)
    return steps.ids, problem_mean(steps)


def mean_of_problem_means(effect: ArrayLike, problem: ArrayLike) -> float:
    """Mean over problems of the problem's mean effect; NaN without any applicable step."""
    return MEAN_OF_PROBLEMS.point(_sample(effect, problem))


def mean_of_problem_means_estimate(
    effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`mean_of_problem_means` with its interval."""
    return MEAN_OF_PROBLEMS.estimate(_sample(effect, problem), bootstrap)


def mean_estimate(
    per_problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
    *,
    n_steps: int | None = None,
    n_missing: int | None = None,
    share: bool = False,
) -> Estimate:
    """Mean over problems of one value a problem, with its interval.

    per_problem: (problems,) in the order of their ids, NaN where a problem has none. n_steps: the steps behind the
    values, the number of problems unless given. n_missing: unless given, the number of NaN. share: whether every value
    lies between 0 and 1.
    """
    by = SHARE_OF_PROBLEMS if share else MEAN_OF_PROBLEMS
    found = by.estimate(_per_problem(per_problem, "per_problem"), bootstrap)
    return replace(
        found,
        n_steps=found.n_steps if n_steps is None else n_steps,
        n_missing=found.n_missing if n_missing is None else n_missing,
    )


def step_mean(effect: ArrayLike) -> float:
    """Mean over all applicable steps, whatever their problem; NaN without any."""
    return MEAN_OF_STEPS.point(_of_one_problem(effect))


def step_mean_estimate(
    effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`step_mean` with its interval."""
    return MEAN_OF_STEPS.estimate(_sample(effect, problem), bootstrap)


def rate(hit: ArrayLike) -> float:
    """Share of ones among 0, 1 or NaN; NaN without any. Raises ValueError where an entry is none of these."""
    return SHARE_OF_STEPS.point(_of_one_problem(_hits(hit)))


def rate_estimate(
    hit: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`rate` with its interval."""
    return SHARE_OF_STEPS.estimate(_sample(_hits(hit), problem), bootstrap)


def share_at_threshold(effect: ArrayLike, threshold: float = 1.0) -> float:
    """Share of applicable steps whose effect is at or over the threshold; NaN without any."""
    return rate(_at_threshold(effect, threshold))


def share_at_threshold_estimate(
    effect: ArrayLike,
    problem: ArrayLike,
    threshold: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`share_at_threshold` with its interval."""
    return rate_estimate(_at_threshold(effect, threshold), problem, bootstrap)


def share_curve_estimate(
    effect: ArrayLike,
    problem: ArrayLike,
    thresholds: Sequence[float],
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Estimate, ...]:
    """`share_at_threshold` with its interval at each of the thresholds, in their order. Intervals are pointwise."""
    return tuple(
        share_at_threshold_estimate(effect, problem, threshold, bootstrap)
        for threshold in thresholds
    )


def share_negative(effect: ArrayLike) -> float:
    """Share of applicable steps whose effect is below zero; NaN without any."""
    return rate(_negative(effect))


def share_negative_estimate(
    effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`share_negative` with its interval."""
    return rate_estimate(_negative(effect), problem, bootstrap)


def median_effect(effect: ArrayLike) -> float:
    """Median over all applicable steps; NaN without any."""
    return MEDIAN.point(_of_one_problem(effect))


def median_effect_estimate(
    effect: ArrayLike, problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`median_effect` with its interval."""
    return MEDIAN.estimate(_sample(effect, problem), bootstrap)


def hedges_g(per_problem: ArrayLike) -> float:
    """Hedges' g of values against zero; NaN with fewer than two problems or without variation."""
    return HEDGES_G.point(_per_problem(per_problem, "per_problem"))


def hedges_g_estimate(
    per_problem: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Estimate:
    """`hedges_g` with its interval."""
    return HEDGES_G.estimate(_per_problem(per_problem, "per_problem"), bootstrap)


def auc_estimate(
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """The AUC of the pooled steps with its interval."""
    return AUC.estimate(_sample(effect, problem, load_bearing), bootstrap)


def within_problem_aucs(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> Floats:
    """AUC inside each problem with an applicable step: (problems,), by ascending id; NaN where a kind is missing."""
    return problem_aucs(group_steps(effect, problem, load_bearing=load_bearing))


def mean_within_problem_auc(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> float:
    """Mean of the AUC inside each problem, over the problems that have both kinds of step; NaN without any."""
    return AUC_WITHIN.point(_sample(effect, problem, load_bearing))


def mean_within_problem_auc_estimate(
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`mean_within_problem_auc` with its interval."""
    return AUC_WITHIN.estimate(_sample(effect, problem, load_bearing), bootstrap)


def separated(effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike) -> Floats:
    """Whether every load-bearing effect exceeds every decoy effect: (problems,), by ascending id, 1, 0 or NaN."""
    return problem_separated(group_steps(effect, problem, load_bearing=load_bearing))


def separated_means(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> Floats:
    """Whether the mean load-bearing effect exceeds the mean decoy effect: as `separated`."""
    difference = label_differences(effect, load_bearing, problem)
    return np.where(np.isnan(difference), np.nan, difference > 0)


def label_differences(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> Floats:
    """Mean load-bearing effect less mean decoy effect: (problems,), by ascending id; NaN where one lacks."""
    return problem_difference(group_steps(effect, problem, load_bearing=load_bearing))


def share_separated(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> float:
    """Share of problems that are separated, among those with both kinds of step; NaN without any."""
    return SEPARATED.point(_sample(effect, problem, load_bearing))


def share_separated_means(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> float:
    """Share of problems whose means are separated, among those with both kinds of step; NaN without any."""
    return SEPARATED_MEANS.point(_sample(effect, problem, load_bearing))


def mean_label_difference(
    effect: ArrayLike, load_bearing: ArrayLike, problem: ArrayLike
) -> float:
    """Mean over problems of `label_differences`; NaN without any."""
    return DIFFERENCE.point(_sample(effect, problem, load_bearing))


def share_separated_estimate(
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`share_separated` with its interval."""
    return SEPARATED.estimate(_sample(effect, problem, load_bearing), bootstrap)


def share_separated_means_estimate(
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`share_separated_means` with its interval."""
    return SEPARATED_MEANS.estimate(_sample(effect, problem, load_bearing), bootstrap)


def mean_label_difference_estimate(
    effect: ArrayLike,
    load_bearing: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`mean_label_difference` with its interval."""
    return DIFFERENCE.estimate(_sample(effect, problem, load_bearing), bootstrap)


def third_means(effect: ArrayLike, third: ArrayLike) -> tuple[float, ...]:
    """Mean effect over the steps of the early, middle and late third (0, 1, 2); NaN for a third without steps."""
    values, inside = _by_third(effect, third)
    return tuple(step_mean(values[chosen]) for chosen in inside)


def third_mean_estimates(
    effect: ArrayLike,
    problem: ArrayLike,
    third: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Estimate, ...]:
    """`third_means` with their intervals, each over the problems that have a step in that third."""
    values, inside = _by_third(effect, third)
    ids = np.asarray(problem)
    return tuple(
        step_mean_estimate(values[chosen], ids[chosen], bootstrap) for chosen in inside
    )


def third_shares(
    effect: ArrayLike, third: ArrayLike, threshold: float = 1.0
) -> tuple[float, ...]:
    """Share of the steps of each third that are at or over the threshold; NaN for a third without steps."""
    values, inside = _by_third(effect, third)
    return tuple(share_at_threshold(values[chosen], threshold) for chosen in inside)


def third_share_estimates(
    effect: ArrayLike,
    problem: ArrayLike,
    third: ArrayLike,
    threshold: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Estimate, ...]:
    """`third_shares` with their intervals, each over the problems that have a step in that third."""
    values, inside = _by_third(effect, third)
    ids = np.asarray(problem)
    return tuple(
        share_at_threshold_estimate(values[chosen], ids[chosen], threshold, bootstrap)
        for chosen in inside
    )


def within_problem_pearson(
    effect: ArrayLike, other: ArrayLike, problem: ArrayLike
) -> Floats:
    """Pearson's correlation in each problem with an applicable step: (problems,), by ascending id; NaN where none."""
    return problem_pearson(group_steps(effect, problem, other=other))


def within_problem_spearman(
    effect: ArrayLike, other: ArrayLike, problem: ArrayLike
) -> Floats:
    """Spearman's rank correlation, ties averaged: otherwise as `within_problem_pearson`."""
    return problem_spearman(group_steps(effect, problem, other=other))


def position_correlation(
    effect: ArrayLike, position: ArrayLike, problem: ArrayLike
) -> float:
    """Mean over problems of Pearson's correlation of position and effect inside the problem; NaN without any."""
    return PEARSON.point(_sample(effect, problem, position))


def position_correlation_estimate(
    effect: ArrayLike,
    position: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`position_correlation` with its interval."""
    return PEARSON.estimate(_sample(effect, problem, position), bootstrap)


def position_rank_correlation(
    effect: ArrayLike, position: ArrayLike, problem: ArrayLike
) -> float:
    """As `position_correlation`, with Spearman's correlation."""
    return SPEARMAN.point(_sample(effect, problem, position))


def position_rank_correlation_estimate(
    effect: ArrayLike,
    position: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`position_rank_correlation` with its interval."""
    return SPEARMAN.estimate(_sample(effect, problem, position), bootstrap)


def share_positive_correlation(
    effect: ArrayLike, position: ArrayLike, problem: ArrayLike
) -> float:
    """Share of problems whose Pearson's correlation of position and effect is above zero; NaN without any."""
    return PEARSON_OVER_ZERO.point(_sample(effect, problem, position))


def share_positive_correlation_estimate(
    effect: ArrayLike,
    position: ArrayLike,
    problem: ArrayLike,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Estimate:
    """`share_positive_correlation` with its interval."""
    return PEARSON_OVER_ZERO.estimate(_sample(effect, problem, position), bootstrap)


def paired_difference(
    first: ArrayLike, second: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Comparison:
    """Mean over shared problems of the difference of any per-problem value: (problems,) each, NaN where none."""
    one, other = as_values(first, "first"), as_values(second, "second")
    if one.shape != other.shape:
        raise ValueError(
            f"paired values must be of the same problems: {one.shape}, {other.shape}"
        )
    (pair,) = all_pairs({"": np.array([one, other])}, bootstrap)[""]
    return pair.comparison


def all_pairs(
    values: Mapping[str, ArrayLike], bootstrap: Bootstrap = BOOTSTRAP
) -> dict[str, tuple[PairComparison, ...]]:
    """`MEAN_OF_PROBLEMS.all_pairs`, paired, of several metrics: name to a (models, problems) array, NaN where none.

    Counts are of problems: n_steps as n_problems, n_missing of those that one of the two lacks.
    """
    found = {}
    for name, given in values.items():
        table = np.asarray(given, dtype=np.float64)
        if table.ndim != 2:
            raise ValueError(
                f"{name} must be of shape (models, problems), not {table.shape}"
            )
        check_finite(table.ravel(), name)
        samples = [Sample(row, np.arange(table.shape[1])) for row in table]
        pairs = MEAN_OF_PROBLEMS.all_pairs(samples, bootstrap, paired=True)
        found[name] = tuple(_of_problems(pair, table.shape[1]) for pair in pairs)
    return found


def unpaired_difference(
    first: ArrayLike, second: ArrayLike, bootstrap: Bootstrap = BOOTSTRAP
) -> Comparison:
    """Difference of the means over problems of two models that need not share problems: (problems,) each."""
    samples = [_per_problem(first, "first"), _per_problem(second, "second")]
    return _only(MEAN_OF_PROBLEMS, samples, bootstrap, paired=False)


def paired_step_difference(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Comparison:
    """Difference of the means over steps on the problems both have: (effect, problem) each."""
    samples = [_sample(*first), _sample(*second)]
    return _only(MEAN_OF_STEPS, samples, bootstrap, paired=True)


def unpaired_step_difference(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Comparison:
    """Difference of the means over steps of two models that need not share problems: (effect, problem) each."""
    samples = [_sample(*first), _sample(*second)]
    return _only(MEAN_OF_STEPS, samples, bootstrap, paired=False)


Labelled = tuple[ArrayLike, ArrayLike, ArrayLike]


def paired_auc_difference(
    first: Labelled, second: Labelled, bootstrap: Bootstrap = BOOTSTRAP
) -> Comparison:
    """Difference of the pooled AUCs on the problems both have: (effect, load_bearing, problem) each."""
    (pair,) = all_pairs_auc([first, second], bootstrap)
    return pair.comparison


def all_pairs_auc(
    models: Sequence[Labelled], bootstrap: Bootstrap = BOOTSTRAP
) -> tuple[PairComparison, ...]:
    """`AUC.all_pairs`, paired: one (effect, load_bearing, problem) a model."""
    samples = [_sample(effect, problem, label) for effect, label, problem in models]
    return AUC.all_pairs(samples, bootstrap, paired=True)


def _only(
    by: Estimator, samples: Sequence[Sample], bootstrap: Bootstrap, *, paired: bool
) -> Comparison:
    (pair,) = by.all_pairs(samples, bootstrap, paired)
    return pair.comparison


def _of_problems(pair: PairComparison, n_listed: int) -> PairComparison:
    estimate = pair.comparison.estimate
    n = estimate.n_problems
    estimate = replace(estimate, n_steps=n, n_missing=n_listed - n)
    return replace(pair, comparison=replace(pair.comparison, estimate=estimate))


def _sample(
    effect: ArrayLike, problem: ArrayLike, second: ArrayLike | None = None
) -> Sample:
    other = None if second is None else np.asarray(second, dtype=np.float64)
    return Sample(np.asarray(effect, dtype=np.float64), np.asarray(problem), other)


def _per_problem(values: ArrayLike, name: str) -> Sample:
    checked = as_values(values, name)
    return Sample(checked, np.arange(len(checked)))


def _of_one_problem(effect: ArrayLike) -> Sample:
    values = as_values(effect, "effect")
    return Sample(values, np.zeros(len(values), dtype=np.int64))


def _hits(hit: ArrayLike) -> Floats:
    values = as_values(hit, "hit")
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise ValueError("hit must hold 0, 1 or NaN only")
    return values


def _at_threshold(effect: ArrayLike, threshold: float) -> Floats:
    values = as_values(effect, "effect")
    if not np.isfinite(threshold):
        raise ValueError(f"threshold must be a finite number of nats, not {threshold}")
    return np.where(np.isnan(values), np.nan, values >= threshold)


def _negative(effect: ArrayLike) -> Floats:
    values = as_values(effect, "effect")
    return np.where(np.isnan(values), np.nan, values < 0)


def _by_third(
    effect: ArrayLike, third: ArrayLike
) -> tuple[Floats, list[NDArray[np.bool_]]]:
    values = as_values(effect, "effect")
    thirds = as_label(third, "third", len(values))
    if not np.isin(thirds, range(N_THIRDS)).all():
        raise ValueError("third must hold 0 (early), 1 (middle) or 2 (late) only")
    return values, [thirds == k for k in range(N_THIRDS)]
