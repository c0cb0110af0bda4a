"""Tokens that an intervention makes a model read."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from lm_eval_faith.calibration.cost import BESIDE, cost, costs
from lm_eval_faith.harness.forecast import Cost


@pytest.mark.parametrize(
    ("requests", "distinct"),
    [
        ([], 0),
        ([[1, 2, 3]], 0),  # all of it is in the clean one
        ([[1, 2, 3, 4]], 1),
        ([[9, 2, 3]], 3),
        ([[1, 2, 9], [1, 2, 9, 9], [1, 7]], 3),
    ],
)
def test_a_token_behind_the_same_beginning_is_read_once(requests, distinct):
    tokens = sum(len(request) for request in requests)
    assert cost([1, 2, 3], requests) == Cost(len(requests), tokens, distinct)


def test_requests_are_counted_where_their_intervention_is(tmp_path):
    words = ["a", "b", "c", "d", "x"]
    tokenizer = Tokenizer(models.WordLevel({w: k for k, w in enumerate(words)}, "x"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))

    def variant(name, step, reason="", other=""):
        return {
            "intervention": name,
            "step": step,
            "before": "",
            "after": "",
            "other_answer": other,
            "not_applicable": reason,
        }

    sample = {
        "doc": {
            "interventions": [
                variant("one", 0),
                variant("one", 1, reason="no number"),
                variant("two", 0, other="d"),
            ]
        },
        "arguments": [("a b", " c"), ("a d", " c"), ("b b", " c"), ("b b", " d")],
    }
    found = costs([sample, sample], tmp_path / "tokenizer.json")
    assert found == {"one": Cost(2, 6, 4), "two": Cost(4, 12, 8)}
    more = {**sample, "arguments": [*sample["arguments"], ("a b d", " c")]}
    found = costs([more], tmp_path / "tokenizer.json")
    assert found["two"] == Cost(2, 6, 4) and found[BESIDE] == Cost(1, 4, 2)
