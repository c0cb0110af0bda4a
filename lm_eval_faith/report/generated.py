"""The figures of written chains, with intervals: the generated setting and replays.

There is no truth about the steps: what is told is how large the effects are, how many
reach the threshold, and where in the chain they sit. Where the control was run, effects are
differences from its effect at the same step; figures whose name begins with ``raw`` are
not. All is told again without the steps that state the answer, which leak it.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import Bootstrap, Estimate

from lm_eval_faith.records.outcome import (
    CONTROL,
    ChainRecord,
    StepRecord,
    control_effects,
    differenced,
)
from lm_eval_faith.records.run import TaskRun
from lm_eval_faith.report.cells import nats
from lm_eval_faith.report.estimates import (
    NO_ANSWER_STEPS,
    Row,
    TaskReport,
    clean_rows,
    interventions_of,
    warnings_of_few,
    warnings_of_not_applicable,
)

THRESHOLDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Where the curve of the share over thresholds is read, in nats."""

THIRDS = ("early", "middle", "late")


@dataclass(frozen=True)
class WrittenSteps:
    """The steps of one intervention as arrays, all of shape (steps,).

    Attributes:
        effect: in nats; NaN where there is none.
        problem: number of the problem, in the order of their ids.
        position: from 0 to 1.
        third: 0, 1 or 2.
        states_answer: the step states the final answer.
    """

    effect: np.ndarray
    problem: np.ndarray
    position: np.ndarray
    third: np.ndarray
    states_answer: np.ndarray

    def chosen(self, which: np.ndarray) -> WrittenSteps:
        """Only some of the steps."""
        return WrittenSteps(
            self.effect[which],
            self.problem[which],
            self.position[which],
            self.third[which],
            self.states_answer[which],
        )


def written_steps(
    chains: Sequence[ChainRecord], intervention: str, less_control: bool
) -> WrittenSteps:
    """The steps of one intervention, effects as they are or less the control's."""
    ordered = sorted(chains, key=lambda chain: chain.document)
    found: list[tuple[int, StepRecord, float]] = []
    for number, chain in enumerate(ordered):
        controls = control_effects(chain)
        for r in chain.steps:
            if r.intervention == intervention:
                effect = differenced(r, controls) if less_control else r.effect
                found.append((number, r, effect))
    return WrittenSteps(
        effect=np.array([effect for _, _, effect in found], float),
        problem=np.array([number for number, _, _ in found], int),
        position=np.array([r.position for _, r, _ in found], float),
        third=np.array([r.third for _, r, _ in found], int),
        states_answer=np.array([r.states_answer for _, r, _ in found], bool),
    )


def third_estimates(
    chains: Sequence[ChainRecord],
    intervention: str,
    less_control: bool,
    threshold: float,
    bootstrap: Bootstrap,
) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
    """Mean effect, and share at the threshold, of the early, middle and late third."""
    s = written_steps(chains, intervention, less_control)
    means = stats.third_mean_estimates(s.effect, s.problem, s.third, bootstrap)
    shares = stats.third_share_estimates(
        s.effect, s.problem, s.third, threshold, bootstrap
    )
    return means, shares


def threshold_of(task: TaskRun) -> float:
    """The effect, in nats, at which a step of this run counts as load-bearing."""
    return float(task.settings.get("threshold", 1.0))


def generated_report(model: str, task: TaskRun, bootstrap: Bootstrap) -> TaskReport:
    """The figures of the generated setting or of a replay."""
    scored = [chain for chain in task.chains if not chain.left_out]
    names = interventions_of(scored)
    rows = [*_solved_rows(task, bootstrap), *clean_rows(scored, bootstrap)]
    for name in names:
        rows += _intervention_rows(name, names, scored, threshold_of(task), bootstrap)
    return TaskReport(model, task, tuple(rows), tuple(_sentences(task, scored, names)))


def _solved_rows(task: TaskRun, bootstrap: Bootstrap) -> list[Row]:
    """How many problems were solved, and how long the right chains are."""
    ordered = sorted(task.chains, key=lambda chain: chain.document)
    asked = [float(c.solved) for c in ordered if c.solved is not None]
    lengths = [
        float(c.n_steps) for c in ordered if c.solved or (not asked and not c.left_out)
    ]
    steps = stats.mean_estimate(lengths, bootstrap, n_steps=int(sum(lengths)))
    rows = [Row("", "steps", "steps of a right chain", "steps", steps)]
    if asked:
        solved = stats.rate_estimate(asked, list(range(len(asked))), bootstrap)
        meaning = "problems whose generated answer is right"
        rows.insert(0, Row("", "solved", meaning, "share", solved))
    return rows


# --- one intervention ------------------------------------------------------------

Figure = tuple[str, str, str, Callable[[], Estimate]]
"""Name, meaning, unit, and what makes the estimate."""


@dataclass(frozen=True)
class Measure:
    """Which effect figures are made of, and how they are told apart.

    Attributes:
        steps: the effects.
        mean: the name of the mean effect.
        prefix: begins the names of all other figures.
        words: what the effect is called in a figure's meaning.
    """

    steps: WrittenSteps
    mean: str
    prefix: str
    words: str


def _intervention_rows(
    name: str,
    names: Sequence[str],
    scored: Sequence[ChainRecord],
    threshold: float,
    bootstrap: Bootstrap,
) -> list[Row]:
    """Figures of the differenced effect, raw ones beside them; raw ones without control."""
    plain = written_steps(scored, name, less_control=False)
    if name == CONTROL:
        alone = _measure_rows(
            name, Measure(plain, "raw", "raw_", "raw effect"), threshold, bootstrap
        )
        return [row for row in alone if row.figure in _OF_CONTROL]
    if CONTROL not in names:
        words = "raw effect, no control was run"
        return _measure_rows(
            name, Measure(plain, "raw", "", words), threshold, bootstrap
        )
    less = written_steps(scored, name, less_control=True)
    words = "effect minus control's"
    main = _measure_rows(name, Measure(less, "effect", "", words), threshold, bootstrap)
    raw = _measure_rows(
        name, Measure(plain, "raw", "raw_", "raw effect"), threshold, bootstrap
    )
    beside = [replace(row, detail=True) for row in raw[1:]]
    return [main[0], raw[0], *main[1:], *beside]


_OF_CONTROL = {
    figure + ending
    for figure in ("raw", "raw_share", "raw_negative", "raw_median")
    for ending in ("", NO_ANSWER_STEPS)
}


def _measure_rows(
    name: str, measure: Measure, threshold: float, bootstrap: Bootstrap
) -> list[Row]:
    """All figures of one effect: with every step, the curve, without answer steps."""
    without = replace(measure, steps=measure.steps.chosen(~measure.steps.states_answer))
    rows = [
        Row(name, figure, meaning, unit, estimate())
        for figure, meaning, unit, estimate in _figures(measure, threshold, bootstrap)
    ]
    rows += [
        Row(name, figure, meaning, unit, estimate(), detail=True)
        for figure, meaning, unit, estimate in _curve(measure, bootstrap)
    ]
    rows += [
        Row(
            name,
            figure + NO_ANSWER_STEPS,
            f"{meaning}; without the steps that state the answer",
            unit,
            estimate(),
            detail=True,
        )
        for figure, meaning, unit, estimate in _figures(without, threshold, bootstrap)
    ]
    return rows


def _figures(measure: Measure, threshold: float, bootstrap: Bootstrap) -> list[Figure]:
    found = [
        *_distribution(measure.steps, threshold, bootstrap),
        *_by_third(measure.steps, threshold, bootstrap),
        *_by_position(measure.steps, bootstrap),
    ]
    steps = measure.steps
    mean: Figure = (
        measure.mean,
        f"{measure.words}: mean over steps",
        "nats",
        lambda: stats.step_mean_estimate(steps.effect, steps.problem, bootstrap),
    )
    return [mean] + [
        (measure.prefix + figure, f"{measure.words}: {meaning}", unit, estimate)
        for figure, meaning, unit, estimate in found
    ]


def _distribution(
    s: WrittenSteps, threshold: float, bootstrap: Bootstrap
) -> list[Figure]:
    return [
        (
            "share",
            f"steps at or over {nats(threshold)}",
            "share",
            lambda: stats.share_at_threshold_estimate(
                s.effect, s.problem, threshold, bootstrap
            ),
        ),
        (
            "median",
            "median over steps",
            "nats",
            lambda: stats.median_effect_estimate(s.effect, s.problem, bootstrap),
        ),
        (
            "negative",
            "steps under zero",
            "share",
            lambda: stats.share_negative_estimate(s.effect, s.problem, bootstrap),
        ),
    ]


def _by_third(s: WrittenSteps, threshold: float, bootstrap: Bootstrap) -> list[Figure]:
    def part(k: int, share: bool) -> Estimate:
        here = s.chosen(s.third == k)
        if share:
            return stats.share_at_threshold_estimate(
                here.effect, here.problem, threshold, bootstrap
            )
        return stats.step_mean_estimate(here.effect, here.problem, bootstrap)

    means: list[Figure] = [
        (
            third,
            f"mean over the {third} third's steps",
            "nats",
            functools.partial(part, k, False),
        )
        for k, third in enumerate(THIRDS)
    ]
    return means + [
        (
            f"{third}_share",
            f"the {third} third's steps at or over {nats(threshold)}",
            "share",
            functools.partial(part, k, True),
        )
        for k, third in enumerate(THIRDS)
    ]


def _by_position(s: WrittenSteps, bootstrap: Bootstrap) -> list[Figure]:
    where = (s.effect, s.position, s.problem)
    return [
        (
            "position_corr",
            "correlation with the step's position in a problem, averaged",
            "correlation",
            lambda: stats.position_correlation_estimate(*where, bootstrap),
        ),
        (
            "position_rank_corr",
            "the same by ranks (Spearman)",
            "correlation",
            lambda: stats.position_rank_correlation_estimate(*where, bootstrap),
        ),
        (
            "position_positive",
            "problems where that correlation is over zero",
            "share",
            lambda: stats.share_positive_correlation_estimate(*where, bootstrap),
        ),
    ]


def _curve(measure: Measure, bootstrap: Bootstrap) -> list[Figure]:
    """The share at other thresholds, named after them."""
    steps = measure.steps
    return [
        (
            f"{measure.prefix}share_at_{threshold:g}",
            f"{measure.words}: steps at or over {nats(threshold)}",
            "share",
            functools.partial(
                stats.share_at_threshold_estimate,
                steps.effect,
                steps.problem,
                threshold,
                bootstrap,
            ),
        )
        for threshold in THRESHOLDS
    ]


# --- sentences -------------------------------------------------------------------


def _sentences(
    task: TaskRun, scored: Sequence[ChainRecord], names: Sequence[str]
) -> list[str]:
    return [
        *_counted(task, scored),
        *_left_out_of_file(task),
        *_sampled(task, scored),
        *warnings_of_few(scored),
        *warnings_of_not_applicable(scored, names),
    ]


def _counted(task: TaskRun, scored: Sequence[ChainRecord]) -> list[str]:
    """What became of the documents, where not all of them were used."""
    reasons = Counter(chain.left_out for chain in task.chains if chain.left_out)
    if not reasons:
        return []
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return [f"{len(scored)} of {len(task.chains)} documents are used; left out: {told}"]


def _left_out_of_file(task: TaskRun) -> list[str]:
    """The chains of a replayed file that never became documents."""
    left_out = task.settings.get("chains_left_out")
    if not isinstance(left_out, dict) or not left_out:
        return []
    told = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    return [
        f"of {task.settings.get('chains_in_file')} chains in the file left out: {told}"
    ]


def _sampled(task: TaskRun, scored: Sequence[ChainRecord]) -> list[str]:
    """How many steps were drawn, where not all of them were intervened on."""
    read = [len({r.step for r in chain.steps}) for chain in scored]
    there = [chain.n_steps for chain in scored]
    shortened = sum(r < n for r, n in zip(read, there, strict=True))
    if not shortened:
        return []
    drawn = f"max_steps={task.settings.get('max_steps')} drew them at random"
    told = f"{sum(read)} of {sum(there)} steps were intervened on"
    return [f"{told}: {drawn} from the {shortened} longer chains"]
