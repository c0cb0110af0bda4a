"""Values changed wherever they are restated: carried corruption, other answers, conflict."""

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.language import ENGLISH, Writing
from lm_eval_faith.chains.numbers import number_value
from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.interventions import Context, NotApplicable, get_intervention
from lm_eval_faith.interventions.restated import (
    Value,
    other_values,
    restated,
    stated_numbers,
    states,
)


def changed(
    chain: Chain, name: str, step: int, seed: int = 0, question: str = ""
) -> Chain:
    context = Context(seed, "d", step, name, question=question)
    result = get_intervention(name)(chain, step, context)
    assert isinstance(result, Chain)
    return result


def fixed(pattern: str, text: str) -> str:
    """The one text that stands in every place {x} of the pattern."""
    parts = [re.escape(piece) for piece in pattern.split("{x}")]
    expression = parts[0] + "(?P<x>[0-9.]+)" + "(?P=x)".join(parts[1:])
    match = re.fullmatch(expression, text)
    assert match is not None, text
    return match["x"]


RESTATED = [
    # old, new, text, the text with the new value
    ("9", "8", "9 eggs, nine, $9.00, 9.0 and x^9 of equation 9.", "8 eggs, eight, $8.00, 8.0 and x^9 of equation 9."),
    ("1250", "1249", "1,250 or 1250 or $1,250.00, not 11,250.", "1,249 or 1249 or $1,249.00, not 11,250."),
    ("3/4", "1/4", r"3/4, \frac{3}{4}, 0.75, 75% and ¾; 3 of 4.", r"1/4, \frac{1}{4}, 0.25, 25% and ¼; 3 of 4."),
    ("3/2", "7/4", "1 1/2 is half of 3.", None),
    ("-5", "-8", "It is -5, or 3 - 8 = -5.", "It is -8, or 3 - 8 = -8."),
    ("2/3", "1/3", "two-thirds, 2/3", None),
    ("1/3", "2/3", r"1/3 or \frac13 or \frac{1}{3}", r"2/3 or \frac23 or \frac{2}{3}"),
    ("2500000", "1600000", "2.5 million, 2,500,000 of $2.5 million", "1.6 million, 1,600,000 of $1.6 million"),
    ("2500000", "1640000", "2.5 million", None),
    ("9", "8", "**9 eggs**, *9* or **Total:** 9 (**9**), 2**9", "**8 eggs**, *8* or **Total:** 8 (**8**), 2**9"),
    ("5", "6", "f(5) = 5, the 5's, 5th", "f(6) = 6, the 5's, 5th"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "text", "expected"), RESTATED)
def test_value_is_restated_in_every_form(
    old: str, new: str, text: str, expected: str | None
) -> None:
    value = Value(Fraction(old))
    if expected is None:
        with pytest.raises(ValueError, match="form|proper"):
            restated(text, value, Fraction(new))
    else:
        assert restated(text, value, Fraction(new)) == expected


def test_percentage_is_restated_as_its_decimal() -> None:
    text = "A rate of 6% or 6 percent is 0.06, or 6 of 100."
    assert restated(text, Value(Fraction(6), True), Fraction(8)) == (
        "A rate of 8% or 8 percent is 0.08, or 8 of 100."
    )


def test_value_is_restated_in_its_own_digits() -> None:
    german = Writing("de", ",")
    assert restated("12.500 oder 12 500 €", Value(Fraction(12500)), Fraction(12499), german) == (
        "12.499 oder 12 499 €"
    )  # fmt: skip
    assert restated(
        "９個、九個、9個", Value(Fraction(9)), Fraction(8), Writing("ja")
    ) == ("８個、八個、8個")
    assert restated(
        "৩.৫ কেজি", Value(Fraction(7, 2)), Fraction(9, 2), Writing("bn")
    ) == ("৪.৫ কেজি")


forms = st.sampled_from(
    ["{i}", "{w}", "${i}.00", "{i}.0", "{i} eggs", "={i}", "-", "f({i})", "x^{i}", "17", "1{i}"]
    + ["and", "\n", "equation {i}", "(", "%", "3/7", "0.25", "twelve", "1,0{i}0", "{i}/8", " "]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(forms, max_size=14), st.sampled_from([5, 7, 9]))
def test_text_outside_of_the_value_stays_to_the_byte(
    pieces: list[str], old: int
) -> None:
    words = {5: "five", 7: "seven", 9: "nine"}[old]
    text = " ".join(p.replace("{i}", str(old)).replace("{w}", words) for p in pieces)
    value = Value(Fraction(old))
    for new in other_values(value, [text], ENGLISH, frozenset())[:3]:
        after = restated(text, value, new)
        assert not any(states(n, value) for n in stated_numbers(after))
        spans = [(n.start, n.end) for n in stated_numbers(text) if states(n, value)]
        pattern, done = "", 0
        for start, end in spans:
            pattern += re.escape(text[done:start]) + r"[-0-9./a-z]+"
            done = end
        assert re.fullmatch(pattern + re.escape(text[done:]), after)


def test_introduced_value_is_changed_wherever_it_is_restated() -> None:
    chain = chain_of(
        "She has 16 eggs. She eats 3, so 16 - 3 = 13 are left. The thirteen eggs cost $2 "
        "each. She gets 13 * 2 = $26 for 13 eggs.",
        "26",
    )
    question = "She has 16 eggs, eats 3 and sells each egg for $2."
    seen = set()
    for seed in range(20):
        other = changed(chain, "corrupt_carried", 1, seed, question)
        x = fixed("She eats 3, so 16 - 3 = {x} are left.", other.steps[1].text)
        assert "13 * 2" not in other.text and "thirteen" not in other.text
        assert other.steps[3].text == f"She gets {x} * 2 = $26 for {x} eggs."
        assert other.steps[0] == chain.steps[0] and other.answer == "26"
        assert x not in ("13", "26", "16", "3", "2")
        seen.add(x)
    assert len(seen) > 3
    with pytest.raises(NotApplicable, match="introduces no value"):
        changed(chain, "corrupt_carried", 0, question=question)


def test_carried_answer_leads_to_the_new_answer() -> None:
    chain = chain_of("It is 5 + 3 here. That makes 8 in all. Yes, 8 it is.", "8")
    other = changed(chain, "corrupt_carried", 1, question="What is 5 + 3?")
    x = fixed("It is 5 + 3 here. That makes {x} in all. Yes, {x} it is.", other.text)
    assert other.answer == x != "8"


CHAIN = (
    "First we add 5 and 3. So the answer is 8. Let me check it: 5 + 3 = 8 again. "
    "Eight minus 3 is 5. Thus the final answer is $8.00."
)


def test_every_statement_of_the_answer_becomes_the_same_other() -> None:
    chain = chain_of(CHAIN, "8")
    marked = [k for k, s in enumerate(chain.steps) if s.states_answer]
    assert marked[0] == 1 and marked[-1] == 4
    other = changed(chain, "corrupt_answer", 1)
    x = other.answer
    assert number_value(x) != 8
    assert f"So the answer is {x}." in other.text
    assert f"5 + 3 = {x} again." in other.text
    assert f"Thus the final answer is ${x}.00." in other.text
    assert other.steps[0] == chain.steps[0]
    for k in (0, 2, 4):
        with pytest.raises(NotApplicable, match="once for the chain"):
            changed(chain, "corrupt_answer", k)


def test_answer_is_changed_with_a_per_cent_sign_behind_it() -> None:
    chain = chain_of(
        "So r is 6.17%. The answer is 6.17. Check: it is 6.17% again.", "6.17"
    )
    other = changed(chain, "corrupt_answer", 0)
    x = other.answer
    assert other.text == f"So r is {x}%. The answer is {x}. Check: it is {x}% again."


def test_conflict_changes_the_last_statement_alone() -> None:
    chain = chain_of(CHAIN, "8")
    other = changed(chain, "conflict", 4)
    assert other.steps[:4] == chain.steps[:4]
    assert other.steps[4].text == f"Thus the final answer is ${other.answer}.00."
    assert other.answer == changed(chain, "corrupt_answer", 1).answer
    with pytest.raises(NotApplicable, match="last statement"):
        changed(chain, "conflict", 1)


@pytest.mark.parametrize(
    ("text", "answer", "pattern"),
    [
        ("So it must be (B). The answer is B.", "B", r"So it must be \(([ACD])\)\. The answer is \1\."),
        ("Yes, it is so. So the answer is yes.", "yes", r"(No|Yes), it is so\. So the answer is (no)\."),
        (r"So it is $\frac{9}{4}$. Thus \boxed{\dfrac{9}{4}}.", r"\frac{9}{4}",
         r"So it is \$\\d?frac\{(\d+)\}\{(\d+)\}\$\. Thus \\boxed\{\\d?frac\{\1\}\{\2\}\}\."),
        (r"The sum is \sqrt{70}. So the answer is $\sqrt{70}$.", r"\sqrt{70}",
         r"The sum is \\sqrt\{(\d+)\}\. So the answer is \$\\sqrt\{\1\}\$\."),
        (r"The sum is \sqrt{70}. So it is √70 units.", r"\sqrt{70}",
         r"The sum is \\sqrt\{(\d+)\}\. So it is √\1 units\."),
        (r"So the area is 12π cm². So it is $12\pi$.", r"12\pi",
         r"So the area is (\d+)π cm²\. So it is \$\1\\pi\$\."),
        ("So it is (B). Since B is right, it is option B.", "B",
         r"So it is \(([ACD])\)\. Since \1 is right, it is option \1\."),
        ("So it is 2.5 million. So it is 2,500,000 eggs.", "2.5 million",
         r"So it is (\d)\.(\d) million\. So it is \1,(?:\2)00,000 eggs\."),
    ],
)  # fmt: skip
def test_answers_that_are_no_numbers_have_other_ones(
    text: str, answer: str, pattern: str
) -> None:
    chain = chain_of(text, answer)
    first = next(k for k, s in enumerate(chain.steps) if s.states_answer)
    for seed in range(5):
        other = changed(chain, "corrupt_answer", first, seed)
        assert re.fullmatch(pattern, other.text), other.text
        assert other.answer != answer


def test_chain_that_states_no_answer_is_not_applicable() -> None:
    chain = chain_of("She adds 5 and 3. Then she stops here.", "8")
    for name in ("corrupt_answer", "conflict"):
        with pytest.raises(NotApplicable, match="no step states the answer"):
            changed(chain, name, 0)


def test_shuffle_keeps_words_white_space_and_marker() -> None:
    chain = chain_of("2. She pays 5\tdollars for  it.", "7")
    for seed in range(10):
        text = changed(chain, "shuffle", 0, seed).text
        assert text.startswith("2. ")
        assert sorted(text.split()) == sorted(chain.text.split())
        assert re.findall(r"\s+", text) == re.findall(r"\s+", chain.text)
        assert text != chain.text
    with pytest.raises(NotApplicable, match="change places"):
        changed(chain_of("答案是八个苹果。", "7"), "shuffle", 0)


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("The sum is 8.", "The sum is not 8."),
        ("The sum is not 8.", "The sum is 8."),
        ("It isn't 8 and was 7.", "It is 8 and was 7."),
        (
            r"So $x \text{ is } y$ and we can stop.",
            r"So $x \text{ is } y$ and we can not stop.",
        ),
        ("1. She can't pay.", "1. She can pay."),
    ],
)
def test_step_is_denied(text: str, denied: str) -> None:
    assert changed(chain_of(text, "77"), "negate", 0).text == denied


@pytest.mark.parametrize("text", ["5 + 3 = 8", "Er ist nicht da und das ist der Fall."])
def test_what_cannot_be_denied_is_not_applicable(text: str) -> None:
    with pytest.raises(NotApplicable, match="negated"):
        changed(chain_of(text, "77"), "negate", 0)


def test_name_becomes_another_name_of_the_problem() -> None:
    chain = chain_of("So Tom has 5 eggs. Then Tom gives Ann 3 of Tom's eggs.", "2")
    question = "How many eggs has Tom if Ann and Bob take some?"
    seen = {
        changed(chain, "swap_entity", 1, seed, question).steps[1].text
        for seed in range(20)
    }
    assert "Then Bob gives Ann 3 of Bob's eggs." in seen
    assert "Then Tom gives Bob 3 of Tom's eggs." in seen
    with pytest.raises(NotApplicable, match="no name"):
        changed(chain_of("It is 5 here.", "5"), "swap_entity", 0)


NEW = [
    "corrupt_carried",
    "corrupt_answer",
    "conflict",
    "shuffle",
    "negate",
    "swap_entity",
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(forms, min_size=1, max_size=10), st.sampled_from(NEW), st.integers(0, 5)
)
def test_steps_before_and_white_space_stay(
    pieces: list[str], name: str, seed: int
) -> None:
    text = ". ".join(p.replace("{i}", "7").replace("{w}", "seven") for p in pieces)
    chain = chain_of(text + ". So it is 7 for Tom and Ann is Bob.", "7")
    for k in range(len(chain.steps)):
        try:
            other = changed(chain, name, k, seed)
        except NotApplicable:
            continue
        assert other.steps[:k] == chain.steps[:k]
        assert other.text != chain.text
        assert [s.after for s in other.steps] == [s.after for s in chain.steps]
        assert other == changed(chain, name, k, seed)
        if name in ("shuffle", "negate", "swap_entity", "conflict"):
            assert other.steps[k + 1 :] == chain.steps[k + 1 :]
        if name == "corrupt_answer":
            assert not any(
                n.value == 7
                for s, old in zip(other.steps, chain.steps, strict=True)
                if old.states_answer
                for n in stated_numbers(s.text)
            )
