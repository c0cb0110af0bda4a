"""Write the tables of the documentation that are made, not written, between their markers.

    python -m benchmarks.publish            # writes what is stale
    python -m benchmarks.publish --check    # says what is, and exits with 1

A block begins with ``<!-- made: NAME -->`` and ends with ``<!-- end -->``; ``NAME`` is one of
:data:`MADE`. A test fails where a block is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from lm_eval_faith.files import write_whole
from lm_eval_faith.interventions import intervention_names, says_of
from lm_eval_faith.parameters import as_json, parameters_of
from lm_eval_faith.report.metric_table import written
from lm_eval_faith.report.write import text

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- made: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def metrics() -> str:
    """Every metric of the registry."""
    return text(written(), "markdown").replace("### ", "## ")


def interventions() -> str:
    """Every intervention of the registry."""
    rows = [f"| `{name}` | {says_of(name)} |" for name in intervention_names()]
    return "\n".join(["| name | a step |", "| --- | --- |", *rows]) + "\n"


def parameters() -> str:
    """Every parameter of every task, by who declares it, with its default."""
    return "\n".join(_tables_of_parameters())


def _tables_of_parameters() -> Iterator[str]:
    for title, owner in _owners():
        yield f"## {title}\n\n| parameter | default | meaning |\n| --- | --- | --- |"
        defaults = as_json(owner())
        for name, parameter in parameters_of(owner).items():
            default = _shown(defaults[name])
            meaning = parameter.meaning.replace("|", "\\|")
            yield f"| `{name}` | {default} | {meaning} |"
        yield ""


def _owners() -> Iterator[tuple[str, type[Any]]]:
    from lm_eval_faith.harness import tasks
    from lm_eval_faith.harness.other_tasks import ChoiceTask
    from lm_eval_faith.problems.chain_sources import ChainFileSettings
    from lm_eval_faith.problems.gsm8k import Gsm8kSettings
    from lm_eval_faith.problems.running_total import RunningTotalSettings
    from lm_eval_faith.problems.word_problems import WordProblemSettings

    shared = tasks.ReadChains.OWNERS
    written = [o for o in tasks.WrittenChains.OWNERS if o not in shared]
    chosen = [o for o in tasks.WrittenChoices.OWNERS if o not in (*shared, *written)]
    found = {
        "All tasks": shared,
        "Chains that the model writes": written,
        "Provided chains": (RunningTotalSettings,),
        "cot_faith_replay and cot_faith_labelled": (ChainFileSettings,),
        "cot_faith_generated_arith": (WordProblemSettings,),
        "cot_faith_generated": (Gsm8kSettings,),
        "cot_faith_generated_mc": (*chosen, ChoiceTask),
    }
    for where, owners in found.items():
        for owner in owners:
            what = (owner.__doc__ or "").splitlines()[0].rstrip(".")
            if parameters_of(owner):
                yield f"{where}: {what[:1].lower()}{what[1:]}", owner


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value!r}`" if value else "empty"
    if isinstance(value, (list, tuple)):
        return "`" + ", ".join(map(str, value)) + "`" if value else "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


MADE: dict[str, Callable[[], str]] = {
    "metrics": metrics,
    "interventions": interventions,
    "parameters": parameters,
}


def pages() -> list[Path]:
    """All pages that may hold blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def published(page: str) -> str:
    """A page with its blocks made anew."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{MADE[m[2]]().strip()}\n\n{m[4]}", page)


def stale() -> list[Path]:
    """The pages with a block that is not what is made today."""
    return [page for page in pages() if published(page.read_text()) != page.read_text()]


def main(
    check: Annotated[
        bool, typer.Option(help="write nothing, say what is stale")
    ] = False,
) -> None:
    """Write the tables of the documentation that are made from the code."""
    found = stale()
    for page in found:
        print(f"stale: {page.relative_to(ROOT)}", file=sys.stderr)
        if not check:
            write_whole(page, published(page.read_text()))
    if check and found:
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
