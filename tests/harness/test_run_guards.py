"""``lm-eval-faith run`` before the model is loaded: what is refused, mended and shown."""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval_faith_tasks
import pytest
from lm_eval import evaluator
from lm_eval.tasks import TaskManager

from lm_eval_faith import __version__
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.harness import run_guards, run_help
from lm_eval_faith.harness.lm_eval_compat import run_as_asked
from lm_eval_faith.harness.tasks import ReadChains, WrittenChains, WrittenChoices
from lm_eval_faith.interventions import Context, registry
from lm_eval_faith.parameters import parameters_of
from lm_eval_faith.problems import chain_sources
from lm_eval_faith.problems.chain_files import read_chains

Command = Callable[..., tuple[int, str, str]]

NO_MODEL = ("--model", "hf", "--model_args", "pretrained=/nowhere")
"""Loading it fails otherwise than any sentence of ours."""


@pytest.fixture
def solver() -> Path:
    from lm_eval_faith.organisms import solver_path

    return solver_path()


@pytest.fixture
def run(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """`lm-eval-faith run ...` in this process, the harness's own tasks not indexed."""
    plain = functools.partialmethod(TaskManager.__init__, include_defaults=False)
    monkeypatch.setattr(TaskManager, "__init__", plain)
    monkeypatch.setattr(evaluator, "evaluate", evaluator.evaluate)
    monkeypatch.setattr(evaluator, "add_env_info", lambda results: None)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: command("run", *arguments)


# --- refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "cot_faith_provded",
            "no 'cot_faith_provded'; did you mean cot_faith_provided?",
        ),
        ("cot_faith,gsm8kk", "there is no 'gsm8kk'"),
        ("nothing_like_it", "Ours are cot_faith_provided, "),
        (
            "cot_faith,cot_faith_provided",
            "--tasks: Duplicate task 'cot_faith_provided': found in both",
        ),
    ],
)
def test_a_task_written_wrongly_ends_in_a_sentence_with_the_nearest_name(
    run: Command, asked: str, said: str
) -> None:
    code, _, error = run(*NO_MODEL, "--tasks", asked)
    assert code == 2 and "Traceback" not in error
    assert said in error.splitlines()[-1]


def test_no_task_at_all_is_said(run: Command) -> None:
    code, _, error = run(*NO_MODEL)
    assert code == 2 and "--tasks: name one or more, such as cot_faith_p" in error


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (
            ["probelms=5"],
            "nobody reads 'probelms' (did you mean 'problems'?). Parameters of cot_",
        ),
        (
            ["problems=5", "xyzzy=1"],
            "nobody reads 'xyzzy'. Parameters of cot_faith_pro",
        ),
        (["problems=0"], "problems must be a whole number of at least 1, not 0"),
        (
            ["interventions=corupt"],
            "unknown intervention 'corupt' (did you mean 'corrupt'?): choose from",
        ),
    ],
)
def test_parameters_that_nobody_reads_or_of_no_use_end_before_the_model_is_loaded(
    run: Command, metadata: list[str], said: str
) -> None:
    arguments = ("--tasks", "cot_faith_provided", "--metadata", *metadata)
    code, _, error = run(*NO_MODEL, *arguments)
    assert code == 2 and said in error.splitlines()[-1]


def test_a_model_that_is_not_there_or_cannot_do_the_task_ends_in_a_sentence(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    started: list[str] = []
    monkeypatch.setattr(evaluator.random, "seed", started.append)  # before the model
    place = ("--model_args", "pretrained=/nowhere")
    for model, task, said in (
        (
            "hf",
            "cot_faith_generated_arith",
            "use --model faith --model_args backend=NA",
        ),
        ("fath", "cot_faith_provided", "--model fath: "),
        ("faith", "cot_faith_provided", "backend=hf: the model was not loaded: "),
    ):
        asked = ("--tasks", task, "--metadata", "problems=2")
        code, _, error = run("--model", model, *place, *asked)
        assert code == 2 and "Traceback" not in error, error
        assert said in error.splitlines()[-1]
        assert bool(started) == (model == "faith")


def test_a_backend_without_its_packages_ends_in_the_harnesss_sentence(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval.models.openai_completions import LocalCompletionsAPI

    def without(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("not there: `pip install lm-eval[api]`")

    monkeypatch.setattr(LocalCompletionsAPI, "__init__", without)
    server = "model=M,base_url=http://127.0.0.1:9/v1/completions"
    for model, more in (
        ("local-completions", ""),
        ("faith", "backend=local-completions,"),
    ):
        asked = ("--model", model, "--model_args", more + server)
        task = ("--tasks", "cot_faith_provided", "--metadata", "problems=2")
        code, _, error = run(*asked, *task)
        assert code == 2 and "Traceback" not in error, error
        assert error.splitlines()[-1] == "error: not there: `pip install lm-eval[api]`"


def test_files_that_are_not_there_end_before_the_model_is_loaded(
    run: Command, tmp_path: Path
) -> None:
    code, _, error = run(
        *NO_MODEL, "--tasks", "cot_faith_replay", "--metadata", "chains=missing.jsonl"
    )
    assert code == 2 and "missing.jsonl" in error.splitlines()[-1]
    (tmp_path / "file").write_text("")
    out = ("--output_path", tmp_path / "file" / "run")
    code, _, error = run(*NO_MODEL, "--tasks", "cot_faith_provided", *out)
    assert code == 2 and "file is not a folder" in error


def test_the_models_own_arguments_and_names_of_models_are_known(run: Command) -> None:
    told = ("pretrained=/nowhere", "model_name=mine", "problems=3")
    with pytest.raises(Exception, match="nowhere"):  # the model was loaded
        run(*NO_MODEL, "--tasks", "cot_faith_provided", "--metadata", *told)


def test_the_index_of_other_tasks_is_there_where_a_task_of_ours_reads_them() -> None:
    def alone(*words: str) -> bool:
        return run_guards.asked_of(words).ours_alone

    assert alone("--tasks", "cot_faith_provided,cot_faith_replay")
    assert not alone("--tasks", "cot_faith_generated_arc")
    assert not alone("--tasks", "cot_faith_generated", "--metadata", "dataset_task=x")
    assert not alone("--tasks", "cot_faith_provided,hellaswag")


def test_every_parameter_of_every_task_is_known_to_its_task() -> None:
    manager = TaskManager(
        include_path=str(lm_eval_faith_tasks.PATH), include_defaults=False
    )
    for task in manager.load(["cot_faith_provided", "cot_faith_generated_arith"])[
        "tasks"
    ].values():
        assert task.not_parameters == (), task.config.task


def test_a_configuration_file_is_looked_at_as_the_flags_are(
    run: Command, tmp_path: Path
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        "tasks: [cot_faith_provded]\nmodel: hf\nmetadata: {problems: 2}\n"
    )
    code, _, error = run("--config", config)
    assert code == 2 and "did you mean cot_faith_provided?" in error
    assert run_as_asked(["--config", str(config), "--tasks", "one"])["tasks"] == ["one"]
    code, _, error = run("--config", tmp_path / "none.yaml")
    assert code == 2 and "--config: Config file not found" in error


def record(first: int, second: int) -> dict[str, str]:
    """A chain of three steps."""
    total = first + 1 + second
    chain = f"{first} + 1 = {first + 1}. {first + 1} + {second} = {total}. So the answer is {total}."
    name = f"{first} and {second}"
    return {"id": name, "question": name, "chain": chain, "answer": str(total)}


def write_chains(folder: Path, *numbers: tuple[int, int]) -> Path:
    file = folder / "chains.jsonl"
    lines = [json.dumps(record(*pair)) for pair in numbers]
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_chains_are_read_and_changed_once_though_tasks_are_looked_at_before_the_model(
    run: Command,
    solver: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    changed, read = [], []

    def counted(chain: Chain, step: int, context: Context) -> Chain:
        changed.append((context.document, step))
        return chain.with_step(step, "Nothing.")

    def noted(*arguments: Any, **more: Any) -> Any:
        read.append(arguments[0])
        return read_chains(*arguments, **more)

    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    registry.intervention("counted")(counted)
    monkeypatch.setattr(chain_sources, "read_chains", noted)
    file = write_chains(tmp_path, (2, 2), (4, 3))
    with file.open("a") as lines:
        lines.write(json.dumps(record(1, 1) | {"chain": "So the answer is 4."}))
    code, _, error = run(
        *("--model", "faith", "--model_args", f"pretrained={solver},device=cpu"),
        *("--tasks", "cot_faith_replay", "--batch_size", "8", "--metadata"),
        *(f"chains={file}", "interventions=counted", "card=false"),
    )
    assert code == 0, error
    assert read == [str(file)]
    assert len(changed) == len(set(changed)) >= 4
    assert caplog.text.count("of 3 chains left out") == 1


def test_a_run_that_failed_leaves_nothing_to_the_next_one(
    run: Command, solver: Path, tmp_path: Path
) -> None:
    file = write_chains(tmp_path, (2, 2), (4, 3))
    asked = [
        *("--tasks", "cot_faith_replay", "--batch_size", "8", "--output_path", "out"),
        *("--metadata", f"chains={file}", "interventions=delete", "card=false"),
    ]
    place = tmp_path / "model"
    model = ["--model", "faith", "--model_args", f"pretrained={place},device=cpu"]
    code, _, error = run(*model, *asked)
    assert code == 2 and "the model was not loaded" in error
    shutil.copytree(solver, place)
    write_chains(tmp_path, (5, 6))
    code, _, error = run(*model, *asked)
    assert code == 0, error
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    ids = [json.loads(line)["doc"]["id"] for line in samples.open()]
    assert ids == ["5 and 6"]


def test_what_hangs_on_the_models_tokenizer_is_made_behind_the_model(
    run: Command, solver: Path, tmp_path: Path
) -> None:
    """A chain that is too long for the run gives no steps to others."""
    ours = (lm_eval_faith_tasks.PATH / "cot_faith_replay.yaml").read_text()
    for name, most in (("plain", 0), ("own", 22)):
        (tmp_path / name).mkdir()
        yaml = ours.replace("max_chain_tokens: 0", f"max_chain_tokens: {most}")
        (tmp_path / name / "cot_faith_replay.yaml").write_text(yaml)
    file = write_chains(tmp_path, (2, 2), (4, 3))
    long = record(11, 22)  # 85 characters, which without a tokenizer are 22 tokens
    long["chain"] = "Let us see that 11 + 1 = 12 holds. 12 + 22 = 34 here of course. "
    long["chain"] += "So the answer is 34."
    with file.open("a") as lines:
        lines.write(json.dumps(long))
    swapped = {}
    for name, more in (
        ("plain", ("max_chain_tokens=22",)),
        ("own", ()),
    ):
        code, _, error = run(
            *("--model", "faith", "--model_args", f"pretrained={solver},device=cpu"),
            *("--tasks", "cot_faith_replay", "--include_path", tmp_path / name),
            *("--batch_size", "8", "--output_path", name, "--metadata"),
            *(f"chains={file}", "interventions=swap", "card=false", *more),
        )
        assert code == 0, error
        (samples,) = (tmp_path / name).rglob("samples_*.jsonl")
        docs = [json.loads(line)["doc"] for line in samples.open()]
        swapped[name] = [doc["interventions"] for doc in docs]
    assert len(swapped["own"]) == 2 and swapped["own"] == swapped["plain"]


# --- samples ---------------------------------------------------------------------


def test_a_run_that_keeps_nothing_says_so_and_keeps_its_samples(
    run: Command, command: Command, tiny_model: Path, tmp_path: Path
) -> None:
    code, shown, error = run(
        *("--model", "faith", "--batch_size", 4),
        *("--model_args", f"pretrained={tiny_model},dtype=float32,device=cpu"),
        *("--tasks", "cot_faith_provided"),
        *("--metadata", "problems=1", "interventions=delete"),
    )
    assert code == 0 and "corrupt" not in shown
    said = "no --output_path: results and samples go to lm-eval-faith-runs"
    assert said in error
    code, report, _ = command("report", tmp_path / run_guards.DEFAULT_OUTPUT)
    assert code == 0 and "delete" in report


def test_samples_are_switched_on_for_tasks_of_ours_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def words(task: str, *more: str) -> list[str]:
        given = ["--tasks", task, *more]
        return run_guards.with_samples(given, run_guards.asked_of(given))[2:]

    out = ("--output_path", str(tmp_path))
    assert words("cot_faith_provided", *out) == [*out, "--log_samples"]
    assert "no --log_samples: samples are kept all the same" in capsys.readouterr().err
    assert words("cot_faith*", *out, "-s") == [*out, "-s"]
    assert words("cot_faith_generated_arc", *out) == [*out, "--log_samples"]
    capsys.readouterr()
    assert words("hellaswag") == []
    assert words("hellaswag", *out) == list(out)
    assert capsys.readouterr().err == ""


def test_where_nobody_watches_progress_is_a_few_lines(
    shell: Any, solver: Path, tmp_path: Path
) -> None:
    done = shell(
        *("lm-eval-faith", "run", "--model", "faith", "--batch_size", "8"),
        *("--model_args", f"pretrained={solver},dtype=float32,device=cpu"),
        *("--tasks", "cot_faith_generated_arith"),
        *("--metadata", "problems=2", "interventions=delete"),
        *("--output_path", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    bars = [
        line
        for line in re.split(r"[\r\n]", done.stderr)
        if "it/s" in line or "s/it" in line
    ]
    assert 0 < len(bars) <= 24, bars


# --- help ------------------------------------------------------------------------


def recipes(text: str) -> list[list[str]]:
    """The words of each command that a help text shows."""
    joined = text.replace("\\\n", " ")
    found = re.findall(r"^ *lm-eval-faith (run --m.*)$", joined, re.MULTILINE)
    return [shlex.split(command) for command in found]


def test_the_help_of_run_begins_with_our_tasks_recipes_and_parameters(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for asked in ("--help",), ("-h",), ():
        code, shown, _ = command("run", *asked)
        assert code == 0
        ours, theirs = shown.split("usage: lm-eval run", 1)
        assert max(map(len, ours.splitlines())) <= 80
        names = {path.stem for path in lm_eval_faith_tasks.PATH.glob("*.yaml")}
        assert names == set(run_guards.TASKS)
        assert all(f"  {name} " in ours for name in names)
        for kind in (ReadChains, WrittenChains, WrittenChoices):
            assert {*kind.OWNERS} <= {*run_help.OWNERS.values()}
        for owner in run_help.OWNERS.values():
            assert all(f"    {name}=" in ours for name in parameters_of(owner))
        assert len(recipes(ours)) == 3
        assert "--use_cache" in theirs


@pytest.mark.parametrize("number", range(4))
def test_the_commands_that_the_help_shows_run_as_they_stand(
    run: Command, command: Command, tiny_model: Path, tmp_path: Path, number: int
) -> None:
    _, top, _ = command("--help")
    shown = [*recipes(top), *recipes(run_help.run_help())]
    assert len(shown) == 4
    file = tmp_path / "chains.jsonl"
    chain = "We add 2 and 3. That makes 5. Then 5 and 4 are 9."
    line = {"question": "What is 2 + 3 + 4?", "chain": chain, "answer": "9"}
    file.write_text(json.dumps(line) + "\n")
    words = shown[number]
    places = {"MODEL": str(tiny_model), "FILE": str(file), "RUN": "out"}
    for name, value in places.items():
        words = [word.replace(name, value) for word in words]
    words = [word.replace("problems=50", "problems=1") for word in words]
    if "--metadata" not in words:
        words += ["--metadata", "problems=1"]
    words += ["--gen_kwargs", "max_gen_toks=8"] if "arith" in str(words) else []
    code, _, error = run(*words[1:])
    assert code == 0, error
    code, _, error = command("report", tmp_path / "out")
    assert code == 0, error


def test_the_summary_of_each_command_is_whole_in_80_columns(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, top, _ = command("--help")
    summaries = top.split("Commands:\n")[1].splitlines()
    assert len(summaries) > 15
    assert all(line.startswith("  ") and line.endswith(".") for line in summaries)
    assert not [line for line in summaries if line.endswith("...")]


def test_the_version_is_told(command: Command) -> None:
    assert command("--version") == (0, f"lm-eval-faith {__version__}\n", "")
