"""Who may import whom: the arrows of the house.

Every import counts, those inside functions and those for the type checker too: what a
file names, it knows. Modules are named without the package, as `records.run`; the
statistics and the tasks, packages of their own, as `stats` and `tasks`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "lm_eval_faith": "lm_eval_faith",
    "stats": "lm_eval_faith_stats",
    "tasks": "lm_eval_faith_tasks",
}

LEAVES = ("errors", "asks", "shown", "_version")
BASE = (*LEAVES, "files", "parameters")
PROBLEMS = (*BASE, "chains", "interventions", "joint", "records", "problems")
HARNESS = (
    *PROBLEMS,
    *("stats", "metrics", "engines", "harness", "tasks", "organisms"),
)
REPORT = (*BASE, "interventions", "records", "stats", "metrics", "report")
COMMANDS = (*HARNESS, *REPORT, "organisms", "calibration", "demo", "cli")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(LEAVES, ()),
    "files": ("errors",),
    "parameters": ("errors",),
    "stats": ("stats",),
    "tasks": (),
    "chains": (*BASE, "chains"),
    "interventions": (*BASE, "chains", "interventions"),
    "joint": (*BASE, "chains", "interventions", "joint"),
    "records": (*BASE, "chains", "interventions", "joint", "records"),
    "problems": PROBLEMS,
    "metrics": (
        *BASE,
        *("records.tables", "records.columns", "records.outcome", "stats", "metrics"),
    ),
    "engines": (*BASE, "engines"),
    "harness": HARNESS,
    "report": REPORT,
    "organisms": PROBLEMS,
    **dict.fromkeys(("calibration", "demo", "cli"), COMMANDS),
    "__main__": ("cli",),
    "__init__": ("_version", "harness.activation"),
}
"""What each part may import of ours: these modules and what is below them."""

KNOWN_BY = {
    "lm_eval": ("harness",),
    "torch": ("engines", "harness"),
    "transformers": ("engines", "harness"),
    "vllm": ("engines.vllm_compat",),
    "benchmarks": (),
    "training": (),
    "tests": (),
}
"""Libraries and folders that only some parts may name."""

PRIVATE_OF_LM_EVAL = "harness.lm_eval_compat"
"""The one module that names what is private in the harness."""


def modules() -> Iterator[tuple[str, Path]]:
    """Every module that is installed, by its name, and its file."""
    for folder, package in PACKAGES.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = [package, *file.relative_to(ROOT / folder).with_suffix("").parts]
            yield ".".join(parts), file


def imports(module: str, file: Path) -> Iterator[str]:
    """Full names of what a module imports: of `from a import b`, `a.b`."""
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def short(name: str) -> str:
    """`records.run` of `lm_eval_faith.records.run`, `stats.auc` of the statistics'."""
    first, _, rest = name.partition(".")
    folder = {package: folder for folder, package in PACKAGES.items()}.get(first, "")
    if folder == "lm_eval_faith":
        return rest or "__init__"
    return f"{folder}.{rest}".rstrip(".") if folder else name


def within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == a or name.startswith(f"{a}.") for a in allowed)


def is_allowed(module: str, imported: str) -> bool:
    part, library = module.split(".")[0], imported.split(".")[0]
    if library in PACKAGES.values():
        return within(short(imported), MAY_IMPORT[part])
    if library in KNOWN_BY and not within(module, KNOWN_BY[library]):
        return False
    if part == "stats":
        return library in ("numpy", "scipy") or library in sys.stdlib_module_names
    private = any(x.startswith("_") and x != "__main__" for x in imported.split("."))
    return library != "lm_eval" or not private or module == PRIVATE_OF_LM_EVAL


def against() -> set[str]:
    return {
        f"{short(module)}: {short(imported)}"
        for module, file in modules()
        for imported in imports(module, file)
        if not is_allowed(short(module), imported)
    }


def test_every_import_is_along_an_arrow():
    assert sorted(against()) == []


def test_no_arrow_leads_back():
    """What a part may import may not import it: else the order means nothing."""
    for part, allowed in MAY_IMPORT.items():
        for other in {name.split(".")[0] for name in allowed} - {part}:
            if {part, other} <= {"calibration", "demo", "cli"}:
                continue
            assert not within(part, MAY_IMPORT[other]), (part, other)
