"""The notebook of the documentation runs from its first cell to its last."""

import nbformat

from benchmarks.tour import TOUR, executed


def test_the_tour_has_ten_cells_and_keeps_what_they_print():
    cells = nbformat.read(TOUR, as_version=4).cells
    assert len(cells) == 10
    _, *kept = [cell.outputs for cell in cells if cell.cell_type == "code"]
    assert all(kept)
    kinds = [
        set(output.data) for outputs in kept for output in outputs if "data" in output
    ]
    assert any("image/png" in kind for kind in kinds)


def test_the_tour_runs(tmp_path):
    cells = executed().cells
    table, _, chain, compared = [
        c.outputs[-1].data for c in cells if c.cell_type == "code" and c.outputs
    ]
    for shown in (table, chain, compared):
        assert "text/html" in shown
    assert "reader" in table["text/plain"] and "load_bearing" in chain["text/plain"]
