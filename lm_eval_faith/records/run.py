"""Read a run of the harness: what it was, and what it measured on each chain.

A run directory is what ``lm_eval --output_path DIR --log_samples`` writes: files
``results_DATE.json`` and ``samples_TASK_DATE.jsonl``, possibly in folders, one a model.
With ``--output_path DIR/NAME.json`` they are ``NAME_DATE.json`` and the same samples, in DIR,
whatever the model.
"""

from __future__ import annotations

import glob
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.samples import read_samples
from lm_eval_faith.records.which_model import (
    WhichModel,
    arguments_given,
    labels,
    which_model,
)
from lm_eval_faith.shown import brief

_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[^_/]+)\.jsonl")
_RESULTS = re.compile(r"(?P<stem>.+)_(?P<date>\d{4}-\d\d-\d\dT[^_/]+)\.json")


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
        unread: names among the metadata that neither the task nor the model knows.
        n_whole: how many documents the task has, asked about or not; 0 where nobody says.
        samples_format: version of what its documents hold.
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
    unread: tuple[str, ...] = ()
    n_whole: int = 0
    samples_format: int = 0


@dataclass(frozen=True)
class HowAsked:
    """How the ``faith`` model asked its backend, as it says in the results file.

    Attributes:
        shared_prefixes: ``on``, or ``off`` and why; empty where another model ran.
        expected: that is as asked for, or as usual with such a backend.
        notes: what it says should stand beside the numbers, in sentences.
    """

    shared_prefixes: str = ""
    expected: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """One evaluation of one model.

    Attributes:
        model: what it is called, see ``records.which_model``.
        date: when it ran, as in the file names.
        config: the harness's account of the run.
        tasks: our tasks, by name.
        path: the results file.
        warnings: what a reader should know, in sentences.
        model_path: the model's folder, or its name on the hub; empty where there is none.
        files: what it was read from.
        how_asked: how the model was asked.
    """

    model: str
    date: str
    config: Mapping[str, Any]
    tasks: tuple[TaskRun, ...]
    path: Path
    warnings: tuple[str, ...] = field(default=())
    model_path: str = ""
    files: RunFiles | None = None
    how_asked: HowAsked = HowAsked()


@dataclass(frozen=True)
class RunFiles:
    """What one model wrote into one folder, in one run of the harness or several.

    Attributes:
        folder: where the files lie.
        results: the results files by their date, the oldest first.
        model: whose they are.
        label: what the model is called among others; its name where it is alone.
        parts: files of runs that together are this one; empty where it is one run.
    """

    folder: Path
    results: tuple[tuple[str, Path], ...]
    model: WhichModel
    label: str = ""
    parts: tuple[RunFiles, ...] = ()


def load_run(path: str | Path) -> Run:
    """The run in a directory.

    Raises:
        InputError: it holds no run of our tasks, several models, or a broken file.
    """
    runs = load_runs(path)
    if len(runs) > 1:
        alone = len({run.path.parent for run in runs}) == len(runs)
        names = ", ".join(str(run.path.parent if alone else run.path) for run in runs)
        raise InputError(f"{path}: several runs here, name one of them: {names}")
    return runs[0]


def load_runs(path: str | Path) -> tuple[Run, ...]:
    """All runs below a directory, or of an output path: one a model and folder.

    Where a model ran a task several times in one folder, the newest one counts and a
    warning says so.

    Raises:
        InputError: there is none, or a file is broken.
    """
    found = labelled(run_files(path))
    runs = tuple(run for files in found if (run := run_of(files)) is not None)
    if not runs:
        raise no_samples_of_ours(path)
    return runs


def run_files(path: str | Path) -> list[RunFiles]:
    """The results files of each model below a directory, or of an output path.

    Args:
        path: a directory, a results file, or an ``--output_path`` that ends in ``.json``,
            from which the harness makes the names of files.

    Raises:
        InputError: there is none, or one is broken.
    """
    root = Path(path)
    by_model: dict[tuple[Path, WhichModel], list[tuple[str, Path]]] = {}
    for date, file in sorted(_results_files(root), key=lambda found: str(found[1])):
        model = WhichModel(name="")  # of no interest: it cannot be read
        if _has_samples(file, date):
            model = which_model(_read_results(file), file.parent.name)
        by_model.setdefault((file.parent, model), []).append((date, file))
    return [
        RunFiles(folder, tuple(sorted(results)), model)
        for (folder, model), results in by_model.items()
    ]


def labelled(several: Sequence[RunFiles]) -> list[RunFiles]:
    """The same, each with what its model is called among the others."""
    names = labels([files.model for files in several])
    return [replace(f, label=name) for f, name in zip(several, names, strict=True)]


def _results_files(root: Path) -> list[tuple[str, Path]]:
    if root.is_dir():
        found = [
            (match["date"], file)
            for file in root.rglob("*_*T*.json")
            if (match := _RESULTS.fullmatch(file.name))
            and (match["stem"] == "results" or _has_samples(file, match["date"]))
        ]
        wanted = "results_*.json"
    elif root.suffix == ".json" and root.parent.is_dir():
        found = [
            (match["date"], file)
            for file in ([root] if root.exists() else root.parent.glob("*.json"))
            if (match := _RESULTS.fullmatch(file.name))
            and (file == root or match["stem"] == root.stem)
        ]
        wanted = root.name if root.exists() else f"{root.stem}_DATE.json"
    elif root.exists():
        raise InputError(f"{root}: not a directory; give the --output_path of a run")
    else:
        raise InputError(f"{root}: no such directory; give the --output_path of a run")
    if not found:
        raise InputError(f"{root}: no {wanted} here; give the --output_path of a run")
    return found


def _has_samples(results: Path, date: str) -> bool:
    return any(results.parent.glob(f"samples_*_{glob.escape(date)}.jsonl"))


def no_samples_of_ours(path: str | Path) -> InputError:
    """Says why a directory with results files holds no run of our tasks."""
    root = Path(path) if Path(path).is_dir() else Path(path).parent
    others = sorted({file.name for file in root.rglob("samples_*.jsonl")})
    if not others:
        told = "no samples_*.jsonl here; run again with --log_samples"
    else:
        told = f"no samples of our tasks here, only {', '.join(others[:3])}"
    return InputError(f"{path}: {told}")


def run_of(files: RunFiles) -> Run | None:
    """The run of a model in a folder; None where it is not of our tasks.

    Raises:
        InputError: a file is broken.
    """
    folder, results = files.folder, dict(files.results)
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
    if not tasks:
        return None
    for task in tasks:
        warnings += _missing_documents(task, contents[newest[task.task][0]])
    date = max(date for date, _ in newest.values())
    config = _part(contents[date], "config", results[date])
    return Run(
        model=files.label or files.model.name,
        date=date,
        config=config,
        tasks=tuple(tasks),
        path=results[date],
        warnings=tuple(dict.fromkeys(warnings)),
        model_path=files.model.path,
        files=files,
        how_asked=_how_asked(config),
    )


def _how_asked(config: Mapping[str, Any]) -> HowAsked:
    """How the model was asked; what is not as ``faith`` writes it counts as not told."""
    told = config.get("faith")
    if not isinstance(told, dict):
        return HowAsked()
    notes = told.get("notes")
    return HowAsked(
        str(told.get("shared_prefixes") or ""),
        told.get("expected") is not False,
        tuple(map(str, notes)) if isinstance(notes, list) else (),
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
        unread=_unread(config, results),
        n_whole=_counted(results, name, "original") or 0,
        samples_format=samples.samples_format,
    )


def _unread(config: Mapping[str, Any], results: Mapping[str, Any]) -> tuple[str, ...]:
    """What the user gave that the task did not read; the model's arguments are its own."""
    given, run = config.get("not_parameters"), results.get("config")
    arguments = run.get("model_args") if isinstance(run, dict) else None
    known = arguments_given(arguments)
    names = given if isinstance(given, list) else ()
    return tuple(str(name) for name in names if str(name) not in known)


def _missing_documents(task: TaskRun, results: Mapping[str, Any]) -> list[str]:
    """A sentence where the run says that it had other than the documents in the file."""
    ran = _counted(results, task.task, "effective")
    if ran is None or ran == task.n_documents:
        return []
    return [f"{task.path.name} holds {task.n_documents} of the run's {ran} documents"]


def _counted(results: Mapping[str, Any], task: str, name: str) -> int | None:
    """A number of documents, as the harness counts them; None where it does not say."""
    counted = results.get("n-samples")
    counts = counted.get(task) if isinstance(counted, dict) else None
    found = counts.get(name) if isinstance(counts, dict) else None
    return found if isinstance(found, int) else None


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
