"""Task definitions for lm-evaluation-harness; see README.md in this folder."""

from pathlib import Path

PATH = Path(__file__).resolve().parent
"""The folder to give to the harness as ``--include_path``."""
