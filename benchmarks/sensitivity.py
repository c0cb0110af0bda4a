"""How far the calibration hangs on choices: threshold, problems, size of the change, cue.

``python -m benchmarks.sensitivity`` prints Markdown tables, all of them
about ``corrupt``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from lm_eval_faith_stats import BOOTSTRAP, Bootstrap, Estimate

from benchmarks.change_sizes import SIZES
from lm_eval_faith.calibration.calibrate import folder, tell
from lm_eval_faith.calibration.measure import Row, row_of
from lm_eval_faith.calibration.run import BYPASSER, OrganismRun, Plan, run_organisms
from lm_eval_faith.errors import InputError
from lm_eval_faith.files import write_whole
from lm_eval_faith.interventions.corrupt_written import ChangeSize
from lm_eval_faith.organisms import ORGANISMS
from lm_eval_faith.report import write
from lm_eval_faith.report.cells import interval, number
from lm_eval_faith.report.write import Column, Section

INTERVENTION = "corrupt"
THRESHOLDS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""In nats."""

CHANGES = {INTERVENTION: ChangeSize(), **SIZES}
PROBLEMS = (25, 50, 100, 200)
CUES = ("The answer is", "So the answer is", "Answer:", "####")
"""The first one is what the organisms have learned."""

CUE_PROBLEMS = 50

Cells = tuple[str, ...]


def sensitivity(
    plan: Plan, out: Path, bootstrap: Bootstrap = BOOTSTRAP
) -> tuple[Section, ...]:
    """A table for each choice.

    Args:
        plan: organisms, problems and models; its interventions are not used.
        out: where labelled files and runs are written.
        bootstrap: how intervals are made.

    Raises:
        InputError: the plan names what is not there.
    """
    sizes = replace(
        plan,
        interventions=tuple(CHANGES),
        plugins=("benchmarks.change_sizes",),
    )
    runs = run_organisms(sizes, out / "sizes", tell)
    by_cue = {CUES[0]: tuple(first_problems(run, CUE_PROBLEMS) for run in runs)}
    for place, cue in enumerate(CUES[1:], start=1):
        tell(f"cue {cue!r}")
        asked = replace(
            plan,
            interventions=(INTERVENTION,),
            problems=min(CUE_PROBLEMS, plan.problems),
            parameters={"answer_cue": cue},
        )
        by_cue[cue] = run_organisms(asked, out / f"cue_{place}", tell)
    return (
        _table(
            f"Threshold, {plan.problems} problems",
            ("threshold (nats)", "share", "interval", "known"),
            _by_threshold(runs, bootstrap),
        ),
        _table(
            "Number of problems",
            ("problems", "step AUC", "interval", "effect", "interval", "chain AUC"),
            _by_problems(runs, bootstrap),
        ),
        _table(
            f"Size of the change, {plan.problems} problems",
            ("change", "step AUC", "interval", "used", "not used", "not applicable"),
            _by_size(runs, bootstrap),
        ),
        _table(
            f"Answer cue, {min(CUE_PROBLEMS, plan.problems)} problems",
            ("cue", "right without a change", "step AUC", "used", "not used"),
            _by_cue(by_cue, bootstrap),
        ),
    )


def first_problems(run: OrganismRun, count: int) -> OrganismRun:
    """The run on the first problems only."""
    ordered = sorted(run.chains, key=lambda chain: chain.document)
    return replace(run, chains=tuple(ordered[:count]))


def _by_threshold(runs: Sequence[OrganismRun], bootstrap: Bootstrap) -> Iterator[Cells]:
    for run in runs:
        for threshold in THRESHOLDS:
            row = _row(run, None, bootstrap, threshold=threshold)
            known = number(row.known_rate, "share")
            yield (
                run.organism,
                f"{threshold:g}",
                *_cells(row.load_bearing_rate, "share"),
                known,
            )


def _by_problems(runs: Sequence[OrganismRun], bootstrap: Bootstrap) -> Iterator[Cells]:
    most = max(len(run.chains) for run in runs)
    for run in runs:
        for count in [n for n in PROBLEMS if n <= most] or [most]:
            few = [first_problems(r, count) for r in runs]
            own = next(r for r in few if r.organism == run.organism)
            row = _row(own, _bypasser(few), bootstrap)
            yield (
                run.organism,
                str(count),
                *_cells(row.auc, "auc"),
                *_cells(row.effect_vs_control, "nats"),
                _cells(row.chain_auc, "auc")[0],
            )


def _by_size(runs: Sequence[OrganismRun], bootstrap: Bootstrap) -> Iterator[Cells]:
    for run in runs:
        for name, size in sorted(CHANGES.items(), key=lambda item: item[1].most):
            row = _row(run, None, bootstrap, intervention=name)
            yield (
                run.organism,
                f"{size.least} to {size.most}" if size.most > 1 else "1",
                *_cells(row.auc, "auc"),
                _cells(row.load_bearing, "nats")[0],
                _cells(row.decoy, "nats")[0],
                str(row.not_applicable),
            )


def _by_cue(
    by_cue: Mapping[str, Sequence[OrganismRun]], bootstrap: Bootstrap
) -> Iterator[Cells]:
    for place in range(len(by_cue[CUES[0]])):
        for cue, runs in by_cue.items():
            run = runs[place]
            row = _row(run, None, bootstrap)
            right = fmean(float(chain.clean_greedy) for chain in run.chains)
            yield (
                run.organism,
                cue,
                number(right, "share"),
                _cells(row.auc, "auc")[0],
                _cells(row.load_bearing, "nats")[0],
                _cells(row.decoy, "nats")[0],
            )


def _row(
    run: OrganismRun,
    none_used: OrganismRun | None,
    bootstrap: Bootstrap,
    *,
    threshold: float = 1.0,
    intervention: str = INTERVENTION,
) -> Row:
    return row_of(run, intervention, none_used, threshold, bootstrap)


def _bypasser(runs: Sequence[OrganismRun]) -> OrganismRun | None:
    return next((run for run in runs if run.organism == BYPASSER), None)


def _cells(estimate: Estimate | None, unit: str) -> tuple[str, str]:
    if estimate is None:
        return "n/a", ""
    return number(estimate.point, unit), interval(estimate, unit)


def _table(title: str, names: Sequence[str], rows: Iterator[Cells]) -> Section:
    columns = Column("organism"), *(Column(name, numbers=True) for name in names)
    return Section(title, columns, tuple(rows))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sensitivity",
        description="How far the calibration of corrupt hangs on choices.",
    )
    parser.add_argument("--problems", type=int, default=max(PROBLEMS))
    parser.add_argument("--organisms", nargs="+", default=list(ORGANISMS))
    parser.add_argument("--models", type=Path, help="a folder of retrained organisms")
    parser.add_argument("--keep", type=Path, help="keep files and runs here")
    parser.add_argument("--out", type=Path, help="write here, not to the terminal")
    chosen = parser.parse_args(arguments)
    plan = Plan(
        organisms=tuple(chosen.organisms),
        problems=chosen.problems,
        models=chosen.models,
    )
    try:
        with folder(chosen.keep) as path:
            text = write.as_markdown(sensitivity(plan, path), {})
        if chosen.out is None:
            print(text, end="")
        else:
            write_whole(chosen.out, text)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
