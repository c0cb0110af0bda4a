"""The report's page in a browser: it opens, every control works, and it is safe."""

import csv
import dataclasses
import json
import math
import re
from dataclasses import asdict

import pytest

from lm_eval_faith.records.outcome import ChainRecord, StepRecord
from lm_eval_faith.records.run import load_runs
from lm_eval_faith.report.cells import finite, number
from lm_eval_faith.report.compare import compare_runs
from lm_eval_faith.report.html import report_page as pages
from lm_eval_faith.report.html.chains import SCALE, BrowsedTask, packed, problem_key
from lm_eval_faith.report.html.report_page import report_page
from lm_eval_faith.report.report import NOTHING_ASKED, Asked, make_reports

from .conftest import QUICK

# --- it opens ----------------------------------------------------------------------


def as_told(reports):
    """What the reports of a page say, as their JSON says it."""
    return [
        {
            "model": report.model,
            "estimates": [
                {
                    "intervention": row.intervention,
                    "metric": row.metric,
                    "meaning": row.meaning,
                    "unit": row.unit,
                    **finite(asdict(row.estimate)),
                }
                for row in report.rows
            ],
        }
        for report in reports
    ]


@pytest.mark.parametrize("name", ["provided_page", "both_page", "written_page"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_errors_and_without_a_network(
    name, scheme, request, open_page
):
    opened = open_page(request.getfixturevalue(name).html, color_scheme=scheme)
    opened.page.locator(".step").first.click()
    assert opened.logged == []
    assert opened.requests == []


def test_the_first_thing_told_is_what_was_done_to_which_model(
    provided_page, written_page, open_page
):
    lede = open_page(provided_page.html).page.locator(".lede").inner_text()
    assert lede.startswith("model-00 read 15 word problems")
    assert "“corrupt” (the numbers that it states become nearby wrong ones)" in lede
    lede = open_page(written_page.html).page.locator(".lede").inner_text()
    assert lede.startswith("one wrote its own step-by-step solutions to 12 problems")
    assert "“corrupt”" in lede and "95% interval" in lede


def test_the_card_stands_before_the_numbers_with_its_words(provided_page, open_page):
    (report,) = provided_page.reports
    page = open_page(provided_page.html).page
    card, headlines = page.locator(".card"), page.locator(".headlines")
    assert card.locator(".card-sentence").inner_text() == report.card.sentence
    rows = card.locator("tbody tr")
    shown = [
        (row.locator("th").inner_text(), row.locator(".word").inner_text())
        for row in rows.all()
    ]
    assert shown == [(line.name, line.word) for line in report.card.lines]
    assert card.bounding_box()["y"] < headlines.bounding_box()["y"]
    numbers = [line.cells[1] for line in report.card.lines]
    assert [row.locator("td").first.inner_text() for row in rows.all()] == numbers


def test_warnings_of_the_report_are_on_the_page(written_page, open_page):
    (report,) = written_page.reports
    opened = open_page(written_page.html)
    shown, facts = opened.texts(".warnings li"), opened.texts(".facts-told li")
    assert sorted(shown + facts) == sorted(f"{warning}." for warning in report.warnings)
    assert any("only 9 problems" in warning for warning in shown)
    assert any("9 of 12 documents are used" in fact for fact in facts)
    assert not any("documents are used" in warning for warning in shown)


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        (
            "provided_page",
            [
                "Load-bearing steps against decoys",
                "Telling load-bearing steps from decoys",
                "Effect by position in the chain",
                "With and without the steps that state the answer",
            ],
        ),
        (
            "written_page",
            [
                "The gradient over the chain",
                "Effect against position",
                "How the share depends on the threshold",
                "How the effects are spread",
                "With and without the steps that state the answer",
            ],
        ),
    ],
)
def test_every_figure_has_charts_with_words_and_its_data_below(
    name, titles, request, open_page
):
    opened = open_page(request.getfixturevalue(name).html)
    assert opened.texts(".figures h3") == titles
    for figure in opened.page.locator("figure").all():
        charts = figure.locator("svg.chart").all()
        assert charts
        assert all(chart.get_attribute("aria-label") for chart in charts)
        assert figure.locator("figcaption").inner_text()
        figure.locator("summary").click()
        assert figure.locator("details td").first.is_visible()


# --- its numbers -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["provided_page", "both_page", "written_page"])
def test_all_numbers_of_the_page_are_those_of_the_json_report(name, request, open_page):
    made = request.getfixturevalue(name)
    told = as_told(made.reports)
    opened = open_page(made.html)
    shown = opened.page.locator("table.estimates").evaluate_all(
        """tables => tables.map(t => [t.dataset.model, [...t.tBodies[0].rows].map(row => [
            row.cells[0].textContent, row.cells[1].textContent,
            row.querySelector("data").value, row.querySelector("data").textContent,
            row.cells[3].textContent, Number(row.cells[4].textContent)])])"""
    )
    assert [model for model, _ in shown] == [report["model"] for report in told]
    for (_, rows), report in zip(shown, told, strict=True):
        for row, e in zip(rows, report["estimates"], strict=True):
            assert row[0] == (e["intervention"] or "none") and row[1] == e["metric"]
            assert row[5] == e["n_problems"]
            if e["point"] is None:
                assert row[3] == "–"
                continue
            assert float(row[2]) == e["point"]
            assert row[3] == number(e["point"], e["unit"])
            if e["low"] is not None:
                low, high = (number(e[k], e["unit"]) for k in ("low", "high"))
                assert row[4] == f"[{low}, {high}]"


def test_headline_numbers_are_those_of_the_json_report(provided_page, open_page):
    told = {
        (e["intervention"], e["metric"]): e["point"]
        for e in as_told(provided_page.reports)[0]["estimates"]
    }
    values = open_page(provided_page.html).page.locator(".headline data")
    assert [float(v.get_attribute("value")) for v in values.all()] == [
        told["corrupt", metric]
        for metric in ("effect_load_bearing", "effect_decoy", "auc", "separated")
    ]


def test_numbers_of_written_chains_stand_with_and_without_answer_steps_in_one_tile(
    written_page, open_page
):
    told = {
        (e["intervention"], e["metric"]): e["point"]
        for e in as_told(written_page.reports)[0]["estimates"]
    }
    opened = open_page(written_page.html)
    tiles = opened.page.locator(".headline.pair").all()
    names = ("effect", "median", "load_bearing_rate", "late")
    assert len(tiles) == len(names)
    for tile, name in zip(tiles, names, strict=True):
        assert tile.locator(".of").all_inner_texts() == [
            "all steps",
            "without steps that state the answer",
        ]
        values = [float(v.get_attribute("value")) for v in tile.locator("data").all()]
        assert values == [
            told["corrupt", f"{name}_vs_control{ending}"]
            for ending in ("", "_no_answer_steps")
        ]
        first, second = (one.bounding_box() for one in tile.locator("data").all())
        assert first["y"] == second["y"] and first["x"] < second["x"]


def test_a_page_of_several_models_begins_with_one_figure_and_their_differences(
    both_page, provided_folder, open_page
):
    (task,) = compare_runs([provided_folder], QUICK)
    (d,) = [d for d in task.differences if d.quantity.name == task.primary[0]]
    e = d.comparison.estimate
    opened = open_page(both_page.html)
    opening = opened.page.locator("#opening")
    (told,) = opening.locator(".differences li").all_inner_texts()
    assert ("cannot be told apart" in told) == (d.p_adjusted >= 0.05)
    assert number(abs(e.point), "nats") in told
    assert f"[{number(e.low, 'nats')}, {number(e.high, 'nats')}]" in told
    assert opening.locator("figure").count() == 1
    charts = opening.locator("svg.chart").all()
    for chart in charts:
        names = chart.locator("text").all_text_contents()
        assert {"model-00", "model-01"} <= set(names)
    assert (
        opening.bounding_box()["y"] < opened.page.locator("#chains").bounding_box()["y"]
    )
    opening.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
    cells = opening.locator("figure td").all_inner_texts()
    shown = {(cells[k], cells[k + 1]): cells[k + 2] for k in range(0, len(cells), 4)}
    reports = {r["model"]: r["estimates"] for r in as_told(both_page.reports)}
    for (model, kind), text in shown.items():
        named = {"load-bearing": "effect_load_bearing", "decoy": "effect_decoy"}[kind]
        (e,) = [
            e
            for e in reports[model]
            if (e["intervention"], e["metric"]) == ("corrupt", named)
        ]
        assert text == number(e["point"], "nats")
    assert len(shown) == 4
    rows = [
        row.locator("td").all_inner_texts()
        for row in opening.locator("table").last.locator("tbody tr").all()
    ]
    auc = [
        next(e for e in es if (e["intervention"], e["metric"]) == ("corrupt", "auc"))
        for es in reports.values()
    ]
    assert [
        "corrupt: AUC",
        *(
            f"{number(e['point'], 'auc')} [{number(e['low'], 'auc')}, {number(e['high'], 'auc')}]"
            for e in auc
        ),
    ] in rows


def test_the_opening_shows_the_most_telling_chains_and_every_point_leads_to_its_step(
    written_page, generated_runs, open_page
):
    (task,) = load_runs(generated_runs[0])[0].tasks
    effects = {}
    for number_, chain in enumerate(task.chains, start=1):
        controls = {
            r.step: r.effect for r in chain.steps if r.intervention == "control"
        }
        for r in chain.steps:
            if r.intervention == "corrupt" and not math.isnan(r.effect):
                of = effects.setdefault(number_, {})
                of[r.step] = (r.effect - controls[r.step], r.states_answer)
    loud = max(
        (effect, number_, step)
        for number_, of in effects.items()
        for step, (effect, states) in of.items()
        if not states
    )
    quiet = min(
        (max(abs(e) for e, _ in of.values()), number_)
        for number_, of in effects.items()
    )
    opened = open_page(written_page.html)
    page = opened.page
    first, second = page.locator(".telling section").all()
    assert f"{number(loud[0], 'nats')} nats" in first.locator("h3").inner_text()
    assert f"{number(quiet[0], 'nats')} nats" in second.locator("h3").inner_text()
    assert f"problem {quiet[1]}" in second.locator(".tags").last.inner_text()
    first.locator("h3 a").click()
    page.locator(".detail:visible").wait_for()
    assert opened.problem() == f"Problem {loud[1]}"
    assert page.url.endswith(f"#problem={loud[1]}&step={loud[2] + 1}")
    # a headline number shows what it rests on
    page.locator(".headline-number a[href*=third]").first.click()
    page.wait_for_url("**third=2**")
    assert page.locator('[name="sort"]').input_value() == "largest"
    # every dot is a step
    dots = page.locator(".step-dots").first
    steps = dots.get_attribute("data-steps").split(" ")
    assert {tuple(map(int, s.split("."))) for s in steps} == {
        (number_, step + 1) for number_, of in effects.items() for step in of
    }
    place = page.evaluate(
        """() => {
        const dots = document.querySelector(".step-dots");
        dots.scrollIntoView({ block: "center", behavior: "instant" });
        const [, x, y] = /M([\\d.]+) ([\\d.]+)/.exec(dots.getAttribute("d"));
        const at = new DOMPoint(x, y).matrixTransform(dots.ownerSVGElement.getScreenCTM());
        return [at.x, at.y];
    }"""
    )
    page.mouse.click(*place)
    problem, step = steps[0].split(".")
    page.wait_for_url(f"**#problem={problem}&step={step}")
    assert opened.logged == []


def test_links_carry_intervention_models_and_filters(both_page, open_page):
    opened = open_page(both_page.html)
    choose = {"intervention": "2", "third": "1", "from": "0.5", "sort": "mean"}
    for name, value in choose.items():
        field_ = opened.page.locator(f'[name="{name}"]')
        (field_.fill if name == "from" else field_.select_option)(value)
    opened.page.locator('[name="first"]').select_option("1")
    opened.page.locator('[name="second"]').select_option("")
    link = opened.page.locator(".problem .link").get_attribute("href")
    asked = dict(part.split("=") for part in link[1:].split("&"))
    names = opened.page.locator('[name="intervention"] option').all_inner_texts()
    assert asked["intervention"] == names[2] and asked["model"] == "model-01"
    assert (asked["beside"], asked["third"], asked["from"], asked["sort"]) == (
        "nothing",
        "1",
        "0.5",
        "mean",
    )
    found, problem = opened.found(), opened.problem()
    again = open_page(both_page.html, link)
    assert (again.found(), again.problem()) == (found, problem)
    for name, value in choose.items():
        assert again.page.locator(f'[name="{name}"]').input_value() == value
    assert again.texts(".chain > h4") == ["model-01"]
    hostile = open_page(
        both_page.html, "#intervention=<b>&model=%00&third=9&from=x&sort="
    )
    assert hostile.problem() == "Problem 1" and hostile.logged == []


def test_numbers_commands_and_the_citation_are_copied_and_a_figure_is_saved(
    written_page, open_page
):
    opened = open_page(
        written_page.html,
        permissions=["clipboard-read", "clipboard-write"],
        accept_downloads=True,
    )
    page = opened.page

    def copied(button):
        button.click(force=True)
        button.and_(done).wait_for(state="attached")
        return page.evaluate("navigator.clipboard.readText()")

    done = page.locator(".copy", has_text="Copied")

    tile = page.locator(".headline.pair").first
    texts = tile.locator(".headline-number a").all_inner_texts()
    told = copied(tile.locator(".copy"))
    assert told.startswith("corrupt: effect of a step: all steps ") and all(
        t in told for t in texts
    )
    assert "95% interval [" in told
    for k, begin in enumerate(("lm-eval-faith run", "@software{lm_eval_faith,")):
        pres = page.locator("#method .copied")
        assert copied(
            (pres.first if k == 0 else pres.last).locator(".copy")
        ).startswith(begin)
    done.last.wait_for(state="detached")
    details = page.locator("details[data-csv]").first
    details.locator("summary").click()
    with page.expect_download() as download:
        details.locator(".csv").click()
    assert download.value.suggested_filename == "the-gradient-over-the-chain.csv"
    with open(download.value.path()) as file:
        saved = list(csv.DictReader(file))
    (report,) = as_told(written_page.reports)
    early = next(e for e in report["estimates"] if e["metric"] == "early_vs_control")
    assert saved[0]["mean, nats"] == number(early["point"], "nats")
    assert opened.logged == [] and opened.requests == []


def test_the_page_shows_what_make_reports_makes(provided_folder, both_page):
    assert as_told(both_page.reports) == as_told(make_reports([provided_folder], QUICK))


def test_the_moved_threshold_tells_the_shares_of_the_json_report(
    written_page, generated_runs, open_page
):
    opened = open_page(written_page.html)
    slider = opened.page.locator("[data-curve] input")
    rule = opened.page.locator('[data-mark="threshold"]')
    seen = {}
    for k in range(int(slider.get_attribute("max")) + 1):
        slider.fill(str(k))
        threshold = float(
            opened.page.locator(".threshold-at").inner_text().split(" ")[0]
        )
        cells = opened.texts(".threshold-control tbody td")
        seen[threshold] = {
            cells[i]: cells[i + 1 : i + 3] for i in range(0, len(cells), 3)
        }
    for chosen in (0.1, 0.5, 1.0, 8.0):
        (report,) = as_told(make_reports([generated_runs[0]], QUICK, Asked(chosen)))
        told = {
            e["intervention"]: e
            for e in report["estimates"]
            if e["metric"] == "load_bearing_rate_vs_control"
        }
        assert set(told) == set(seen[chosen]) == {"corrupt", "delete"}
        for name, e in told.items():
            low, high = number(e["low"], "share"), number(e["high"], "share")
            assert seen[chosen][name] == [
                number(e["point"], "share"),
                f"[{low}, {high}]",
            ]
    moved = rule.get_attribute("transform")
    opened.page.get_by_role("button", name="Back to 1").click()
    assert opened.page.locator(".threshold-at").inner_text() == "1 nat"
    assert rule.get_attribute("transform") != moved


def test_the_threshold_can_be_moved_by_keyboard_and_moves_in_the_chains(
    written_page, open_page
):
    opened = open_page(written_page.html)
    opened.page.locator("[data-curve] input").focus()
    opened.page.keyboard.press("End")
    assert opened.page.locator(".threshold-at").inner_text() == "8 nats"
    assert opened.page.locator(".step .over").count() == 0
    opened.page.keyboard.press("Home")
    assert opened.page.locator(".threshold-at").inner_text() == "0 nats"
    positive = sum(v.startswith("+") for v in opened.texts(".step .value"))
    assert opened.page.locator(".step .over").count() == positive > 0


def test_a_chosen_threshold_and_left_out_answer_steps_are_those_of_the_command(
    generated_runs, open_page
):
    made = report_page([generated_runs[0]], QUICK, Asked(0.5, True))
    opened = open_page(made.html)
    assert opened.page.locator(".threshold-at").inner_text() == "0.5 nats"
    told = "\n".join(opened.texts("#method pre"))
    assert "--threshold 0.5 --exclude-answer-steps" in told
    assert not any("answer" in title for title in opened.texts(".figures h3"))


# --- the chain browser -------------------------------------------------------------


def test_steps_have_the_effect_and_colour_of_the_records(
    provided_page, provided_folder, open_page
):
    (task,) = load_runs(provided_folder / "model-00")[0].tasks
    chain = next(c for c in task.chains if c.document == "test-0-4")
    effects = [r.effect for r in chain.steps if r.intervention == "corrupt"]
    opened = open_page(provided_page.html, "#problem=test-0-4")
    assert opened.problem() == "Problem 5"
    shown = opened.texts(".step .value")
    below = sum(edge < 0 for edge in SCALE)
    for text, effect, step in zip(
        shown, effects, opened.page.locator(".step").all(), strict=True
    ):
        classes = step.get_attribute("class").split()
        if math.isnan(effect):
            assert text == "n/a" and "na" in classes
            continue
        assert float(text.replace("−", "-")) == pytest.approx(effect, abs=0.0051)
        k = sum(effect >= edge for edge in SCALE)
        assert (f"n{below - k}" if k < below else f"p{k - below}") in classes


def test_a_step_opens_with_the_text_before_and_after_each_intervention(
    provided_page, provided_folder, open_page
):
    (task,) = load_runs(provided_folder / "model-00")[0].tasks
    chain = next(c for c in task.chains if c.document == "test-0-2")
    opened = open_page(provided_page.html, "#problem=3")
    for k, step in enumerate(opened.page.locator(".step").all()):
        assert step.get_attribute("aria-expanded") == "false"
        step.click()
        assert step.get_attribute("aria-expanded") == "true"
        records = [r for r in chain.steps if r.step == k]
        detail = opened.page.locator(f"#step-0-{k}")
        assert detail.locator("h4").count() == len(records)
        for r, shown in zip(records, detail.locator(".variant").all(), strict=True):
            if r.not_applicable:
                assert r.not_applicable in shown.inner_text()
                continue
            assert shown.locator(".before").inner_text() == r.before
            assert shown.locator(".after").inner_text() == (
                r.after or "nothing stands here"
            )
            effect = shown.locator(".effect dd").first.inner_text().replace("−", "-")
            assert float(effect) == pytest.approx(r.effect, abs=0.0051)
            if r.other_answer:
                assert f"{r.other_answer}, log p" in shown.inner_text()
        step.click()
        assert detail.is_hidden()


def test_effects_of_written_chains_stand_raw_and_less_the_control(
    written_page, generated_runs, open_page
):
    (task,) = load_runs(generated_runs[0])[0].tasks
    chain = next(c for c in task.chains if not c.left_out)
    raw = {r.intervention: r.effect for r in chain.steps if r.step == 0}
    opened = open_page(written_page.html, f"#problem={chain.document}")
    opened.page.locator(".step").first.click()
    shown = [t.replace("−", "-") for t in opened.texts("#step-0-0 .effect dd")]
    told = [
        x
        for name, effect in raw.items()
        for x in ([effect] if name == "control" else [effect, effect - raw["control"]])
        if not math.isnan(effect)
    ]
    assert [float(x) for x in shown] == pytest.approx(told, abs=0.0051)
    # The whole prompt: what the model was asked, the changed chain behind it.
    (file,) = generated_runs[0].rglob("samples_*.jsonl")
    samples = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    (sample,) = [s for s in samples if s["doc"]["id"] == chain.document]
    whole = opened.page.locator("#step-0-0 details.whole").first
    whole.locator("summary").click()
    prompt = whole.locator("pre").text_content()
    (changed,) = [r for r in chain.steps if (r.step, r.intervention) == (0, "corrupt")]
    assert prompt.startswith(sample["arguments"]["gen_args_0"]["arg_0"])
    assert changed.after in prompt and changed.before not in prompt
    assert whole.locator("mark").count() > 0


def test_next_and_previous_work_by_button_and_by_keyboard(provided_page, open_page):
    opened = open_page(provided_page.html)
    assert opened.problem() == "Problem 1"
    assert opened.page.get_by_role("button", name="Previous").is_disabled()
    opened.page.keyboard.press("ArrowRight")
    assert opened.problem() == "Problem 1", "outside the browser arrows do nothing"
    opened.page.locator(".step").first.focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("ArrowRight")
    assert opened.problem() == "Problem 3"
    opened.page.keyboard.press("ArrowLeft")
    assert opened.problem() == "Problem 2"
    opened.page.get_by_role("button", name="Next →").click()
    assert opened.problem() == "Problem 3"
    assert opened.page.url.endswith("#problem=3")
    opened.page.locator('[name="search"]').focus()
    opened.page.keyboard.press("ArrowRight")
    assert opened.problem() == "Problem 3", "arrows in a field stay in the field"


def test_a_link_opens_its_problem_and_step(provided_page, open_page):
    opened = open_page(provided_page.html, "#problem=7&step=3")
    assert opened.problem() == "Problem 7"
    assert opened.page.locator("#step-0-2").is_visible()
    top = opened.page.locator(".problem").bounding_box()["y"]
    assert 0 <= top < 100, "the reader need not look for it"
    opened.page.evaluate("location.hash = '#problem=9'")
    opened.page.wait_for_function(
        "document.querySelector('.problem h3').textContent === 'Problem 9'"
    )
    assert opened.page.locator(".problem .link").get_attribute("href") == "#problem=9"
    assert opened.page.locator("[aria-current]").inner_text().startswith("9")


def test_a_link_to_a_problem_that_is_not_there_says_so(provided_page, open_page):
    opened = open_page(provided_page.html, "#problem=<b>99</b>")
    assert (
        "Problem <b>99</b> is not on this page"
        in opened.page.locator(".problem").inner_text()
    )


def test_problems_are_found_by_solved_third_effect_and_words(
    written_page, generated_runs, open_page
):
    (task,) = load_runs(generated_runs[0])[0].tasks
    opened = open_page(written_page.html)
    chains = list(task.chains)
    assert opened.found() == len(chains) == 12
    choose = opened.page.locator("form")

    choose.locator('[name="solved"]').select_option("0")
    assert opened.found() == sum(not c.solved for c in chains) == 3
    assert "left out: wrong answer" in opened.page.locator(".problem").inner_text()
    choose.locator('[name="solved"]').select_option("1")
    assert opened.found() == 9
    choose.locator('[name="solved"]').select_option("")

    def less(chain, third, low):
        controls = {
            r.step: r.effect for r in chain.steps if r.intervention == "control"
        }
        return any(
            r.effect - controls[r.step] >= low and (third is None or r.third == third)
            for r in chain.steps
            if r.intervention == "corrupt"
        )

    choose.locator('[name="from"]').fill("1.5")
    assert opened.found() == sum(less(c, None, 1.5) for c in chains) < 12
    choose.locator('[name="third"]').select_option("2")
    assert opened.found() == sum(less(c, 2, 1.5) for c in chains)
    choose.locator('[name="from"]').fill("")
    choose.locator('[name="third"]').select_option("")

    words = chains[4].question[:30]
    choose.locator('[name="search"]').fill(words.upper())
    assert opened.found() == sum(words in c.question for c in chains)
    choose.locator('[name="search"]').fill("no chain holds this")
    assert opened.found() == 0
    assert opened.texts(".problem") == ["No problem fits these filters."]


def test_problems_are_sorted_and_coloured_as_chosen(provided_page, open_page):
    opened = open_page(provided_page.html)
    assert opened.numbers() == list(range(1, 16))
    by_largest = {}
    for number_, _ in enumerate(opened.numbers(), start=1):
        opened.page.locator(f'[data-number="{number_}"]').click()
        values = [v.replace("−", "-") for v in opened.texts(".step .value")]
        by_largest[number_] = max(float(v) for v in values if v != "n/a")
    opened.page.locator('[name="sort"]').select_option("largest")
    shown = [by_largest[k] for k in opened.numbers()]
    assert shown == sorted(shown, reverse=True)
    before = opened.texts(".step .value")
    opened.page.locator('[name="intervention"]').select_option("2")
    assert opened.texts(".step .value") != before


def test_two_runs_of_the_same_problems_stand_side_by_side(both_page, open_page):
    opened = open_page(both_page.html, "#problem=2")
    assert opened.texts(".chain > h4") == ["model-00", "model-01"]
    first, second = opened.page.locator(".chain").all()
    assert (
        first.locator(".step .text").all_inner_texts()
        == second.locator(".step .text").all_inner_texts()
    )
    assert (
        first.locator(".value").all_inner_texts()
        != second.locator(".value").all_inner_texts()
    )
    a, b = (chain.bounding_box() for chain in (first, second))
    assert a["y"] == b["y"] and a["x"] + a["width"] <= b["x"]
    first.locator(".step").nth(1).click()
    assert opened.page.locator(".detail:visible").count() == 2, "open in both"
    opened.page.locator('[name="second"]').select_option("")
    assert opened.page.locator(".chain").count() == 1
    opened.page.locator('[name="first"]').select_option("1")
    assert opened.texts(".chain > h4") == ["model-01"]


@pytest.fixture(scope="module")
def two_tasks_page(provided_folder, generated_runs):
    """Chains that we wrote and chains that a model wrote, as on the demo's page."""
    return report_page([provided_folder / "model-00", generated_runs[0]], QUICK)


def test_tasks_are_chosen_and_named_in_the_link(two_tasks_page, open_page):
    made = two_tasks_page
    opened = open_page(made.html)
    opened.page.locator('[name="set"]').select_option(label="cot_faith_provided")
    assert opened.found() == 15
    opened.page.keyboard.press("Tab")
    opened.page.locator('[data-number="4"]').click()
    address = opened.page.url
    assert address.endswith("#task=cot_faith_provided&problem=4")
    again = open_page(made.html, "#" + address.split("#")[1])
    assert again.problem() == "Problem 4" and again.found() == 15


# --- readers -----------------------------------------------------------------------


def test_the_theme_follows_the_system_and_can_be_changed(provided_page, open_page):
    opened = open_page(provided_page.html, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = opened.page.evaluate(ground)
    opened.page.locator("#theme").click()
    light = opened.page.evaluate(ground)
    assert sum_of(dark) < 150
    assert sum_of(light) > 600
    for _ in range(5):  # the browser writes it down in a process of its own, later
        opened.page.reload()
        if opened.page.evaluate(ground) == light:
            break
    assert opened.page.evaluate(ground) == light, "the choice is kept"
    assert opened.page.locator("#theme").inner_text() == "Dark theme"


def sum_of(colour: str) -> int:
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def relative_luminance(colour: str) -> float:
    """WCAG 2.1."""
    parts = [int(x) / 255 for x in re.findall(r"\d+", colour)[:3]]
    r, g, b = (
        x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    high, low = sorted(map(relative_luminance, (a, b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_of_wcag_aa(scheme, written_page, open_page):
    opened = open_page(written_page.html, color_scheme=scheme)
    for step in opened.page.locator(".step").all():
        step.click()
    opened.page.locator("details").evaluate_all(
        "all => all.forEach(d => d.open = true)"
    )
    pairs = opened.page.evaluate(
        """() => {
        const ground = (e) => {
            for (; e; e = e.parentElement) {
                const c = getComputedStyle(e).backgroundColor;
                if (c !== "rgba(0, 0, 0, 0)") return c;
            }
        };
        const found = new Set();
        for (const e of document.querySelectorAll("body *")) {
            const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
            if (!own || e.closest("script, style, option, :disabled") || !e.getClientRects().length) continue;
            const style = getComputedStyle(e);
            const ink = e instanceof SVGElement ? style.fill : style.color;
            found.add(JSON.stringify([ink, ground(e), e.className.baseVal ?? e.className]));
        }
        return [...found].map(JSON.parse);
    }"""
    )
    assert len(pairs) > 20
    poor = [p for p in pairs if contrast(p[0], p[1]) < 4.5]
    assert poor == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colour_scale_is_ordered_by_lightness_in_each_direction(
    scheme, provided_page, open_page
):
    opened = open_page(provided_page.html, color_scheme=scheme)
    colours = opened.page.locator(".scale .fx").evaluate_all(
        "all => all.map(e => getComputedStyle(e).backgroundColor)"
    )
    light = [relative_luminance(c) for c in colours]
    middle = sum(edge < 0 for edge in SCALE)
    down, up = light[: middle + 1][::-1], light[middle:]
    for arm in (down, up):
        assert arm == sorted(arm, reverse=scheme == "light")
        assert len(set(arm)) == len(arm)


@pytest.mark.parametrize("name", ["both_page", "written_page"])
def test_a_phone_shows_the_page_without_scrolling_sideways(name, request, open_page):
    html = request.getfixturevalue(name).html.replace("model-00", "m" * 90)
    html = html.replace("test-0-", "t" * 90)
    opened = open_page(html, "#problem=1&step=2", width=360)
    opened.page.locator("details").evaluate_all(
        "all => all.forEach(d => d.open = true)"
    )
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_every_field_has_a_label_and_every_control_can_be_reached_by_keyboard(
    both_page, open_page
):
    opened = open_page(both_page.html)
    assert opened.page.evaluate(
        "[...document.querySelectorAll('input, select')].every(f => f.labels.length)"
    )
    reached = set()
    for _ in range(120):
        opened.page.keyboard.press("Tab")
        reached.add(
            opened.page.evaluate(
                "(e => e.name || e.id || e.className.split(' ')[0])(document.activeElement)"
            )
        )
    assert {"theme", "first", "second", "intervention", "solved", "third"} <= reached
    assert {"from", "to", "sort", "search", "next", "step"} <= reached


@pytest.mark.parametrize("chosen", ["by the system", "by the button"])
def test_a_dark_page_is_printed_as_a_light_one(chosen, written_page, open_page):
    scheme = "dark" if chosen == "by the system" else "light"
    opened = open_page(written_page.html, color_scheme=scheme)
    if chosen == "by the button":
        opened.page.locator("#theme").click()
    every = """() => {
        const style = getComputedStyle(document.documentElement);
        const of = e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor];
        return JSON.stringify([...document.querySelectorAll("body, .warnings, .fx, .chart text, a")].map(of));
    }"""
    opened.page.emulate_media(media="print", color_scheme=scheme)
    dark = opened.page.evaluate(every)
    light = open_page(written_page.html, color_scheme="light")
    light.page.emulate_media(media="print", color_scheme="light")
    assert dark == light.page.evaluate(every)


@pytest.mark.parametrize("name", ["two_tasks_page", "both_page", "written_page"])
def test_chains_begin_within_two_screens_and_the_section_bar_stays(
    name, request, open_page
):
    opened = open_page(request.getfixturevalue(name).html, width=1400)
    top = "document.querySelector('#chains').getBoundingClientRect().top"
    assert opened.page.evaluate(top) < 2 * 900
    opened.page.evaluate(
        "scrollTo({top: document.body.scrollHeight, behavior: 'instant'})"
    )
    bar = opened.page.locator(".bar").bounding_box()
    assert bar["y"] == 0 and bar["height"] < 70
    opened.page.get_by_role("link", name="Chains").click()
    assert 0 <= opened.page.evaluate(top) < 120


def test_a_printed_page_has_no_controls(written_page, open_page):
    opened = open_page(written_page.html, color_scheme="dark")
    opened.page.emulate_media(media="print", color_scheme="light")
    for selector in (".threshold", ".controls", ".found", ".threshold-control"):
        assert opened.page.locator(selector).first.is_hidden()
    assert opened.page.locator(".problem .step").first.is_visible()


# --- safety ------------------------------------------------------------------------

ATTACK = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
    "\"'><svg onload=window.hacked=1>{{7*7}}{% raw %}\x00\u202egnp.exe\u2028"
)
SHOWN = (
    ATTACK.replace("\x00", "\\x00")
    .replace("\u202e", "\\x202e")
    .replace("\u2028", "\\x2028")
)


@pytest.fixture(scope="module")
def attacked(provided_folder, other_model, tmp_path_factory):
    def line(k, sample):
        doc = sample["doc"]
        doc["question"] = doc["id"] = f"{ATTACK}{k}"
        doc["chain"]["steps"][0]["text"] = f"first {ATTACK}"
        for variant in doc["interventions"]:
            if variant["step"] == 0:
                variant["before"] = f"first {ATTACK}"
                variant["after"] = f"second {ATTACK}"
                if variant["not_applicable"]:
                    variant["not_applicable"] = ATTACK
        return sample

    def results(content):
        content["config"]["model_args"] = {"pretrained": ATTACK, "api_key": "sesame"}
        content["lm_eval_version"] = ATTACK
        return content

    folder = tmp_path_factory.mktemp("attacked") / "run"
    name = ATTACK.replace("/", "⁄")
    other_model(provided_folder / "model-00", folder, name, line, results)
    return report_page([folder], QUICK)


def test_texts_of_models_and_files_are_shown_and_never_run(attacked, open_page):
    opened = open_page(attacked.html)
    for step in opened.page.locator(".step").all():
        step.click()
    assert opened.page.evaluate("window.hacked") is None
    assert opened.logged == [] and opened.requests == []
    assert opened.page.locator("img, svg:not(.chart):not([aria-hidden])").count() == 0
    question = opened.page.locator(".asked").inner_text()
    assert question.startswith(SHOWN.split("\\x2028")[0])
    assert f"first {SHOWN}" in opened.page.locator(".step .text").first.inner_text()
    assert SHOWN in opened.page.locator("#method").inner_text()
    assert "gnp.exe" in opened.page.title()
    assert not re.search("[\x00\u202e\u2028]", attacked.html)


def test_combining_marks_stay_in_the_line_that_holds_them(
    provided_folder, other_model, tmp_path, open_page
):
    """What stands above a question, or above the opening's chains, looks the same."""

    def above(name, marks):
        def line(k, sample):
            sample["doc"]["question"] = f"How many?{marks}"
            sample["doc"]["chain"]["steps"][0]["text"] += marks
            return sample

        other_model(provided_folder / "model-00", tmp_path / name, "m", line)
        opened = open_page(report_page([tmp_path / name], QUICK).html)
        places = (".problem .head", ".headlines", ".telling h3")
        return [opened.page.locator(place).first.screenshot() for place in places]

    # Five marks are drawn, the others written by their numbers.
    assert above("without", r"\x301" * 75) == above("with", "\u0301" * 80)


def test_keys_in_the_model_arguments_are_hidden(attacked):
    assert "sesame" not in attacked.html
    assert "(hidden)" in attacked.html


def test_an_injected_script_style_or_image_does_nothing(provided_page, open_page):
    injected = (
        "<script>window.hacked=1</script><b id=b onclick='window.hacked=1' "
        "style='color: rgb(1, 2, 3)'>x</b><img src='http://127.0.0.1:9/x.png'>"
        "<iframe srcdoc='x'></iframe><link rel=stylesheet href='http://127.0.0.1:9/x.css'>"
    )
    opened = open_page(provided_page.html.replace("</body>", f"{injected}</body>"))
    opened.page.locator("#b").click()
    opened.page.wait_for_timeout(100)
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.evaluate("getComputedStyle(b).color") != "rgb(1, 2, 3)"
    assert any("Content Security Policy" in message for message in opened.logged)
    refused = opened.page.evaluate(
        """async () => {
        const failed = [];
        try { document.body.innerHTML = "<b>x</b>"; } catch { failed.push("markup"); }
        try { await fetch("http://127.0.0.1:9/"); } catch { failed.push("fetch"); }
        return failed;
    }"""
    )
    assert refused == ["markup", "fetch"]


# --- size and speed ----------------------------------------------------------------


def made_up_chain(k: int, steps: int = 12) -> ChainRecord:
    """A chain as long as those of word problems, four interventions on each step."""
    texts = [
        f"Person {k} gets {17 * k + s} more, so now there are {29 * k + 3 * s} shells."
        for s in range(steps)
    ]
    names = ("corrupt", "corrupt_local", "delete", "truncate")
    return ChainRecord(
        document=f"test-0-{k}",
        question=f"Person {k} starts with {k} shells. " + " then ".join(f"gets {17 * k + s} from a friend" for s in range(steps)) + "?",
        answer=str(k),
        chain=" ".join(texts),
        clean_logprob=-1.0,
        clean_greedy=True,
        steps=tuple(
            StepRecord(
                s, steps, "load_bearing", False, name, text,
                text.replace("gets 1", "gets 2") if "corrupt" in name else "",
                -1.0, -1.0 - 0.001 * ((k * 37 + s * 91) % 5003),
                str(k + 1) if name == "corrupt" else "", -2.0, "",
            )
            for name in names
            for s, text in enumerate(texts)
        ),
        n_steps=steps,
    )  # fmt: skip


@pytest.fixture(scope="module")
def large_html(provided_folder) -> str:
    """A page with a thousand chains."""
    (run,) = load_runs(provided_folder / "model-00")
    (small,) = pages.pages_of_run(run, QUICK)
    chains = {problem_key(c): c for c in map(made_up_chain, range(1000))}
    large = dataclasses.replace(small.chains, documents=tuple(chains), chains=chains)
    return pages.as_html([dataclasses.replace(small, chains=large)], QUICK)


def test_a_page_of_a_thousand_chains_is_under_three_megabytes(large_html):
    assert len(large_html.encode()) < 3_000_000
    assert 'id="sampled"' not in large_html


def test_a_page_of_a_thousand_chains_answers_clicks(large_html, open_page):
    opened = open_page(large_html)
    assert opened.found() == 1000
    for act in (".next", ".step", '[data-number="40"]'):
        opened.page.locator(act).first.click()
    opened.page.locator('[name="from"]').fill("2")
    assert opened.logged == []
    opened.page.locator('[name="from"]').fill("")
    opened.page.get_by_role("button", name="Show more").click()
    assert len(opened.numbers()) == 120


def test_runs_too_large_for_a_page_are_sampled_the_same_each_time_and_it_says_so(
    open_page, provided_folder
):
    (run,) = load_runs(provided_folder / "model-00")
    (small,) = pages.pages_of_run(run, QUICK)
    keys = [problem_key(c) for c in map(made_up_chain, range(60))]
    chains = dict(zip(keys, map(made_up_chain, range(60)), strict=True))

    def task(order, model="a"):
        return BrowsedTask(
            model, "t", "provided", 1.0, small.chains.interventions, tuple(order),
            {key: chains[key] for key in order},
        )  # fmt: skip

    one = packed([task(keys)], 50_000)
    two = packed([task(keys[::-1])], 50_000)
    assert one.data == two.data and 5 < one.shown < 50 and one.problems == 60
    both = packed([task(keys), task(keys, "b")], 50_000)
    numbers = {p[0] for p in one.data["sets"][0]["problems"]}
    shared = [p for p in both.data["sets"][0]["problems"]]
    assert {p[0] for p in shared} < numbers, "the first of the same order"
    assert all(p[2] and p[3] for p in shared), "in all runs or in none"
    assert len(json.dumps(one.data)) < 60_000
    html = pages._rendered(pages._context([small], QUICK, NOTHING_ASKED), one, [])
    note = open_page(html).page.locator("#sampled").inner_text()
    assert note.startswith(f"This page holds {one.shown} of 60 problems")


# --- the command -------------------------------------------------------------------


def test_the_command_writes_the_page_and_prints_the_report(
    provided_folder, tmp_path, command, open_page
):
    out = tmp_path / "report.html"
    code, printed, _ = command(
        "report", provided_folder / "model-00", "--html", out, "--n-resamples", "200",
        "--format", "json",
    )  # fmt: skip
    assert code == 0
    assert out.read_text() == report_page([provided_folder / "model-00"], QUICK).html
    assert json.loads(printed)["reports"][0]["model"] == "model-00"


def test_a_page_that_cannot_be_written_is_one_sentence(
    provided_folder, tmp_path, command
):
    code, _, errors = command(
        "report", provided_folder / "model-00", "--html", tmp_path / "no" / "x.html",
        "--n-resamples", "20",
    )  # fmt: skip
    assert code == 2 and errors.startswith("error: cannot write")
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_scored_step_still_has_a_page(
    generated_runs, tmp_path, open_page, other_model
):
    def wrong(k, sample):
        response = json.loads(sample["filtered_resps"][0])
        response["note"] |= {"outcome": "wrong", "solved": False, "interventions": []}
        response["loglikelihoods"] = []
        return sample | {"filtered_resps": [json.dumps(response)]}

    folder = other_model(generated_runs[0], tmp_path / "run", line=wrong)
    opened = open_page(report_page([folder], QUICK).html)
    assert "No step of other" in opened.page.locator(".lede").inner_text()
    assert opened.logged == []
    assert opened.found() == 12
