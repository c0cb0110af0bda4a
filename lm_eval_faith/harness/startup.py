"""The start-up file that lets plain ``lm_eval`` find the plugin: write, show, remove.

Python runs the lines of ``*.pth`` files in site-packages that begin with ``import``.
Ours imports a module of a few lines that waits for the harness's task manager to be
imported and then activates the plugin. It is written by ``lm-eval-faith enable`` and
by nothing else.
"""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lm_eval_faith.errors import InputError
from lm_eval_faith.files import write_whole

MODULE = "_lm_eval_faith_startup"

_SOURCE = '''\
"""Written by `lm-eval-faith enable`; `lm-eval-faith disable` removes it.

Waits for lm_eval's task manager to be imported and then adds the tasks and the model of
lm_eval_faith. Does nothing where either package is missing.
"""

import sys


class _Waiting:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "lm_eval.tasks.manager":
            return None
        sys.meta_path.remove(_Waiting)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_and_activate(module):
            run(module)
            try:
                from lm_eval_faith.harness.activation import activate

                activate()
            except ImportError:
                pass

        spec.loader.exec_module = run_and_activate
        return spec


sys.meta_path.insert(0, _Waiting)
'''


@dataclass(frozen=True)
class StartupFiles:
    """The two files of ``enable`` in one folder of packages."""

    folder: Path

    @property
    def contents(self) -> Mapping[Path, str]:
        """What stands in each file."""
        return {
            self.folder / f"{MODULE}.py": _SOURCE,
            self.folder / f"{MODULE}.pth": f"import {MODULE}\n",
        }

    @property
    def present(self) -> list[Path]:
        """Those files that are there."""
        return [path for path in self.contents if path.exists()]

    @property
    def enabled(self) -> bool:
        """Both are there, as this version writes them."""
        return all(
            path.exists() and path.read_text(encoding="utf-8") == text
            for path, text in self.contents.items()
        )


def startup_files() -> StartupFiles:
    """In this interpreter's site-packages, or the user's where that cannot be written."""
    packages = Path(sysconfig.get_paths()["purelib"])
    if not os.access(packages, os.W_OK) and site.ENABLE_USER_SITE:
        return StartupFiles(Path(site.getusersitepackages()))
    return StartupFiles(packages)


def enable() -> list[Path]:
    """Write the files; the paths that were written, none where all was in place.

    Raises:
        InputError: the folder cannot be written.
    """
    files = startup_files()
    if files.enabled:
        return []
    try:
        files.folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.contents.items():
            write_whole(path, text)
    except OSError as error:
        raise InputError(
            f"cannot write to {files.folder} ({error.strerror}): use a virtual "
            "environment, or the other ways in (lm-eval-faith doctor names them)"
        ) from error
    return list(files.contents)


def disable() -> list[Path]:
    """Remove the files; the paths that were removed.

    Raises:
        InputError: a file cannot be removed.
    """
    present = startup_files().present
    for path in present:
        try:
            path.unlink()
        except OSError as error:
            raise InputError(f"cannot remove {path} ({error.strerror})") from error
    return present


@dataclass(frozen=True)
class Harness:
    """What a fresh interpreter finds.

    Attributes:
        version, location: of lm_eval; empty where it is missing.
        finds_model: it discovers the entry point of the ``faith`` model by itself.
        active: its task manager sees our tasks without being told.
    """

    version: str
    location: str
    finds_model: bool
    active: bool


_LOOK = """
import json, importlib.metadata as md, pathlib
try:
    import lm_eval, lm_eval.models
    from lm_eval.api.registry import model_registry
    finds_model = "faith" in model_registry
    from lm_eval.tasks.manager import TaskManager
    print(json.dumps({
        "version": md.version("lm_eval"),
        "location": str(pathlib.Path(lm_eval.__file__).parent),
        "finds_model": finds_model,
        "active": hasattr(TaskManager.__init__, "knows_lm_eval_faith"),
    }))
except ImportError:
    print(json.dumps(
        {"version": "", "location": "", "finds_model": False, "active": False}
    ))
"""


def look_at_harness() -> Harness:
    """Ask a fresh interpreter, away from the current folder, what it finds.

    Raises:
        InputError: the harness is there but cannot be imported.
    """
    found = subprocess.run(
        [sys.executable, "-c", _LOOK],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(sys.prefix),
    )
    try:
        return Harness(**json.loads(found.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(f"lm_eval cannot be imported: {reason}") from None
