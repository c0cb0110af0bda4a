"""What was reported before the house was rebuilt is reported now, save what is listed here.

Two definitions have changed and move nearly every number of written chains a little: the
third of a step, and the problem, which now is the question and was the document. So the
old numbers are compared under the old definitions of these two, put back as columns.
"""

import json
import math

import numpy as np
import pytest
from lm_eval_faith_stats import MEAN_OF_PROBLEMS, Bootstrap, std_over_problems

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

OF_TWO = "2 problems: no interval"
"""The note where there was an interval of two problems, and is none by intention."""

OF_PROBLEM_MEANS = ("share", "negative", "early", "middle", "late")
"""What ``compare`` averaged over problems then and takes over steps now, as the report does."""

PAIRED_SHARES = "differences of shares and AUCs are by MOVER"
FLOORED = "the errors under the pivots of unpaired differences have a floor"
"""Why ends and p-values of ``compare`` are others by intention; their points are the same."""

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


def as_it_was(columns, names=None):
    """The thirds as they were, and each document a problem, of those named or its own."""
    names = names or {name: k for k, name in enumerate(sorted(set(columns.chain)))}
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
        known = 1 if other or found.note == OF_TWO else 3
        if not np.allclose(now[:known], wanted[:known], 1e-9, 1e-9, equal_nan=True):
            differing.append((name, new, wanted, now))
        counts = (found.n_problems, found.n_steps)
        if quantity.metric.name not in OTHER_COUNTS and counts != (n_problems, n_steps):
            differing.append((name, new, (n_problems, n_steps), counts))
    assert not differing, differing[:5]
    assert compared >= 27


def of_both(frozen, setting):
    """The quantities of the first model by name, and the columns of both, as they were."""
    tables = [tables_of_run(load_run(frozen / setting / m)) for m in ("one", "two")]
    chains = sorted({name for t in tables for name in t.chains["chain"]})
    names = {name: k for k, name in enumerate(chains)}
    columns = [
        {of: as_it_was(t.columns(of), names) for of in ("chains", "steps")}
        for t in tables
    ]
    return {q.name: q for q in quantities(tables[0])}, columns


def samples_of(quantity, columns):
    of = "chains" if quantity.metric.of == "chains" else "steps"
    return [quantity.sample(c[of], Choices()) for c in columns]


def compared_name(setting, old, interventions):
    """What ``compare`` called ``old``; it averaged written chains over problems."""
    if setting != "provided" and old not in OF_CHAINS:
        name, _, rest = old.partition("_")
        if rest in ("effect", "raw"):
            return f"{name}_effect{'_vs_control' if rest == 'effect' else ''}"
        if rest in GONE:
            return f"{name}_effect_{rest}_vs_control"
    return new_name(setting, old, interventions)


@pytest.mark.parametrize("setting", ["provided", "generated", "replay", "labelled"])
def test_comparisons_are_those_from_before(frozen, setting):
    old = json.loads((frozen / "numbers.json").read_text())["compare"][setting]
    by_name, columns = of_both(frozen, setting)
    interventions = tuple({q.intervention for q in by_name.values() if q.intervention})
    whole, differing = 0, []
    for name, (*ends, n_problems, _, _, p, p_adjusted) in old.items():
        problems, _, metric = name.partition(" ")
        quantity = by_name[compared_name(setting, metric, interventions)]
        rest = metric.partition("_")[2]
        by = quantity.metric.by
        if setting != "provided" and rest in OF_PROBLEM_MEANS:
            by = MEAN_OF_PROBLEMS
        paired = problems == "paired"
        (pair,) = by.all_pairs(
            samples_of(quantity, columns), Bootstrap(0.95, 1000, 0), paired
        )
        found = pair.comparison.estimate
        known = 1 if found.method == "mover" or not paired else 4
        now = [found.point, found.low, found.high, pair.comparison.p_value]
        wanted = [math.nan if x is None else x for x in (*ends, p)]
        whole += known == 4
        if not np.allclose(now[:known], wanted[:known], 1e-9, 1e-9, equal_nan=True):
            differing.append((name, wanted, now))
        # With the floor an interval of skewed data may only be shorter.
        if not paired and found.high - found.low > (wanted[2] - wanted[1]) * 1.05:
            differing.append((name, wanted, now, FLOORED))
        if found.n_problems != n_problems or p != p_adjusted:
            differing.append((name, n_problems, found.n_problems))
    assert not differing, differing[:5]
    assert whole >= 8, PAIRED_SHARES


@pytest.mark.parametrize("setting", ["provided", "generated", "replay", "labelled"])
def test_the_leaderboards_numbers_are_those_from_before(frozen, setting):
    """Written chains stood in the order of the mean over steps, and do by problems now."""
    old = json.loads((frozen / "numbers.json").read_text())["leaderboard"]
    by_name, columns = of_both(frozen, setting)
    compared = 0
    for name, models in old.items():
        of, intervention, _ = name.split("/")
        if of != setting:
            continue
        rest = "label_difference"
        if setting != "provided":
            rest = "effect_over_steps_vs_control"
        quantity = by_name[f"{intervention}_{rest}"]
        points = map(quantity.metric.by.point, samples_of(quantity, columns))
        for model, point in zip(("one", "two"), points, strict=True):
            assert point == pytest.approx(models[model][1], rel=1e-9, abs=1e-9), name
            compared += 1
    assert compared >= 4


@pytest.mark.parametrize("setting", ["provided", "generated", "replay", "labelled"])
def test_the_spreads_that_plans_rest_on_are_those_from_before(frozen, setting):
    """Of one model by the report's estimator then, over steps; of a pair by problem means."""
    old = json.loads((frozen / "numbers.json").read_text())["power"]
    by_name, columns = of_both(frozen, setting)
    bootstrap = Bootstrap(0.95, 1000, 0)
    compared = 0
    for name, (std, std_paired) in old.items():
        of, metric = name.split("/")
        if of != setting:
            continue
        one = by_name[new_name(setting, metric, ("corrupt",))]
        pair = by_name[compared_name(setting, metric, ("corrupt",))]
        first, _ = samples_of(one, columns)
        own = std_over_problems(one.metric.by.estimate(first, bootstrap))
        (both,) = pair.metric.by.all_pairs(
            samples_of(pair, columns), bootstrap, paired=True
        )
        together = std_over_problems(both.comparison.estimate)
        assert (own, together) == pytest.approx((std, std_paired), rel=1e-9), name
        compared += 1
    assert compared >= 2
