"""One reader for all that people keep chains in."""

import csv
import gzip
import io
import json
import struct
import zipfile
import zlib

import pandas as pd
import pyarrow
import pytest

from lm_eval_faith.errors import InputError
from lm_eval_faith.problems.chain_files import read_chains
from lm_eval_faith.problems.record_chains import UNFINISHED
from lm_eval_faith.problems.record_files import BadRecord, read_records

QUESTION = "Ann has 4 pens and buys 14. How many has she?"
CHAIN = "She starts with 4. She buys 14, so 4 + 14 = 18. The answer is 18."
STEPS = ["She starts with 4.", "She buys 14, so 4 + 14 = 18."]
RECORDS = [
    {"question": QUESTION, "chain": CHAIN, "answer": "18"},
    {"question": f"{QUESTION} (again)", "chain": CHAIN, "answer": "18"},
]
LINES = "".join(json.dumps(record) + "\n" for record in RECORDS)


def table(delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([list(RECORDS[0]), *(list(r.values()) for r in RECORDS)])
    return out.getvalue()


def parquet():
    out = io.BytesIO()
    pd.DataFrame(RECORDS).to_parquet(out)
    return out.getvalue()


def feather():
    out = io.BytesIO()
    pd.DataFrame(RECORDS).to_feather(out, compression="uncompressed")
    return out.getvalue()


def arrow():
    out = io.BytesIO()
    rows = pyarrow.Table.from_pylist(RECORDS)
    with pyarrow.ipc.new_stream(out, rows.schema) as stream:
        stream.write_table(rows)
    return out.getvalue()


FILES = {
    "a.jsonl": LINES.encode(),
    "a.json": json.dumps(RECORDS, indent=2).encode(),
    "array.jsonl": json.dumps(RECORDS).encode(),
    "data.json": json.dumps({"version": 1, "data": RECORDS}).encode(),
    "pandas.json": pd.DataFrame(RECORDS).to_json().encode(),
    "numbered.json": pd.DataFrame(RECORDS).to_json(orient="index").encode(),
    "split.json": pd.DataFrame(RECORDS).to_json(orient="split").encode(),
    "columns.json": pd.DataFrame(RECORDS).to_dict("list"),
    "named.json": {"first": RECORDS[0], "second": RECORDS[1]},
    "results.json": {"config": {"model": "m"}, "results": RECORDS},
    "jq.json": "\n".join(json.dumps(r, indent=2) for r in RECORDS).encode(),
    "a.arrow": arrow(),
    "a.feather": feather(),
    "lines.json": LINES.encode(),
    "mark.jsonl": b"\xef\xbb\xbf" + LINES.encode(),
    "wide.jsonl": LINES.encode("utf-16"),
    "big_endian.csv": b"\xfe\xff" + table(",").encode("utf-16-be"),
    "a.csv": table(",").encode(),
    "semicolons.csv": table(";").encode(),
    "a.tsv": table("\t").encode(),
    "a.parquet": parquet(),
    "windows.jsonl": LINES.replace("\n", "\r\n").encode(),
}


def test_every_kind_of_file_gives_the_same_chains_packed_or_not(tmp_path):
    for name, content in FILES.items():
        if isinstance(content, dict):
            content = json.dumps(content).encode()
        packed = {name: content, f"{name}.gz": gzip.compress(content)}
        for written, data in packed.items():
            path = tmp_path / written
            path.write_bytes(data)
            chains = read_chains(path, {}).chains
            assert [c.question for c in chains] == [r["question"] for r in RECORDS]
            for chain in chains:
                assert [s.text for s in chain.chain.steps] == STEPS, written
                assert (chain.own, chain.correct, chain.left_out) == ("18", True, "")


def test_a_folder_is_all_its_files_and_names_their_chains_after_them(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "a.jsonl").write_text(LINES)
    (tmp_path / "x" / "b.csv.gz").write_bytes(gzip.compress(table(",").encode()))
    (tmp_path / "notes.txt").write_text("no chains")
    chains = read_chains(tmp_path, {}).chains
    assert [c.id for c in chains] == ["a/line-1", "a/line-2", "x/b/row-2", "x/b/row-3"]


def test_a_dataset_that_was_saved_on_a_disk_is_a_folder(tmp_path):
    (tmp_path / "data-00000-of-00001.arrow").write_bytes(arrow())
    (tmp_path / "dataset_info.json").write_text('{"splits": {}}')
    (tmp_path / "state.json").write_text('{"_format_type": null}')
    assert len(read_chains(tmp_path, {}).chains) == 2


def test_records_by_name_keep_their_names_as_ids(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a-1": RECORDS[0], "a-2": RECORDS[1]}))
    assert [c.id for c in read_chains(path, {}).chains] == ["a-1", "a-2"]
    path.write_text(json.dumps(RECORDS[0] | {"details": [{"a": 1}]}))
    assert [c.id for c in read_chains(path, {}).chains] == ["line-1"]


def test_a_dataset_is_read_by_name_and_split(tmp_path):
    (tmp_path / "train.jsonl").write_text(LINES)
    (tmp_path / "test.jsonl").write_text(LINES.splitlines()[0])
    assert len(read_chains(f"hf:{tmp_path}:train", {}).chains) == 2
    assert [c.id for c in read_chains(f"hf:{tmp_path}:test", {}).chains] == ["row-1"]
    with pytest.raises(InputError, match="name one split: hf:NAME:SPLIT, of"):
        read_chains(f"hf:{tmp_path}", {})


def test_a_dataset_that_is_not_there_is_one_sentence():
    with pytest.raises(InputError, match="this dataset cannot be loaded .* no network"):
        read_chains("hf:nobody/nothing-at-all:test", {})


INSPECT = {
    "id": "q-1",
    "epoch": 1,
    "input": QUESTION,
    "target": "18",
    "messages": [],
    "output": {
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "content": [
                        {"type": "reasoning", "reasoning": "attachment://abc"},
                        {"type": "text", "text": "ANSWER: 18"},
                    ],
                }
            }
        ]
    },
    "attachments": {"abc": " ".join(STEPS)},
    "scores": {"match": {"value": "C", "answer": "18"}},
}


def test_a_log_of_inspect_ai_is_read_as_an_archive_and_as_json(tmp_path):
    second = INSPECT | {"epoch": 2}
    archive, plain = tmp_path / "log.eval", tmp_path / "log.json"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as log:
        log.writestr("header.json", "{}")
        log.writestr("samples/q-1_epoch_1.json", json.dumps(INSPECT))
        log.writestr("samples/q-1_epoch_2.json", json.dumps(second))
    whole = {"version": 2, "status": "success", "eval": {}}
    plain.write_text(json.dumps(whole | {"samples": [INSPECT, second]}))
    for path in archive, plain:
        read = read_chains(path, {})
        assert read.reading.layout == "inspect"
        assert [c.id for c in read.chains] == ["q-1", "q-1-2"]
        assert {c.problem for c in read.chains} == {"q-1"}
        for chain in read.chains:
            assert [s.text for s in chain.chain.steps] == STEPS
            assert (chain.own, chain.correct) == ("18", True)


def zstandard(name, text):
    """A zip archive of one file packed as inspect_ai packs, which Python cannot write."""
    content = text.encode()
    packed = pyarrow.compress(content, "zstd", asbytes=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, packed)
    made = bytearray(out.getvalue())
    directory = made.index(b"PK\x01\x02")
    for at, method, crc, size in ((0, 8, 14, 22), (directory, 10, 16, 24)):
        struct.pack_into("<H", made, at + method, 93)
        struct.pack_into("<I", made, at + crc, zlib.crc32(content))
        struct.pack_into("<I", made, at + size, len(content))
    return bytes(made)


def test_a_log_packed_by_zstandard_is_read_and_one_that_is_broken_refused(tmp_path):
    path = tmp_path / "log.eval"
    content = zstandard("samples/q-1_epoch_1.json", json.dumps(INSPECT))
    path.write_bytes(content)
    (chain,) = read_chains(path, {}).chains
    assert (chain.own, chain.correct, len(chain.chain.steps)) == ("18", True, 2)
    place = content.index(b"q-1_epoch_1.json") + 60
    path.write_bytes(content[:place] + b"\0\0\0\0" + content[place + 4 :])
    with pytest.raises(InputError, match="an archive that cannot be read"):
        read_chains(path, {})


def log_of(tmp_path, *samples):
    path = tmp_path / "log.json"
    whole = {"version": 2, "status": "success", "eval": {}, "samples": samples}
    path.write_text(json.dumps(whole))
    return path


def test_samples_of_inspect_ai_that_failed_were_cut_off_or_have_options(tmp_path):
    failed = INSPECT | {"error": {"message": "RuntimeError('boom')"}}
    with pytest.raises(InputError, match="a sample that failed: .*boom.*1 are good"):
        read_chains(log_of(tmp_path, INSPECT, failed | {"id": "q-2"}), {})
    message = {"role": "assistant", "content": CHAIN}
    cut = {"choices": [{"message": message, "stop_reason": "max_tokens"}]}
    unscored = INSPECT | {"output": cut, "scores": {}}
    (chain,) = read_chains(log_of(tmp_path, unscored), {}).chains
    assert chain.left_out == UNFINISHED
    options = INSPECT | {"choices": ["17", "18"], "target": ["B", "18"]}
    (chain,) = read_chains(log_of(tmp_path, options), {}).chains
    assert chain.question == f"{QUESTION}\nA) 17\nB) 18"
    assert (chain.reference, chain.correct, chain.said_by_file) == ("B", True, True)
    with pytest.raises(InputError, match="'answer' is a list of 2 texts"):
        read_chains(log_of(tmp_path, options | {"scores": {}}), {})


def test_what_a_file_is_instead_is_said(tmp_path):
    cases = {
        "x.jsonl": (b"[1, 2]\n[3]\n", ":1: not a JSON object but an array; write one"),
        "y.jsonl": (b'{"a": 1}\n"text"\n', ":2: not a JSON object but text"),
        "z.json": (b"[1]", ": record 1: not a JSON object but a number"),
        "a.jsonl": (b"\x28\xb5\x2f\xfdxx", ": packed by zstd; unpack it"),
        "b.jsonl": (b"\x1f\x8bxx", ": a gzip file that is broken"),
        "c.jsonl": (LINES.encode("utf-16-le"), ": looks like UTF-16 without a byte"),
        "d.jsonl": (b'{"a": 1}\n{"b": "\xe9"}', ":2: not UTF-8; write the file as"),
        "e.parquet": (b"PAR1xxxx", ": a Parquet file that is broken"),
        "f.eval": (b"PK\x03\x04xx", ": an archive that cannot be read"),
        "g.txt": (b"Dear Ann,", ":1: not a line of JSON, and no table"),
        "h.jsonl": (b'{"a": ' + b"[" * 9999, ":1: not a line of JSON"),
        "k.jsonl": (b"\x80\x04\x95", ": a Python pickle, or no text"),
        "l.jsonl": (b"version https://git-lfs.github.com/", ": a pointer of Git LFS"),
        "m.json": (b"<!DOCTYPE html><html>", ": a page of HTML"),
        "n.arrow": (b"ARROW1xxxxxxxx", ": an Arrow file that is broken"),
        "i.csv": (b'a,b\n1,"2\n', ":2: not CSV"),
        "j.csv": (b"a,b\n1\n", ":2: 1 cells under 2 columns"),
    }
    for name, (content, said) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError) as refused:
            read_chains(path, {"layout": "plain"})
        assert str(refused.value).startswith(f"{path}{said}"), name
        assert "\n" not in str(refused.value)


def test_a_path_that_looks_like_a_dataset_says_how_one_is_named():
    with pytest.raises(InputError, match="is named by chains=hf:openai/gsm8k"):
        read_records("openai/gsm8k")


def test_bad_records_are_refused_with_the_number_of_good_ones_or_skipped(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(LINES + "{\n" + json.dumps(RECORDS[0] | {"chain": None}))
    with pytest.raises(
        InputError, match=r":3: not a line of JSON .*2 are good: bad_rec"
    ):
        read_chains(path, {})
    read = read_chains(path, {"bad_records": "skip"})
    assert len(read.chains) == 2
    assert [bad.where for bad in read.bad] == [f"{path}:3", f"{path}:4"]
    assert all(isinstance(bad, BadRecord) for bad in read.bad)
    assert read.told()[0].startswith("2 bad records left out: ")
    assert len(read.to_dict()["bad_records_left_out"]) == 2


def test_lists_in_cells_are_read_as_json_and_as_python_prints_them(tmp_path):
    for k, cell in enumerate((json.dumps(STEPS), repr(STEPS))):
        path = tmp_path / f"{k}.csv"
        frame = pd.DataFrame(
            [{"question": "q", "chain": cell, "answer": 18, "correct": True}]
        )
        frame.assign(labels="[1, 0]").to_csv(path)
        (chain,) = read_chains(path, {}, "yes").chains
        assert [(s.text, s.label) for s in chain.chain.steps] == [
            (STEPS[0], "load_bearing"),
            (STEPS[1], "decoy"),
        ]
