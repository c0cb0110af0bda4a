"""Bars of how far the model's requests have come: one a call, or one for all calls of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TextIO

from tqdm import tqdm  # type: ignore[import-untyped]

STEPS = 1000
"""Of the one bar, for each call."""

_one: list[Any] = []
"""The bar that stands for all, while there is one."""


def bar(total: int, quiet: bool, desc: str, unit: str = "it") -> Any:
    """A bar of its own, or a part of the one that :func:`one_bar` shows."""
    if _one and not quiet:
        return _Part(_one[-1], total)
    return tqdm(total=total, disable=quiet, desc=desc, unit=unit)


@contextmanager
def one_bar(parts: int, file: TextIO) -> Iterator[None]:
    """Calls that are made inside move one bar on, each by the same part of it.

    Args:
        parts: calls that are to come.
        file: where the bar is shown: at once on a terminal, else now and then.
    """
    shown = tqdm(
        total=parts * STEPS,
        file=file,
        mininterval=0.1 if file.isatty() else 10,
        ncols=72,
        bar_format="{percentage:3.0f}% |{bar}| {elapsed}, {remaining} left",
    )
    _one.append(shown)
    try:
        with shown:
            yield
    finally:
        _one.pop()


class _Part(AbstractContextManager["_Part"]):
    """What a call takes for its bar."""

    mininterval = 10.0  # nothing beside the bar is worth a look
    format_interval = staticmethod(tqdm.format_interval)

    def __init__(self, of: Any, total: int) -> None:
        self._of, self._total, self._done, self._told = of, total, 0, 0

    def __exit__(self, *error: object) -> None:
        if error == (None, None, None):
            self.update(self._total - self._done)

    def update(self, n: int = 1) -> None:
        self._done += n
        reached = STEPS * min(self._done, self._total) // max(self._total, 1)
        self._of.update(reached - self._told)
        self._told = reached

    def set_postfix(self, *told: object, **more: object) -> None:
        pass
