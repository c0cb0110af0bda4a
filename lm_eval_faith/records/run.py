"""Read a run of the harness: what it was, and what it measured on each chain.

A run directory is what ``lm_eval --output_path DIR --log_samples`` writes: files
``results_DATE.json`` and ``samples_TASK_DATE.jsonl``, possibly in folders, one a model.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.samples import read_samples
from lm_eval_faith.shown import brief

_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[^_/]+)\.jsonl")
_RESULTS = re.compile(r"results_(?P<date>\d{4}-\d\d-\d\dT[^_/]+)\.json")


@dataclass(frozen=True)
class TaskRun:
    """One task of ours in one run.

    Attributes:
        task: its name.
        version: of the task.
        setting: ``provided``, ``generated``, ``replay`` or ``labelled``.
        settings: the parameters that it ran with.
        n_shot: few-shot examples in the prompt.
        chains: what was measured, in the order of the file.
        path: the samples file.
        n_documents: how many there are in the file.
        prompt: all else that decides what the model reads, as the harness tells it.
    """

    task: str
    version: str
    setting: str
    settings: Mapping[str, Any]
    n_shot: int
    chains: tuple[ChainRecord, ...]
    path: Path
    n_documents: int = 0
    prompt: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One evaluation of one model.

    Attributes:
        model: its name as the harness gives it, or the last part of its path.
        date: when it ran, as in the file names.
        config: the harness's account of the run.
        tasks: our tasks, by name.
        path: the results file.
        warnings: what a reader should know, in sentences.
    """

    model: str
    date: str
    config: Mapping[str, Any]
    tasks: tuple[TaskRun, ...]
    path: Path
    warnings: tuple[str, ...] = field(default=())


def load_run(path: str | Path) -> Run:
    """The run in a directory.

    Raises:
        InputError: it holds no run of our tasks, several models, or a broken file.
    """
    runs = load_runs(path)
    if len(runs) > 1:
        names = ", ".join(str(run.path.parent) for run in runs)
        raise InputError(f"{path}: several runs here, name one of them: {names}")
    return runs[0]


def load_runs(path: str | Path) -> tuple[Run, ...]:
    """All runs below a directory, one for each folder that holds samples of ours.

    Where a folder holds several runs of a task, the newest one counts and a warning
    says so.

    Raises:
        InputError: there is none, or a file is broken.
    """
    folders = run_folders(path)
    runs = tuple(run for folder in folders for run in runs_of_folder(folder))
    if not runs:
        raise no_samples_of_ours(path)
    return runs


def run_folders(path: str | Path) -> list[Path]:
    """The folders below a directory that hold a results file.

    Raises:
        InputError: there is none.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(
            f"{root}: no such directory; give the --output_path of a run"
            if not root.exists()
            else f"{root}: not a directory; give the --output_path of a run"
        )
    folders = sorted({file.parent for file in root.rglob("results_*.json")})
    if not folders:
        raise InputError(
            f"{root}: no results_*.json here; give the --output_path of a run"
        )
    return folders


def no_samples_of_ours(path: str | Path) -> InputError:
    """Says why a directory with results files holds no run of our tasks."""
    others = sorted({file.name for file in Path(path).rglob("samples_*.jsonl")})
    if not others:
        told = "no samples_*.jsonl here; run again with --log_samples"
    else:
        told = f"no samples of our tasks here, only {', '.join(others[:3])}"
    return InputError(f"{path}: {told}")


def runs_of_folder(folder: Path) -> Iterator[Run]:
    """The run whose files lie in a folder, or nothing where it is not of our tasks.

    Raises:
        InputError: a file is broken.
    """
    results = {
        match["date"]: file
        for file in sorted(folder.glob("results_*.json"))
        if (match := _RESULTS.fullmatch(file.name))
    }
    newest: dict[str, tuple[str, Path]] = {}
    warnings = []
    for file in sorted(folder.glob("samples_*.jsonl")):
        match = _SAMPLES.fullmatch(file.name)
        if match is None or match["date"] not in results:
            continue
        if match["task"] in newest:
            warnings.append(
                f"{folder}: {match['task']} ran more than once, the newest run counts"
            )
        newest[match["task"]] = (match["date"], file)
    contents = {date: _read_results(results[date]) for date, _ in newest.values()}
    tasks = [
        task
        for name, (date, file) in sorted(newest.items())
        if (task := _task_run(name, file, contents[date], results[date])) is not None
    ]
    for task in tasks:
        warnings += _missing_documents(task, contents[newest[task.task][0]])
    if tasks:
        date = max(date for date, _ in newest.values())
        yield Run(
            model=_model_name(contents[date], results[date]),
            date=date,
            config=_part(contents[date], "config", results[date]),
            tasks=tuple(tasks),
            path=results[date],
            warnings=tuple(dict.fromkeys(warnings)),
        )


def _task_run(
    name: str, file: Path, results: Mapping[str, Any], results_file: Path
) -> TaskRun | None:
    config = _part(results, "configs", results_file).get(name)
    if not isinstance(config, dict):
        raise InputError(f"{file}: its results file has no configuration of {name}")
    samples = read_samples(file)
    if samples is None:
        return None
    shots = _part(results, "n-shot", results_file).get(name) or 0
    if type(shots) is not int:
        raise InputError(
            f"{results_file}: n-shot of {name} is no number: {brief(repr(shots))}"
        )
    return TaskRun(
        task=name,
        version=str(_part(results, "versions", results_file).get(name, "")),
        setting=samples.setting,
        settings=_settings(config, results_file),
        n_shot=shots,
        chains=samples.chains,
        path=file,
        n_documents=len(samples.chains),
        prompt=_prompt(config, results),
    )


def _missing_documents(task: TaskRun, results: Mapping[str, Any]) -> list[str]:
    """A sentence where the run says that it had other than the documents in the file."""
    counted = results.get("n-samples")
    counts = counted.get(task.task) if isinstance(counted, dict) else None
    ran = counts.get("effective") if isinstance(counts, dict) else None
    if not isinstance(ran, int) or ran == task.n_documents:
        return []
    return [f"{task.path.name} holds {task.n_documents} of the run's {ran} documents"]


_PROMPT = (
    "doc_to_text",
    "doc_to_target",
    "description",
    "target_delimiter",
    "fewshot_delimiter",
    "fewshot_config",
    "gen_prefix",
    "generation_kwargs",
)


def _prompt(config: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Of the chat template only whether there was one: models have their own."""
    return {
        **{name: config.get(name) for name in _PROMPT},
        "system_instruction": results.get("system_instruction"),
        "fewshot_as_multiturn": results.get("fewshot_as_multiturn"),
        "chat_template": bool(results.get("chat_template")),
    }


def _settings(config: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    settings = _part(config, "metadata", file)
    if "bar" in settings and "threshold" not in settings:  # its name in older runs
        settings = {**settings, "threshold": settings["bar"]}
    threshold = settings.get("threshold", 1.0)
    if isinstance(threshold, bool) or not (
        isinstance(threshold, (int, float)) and math.isfinite(threshold)
    ):
        raise InputError(
            f"{file}: the metadata's threshold is no finite number: {brief(repr(threshold))}"
        )
    return settings


def _part(content: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    """One object of a results file; empty where there is none."""
    part = content.get(key) or {}
    if not isinstance(part, dict):
        raise InputError(f"{file}: not a results file ({key!r} is not an object)")
    return part


def _read_results(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise InputError(f"{file}: cannot be read (not a file)")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise InputError(f"{file}: cannot be read ({error})") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not a results file ({error})") from None
    if not isinstance(content, dict) or not isinstance(content.get("configs"), dict):
        raise InputError(f"{file}: not a results file (it has no 'configs')")
    return content


def _model_name(results: Mapping[str, Any], file: Path) -> str:
    name = results.get("model_name") or results.get("model_source") or file.parent.name
    return str(name).rstrip("/").rsplit("/", 1)[-1]
