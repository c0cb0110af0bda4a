"""The table of all metrics, printed from their registry: for the terminal and the docs."""

from __future__ import annotations

from typing import Any

from lm_eval_faith.metrics import NO_ANSWER_STEPS, VS_CONTROL, Metric, metrics
from lm_eval_faith.metrics.metric import OF_TAG, THRESHOLD
from lm_eval_faith.report.write import Column, Section, Written

CSV_COLUMNS = ("name", "of", "unit", "better", "meaning", "needs", "modifiers")

_OF = {
    "steps": "steps under an intervention: NAME_metric",
    "chain_means": "steps under an intervention: NAME_metric",
    "within_chains": "steps under an intervention: NAME_metric",
    "chains": "chains",
    "sets": "sets of steps: NAME_metric",
}


def written() -> Written:
    """A row a metric."""
    rows = [_row(one) for one in metrics()]
    return Written(tuple(_sections()), _legend(), CSV_COLUMNS, rows, {"metrics": rows})


def _row(one: Metric) -> dict[str, Any]:
    return {
        "name": one.name,
        "of": one.of,
        "unit": one.unit,
        "better": one.better,
        "meaning": one.meaning.replace("{threshold}", THRESHOLD),
        "needs": ", ".join(sorted(one.needs)),
        "modifiers": ", ".join(modifier.name for modifier in one.modifiers),
    }


def _sections() -> list[Section]:
    columns = ("metric", "unit", "better", "meaning", "needs")
    kinds = dict.fromkeys(_OF.values())
    return [
        Section(
            f"Metrics of {kind}",
            tuple(Column(name) for name in columns),
            tuple(
                (row["name"], row["unit"], row["better"], row["meaning"], row["needs"])
                for one in metrics()
                if _OF[one.of] == kind
                for row in [_row(one)]
            ),
        )
        for kind in kinds
    ]


def _legend() -> dict[str, str]:
    told = {f"_{m.name}": m.meaning for m in (VS_CONTROL, NO_ANSWER_STEPS)}
    by_tag = ", ".join(one.name for one in metrics() if one.by_tag)
    of_tag = f"of the steps that a file tags so (field_tags); of {by_tag} only"
    return {**told, f"_{OF_TAG}TAG": of_tag}
