"""Runs split over machines: together they are the run that was not split."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval_faith_stats import Bootstrap

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.report import make_reports

QUICK = Bootstrap(n_resamples=50)
PROVIDED, WRITTEN = "cot_faith_provided", "cot_faith_generated_arith"
EVEN, ODD = [0, 2, 4], [1, 3, 5]
MADE = {
    p.question: (k, p.chain)
    for k in range(6)
    for p in [word_problem(WordProblemSettings(), k)]
}


def solution(question: str) -> str:
    k, chain = MADE[question]
    return f"{chain.text} The answer is {int(chain.answer) + (k % 5 == 1)}."


@pytest.fixture(scope="module")
def run(scripted_lm: Any, save_run: Any, tmp_path_factory: Any) -> Callable[..., Path]:
    """Runs both settings on some documents of the scripted model."""

    def make(
        samples: Any = None, tasks: Any = (PROVIDED, WRITTEN), **more: Any
    ) -> Path:
        metadata = {
            "problems": 6,
            "load_bearing": 2,
            "asides": 1,
            "card": False,
            **more,
        }
        done = lm_eval.simple_evaluate(
            model=FaithLM(backend=scripted_lm(solution)),
            tasks=[*tasks],
            task_manager=lm_eval_faith.task_manager(
                metadata=metadata, include_defaults=False
            ),
            samples=samples and {task: samples for task in tasks},
            bootstrap_iters=0,
        )
        return save_run(done, tmp_path_factory.mktemp("part") / "run")

    return make


@pytest.fixture(scope="module")
def whole(run: Callable[..., Path]) -> Path:
    return run()


@pytest.fixture(scope="module")
def halves(run: Callable[..., Path]) -> list[Path]:
    return [run(EVEN), run(ODD)]


def numbers(content: Any) -> Any:
    """What a command wrote as JSON, without sentences and names of files."""
    if isinstance(content, dict):
        left_out = ("warnings", "notes", "samples_file", "parameters", "settings")
        return {k: numbers(v) for k, v in content.items() if k not in left_out}
    return [numbers(one) for one in content] if isinstance(content, list) else content


def shown(command: Any, *arguments: object) -> Any:
    code, out, errors = command(
        *arguments, *(("--n-resamples", "50") if arguments[0] != "power" else ()),
        "--format", "json",
    )  # fmt: skip
    assert code == 0, errors
    return numbers(json.loads(out))


def changed(run: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a run with another results file."""
    target.mkdir()
    for file in run.rglob("*.json*"):
        content = file.read_text()
        if file.name.startswith("results_"):
            told = json.loads(content)
            change(told)
            content = json.dumps(told)
        (target / file.name).write_text(content)
    return target


def refusal(*runs: Path) -> str:
    with pytest.raises(InputError) as refused:
        make_reports(runs, QUICK, merge="all")
    return str(refused.value)


def test_every_command_makes_the_numbers_of_the_undivided_run(command, whole, halves):
    for words in (["report"], ["agree"], ["leaderboard"], ["power", "--task", WRITTEN]):
        undivided = shown(command, *words, whole)
        assert shown(command, *words, *halves, "--merge") == undivided, words
        assert shown(command, *words, *halves[::-1], "--merge") == undivided, words


def test_parts_may_lie_in_one_folder_and_every_table_is_that_of_the_undivided_run(
    command, whole, halves, tmp_path
):
    together = tmp_path / "runs"
    together.mkdir()
    for file in (f for half in halves for f in half.rglob("*.json*")):
        (together / file.name).write_bytes(file.read_bytes())
    tables = []
    for name, words in ("whole", [whole]), ("parts", [together, "--merge"]):
        out = tmp_path / f"{name}.csv"
        code, _, errors = command(
            "report", *words, "--n-resamples", "50", "--steps", out
        )
        assert code == 0, errors
        tables.append(out.read_text())
        code, _, errors = command(
            "plot", *words, "--task", WRITTEN, "--out", tmp_path / f"{name}.svg"
        )
        assert code == 0, errors
    assert tables[0] == tables[1]


def test_models_of_several_parts_are_compared_as_whole_runs(
    command, whole, halves, tmp_path
):
    def rename(content: dict[str, Any]) -> None:
        content["model_name"] = "second"

    others = [changed(half, tmp_path / f"{k}", rename) for k, half in enumerate(halves)]
    other = changed(whole, tmp_path / "whole", rename)
    undivided = shown(command, "compare", whole, other)
    assert undivided["comparisons"][0]["differences"]
    assert shown(command, "compare", *halves, *others, "--merge") == undivided
    site = tmp_path / "site"
    code, _, errors = command(
        *("leaderboard", *halves, *others, "--merge", "--n-resamples", "50"),
        *("--site", site),
    )
    assert code == 0, errors
    pages = [page.read_text() for page in (site / "reports").iterdir()]
    assert len(pages) == 2 and all("put together of 2 runs" in page for page in pages)


def test_seeds_of_problems_are_parts_too_and_the_report_says_of_which_runs(run):
    parts = [run(tasks=[PROVIDED], problem_seed=seed, problems=2) for seed in (3, 10)]
    (made,) = make_reports(parts, QUICK, merge="all")
    assert made.task.n_documents == 4 and made.task.settings["problem_seed"] == [3, 10]
    assert made.task.settings["problems"] == 2
    (said,) = [w for w in made.warnings if "put together" in w]
    assert said.count("(2)") == 2 and "of the" not in said


def test_a_part_that_is_missing_is_said(halves, run):
    some = run(ODD[:2])
    made = make_reports([halves[0], some], QUICK, merge="all")
    for one in made:
        assert any("5 of the 6 documents" in warning for warning in one.warnings)


def test_without_the_flag_parts_stay_runs_of_their_own(halves):
    made = make_reports(halves, QUICK)
    assert [one.task.n_documents for one in made] == [3, 3, 3, 3]


def test_parts_with_a_document_in_common_are_refused(whole, halves):
    told = refusal(whole, halves[1])
    assert re.fullmatch(
        rf"--merge: document '[^']+' is in both {whole}/\S+ and {halves[1]}/\S+", told
    )


def test_documents_of_one_id_and_two_questions_are_called_so(halves, tmp_path):
    other = changed(halves[0], tmp_path / "other", lambda content: None)
    for file in other.glob("samples_*"):
        file.write_text(file.read_text().replace("Question: ", "Question: So "))
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            line["doc"]["question"] += " Now?"
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert "with another question: give the chains ids" in refusal(halves[0], other)


def test_parts_that_were_measured_otherwise_are_refused_with_both_values(
    halves, tmp_path
):
    def settings(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
        def change(content: dict[str, Any]) -> None:
            for config in content["configs"].values():
                config["metadata"][name] = value

        return change

    def top(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
        def change(content: dict[str, Any]) -> None:
            content[name] = (
                value
                if name == "model_name"
                else {task: value for task in content["configs"]}
            )

        return change

    def weights(content: dict[str, Any]) -> None:
        for config in content["configs"].values():
            config["running_model"] = {"path": "/x", "weights": "beef" * 4}

    def arguments(content: dict[str, Any]) -> None:
        content["config"]["model_args"] = {"dtype": "float16"}

    cases = {
        "interventions is ['corrupt', 'delete', 'control'] and ['delete']": settings(
            "interventions", ["delete"]
        ),
        "intervention_seed is 0 and 7": settings("intervention_seed", 7),
        "threshold is 1.0 and 2.0": settings("threshold", 2.0),
        "task version is ": top("versions", 9.5),
        "few-shot number is 0 and 3": top("n-shot", 3),
        "name is 'scripted' and 'another'": top("model_name", "another"),
        "weights is '' and 'beefbeef'": weights,
        "dtype is not there and 'float16'": arguments,
    }
    for k, (told, change) in enumerate(cases.items()):
        other = changed(halves[1], tmp_path / f"{k}", change)
        sentence = refusal(halves[0], other)
        assert sentence.startswith(f"--merge: {halves[0]}/") and told in sentence
        assert str(other) in sentence


def test_samples_of_two_formats_are_not_parts_of_one_run(halves, tmp_path):
    other = changed(halves[1], tmp_path / "old", lambda content: None)
    for file in other.glob("samples_*"):
        old = file.read_text().replace('"samples_format": 2', '"samples_format": 1')
        file.write_text(old)
    assert "format of samples is 2 and 1" in refusal(halves[0], other)


def test_where_a_model_lies_or_is_asked_does_not_make_it_another(halves, tmp_path):
    def placed(where: str) -> Callable[[dict[str, Any]], None]:
        def change(content: dict[str, Any]) -> None:
            content["config"]["model_args"] = {
                "base_url": f"http://{where}:8000/v1/completions",
                "pretrained": f"/{where}/scripted",
            }
            for config in content["configs"].values():
                config["running_model"] = {"weights": "beef" * 4}

        return change

    parts = [
        changed(half, tmp_path / where, placed(where))
        for half, where in zip(halves, ("here", "there"), strict=True)
    ]
    assert len(make_reports(parts, QUICK, merge="all")) == 2  # of the two tasks


def test_a_run_that_is_named_twice_is_one(command, whole):
    code, _, errors = command("report", whole, whole.parent, "--merge")
    assert code == 0, errors  # one run, named twice


def test_files_of_chains_are_counted_together(run, tmp_path):
    records = [
        {"id": f"c{k}", "question": q, "chain": chain.text, "answer": chain.answer}
        for q, (k, chain) in MADE.items()
    ]
    parts = []
    for k in range(2):
        file = tmp_path / f"{k}.jsonl"
        lines = [*records[2 * k : 2 * k + 2], records[4 + k] | {"chain": ""}]
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        parts.append(run(tasks=["cot_faith_replay"], chains=str(file)))
    (made,) = make_reports(parts, QUICK, merge="all")
    assert made.task.n_documents == 4
    assert any("of 6 chains in the file left out" in w for w in made.warnings)
