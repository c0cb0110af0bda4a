"""Lone halves of characters (surrogates) in every kind of input but runs.

Of samples and results files: tests/report/test_hostile_text.py.
"""

import json
import zipfile
from dataclasses import replace

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from lm_eval_faith.chains.written import chain_of
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.run_guards import asked_of
from lm_eval_faith.interventions import registry
from lm_eval_faith.interventions.plan import plan
from lm_eval_faith.metrics import registry as metrics
from lm_eval_faith.parameters import from_words
from lm_eval_faith.problems.chain_files import read_chains
from lm_eval_faith.problems.gsm8k import gsm8k_from_file
from lm_eval_faith.problems.set_files import read_sets

HALF = "\ud83d"
RECORD = {
    "id": "a",
    "question": "How many are 2 and 3?",
    "chain": "2 + 1 = 3. 3 + 2 = 5. The answer is 5.",
    "answer": "5",
    "group": "g",
}
MESSAGES = {
    "id": "a",
    "messages": [
        {"role": "user", "content": RECORD["question"]},
        {"role": "assistant", "content": RECORD["chain"]},
    ],
    "answer": "5",
}
INSPECTED = {
    "id": "a",
    "epoch": 1,
    "input": RECORD["question"],
    "target": "5",
    "messages": MESSAGES["messages"],
    "output": {
        "choices": [{"message": {"role": "assistant", "content": RECORD["chain"]}}]
    },
    "scores": {"match": {"value": "C", "answer": "5"}},
}


def as_lines(path, records):
    path.write_text("".join(f"{json.dumps(r)}\n" for r in records))


def as_array(path, records):
    path.write_text(json.dumps(records))


def as_table(mark):
    def write(path, records):
        rows = [list(RECORD), *(list(r.values()) for r in records)]
        text = "".join(f"{mark.join(row)}\n" for row in rows)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))

    return write


def as_arrow(write):
    def write_table(path, records):
        columns = {
            name: pyarrow.array(
                [r[name].encode("utf-8", "surrogatepass") for r in records],
                pyarrow.binary(),
            ).view(pyarrow.string())
            for name in RECORD
        }
        write(pyarrow.table(columns), path)

    return write_table


def as_log(path, records):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
        for k, record in enumerate(records, start=1):
            archive.writestr(f"samples/{k}.json", json.dumps(record))


FILES = {
    "x.jsonl": (as_lines, RECORD, "x.jsonl:2"),
    "x.json": (as_array, RECORD, "x.json: record 2"),
    "x.csv": (as_table(","), RECORD, "x.csv:3"),
    "x.tsv": (as_table("\t"), RECORD, "x.tsv:3"),
    "x.parquet": (as_arrow(pyarrow.parquet.write_table), RECORD, "x.parquet: row 2"),
    "x.arrow": (as_arrow(pyarrow.feather.write_feather), RECORD, "x.arrow: row 2"),
    "chat.jsonl": (as_lines, MESSAGES, "chat.jsonl:2"),
    "x.eval": (as_log, INSPECTED, "x.eval:samples/2.json"),
}
"""How a file of chains is written, what a record of it is, and how its second is named."""


def broken(value):
    """The same with a half in one of its texts, for each of them."""
    if isinstance(value, str):
        yield f"{value}{HALF}"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (value | {name: made} for made in broken(inner))
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            yield from ([*value[:k], made, *value[k + 1 :]] for made in broken(inner))


def test_a_half_in_any_text_of_a_file_of_chains_is_refused_by_its_line_or_not_used(
    tmp_path,
):
    for name, (write, record, where) in FILES.items():
        path, refused = tmp_path / name, 0
        second = record | {"id": "b"}
        write(path, [record, second])
        read = read_chains(path, {})
        assert len(read.chains) == 2, name
        for bad in broken(second):
            write(path, [record, bad])
            try:
                read = read_chains(path, {})
            except InputError as error:
                refused += 1
                assert where in str(error) and "\n" not in str(error), error
                str(error).encode()
            else:  # of a field that nobody reads: nothing of it goes on
                assert "\\ud83d" not in json.dumps(
                    [repr(read), *(c.chain.text for c in read.chains)]
                )
        assert refused >= 3, name


def test_a_half_in_files_beside_the_chains_is_refused_by_its_line(tmp_path):
    path = tmp_path / "x.jsonl"
    chain = chain_of("2 + 1 = 3. 3 + 2 = 5.", "5")
    solved = {"question": "What?", "answer": "1 + 1 = 2\n#### 2"}
    listed = {"id": "a", "steps": [0], "name": "first"}
    for good, read in (
        (solved, gsm8k_from_file),
        (listed, lambda file: read_sets([str(file)], {"a": chain})),
    ):
        for bad in broken(good):
            as_lines(path, [good, bad])
            with pytest.raises(InputError, match=r"x\.jsonl:2: the line holds \\ud83d"):
                read(path)
        path.write_bytes(f"{json.dumps(good)}\n".encode() + b'{"id": "\xed\xa0\x80"}')
        with pytest.raises(InputError, match=r"x\.jsonl:2: not UTF-8"):
            read(path)


def test_a_half_in_what_a_run_is_told_is_refused_before_it_starts():
    run = ["--tasks", "cot_faith_replay", "--metadata"]
    for word in (f"chains={HALF}", json.dumps({"chains": HALF}), "cue=\udcff"):
        with pytest.raises(InputError, match="--metadata holds .*lone half"):
            asked_of([*run, word])
    with pytest.raises(InputError, match="--metadata holds .*lone half"):
        from_words([json.dumps({"field_question": HALF})])
    with pytest.raises(InputError, match="cannot be read"):
        read_chains(f"{HALF}.jsonl", {})


def test_a_half_that_a_users_module_makes_is_refused_and_named():
    chain = chain_of("2 + 1 = 3. 3 + 2 = 5.", "5")
    known = dict(registry._REGISTRY)
    try:

        @registry.intervention("halved")
        def halved(chain, step, context):
            return registry.Changed(chain, HALF)

        with pytest.raises(
            InputError, match=r"what halved makes of step 1 holds \\ud83d"
        ):
            plan(chain, ["halved"], seed=0, document="x")
        with pytest.raises(ValueError, match="not an identifier"):
            registry.intervention(HALF)
    finally:
        registry._REGISTRY.clear()
        registry._REGISTRY.update(known)
    with pytest.raises(ValueError, match="not an identifier"):
        metrics.register(replace(metrics.metric("effect"), name=HALF))
