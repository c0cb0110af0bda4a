"""Every parameter is declared once: YAML, records and warnings follow."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import lm_eval_faith_tasks
import pytest
import yaml

from lm_eval_faith.harness.other_tasks import ChoiceTask
from lm_eval_faith.harness.tasks import ReadChains, WrittenChains, WrittenChoices
from lm_eval_faith.parameters import as_json, parameters_of, read_parameters
from lm_eval_faith.problems.chain_sources import ChainFile, ChainFileSettings
from lm_eval_faith.problems.gsm8k import Gsm8kSettings
from lm_eval_faith.problems.reading import Reading
from lm_eval_faith.problems.running_total import RunningTotalSettings
from lm_eval_faith.problems.sources import SOURCES
from lm_eval_faith.problems.word_problems import WordProblemSettings

SETTINGS: dict[str, tuple[type[Any], ...]] = {
    "running_total": (RunningTotalSettings,),
    "word_problems": (WordProblemSettings,),
    "gsm8k": (Gsm8kSettings,),
    "chain_file": (ChainFileSettings,),
    "labelled_file": (ChainFileSettings,),
    "lm_eval_faith.harness.other_tasks.ChoiceTasks": (ChoiceTask,),
    "lm_eval_faith.harness.other_tasks.AnswerTasks": (Gsm8kSettings,),
}
MEANT = {
    "cot_faith_provided": {"interventions"},
    "cot_faith_provided_unscaffolded": {"interventions", "restate_totals"},
    "cot_faith_generated_mc": {"interventions"},
}
"""Where a task has other defaults than its parameters' owners, as it is meant to; each
also chooses its own ``metrics``."""

CLASSES = {
    "ReadChains": ReadChains,
    "WrittenChains": WrittenChains,
    "WrittenChoices": WrittenChoices,
}


class Loader(yaml.SafeLoader):
    """Takes the harness's ``!function`` for a name."""


Loader.add_constructor("!function", lambda loader, node: node.value)


@functools.cache
def configs() -> dict[str, dict[str, Any]]:
    found = {}
    for file in sorted(Path(lm_eval_faith_tasks.PATH).glob("*.yaml")):
        config = yaml.load(file.read_text(encoding="utf-8"), Loader)
        if "class" in config:
            found[config["task"]] = config
    return found


def owners(config: dict[str, Any]) -> tuple[type[Any], ...]:
    kind = CLASSES[config["class"].rpartition(".")[2]]
    return (*kind.OWNERS, *SETTINGS[config["source"]])


def test_every_task_is_looked_at() -> None:
    assert len(configs()) == 6
    assert {config["source"] for config in configs().values()} == set(SETTINGS) - {
        "gsm8k"
    }
    assert set(SOURCES) < set(SETTINGS)


def test_the_defaults_of_the_yaml_are_those_of_the_declarations() -> None:
    for task, config in configs().items():
        defaults: dict[str, Any] = {}
        read: dict[str, Any] = {}
        for owner in owners(config):
            defaults |= as_json(owner())
            read |= as_json(read_parameters(owner, config["metadata"]))
        source = SOURCES.get(config["source"])
        if source is not None and issubclass(source, ChainFile):
            defaults |= Reading.read({}).to_dict()
            read |= Reading.read(config["metadata"]).to_dict()
        differing = {name for name in defaults if defaults[name] != read[name]}
        assert differing <= MEANT.get(task, set()) | {"metrics"}, task
        unknown = set(config["metadata"]) - set(defaults) - {"version"}
        assert not unknown, task


def test_every_parameter_says_what_it_means_and_its_default_is_one_that_it_takes() -> (
    None
):
    seen = {owner for config in configs().values() for owner in owners(config)}
    for owner in seen:
        for name, parameter in parameters_of(owner).items():
            assert parameter.meaning and "\n" not in parameter.meaning, name
            default = getattr(owner(), name)
            assert parameter.read(name, default) == default, name


def test_no_two_owners_of_a_task_declare_the_same_name() -> None:
    for task, config in configs().items():
        names = [name for owner in owners(config) for name in parameters_of(owner)]
        assert len(names) == len(set(names)), task


def test_a_name_that_is_nearly_a_parameters_is_pointed_out_and_runs_may_differ_in_some(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = {**configs()["cot_faith_provided"], "dataset_path": None}
    metadata = {"problems": 2, "max_step": 3, "pretrained": "x"}
    task = ReadChains(
        {
            "task": "t",
            "source": "running_total",
            "output_type": "loglikelihood",
            "test_split": "test",
            "doc_to_text": config["doc_to_text"],
            "doc_to_target": "answer",
            "metadata": metadata,
        }
    )
    assert "'max_step' is no parameter of this task; did you mean 'max_steps'?" in (
        caplog.text
    )
    assert "pretrained" not in caplog.text
    recorded = task.config.metadata
    assert recorded["problems"] == 2 and recorded["source"] == "running_total"
    assert {"problems", "interventions"} <= set(recorded["may_differ"])
    assert not {"threshold", "operand", "think"} & set(recorded["may_differ"])
