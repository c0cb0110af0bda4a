"""What was reported before the house was rebuilt is reported now, save what is listed here.

Two definitions have changed and move nearly every number of written chains a little: the
third of a step, and the problem, which now is the question and was the document. So the
old numbers are compared under the old definitions of these two, put back as columns.
"""

import json
import math

import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.metrics import Choices, quantities
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.tables import tables_of_run

RUNS = [
    (setting, model)
    for setting in ("provided", "generated", "replay", "labelled")
    for model in ("one", "two")
]

OF_CHAINS = {"solved", "steps", "clean_logprob", "clean_acc"}

PROVIDED = {
    "effect": "label_difference",
    "load_bearing": "effect_load_bearing",
    "decoy": "effect_decoy",
    "auc": "auc",
    "auc_within": "auc_within",
    "separated": "separated",
    "separated_means": "separated_means",
    "hedges_g": "hedges_g",
    "follow": "follow",
}
"""Old name to new name, behind the intervention's, in the provided setting."""

WRITTEN = {
    "share": "load_bearing_rate",
    "median": "median",
    "negative": "negative",
    "early": "early",
    "middle": "middle",
    "late": "late",
    "early_share": "early_rate",
    "middle_share": "middle_rate",
    "late_share": "late_rate",
    "position_corr": "position_corr",
    "position_rank_corr": "position_rank_corr",
    "position_positive": "position_positive",
    "auc": "auc",
    "auc_within": "auc_within",
    "chain_auc": "chain_auc",
}
"""The same in written chains, where these were less the control's, ``raw_`` before them not."""

GONE = {
    "load_bearing": "mean over steps then; effect_load_bearing_vs_control is over problems",
    "decoy": "mean over steps then; effect_decoy_vs_control is over problems",
}
"""Old metrics of labelled chains without a new one, and why."""

OTHER_ENDS = {
    "clean_logprob": "a log-probability's interval does not reach over 0",
}
"""Intervals that are others by intention, and why; their points are the same."""

OTHER_METHODS = {
    "wilson": "one rule on both sides of 1/2, continuous at 0 and 1",
    "woodruff": "Wilson's interval for the share, turned back into nats",
}
"""Methods whose intervals are others by intention, and why."""

OTHER_COUNTS = {
    "steps": "each chain counts as one row, not as its steps",
    "hedges_g": "steps are counted, not problems",
}
"""Counts of steps that are others by intention, and why."""


def new_name(setting: str, old: str, interventions: tuple[str, ...]) -> str | None:
    """What an old name is called now; None for what is gone."""
    if old in OF_CHAINS:
        return old
    name = max((n for n in interventions if old.startswith(f"{n}_")), key=len)
    rest = old.removeprefix(f"{name}_")
    ending = "_no_answer_steps" if rest.endswith("_no_answer_steps") else ""
    rest = rest.removesuffix("_no_answer_steps")
    if "share_at_" in rest or (setting != "provided" and rest in GONE):
        return None  # the curve over thresholds is data of a figure
    if setting == "provided":
        return f"{name}_{PROVIDED[rest]}{ending}"
    if rest in ("effect", "raw"):
        control = "_vs_control" if rest == "effect" else ""
        return f"{name}_effect_over_steps{control}{ending}"
    if rest.startswith("raw_") or name == "control":
        return f"{name}_{WRITTEN[rest.removeprefix('raw_')]}{ending}"
    return f"{name}_{WRITTEN[rest]}_vs_control{ending}"


def as_it_was(columns):
    """The thirds as they were, and each document a problem."""
    names = {name: k for k, name in enumerate(sorted(set(columns.chain)))}
    changed = columns.but(problem=np.array([names[c] for c in columns.chain], int))
    if "third" not in columns.arrays:
        return changed
    thirds = np.array(["early", "middle", "late"])
    return changed.but(third=thirds[3 * columns.step // columns.n_steps])


@pytest.mark.parametrize(("setting", "model"), RUNS)
def test_estimates_are_those_from_before(frozen, setting, model):
    old = json.loads((frozen / "numbers.json").read_text())["report"]
    tables = tables_of_run(load_run(frozen / setting / model))
    by_name = {q.name: q for q in quantities(tables)}
    columns = {of: as_it_was(tables.columns(of)) for of in ("chains", "steps")}
    compared, differing = 0, []
    for name, (*ends, n_problems, n_steps, _) in old[f"{setting}/{model}"].items():
        new = new_name(setting, name, tables.interventions)
        if new is None:
            continue
        quantity = by_name[new]
        of = "chains" if quantity.metric.of == "chains" else "steps"
        sample = quantity.sample(columns[of], Choices())
        found = quantity.metric.by.estimate(sample, Bootstrap(0.95, 1000, 0))
        now = [found.point, found.low, found.high]
        compared += 1
        wanted = [math.nan if x is None else x for x in ends]
        other = quantity.metric.name in OTHER_ENDS or found.method in OTHER_METHODS
        known = 1 if other else 3
        if not np.allclose(now[:known], wanted[:known], 1e-9, 1e-9, equal_nan=True):
            differing.append((name, new, wanted, now))
        counts = (found.n_problems, found.n_steps)
        if quantity.metric.name not in OTHER_COUNTS and counts != (n_problems, n_steps):
            differing.append((name, new, (n_problems, n_steps), counts))
    assert not differing, differing[:5]
    assert compared >= 27
