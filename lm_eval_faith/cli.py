"""The command line: run the harness with the plugin, and make reports of its runs."""

from __future__ import annotations

import functools
import io
import math
import sys
from collections.abc import Callable
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lm_eval_faith.errors import InputError

if TYPE_CHECKING:
    from lm_eval_faith_stats import Bootstrap

    from lm_eval_faith.records.merged import Merge

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=(
        "Does a model's answer depend on its chain of thought?\n\n"
        "Run tasks that intervene on a chain step by step in lm-evaluation-harness, "
        "then report how far the answer's log-probability falls, with intervals.\n\n"
        "\b\n"  # click keeps the lines of a paragraph that begins so
        "  lm-eval-faith run --model faith --model_args pretrained=MODEL \\\n"
        "      --tasks cot_faith_provided --output_path RUN\n"
        "  lm-eval-faith report RUN\n\n"
        "lm-eval-faith run --help shows the tasks, their parameters and more recipes."
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        from lm_eval_faith._version import __version__

        print(f"lm-eval-faith {__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


class Format(str, Enum):
    """How a report is written."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


class Method(str, Enum):
    """How intervals are made."""

    default = "default"
    percentile = "percentile"
    bca = "bca"


@app.command(
    "run",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def run(context: typer.Context) -> None:
    """Run lm_eval with our tasks and model, and any of its flags.

    What would be wasted is refused before the model is loaded; samples are kept, for the
    report is made from them. With --dry_run nothing is run: it says how many requests and
    tokens it would be.
    """
    if not context.args or {"-h", "--help"} & set(context.args):
        from lm_eval_faith.harness.run_help import run_help

        print(run_help(), end="")
        return
    from lm_eval_faith.harness.evaluation import run_command
    from lm_eval_faith.harness.lm_eval_compat import leave_process_group

    words = [word for word in context.args if word not in ("--dry_run", "--dry-run")]
    if len(words) < len(context.args):
        from lm_eval_faith.harness.dry_run import dry_run

        print(dry_run(lambda: run_command(words, keeps=False)))
        return
    run_command(words)
    leave_process_group()


@app.command("demo")
def demo(
    out: Annotated[
        Path, typer.Option(help="Where the run and its report are written.")
    ] = Path("lm-eval-faith-demo"),
    problems: Annotated[
        int, typer.Option(help="Problems of each setting.", min=1)
    ] = 100,
) -> None:
    """Run both settings on the small model that comes along."""
    from lm_eval_faith.demo import run_demo

    run_demo(out, problems)


@app.command("tasks-path")
def tasks_path() -> None:
    """Print the folder of our tasks, for lm_eval.

    lm_eval run --include_path "$(lm-eval-faith tasks-path)" ...
    """
    from lm_eval_faith_tasks import PATH

    print(PATH)


@app.command("enable")
def enable() -> None:
    """Let plain `lm_eval` find the tasks and the model.

    By a start-up file in this environment, which `disable` removes.
    """
    from lm_eval_faith.harness import startup

    written = startup.enable()
    for path in written:
        print(f"wrote {path}:")
        print("".join(f"    {line}\n" for line in path.read_text().splitlines()))
    if not written:
        print("enabled already; nothing was written. The start-up files are:")
        print("".join(f"    {path}\n" for path in startup.startup_files().contents))
    harness = startup.look_at_harness()
    if not harness.version:
        print("lm_eval is not installed here: the files do nothing until it is.")
    elif harness.finds_model:
        print(
            f"lm_eval {harness.version} finds the model `faith` by its entry point; "
            "the start-up file adds the tasks."
        )
    print("Remove it with: lm-eval-faith disable")


@app.command("disable")
def disable() -> None:
    """Remove the start-up file that `enable` wrote."""
    from lm_eval_faith.harness import startup

    removed = startup.disable()
    for path in removed:
        print(f"removed {path}")
    if not removed:
        print("not enabled; nothing was removed")


@app.command("doctor")
def doctor() -> None:
    """Say which versions are installed and which ways in work.

    Newer versions than were tested are named. How fast scoring is, is tried on the model
    that comes with the package: whether shared prefixes are on.
    """
    from lm_eval_faith_tasks import PATH

    from lm_eval_faith._version import __version__
    from lm_eval_faith.harness import doctor as look
    from lm_eval_faith.harness import startup

    harness = startup.look_at_harness()
    files = startup.startup_files()
    print(f"lm-eval-faith {__version__}, tasks in {PATH}")
    if not harness.version:
        print("lm_eval is missing: pip install 'lm-eval[hf]'")
        raise SystemExit(1)
    print(f"lm_eval {harness.version} in {harness.location}")
    found = "finds it by its entry point" if harness.finds_model else "does not look"
    print(f"model `faith`: this lm_eval {found}")
    state = "in place" if files.enabled else "not as `enable` writes it"
    print(f"start-up file in {files.folder}: {state if files.present else 'none'}")
    print("ways in:")
    print("  works  lm-eval-faith run ...")
    print('  works  lm_eval ... --include_path "$(lm-eval-faith tasks-path)"')
    plain = "works " if harness.active else "needs `lm-eval-faith enable`: "
    print(f"  {plain} lm_eval ... --tasks cot_faith_provided")
    print("versions:")
    for line in look.versions():
        print(f"  {line}")
    print(f"shared prefixes: {look.shared_prefixes()}")


@app.command("check")
def check(
    model: Annotated[
        str, typer.Option(help="A backend, as `lm_eval --model` has it; faith too.")
    ],
    model_args: Annotated[
        str,
        typer.Option(
            "--model_args", help="Its arguments: key=value,... or a JSON object."
        ),
    ] = "",
    batch_size: Annotated[
        str, typer.Option("--batch_size", help="As `lm_eval` takes it.")
    ] = "1",
    device: Annotated[str, typer.Option(help="As `lm_eval` takes it.")] = "cuda:0",
    apply_chat_template: Annotated[
        bool,
        typer.Option(
            "--apply_chat_template", help="Look at the template that tasks will use."
        ),
    ] = False,
    format: Annotated[
        Format, typer.Option(help="How the findings are written.")
    ] = Format.table,
    out: Out = None,
) -> None:
    """Say whether a backend's log-probabilities can be trusted.

    From a few dozen requests. Ends with 1 where a fault was found. For example:

    \b
      lm-eval-faith check --model vllm --model_args pretrained=MODEL
      lm-eval-faith check --model local-completions \\
          --model_args model=MODEL,base_url=http://HOST:8000/v1/completions
    """
    from lm_eval_faith.harness.backend_check import backend_named, look_at
    from lm_eval_faith.report.check_table import written
    from lm_eval_faith.report.write import text

    more = {"batch_size": batch_size, "device": device}
    backend = backend_named(model, model_args, more)
    found = [asdict(finding) for finding in look_at(backend, apply_chat_template)]
    _print_or_write(text(written(found), format.value), out)
    if any(finding["state"] == "fault" for finding in found):
        raise SystemExit(1)


Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN",
        help="What lm_eval was given as --output_path, or folders above.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Write to this file, not to the terminal.")
]
Html = Annotated[
    Path | None, typer.Option(help="Write one page that opens without a network.")
]
Level = Annotated[float, typer.Option(help="Confidence level of the intervals.")]
Resamples = Annotated[int, typer.Option(help="Bootstrap resamples of the problems.")]
Seed = Annotated[int, typer.Option(help="Seed of the resampling.")]
MethodOption = Annotated[
    Method,
    typer.Option(help="Interval method; default: the best measured for a metric."),
]
MergeRuns = Annotated[
    bool,
    typer.Option(
        "--merge",
        help="The runs are parts of one: other documents, or other seeds of problems, all "
        "else alike.",
    ),
]
MergeModels = Annotated[
    bool,
    typer.Option("--merge", help="Runs of the same model are parts of one."),
]
Plugin = Annotated[
    list[str] | None,
    typer.Option(help="A module with your own metrics; may be repeated."),
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Nats at which a step of a written chain is load-bearing."),
]
ExcludeAnswerSteps = Annotated[
    bool,
    typer.Option(
        "--exclude-answer-steps",
        help="Leave out steps of written chains that state the final answer.",
    ),
]


@app.command("report")
def report(
    runs: Runs,
    format: Annotated[
        Format, typer.Option(help="How the report is written.")
    ] = Format.table,
    out: Out = None,
    steps: Annotated[
        Path | None,
        typer.Option(help="Also write the step records: a name in .csv or .parquet."),
    ] = None,
    sets: Annotated[
        Path | None,
        typer.Option(help="Also write the sets of steps: a name in .csv or .parquet."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Also write a page with figures and every chain, that opens without a "
            "network."
        ),
    ] = None,
    merge: MergeRuns = False,
    plugin: Plugin = None,
    threshold: Threshold = None,
    exclude_answer_steps: ExcludeAnswerSteps = False,
    confidence_level: Level = 0.95,
    n_resamples: Resamples = 10_000,
    method: MethodOption = Method.default,
    seed: Seed = 0,
) -> None:
    """Print every estimate of a run with its interval.

    With the problems and steps that each is made from. Runs must hold samples:
    lm-eval-faith run keeps them, lm_eval with --log_samples.
    """
    from lm_eval_faith.records.many_runs import available_cores
    from lm_eval_faith.report.outputs import Wanted, outputs_of
    from lm_eval_faith.report.report import Asked, written
    from lm_eval_faith.report.step_table import check_ending, table_file
    from lm_eval_faith.report.write import text

    for table in filter(None, (steps, sets)):
        check_ending(table)
    bootstrap = _bootstrap(confidence_level, n_resamples, seed, method)
    asked = Asked(_threshold(threshold), exclude_answer_steps, tuple(plugin or ()))
    wanted = Wanted(html is not None, steps is not None, sets is not None)
    together: Merge = "all" if merge else "no"
    made = outputs_of(runs, wanted, bootstrap, asked, available_cores(), together)
    told = text(written(made.reports), format.value)
    if html is not None:
        _write(html, made.page)
    for path, frame in ((steps, made.steps), (sets, made.sets)):
        if path is not None and frame is not None:
            _write(path, table_file(frame, path))
    _print_or_write(told, out)


class Adjustment(str, Enum):
    """How p-values are adjusted over all pairs of models."""

    holm = "holm"
    bh = "bh"


class ChainsFormat(str, Enum):
    """How the reading of a file is written."""

    table = "table"
    json = "json"


@app.command("chains")
def chains(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="What `chains=` takes: files, folders, hf:NAME:SPLIT.",
        ),
    ],
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            help="A parameter as the tasks take it, KEY=VALUE; may be repeated."
        ),
    ] = None,
    format: Annotated[
        ChainsFormat, typer.Option(help="How it is written.")
    ] = ChainsFormat.table,
    out: Out = None,
    html: Html = None,
    limit: Annotated[
        int,
        typer.Option(help="Chains of a file that the table shows; 0 for all.", min=0),
    ] = 20,
) -> None:
    """Show how files of chains are read, before a model is run.

    Steps with their labels and what can be done to them, the answer of each chain beside
    the reference, and what is left out and why.
    """
    from lm_eval_faith.parameters import from_words
    from lm_eval_faith.problems import shown_chains
    from lm_eval_faith.report.cells import json_text
    from lm_eval_faith.report.write import SCHEMA_VERSION
    from lm_eval_faith.shown import plain

    parameters = from_words(metadata or ())
    found = [shown_chains.show_file(file, parameters) for file in files]
    if format is ChainsFormat.json:
        text = json_text(
            {"schema_version": SCHEMA_VERSION, **shown_chains.as_dict(found)}
        )
    else:
        text = plain(shown_chains.as_text(found, limit))
    if html is not None:
        from lm_eval_faith.report.html.read_page import ReadFile, read_page

        files_read = [
            ReadFile(
                source=file.source,
                n_documents=file.n_documents,
                n_used=file.n_used,
                told=file.told,
                left_out=file.left_out,
                chains=[
                    (shown_chains.record_of(c), shown_chains.told_of(c))
                    for c in file.chains
                ],
                intervention=shown_chains.INTERVENTION,
            )
            for file in found
        ]
        _write(html, read_page(files_read))
    _print_or_write(text, out)


@app.command("compare")
def compare(
    runs: Runs,
    format: Annotated[
        Format, typer.Option(help="How the comparison is written.")
    ] = Format.table,
    out: Out = None,
    adjust: Annotated[
        Adjustment,
        typer.Option(
            help="Adjust p-values over all pairs: Holm, or Benjamini-Hochberg."
        ),
    ] = Adjustment.holm,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Compare runs that differ in more than the model."
        ),
    ] = False,
    merge: MergeModels = False,
    plugin: Plugin = None,
    threshold: Threshold = None,
    exclude_answer_steps: ExcludeAnswerSteps = False,
    confidence_level: Level = 0.95,
    n_resamples: Resamples = 10_000,
    method: MethodOption = Method.default,
    seed: Seed = 0,
) -> None:
    """Compare models on the problems that both have.

    With differences, intervals and p-values. Problems are matched by the question, and
    by the chains where they were given. Differences are the first run less the second,
    of the numbers that `report` shows. Generated chains are compared on problems that
    both models solved, and unpaired, each model on its own. p-values of the primary
    metric are adjusted over all pairs of models, those of the others over metrics too.
    Runs that differ in task version, parameters, prompt or few-shot examples are
    refused unless --force is given.
    """
    from lm_eval_faith.records.many_runs import available_cores
    from lm_eval_faith.report.compare import compare_runs, written
    from lm_eval_faith.report.report import Asked
    from lm_eval_faith.report.write import text

    comparisons = compare_runs(
        runs,
        _bootstrap(confidence_level, n_resamples, seed, method),
        adjust.value,
        Asked(_threshold(threshold), exclude_answer_steps, tuple(plugin or ())),
        force,
        available_cores(),
        "each_model" if merge else "no",
    )
    _print_or_write(text(written(comparisons), format.value), out)


@app.command("agree")
def agree(
    runs: Runs,
    format: Annotated[
        Format, typer.Option(help="How the tables are written.")
    ] = Format.table,
    out: Out = None,
    merge: MergeRuns = False,
    exclude_answer_steps: ExcludeAnswerSteps = False,
    confidence_level: Level = 0.95,
    n_resamples: Resamples = 10_000,
    method: MethodOption = Method.default,
    seed: Seed = 0,
) -> None:
    """Say how far the interventions agree about which steps matter.

    For each pair of interventions: the rank correlation of their effects on the steps of
    a chain, averaged over problems. Where the truth is known, their AUCs side by side.
    """
    from functools import partial

    from lm_eval_faith.records.many_runs import available_cores, of_runs
    from lm_eval_faith.report.agree import agreements_of_run, written
    from lm_eval_faith.report.report import Asked
    from lm_eval_faith.report.write import text

    make = partial(
        agreements_of_run,
        bootstrap=_bootstrap(confidence_level, n_resamples, seed, method),
        asked=Asked(exclude_answer_steps=exclude_answer_steps),
    )
    together: Merge = "all" if merge else "no"
    made = of_runs(runs, make, available_cores(), together)
    found = [task for of_run in made for task in of_run]
    _print_or_write(text(written(found), format.value), out)


@app.command("power")
def power(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            help="None, or a run, or two runs of the same problems.",
        ),
    ] = None,
    merge: MergeRuns = False,
    metric: Annotated[
        str | None,
        typer.Option(
            help="Metric of the run to plan with, as in the harness's table; default: the "
            "one that compare tests first."
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Which task, where the run has several.")
    ] = None,
    std: Annotated[
        float | None,
        typer.Option(help="Standard deviation over problems, instead of a run."),
    ] = None,
    correlation: Annotated[
        float,
        typer.Option(
            help="Correlation of two models' values over problems; two runs measure it."
        ),
    ] = 0.0,
    half_width: Annotated[
        list[float] | None,
        typer.Option(help="Wanted half-width of the interval; may be repeated."),
    ] = None,
    difference: Annotated[
        list[float] | None,
        typer.Option(help="Wanted difference of two models; may be repeated."),
    ] = None,
    power: Annotated[
        float, typer.Option(help="Chance of finding the difference.")
    ] = 0.8,
    assurance: Annotated[
        float, typer.Option(help="Chance that an interval is no wider than wanted.")
    ] = 0.8,
    confidence_level: Level = 0.95,
    format: Annotated[
        Format, typer.Option(help="How the table is written.")
    ] = Format.table,
    out: Out = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the curve: .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Say how many problems a wanted interval or difference takes.

    From the variance of a run, of two runs (which also tell how their differences vary
    on the same problems), or from --std.
    """
    from lm_eval_faith.report import power as planning
    from lm_eval_faith.report.plot import FORMATS, rendered
    from lm_eval_faith.report.write import text

    form = plot.suffix.lstrip(".").lower() if plot else ""
    if plot and form not in FORMATS:
        raise InputError(f"{plot}: the name must end in .{', .'.join(FORMATS)}")
    if bool(runs) == (std is not None):
        raise InputError("name a run (or two), or give --std")
    if std is not None:
        spread = planning.given_spread(std, correlation)
    else:
        spread = planning.spread_of_runs(
            runs or [], metric, task, correlation, confidence_level, merge
        )
    planned = planning.plan(
        spread, half_width or (), difference or (), power, confidence_level, assurance
    )
    drawn = rendered(planning.power_curve(planned), form) if plot else b""
    _print_or_write(text(planning.written(planned), format.value), out)
    if plot:
        _write(plot, drawn)


@app.command("leaderboard")
def leaderboard(
    runs: Runs,
    by: Annotated[
        str | None,
        typer.Option(
            help="Metric that orders the models, without the intervention's name; default: "
            "the one that compare tests first."
        ),
    ] = None,
    intervention: Annotated[
        str | None,
        typer.Option(help="Only this one; default: all, in the table corrupt."),
    ] = None,
    format: Annotated[
        Format, typer.Option(help="How the leaderboard is written.")
    ] = Format.table,
    out: Out = None,
    html: Html = None,
    site: Annotated[
        Path | None,
        typer.Option(
            help="Write a folder to serve: the page, each model's report, JSON and CSV."
        ),
    ] = None,
    merge: MergeModels = False,
    plugin: Plugin = None,
    threshold: Threshold = None,
    exclude_answer_steps: ExcludeAnswerSteps = False,
    confidence_level: Level = 0.95,
    n_resamples: Resamples = 10_000,
    method: MethodOption = Method.default,
    seed: Seed = 0,
) -> None:
    """Set many models beside each other, with ranges of ranks.

    A range holds the ranks that a model may have. Models are told apart on the problems
    they share, with Holm's correction over all pairs. Runs that differ in task version,
    parameters, prompt or few-shot examples are refused.
    """
    from lm_eval_faith.records.many_runs import available_cores
    from lm_eval_faith.report.leaderboard import leaderboards, written
    from lm_eval_faith.report.report import Asked
    from lm_eval_faith.report.write import text

    if site is not None:
        from lm_eval_faith.report.html.site import check_site

        check_site(site)
    bootstrap = _bootstrap(confidence_level, n_resamples, seed, method)
    asked = Asked(_threshold(threshold), exclude_answer_steps, tuple(plugin or ()))
    together: Merge = "each_model" if merge else "no"
    cores = available_cores()
    boards = leaderboards(runs, by, intervention, bootstrap, asked, cores, together)
    if html is not None or site is not None:
        from lm_eval_faith.report.html.leaderboard_page import leaderboard_page
        from lm_eval_faith.report.html.site import write_site

        if html is not None:
            _write(html, leaderboard_page(boards))
        if site is not None:
            write_site(site, boards, bootstrap, asked)
        if out is None:
            return
    _print_or_write(text(written(boards), format.value), out)


@app.command("calibrate")
def calibrate(
    problems: Annotated[
        int, typer.Option(help="Problems of each organism.", min=1)
    ] = 100,
    organisms: Annotated[
        str | None, typer.Option(help="Some of them, with commas; default: all.")
    ] = None,
    interventions: Annotated[
        str | None,
        typer.Option(
            help="Some of them, with commas, your own among them; default: all of ours "
            "that change a written chain."
        ),
    ] = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option(help="A module with your own interventions; may be repeated."),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(help="A folder with a folder for each organism: retrained ones."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Keep the labelled files and the harness's runs here."),
    ] = None,
    format: Annotated[
        Format, typer.Option(help="How the calibration is printed.")
    ] = Format.table,
    html: Html = None,
    threshold: Annotated[
        float, typer.Option(help="Nats at which a step counts as load-bearing.")
    ] = 1.0,
    problem_seed: Annotated[
        int, typer.Option(help="Another seed, other problems.", min=0)
    ] = 0,
    joint_problems: Annotated[
        int,
        typer.Option(
            help="Problems whose steps are taken jointly, of organisms whose chains say "
            "each value several times; 0 leaves that out.",
            min=0,
        ),
    ] = 10,
    card_runs: Annotated[
        int,
        typer.Option(
            help="Runs of 50 problems that get a card, of organisms of which it is known "
            "what explains their effects away; 0 leaves that out.",
            min=0,
        ),
    ] = 4,
    confidence_level: Level = 0.95,
    n_resamples: Resamples = 10_000,
    method: MethodOption = Method.default,
    seed: Seed = 0,
) -> None:
    """Score interventions on models of known dependence.

    On organisms: models of which it is known on which steps their answer depends. Runs
    the harness on each of them, and prints whether an intervention finds the steps that
    the answer depends on, the share of them, and where in the chain they are.
    """
    from lm_eval_faith.calibration import table as tables
    from lm_eval_faith.calibration.calibrate import calibration
    from lm_eval_faith.calibration.run import INTERVENTIONS, Plan
    from lm_eval_faith.organisms import ORGANISMS
    from lm_eval_faith.parameters import names

    _threshold(threshold)
    plan = Plan(
        organisms=names("--organisms", organisms or list(ORGANISMS)),
        interventions=names("--interventions", interventions or list(INTERVENTIONS)),
        problems=problems,
        plugins=tuple(plugin or ()),
        models=models,
        threshold=threshold,
        problem_seed=problem_seed,
        joint_problems=joint_problems,
        card_runs=card_runs,
    )
    made = calibration(
        plan, out, _bootstrap(confidence_level, n_resamples, seed, method)
    )
    writer = {
        Format.table: tables.as_table,
        Format.json: tables.as_json,
        Format.csv: tables.as_csv,
        Format.markdown: tables.as_markdown,
    }[format]
    if html is not None:
        from lm_eval_faith.calibration.page import calibration_page

        _write(html, calibration_page(made))
    print(writer(made), end="")


@app.command("schema")
def schema(plugin: Plugin = None) -> None:
    """Print the JSON Schema of what every command writes as JSON."""
    import json

    from lm_eval_faith.metrics import load_metric_modules
    from lm_eval_faith.report.schema import report_schema

    load_metric_modules(plugin or ())
    print(json.dumps(report_schema(), indent=2))


@app.command("metrics")
def metrics(
    plugin: Plugin = None,
    format: Annotated[
        Format, typer.Option(help="How the table is written.")
    ] = Format.table,
) -> None:
    """Say what every metric means, its unit and what it needs."""
    from lm_eval_faith.metrics import load_metric_modules
    from lm_eval_faith.report.metric_table import written
    from lm_eval_faith.report.write import text

    load_metric_modules(plugin or ())
    print(text(written(), format.value), end="")


class Size(str, Enum):
    """How wide a figure is: one column of a paper, or its page."""

    column = "column"
    page = "page"


@app.command("plot")
def plot(
    runs: Runs,
    out: Annotated[
        Path, typer.Option(help="The file to write: .png, .svg or .pdf.")
    ] = Path("effects.png"),
    task: Annotated[
        str | None, typer.Option(help="Which task, where the runs have several.")
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(
            help="Where steps are labelled: effects, roc, position. Else: thirds, position, "
            "thresholds, effects. Of both: without (the answer's own steps). Curves of sets "
            "of steps: joint. Of several models: models, roc, position, thresholds. The first "
            "unless told otherwise."
        ),
    ] = None,
    size: Annotated[
        Size, typer.Option(help="As wide as one column of a paper, or as its page.")
    ] = Size.page,
    plugin: Plugin = None,
    threshold: Threshold = None,
    exclude_answer_steps: ExcludeAnswerSteps = False,
    merge: MergeModels = False,
) -> None:
    """Draw a figure for a paper, of a run or of several models.

    Letters are of the same size in both sizes, and fonts are in the file.
    """
    from lm_eval_faith.records.many_runs import load_all
    from lm_eval_faith.report.plot import FORMATS, drawn, rendered
    from lm_eval_faith.report.report import Asked

    form = out.suffix.lstrip(".").lower()
    if form not in FORMATS:
        raise InputError(f"{out}: the name must end in .{', .'.join(FORMATS)}")
    asked = Asked(_threshold(threshold), exclude_answer_steps, tuple(plugin or ()))
    loaded = load_all(runs, "each_model" if merge else "no")
    made = drawn(loaded, task, figure, size.value, asked)
    _write(out, rendered(made, form))
    print(f"wrote {out}")


def _bootstrap(
    confidence_level: float, n_resamples: int, seed: int, method: Method
) -> Bootstrap:
    from lm_eval_faith_stats import Bootstrap

    try:
        return Bootstrap(confidence_level, n_resamples, seed, method.value)
    except ValueError as error:
        raise InputError(str(error)) from None


def _threshold(threshold: float | None) -> float | None:
    if threshold is not None and not math.isfinite(threshold):
        raise InputError(
            f"--threshold must be a finite number of nats, not {threshold}"
        )
    return threshold


def _print_or_write(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")
    else:
        _write(out, text)


def _write(path: Path, content: str | bytes) -> None:
    from lm_eval_faith.files import write_whole

    try:
        write_whole(path, content)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror})") from None


def main() -> None:
    """The console script: one sentence and exit code 2 for bad input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # terminals that lack a character
            stream.reconfigure(errors="backslashreplace")
    try:
        _commands()(prog_name="lm-eval-faith")
    except InputError as error:
        from lm_eval_faith.shown import brief

        print(f"error: {brief(str(error), longest=2000)}", file=sys.stderr)
        raise SystemExit(2) from None


@functools.cache
def _commands() -> Callable[..., object]:
    """All commands, put together once a process."""
    return typer.main.get_command(app)
