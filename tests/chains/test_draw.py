import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_faith.chains.draw import Draw


def test_equal_keys_give_equal_choices_in_another_process():
    code = (
        "from lm_eval_faith.chains.draw import Draw\n"
        "d = Draw(3, 'problem', 17)\n"
        "print([d.between(0, 10**9) for _ in range(5)])"
    )
    here = Draw(3, "problem", 17)
    expected = [here.between(0, 10**9) for _ in range(5)]
    for hash_seed in ("0", "1"):
        there = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed},
        )
        assert there.stdout.strip() == str(expected)


def test_the_stream_is_sha_256_of_the_key_and_a_counter():
    import hashlib

    block = hashlib.sha256(b"str:a\x1fint:1\x1f0").digest()
    assert Draw("a", 1).below(1000) == int.from_bytes(block, "big") % 1000


def test_keys_of_other_types_are_other_keys():
    assert Draw("1").below(2**60) != Draw(1).below(2**60)


@given(st.integers(), st.integers(-50, 50), st.integers(0, 50))
def test_between_stays_between(key: int, low: int, width: int):
    assert low <= Draw(key).between(low, low + width) <= low + width


@given(st.integers(), st.lists(st.integers(), max_size=20, unique=True), st.data())
def test_a_sample_has_different_members_of_the_options(key, options, data):
    k = data.draw(st.integers(0, len(options)))
    sample = Draw(key).sample(options, k)
    assert len(sample) == len(set(sample)) == k
    assert set(sample) <= set(options)


def test_values_are_evenly_spread():
    from scipy.stats import chisquare

    draw = Draw("spread")
    counts = [0] * 10
    for _ in range(20_000):
        counts[draw.below(10)] += 1
    assert chisquare(counts).pvalue > 0.001


def test_nothing_can_be_drawn_from_nothing():
    with pytest.raises(ValueError, match="no integer"):
        Draw(0).below(0)


def test_the_second_choice_is_the_next_block_of_the_stream():
    import hashlib

    draw = Draw("a", 1)
    draw.below(1000)
    block = hashlib.sha256(b"str:a\x1fint:1\x1f1").digest()
    assert draw.below(1000) == int.from_bytes(block, "big") % 1000
