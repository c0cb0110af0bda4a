"""What a run costs is counted before it is run, and is what the run then reads."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from lm_eval_faith_tasks import PATH as OUR_TASKS

from lm_eval_faith.asks import Ask, Generate, Hidden, Score, Stages
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.dry_run import dry_run
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.forecast import (
    Cost,
    Progress,
    Reader,
    cost_of_texts,
    forecast,
)
from lm_eval_faith.harness.stages import MultiStageRequest

from ..instances import instances

MakeHF = Callable[..., HFLM]
TEXTS = [f"{n} and {n} is {n + n}. " * (1 + n % 3) for n in range(9)]
WRITTEN = {"until": [], "max_gen_toks": 6, "do_sample": False}


def distinct_prefixes(texts: Sequence[bytes]) -> int:
    """What is read over shared prefixes, from the definition."""
    return len({text[: n + 1] for text in texts for n in range(len(text))})


def letters(text: str) -> list[int]:
    return list(text.encode())


READER = Reader(letters, prefix=256, max_length=2048)


@contextmanager
def tokens_read(lm: HFLM) -> Iterator[list[int]]:
    """How many tokens each pass of a model gets."""
    passes: list[int] = []

    def seen(module: Any, args: Any, kwargs: Any) -> None:
        ids = kwargs.get("input_ids", args[0] if args else None)
        passes.append(int(ids.numel()))

    handle = lm.model.register_forward_pre_hook(seen, with_kwargs=True)
    try:
        yield passes
    finally:
        handle.remove()


# --- counting ----------------------------------------------------------------------


def test_the_last_token_is_predicted_and_not_read() -> None:
    assert READER.cost([Score("ab", "c")]) == Cost(1, 2, 2)
    assert READER.cost([Score("", "abc")]) == Cost(1, 3, 3)


def test_beginnings_that_requests_share_are_read_once() -> None:
    asks = [
        Score("abcd", "x"),
        Score("abef", "xy"),
        Score("abcd", "x"),
        Score("z", "x"),
    ]
    read = [b"abcd", b"abefx", b"abcd", b"z"]
    assert READER.cost(asks) == Cost(4, sum(map(len, read)), distinct_prefixes(read))


def test_equal_asks_of_a_stage_are_one_unless_they_are_drawn() -> None:
    drawn = WRITTEN | {"do_sample": True}

    def stages(context: str) -> Stages[None]:
        yield [Score(context, "x"), Score(context, "x")]
        yield [Generate(context, WRITTEN), Generate(context, WRITTEN)]
        yield [Generate(context, drawn), Generate(context, drawn)]

    requests = [
        MultiStageRequest(doc={}, arguments=("ab",), idx=0, make=stages) for _ in "12"
    ]
    total = Cost(1, 2, 2) + Cost(generations=1 + 4, prompts=10, written=30, at_most=30)
    assert forecast(requests, READER, chunk=2) == [total]
    alone = Cost(1, 2, 2) + Cost(generations=1 + 2, prompts=6, written=18, at_most=18)
    assert forecast(requests, READER, chunk=1) == [alone, alone]


def test_what_is_longer_than_the_model_takes_loses_its_beginning() -> None:
    short = Reader(letters, prefix=256, max_length=3)
    assert short.cost([Score("abcdef", "g")]) == Cost(1, 3, 3)


def test_a_request_that_hides_a_part_shares_nothing() -> None:
    hides = Score("abcd", "x", (Hidden(0, 1),))
    assert READER.cost([Score("abcd", "x"), hides]) == Cost(2, 8, 8)


def test_texts_beyond_the_length_that_changes_positions_are_read_alone() -> None:
    texts = [(1, 2), (1, 2, 3), (1, 2, 3, 4)]
    assert cost_of_texts(texts) == Cost(3, 9, 4)
    assert cost_of_texts(texts, exact_length=2) == Cost(3, 9, 9)


def test_a_text_to_write_is_taken_for_what_is_assumed_or_else_for_the_most() -> None:
    asks: list[Ask] = [Generate("ab", WRITTEN), Generate("abc", WRITTEN)]
    assert READER.cost(asks, ["wxy", ""]) == Cost(
        generations=2, prompts=5, written=3 + 6, at_most=12
    )


# --- against runs --------------------------------------------------------------------


@pytest.mark.parametrize("sharing", ["on", "off"])
def test_loglikelihoods_read_as_many_tokens_as_was_said(
    hf: MakeHF, sharing: str, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [(TEXTS[4] + text, f" {len(text)}") for text in TEXTS]
    read = [(context + rest)[:-1].encode() for context, rest in pairs]
    requests = instances("loglikelihood", pairs)
    backend = hf(batch_size=1)
    model = FaithLM(backend, shared_prefix=sharing)
    expected = Cost(len(pairs), sum(map(len, read)), distinct_prefixes(read))
    with tokens_read(backend) as passes, caplog.at_level("INFO"):
        model.loglikelihood(requests)  # with its proof
        passes.clear()
        model.loglikelihood(requests)
    assert Reader.of(model).cost([Score(*pair) for pair in pairs]) == expected
    if sharing == "on":
        assert sum(passes) == expected.distinct
        assert f"to be scored: {expected}" in caplog.text
    else:
        assert sum(passes) == expected.tokens


def test_many_stages_read_and_write_what_was_said_where_the_texts_are_as_assumed(
    hf: MakeHF, caplog: pytest.LogCaptureFixture
) -> None:
    known: dict[str, str] = {}

    def stages(context: str) -> Stages[Any]:
        (text,) = yield [Generate(context, WRITTEN)]
        known[context] = text
        scores = yield [Score(context + text[:n], " so") for n in range(3)]
        return [text, scores]

    def requests() -> list[MultiStageRequest]:
        return [
            MultiStageRequest(
                doc={},
                arguments=(text,),
                idx=0,
                metadata=("t", i, 1),
                make=stages,
                assumed=lambda ask: known.get(ask.context, ""),
            )
            for i, text in enumerate(TEXTS)
        ]

    backend = hf(batch_size=1)
    model = FaithLM(backend, chunk=4)
    with tokens_read(backend) as passes, caplog.at_level("INFO"):
        model.multi_stage(requests())  # with its proof
        told = sum(model.forecast(requests()), Cost())
        passes.clear()
        model.multi_stage(requests())
    assert told.written == told.at_most == 6 * len(TEXTS)
    assert told.prompts == sum(len(text.encode()) for text in TEXTS)
    # To write n tokens, the prompt and all but the last of them are read, one by one.
    decoded = told.prompts + told.written - len(TEXTS)
    assert sum(passes) == told.distinct + decoded
    assert f"to be asked: {told}" in caplog.text


def test_a_generator_that_does_not_bear_an_assumed_text_is_run_all_the_same(
    hf: MakeHF,
) -> None:
    def wants_a_word(context: str) -> Stages[Any]:
        (text,) = yield [Generate(context, WRITTEN)]
        return [text[0], (yield [Score(text, "x")])]

    requests = [
        MultiStageRequest(
            doc={},
            arguments=(TEXTS[0],),
            idx=0,
            metadata=("t", 0, 1),
            make=wants_a_word,
        )
    ]
    model = FaithLM(hf())
    assert sum(model.forecast(requests), Cost()) == Cost(
        generations=1, prompts=len(TEXTS[0]), written=6, at_most=6
    )
    assert len(json.loads(model.multi_stage(requests, disable_tqdm=True)[0])) == 2


# --- the time that is left -------------------------------------------------------------


def test_what_is_left_takes_as_long_as_the_like_of_it_took() -> None:
    now = 0.0
    progress = Progress(Cost(distinct=100, written=10), clock=lambda: now)
    assert progress.left() is None
    with progress.doing("written") as wrote:
        now = 4.0
        wrote(5)
    assert progress.left() is None  # nothing was read yet
    with progress.doing("read") as read:
        now = 5.0
        read(20)
        assert progress.left() == pytest.approx(80 * 1 / 20 + 5 * 4 / 5)
        now = 7.0
        read(20)
    assert progress.left() == pytest.approx(60 * 3 / 40 + 5 * 4 / 5)
    progress.expect(Cost(distinct=40))
    assert progress.left() == pytest.approx(40 * 3 / 40)
    progress.expect(Cost())
    assert progress.left() == 0


# --- a dry run -------------------------------------------------------------------------


CHAINS = [
    {
        "id": f"c{n}",
        "question": f"There are {n} red and {n + 2} blue balls. How many balls?",
        "chain": f"There are {n} red ones. Then {n} + {n + 2} = {2 * n + 2}. "
        f"So there are {2 * n + 2}. The answer is {2 * n + 2}.",
        "answer": str(2 * n + 2),
        "labels": [1, 0, 1],
    }
    for n in range(3, 7)
]


@pytest.fixture(scope="module")
def weightless(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's tokenizer and configuration."""
    folder = tmp_path_factory.mktemp("weightless") / "model"
    shutil.copytree(
        tiny_model, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.bin")
    )
    return folder


def asked_by(task: str, metadata: dict[str, Any], **more: Any) -> Callable[[], Any]:
    """An evaluation of one of our tasks."""
    manager = TaskManager(
        include_path=str(OUR_TASKS), include_defaults=False, metadata=metadata
    )

    def run() -> Any:
        return lm_eval.simple_evaluate(
            tasks=[task], task_manager=manager, limit=3, bootstrap_iters=0, **more
        )

    return run


@pytest.mark.parametrize(
    ("task", "metadata"),
    [
        ("cot_faith_provided", {"problems": 4}),
        ("cot_faith_replay", {"interventions": "corrupt,delete,truncate,control"}),
        ("cot_faith_labelled", {"max_steps": 2}),
    ],
)
def test_a_dry_run_counts_what_the_run_asks_without_the_weights(
    task: str,
    metadata: dict[str, Any],
    weightless: Path,
    hf: MakeHF,
    tmp_path: Path,
) -> None:
    file = tmp_path / "chains.jsonl"
    file.write_text("".join(json.dumps(chain) + "\n" for chain in CHAINS))
    if task != "cot_faith_provided":
        metadata = {**metadata, "chains": str(file)}
    weights = f"backend=hf,pretrained={weightless},dtype=float32"
    run = asked_by(
        task,
        metadata,
        model="faith",
        model_args=weights,
        use_cache=str(tmp_path / "cache"),
    )
    told = dry_run(run)
    assert not list(tmp_path.glob("cache*"))
    samples = asked_by(task, metadata, model=FaithLM(hf()))()["samples"][task]
    asked = [
        (context + rest)[:-1].encode()
        for sample in samples
        for context, rest in sample["arguments"]
    ]
    tokens, distinct = sum(map(len, asked)), distinct_prefixes(asked)
    assert told.splitlines()[0] == (
        f"{task}: {len(asked):,} requests, {tokens:,} tokens, of which {distinct:,} are "
        "distinct"
    )
    assert "prefixes: shared" in told
    card = sum(len(sample["doc"]["probes"]) for sample in samples)
    part = f"{card} of the requests are the card's, {card / (len(asked) - card):.1%}"
    assert told.splitlines()[1].startswith(f"{task}: {part} of the others")
    assert card >= 3  # at least the answer without a chain of each
    plain = dry_run(
        asked_by(task, metadata | {"card": False}, model="faith", model_args=weights)
    )
    assert plain.startswith(f"{task}: {len(asked) - card:,} requests")
    assert "card" not in plain


def test_a_dry_run_of_chains_to_be_written_says_what_it_assumes(
    weightless: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    code, told, err = command(
        "run", "--dry_run", "--model", "faith", "--model_args",
        f"backend=hf,pretrained={weightless}", "--tasks", "cot_faith_generated_arith",
        "--metadata", "problems=3", "--gen_kwargs", "max_gen_toks=50",
        "--output_path", tmp_path / "out", "--log_samples",
    )  # fmt: skip
    assert code == 0, err
    assert "3 texts to write" in told and "at most 150 tokens" in told
    assert re.search(r"\d of the requests are the card's, \d+\.\d% of the others", told)
    assert (
        "taken for the reference solutions" in told and "share of the problems" in told
    )
    assert not (tmp_path / "out").exists()


def test_a_dry_run_refuses_what_the_run_would_refuse(weightless: Path) -> None:
    generated = "cot_faith_generated_arith", {"problems": 3}
    plain = {"model": "hf", "model_args": f"pretrained={weightless}"}
    with pytest.raises(
        InputError, match="HFLM cannot answer by itself: use --model fai"
    ):
        dry_run(asked_by(*generated, **plain))
    missing = {"model": "faith", "model_args": {"pretrained": "no/such"}}
    with pytest.raises(
        InputError, match="reads tokenizer and configuration of no/such"
    ):
        dry_run(asked_by("cot_faith_provided", {}, **missing))


def test_another_backend_is_counted_by_the_tokenizer_that_it_names(
    weightless: Path,
) -> None:
    provided = "cot_faith_provided", {"problems": 2}
    api = {"model": "m", "base_url": "http://localhost:9", "tokenizer": str(weightless)}
    told = dry_run(asked_by(*provided, model="local-completions", model_args=api))
    here = {"pretrained": str(weightless)}
    as_hf = dry_run(asked_by(*provided, model="hf", model_args=here))
    assert told == as_hf and "each request is read whole" in told


def test_what_is_written_on_is_counted_as_the_rest_of_the_chain(
    weightless: Path, tmp_path: Path
) -> None:
    file = tmp_path / "chains.jsonl"
    file.write_text("".join(json.dumps(chain) + "\n" for chain in CHAINS))
    model = {"model": "faith", "model_args": f"backend=hf,pretrained={weightless}"}

    def numbers(name: str, **more: Any) -> list[int]:
        how = {"chains": str(file), "interventions": name, **more}
        told = dry_run(asked_by("cot_faith_replay", how, **model)).splitlines()[0]
        words = told.partition(":")[2].replace(",", "").replace(";", "").split()
        return [int(word) for word in words if word.isdigit()]

    corrupted = 3 * 3  # each of the three steps of three chains has a number
    plain = numbers("continue", write_on_tokens=99)
    # Each goes on to the chain's own answer, so there is no other one to score.
    assert plain[0] == numbers("corrupt")[0] and plain[3] == corrupted
    assert plain[5] == 99 * corrupted and 0 < plain[6] < plain[5]
    drawn = numbers("continue", write_on_tokens=99, samples=4)
    assert drawn[:3] == plain[:3]
    assert drawn[3:] == [5 * count for count in plain[3:]]
