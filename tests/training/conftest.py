"""The embedded model, as the tests of organisms have it."""

from ..organisms.conftest import solver

__all__ = ["solver"]
