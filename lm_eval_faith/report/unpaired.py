"""Every pair of models, each on its own problems: `stats.unpaired_difference`, batched.

A model's resampled means are drawn once for each side that it can stand on, and not once
a pair; figures with as many problems are resampled in one matrix product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Bootstrap, Comparison, PairComparison
from lm_eval_faith_stats.bootstrap import (
    Resampled,
    above_rounding,
    estimate_of,
    on_exact_grid,
    resample_counts,
    why_no_interval,
)
from lm_eval_faith_stats.compare import UNPAIRED_METHOD, p_value_of

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class DrawnMean:
    """The mean over problems of one model's values, and what resampling makes of it.

    Attributes:
        mean, error: of the sample, and its standard error; NaN where undefined.
        problems: how many have a value.
        means, errors: of each resample, shape (n_resamples,).
    """

    mean: float
    error: float
    problems: int
    means: np.ndarray
    errors: np.ndarray


def all_unpaired(
    tables: Mapping[Name, np.ndarray], bootstrap: Bootstrap
) -> dict[Name, tuple[PairComparison, ...]]:
    """For each figure the pairs (0, 1), (0, 2), ... of its (models, problems) table.

    Values are NaN where a model has none; such problems are left out for that model
    only. p-values are adjusted over the pairs of a figure.
    """
    n_models = max((len(table) for table in tables.values()), default=0)
    if bootstrap.method in ("default", UNPAIRED_METHOD):
        first = [_drawn(tables, m, bootstrap, bootstrap.seed) for m in range(n_models)]
        second = [
            _drawn(tables, m, bootstrap, bootstrap.seed + 1) for m in range(n_models)
        ]
    found = {}
    for name, table in tables.items():
        pairs = list(combinations(range(n_models), 2))
        if bootstrap.method in ("default", UNPAIRED_METHOD):
            compared = [
                _compared(first[i][name], second[j][name], table.shape[1], bootstrap)
                for i, j in pairs
            ]
        else:
            compared = [
                stats.unpaired_difference(table[i], table[j], bootstrap)
                for i, j in pairs
            ]
        found[name] = _adjusted(pairs, compared)
    return found


def _drawn(
    tables: Mapping[Name, np.ndarray], model: int, bootstrap: Bootstrap, seed: int
) -> dict[Name, DrawnMean]:
    """One model's means of every figure."""
    kept = {
        name: table[model][~np.isnan(table[model])] for name, table in tables.items()
    }
    alike: dict[int, list[Name]] = defaultdict(list)
    for name, values in kept.items():
        alike[len(values)].append(name)
    found = {}
    for n, names in alike.items():
        columns = np.column_stack([kept[name] for name in names])
        drawn = _of_columns(columns, bootstrap.n_resamples, seed) if n > 1 else None
        for k, name in enumerate(names):
            mean = float(kept[name].mean()) if n else float("nan")
            found[name] = (
                DrawnMean(mean, float("nan"), n, np.empty(0), np.empty(0))
                if drawn is None
                else DrawnMean(mean, float(drawn[0][k]), n, drawn[1][k], drawn[2][k])
            )
    return found


def _of_columns(
    values: np.ndarray, n_resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard errors (m,), resampled means and their errors (m, resamples) of columns."""
    n, m = values.shape
    points = values.mean(axis=0)
    centred = values - points
    in_sample = np.einsum("ij,ij->j", centred, centred)
    columns = on_exact_grid(np.hstack([centred, centred * centred]))

    def moments(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = weights @ columns
        shift = sums[:, :m] / n
        squares = sums[:, m:] - shift * sums[:, :m]
        squares = above_rounding(squares, points, in_sample, n)
        return points + shift, np.sqrt(squares * n / (n - 1)) / n

    error = moments(np.ones((1, n)))[1][0]
    blocks = [
        moments(counts.astype(np.float64))
        for counts in resample_counts(n, n_resamples, seed)
    ]
    means, errors = (np.ascontiguousarray(np.concatenate(b).T) for b in zip(*blocks))
    return error, means, errors


def _compared(
    one: DrawnMean, other: DrawnMean, n_listed: int, bootstrap: Bootstrap
) -> Comparison:
    fewer, both = min(one.problems, other.problems), one.problems + other.problems
    point = one.mean - other.mean
    error = float(np.hypot(one.error, other.error))
    pivots = np.empty(0)
    if error > 0:
        with np.errstate(invalid="ignore", divide="ignore"):
            pivots = (one.means - other.means - point) / np.hypot(
                one.errors, other.errors
            )
    sampled = Resampled(
        point,
        error,
        UNPAIRED_METHOD,
        fewer,
        pivots,
        np.empty(0),
        why_no_interval(point, fewer),
    )
    n_missing = 2 * n_listed - both
    estimate = estimate_of(
        sampled, bootstrap.confidence_level, n_steps=both, n_missing=n_missing
    )
    return Comparison(
        replace(estimate, n_problems=both), p_value_of(sampled), paired=False
    )


def _adjusted(
    pairs: list[tuple[int, int]], compared: list[Comparison]
) -> tuple[PairComparison, ...]:
    p_values = [comparison.p_value for comparison in compared]
    adjusted = zip(
        stats.holm(p_values), stats.benjamini_hochberg(p_values), strict=True
    )
    return tuple(
        PairComparison(*pair, comparison, float(holm), float(bh))
        for pair, comparison, (holm, bh) in zip(pairs, compared, adjusted, strict=True)
    )
