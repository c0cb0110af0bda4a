"""Hostile texts in every place of the pages: nothing runs, and each shows as written.

Every other output is put to the same test in tests/report/test_hostile_text.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from lm_eval_faith.records.run import load_run
from lm_eval_faith.report.html.leaderboard_page import (
    LONGEST_NAME,
    last_name,
    leaderboard_page,
)
from lm_eval_faith.report.html.report_page import as_html, pages_of_run, report_page
from lm_eval_faith.report.html.site import write_site
from lm_eval_faith.report.leaderboard import leaderboards
from lm_eval_faith.report.report import NOTHING_ASKED
from lm_eval_faith.shown import brief, plain

from ...hostile import MODEL_NAMES, SHORT, TEXTS, write_run
from .conftest import QUICK

INJECTED = (
    "main script, main iframe, main img, main object, main embed, main base, main meta, "
    "main link, main form:not(#choose, .controls), main video, main template, main plaintext, "
    "main math, main marquee, body style, [onerror], [onload], [onfocus], [onmouseover], "
    "[ontoggle], [onbegin], [style*=fixed], a[href^=javascript], a[href*='evil']"
)
"""What no page of ours has in it."""


def check(opened, injected: str = INJECTED) -> None:
    """Nothing ran, nothing was asked for, nothing was logged, nothing was added."""
    page = opened.page
    assert page.evaluate("typeof window.__pwned") == "undefined"
    assert opened.logged == [] and opened.requests == []
    found = page.locator(injected).evaluate_all("all => all.map(e => e.outerHTML)")
    assert found == []
    assert page.locator("body > main, body > footer").count() == 2
    assert page.locator("#choose").count() <= 1 and page.locator("#data").count() <= 1


CHOOSE_EACH = """() => {
  const task = document.getElementById("task");
  return [...task.options].map((_, k) => {
    task.selectedIndex = k;
    task.dispatchEvent(new Event("change"));
    return document.querySelector(".board:not([hidden]) h2").textContent;
  });
}"""
"""Chooses one board after the other, and gives the title of each."""

OPEN_EACH = """() => {
  const texts = [];
  for (let k = 0; ; k++) {
    const steps = document.querySelectorAll(".step");
    steps[k % steps.length].click();
    texts.push(document.querySelector(".problem").textContent);
    const next = document.querySelector(".problem .next");
    if (next.disabled) return texts;
    next.click();
  }
}"""
"""Opens a step of one problem after the other, and gives the text of each problem."""


def refuse_dialogs(opened) -> None:
    opened.page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))


def shown(text: str) -> str:
    """As a page shows it: control characters written out, white space as one space."""
    return squeezed(plain(text))


def squeezed(text: str) -> str:
    return re.sub(r"[\t\n\r ]+", " ", text).strip(" ")


# --- the leaderboard -----------------------------------------------------------------


@pytest.fixture(scope="module")
def boards(tmp_path_factory):
    """Two harmless models, their names to be replaced."""
    folder = tmp_path_factory.mktemp("small")
    runs = [
        write_run(folder / name, ["a", "b", "c", "d"], name, scale=scale)
        for name, scale in (("one", 1), ("two", 2))
    ]
    return leaderboards(runs, bootstrap=QUICK)


def renamed(board, names):
    """The board with as many copies of its first model as there are names."""
    entry = board.entries[0]
    entries = tuple(
        replace(
            entry,
            model=name,
            report=replace(entry.report, model=name, warnings=(name, f"of {name}")),
        )
        for name in names
    )
    pair = board.pairs[0]
    pairs = tuple(
        replace(pair, difference=replace(pair.difference, first=first, second=second))
        for first, second in pairwise(names)
    )
    return replace(board, entries=entries, pairs=pairs)


def test_models_of_hostile_names_are_shown_and_none_runs(boards, open_page):
    some = [t for k, t in enumerate(TEXTS.values()) if "<" in t or k % 4 == 1]
    names = [text for text in some if text]
    opened = open_page(leaderboard_page([renamed(boards[0], names)]))
    refuse_dialogs(opened)
    cells = opened.page.locator(".models tr.model .name")
    texts = [
        squeezed(text)
        for text in cells.evaluate_all("all => all.map(e => e.textContent)")
    ]
    last = [last_name(name) for name in names]
    told = [
        short if last.count(short) == 1 else name
        for short, name in zip(last, names, strict=True)
    ]
    assert texts == [squeezed(brief(name, LONGEST_NAME)) for name in told]
    opened.page.locator(".sort").evaluate_all("all => all.forEach(e => e.click())")
    opened.page.locator(".models tr.model .name").first.hover()
    check(opened)


def test_tasks_and_interventions_of_hostile_names_are_shown_and_none_runs(
    boards, open_page
):
    texts = [text for text in SHORT.values() if text.strip()]
    places = [(*texts[k : k + 3], *texts)[:3] for k in range(0, len(texts), 3)]
    hostile = [
        replace(
            boards[0], task=task, version=version, intervention=name, warnings=(task,)
        )
        for task, name, version in places
    ]
    opened = open_page(leaderboard_page(hostile))
    refuse_dialogs(opened)
    titles = opened.page.evaluate(CHOOSE_EACH)
    told = [squeezed(f"{shown(name)}: {shown(task)}") for task, name, _ in places]
    assert sorted(map(squeezed, titles)) == sorted(told)
    check(opened)


def test_a_site_of_hostile_models_stays_in_its_folder(tmp_path, open_page):
    folder = tmp_path / "runs"
    names = list(MODEL_NAMES.values())[::12]
    for k, name in enumerate(names):
        write_run(folder / str(k), ["a", "b"], name)
    site = tmp_path / "out" / "site"
    site.parent.mkdir()
    write_site(site, leaderboards([folder], bootstrap=QUICK), QUICK, NOTHING_ASKED)
    assert [path.name for path in site.parent.iterdir()] == ["site"]
    assert len(list((site / "reports").iterdir())) == len(names)
    opened = open_page(site / "index.html")
    for link in opened.page.locator(".board:not([hidden]) .models a").all():
        assert re.fullmatch(r"reports/[\w.-]+\.html", link.get_attribute("href"))
    check(opened)


# --- the report ----------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["provided", "generated"])
def test_questions_chains_and_answers_are_those_of_the_run_and_none_runs(
    setting, tmp_path, open_page
):
    run = write_run(tmp_path / "run", list(SHORT.values()), setting=setting)
    opened = open_page(report_page([run], QUICK).html)
    refuse_dialogs(opened)
    assert opened.found() == len(SHORT)
    told = [squeezed(text) for text in opened.page.evaluate(OPEN_EACH)]
    assert len(told) == len(SHORT)
    for text in SHORT.values():
        assert any(shown(text) in whole for whole in told), text
    check(opened)


def test_texts_of_a_million_characters_open(tmp_path, open_page):
    long = [text for name, text in TEXTS.items() if name not in SHORT]
    run = write_run(tmp_path / "run", long)
    opened = open_page(report_page([run], QUICK).html)
    opened.page.locator(".step").first.click()
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not opened.page.evaluate(wide)
    check(opened)


def test_names_and_metadata_of_a_report_are_shown_and_none_runs(tmp_path, open_page):
    texts = [text for text in SHORT.values() if text.strip()]
    run = load_run(
        write_run(
            tmp_path / "run",
            ["a", "b", "c"],
            metadata={text: {text: [text]} for text in texts},
        )
    )
    (made,) = pages_of_run(run, QUICK)
    places = [(*texts[k : k + 6], *texts)[:6] for k in range(0, len(texts), 6)]
    pages = [
        replace(
            made,
            report=replace(
                made.report,
                model=model,
                task=replace(made.report.task, task=task, version=version),
                warnings=tuple(warnings),
            ),
        )
        for model, task, version, *warnings in places
    ]
    opened = open_page(as_html(pages, QUICK))
    refuse_dialogs(opened)
    whole = squeezed(opened.page.locator("body").text_content())
    assert [text for text in texts if shown(text) not in whole] == []
    check(opened)
