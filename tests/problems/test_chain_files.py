"""What is read of a chain is never silently something else."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.chain_files import (
    ids_left_out,
    is_wrong,
    read_chains,
)
from lm_eval_faith.problems.labels import label_counts
from lm_eval_faith.problems.layouts import LAYOUTS
from lm_eval_faith.problems.record_chains import NO_STEPS, UNFINISHED, FileChain
from lm_eval_faith.records.outcome import UNPARSED, WRONG

QUESTION = "Ann has 4 pens and buys 14. How many has she?"
FIRST, SECOND, FINAL = (
    "She starts with 4.",
    "She buys 14, so 4 + 14 = 18.",
    "The answer is 18.",
)
GOOD = {"question": QUESTION, "chain": f"{FIRST} {SECOND} {FINAL}", "answer": "18"}
UNREAD = f"{FIRST} She buys 14 more of them, and that is all that is said."


def one(jsonl, record, parameters=()):
    (chain,) = read_chains(jsonl(record), dict(parameters)).chains
    return chain


def texts(chain):
    return [step.text for step in chain.chain.steps]


# --- answers ---------------------------------------------------------------------


def test_an_answer_that_cannot_be_read_is_not_a_right_answer(jsonl):
    for chain in UNREAD, [FIRST, "She buys some more of them."]:
        found = one(jsonl, GOOD | {"chain": chain})
        assert (found.left_out, found.correct, found.own) == (UNPARSED, None, "")
        trusted = one(jsonl, GOOD | {"chain": chain, "correct": True})
        assert (trusted.left_out, trusted.chain.answer) == ("", "18")
        wrong = one(jsonl, GOOD | {"chain": chain, "correct": "no"})
        assert wrong.left_out == UNPARSED and not is_wrong(wrong)


def test_a_last_sentence_that_comes_to_the_right_answer_is_one(jsonl):
    found = one(jsonl, GOOD | {"chain": [FIRST, SECOND]})
    assert (found.own, found.correct, found.left_out) == ("18", True, "")
    assert texts(found) == [FIRST, SECOND]
    for answer in "4", "17":
        other = one(jsonl, GOOD | {"chain": [FIRST, SECOND], "answer": answer})
        assert (other.own, other.left_out) == ("", UNPARSED)
    thought = f"<think>{FIRST} {SECOND}</think> "
    assert one(jsonl, GOOD | {"chain": thought}).left_out == UNPARSED


def test_a_chain_that_is_cut_off_in_thought_is_unfinished(jsonl):
    cut_off = f"<think>\n{FIRST} {SECOND} {FINAL} Wait, maybe"
    assert one(jsonl, GOOD | {"chain": cut_off}).left_out == UNFINISHED
    fields = {"field_thinking": "reasoning", "field_final": "content"}
    record = {"question": QUESTION, "answer": "18", "reasoning": f"{FIRST} {SECOND}"}
    for nothing in "", " ", None:
        path = jsonl(record | {"content": "18"}, record | {"content": nothing})
        read = read_chains(path, fields).chains
        assert [chain.left_out for chain in read] == ["", UNFINISHED]


def test_the_answer_may_be_missing_where_the_chain_states_it(jsonl):
    found = one(jsonl, {"question": QUESTION, "chain": GOOD["chain"]})
    assert (found.chain.answer, found.correct, found.left_out) == ("18", None, "")
    found = one(jsonl, {"question": QUESTION, "chain": GOOD["chain"], "correct": False})
    assert found.left_out == WRONG and is_wrong(found)
    named = {"field_answer": "gold"}
    with pytest.raises(InputError, match="no record has 'gold'|'gold' is missing"):
        one(jsonl, GOOD, named)
    assert one(jsonl, GOOD | {"answer": "5"}, {"field_answer": "none"}).left_out == ""


def test_the_files_answer_is_the_chains_own_where_a_user_says_so(jsonl):
    found = one(jsonl, GOOD | {"chain": UNREAD}, {"answer_is": "own"})
    assert (found.chain.answer, found.own, found.left_out) == ("18", "18", "")
    assert found.reference == ""
    other = one(jsonl, GOOD | {"answer": "B"}, {"answer_is": "own"})
    assert (other.chain.answer, other.correct) == ("B", True)
    assert texts(other) == [FIRST, SECOND]


def test_answers_are_numbers_texts_and_truth_values(jsonl):
    for answer in 18, 18.0, "18", f"{SECOND}\n#### 18":
        found = one(jsonl, GOOD | {"answer": answer})
        assert (found.reference, found.correct) == ("18", True)
    found = one(jsonl, GOOD | {"answer": True, "chain": f"{FIRST} The answer is true."})
    assert found.reference == "true" and found.correct
    with pytest.raises(
        InputError, match="'answer' is a list of 2 texts, not text, a n"
    ):
        one(jsonl, GOOD | {"answer": ["18", "19"]})


def test_verdicts_of_files_are_words_numbers_and_truth_values(jsonl):
    cases = {True: (True, "true", "correct", 1, 1.0, "yes"), False: (0, "Wrong", "no")}
    for right, words in cases.items():
        for word in words:
            assert one(jsonl, GOOD | {"correct": word}).correct is right
    assert not one(jsonl, GOOD | {"correct": None}).said_by_file
    with pytest.raises(InputError, match=":1: correct must be true or false, not 'som"):
        one(jsonl, GOOD | {"correct": "somewhat"})


# --- thinking, final text and steps ----------------------------------------------


def test_thinking_and_final_text_may_be_fields_of_their_own(jsonl):
    fields = {"field_thinking": "reasoning", "field_final": "content"}
    record = {
        "question": QUESTION,
        "reasoning": f"{FIRST} {SECOND}",
        "content": "Ann has **18** pens.",
        "answer": "18",
    }
    found = one(jsonl, record, fields)
    assert texts(found) == [FIRST, SECOND] and found.correct
    assert not one(jsonl, record | {"answer": "17"}, fields).correct
    listed = one(jsonl, record | {"reasoning": [FIRST, SECOND]}, fields)
    assert texts(listed) == [FIRST, SECOND] and listed.own == "18"
    flat = {"question": QUESTION, "reasoning_content": SECOND, "content": "18"}
    assert one(jsonl, flat | {"answer": "18"}).correct


def test_lists_of_objects_are_lists_of_their_texts(jsonl):
    steps = [{"text": FIRST, "n": 1}, {"text": SECOND, "n": 2}, {"text": FINAL, "n": 3}]
    assert texts(one(jsonl, GOOD | {"chain": steps})) == [FIRST, SECOND]
    odd = [{"words": s["text"]} for s in steps]
    named = {"field_chain": "chain[].words"}
    assert texts(one(jsonl, GOOD | {"chain": odd}, named)) == [FIRST, SECOND]
    with pytest.raises(
        InputError, match=r"chain\[\].NAME takes a field of each, of wor"
    ):
        one(jsonl, GOOD | {"chain": odd})


def test_a_whole_reasoning_is_no_step_and_the_ways_out_are_named(jsonl):
    whole = f"{FIRST}\n\n{SECOND}\n\n{FINAL}"
    with pytest.raises(InputError, match="steps=split takes it apart, .*=chain.0$"):
        one(jsonl, GOOD | {"chain": [whole]})
    for way_out in {"steps": "split"}, {"field_chain": "chain.0"}:
        assert texts(one(jsonl, GOOD | {"chain": [whole]}, way_out)) == [FIRST, SECOND]
    thought = f"<think>{FIRST} {SECOND}</think> {FINAL}"
    for several in [thought, thought], [whole, whole]:
        for parameters in {}, {"steps": "split"}:
            with pytest.raises(InputError, match="2 entries of 'chain' are whole reas"):
                one(jsonl, GOOD | {"chain": several}, parameters)
    assert texts(one(jsonl, GOOD | {"chain": [SECOND, FINAL]})) == [SECOND]


def test_the_final_statement_can_stay(jsonl):
    keep = {"keep_final": "yes"}
    for chain in GOOD["chain"], [FIRST, SECOND, FINAL]:
        found = one(jsonl, GOOD | {"chain": chain}, keep)
        assert texts(found) == [FIRST, SECOND, FINAL]
        assert found.chain.steps[-1].states_answer and found.correct


def test_a_chain_without_steps_is_left_out(jsonl):
    for chain in "", [], FINAL:
        assert one(jsonl, GOOD | {"chain": chain}).left_out == NO_STEPS


def test_short_rollouts_are_not_taken_for_steps_nor_steps_for_rollouts(jsonl):
    rollouts = [f"{FIRST} {FINAL}", "4 + 14 = 19. So 19. The answer is 19."]
    with pytest.raises(InputError, match="2 entries of 'chain' are whole reasonings"):
        one(jsonl, GOOD | {"chain": rollouts})
    steps = [f"{FIRST} The answer to part (a) is 4.", SECOND, FINAL]
    assert len(one(jsonl, GOOD | {"chain": steps}).chain.steps) == 2


def test_a_list_as_numpy_prints_it_is_refused(jsonl):
    for chain in f"['{FIRST}' '{SECOND}']", f'["{FIRST}"\n \'{SECOND}\' "a"]':
        with pytest.raises(InputError, match=r"as numpy prints it.*tolist"):
            one(jsonl, GOOD | {"chain": chain})
    for chain in f"['{FIRST}', '{SECOND}']", json.dumps([FIRST, SECOND]):
        assert texts(one(jsonl, GOOD | {"chain": chain})) == [FIRST, SECOND]


def test_a_number_beside_options_is_one_of_them_only_if_the_file_says_so(jsonl):
    chain = f"{FIRST} A rock keeps its shape. The answer is (B) a rock."
    for options in {"choices": ["milk", "a rock"]}, {"options": {"text": ["a", "b"]}}:
        asked = GOOD | options | {"chain": chain, "answer": 1}
        with pytest.raises(InputError, match="1 stands beside 2 options.*option:0 or"):
            one(jsonl, asked)
        assert one(jsonl, asked, {"answer_is": "option:0"}).correct is True
        assert one(jsonl, asked, {"answer_is": "option:1"}).correct is False
        assert one(jsonl, asked, {"answer_is": "reference"}).correct is False
    with pytest.raises(InputError, match="the answer is option 7, but there are 2"):
        one(jsonl, asked | {"answer": 7}, {"answer_is": "option:0"})
    named = asked | {"choices": ["milk", "a rock"], "chain": f"{FIRST} Answer: a rock"}
    assert one(jsonl, named, {"answer_is": "option:0"}).correct is True
    assert one(jsonl, GOOD | {"choices": ["17", "18"]}).correct is True


def test_a_column_of_labels_that_is_the_answer_is_no_label(jsonl):
    path = jsonl(
        {"question": "Is it?", "chain": f"{FIRST} {FINAL}", "label": "Unknown"}
    )
    (chain,) = read_chains(path, {"field_answer": "label"}, "if there").chains
    assert (chain.chain.label, chain.correct) == (None, False)
    (chain,) = read_chains(path, {"field_label": "none"}, "if there").chains
    assert chain.chain.label is None


def test_a_list_of_one_answer_is_the_answer(jsonl):
    assert one(jsonl, GOOD | {"answer": ["18"]}).correct is True
    with pytest.raises(InputError, match="field_answer=answer.0 takes the first"):
        one(jsonl, GOOD | {"answer": ["18", "18.0"]})


# --- names and problems ----------------------------------------------------------


def test_ids_that_are_there_twice_name_the_way_out(jsonl):
    path = jsonl(GOOD | {"id": "x"}, GOOD | {"id": "x"})
    with pytest.raises(InputError) as refused:
        read_chains(path, {})
    assert str(refused.value) == (
        f"{path}:2: document 'x' is there twice (before at {path}:1); name a field that "
        "tells chains apart by field_id=NAME, or number them by field_id=none"
    )
    numbered = read_chains(path, {"field_id": "none"}).chains
    assert [c.id for c in numbered] == ["line-1", "line-2"]
    with pytest.raises(
        InputError, match="'id' is a list of 1 numbers, and names no doc"
    ):
        one(jsonl, GOOD | {"id": [1]})


def test_chains_of_one_group_are_one_problem(jsonl):
    path = jsonl(GOOD | {"group": 7}, GOOD | {"group": 7.0}, GOOD)
    assert [c.problem for c in read_chains(path, {}).chains] == ["7", "7", ""]
    named = jsonl(GOOD | {"q": "a"})
    assert read_chains(named, {"field_group": "q"}).chains[0].problem == "a"


def test_left_out_chains_are_counted_and_named(jsonl):
    path = jsonl(GOOD, GOOD | {"answer": "7"}, GOOD | {"chain": UNREAD, "id": "u"})
    chains = read_chains(path, {}).chains
    assert ids_left_out(chains) == {WRONG: ["line-2"], UNPARSED: ["u"]}
    assert "answer_is=own" in " ".join(read_chains(path, {}).told())


# --- bad input -------------------------------------------------------------------


def test_what_is_there_but_of_another_kind_is_not_missing(jsonl):
    cases = (
        (
            {"chain": {"a": 1}},
            "'chain' is an object with a, not text or a list of texts",
        ),
        ({"chain": True}, "'chain' is true or false, not text"),
        ({"chain": None}, "'chain' is null; name the field that holds the chain by"),
        ({"chain": [FIRST, None]}, "'chain' is a list of 2 values, not text"),
        ({"question": ["a"]}, "'question' is a list of 1 texts, not text"),
        ({"question": " "}, "'question' is empty, not text"),
        ({"answer": {"x": 1}}, "'answer' is an object with x, not text, a number"),
    )
    for changed, said in cases:
        path = jsonl(GOOD | changed)
        with pytest.raises(InputError) as refused:
            read_chains(path, {})
        assert str(refused.value).startswith(f"{path}:1: {said}")
    without = {n: v for n, v in GOOD.items() if n != "chain"}
    with pytest.raises(
        InputError, match="'chain' is missing; .*there is question, answ"
    ):
        one(jsonl, without)


def test_a_name_that_leads_nowhere_is_said(jsonl):
    with pytest.raises(
        InputError, match=r"no record has 'gold' \(field_correct\); there"
    ):
        one(jsonl, GOOD, {"field_correct": "gold"})


def test_parameters_are_checked():
    for name, value, said in (
        ("bad_records", "ignore", "bad_records must be refuse or skip, not 'ignore'"),
        ("steps", 3, "steps must be listed or split"),
        ("answer_is", "mine", "answer_is must be reference, own, option:0"),
        ("field_chain", 3, "field_chain must be text"),
    ):
        with pytest.raises(InputError, match=said):
            read_chains("none.jsonl", {name: value})


# --- any JSON value in any field -------------------------------------------------

PIECES = st.sampled_from(
    [
        *GOOD.values(),
        "<think>",
        "</think>",
        "####",
        "\\boxed{18}",
        "[1, 0]",
        "1:5",
        "\n",
    ]
)
TEXT = st.lists(PIECES | st.text(max_size=8), max_size=4).map(" ".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "span", "label", "a"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
FIELDS = (
    *("question", "chain", "answer", "correct", "id", "group", "labels", "chain_label"),
    *("conversations", "response", "body", "role", "thinking", "eval", "status"),
    *("label", "span", "messages", "choices", "reasoning_content", "content", "prompt"),
    *(
        "completions",
        "steps",
        "problem",
        "final_answer_correct",
        "doc",
        "resps",
        "target",
    ),
    *(
        "input",
        "output",
        "epoch",
        "full_cot",
        "chunks",
        "cot",
        "label_type",
        "sample_0",
    ),
    *("question_id", "answer_id", "step_idx", "step", "scores", "uuid", "step_1"),
)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "layout": st.sampled_from([layout.name for layout in LAYOUTS]),
        "steps": st.just("split"),
        "answer_is": st.just("own"),
        "keep_final": st.just(True),
        "labels": st.sampled_from(["graded", "first_error", "map:[1:decoy]"]),
        "field_chain": st.sampled_from(["chain[].text", "chain.0", "step_1…step_N"]),
        "field_final": st.sampled_from(["content", "final"]),
    },
)


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_of(inner)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    changed=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6),
    parameters=PARAMETERS,
    labels=st.sampled_from(["no", "if there", "yes"]),
)
def test_any_value_ends_in_a_sentence_or_in_a_chain_of_the_files_text(
    tmp_path, changed, parameters, labels
):
    record = GOOD | changed
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(record), encoding="utf-8")
    try:
        read = read_chains(path, parameters, labels)
    except InputError as error:
        assert str(error).strip() and "\n" not in str(error)
        return
    written = list(strings_of(record))
    written += [inner for text in written for inner in parsed(text)]
    for chain in read.chains:
        assert isinstance(chain, FileChain)
        for step in chain.chain.steps:
            lines = (
                [step.text]
                if parameters.get("steps") != "split"
                else step.text.split("\n")
            )
            assert all(any(line in text for text in written) for line in lines)
        label_counts(step.label for step in chain.chain.steps)
        assert chain.left_out or chain.chain.answer


def parsed(text):
    """The texts of a list that a text holds."""
    try:
        return strings_of(json.loads(text))
    except (ValueError, RecursionError):
        return ()
