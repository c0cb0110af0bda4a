"""What was found of a backend, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lm_eval_faith.report.write import Column, Section, Written

COLUMNS = ("check", "state", "found", "todo")


def written(findings: Sequence[Mapping[str, str]]) -> Written:
    """A row a finding; what is to be done stands below.

    Args:
        findings: each with its ``check``, ``state``, what was ``found`` and what is ``todo``.
    """
    faults = [f for f in findings if f["state"] == "fault"]
    title = (
        f"{len(faults)} of {len(findings)} checks found a fault"
        if faults
        else f"no fault found in {len(findings)} checks"
    )
    section = Section(
        title,
        tuple(map(Column, COLUMNS[:3])),
        tuple(tuple(f[name] for name in COLUMNS[:3]) for f in findings),
        tuple(f"{f['check']}: {f['todo']}" for f in findings if f["todo"]),
    )
    content = {"findings": [dict(f) for f in findings]}
    return Written((section,), {}, COLUMNS, list(findings), content)
