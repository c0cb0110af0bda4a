"""Both settings on the model that comes with the package: what a run looks like."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.files import require_place_for, write_whole
from lm_eval_faith.organisms import solver_path
from lm_eval_faith.report.cells import interval, with_unit
from lm_eval_faith.report.figures import WITHOUT as WITHOUT_ANSWER_STEPS
from lm_eval_faith.report.html import sentences
from lm_eval_faith.report.report import WITHOUT, Row, TaskReport
from lm_eval_faith.report.write import WIDTH, Column, Section, as_table

TASKS = ("cot_faith_provided", "cot_faith_generated_arith")

ANOTHER = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""A small model of the hub, for what to try next."""


def demo_arguments(out: Path, problems: int) -> list[str]:
    """The arguments of ``lm-eval-faith run`` that the demo stands for."""
    return [
        "--model",
        "faith",
        "--model_args",
        f"backend=hf,pretrained={solver_path()},dtype=float32",
        "--tasks",
        ",".join(TASKS),
        "--metadata",
        f"problems={problems}",
        "--output_path",
        str(out),
        "--log_samples",
        "--batch_size",
        "32",
        "--device",
        "cpu",
    ]


def run_demo(out: Path, problems: int) -> None:
    """Run the harness on the embedded model, say what came of it and what to try next.

    The reports stand in the folder as ``report.html``, ``report.md`` and ``report.json``,
    and what the harness says as ``harness.log``.

    Raises:
        InputError: the folder cannot be written.
    """
    from lm_eval_faith.harness.bars import one_bar
    from lm_eval_faith.harness.evaluation import run_command
    from lm_eval_faith.report.outputs import Wanted, outputs_of
    from lm_eval_faith.report.report import NOTHING_ASKED, written
    from lm_eval_faith.report.write import text

    log, page = out / "harness.log", out / "report.html"
    require_place_for(log)
    arguments = demo_arguments(out, problems)
    print(f"lm-eval-faith run {shlex.join(arguments)}\n")
    print(
        f"1 of 2: a small model reads {problems} problems with solutions that we wrote, and "
        f"solves {problems}\n        itself; what the harness says is in {log}",
        flush=True,
    )
    with _said_to(log) as terminal, one_bar(len(TASKS), terminal):
        run_command(arguments)
    print("2 of 2: intervals, figures, the page\n", flush=True)
    made = outputs_of([out], Wanted(page=True), Bootstrap(), NOTHING_ASKED)
    report = written(made.reports)
    write_whole(page, made.page)
    write_whole(out / "report.md", text(report, "markdown"))
    write_whole(out / "report.json", text(report, "json"))
    tables = [first_numbers(one) for one in in_order(made.reports)]
    print(as_table(tables, {WITHOUT: WITHOUT_ANSWER_STEPS}))
    print(f"The page, with figures and every chain: {page} (open it in a browser).")
    print("All numbers: report.md and report.json beside it.\n")
    print("To try next:")
    for words, told in next_commands(out):
        print(f"# {told}\n{in_lines(words)}")


def in_order(reports: Sequence[TaskReport]) -> list[TaskReport]:
    """As the demo tells of them: first the task whose truth is known."""
    return sorted(reports, key=lambda report: TASKS.index(report.task.task))


def first_numbers(report: TaskReport) -> Section:
    """What the page begins with, as a table of the terminal."""
    told = sentences.headlines(report)
    what_was_done, *found = sentences.lede(report)
    what = "One step at a time was changed; the answer's log-probability is what fell."
    beside = any(h.beside for h in told)
    level = told[0].row.estimate.confidence_level if told else 0.95
    columns = [
        Column(""),
        Column("number", True),
        Column(f"{level:.0%} interval", True),
    ]
    if beside:
        columns.append(Column(WITHOUT, True))
    return Section(
        f"{sentences.title(report.task.task, report.task.setting)} ({report.task.task})",
        tuple(columns),
        tuple(
            (
                h.label,
                _point(h.row),
                interval(h.row.estimate, h.row.unit),
                *([_point(h.beside) if h.beside else ""] if beside else []),
            )
            for h in told
        ),
        (report.card.sentence,),
        " ".join((what, *found) if found else (what_was_done,)),
    )


def _point(row: Row) -> str:
    return with_unit(row.estimate.point, row.unit)


def next_commands(out: Path) -> tuple[tuple[list[str], str], ...]:
    """Three commands for somebody who has seen the demo, and what each is for."""
    run = f"{out}-smollm2"
    return (
        (
            ["lm-eval-faith", "report", str(out)],
            "every number of both tasks, and what could explain the effects away",
        ),
        (
            [
                *("lm-eval-faith", "run", "--model", "faith"),
                *("--model_args", f"pretrained={ANOTHER}", "--tasks", TASKS[0]),
                *("--metadata", "problems=20", "--output_path", run),
            ],
            "a model of the hub, or yours, on the first 20 of the same problems",
        ),
        (
            ["lm-eval-faith", "compare", str(out), run],
            "the two models on the problems that both have read",
        ),
    )


def in_lines(words: Sequence[str]) -> str:
    """A command for a shell, on lines that fit a terminal where its words do."""
    lines = [""]
    for word in map(shlex.quote, words):
        if lines[-1] and len(lines[-1]) + len(word) + 3 > WIDTH:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


@contextmanager
def _said_to(log: Path) -> Iterator[TextIO]:
    """All that is written inside goes to a file, but for what is written to the given one."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    try:
        with (
            open(log, "w", encoding="utf-8") as file,
            os.fdopen(os.dup(kept[1]), "w", encoding="utf-8") as terminal,
        ):
            for number_of in (1, 2):
                os.dup2(file.fileno(), number_of)
            yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number_of, before in zip((1, 2), kept, strict=True):
            os.dup2(before, number_of)
            os.close(before)
