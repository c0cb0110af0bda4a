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
    """What is left of x and y at some rows of weights, and what is read of it.

    xy, xx, yy: sums of products of the rests, (rows,), NaN where one has none. of_y, of_x: the coefficients of z that
    were taken out, (rows,).
    """

    xy: Floats
    xx: Floats
    yy: Floats
    of_y: Floats
    of_x: Floats

    def r2(self) -> Floats:
        """Squared correlation of the rests: (rows,)."""
        return self.xy**2 / (self.xx * self.yy)

    def r2_gradient(self) -> Floats:
        """Its derivatives by the six sums: (rows, 6)."""
        of_xy = 2 * self.xy / (self.xx * self.yy)
        return self._gradient(of_xy, -self.r2() / self.xx, -self.r2() / self.yy)

    def slope(self) -> Floats:
        """Of the rest of y on the rest of x: (rows,)."""
        return self.xy / self.xx

    def slope_gradient(self) -> Floats:
        """Its derivatives by the six sums: (rows, 6)."""
        return self._gradient(1 / self.xx, -self.slope() / self.xx, 0 * self.yy)

    def _gradient(self, of_xy: Floats, of_xx: Floats, of_yy: Floats) -> Floats:
        # The coefficients of z are least-squares ones: the derivative of the rests' products by them is zero.
        y, x = self.of_y, self.of_x
        of_yz, of_xz = -x * of_xy - 2 * y * of_yy, -y * of_xy - 2 * x * of_xx
        of_zz = x * y * of_xy + x**2 * of_xx + y**2 * of_yy
        return np.column_stack([of_yy, of_xy, of_yz, of_xx, of_xz, of_zz])


@dataclass(frozen=True)
class Partial:
    """A statistic of the rests. products: (problems, 6), the sums yy, yx, yz, xx, xz, zz of each problem."""

    products: Floats
    read: Callable[[Rest], Floats]
    gradient: Callable[[Rest], Floats]
    share: bool = False
    methods: ClassVar[tuple[Method, ...]] = FOR_ANY

    @property
    def strata(self) -> tuple[int]:
        """All problems are resampled together."""
        return (len(self.products),)

    def rest(self, weights: Floats) -> Rest:
        """What is left of x and y at each row of weights."""
        yy, yx, yz, xx, xz, zz = (weights @ on_exact_grid(self.products)).T
        of_y, of_x = (np.where(zz > 0, s / zz, 0.0) for s in (yz, xz))
        left_xx, left_yy = xx - of_x * xz, yy - of_y * yz
        there = (left_xx > ROUNDING * xx) & (left_yy > ROUNDING * yy)
        xy, xx, yy = (
            np.where(there, left, np.nan) for left in (yx - of_y * xz, left_xx, left_yy)
        )
        return Rest(xy, xx, yy, of_y, of_x)

    def value_at_sample(self) -> float:
        """The statistic of the sample itself."""
        if not len(self.products):
            return float("nan")
        return float(self.value(np.ones((1, len(self.products))))[0])

    def value(self, weights: Floats) -> Floats:
        """The statistic at each row of weights."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.read(self.rest(weights))

    def value_and_influence(self, weights: Floats) -> tuple[Floats, Floats]:
        """The statistic, (rows,), and what one more drawing of a problem adds to it, (rows, problems), at each row."""
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = self.rest(weights)
            return self.read(rest), self.gradient(rest) @ self.products.T

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
        Rest.r2,
        Rest.r2_gradient,
    )


def partial_slope(steps: Steps) -> Partial:
    """The coefficient of the first label in the regression of value on both; steps as in `partial_r2`."""
    return Partial(_products(steps), Rest.slope, Rest.slope_gradient)


def _products(steps: Steps) -> Floats:
    y, x = steps.value, steps.labels[0]
    z = steps.labels[1] if len(steps.labels) > 1 else np.zeros(len(y))
    pairs = ((y, y), (y, x), (y, z), (x, x), (x, z), (z, z))
    return np.column_stack([steps.sums(a * b) for a, b in pairs])
