"""Both settings on the model that comes with the package: what a run looks like."""

from __future__ import annotations

import shlex
from pathlib import Path

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.files import write_whole
from lm_eval_faith.organisms import solver_path

TASKS = ("cot_faith_provided", "cot_faith_generated_arith")


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
    """Run the harness on the embedded model, print the report and write it.

    The report stands beside the run as ``report.html``, ``report.md`` and
    ``report.json``.

    Raises:
        InputError: the folder cannot be written.
    """
    from lm_eval_faith.harness.evaluation import run_command
    from lm_eval_faith.report.outputs import Wanted, outputs_of
    from lm_eval_faith.report.report import NOTHING_ASKED, written
    from lm_eval_faith.report.write import text

    arguments = demo_arguments(out, problems)
    print(f"lm-eval-faith run {shlex.join(arguments)}\n", flush=True)
    run_command(arguments)
    page = out / "report.html"
    shown = shlex.join([str(out), "--html", str(page)])
    print(f"\nlm-eval-faith report {shown}\n", flush=True)
    made = outputs_of([out], Wanted(page=True), Bootstrap(), NOTHING_ASKED)
    report = written(made.reports)
    print(text(report, "table"))
    write_whole(page, made.page)
    write_whole(out / "report.md", text(report, "markdown"))
    write_whole(out / "report.json", text(report, "json"))
    print(f"wrote {page} (open it in a browser), report.md and report.json beside it")
