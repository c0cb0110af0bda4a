"""Hostile texts in every place of a run, through every command and form but pages.

Pages are put to the same test in a browser: tests/report/html/test_hostile_pages.py.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import math
import os
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from lm_eval_faith.report import plot

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

FORMS = {
    "report": ("table", "markdown", "csv", "json"),
    "compare": ("table", "markdown", "csv", "json"),
    "agree": ("table", "markdown", "csv", "json"),
    "leaderboard": ("table", "csv", "json"),
}
FEW = ("--n-resamples", 20)
FITS = 16
"""Characters of a name that no table of ours cuts or breaks."""

_OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff"  # categories Cc and Cs
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f]"  # what changes the direction of a line
)
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


_UNSEEN = re.compile(
    "[\u00ad\u200b\u2060\ufeff\ufff9-\ufffb"  # of category Cf, wherever they stand
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]"  # fillers
)


def obeyed(text: str) -> list[str]:
    """The characters that a terminal or a reader's eye would obey, but line feeds, and
    those that no eye sees."""
    return _OBEYED.findall(text) + _UNSEEN.findall(text)


@functools.cache
def shown(text: str) -> str:
    """What stands for a text: controls by their numbers, as in `\\x1b`.

    Format characters that make an emoji of others stay, and up to five marks on a letter.
    """
    made, joined, marks = [], True, 0
    for k, c in enumerate(text):
        marks = marks + 1 if unicodedata.category(c) in ("Mn", "Me") else 0
        joined = text[k - 1 : k] >= "\U0001f000" and joined if k else False
        unseen = unicodedata.category(c) == "Cf" or _UNSEEN.match(c)
        written = (_OBEYED.match(c) and c != "\t") or (unseen and not joined)
        written = written or marks > 5
        made.append(f"\\x{ord(c):02x}" if written else c)
        joined = not written
    return "".join(made)


def guarded(text: str) -> str:
    """The same in CSV, where a spreadsheet would take the text for a formula."""
    return f"'{shown(text)}" if _FORMULA.match(text) else shown(text)


def squeezed(text: str) -> str:
    """Without white space, where lines were broken."""
    return "".join(text.split())


def blank(text: str) -> bool:
    return not text.strip()


# --- what every output must be ------------------------------------------------------


def check_table(out: str, texts: Sequence[str]) -> None:
    assert obeyed(out) == []
    seen = squeezed(out)
    for text in texts:
        line = shown(text).replace("\n", "\\n").replace("\t", "\\t")
        assert len(line) > FITS or squeezed(line) in seen, text
    assert not any(line.startswith("! all is well") for line in out.splitlines())


def check_markdown(out: str, texts: Sequence[str]) -> None:
    assert obeyed(out) == [] and not re.search(r"(?<!\\)(\\\\)*\$", out)
    inline = (t for t in MARKDOWN.parse(out) if t.type == "inline")
    seen = squeezed("".join(c.content for t in inline for c in t.children or ()))
    for text in texts:
        assert squeezed(shown(text)) in seen, text


def structure(text: str) -> list[str]:
    """Blocks and inline marks of Markdown, in order, without texts."""
    found = []
    for token in MARKDOWN.parse(text):
        found.append(token.type)
        marks = (child.type for child in token.children or ())
        found += [mark for mark in marks if mark not in ("text", "text_special")]
    return found


def check_csv(out: str, texts: Sequence[str]) -> None:
    assert obeyed(out.replace("\t", "")) == []
    lines = list(csv.reader(io.StringIO(out)))
    assert {len(line) for line in lines} == {len(lines[0])}
    cells = {cell for line in lines[1:] for cell in line}
    for cell in cells:
        assert not _FORMULA.match(cell) or is_number(cell), cell
    assert {guarded(text) for text in texts} <= cells


def is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and cell.strip() == cell
    except ValueError:
        return False


def check_json(out: str, texts: Sequence[str]) -> None:
    assert obeyed(out) == []
    assert set(texts) <= set(strings(json.loads(out, parse_constant=pytest.fail)))


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


CHECKS = {
    "table": check_table,
    "markdown": check_markdown,
    "csv": check_csv,
    "json": check_json,
}


# --- names -----------------------------------------------------------------------------


def write_models(folder: Path, models: Sequence[str], tasks: Sequence[str]) -> Path:
    """A run of each model, on the task of its number; its folder has the task's name."""
    for k, model in enumerate(models):
        task = tasks[k % len(tasks)]
        write_run(folder / f"{k}" / task, ["a", "b"], model, task)
    return folder


def write_interventions(
    folder: Path, names: Sequence[str], models: Sequence[str]
) -> Path:
    """Interventions of these names, ten to a task, each task run by two models."""
    for k in range(0, len(names), 10):
        for scale, model in enumerate(models[k // 5 : k // 5 + 2], 1):
            write_run(
                folder / f"{k}" / f"{scale}",
                ["a", "b", "c"],
                model,
                f"task-{k}",
                scale=scale,
                interventions=names[k : k + 10],
            )
    return folder


MODELS = [text for text in MODEL_NAMES.values() if not blank(text)]


def numbered(letter: str, texts: Sequence[str]) -> list[str]:
    """As many names that are only names."""
    return [f"{letter}{k}" for k in range(len(texts))]


def test_models_and_tasks_of_any_name_are_shown_and_none_is_obeyed(command, tmp_path):
    tasks = [t for t in FILE_NAMES.values() if "\n" not in t and not blank(t)]
    hostile = write_models(tmp_path / "hostile", MODELS, tasks)
    harmless = write_models(
        tmp_path / "harmless", numbered("m", MODELS), numbered("t", tasks)
    )
    asked = [(n, f) for n in ("agree", "report", "leaderboard") for f in FORMS[n]]
    for part, (name, form) in enumerate(asked):  # other models for each
        which = range(part, len(MODELS), len(asked))
        told = ["--format", form, *FEW]
        code, out, error = command(name, *(hostile / f"{k}" for k in which), *told)
        assert (code, error) == (0, "")
        texts = [MODELS[k] for k in which]
        if name != "leaderboard":
            texts += [tasks[k % len(tasks)] for k in which]
        CHECKS[form](out, texts)
        if form == "markdown" and name == "agree":
            plain = command(name, *(harmless / f"{k}" for k in which), *told)[1]
            assert structure(out) == structure(plain)


def test_interventions_of_any_name_are_shown_and_none_is_obeyed(command, tmp_path):
    names = [text for text in SHORT.values() if not blank(text)]
    names += names[: -len(names) % 10]  # as many to each task
    hostile = write_interventions(tmp_path / "hostile", names, MODELS)
    harmless = write_interventions(
        tmp_path / "harmless", numbered("n", names), numbered("m", MODELS)
    )
    for turn, name in enumerate(("report", "compare", "agree")):
        for part, form in enumerate(
            FORMS[name]
        ):  # other tasks for each command and form
            tasks = range(10 * ((part + turn) % 4), len(names), 40)
            tasks = tasks if name == "agree" else tasks[turn::4]
            code, out, error = command(
                name, *(hostile / f"{k}" for k in tasks), *FEW, "--format", form
            )
            assert (code, error) == (0, "")
            CHECKS[form](out, [text for k in tasks for text in names[k : k + 10]])
            if form == "markdown":
                plain = command(
                    name, *(harmless / f"{k}" for k in tasks), *FEW, "--format", form
                )[1]
                assert structure(out) == structure(plain), name


def test_a_plan_shows_whose_variance_it_uses_and_obeys_none_of_it(command, tmp_path):
    for k, text in enumerate(MODELS[::3]):
        run = write_run(tmp_path / f"{k}", ["a", "b", "c"], text)
        form = FORMS["report"][k % 4]
        code, out, error = command("power", run, "--format", form)
        assert (code, error) == (0, "") and obeyed(out.replace("\t", "")) == []
        if form == "json" and len(text) <= FITS and not obeyed(text):
            assert any(text in told for told in strings(json.loads(out)))


def test_names_of_nothing_but_space_are_taken(command, tmp_path):
    spaces = [text for text in FILE_NAMES.values() if blank(text)]
    folder = tmp_path / "models"
    for scale, model in enumerate((" ", "two"), 1):
        for task in spaces:
            write_run(folder / f"{scale}" / task, ["a", "b"], model, task, scale=scale)
    write_run(tmp_path / "one", ["a", "b"], interventions=["", *spaces])
    for name, forms in FORMS.items():
        for form in forms:
            code, out, error = command(name, folder, *FEW, "--format", form)
            assert (code, error) == (0, "") and out
    code, out, error = command("report", tmp_path / "one", *FEW, "--format", "json")
    assert (code, error) == (0, "") and {"", *spaces} <= set(strings(json.loads(out)))


def test_a_task_whose_name_has_a_line_feed_is_refused_in_one_line(command, tmp_path):
    for text in FILE_NAMES.values():
        run = tmp_path / text
        if "\n" in text:
            write_run(run, ["a", "b"], task=text)
        code, out, error = command("report", run, *FEW)
        assert (code, out, error.count("\n")) == (2, "", 1) and obeyed(error) == []


def test_a_folder_whose_name_is_no_text_is_read(command, tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff\xfe-run")
    for scale, model in enumerate(("one", "two"), 1):
        write_run(folder / model, ["a", "b"], model, scale=scale)
    file = tmp_path / "out"
    for name, forms in FORMS.items():
        for form in forms:
            code, _, error = command(
                name, folder, *FEW, "--format", form, "--out", file
            )
            assert (code, error) == (0, ""), (name, form)
            out = file.read_text(encoding="utf-8")
            assert obeyed(out) == [] and TASK in out.replace("\\", "")


def test_long_names_do_not_flood_a_terminal(command, tmp_path):
    long = [TEXTS[name] for name in ("long_word", "long_line", "long_lines")]
    run = write_run(tmp_path / "run", ["a", "b"], interventions=["corrupt", *long])
    code, out, error = command("report", run, *FEW)
    assert (code, error) == (0, "") and "corrupt" in out and len(out) < 40_000


def test_metadata_are_in_json_as_they_are(command, tmp_path):
    metadata = {text: {text: [text]} for text in SHORT.values()}
    run = write_run(tmp_path / "run", ["a"], metadata=metadata)
    code, out, error = command("report", run, *FEW, "--format", "json")
    assert (code, error) == (0, "") and obeyed(out) == []
    settings = json.loads(out)["reports"][0]["settings"]
    assert {k: v for k, v in settings.items() if k in metadata} == metadata


# --- questions, chains and answers -----------------------------------------------------


@pytest.fixture(scope="module")
def throughout(tmp_path_factory) -> dict[str, Path]:
    """Runs of two models that hold every text in every place, by setting."""
    texts = list(TEXTS.values())
    folders = {s: tmp_path_factory.mktemp(s) for s in ("provided", "generated")}
    for setting, folder in folders.items():
        for scale, model in enumerate(("one", "two"), 1):
            task = TASK if setting == "provided" else "generated"
            write_run(folder / model, texts, model, task, setting, scale=scale)
    return folders


def test_commands_take_runs_of_hostile_texts(command, throughout):
    for turn, (name, forms) in enumerate(FORMS.items()):
        for part, form in enumerate(forms):  # each command on both, each form on both
            folder = list(throughout.values())[(turn + part) % 2]
            code, out, error = command(name, folder, *FEW, "--format", form)
            assert (code, error) == (0, "") and obeyed(out.replace("\t", "")) == []
            assert "corrupt" in out and len(out) < LONG


def test_step_records_hold_every_text(command, throughout, tmp_path):
    runs = [folder / "one" for folder in throughout.values()]
    for ending in ("csv", "parquet"):
        file = tmp_path / f"steps.{ending}"
        code, _, error = command("report", *runs, *FEW, "--steps", file)
        assert (code, error) == (0, "")
    frame = pd.read_parquet(tmp_path / "steps.parquet")
    csv.field_size_limit(10 * LONG)
    with (tmp_path / "steps.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(frame)
    for line, row in zip(lines, frame.itertuples(), strict=True):
        for column in ("chain", "before", "after", "other_answer"):
            assert line[column] == guarded(getattr(row, column))
            assert not _FORMULA.match(line[column])
    for k, text in enumerate(TEXTS.values()):
        of_text = frame[frame.chain == identity(k, text)]
        assert len(of_text) == 12 and set(of_text.before) == {text}


def test_half_a_character_is_refused_with_file_and_line(command, tmp_path):
    places = "question", "answer", "id", "text", "before", "after", "intervention"
    run = write_run(tmp_path / "run", ["a", "b"])
    file = run / f"samples_{TASK}_{DATE}.jsonl"
    first, second = file.read_text().splitlines()
    for half in HALVES:
        for place in places:
            escaped = half.replace("\\u", "\\\\u")
            broken = re.sub(
                rf'("{place}": )"[^"]*"', rf'\1"{escaped}"', second, count=1
            )
            assert half in broken
            file.write_text(f"{first}\n{broken}\n")
            for name in ("report", "agree"):
                code, out, error = command(name, run, *FEW)
                assert (code, out, error.count("\n")) == (2, "", 1), (half, place)
                assert f"{file}:2: " in error and obeyed(error) == []


def test_half_a_character_in_the_models_name_is_refused(command, tmp_path):
    run = write_run(tmp_path / "run", ["a", "b"])
    file = run / f"results_{DATE}.json"
    sound = file.read_text()
    for half in HALVES:
        file.write_text(sound.replace('"model"', f'"{half}"'))
        code, out, error = command("report", run, *FEW)
        assert (code, out, error.count("\n")) == (2, "", 1) and str(file) in error


# --- plots ---------------------------------------------------------------------------


def test_every_text_can_be_drawn_and_none_is_read_as_a_formula():
    figure = plot.figure_class()()
    drawn = [
        figure.text(0, 0, plot.name_text(text), fontsize=2) for text in SHORT.values()
    ]
    for text, made in zip(SHORT.values(), drawn, strict=True):
        seen, is_formula = made._preprocess_math(made.get_text())
        assert not is_formula
        if len(shown(text)) <= 20 and not blank(text):
            line = shown(text).replace("\n", "\\n").replace("\t", "\\t")
            assert seen.strip() == line.strip()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the font lacks some characters
        content = plot.rendered(figure, "png")
    assert content.startswith(b"\x89PNG")
