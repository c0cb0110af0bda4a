"""Starts commands in processes of their own that need not import the libraries again.

One process imports them and forks itself for each command; a child runs its command as a
fresh interpreter would, to the end of the interpreter. ``LIBRARIES`` are what takes
seconds, and whatever else its own arguments name; the rest a command imports itself.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import importlib.metadata
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

LIBRARIES = (
    "lm_eval.evaluator",
    "lm_eval.loggers",
    "lm_eval.models.huggingface",
    "lm_eval_faith.cli",
    "lm_eval_faith.harness.evaluation",
    "lm_eval_faith.harness.faith_model",
    "lm_eval_faith.harness.stages",
    "lm_eval_faith.report",
    "scipy.stats",
    "sqlitedict",
)
FOR_A_MODEL = ("LlamaForCausalLM", "GPT2LMHeadModel", "PreTrainedTokenizerFast")
"""Of transformers, which imports them at first use."""


LONGEST = 600
"""Seconds after which a command is ended by a signal."""


class Starter:
    """Starts commands: ``python ...`` by this interpreter, or our and others' scripts.

    Args:
        libraries: modules that are imported once, beside ``LIBRARIES``.
    """

    def __init__(self, *libraries: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, *libraries],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self,
        words: list[str],
        output: Path,
        errors: Path,
        environment: Mapping[str, str],
        folder: Path | None = None,
        longest: int = LONGEST,
    ) -> int:
        """The number of the process that runs the command, at most so many seconds."""
        asked = {
            "longest": longest,
            "words": words,
            "files": [str(output), str(errors)],
            "environment": dict(environment),
            "folder": str(folder or Path.cwd()),
        }
        return self._ask(asked)

    def exit_code(self, child: int) -> int:
        """Waits for its end; a negative number is the signal that killed it."""
        return self._ask(child)

    def run(
        self,
        words: list[str],
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """As ``subprocess.run`` with the output captured."""
        with tempfile.TemporaryDirectory() as kept:
            files = Path(kept, "output"), Path(kept, "errors")
            code = self.exit_code(self.start(words, *files, environment, folder))
            return subprocess.CompletedProcess(
                words, code, *(file.read_text("utf-8") for file in files)
            )

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def _ask(self, what: Any) -> int:
        assert self.process.stdin and self.process.stdout
        print(json.dumps(what), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


def script(name: str) -> Any | None:
    """The function behind an installed command, if it is one."""
    for found in importlib.metadata.entry_points(group="console_scripts", name=name):
        return found.load()
    return None


def serve() -> list[str]:
    """Answers what it is asked; returns, in a child, the words that it is to run."""
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, int):
            answer = os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                become(asked)
                words: list[str] = asked["words"]
                return words
        print(answer, flush=True)
    os._exit(0)  # nothing is left to do, and torch takes a second to say goodbye


def become(asked: Mapping[str, Any]) -> None:
    """Output, folder and environment as they are asked for."""
    os.setpgrp()
    signal.alarm(asked["longest"])
    for number, path in enumerate((os.devnull, *asked["files"])):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [str(Path(p).resolve()) for p in path if p and p not in sys.path]


def run(words: list[str]) -> None:
    """Runs ``SCRIPT ...``, ``python -m MODULE ...``, or ``python FILE ...``."""
    name, *arguments = words
    command = script(name)
    if command is not None:
        sys.argv = words
        sys.exit(command())
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


def run_to_the_end(words: list[str]) -> NoReturn:
    """As an interpreter does, but without taking all modules down, which takes long."""
    code: Any = 0
    try:
        run(words)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 (as an interpreter does)
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file is none of the user's
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for library in (*LIBRARIES, *sys.argv[1:]):
        importlib.import_module(library)
    transformers = importlib.import_module("transformers")
    for one in FOR_A_MODEL:
        getattr(transformers, one)
    # Neither is the machine surveyed, which starts a dozen other programs, nor are the
    # harness's own 13,000 tasks indexed: seconds each.
    vars(importlib.import_module("lm_eval.evaluator"))["add_env_info"] = lambda _: None
    manager = importlib.import_module("lm_eval.tasks").TaskManager
    manager.__init__ = functools.partialmethod(manager.__init__, include_defaults=False)
    gc.freeze()  # a collection in a child touches, and so copies, nothing of it
    run_to_the_end(serve())
