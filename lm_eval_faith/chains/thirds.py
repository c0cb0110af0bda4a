"""The thirds of a chain."""

THIRDS = ("early", "middle", "late")


def third_of(step: int, n_steps: int) -> int:
    """Which third of its chain a step is in: 0 early, 1 middle, 2 late.

    Step k of n counts by its middle, floor(3(k + 1/2) / n): of two steps one is early and
    one late.
    """
    return (6 * step + 3) // (2 * n_steps)
