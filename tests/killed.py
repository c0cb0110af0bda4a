"""Runs that are killed at random moments go on, and end as one that was not."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval_faith.records.samples import responses_of

from .start import Starter

KILLS = int(os.environ.get("LM_EVAL_FAITH_KILLS", "5"))
"""How often something is killed."""


@dataclass(frozen=True)
class StoredRuns:
    """One `lm-eval-faith` command line, run with stores of responses.

    Attributes:
        starter: starts its processes.
        environment: of these.
        folder: has the log, and results and stores by name.
        command: the words; where results and store are is added.
    """

    starter: Starter
    environment: Mapping[str, str]
    folder: Path
    command: Sequence[str]

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def begin(self, out: str, *more: str) -> int:
        """Start a run; its process."""
        self.log.write_text("")
        words = [
            *("lm-eval-faith", *self.command, *more, "--log_samples"),
            *("--use_cache", str(self.folder / f"{out}.store")),
            *("--output_path", str(self.folder / out)),
        ]
        return self.starter.start(words, self.log, self.log, self.environment)

    def assert_ends(self, child: int, code: int = 0) -> None:
        """With this exit code; a negative one is the signal that killed it."""
        assert self.starter.exit_code(child) == code, self.log.read_text()[-3000:]

    def kill(self, child: int) -> None:
        os.kill(child, signal.SIGKILL)
        self.assert_ends(child, -signal.SIGKILL)

    def answers(self, out: str) -> int:
        """How many are in the store, which may be written just now."""
        store = f"file:{self.folder / out}.store_rank0.db?mode=ro"
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(store, uri=True, timeout=1)) as db,
        ):
            return int(db.execute("select count(*) from unnamed").fetchone()[0])
        return 0

    def responses(self, out: str, task: str = "") -> list[Any]:
        """To each document, of the only task or of this one."""
        (file,) = (self.folder / out).rglob(f"samples_{task}*.jsonl")
        lines = file.read_text().splitlines()
        return [responses_of(json.loads(line)) for line in lines]

    def assert_nothing_is_lost_by(self, end: Callable[[int], None]) -> None:
        """``end`` is given a run's process at random moments, and ends the run."""
        self.assert_ends(self.begin("whole"))
        total = self.answers("whole")
        moments = sorted(random.sample(range(1, total), KILLS))
        print("ended at", moments, "of", total, "answers")
        for moment in moments:
            child = self.begin("ended")
            while self.answers("ended") < moment:
                state = Path(f"/proc/{child}/stat").read_text().split()[2]
                assert state != "Z", self.log.read_text()[-3000:]
                time.sleep(0.02)
            end(child)
            assert self.answers("ended") >= moment
        self.assert_ends(self.begin("ended"))
        assert self.responses("ended") == self.responses("whole")
