"""`lm-eval-faith power`, against statsmodels and the samples of a run."""

import csv
import io
import json
import math

import pytest
from scipy.stats import chi2, t
from statsmodels.stats.power import TTestIndPower, TTestPower

from lm_eval_faith.errors import InputError
from lm_eval_faith.report import load_run, power, steps_frame
from lm_eval_faith.report.power import spread_of_runs
from lm_eval_faith.report.write import text


def needs(planned):
    return {(need.wanted, need.value): need.problems for need in planned.needs}


def test_needs_are_those_of_statsmodels():
    planned = power.plan(power.given_spread(2.0, 0.5), [0.3], [0.5])
    found = needs(planned)
    paired = TTestPower().solve_power(0.5 / 2.0, power=0.8, alpha=0.05)
    assert found[power.DIFFERENCE, 0.5] == math.ceil(paired)
    unpaired = TTestIndPower().solve_power(0.5 / 2.0, power=0.8, alpha=0.05)
    assert found[power.UNPAIRED, 0.5] == math.ceil(unpaired)
    n = found[power.HALF_WIDTH, 0.3]

    def chance(n):
        """Of a sample standard deviation that makes the interval no wider than 0.3."""
        largest = 0.3 * math.sqrt(n) / t.ppf(0.975, n - 1)
        return chi2.cdf((n - 1) * (largest / 2.0) ** 2, n - 1)

    assert chance(n) >= 0.8 > chance(n - 1)


def test_of_solved_problems_more_must_be_asked(generated_runs):
    spread = spread_of_runs([generated_runs[0]])
    assert spread.name == "corrupt_effect_vs_control"
    assert spread.solve_rate == pytest.approx(9 / 12)
    (need,) = power.plan(spread, [spread.std]).needs
    assert need.problems_to_ask == math.ceil(need.problems / (9 / 12))
    shown = text(power.written(power.plan(spread)), "table")
    assert "solved" in shown and "to ask" in " ".join(shown.split())


def problem_means(run):
    frame = steps_frame(load_run(run))
    chosen = frame[(frame.intervention == "delete") & (frame.label == "load_bearing")]
    return chosen.groupby("chain").effect.mean()


def test_a_run_gives_the_deviation_over_its_problems(provided_run):
    spread = spread_of_runs(
        [provided_run], "delete_effect_load_bearing", correlation=0.5
    )
    expected = problem_means(provided_run).std(ddof=1)
    assert spread.std == pytest.approx(expected)
    assert spread.of_difference == pytest.approx(expected)


def test_two_runs_give_the_deviation_of_their_differences(provided_run, second_run):
    spread = spread_of_runs([provided_run, second_run], "delete_effect_load_bearing")
    differences = problem_means(provided_run) - problem_means(second_run)
    assert spread.of_difference == pytest.approx(differences.std(ddof=1))


def test_the_curve_agrees_with_the_table():
    planned = power.plan(power.given_spread(1.0, 0.0), [], [0.4])
    content = json.loads(text(power.written(planned), "json"))["power"]
    n = needs(planned)[power.DIFFERENCE, 0.4]
    for point in content["curve"]:
        assert (point["difference"] <= 0.4 + 1e-6) == (point["problems"] >= n)
    widths = [point["half_width"] for point in content["curve"]]
    assert widths == sorted(widths, reverse=True)


def test_the_command_prints_a_table_and_draws_the_curve(
    command, provided_run, tmp_path
):
    plot = tmp_path / "curve.svg"
    code, out, said = command("power", provided_run, "--plot", plot)
    assert code == 0, said
    assert max(map(len, out.splitlines())) <= 100
    assert plot.read_bytes().startswith(b"<?xml")
    _, text, _ = command("power", "--std", 2, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == 15 and all(int(x["problems"]) > 1 for x in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a run (or two), or give --std"),
        (("RUN", "--std", "1"), "name a run (or two), or give --std"),
        (("--std", "0"), "the standard deviation must be a number over 0"),
        (("--std", "nan"), "the standard deviation must be a number over 0"),
        (("--std", "1", "--correlation", "2"), "from -1 to 1"),
        (("--std", "1", "--difference", "0"), "above zero"),
        (("--std", "1", "--half-width", "-1"), "above zero"),
        (("--std", "1", "--half-width", "1e-9"), "problems would be needed"),
        (("--std", "1", "--power", "1.5"), "power must lie between 0 and 1"),
        (("--std", "1", "--confidence-level", "1"), "level must lie between 0 and 1"),
        (("--std", "1", "--plot", "x.gif"), "must end in .png, .svg, .pdf"),
        (("RUN", "--metric", "nothing"), "no metric 'nothing'; choose from"),
        (("RUN", "--metric", "corrupt_separated"), "has no spread over problems"),
        (("RUN", "--task", "nothing"), "choose one task"),
        (("RUN", "RUN", "RUN"), "one run or two, not 3"),
    ],
)
def test_what_makes_no_sense_is_refused(command, provided_run, arguments, said):
    given = [provided_run if a == "RUN" else a for a in arguments]
    code, out, error = command("power", *given)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert said in error


def test_a_metric_without_a_spread_of_differences_is_refused(provided_run, second_run):
    with pytest.raises(InputError, match="no spread over problems"):
        spread_of_runs([provided_run, second_run], "delete_hedges_g")
