"""The figures of each setting in the harness's own table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.metrics import mean

from lm_eval_faith.harness import (
    generated_metrics,
    labelled_metrics,
    provided_metrics,
)
from lm_eval_faith.harness.pooled_figures import Join
from lm_eval_faith.records.outcome import ChainRecord


@dataclass(frozen=True)
class SettingFigures:
    """What a document contributes, how documents are joined, and what is better."""

    of: Callable[[ChainRecord], dict[str, Any]]
    joins: Mapping[str, Join]
    higher_is_better: Mapping[str, bool]


def figures_of(
    setting: str,
    interventions: Sequence[str],
    chosen: Sequence[str],
    threshold: float,
    labels: tuple[Mapping[str, int], Mapping[str, int]],
) -> SettingFigures:
    """The figures of a setting.

    Args:
        setting: its name.
        interventions: their names.
        chosen: which figures of provided chains are shown.
        threshold: in nats.
        labels: how many steps, and chains, there are of each label.
    """
    if setting == "provided":
        return SettingFigures(
            lambda record: provided_metrics.document_metrics(
                record, interventions, chosen
            ),
            provided_metrics.aggregations(interventions, chosen),
            provided_metrics.higher_is_better(interventions, chosen),
        )
    if setting == "generated":
        return _generated(interventions, threshold)
    written = _read(interventions, threshold)
    if setting != "labelled":
        return written
    of_labels = labelled_metrics.figures_for(*labels)
    return SettingFigures(
        lambda record: (
            written.of(record)
            | labelled_metrics.document_metrics(record, interventions, of_labels)
        ),
        {**written.joins, **labelled_metrics.aggregations(interventions, of_labels)},
        {
            **written.higher_is_better,
            **labelled_metrics.higher_is_better(interventions, of_labels),
        },
    )


def _read(interventions: Sequence[str], threshold: float) -> SettingFigures:
    of_chain = ("steps", "clean_logprob", "clean_acc")

    def of(record: ChainRecord) -> dict[str, Any]:
        return {
            "steps": [float(record.n_steps)],
            "clean_logprob": [record.clean_logprob],
            "clean_acc": [float(record.clean_greedy)],
            **generated_metrics.document_metrics(record, interventions),
        }

    return SettingFigures(
        of,
        generated_metrics.aggregations(interventions, of_chain, threshold),
        generated_metrics.higher_is_better(interventions, of_chain),
    )


def _generated(interventions: Sequence[str], threshold: float) -> SettingFigures:
    def of(record: ChainRecord) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if record.solved is not None:
            values["solved"] = float(record.solved)
        if record.solved:
            values["steps"] = [float(record.n_steps)]
        return values | generated_metrics.document_metrics(record, interventions)

    of_problems: dict[str, Join] = {"solved": mean, "unparsed": sum}
    return SettingFigures(
        of,
        of_problems
        | generated_metrics.aggregations(interventions, ("steps",), threshold),
        {"solved": True, "unparsed": False}
        | generated_metrics.higher_is_better(interventions, ("steps",)),
    )
