"""Read a run of the harness: what it was, and what it measured on each chain.

A run directory is what ``lm_eval --output_path DIR --log_samples`` writes: files
``results_DATE.json`` and ``samples_TASK_DATE.jsonl``, possibly in folders, one a model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.records import ChainRecord
from lm_eval_faith.report.samples import read_samples

_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[^_/]+)\.jsonl")
_RESULTS = re.compile(r"results_(?P<date>\d{4}-\d\d-\d\dT[^_/]+)\.json")


@dataclass(frozen=True)
class TaskRun:
    """One task of ours in one run.

    Attributes:
        task: its name.
        version: of the task.
        setting: ``provided``, ``generated`` or ``replay``.
        settings: the knobs that it ran with.
        n_shot: few-shot examples in the prompt.
        chains: what was measured, in the order of the file.
        path: the samples file.
    """

    task: str
    version: str
    setting: str
    settings: Mapping[str, Any]
    n_shot: int
    chains: tuple[ChainRecord, ...]
    path: Path


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
    root = Path(path)
    if not root.is_dir():
        raise InputError(
            f"{root}: no such directory; give the --output_path of a run"
            if not root.exists()
            else f"{root}: not a directory; give the --output_path of a run"
        )
    folders = sorted({file.parent for file in root.rglob("results_*.json")})
    runs = tuple(run for folder in folders for run in _runs_of_folder(folder))
    if not runs:
        others = sorted({file.name for file in root.rglob("samples_*.jsonl")})
        if not folders:
            reason = "no results_*.json here; give the --output_path of a run"
        elif not others:
            reason = "no samples_*.jsonl here; run again with --log_samples"
        else:
            reason = f"no samples of our tasks here, only {', '.join(others[:3])}"
        raise InputError(f"{root}: {reason}")
    return runs


def _runs_of_folder(folder: Path) -> Iterator[Run]:
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
        if (task := _task_run(name, file, contents[date])) is not None
    ]
    if tasks:
        date = max(date for date, _ in newest.values())
        yield Run(
            model=_model_name(contents[date], results[date]),
            date=date,
            config=contents[date].get("config") or {},
            tasks=tuple(tasks),
            path=results[date],
            warnings=tuple(dict.fromkeys(warnings)),
        )


def _task_run(name: str, file: Path, results: Mapping[str, Any]) -> TaskRun | None:
    config = (results.get("configs") or {}).get(name)
    if not isinstance(config, dict):
        raise InputError(f"{file}: its results file has no configuration of {name}")
    samples = read_samples(file)
    if samples is None:
        return None
    metadata = config.get("metadata") or {}
    return TaskRun(
        task=name,
        version=str((results.get("versions") or {}).get(name, "")),
        setting=samples.setting,
        settings=metadata if isinstance(metadata, dict) else {},
        n_shot=int((results.get("n-shot") or {}).get(name) or 0),
        chains=samples.chains,
        path=file,
    )


def _read_results(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error})") from None
    except ValueError as error:
        raise InputError(f"{file}: not a results file ({error})") from None
    if not isinstance(content, dict) or not isinstance(content.get("configs"), dict):
        raise InputError(f"{file}: not a results file (it has no 'configs')")
    return content


def _model_name(results: Mapping[str, Any], file: Path) -> str:
    name = results.get("model_name") or results.get("model_source") or file.parent.name
    return str(name).rstrip("/").rsplit("/", 1)[-1]
