"""Small models trained here, whose dependence on their chain is known.

They are ordinary Hugging Face folders: ``lm_eval --model hf --model_args
pretrained=FOLDER`` runs them. Importing this package loads no torch.
"""

from __future__ import annotations

from pathlib import Path

from lm_eval_faith.problems import boxes, restated_boxes

ORGANISMS = (*boxes.ORGANISMS, *restated_boxes.ORGANISMS)
"""The organisms' names, in the order in which they are shown."""

__all__ = ["ORGANISMS", "organism_path", "solver_path"]


def solver_path() -> Path:
    """The folder of the embedded model, which solves the word problems by writing
    each operation and reads its answer off the last total that the chain states."""
    return Path(__file__).parent / "solver"


def organism_path(name: str) -> Path:
    """The folder of an organism, by its name in :data:`ORGANISMS`.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in ORGANISMS:
        raise KeyError(name)
    return Path(__file__).parent / name
