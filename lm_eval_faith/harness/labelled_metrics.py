"""What labels add to the figures of written chains in the harness's own table.

Their names are a contract: ``INTERVENTION_auc``, ``_load_bearing``, ``_decoy`` over
labelled steps, and ``_chain_auc`` over labelled chains, whose score is the mean effect
of their steps. Where the control was run, effects are differences from the control at
the same step, as everywhere in written chains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lm_eval_faith_stats as stats

from lm_eval_faith.harness.generated_metrics import MeasuredSteps, measured_steps
from lm_eval_faith.records.outcome import CONTROL, ChainRecord

FIGURES = {"auc": True, "chain_auc": True, "load_bearing": True, "decoy": False}
"""The figures of an intervention, and whether more is better."""


def figures_for(steps: Mapping[str, int], chains: Mapping[str, int]) -> tuple[str, ...]:
    """The figures that can be made from so many labels of each kind."""
    there = {
        "auc": steps["load_bearing"] and steps["decoy"],
        "chain_auc": chains["load_bearing"] and chains["decoy"],
        "load_bearing": steps["load_bearing"],
        "decoy": steps["decoy"],
    }
    return tuple(figure for figure in FIGURES if there[figure])


def document_metrics(
    record: ChainRecord, interventions: Sequence[str], figures: Sequence[str]
) -> dict[str, list[Any]]:
    """What one document gives to each figure; empty ones are left out.

    For an AUC a pair an item: its score, and whether it is load-bearing.
    """
    found: dict[str, list[Any]] = {}
    for name in interventions:
        if name == CONTROL:
            continue
        steps = measured_steps(record, name, CONTROL in interventions)
        for figure in figures:
            found[f"{name}_{figure}"] = _values(figure, record, steps)
    return {name: values for name, values in found.items() if values}


def _values(figure: str, record: ChainRecord, steps: MeasuredSteps) -> list[Any]:
    told = [
        (effect, label)
        for effect, label in zip(steps.effect, steps.label, strict=True)
        if label is not None
    ]
    if figure == "auc":
        return [[effect, label == "load_bearing"] for effect, label in told]
    if figure == "chain_auc":
        if record.label is None or not steps.effect:
            return []
        return [[stats.step_mean(steps.effect), record.label == "load_bearing"]]
    return [effect for effect, label in told if label == figure]


def aggregations(
    interventions: Sequence[str], figures: Sequence[str]
) -> dict[str, Callable[[Sequence[list[Any]]], float]]:
    """For each name in the table, how the values of documents are joined."""
    return {
        f"{name}_{figure}": _auc if figure in ("auc", "chain_auc") else _mean
        for name in interventions
        if name != CONTROL
        for figure in figures
    }


def higher_is_better(
    interventions: Sequence[str], figures: Sequence[str]
) -> dict[str, bool]:
    """For each name in the table, whether more is better."""
    return {
        f"{name}_{figure}": FIGURES[figure]
        for name in interventions
        if name != CONTROL
        for figure in figures
    }


def _auc(documents: Sequence[list[Any]]) -> float:
    pairs = [pair for values in documents for pair in values]
    return stats.auc([score for score, _ in pairs], [label for _, label in pairs])


def _mean(documents: Sequence[list[Any]]) -> float:
    return stats.step_mean([value for values in documents for value in values])
