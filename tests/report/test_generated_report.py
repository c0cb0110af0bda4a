"""Reports and figures of written chains, against plain arithmetic on the samples."""

import json
import math
from functools import partial

import lm_eval
import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap
from scipy.stats import pearsonr, spearmanr

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.run import load_run
from lm_eval_faith.report.plot import drawn
from lm_eval_faith.report.report import make_reports, written
from lm_eval_faith.report.write import text


def told(reports, format):
    return text(written(reports), format)


ARITH = "cot_faith_generated_arith"
PROBLEMS = 30
QUICK = Bootstrap(n_resamples=300)
CHAINS = {
    p.question: (k, p.chain)
    for k in range(PROBLEMS)
    for p in [word_problem(WordProblemSettings(), k)]
}


def solution(question):
    """Every fifth answer is wrong, every tenth is missing."""
    k, chain = CHAINS[question]
    if k % 10 == 9:
        return chain.text[:20]
    return f"{chain.text} The answer is {int(chain.answer) + (k % 5 == 3)}."


@pytest.fixture(scope="module")
def make_run(scripted_lm, save_run, tmp_path_factory):
    def make(metadata=None, task=ARITH, problems=PROBLEMS, solution=solution):
        lm = scripted_lm(solution)
        done = lm_eval.simple_evaluate(
            model=FaithLM(backend=lm) if task == ARITH else lm,
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                metadata={"problems": problems} | (metadata or {}),
                include_defaults=False,
            ),
            bootstrap_iters=0,
        )
        return save_run(done, tmp_path_factory.mktemp("run"))

    return make


@pytest.fixture(scope="module")
def run(make_run):
    return make_run()


@pytest.fixture(scope="module")
def report(run):
    (report,) = make_reports([run], QUICK)
    return report


def rows(report):
    return {(r.intervention, r.metric): r.estimate for r in report.rows}


@pytest.fixture(scope="module")
def steps(run):
    """A dict an intervention: arrays of problem, step, steps, states_answer, raw, less."""
    (file,) = run.rglob("samples_*.jsonl")
    found = {"corrupt": [], "delete": [], "control": []}
    for line in file.read_text().splitlines():
        sample = json.loads(line)
        read = json.loads(sample["filtered_resps"][0])
        note, answers = read["note"], [x for x, _ in read["loglikelihoods"]]
        if note["outcome"] != "scored":
            continue
        chain = note["chain"]["steps"]
        rest, raw = iter(answers[1:]), {}
        for v in note["interventions"]:
            if not v["not_applicable"]:
                raw[v["intervention"], v["step"]] = answers[0] - next(rest)
        for (name, k), effect in raw.items():
            less = effect - raw["control", k]
            states = chain[k]["states_answer"]
            row = (sample["doc_id"], k, len(chain), states, effect, less)
            found[name].append(row)
    return {name: np.array(rows) for name, rows in found.items()}


def test_points_are_those_of_the_harness_table(run, report):
    (file,) = run.rglob("results_*.json")
    table = json.loads(file.read_text())["results"][ARITH]
    compared = 0
    for (intervention, figure), estimate in rows(report).items():
        name = f"{intervention}_{figure}" if intervention else figure
        if f"{name},none" in table:
            assert estimate.point == pytest.approx(table[f"{name},none"], abs=1e-12)
            compared += 1
    assert compared == 6 + 6 + 2 * 9 + 1


def test_metrics_are_plain_arithmetic_with_and_without_answer_steps(report, steps):
    for name in ("corrupt", "delete"):
        for ending, kept in (
            ("", steps[name]),
            ("_no_answer_steps", steps[name][steps[name][:, 3] == 0]),
        ):
            for control, effect in (("_vs_control", kept[:, 5]), ("", kept[:, 4])):
                third = (6 * kept[:, 1] + 3) // (2 * kept[:, 2])
                wanted = {
                    "effect": np.mean(
                        [effect[kept[:, 0] == k].mean() for k in np.unique(kept[:, 0])]
                    ),
                    "effect_over_steps": effect.mean(),
                    "load_bearing_rate": (effect >= 1).mean(),
                    "median": np.median(effect),
                    "negative": (effect < 0).mean(),
                    "early": effect[third == 0].mean(),
                    "middle": effect[third == 1].mean(),
                    "late": effect[third == 2].mean(),
                    "late_rate": (effect[third == 2] >= 1).mean(),
                    "position_corr": mean_correlation(pearsonr, kept, effect),
                    "position_rank_corr": mean_correlation(spearmanr, kept, effect),
                }
                for metric, value in wanted.items():
                    full = metric + control + ending
                    point = rows(report)[name, full].point
                    assert point == pytest.approx(value), (name, full)


def mean_correlation(correlation, kept, effect):
    own = []
    for problem in np.unique(kept[:, 0]):
        here = kept[:, 0] == problem
        if here.sum() >= 3:
            position = kept[here, 1] / (kept[here, 2] - 1)
            own.append(correlation(position, effect[here])[0])
    return np.mean(own)


def test_the_control_is_told_raw(report):
    own = {figure for name, figure in rows(report) if name == "control"}
    assert "effect" in own and not any("vs_control" in name for name in own)


def test_the_solved_rate_has_an_interval_over_all_problems(report):
    solved = rows(report)["", "solved"]
    right = sum(k % 5 != 3 and k % 10 != 9 for k in range(PROBLEMS))
    assert solved.point == pytest.approx(right / PROBLEMS)
    assert solved.low < solved.point < solved.high and solved.n_problems == PROBLEMS


def test_every_estimate_carries_problems_and_steps(report, steps):
    for (name, figure), e in rows(report).items():
        assert e.n_problems > 0 and e.n_steps > 0, (name, figure)
        assert math.isnan(e.low) or e.low <= e.point <= e.high, (name, figure)
    assert rows(report)["corrupt", "effect"].n_steps == len(steps["corrupt"])


def test_wrong_and_unparsed_answers_are_told_in_words(report):
    assert report.warnings[0].startswith(
        "21 of 30 documents are used; left out: no final answer that can be read (3: "
    )
    assert "; wrong answer (6: " in report.warnings[0]
    assert "and 1 more)" in report.warnings[0]  # five of the six ids are named


def test_few_problems_and_drawn_steps_are_told(make_run):
    few = make_run({"max_steps": 2}, problems=6)
    (report,) = make_reports([few], QUICK)
    said = " / ".join(report.warnings)
    assert "only 5 problems: intervals of so few are rough" in said
    assert "max_steps=2 drew them at random" in said


def test_without_control_metrics_are_raw(make_run):
    (report,) = make_reports([make_run({"interventions": ["delete"]})], QUICK)
    found = {r.metric: r for r in report.rows if r.intervention == "delete"}
    assert "effect" in found and not any("vs_control" in name for name in found)
    assert found["load_bearing_rate"].shown and not found["late_rate"].shown
    assert report.primary == ("delete_effect", "delete_effect_no_answer_steps")


def test_a_run_without_a_solved_problem_still_gives_a_report(make_run, tmp_path):
    unsolved = make_run(solution=lambda question: "I do not know.")
    (report,) = make_reports([unsolved], QUICK)
    assert rows(report)["", "solved"].point == 0
    assert any("only 0 problems" in warning for warning in report.warnings)
    for write in (
        *(partial(told, format=f) for f in ("table", "json", "csv", "markdown")),
    ):
        assert write([report])
    with pytest.raises(InputError, match="no scored steps to draw"):
        drawn([load_run(unsolved)])


def test_the_terminal_table_is_compact_and_the_json_whole(report):
    text = told([report], "table")
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "no_answer_steps" not in text and "  late_rate" not in text
    assert "without the steps that state the answer" in text
    (content,) = json.loads(told([report], "json"))["reports"]
    names = {e["metric"] for e in content["estimates"]}
    assert {"late_rate_vs_control_no_answer_steps", "late", "log_odds_drop"} <= names
    assert content["primary"] == [
        "corrupt_effect_vs_control",
        "corrupt_effect_vs_control_no_answer_steps",
    ]
    assert content["setting"] == "generated"


def test_a_replay_is_reported_without_a_solved_rate(make_run, run):
    replay = make_run({"chains": str(run)}, task="cot_faith_replay")
    (report,) = make_reports([replay], QUICK)
    found = rows(report)
    assert ("", "solved") not in found and ("corrupt", "effect") in found
    assert found["", "steps"].n_problems == 21
    assert (
        "of 30 chains in the file left out: wrong answer (6: " in (report.warnings[0])
    )


def test_the_plot_shows_the_thirds_with_the_reports_numbers(run, report):
    figure = drawn([load_run(run)])
    mean_axis, share_axis = figure.axes
    assert [t.get_text() for t in mean_axis.get_xticklabels()] == [
        "early",
        "middle",
        "late",
    ]
    corrupt = dots(mean_axis)[0].get_ydata()
    thirds = [
        rows(report)["corrupt", f"{third}_vs_control"].point
        for third in ("early", "middle", "late")
    ]
    assert corrupt == pytest.approx(thirds)
    shares = dots(share_axis)[0].get_ydata()
    assert shares[2] == pytest.approx(
        rows(report)["corrupt", "late_rate_vs_control"].point
    )


def dots(axis):
    """What is drawn as dots, a series each."""
    return [line for line in axis.lines if line.get_marker() not in ("None", "")]


def test_a_broken_line_is_named(run, tmp_path):
    import shutil

    copied = shutil.copytree(run, tmp_path / "run")
    (file,) = copied.rglob("samples_*.jsonl")
    lines = file.read_text().splitlines()
    lines[4] = lines[4].replace("interventions", "inventions")
    file.write_text("\n".join(lines))
    with pytest.raises(InputError, match=r":5: the sample has no 'interventions'"):
        load_run(copied)


def test_report_and_plot_from_the_command_line(command, run, tmp_path):
    code, shown, said = command("report", run, "--n-resamples", "200")
    assert code == 0 and "late_vs_control" in shown, said
    code, _, said = command("plot", run, "--out", tmp_path / "thirds.png")
    assert code == 0, said
    assert (tmp_path / "thirds.png").read_bytes().startswith(b"\x89PNG")
