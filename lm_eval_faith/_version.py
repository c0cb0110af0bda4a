"""The version of the package, which pages and records name."""

__version__ = "0.2.0.dev0"
