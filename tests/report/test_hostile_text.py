"""Hostile texts in every place of a run, through every output but pages.

Pages are put to the same test in a browser: tests/report/html/test_hostile_pages.py.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lm_eval_faith_stats import Bootstrap
from markdown_it import MarkdownIt

from lm_eval_faith.report import (
    agree,
    compare_runs,
    compare_tables,
    leaderboard_tables,
    load_run,
    make_reports,
    plot,
    power,
    tables,
)
from lm_eval_faith.report.cells import brief, csv_text, plain
from lm_eval_faith.report.leaderboard import leaderboards
from lm_eval_faith.report.problem_values import Figure

from ..hostile import (
    DATE,
    FILE_NAMES,
    HALVES,
    LONG,
    MODEL_NAMES,
    SHORT,
    TASK,
    TEXTS,
    identity,
    write_run,
)

QUICK = Bootstrap(n_resamples=50)
EACH = pytest.mark.parametrize("text", SHORT.values(), ids=SHORT)

_OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff"  # categories Cc and Cs
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f]"  # what changes the direction of a line
)
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def obeyed(text: str) -> list[str]:
    """The characters that a terminal or a reader's eye would obey, but line feeds."""
    return _OBEYED.findall(text)


def squeezed(text: str) -> str:
    """Without white space, where lines were broken."""
    return "".join(text.split())


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """A provided and a written run that hold every text in every place."""
    folder = tmp_path_factory.mktemp("hostile")
    texts = list(TEXTS.values())
    return (
        write_run(folder / "provided", texts, "one"),
        write_run(folder / "written", texts, "one", "generated", "generated"),
    )


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> tuple[Path, Path]:
    """The same as another model."""
    folder = tmp_path_factory.mktemp("others")
    texts = list(TEXTS.values())
    return (
        write_run(folder / "provided", texts, "two", scale=2),
        write_run(folder / "written", texts, "two", "generated", "generated", scale=2),
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[Path, Path]:
    """Two harmless runs, to which hostile names are given."""
    folder = tmp_path_factory.mktemp("small")
    return tuple(
        write_run(folder / name, ["a", "b", "c", "d"], name, scale=scale)
        for name, scale in (("one", 1), ("two", 2))
    )


# --- the same text as name of everything, in each output ----------------------------


@pytest.fixture(scope="module")
def named(small) -> Callable[[str, str], str]:
    """Writes an output of which every name is the text, and the warnings hold it."""
    reports = make_reports(small, QUICK)
    (comparison,) = compare_runs(small, QUICK)
    boards = leaderboards(small, bootstrap=QUICK)
    agreements = agree.agreements_of_run(load_run(small[0]), QUICK)
    modules = {
        "report": tables,
        "compare": compare_tables,
        "leaderboard": leaderboard_tables,
        "agree": agree,
        "power": power,
    }

    def report_of(report, text):
        task = replace(
            report.task, task=text, version=text, settings={text: {text: [text]}}
        )
        rows = [replace(r, intervention=r.intervention and text) for r in report.rows]
        return replace(
            report,
            model=text,
            task=task,
            rows=tuple(rows),
            warnings=(text, f"a {text}"),
        )

    def content(what, text):
        if what == "report":
            return [report_of(report, text) for report in reports]
        if what == "compare":
            differences = [
                replace(d, first=text, second=text, figure=Figure(text, d.figure.name))
                for d in comparison.differences
            ]
            return [
                replace(
                    comparison,
                    task=text,
                    models=(text, text),
                    differences=tuple(differences),
                    warnings=(text,),
                )
            ]
        if what == "leaderboard":
            board = boards[0]
            entries = [
                replace(e, model=text, report=report_of(e.report, text))
                for e in board.entries
            ]
            pairs = [
                replace(p, difference=replace(p.difference, first=text, second=text))
                for p in board.pairs
            ]
            return [
                replace(
                    board,
                    task=text,
                    version=text,
                    intervention=text,
                    entries=tuple(entries),
                    pairs=tuple(pairs),
                    warnings=(text,),
                )
            ]
        if what == "agree":
            found = agreements[0]
            pairs = [replace(p, first=text, second=text) for p in found.agreements]
            aucs = dict.fromkeys([text], next(iter(found.aucs.values())))
            return [
                replace(
                    found,
                    model=text,
                    task=text,
                    agreements=tuple(pairs),
                    aucs=aucs,
                    warnings=(text,),
                )
            ]
        spread = replace(power.given_spread(1.0, 0.0), name=text, source=text)
        return power.plan(spread)

    return lambda what, form, text: getattr(modules[what], f"as_{form}")(
        content(what, text)
    )


OUTPUTS = ("report", "compare", "leaderboard", "agree", "power")


@EACH
def test_a_terminal_obeys_nothing_and_shows_the_text(named, text):
    for what in OUTPUTS:
        out = named(what, "table", text)
        assert obeyed(out) == []
        assert squeezed(brief(text)) in squeezed(out)


def test_a_name_cannot_forge_a_line_of_the_terminal(named):
    for what in OUTPUTS:
        lines = named(what, "table", TEXTS["line_feed"]).splitlines()
        assert not any(line.startswith("! all is well") for line in lines)


@pytest.mark.parametrize("name", ["long_word", "long_line", "long_lines"])
def test_a_terminal_is_not_flooded_by_a_long_name(named, name):
    for what in OUTPUTS:
        assert len(named(what, "table", TEXTS[name])) < 40_000


@EACH
def test_markdown_shows_the_text_and_makes_nothing_of_it(named, text):
    for what in ("report", "compare", "agree", "power"):
        out = named(what, "markdown", text)
        assert obeyed(out) == [] and not re.search(r"(?<!\\)(\\\\)*\$", out)
        harmless = named(what, "markdown", "harmless" if text.strip() else text)
        assert structure(out) == structure(harmless)
        assert squeezed(plain(text)) in squeezed(markdown_content(out))


def structure(text: str) -> list[str]:
    """Blocks and inline marks of Markdown, in order, without empty texts."""
    found = []
    for token in MARKDOWN.parse(text):
        found.append(token.type)
        marks = (child.type for child in token.children or ())
        found += [mark for mark in marks if mark not in ("text", "text_special")]
    return found


def markdown_content(text: str) -> str:
    inline = (t for t in MARKDOWN.parse(text) if t.type == "inline")
    return " ".join(child.content for t in inline for child in t.children or ())


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@EACH
def test_csv_is_no_formula_and_parses_back(named, text):
    for what in OUTPUTS:
        check_csv(named(what, "csv", text), text)


def check_csv(out, text):
    assert obeyed(out.replace("\t", "")) == []
    lines = list(csv.reader(io.StringIO(out)))
    assert {len(line) for line in lines} == {len(lines[0])}
    cells = [cell for line in lines[1:] for cell in line]
    for cell in cells:
        assert not _FORMULA.match(cell) or is_number(cell), cell
    assert csv_text(text) in cells or csv_text(f"{text}; a {text}") in cells


def is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell))) and cell.strip() == cell
    except ValueError:
        return False


@EACH
def test_json_holds_the_text_as_it_is_and_nothing_that_a_terminal_obeys(named, text):
    for what in OUTPUTS:
        out = named(what, "json", text)
        assert obeyed(out) == []
        assert text in strings(json.loads(out, parse_constant=pytest.fail))


def strings(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {s for inner in value.values() for s in strings(inner)}
    if isinstance(value, list):
        return {s for inner in value for s in strings(inner)}
    return {value} if isinstance(value, str) else set()


# --- questions, chains and answers, from files ---------------------------------------


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize("name", ["report", "agree", "compare", "leaderboard"])
def test_commands_take_runs_of_hostile_texts(command, runs, others, name, form):
    if (name, form) == ("leaderboard", "markdown"):
        pytest.skip("there is no such form")
    more = () if name in ("report", "agree") else others
    code, out, error = command(
        name, *runs, *more, "--format", form, "--n-resamples", 50
    )
    assert (code, error) == (0, "") and obeyed(out.replace("\t", "")) == []
    assert len(out) < LONG


def test_step_records_hold_every_text(command, runs, tmp_path):
    for ending in ("csv", "parquet"):
        code, _, error = command(
            "report",
            *runs,
            "--n-resamples",
            50,
            "--steps",
            tmp_path / f"steps.{ending}",
        )
        assert (code, error) == (0, "")
    frame = pd.read_parquet(tmp_path / "steps.parquet")
    csv.field_size_limit(10 * LONG)
    with (tmp_path / "steps.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(frame)
    for line, row in zip(lines, frame.itertuples(), strict=True):
        for column in ("chain", "before", "after", "other_answer"):
            assert line[column] == csv_text(getattr(row, column))
            assert not _FORMULA.match(line[column])
            assert obeyed(line[column].replace("\t", "")) == []
    for k, text in enumerate(TEXTS.values()):
        of_text = frame[frame.document == identity(k, text)]
        assert len(of_text) == 12 and set(of_text.before) == {text}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    "place", ["question", "answer", "id", "text", "before", "after", "intervention"]
)
def test_half_a_character_is_refused_with_file_and_line(
    command,
    tmp_path,
    half,
    place,
):
    run = write_run(tmp_path / "run", ["a", "b"])
    file = run / f"samples_{TASK}_{DATE}.jsonl"
    first, second = file.read_text().splitlines()
    broken = re.sub(
        rf'("{place}": )"[^"]*"',
        rf'\1"{half}"'.replace("\\u", "\\\\u"),
        second,
        count=1,
    )
    assert half in broken
    file.write_text(f"{first}\n{broken}\n")
    for name in ("report", "agree"):
        code, out, error = command(name, run, "--n-resamples", 50)
        assert (code, out, error.count("\n")) == (2, "", 1)
        assert f"{file}:2: " in error and obeyed(error) == []


@pytest.mark.parametrize("half", HALVES)
def test_half_a_character_in_the_models_name_is_refused(command, tmp_path, half):
    run = write_run(tmp_path / "run", ["a", "b"])
    file = run / f"results_{DATE}.json"
    file.write_text(file.read_text().replace('"model"', f'"{half}"'))
    code, out, error = command("report", run, "--n-resamples", 50)
    assert (code, out, error.count("\n")) == (2, "", 1) and str(file) in error


# --- names from files, folders and metadata ------------------------------------------


@pytest.fixture(scope="module")
def by_model(tmp_path_factory) -> Path:
    """A run a hostile model name, which is also among its metadata."""
    folder = tmp_path_factory.mktemp("models")
    for k, text in enumerate(MODEL_NAMES.values()):
        write_run(folder / f"{k}", ["a", "b"], text, metadata={"pretrained": text})
    return folder


def test_models_of_any_name_are_reported_and_ranked(command, by_model):
    for name, key in (("report", "reports"), ("leaderboard", "leaderboards")):
        code, out, error = command(
            name, by_model, "--n-resamples", 20, "--format", "json"
        )
        assert (code, error) == (0, "") and obeyed(out) == []
        found = json.loads(out)[key]
        models = found if name == "report" else found[0]["models"]
        assert {m["model"] for m in models} == set(MODEL_NAMES.values())


def test_metadata_are_in_json_as_they_are(command, tmp_path):
    metadata = {text: {text: [text]} for text in SHORT.values()}
    run = write_run(tmp_path / "run", ["a"], metadata=metadata)
    code, out, error = command("report", run, "--n-resamples", 20, "--format", "json")
    assert (code, error) == (0, "") and obeyed(out) == []
    settings = json.loads(out)["reports"][0]["settings"]
    assert {k: v for k, v in settings.items() if k in metadata} == metadata


@pytest.mark.parametrize("text", FILE_NAMES.values(), ids=FILE_NAMES)
def test_folders_and_tasks_of_any_name_are_read_or_refused(command, tmp_path, text):
    folder = tmp_path / text
    runs = [write_run(folder / name, ["a", "b"], task=text) for name in "xy"]
    for name, form in (("report", "table"), ("compare", "json"), ("compare", "csv")):
        code, out, error = command(name, *runs, "--n-resamples", 20, "--format", form)
        assert code in (0, 2) and obeyed(out.replace("\t", "")) == []
        assert obeyed(error) == [] and error.count("\n") == (code == 2)
        if code == 0 and form == "json":
            assert json.loads(out)["comparisons"][0]["task"] == text
    code, out, error = command("report", folder / "missing")
    assert (code, error.count("\n")) == (2, 1) and obeyed(error) == []


def test_a_folder_whose_name_is_no_text_is_read(command, tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff\xfe-run")
    runs = [write_run(folder / name, ["a", "b"]) for name in "xy"]
    out = tmp_path / "out"
    for name in ("report", "compare", "agree", "leaderboard"):
        for form in ("table", "json", "csv"):
            code, _, error = command(
                name, *runs, "--n-resamples", 20, "--format", form, "--out", out
            )
            assert (code, error) == (0, ""), (name, form)
            assert obeyed(out.read_text(encoding="utf-8")) == []


# --- plots ---------------------------------------------------------------------------


def test_every_text_can_be_drawn_and_none_is_read_as_a_formula():
    figure = plot.figure_class()()
    drawn = [
        figure.text(0, 0, plot.name_text(text), fontsize=2) for text in TEXTS.values()
    ]
    for text, made in zip(TEXTS.values(), drawn, strict=True):
        shown, is_formula = made._preprocess_math(made.get_text())
        assert not is_formula
        assert shown.strip() == brief(text, plot.LONGEST_LABEL).strip()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the font lacks some characters
        content = plot.rendered(figure, "png")
    assert content.startswith(b"\x89PNG")


@pytest.mark.parametrize("form", ["png", "svg"])
@pytest.mark.parametrize(
    "name",
    [
        "latex_broken",
        "latex_display",
        "script",
        "comment_close",
        "underscore",
        "nul",
        "long_word",
        "cdata",
    ],
)
def test_plots_draw_hostile_names(small, tmp_path, name, form):
    text = TEXTS[name]
    for setting in ("provided", "generated"):
        run = load_run(write_run(tmp_path / setting, ["a", "b"], setting=setting))
        task = run.tasks[0]
        chains = tuple(
            replace(
                chain,
                steps=tuple(
                    replace(r, intervention=text)
                    for r in chain.steps
                    if r.intervention == "corrupt"
                ),
            )
            for chain in task.chains
        )
        figure = plot.drawn(text, replace(task, task=text, chains=chains))
        content = plot.rendered(figure, form)
        if form == "svg":
            assert b"<script" not in content and b"<img" not in content
            from xml.dom import minidom

            assert minidom.parseString(content).documentElement.tagName == "svg"
    if setting == "generated":
        (legend,) = [a.get_legend() for a in figure.axes if a.get_legend()]
        assert [t.get_text() for t in legend.get_texts()] == [plot.name_text(text)]


def test_the_curve_of_a_plan_names_any_figure():
    for name in ("latex_broken", "latex_math", "nul", "long_word"):
        spread = replace(power.given_spread(1.0, 0.0), name=TEXTS[name])
        assert plot.rendered(power.power_curve(power.plan(spread)), "png")
