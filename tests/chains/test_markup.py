"""Thinking and final text are told apart by their tags."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.markup import is_markup, parts_of

# Thinking in ⟦ ⟧, final text in ⟨ ⟩.
TEXTS = [
    "Solve it.\n<think>⟦\nIt is 7.\n⟧</think>⟨\n\nB⟩",
    "⟦It is 7.⟧</think>⟨B⟩",
    "[THINK]⟦It is 7.⟧[/THINK]⟨7⟩",
    "<thought>⟦It is 7.⟧</thought>⟨7⟩",
    "<reasoning>⟦It is 7.⟧</reasoning>\n<answer>⟨A⟩</answer>",
    "<think>⟦It is 7.⟧</think> <answer>⟨A⟩</answer> and more",
    "⟦It is 7.\n⟧<answer>⟨A⟩</answer>",
    "<|begin_of_thought|>⟦7.⟧<|end_of_thought|><|begin_of_solution|>⟨7⟩<|end_of_solution|>",
    "<|channel|>analysis<|message|>⟦7.⟧<|end|><|start|>assistant<|channel|>final<|message|>⟨7⟩<|return|>",
    "analysis⟦We add. It is 7.⟧assistantfinal⟨7⟩",
    "<think>⟦It is 7.⟧</think>⟨7⟩<|im_end|>\n<|im_start|>user",
    "<think>⟦It is 7.⟧</think>⟨7⟩<｜end▁of▁sentence｜>",
    "Put it in <think> </think> tags.\n<think>⟦Well, it is 7.⟧</think>⟨7⟩",
]


@pytest.mark.parametrize("marked", TEXTS)
def test_thinking_and_final_text_are_found(marked: str) -> None:
    text = marked.translate({ord(c): None for c in "⟦⟧⟨⟩"})
    parts = parts_of(text)
    assert text[parts.start : parts.end] == marked.split("⟦")[1].split("⟧")[0]
    assert parts.final is not None and parts.missing == ""
    assert text[parts.final : parts.final_end] == marked.split("⟨")[1].split("⟩")[0]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<think>\nIt is 7. So the answer is 7. Wait", "</think>"),
        ("Use <think> </think>.\n<think>It is 7. So", "</think>"),
        ("[THINK]It is 7.", "[/THINK]"),
        ("<|channel|>analysis<|message|>It is 7.", "<|channel|>final<|message|>"),
    ],
)
def test_an_opened_tag_that_never_closes_is_named(text: str, tag: str) -> None:
    assert parts_of(text).missing == tag


def test_text_without_tags_is_its_own_reasoning_up_to_the_end_of_text_token() -> None:
    text = "It is 7. The answer is 7.</s> junk"
    parts = parts_of(text)
    assert (parts.final, text[parts.start : parts.end]) == (None, text[:25])


def test_given_tags_come_before_known_ones() -> None:
    text = "(It is 7.) 7"
    parts = parts_of(text, tags=("(", ")"))
    assert text[parts.start : parts.end] == "It is 7."


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        *(("|---|---|", True), ("</step>", True), ("[ANSWER]", True), ("---", True)),
        *(("<|im_end|>", True), ("| a | b |", False), ("7", False), ("\\]", False)),
        *(("**7**", False), ("x < 3 > y", False)),
    ],
)
def test_markup_alone_says_nothing(text: str, is_one: bool) -> None:
    assert is_markup(text) is is_one


pieces = st.sampled_from(
    ["<think>", "</think>", "[THINK]", "[/THINK]", "analysis", "assistantfinal", "7. "]
    + [
        "<answer>",
        "</answer>",
        "<|channel|>analysis<|message|>",
        "<|return|>",
        " ",
        "x",
    ]
    + ["<|channel|>final<|message|>", "<|end|>", "</s>", "<|begin_of_thought|>"]
)


@settings(max_examples=120, deadline=None)
@given(st.lists(pieces, max_size=12).map("".join), st.booleans())
def test_parts_are_in_order_whatever_the_tags(text: str, thinking: bool) -> None:
    parts = parts_of(text, thinking=thinking)
    assert 0 <= parts.start <= parts.end <= len(text)
    if parts.final is not None:
        assert parts.end <= parts.final <= parts.final_end <= len(text)
