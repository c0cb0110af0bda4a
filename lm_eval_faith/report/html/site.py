"""The leaderboard as a folder that any web server can serve, or that opens from a disk."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.merged import whole_run
from lm_eval_faith.records.run import RunFiles
from lm_eval_faith.report.html.leaderboard_page import leaderboard_page
from lm_eval_faith.report.html.report_page import as_html, pages_of_run
from lm_eval_faith.report.leaderboard import Board, RunKey, written
from lm_eval_faith.report.report import Asked
from lm_eval_faith.report.write import text

INDEX, JSON, CSV, REPORTS = (
    "index.html",
    "leaderboard.json",
    "leaderboard.csv",
    "reports",
)

LONGEST_NAME = 80
"""Characters of a file's name without its ending."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def check_site(folder: Path) -> None:
    """Refuse a folder that holds anything but a site of ours.

    Raises:
        InputError: it does, or is no folder, or there is no folder to make it in.
    """
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: there is no directory {folder.parent}")
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir():
        raise InputError(f"{folder}: not a directory; name a new one")
    for inside in sorted(folder.iterdir()):
        if not _is_ours(inside):
            raise InputError(
                f"{folder}: holds {inside.name}, which is not of a leaderboard's site; "
                "name a new directory"
            )


def write_site(
    folder: Path, boards: Sequence[Board], bootstrap: Bootstrap, asked: Asked
) -> None:
    """The page, a report a model, and the numbers as JSON and CSV.

    All is written into a new folder beside the target, which then takes its place: an
    earlier site is replaced.

    Raises:
        InputError: as :func:`check_site`, or the folder cannot be written.
    """
    check_site(folder)
    runs = {
        e.run: e.report.files
        for board in boards
        for e in board.entries
        if e.report.files is not None
    }
    names = file_names(model for _, model in runs)
    links = {
        run: f"{REPORTS}/{name}.html" for run, name in zip(runs, names, strict=True)
    }
    try:
        _replace(folder, _contents(boards, links, runs, bootstrap, asked))
    except OSError as error:
        raise InputError(f"cannot write {folder} ({error.strerror})") from None


def file_names(models: Iterable[str]) -> list[str]:
    """A name a model, without an ending, that is safe in a path and an address.

    Letters, digits, dots, dashes and underscores only; no two alike where upper and lower
    case are; no name that a system reserves.
    """
    found: list[str] = []
    taken: set[str] = set()
    for model in models:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.")[:LONGEST_NAME]
        stem = stem.rstrip("-.") or "model"
        if _RESERVED.match(stem):
            stem = f"model-{stem}"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        found.append(name)
    return found


def _contents(
    boards: Sequence[Board],
    links: Mapping[RunKey, str],
    runs: Mapping[RunKey, RunFiles],
    bootstrap: Bootstrap,
    asked: Asked,
) -> Iterable[tuple[str, str]]:
    yield INDEX, leaderboard_page(boards, links, (JSON, CSV))
    yield JSON, text(written(boards), "json")
    yield CSV, text(written(boards), "csv")
    for run, name in links.items():
        yield name, _report_page(runs[run], bootstrap, asked)


def _report_page(files: RunFiles, bootstrap: Bootstrap, asked: Asked) -> str:
    run = whole_run(files)
    pages = [] if run is None else pages_of_run(run, bootstrap, asked)
    return as_html(pages, bootstrap, asked, leaderboard=f"../{INDEX}")


def _is_ours(path: Path) -> bool:
    if path.name == REPORTS:
        return path.is_dir() and all(
            page.suffix == ".html" and page.is_file() for page in path.iterdir()
        )
    return path.name in (INDEX, JSON, CSV) and path.is_file()


def _replace(folder: Path, contents: Iterable[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}."
    ) as beside:
        made, before = Path(beside, "new"), Path(beside, "old")
        Path(made, REPORTS).mkdir(parents=True)
        for name, text in contents:
            Path(made, name).write_text(text, encoding="utf-8")
        for part in (made, made / REPORTS):
            os.chmod(part, 0o755)
        check_site(folder)
        if folder.exists():
            os.replace(folder, before)
        try:
            os.replace(made, folder)
        except OSError:
            if before.exists():
                shutil.move(before, folder)
            raise
