"""The checks of this repository, each in an environment of its own under `.nox/`.

    pip install nox && nox -s tests

`nox -l` says what each session is for; what stands behind `--` goes to pytest, as in
`nox -s tests -- tests/chains -x`. An environment is kept and brought up to date the next
time; `nox -R -s tests` uses it as it is.
"""

import configparser
import os
import shutil
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.options.sessions = ["lint", "types", "docs", "tests"]
nox.options.reuse_venv = "yes"

TORCH = "torch==2.13.0"
"""What the tests are run with, so that no release of torch turns them red by itself."""

FOLDERS = ("lm_eval_faith", "stats", "tasks", "tests", "benchmarks", "training")
MODEL = "models/smollm2-135m-instruct"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting and lint by ruff, with its defaults."""
    session.install(str(declared()["ruff"]))
    session.run("ruff", "format", "--check", *FOLDERS, "noxfile.py")
    session.run("ruff", "check", *FOLDERS, "noxfile.py")


@nox.session
def types(session: nox.Session) -> None:
    """Types of the three packages by mypy, strict."""
    install_torch(session, TORCH)
    session.install("-e", ".[report]", *(str(declared()[n]) for n in TYPE_CHECKING))
    session.run("./.ci/types", external=True)


TYPE_CHECKING = ("mypy", "types-PyYAML")


@nox.session
def docs(session: nox.Session) -> None:
    """The site, into build/site: every warning is an error."""
    session.install(*(str(declared()[name]) for name in SITE))
    session.run("mkdocs", "build", env={"NO_MKDOCS_2_WARNING": "1"})


SITE = ("mkdocs-material", "mkdocstrings", "mkdocs-jupyter", "ruff")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, after fetching what they need: a browser and a small real model."""
    install_torch(session, TORCH)
    session.install("-e", ".[test]")
    run_tests(session)


@nox.session
def oldest(session: nox.Session) -> None:
    """Tests on the lowest versions that setup.cfg declares: by hand, before a release."""
    lowest = Path(session.create_tmp()) / "lowest.txt"
    bounds = {name: lowest_version(r) for name, r in declared().items()}
    lowest.write_text("".join(f"{line}\n" for line in bounds.values() if line))
    install_torch(session, bounds["torch"])
    session.install("--constraint", str(lowest), "-e", ".[test]")
    run_tests(session)


@nox.session
def newest(session: nox.Session) -> None:
    """Tests on the newest versions of everything, pre-releases too: may be red, by hand."""
    new = ("--pre", "--upgrade", "--upgrade-strategy", "eager")
    install_torch(session, *new, "torch")
    session.install(*new, "-e", ".[test]")
    run_tests(session)


@nox.session(name="harness-next")
def harness_next(session: nox.Session) -> None:
    """Tests on another harness: $HARNESS_NEXT, or lm-eval 0.5: may be red, by hand.

    `HARNESS_NEXT=git+https://github.com/EleutherAI/lm-evaluation-harness nox -s harness-next`
    for its main branch; a folder does as well.
    """
    install_torch(session, TORCH)
    session.install("-e", ".[test]")
    source = os.environ.get("HARNESS_NEXT", "lm-eval==0.5.0.dev1")
    session.install("--force-reinstall", "--no-deps", source)  # over our own `<0.5`
    run_tests(session)


def install_torch(session: nox.Session, *what: str) -> None:
    """Torch before anything asks for it: its CPU build where there is no NVIDIA GPU.

    The index of CPU builds is asked beside the configured ones: of one version, `+cpu` is
    preferred to PyPI's build for CUDA, which is several gigabytes. Where that index cannot
    be reached, pip goes on without it: a `+cpu` file that pip's own configuration knows is
    found, else PyPI's build.
    """
    cpu = () if shutil.which("nvidia-smi") else ("--extra-index-url", CPU_BUILDS)
    session.install("--retries", "1", *cpu, *what)


CPU_BUILDS = "https://download.pytorch.org/whl/cpu"


def run_tests(session: nox.Session) -> None:
    """Fetch a browser and a model, say the versions, and run pytest on all processors."""
    session.run("python", "-m", "tests.browser", success_codes=[0, 1])  # 1: it says why
    if not Path(MODEL).exists():
        made = ("benchmarks.models", Path(MODEL).name, MODEL)
        session.run("python", "-m", *made, env=OFFLINE)
    session.run("python", "-m", "pip", "list", "--format", "freeze")
    session.run(
        "pytest",
        # A file's fixtures are made once, and the small files come last.
        *("--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder"),
        *session.posargs,
        env={**OFFLINE, "OMP_NUM_THREADS": "1"},  # each process has its processor
    )


def declared() -> dict[str, Requirement]:
    """All dependencies that setup.cfg declares, extras included, by name."""
    config = configparser.ConfigParser(interpolation=None)
    config.read("setup.cfg", encoding="utf-8")
    texts = [config["options"]["install_requires"]]
    texts += config["options.extras_require"].values()
    lines = (line for text in texts for line in text.splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("%")]
    return {requirement.name: requirement for requirement in found}


def lowest_version(requirement: Requirement) -> str:
    """`name==version` of its lower bound, or nothing where it has none."""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    for bound in requirement.specifier:
        if bound.operator == ">=":
            return f"{requirement.name}=={bound.version}{marker}"
    return ""
