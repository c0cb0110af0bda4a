"""Every text of ../shared/data: read to the byte, judged as its file says."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lm_eval_faith.chains.written import split_generation

DATA = Path(__file__).resolve().parents[3] / "shared/data"
UNREAD = 11
"""Solutions that were cut off in a sum or run on in one digit ("…3333"), so that they
state no answer. The file calls them wrong, we call them unparsed; each was read."""


def rows(name: str) -> Iterator[dict[str, object]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def texts() -> Iterator[tuple[str, str, bool, bool]]:
    """Text, reference, whether it is right, whether it begins inside the thinking."""
    for trace in rows("thought_anchors/traces.jsonl"):
        yield str(trace["chain"]), str(trace["answer"]), bool(trace["right"]), True
    for row in rows("gsm8k/test.jsonl"):
        yield str(row["answer"]), str(row["answer"]), True, False
    for row in rows("gsm8k/example_model_solutions.jsonl"):
        reference = str(row["ground_truth"])
        yield reference, reference, True, False
        for told in row.values():
            if isinstance(told, dict):
                yield told["solution"], reference, told["is_correct"], False


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
def test_verdicts_are_those_of_the_files_and_nothing_hangs() -> None:
    took: list[float] = []
    seen = unread = 0
    for text, reference, right, thinking in texts():
        start = time.process_time()
        written = split_generation(text, reference, thinking=thinking)
        took.append(time.process_time() - start)
        assert written.text == text
        seen += 1
        if written.correct is None:
            unread += 1
            assert not right and written.outcome == "unparsed", text[-200:]
        else:
            assert written.correct is right, (text[-200:], written.answer)
    assert (seen, unread) == (40 + 1319 + 6595, UNREAD)
    assert (
        max(took) < sum(took) / 5
    )  # one that hangs takes minutes, all of them half a one
