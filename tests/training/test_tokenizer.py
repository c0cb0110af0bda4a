"""The organisms' tokenizer: lossless, and context tokens stay what they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.models.huggingface import HFLM

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.interventions import Context, NotApplicable, get_intervention
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    running_total_problem,
)
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from training.texts import CUE, PROMPT
from training.tokenizer import (
    END,
    LONGEST_TEXT,
    PADDING,
    Tokens,
    make_tokenizer,
)

TOKENIZER = make_tokenizer()

provided = st.builds(
    running_total_problem,
    st.just(RunningTotalSettings(step_format="{number}. {step}", step_separator="\n"))
    | st.just(RunningTotalSettings()),
    st.integers(0, 10**6),
)
written = st.builds(word_problem, st.just(WordProblemSettings()), st.integers(0, 10**6))
problems = provided | written


def intervened(chain: Chain, name: str, step: int) -> Chain:
    step %= len(chain.steps)
    donors = ("Ruth eats 3, so Ruth has 9 - 3 = 6 eggs.",)
    try:
        context = Context(0, "document", step, name, donors)
        return get_intervention(name)(chain, step, context)
    except NotApplicable:
        return chain


def text_of(problem, name: str, step: int, think: bool) -> str:  # type: ignore[no-untyped-def]
    chain = intervened(problem.chain, name, step)
    prompt = PROMPT.format(question=problem.question)
    if think:
        return f"{prompt}\n<think>\n{chain.text}\n</think>\n\n{CUE}"
    return f"{prompt}\n{chain.text} {CUE}"


texts = st.builds(
    text_of,
    problems,
    st.sampled_from(("corrupt", "delete", "truncate", "filler", "swap", "control")),
    st.integers(0, 20),
    st.booleans(),
)


@given(st.lists(texts, min_size=1, max_size=3).map("\n\n".join))
def test_generated_texts_come_back_to_the_byte(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids) == text


@given(st.text().filter(lambda text: PADDING not in text and END not in text))
def test_any_text_comes_back_to_the_byte(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids) == text


@given(st.text(), st.integers(0, 10**6))
def test_a_text_without_known_words_is_still_tokens(text: str, number: int) -> None:
    tokens = TOKENIZER.encode(f"{text}{number}").ids
    assert all(0 <= token < Tokens.of(TOKENIZER).count for token in tokens)


@given(texts, st.integers(0, 999))
def test_the_harness_splits_context_and_answer_where_the_tokens_split(
    solver: HFLM, context: str, answer: int
) -> None:
    start, end = solver._encode_pair(context, f" {answer}")
    assert start == solver.tok_encode(context)
    assert start + end == solver.tok_encode(f"{context} {answer}")
    assert solver.tok_decode(end) == f" {answer}"
    assert len(end) == len(str(answer))


@pytest.mark.parametrize("text", ["The answer is 26", "Felix has 4 * 6 = 24 pears."])
def test_words_digits_and_signs_are_single_tokens(text: str) -> None:
    words = text.replace("26", "2 6").replace("24", "2 4").replace(".", " .").split()
    assert len(TOKENIZER.encode(text).ids) == len(words)


@given(problems)
def test_problems_need_no_bytes_for_their_words(problem) -> None:  # type: ignore[no-untyped-def]
    text = f"{PROMPT.format(question=problem.question)}\n{problem.chain.text}"
    pieces = TOKENIZER.encode(text).tokens
    spelled = [piece for piece in pieces if len(piece) == 1 and piece.islower()]
    # "Let's" ends in one, and so does "a" at no beginning of a word of its own.
    assert spelled == ["s"]


def test_every_process_makes_the_tokenizer_of_the_files(solver: HFLM) -> None:
    assert solver.tokenizer.get_vocab() == TOKENIZER.get_vocab()
    assert solver.tok_encode("Question: 12 \N{SNOWMAN}?") == (
        TOKENIZER.encode("Question: 12 \N{SNOWMAN}?").ids
    )


def test_the_harness_finds_the_special_tokens_and_the_length(solver: HFLM) -> None:
    tokens = Tokens.of(TOKENIZER)
    assert solver.tokenizer.pad_token_id == tokens.padding
    assert solver.eot_token_id == solver.prefix_token_id == tokens.end
    assert solver.max_length == LONGEST_TEXT


def test_three_examples_and_a_long_problem_fit() -> None:
    longest = max(
        len(TOKENIZER.encode(text_of(problem, "filler", 0, False)).ids)
        for problem in (
            *(running_total_problem(RunningTotalSettings(), k) for k in range(200)),
            *(word_problem(WordProblemSettings(), k) for k in range(200)),
        )
    )
    assert 4 * longest <= LONGEST_TEXT
