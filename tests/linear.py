"""Whether work grows with the length of a text and not with its square, on any machine."""

from __future__ import annotations

import time
from collections.abc import Callable

MORE = 8
"""How much longer the long text is. Linear work on it takes 8 times as long, quadratic 64."""

MOST = 24
"""The largest ratio of processor times that passes."""


def seconds(work: Callable[[], object]) -> float:
    """The processor time that it takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def assert_linear(work: Callable[[str], object], piece: str, length: int) -> None:
    """Do the work on a text of a piece many times over, and on an eighth of it.

    The ratio does not depend on the machine; one that is disturbed is taken again.

    Args:
        work: on a text.
        piece: what the text is made of.
        length: of the long text, in characters.
    """
    text = (piece * length)[:length]
    work(text[:100])  # what is made once
    ratios = []
    for _ in range(4):
        short = seconds(lambda: work(text[: length // MORE]))
        ratios.append(seconds(lambda: work(text)) / max(short, 1e-4))
        if ratios[-1] <= MOST:
            return
    raise AssertionError(f"{MORE} times the text took {ratios} times as long")
