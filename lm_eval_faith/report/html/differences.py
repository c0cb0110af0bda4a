"""How the models that ran one task differ, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.metrics import primary
from lm_eval_faith.report.cells import interval, number, p_value, with_interval
from lm_eval_faith.report.compare import Difference, compared, named_apart
from lm_eval_faith.report.measured import Measured, quantities_of
from lm_eval_faith.shown import counted

MOST_SENTENCES = 6
"""Differences that are told in sentences; the command shows all of them."""


def differences(models: Sequence[Measured], bootstrap: Bootstrap) -> tuple[str, ...]:
    """How the models differ in the metric that they are first compared by, in sentences.

    Words follow the p-value adjusted by Holm over all pairs; where runs cannot be
    compared, the one sentence says why.
    """
    models = named_apart(models)
    every = quantities_of(models)
    has = frozenset[str]().union(*(model.has for model in models))
    first = primary(every, has)[:2]
    try:
        found = compared(models, bootstrap, only=first).differences
    except InputError as why:
        return (f"The models are not compared: {why}.",)
    level = 1 - bootstrap.confidence_level
    by_pair: dict[tuple[str, str], list[Difference]] = {}
    for d in found:
        if d.comparison.paired:
            by_pair.setdefault((d.first, d.second), []).append(d)
    told = [
        f"{_difference(ds[0], level, len(by_pair))}{''.join(map(_beside, ds[1:]))}."
        for ds in by_pair.values()
    ]
    if len(told) > MOST_SENTENCES:
        apart = sum(ds[0].p_adjusted < level for ds in by_pair.values())
        said = (
            f"{apart} of {counted(len(told), 'pair')} of models can be told apart; "
            "lm-eval-faith compare shows them all."
        )
        return (said, *told[:MOST_SENTENCES])
    return tuple(told) or ("The models have no problem in common.",)


def _difference(d: Difference, level: float, pairs: int) -> str:
    e, unit = d.comparison.estimate, d.quantity.metric.unit
    over = f", adjusted by Holm over {pairs} pairs" if pairs > 1 else ""
    p = "no p-value" if math.isnan(d.p_adjusted) else f"p {p_value(d.p_adjusted)}"
    numbers = f"{interval(e, unit)}; {p}{over}; {counted(e.n_problems, 'problem')}"
    where = d.problems.removeprefix("paired, ")
    if not d.p_adjusted < level:
        return (
            f"{d.first} and {d.second} cannot be told apart in {d.quantity.name}, {where}: "
            f"{number(e.point, unit)} {unit} ({numbers})"
        )
    more = "higher" if e.point > 0 else "lower"
    return (
        f"{d.first} is {number(abs(e.point), unit)} {unit} {more} than {d.second} in "
        f"{d.quantity.name}, {where} (difference {numbers})"
    )


def _beside(d: Difference) -> str:
    e, unit = d.comparison.estimate, d.quantity.metric.unit
    return f"; without the steps that state the answer {with_interval(e, unit)}"
