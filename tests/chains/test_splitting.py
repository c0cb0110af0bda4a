"""Steps of a written text: hand-written hard cases, then properties."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_faith.chains.layout import body_start
from lm_eval_faith.chains.splitting import UNITS, Unit, split

from ..linear import assert_linear

SOLUTIONS = (
    Path(__file__).resolve().parents[3]
    / "shared/data/gsm8k/example_model_solutions.jsonl"
)

# A text is written as its steps; "|" stands where one ends. The threshold is taken out
# before splitting, and white space around it belongs to no step.
HARD_CASES = {
    "decimals": "He runs 3.5 km. | Then he runs 2.25 km more. | That is 5.75 km.",
    "decimal without a zero": "Each costs .75 dollars. | Two cost 1.5 dollars.",
    "thousands": "They sold 1,250,000 cans. | Then 2,000 more were sold.",
    "time of day": "She left at 5:30 p.m. and came at 7:15 p.m. with him.",
    "time ends a sentence": "She left at 5:30 p.m. | Then she walked home.",
    "titles": "Mr. Smith met Mrs. Jones and Dr. Lee. | They talked a while.",
    "e.g. and i.e.": "Take fruit, e.g. Apples, i.e. Red ones, as given. | Count them.",
    "approx. and vs.": "That is approx. 20 units vs. 30 units. | It is less.",
    "No. before a number": "Look at No. 5 on the list. | It costs 10 dollars.",
    "No. as an answer": "Is that enough for all? | No. He needs ten more of them.",
    "etc. inside": "Pens, books, etc. cost 5 dollars. | The rest is free.",
    "etc. at the end": "He buys pens, books, etc. | The total is 12 dollars.",
    "initials": "J. K. Rowling sold 5 books. | George R. R. Martin sold 3.",
    "a letter that ends a sentence": "We should take plan B. | Then we need 5 more.",
    "U.S. inside": "The U.S. Army bought 40 of them. | It paid 80 dollars.",
    "U.S. at the end": "He was born in the U.S. | He moved 5 years later.",
    "units with points": "It is 5 ft. 3 in. tall and 2 ft. wide. | It fits.",
    "months": "He began on Jan. 5 and ended on Feb. 7 that year. | It took 33 days.",
    "company": "He works at Smith Inc. for 5 dollars. | It is near.",
    "version": "Use version 1.2.3 of it. | It has 4 parts in all.",
    "address": "See https://a.org/x.html?y=1. | Then add 5 and 6.",
    "quote": '"How many are there?" she asked. | "There are 12." | He nodded and left.',
    "question in a quote, then more": 'He said "No!" and left the room. | It was 5.',
    "parentheses": "She has 5 (see above!) in it. | (She buys 3 more.) | It is 8.",
    "bold": "**She has 5 eggs.** | She buys 3 more of them.",
    "ellipsis": "Hmm... that seems off to me... | Let me check it again.",
    "exclamation and question": "Is it really 12?! | Yes, it is 12 in total.",
    "factorial": "We know that 5! = 120 and 4! = 24 here. | So 5! / 4! = 5.",
    "inline mathematics": "So $x = 3. Y$ holds and $a. B$ too. | Next is this one.",
    "money is no mathematics": "She pays $5. | He pays $7. | They pay $12.",
    "money and calculator": "He pays 3 * $2 = $<<3*2=6>>6. | She pays $<<6+1=7>>7.",
    "parenthesis mathematics": r"We get \(x = 1. Y = 2\) from it. | Then x + Y = 3.",
    "boxed": r"It is \boxed{5. Really so} as shown. | That is all there is.",
    "display with its lead-in": "So the total is:\n\\[\n5 + 3. A\n= 8\n\\]\n | It is 8.",
    "double dollars": "We add all of it:\n$$\n5 + 3 = 8\n$$\n | That makes 8 in all.",
    "environment": "Thus we have\n | \\begin{align}\na &= 1. B\\\\\n\nb &= 2\n\\end{align}",
    "text in mathematics": r"$\text{Total. All of it} = 5$ is right. | So we stop.",
    "code fence": "Compute it so:\n```python\nx = 1. \nprint(x)\n\ny = 2\n```\n | Done with x = 1.",
    "inline code": "Call `f(x). Y` for that. | Then call `g` on the result.",
    "open dollar": "It costs $5 or so. | The next one is free. | All is well.",
    "open backtick": "It is ` here. | The next sentence is fine. | So is this one.",
    "open brace": r"It is \frac{5 here. | The next sentence is fine.",
    "numbered list": "1. Add 5 and 3. | Then rest.\n | 2. Add 8 and 4.\n | 3. The end is 12.",
    "lettered list": "a) Add 5 and 3 now.\n | b) Add 8 and 4 now.\n | c. Add 9 and 9 now.",
    "bullets": "- 5 red apples\n | - 3 green apples\n | * 2 yellow apples",
    "list marker alone": "1.\nAdd 5 and 3 first.\n | 2.\nAdd 8 and 4 then.",
    "Step 1:": "Step 1: Add 5 and 3. | That is 8.\n | Step 2: Add 8 and 4.",
    "inline list": "We go: 1. Add 5 and 3 first. | 2. Add 8 and 4 then.",
    "bold marker": "**1.** Add 5 and 3 first.\n | **2.** Add 8 and 4 then.",
    "GSM8K": (
        "He sold 48/2 = <<48/2=24>>24 clips in May.\n | "
        "He sold 48+24 = <<48+24=72>>72 clips in all."
    ),
    "lines without points": "5 + 3 = 8\n | 8 * 2 = 16\n | so 16 is it",
    "heading": "## Cost. Of it\n\nShe pays 5 dollars.\n | ### Gain\nShe gets 7 dollars.",
    "bold heading behind a marker": (
        "1. **Cost:**\n   \\[\n   5 + 3 = 8\n   \\]\n | 2. **Rest:** She has 7 left."
    ),
    "bold heading": "**Cost:**\nShe pays 5 dollars. | She gets 7 dollars.",
    "bold sentence is a step": "**She pays 5 dollars.**\n | She gets 7 dollars.",
    "step heading": "Step 1:\nShe pays 5 dollars.\n | Step 2:\nShe gets 7 dollars.",
    "rule": "She pays 5 dollars.\n | ---\nShe gets 7 dollars.",
    "fragment goes forward": "Wait. Let me check that. | Yes. It is 5 for sure.",
    "fragment at the end of a line": "That makes 24 eggs. Great.\n | Now count the rest.",
    "fragment at the end": "That makes 24 eggs in all. Okay.",
    "short equation is a step": "x = 5.\n | y = 6.\n | So the sum is 11.",
    "R1": (
        "Okay, so I need to find x.\n\n | Wait, let me check: 5 + 3 is 8, not 9. | "
        "Hmm, that is right.\n\n | Alternatively, 8 = 2 * 4."
    ),
    "windows lines": "First it is 5.\r\n | Then it is 6.\r\n\r\n | At last it is 7.",
    "Chinese": "她有五个苹果。 | 然后她又买了三个苹果。",
    "accents": "Élodie a 5 pommes. | Éric en a 7 de plus.",
    "percent": "It grows by 12.5%. | Then it falls by 3.5%.",
    "negative": "The change is -3.5. | The next one is -4.",
    "sentence begins with a digit": "He has 5 apples left. | 3 of them are red.",
    "lower case goes on": "It is 5 a.m. and no. of eggs is 6. | We go on now.",
    "lower case": "so we have 3. | then 4 more. | that makes 7.",
    "lower case behind an abbreviation": "it is 5 approx. of all tbsp. in it. | then more.",
    "lower case behind a quote": '"Is it so?" she asked me. | "No!" he said to her.',
    "lower case behind a letter": "so we call it x. | then x is 5 or y. zero of them.",
    "Chinese on one line": "小明有3个苹果。 | 他又买了5个，共3+5=8个。 | 答案是8。",
    "Chinese without spaces": "小明有6个苹果. | 然后又买了3个. | 共有9个！ | 对吗？ | 对的，是9个。",
    "Japanese quote": "彼は「5個です。」と言った。 | そして3個買った。",
    "Bengali": "রহিমের ৫টি আম আছে। | সে আরও ৩টি কিনল। | মোট ৫ + ৩ = ৮টি।",
    "Urdu": "احمد کے پاس 5 سیب ہیں۔ | کیا یہ کافی ہے؟ | ہاں، کافی ہے۔",
    "German": (
        "Er kauft z. B. 3 Äpfel am 3. Mai, d. h. bzw. 4 Birnen. | Dann hat er ca. 7 usw. | "
        "Am 2. Tag kauft er 5. | Also hat er insgesamt 12."
    ),
    "Russian": "Он купил 3 кг за 50 руб. | Затем он отдал 20 руб. и т. д. | Осталось 30 руб. в кассе.",
    "Spanish": "Hay 3,5 kg p. ej. para el Sr. López. | ¿Cuánto queda? | Quedan 2 kg con él.",
    "French": "M. Dupont a env. 5 kg de pommes. | Combien en reste-t-il ? | Il en reste 3 pour le soir.",
    "indented": "  It is 5 here now.\n    | It is 6 over there.",
}


def joined(text: str) -> str:
    opening, steps = split(text)
    return opening + "".join(step.text + step.after for step in steps)


@pytest.mark.parametrize("case", HARD_CASES)
def test_hard_case_is_split_where_a_reader_would(case: str) -> None:
    marked = HARD_CASES[case]
    text = marked.replace("| ", "").replace("|", "")
    expected = [step.strip() for step in marked.split("|")]
    assert [step.text for step in split(text)[1]] == expected
    assert joined(text) == text


def test_white_space_is_kept_between_steps() -> None:
    opening, steps = split("\n  She has 5 eggs.  \n\n\tShe buys 3 more. \n")
    assert opening == "\n  "
    assert [step.after for step in steps] == ["  \n\n\t", " \n"]


def test_heading_without_a_step_is_kept_behind_the_last() -> None:
    _, steps = split("She has 5 eggs left.\n\n## The end\n")
    assert [(s.text, s.after) for s in steps] == [
        ("She has 5 eggs left.", "\n\n## The end\n")
    ]


@pytest.mark.parametrize("text", ["", " \n\t\n", "# Only a heading\n\n**Another:**"])
def test_text_without_a_step_is_all_opening(text: str) -> None:
    assert split(text) == (text, ())


def test_gsm8k_answer_line_is_no_heading() -> None:
    assert [s.text for s in split("It is 5 + 3 here.\n#### 1,008")[1]] == [
        "It is 5 + 3 here.",
        "#### 1,008",
    ]


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("She pays 5.", "She pays 5."),
        ("2. She pays 5.", "She pays 5."),
        ("- She pays 5.", "She pays 5."),
        ("## Cost\n\n**Step 3:** She pays 5.", "She pays 5."),
        ("Step 3 - She pays 5.", "She pays 5."),
        ("2.5 is it", "2.5 is it"),
    ],
)
def test_body_starts_behind_headings_and_markers(text: str, body: str) -> None:
    assert text[body_start(text) :] == body


pieces = st.sampled_from(
    [
        *("She has 5 eggs", ". ", ".", "\n", "\n\n", "$", "$x$", "`", "```\n", "\\["),
        *(
            "\\]",
            "\\boxed{",
            "}",
            "{",
            "1. ",
            "- ",
            "Mr. ",
            "3.5",
            "1,000",
            "#",
            "## H",
        ),
        *("**", "Wait", "? ", "! ", "...", " ", "\t", "\r\n", "…", "。", "É", "²", "½"),
        *("<<5+3=8>>", "\\begin{a}", "\\end{a}", "\\", "e.g. ", "J. ", "Step 2:", ":"),
    ]
)
texts = st.one_of(st.text(max_size=200), st.lists(pieces, max_size=60).map("".join))


@settings(max_examples=150, deadline=None)
@given(texts)
def test_steps_join_to_the_text(text: str) -> None:
    assert joined(text) == text


@settings(max_examples=120, deadline=None)
@given(texts)
def test_steps_have_words_and_no_white_space_around_them(text: str) -> None:
    for step in split(text)[1]:
        assert step.text == step.text.strip() != ""


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_a_number_is_never_cut(values: list[int]) -> None:
    written = [f"{v:,}.{v % 97}" for v in values]
    text = " ".join(f"He has {number}. It is {number} now." for number in written)
    steps = [step.text for step in split(text)[1]]
    assert steps == [s for n in written for s in (f"He has {n}.", f"It is {n} now.")]


HOSTILE = [
    *("a", "$", "`", "{", ".", "\n", "(", "\\", " ", "#", "*", "1", "-", ">", "<"),
    *("$a ", "$a$ ", "``` ", "\\[", "\\begin{a}", "\\a{", ". ", "A. ", "1. ", '!" '),
    *("# a\n", "\n ```", "~~~\n", "word 12. ", "\\text{a. B} ", "**\n", "Mr. ", "。"),
    *("$a\\$", "`a``b```c", "<<", "a\r", ".)", "\u2028", "\x00", "- ", "Step 1:\n"),
    *(
        "a. ",
        "z. B. ",
        "।",
        "3. Mai ",
        "6.个",
        "wait. ",
        "x,\n",
        "。」",
        "т. ",
        "ab:\n\n",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_is_split_in_linear_time(piece: str) -> None:
    def split(text: str) -> None:
        assert joined(text) == text

    assert_linear(split, piece, 40_000)


@pytest.mark.skipif(not SOLUTIONS.exists(), reason="the data are not here")
def test_real_solutions_join_and_have_a_step_a_line() -> None:
    with SOLUTIONS.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:300]
    for row in rows:
        text = row["175b_verification"]["solution"]
        assert joined(text) == text
        assert len(split(text)[1]) >= len([x for x in text.split("\n") if len(x) > 20])


def test_merged_steps_hold_their_formula_and_remarks() -> None:
    text = (
        "Okay, so I need this.\n\nSo the sum,\n\\[ x = 3 \\]\n\nHmm, wait. The total is:\n"
        "5 + 3 = 8\nThat's correct. Let's see: so, total:\n5 + 1 = 6\nSubtract 3B:\n-2B = 1\n"
        "So it is 8: the list is\n1. It is 5 first."
    )
    opening, steps = split(text, "merged")
    assert [s.text for s in steps] == [
        "Okay, so I need this.",
        "So the sum,\n\\[ x = 3 \\]",
        "Hmm, wait. The total is:\n5 + 3 = 8\nThat's correct.",
        "Let's see: so, total:\n5 + 1 = 6",
        "Subtract 3B:\n-2B = 1",
        "So it is 8: the list is",
        "1. It is 5 first.",
    ]
    assert opening + "".join(s.text + s.after for s in steps) == text


def test_paragraphs_end_at_empty_lines_outside_of_mathematics() -> None:
    text = (
        "It is 5. It is 6.\nSo 7.\n\nThen\n\\[\na\n\nb\n\\]\n \n\nThe end is 8 now.\n"
    )
    assert [s.text for s in split(text, "paragraph")[1]] == [
        "It is 5. It is 6.\nSo 7.",
        "Then\n\\[\na\n\nb\n\\]",
        "The end is 8 now.",
    ]


@settings(max_examples=80, deadline=None)
@given(texts, st.sampled_from(UNITS))
def test_every_unit_joins_to_the_text(text: str, unit: Unit) -> None:
    opening, steps = split(text, unit)
    assert opening + "".join(s.text + s.after for s in steps) == text
