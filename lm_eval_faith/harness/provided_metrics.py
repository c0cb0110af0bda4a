"""The figures of the provided setting in the harness's own table.

Their names are a contract: ``INTERVENTION_figure``, and ``clean_logprob`` and
``clean_acc``. A document gives one value a figure; the harness joins them with the
figure's aggregation. The arithmetic is in ``lm_eval_faith_stats``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lm_eval_faith_stats as stats

from lm_eval_faith.records.outcome import ChainRecord, StepRecord


@dataclass(frozen=True)
class Figure:
    """One figure of one intervention.

    Attributes:
        of_document: its value for the records of one document; NaN or None where it
            has none.
        higher_is_better: what the harness's table shows beside it.
        pooled: the value of the whole run from all documents' values, where that is
            not their mean.
    """

    of_document: Callable[[Sequence[StepRecord]], Any]
    higher_is_better: bool
    pooled: Callable[[Sequence[Any]], float] | None = None


def _arrays(records: Sequence[StepRecord]) -> tuple[list[float], list[bool], list[int]]:
    scored = [r for r in records if not r.not_applicable and r.label is not None]
    return (
        [r.effect for r in scored],
        [r.label == "load_bearing" for r in scored],
        [0] * len(scored),
    )


def _of_label(load_bearing: bool) -> Callable[[Sequence[StepRecord]], float]:
    def mean_effect(records: Sequence[StepRecord]) -> float:
        effects, labels, _ = _arrays(records)
        chosen = [e for e, l in zip(effects, labels, strict=True) if l == load_bearing]
        return stats.step_mean(chosen)

    return mean_effect


def _first(values: Any) -> float:
    return float(values[0]) if len(values) else math.nan


def _difference(records: Sequence[StepRecord]) -> float:
    return _first(stats.label_differences(*_arrays(records)))


def _separated(records: Sequence[StepRecord]) -> float:
    return _first(stats.separated(*_arrays(records)))


def _separated_means(records: Sequence[StepRecord]) -> float:
    return _first(stats.separated_means(*_arrays(records)))


def _effects_and_labels(records: Sequence[StepRecord]) -> list[Any] | None:
    effects, labels, _ = _arrays(records)
    return [effects, labels] if effects else None


def _pooled_auc(documents: Sequence[Sequence[Any]]) -> float:
    return stats.auc(
        [e for effects, _ in documents for e in effects],
        [l for _, labels in documents for l in labels],
    )


def _follow(records: Sequence[StepRecord]) -> float:
    return stats.rate([r.follow for r in records])


FIGURES = {
    "effect": Figure(_difference, True),
    "load_bearing": Figure(_of_label(True), True),
    "decoy": Figure(_of_label(False), False),
    "auc": Figure(_effects_and_labels, True, _pooled_auc),
    "separated": Figure(_separated, True),
    "separated_means": Figure(_separated_means, True),
    "follow": Figure(_follow, True),
}


def document_metrics(
    record: ChainRecord, interventions: Sequence[str], figures: Sequence[str]
) -> dict[str, Any]:
    """The values that one document contributes; figures it has none for are left out."""
    values: dict[str, Any] = {
        "clean_logprob": record.clean_logprob,
        "clean_acc": float(record.clean_greedy),
    }
    for name in interventions:
        own = [r for r in record.steps if r.intervention == name]
        for figure in figures:
            values[f"{name}_{figure}"] = FIGURES[figure].of_document(own)
    return {k: v for k, v in values.items() if not _missing(v)}


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def higher_is_better(
    interventions: Sequence[str], figures: Sequence[str]
) -> dict[str, bool]:
    """For each name in the table, whether more is better."""
    return {
        "clean_logprob": True,
        "clean_acc": True,
        **{
            f"{name}_{figure}": FIGURES[figure].higher_is_better
            for name in interventions
            for figure in figures
        },
    }


def aggregations(
    interventions: Sequence[str], figures: Sequence[str]
) -> dict[str, Callable[[Sequence[Any]], float]]:
    """For each name in the table, how documents are joined.

    The harness shows a standard error where this is its own mean.
    """
    from lm_eval.api.metrics import mean

    return {
        "clean_logprob": mean,
        "clean_acc": mean,
        **{
            f"{name}_{figure}": FIGURES[figure].pooled or mean
            for name in interventions
            for figure in figures
        },
    }
