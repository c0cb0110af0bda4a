"""The same done to many runs, one in memory at a time or several in processes.

Whatever is made of a run is small beside its records, so twenty runs need no more memory
than one. The order of results, and every number, is the same for any number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from lm_eval_faith.records.merged import Merge, brought_together, whole_run
from lm_eval_faith.records.run import (
    Run,
    RunFiles,
    labelled,
    no_samples_of_ours,
    run_files,
)
from lm_eval_faith.records.which_model import WhichModel

Made = TypeVar("Made")

WORTH_A_PROCESS = 50_000_000
"""Bytes of samples below which reading is faster than starting processes."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def of_runs(
    paths: Sequence[str | Path],
    make: Callable[[Run], Made],
    workers: int = 1,
    merge: Merge = "no",
) -> list[Made]:
    """What is made of every run below the directories, in their order.

    Args:
        paths: directories or output paths; a run that is found twice counts once.
        make: must be importable by name where there are several workers.
        workers: processes to use; fewer where the runs are small.
        merge: which runs are parts of one, see :mod:`lm_eval_faith.records.merged`.

    Raises:
        InputError: a directory holds no run, a file is broken, or what should be parts of
            one run are none.
    """
    below = {path: run_files(path) for path in paths}
    different = {_key(files): files for found in below.values() for files in found}
    runs = labelled(brought_together(different.values(), merge))
    made = _mapped(make, runs, workers)
    empty = {
        _key(part)
        for files, of_run in zip(runs, made, strict=True)
        for part in files.parts or (files,)
        if of_run is None
    }
    for path, found in below.items():
        if all(_key(files) in empty for files in found):
            raise no_samples_of_ours(path)
    return [of_run for of_run in made if of_run is not None]


def load_all(paths: Sequence[str | Path], merge: Merge = "no") -> list[Run]:
    """All runs with their records, each called by what tells it from the others.

    Raises:
        InputError: as :func:`of_runs`.
    """
    return of_runs(paths, _itself, merge=merge)


def _itself(run: Run) -> Run:
    return run


def _key(files: RunFiles) -> tuple[Path, WhichModel]:
    """The same for the same model and folder, however the folder was named."""
    return files.folder.resolve(), files.model


def available_cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _mapped(
    make: Callable[[Run], Made], several: Sequence[RunFiles], workers: int
) -> list[Made | None]:
    of_files = partial(_of_files, make)
    folders = {part.folder for files in several for part in files.parts or (files,)}
    samples = (f for folder in folders for f in folder.glob("*.jsonl") if f.is_file())
    size = sum(file.stat().st_size for file in samples)
    workers = min(workers, len(several), 1 + size // WORTH_A_PROCESS)
    if workers < 2:
        return [of_files(files) for files in several]
    spawn = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers, spawn) as pool:
        return list(pool.map(of_files, several))


def _of_files(make: Callable[[Run], Made], files: RunFiles) -> Made | None:
    run = whole_run(files)
    return None if run is None else make(run)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start meanwhile give linear algebra one thread."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
