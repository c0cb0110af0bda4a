"""The three ways in, each by the command line that a user types."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import lm_eval
import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("cot_faith", "cot_faith_provided", "cot_faith_provided_unscaffolded")


def results(folder: Path) -> dict:
    (file,) = folder.rglob("results_*.json")
    return json.loads(file.read_text(encoding="utf-8"))


def run_arguments(model: Path, out: Path) -> list[str]:
    return [
        "--model",
        "hf",
        "--model_args",
        f"pretrained={model},dtype=float32",
        "--tasks",
        "cot_faith_provided",
        "--metadata",
        "problems=6",
        "load_bearing=3",
        "asides=2",
        "card=false",
        "--output_path",
        str(out),
        "--log_samples",
        "--batch_size",
        "16",
    ]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory) -> Path:
    """An environment of its own that sees everything installed here.

    Its lm_eval is the installed one, file by file, with a few of its 13,000 tasks: to
    index them all takes seconds in each command.
    """
    folder = tmp_path_factory.mktemp("sandbox") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    here = sysconfig.get_paths()["purelib"]
    (packages / "everything.pth").write_text(
        f"import site; site.addsitedir({here!r})\n"
    )
    harness = Path(lm_eval.__file__).parent
    tasks = packages / "lm_eval" / "tasks"
    tasks.mkdir(parents=True)
    for path in harness.iterdir():
        if path.name not in ("tasks", "__pycache__"):
            (tasks.parent / path.name).symlink_to(path)
    for path in (harness / "tasks").glob("*.py"):
        (tasks / path.name).symlink_to(path)
    shutil.copytree(harness / "tasks" / "arithmetic", tasks / "arithmetic")
    return folder


def test_lm_eval_faith_run_is_lm_eval_run_with_our_tasks(provided_run):
    table = results(provided_run)["results"]["cot_faith_provided"]
    assert table["sample_len"] == 6 and "corrupt_label_difference,none" in table


def test_lm_eval_faith_run_takes_every_flag_of_lm_eval_run(shell, command):
    _, ours, _ = command("run", "--help")
    theirs = shell("lm_eval", "run", "--help").stdout
    flags = set(re.findall(r"--\w+", theirs))
    assert len(flags) > 20 and flags <= set(re.findall(r"--\w+", ours))


def test_stock_lm_eval_finds_the_tasks_by_include_path(
    shell, tiny_model, provided_run, tmp_path
):
    path = shell("lm-eval-faith", "tasks-path").stdout.strip()
    asked = ("lm_eval", *run_arguments(tiny_model, tmp_path))
    assert shell(*asked, cwd=tmp_path).returncode != 0
    done = shell(*asked, "--include_path", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path)["results"] == results(provided_run)["results"]


def test_the_harness_does_not_index_its_own_tasks_where_ours_alone_are_asked_for(
    command, monkeypatch
):
    from lm_eval.tasks import TaskManager

    from lm_eval_faith.errors import InputError

    def noted(self, *args, include_defaults=True, **kwargs):
        raise InputError("indexed" if include_defaults else "not indexed")

    monkeypatch.setattr(TaskManager, "__init__", noted)
    for arguments, said in (
        (["--tasks", "cot_faith_provided"], "not indexed"),
        (["--tasks", "cot_faith,cot_faith_replay", "--limit", "2"], "not indexed"),
        (["-t", "cot_faith", "cot_faith_replay", "--limit", "2"], "not indexed"),
        (["--tasks=cot_faith", "--include_path", "mine"], "not indexed"),
        (["--tasks", "cot_faith,arithmetic_1dc"], "indexed"),
        (["--tasks=cot_faith", "--tasks", "cot_faith_replay", "mine"], "indexed"),
        (["--tasks", "cot_faith*"], "indexed"),
    ):
        assert command("run", "--model", "dummy", *arguments)[2].endswith(
            f"error: {said}\n"
        ), arguments


def test_once_enabled_plain_lm_eval_finds_the_tasks_and_the_model(
    shell, sandbox, tiny_model, provided_run, tmp_path
):
    python = sandbox / "bin" / "python"
    assert shell(python, "-m", "lm_eval_faith", "enable").returncode == 0
    try:
        done = shell(
            python,
            "-m",
            "accelerate.commands.launch",
            "--num_processes",
            "1",
            "--cpu",
            "-m",
            "lm_eval",
            *run_arguments(tiny_model, tmp_path / "out"),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert results(tmp_path / "out")["results"] == results(provided_run)["results"]
        registered = shell(
            python,
            "-c",
            "import lm_eval.tasks; from lm_eval.api.registry import model_registry;"
            "print('faith' in model_registry)",
        )
        assert registered.stdout.strip() == "True"
    finally:
        shell(python, "-m", "lm_eval_faith", "disable")


def test_enable_shows_what_it_wrote_and_disable_removes_it(shell, sandbox):
    python = sandbox / "bin" / "python"
    packages = next(sandbox.glob("lib/python*/site-packages"))

    def files():  # but for what Python keeps of those that it imports
        return {path for path in packages.iterdir() if path.name != "__pycache__"}

    before = files()
    first = shell(python, "-m", "lm_eval_faith", "enable")
    written = files() - before
    assert {p.suffix for p in written} == {".py", ".pth"}
    for path in written:
        assert str(path) in first.stdout
        for line in path.read_text().splitlines():
            assert line in first.stdout
    again = shell(python, "-m", "lm_eval_faith", "enable")
    assert "nothing was written" in again.stdout
    look = "from lm_eval_faith.harness import startup; print(startup.look_at_harness())"
    assert "active=True" in shell(python, "-c", look).stdout

    removed = shell(python, "-m", "lm_eval_faith", "disable")
    assert all(f"removed {path}" in removed.stdout for path in written)
    again = shell(python, "-m", "lm_eval_faith", "disable")
    assert again.returncode == 0 and "nothing was removed" in again.stdout
    assert files() == before
    assert "active=False" in shell(python, "-c", look).stdout


def test_enabled_start_up_imports_one_small_module_and_nothing_else(shell, sandbox):
    from lm_eval_faith.harness.startup import StartupFiles

    python = sandbox / "bin" / "python"
    files = StartupFiles(next(sandbox.glob("lib/python*/site-packages")))
    look = "import sys; print(*sys.modules)"
    before = set(shell(python, "-c", look).stdout.split())
    for path, text in files.contents.items():
        path.write_text(text)
    after = set(shell(python, "-c", look).stdout.split())
    for path in files.present:
        path.unlink()
    assert after - before == {"_lm_eval_faith_startup"}


def test_the_start_up_file_is_inert_without_our_package(shell, tmp_path):
    from lm_eval_faith.harness.startup import StartupFiles

    folder = tmp_path / "packages"
    folder.mkdir()
    for path, text in StartupFiles(folder).contents.items():
        path.write_text(text)
    fake = folder / "lm_eval" / "tasks"
    fake.mkdir(parents=True)
    (folder / "lm_eval" / "__init__.py").write_text("")
    (fake / "__init__.py").write_text("")
    (fake / "manager.py").write_text("answer = 42")
    done = shell(
        sys.executable,
        "-S",
        "-c",
        f"import site; site.addsitedir({str(folder)!r});"
        "import lm_eval.tasks.manager as m; print(m.answer)",
        cwd=tmp_path,
    )
    assert (done.stdout.strip(), done.stderr) == ("42", "")


def test_a_wheel_holds_all_that_plain_lm_eval_needs(shell, sandbox, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("lm_eval_faith", "stats", "tasks"):
        unread = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, ignore=unread)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    built = shell(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        tmp_path,
        source,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    packages = tmp_path / "installed"
    shell(sys.executable, "-m", "zipfile", "-e", wheel, packages)
    python = sandbox / "bin" / "python"
    environment = {"PYTHONPATH": str(packages)}
    shown = shell(python, "-m", "lm_eval_faith", "tasks-path", **environment)
    assert Path(shown.stdout.strip()) == packages / "lm_eval_faith_tasks"
    shell(python, "-m", "lm_eval_faith", "enable", **environment)
    listed = shell(
        python, "-m", "lm_eval", "ls", "tasks", cwd=tmp_path, **environment
    ).stdout
    shell(python, "-m", "lm_eval_faith", "disable", **environment)
    names = set(re.findall(r"^\|(\w+) *\|", listed, re.MULTILINE))
    assert {*OURS, "arithmetic_1dc"} <= names
    assert str(packages) in listed


def test_flags_of_the_harness_work_together_and_a_cache_is_used_again(
    command, tiny_model, tmp_path, caplog, monkeypatch
):
    # The harness gives its own logger a handler when it is first imported, and no other.
    monkeypatch.setattr(logging.getLogger("lm_eval"), "handlers", [caplog.handler])

    def run(name: str) -> tuple[str, dict]:
        caplog.clear()
        code, out, err = command(
            *("run", *run_arguments(tiny_model, tmp_path / name)),
            *("--limit", "2", "--num_fewshot", "1", "--apply_chat_template"),
            *("--system_instruction", "Be brief.", "--write_out"),
            *("--use_cache", tmp_path / "cache"),
        )
        assert code == 0, err
        return out + err + caplog.text, results(tmp_path / name)["results"]

    shown, first = run("first")
    assert "<|system|>Be brief.<|end|><|user|>Question: " in shown
    shown, second = run("second")
    assert "Requests remaining: 0" in shown
    assert first == second


def test_bad_input_ends_plain_lm_eval_with_an_exception_whose_message_is_the_sentence(
    shell, command, sandbox, tiny_model, tmp_path, monkeypatch
):
    arguments = [
        *("--model", "hf", "--model_args", f"pretrained={tiny_model}"),
        *("--tasks", "cot_faith_provided", "--metadata", "problems=0"),
    ]
    python = sandbox / "bin" / "python"
    path = shell("lm-eval-faith", "tasks-path").stdout.strip()
    done = shell(
        *(python, "-m", "lm_eval", *arguments, "--include_path", path), cwd=tmp_path
    )
    sentence = (
        "task cot_faith_provided: problems must be a whole number of at least 1, not 0"
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"InputError: {sentence}")
    monkeypatch.chdir(tmp_path)
    code, _, errors = command("run", *arguments)
    assert code == 2 and "Traceback" not in errors
    assert errors.splitlines()[-1] == f"error: {sentence}"
    assert os.listdir(tmp_path) == []


def test_importing_us_leaves_the_hook_of_uncaught_exceptions_alone(shell):
    program = (
        "import sys; before = sys.excepthook\n"
        "import lm_eval_faith.harness.faith_model, lm_eval_faith.harness.tasks\n"
        "assert sys.excepthook is before"
    )
    assert shell(sys.executable, "-c", program).returncode == 0


def test_a_task_manager_of_ours_leaves_the_others_alone_and_takes_parameters(shell):
    program = (
        "import lm_eval_faith\n"
        "from lm_eval.tasks import TaskManager\n"
        "plain = TaskManager.__init__\n"
        "ours = lm_eval_faith.task_manager("
        "include_defaults=False, metadata={'problems': 3})\n"
        "[task] = ours.load(['cot_faith_provided'])['tasks'].values()\n"
        "assert TaskManager.__init__ is plain\n"
        "assert len(task.test_docs()) == 3"
    )
    done = shell(sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr


def test_a_task_hears_of_the_running_model_or_says_which_checks_are_off(
    tiny_model, monkeypatch, caplog
):
    import lm_eval.evaluator
    from lm_eval.models.dummy import DummyLM

    import lm_eval_faith
    from lm_eval_faith.harness import lm_eval_compat

    evaluate = lm_eval.evaluator.evaluate  # another test may have let it tell already
    plain = getattr(evaluate, "__wrapped__", evaluate)
    if not hasattr(evaluate, "tells_the_model"):
        plain = evaluate
    monkeypatch.setattr(lm_eval.evaluator, "evaluate", plain)
    # Frames tell nothing: the evaluator goes by another name.
    monkeypatch.setitem(lm_eval.evaluator.__dict__, "__name__", "another.evaluator")

    def run() -> list[object]:
        caplog.clear()
        seen: list[object] = []
        manager = lm_eval_faith.task_manager(
            include_defaults=False, metadata={"problems": 2}
        )
        limit_of = lm_eval_compat.ContextLimit.of
        monkeypatch.setattr(
            lm_eval_compat.ContextLimit,
            "of",
            lambda model: (seen.append(model), limit_of(model))[1],
        )
        lm_eval.simple_evaluate(
            model=model,
            tasks=["cot_faith_provided"],
            task_manager=manager,
            bootstrap_iters=0,
        )
        monkeypatch.setattr(lm_eval_compat.ContextLimit, "of", limit_of)
        return seen

    model = DummyLM()
    # Nor does a task manager tell, where another test in this process has activated us.
    with monkeypatch.context() as untold:
        untold.setattr(lm_eval_compat, "tell_tasks_the_model", lambda: None)
        assert run() == [None]
    assert "cot_faith_provided: this harness does not let a task find" in caplog.text
    lm_eval_compat.tell_tasks_the_model()
    assert run() == [model]
    assert "does not let a task find" not in caplog.text


def test_enable_says_so_where_the_harness_finds_the_model_by_its_entry_point(
    monkeypatch, tmp_path
):
    from typer.testing import CliRunner

    from lm_eval_faith.cli import app
    from lm_eval_faith.harness import startup

    newer = startup.Harness("0.5.0", "/somewhere", finds_model=True, active=False)
    monkeypatch.setattr(startup, "look_at_harness", lambda: newer)
    monkeypatch.setattr(
        startup, "startup_files", lambda: startup.StartupFiles(tmp_path)
    )
    shown = CliRunner().invoke(app, ["enable"]).output
    assert "lm_eval 0.5.0 finds the model `faith` by its entry point" in shown


def test_parameters_that_the_harness_ignores_beside_a_task_manager_are_named(
    monkeypatch, caplog
):
    from lm_eval.models.dummy import DummyLM

    import lm_eval_faith

    def run(**more) -> None:
        lm_eval.simple_evaluate(
            model=DummyLM(),
            tasks=["cot_faith_provided"],
            task_manager=lm_eval_faith.task_manager(
                include_defaults=False, metadata={"problems": 2}
            ),
            bootstrap_iters=0,
            **more,
        )

    run()
    run(metadata={"problems": 2})
    assert "without metadata" not in caplog.text
    run(metadata={"problems": 2, "asides": 3})
    assert "cot_faith_provided runs without metadata asides:" in caplog.text


def test_an_output_path_that_cannot_be_written_is_found_before_the_run(
    command, tmp_path
):
    (tmp_path / "file").write_text("not a folder")
    code, _, errors = command(
        *("run", "--model", "no-such-model", "--tasks", "cot_faith_provided"),
        f"--output_path={tmp_path / 'file' / 'run'}",
    )
    assert code == 2
    assert errors.splitlines()[-1] == (
        f"error: cannot write {tmp_path / 'file' / 'run'}: {tmp_path / 'file'} is not a "
        "folder"
    )


def test_names_private_to_the_harness_stand_in_one_file():
    private = re.compile(
        r"\._(loglikelihood_tokens|model_call|encode_pair|model_generate"
        r"|detect_batch_size|select_cont_toks)\b"
    )
    found = {
        path.name
        for path in (ROOT / "lm_eval_faith").rglob("*.py")
        if private.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"lm_eval_compat.py"}
