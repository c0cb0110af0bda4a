"""Files of records: JSON in lines or as one array, tables, logs; also packed by gzip.

What a file is, its first bytes say: gzip, Parquet, a zip archive (a log of inspect_ai),
a byte order mark. The rest is text, a table where the name ends in ``.csv`` or ``.tsv``,
else JSON. Nothing is run, and nothing but the records is kept.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lm_eval_faith.errors import InputError

ENDINGS = (
    *(".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".eval"),
    *(".arrow", ".feather"),
)
"""Files of a folder that are read, each also with ``.gz`` behind it."""

DATASET = "hf:"
"""What the name of a dataset of the Hugging Face hub begins with."""

LONGEST_CELL = 1 << 27
"""Characters of a cell of a table; chains of reasoning models are long."""


@dataclass(frozen=True)
class Record:
    """What one chain, or one row of a table, is made of.

    Attributes:
        fields: values by name, as JSON types.
        where: file and line, for sentences.
        name: the document's id where the record gives none.
        made: names of fields that are put together from others, and not in the file.
    """

    fields: Mapping[str, Any]
    where: str
    name: str
    made: frozenset[str] = frozenset()

    @property
    def in_file(self) -> Mapping[str, Any]:
        """The fields as the file has them."""
        return {n: v for n, v in self.fields.items() if n not in self.made}


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be read.

    Attributes:
        where: file and line.
        reason: the sentence about it, with file and line.
    """

    where: str
    reason: str


Found = Record | BadRecord


def read_records(source: str | Path) -> list[Found]:
    """The records of a file, of all files of a folder, or of a dataset.

    Args:
        source: a path, or ``hf:NAME``, ``hf:NAME:SPLIT``, ``hf:NAME:CONFIG:SPLIT`` for a
            dataset of the Hugging Face hub (or a folder that holds one).

    Raises:
        InputError: nothing of it can be read; the sentence says what it is.
    """
    if str(source).startswith(DATASET):
        return list(_from_hub(str(source)))
    path = Path(source).expanduser()
    if not path.is_dir():
        return list(_of_file(path))
    files = _files_of(path)
    if len(files) == 1:
        return list(_of_file(files[0]))
    found: list[Found] = []
    for file in files:
        stem = re.sub(r"(\.gz)?$", "", str(file.relative_to(path)))
        stem = stem.removesuffix(Path(stem).suffix)
        found += [
            replace(r, name=f"{stem}/{r.name}") if isinstance(r, Record) else r
            for r in _of_file(file)
        ]
    return found


def _files_of(folder: Path) -> list[Path]:
    samples = sorted(
        file for file in folder.rglob("samples_*.jsonl*") if _is_readable(file)
    )
    if len(samples) == 1:
        return samples
    if samples:
        names = ", ".join(str(file.relative_to(folder)) for file in samples[:4])
        raise InputError(
            f"{folder}: several samples files here, name one of them: {names}"
        )
    files = sorted(file for file in folder.rglob("*") if _is_readable(file))
    if any(file.suffix == ".arrow" for file in files):  # as save_to_disk writes it
        files = [file for file in files if file.name not in _OF_DATASETS]
    if not files:
        raise InputError(
            f"{folder}: no samples_*.jsonl here (run with --log_samples), and no file "
            f"that ends in {', '.join(ENDINGS)}"
        )
    return files


_OF_DATASETS = frozenset(("dataset_info.json", "state.json", "dataset_dict.json"))


def _is_readable(file: Path) -> bool:
    name = file.name.lower().removesuffix(".gz")
    return name.endswith(ENDINGS) and not name.startswith(".") and file.is_file()


# --- one file --------------------------------------------------------------------

_PACKED = "packed by {}; unpack it, or pack it by gzip"
_NOT_READ = {
    b"\x28\xb5\x2f\xfd": _PACKED.format("zstd"),
    b"\xfd7zXZ\x00": _PACKED.format("xz"),
    b"BZh": _PACKED.format("bzip2"),
    b"7z\xbc\xaf": _PACKED.format("7-Zip"),
    b"\x80": "a Python pickle, or no text; a pickle can run code and is never opened: "
    "write JSON or Parquet",
    b"version https://git-lfs": "a pointer of Git LFS, not the file: git lfs pull",
    b"<!DOCTYPE html": "a page of HTML, not the file: was it downloaded without a login?",
}
"""What files are that are not read, by their first bytes."""


def _of_file(path: Path) -> Iterator[Found]:
    try:
        content = path.read_bytes()
        packed = content.startswith(b"\x1f\x8b")
        content = gzip.decompress(content) if packed else content
    except ValueError as error:  # of a path that no file can have
        raise InputError(f"{str(path)!r}: cannot be read ({error})") from None
    except OSError as error:
        said = error.strerror or error
        hint = ""
        if re.fullmatch(r"[\w.-]+/[\w.-]+", str(path)) and not path.suffix:
            hint = f"; a dataset of the Hugging Face hub is named by chains=hf:{path}"
        raise InputError(f"{path}: cannot be read ({said}){hint}") from None
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path}: a gzip file that is broken ({error})") from None
    for mark, said in _NOT_READ.items():
        if content.startswith(mark):
            raise InputError(f"{path}: {said}")
    if content.startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")):
        yield from _from_arrow(content, path)
    elif content.startswith(b"PK"):
        yield from _from_archive(content, path)
    else:
        name = path.name.lower().removesuffix(".gz")
        text = _decoded(content, path)
        if name.endswith((".csv", ".tsv")):
            yield from _from_table(text, path, "\t" if name.endswith(".tsv") else "")
        else:
            yield from _from_json(text, path)


_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def _decoded(content: bytes, path: Path) -> str:
    encoding = next((e for mark, e in _MARKS if content.startswith(mark)), "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: not {encoding.removesuffix('-sig').upper()}; write the file "
            "as UTF-8 (iconv -f OLD -t UTF-8)"
        ) from None
    if "\0" in text[:1000]:
        raise InputError(
            f"{path}: looks like UTF-16 without a byte order mark, or is no text; write "
            "the file as UTF-8 (iconv -f UTF-16LE -t UTF-8)"
        )
    return text


# --- JSON ------------------------------------------------------------------------


def _from_json(text: str, path: Path) -> Iterator[Found]:
    bare = text.strip()
    if not bare:
        return
    if bare[0] not in "[{":
        raise InputError(
            f"{path}:1: not a line of JSON, and no table: JSON begins with {{ or [, a "
            "table's name ends in .csv or .tsv"
        )
    lines = [(k, line) for k, line in enumerate(text.split("\n"), 1) if line.strip()]
    if bare[0] == "[" or len(lines) == 1 or not _is_json(lines[0][1]):
        whole = _parsed(bare)
        if isinstance(whole, list):
            yield from _entries(whole, str(path))
            return
        if isinstance(whole, dict):
            yield from _unwrapped(whole, path)
            return
        several = _one_behind_another(bare) if bare[0] == "{" else []
        if len(several) > 1 and all(isinstance(record, dict) for record in several):
            yield from _entries(several, str(path))
            return
    for number, line in lines:
        where = f"{path}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield BadRecord(where, f"{where}: not a line of JSON ({error})")
            continue
        if isinstance(value, dict):
            yield Record(value, where, f"line-{number}")
            continue
        said = (
            f"{where}: not a JSON object but {_json_kind(value)}; write one object a "
            "line, or the whole file as one array"
        )
        yield BadRecord(where, said)


def _one_behind_another(text: str) -> list[Any]:
    """Objects that take several lines each, as ``jq`` writes them; empty if it is not."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        found.append(value)
        at += len(text[at : at + 200]) - len(text[at : at + 200].lstrip())
    return found


def _is_json(line: str) -> bool:
    return _parsed(line) is not None


def _parsed(text: str) -> Any:
    """The value of a JSON text; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json_kind(value: object) -> str:
    kinds = {list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _entries(values: Iterable[object], file: str) -> Iterator[Found]:
    for k, value in enumerate(values, start=1):
        where = f"{file}: record {k}"
        if isinstance(value, dict):
            yield Record(value, where, f"record-{k}")
        else:
            kind = _json_kind(value)
            yield BadRecord(where, f"{where}: not a JSON object but {kind}")


_LISTS = (
    *("samples", "data", "examples", "records", "rows", "instances", "results"),
    *("request_states", "predictions", "items", "entries", "details", "train", "test"),
)
_ASKED = ("question", "problem", "prompt", "query", "input", "messages")
"""Fields that a record may have, and an object that holds records has not."""


def _unwrapped(whole: Mapping[str, Any], path: Path) -> Iterator[Found]:
    """The records of a file that is one object: the record, or what holds them all."""
    if isinstance(whole.get("eval"), dict) and "status" in whole:  # inspect_ai
        yield from _entries(whole.get("samples") or (), str(path))
        return
    lists = [whole[name] for name in _LISTS if isinstance(whole.get(name), list)]
    if (
        len(lists) == 1
        and lists[0]
        and all(isinstance(r, dict) for r in lists[0])
        and not any(isinstance(whole.get(name), (str, list)) for name in _ASKED)
    ):
        yield from _entries(lists[0], str(path))
    elif (named := _named(whole)) is not None:
        for name, record in named.items():
            yield Record(record, f"{path}: {name!r}", name)
    elif (rows := _rows_of(whole)) is not None:
        yield from _entries(rows, str(path))
    else:
        yield Record(whole, f"{path}:1", "line-1")


def _named(whole: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]] | None:
    """Records by number, or by a name: objects with the same fields."""
    if not whole or not all(isinstance(v, dict) and v for v in whole.values()):
        return None
    if all(re.fullmatch(r"[0-9]{1,9}", name) for name in whole):
        return whole
    first, *others = whole.values()
    asked = any(isinstance(first.get(name), (str, list)) for name in _ASKED)
    alike = all(other.keys() == first.keys() for other in others)
    return whole if asked and alike and others else None


def _rows_of(whole: Mapping[str, Any]) -> list[Any] | None:
    """The records of an object that holds them by column, as pandas and others write
    them; None where it is not."""
    values = list(whole.values())
    objects = bool(values) and all(isinstance(v, dict) for v in values)
    if objects and len(values) > 1 and all("0" in column for column in values):
        return [{n: c.get(k) for n, c in whole.items()} for k in values[0]]
    names, data = whole.get("columns"), whole.get("data")
    if isinstance(names, list) and isinstance(data, list):
        if all(isinstance(row, list) and len(row) == len(names) for row in data):
            return [dict(zip(map(str, names), row, strict=True)) for row in data]
        return None
    asked = [whole.get(name) for name in _ASKED]
    texts = any(
        isinstance(a, list) and a and all(isinstance(t, str) for t in a) for a in asked
    )
    if texts and all(isinstance(v, list) and len(v) == len(values[0]) for v in values):
        return [dict(zip(whole, row, strict=True)) for row in zip(*values, strict=True)]
    return None


# --- tables ----------------------------------------------------------------------


def _from_table(text: str, path: Path, delimiter: str) -> Iterator[Found]:
    """Rows; a cell without anything but white space is missing."""
    csv.field_size_limit(max(LONGEST_CELL, csv.field_size_limit()))
    if not delimiter:
        first = text.split("\n", 1)[0]
        delimiter = next((d for d in ",;\t" if d in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        line = reader.line_num + 1
        for cells in reader:
            where, number, line = f"{path}:{line}", line, reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                said = f"{where}: {len(cells)} cells under {len(header)} columns"
                yield BadRecord(where, said)
                continue
            filled = {
                name: cell if cell.strip() else None
                for name, cell in zip(header, cells, strict=True)
            }
            yield Record(filled, where, f"row-{number}")
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not CSV ({error})") from None


def _from_arrow(content: bytes, path: Path) -> Iterator[Found]:
    """The rows of Parquet, Feather, or the files that ``datasets`` keeps on a disk."""
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.ipc  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    kind = "a Parquet" if content.startswith(b"PAR1") else "an Arrow"
    try:
        if content.startswith(b"PAR1"):
            table = pyarrow.parquet.read_table(io.BytesIO(content))
        elif content.startswith(b"ARROW1"):
            table = pyarrow.ipc.open_file(content).read_all()
        else:
            table = pyarrow.ipc.open_stream(content).read_all()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: {kind} file that is broken ({error})") from None
    try:
        rows = table.to_pylist()
    except UnicodeDecodeError:
        rows = [_row(table, k) for k in range(table.num_rows)]
    for k, row in enumerate(rows, start=1):
        where = f"{path}: row {k}"
        if row is None:
            yield BadRecord(where, f"{where}: not UTF-8; write the text anew")
        else:
            yield Record(row, where, f"row-{k}")


def _row(table: Any, k: int) -> dict[str, Any] | None:
    """None where its bytes are no text."""
    try:
        (row,) = table.slice(k, 1).to_pylist()
    except UnicodeDecodeError:
        return None
    return dict(row)


# --- logs and datasets -----------------------------------------------------------


def _from_archive(content: bytes, path: Path) -> Iterator[Found]:
    """The samples of an inspect_ai log, which is a zip archive of JSON."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [n for n in archive.namelist() if n.startswith("samples/")]
            if not names:
                what = "unpack it"
                if {"xl/workbook.xml", "mimetype"} & {*archive.namelist()}:
                    what = "save a spreadsheet as CSV"
                raise InputError(
                    f"{path}: a zip archive without samples/: of archives only logs of "
                    f"inspect_ai are read; {what}"
                )
            for name in names:
                if name.endswith(".json"):
                    member = _unpacked(archive, archive.getinfo(name), content)
                    yield _from_member(member, f"{path}:{name}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(
            f"{path}: an archive that cannot be read ({error}); write the log anew: "
            "inspect log convert --to json"
        ) from None


_ZSTANDARD = 93
"""The method by which inspect_ai packs; Python's own zip archives know it from 3.14."""


def _unpacked(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, content: bytes
) -> bytes:
    if member.compress_type != _ZSTANDARD:
        return archive.read(member)
    import pyarrow

    # A local header: 30 bytes, then the name and an extra field of lengths it tells.
    at = member.header_offset
    name, extra = struct.unpack("<HH", content[at + 26 : at + 30])
    start = at + 30 + name + extra
    packed = content[start : start + member.compress_size]
    try:
        unpacked: bytes = pyarrow.decompress(
            packed, member.file_size, codec="zstd", asbytes=True
        )
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise zipfile.BadZipFile(str(error)) from None
    if zlib.crc32(unpacked) != member.CRC:
        raise zipfile.BadZipFile(f"a wrong checksum of {member.filename}")
    return unpacked


def _from_member(content: bytes, where: str) -> Found:
    try:
        sample = json.loads(content)
    except (ValueError, RecursionError) as error:
        return BadRecord(where, f"{where}: not JSON ({error})")
    if not isinstance(sample, dict):
        return BadRecord(where, f"{where}: not a JSON object")
    return Record(sample, where, Path(where).stem)


def _from_hub(name: str) -> Iterator[Found]:
    parts = name.removeprefix(DATASET).split(":")
    if not parts[0] or len(parts) > 3:
        raise InputError(f"{name}: name a dataset by hf:NAME, hf:NAME:CONFIG:SPLIT")
    from datasets import Dataset, load_dataset

    config = parts[1] if len(parts) == 3 else None
    split = parts[-1] if len(parts) > 1 else None
    try:
        loaded = load_dataset(parts[0], config, split=split)
    except Exception as error:  # noqa: BLE001 (of the network, the hub and builders)
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"{name}: this dataset cannot be loaded ({type(error).__name__}: {said}); "
            "where there is no network, save it as a file first (to_json, to_parquet)"
        ) from None
    if not isinstance(loaded, Dataset):
        splits = ", ".join(str(s) for s in loaded)
        if len(loaded) != 1:
            raise InputError(f"{name}: name one split: hf:NAME:SPLIT, of {splits}")
        loaded = next(iter(loaded.values()))
    for k, row in enumerate(loaded, start=1):
        yield Record(row, f"{name}: row {k}", f"row-{k}")
