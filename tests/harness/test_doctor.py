"""What the doctor says of versions and of shared prefixes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lm_eval_faith.harness import doctor, startup


@pytest.mark.parametrize(
    ("here", "said"),
    [
        ("5.24.0", ""),
        ("4.57.6", ""),
        ("5.24.0+cpu", ""),
        ("5.25.0.dev0", " (newer than 5.24.0, the newest tested)"),
        ("6.0", " (newer than 5.24.0, the newest tested)"),
        ("main", " (tested up to 5.24.0)"),
    ],
)
def test_versions_newer_than_the_newest_tested_are_named(
    monkeypatch: pytest.MonkeyPatch, here: str, said: str
) -> None:
    monkeypatch.setattr(doctor, "NEWEST_TESTED", {"transformers": "5.24.0"})
    monkeypatch.setattr(doctor, "version", lambda package: here)
    assert list(doctor.versions()) == [f"transformers {here}{said}"]


def test_shared_prefixes_are_tried_on_the_packaged_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert doctor.shared_prefixes().startswith("on (differs from hf by at most ")
    reason = "the forward of llama does not take a cache"
    monkeypatch.setattr(
        "lm_eval_faith.engines.shared_prefix.supports", lambda model: reason
    )
    assert doctor.shared_prefixes() == f"off: {reason}"


def test_the_third_way_in_works_where_the_harness_is_active(
    command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "shared_prefixes", lambda: "on")
    for active, said in (True, "works "), (False, "needs `lm-eval-faith enable`: "):
        found = startup.Harness("0.4.13", "/somewhere", False, active)
        monkeypatch.setattr(startup, "look_at_harness", lambda found=found: found)
        _, shown, _ = command("doctor")
        assert f"  {said} lm_eval ... --tasks cot_faith_provided\n" in shown


def test_the_start_up_file_is_none_or_in_place_or_of_another_version(
    command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(doctor, "shared_prefixes", lambda: "on")
    found = startup.Harness("0.4.13", "/somewhere", False, True)
    monkeypatch.setattr(startup, "look_at_harness", lambda: found)
    files = startup.StartupFiles(tmp_path)
    monkeypatch.setattr(startup, "startup_files", lambda: files)
    assert f"start-up file in {tmp_path}: none\n" in command("doctor")[1]
    for path, text in files.contents.items():
        path.write_text(text)
    assert f"start-up file in {tmp_path}: in place\n" in command("doctor")[1]
    path.write_text("import another\n")
    assert "not as `enable` writes it\n" in command("doctor")[1]
