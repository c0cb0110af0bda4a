"""What figures show, against other implementations, and `lm-eval-faith plot --figure`."""

import lm_eval_faith_stats as stats
import numpy as np
import pytest

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import load_run
from lm_eval_faith.report import figure_data
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.plot import drawn, figures_of, rendered
from lm_eval_faith.report.report import Asked, make_reports


@pytest.fixture(scope="module")
def provided(provided_run):
    (task,) = load_run(provided_run).tasks
    return task


@pytest.fixture(scope="module")
def written(generated_runs):
    (task,) = load_run(generated_runs[0]).tasks
    return task


def estimates(folder):
    (report,) = make_reports([folder])
    return {(row.intervention, row.metric): row.estimate for row in report.rows}


# --- the numbers -------------------------------------------------------------------


def test_a_roc_curve_of_one_kind_of_step_is_empty():
    x, y = stats.roc_curve(np.array([1.0, 2.0]), np.array([True, True]))
    assert len(x) == len(y) == 0
    assert np.isnan(figure_data.caught_at((x, y), 0.1))


def test_what_is_caught_is_read_without_more_decoys_than_told():
    effect = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    load_bearing = np.array([True, True, False, True, False, False])
    roc = stats.roc_curve(effect, load_bearing)
    assert figure_data.caught_at(roc, 0.0) == pytest.approx(2 / 3)
    assert figure_data.caught_at(roc, 1 / 3) == 1
    assert figure_data.caught_at(roc, 0.2) == pytest.approx(2 / 3)


def test_histograms_hold_every_effect_and_have_an_edge_at_zero():
    effects = np.array([-3.2, 0.0, 0.49, 0.5, 7.0])
    edges = figure_data.histogram_edges(effects)
    assert 0 in edges and edges[0] <= -3.2 and edges[-1] > 7.0
    assert figure_data.histogram(effects, edges).shares.sum() == pytest.approx(1)
    wide = figure_data.histogram_edges(np.array([0.0, 1000.0]))
    assert 40 <= len(wide) <= 43


def test_the_last_step_lies_in_the_last_part_of_the_chain():
    parts = figure_data.part_of_chain(np.array([0, 0.199, 0.2, 0.6, 0.999, 1.0]))
    assert parts.tolist() == [0, 0, 1, 3, 4, 4]


# --- the figures -------------------------------------------------------------------


def test_every_figure_of_every_setting_is_drawn(provided, written):
    for task in (provided, written):
        for name in figures_of(task.setting):
            assert rendered(drawn("m", task, name), "svg").startswith(b"<?xml")


def test_roc_curves_carry_the_aucs_of_the_report(provided, provided_run):
    told = estimates(provided_run)
    (axis,) = drawn("m", provided, "roc").axes
    shown = {line.get_label().split(",")[0]: line for line in axis.lines[1:]}
    assert list(shown) == ["corrupt", "corrupt_local", "delete"]
    for name, line in shown.items():
        auc = told[name, "auc"]
        x, y = line.get_data()
        area = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
        assert area == pytest.approx(auc.point)
        words = f"AUC {number(auc.point, 'auc')} {interval(auc, 'auc')}"
        assert line.get_label() == f"{name}, {words}"


def test_the_share_over_thresholds_is_that_of_the_report_at_its_thresholds(
    written, generated_runs
):
    (axis,) = drawn("m", written, "thresholds").axes
    for line in axis.lines[:2]:
        shown = dict(zip(*line.get_data(), strict=True))
        for threshold in (0.1, 0.5, 1.0, 8.0):
            (report,) = make_reports([generated_runs[0]], asked=Asked(threshold))
            row = report.row(f"{line.get_label()}_load_bearing_rate_vs_control")
            assert shown[threshold] == pytest.approx(100 * row.estimate.point)
    assert axis.lines[2].get_xdata()[0] == 1.0, "the run's threshold is marked"


def test_the_effect_by_position_is_the_mean_over_steps(provided):
    figure = drawn("m", provided, "position")
    records = [r for c in provided.chains for r in c.steps if not r.not_applicable]
    for axis, name in zip(
        figure.axes, ("corrupt", "corrupt_local", "delete"), strict=True
    ):
        for container, label in zip(
            axis.containers, ("load_bearing", "decoy"), strict=True
        ):
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
            assert container.lines[0].get_ydata() == pytest.approx(means, nan_ok=True)


def test_a_figure_that_the_setting_has_not_is_refused_by_name(
    written, command, provided_run, tmp_path
):
    with pytest.raises(
        InputError,
        match="no figure 'roc' of generated chains; there are thirds, position, thresholds",
    ):
        drawn("m", written, "roc")
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
