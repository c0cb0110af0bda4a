"""Shared-prefix scoring gives what the harness's `hf` backend gives, on every architecture that it takes."""

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.engines import prove, score, supports

LONGEST = 48
TOKEN = st.integers(3, 60)
Pair = tuple[list[int], list[int]]


def with_hf(backend: HFLM, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """The answers of the harness's own backend."""
    requests = [
        ((str(index), ""), context, continuation)
        for index, (context, continuation) in enumerate(pairs)
    ]
    return backend._loglikelihood_tokens(requests, disable_tqdm=True)


def with_shared_prefixes(
    backend: HFLM, pairs: Sequence[Pair], budget: int
) -> list[tuple[float, bool]]:
    scored = sorted(
        score(
            backend.model,
            pairs,
            max_length=backend.max_length,
            max_packed_tokens=budget,
        ),
        key=lambda answer: answer.index,
    )
    assert [answer.index for answer in scored] == list(range(len(pairs)))
    return [(answer.logprob, answer.is_greedy) for answer in scored]


def assert_same(
    backend: HFLM, pairs: Sequence[Pair], budget: int = 1024, tolerance: float = 1e-4
) -> None:
    expected = with_hf(backend, pairs)
    found = with_shared_prefixes(backend, pairs, budget)
    assert [logprob for logprob, _ in found] == pytest.approx(
        [logprob for logprob, _ in expected], abs=tolerance, rel=0
    )
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]


@st.composite
def trees(draw: st.DrawFn) -> list[Pair]:
    """Requests that part from one another anywhere, some longer than the model takes, each split anywhere."""
    texts = [draw(st.lists(TOKEN, min_size=2, max_size=30))]
    for _ in range(draw(st.integers(1, 7))):
        stem = draw(st.sampled_from(texts))
        text = stem[: draw(st.integers(0, len(stem)))] + draw(
            st.lists(TOKEN, max_size=20)
        )
        texts.append(text if len(text) > 1 else [3, 4])
    pairs = []
    for text in texts:
        split = draw(st.integers(1, len(text) - 1))
        pairs.append(
            (text[:split], text[split:])
            if len(text) - split < LONGEST
            else (text[:-1], text[-1:])
        )
    return pairs


BRANCHES: list[Pair] = [
    (list(range(5, 25)), [30, 31]),
    (list(range(5, 25)), [30, 32, 33]),
    (list(range(5, 15)) + list(range(40, 50)), [30, 31]),
    (list(range(5, 15)) + list(range(16, 25)), [30, 31]),
    (list(range(5, 60)), [7]),
    ([1], [9, 10]),
]


def test_every_architecture_gives_the_same_on_branching_requests(backend: HFLM) -> None:
    assert supports(backend.model) is None
    for budget in (1024, 17):
        assert_same(backend, BRANCHES, budget)


def test_every_architecture_passes_the_proof(backend: HFLM) -> None:
    for budget in (1024, 17):
        proof = prove(
            backend.model,
            BRANCHES,
            max_length=backend.max_length,
            max_packed_tokens=budget,
            call=backend._model_call,
        )
        assert proof.reason is None
        answers = sorted(proof.answers, key=lambda answer: answer.index)
        expected = with_hf(backend, BRANCHES)
        for index, (answer, (logprob, greedy)) in enumerate(
            zip(answers, expected, strict=True)
        ):
            assert answer.index == index
            assert answer.logprob == pytest.approx(logprob, abs=1e-4, rel=0)
            assert answer.is_greedy == greedy


@pytest.mark.parametrize(
    "start", ["gpt2", "llama (", "mistral", "gemma2", "bloom", "phi3"]
)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(pairs=trees(), budget=st.sampled_from([1, 5, 23, 1024]))
def test_trees_of_any_shape_and_budgets_of_any_size_give_the_same(
    start: str, pairs: list[Pair], budget: int, backend_named: Callable[[str], HFLM]
) -> None:
    assert_same(backend_named(start), pairs, budget)


@pytest.mark.parametrize(
    "pairs",
    {
        "duplicates": [([3, 4, 5], [6, 7])] * 3,
        "prefixes of one another": [
            ([3, 4], [5]),
            ([3, 4, 5], [6]),
            ([3], [4, 5, 6, 7]),
            ([3, 4, 5, 6], [7]),
        ],
        "one token each": [([3], [4]), ([4], [4]), ([3], [5])],
        "empty context, so the prefix token alone": [
            ([1], [4, 5, 6]),
            ([1], [4, 5, 7]),
        ],
        "longer than the model takes": [
            (list(range(3, 60)), [5, 6]),
            (list(range(4, 60)), [5, 6]),
            ([9] * 80, [9]),
        ],
        "continuation as long as the model takes": [
            ([3, 4], [5] * LONGEST),
            ([3, 4, 5], [5] * (LONGEST - 1)),
        ],
        "one text split at different places": [
            ([3, 4, 5], [6]),
            ([3, 4], [5, 6]),
            ([3], [4, 5, 6]),
            ([3, 4], [5, 7]),
        ],
        "many choices after one context": [
            (list(range(3, 30)), [choice]) for choice in range(3, 20)
        ],
    }.values(),
    ids=lambda pairs: None,
)
def test_odd_requests_give_the_same(
    pairs: list[Pair], backend_named: Callable[[str], HFLM]
) -> None:
    for start in ("llama (", "mistral"):
        for budget in (1024, 3):
            assert_same(backend_named(start), pairs, budget)


@pytest.mark.parametrize("start", ["gpt2", "llama (", "qwen3 (", "gemma2", "mixtral"])
def test_bfloat16_gives_the_same_to_its_rounding(
    start: str, backend_named: Callable[[str], HFLM]
) -> None:
    original = backend_named(start)
    model = type(original.model)(original.model.config).to(torch.bfloat16).eval()
    backend = HFLM(
        pretrained=model,
        tokenizer=original.tokenizer,
        max_length=LONGEST,
        softmax_dtype="float32",
    )
    expected = with_hf(backend, BRANCHES)
    answers = score(
        model,
        BRANCHES,
        max_length=LONGEST,
        max_packed_tokens=17,
        softmax_dtype=torch.float32,
    )
    found = {answer.index: answer.logprob for answer in answers}
    assert [found[index] for index in range(len(BRANCHES))] == pytest.approx(
        [logprob for logprob, _ in expected], abs=0.02, rel=0
    )
    assert prove(model, BRANCHES, max_length=LONGEST).reason is None


def test_autocast_of_the_caller_is_honoured(
    backend_named: Callable[[str], HFLM],
) -> None:
    backend = backend_named("llama (")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = with_shared_prefixes(backend, BRANCHES, 1024)
    assert inside != with_shared_prefixes(backend, BRANCHES, 1024)


def test_the_models_windows_and_biases_matter_to_these_requests(
    backend_named: Callable[[str], HFLM],
) -> None:
    """Otherwise the comparisons above would not notice their absence."""
    windowed = backend_named("mistral")
    expected = with_hf(windowed, BRANCHES)
    config = windowed.model.config
    window, config.sliding_window = config.sliding_window, None
    try:
        unwindowed = with_hf(windowed, BRANCHES)
    finally:
        config.sliding_window = window
    assert (
        max(
            abs(one - two)
            for (one, _), (two, _) in zip(expected, unwindowed, strict=True)
        )
        > 0.1
    )
