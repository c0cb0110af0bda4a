"""What one variable says of another beside a third: partial R-squared and partial slope, pooled over problems.

Every problem gives the sums of products of three centred columns (the value y, the first label x, the second label z,
each less its mean within the chain). With the sums over problems, what z explains is taken out of y and x by least
squares, and the rest of y is regressed on the rest of x: Frisch and Waugh (1933), Econometrica 1, 387-401. The partial
R-squared is the squared correlation of the two rests; the slope is the coefficient of x in the regression of y on both.
Columns that are centred within chains make it the regression with an intercept for each chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .bootstrap import FOR_ANY, Method, error_of_influence, on_exact_grid
from .intervals import Floats
from .steps import Steps

R2_METHOD: Method = "percentile"

ROUNDING = 1e-12
"""A sum of squares no larger than this part of what it was before z was taken out is rounding."""


@dataclass(frozen=True)
class Rest:
    """What is left of x and y at some rows of weights.

    xy, xx, yy: sums of products of the rests, (rows,), NaN where one has none. of_each: the same of each problem with
    the coefficients of the row, (rows, problems) each.
    """

    xy: Floats
    xx: Floats
    yy: Floats
    of_each: tuple[Floats, Floats, Floats]

    @property
    def r2(self) -> Floats:
        """Squared correlation of the rests: (rows,)."""
        return self.xy**2 / (self.xx * self.yy)

    @property
    def r2_influence(self) -> Floats:
        """What one more drawing of a problem adds to it: (rows, problems)."""
        xy, xx, yy = (column[:, np.newaxis] for column in (self.xy, self.xx, self.yy))
        of_xy, of_xx, of_yy = self.of_each
        change = 2 * xy * of_xy - xy**2 * (of_xx / xx + of_yy / yy)
        added: Floats = change / (xx * yy)
        return added

    @property
    def slope(self) -> Floats:
        """Of the rest of y on the rest of x: (rows,)."""
        return self.xy / self.xx

    @property
    def slope_influence(self) -> Floats:
        """What one more drawing of a problem adds to it: (rows, problems)."""
        of_xy, of_xx, _ = self.of_each
        excess = of_xy - self.slope[:, np.newaxis] * of_xx
        added: Floats = excess / self.xx[:, np.newaxis]
        return added


@dataclass(frozen=True)
class Partial:
    """A statistic of the rests. products: (problems, 6), the sums yy, yx, yz, xx, xz, zz of each problem.

    The coefficients of z are least-squares ones, so the derivative of the rests' products by them is zero, and what a
    problem adds is made of its own products alone.
    """

    products: Floats
    read: Callable[[Rest], tuple[Floats, Floats]]
    share: bool = False
    methods: ClassVar[tuple[Method, ...]] = FOR_ANY

    @property
    def strata(self) -> tuple[int]:
        """All problems are resampled together."""
        return (len(self.products),)

    def rest(self, weights: Floats) -> Rest:
        """What is left of x and y at each row of weights."""
        yy, yx, yz, xx, xz, zz = (weights @ on_exact_grid(self.products)).T
        with np.errstate(invalid="ignore", divide="ignore"):
            of_y, of_x = (np.where(zz > 0, s / zz, 0.0) for s in (yz, xz))

        def left(ab: int, az: int, bz: int, of_a: Floats, of_b: Floats) -> Floats:
            own = self.products
            return (
                own[:, ab]
                - np.outer(of_a, own[:, bz])
                - np.outer(of_b, own[:, az])
                + np.outer(of_a * of_b, own[:, 5])
            )

        left_xx, left_yy = xx - of_x * xz, yy - of_y * yz
        there = (left_xx > ROUNDING * xx) & (left_yy > ROUNDING * yy)
        return Rest(
            np.where(there, yx - of_y * xz, np.nan),
            np.where(there, left_xx, np.nan),
            np.where(there, left_yy, np.nan),
            (
                left(1, 2, 4, of_y, of_x),
                left(3, 4, 4, of_x, of_x),
                left(0, 2, 2, of_y, of_y),
            ),
        )

    def value_at_sample(self) -> float:
        """The statistic of the sample itself."""
        if not len(self.products):
            return float("nan")
        return float(self.value(np.ones((1, len(self.products))))[0])

    def value(self, weights: Floats) -> Floats:
        """The statistic at each row of weights."""
        return self.value_and_influence(weights)[0]

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The statistic, (rows,), and what one more drawing of a problem adds to it, (rows, problems), at each row."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.read(self.rest(weights))

    def value_and_error(self, weights: Floats) -> tuple[Floats, Floats]:
        """The statistic and its standard error over problems at each row of weights."""
        value, influence = self.value_and_influence(weights)
        return value, error_of_influence(influence, weights)


def partial_r2(steps: Steps) -> Partial:
    """The partial R-squared of value by first label beside the second one, if there is one.

    steps: grouped; value and labels centred within their chains. NaN where the regression has no degree of freedom left
    over means and slopes: whatever the values it would be 1, as in one chain of three steps.
    """
    products = _products(steps)
    free = len(steps.value) - steps.n_problems - len(steps.labels)
    return Partial(
        products if free > 0 else np.zeros_like(products),
        lambda rest: (rest.r2, rest.r2_influence),
    )


def partial_slope(steps: Steps) -> Partial:
    """The coefficient of the first label in the regression of value on both; steps as in `partial_r2`."""
    return Partial(_products(steps), lambda rest: (rest.slope, rest.slope_influence))


def _products(steps: Steps) -> Floats:
    y, x = steps.value, steps.labels[0]
    z = steps.labels[1] if len(steps.labels) > 1 else np.zeros(len(y))
    pairs = ((y, y), (y, x), (y, z), (x, x), (x, z), (z, z))
    return np.column_stack([steps.sums(a * b) for a, b in pairs])
