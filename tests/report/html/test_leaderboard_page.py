"""The leaderboard's page and site in a browser."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from benchmarks.report import write_runs
from lm_eval_faith.errors import InputError
from lm_eval_faith.report import report_schema
from lm_eval_faith.report.html.leaderboard_page import Scale, leaderboard_page
from lm_eval_faith.report.html.site import check_site, file_names, write_site
from lm_eval_faith.report.leaderboard import leaderboards
from lm_eval_faith.report.report import Asked

from .conftest import QUICK


def falls(run: Path, factor: float) -> None:
    """Every log-probability of a run times a factor."""
    for file in run.rglob("samples_*.jsonl"):
        samples = [json.loads(line) for line in file.read_text().splitlines()]
        for sample in samples:
            sample["filtered_resps"] = [
                [str(factor * float(logprob)), greedy]
                for logprob, greedy in sample["filtered_resps"]
            ]
        file.write_text("".join(f"{json.dumps(sample)}\n" for sample in samples))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Four models on the same problems: one falls twice as far as the others."""
    folder = tmp_path_factory.mktemp("board")
    write_runs(folder, models=4, problems=30, steps=6)
    falls(folder / "model-02", 2)
    return folder


@pytest.fixture(scope="module")
def boards(folder):
    return leaderboards([folder], bootstrap=QUICK)


@pytest.fixture(scope="module")
def html(boards) -> str:
    return leaderboard_page(boards)


def models(opened) -> list[str]:
    return opened.texts(".board:not([hidden]) .models tr.model .name")


def test_the_page_opens_without_errors_and_without_a_network(html, open_page):
    for scheme in ("light", "dark"):
        opened = open_page(html, color_scheme=scheme)
        opened.page.locator(".sort:visible").last.click()
        assert opened.logged == [] and opened.requests == []


def test_models_stand_in_the_order_of_the_board_with_their_ranks(
    boards, html, open_page
):
    opened = open_page(html)
    assert models(opened) == [entry.model for entry in boards[0].entries]
    told = opened.texts(".board:not([hidden]) tr.model td:first-child")
    assert told == [entry.ranks for entry in boards[0].entries]
    assert len(set(told)) > 1 and boards[0].entries[0].model == "model-02"


def test_each_model_has_its_cards_word_and_the_lines_below(boards, html, open_page):
    opened = open_page(html)
    board = opened.page.locator(".board:not([hidden])")
    words = [e.report.card.word for e in boards[0].entries]
    assert board.locator(".models tr.model .word").all_inner_texts() == words
    board.locator("details.cards summary").click()
    sentences = [e.report.card.sentence for e in boards[0].entries]
    assert board.locator(".cards .card-sentence").all_inner_texts() == sentences
    assert board.locator(".cards .card").first.locator("tbody tr").count() == 6


def moved(entry, model, folder, shown=""):
    """The entry as that of another model and folder."""
    task = replace(entry.report.task, path=Path(folder) / "samples.jsonl")
    report = replace(entry.report, model=model, task=task, model_path="")
    return replace(entry, model=shown or model, report=report)


def test_models_given_as_folders_are_called_by_their_last_name(boards, open_page):
    (entry, *_) = boards[0].entries
    names = ("/models/big/solver", "./small", "org/name", "twin", "twin")
    folders = ("/a", "/b", "/c", "/out/first/twin", "/out/second/twin")
    entries = tuple(
        moved(entry, name, folder, f"twin ({folder})" if name == "twin" else "")
        for name, folder in zip(names, folders, strict=True)
    )
    board = replace(boards[0], entries=entries, pairs=(), unpaired=())
    opened = open_page(leaderboard_page([board]))
    shown = ["solver", "small", "org/name", "twin (first)", "twin (second)"]
    assert models(opened) == shown
    whole = opened.page.locator(".models tr.model .name").first.get_attribute("title")
    assert whole == "/models/big/solver"
    lede = opened.page.locator(".lede").inner_text()
    assert lede.startswith("4 models in 5 runs, ordered")


def test_models_that_cannot_be_told_apart_by_their_last_name_have_the_whole_one(
    boards, open_page
):
    (entry, *_) = boards[0].entries
    entries = tuple(moved(entry, name, "/same") for name in ("/a/solver", "/b/solver"))
    board = replace(boards[0], entries=entries, pairs=(), unpaired=())
    assert models(open_page(leaderboard_page([board]))) == ["/a/solver", "/b/solver"]


def test_facts_of_runs_are_no_warnings(boards, open_page):
    (entry, *_) = boards[0].entries
    report = replace(entry.report, warnings=("a fact", "a warning"), notes=("a fact",))
    entries = tuple(replace(entry, model=name, report=report) for name in ("m", "n"))
    board = replace(boards[0], entries=entries, pairs=(), unpaired=(), warnings=())
    opened = open_page(leaderboard_page([board]))
    assert opened.texts(".warnings li") == ["m, n: a warning."]
    assert opened.texts(".facts-told li") == ["m, n: a fact."]


def test_a_heading_sorts_by_click_and_by_keyboard_and_says_so(boards, html, open_page):
    opened = open_page(html)
    board = boards[0]
    heading = opened.page.locator(".board:not([hidden]) thead th")
    for k, figure in enumerate(board.columns):
        points = {e.model: e.point(figure) for e in board.entries}
        button = heading.nth(k + 2).locator("button")
        button.click()
        assert heading.nth(k + 2).get_attribute("aria-sort") == "descending"
        shown = [points[name] for name in models(opened)]
        assert shown == sorted(points.values(), reverse=True)
        button.press("Enter")
        assert heading.nth(k + 2).get_attribute("aria-sort") == "ascending"
        assert [points[name] for name in models(opened)] == shown[::-1]
    assert opened.page.locator("[aria-sort]:visible").count() == 1
    heading.nth(0).locator("button").press("Space")
    assert models(opened) == [entry.model for entry in board.entries]


def test_names_sort_by_letters(html, open_page):
    opened = open_page(html)
    opened.page.locator(".board:not([hidden]) thead th").nth(1).locator(
        "button"
    ).click()
    assert models(opened) == [f"model-0{k}" for k in range(4)]


def test_bars_of_a_column_are_drawn_on_one_scale(boards, html, open_page):
    opened = open_page(html)
    board, figure = boards[0], boards[0].columns[0]
    estimates = [e.rows[figure].estimate for e in board.entries]
    low = min(0.0, *(e.low for e in estimates))
    high = max(0.0, *(e.high for e in estimates))
    cells = opened.page.locator(
        ".board:not([hidden]) tr.model td.estimate:nth-child(3)"
    )
    for k, e in enumerate(estimates):
        reach = cells.nth(k).locator(".reach")
        for end, value in (("x1", e.low), ("x2", e.high)):
            place = float(reach.get_attribute(end))
            assert place == pytest.approx(100 * (value - low) / (high - low), abs=0.01)


def test_a_share_is_drawn_from_zero_to_one():
    assert Scale(0.0, 1.0).place(0.25) == 25.0


def test_the_matrix_has_every_pair_both_ways_and_says_who_is_told_apart(
    boards, html, open_page
):
    opened = open_page(html)
    names = [entry.model for entry in boards[0].entries]
    rows = opened.page.locator(".board:not([hidden]) .matrix").first.locator("tbody tr")
    for pair in boards[0].pairs:
        d = pair.difference
        first, second = names.index(d.first), names.index(d.second)
        point = d.comparison.estimate.point
        for row, column, sign in ((first, second, 1), (second, first, -1)):
            cell = rows.nth(row).locator("td").nth(column)
            assert f"{sign * point:.3f}" in cell.inner_text()
            said = {1: "▲", -1: "▼"}[sign if point > 0 else -sign]
            assert (said in cell.inner_text()) == pair.told_apart
            apart = "not told apart" not in cell.get_attribute("title")
            assert apart == pair.told_apart
    assert any(p.told_apart for p in boards[0].pairs)
    assert not all(p.told_apart for p in boards[0].pairs)


def test_the_intervention_can_be_chosen_and_is_named_in_the_link(
    boards, html, open_page
):
    opened = open_page(html)
    title = opened.page.locator(".board:not([hidden]) h2")
    assert title.inner_text().startswith("corrupt:")
    other = boards[1].intervention
    opened.page.get_by_label("Intervention").select_option(other)
    assert title.count() == 1 and title.inner_text().startswith(f"{other}:")
    linked = open_page(html, hash="#board-2").page
    assert linked.locator(".board:not([hidden]) h2").inner_text().startswith(other)


def test_without_scripts_every_board_is_shown(boards, html, open_page):
    opened = open_page(html, java_script_enabled=False)
    assert opened.page.locator(".board:visible").count() == len(boards)
    assert not opened.page.locator("#choose").is_visible()


def test_a_phone_shows_the_page_without_scrolling_sideways(html, open_page):
    opened = open_page(html, width=390)
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not opened.page.evaluate(wide)
    name = opened.page.locator(".models tr.model .name").first
    opened.page.locator(".models").first.evaluate("t => t.parentNode.scrollLeft = 400")
    assert name.bounding_box()["x"] >= 0  # the name stays when figures are scrolled


def test_every_column_is_seen_in_a_wide_window_and_on_paper(html, open_page):
    beyond = "t => t.parentNode.scrollWidth > t.parentNode.clientWidth"
    models = open_page(html, width=1400).page.locator(".models").first
    assert not models.evaluate(beyond)
    paper = open_page(html, width=718)  # A4 less its margins
    paper.page.emulate_media(media="print")
    assert not paper.page.locator(".models").first.evaluate(beyond)


def test_a_printed_page_has_no_controls(html, open_page):
    opened = open_page(html)
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("#choose").is_visible()
    assert opened.page.locator(".models:visible").count() == 1


def test_a_board_of_one_model_has_no_matrix(folder, open_page):
    page = leaderboard_page(leaderboards([folder / "model-00"], bootstrap=QUICK))
    opened = open_page(page)
    assert len(models(opened)) == 1
    assert opened.page.locator(".matrix").count() == 0 and opened.logged == []


# --- the site ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(boards, tmp_path_factory) -> Path:
    site = tmp_path_factory.mktemp("out") / "site"
    write_site(site, boards, QUICK, Asked())
    return site


def test_the_site_links_every_model_to_its_report_and_back(site, boards, open_page):
    assert [p.name for p in site.parent.iterdir()] == ["site"]
    opened = open_page(site / "index.html")
    for name in [entry.model for entry in boards[0].entries]:
        opened.page.locator(".board:not([hidden]) a", has_text=name).click()
        assert opened.page.url.endswith(f"/reports/{name}.html")
        assert name in opened.page.locator(".lede").inner_text()
        opened.page.get_by_role("link", name="Leaderboard").click()
        assert opened.page.url.endswith("/site/index.html")
    assert opened.logged == []


def test_the_site_holds_the_numbers_as_json_and_csv(site, boards, open_page):
    content = json.loads((site / "leaderboard.json").read_text())
    Draft202012Validator(report_schema()).validate(content)
    with (site / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * sum(len(board.columns) for board in boards)
    links = open_page(site / "index.html").page.locator("footer a")
    assert [link.get_attribute("href") for link in links.all()] == [
        "leaderboard.json",
        "leaderboard.csv",
    ]


def test_a_site_replaces_an_earlier_one_and_nothing_else(site, boards, tmp_path):
    site = Path(shutil.copytree(site, tmp_path / "site"))
    (site / "reports" / "gone.html").write_text("of a model that is no longer there")
    write_site(site, boards, QUICK, Asked())
    assert not (site / "reports" / "gone.html").exists()
    (site / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds mine.txt"):
        write_site(site, boards, QUICK, Asked())
    assert (site / "mine.txt").read_text() == "mine"
    shutil.rmtree(site)
    site.write_text("a file")
    with pytest.raises(InputError, match="not a directory"):
        check_site(site)
    with pytest.raises(InputError, match="there is no directory"):
        check_site(tmp_path / "nowhere" / "site")


def test_a_site_that_cannot_be_made_whole_leaves_the_earlier_one(
    site, boards, tmp_path, monkeypatch
):
    from lm_eval_faith.report.html import site as module

    site = Path(shutil.copytree(site, tmp_path / "site"))
    before = (site / "index.html").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_report_page", full)
    with pytest.raises(InputError, match="No space left"):
        write_site(site, boards, QUICK, Asked())
    assert (site / "index.html").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_the_command_writes_page_and_site(command, folder, tmp_path):
    page, site = tmp_path / "page.html", tmp_path / "site"
    code, out, error = command(
        "leaderboard", folder, "--n-resamples", 50, "--html", page, "--site", site
    )
    assert (code, out, error) == (0, "", "")
    assert "<table" in page.read_text() and (site / "index.html").is_file()
    code, out, error = command("leaderboard", folder, "--site", page)
    assert (code, out, error.count("\n")) == (2, "", 1)


def test_names_of_files_are_safe_and_no_two_are_alike():
    names = [
        "a",
        "A",
        "a/../../b",
        "..",
        "",
        "con",
        "a b",
        "a\x00b",
        "ü" * 300,
        "x" * 300,
    ]
    names += [".hidden", "--help"]
    made = file_names(names)
    assert made[:3] == ["a", "A-2", "a-..-..-b"]
    assert len({name.casefold() for name in made}) == len(names)
    for name in made:
        assert name == Path(name).name and name not in (".", "..") and len(name) < 100
        assert name.isascii() and not name.startswith((".", "-"))
