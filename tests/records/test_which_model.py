"""Which run is which: output paths, variants of a model in one folder, models given ready."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import load_run, load_runs
from lm_eval_faith.records.which_model import WhichModel, labels
from lm_eval_faith.report import compare_runs, make_reports
from lm_eval_faith.report.html.report_page import report_page
from lm_eval_faith.report.html.site import write_site
from lm_eval_faith.report.leaderboard import leaderboards
from lm_eval_faith.report.report import NOTHING_ASKED, written
from lm_eval_faith.report.write import text

from ..hostile import DATE, TASK, write_run

QUICK = Bootstrap(n_resamples=50)
TEXTS = ["a", "b", "c", "d"]


def add_run(
    folder: Path,
    number: int,
    arguments: object,
    scale: float = 1.0,
    stem: str = "results",
    config: Mapping[str, Any] | None = None,
    **results: Any,
) -> str:
    """One more run in a folder, by the model of these arguments; gives its date."""
    made = write_run(folder.parent / f"made-{number}", TEXTS, "org/tiny", scale=scale)
    date = DATE.replace("01-01", f"01-{number:02}")
    content = json.loads((made / f"results_{DATE}.json").read_text())
    content["config"] |= {"model_args": arguments, **(config or {})}
    for name, value in results.items():
        content[name] = value
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}_{date}.json").write_text(json.dumps(content))
    samples = made / f"samples_{TASK}_{DATE}.jsonl"
    samples.rename(folder / f"samples_{TASK}_{date}.jsonl")
    return date


def names(path: Path) -> list[str]:
    return [run.model for run in load_runs(path)]


# --- output paths ----------------------------------------------------------------


def test_an_output_path_that_ends_in_json_is_found_by_it_and_by_its_folder(tmp_path):
    folder = tmp_path / "runs"
    add_run(folder, 1, {"pretrained": "org/tiny"}, stem="mine")
    date = add_run(folder, 2, {"pretrained": "org/other"}, stem="theirs")
    assert names(folder / "mine.json") == ["tiny"]
    assert load_run(folder / "theirs.json").path.name == f"theirs_{date}.json"
    assert len(load_runs(folder)) == 2


def test_a_results_file_is_found_by_its_own_name(tmp_path):
    folder = tmp_path / "runs"
    date = add_run(folder, 1, {"pretrained": "org/tiny"})
    add_run(folder, 2, {"pretrained": "org/tiny"})
    assert load_run(folder / f"results_{date}.json").date == date


def test_an_output_path_without_a_run_is_refused_by_its_name(tmp_path):
    for path in (tmp_path / "mine.json", tmp_path / "nowhere" / "mine.json"):
        with pytest.raises(InputError, match=f"^{path}: no .*--output_path of a run$"):
            load_runs(path)


def test_other_json_files_beside_a_run_are_left_alone(tmp_path):
    folder = tmp_path / "runs"
    add_run(folder, 1, {"pretrained": "org/tiny"})
    (folder / "notes_2026-02-01T00-00-00.json").write_text("{ not JSON")
    assert names(folder) == ["tiny"]


# --- variants --------------------------------------------------------------------

VARIANTS = (
    ({"dtype": "float32"}, {"dtype": "float16"}),
    ({"revision": "main"}, {"revision": "step1000"}),
    ({"gguf_file": "q4.gguf"}, {"gguf_file": "q8.gguf"}),
    ({"peft": "adapters/one"}, {"peft": "adapters/two"}),
)


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_variants_in_one_folder_are_two_models_everywhere(tmp_path, variant):
    folder = tmp_path / "runs"
    for number, more in enumerate(variant, start=1):
        add_run(folder, number, {"pretrained": "org/tiny", **more}, scale=number)
    expected = sorted(
        f"tiny ({name}={value})" for more in variant for name, value in more.items()
    )
    assert sorted(names(folder)) == expected
    assert [r.model for r in make_reports([folder], QUICK)] == expected
    (compared,) = compare_runs([folder], QUICK)
    assert sorted(compared.models) == expected
    boards = leaderboards([folder], bootstrap=QUICK)
    assert sorted(entry.model for entry in boards[0].entries) == expected
    page = report_page([folder], QUICK).html
    assert all(name in page for name in expected)
    write_site(tmp_path / "site", boards, QUICK, NOTHING_ASKED)
    pages = [p.read_text() for p in (tmp_path / "site" / "reports").iterdir()]
    assert len(pages) == 2
    assert [sum(name in page for page in pages) for name in expected] == [1, 1]


def test_one_of_two_variants_is_named_by_its_results_file(tmp_path):
    folder = tmp_path / "runs"
    dates = [
        add_run(folder, number, {"pretrained": "org/tiny", "dtype": dtype})
        for number, dtype in enumerate(("float32", "float16"), start=1)
    ]
    files = [str(folder / f"results_{date}.json") for date in dates]
    with pytest.raises(InputError) as refused:
        load_run(folder)
    assert str(refused.value).endswith(f"name one of them: {', '.join(files)}")
    assert [load_run(file).path for file in files] == [Path(file) for file in files]


def test_a_model_that_ran_twice_in_one_folder_is_one_and_the_newest_run_counts(
    tmp_path,
):
    folder = tmp_path / "runs"
    add_run(folder, 1, {"pretrained": "org/tiny", "batch_size": 1})
    date = add_run(folder, 2, "pretrained=org/tiny,batch_size=8,device=cuda")
    faith = {"backend": "hf", "pretrained": "org/tiny", "shared_prefix": "off"}
    newest = add_run(folder, 3, faith, config={"model": "faith"})
    (run,) = load_runs(folder)
    assert (run.model, run.date) == ("tiny", newest) and newest > date
    assert "ran more than once, the newest run counts" in run.warnings[0]


def test_equal_arguments_with_other_weights_are_two_models(tmp_path):
    folder = tmp_path / "runs"
    for number, weights in enumerate(("aaaa", "bbbb"), start=1):
        recorded = {"running_model": {"path": "org/tiny", "weights": weights}}
        add_run(
            folder,
            number,
            {"pretrained": "org/tiny"},
            configs={TASK: {"metadata": {}, **recorded}},
        )
    assert names(folder) == ["tiny (weights aaaa)", "tiny (weights bbbb)"]


def test_variants_in_folders_of_their_own_are_told_apart_too(tmp_path):
    for number, dtype in enumerate(("float32", "bfloat16"), start=1):
        arguments = {"pretrained": "org/tiny", "dtype": dtype}
        add_run(tmp_path / dtype, number, arguments)
    made = make_reports([tmp_path / "float32", tmp_path / "bfloat16"], QUICK)
    assert [r.model for r in made] == ["tiny (dtype=bfloat16)", "tiny (dtype=float32)"]


def test_keys_are_in_no_name(tmp_path):
    folder = tmp_path / "runs"
    for number, key in enumerate(("sesame", "mellon"), start=1):
        address = f"https://me:{key}@host/{number}"
        arguments = {"model": "org/tiny", "api_key": key, "base_url": address}
        add_run(folder, number, arguments)
    told = " ".join(names(folder))
    assert "base_url=https://(hidden)@host/1" in told
    assert "sesame" not in told and "mellon" not in told


def test_equal_models_have_equal_labels_and_others_keep_their_name() -> None:
    one, two = (
        WhichModel("m", arguments=(("backend", "hf"), ("dtype", d))) for d in "ab"
    )
    other = WhichModel("n")
    told = labels([one, other, two, one])
    assert told == ["m (dtype=a)", "n", "m (dtype=b)", "m (dtype=a)"]


# --- models given ready ----------------------------------------------------------

READY = {"model_source": "CUSTOM", "model_name": "elated-otter-12"}


def test_a_ready_model_is_called_by_the_name_it_was_given_else_by_its_path(tmp_path):
    given = {TASK: {"metadata": {"model_name": "my-model"}}}
    faith = {"model": "HFLM", "faith": {"backend": "HFLM", "model": "/models/small"}}
    named, by_path, nameless = (tmp_path / name for name in ("one", "two", "three"))
    add_run(named, 1, "", config=faith, configs=given, **READY)
    add_run(by_path, 2, "", config=faith, **READY)
    add_run(nameless, 3, "", config={"model": "HFLM"}, **READY)
    assert names(named) == ["my-model"]
    assert names(by_path) == ["small"]
    assert names(nameless) == ["elated-otter-12"]
    reports = make_reports([named], QUICK)
    assert "my-model [/models/small]: " in text(written(reports), "table")
    assert json.loads(text(written(reports), "json"))["reports"][0]["model_path"] == (
        "/models/small"
    )
    page = report_page([named], QUICK).html
    assert "my-model" in page and "/models/small" in page


# --- how the model was asked -----------------------------------------------------


def test_sharing_that_was_expected_and_is_off_is_said_below_the_numbers(tmp_path):
    why = "off: the forward of tiny does not take a cache of keys and values"
    for number, expected in enumerate((False, True), start=1):
        told = {"shared_prefixes": why, "expected": expected, "notes": ["3 of 9 moved"]}
        folder = tmp_path / str(expected)
        add_run(folder, number, {"pretrained": "org/tiny"}, config={"faith": told})
        reports = make_reports([folder], QUICK)
        shown = text(written(reports), "table")
        whole = " ".join(shown.split())
        assert (f"shared prefixes were expected and are {why}" in whole) is not expected
        assert "3 of 9 moved" in shown
        assert why in report_page([folder], QUICK).html


@pytest.mark.parametrize("told", ["on", 7, [], {"notes": 3}, {"shared_prefixes": []}])
def test_another_account_of_how_the_model_was_asked_is_no_error(tmp_path, told):
    add_run(tmp_path / "r", 1, {"pretrained": "t"}, config={"faith": told})
    (report,) = make_reports([tmp_path / "r"], QUICK)
    assert not any("shared prefixes" in warning for warning in report.warnings)
