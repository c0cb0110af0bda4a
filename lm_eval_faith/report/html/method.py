"""How a report came about: versions, seeds, the harness's configuration, the commands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith._version import __version__
from lm_eval_faith.records.run import Run, TaskRun
from lm_eval_faith.shown import without_secrets

_NOT_PARAMETERS = {"version", "config_source", "chains_in_file", "chains_left_out"}


@dataclass(frozen=True)
class Method:
    """What a reader needs to make a task's numbers again.

    Attributes:
        facts: names and values, in the order in which they are told.
        command: the harness's command line.
        config: the harness's account of the run, and the task's parameters, as JSON.
    """

    facts: tuple[tuple[str, str], ...]
    command: str
    config: str


def method_of(run: Run, task: TaskRun, results: Mapping[str, Any]) -> Method:
    """The method of one task of a run; values that may be keys are hidden.

    Args:
        run, task: what was read.
        results: the content of the run's results file.
    """
    config: Mapping[str, Any] = without_secrets(dict(run.config))
    parameters: Mapping[str, Any] = without_secrets(dict(task.settings))
    versions = [
        f"lm-evaluation-harness {results.get('lm_eval_version', 'unknown')}",
        f"transformers {results.get('transformers_version', 'unknown')}",
        f"lm-eval-faith {__version__} (this page)",
    ]
    shared = run.how_asked.shared_prefixes
    seeds = [
        f"{name.removesuffix('_seed')} {config[name]}"
        for name in ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")
        if name in config
    ] + [
        f"{name.removesuffix('_seed')}s {parameters[name]}"
        for name in ("problem_seed", "intervention_seed")
        if name in parameters
    ]
    facts = [
        ("Model", run.model),
        *([("Model's path", run.model_path)] if run.model_path else []),
        *([("Shared prefixes", shared)] if shared else []),
        ("Task", f"{task.task}, version {task.version}, {task.setting} chains"),
        ("Documents", f"{task.n_documents:,}"),
        ("Run on", run.date.replace("T", ", ").split(".")[0]),
        ("Versions", "; ".join(versions)),
        ("Seeds", "; ".join(seeds) or "none recorded"),
        ("Few-shot examples", str(task.n_shot)),
        ("Chat template", "applied" if task.prompt.get("chat_template") else "none"),
        ("Samples file", task.path.name),
    ]
    told = {"config": config, "metadata": parameters, "prompt": dict(task.prompt)}
    return Method(
        facts=tuple(facts),
        command=_command(config, parameters, task),
        config=json.dumps(told, indent=2, ensure_ascii=False, default=str),
    )


def report_command(
    bootstrap: Bootstrap,
    threshold: float | None,
    no_answers: bool,
    modules: tuple[str, ...] = (),
) -> str:
    """The command line that makes the page of the same run again."""
    words = ["lm-eval-faith", "report", "RUN", "--html", "report.html"]
    words += ["--confidence-level", f"{bootstrap.confidence_level:g}"]
    words += ["--n-resamples", str(bootstrap.n_resamples)]
    words += ["--method", bootstrap.method, "--seed", str(bootstrap.seed)]
    words += ["--threshold", f"{threshold:g}"] if threshold is not None else []
    words += ["--exclude-answer-steps"] if no_answers else []
    words += [word for name in modules for word in ("--plugin", name)]
    return shlex.join(words)


def _command(
    config: Mapping[str, Any], parameters: Mapping[str, Any], task: TaskRun
) -> str:
    """As far as the harness recorded it."""
    arguments = config.get("model_args")
    if isinstance(arguments, Mapping):
        names = set(arguments)
        told = ",".join(f"{k}={_word(v)}" for k, v in arguments.items())
    else:
        names, told = set(), str(arguments or "")
    metadata = {
        k: v
        for k, v in parameters.items()
        if k not in _NOT_PARAMETERS | names and v != []
    }
    seeds = [
        str(config.get(name))
        for name in ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")
    ]
    options: list[tuple[str, Any]] = [
        ("--model", config.get("model")),
        ("--model_args", told),
        ("--tasks", task.task),
        ("--num_fewshot", task.n_shot or None),
        ("--batch_size", config.get("batch_size")),
        ("--device", config.get("device")),
        ("--limit", config.get("limit")),
        ("--seed", ",".join(seeds)),
        ("--system_instruction", task.prompt.get("system_instruction")),
        ("--metadata", json.dumps(metadata, ensure_ascii=False, default=str)),
    ]
    words = ["lm-eval-faith run"]
    words += [
        f"{name} {shlex.quote(_word(value))}"
        for name, value in options
        if value is not None and value != ""
    ]
    if task.prompt.get("chat_template"):
        words.append("--apply_chat_template")
    words.append("--output_path RUN --log_samples")
    return " \\\n    ".join(words)


def _word(value: Any) -> str:
    """As it is written on a command line."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def citation() -> str:
    """How a paper cites the package, as BibTeX."""
    return (
        "@software{lm_eval_faith,\n"
        "  title = {lm-eval-faith: does a model's answer depend on its chain of thought?},\n"
        "  author = {{The lm-eval-faith developers}},\n"
        f"  version = {{{__version__}}},\n"
        "  year = {2026}\n"
        "}"
    )
