"""Sets of steps in the report, its figure, the chain browser, comparisons and tables."""

from __future__ import annotations

import json

import lm_eval
import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from lm_eval_faith_stats import Bootstrap
from scipy.integrate import trapezoid

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.tables import tables_of_run
from lm_eval_faith.report import compare_runs, report_schema, sets_frame
from lm_eval_faith.report.curves import set_curve
from lm_eval_faith.report.figures import figures_of
from lm_eval_faith.report.html.report_page import report_page
from lm_eval_faith.report.report import make_reports

QUICK = Bootstrap(n_resamples=200)
TASK = "cot_faith_provided"


@pytest.fixture(scope="module")
def joint_runs(scripted_lm, save_run, tmp_path_factory):
    """Runs of two scripted models on the same eight problems.

    One wants the answer stated, the other one wants two sentences besides.
    """

    def run(name, sentences):
        lm = scripted_lm(str)
        plain = lm.logprob

        def logprob(context, answer):
            chain = context.split("step by step.")[1].removesuffix("The answer is")
            known = answer.strip() in chain and chain.count(". ") >= sentences
            return plain(context, answer) / 10 - (0 if known else 5)

        lm.logprob = logprob
        done = lm_eval.simple_evaluate(
            model=FaithLM(backend=lm),
            tasks=[TASK],
            task_manager=lm_eval_faith.task_manager(
                metadata={
                    "problems": 8,
                    "load_bearing": "3-6",
                    "asides": "2",
                    "interventions": "delete",
                    "joint": "curve,core,core=greedy,interaction",
                    "budget": 24,
                    "joint_interventions": "delete,corrupt",
                },
                include_defaults=False,
            ),
            bootstrap_iters=0,
        )
        folder = save_run(done, tmp_path_factory.mktemp("joint") / name)
        (file,) = folder.rglob("results_*.json")
        content = json.loads(file.read_text()) | {"model_name": name}
        file.write_text(json.dumps(content))
        return folder

    return run("one", 0), run("two", 3)


@pytest.fixture(scope="module")
def report(joint_runs):
    (made,) = make_reports([joint_runs[0]], QUICK)
    return made


def test_every_search_is_accounted_for_and_the_cost_is_told(joint_runs, report):
    (task,) = load_run(joint_runs[0]).tasks
    sets = [r for chain in task.chains for r in chain.sets]
    first = [r for r in sets if (r.kind, r.name) == ("core", "front")]
    (told,) = [w for w in report.warnings if w.startswith("core of 8 chains: ")]
    counts = pd.Series([r.ending for r in first]).value_counts()
    words = {
        "certified": "found and certified",
        "none_needed": "no step is needed",
        "all_needed": "all steps are needed",
        "budget": "not certified within the budget",
    }
    for ending, count in counts.items():
        assert f"{words[ending]} ({count}" in told
    (told,) = [w for w in report.warnings if w.startswith("core_greedy of 8 chains: ")]
    # this model would write another answer, behind whatever chain
    assert "the clean chain itself does not keep the answer (8: " in told
    (told,) = [
        w for w in report.warnings if w.startswith("interaction of sets of steps")
    ]
    assert "a step of the pair cannot be corrupted" in told
    requests = sum(chain.set_requests for chain in task.chains)
    tokens = sum(chain.set_tokens for chain in task.chains)
    assert 0 < requests < tokens
    told = f"sets of steps took {requests:,} requests more, {tokens:,} distinct tokens"
    assert told in report.warnings


def test_each_part_of_the_figure_is_read_off_the_chains_own_curves(joint_runs, report):
    run = load_run(joint_runs[0])
    tables = tables_of_run(run)
    figure = {f.name: f for f in figures_of(report, tables, QUICK)}["joint"]
    assert figure.legend == ("first steps", "last steps", "largest effects")
    assert [panel.title for panel in figure.panels] == ["Steps left out", "Steps kept"]
    frame = sets_frame(run)
    points = frame[(frame.kind == "curve_point") & (frame.name == "back") & frame.kept]
    means = np.mean(
        [
            np.interp(np.arange(11) / 10, own.n_members / own.n_steps, own.effect)
            for _, own in points.groupby("chain")
        ],
        axis=0,
    )
    columns = tables.columns("sets")
    chosen = columns[
        (columns.kind == "curve_point") & (columns["name"] == "back") & columns.kept
    ]
    found = [e.point for e in set_curve(chosen, QUICK)]
    assert found == pytest.approx(means.tolist())
    row = ("last steps", "kept")
    (cells,) = [c for c in figure.table.rows if c[:2] == row]
    area = report.row("delete_sufficiency_back").estimate
    assert cells[2] == f"{area.point:.3f}"
    trapezoids = [
        trapezoid(own.effect, own.n_members / own.n_steps)
        for _, own in points.groupby("chain")
    ]
    assert area.point == pytest.approx(np.mean(trapezoids))


def test_the_chains_of_a_page_mark_the_core(joint_runs, open_page):
    (task,) = load_run(joint_runs[0]).tasks
    opened = open_page(report_page([joint_runs[0]], QUICK).html)
    first = min(task.chains, key=lambda chain: chain.document)
    core = {r.steps[0] for r in first.sets if r.measured.get("in_core") == 1}
    tags = opened.texts(".steps .step .tags")
    assert len(tags) == first.n_steps
    assert core
    assert {k for k, text in enumerate(tags) if "in the core" in text} == core
    marked = opened.page.locator(".steps li.core").count()
    assert marked == len(core)
    told = opened.page.locator(".chain > .tags").first.inner_text()
    assert f"core: {len(core)} of {first.n_steps} steps" in told
    assert not opened.logged


def test_models_are_compared_by_metrics_of_sets(joint_runs):
    (compared,) = compare_runs(joint_runs, QUICK)
    both = [tables_of_run(load_run(folder)) for folder in joint_runs]
    values = []
    for tables in both:
        cores = tables.sets[(tables.sets["kind"] == "core")]
        values.append(cores[cores["name"] == "front"]["share"].to_numpy())
    (found,) = [
        d.comparison.estimate
        for d in compared.differences
        if d.quantity.name == "delete_core_share"
    ]
    there = ~np.isnan(values[0]) & ~np.isnan(values[1])
    assert found.point == pytest.approx((values[0] - values[1])[there].mean())
    assert found.n_problems == there.sum()


def test_a_budget_parts_runs_that_ask_about_sets_and_no_others(
    joint_runs, other_model, tmp_path
):
    def without(content):
        for config in content["configs"].values():
            del config["metadata"]["budget"]
            config["metadata"]["joint"] = []
        return content

    def more(content):
        for config in content["configs"].values():
            config["metadata"]["budget"] = 99
        return content

    old = other_model(joint_runs[0], tmp_path / "old", results=without)
    assert compare_runs([old, joint_runs[1]], QUICK)
    other = other_model(joint_runs[0], tmp_path / "other", results=more)
    with pytest.raises(InputError, match="budget is 99 in other, 24 in two"):
        compare_runs([other, joint_runs[1]], QUICK)


def test_reports_of_sets_fit_the_schema_and_studies_are_planned_by_them(
    joint_runs, command
):
    validator = Draft202012Validator(report_schema())
    for arguments in (
        ("report", *joint_runs),
        ("compare", *joint_runs),
        ("power", joint_runs[0], "--metric", "delete_core_share"),
    ):
        code, out, said = command(*arguments, "--format", "json")
        assert code == 0, said
        validator.validate(json.loads(out, parse_constant=pytest.fail))
        assert "core_share" in out


def test_a_file_whose_sets_are_not_as_written_is_refused_by_line(
    joint_runs, other_model, command, tmp_path
):
    def changed(change):
        def line(k, sample):
            if k == 2:
                response = json.loads(sample["filtered_resps"][0])
                change(response)
                sample["filtered_resps"] = [json.dumps(response)]
            return sample

        return line

    changes = (
        lambda r: r["sets"].pop("found"),
        lambda r: r.update(sets=[1]),
        lambda r: r["sets"].update(requests="many"),
        lambda r: r["sets"]["found"][0].update(steps=[99]),
        lambda r: r["sets"].update(found=[]),
        lambda r: r["sets"]["found"].append(
            {"kind": "value", "name": "x", "steps": [0], "intervention": "corrupt"}
        ),
        lambda r: r["loglikelihoods"].pop(),
        lambda r: r["loglikelihoods"].append([-1.0, False]),
        lambda r: r["loglikelihoods"].__setitem__(-1, [3.0, False]),
        lambda r: r["sets"]["found"].append(
            {"kind": "shapley", "name": "", "steps": [0], "orders": [[0]]}
        ),
    )
    for k, change in enumerate(changes):
        folder = other_model(joint_runs[0], tmp_path / str(k), line=changed(change))
        code, _, said = command("report", folder)
        assert code == 2, k
        assert ".jsonl:3: " in said and "Traceback" not in said, (k, said)


def test_the_sets_are_written_as_a_table(joint_runs, command, tmp_path):
    out = tmp_path / "sets.parquet"
    code, _, errors = command("report", joint_runs[0], "--sets", out)
    assert code == 0, errors
    written = pd.read_parquet(out)
    frame = sets_frame(load_run(joint_runs[0]))
    assert list(written.columns) == list(frame.columns)
    assert written["members"].tolist() == frame["members"].tolist()
    code, _, errors = command("report", joint_runs[0], "--sets", tmp_path / "sets.txt")
    assert code == 2 and "must end in .csv or .parquet" in errors
