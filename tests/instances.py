"""Requests as the harness makes them, on every version of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lm_eval.api.instance import Instance

from lm_eval_faith.harness.lm_eval_compat import belongs_to


def instances(
    kind: str,
    arguments: Iterable[tuple[Any, ...]],
    documents: Sequence[int] | None = None,
) -> list[Instance]:
    """One a tuple of arguments, each of a document of its own unless they are given."""
    return [
        Instance(
            kind,
            {},
            each,
            idx=0,
            **belongs_to("t", k if documents is None else documents[k], 1),
        )
        for k, each in enumerate(arguments)
    ]
