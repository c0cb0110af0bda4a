"""What a metric is: a number with a name, made of a table's rows by an estimator.

A metric says which rows count, one value a row, and how the values of all problems become
one number. With an intervention and modifiers it is a :class:`Quantity`: what a report has
a row for, and what models are compared by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from lm_eval_faith_stats import Estimator, Sample

from lm_eval_faith.records.columns import Columns, Floats, Mask
from lm_eval_faith.records.tables import TAG

Unit = Literal[
    "nats",
    "log-odds",
    "probability",
    "squared distance",
    "share",
    "auc",
    "g",
    "z",
    "correlation",
    "steps",
    "count",
    "nats a token",
]
THRESHOLD = "the threshold"
"""What stands in a meaning where no threshold is chosen."""

Better = Literal["higher", "lower", "neither"]
Of = Literal["steps", "chains", "chain_means", "within_chains", "sets"]


@dataclass(frozen=True)
class Choices:
    """What a reader chooses.

    Attributes:
        threshold: the effect in nats from which a step counts as load-bearing.
        exclude_answer_steps: steps that state the final answer do not count in any metric.
    """

    threshold: float = 1.0
    exclude_answer_steps: bool = False


DEFAULT = Choices()


@dataclass(frozen=True)
class Modifier:
    """A change of the rows before a metric is made of them.

    Attributes:
        name: ends the metric's name.
        meaning: ends the metric's meaning.
        needs: what there must be for it, of ``records.tables.what_steps_have``.
        change: the rows, changed or fewer.
    """

    name: str
    meaning: str
    needs: str
    change: Callable[[Columns], Columns]


VS_CONTROL = Modifier(
    "vs_control",
    "effects less the control's",
    "control",
    lambda s: s.but(effect=s.effect - s.control_effect),
)
NO_ANSWER_STEPS = Modifier(
    "no_answer_steps",
    "without the steps that state the answer",
    "answer_steps",
    lambda s: s[~s.states_answer],
)


OF_TAG = "of_"
"""Begins the name of a modifier that leaves the steps of one kind."""


def of_tag(tag: str) -> Modifier:
    """The steps of one kind, as a file tags them."""

    def tagged(steps: Columns) -> Columns:
        texts = dict.fromkeys(steps.tags.tolist())
        with_it = [text for text in texts if tag in text.split()]
        kept: Columns = steps[np.isin(steps.tags.astype(str), with_it)]
        return kept

    told = tag.replace("_", " ")
    return Modifier(f"{OF_TAG}{tag}", f"of steps tagged {told}", f"{TAG}{tag}", tagged)


@dataclass(frozen=True)
class Metric:
    """A number with a name.

    Attributes:
        name: a part of the names in every table: a plain identifier.
        unit: of the number.
        better: which direction a table's arrow shows.
        meaning: one line; ``{threshold}`` is filled in.
        by: joins the values of all problems: an estimator of ``lm_eval_faith_stats``.
        value: one number a row, NaN where there is none.
        where: which rows count; all unless told otherwise.
        second: a column that the estimator needs beside the value (``load_bearing``,
            ``position``); rows without it are left out.
        third: one more such column.
        of: the rows: steps under one intervention, chains, each chain's mean over its
            steps under one intervention, those steps with ``effect``, ``second`` and
            ``third`` less their means in the chain, or sets of steps under one.
        needs: what a run must have, of ``records.tables``.
        modifiers: those that make sense for it.
        by_tag: it has a row for each kind of step too, where a file tags its steps.
    """

    name: str
    unit: Unit
    better: Better
    meaning: str
    by: Estimator
    value: Callable[[Columns, Choices], Floats]
    where: Callable[[Columns], Mask] | None = None
    second: str = ""
    third: str = ""
    of: Of = "steps"
    needs: frozenset[str] = frozenset()
    modifiers: tuple[Modifier, ...] = (VS_CONTROL, NO_ANSWER_STEPS)
    by_tag: bool = False

    @property
    def table(self) -> Literal["steps", "chains", "sets"]:
        """The table whose rows it is made of."""
        if self.of == "chain_means" or self.of == "within_chains":
            return "steps"
        return self.of

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"metric name {self.name!r} is not an identifier")


@dataclass(frozen=True)
class Quantity:
    """A metric of an intervention, modified or as it is: one row of a report.

    Attributes:
        metric: which one.
        intervention: whose steps; empty for metrics of chains.
        modifiers: in the order in which they are applied.
    """

    metric: Metric
    intervention: str = ""
    modifiers: tuple[Modifier, ...] = field(default=())

    @property
    def column(self) -> str:
        """The name without the intervention: ``late_vs_control_no_answer_steps``."""
        return "_".join([self.metric.name, *(m.name for m in self.modifiers)])

    @property
    def name(self) -> str:
        """The name in the harness's table: ``corrupt_late_vs_control_no_answer_steps``."""
        return (
            f"{self.intervention}_{self.column}" if self.intervention else self.column
        )

    @property
    def plain(self) -> str:
        """The name without modifiers: all of that name are shown side by side."""
        return "_".join(filter(None, [self.intervention, self.metric.name]))

    def meaning(self, choices: Choices) -> str:
        """In words."""
        threshold = (
            f"{choices.threshold:g} {'nat' if choices.threshold == 1 else 'nats'}"
        )
        told = self.metric.meaning.replace("{threshold}", threshold)
        return ", ".join([told, *(m.meaning for m in self.modifiers)])

    def rows(self, columns: Columns) -> Columns:
        """The rows that count, changed as the modifiers say.

        Args:
            columns: of chains or sets for a metric of these, else of steps; of any number
                of interventions.
        """
        rows = columns
        if self.metric.of != "chains":
            rows = rows[rows.intervention == self.intervention]
        for modifier in self.modifiers:
            rows = modifier.change(rows)
        if self.metric.of == "chain_means":
            rows = means_of_chains(rows)
        beside = [n for n in (self.metric.second, self.metric.third) if n]
        for name in beside:
            rows = rows[~np.isnan(rows[name])]
        if self.metric.where is not None:
            rows = rows[self.metric.where(rows)]
        if self.metric.of == "within_chains":
            rows = less_means_of_chains(rows, beside)
        return rows

    def sample(self, columns: Columns, choices: Choices) -> Sample:
        """What the metric's estimator takes, of the rows that :meth:`rows` leaves."""
        rows = self.rows(columns)
        second, third = (
            rows[name] if name else None
            for name in (self.metric.second, self.metric.third)
        )
        value = np.asarray(self.metric.value(rows, choices), np.float64)
        weighted = self.metric.of in ("steps", "within_chains")
        weight = rows.weight if weighted else None
        return Sample(value, rows.problem, second, weight, third)


def means_of_chains(steps: Columns) -> Columns:
    """A row a chain: the mean ``effect`` of its scored steps, the part of it over the floor,
    the same in the cut chain of the steps where it was measured, and what the chain's labels
    say."""
    steps = steps[~np.isnan(steps.effect)]
    _, first, chain = np.unique(
        np.char.add(
            np.char.add(steps.model.astype(str), "\0"), steps.chain.astype(str)
        ),
        return_index=True,
        return_inverse=True,
    )

    def means(column: Floats) -> Floats:
        there = ~np.isnan(column)
        counts = np.bincount(chain, weights=there, minlength=len(first))
        sums = np.bincount(
            chain, weights=np.where(there, column, 0.0), minlength=len(first)
        )
        nothing = np.full(len(first), np.nan)
        found: Floats = np.divide(sums, counts, out=nothing, where=counts > 0)
        return found

    rows: Columns = steps[first]
    return rows.but(
        effect=means(steps.effect),
        effect_over_floor=means(steps.effect_over_floor),
        effect_cut_over_floor=means(steps.effect_cut_over_floor),
        load_bearing=rows.chain_load_bearing,
    )


def less_means_of_chains(steps: Columns, names: Sequence[str]) -> Columns:
    """The scored steps, their ``effect`` and some columns less the mean in the chain."""
    steps = steps[~np.isnan(steps.effect)]
    counts = np.bincount(steps.chain_row)

    def centred(name: str) -> Floats:
        with np.errstate(invalid="ignore"):
            means = np.bincount(steps.chain_row, weights=steps[name]) / counts
        less: Floats = steps[name] - means[steps.chain_row]
        return less

    centred_columns = {name: centred(name) for name in ("effect", *names)}
    found: Columns = steps.but(**centred_columns)
    return found
