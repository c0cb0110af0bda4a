"""Runs of organisms, as the tests of the calibration have them."""

from ..calibration.conftest import make_run

__all__ = ["make_run"]
