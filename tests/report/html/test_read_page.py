"""The page of ``lm-eval-faith chains``, in a real browser."""

import json

import pytest
from typer.testing import CliRunner

from lm_eval_faith.cli import app

from ...hostile import TEXTS
from .test_hostile_pages import check, refuse_dialogs, shown, squeezed

STEPS = ["She starts with 4.", "Then she waits.", "She buys 14, so 4 + 14 = 18."]
GOOD = {
    "question": "How many?",
    "chain": " ".join([*STEPS, "The answer is 18."]),
    "answer": "18",
}


@pytest.fixture
def page_of(tmp_path):
    def made(*files):
        paths = []
        for k, records in enumerate(files):
            path = tmp_path / f"chains-{k}.jsonl"
            path.write_text("".join(json.dumps(r) + "\n" for r in records))
            paths.append(str(path))
        page = tmp_path / "chains.html"
        done = CliRunner().invoke(app, ["chains", *paths, "--html", str(page)])
        assert done.exit_code == 0, done.output
        return page

    return made


def test_chains_are_browsed_as_they_are_read(page_of, open_page):
    graded = [{"span": STEPS[0], "label": 0.25}]
    page = page_of(
        [
            GOOD | {"id": "a", "labels": graded},
            GOOD | {"id": "b", "answer": "17"},
            GOOD | {"id": "c", "labels": graded},
        ],
        [GOOD | {"id": "other", "question": "And here?"}],
    )
    opened = open_page(page)
    assert opened.found() == 2 and opened.problem() == "Chain 1"
    assert "c" not in opened.texts(".problem .head .tags")[0].split(" · ")[0]
    (told,) = opened.texts(".chain > .tags")
    assert told == "its answer 18, reference 18: right · used · read alike: c"
    tags = [text.lower() for text in opened.texts(".step .tags")]
    assert tags == ["graded 0.25", "not corruptible", "states the answer"]
    assert opened.texts(".step .value") == ["", "", ""]
    opened.page.locator(".step").nth(2).click()
    assert opened.texts(".detail .before") == [STEPS[2]]
    (after,) = opened.texts(".detail .after")
    assert after.startswith("She buys ") and after != STEPS[2]
    assert opened.page.locator(".detail .numbers *").count() == 0
    opened.page.locator(".step").nth(1).click()
    assert "Not applicable" in opened.texts(".detail .reason")[0]
    opened.page.locator("select[name=solved]").select_option("0")
    assert opened.found() == 1
    assert opened.texts(".chain > .tags") == [
        "its answer 18, reference 17: wrong · left out: wrong answer"
    ]
    for name in "intervention", "first", "second", "third", "from", "to":
        assert not opened.page.locator(f"[name={name}]").is_visible()
    opened.page.locator("select[name=solved]").select_option("")
    opened.page.locator("select[name=set]").select_option("1")
    assert opened.texts(".asked") == ["And here?"] and opened.found() == 1
    assert "wrong answer: 1" in opened.page.locator("#files").inner_text()
    check(opened)


def test_hostile_texts_are_shown_and_nothing_of_them_runs(page_of, open_page):
    texts = {name: text for name, text in TEXTS.items() if len(text) < 4000}
    records = [
        {
            "id": f"{name} {text}"[:200] if text.strip() else name,
            "question": f"{text} How many?",
            "chain": [
                f"{text} It is 4.",
                "So 4 + 14 = 18.",
                f"The answer is 18 {text}",
            ],
            "answer": text.strip() or "18",
            "correct": True,
            "labels": [1, 0, None],
        }
        for name, text in texts.items()
        if not any(0xD800 <= ord(c) < 0xE000 for c in text)
    ]
    page = page_of(records)
    opened = open_page(page)
    refuse_dialogs(opened)
    count = opened.found()
    assert count > len(records) / 2
    for k in range(0, count, 10):
        while opened.page.locator(".problems button").count() <= k:
            opened.page.locator(".more").click()
        opened.page.locator(".problems button").nth(k).click()
        opened.page.locator(".step").first.click()
    check(opened)
    number = next(
        k
        for k, b in enumerate(opened.texts(".problems .question"))
        if "<script>window" in b
    )
    opened.page.locator(".problems button").nth(number).click()
    (asked,) = opened.page.locator(".asked").all_text_contents()
    wanted = {squeezed(shown(f"{text} How many?")) for text in texts.values()}
    assert squeezed(asked) in wanted
