"""``lm-eval-faith calibrate`` as a user runs it, on a model that has learned nothing."""

import csv
import io
import json
import os

import pytest
from jsonschema import Draft202012Validator

from lm_eval_faith.calibration import explained
from lm_eval_faith.calibration.run import labelled_lines, organism_problem
from lm_eval_faith.organisms import ORGANISMS
from lm_eval_faith.problems.boxes import box_problem
from lm_eval_faith.problems.chain_files import read_chains
from lm_eval_faith.report import report_schema

SHOUT = '''
"""A user's own intervention."""

from lm_eval_faith.interventions import Chain, Context, intervention


@intervention("shout")
def shout(chain: Chain, step: int, context: Context) -> Chain:
    """The step in capitals."""
    return chain.with_step(step, chain.steps[step].text.upper())
'''


@pytest.fixture(scope="module")
def models(tiny_model, tmp_path_factory):
    """Two organisms that are the same random model."""
    folder = tmp_path_factory.mktemp("organisms")
    for name in ("reader", "bypasser"):
        (folder / name).symlink_to(tiny_model)
    return folder


@pytest.fixture(scope="module")
def done(shell, models, tmp_path_factory):
    """One calibration: what it printed, its folder, and what it told on the way."""
    folder = tmp_path_factory.mktemp("calibration")
    (folder / "shouting.py").write_text(SHOUT)
    out = folder / "kept"
    ended = shell(
        *("lm-eval-faith", "calibrate", "--problems", "3", "--models", models),
        *("--organisms", "reader,bypasser", "--interventions", "corrupt,shout,swap"),
        *("--plugin", "shouting", "--out", out, "--format", "json"),
        *("--n-resamples", "50", "--card-runs", "0"),
        PYTHONPATH=os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, out, ended.stderr


def test_every_intervention_is_scored_on_every_organism(done):
    made = json.loads(done[0])["calibration"]
    assert [(r["organism"], r["intervention"]) for r in made["rows"]] == [
        (organism, name)
        for organism in ("reader", "bypasser")
        for name in ("corrupt", "shout", "swap")
    ]
    for row in made["rows"]:
        assert row["effect"]["n_problems"] == 3
        assert (row["auc"] is None) == (row["organism"] == "bypasser")
        assert 0 < row["cost"]["distinct"] < row["cost"]["tokens"]
        steps = sum(len(box_problem("reader", k).steps) for k in range(3))
        assert row["cost"]["requests"] == steps - row["not_applicable"]


def test_the_json_fits_the_schema(done):
    content = json.loads(done[0], parse_constant=pytest.fail)
    Draft202012Validator(report_schema()).validate(content)


def test_progress_is_told_apart_from_the_result(done):
    _, _, said = done
    assert "reader (1 of 2) ..." in said and "bypasser: 3 problems, " in said


def test_the_files_it_keeps_can_be_run_and_reported_again(done, command):
    _, out, _ = done
    code, shown, said = command("report", out / "reader", "--format", "csv")
    assert code == 0, said
    rows = {
        (r["intervention"], r["metric"]): r for r in csv.DictReader(io.StringIO(shown))
    }
    made = json.loads(done[0])["calibration"]["rows"][0]
    for name, metric in (
        ("auc", "auc_vs_control"),
        ("load_bearing", "effect_load_bearing_vs_control"),
        ("decoy", "effect_decoy_vs_control"),
    ):
        told = float(rows["corrupt", metric]["point"])
        assert told == pytest.approx(made[name]["point"])
    chains = read_chains(out / "reader" / "chains.jsonl", {}, "yes").chains
    assert [c.chain.text for c in chains] == [
        "".join(box_problem("reader", k).steps) for k in range(3)
    ]


def test_runs_get_cards(command, models, monkeypatch):
    assert explained.RUN_PROBLEMS == 50
    monkeypatch.setattr(explained, "RUN_PROBLEMS", 6)
    code, shown, said = command(
        *("calibrate", "--problems", 1, "--models", models, "--organisms", "bypasser"),
        *("--interventions", "delete", "--card-runs", 1, "--n-resamples", 20),
        *("--format", "json"),
    )
    assert code == 0, said
    content = json.loads(shown, parse_constant=pytest.fail)
    Draft202012Validator(report_schema()).validate(content)
    (check,) = content["calibration"]["checks"]
    assert check["what"] == "card: explained away (chain against no chain)"
    assert check["estimate"]["n_problems"] == 1  # one run
    assert 1 <= check["requests"] <= 8 and check["tokens"] > 10
    cards = content["calibration"]["cards"]
    assert len(cards) == 6 and all(sum(c["words"].values()) == 1 for c in cards)


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("organism", ORGANISMS)
def test_a_labelled_file_holds_the_organisms_problems(tmp_path, organism, once):
    file = tmp_path / "chains.jsonl"
    file.write_text(labelled_lines(organism, 5, seed=1, once=once))
    chains = read_chains(file, {}, "yes").chains
    assert len(chains) == 5
    for k, found in enumerate(chains):
        problem = organism_problem(organism, k, 1, once)
        assert found.question == problem.question and not found.left_out
        assert found.chain.answer == problem.answer
        steps = [s.text + s.after for s in found.chain.steps]
        assert steps == list(problem.steps)
        assert [s.label for s in found.chain.steps] == list(problem.labels)
        assert (found.chain.label == "decoy") == (organism == "bypasser")


@pytest.mark.parametrize("form", ["table", "markdown", "csv"])
def test_the_other_forms(command, models, form):
    code, shown, said = command(
        *("calibrate", "--problems", 2, "--models", models, "--organisms", "reader"),
        *("--interventions", "delete", "--format", form, "--n-resamples", 20),
        *("--card-runs", 0),
    )
    assert code == 0, said
    assert "reader" in shown and "delete" in shown
    if form == "table":
        assert max(map(len, shown.splitlines())) <= 100
    if form == "csv":
        metrics = {row["metric"] for row in csv.DictReader(io.StringIO(shown))}
        assert {"auc", "load_bearing_rate", "gradient"} <= metrics


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--organisms", "reeder"], "unknown organism 'reeder': choose from reader,"),
        (["--interventions", "shred"], "unknown intervention 'shred'"),
        (["--interventions", "control"], "name at least one organism and one interv"),
        (["--plugin", "not_there"], "intervention module 'not_there' cannot be import"),
        (["--models", "/nowhere"], "/nowhere/reader: there is no model here"),
        (["--threshold", "nan"], "--threshold must be a finite number of nats"),
    ],
)
def test_bad_input_is_one_sentence(command, arguments, said):
    code, shown, told = command("calibrate", *arguments)
    assert (code, shown) == (2, "")
    assert told.startswith("error: ") and said in told and told.count("\n") == 1
