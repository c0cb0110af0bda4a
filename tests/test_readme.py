"""What README and the tasks' README say is what is there."""

import re
from pathlib import Path

import yaml

from lm_eval_faith.interventions import registry

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Loader(yaml.SafeLoader):
    """YAML of the harness, whose functions stay names."""


Loader.add_constructor("!function", lambda loader, node: node.value)


def task(name: str) -> dict:
    return yaml.load((ROOT / "tasks" / f"{name}.yaml").read_text(), Loader)


def test_the_example_intervention_is_the_documented_and_tested_one():
    documented = registry.__doc__.split("::\n")[1]
    example = "\n".join(line[4:] for line in documented.splitlines()).strip()
    assert example in README


def test_every_parameter_of_the_provided_task_is_explained():
    metadata = task("cot_faith_provided")["metadata"]
    for parameter in set(metadata) - {"version"}:
        assert f"`{parameter}`" in README, parameter


def test_every_metric_of_the_table_is_explained_in_both_places():
    tasks_readme = (ROOT / "tasks" / "README.md").read_text(encoding="utf-8")
    for name in task("cot_faith_provided")["metadata"]["metrics"]:
        assert f"`NAME_{name}`" in README and f"`NAME_{name}`" in tasks_readme


def test_the_defaults_in_the_table_are_those_of_the_yaml():
    metadata = task("cot_faith_provided")["metadata"]
    assert f"| `problems` | {metadata['problems']} |" in README
    ranges = {k: "-".join(map(str, metadata[k])) for k in ("load_bearing", "asides")}
    both = (
        f"| `load_bearing`, `asides` | {ranges['load_bearing']}, {ranges['asides']} |"
    )
    assert both in README


def test_linked_files_are_there():
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_commands_named_in_readme_are_there(shell):
    shown = shell("lm-eval-faith", "--help").stdout
    for command in set(re.findall(r"lm-eval-faith ([a-z][a-z-]+)", README)):
        assert f"  {command} " in shown, command
