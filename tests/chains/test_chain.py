import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lm_eval_faith.chains.chain import (
    Chain,
    Number,
    Step,
    chain_from_dict,
    chain_to_dict,
)

texts = st.text(max_size=20)
numbers = st.builds(
    Number,
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["operand", "before", "total", "aside"]),
    st.sampled_from([-1, 0, 1]),
)
steps = st.builds(
    Step,
    texts,
    texts,
    st.sampled_from(["load_bearing", "decoy", None]),
    st.booleans(),
    st.lists(numbers, max_size=3).map(tuple),
)
chains = st.builds(Chain, st.lists(steps, max_size=5).map(tuple), texts, texts)


@given(chains)
def test_a_chain_survives_json_to_the_byte(chain: Chain):
    written = chain_to_dict(chain)
    bare = tuple(replace(step, numbers=()) for step in chain.steps)
    read = chain_from_dict(json.loads(json.dumps(written)))
    assert read == replace(chain, steps=bare)
    assert not any("numbers" in step for step in written["steps"])


@given(chains)
def test_the_text_is_opening_and_steps_joined(chain: Chain):
    joined = chain.opening + "".join(s.text + s.after for s in chain.steps)
    assert chain.text == joined


def test_new_words_in_a_step_leave_the_others_alone():
    chain = Chain((Step("a", " ", "decoy"), Step("b", " "), Step("c")), "1", "o ")
    changed = chain.with_step(0, "x")
    assert changed.text == "o x b c"
    assert changed.steps[0].label == "decoy"
