"""What figures show, against other implementations, and `lm-eval-faith plot --figure`."""

import lm_eval_faith_stats as stats
import numpy as np
import pytest

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import load_run
from lm_eval_faith.report import curves
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.plot import drawn, rendered
from lm_eval_faith.report.report import make_reports


@pytest.fixture(scope="module")
def provided(provided_run):
    return load_run(provided_run)


@pytest.fixture(scope="module")
def written(generated_runs):
    return load_run(generated_runs[0])


def figure_of(run, name=None):
    (task,) = run.tasks
    return drawn(run, task, name)


def estimates(folder):
    (report,) = make_reports([folder])
    return {(row.intervention, row.metric): row.estimate for row in report.rows}


def names_of(figure):
    """The names in the legend, as far as the first comma."""
    legend = figure.axes[0].get_legend()
    return [text.get_text().split(",")[0] for text in legend.get_texts()]


# --- the numbers -------------------------------------------------------------------


def test_a_roc_curve_of_one_kind_of_step_is_empty():
    x, y = stats.roc_curve(np.array([1.0, 2.0]), np.array([True, True]))
    assert len(x) == len(y) == 0
    assert np.isnan(curves.caught_at((x, y), 0.1))


def test_what_is_caught_is_read_without_more_decoys_than_told():
    effect = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    load_bearing = np.array([True, True, False, True, False, False])
    roc = stats.roc_curve(effect, load_bearing)
    assert curves.caught_at(roc, 0.0) == pytest.approx(2 / 3)
    assert curves.caught_at(roc, 1 / 3) == 1
    assert curves.caught_at(roc, 0.2) == pytest.approx(2 / 3)


def test_histograms_hold_every_effect_and_have_a_bin_centred_on_zero():
    effects = np.array([-3.2, -0.01, 0.0, 0.01, 0.24, 0.5, 7.0])
    edges = curves.histogram_edges(effects)
    assert edges[0] <= -3.2 and edges[-1] > 7.0
    centres = (edges[1:] + edges[:-1]) / 2
    (middle,) = np.flatnonzero(np.abs(centres) < 1e-9)
    found = curves.histogram(effects, edges, np.ones(7))
    assert found.shares.sum() == pytest.approx(1)
    assert found.shares[middle] == pytest.approx(4 / 7), "a spike at zero is one bar"
    wide = curves.histogram_edges(np.array([0.0, 1000.0]))
    assert 40 <= len(wide) <= 43


def test_the_last_step_lies_in_the_last_part_of_the_chain():
    parts = curves.part_of_chain(np.array([0, 0.199, 0.2, 0.6, 0.999, 1.0]))
    assert parts.tolist() == [0, 0, 1, 3, 4, 4]


# --- the figures -------------------------------------------------------------------


def test_every_figure_of_every_setting_is_drawn(provided, written):
    for run, names in (
        (provided, ("effects", "roc", "position")),
        (written, ("thirds", "position", "thresholds", "without")),
    ):
        for name in names:
            assert rendered(figure_of(run, name), "svg").startswith(b"<?xml")


def test_roc_curves_carry_the_aucs_of_the_report(provided, provided_run):
    told = estimates(provided_run)
    (axis,) = figure_of(provided, "roc").axes
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    names = ["corrupt", "corrupt_local", "delete"]
    for name, line, shown in zip(names, axis.lines[1:], legend, strict=True):
        auc = told[name, "auc"]
        x, y = (np.array(values) for values in line.get_data())
        area = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
        assert area == pytest.approx(auc.point)
        words = f"AUC {number(auc.point, 'auc')} {interval(auc, 'auc')}"
        assert shown == f"{name}, {words}"
    assert axis.get_aspect() == 1, "both axes are shares: the panel is a square"


def test_the_share_over_thresholds_is_that_of_the_records(written, generated_runs):
    told = estimates(generated_runs[0])
    figure = figure_of(written, "thresholds")
    (axis,) = figure.axes
    (task,) = written.tasks
    raw = {
        (chain.document, r.step, r.intervention): r.effect
        for chain in task.chains
        for r in chain.steps
    }
    names = names_of(figure)
    for name, line in zip(names, axis.lines, strict=False):
        less = [
            effect - raw[document, step, "control"]
            for (document, step, intervention), effect in raw.items()
            if intervention == name and not np.isnan(effect)
        ]
        shown = dict(zip(*line.get_data(), strict=True))
        for threshold in (0.1, 0.5, 1.0, 8.0):
            assert shown[threshold] == pytest.approx(
                np.mean(np.array(less) >= threshold)
            )
        assert shown[1.0] == pytest.approx(
            told[name, "load_bearing_rate_vs_control"].point
        )
    assert axis.lines[len(names)].get_xdata()[0] == 1.0, "the run's threshold is marked"


def test_the_effect_by_position_is_the_mean_over_steps(provided):
    figure = figure_of(provided, "position")
    (task,) = provided.tasks
    records = [r for c in task.chains for r in c.steps if not r.not_applicable]
    for axis, name in zip(
        figure.axes, ("corrupt", "corrupt_local", "delete"), strict=True
    ):
        dots = [line for line in axis.lines if line.get_marker() not in ("None", "")]
        for line, label in zip(dots, ("load_bearing", "decoy"), strict=True):
            means = [
                np.mean(effects)
                if (
                    effects := [
                        r.effect
                        for r in records
                        if r.intervention == name
                        and r.label == label
                        and min(int(5 * r.position), 4) == k
                    ]
                )
                else np.nan
                for k in range(5)
            ]
            assert line.get_ydata() == pytest.approx(means, nan_ok=True)


def test_a_figure_that_the_setting_has_not_is_refused_by_name(
    written, command, provided_run, tmp_path
):
    with pytest.raises(
        InputError,
        match="no figure 'roc' of generated chains; "
        "there are thirds, position, thresholds, without",
    ):
        figure_of(written, "roc")
    out = tmp_path / "x.png"
    code, _, errors = command(
        "plot", provided_run, "--figure", "thresholds", "--out", out
    )
    assert code == 2 and "there are effects, roc, position" in errors
    assert not out.exists()


def test_a_figure_is_written_by_the_command(command, provided_run, tmp_path):
    out = tmp_path / "roc.svg"
    code, printed, _ = command("plot", provided_run, "--figure", "roc", "--out", out)
    assert code == 0 and str(out) in printed
    assert out.read_bytes().startswith(b"<?xml")
