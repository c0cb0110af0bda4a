import configparser
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "transformers", "datasets", "lm_eval", "scipy", "matplotlib", "rich")


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "module",
    ["lm_eval_faith", "lm_eval_faith.cli", "lm_eval_faith.engines"],
)
def test_importing_the_package_loads_no_heavy_library(module):
    allowed = {"rich"} if module.endswith("cli") else set()
    assert not (loaded_by(f"import {module}") & set(HEAVY)) - allowed


def test_chains_and_interventions_know_nothing_of_harness_and_models():
    code = (
        "import lm_eval_faith.interventions, lm_eval_faith.problems.running_total, "
        "lm_eval_faith.chains.written, lm_eval_faith.problems.word_problems, "
        "lm_eval_faith.interventions.plan"
    )
    assert not loaded_by(code) & {*HEAVY, "numpy"}


def test_the_statistics_know_nothing_of_harness_and_models():
    assert not loaded_by("import lm_eval_faith_stats") & {
        "torch",
        "transformers",
        "lm_eval",
        "lm_eval_faith",
        "pandas",
    }


def test_the_version_is_the_installed_one():
    import lm_eval_faith

    assert lm_eval_faith.__version__ == metadata.version("lm-eval-faith")


def test_the_model_is_declared_as_an_entry_point():
    (point,) = metadata.entry_points(group="lm_eval.models", name="faith")
    from lm_eval_faith.harness.activation import MODEL_CLASS

    assert point.value == MODEL_CLASS


def test_every_package_is_installed():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    named = set(config["options"]["packages"].split())
    folders = {
        f.parent.relative_to(ROOT) for f in ROOT.glob("lm_eval_faith/**/__init__.py")
    }
    assert {".".join(folder.parts) for folder in folders} <= named
