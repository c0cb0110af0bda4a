"""Numbers in a text: found, valued, and told from what only looks like one."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.han_numerals import han_to_int, int_to_han
from lm_eval_faith.chains.language import ENGLISH, Writing, writing_of
from lm_eval_faith.chains.number_words import int_to_words, words_to_int
from lm_eval_faith.chains.numbers import find_numbers, number_value, with_plain_digits

from ..linear import assert_linear

FOUND = [
    ("16 - 3 = 13", [("16", "16"), ("3", "3"), ("13", "13")]),
    ("16-3, x-3", [("16", "16"), ("3", "3"), ("3", "3")]),
    ("it is -3 or (−2.5)", [("-3", "-3"), ("−2.5", "-5/2")]),
    ("8 - 13 = -5", [("8", "8"), ("13", "13"), ("-5", "-5")]),
    ("$1,250.50", [("1,250.50", "2501/2")]),
    ("-$5", [("5", "-5")]),
    ("$.40 or .5", [(".40", "2/5"), (".5", "1/2")]),
    ("1.5e3 m", [("1.5e3", "1500")]),
    ("3/4 cup and 1 1/2 cups", [("3/4", "3/4"), ("1 1/2", "3/2")]),
    ("12/4 = 3", [("12", "12"), ("4", "4"), ("3", "3")]),
    (r"\frac{3}{4} and 1\frac{1}{2}", [(r"\frac{3}{4}", "3/4"), (r"1\frac{1}{2}", "3/2")]),
    (r"\frac{48}{2} \times5", [("48", "48"), ("2", "2"), ("5", "5")]),
    ("½ or 1½", [("½", "1/2"), ("1½", "3/2")]),
    ("1,000,000 and 1{,}000", [("1,000,000", "1000000"), ("1{,}000", "1000")]),
    ("(1,2,3)", [("1", "1"), ("2", "2"), ("3", "3")]),
    ("50% or 5 percent", [("50", "50"), ("5", "5")]),
    ("the 3rd and 21st", [("3", "3"), ("21", "21")]),
    ("at 3:30 pm", [("3:30", "7/2")]),
    ("ratio 3:2", [("3", "3"), ("2", "2")]),
    ("2020-05-01", [("2020", "2020"), ("05", "5"), ("01", "1")]),
    ("Twenty-five of two hundred and five", [("Twenty-five", "25"), ("two hundred and five", "205")]),
    ("one and two", [("one", "1"), ("two", "2")]),
    ("two-thirds, one fifth", [("two-thirds", "2/3"), ("one fifth", "1/5")]),
    ("the last one is one of them", [("one", "1")]),
    ("someone has none; half, twice, a dozen", []),
    ("x2, H2O, x_{1}, x_1, GPT-4, v1.2.3, 0x1F, cm^2", []),
    ("2x and 5kg", [("2", "2"), ("5", "5")]),
    ("1. Add 5\n2) Add 6\nStep 3: Add 7\n- Step 4: 8", [("5", "5"), ("6", "6"), ("7", "7"), ("8", "8")]),
    ("<<48/2=24>>24", [("48", "48"), ("2", "2"), ("24", "24"), ("24", "24")]),
    ("It is 5.Then 6.", [("5", "5"), ("6", "6")]),
    ("1" * 41, []),
    ("3x5=15, 4x4", [("3", "3"), ("5", "5"), ("15", "15"), ("4", "4"), ("4", "4")]),
    ("Rs.500, USD500, US$500, HK$30", [("500", "500"), ("500", "500"), ("500", "500"), ("30", "30")]),
    ("at 9am or 10 p.m.", [("9", "9"), ("10", "10")]),
    ("0b101, 0x1F and $350 000", [("350 000", "350000")]),
    ("共有6个, รวม6บาท, Всего6, عدد6", [("6", "6")] * 4),
    ("x2有6个", [("6", "6")]),
    ("１２＋３＝１５", [("１２", "12"), ("３", "3"), ("１５", "15")]),
    ("١٢ و ٣٫٥", [("١٢", "12"), ("٣٫٥", "7/2")]),
    ("६ सेब, ৬টি", [("६", "6"), ("৬", "6")]),
    ("三百二十五个苹果和两个人", [("三百二十五", "325"), ("两", "2")]),
    ("一起，第三个，三分之一，十分高兴，三角形", []),
    ("百分之五十，十分钟", [("五十", "50"), ("十", "10")]),
    ("3万人，1.2亿元", [("3", "30000"), ("1.2", "120000000")]),
    ("ſeven, fıve, two ſixths: no letters of ours", [("two", "2")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_numbers_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    found = find_numbers(text)
    assert [(text[n.start : n.end], str(n.value)) for n in found] == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("7", "integer"),
        ("1,007", "integer"),
        ("7.0", "decimal"),
        ("$7", "money"),
        (r"\$7.50", "money"),
        ("7%", "percent"),
        (r"7\%", "percent"),
        ("7th", "ordinal"),
        ("seven", "word"),
        ("7/9", "fraction"),
        ("7:09", "time"),
        ("7am", "time"),
        ("百分之七十", "percent"),
        ("７％", "percent"),
    ],
)
def test_kind_is_how_it_is_written(text: str, kind: str) -> None:
    assert [n.kind for n in find_numbers(text)] == [kind]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$1,250.50", Fraction(2501, 2)),
        ("7/2", Fraction(7, 2)),
        (r"-\frac{7}{2}", Fraction(-7, 2)),
        ("eighteen", Fraction(18)),
        ("50%", Fraction(50)),
        ("7 apples", None),
        ("3/0", None),
        ("", None),
        ("9" * 5000, None),
    ],
)
def test_value_of_a_text_that_is_one_number(text: str, value: Fraction | None) -> None:
    assert number_value(text) == value


@given(st.integers(0, 999_999_999))
def test_words_are_read_back(n: int) -> None:
    assert words_to_int(int_to_words(n)) == n


@given(st.integers(0, 10**12), st.integers(0, 9999))
def test_written_number_has_its_value(whole: int, places: int) -> None:
    for text in (f"{whole}.{places:04}", f"{whole:,}.{places:04}"):
        assert [n.value for n in find_numbers(f"It is {text} now")] == [Fraction(
            whole * 10_000 + places, 10_000
        )]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.text(alphabet="0123456789.,/-$% axe\\{}\n:½one", max_size=80))
def test_numbers_are_in_order_and_parts_inside(text: str) -> None:
    end = 0
    for number in find_numbers(text):
        assert end <= number.start < number.end
        for part in number.parts:
            assert number.start <= part.start < part.end <= number.end
        end = number.end


@pytest.mark.parametrize(
    "piece",
    ["1", "1,", "1,111", "a", "one ", "one hundred and ", "twenty-", "1/", "1.", "-"]
    + ["\\frac{", "$", " ", "\n- ", "A-1", "1:", ".1", "a million ", "**\n", "1 "],
)
def test_hostile_text_is_scanned_in_linear_time(piece: str) -> None:
    assert_linear(find_numbers, piece, 40_000)


GERMAN, HINDI = Writing("de", ","), Writing("hi")
BY_WRITING = [
    ("3,5 kg", GERMAN, ["7/2"]),
    ("12 500, 12\u202f500 und 12.500", GERMAN, ["12500", "12500", "12500"]),
    ("1.000.000 oder 1.250,50", GERMAN, ["1000000", "2501/2"]),
    ("3, 4 und (1,2,3)", GERMAN, ["3", "4", "1", "2", "3"]),
    ("0.125 und 3.75", GERMAN, ["1/8", "15/4"]),
    ("ten one", GERMAN, []),
    ("1,00,000 और १२,३४,५६७", HINDI, ["100000", "1234567"]),
    ("3,5 and 1.250", ENGLISH, ["3", "5", "5/4"]),
]


@pytest.mark.parametrize(("text", "writing", "values"), BY_WRITING)
def test_marks_are_read_as_the_chain_writes_them(
    text: str, writing: Writing, values: list[str]
) -> None:
    assert [str(n.value) for n in find_numbers(text, writing)] == values


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet="0123456789.,/- ৬６六十٫，，a€\u202f", max_size=60))
def test_plain_digits_keep_every_place(text: str) -> None:
    for writing in (ENGLISH, GERMAN, HINDI):
        assert len(with_plain_digits(text, writing)) == len(text)
        for number in find_numbers(text, writing):
            assert 0 <= number.start < number.end <= len(text)


@given(st.integers(1, 10**11), st.booleans())
def test_chinese_numerals_are_read_back(n: int, japanese: bool) -> None:
    assert han_to_int(int_to_han(n, japanese)) == n


@pytest.mark.parametrize(
    ("text", "language", "mark"),
    [
        ("She has 5 eggs and buys 3 more, so it is 8.", "en", "."),
        ("Sie hat 5 Eier und kauft 3,5 kg Mehl, das ist viel.", "de", ","),
        ("Ella tiene 3 manzanas y compra 2.50 kg de uvas para su madre.", "es", "."),
        ("Elle a 3 pommes et achète 2,5 kg de raisins pour sa mère, donc il reste 4.", "fr", ","),
        ("У неё 5 яблок.", "ru", ","),
        ("彼は5個のりんごを持っている。", "ja", "."),
        ("她有5个苹果。", "zh", "."),
        ("তার ৫টি আম আছে।", "bn", "."),
        ("เขามีแอปเปิ้ล 5 ลูก", "th", "."),
        ("ఆమెకు 5 ఆపిల్స్ ఉన్నాయి.", "te", "."),
        ("Ana ana mayai 5 na anauza 3 kila siku kwa jumla ya 8.", "sw", "."),
        ("He pays Rs. 1,00,000 in all.", "en-IN", "."),
        (r"\[ x^2 + y^2 = z^2 \]", "en", "."),
        ("x = 3, w = 5, z = 7, i = 2, o = 1, e = 4", "en", "."),
    ],
)  # fmt: skip
def test_language_and_marks_are_found(text: str, language: str, mark: str) -> None:
    assert writing_of(text) == Writing(language, mark)


def test_language_and_mark_can_be_given() -> None:
    assert writing_of("1.250", language="de") == Writing("de", ",")
    assert writing_of("1.250", decimal_mark=",") == Writing("en", ",")
