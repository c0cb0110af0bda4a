"""Layouts of public data sets and logs are known by their fields."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.chain_files import read_chains
from lm_eval_faith.problems.layouts import LAYOUTS
from lm_eval_faith.problems.record_chains import UNFINISHED

LB, DECOY = "load_bearing", "decoy"
QUESTION = "Ann has 4 pens and buys 14. How many has she?"
FIRST, SECOND = "She starts with 4.", "She buys 14, so 4 + 14 = 18."
FINAL = "The answer is 18."


def completion(text, rating):
    return {"text": text, "rating": rating, "flagged": None}


def message(**fields):
    return {"role": "assistant", **fields}


RECORDS = {
    "prm800k": {
        "question": {"problem": QUESTION, "ground_truth_answer": "18"},
        "label": {
            "steps": [
                {
                    "completions": [completion("Not this.", -1), completion(FIRST, 0)],
                    "chosen_completion": 1,
                },
                {
                    "completions": [completion("No.", -1)],
                    "chosen_completion": None,
                    "human_completion": completion(SECOND, 1),
                },
                {"completions": [completion(FINAL, 1)], "chosen_completion": 0},
            ]
        },
    },
    "processbench": {
        "id": "gsm8k-0",
        "generator": "a model",
        "problem": QUESTION,
        "steps": [FIRST, SECOND, FINAL],
        "final_answer_correct": True,
        "label": 1,
    },
    "math_shepherd": {
        "input": f"{QUESTION} Step 1: {FIRST} ки\nStep 2: {SECOND} {FINAL} ки",
        "label": f"{QUESTION} Step 1: {FIRST} +\nStep 2: {SECOND} {FINAL} -",
        "task": "GSM8K",
    },
    "mr_gsm8k": {
        "uuid": "u-1",
        "question": QUESTION,
        "ground_truth_answer": "18",
        "model_output_steps": [FIRST, SECOND, FINAL],
        "model_output_answer_correctness": "correct",
        "model_output_solution_first_error_step": "2",
    },
    "bonafide": {
        "prompt": QUESTION,
        "cot": f"{FIRST} {SECOND} {FINAL}",
        "model_answer": "18",
        "label_type": "FAITHFUL_STEP",
        "sentence_span_start": 0,
        "sentence_span_end": len(FIRST),
    },
    "faithcot": {
        "question": QUESTION,
        "options": ["A. 14", "B. 18"],
        "label": "B",
        "sample_0": {"step_1": FIRST, "step_2": SECOND, "final_answer": "Answer: B"},
        "sample_1": {"step_1": FIRST, "step_2": SECOND, "final_answer": "Answer: A"},
    },
    "thought_anchors": {
        "problem": QUESTION,
        "gt_answer": "18",
        "is_correct": True,
        "prompt": f"{QUESTION}\n<think>\n",
        "full_cot": f"{QUESTION}\n<think>\n{FIRST}\n {SECOND}</think>\n\n\\boxed{{18}}",
        "chunks": [
            {
                "chunk": f"{FIRST}".replace(" ", "\n"),
                "counterfactual_importance_accuracy": 0.1,
            },
            {"chunk": SECOND, "counterfactual_importance_accuracy": -0.2},
        ],
    },
    "trl": {
        "prompt": QUESTION,
        "completions": [FIRST, SECOND, "\n\n# Answer\n\n18"],
        "labels": [True, False, True],
    },
    "openai": {
        "id": "c-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": QUESTION},
            message(reasoning_content=f"{FIRST} {SECOND}", content="**18**"),
        ],
        "answer": "18",
    },
    "inspect": {
        "id": 7,
        "epoch": 1,
        "input": [{"role": "user", "content": QUESTION}],
        "target": ["18"],
        "output": {
            "choices": [{"message": message(content=f"{FIRST} {SECOND} {FINAL}")}]
        },
    },
    "lm_eval": {
        "doc_id": 3,
        "doc": {"question": QUESTION, "answer": "4 + 14 = 18\n#### 18"},
        "target": "4 + 14 = 18\n#### 18",
        "arguments": {"gen_args_0": {"arg_0": "Q: ..."}},
        "resps": [[f"{FIRST} {SECOND} {FINAL}"]],
        "filter": "strict-match",
    },
}
LABELS = {
    "prm800k": [DECOY, LB],
    "processbench": [LB, DECOY],
    "math_shepherd": [LB, DECOY],
    "mr_gsm8k": [LB, DECOY],
    "bonafide": [LB, None],
    "trl": [LB, DECOY],
}


def test_each_is_found_by_itself_and_by_name(jsonl):
    for name, record in RECORDS.items():
        labels = "yes" if name in LABELS else "no"
        for parameters in {}, {"layout": name}:
            read = read_chains(jsonl(record), parameters, labels)
            assert read.reading.layout == name
            assert read.told()[0] == f"read as layout={name}"
            chain = read.chains[0]
            assert chain.question.startswith(QUESTION)
            assert [s.text.rpartition(": ")[2] for s in chain.chain.steps] == [
                FIRST,
                SECOND,
            ], name
            assert chain.chain.answer in ("18", "B") and not chain.left_out, name
            if name in LABELS:
                assert [s.label for s in chain.chain.steps] == LABELS[name]


def test_every_layout_but_those_of_several_rows_has_a_record_here():
    assert {layout.name for layout in LAYOUTS} - RECORDS.keys() == {"reveal"}


def test_rows_of_reveal_are_one_chain_an_answer(jsonl):
    rows = [
        {
            "question_id": "q1",
            "question": QUESTION,
            "answer_id": answer,
            "step_idx": index,
            "step": text,
            "correctness_label": label,
        }
        for answer in ("q1-flan", "q1-gpt")
        for index, text, label in (
            (0, FIRST, "Correct"),
            (1, SECOND, None),
            (1, SECOND, None),
            (2, FINAL, "Incorrect"),
        )
    ]
    read = read_chains(jsonl(*rows), {}, "yes")
    assert [(c.id, c.problem) for c in read.chains] == [
        ("q1-flan", "q1"),
        ("q1-gpt", "q1"),
    ]
    for chain in read.chains:
        assert [(s.text, s.label) for s in chain.chain.steps] == [
            (FIRST, LB),
            (SECOND, None),
        ]
        assert (chain.own, chain.correct, chain.taken_off) == ("18", None, 1)
    for row in rows:  # as a table that numbers no steps
        del row["step_idx"]
        row["full_answer"] = f"{FIRST} {SECOND} {FINAL}"
    unnumbered = read_chains(jsonl(*rows), {}, "yes").chains
    assert [c.chain.steps for c in unnumbered] == [c.chain.steps for c in read.chains]
    with pytest.raises(InputError, match="'step_idx' is no number or 'step' is no"):
        read_chains(jsonl(rows[0] | {"step": None}), {"layout": "reveal"})


def test_thought_anchors_importances_are_graded_and_what_lies_between_is_split(jsonl):
    record = dict(RECORDS["thought_anchors"])
    read = read_chains(jsonl(record), {}, "yes")
    assert [s.truth for s in read.chains[0].chain.steps] == [0.1, -0.2]
    record["chunks"] = record["chunks"][1:]
    (chain,) = read_chains(jsonl(record), {}, "yes").chains
    assert [s.truth for s in chain.chain.steps] == [None, -0.2]
    record["chunks"] = [{"chunk": "Nobody said that."}]
    with pytest.raises(
        InputError, match="sentence 1, 'Nobody said that.', does not stand"
    ):
        read_chains(jsonl(record), {}, "yes")


def test_each_sample_of_faithcot_is_a_chain_of_one_problem(jsonl):
    read = read_chains(jsonl(RECORDS["faithcot"]), {})
    assert [(c.id, c.problem, c.correct) for c in read.chains] == [
        ("line-1-0", "line-1", True),
        ("line-1-1", "line-1", False),
    ]
    assert read.chains[0].question == f"{QUESTION}\nA. 14\nB. 18"


def test_filters_of_one_answer_are_one_chain_and_repeats_are_several(jsonl):
    record = RECORDS["lm_eval"]
    other = f"{FIRST} So 4 + 14 = 19. The answer is 19."
    twice = record | {"doc_id": 4, "resps": [[f"{FIRST} {SECOND} {FINAL}", other]]}
    path = jsonl(
        record, twice, record | {"filter": "flexible"}, twice | {"filter": "f"}
    )
    read = read_chains(path, {})
    assert [(c.id, c.problem, c.correct) for c in read.chains] == [
        ("3", "3", True),
        ("4-0", "4", True),
        ("4-1", "4", False),
    ]
    assert all(c.reference == "18" for c in read.chains)


def test_a_document_with_choices_is_asked_as_the_model_was_asked(jsonl):
    record = RECORDS["lm_eval"] | {
        "doc": {"question": QUESTION, "choices": ["14", "18"]}
    }
    (chain,) = read_chains(jsonl(record), {}).chains
    assert chain.question == "Q: ..."


def test_samples_without_a_text_of_the_model_are_refused(jsonl):
    record = RECORDS["lm_eval"] | {"resps": [[[-1.5, False]]]}
    with pytest.raises(InputError, match=":1: a sample without a text of the model"):
        read_chains(jsonl(record), {})


def test_choices_of_a_server_are_chains_of_one_problem(jsonl):
    record = {
        "id": "c-2",
        "request": {"messages": [{"role": "user", "content": QUESTION}]},
        "choices": [
            {"message": message(reasoning=f"{FIRST} {SECOND}", content="18")},
            {"message": message(content=f"<think>{FIRST} {SECOND}</think>19")},
        ],
        "answer": 18,
    }
    read = read_chains(jsonl(record), {})
    assert [(c.id, c.problem, c.own, c.correct) for c in read.chains] == [
        ("c-2-0", "c-2", "18", True),
        ("c-2-1", "c-2", "19", False),
    ]


def test_chats_of_other_servers_and_of_sharegpt_are_read(jsonl):
    asked = {"role": "user", "content": QUESTION}
    thought = f"{FIRST} {SECOND}"
    parts = [
        {"type": "thinking", "thinking": thought},
        {"type": "text", "text": "18"},
    ]
    for record in (
        {"messages": [asked, message(thinking=thought, content="18")]},
        {"messages": [asked, message(content=parts)]},
        {
            "conversations": [
                {"from": "human", "value": QUESTION},
                {"from": "gpt", "value": f"<think>{thought}</think>\n\n18"},
            ]
        },
        {
            "custom_id": "a",
            "body": {"messages": [asked]},
            "response": {"body": {"choices": [{"message": message(content=parts)}]}},
        },
    ):
        read = read_chains(jsonl(record | {"answer": 18}), {})
        assert read.reading.layout == "openai"
        (chain,) = read.chains
        assert (chain.question, chain.own, chain.correct) == (QUESTION, "18", True)
        assert [s.text for s in chain.chain.steps] == [FIRST, SECOND]


ASKED = [{"role": "user", "content": QUESTION}]
THOUGHT = f"{FIRST} {SECOND}"
BLOCKS = [
    {"type": "thinking", "thinking": THOUGHT, "signature": "x"},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "text", "text": "**18**"},
]
ITEMS = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]},
    {"type": "function_call", "name": "add", "arguments": "{}"},
    {"type": "message", "role": "assistant", "content": [{"text": "It is 18."}]},
]
PARTS = [{"text": THOUGHT, "thought": True}, {"text": "18 pens"}]
CHOICE = {"message": message(content="18", reasoning=THOUGHT), "finish_reason": "stop"}
LOGS = {
    "responses": {"input": QUESTION, "output": ITEMS, "object": "response"},
    "responses, asked": {"request": {"input": ASKED}, "response": {"output": ITEMS}},
    "anthropic": {
        "request": {"messages": ASKED},
        "response": {"role": "assistant", "content": BLOCKS},
    },
    "gemini": {
        "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
        "candidates": [{"content": {"role": "model", "parts": PARTS}}],
    },
    "weave": {"inputs": {"messages": ASKED}, "output": {"choices": [CHOICE]}},
}


def test_answers_of_other_interfaces_are_read(jsonl):
    for name, record in LOGS.items():
        read = read_chains(jsonl(record | {"answer": 18}), {})
        assert read.reading.layout == "openai", name
        (chain,) = read.chains
        assert (chain.question, chain.own, chain.correct) == (QUESTION, "18", True)
        assert [s.text for s in chain.chain.steps] == [FIRST, SECOND]


def test_an_answer_that_the_log_says_was_cut_off_is_unfinished(jsonl):
    said = f"{FIRST} The answer to part (a) is 18. {SECOND}"
    for choice in (
        {"message": message(content=said), "finish_reason": "length"},
        {"message": message(content="", reasoning=said), "finish_reason": "length"},
    ):
        asked = [{"role": "user", "content": QUESTION}]
        record = {"messages": asked, "choices": [choice], "answer": 18}
        (chain,) = read_chains(jsonl(record), {}).chains
        assert (chain.left_out, chain.own) == (UNFINISHED, "")
        ended = record | {"choices": [choice | {"finish_reason": "stop"}]}
        (chain,) = read_chains(jsonl(ended), {}).chains
        assert bool(chain.own) == bool(choice["message"]["content"])


def test_choices_of_a_question_are_no_answers_of_a_model(jsonl):
    record = {"question": QUESTION, "choices": ["17", "18"], "text": f"{FIRST} {FINAL}"}
    with pytest.raises(InputError, match="'chain' is missing"):
        read_chains(jsonl(record), {})


def test_names_that_a_layout_has_made_are_not_shown_as_the_files(jsonl):
    record = {"id": 1, "choices": [{"message": message(content=f"{FIRST} {FINAL}")}]}
    with pytest.raises(InputError, match=r"\(there is id, choices; dots"):
        read_chains(jsonl(record), {})


def test_a_users_own_names_come_before_a_layouts(jsonl):
    record = RECORDS["processbench"] | {"mine": [1, 1, 0]}
    given = {"field_labels": "mine", "labels": "words"}
    (chain,) = read_chains(jsonl(record), given, "yes").chains
    assert [s.label for s in chain.chain.steps] == [LB, LB]
    plain = read_chains(
        jsonl(record), {"field_question": "problem", "field_chain": "steps"}
    )
    assert plain.reading.layout == "plain" and plain.chains[0].correct is None
    with pytest.raises(InputError, match="layout='mine' is not known; known are plain"):
        read_chains(jsonl(record), {"layout": "mine"})


def test_a_layout_without_labels_says_so(jsonl):
    with pytest.raises(InputError, match="this layout has no labels; name the field"):
        read_chains(jsonl(RECORDS["faithcot"]), {}, "yes")


# --- any JSON value anywhere in a record -----------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([FIRST, FINAL, "", "+", "[1]", "1.0", "</think>", "\ud800"])
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "content", "role"]), inner)
    ),
    max_leaves=5,
)


def places(value, path=()):
    """The paths to all values in a value."""
    yield path
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    for name, inner in inside:
        yield from places(inner, (*path, name))


def put(value, path, new):
    """The value with another one at a place."""
    if not path:
        return new
    name, *rest = path
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[name] = put(value[name], rest, new)
    return changed


def strings(value):
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    inside = value.values() if isinstance(value, dict) else value
    for inner in inside if isinstance(value, (dict, list)) else ():
        yield from strings(inner)


ALL = RECORDS | LOGS
PLACES = [
    (name, path) for name, record in ALL.items() for path in places(record) if path
]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=2),
    named=st.booleans(),
    labels=st.sampled_from(["no", "if there", "yes"]),
)
def test_any_value_anywhere_ends_in_a_sentence_or_in_a_chain_of_the_files_text(
    jsonl, changes, named, labels
):
    chosen = changes[0][0][0]
    record, layout = ALL[chosen], "openai" if chosen in LOGS else chosen
    for (name, path), new in changes:
        if name == chosen and path in set(places(record)):
            record = put(record, path, new)
    try:
        parameters = {"layout": layout} if named else {}
        read = read_chains(jsonl(record), parameters, labels)
    except InputError as error:
        assert str(error).strip() and "\n" not in str(error)
        return
    written = list(strings(record))
    for chain in read.chains:
        assert chain.left_out or chain.chain.answer
        for step in chain.chain.steps:
            lines = step.text.split("\n")  # parts of one message are joined by lines
            assert all(any(line in text for text in written) for line in lines)
