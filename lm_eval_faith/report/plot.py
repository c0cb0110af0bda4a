"""Figures for papers and model cards, with matplotlib; one style for all of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import lm_eval_faith_stats as stats
import numpy as np
from lm_eval_faith_stats import BOOTSTRAP, Estimate

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.outcome import CONTROL, ChainRecord
from lm_eval_faith.records.run import TaskRun
from lm_eval_faith.report.cells import brief, interval, nats, number
from lm_eval_faith.report.estimates import interventions_of, step_arrays
from lm_eval_faith.report.figure_data import (
    PART_NAMES,
    curve_thresholds,
    histogram_edges,
    means_by_part,
    share_curve,
)
from lm_eval_faith.report.generated import (
    THIRDS,
    WrittenSteps,
    third_estimates,
    threshold_of,
    written_steps,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOAD_BEARING = "#0072b2"
DECOY = "#e69f00"
"""Two colours that colour-blind readers and grey printers tell apart (Okabe and Ito)."""

COLOURS = (LOAD_BEARING, DECOY, "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""One an intervention, from the same palette."""

FORMATS = ("png", "svg", "pdf")

LONGEST_LABEL = 80
"""Characters of a name in a figure."""


def name_text(text: str) -> str:
    """A name as a figure shows it: on one line, dollars no signs of a formula.

    matplotlib keeps names that begin with an underscore out of legends.
    """
    shown = brief(text, LONGEST_LABEL).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


DASHES = ("-", "--", ":", "-.", (0, (4, 2)), (0, (1, 2)))
"""One an intervention: lines that grey printers tell apart."""


def drawn(model: str, task: TaskRun, figure: str | None = None) -> Figure:
    """A figure of a task, by its name in :func:`figures_of`; the first without a name.

    Raises:
        InputError: there is no such figure, nothing to draw, or matplotlib is missing.
    """
    figures = figures_of(task.setting)
    name = next(iter(figures)) if figure is None else figure
    if name not in figures:
        raise InputError(
            f"no figure {brief(repr(name))} of {task.setting} chains; "
            f"there are {', '.join(figures)}"
        )
    return figures[name](model, task)


def figures_of(setting: str) -> dict[str, Callable[[str, TaskRun], Figure]]:
    """The figures of a setting's tasks, the main one first."""
    if setting == "provided":
        return {
            "effects": effect_distributions,
            "roc": roc_curves,
            "position": effect_by_position,
        }
    return {
        "thirds": gradient_over_thirds,
        "position": written_effect_by_position,
        "thresholds": share_over_thresholds,
    }


def effect_distributions(model: str, task: TaskRun) -> Figure:
    """The effects on load-bearing steps and on decoys, one panel an intervention.

    Raises:
        InputError: the run has no labelled steps, or matplotlib is missing.
    """
    new_figure = figure_class()
    scored, names = _labelled(task)
    figure = new_figure(figsize=(3.2 * len(names) + 0.6, 3.1), layout="constrained")
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        steps = step_arrays(scored, name)
        known = ~np.isnan(steps.effect)
        _distributions(
            axis,
            steps.effect[known & steps.load_bearing],
            steps.effect[known & ~steps.load_bearing],
        )
        axis.set_title(name_text(name), fontsize=10)
    axes[0].set_ylabel("share of steps")
    axes[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("fall of the answer's log-probability, in nats", fontsize=10)
    return _entitled(figure, model, task.task)


def gradient_over_thirds(model: str, task: TaskRun) -> Figure:
    """The mean effect and the share at the threshold by third of the chain, with intervals.

    Raises:
        InputError: the run has no scored steps, or matplotlib is missing.
    """
    new_figure = figure_class()
    scored, steps, kind = _written(task)
    names, threshold = list(steps), threshold_of(task)
    less_control = CONTROL in interventions_of(scored)
    figure = new_figure(figsize=(7.0, 3.1), layout="constrained")
    mean_axis, share_axis = figure.subplots(1, 2)
    for k, name in enumerate(names):
        means, shares = third_estimates(
            scored, name, less_control, threshold, BOOTSTRAP
        )
        offset = 0.1 * (k - (len(names) - 1) / 2)
        _points(mean_axis, means, 1, offset, name_text(name), _colour(k))
        _points(share_axis, shares, 100, offset, name_text(name), _colour(k))
    mean_axis.set_ylabel(f"mean effect in nats, {kind}")
    share_axis.set_ylabel(f"% of steps at or over {nats(threshold)}")
    share_axis.set_ylim(0, 100)
    mean_axis.axhline(0, color="0.6", linewidth=0.6)
    mean_axis.legend(frameon=False, fontsize=8)
    figure.supxlabel("third of the chain", fontsize=10)
    return _entitled(figure, model, task.task, f"{len(scored)} problems")


def roc_curves(model: str, task: TaskRun) -> Figure:
    """The ROC curves of all interventions, with their AUCs and intervals.

    Raises:
        InputError: the run has no labelled steps, or matplotlib is missing.
    """
    new_figure = figure_class()
    scored, names = _labelled(task)
    figure = new_figure(figsize=(3.9, 3.7), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    for k, name in enumerate(names):
        s = step_arrays(scored, name)
        auc = stats.auc_estimate(s.effect, s.load_bearing, s.problem, BOOTSTRAP)
        told = (
            f"{name_text(name)}, AUC {number(auc.point, 'auc')} {interval(auc, 'auc')}"
        )
        x, y = stats.roc_curve(s.effect, s.load_bearing)
        axis.plot(x, y, color=_colour(k), linestyle=_dash(k), label=told)
    axis.set_aspect("equal")
    axis.set_xlabel("share of decoys over the threshold")
    axis.set_ylabel("share of load-bearing steps over it")
    axis.legend(frameon=False, fontsize=7, loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)
    return _entitled(figure, model, task.task)


def effect_by_position(model: str, task: TaskRun) -> Figure:
    """The mean effect by part of the chain, of load-bearing steps and of decoys.

    Raises:
        InputError: the run has no labelled steps, or matplotlib is missing.
    """
    new_figure = figure_class()
    scored, names = _labelled(task)
    figure = new_figure(figsize=(3.2 * len(names) + 0.6, 3.1), layout="constrained")
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        s = step_arrays(scored, name)
        position = written_steps(scored, name, less_control=False).position
        for k, (which, kind) in enumerate(
            (("load-bearing", s.load_bearing), ("decoy", ~s.load_bearing))
        ):
            means = means_by_part(
                s.effect[kind], position[kind], s.problem[kind], BOOTSTRAP
            )
            _points(axis, means, 1, 0.12 * (k - 0.5), which, _colour(k), PART_NAMES)
        axis.axhline(0, color="0.6", linewidth=0.6)
        axis.set_title(name_text(name), fontsize=10)
    axes[0].set_ylabel("mean effect in nats")
    axes[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("part of the chain", fontsize=10)
    return _entitled(figure, model, task.task)


def written_effect_by_position(model: str, task: TaskRun) -> Figure:
    """The mean effect by part of a written chain, all interventions on one plot.

    Raises:
        InputError: the run has no scored steps, or matplotlib is missing.
    """
    new_figure = figure_class()
    scored, steps, kind = _written(task)
    figure = new_figure(figsize=(4.4, 3.1), layout="constrained")
    axis = figure.subplots()
    for k, (name, s) in enumerate(steps.items()):
        means = means_by_part(s.effect, s.position, s.problem, BOOTSTRAP)
        offset = 0.1 * (k - (len(steps) - 1) / 2)
        _points(axis, means, 1, offset, name_text(name), _colour(k), PART_NAMES)
    axis.axhline(0, color="0.6", linewidth=0.6)
    axis.set_xlabel("part of the chain")
    axis.set_ylabel(f"mean effect in nats, {kind}")
    axis.legend(frameon=False, fontsize=8)
    return _entitled(figure, model, task.task, f"{len(scored)} problems")


def share_over_thresholds(model: str, task: TaskRun) -> Figure:
    """The share of steps at or over each threshold, with intervals; the run's threshold is marked.

    Raises:
        InputError: the run has no scored steps, or matplotlib is missing.
    """
    new_figure = figure_class()
    scored, steps, kind = _written(task)
    threshold = threshold_of(task)
    thresholds = curve_thresholds(threshold)
    figure = new_figure(figsize=(4.4, 3.1), layout="constrained")
    axis = figure.subplots()
    for k, (name, s) in enumerate(steps.items()):
        shares = share_curve(s, thresholds, BOOTSTRAP)
        points, low, high = (
            100 * np.array([getattr(e, part) for e in shares])
            for part in ("point", "low", "high")
        )
        axis.fill_between(
            thresholds, low, high, color=_colour(k), alpha=0.15, linewidth=0
        )
        axis.plot(
            thresholds,
            points,
            color=_colour(k),
            linestyle=_dash(k),
            label=name_text(name),
        )
    axis.axvline(
        threshold,
        color="0.4",
        linewidth=0.8,
        label=f"the run's threshold, {threshold:g}",
    )
    axis.set_ylim(0, 100)
    axis.set_xlabel(f"threshold in nats, effects {kind}")
    axis.set_ylabel("% of steps at or over the threshold")
    axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    return _entitled(figure, model, task.task, f"{len(scored)} problems")


def _labelled(task: TaskRun) -> tuple[list[ChainRecord], list[str]]:
    """The scored chains of a task whose steps are labelled, and its interventions.

    Raises:
        InputError: no step is labelled.
    """
    scored = [chain for chain in task.chains if not chain.left_out]
    if not any(record.label for chain in scored for record in chain.steps):
        raise InputError(f"{task.path}: no labelled steps to draw")
    return scored, interventions_of(scored)


def _written(
    task: TaskRun,
) -> tuple[list[ChainRecord], dict[str, WrittenSteps], str]:
    """The scored chains, the steps of each intervention, and what their effects are.

    Raises:
        InputError: no step was scored.
    """
    scored = [chain for chain in task.chains if not chain.left_out]
    run = interventions_of(scored)
    names = [name for name in run if name != CONTROL]
    if not names:
        raise InputError(f"{task.path}: no scored steps to draw")
    less_control = CONTROL in run
    steps = {name: written_steps(scored, name, less_control) for name in names}
    return scored, steps, "less the control's" if less_control else "raw"


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _dash(k: int) -> Any:
    return DASHES[k % len(DASHES)]


def _entitled(figure: Figure, model: str, *told: str) -> Figure:
    """The figure with the model's name and what else is told above it."""
    title = ", ".join(name_text(text) for text in (model, *told))
    figure.suptitle(title, fontsize=10)
    return figure


def _points(
    axis: Axes,
    estimates: Sequence[Estimate],
    scale: float,
    offset: float,
    label: str,
    colour: str,
    names: Sequence[str] = THIRDS,
) -> None:
    """One estimate a third, or another part, with its interval where it has one."""
    places = np.arange(len(estimates)) + offset
    points = scale * np.array([e.point for e in estimates])
    low = scale * np.array([e.low for e in estimates])
    high = scale * np.array([e.high for e in estimates])
    reach = np.nan_to_num(np.abs(np.array([points - low, high - points])))
    axis.errorbar(
        places, points, yerr=reach, fmt="o-", color=colour, label=label, capsize=2
    )
    axis.set_xticks(range(len(names)), names)
    axis.spines[["top", "right"]].set_visible(False)


def rendered(figure: Figure, form: str) -> bytes:
    """The figure as a PNG (200 dots an inch), SVG or PDF file."""
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=200)
    return out.getvalue()


def _distributions(axis: Axes, load_bearing: np.ndarray, decoy: np.ndarray) -> None:
    """Two histograms of shares over the same bins, half a nat wide or wider."""
    bins = histogram_edges(np.concatenate([load_bearing, decoy]))
    kinds: Sequence[tuple[np.ndarray, str, str]] = (
        (load_bearing, "load-bearing", LOAD_BEARING),
        (decoy, "decoy", DECOY),
    )
    for effects, label, colour in kinds:
        if len(effects):
            axis.hist(
                effects,
                bins=bins.tolist(),
                weights=np.full(len(effects), 1 / len(effects)),
                color=colour,
                alpha=0.6,
                label=f"{label} ({len(effects)} steps)",
            )
            axis.axvline(float(effects.mean()), color=colour, linewidth=1.2)
    axis.spines[["top", "right"]].set_visible(False)
    axis.axvline(0, color="0.6", linewidth=0.6)


def figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "figures need matplotlib: pip install 'lm-eval-faith[report]'"
        ) from None
    return Figure
