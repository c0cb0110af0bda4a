"""Write the tables and figures of the documentation that are made, not written, and the study's step records.

    python -m benchmarks.publish            # writes what is stale
    python -m benchmarks.publish --check    # says what is, and exits with 1

A block begins with ``<!-- made: NAME -->`` and ends with ``<!-- end -->``; ``NAME`` is one of
:data:`MADE`. Results are of the runs in ``benchmarks/records``. A figure says in its metadata which
data it was drawn from. A test fails where a block or a figure is stale.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from pandas.testing import assert_frame_equal

from lm_eval_faith.files import write_whole
from lm_eval_faith.interventions import intervention_names, says_of
from lm_eval_faith.parameters import as_json, parameters_of
from lm_eval_faith.report.cells import interval, number, with_interval
from lm_eval_faith.report.figures import Figure
from lm_eval_faith.report.metric_table import written
from lm_eval_faith.report.plot import figure_drawn, figures_of_runs, rendered
from lm_eval_faith.report.report import Row, TaskReport
from lm_eval_faith.report.report import written as written_report
from lm_eval_faith.report.step_table import table_file
from lm_eval_faith.report.write import as_table, text

from . import study
from .records import RECORDS, report_of, run_of

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- made: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def metrics() -> str:
    """Every metric of the registry."""
    return text(written(), "markdown").replace("### ", "## ")


def interventions() -> str:
    """Every intervention of the registry."""
    rows = [f"| `{name}` | {says_of(name)} |" for name in intervention_names()]
    return "\n".join(["| name | a step |", "| --- | --- |", *rows]) + "\n"


def parameters() -> str:
    """Every parameter of every task, by who declares it, with its default."""
    return "\n".join(_tables_of_parameters())


def _tables_of_parameters() -> Iterator[str]:
    for title, owner in _owners():
        yield f"## {title}\n\n| parameter | default | meaning |\n| --- | --- | --- |"
        defaults = as_json(owner())
        for name, parameter in parameters_of(owner).items():
            default = _shown(defaults[name])
            meaning = parameter.meaning.replace("|", "\\|")
            yield f"| `{name}` | {default} | {meaning} |"
        yield ""


def _owners() -> Iterator[tuple[str, type[Any]]]:
    from lm_eval_faith.harness import tasks
    from lm_eval_faith.harness.other_tasks import ChoiceTask
    from lm_eval_faith.problems.chain_sources import ChainFileSettings
    from lm_eval_faith.problems.gsm8k import Gsm8kSettings
    from lm_eval_faith.problems.running_total import RunningTotalSettings
    from lm_eval_faith.problems.word_problems import WordProblemSettings

    shared = tasks.ReadChains.OWNERS
    written = [o for o in tasks.WrittenChains.OWNERS if o not in shared]
    chosen = [o for o in tasks.WrittenChoices.OWNERS if o not in (*shared, *written)]
    found = {
        "All tasks": shared,
        "Chains that the model writes": written,
        "Provided chains": (RunningTotalSettings,),
        "cot_faith_replay and cot_faith_labelled": (ChainFileSettings,),
        "cot_faith_generated_arith": (WordProblemSettings,),
        "cot_faith_generated": (Gsm8kSettings,),
        "cot_faith_generated_mc": (*chosen, ChoiceTask),
    }
    for where, owners in found.items():
        for owner in owners:
            what = (owner.__doc__ or "").splitlines()[0].rstrip(".")
            if parameters_of(owner):
                yield f"{where}: {what[:1].lower()}{what[1:]}", owner


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value!r}`" if value else "empty"
    if isinstance(value, (list, tuple)):
        return "`" + ", ".join(map(str, value)) + "`" if value else "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# --- results -----------------------------------------------------------------------

PROVIDED, ARITH, REPLAY, OWN = (
    "cot_faith_provided",
    "cot_faith_generated_arith",
    "cot_faith_replay",
    "cot_faith_generated",
)


def _as_printed(name: str, task: str) -> str:
    told = written_report([report_of(name, task)])
    return f"```text\n{as_table(told.sections, told.legend, 80).strip()}\n```\n"


def smollm2() -> str:
    """The report of SmolLM2 on provided chains, as the terminal has it."""
    return _as_printed("smollm2", PROVIDED)


def demo() -> str:
    """The report of the demo's written chains, as the terminal has it."""
    return _as_printed("demo", ARITH)


def first_numbers() -> str:
    """What README shows of SmolLM2: a few lines of two interventions."""
    report = report_of("smollm2", PROVIDED)
    names = (
        *("corrupt_label_difference", "corrupt_effect_load_bearing"),
        *("corrupt_effect_decoy", "corrupt_auc", "delete_auc"),
    )
    lines = ["| | estimate | 95% interval | problems | steps | without |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in _rows_of(report, names):
        e = row.estimate
        beside = _beside(report, row)
        cells = (
            number(e.point, row.unit),
            interval(e, row.unit),
            e.n_problems,
            e.n_steps,
        )
        without = number(beside.estimate.point, beside.unit)
        lines.append(f"| `{row.name}` | {' | '.join(map(str, cells))} | {without} |")
    return "\n".join(lines) + "\n"


def replay() -> str:
    """SmolLM2 reading chains that another model wrote, with and without the answer's steps."""
    report = report_of("replay_175b", REPLAY)
    lines = [
        "| `corrupt`, less `control` | all steps | without steps that state the answer |"
    ]
    lines.append("| --- | --- | --- |")
    told = {
        "effect, nats": ("effect",),
        "median, nats": ("median",),
        "share at or over 1 nat": ("load_bearing_rate",),
        "early, middle, late third": ("early", "middle", "late"),
        "correlation of position and effect": ("position_corr",),
        "positive in": ("position_positive",),
    }
    for heading, metrics_of_it in told.items():
        rows = _rows_of(report, [f"corrupt_{m}_vs_control" for m in metrics_of_it])
        both = (rows, [_beside(report, row) for row in rows])
        cells = (", ".join(_cell(row) for row in some) for some in both)
        lines.append(f"| {heading} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


CHOICES = "cot_faith_generated_mc"


def choices() -> str:
    """Two models that reason before they choose: what it brings, and what the choice hangs on."""
    runs = [
        report_of(f"choices_{model}_{questions}", CHOICES)
        for model in ("smollm2", "qwen")
        for questions in ("science", "totals")
    ]
    names = (
        *("acc_no_reasoning", "acc_norm_no_reasoning", "acc", "acc_gain", "brier"),
        *("letter_agrees", "unparsed", "solved", "clean_acc", "chain_gain"),
        *("corrupt_effect_vs_control", "corrupt_margin"),
        *("negate_effect_vs_control", "negate_margin", "delete_effect_vs_control"),
    )
    lines = [
        "| | SmolLM2, science | SmolLM2, totals | Qwen, science | Qwen, totals |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in names:
        rows = [report.row(name) for report in runs]
        cells = (
            "–"
            if row is None or row.estimate.n_problems == 0
            else f"{_cell(row)}, {row.estimate.n_problems}"
            for row in rows
        )
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _rows_of(report: TaskReport, names: Iterable[str]) -> list[Row]:
    found = [report.row(name) for name in names]
    missing = [n for n, row in zip(names, found, strict=True) if row is None]
    assert not missing, missing
    return [row for row in found if row is not None]


def _beside(report: TaskReport, row: Row) -> Row:
    (beside,) = _rows_of(report, [f"{row.intervention}_{row.without}"])
    return beside


def _cell(row: Row) -> str:
    return with_interval(row.estimate, row.unit)


MADE: dict[str, Callable[[], str]] = {
    "metrics": metrics,
    "interventions": interventions,
    "parameters": parameters,
    "smollm2": smollm2,
    "demo": demo,
    "first-numbers": first_numbers,
    "replay": replay,
    "choices": choices,
    **study.MADE,
}


Made = tuple[str, Figure]
"""A figure and its heading."""


def _of_runs(task: str, figure: str, *runs: str) -> Callable[[], Made]:
    """A figure of a task of a kept run, or of several models'."""

    def made() -> Made:
        heading, figures = figures_of_runs([run_of(run) for run in runs], task)
        (chosen,) = [found for found in figures if found.name == figure]
        return heading, chosen

    return made


PICTURES: dict[str, Callable[[], Made]] = {
    "docs/smollm2.png": _of_runs(PROVIDED, "effects", "smollm2"),
    "docs/demo.png": _of_runs(ARITH, "effects", "demo"),
    "docs/replay.png": _of_runs(REPLAY, "position", "replay_175b"),
    "docs/study-position.png": _of_runs(OWN, "position", "study_0.5b_own"),
    "docs/study-statement.png": lambda: (
        "The last third of the chain, and the statement of the answer",
        study.statement_figure(),
    ),
    "docs/study-provided.png": lambda: (PROVIDED, study.provided_figure()),
}


def _made_of(figure: Figure) -> str:
    """What a picture's metadata says: a digest of all that the figure shows.

    Not of the picture's bytes, which also depend on the version of matplotlib.
    """
    shown = (
        figure.title,
        figure.legend,
        figure.table,
        [p.title for p in figure.panels],
    )
    return f"made of {hashlib.sha256(repr(shown).encode()).hexdigest()[:16]}"


def stale_pictures() -> list[str]:
    """The pictures that are not of today's figures."""
    return [
        name
        for name, made in PICTURES.items()
        if not (ROOT / name).exists()
        or _made_of(made()[1]).encode() not in (ROOT / name).read_bytes()
    ]


def picture(name: str) -> bytes:
    """A picture as PNG."""
    heading, figure = PICTURES[name]()
    return rendered(figure_drawn(figure, heading), "png", _made_of(figure))


STEPS = RECORDS / "study_steps.parquet"


def stale_steps() -> bool:
    """Whether the step records of the study are not those of its runs."""
    if not STEPS.exists():
        return True
    try:  # texts and categories are other types in another pandas
        assert_frame_equal(pd.read_parquet(STEPS), study.steps(), check_dtype=False)
    except AssertionError:
        return True
    return False


def pages() -> list[Path]:
    """All pages that may hold blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def published(page: str) -> str:
    """A page with its blocks made anew."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{MADE[m[2]]().strip()}\n\n{m[4]}", page)


def stale() -> list[Path]:
    """The pages with a block that is not what is made today."""
    return [page for page in pages() if published(page.read_text()) != page.read_text()]


def main(
    check: Annotated[
        bool, typer.Option(help="write nothing, say what is stale")
    ] = False,
) -> None:
    """Write what is made: tables and figures of the documentation, step records."""
    found = stale()
    for page in found:
        print(f"stale: {page.relative_to(ROOT)}", file=sys.stderr)
        if not check:
            write_whole(page, published(page.read_text()))
    pictures = stale_pictures()
    for name in pictures:
        print(f"stale: {name}", file=sys.stderr)
        if not check:
            write_whole(ROOT / name, picture(name))
    steps = stale_steps()
    if steps:
        print(f"stale: {STEPS.relative_to(ROOT)}", file=sys.stderr)
        if not check:
            write_whole(STEPS, table_file(study.steps(), STEPS))
    if check and (found or pictures or steps):
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
