"""What docs/study.md says of two sizes of one family, made of the runs in `benchmarks/records`.

Runs are kept as ``study_SIZE_WHAT.zip`` (`python -m benchmarks.records RUN study_0.5b_own`); WHAT is one of
:data:`RUNS`. `benchmarks.publish` puts the tables into the page.

    python -m benchmarks.study FOLDER

makes of them a leaderboard to serve: both models and a small one, each one's report with its chains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from lm_eval_faith_stats import (
    BOOTSTRAP,
    MEAN_OF_PROBLEMS,
    MEAN_OF_STEPS,
    RATIO_OF_MEANS,
    SHARE_OF_STEPS,
    Estimate,
    Estimator,
    Sample,
)

from lm_eval_faith.records.many_runs import available_cores
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.sets import SetRecord
from lm_eval_faith.records.tables import over_floor
from lm_eval_faith.report.cells import interval, number, p_value, with_interval
from lm_eval_faith.report.compare import Difference, compared
from lm_eval_faith.report.figures import NATS, Figure, Table, named_columns
from lm_eval_faith.report.figures_of_models import first_numbers
from lm_eval_faith.report.html.site import check_site, write_site
from lm_eval_faith.report.leaderboard import leaderboards
from lm_eval_faith.report.marks import (
    Mark,
    Panel,
    Rule,
    beside,
    estimates_axis,
    row_marks,
    rows_axis,
)
from lm_eval_faith.report.measured import measured_of_run, quantities_of
from lm_eval_faith.report.report import NOTHING_ASKED
from lm_eval_faith.report.step_table import chains_frame, steps_frame

from .records import RECORDS, report_of, run_of, unpacked

SIZES = ("0.5b", "1.5b")

RUNS = {
    "provided": "chains that we wrote",
    "unscaffolded": "chains that we wrote, whose questions name no operands",
    "own": "its own chains on GSM8K",
    "arith": "its own chains on word problems that we wrote",
    "self": "its own right chains, read again",
    "cue": "the same, asked with `The answer is`",
    "cue_cut": "the cut ones, asked with `The answer is`",
    "other": "the other size's right chains on GSM8K",
    "whole": "its own right chains with their final statement, and with another value there",
    "cut": "its own right chains, cut before the first statement of the answer",
    "core": "its own right chains: the smallest part that keeps the answer",
    "carried": "its own right chains, also with a mistake that is carried on, or written on behind",
}

PUBLISHED = """\
provided corrupt_effect_load_bearing | about 7           | 8.6          | drop on corrupting a load-bearing step, nats
provided corrupt_effect_decoy        | -0.08             | -0.003       | drop on corrupting an aside
provided corrupt_separated_means     | > 99%             | > 99%        | problems where the two are separated
provided corrupt_auc                 | 0.995             | –            | AUC of corruption
provided delete_auc                  | 0.66              | –            | AUC of deletion
own corrupt_effect_over_steps        | [1.23, 2.11]      | [1.55, 2.39] | mean effect over steps
own corrupt_load_bearing_rate        | 43%               | 53%          | share of steps at or over one nat
own corrupt_early                    | 0.47              | –            | early third, nats
own corrupt_early_rate               | 19%               | –            | early third, share
own corrupt_middle_rate              | 34%               | –            | middle third, share
own corrupt_late                     | 2.74              | –            | late third, nats
own corrupt_late_rate                | 64%               | –            | late third, share
own corrupt_negative                 | about 30%         | –            | steps with an effect under zero
own corrupt_position_corr            | 0.42 [0.26, 0.57] | –            | correlation of position and effect
own corrupt_position_positive        | 83%               | –            | positive in
own delete_load_bearing_rate         | –                 | –            | on leaving it out: share of steps at or over one nat
own delete_late                      | –                 | –            | on leaving it out: late third, nats
"""
"""Of the study that this project comes from: the kind of run and our metric, its 1.5B, its 7B, and what it is."""

COMPARED = {
    "provided": (
        *("corrupt_label_difference", "corrupt_effect_load_bearing"),
        *("corrupt_auc", "delete_auc"),
    ),
    "own": tuple(
        f"corrupt_{name}"
        for name in (
            *("effect_vs_control", "effect_vs_control_no_answer_steps"),
            *("load_bearing_rate_vs_control", "early_vs_control", "late_vs_control"),
            *("gradient_vs_control", "negative_vs_control"),
        )
    ),
}
"""By what the sizes are compared."""

NAME = "study_{}_{}"
ANSWER_STEPS = "_no_answer_steps"


def name_of(size: str, what: str) -> str:
    """What a run is kept as."""
    return NAME.format(size, what)


def as_rows(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown: words, then numbers."""
    lines = [heads, ("---", *("---:" for _ in heads[1:])), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(size: str, what: str, metric: str, counted: bool = False) -> str:
    """A metric of a run with its interval, and of how many problems it is; a dash where there is none."""
    row = report_of(name_of(size, what)).row(metric)
    if row is None or row.estimate.n_problems == 0:
        return "–"
    told = with_interval(row.estimate, row.unit)
    return f"{told} ({row.estimate.n_problems})" if counted else told


def published() -> str:
    """The study's figures beside ours, with and without the steps that state the answer."""
    heads = ["", "study, 1.5B", "study, 7B", *(f"ours, {s.upper()}" for s in SIZES)]
    heads += [f"{s.upper()}, without the answer's steps" for s in SIZES]
    rows = []
    for line in PUBLISHED.splitlines():
        which, small, large, told = (part.strip() for part in line.split("|"))
        what, metric = which.split()
        rows.append([told, small, large])
        rows[-1] += [cell(s, what, metric) for s in SIZES]
        # Chains that we wrote are changed up to their statement: it is in every step's effect.
        rows[-1] += [
            cell(s, what, metric + ANSWER_STEPS) if what == "own" else "–"
            for s in SIZES
        ]
    steps = [corrupted(size, "own") for size in SIZES]
    steps += [frame[~frame["states_answer"]] for frame in steps]
    under = f"steps with an effect under {ROUNDING} nats"
    low = [(frame["raw"] < ROUNDING, frame) for frame in steps]
    rows.append([under, "–", "–", *(_share(*one) for one in low)])
    rows.append(["problems solved and used", "25", "32", *used(), "", ""])
    return as_rows(heads, rows)


ROUNDING = -0.1
"""Effects nearer to zero may be rounding of bfloat16, in nats."""


def _share(holds: pd.Series[bool], frame: pd.DataFrame) -> str:
    """The share of a frame's steps of which something holds."""
    found = SHARE_OF_STEPS.estimate(sample_of(frame.assign(effect=holds)), BOOTSTRAP)
    return with_interval(found, "share")


def used() -> list[str]:
    """Solved and used problems of GSM8K, of how many, by size."""
    found = []
    for size in SIZES:
        chains = chains_frame(run_of(name_of(size, "own")))
        scored = (chains["outcome"] == "scored").sum()
        found.append(f"{scored} of {len(chains)}")
    return found


# --- the statement of the answer ------------------------------------------------------


def statement() -> str:
    """How much of the late effects is the statement's: the ablation of 2605.10799."""
    rows = [[told, *(of(size) for size in SIZES)] for told, of in STATEMENT.items()]
    return as_rows(["", *(size.upper() for size in SIZES)], rows)


def changed(size: str, what: str, intervention: str) -> pd.DataFrame:
    """The scored steps under an intervention."""
    frame = steps_frame(run_of(name_of(size, what)))
    return frame[(frame["intervention"] == intervention) & frame["effect"].notna()]


@cache
def corrupted(size: str, what: str) -> pd.DataFrame:
    """The scored steps under `corrupt`: their ``effect`` less the control's, as it is (``raw``), and ``over_floor``."""
    frame = changed(size, what, "corrupt")
    raw = frame["effect"]
    over = over_floor(frame["logprob_clean"].to_numpy(), raw.to_numpy())
    less = raw - frame["control_effect"]
    return frame.assign(effect=less, raw=raw, over_floor=over)


def sample_of(
    frame: pd.DataFrame, value: str = "effect", second: str | None = None
) -> Sample:
    """For an estimator: problems as whole numbers that are the same in every frame."""
    problem = frame["problem"].map(lambda name: int(name[:15], 16)).to_numpy(np.int64)
    beside = None if second is None else frame[second].to_numpy(np.float64)
    return Sample(frame[value].to_numpy(np.float64), problem, beside)


@cache
def late(size: str) -> pd.DataFrame:
    """Mean effects of late steps in nats, a row a problem that has all: a column for each of :data:`CHAINS`.

    ``stated`` is what the late steps of the cut chain do in the whole one, where the statement comes behind them;
    ``reached`` whether the answer is likelier than not behind the cut chain.
    """
    again, whole, cut = (corrupted(size, what) for what in ("self", "whole", "cut"))
    keys = ["problem", "step", "before"]
    stated = cut[cut["third"] == "late"][keys].merge(whole, on=keys)
    found = {
        "self": _late_means(again),
        "whole": _late_means(whole),
        "cut": _late_means(cut),
        "stated": stated.groupby("problem")["raw"].mean(),
    }
    for name, frame in (("self", again), ("cut", cut)):
        found[f"{name}_over_floor"] = _late_means(frame, "over_floor")
        of_chain = frame.groupby("problem")["raw"]
        found |= {f"{name}_sum": of_chain.sum(), f"{name}_largest": of_chain.max()}
    clean = chains_frame(run_of(name_of(size, "cut"))).set_index("problem")["logprob"]
    found["reached"] = (clean > np.log(0.5)).astype(float)
    return pd.concat(found, axis=1).dropna().reset_index()


def _late_means(frame: pd.DataFrame, value: str = "raw") -> pd.Series[float]:
    return frame[frame["third"] == "late"].groupby("problem")[value].mean()


def estimate(frame: pd.DataFrame, value: str, second: str | None = None) -> Estimate:
    """The mean over problems, or how many times the second column's it is."""
    chosen = MEAN_OF_PROBLEMS if second is None else RATIO_OF_MEANS
    return chosen.estimate(sample_of(frame, value, second), BOOTSTRAP)


def _late(value: str) -> Callable[[str], str]:
    def of(size: str) -> str:
        found = estimate(late(size), value)
        return f"{with_interval(found, 'nats')} ({found.n_problems})"

    return of


def _lost(size: str) -> str:
    both = [sample_of(late(size), name) for name in ("cut", "self")]
    (pair,) = MEAN_OF_PROBLEMS.all_pairs(both, BOOTSTRAP, paired=True)
    return with_interval(pair.comparison.estimate, "nats")


def _left(counted: str = "") -> Callable[[str], str]:
    names = f"cut{counted}", f"self{counted}"
    return lambda size: with_interval(estimate(late(size), *names), "share")


def _left_where(reached: bool) -> Callable[[str], str]:
    def of(size: str) -> str:
        frame = late(size)
        found = estimate(frame[frame["reached"] == reached], "cut", "self")
        return f"{with_interval(found, 'share')} ({found.n_problems})"

    return of


def _stating(intervention: str) -> Callable[[str], str]:
    """The share of the steps that state the answer that have an effect of a nat or more."""

    def of(size: str) -> str:
        frame = changed(size, "own", intervention)
        frame = frame[frame["states_answer"]]
        return _share(frame["effect"] >= 1, frame)

    return of


def _left_asked(size: str) -> str:
    both = [_late_means(corrupted(size, what)) for what in ("cue_cut", "cue")]
    found = pd.concat(both, axis=1, keys=["cut", "whole"]).dropna().reset_index()
    return with_interval(estimate(found, "cut", "whole"), "share")


def _cell(what: str, metric: str) -> Callable[[str], str]:
    return lambda size: cell(size, what, metric)


def _counted(what: str, metric: str) -> Callable[[str], str]:
    return lambda size: cell(size, what, metric, counted=True)


STATEMENT: dict[str, Callable[[str], str]] = {
    "headline: share of steps at or over one nat": _counted(
        "own", "corrupt_load_bearing_rate"
    ),
    "the same without the steps that state the answer": _counted(
        "own", f"corrupt_load_bearing_rate{ANSWER_STEPS}"
    ),
    "of the steps that state the answer": _stating("corrupt"),
    "of those, where the step is left out (`delete`)": _stating("delete"),
    "headline, the first of these chains, read again": _counted(
        "self", "corrupt_load_bearing_rate"
    ),
    "the same, the chain cut before the first statement": _counted(
        "cut", "corrupt_load_bearing_rate"
    ),
    "`corrupt` in the last third, the final statement in the chain": _late("whole"),
    "the final statement left out": _late("self"),
    "the chain cut before the first statement": _late("cut"),
    "cut less left out, paired": _lost,
    "what is left of it": _left(),
    "left of it where the answer is likelier than not behind the cut": _left_where(
        True
    ),
    "left of it elsewhere": _left_where(False),
    "left of the late third, probabilities under 1e-4 counted as 1e-4": _left(
        "_over_floor"
    ),
    "left of the sum of a chain's effects": _left("_sum"),
    "left of a chain's largest effect": _left("_largest"),
    "the late steps of the cut chain, with the statement behind them": _late("stated"),
    "the cut chain's late steps, less control": _counted(
        "cut", "corrupt_late_vs_control"
    ),
    "log p(answer), the final statement left out": _counted("self", "clean_logprob"),
    "log p(answer), the chain cut": _counted("cut", "clean_logprob"),
    "cut chains behind which the model's own answer is right": _counted(
        "cut", "clean_acc"
    ),
    "cut chains whose answer is under 1e-4": _counted("cut", "at_floor"),
    "another value in the final statement becomes the likelier one": _counted(
        "whole", "conflict_follow"
    ),
    "asked with `The answer is`: log p(answer), the final statement left out": _counted(
        "cue", "clean_logprob"
    ),
    "asked so: log p(answer), the chain cut": _counted("cue_cut", "clean_logprob"),
    "asked so: cut chains whose answer is under 1e-4": _counted("cue_cut", "at_floor"),
    "asked so: what is left of the late effect in the cut chain": _left_asked,
}
"""Rows of the table: what, and the number of a size."""


CHAINS = {
    "final statement in the chain": "whole",
    "final statement left out": "self",
    "cut before the first statement": "cut",
}


def statement_figure() -> Figure:
    """The late steps' effects with and without the answer's statements, a row a size."""
    found = {
        kind: [estimate(late(size), value) for size in SIZES]
        for kind, value in CHAINS.items()
    }
    marks: list[Mark] = [Rule(x=0)]
    for k, estimates in enumerate(found.values()):
        marks += row_marks(estimates, k, beside(k, len(found), len(SIZES), 0.25))
    names = [size.upper() for size in SIZES]
    x = estimates_axis((e for some in found.values() for e in some), NATS)
    said = "Mean effect of corrupt on late steps, a row a size."
    panel = Panel("corrupt, last third", x, rows_axis(names), tuple(marks), said)
    return Figure(
        "statement",
        "What the statement of the answer does",
        "The last third of the same problems' chains, with intervals.",
        (panel,),
        tuple(found),
        Table(
            (
                *named_columns("size", "chain"),
                ("mean, nats", True),
                ("interval", False),
            ),
            tuple(
                (name, kind, number(e.point, "nats"), interval(e, "nats"))
                for kind, estimates in found.items()
                for name, e in zip(names, estimates, strict=True)
            ),
        ),
    )


# --- whose reasoning it is ------------------------------------------------------------


def whose() -> str:
    """Each size reading its own chains and the other's, on the problems that both solved."""
    heads = ["reader", "", "own chain", "the other's", "own less the other's, paired"]
    rows: list[list[str]] = []
    for size in SIZES:
        rows += _of_reader(size)
    return as_rows(heads, rows)


def _of_reader(size: str) -> Iterator[list[str]]:
    chains = [chains_frame(run_of(name_of(size, what))) for what in ("self", "other")]
    scored = [frame[frame["outcome"] == "scored"] for frame in chains]
    both = set(scored[0]["problem"]) & set(scored[1]["problem"])
    steps = [corrupted(size, what) for what in ("self", "other")]
    told = {
        "`corrupt` less control, nats": steps,
        "the same without the answer's steps": [s[~s["states_answer"]] for s in steps],
        "at or over one nat": [
            s.assign(effect=(s["effect"] >= 1).astype(float)) for s in steps
        ],
        "log p(answer), clean": [c.assign(effect=c["logprob"]) for c in scored],
    }
    for name, (own, other) in told.items():
        share = name == "at or over one nat"
        unit, over = ("share", SHARE_OF_STEPS) if share else ("nats", MEAN_OF_PROBLEMS)
        samples = [sample_of(f[f["problem"].isin(both)]) for f in (own, other)]
        (pair,) = over.all_pairs(samples, BOOTSTRAP, paired=True)
        means = [over.estimate(s, BOOTSTRAP) for s in samples]
        cells = (with_interval(e, unit) for e in (*means, pair.comparison.estimate))
        yield [f"{size.upper()}, {len(both)} problems", name, *cells]


def provided_figure() -> Figure:
    """Effects on load-bearing steps and decoys of chains that we wrote, a row a size."""
    figure, *_ = first_numbers([report_of(name_of(size, "provided")) for size in SIZES])
    return figure


# --- the sizes, cards and cores -------------------------------------------------------


def sizes() -> str:
    """The large size less the small one."""
    rows = []
    for what in COMPARED:
        for d in differences(what):
            e, unit = d.comparison.estimate, d.quantity.metric.unit
            told = [f"`{d.quantity.name}`", with_interval(e, unit), str(e.n_problems)]
            told.append(p_value(d.comparison.p_value))
            rows.append([*told, d.problems])
    heads = ["", "1.5B less 0.5B", "problems", "p", "which problems"]
    return as_rows(heads, rows)


def steps() -> pd.DataFrame:
    """The step records of all kept runs, those of the first looks among them; `run` says whose."""
    names = sorted(path.stem for path in RECORDS.glob(f"{NAME.format('*', '*')}.zip"))
    frames = [steps_frame(run_of(name)).assign(run=name) for name in names]
    return pd.concat(frames, ignore_index=True)


@cache
def differences(what: str) -> list[Difference]:
    """The large size less the small one in one kind of run, by each of :data:`COMPARED`."""
    runs = [run_of(name_of(size, what)) for size in reversed(SIZES)]
    models = [one for run in runs for one in measured_of_run(run)]
    by_name = {quantity.name: quantity for quantity in quantities_of(models)}
    only = [by_name[name] for name in COMPARED[what] if name in by_name]
    found = compared(models, BOOTSTRAP, only=only).differences
    return sorted(found, key=lambda d: only.index(d.quantity))


def cards() -> str:
    """The card of every run: each line's word and number."""
    heads = ["run", "size"]
    rows = []
    for what in ("provided", "unscaffolded", "own", "arith"):
        for size in SIZES:
            card = report_of(name_of(size, what)).card
            heads = ["run", "size", *(line.name for line in card.lines)]
            cells = (
                line.word
                if line.estimate is None
                else f"{number(line.estimate.point, line.unit)}: {line.word}"
                for line in card.lines
            )
            rows.append([what, size.upper(), *cells])
    return as_rows(heads, rows)


OTHERS = {
    "unscaffolded": (
        *("corrupt_effect_load_bearing", "corrupt_effect_decoy"),
        *("corrupt_auc", "delete_auc"),
    ),
    "arith": (
        *("solved", "unparsed", "corrupt_effect_vs_control"),
        f"corrupt_effect_vs_control{ANSWER_STEPS}",
        *("corrupt_late_vs_control", "corrupt_load_bearing_rate_vs_control"),
    ),
}
"""What is told of the tasks that the study did not have."""


def others() -> str:
    """Main numbers of the other tasks."""
    rows = [
        [f"{RUNS[what]}: `{metric}`", *(cell(size, what, metric) for size in SIZES)]
        for what, metrics in OTHERS.items()
        for metric in metrics
    ]
    return as_rows(["", *(size.upper() for size in SIZES)], rows)


CARRIED = {
    "`corrupt`, nats": ("corrupt", "effect", "corrupt_carried"),
    "the value changed wherever it is said again, nats (`corrupt_carried`)": (
        "corrupt_carried",
        "effect",
        "corrupt",
    ),
    "another answer, written on behind the step (`continue`)": (
        "continue",
        "answer_changed",
        "continue_clean",
    ),
    "another answer behind the same cut, nothing changed (`continue_clean`)": (
        "continue_clean",
        "answer_changed",
        "continue",
    ),
    "it says that something is wrong": ("continue", "noticed", "continue"),
}
"""Rows of the table: an intervention, what is told of it, and another one that the same steps must have."""


def carried() -> str:
    """A mistake that is carried on, and one behind which the small model writes on: the same steps in each pair."""
    size, rows = SIZES[0], []
    for told, (name, value, other) in CARRIED.items():
        frame, beside = (changed(size, "carried", one) for one in (name, other))
        keys = ["problem", "chain", "step"]
        frame = frame.merge(beside[keys], on=keys)
        cells = []
        for part in (frame, frame[~frame["states_answer"]]):
            share = value != "effect"
            over = SHARE_OF_STEPS if share else MEAN_OF_STEPS
            found = over.estimate(sample_of(part, value), BOOTSTRAP)
            unit = "share" if share else "nats"
            cells.append(f"{with_interval(found, unit)} ({found.n_steps})")
        rows.append([told, *cells])
    return as_rows(["0.5B", "all steps", "without those that state the answer"], rows)


OF_BOTH_SEARCHES = ("core_different", "core_restated", "core_scorings")

CORES = (
    *("core_share", "core_token_share", "core_early", "core_middle", "core_late"),
    *OF_BOTH_SEARCHES,
)


def cores() -> str:
    """How few steps suffice."""
    rows = []
    for name in CORES:
        # Of fewer chains than were read: an empty core has no place.
        cells = map(_counted("core", f"delete_{name}"), SIZES)
        search = "" if name in OF_BOTH_SEARCHES else "from the front: "
        rows.append([f"{search}`{name}`", *cells])
    of_back = _of_cores(
        lambda core, chain: len(core.steps) / chain.n_steps, MEAN_OF_PROBLEMS, "back"
    )
    alone = _of_cores(
        lambda core, _: core.states_answer and len(core.steps) == 1, SHARE_OF_STEPS
    )
    rows.append(["from the back: `core_share`", *map(of_back, SIZES)])
    what = "cores that are one step, which states the answer"
    rows.append([what, *map(alone, SIZES)])
    return as_rows(["", *(size.upper() for size in SIZES)], rows)


def _of_cores(
    value: Callable[[SetRecord, ChainRecord], float], over: Estimator, search: str = ""
) -> Callable[[str], str]:
    """A value of the cores that were found, by both searches or by one."""

    def of(size: str) -> str:
        (task,) = run_of(name_of(size, "core")).tasks
        found = [
            (value(core, chain), k)
            for k, chain in enumerate(task.chains)
            for core in chain.sets
            if core.kind == "core" and core.kept and search in ("", core.name)
        ]
        values, problem = np.array(found, float).reshape(-1, 2).T
        told = over.estimate(Sample(values, problem.astype(np.int64)), BOOTSTRAP)
        return f"{with_interval(told, 'share')} ({len(found)})"

    return of


SOLVED = {
    ("0.5b", "own"): "its last words are asked for, 320 problems",
    ("0.5b", "shots"): "the same, four solved examples before it, the first 40",
    ("0.5b", "boxed"): "`\\boxed{}` is asked for, the first 40",
    ("1.5b", "first"): "its last words are asked for, the first 40",
}
"""Runs on GSM8K as its problems come, and what was asked for."""


def solved() -> str:
    """Solve rates, by prompt."""
    rows = [
        [
            f"{size.upper()}: {told}",
            *(cell(size, what, m) for m in ("solved", "unparsed")),
        ]
        for (size, what), told in SOLVED.items()
    ]
    return as_rows(["", "solved", "no final answer that can be read"], rows)


def headline() -> str:
    """What the page says first."""

    def both(of: Callable[[str], str]) -> str:
        return " and ".join(of(size) for size in SIZES)

    rate = "corrupt_load_bearing_rate"
    return (
        "**Where a chain states its answer, changing that step (`corrupt`) moves the answer, and changing any other "
        f"does not.** At or over one nat are {both(_cell('own', rate))} of the steps of the 0.5B and the 1.5B model "
        f"that state a number (the study: 43% and 53%), and {both(_cell('own', rate + ANSWER_STEPS))} of those of them "
        f"that do not state the answer. Leaving the stating step out (`delete`) takes a nat in {both(_stating('delete'))} "
        f"of cases. In the first of these chains, cut before the first statement, {both(_cell('cut', rate))} of the "
        f"steps are at or over one nat. In the last third `corrupt` takes {both(_late('self'))} nats (problems in "
        f"brackets), in the cut chains {both(_late('cut'))}: {both(_left())} of it. Where another value stands in the "
        f"final statement, it becomes the likelier one in {both(_cell('whole', 'conflict_follow'))}.\n"
    )


MADE: dict[str, Callable[[], str]] = {
    "study-headline": headline,
    "study-solved": solved,
    "study-published": published,
    "study-statement": statement,
    "study-whose": whose,
    "study-sizes": sizes,
    "study-others": others,
    "study-carried": carried,
    "study-cards": cards,
    "study-cores": cores,
}
"""Tables of docs/study.md."""


IN_THE_SITE = [
    (size, what) for size in (*SIZES, "smollm2") for what in ("provided", "own")
]
"""Kept runs, with those of SmolLM2-135M-Instruct, which the page does not tell of."""


def main(
    folder: Annotated[Path, typer.Argument(help="A new folder, or one made before.")],
) -> None:
    """Write the leaderboard of the models, with a report of each."""
    check_site(folder)
    with ExitStack() as stack:
        runs = [stack.enter_context(unpacked(name_of(*one))) for one in IN_THE_SITE]
        boards = leaderboards(runs, workers=available_cores(), merge="each_model")
        write_site(folder, boards, BOOTSTRAP, NOTHING_ASKED)


if __name__ == "__main__":
    typer.run(main)
