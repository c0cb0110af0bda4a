"""Runs that the numbers of the documentation are made of: `benchmarks/records/NAME.zip`.

    python -m benchmarks.records RUN NAME

keeps a run as the harness wrote it, but for what it says of the machine and for paths below
the folder where it ran, which become relative. Every command reads an unpacked one.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from lm_eval_faith_stats import BOOTSTRAP

from lm_eval_faith.errors import InputError
from lm_eval_faith.files import write_whole
from lm_eval_faith.records.run import Run, load_run
from lm_eval_faith.report.report import TaskReport, report_of_task

RECORDS = Path(__file__).parent / "records"
OF_THE_MACHINE = ("pretty_env_info", "upper_git_hash", "git_hash")
"""Keys of a results file that tell of the machine, not of the run."""

A_DATE = (2026, 1, 1, 0, 0, 0)
"""Of every file in an archive, so that the same run gives the same bytes."""


@contextmanager
def unpacked(name: str) -> Iterator[Path]:
    """The folder of a kept run, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(RECORDS / f"{name}.zip") as archive:
            archive.extractall(folder)
        yield Path(folder)


@cache
def run_of(name: str) -> Run:
    """A kept run, read."""
    with unpacked(name) as folder:
        return load_run(folder)


@cache
def report_of(name: str, task: str | None = None) -> TaskReport:
    """Of a task of a kept run; of its only one where none is named."""
    run = run_of(name)
    (one,) = (found for found in run.tasks if task in (None, found.task))
    return report_of_task(run, one, BOOTSTRAP)


def kept(run: Path, below: Sequence[str]) -> bytes:
    """A run as an archive.

    Args:
        run: its folder, of one model that ran once.
        below: folders, of where it ran; paths below them are told from there.

    Raises:
        InputError: the folder holds no run, or several.
    """
    files = load_run(run).files
    assert files is not None
    if len(files.results) > 1:
        raise InputError(f"{run}: several results files; keep one run")
    ((date, results),) = files.results
    samples = sorted(files.folder.glob(f"samples_*_{date}.jsonl"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in (results, *samples):
            text = file.read_text(encoding="utf-8")
            if file == results:
                told = {
                    k: v for k, v in json.loads(text).items() if k not in OF_THE_MACHINE
                }
                text = json.dumps(told, indent=1, ensure_ascii=False)
            for folder in below:
                text = text.replace(f"{folder.rstrip('/')}/", "")
            archive.writestr(
                zipfile.ZipInfo(file.name, A_DATE), text, zipfile.ZIP_DEFLATED
            )
    return out.getvalue()


def main(
    run: Annotated[Path, typer.Argument(help="What was given as --output_path.")],
    name: Annotated[str, typer.Argument(help="What the run is kept as.")],
    below: Annotated[
        list[str] | None, typer.Option(help="Where it ran; may be repeated.")
    ] = None,
) -> None:
    """Keep a run for the tables and figures of the documentation."""
    try:
        made = kept(run, below or [str(Path.cwd())])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    write_whole(RECORDS / f"{name}.zip", made)


if __name__ == "__main__":
    typer.run(main)
