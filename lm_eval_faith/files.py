"""Files written whole or not at all, and read line by line."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_faith.errors import InputError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write beside the target, then put it in its place in one step; text as UTF-8.

    Raises:
        OSError: the folder cannot be written; the target is as it was.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


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
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _object(line, f"{path}:{number}")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        read = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where}: not a line of JSON ({error})") from None
    if not isinstance(read, dict):
        raise InputError(f"{where}: not a JSON object")
    return read
