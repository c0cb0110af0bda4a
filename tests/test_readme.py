"""What README, the tasks' README and the site say is what is there."""

import ast
import importlib
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from lm_eval_faith.interventions import registry

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {page: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")}
PAGES = {ROOT / "README.md": README, **DOCS}
TASKS_README = (ROOT / "tasks" / "README.md").read_text(encoding="utf-8")


class Loader(yaml.SafeLoader):
    """YAML of the harness, whose functions stay names."""


Loader.add_constructor("!function", lambda loader, node: node.value)


def task(name: str) -> dict:
    return yaml.load((ROOT / "tasks" / f"{name}.yaml").read_text(), Loader)


def fences(*languages: str) -> dict[Path, list[str]]:
    """The code of every page in blocks of these languages."""
    kinds = "|".join(languages)
    pattern = re.compile(rf"^```(?:{kinds})\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return {page: pattern.findall(text) for page, text in PAGES.items()}


def test_readme_is_for_a_user_in_a_hurry():
    assert len(README.splitlines()) <= 150


def test_the_example_intervention_is_the_documented_and_tested_one():
    documented = registry.__doc__.split("::\n")[1]
    example = "\n".join(line[4:] for line in documented.splitlines()).strip()
    assert example in DOCS[ROOT / "docs" / "interventions.md"]


def test_every_metric_of_the_harness_table_is_explained():
    explained = DOCS[ROOT / "docs" / "metrics.md"]
    for name in task("cot_faith_provided")["metadata"]["metrics"]:
        assert f"`NAME_{name}`" in explained and f"`NAME_{name}`" in TASKS_README


def test_linked_files_are_there():
    for page, text in PAGES.items():
        for target in re.findall(r"\]\((?!http|#)([^)#\s]+)", text):
            assert (page.parent / target).exists(), (page.name, target)


def test_every_name_that_code_in_the_pages_imports_is_there():
    for page, blocks in fences("python", "py").items():
        for block in blocks:
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.Import):
                    for name in node.names:
                        importlib.import_module(name.name)
                if not isinstance(node, ast.ImportFrom):
                    continue
                module = importlib.import_module(str(node.module))
                missing = [n.name for n in node.names if not hasattr(module, n.name)]
                assert not missing, (page.name, node.module, missing)


@pytest.fixture(scope="module")
def help_of(command):
    known: dict[str, str] = {}

    def said(name: str) -> str:
        if name not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("COLUMNS", "200")
                _, known[name], _ = command(*([name] if name else []), "--help")
        return known[name]

    return said


def test_every_command_that_the_pages_name_is_there_with_its_flags(help_of):
    for page, blocks in fences("bash", "text", "", "console").items():
        lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
        for line in lines:
            found = re.match(r"\s*lm-eval-faith ([a-z][a-z-]+)(.*)", line)
            if found is None or re.search(r"\]|…", line):
                continue
            command, rest = found[1], re.sub(r"'[^']*'|\"[^\"]*\"", "", found[2])
            assert f" {command} " in help_of(""), (page.name, command)
            rest = rest.split("lm-eval-faith")[0].split("#")[0]
            for flag in re.findall(r"(?<!\S)--[a-z][a-zA-Z_-]+", rest):
                assert flag in help_of(command), (page.name, command, flag)


BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]*) -->\n)?^```bash\n(?P<code>.*?)^```",
    re.DOTALL | re.MULTILINE,
)
NOT_RUN_HERE = re.compile(r"by hand: \d{4}-\d\d-\d\d|not run: .+")


def test_every_command_of_the_pages_runs_or_says_when_it_was_run_by_hand(
    command, tiny_model, provided_run, tmp_path, monkeypatch
):
    ran = []
    for page, text in PAGES.items():
        for place, block in enumerate(BLOCK.finditer(text)):
            if NOT_RUN_HERE.fullmatch(block["mark"] or ""):
                continue
            folder = tmp_path / f"{page.stem}-{place}"
            folder.mkdir()
            monkeypatch.chdir(folder)
            (folder / "traces.jsonl").write_text(TRACE)
            if "--output_path RUN" not in block["code"]:
                shutil.copytree(provided_run, folder / "RUN")
            for line in block["code"].replace("\\\n", " ").splitlines():
                words = shlex.split(
                    line.replace("MODEL", str(tiny_model)), comments=True
                )
                if not words:
                    continue
                assert words[0] == "lm-eval-faith", (page.name, line)
                few = ["--limit", "2"] if words[1] == "run" else []
                code, _, errors = command(*words[1:], *few)
                assert code == 0, (page.name, line, errors)
                ran.append(words[1])
    assert {"chains", "power", "run"} <= set(ran)


TRACE = (
    '{"question": "Tom has 3 pens and buys 4, then 2. How many has he?", '
    '"chain": "He has 3 + 4 = 7 pens. Then he has 7 + 2 = 9. The answer is 9.", '
    '"answer": "9"}\n'
)
