"""Runs of one model that were split over machines, brought together as one run.

Split by documents (``--samples``), by problems (``problem_seed``), or by files of chains:
whatever a document is measured by is the same on every machine, for all that is drawn comes
from the document. So the parts' documents, put together, are the undivided run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Literal

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.run import (
    HowAsked,
    Run,
    RunFiles,
    TaskRun,
    no_samples_of_ours,
    run_of,
)
from lm_eval_faith.records.which_model import NAMES, WhichModel, arguments_given
from lm_eval_faith.shown import brief, counted, without_secrets

Merge = Literal["no", "each_model", "all"]
"""What is brought together: nothing, the runs of each model, or all as one model's."""

WHICH_DOCUMENTS = frozenset({"chains", "gsm8k", "problem_seed", "problems"})
"""Parameters that say which documents there are, and nothing of how they are measured."""

OF_A_FILE = frozenset(
    {
        *("bad_records_left_out", "chain_labels", "chains_in_file", "chains_left_out"),
        *("chains_left_out_ids", "labels_taken_off", "step_labels"),
    }
)
"""What is recorded of how a file of chains was read."""

NOT_OF_THE_TASK = frozenset(("version", "config_source", "may_differ", "model_name"))
"""What stands among the parameters and is none; the version stands by itself."""

OF_THE_PLACE = frozenset({"base_url"})
"""Arguments of a model that say where it is asked."""


def brought_together(found: Iterable[RunFiles], merge: Merge) -> list[RunFiles]:
    """The files of each run, where several may be parts of one.

    Raises:
        InputError: all are to be one run, and are of several models.
    """
    files = list(found)
    if merge == "no":
        return files
    parts = [
        replace(one, results=(result,), parts=())
        for one in files
        for result in one.results
    ]
    by_model: dict[object, list[RunFiles]] = defaultdict(list)
    for part in parts:
        by_model[_same(part.model)].append(part)
    if merge == "all" and len(by_model) > 1:
        one, other = (those[0] for those in list(by_model.values())[:2])
        raise InputError(
            f"--merge: {_where(one)} and {_where(other)} are not of one model: "
            f"{_how_models_differ(one.model, other.model)}"
        )
    return [
        replace(
            those[0],
            results=tuple(result for part in those for result in part.results),
            parts=tuple(those) if len(those) > 1 else (),
        )
        for those in by_model.values()
    ]


def whole_run(files: RunFiles) -> Run | None:
    """The run in some files, put together where they are parts of one; None without ours.

    Raises:
        InputError: a file is broken, parts differ in how they were measured, hold the same
            document, or hold nothing of ours.
    """
    if not files.parts:
        return run_of(files)
    read = [(part, run_of(replace(part, label=files.label))) for part in files.parts]
    runs = [run for _, run in read if run is not None]
    if not runs:
        return None
    ours = {run.path.parent for run in runs}
    for part, _ in read:
        if part.folder not in ours:
            raise no_samples_of_ours(part.folder)
    return _merged(runs, files)


def _merged(runs: Sequence[Run], files: RunFiles) -> Run:
    """One run of several; the newest stands for what cannot be put together."""
    of_task: dict[str, list[tuple[Run, TaskRun]]] = defaultdict(list)
    for run in runs:
        for task in run.tasks:
            of_task[task.task].append((run, task))
    newest = max(runs, key=lambda run: run.date)
    tasks = [_merged_task(those) for _, those in sorted(of_task.items())]
    told = [_told(task, of_task[task.task]) for task in tasks]
    return replace(
        newest,
        tasks=tuple(tasks),
        warnings=tuple(dict.fromkeys([*chain(*(run.warnings for run in runs)), *told])),
        files=files,
        how_asked=HowAsked(
            "; ".join(dict.fromkeys(filter(None, _sharing(runs)))),
            all(run.how_asked.expected for run in runs),
            tuple(dict.fromkeys(chain(*(run.how_asked.notes for run in runs)))),
        ),
    )


def _sharing(runs: Sequence[Run]) -> Iterable[str]:
    """How each was asked, those that were not asked as expected first."""
    ordered = sorted(runs, key=lambda run: run.how_asked.expected)
    return (run.how_asked.shared_prefixes for run in ordered)


def _merged_task(those: Sequence[tuple[Run, TaskRun]]) -> TaskRun:
    """One task of one run; its documents in the order of their ids.

    Raises:
        InputError: two parts differ, or have a document in common.
    """
    first = those[0]
    for part in those[1:]:
        _require_alike(first, part)
    _require_apart([task for _, task in those])
    tasks = [task for _, task in those]
    chains = sorted(chain(*(t.chains for t in tasks)), key=lambda c: c.document)
    return replace(
        tasks[0],
        settings=_settings(tasks),
        chains=tuple(chains),
        n_documents=len(chains),
        n_whole=_n_whole(tasks),
        unread=tuple(dict.fromkeys(chain(*(t.unread for t in tasks)))),
    )


# --- what must be alike ------------------------------------------------------------


def _require_alike(one: tuple[Run, TaskRun], other: tuple[Run, TaskRun]) -> None:
    first, second = (_account(*part) for part in (one, other))
    differ = [
        name
        for name in dict.fromkeys((*first, *second))
        if first.get(name) != second.get(name)
    ]
    if differ:
        told = "; ".join(
            f"{name} is {_short(first.get(name))} and {_short(second.get(name))}"
            for name in differ
        )
        raise InputError(
            f"--merge: {one[1].path} and {other[1].path} are not parts of one run: {told}"
        )


def _account(run: Run, task: TaskRun) -> dict[str, Any]:
    """All that decides how a document of the task is measured, by name."""
    of_the_model = arguments_given(run.config.get("model_args"))
    left_out = (
        WHICH_DOCUMENTS
        | OF_A_FILE
        | NOT_OF_THE_TASK
        | {*task.unread}
        | {*of_the_model}
        | {"metrics", "metric_modules"}  # which numbers the harness's table shows
    )
    return {
        "task version": task.version,
        "setting": task.setting,
        "format of samples": task.samples_format,
        "few-shot number": task.n_shot,
        **{k: v for k, v in task.settings.items() if k not in left_out},
        **{f"prompt's {name}": value for name, value in task.prompt.items()},
    }


def _require_apart(tasks: Sequence[TaskRun]) -> None:
    found: dict[str, tuple[TaskRun, ChainRecord]] = {}
    for task in tasks:
        for record in task.chains:
            if record.document not in found:
                found[record.document] = task, record
                continue
            before, other = found[record.document]
            sentence = (
                f"--merge: document {brief(repr(record.document))} is in both "
                f"{before.path} and {task.path}"
            )
            if other.question != record.question:
                sentence += ", with another question: give the chains ids of their own"
            raise InputError(sentence)


def _same(model: WhichModel) -> tuple[object, ...]:
    """Equal for the same model, wherever its weights lie or it is asked."""
    paths = NAMES if model.weights else ()
    arguments = (a for a in model.arguments if a[0] not in {*OF_THE_PLACE, *paths})
    return model.name, model.weights, tuple(arguments)


def _how_models_differ(one: WhichModel, other: WhichModel) -> str:
    values = [
        {"name": m.name, "weights": m.weights[:8]} | without_secrets(dict(m.arguments))
        for m in (one, other)
    ]
    names = dict.fromkeys(name for told in values for name in told)
    return "; ".join(
        f"{name} is {_short(values[0].get(name))} and {_short(values[1].get(name))}"
        for name in names
        if values[0].get(name) != values[1].get(name)
    )


def _where(files: RunFiles) -> str:
    return str(files.results[-1][1])


def _short(value: Any) -> str:
    return "not there" if value is None else brief(repr(value), longest=60)


# --- what is put together ----------------------------------------------------------


def _settings(tasks: Sequence[TaskRun]) -> Mapping[str, Any]:
    """The parts' parameters; of those that say which documents, all values in order."""
    settings = dict(tasks[0].settings)
    for name in WHICH_DOCUMENTS & {*settings}:
        values = [task.settings.get(name) for task in tasks]
        different = [v for k, v in enumerate(values) if v not in values[:k]]
        if len(different) > 1:
            settings[name] = sorted(different, key=_in_order)
    if isinstance(settings.get("chains"), list):  # files, each read by itself
        for name in OF_A_FILE & {*settings}:
            settings[name] = _added([task.settings.get(name) for task in tasks])
    return settings


def _in_order(value: Any) -> tuple[bool, float, str]:
    """Numbers by their size, before all else by what it says."""
    number = isinstance(value, (int, float))
    return not number, value if number else 0, str(value)


def _added(values: Sequence[Any]) -> Any:
    """Numbers added, lists one behind the other, mappings name by name; else the first."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, dict) for value in known):
        names = dict.fromkeys(name for value in known for name in value)
        return {name: _added([value.get(name) for value in known]) for name in names}
    if all(isinstance(value, list) for value in known):
        return [one for value in known for one in value]
    numbers = all(isinstance(value, (int, float)) for value in known)
    return sum(known) if numbers else known[0]


def _n_whole(tasks: Sequence[TaskRun]) -> int:
    """How many documents the parts are of: each source of documents counts once."""
    sources = {
        tuple(str(t.settings.get(name)) for name in sorted(WHICH_DOCUMENTS)): t.n_whole
        for t in tasks
    }
    return sum(sources.values()) if all(sources.values()) else 0


def _told(task: TaskRun, those: Sequence[tuple[Run, TaskRun]]) -> str:
    """Of which runs a task was put together, and whether documents are missing."""
    parts = ", ".join(f"{t.path.parent} ({t.n_documents})" for _, t in those)
    told = f"{task.task} is put together of {counted(len(those), 'run')}: {parts}"
    if task.n_whole and task.n_whole != task.n_documents:
        told += (
            f"; they hold {task.n_documents} of the {task.n_whole} documents that there "
            "are"
        )
    return told
