"""Run docs/tour.ipynb and keep what its cells print, which the site shows.

python -m benchmarks.tour
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from lm_eval_faith.files import write_whole

TOUR = Path(__file__).resolve().parents[1] / "docs" / "tour.ipynb"


def executed(path: Path = TOUR) -> nbformat.NotebookNode:
    """The notebook with what its cells print today.

    Raises:
        CellExecutionError: a cell fails.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        kept = [o for o in cell.get("outputs", []) if o.get("name") != "stderr"]
        if cell.cell_type == "code":
            cell.outputs = kept
    return notebook


if __name__ == "__main__":
    write_whole(TOUR, nbformat.writes(executed()).rstrip() + "\n")
