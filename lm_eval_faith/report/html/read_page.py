"""The page of ``lm-eval-faith chains``: files as they are read, in the browser of chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.report.html.chains import (
    LARGEST_PAGE,
    LEAST_OF_CHAINS,
    browsed_file,
    packed,
)
from lm_eval_faith.report.html.document import render


@dataclass(frozen=True)
class ReadFile:
    """A file as the page shows it.

    Attributes:
        source: its name.
        n_documents, n_used: how many chains there are, and how many are used.
        told: what is to be known of the reading, in sentences.
        left_out: the ids of documents that are left out, by reason.
        chains: each reading once, as a record of which nothing was measured, with what
            stands above it.
        intervention: the one that the records show.
    """

    source: str
    n_documents: int
    n_used: int
    told: Sequence[str]
    left_out: Mapping[str, Sequence[str]]
    chains: Sequence[tuple[ChainRecord, str]]
    intervention: str


def read_page(files: Sequence[ReadFile]) -> str:
    """One self-contained HTML file about the files and every chain in them, or a sample
    of the chains that is the same each time where all of them are too large."""
    ids = sum(len(id) + 2 for f in files for ids in f.left_out.values() for id in ids)
    told = packed(
        [browsed_file(f.source, f.chains, f.intervention) for f in files],
        max(LARGEST_PAGE - 60_000 - ids, LEAST_OF_CHAINS),
    )
    return render(
        "chains.html.j2",
        {"files": files, "packed": told},
        data=told.data,
        styles=("report.css",),
        scripts=("chains.js",),
    )
