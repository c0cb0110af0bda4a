"""Files of chains, written for a test."""

import json

import pytest

GOOD = {
    "question": "Ann has 4 pens and buys 14. How many has she?",
    "chain": "She starts with 4. She buys 14, so 4 + 14 = 18. The answer is 18.",
    "answer": "18",
}
STEPS = ["She starts with 4.", "She buys 14, so 4 + 14 = 18."]


@pytest.fixture
def jsonl(tmp_path):
    """Writes records as lines of JSON."""

    def write(*records, name="chains.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    return write


@pytest.fixture
def good():
    return dict(GOOD)
