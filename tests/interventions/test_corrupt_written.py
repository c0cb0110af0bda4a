"""Corruption of written steps: hand-written hard cases, then properties."""

import contextlib
import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.answer_steps import states_answer
from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.chains.language import ENGLISH, Writing
from lm_eval_faith.chains.numbers import find_numbers
from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.interventions import Context, NotApplicable, get_intervention
from lm_eval_faith.interventions.corrupt_written import ChangeSize, corrupt_text

from ..linear import assert_linear

# What may stand in a place {x}, by the first letter of its name. Places of one name
# hold one number, before the change and after it; all else stays.
FORMS = {
    "i": r"[1-9][0-9]*",  # integer
    "t": r"[1-9][0-9]{0,2}(?:,[0-9]{3})+",  # with thousands separators
    "l": r"[1-9][0-9]{0,2}(?:\{,\}[0-9]{3})+",  # the same in LaTeX
    "d": r"[0-9]+\.[0-9]",  # one decimal
    "c": r"[0-9]+\.[0-9]{2}",  # two decimals
    "m": r"[1-9][0-9]{0,2},[0-9]{3}\.[0-9]{2}",  # money with both
    "n": r"(?:[1-9][0-9]*)?\.[0-9]{1,2}",  # decimal without a zero
    "p": r"[1-9][0-9]?|100",  # percentage up to 100
    "w": r"[a-z]+(?:[- ][a-z]+)*",  # words
    "W": r"[A-Z][a-z]+(?:[- ][a-z]+)*",  # words with a capital
    "U": r"[A-Z]+(?:[- ][A-Z]+)*",  # words in capitals
    "o": r"[1-9]*(?:1st|2nd|3rd|[4-90]th|1[0-9]th)",  # ordinal
    "h": r"[1-9]|1[0-2]",  # hour
    "q": r"[0-5][0-9]",  # minute
    "z": r"0[0-9]{2}",  # with leading zeros
    "v": r"[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]",
    "s": r"s?",  # a plural that goes with its number
}

# text, final answer, the changed step
HARD_CASES = [
    ("He has 48/2 = <<48/2=24>>24 clips.", "72",
     "He has {i1}/{i2} = <<{i1}/{i2}={i3}>>{i3} clips."),
    ("5 + 5 = 10", "20", "{i1} + {i1} = {i2}"),
    ("She pays $1,250.50 in all.", "7", "She pays ${m} in all."),
    ("She pays $3.75 and 2.5 dollars.", "7", "She pays ${c} and {d} dollars."),
    ("It costs $.40 each.", "7", "It costs ${n} each."),
    ("It costs $18.00, that is 18 dollars.", "7", "It costs ${i1}.00, that is {i1} dollars."),
    ("There are 1,000,000 of them.", "7", "There are {t} of them."),
    (r"There are 12{,}000 of them.", "7", "There are {l} of them."),
    ("It grows by 60% to 100%.", "7", "It grows by {p1}% to {p2}%."),
    (r"It grows by 60\% then.", "7", r"It grows by {p1}\% then."),
    ("It grows by 150 percent.", "7", "It grows by {i} percent."),
    ("She eats twenty-five of them.", "7", "She eats {w} of them."),
    ("Twelve of them and 12 more.", "7", "{W} of them and {i} more."),
    ("TWO OF THEM", "7", "{U} OF THEM"),
    ("She has a hundred and five eggs.", "7", "She has {w} eggs."),
    ("She eats 3/4 of it.", "7", "She eats {i1}/{i2} of it."),
    ("She eats 1 1/2 of it.", "7", "She eats {i1} {i1}/{i2} of it."),
    (r"She eats \frac{3}{4} of it.", "7", r"She eats \frac{{i1}}{{i2}} of it."),
    ("She eats ½ of it.", "7", "She eats {v} of it."),
    ("She eats two-thirds of it.", "7", "She eats {w1}-third{s} of it."),
    ("On the 3rd and the 21st day.", "7", "On the {o1} and the {o2} day."),
    ("It is 10:45 pm now.", "7", "It is {h}:{q} pm now."),
    ("Agent 007 has them.", "3", "Agent {z} has them."),
    ("It is -5 degrees.", "7", "It is -{i} degrees."),
    ("It is 3 - 8 = -5 then.", "7", "It is {i1} - {i2} = -{i3} then."),
    ("2x + 3 = 11", "4", "{i1}x + {i2} = {i3}"),
    ("x^2 = 49", "7", "x^2 = {i}"),
    ("2x^{10} + 5^{-1} = 49", "7", "{i1}x^{10} + {i2}^{-1} = {i3}"),
    ("f(3) + g^{-1}(4) = a_2 + 12", "7", "f(3) + g^{-1}(4) = a_2 + {i}"),
    (r"\sin(30) + \log_2 8 = 12, \sqrt{16}", "7", r"\sin(30) + \log_2 8 = {i1}, \sqrt{{i2}}"),
    ("P(X = 3) is k(2 - 1) + 5(6)", "7", "P(X = 3) is k(2 - 1) + {i1}({i2})"),
    ("From equation 1 and Method 2: 3y = 9.", "7", "From equation 1 and Method 2: {i1}y = {i2}."),
    ("Equations (1) and (2) give 3y = 9.", "7", "Equations (1) and (2) give {i1}y = {i2}."),
    ("A(5, 10) and B(6, 2) are 3 apart.", "7", "A(5, 10) and B(6, 2) are {i} apart."),
    ("On one side we have 3y, and two results.", "7", "On one side we have {i}y, and two results."),
    ("Fix one plate of the 9 plates.", "7", "Fix one plate of the {i} plates."),
    ("Solving 2 equations in two unknowns gives 12.", "7", "Solving 2 equations in two unknowns gives {i}."),
    ("The 8's are 12 in 3D space.", "7", "The 8's are {i} in 3D space."),
    ("It is 66 in base 16 and 5 mod 8.", "7", "It is {i1} in base 16 and {i2} mod 8."),
    ("It is 3 cm^2 and 4 m².", "7", "It is {i1} cm^2 and {i2} m²."),
    ("He pays 3 * 4 in 5 cases * 6.", "7", "He pays {i1} * {i2} in {i3} cases * {i4}."),
    (r"\[ 5 \times 12 = 60 \]", "7", r"\[ {i1} \times {i2} = {i3} \]"),
    (r"It is 2\sqrt{3} wide.", r"4\sqrt{5}", r"It is {i1}\sqrt{{i2}} wide."),
    ("1. First add 12 and 13.", "7", "1. First add {i1} and {i2}."),
    ("Step 3: Add 12 to it.", "7", "Step 3: Add {i} to it."),
    ("- Step 2: Add 12 to it.", "7", "- Step 2: Add {i} to it."),
    ("## 2. Cost of 5\n\n2) She pays 5.", "7", "## 2. Cost of {i1}\n\n2) She pays {i1}."),
    ("The H2O in room x2 costs $9.", "7", "The H2O in room x2 costs ${i}."),
    ("One of them had 12, the last one 15.", "7", "{W} of them had {i1}, the last one {i2}."),
    ("He adds 3, 4 and 5; (1,2) too.", "77", "He adds {i1}, {i2} and {i3}; ({i4},{i5}) too."),
    ("1/3*12 = <<1/3*12=4.0>>4 slices", "5", "{i1}/{i2}*{i3} = <<{i1}/{i2}*{i3}={i4}.0>>{i4} slices"),
    ("40*.01*589=235.60000000000002>>235.6", "7", "{i1}*{n}*{i2}={d1}0000000000002>>{d1}"),
    ("The answer may be 18 here.", "18", "The answer may be {i} here."),
    ("So 9 + 9 = 18.0 or eighteen.", "18", "So {i1} + {i1} = {i2}.0 or {w}."),
    ("It is 17 or 19 by now.", "18", "It is {i1} or {i2} by now."),
    ("Exactly 1 of them.", "2", "Exactly {i} of them."),
    ("See v1.2.3, then take 4.", "5", "See v1.2.3, then take {i}."),
    ("It is 15-20 minutes.", "7", "It is {i1}-{i2} minutes."),
    ("Speed 60mph, 5kg, 3 m^2.", "7", "Speed {i1}mph, {i2}kg, {i3} m^2."),
]  # fmt: skip


def _pattern(template: str) -> re.Pattern[str]:
    seen: set[str] = set()
    pattern = ""
    for piece in re.split(r"(\{[a-zA-Z][0-9]?\})", template):
        name = piece[1:-1]
        if not re.fullmatch(r"\{[a-zA-Z][0-9]?\}", piece):
            pattern += re.escape(piece)
        elif name in seen:
            pattern += f"(?P={name})"
        else:
            seen.add(name)
            pattern += f"(?P<{name}>{FORMS[name[0]]})"
    return re.compile(pattern)


@pytest.mark.parametrize(("text", "answer", "template"), HARD_CASES)
def test_hard_case_is_corrupted_in_kind(text: str, answer: str, template: str) -> None:
    pattern = _pattern(template)
    before = pattern.fullmatch(text)
    assert before is not None, "the template does not describe the step itself"
    results = set()
    for seed in range(25):
        changed = corrupt_text(text, answer, Draw("hard case", seed))
        after = pattern.fullmatch(changed)
        assert after is not None, changed
        for name, value in after.groupdict().items():
            assert name == "s" or value != before[name], changed
        assert not states_answer(changed, answer)
        results.add(changed)
    assert len(results) > 1 or "thirds" in text  # only one-third is proper and near


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("He counts from 8 to 12 here.", [(0, 1)]),
        ("It takes 15-18 minutes.", [(0, 1)]),
        ("It lies between 3 and 5 now.", [(0, 1)]),
        ("In 0.0001 < x < 0.0003 it lies.", [(0, 1)]),
        ("So x is in [2, 8] here.", [(0, 1)]),
        ("So [3, 5) it is.", [(0, 1)]),
        ("So n = 1, 2, 3, ..., 9 are all.", [(0, 1), (1, 2), (2, 3)]),
        ("We get 9, 7, 5 and 3 of them.", [(1, 0), (2, 1), (3, 2)]),
        ("Blocks 40-49, 140-149, 240-249.", [(0, 1), (2, 3), (4, 5)]),
    ],
)
def test_ranges_and_sequences_stay_monotone(
    text: str, pairs: list[tuple[int, int]]
) -> None:
    for seed in range(40):
        changed = corrupt_text(text, "77", Draw("order", seed))
        old, new = find_numbers(text), find_numbers(changed)
        assert all(a.value != b.value for a, b in zip(old, new, strict=True)), changed
        assert all(new[i].value < new[j].value for i, j in pairs), changed


def test_a_subtraction_is_no_range() -> None:
    texts = {corrupt_text("So 3-5=-2 then.", "7", Draw("minus", k)) for k in range(40)}
    firsts = [[n.value for n in find_numbers(t)][:2] for t in texts]
    assert any(a > b for a, b in firsts)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("It is 0110 in all.", "01"),
        ("The binary form is 1101.", "01"),
        ("So 123_4 here.", "0123"),
    ],
)
def test_digits_of_a_base_stay_digits_of_it(text: str, digits: str) -> None:
    for seed in range(20):
        changed = corrupt_text(text, "7", Draw("base", seed))
        (number,) = re.findall(r"[0-9]{3,4}", changed)
        assert set(number) <= set(digits) and changed != text


@pytest.mark.parametrize(
    "text",
    [
        "x^2 = f(3)",
        "See equation 4.",
        "There are two cases.",
        "She sold half as many.",
        "3. Add them up.",
        "Use x2 and H2O.",
        "The last one.",
    ],
)
def test_step_without_a_number_is_not_applicable(text: str) -> None:
    with pytest.raises(NotApplicable, match="states no number"):
        corrupt_text(text, "7", Draw(0))


@pytest.mark.parametrize(("least", "most"), [(1, 9), (1, 2), (5, 20)])
def test_change_has_the_size_that_was_asked_for(least: int, most: int) -> None:
    size = ChangeSize(least=least, most=most, most_in_fraction=most)
    for seed in range(50):
        for text, unit in [
            ("500", Fraction(1)),
            ("50.5", Fraction(1, 10)),
            ("5.25", Fraction(1, 100)),
        ]:
            changed = corrupt_text(text, "7", Draw(seed), size)
            assert least <= abs(Fraction(changed) - Fraction(text)) / unit <= most


def test_relative_size_reaches_large_numbers() -> None:
    size = ChangeSize(relative=0.5)
    changes = [
        abs(int(corrupt_text("10000", "7", Draw(k), size)) - 10000) for k in range(50)
    ]
    assert 9 < max(changes) <= 5000


@pytest.mark.parametrize(
    "sizes", [{"least": 0}, {"least": 5, "most": 4}, {"relative": 1.0}]
)
def test_bad_size_is_refused(sizes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="least <= most"):
        ChangeSize(**sizes)  # type: ignore[arg-type]


words = st.sampled_from(
    [
        "She has",
        "=",
        "+",
        "-",
        "1. ",
        "half",
        "eggs",
        "\n",
        "$",
        "%",
        "/",
        "x",
        "(",
        ")",
    ]
    + ["5", "12", "3.50", "1,000", "3/4", "twenty-five", "½", "18", "7:30", "3rd", "0"]
    + [r"\frac{1}{2}", "<<5+3=8>>", "18.0", "eighteen", "-4", "2 1/3", "one-third"]
)
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)
numeric_answers = st.sampled_from(["18", "5", "1,000", "3/4", "0.5", "-4", "x+1", ""])


@settings(max_examples=100, deadline=None)
@given(texts, numeric_answers, st.integers(0, 10**6))
def test_answer_is_never_stated_and_nothing_else_changes(
    text: str, answer: str, seed: int
) -> None:
    try:
        changed = corrupt_text(text, answer, Draw(seed))
    except NotApplicable:
        return
    assert changed != text
    assert not states_answer(changed, answer)
    assert changed == corrupt_text(text, answer, Draw(seed))
    spans = [
        n for n in find_numbers(text) if n.kind not in ("word", "fraction", "ordinal")
    ]
    if len(spans) == len(find_numbers(text)):
        pattern, done = "", 0
        for number in spans:
            for part in number.parts:
                pattern += re.escape(text[done : part.start]) + r"([0-9.,]+)"
                done = part.end
        assert re.fullmatch(pattern + re.escape(text[done:]), changed)


@settings(max_examples=80, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6), st.data())
def test_only_the_one_step_changes(steps: list[str], data: st.DataObject) -> None:
    chain = chain_of(steps, "18")
    if not chain.steps:
        return
    k = data.draw(st.integers(0, len(chain.steps) - 1))
    try:
        changed = get_intervention("corrupt")(chain, k, Context(0, "d", k, "corrupt"))
    except NotApplicable:
        return
    assert changed.steps[:k] == chain.steps[:k]
    assert changed.steps[k + 1 :] == chain.steps[k + 1 :]
    assert changed.steps[k].after == chain.steps[k].after
    assert (changed.answer, changed.opening) == (chain.answer, chain.opening)


def test_corrupt_local_says_that_a_written_step_needs_corrupt() -> None:
    chain = Chain((Step("She has 5 + 3 = 8."),), "8")
    with pytest.raises(NotApplicable, match="corrupt is already local"):
        get_intervention("corrupt_local")(chain, 0, Context(0, "d", 0, "corrupt_local"))


@pytest.mark.parametrize("name", ["corrupt", "delete", "truncate", "filler", "control"])
@pytest.mark.parametrize("k", range(5))
def test_text_before_the_step_is_untouched(name: str, k: int) -> None:
    text = (
        "\n## Part. One\n\n1. She has 5 eggs. She adds 3.\n\n2. So it is 8.\n"
        "**Then:**\n- she sells 2\n- and 6 are left  \n\n### End\n"
    )
    chain = chain_of(text, "6")
    assert chain.text == text
    assert len(chain.steps) == 5
    changed = get_intervention(name)(chain, k, Context(0, "d", k, name))
    before = chain.opening + "".join(s.text + s.after for s in chain.steps[:k])
    assert changed.text.startswith(before)
    assert changed.text != text


def test_filler_keeps_heading_and_marker() -> None:
    chain = chain_of("## Cost\n\n2. She pays 5 dollars now.", "6")
    changed = get_intervention("filler")(chain, 0, Context(0, "d", 0, "filler"))
    assert changed.text == "## Cost\n\n2. ... ... ... ... ... ..."


@pytest.mark.parametrize(
    "piece",
    ["101 ", "f(", "(1)", "^{2", "_{1}", "1, ", "1-2 ", "[asy]", "equation 1 and ", "x^(", "1 ", "two cases "]
    + ["\\left(", "1_2 ", "1 < a < ", "one ", "8's "],
)  # fmt: skip
def test_hostile_step_is_corrupted_in_linear_time(piece: str) -> None:
    def corrupt(text: str) -> None:
        with contextlib.suppress(NotApplicable):
            corrupt_text(text, "7", Draw(0))

    assert_linear(corrupt, piece, 10_000)


IN_OTHER_WRITING = [
    ("共有６个，３＋３＝６", Writing("zh"), r"共有([１-９][０-９]?)个，([１-９][０-９]?)＋\2＝\1"),
    ("মোট ৫ + ৩ = ৮টি", Writing("bn"), "মোট [০-৯]+ \\+ [০-৯]+ = [০-৯]+টি"),
    ("٣٫٥ كجم", Writing("ar"), "[٠-٩]+٫[٠-٩] كجم"),
    ("三百二十五个苹果", Writing("zh"), "三百[一二三四]?十?[一二三四五六七八九]?个苹果"),
    ("他有三个苹果", Writing("zh"), "他有(?:[一两三四五六七八九十]|十[一二])个苹果"),
    ("3,50 € und 1.250 kg", Writing("de", ","), r"[0-9]+,[0-9]{2} € und 1\.2[0-9]{2} kg"),
    ("12 500 руб.", Writing("ru", ","), "12 (?:4|5)[0-9]{2} руб."),
    ("₹1,00,050", Writing("en-IN"), "₹1,00,0[0-9]{2}"),
    ("Start at 9am.", ENGLISH, "Start at (?:[1-9]|1[0-2])am."),
    ("Pay Rs.500 or USD500.", ENGLISH, r"Pay Rs\.([0-9]{3}) or USD\1\."),
    ("So 3x5=15.", ENGLISH, r"So [0-9]+x[0-9]+=[0-9]+\."),
    ("Schritt 2 gibt 12 nach Gleichung 3.", Writing("de", ","), "Schritt 2 gibt [0-9]+ nach Gleichung 3."),
    ("由方程2得到12，第3步", Writing("zh"), "由方程2得到[0-9]+，第3步"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "writing", "pattern"), IN_OTHER_WRITING)
def test_numbers_stay_in_their_own_writing(
    text: str, writing: Writing, pattern: str
) -> None:
    assert re.fullmatch(pattern, text)
    for seed in range(20):
        changed = corrupt_text(text, "7", Draw("writing", seed), writing=writing)
        assert re.fullmatch(pattern, changed), changed
        assert changed != text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So it must be (B) 42.", "B"),
        ("9 > 8 so true", "true"),
        ("From C the code 4 leads to node F.", "F"),
    ],
)
def test_an_answer_without_a_number_keeps_no_number_from_changing(
    text: str, answer: str
) -> None:
    draw = Draw("words", 1)
    assert corrupt_text(text, answer, draw) != text
