"""The frozen runs, unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with SETTING/MODEL/ for each run, and numbers.json."""
    folder = tmp_path_factory.mktemp("frozen")
    with zipfile.ZipFile(Path(__file__).with_name("frozen.zip")) as packed:
        packed.extractall(folder)
    return folder
