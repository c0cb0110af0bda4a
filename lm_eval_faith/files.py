"""Files written whole or not at all, and read line by line."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_faith.errors import InputError, require_characters


def write_whole(path: Path, content: str | bytes) -> None:
    """Write beside the target, then put it in its place in one step; text as UTF-8.

    A link is followed, and a file that is there keeps its mode. What is no regular file (a
    device, a pipe) is written into.

    Raises:
        OSError: the folder cannot be written; the target is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    if (
        path.exists() and not path.is_file()
    ):  # of /dev/stdout, a link, only the system knows
        with path.open("wb") as file:
            file.write(data)
        return
    target = path.resolve() if path.is_symlink() else path
    descriptor, temporary = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.name}."
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, _mode_for(target))
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode_for(target: Path) -> int:
    """That of the file that is there, else as the process makes new files."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def require_place_for(path: Path) -> None:
    """Find out before a long run whether a file or folder could be written.

    Raises:
        InputError: it cannot; the sentence says why.
    """
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if there != path.absolute() and not there.is_dir():
        raise InputError(f"cannot write {path}: {there} is not a folder")
    if not os.access(there, os.W_OK):
        raise InputError(f"cannot write {path}: {there} does not allow it")


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file, each with the number of its line, from 1.

    Raises:
        InputError: the file cannot be read, or a line holds no JSON object; the
            sentence names file and line.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _object(line, f"{path}:{number}")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        read = json.loads(line.decode())
    except UnicodeDecodeError:
        raise InputError(f"{where}: not UTF-8; write the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not a line of JSON ({error})") from None
    if not isinstance(read, dict):
        raise InputError(f"{where}: not a JSON object")
    if b"\\ud" in line.lower():
        require_characters(json.dumps(read, ensure_ascii=False), f"{where}: the line")
    return read
