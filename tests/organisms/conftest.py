"""The embedded model in the harness's own backend."""

from __future__ import annotations

import pytest
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.organisms import solver_path


@pytest.fixture(scope="session")
def solver() -> HFLM:
    return HFLM(pretrained=str(solver_path()), device="cpu", batch_size=32)
