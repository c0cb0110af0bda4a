"""What figures show, against other implementations, and `lm-eval-faith plot --figure`."""

import itertools
import re
import zlib

import lm_eval_faith_stats as stats
import numpy as np
import pytest

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.columns import Columns
from lm_eval_faith.records.outcome import THIRDS
from lm_eval_faith.records.run import load_run
from lm_eval_faith.report import curves
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.figures import NATS, Table, label_distributions
from lm_eval_faith.report.figures import Figure as FigureData
from lm_eval_faith.report.figures_of_models import first_numbers
from lm_eval_faith.report.marks import (
    Axis,
    Bars,
    Dots,
    Line,
    Panel,
    names_axis,
    rows_axis,
)
from lm_eval_faith.report.plot import (
    WIDTHS,
    _figure,
    drawn,
    figure_class,
    figure_drawn,
    figures_of_runs,
    rendered,
    styled,
)
from lm_eval_faith.report.report import make_reports


@pytest.fixture(scope="module")
def provided(provided_run):
    return load_run(provided_run)


@pytest.fixture(scope="module")
def written(generated_runs):
    return load_run(generated_runs[0])


def figure_of(run, name=None, size="page"):
    return drawn([run], name=name, size=size)


def estimates(folder):
    (report,) = make_reports([folder])
    return {(row.intervention, row.metric): row.estimate for row in report.rows}


def names_of(figure):
    """The names in the legend, as far as the first comma."""
    (legend,) = figure.legends
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


def test_a_cumulative_curve_is_that_of_numpy_weights_counted():
    rng = np.random.default_rng(3)
    effect = rng.normal(size=200).round(1)
    weight = rng.integers(1, 4, 200).astype(float)
    xs, ys = curves.cumulative(effect, weight, 10_000)
    every = np.sort(np.repeat(effect, weight.astype(int)))
    below = np.searchsorted(every, xs[::2], "left") / len(every)
    upto = np.searchsorted(every, xs[1::2], "right") / len(every)
    assert ys[::2] == pytest.approx(below) and ys[1::2] == pytest.approx(upto)
    few, shares = curves.cumulative(effect, weight, 20)
    assert len(few) <= 20 and (few[-1], shares[-1]) == (effect.max(), 1)


def labelled_steps(load_bearing, decoys):
    effect = np.array([*load_bearing, *decoys], float)
    truth = np.repeat([1.0, 0.0], [len(load_bearing), len(decoys)])
    return Columns(
        {"effect": effect, "load_bearing": truth, "weight": np.ones(len(effect))}
    )


def test_effects_that_are_mostly_zero_are_shown_as_cumulative_curves():
    wide = label_distributions({"corrupt": labelled_steps([2, 3, 4, 5], [1, -1, 2])})
    assert wide.filled and any(isinstance(m, Bars) for m in wide.panels[0].marks)
    heaped = label_distributions({"corrupt": labelled_steps([2, 3, 4], [0, 0.1, 7])})
    lines = [m for m in heaped.panels[0].marks if isinstance(m, Line)]
    assert not heaped.filled and len(lines) == 2
    for line, effects in zip(lines, ([2, 3, 4], [0, 0.1, 7]), strict=True):
        at = dict(zip(line.xs, line.ys, strict=True))  # the upper corner of each stair
        for value in effects:
            if value <= heaped.panels[0].x.high:
                assert at[value] == np.mean(np.array(effects) <= value)
        assert line.ys[0] == 0


# --- the figures -------------------------------------------------------------------


def test_every_figure_of_every_setting_is_drawn(provided, written):
    for run, names in (
        (provided, ("effects", "roc", "position", "without")),
        (written, ("thirds", "position", "thresholds", "effects", "without")),
    ):
        for name in names:
            assert rendered(figure_of(run, name), "svg").startswith(b"<?xml")


def test_roc_curves_carry_the_aucs_of_the_report(provided, provided_run):
    told = estimates(provided_run)
    figure = figure_of(provided, "roc")
    (axis,), (shown_names,) = figure.axes, figure.legends
    legend = [text.get_text() for text in shown_names.get_texts()]
    names = ["corrupt", "corrupt_local", "delete"]
    for name, line, shown in zip(names, axis.lines[1:], legend, strict=True):
        auc = told[name, "auc"]
        x, y = (np.array(values) for values in line.get_data())
        area = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
        assert area == pytest.approx(auc.point)
        words = f"AUC {number(auc.point, 'auc')} {interval(auc, 'auc')}"
        assert shown == f"{name}, {words}"
    rendered(figure, "png")
    assert axis.bbox.width == pytest.approx(axis.bbox.height), "the panel is a square"


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
        dots = [line for line in axis.lines if line.get_linestyle() == "None"]
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
        match="no figure 'roc' of this run; "
        "there are thirds, position, thresholds, effects, without",
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


# --- for papers --------------------------------------------------------------------


def widest_names():
    """A figure whose every name is as long as names get."""
    names = [f"an_intervention_of_a_long_name_{k}" for k in range(4)]
    model = "organisation/Some-Model-With-A-Long-Name-7B-Instruct-v2 (dtype=bfloat16)"
    from lm_eval_faith.report.figures import Figure, Table

    y = rows_axis([f"{model} {k}" for k in range(3)])
    panels = [Panel(n, names_axis(["0", "1", "2"], NATS), y, (), "") for n in names]
    legend = tuple(f"{model} {k}" for k in range(8))
    return Figure("x", "", "", tuple(panels), legend, Table((), ())), model * 3


def texts_of(figure):
    """Every text that is drawn, and where."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    shown = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text()]
    return [(t, t.get_window_extent()) for t in shown]


@pytest.mark.parametrize("size", WIDTHS)
def test_labels_lie_in_the_figure_and_not_upon_each_other(size, provided, written):
    figures = [(f, "model") for f in figures_of_runs([written])[1]]
    figures += [(f, "model") for f in figures_of_runs([provided])[1]]
    for data, heading in (*figures, widest_names()):
        with styled():
            figure = _figure(data, figure_class(), heading, size)
        assert figure.get_figwidth() <= WIDTHS[size]
        found = texts_of(figure)
        for text, box in found:
            inside = figure.bbox.padded(1).get_points()
            assert (box.get_points()[0] >= inside[0]).all(), (data.name, text)
            assert (box.get_points()[1] <= inside[1]).all(), (data.name, text)
        for (one, a), (other, b) in itertools.combinations(found, 2):
            assert not a.padded(-0.5).overlaps(b), (data.name, one, other)


def test_letters_have_one_size_in_both_sizes_whatever_the_user_has_set(written):
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.spines.top": True}):
        both = [figure_of(written, "thirds", size) for size in WIDTHS]
    sizes = [{t.get_fontsize() for t, _ in texts_of(figure)} for figure in both]
    assert sizes == [{7, 8}, {7, 8}]
    assert [f.get_figwidth() for f in both] == list(WIDTHS.values())
    assert not both[0].axes[0].spines["top"].get_visible()


def test_twelve_series_differ_without_colour(provided):
    from lm_eval_faith.report.plot import _colour, _dash, _shape

    looks = [(_colour(k), str(_dash(k)), _shape(k)) for k in range(12)]
    assert len(set(looks)) == 12
    assert len({look[1:] for look in looks[:6]}) == 6
    figure = figure_of(provided, "roc")
    lines = figure.axes[0].lines[1:]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 3


def test_dots_in_rows_are_drawn_though_rows_go_down():
    rows = rows_axis(["one", "two"])
    assert rows.low > rows.high
    dots = Dots((0.5, 1.0), (0.0, 1.0), 0, (0.4, 0.9), (0.6, 1.0), across=True)
    panel = Panel("", Axis(0, 1, ()), rows, (dots,), "")
    figure = figure_drawn(FigureData("", "", "", (panel,), ("a",), Table((), ())), "")
    assert figure.axes[0].lines[0].get_ydata().tolist() == [0, 1]


def test_a_dot_on_the_edge_is_drawn_whole_and_one_beyond_it_not_at_all():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    ends = Axis(0, 1, ((0.0, "0"), (1.0, "1")))
    dots = Dots((0.5, 1.0, 1.2), (0.5, 0.5, 0.5), 0, size=20)
    panel = Panel("", ends, ends, (dots,), "")
    figure = figure_drawn(FigureData("", "", "", (panel,), ("one",), Table((), ())), "")
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [0.5, 1.0]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    shown = np.asarray(canvas.buffer_rgba())
    x, y = axes.transData.transform((1.0, 0.5))
    behind_the_edge = shown[len(shown) - int(y), int(x) + 6, :3]
    assert (
        behind_the_edge.tolist() == shown[len(shown) - int(y), int(x) - 6, :3].tolist()
    )
    assert behind_the_edge.tolist() != [255, 255, 255]


def test_fonts_are_in_the_file_and_files_are_the_same_every_time(written):
    figure = figure_of(written, "thirds")
    pdf = rendered(figure, "pdf", "what it shows")
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    held = b"".join(zlib.decompress(s) for s in streams if s[:1] == b"x")
    assert b"/FontFile2" in pdf + held and b"/Type3" not in pdf + held
    svg = rendered(figure, "svg", "what it shows").decode()
    assert "<text" not in svg and "font-family" not in svg, "letters are outlines"
    assert "what it shows" in svg
    again = figure_of(written, "thirds")
    for form in ("pdf", "svg", "png"):
        assert rendered(figure, form) == rendered(again, form)


def test_figures_of_models_carry_the_numbers_of_their_reports(
    command, provided_run, second_run, tmp_path
):
    runs = [load_run(provided_run), load_run(second_run)]
    _, figures = figures_of_runs(runs)
    assert [f.name for f in figures] == ["models", "roc", "position"]
    side, roc, position = figures
    for k, folder in enumerate((provided_run, second_run)):
        told = estimates(folder)
        for panel in side.panels:
            everywhere, _ = (m for m in panel.marks if hasattr(m, "across"))
            assert everywhere.xs[k] == told[panel.title, "label_difference"].point
        for panel in roc.panels:
            x, y = np.array(panel.marks[1 + k].xs), np.array(panel.marks[1 + k].ys)
            area = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
            assert area == pytest.approx(told[panel.title, "auc"].point)
        alone = {
            panel.title: panel.marks
            for figure in figures_of_runs([runs[k]])[1]
            if figure.name == "position"
            for panel in figure.panels
        }
        assert set(alone) == {panel.title for panel in position.panels}
    out = tmp_path / "models.pdf"
    code, _, errors = command(
        "plot", provided_run, second_run, "--size", "column", "--out", out
    )
    assert code == 0, errors
    assert out.read_bytes().startswith(b"%PDF")


def test_the_legend_of_a_figure_of_models_says_what_each_of_its_series_is(
    generated_runs, provided_run, second_run
):
    written = make_reports(generated_runs, stats.Bootstrap(n_resamples=100))
    side, thirds = first_numbers(written)
    (panel,) = thirds.panels
    assert thirds.legend == tuple(report.model for report in written)
    for k, report in enumerate(written):
        (dots,) = (m for m in panel.marks if isinstance(m, Dots) and m.series == k)
        rows = [report.row(f"corrupt_{third}_vs_control") for third in THIRDS]
        assert dots.ys == [row.estimate.point for row in rows]
    read = make_reports([provided_run, second_run], stats.Bootstrap(n_resamples=100))
    (labelled,) = first_numbers(read)
    for figure, reports in ((side, written), (labelled, read)):
        for panel in figure.panels:
            assert [name for _, name in panel.y.ticks] == [r.model for r in reports]
        series = {m.series for m in figure.panels[0].marks if isinstance(m, Dots)}
        assert series == set(range(len(figure.legend)))


def test_models_of_written_chains_stand_side_by_side(generated_runs, command, tmp_path):
    _, figures = figures_of_runs([load_run(run) for run in generated_runs])
    assert [f.name for f in figures] == ["models", "position", "thresholds"]
    first = estimates(generated_runs[0])
    for panel in figures[0].panels:
        everywhere, without = (m for m in panel.marks if hasattr(m, "across"))
        assert everywhere.xs[0] == first[panel.title, "effect_vs_control"].point
        name = "effect_vs_control_no_answer_steps"
        assert without.xs[0] == first[panel.title, name].point
    out = tmp_path / "x.svg"
    asked = ("--exclude-answer-steps", "--threshold", 2, "--figure", "without")
    code, _, errors = command("plot", generated_runs[0], *asked, "--out", out)
    assert code == 2 and "no figure 'without'" in errors, "they are left out already"


def test_runs_without_a_common_task_are_refused(provided, written):
    with pytest.raises(InputError, match="none is common to all"):
        figures_of_runs([provided, written])
