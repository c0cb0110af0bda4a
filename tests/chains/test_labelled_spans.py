"""Steps at given places of a text."""

from hypothesis import given
from hypothesis import strategies as st

from lm_eval_faith.chains.labelled_spans import LabelledSpan, split_at
from lm_eval_faith.chains.splitting import split

TEXTS = st.text(alphabet="ab7 .\n,=", max_size=60)


@st.composite
def texts_with_spans(draw):
    text = draw(TEXTS)
    places = draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    pairs = zip(places[::2], places[1::2], strict=False)
    return text, [LabelledSpan(s, e, "decoy") for s, e in pairs if s < e]


@given(texts_with_spans())
def test_joined_they_are_the_text_and_spans_are_steps(given_text):
    text, spans = given_text
    opening, steps = split_at(text, spans)
    assert opening + "".join(s.text + s.after for s in steps) == text
    assert all(step.text == step.text.strip() and step.text for step in steps)
    wanted = [text[s.start : s.end].strip() for s in spans]
    labelled = [step.text for step in steps if step.label == "decoy"]
    assert labelled == [words for words in wanted if words]


@given(TEXTS)
def test_without_spans_a_text_is_split_as_ever(text):
    if any(character.isalnum() for character in text):
        assert split_at(text, []) == split(text)


def test_what_stands_between_two_spans_is_split_by_itself():
    text = "It rains. The red box holds 7, Ann says. She is right. So 7."
    start = text.index("The red box")
    span = LabelledSpan(start, text.index(", Ann"), "load_bearing")
    _, steps = split_at(text, [span])
    assert [(s.text, s.label) for s in steps] == [
        ("It rains.", None),
        ("The red box holds 7", "load_bearing"),
        (", Ann says.", None),
        ("She is right.", None),
        ("So 7.", None),
    ]
