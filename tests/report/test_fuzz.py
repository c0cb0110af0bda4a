"""Broken run directories: one sentence with file and line, or a correct report.

Every case is a real run with something changed. Each must end in exit code 2 with one
sentence that names what is broken and no file written, or in a report that fits the
schema, whose numbers are those of the lines that can be used.
"""

import copy
import gzip
import json
import math
import os
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lm_eval_faith.errors import InputError
from lm_eval_faith.records import samples as samples_module
from lm_eval_faith.records.samples import read_samples
from lm_eval_faith.report import load_run, report_schema

SCHEMA = Draft202012Validator(report_schema())
PROBLEMS = 3

JUNK = (
    None,
    True,
    -1,
    7,
    2.5,
    1e308,
    math.nan,
    math.inf,
    10**30,
    "",
    "x",
    "nan",
    "-inf",
    "1e999",
    "\x1b[31m\u202e\x00",
    "=1+1",
    "x" * 10_000,
    [],
    [None],
    [["0", "True"]],
    {},
    {"a": []},
)


@pytest.fixture(scope="session")
def small_runs(provided_run, generated_runs, other_model, tmp_path_factory):
    """A provided and a generated run of three problems."""
    folder = tmp_path_factory.mktemp("small")
    return [
        other_model(
            run,
            folder / f"run-{k}",
            line=lambda n, sample: sample if n < PROBLEMS else None,
        )
        for k, run in enumerate((provided_run, generated_runs[0]))
    ]


def files(run):
    (samples,) = run.rglob("samples_*.jsonl")
    (results,) = run.rglob("results_*.json")
    return samples, results


@pytest.fixture
def judge(command, tmp_path):
    """Runs commands on a directory and holds what must hold in any case."""

    def run(folder, *names):
        out = tmp_path / "out"
        codes = []
        for name in names or ("report",):
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            target = out / "report.json"
            code, said, error = command(
                name, folder, "--format", "json", "--n-resamples", 20, "--out", target
            )
            codes.append(code)
            assert said == "" and code in (0, 2), error
            if code == 2:
                assert error.startswith("error: ") and error.count("\n") == 1, error
                assert len(error) < 1000 and "\x1b" not in error, error
                assert str(folder) in error, error
                assert list(out.iterdir()) == []
            else:
                assert error == ""
                content = json.loads(target.read_text(), parse_constant=pytest.fail)
                SCHEMA.validate(content)
                assert [p.name for p in out.iterdir()] == ["report.json"]
        return codes

    return run


def paths(value, path=()):
    """The path to every value inside a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, part in inner:
        yield from paths(part, (*path, key))


def changed(value, path, how):
    """A copy in which ``how`` was done to the container and key at the path."""
    value = copy.deepcopy(value)
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    how(inside, path[-1])
    return value


def is_read(path):
    return path and path[0] in ("doc", "filtered_resps")


def broken_values(rng, sample, count, part=is_read):
    """Copies of a JSON object with one value replaced or missing."""
    places = [path for path in paths(sample) if part(path)]
    for _ in range(count):
        path = rng.choice(places)
        if rng.random() < 0.2:
            yield changed(sample, path, lambda inside, key: inside.pop(key))
        else:
            junk = rng.choice(JUNK)
            yield changed(
                sample,
                path,
                lambda inside, key, junk=junk: inside.__setitem__(key, junk),
            )


@pytest.mark.parametrize("setting", [0, 1])
def test_wrong_values_in_a_line(small_runs, judge, tmp_path, setting):
    run = Path(shutil.copytree(small_runs[setting], tmp_path / "run"))
    file, _ = files(run)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    rng = random.Random(setting)
    codes = []
    for broken in broken_values(rng, lines[1], 45):
        file.write_text("".join(f"{json.dumps(x)}\n" for x in (lines[0], broken)))
        codes += judge(run)
    assert codes.count(2) > 15


def test_wrong_values_in_the_response_of_a_generation(small_runs, judge, tmp_path):
    run = Path(shutil.copytree(small_runs[1], tmp_path / "run"))
    file, _ = files(run)
    line = json.loads(file.read_text().splitlines()[0])
    response = json.loads(line["filtered_resps"][0])
    rng = random.Random(2)
    codes = []
    for broken in broken_values(rng, response, 30, part=bool):
        line["filtered_resps"] = [json.dumps(broken)]
        file.write_text(f"{json.dumps(line)}\n")
        codes += judge(run)
    assert codes.count(2) > 10


def test_wrong_values_in_the_results_file(small_runs, judge, tmp_path):
    run = Path(shutil.copytree(small_runs[1], tmp_path / "run"))
    _, file = files(run)
    content = json.loads(file.read_text())
    content.pop("results")
    rng = random.Random(3)

    def read(path):
        return path and (path[0] != "configs" or len(path) < 3 or "metadata" in path)

    for broken in broken_values(rng, content, 25, part=read):
        file.write_text(json.dumps(broken))
        judge(run)


def torn(rng, content):
    """The bytes of a file with each thing done to them that disks and people do."""
    where = rng.randrange(len(content))
    junk = rng.randbytes(rng.randrange(1, 40))
    text = content.decode()
    return [
        content[:where],
        content[where:],
        content[:where] + junk + content[where:],
        content[:where] + bytes([content[where] ^ 0x80]) + content[where:],
        content[:where] + b"\x00" * 100 + content[where:],
        content[:where] + b"\n" + content[where:],
        content.replace(b"\n", b""),
        content.replace(b"\n", b"\r"),
        content.replace(b"\n", b"\r\n"),
        content.replace(b"\n", b"\n\n\n"),
        content + content,
        text.encode("utf-16"),
        text.replace("a", "é").encode("latin-1"),
        b"\xef\xbb\xbf" + content,
        gzip.compress(content),
        rng.randbytes(500),
        b"[" * 200_000,
        b'{"doc": ' * 100_000,
        b"9" * 20_000,
        b"",
        b"\n \n",
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_torn_files(small_runs, judge, tmp_path, which):
    run = Path(shutil.copytree(small_runs[0], tmp_path / "run"))
    file = files(run)[which]
    content = file.read_bytes()
    rng = random.Random(4)
    for _ in range(2):
        for broken in torn(rng, content):
            file.write_bytes(broken)
            judge(run)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    line=st.one_of(
        st.binary(max_size=60),
        st.text(max_size=30).map(lambda text: json.dumps(text).encode()),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=5)),
            lambda inner: st.dictionaries(
                st.sampled_from(["doc", "id", "chain", "samples_format", "x"]), inner
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_second_line(small_runs, tmp_path, line):
    source, _ = files(small_runs[0])
    file = tmp_path / source.name
    first = source.read_bytes().splitlines(keepends=True)[0]
    file.write_bytes(first + line + b"\n")
    try:
        read = read_samples(file)
    except InputError as error:
        assert str(error).startswith(f"{file}:2: ") and "\n" not in str(error)
    else:
        assert not line.strip() and read is not None and len(read.chains) == 1


def replaced_by(make):
    def change(path):
        path.unlink()
        make(path)

    return change


ON_DISK = {
    "a directory": replaced_by(lambda path: path.mkdir()),
    "a broken link": replaced_by(lambda path: path.symlink_to("nowhere")),
    "a link to itself": replaced_by(lambda path: path.symlink_to(path.name)),
    "a link to a directory": replaced_by(lambda path: path.symlink_to("..")),
    "a link to a device": replaced_by(lambda path: path.symlink_to("/dev/zero")),
    "a pipe": replaced_by(os.mkfifo),
}


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("kind", ON_DISK)
def test_what_is_no_file(small_runs, judge, tmp_path, kind, which):
    run = Path(shutil.copytree(small_runs[0], tmp_path / "run"))
    ON_DISK[kind](files(run)[which])
    assert judge(run, "report", "agree") == [2, 2]


def test_links_to_good_files_and_folders_are_followed(small_runs, judge, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for file in files(small_runs[0]):
        (run / file.name).symlink_to(file)
    (run / "again").symlink_to(run)
    (tmp_path / "linked").symlink_to(run)
    assert judge(tmp_path / "linked", "report", "agree") == [0, 0]


# --- what becomes of the rest -------------------------------------------------------


@pytest.fixture
def run_copy(provided_run, tmp_path):
    return Path(shutil.copytree(provided_run, tmp_path / "run"))


def edited(run, k, change):
    file, _ = files(run)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines[k])
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


def reported(command, run):
    code, out, said = command("report", run, "--format", "json", "--n-resamples", 20)
    assert code == 0, said
    (report,) = json.loads(out)["reports"]
    figures = {(e["intervention"], e["metric"]): e for e in report["estimates"]}
    return figures, " ".join(report["warnings"])


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_log_probability_that_is_not_finite_is_left_out_and_said(
    command, run_copy, value
):
    def change(sample):
        sample["filtered_resps"][-1][0] = value

    before, _ = reported(command, run_copy)
    edited(run_copy, 2, change)
    after, said = reported(command, run_copy)
    assert after["delete", "auc"]["n_steps"] == before["delete", "auc"]["n_steps"] - 1
    assert "delete was not applicable to 1 of 30 steps: the log-probability is" in said
    assert after["corrupt", "auc"] == before["corrupt", "auc"]


def test_a_clean_chain_that_was_not_scored_takes_its_document_out(command, run_copy):
    def change(sample):
        sample["filtered_resps"][0][0] = "nan"

    edited(run_copy, 2, change)
    figures, _ = reported(command, run_copy)
    assert figures["delete", "effect_load_bearing"]["n_problems"] == 5
    assert figures["", "clean_logprob"]["n_problems"] == 5


def test_missing_lines_are_said(command, run_copy):
    file, _ = files(run_copy)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:4]))
    figures, said = reported(command, run_copy)
    assert figures["delete", "effect_load_bearing"]["n_problems"] == 4
    assert "holds 4 of the run's 6 documents" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda s: s["filtered_resps"][0].__setitem__(0, "1e300"),
            "1e+300 is no log-probability",
        ),
        (
            lambda s: s["doc"]["chain"]["steps"][0].__setitem__("label", "decoi"),
            "unknown label 'decoi'",
        ),
        (
            lambda s: s["doc"]["interventions"][1].update(
                step=0, intervention=s["doc"]["interventions"][0]["intervention"]
            ),
            "an intervention is twice on the same step",
        ),
        (lambda s: s["doc"].__setitem__("id", None), "'id' is not text"),
        (
            lambda s: s["filtered_resps"][3].__setitem__(0, "2.5"),
            "2.5 is no log-probability",
        ),
        (
            lambda s: s["filtered_resps"][3].__setitem__(1, "perhaps"),
            "'perhaps' is neither true nor false",
        ),
        (
            lambda s: s["doc"]["interventions"][1].__setitem__("step", 1.5),
            "'step' is not a whole number",
        ),
        (lambda s: s["filtered_resps"].pop(), "responses to"),
        (lambda s: s["doc"].__setitem__("samples_format", 3), "samples of format 3"),
        (lambda s: s["doc"].__setitem__("setting", "x"), "samples of several settings"),
    ],
)
def test_what_no_run_of_ours_writes_is_named(run_copy, change, said):
    file = edited(run_copy, 2, change)
    with pytest.raises(InputError) as error:
        load_run(run_copy)
    assert said in str(error.value) and str(error.value).startswith(str(file))


def test_bytes_that_are_no_text_are_named_with_their_line(run_copy):
    file, _ = files(run_copy)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"Question", b"\xff\xfe", 1)
    file.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=r":4: cannot be read as UTF-8"):
        load_run(run_copy)


def test_a_line_that_is_too_long_is_not_read_into_memory(run_copy, monkeypatch):
    file, _ = files(run_copy)
    longest = max(map(len, file.read_bytes().splitlines(keepends=True)))
    monkeypatch.setattr(samples_module, "LONGEST_LINE", longest)
    assert load_run(run_copy)
    with file.open("ab") as out:
        out.write(b'{"doc": "' + b"x" * longest)
    with pytest.raises(InputError, match=r":7: a line of more than"):
        load_run(run_copy)


def test_half_a_character_is_named(run_copy):
    file = edited(run_copy, 1, lambda s: s["doc"].__setitem__("question", "\ud800"))
    with pytest.raises(InputError) as error:
        load_run(run_copy)
    assert str(error.value).startswith(f"{file}:2: cannot be read")
