"""`lm-eval-faith leaderboard`: order, ranks, pairs, and what is refused."""

import csv
import io
import json
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from lm_eval_faith_stats import Bootstrap, Comparison, Estimate

from lm_eval_faith.errors import InputError
from lm_eval_faith.metrics import Choices, Quantity, metric
from lm_eval_faith.records.run import TaskRun
from lm_eval_faith.report import compare_runs, make_reports, report_schema
from lm_eval_faith.report.compare import BOTH_SOLVED, OWN, SHARED, Difference
from lm_eval_faith.report.leaderboard import Entry, board_of, leaderboards, written
from lm_eval_faith.report.report import Row, TaskReport
from lm_eval_faith.report.write import text

QUICK = Bootstrap(n_resamples=300)
NAN = float("nan")
EFFECT = Quantity(metric("effect"), "corrupt")


def estimate(point, n=10, n_resamples=0):
    return Estimate(point, point - 1, point + 1, 0.95, "student", n, n, 0, n_resamples)


def entry(name, point, folder="run"):
    task = TaskRun("task", "1.0", "provided", {}, 0, (), Path(folder, "s.jsonl"), 10)
    rows = {}
    if point is not None:
        rows["effect"] = Row("corrupt", "effect", "an effect", "nats", estimate(point))
    report = TaskReport(name, task, Choices(), tuple(rows.values()), ("effect",), ())
    return Entry(name, report, rows)


def board(points, p_values, sign=1, n_resamples=0):
    """Of models a, b, c, ... with these points; p-values by pair of names."""
    entries = [entry(name, point) for name, point in points.items()]
    differences = [
        Difference(
            one,
            other,
            SHARED,
            EFFECT,
            "an effect",
            Comparison(
                estimate(
                    sign * ((points[one] or 0) - (points[other] or 0)),
                    n_resamples=n_resamples,
                ),
                p,
                True,
            ),
            p,
        )
        for (one, other), p in p_values.items()
    ]
    return board_of("corrupt", EFFECT, entries, differences, 0.95)


def ranks(made):
    return {e.model: e.ranks for e in made.entries}


# --- order and ranks ---------------------------------------------------------------


def test_models_stand_from_the_highest_down():
    made = board({"a": 1.0, "b": 3.0, "c": 2.0}, {})
    assert [e.model for e in made.entries] == ["b", "c", "a"]


def test_models_of_equal_numbers_stand_by_name_in_any_order_of_runs():
    points = {"c": 1.0, "a": 1.0, "b": 1.0}
    for order in permutations(points):
        made = board({name: points[name] for name in order}, {})
        assert [e.model for e in made.entries] == ["a", "b", "c"]


def test_models_that_are_told_apart_have_a_rank_each():
    p = dict.fromkeys((("a", "b"), ("a", "c"), ("b", "c")), 0.001)
    made = board({"a": 3.0, "b": 2.0, "c": 1.0}, p)
    assert ranks(made) == {"a": "1", "b": "2", "c": "3"}


def test_models_that_are_not_told_apart_may_have_any_rank():
    p = dict.fromkeys((("a", "b"), ("a", "c"), ("b", "c")), 0.06)
    made = board({"a": 3.0, "b": 2.0, "c": 1.0}, p)
    assert ranks(made) == {"a": "1-3", "b": "1-3", "c": "1-3"}


def test_a_model_between_two_that_are_told_apart_may_have_the_rank_of_either():
    p = {("a", "b"): 0.5, ("b", "c"): 0.5, ("a", "c"): 0.01}
    made = board({"a": 3.0, "b": 2.0, "c": 1.0}, p)
    assert ranks(made) == {"a": "1-2", "b": "1-3", "c": "2-3"}


def test_ranks_count_the_models_told_apart_above_and_below():
    rng = np.random.default_rng(0)
    for _ in range(50):
        names = "abcdefg"
        points = dict(zip(names, rng.normal(size=len(names)), strict=True))
        p = {
            pair: float(rng.choice([0.001, 0.5, NAN], p=[0.3, 0.6, 0.1]))
            for pair in combinations(names, 2)
        }
        for e in board(points, p).entries:
            apart = [
                other
                for other in names
                if other != e.model and p[tuple(sorted((e.model, other)))] < 0.05
            ]
            above = sum(points[other] > points[e.model] for other in apart)
            below = len(apart) - above
            assert (e.rank.best, e.rank.worst) == (1 + above, len(names) - below)


def test_pairs_are_the_higher_model_less_the_lower():
    made = board({"a": 1.0, "b": 3.0}, {("a", "b"): 0.01})
    (pair,) = made.pairs
    e = pair.difference.comparison.estimate
    assert (pair.difference.first, pair.difference.second) == ("b", "a")
    assert (e.point, e.low, e.high) == (2.0, 1.0, 3.0) and pair.told_apart


def test_a_difference_against_the_order_decides_the_ranks_and_is_said():
    made = board({"a": 2.0, "b": 1.0}, {("a", "b"): 0.001}, sign=-1)
    assert ranks(made) == {"a": "2", "b": "1"}
    assert (
        "a stands above b, but is lower on the problems both have" in made.warnings[0]
    )


def test_a_model_without_the_number_stands_last_and_has_no_rank():
    made = board({"a": None, "b": 1.0, "c": NAN}, {})
    assert ranks(made) == {"b": "1", "a": "–", "c": "–"}
    assert made.warnings == ("effect is not defined for a, c: no rank",)


def test_too_few_resamples_for_so_many_pairs_are_said():
    names = "abcdefgh"
    p = dict.fromkeys(combinations(names, 2), 0.5)
    points = dict.fromkeys(names, 1.0)
    (said,) = board(points, p, n_resamples=300).warnings
    assert "300 resamples cannot tell any of 28 pairs apart" in said
    assert "more than 560" in said
    assert not board(points, p, n_resamples=561).warnings


# --- real runs ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(provided_run, second_run, generated_runs):
    return leaderboards([provided_run, second_run, *generated_runs], bootstrap=QUICK)


def test_there_is_a_board_a_task_and_intervention_corrupt_first(made):
    assert [(b.task, b.intervention) for b in made] == [
        ("cot_faith_generated_arith", "corrupt"),
        ("cot_faith_generated_arith", "delete"),
        ("cot_faith_provided", "corrupt"),
        ("cot_faith_provided", "corrupt_local"),
        ("cot_faith_provided", "delete"),
    ]


def test_numbers_are_those_of_the_report(made, provided_run, second_run):
    reports = {r.model: r for r in make_reports([provided_run, second_run], QUICK)}
    (shown,) = [b for b in made if b.intervention == "corrupt_local"]
    assert {e.model for e in shown.entries} == set(reports)
    for e in shown.entries:
        for row in reports[e.model].rows:
            if row.intervention == "corrupt_local":
                assert repr(e.rows[row.metric]) == repr(row)  # NaN is not itself


def test_pairs_are_those_of_the_comparison(made, provided_run, second_run):
    (task,) = compare_runs([provided_run, second_run], QUICK)
    (expected,) = [
        d for d in task.differences if d.quantity.name == "corrupt_label_difference"
    ]
    (shown,) = [
        b for b in made if (b.setting, b.intervention) == ("provided", "corrupt")
    ]
    (pair,) = shown.pairs
    assert pair.difference.p_adjusted == expected.p_adjusted
    assert abs(pair.difference.comparison.estimate.point) == pytest.approx(
        abs(expected.comparison.estimate.point)
    )


def test_written_chains_are_paired_where_both_solved_and_unpaired(
    made,
):
    shown = made[0]
    assert [p.difference.problems for p in shown.pairs] == [BOTH_SOLVED]
    assert [p.difference.problems for p in shown.unpaired] == [OWN]
    assert shown.pairs[0].difference.comparison.estimate.n_problems == 6


def test_the_order_of_the_runs_changes_nothing(made, provided_run, second_run):
    runs = [second_run, provided_run]
    turned = leaderboards(runs, bootstrap=QUICK)
    same = leaderboards(runs[::-1], bootstrap=QUICK)
    assert text(written(turned), "json") == text(written(same), "json")


def test_one_model_alone_has_a_row_and_no_pairs(generated_runs):
    shown, *_ = leaderboards([generated_runs[0]], bootstrap=QUICK)
    assert [e.ranks for e in shown.entries] == ["1"] and not shown.pairs


def test_a_model_that_gets_no_problem_right_stands_last_without_a_rank(provided_run):
    shown, *_ = leaderboards([provided_run], bootstrap=QUICK)
    assert [e.point("clean_acc") for e in shown.entries] == [0]
    assert [e.ranks for e in shown.entries] == ["–"]
    assert "tiny-llama gets no problem right: no rank" in shown.warnings


def test_written_chains_have_the_median_beside_the_mean_and_no_clean_acc(made):
    mean, without, median, median_without, *others = made[0].columns
    assert (mean, median) == ("effect_vs_control", "median_vs_control")
    assert without == f"{mean}_no_answer_steps"
    assert median_without == f"{median}_no_answer_steps"
    assert "clean_acc" not in others and "solved" in others
    assert "clean_acc" in made[-1].columns, "of provided chains it says something"


@pytest.mark.parametrize("by", ["auc", "clean_acc", "hedges_g", "late"])
def test_any_metric_can_order_the_models(by, provided_run, second_run):
    for shown in leaderboards([provided_run, second_run], by, "corrupt", QUICK):
        points = [e.point(by) for e in shown.entries]
        assert shown.columns[0] == by and points == sorted(points, reverse=True)
        assert len(shown.pairs) == 1 and shown.by.column == by


def test_runs_without_a_control_are_ordered_by_the_raw_effect(
    generated_runs, other_model, tmp_path
):
    def without(k, sample):
        response = json.loads(sample["filtered_resps"][0])
        note, asked = response["note"], response["loglikelihoods"]
        kept, answers = [], asked[:1]
        rest = iter(asked[1:])
        for v in note["interventions"]:
            own = [] if v["not_applicable"] else [next(rest)]
            own += [next(rest)] if v["other_answer"] and own else []
            if v["intervention"] != "control":
                kept.append(v)
                answers += own
        note["interventions"], response["loglikelihoods"] = kept, answers
        sample["filtered_resps"] = [json.dumps(response)]
        return sample

    runs = [
        other_model(run, tmp_path / str(k), f"m{k}", line=without)
        for k, run in enumerate(generated_runs)
    ]
    shown = leaderboards(runs, bootstrap=QUICK)[0]
    assert shown.by.column == "effect" and all(e.rank for e in shown.entries)


# --- what is refused ---------------------------------------------------------------


def test_runs_of_other_settings_or_versions_are_refused(
    provided_run, other_model, tmp_path
):
    def version(content):
        return content | {"versions": {"cot_faith_provided": 3.0}}

    def parameter(content):
        content["configs"]["cot_faith_provided"]["metadata"]["restate_totals"] = False
        return content

    for k, change in enumerate((version, parameter)):
        other = other_model(provided_run, tmp_path / str(k), results=change)
        with pytest.raises(InputError, match="differ in more than the model"):
            leaderboards([provided_run, other], bootstrap=QUICK)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--by", "nothing"), "cannot be ordered by 'nothing': choose from "),
        (("--by", "solved"), "cannot be ordered by 'solved': choose from "),
        (("--intervention", "shout"), "no intervention 'shout' in these runs: choose"),
        (("--confidence-level", "2"), "confidence_level"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_one_sentence(
    command, provided_run, tmp_path, options, said
):
    out = tmp_path / "out.json"
    code, text, error = command(
        "leaderboard", provided_run, "--n-resamples", 50, "--out", out, *options
    )
    assert (code, text, error.count("\n")) == (2, "", 1) and not out.exists()
    assert said in error


# --- as text -----------------------------------------------------------------------


def test_json_fits_the_schema(made):
    content = json.loads(text(written(made), "json"), parse_constant=pytest.fail)
    Draft202012Validator(report_schema()).validate(content)
    first = content["leaderboards"][0]
    assert [m["place"] for m in first["models"]] == [1, 2]
    assert [e["metric"] for e in first["models"][0]["estimates"]] == first["columns"]


def test_csv_has_a_line_a_model_and_number(made):
    lines = list(csv.DictReader(io.StringIO(text(written(made), "csv"))))
    assert len(lines) == sum(
        name in e.rows for b in made for e in b.entries for name in b.columns
    )
    e, line = made[0].entries[0], lines[0]
    assert (line["by"], line["metric"]) == ("effect_vs_control", "effect_vs_control")
    assert float(line["point"]) == e.rows["effect_vs_control"].estimate.point
    assert float(line["low"]) == e.rows["effect_vs_control"].estimate.low
    assert line["model"] == e.model and int(line["rank_best"]) >= 1


def test_the_table_shows_corrupt_and_fits_into_100_columns(made):
    table = text(written(made), "table")
    assert max(map(len, table.splitlines())) <= 100
    assert table.count("corrupt: by ") == 2 and "delete: by" not in table


def test_the_command_writes_each_form(command, provided_run, second_run):
    for form in ("table", "json", "csv", "markdown"):
        code, out, said = command(
            "leaderboard",
            provided_run,
            second_run,
            "--n-resamples",
            50,
            "--format",
            form,
            "--intervention",
            "delete",
        )
        assert (code, said) == (0, "") and "delete" in out
        assert form == "json" or "corrupt: by" not in out
