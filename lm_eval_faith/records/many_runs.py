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

from lm_eval_faith.records.run import (
    Run,
    no_samples_of_ours,
    run_folders,
    runs_of_folder,
)

Made = TypeVar("Made")

WORTH_A_PROCESS = 50_000_000
"""Bytes of samples below which reading is faster than starting processes."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def of_runs(
    paths: Sequence[str | Path], make: Callable[[Run], Made], workers: int = 1
) -> list[Made]:
    """What is made of every run below the directories, in their order.

    Args:
        paths: directories; a run that is found twice counts once.
        make: must be importable by name where there are several workers.
        workers: processes to use; fewer where the runs are small.

    Raises:
        InputError: a directory holds no run, or a file is broken.
    """
    folders = {path: run_folders(path) for path in paths}
    different = {f.resolve(): f for found in folders.values() for f in found}
    found = dict(
        zip(different, _mapped(make, list(different.values()), workers), strict=True)
    )
    for path, below in folders.items():
        if not any(found[folder.resolve()] for folder in below):
            raise no_samples_of_ours(path)
    return [made for made_of_folder in found.values() for made in made_of_folder]


def available_cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _mapped(
    make: Callable[[Run], Made], folders: Sequence[Path], workers: int
) -> list[list[Made]]:
    of_folder = partial(_of_folder, make)
    files = (f for folder in folders for f in folder.glob("*.jsonl") if f.is_file())
    size = sum(file.stat().st_size for file in files)
    workers = min(workers, len(folders), 1 + size // WORTH_A_PROCESS)
    if workers < 2:
        return [of_folder(folder) for folder in folders]
    spawn = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers, spawn) as pool:
        return list(pool.map(of_folder, folders))


def _of_folder(make: Callable[[Run], Made], folder: Path) -> list[Made]:
    return [make(run) for run in runs_of_folder(folder)]


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
