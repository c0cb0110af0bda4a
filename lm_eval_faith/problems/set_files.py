"""Sets of steps that a file gives: JSON Lines of ``{"id": ..., "steps": [0, 3], "name": ...}``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.errors import InputError
from lm_eval_faith.files import read_json_lines
from lm_eval_faith.joint.groups import Group
from lm_eval_faith.shown import brief

logger = logging.getLogger(__name__)


def read_sets(
    files: Sequence[str], chains: Mapping[str, Chain]
) -> dict[str, tuple[Group, ...]]:
    """The sets of each chain, by its id; steps count from 0.

    Lines for other chains are passed over and counted.

    Raises:
        InputError: a file cannot be read, a line names no steps or some that the chain does
            not have, or a file has no set of any of the chains.
    """
    found: dict[str, list[Group]] = {}
    for file in files:
        others = used = 0
        for number, line in read_json_lines(Path(file)):
            where, id = f"{file}:{number}", line.get("id")
            if id is not None and str(id) in chains:
                groups = found.setdefault(str(id), [])
                groups.append(_group(line, chains[str(id)], where))
                used += 1
            else:
                others += 1
        if not used:
            raise InputError(
                f"{file}: none of its {others} lines names a chain of this run by its id"
            )
        if others:
            logger.warning("%s: %d lines name no chain of this run", file, others)
    return {id: tuple(groups) for id, groups in found.items()}


def _group(line: Mapping[str, Any], chain: Chain, where: str) -> Group:
    steps, n = line.get("steps"), len(chain.steps)
    if not isinstance(steps, list) or not steps:
        raise InputError(f"{where}: 'steps' must be a list of the set's steps, from 0")
    for step in steps:
        if type(step) is not int or not 0 <= step < n:
            raise InputError(
                f"{where}: {brief(repr(step))} is no step of a chain of {n}, which are "
                f"0 to {n - 1}"
            )
    name = line.get("name", "")
    if not isinstance(name, str):
        raise InputError(f"{where}: 'name' must be text, not {brief(repr(name))}")
    return Group(name, tuple(sorted(set(steps))))
