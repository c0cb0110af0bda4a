"""Tables of the study, of one kept run in the place of all of them: then nothing differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import study
from benchmarks.records import run_of

KEPT = "replay_175b"


@pytest.fixture(autouse=True)
def one_run_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "NAME", KEPT)
    study.late.cache_clear()
    study.corrupted.cache_clear()
    study.differences.cache_clear()


def rows_of(table: str) -> dict[str, list[str]]:
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {" ".join(row[:-3]) if len(row) == 5 else row[0]: row for row in cells}


def test_a_models_own_chains_and_the_same_ones_from_elsewhere_differ_in_nothing() -> (
    None
):
    rows = rows_of(study.whose())
    assert len(rows) == 8
    for name, (*_, own, other, difference) in rows.items():
        assert own == other and difference.startswith("0.0"), name
    used = sum(chain.outcome == "scored" for chain in run_of(KEPT).tasks[0].chains)
    assert all(f"{used} problems" in name for name in rows)


def test_without_a_cut_the_statement_takes_nothing() -> None:
    found = rows_of(study.statement())
    assert found["cut less left out, paired"][1:] == ["0.000 [0.000, 0.000]"] * 2
    assert found["what is left of it"][1:] == ["100.0% [100.0%, 100.0%]"] * 2


def test_the_figure_of_the_statement_has_the_tables_numbers() -> None:
    shown = study.statement_figure().table.rows
    assert [row[:2] for row in shown] == [
        (size.upper(), kind) for kind in study.CHAINS for size in study.SIZES
    ]
    late = rows_of(study.statement())[
        "`corrupt` in the last third, the final statement in the chain"
    ]
    assert late[1].startswith(" ".join(shown[0][2:]))


def test_the_page_begins_with_the_numbers_of_its_tables() -> None:
    rows = rows_of(study.statement())
    rate, _ = rows["headline: share of steps at or over one nat"][1].split(" (")
    left = rows["the chain cut before the first statement"][1]
    said = study.headline()
    assert f"At or over one nat are {rate} and {rate} of the steps" in said
    assert left in said


def test_a_size_differs_from_itself_in_nothing() -> None:
    table = study.sizes()
    assert "`corrupt_effect_vs_control` | 0.000 [0.000, 0.000]" in table


def test_ours_stand_beside_the_figures_of_the_study() -> None:
    table = study.published()
    assert len(table.splitlines()) == 2 + len(study.PUBLISHED.splitlines()) + 2
    shares = rows_of(table)["share of steps at or over one nat"]
    assert shares[1:3] == ["43%", "53%"] and shares[3] == shares[4] != "–"
    # What a run does not have is a dash, never a number.
    assert rows_of(table)["AUC of deletion"][3:] == ["–"] * 4
    assert set(rows_of(study.cores())["from the front: `core_share`"][1:]) == {"–"}


def test_the_leaderboard_is_made_of_the_kept_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(study, "IN_THE_SITE", [("0.5b", "own")])
    study.main(tmp_path / "site")
    assert (tmp_path / "site" / "index.html").exists()
    assert len(list((tmp_path / "site" / "reports").glob("*.html"))) == 1
