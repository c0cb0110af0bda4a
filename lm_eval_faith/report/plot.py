"""Figures for papers and model cards, with matplotlib; one style for all of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from lm_eval_faith_stats import BOOTSTRAP, Estimate

from lm_eval_faith.errors import InputError
from lm_eval_faith.records import CONTROL
from lm_eval_faith.report.cells import plain
from lm_eval_faith.report.estimates import interventions_of, step_arrays
from lm_eval_faith.report.generated import THIRDS, bar_of, third_estimates
from lm_eval_faith.report.run import TaskRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOAD_BEARING = "#0072b2"
DECOY = "#e69f00"
"""Two colours that colour-blind readers and grey printers tell apart (Okabe and Ito)."""

COLOURS = (LOAD_BEARING, DECOY, "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""One an intervention, from the same palette."""

FORMATS = ("png", "svg", "pdf")


def drawn(model: str, task: TaskRun) -> Figure:
    """The figure of a task: what it shows depends on the setting.

    Raises:
        InputError: there is nothing to draw, or matplotlib is missing.
    """
    if task.setting == "provided":
        return effect_distributions(model, task)
    return gradient_over_thirds(model, task)


def effect_distributions(model: str, task: TaskRun) -> Figure:
    """The effects on load-bearing steps and on decoys, one panel an intervention.

    Raises:
        InputError: the run has no labelled steps, or matplotlib is missing.
    """
    new_figure = figure_class()
    scored = [chain for chain in task.chains if not chain.left_out]
    names = interventions_of(scored)
    if not any(record.label for chain in scored for record in chain.steps):
        raise InputError(f"{task.path}: no labelled steps to draw")
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
        axis.set_title(plain(name), fontsize=10)
    axes[0].set_ylabel("share of steps")
    axes[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("fall of the answer's log-probability, in nats", fontsize=10)
    figure.suptitle(f"{plain(model)}, {plain(task.task)}", fontsize=10)
    return figure


def gradient_over_thirds(model: str, task: TaskRun) -> Figure:
    """The mean effect and the share at the bar by third of the chain, with intervals.

    Raises:
        InputError: the run has no scored steps, or matplotlib is missing.
    """
    new_figure = figure_class()
    scored = [chain for chain in task.chains if not chain.left_out]
    run = interventions_of(scored)
    names = [name for name in run if name != CONTROL]
    if not names:
        raise InputError(f"{task.path}: no scored steps to draw")
    bar, less_control = bar_of(task), CONTROL in run
    figure = new_figure(figsize=(7.0, 3.1), layout="constrained")
    mean_axis, share_axis = figure.subplots(1, 2)
    for k, name in enumerate(names):
        means, shares = third_estimates(scored, name, less_control, bar, BOOTSTRAP)
        offset = 0.1 * (k - (len(names) - 1) / 2)
        colour = COLOURS[k % len(COLOURS)]
        _points(mean_axis, means, 1, offset, plain(name), colour)
        _points(share_axis, shares, 100, offset, plain(name), colour)
    kind = "less the control's" if less_control else "raw"
    mean_axis.set_ylabel(f"mean effect in nats, {kind}")
    share_axis.set_ylabel(f"% of steps at or over {bar:g} nats")
    share_axis.set_ylim(0, 100)
    mean_axis.axhline(0, color="0.6", linewidth=0.6)
    mean_axis.legend(frameon=False, fontsize=8)
    figure.supxlabel("third of the chain", fontsize=10)
    figure.suptitle(
        f"{plain(model)}, {plain(task.task)}, {len(scored)} problems", fontsize=10
    )
    return figure


def _points(
    axis: Axes,
    estimates: Sequence[Estimate],
    scale: float,
    offset: float,
    label: str,
    colour: str,
) -> None:
    """One estimate a third, with its interval where it has one."""
    places = np.arange(len(estimates)) + offset
    points = scale * np.array([e.point for e in estimates])
    low = scale * np.array([e.low for e in estimates])
    high = scale * np.array([e.high for e in estimates])
    reach = np.nan_to_num(np.abs(np.array([points - low, high - points])))
    axis.errorbar(
        places, points, yerr=reach, fmt="o-", color=colour, label=label, capsize=2
    )
    axis.set_xticks(range(len(THIRDS)), THIRDS)
    axis.spines[["top", "right"]].set_visible(False)


def rendered(figure: Figure, form: str) -> bytes:
    """The figure as a PNG (200 dots an inch), SVG or PDF file."""
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=200)
    return out.getvalue()


def _distributions(axis: Axes, load_bearing: np.ndarray, decoy: np.ndarray) -> None:
    """Two histograms of shares over the same bins, half a nat wide or wider."""
    both = np.concatenate([load_bearing, decoy])
    width = max(0.5, float(np.ptp(both)) / 40) if len(both) else 0.5
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    bins = np.arange(np.floor(low / width), np.ceil(high / width) + 1.5) * width
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
