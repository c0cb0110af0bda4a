"""The two tables that every number is made of: chains, a row a document, and steps.

Two, because a document without steps (a wrong answer, none that can be read, one that was
dropped) must be counted too. Nothing else makes or checks them.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lm_eval_faith.interventions import is_control, measures
from lm_eval_faith.joint.found import CORES, GROUPS
from lm_eval_faith.records.choices import COLUMNS as OF_CHOICES
from lm_eval_faith.records.columns import Array, Columns, Floats
from lm_eval_faith.records.outcome import (
    THIRDS,
    ChainRecord,
    StepRecord,
    control_effects,
    mean_of_known,
    third_of,
)
from lm_eval_faith.records.sets import MEASURES as SET_MEASURES
from lm_eval_faith.records.sets import SetRecord

if TYPE_CHECKING:
    import pandas as pd

    from lm_eval_faith.records.run import Run, TaskRun

TEXT, CATEGORY, WHOLE, NUMBER, TRUTH = "str", "category", "int64", "float64", "bool"

OF_EACH = {"model": CATEGORY, "task": CATEGORY, "chain": TEXT, "problem": TEXT}

CHAIN_COLUMNS = {
    **OF_EACH,
    "question": TEXT,
    "answer": TEXT,
    "text": TEXT,
    "outcome": CATEGORY,
    "solved": NUMBER,
    "n_steps": WHOLE,
    "logprob": NUMBER,
    "greedy": NUMBER,
    "label": CATEGORY,
    "truth": NUMBER,
    "subject": CATEGORY,
    "task_right": NUMBER,
    **dict.fromkeys(OF_CHOICES, NUMBER),
    "logprob_no_chain": NUMBER,
    "first_statement": NUMBER,
    "logprob_cut": NUMBER,
    "effect_conflict": NUMBER,
    "follow_conflict": NUMBER,
}
"""The columns of *chains*, and their types.

``chain`` is the document's id; ``problem`` what chains of one question share, the unit of
resampling; ``outcome`` is ``scored`` or why there are no effects; ``solved`` and ``greedy``
are 1, 0 or NaN; ``logprob`` is log p(answer given the clean chain) in nats; ``truth`` is
a graded label of the chain as a whole, NaN without; ``subject`` is the task of a group that
the question is of; the next are there for questions with choices. What the card is made of,
NaN where it was not asked: ``logprob_no_chain`` is log p(answer given no chain);
``first_statement`` the index of the first step that states the answer, NaN where none does;
``logprob_cut`` log p(answer given the steps before it); ``effect_conflict`` the effect of
another value in the last statement alone, and ``follow_conflict`` 1 where the model then
prefers that value, else 0.
"""

MEASURED = measures()
"""What our interventions measure beside effects, 1 or 0 a step: names and meanings."""

STEP_COLUMNS = {
    **OF_EACH,
    "step": WHOLE,
    "n_steps": WHOLE,
    "weight": NUMBER,
    "position": NUMBER,
    "third": CATEGORY,
    "label": CATEGORY,
    "truth": NUMBER,
    "tags": TEXT,
    "states_answer": TRUTH,
    "intervention": CATEGORY,
    "site": CATEGORY,
    "draw": WHOLE,
    "logprob_clean": NUMBER,
    "logprob": NUMBER,
    "effect": NUMBER,
    "control_effect": NUMBER,
    "other_answer": TEXT,
    "logprob_other": NUMBER,
    "follow": NUMBER,
    "margin": NUMBER,
    "before": TEXT,
    "after": TEXT,
    "not_applicable": TEXT,
    "headroom": NUMBER,
    "effect_cut": NUMBER,
    "edit": NUMBER,
    "edit_z": NUMBER,
    **dict.fromkeys(MEASURED, NUMBER),
}
"""The columns of *steps*, a row a chain, step, intervention and draw, and their types.

``truth`` is a graded label, such as an importance that another study measured; NaN without.
``tags`` are what kind of step a file says it is: identifiers with a space between.
``effect`` is always the raw drop in nats, NaN where nothing was scored.
``control_effect`` is the effect of the control at the same step; where no control was run,
the mean effect on the chain's decoys of the same intervention; NaN without either.
``margin`` is the drop of the log-odds against the best other choice, of questions with choices.
``site`` names layers or heads of a change inside the model, and is empty for changes of
text. ``draw`` numbers the draws of an intervention that was made several times on a step,
from 0. ``weight`` is how many steps of its chain the step stands for, the inverse of the
chance that ``max_steps`` drew it: 1 where all steps were asked about. What the card is made
of, NaN where it was not asked: ``headroom`` is -log p(answer given the steps before this
one), how much the step could give, in nats; ``effect_cut`` the effect in the chain cut before
its first statement of the answer; ``edit`` how much more surprising the changed step is to
the model than the own one, in nats a token, and ``edit_z`` the same in standard deviations of
the chain's own steps.
"""

SET_COLUMNS = {
    **OF_EACH,
    "intervention": CATEGORY,
    "kind": CATEGORY,
    "name": TEXT,
    "members": TEXT,
    "n_members": WHOLE,
    "n_steps": WHOLE,
    "third": CATEGORY,
    "kept": TRUTH,
    "label": CATEGORY,
    "states_answer": TRUTH,
    "logprob_clean": NUMBER,
    "logprob": NUMBER,
    "effect": NUMBER,
    "ending": TEXT,
    **dict.fromkeys(SET_MEASURES, NUMBER),
}
"""The columns of *sets*, a row a chain, intervention and set of steps, and their types.

``kind``, ``name``, ``kept`` and ``ending`` are told in :class:`lm_eval_faith.records.sets.SetRecord`;
``members`` are the steps, from 0, with blanks between; ``third`` is that of a single step;
``effect`` is the raw drop in nats behind the set changed, or behind the set alone where it is
``kept``; the other numbers: :data:`lm_eval_faith.records.sets.MEASURES`.
"""

Of = Literal["steps", "chains", "sets"]


@dataclass(frozen=True)
class Tables:
    """What was measured in one or more runs.

    Attributes:
        chains, steps, sets: pandas frames with the columns of :data:`CHAIN_COLUMNS`,
            :data:`STEP_COLUMNS` and :data:`SET_COLUMNS`; chains are ordered by id, the others
            as they were measured.

    >>> no_runs = tables_of(())
    >>> no_runs.has, len(no_runs.steps), no_runs.interventions
    (frozenset(), 0, ())
    """

    chains: pd.DataFrame
    steps: pd.DataFrame
    sets: pd.DataFrame

    def __post_init__(self) -> None:
        for name, frame, columns in (
            ("chains", self.chains, CHAIN_COLUMNS),
            ("steps", self.steps, STEP_COLUMNS),
            ("sets", self.sets, SET_COLUMNS),
        ):
            found = {column: _kind(dtype) for column, dtype in frame.dtypes.items()}
            if found != columns:
                wrong = sorted(set(found.items()) ^ set(columns.items()))
                raise ValueError(f"{name}: columns or types are wrong: {wrong}")

    @functools.cached_property
    def interventions(self) -> tuple[str, ...]:
        """Their names, in the order in which they were run."""
        return tuple(dict.fromkeys(self.steps["intervention"]))

    @functools.cached_property
    def sets_have(self) -> dict[str, frozenset[str]]:
        """What was asked about sets of steps, by what was done to them."""
        sets = self.columns("sets")
        return {
            name: what_sets_have(sets[sets.intervention == name])
            for name in dict.fromkeys(sets.intervention.tolist())
        }

    @functools.cached_property
    def has(self) -> frozenset[str]:
        """What metrics may need: see :func:`what_steps_have` and :func:`what_chains_have`."""
        return what_chains_have(self.columns("chains")) | what_steps_have(
            self.columns("steps")
        )

    @functools.cached_property
    def numbering(self) -> dict[str, int]:
        """A number for each problem, in the order of the chains' ids."""
        return {name: k for k, name in enumerate(dict.fromkeys(self.chains["problem"]))}

    def columns(
        self, of: Of = "steps", numbering: Mapping[str, int] | None = None
    ) -> Columns:
        """A table as arrays, ``problem`` as numbers.

        Steps have more columns: ``load_bearing``, 1 or 0 and NaN without a label;
        ``chain_load_bearing`` and ``chain_truth``, of the chain as a whole; ``late``, 1 in
        the late third, 0 in the early one, NaN between; ``probability_drop`` and
        ``log_odds_drop``, of the answer; ``chain_row``, the place of the chain in its table;
        ``chain_gain``, what the chain as a whole gives, in nats. Chains have the first and
        the last. Of several draws of an intervention on a step there is one row, with the
        means of their numbers.

        Args:
            of: which table.
            numbering: of the problems, where several runs share one; else their own.
        """
        numbers = self.numbering if numbering is None else numbering
        return self._own_columns[of] if numbering is None else self._made(of, numbers)

    @functools.cached_property
    def _own_columns(self) -> dict[Of, Columns]:
        return {
            of: self._made(of, self.numbering) for of in ("chains", "steps", "sets")
        }

    def _made(self, of: Of, numbers: Mapping[str, int]) -> Columns:
        frame = {"steps": self.steps, "chains": self.chains, "sets": self.sets}[of]
        arrays: dict[str, Array] = {n: _array(frame[n]) for n in frame.columns}
        arrays["problem"] = np.array([numbers[p] for p in frame["problem"]], np.int64)
        arrays["load_bearing"] = _as_truth(arrays["label"])
        if of == "steps":
            chains = zip(*(self.chains[n] for n in _ONE_CHAIN), strict=True)
            place = {key: k for k, key in enumerate(chains)}
            keys = zip(*(frame[n] for n in _ONE_CHAIN), strict=True)
            rows = np.array([place[key] for key in keys], np.int64)
            return _with_chains(arrays, self._made("chains", numbers), rows)
        if of == "sets":
            return Columns(arrays | {"same_value": _as_same_value(arrays)})
        return Columns(arrays | {"chain_gain": _gain(arrays)})


_ONE_CHAIN = ("model", "task", "chain")


def tables_of_run(run: Run) -> Tables:
    """The tables of all tasks of a run."""
    return tables_of((run.model, task) for task in run.tasks)


def tables_of(tasks: Iterable[tuple[str, TaskRun]]) -> Tables:
    """The tables of some tasks, each with the name of the model that ran it."""
    return tables_of_chains((model, task.task, task.chains) for model, task in tasks)


def tables_of_chains(
    runs: Iterable[tuple[str, str, Sequence[ChainRecord]]],
) -> Tables:
    """The tables of what was measured, by model and task."""
    chains: list[tuple[Any, ...]] = []
    steps: list[tuple[Any, ...]] = []
    sets: list[tuple[Any, ...]] = []
    for model, task, records in runs:
        for chain in sorted(records, key=lambda chain: chain.document):
            known = (model, task, chain.document, chain.problem)
            chains.append((*known, *_chain_row(chain)))
            steps += [(*known, *row) for row in _step_rows(chain)]
            sets += [(*known, *_set_row(one)) for one in chain.sets]
    return Tables(
        _frame(chains, CHAIN_COLUMNS),
        _frame(steps, STEP_COLUMNS),
        _frame(sets, SET_COLUMNS),
    )


def columns_of(chain: ChainRecord) -> tuple[Columns, Columns]:
    """One document's row of chains, and its rows of steps: as ``Tables.columns`` gives them.

    ``problem`` is 0 everywhere.
    """
    known = ("", "", chain.document, chain.problem)
    whole = _plain([(*known, *_chain_row(chain))], CHAIN_COLUMNS)
    steps = _plain([(*known, *row) for row in _step_rows(chain)], STEP_COLUMNS)
    zero = np.zeros(len(steps["step"]), np.int64)
    chains = Columns(
        {
            **whole,
            "problem": np.zeros(1, np.int64),
            "load_bearing": _as_truth(whole["label"]),
            "chain_gain": _gain(whole),
        }
    )
    known_steps = {
        **steps,
        "problem": zero,
        "load_bearing": _as_truth(steps["label"]),
    }
    return chains, _with_chains(known_steps, chains, zero)


def _with_chains(
    steps: Mapping[str, Array], chains: Columns, rows: NDArray[np.int64]
) -> Columns:
    """Steps with what is known of their chains, which stand at these rows."""
    return with_what_follows(
        {
            **steps,
            "chain_row": rows,
            "chain_load_bearing": chains.load_bearing[rows],
            "chain_truth": chains.truth[rows],
            "chain_gain": chains.chain_gain[rows],
            "effect_cut_over_floor": over_floor(
                chains.logprob_cut[rows], steps["effect_cut"]
            ),
        }
    )


def _gain(chains: Mapping[str, Array]) -> Array:
    """What the chain as a whole gives: log p(answer) with it less without, in nats."""
    gain: Array = chains["logprob"] - chains["logprob_no_chain"]
    return gain


def set_columns_of(chain: ChainRecord) -> Columns:
    """One document's rows of sets, as :func:`columns_of` gives the others."""
    known = ("", "", chain.document, chain.problem)
    rows = _plain([(*known, *_set_row(one)) for one in chain.sets], SET_COLUMNS)
    return Columns(
        {
            **rows,
            "problem": np.zeros(len(rows["kind"]), np.int64),
            "load_bearing": _as_truth(rows["label"]),
            "same_value": _as_same_value(rows),
        }
    )


def with_what_follows(steps: dict[str, Array]) -> Columns:
    """Columns of steps with those that follow from others, and a row for all draws of one."""
    clean, changed = steps["logprob_clean"], steps["logprob"]
    steps["late"] = _as_late(steps["third"])
    steps["probability_drop"] = np.exp(clean) - np.exp(changed)
    steps["log_odds_drop"] = log_odds(clean) - log_odds(changed)
    steps["effect_over_floor"] = over_floor(clean, steps["effect"])
    columns = Columns(steps)
    return mean_of_draws(columns) if steps["draw"].any() else columns


OF_THE_STEP = ("weight", "position", "truth", "logprob_clean", "control_effect")
"""Numbers that all draws of an intervention on a step have in common."""

AVERAGED = (
    *(n for n, kind in STEP_COLUMNS.items() if kind == NUMBER and n not in OF_THE_STEP),
    "probability_drop",
    "log_odds_drop",
    "effect_over_floor",
    "effect_cut_over_floor",
)
"""What is averaged over the draws of an intervention on a step, before any metric."""


def mean_of_draws(steps: Columns) -> Columns:
    """A row a chain, step and intervention: the means of what its draws have.

    Texts are those of the first draw; where only some draws were not applicable, the step
    is.
    """
    kinds = [np.unique(steps[n], return_inverse=True)[1] for n in _ONE_CHANGE]
    _, first, place = np.unique(
        np.stack(kinds, axis=1), axis=0, return_index=True, return_inverse=True
    )
    order = np.argsort(first)  # rows as they were measured
    row = np.argsort(order)[place.reshape(-1)]
    n = len(first)

    def mean(values: Array) -> Array:
        there = ~np.isnan(values)
        counts = np.bincount(row[there], minlength=n)
        sums = np.bincount(row[there], weights=values[there], minlength=n)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    means = {name: mean(steps[name]) for name in AVERAGED}
    one: Columns = steps[first[order]]
    reasons = np.where(np.isnan(means["effect"]), one.not_applicable, "")
    return one.but(**means, not_applicable=reasons)


_ONE_CHANGE = ("model", "task", "chain", "intervention", "step")

FLOOR = math.log(1e-4)
"""In nats: under it the answer is one of thousands of others, and its changes say little."""


def over_floor(clean: Floats, effect: Floats) -> Floats:
    """The part of each effect over :data:`FLOOR`: a drop counts down to it, and where the
    clean chain does not give the answer there is nothing to lose.

    >>> over_floor(np.array([-1.0, -1.0, -40.0]), np.array([2.0, 20.0, -35.0])).round(2).tolist()
    [2.0, 8.21, 0.0]
    """
    left: Floats = np.minimum(effect, np.maximum(clean - FLOOR, 0.0))
    return np.where((clean < FLOOR) & ~np.isnan(effect), 0.0, left)


NEXT_TO_CERTAIN = -1e-7
"""In nats: log-probabilities over it are told from certainty by rounding in float32 only."""


def log_odds(logprob: Floats) -> Floats:
    """log(p / (1 - p)) of a log-probability in nats.

    >>> log_odds(np.log([0.5, 0.2])).round(4).tolist()
    [0.0, -1.3863]
    """
    held: Floats = np.minimum(logprob, NEXT_TO_CERTAIN)
    return held - np.log(-np.expm1(held))


# --- what there is -----------------------------------------------------------------

CARD = ("no_chain", "statement", "cut", "conflict", "headroom", "edit")
"""What the card is made of; see the two functions below."""

WHAT_THERE_MAY_BE = frozenset(
    (
        "all_labels",
        "answer_steps",
        "chain_labels",
        "control",
        "decoys",
        "labels",
        "load_bearing",
        "other_answer",
        "solved",
        "graded",
        *CARD,
        "graded_chains",
        "choices",
        "task_right",
        *MEASURED,
    )
)
"""All that metrics can need: see the two functions below."""


def what_steps_have(steps: Columns) -> frozenset[str]:
    """What can be said of steps, or of those of one intervention.

    ``load_bearing`` and ``decoys``: scored steps with such a label; ``labels``: both of
    them; ``all_labels``: no step is without; ``control``: the control was run;
    ``other_answer``: changed chains lead to another answer; ``answer_steps``: some steps
    state the answer, some do not; ``chain_labels``: chains of both kinds; ``graded``: scored
    steps have graded labels; ``graded_chains``: chains have, not all the same one;
    ``choices``: the answer is one of several; ``no_chain``, ``cut``, ``headroom``, ``edit``:
    what the card is made of was measured on scored steps; what interventions measure, by
    name; and ``tag`` with each of the commonest tags of steps.
    """
    scored = ~np.isnan(steps.effect)
    kinds, whole = steps.load_bearing[scored], steps.chain_load_bearing[scored]
    grades = steps.chain_truth[scored]
    grades = grades[~np.isnan(grades)]
    states = steps.states_answer
    found = {
        "load_bearing": bool((kinds == 1).any()),
        "decoys": bool((kinds == 0).any()),
        "labels": bool((kinds == 1).any() and (kinds == 0).any()),
        "all_labels": bool(len(kinds)) and not np.isnan(steps.load_bearing).any(),
        "control": any(map(is_control, np.unique(steps.intervention))),
        "other_answer": not np.isnan(steps.follow).all(),
        "answer_steps": bool(states.any() and not states.all()),
        "graded_chains": bool(len(grades)) and bool((grades != grades[0]).any()),
        "graded": not np.isnan(steps.truth[scored]).all(),
        "choices": not np.isnan(steps.margin).all(),
        "chain_labels": bool((whole == 1).any() and (whole == 0).any()),
        "no_chain": not np.isnan(steps.chain_gain[scored]).all(),
        "cut": not np.isnan(steps.effect_cut[scored]).all(),
        "headroom": not np.isnan(steps.headroom[scored & (steps.step > 0)]).all(),
        "edit": not np.isnan(steps.edit[scored]).all(),
        **{name: not np.isnan(steps[name]).all() for name in MEASURED},
    }
    tagged = (TAG + tag for tag in commonest_tags(steps.tags[scored])[:MOST_TAGS])
    return frozenset(name for name, there in found.items() if there).union(tagged)


TAG = "tag "
"""Begins the name of what there is where some steps have a tag."""

MOST_TAGS = 20
"""So many kinds of step have numbers of their own: those with the most steps."""


def commonest_tags(tags: Array) -> list[str]:
    """Each tag of a column of them, that of the most steps first."""
    counts = Counter(tag for one in tags[tags != ""].tolist() for tag in one.split())
    return [tag for tag, _ in counts.most_common()]


WHAT_SETS_MAY_HAVE = frozenset(
    (
        *(f"group_{kind}" for kind in GROUPS),
        *(f"curve_{order}" for order in ("front", "back", "effect")),
        *("interaction", "shapley", *CORES, *(f"{core}_orders" for core in CORES)),
        *(
            f"{kind}_labels"
            for kind in (*(f"group_{g}" for g in GROUPS), "shapley", *CORES)
        ),
    )
)
"""All that metrics of sets can need: see :func:`what_sets_have`."""


def what_sets_have(sets: Columns) -> frozenset[str]:
    """What was asked about sets of steps under one intervention.

    ``group_KIND``, ``curve_ORDER``, ``interaction``, ``shapley``, ``core``, ``core_greedy``; with
    ``_orders`` the cores that were searched from several; and with
    ``_labels`` those of which sets (steps of a core) of both labels have numbers.
    """
    found: set[str] = set()
    for kind in dict.fromkeys(sets.kind.tolist()):
        rows = sets[sets.kind == kind]
        if kind == "curve":
            found |= {f"curve_{name}" for name in rows.name}
        elif kind in ("interaction", *CORES):
            found.add(kind)
            if not np.isnan(rows.cores).all():
                found.add(f"{kind}_orders")
        elif kind in GROUPS:
            found |= {f"group_{kind}", *_both(f"group_{kind}", rows, rows.effect)}
        elif kind == "shapley":
            found |= {kind, *_both(kind, rows, rows.shapley)}
        elif kind.endswith("_step"):
            found |= _both(kind.removesuffix("_step"), rows, rows.in_core)
    return frozenset(found) & WHAT_SETS_MAY_HAVE


def _both(name: str, rows: Columns, value: Array) -> set[str]:
    kinds = rows.load_bearing[~np.isnan(value)]
    return {f"{name}_labels"} if {0.0, 1.0} <= set(kinds.tolist()) else set()


def what_chains_have(chains: Columns) -> frozenset[str]:
    """``solved``: the models wrote the chains themselves; ``choices``: they chose;
    ``task_right``: the tasks whose documents they are judged them too; ``no_chain``, ``cut``,
    ``conflict``: what the card is made of was measured; ``statement``: a chain that was
    scored states its answer."""
    scored = chains[chains.outcome == "scored"]
    found = {
        "solved": chains.solved,
        "choices": chains.acc,
        "task_right": chains.task_right,
        "no_chain": scored.chain_gain,
        "statement": scored.first_statement,
        "cut": scored.logprob_cut,
        "conflict": scored.follow_conflict,
    }
    return frozenset(name for name, of in found.items() if not np.isnan(of).all())


# --- rows ---------------------------------------------------------------------------


def _chain_row(chain: ChainRecord) -> tuple[Any, ...]:
    known = math.isfinite(chain.clean_logprob)
    chosen = chain.choices.columns() if chain.choices else {}
    return (
        chain.question,
        chain.answer,
        chain.chain,
        chain.outcome,
        math.nan if chain.solved is None else float(chain.solved),
        chain.n_steps,
        chain.clean_logprob if known else math.nan,
        chain.greedy,
        chain.label or "",
        chain.truth,
        chain.subject,
        chain.task_right,
        *(chosen.get(name, math.nan) for name in OF_CHOICES),
        chain.probed.logprob_no_chain,
        chain.stated_at if chain.stated_at >= 0 else math.nan,
        chain.probed.logprob_cut,
        *_conflict(chain),
    )


def _conflict(chain: ChainRecord) -> tuple[float, float]:
    """The effect and the following of another value in the last statement: of the
    intervention of that name, or of the probe."""
    for r in chain.steps:
        if r.intervention == "conflict" and not r.not_applicable:
            return r.effect, r.follow
    kept, other = chain.probed.logprob_conflict, chain.probed.logprob_conflict_other
    follow = math.nan if math.isnan(kept + other) else float(other > kept)
    return chain.clean_logprob - kept, follow


def _step_rows(chain: ChainRecord) -> list[tuple[Any, ...]]:
    controls = control_effects(chain)
    decoys = {} if controls else _decoy_means(chain.steps)
    asked = len({r.step for r in chain.steps})
    return [
        (
            r.step,
            r.n_steps,
            r.n_steps / asked,
            r.position,
            THIRDS[r.third],
            r.label or "",
            r.truth,
            " ".join(r.tags),
            r.states_answer,
            r.intervention,
            "",
            r.draw,
            r.logprob_clean if math.isfinite(r.logprob_clean) else math.nan,
            r.logprob,
            r.effect,
            controls.get(r.step, decoys.get(r.intervention, math.nan)),
            r.other_answer,
            r.logprob_other,
            r.follow,
            r.margin_drop,
            r.before,
            r.after,
            r.not_applicable,
            r.headroom,
            r.effect_cut,
            r.edit,
            r.edit_z,
            *(r.measured.get(name, math.nan) for name in MEASURED),
        )
        for r in chain.steps
    ]


def _set_row(r: SetRecord) -> tuple[Any, ...]:
    return (
        r.intervention,
        r.kind,
        r.name,
        " ".join(map(str, r.steps)),
        len(r.steps),
        r.n_steps,
        THIRDS[third_of(r.steps[0], r.n_steps)] if len(r.steps) == 1 else "",
        r.kept,
        r.label or "",
        r.states_answer,
        r.logprob_clean if math.isfinite(r.logprob_clean) else math.nan,
        r.logprob,
        r.effect,
        r.ending,
        *(r.measured.get(name, math.nan) for name in SET_MEASURES),
    )


def _decoy_means(steps: Sequence[StepRecord]) -> dict[str, float]:
    effects: dict[str, list[float]] = {}
    for r in steps:
        if r.label == "decoy":
            effects.setdefault(r.intervention, []).append(r.effect)
    return {name: mean_of_known(drawn) for name, drawn in effects.items()}


# --- types --------------------------------------------------------------------------

_DTYPES = {WHOLE: np.int64, NUMBER: np.float64, TRUTH: np.bool_}


def _plain(
    rows: Sequence[tuple[Any, ...]], kinds: Mapping[str, str]
) -> dict[str, Array]:
    columns = zip(*rows, strict=True) if rows else ((),) * len(kinds)
    return {
        name: np.array(column, _DTYPES.get(kind, np.str_))
        for (name, kind), column in zip(kinds.items(), columns, strict=True)
    }


def _frame(rows: Sequence[tuple[Any, ...]], kinds: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    columns = zip(*rows, strict=True) if rows else ((),) * len(kinds)
    arrays = {
        name: _values(column, kind)
        for (name, kind), column in zip(kinds.items(), columns, strict=True)
    }
    return pd.DataFrame(arrays, copy=False)


def _values(column: Sequence[Any], kind: str) -> Any:
    import pandas as pd

    if kind in _DTYPES:
        return np.array(column, _DTYPES[kind])
    if kind != CATEGORY:
        return pd.array(column, dtype=kind)
    codes = {name: k for k, name in enumerate(dict.fromkeys(column))}
    return pd.Categorical.from_codes([codes[name] for name in column], list(codes))


def _kind(dtype: Any) -> str:
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        return CATEGORY
    name = str(dtype)
    return TEXT if name in ("object", "str", "string") else name


def _array(column: pd.Series[Any]) -> Array:
    kind = _kind(column.dtype)
    if kind == CATEGORY:
        names = np.array([str(name) for name in column.cat.categories], np.str_)
        return names[column.cat.codes.to_numpy()] if len(column) else names[:0]
    if kind == TEXT:
        return np.array(column.tolist(), object)
    numbers: Array = column.to_numpy()
    return numbers


def _as_late(third: Array) -> Array:
    """1 in the late third, 0 in the early one, NaN between."""
    return np.where(third == "middle", np.nan, (third == "late").astype(float))


def _as_same_value(sets: Mapping[str, Array]) -> Array:
    """1 for pairs that state the same value, 0 for other pairs, NaN for what is no pair."""
    same = (sets["name"] == "same value").astype(float)
    return np.where(sets["kind"] == "interaction", same, np.nan)


def _as_truth(label: Array) -> Array:
    """1 for load-bearing, 0 for a decoy, NaN without a label."""
    return np.where(label == "", np.nan, (label == "load_bearing").astype(float))
