"""What sets of steps do together: groups, curves, cores, Shapley values, pairs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from lm_eval_faith_stats import (
    AUC,
    DIFFERENCE,
    MEAN_OF_PROBLEMS,
    SHARE_OF_PROBLEMS,
    Estimator,
)

from lm_eval_faith.metrics.effects import effect
from lm_eval_faith.metrics.metric import Better, Choices, Metric, Unit
from lm_eval_faith.records.columns import Columns, Floats, Mask
from lm_eval_faith.records.outcome import THIRDS

LABEL = "load_bearing"
COUNT = replace(MEAN_OF_PROBLEMS, lowest=0.0)

Where = Callable[[Columns], Mask]
Value = Callable[[Columns, Choices], Floats]


def column(name: str) -> Value:
    """The numbers of a column."""
    return lambda sets, choices: np.asarray(sets[name], np.float64)


def rows(kind: str, name: str = "", kept: bool | None = None) -> Where:
    """The rows of a kind, of one name and of sets that are kept, where that is told."""

    def where(sets: Columns) -> Mask:
        mask: Mask = sets.kind == kind
        if name:
            mask &= sets["name"] == name
        return mask if kept is None else mask & (sets.kept == kept)

    return where


def _metric(
    name: str,
    unit: Unit,
    meaning: str,
    by: Estimator,
    value: Value,
    where: Where,
    needs: str,
    better: Better = "neither",
    second: str = "",
) -> Metric:
    return Metric(
        name,
        unit,
        better,
        meaning,
        by,
        value,
        where,
        second,
        of="sets",
        needs=frozenset({needs}),
        modifiers=(),
    )


_nats = functools.partial(_metric, unit="nats", by=MEAN_OF_PROBLEMS)
_share = functools.partial(_metric, unit="share", by=SHARE_OF_PROBLEMS)
_auc = functools.partial(_metric, unit="auc", by=AUC, better="higher", second=LABEL)


def _restated(sets: Columns) -> Mask:
    mask: Mask = rows("value")(sets) & (sets.n_members > 1)
    return mask


GROUPS = (
    _nats(
        "group_value",
        meaning="effect of all places that state one value, mean over problems",
        value=effect,
        where=rows("value"),
        needs="group_value",
    ),
    _nats(
        "group_value_restated",
        meaning="the same for values that several steps state",
        value=effect,
        where=_restated,
        needs="group_value",
    ),
    _auc(
        "group_value_auc",
        meaning="chance that the places of a value, a load-bearing step among them, have a "
        "larger effect than those of a value in decoys only",
        value=effect,
        where=rows("value"),
        needs="group_value_labels",
    ),
    *(
        _nats(
            f"group_{third}",
            meaning=f"effect of the {third} third as a whole, mean over problems",
            value=effect,
            where=rows("third", third),
            needs="group_third",
        )
        for third in THIRDS
    ),
    _nats(
        "group_all",
        meaning="effect of all steps together, mean over problems",
        value=effect,
        where=rows("all"),
        needs="group_all",
    ),
    _nats(
        "group_file",
        meaning="effect of the sets that a file gives, mean over problems",
        value=effect,
        where=rows("file"),
        needs="group_file",
    ),
    _auc(
        "group_file_auc",
        meaning="chance that a given set with a load-bearing step has a larger effect than "
        "one of decoys",
        value=effect,
        where=rows("file"),
        needs="group_file_labels",
    ),
)

_ORDERS = {
    "front": "from the front",
    "back": "from the back",
    "effect": "in the order of their effects",
}

CURVES = tuple(
    _nats(
        f"{name}_{order}",
        meaning=f"effect of steps {done} {told}, mean over their number and over problems",
        value=column("area"),
        where=rows("curve", order, kept),
        needs=f"curve_{order}",
    )
    for order, told in _ORDERS.items()
    for name, done, kept in (
        ("comprehensiveness", "left out", False),
        ("sufficiency", "kept alone,", True),
    )
)

PAIRS = (
    _nats(
        "interaction_same_value",
        meaning="effect of two steps that state one value less the effect of each, mean over "
        "problems",
        value=column("interaction"),
        where=rows("interaction", "same value"),
        needs="interaction",
    ),
    _nats(
        "interaction_others",
        meaning="the same of other pairs",
        value=column("interaction"),
        where=rows("interaction", "others"),
        needs="interaction",
    ),
    _metric(
        "interaction_difference",
        "nats",
        "interaction of pairs that state one value less that of others, mean over problems",
        DIFFERENCE,
        column("interaction"),
        rows("interaction"),
        "interaction",
        second="same_value",
    ),
)

SHAPLEY = (
    _auc(
        "shapley_auc",
        meaning="chance that a load-bearing step has a larger Shapley value than a decoy",
        value=column("shapley"),
        where=rows("shapley"),
        needs="shapley_labels",
    ),
    *(
        _nats(
            f"shapley_{third}",
            meaning=f"Shapley value of a step in the {third} third, mean over problems",
            value=column("shapley"),
            where=functools.partial(
                lambda third, sets: rows("shapley")(sets) & (sets.third == third), third
            ),
            needs="shapley",
        )
        for third in THIRDS
    ),
    _nats(
        "shapley_std_error",
        meaning="standard error of a step's Shapley value, mean over problems",
        value=column("std_error"),
        where=rows("shapley"),
        needs="shapley",
        better="lower",
    ),
)


def _of_core(kind: str, keeps: str) -> tuple[Metric, ...]:
    """The metrics of cores: by log-probability, or by greedy text."""
    steps = f"{kind}_step"

    def within(sets: Columns) -> Mask:
        mask: Mask = rows(steps)(sets) & (sets.in_core == 1)
        return mask

    def labelled(label: float) -> Where:
        return lambda sets: rows(steps)(sets) & (sets.load_bearing == label)

    def is_third(third: str) -> Value:
        return lambda sets, choices: (sets.third == third).astype(np.float64)

    def ended(sets: Columns) -> Mask:
        mask: Mask = first(sets) & (sets.ending != "clean_misses")
        return mask

    first = rows(kind, "front")
    of = functools.partial(_share, needs=kind)
    return (
        of(
            f"{kind}_share",
            meaning=f"steps that the core needs, a smallest set that keeps {keeps}",
            value=column("share"),
            where=first,
        ),
        of(
            f"{kind}_token_share",
            meaning="tokens of the chain's steps that belong to the core",
            value=column("token_share"),
            where=first,
        ),
        *(
            of(
                f"{kind}_{third}",
                meaning=f"steps of the core that are in the {third} third",
                value=is_third(third),
                where=within,
            )
            for third in THIRDS
        ),
        _metric(
            f"{kind}_different",
            "count",
            "different cores from different orders of search: more than one is redundancy",
            COUNT,
            column("cores"),
            first,
            f"{kind}_orders",
        ),
        _metric(
            f"{kind}_restated",
            "count",
            "steps of the core in whose place another step suffices",
            COUNT,
            column("restated"),
            first,
            kind,
        ),
        _metric(
            f"{kind}_scorings",
            "count",
            "sets that the search for a core scored, its certificate among them",
            COUNT,
            column("scorings"),
            ended,
            kind,
            "lower",
        ),
        _auc(
            f"{kind}_auc",
            meaning="chance that a load-bearing step rather than a decoy is in the core, "
            "one half where both or neither are",
            value=column("in_core"),
            where=rows(steps),
            needs=f"{kind}_labels",
        ),
        of(
            f"{kind}_load_bearing",
            meaning="load-bearing steps that are in the core",
            value=column("in_core"),
            where=labelled(1.0),
            needs=f"{kind}_labels",
        ),
        of(
            f"{kind}_decoy",
            meaning="decoys that are in the core",
            value=column("in_core"),
            where=labelled(0.0),
            needs=f"{kind}_labels",
            better="lower",
        ),
    )


METRICS = (
    *GROUPS,
    *CURVES,
    *PAIRS,
    *SHAPLEY,
    *_of_core("core", "the answer's log-probability"),
    *_of_core("core_greedy", "the answer what greedy decoding writes"),
)
