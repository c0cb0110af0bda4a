"""vLLM plainly and behind its prefix cache, the same requests in one run; and what waiting between stages costs.

    python -m benchmarks.vllm scores --model models/smollm2-135m-instruct --every 4 --hf 6
    python -m benchmarks.vllm server --model models/smollm2-135m-instruct
    python -m benchmarks.vllm counts --model models/smollm2-135m-instruct
    python -m benchmarks.vllm idle ../shared/data/thought_anchors/traces.jsonl

`scores` and `server` need vLLM (.ci/vllm makes an environment that has it). Times are those of a processor, of all
processes that work: `scores` runs the engine in its own, `server` starts one. `counts` needs a tokenizer alone, and
`idle`, a simulation, no model.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.workloads import Encode, provided_chain
from lm_eval_faith.engines.tree import Pair, distinct_tokens
from lm_eval_faith.harness.engine_choice import EngineChoice
from lm_eval_faith.harness.lm_eval_compat import TokenRequest, score_tokens

app = typer.Typer(add_completion=False, help=__doc__)


# --- scores ----------------------------------------------------------------------


@app.command()
def scores(
    model: Annotated[Path, typer.Option(help="directory of a causal LM")],
    problems: Annotated[int, typer.Option(help="provided chains")] = 2,
    steps: Annotated[int, typer.Option(help="of the long chain")] = 60,
    every: Annotated[int, typer.Option(help="of its steps one in so many")] = 10,
    hf: Annotated[
        int,
        typer.Option(
            help="so many provided requests, and two long ones, by hf in float32 too"
        ),
    ] = 4,
    dtype: str = "float32",
    block_size: int = 32,
) -> None:
    """Both ways in turn: seconds, tokens computed against distinct ones, largest difference."""
    from lm_eval.api.registry import get_model  # type: ignore[import-untyped]

    backend = vllm_backend(str(model), dtype, block_size)
    provided = provided_chains(backend.tok_encode, problems)
    sampled = some_changes(long_chain(backend.tok_encode, steps), every)
    choice = proven(backend, provided)
    compare(choice, f"provided chains, {problems} problems", provided)
    compare(choice, f"a chain of {steps} steps, one in {every} changed", sampled)
    if hf:
        plain = get_model("hf")(pretrained=str(model), dtype="float32", device="cpu")
        pairs = [*provided[:hf], *sampled[:2]]
        expected = plainly(plain, pairs)
        for way, found in (
            ("behind the cache", behind_cache(choice, pairs)[0]),
            ("plain", plainly(backend, pairs)),
        ):
            print(
                f"{dtype} {way} against hf in float32, {len(pairs)} requests: "
                f"largest difference {largest(found, expected):.1e} nats"
            )


def vllm_backend(model: str, dtype: str, block_size: int = 32) -> Any:
    """The harness's `vllm`, whose engine works in this process."""
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    from lm_eval.api.registry import get_model

    return get_model("vllm")(
        pretrained=model,
        dtype=dtype,
        enforce_eager=True,
        block_size=block_size,
        max_model_len=2048,
        distributed_executor_backend="uni",
    )


def provided_chains(encode: Encode, problems: int) -> list[Pair]:
    """Requests about so many."""
    rng = random.Random(0)
    return [pair for _ in range(problems) for pair in provided_chain(rng, encode)]


def long_chain(encode: Encode, steps: int) -> list[Pair]:
    """The clean chain, then two changes of each step in turn."""
    return provided_chain(
        random.Random(0),
        encode,
        load_bearing=steps - steps // 6,
        asides=steps // 6,
        interventions=("corrupt", "delete"),
    )


def some_changes(pairs: Sequence[Pair], every: int) -> list[Pair]:
    """The clean chain and the two changes of the middle one of so many steps each."""
    firsts = range(1 + every // 2 * 2, len(pairs), 2 * every)
    return [pairs[0], *(pair for n in firsts for pair in pairs[n : n + 2])]


def distinct(pairs: Sequence[Pair]) -> int:
    """Tokens that must be read at the least: what requests begin with in common counts once."""
    return distinct_tokens([(*context, *answer)[:-1] for context, answer in pairs])


def plainly(backend: Any, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """The harness's own way."""
    return score_tokens(backend, token_requests(pairs), True)


def token_requests(pairs: Sequence[Pair]) -> list[TokenRequest]:
    """As the harness makes them."""
    return [(None, list(context), list(answer)) for context, answer in pairs]


def behind_cache(
    choice: Any, pairs: Sequence[Pair]
) -> tuple[list[tuple[float, bool]], Any]:
    """Ours, with nothing cached; and what was read."""
    from lm_eval_faith.engines.prefix_cache import Counts

    choice.backend.model.reset_prefix_cache()
    choice.prefix_cache.counts, before = Counts(), choice.prefix_cache.counts
    choice.prefix_cache.counts.compared = before.compared  # proven stays proven
    return choice(token_requests(pairs), True), choice.prefix_cache.counts


def proven(backend: Any, pairs: Sequence[Pair]) -> Any:
    """An engine that has proven itself on the first of the requests: once a run, four of them read twice."""
    choice = EngineChoice(backend, "on", None)
    behind_cache(choice, pairs[:8])
    plainly(backend, pairs[:2])
    return choice


def largest(
    one: Sequence[tuple[float, bool]], other: Sequence[tuple[float, bool]]
) -> float:
    """Difference in nats."""
    return max(abs(a - b) for (a, _), (b, _) in zip(one, other, strict=True))


def compare(choice: EngineChoice, title: str, pairs: Sequence[Pair]) -> None:
    """Time both ways, the proof done before, and print what came of it."""
    from benchmarks.scoring import timed

    ours, (answers, counts) = timed(lambda: behind_cache(choice, pairs))
    plain, expected = timed(lambda: plainly(choice.backend, pairs))
    ratio = plain.over(ours)
    least = distinct(pairs)
    print(
        f"{title}: {len(pairs)} requests, {counts.tokens:,} tokens\n"
        f"  plain {plain.wall:.1f} s ({plain.processor:.1f} s of processor time), behind the cache {ours.wall:.1f} s "
        f"({ours.processor:.1f} s): {ratio.wall:.2f} times by the clock, {ratio.processor:.2f} by processor time\n"
        f"  {least:,} distinct tokens, {counts.computed:,} computed ({counts.computed / least:.2f} times), "
        f"{counts.again} requests asked again\n"
        f"  largest difference {largest(answers, expected):.1e} nats, "
        f"{sum(a[1] != b[1] for a, b in zip(answers, expected, strict=True))} of is_greedy differ",
        flush=True,
    )


# --- over HTTP -------------------------------------------------------------------


@app.command()
def server(
    model: Annotated[Path, typer.Option(help="directory of a causal LM")],
    problems: Annotated[int, typer.Option(help="provided chains")] = 2,
    steps: Annotated[int, typer.Option(help="of the long chain")] = 60,
    every: Annotated[int, typer.Option(help="of its steps one in so many")] = 20,
    num_concurrent: int = 4,
    port: int = 8077,
) -> None:
    """Start `vllm serve` and ask it both ways in turn: seconds, tokens computed, largest difference."""
    from lm_eval.api.registry import get_model

    with Server.started(model, port) as asked:
        backend = get_model("local-completions")(
            model=str(model),
            base_url=f"{asked.address}/v1/completions",
            tokenizer=str(model),
            tokenizer_backend="huggingface",
            max_length=2048,
            num_concurrent=num_concurrent,
            timeout=3600,
        )
        choice = EngineChoice(backend, "on", None)
        for_the_proof, *provided = (
            provided_chain(rng, backend.tok_encode)
            for rng in map(random.Random, range(problems + 1))
        )
        choice(token_requests(for_the_proof[:8]), True)
        title = (
            f"{num_concurrent} requests at a time, provided chains, {problems} problems"
        )
        over_http(asked, choice, title, [pair for one in provided for pair in one])
        title = f"a chain of {steps} steps, one in {every} changed"
        long = some_changes(long_chain(backend.tok_encode, steps), every)
        over_http(asked, choice, title, long)


def over_http(
    asked: Server, choice: EngineChoice, title: str, pairs: Sequence[Pair]
) -> None:
    """Ask by the server's cache, then plainly, and print what came of it."""
    requests = token_requests(pairs)
    before = asked.spent()
    found, between = choice(requests, True), asked.spent()
    expected, after = score_tokens(choice.backend, requests, True), asked.spent()
    ours, plain = between.less(before), after.less(between)
    least = distinct(pairs)
    computed = ours.tokens - ours.cached
    print(
        f"{title}: {len(pairs)} requests\n"
        f"  plain {plain.wall:.1f} s ({plain.processor:.1f} s of the server's processor time), {plain.tokens:,.0f} "
        f"tokens, {plain.cached:,.0f} cached\n"
        f"  by the cache {ours.wall:.1f} s ({ours.processor:.1f} s), {ours.tokens:,.0f} tokens, {ours.cached:,.0f} "
        f"cached: {plain.wall / ours.wall:.2f} times by the clock, {plain.processor / ours.processor:.2f} by "
        f"processor time\n"
        f"  {least:,} distinct tokens, {computed:,.0f} computed ({computed / least:.2f} times); largest difference "
        f"{largest(found, expected):.1e} nats, {sum(a[1] != b[1] for a, b in zip(found, expected, strict=True))} of "
        "is_greedy differ",
        flush=True,
    )


@dataclass(frozen=True)
class Spent:
    """What a server has used so far."""

    wall: float
    processor: float
    """Seconds, of all its processes."""
    tokens: float
    """Of prompts."""
    cached: float
    """Of these, those that its cache had."""

    def less(self, other: Spent) -> Spent:
        """Since then."""
        return Spent(
            self.wall - other.wall,
            self.processor - other.processor,
            self.tokens - other.tokens,
            self.cached - other.cached,
        )


@dataclass(frozen=True)
class Server:
    """`vllm serve`, in single precision."""

    process: subprocess.Popen[bytes]
    address: str

    @classmethod
    @contextmanager
    def started(cls, model: Path, port: int) -> Iterator[Server]:
        """Once it answers, until this ends."""
        command = [
            *(str(Path(sys.executable).parent / "vllm"), "serve", str(model)),
            *("--port", str(port), "--dtype", "float32", "--enforce-eager"),
            *("--block-size", "32", "--max-model-len", "2048"),
            *("--distributed-executor-backend", "uni"),
        ]
        own = {
            "VLLM_CPU_KVCACHE_SPACE": "2",
            # Not bound to a core, which other processes may be using.
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            # The engine is a process of its own all the same, but has no other for its worker.
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        }
        environment = own | os.environ
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL
        ) as process:
            found = cls(process, f"http://127.0.0.1:{port}")
            try:
                while not found._answers():
                    if process.poll() is not None:
                        raise SystemExit("the server ended before it answered")
                    time.sleep(1)
                yield found
            finally:
                process.terminate()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(urllib.request.urlopen(f"{self.address}/v1/models").status)
        return False

    def spent(self) -> Spent:
        """By now."""
        import psutil  # comes with vLLM

        root = psutil.Process(self.process.pid)
        times = [p.cpu_times() for p in (root, *root.children(recursive=True))]
        with urllib.request.urlopen(f"{self.address}/metrics") as told:
            lines = told.read().decode().splitlines()
        tokens, cached = (
            sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(of))
            for of in ("vllm:prompt_tokens_total", "vllm:prefix_cache_hits_total")
        )
        work = sum(t.user + t.system for t in times)
        return Spent(time.perf_counter(), work, tokens, cached)


# --- what must be computed -------------------------------------------------------


@app.command()
def counts(
    model: Annotated[Path, typer.Option(help="directory of a tokenizer")],
    problems: Annotated[int, typer.Option(help="provided chains")] = 30,
    steps: Annotated[int, typer.Option(help="of the long chain")] = 60,
) -> None:
    """What a prefix cache must compute of requests, by the size of its blocks; nothing is run."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)

    def encode(text: str) -> list[int]:
        tokens: list[int] = tokenizer.encode(text, add_special_tokens=False)
        return tokens

    for title, texts in (
        (f"provided chains, {problems} problems", provided_chains(encode, problems)),
        (f"cot_faith_provided, {problems} problems", of_the_task(encode, problems)),
        (f"a chain of {steps} steps, all changed", long_chain(encode, steps)),
    ):
        least = distinct(texts)
        computed = {size: computed_tokens(texts, size) for size in (16, 32, 128)}
        tokens = sum(len(context) + len(answer) for context, answer in texts)
        print(
            f"{title}: {len(texts)} requests, {tokens:,} tokens, {least:,} distinct; computed in blocks of "
            + ", of ".join(
                f"{size} {n:,} ({n / least:.2f} times)" for size, n in computed.items()
            )
        )


def of_the_task(encode: Encode, problems: int) -> list[Pair]:
    """What `cot_faith_provided` asks."""
    import lm_eval_faith

    manager = lm_eval_faith.task_manager(
        metadata={"problems": problems}, include_defaults=False
    )
    (task,) = manager.load(["cot_faith_provided"])["tasks"].values()
    task.build_all_requests(limit=None, rank=0, world_size=1)
    texts = [encode("".join(request.args)) for request in task.instances]
    return [(text[:-1], text[-1:]) for text in texts]


def computed_tokens(pairs: Sequence[Pair], block: int) -> int:
    """Tokens of texts that are in no full block which another text began with, the last of each text always.

    Equal texts are read once. Sorted, a text comes before those that begin with the whole of it, so every block is
    computed once: in no order is less computed, as long as nothing is dropped.
    """
    seen: set[tuple[int, ...]] = set()
    total = 0
    for text in sorted({(*context, *answer) for context, answer in pairs}):
        cached = 0
        while cached + block < len(text) and text[: cached + block] in seen:
            cached += block
        total += len(text) - cached
        seen |= {text[:n] for n in range(block, len(text) + 1, block)}
    return total


# --- waiting between stages ------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """What a chain makes a model do."""

    written: int
    """Tokens that it writes."""
    read: int
    """Tokens that are read to score the changes."""


@dataclass(frozen=True)
class Time:
    """What a simulation found."""

    steps: int
    """Of the engine, until the last answer."""
    idle: float
    """Share of what could have been computed in these that was not."""


@app.command()
def idle(
    traces: Annotated[Path, typer.Argument(help="recorded chains, an object a line")],
    interventions: int = 2,
    documents: int = 1024,
    slots: Annotated[int, typer.Option(help="texts written side by side")] = 256,
    budget: Annotated[int, typer.Option(help="tokens of a step")] = 8192,
    seed: int = 0,
) -> None:
    """How long a GPU idles when each chunk waits for its longest chain, and when no chain waits."""
    chains = recorded(traces, interventions)
    rng = random.Random(seed)
    drawn = [rng.choice(chains) for _ in range(documents)]
    print(
        f"{documents} chains drawn from {len(chains)}: {min(c.written for c in chains):,} to "
        f"{max(c.written for c in chains):,} tokens written, {interventions} changes a sentence read\n"
        "| way | chunk | steps of the engine | idle |\n| --- | --- | --- | --- |"
    )
    for chunk in (32, 128, 256, 512):
        found = waiting(drawn, chunk, slots, budget)
        print(f"| each stage waits | {chunk} | {found.steps:,} | {found.idle:.1%} |")
    found = without_waiting(drawn, slots, budget)
    print(f"| no chain waits | | {found.steps:,} | {found.idle:.1%} |")


def recorded(traces: Path, interventions: int, characters: int = 4) -> list[Chain]:
    """The chains of a file: a token for so many characters, each change read from its sentence on."""
    found = []
    for line in traces.read_text(encoding="utf-8").splitlines():
        trace = json.loads(line)
        lengths = [len(s["text"]) // characters for s in trace["sentences"]]
        read = sum(sum(lengths[place:]) for place in range(len(lengths)))
        found.append(Chain(len(trace["chain"]) // characters, interventions * read))
    return found


def without_waiting(chains: Sequence[Chain], slots: int, budget: int) -> Time:
    """An engine whose steps write a token of each text under way, and read with what is left of the budget.

    A step counts as used by the share of its slots that write or, if that is more, the share of its budget that is
    used: writing is bound by memory, reading by arithmetic.
    """
    waiting_chains = list(reversed(chains))
    writing: list[
        tuple[int, int]
    ] = []  # the step with which a text ends, what is read then
    step, to_read, used = 0, 0, 0.0
    while waiting_chains or writing or to_read > 0:
        while waiting_chains and len(writing) < slots:
            chain = waiting_chains.pop()
            heapq.heappush(writing, (step + chain.written, chain.read))
        reads = min(to_read, budget - len(writing))
        used += min(1.0, max(len(writing) / slots, (len(writing) + reads) / budget))
        to_read -= reads
        step += 1
        while writing and writing[0][0] <= step:
            to_read += heapq.heappop(writing)[1]
    return Time(step, 1 - used / step)


def waiting(chains: Sequence[Chain], chunk: int, slots: int, budget: int) -> Time:
    """The same engine, asked in chunks: all texts first, then all that is read behind them."""
    steps, used = 0, 0.0
    for start in range(0, len(chains), chunk):
        some = chains[start : start + chunk]
        written = without_waiting([Chain(c.written, 0) for c in some], slots, budget)
        read = without_waiting([Chain(0, c.read) for c in some], slots, budget)
        for part in written, read:
            steps += part.steps
            used += part.steps * (1 - part.idle)
    return Time(steps, 1 - used / steps)


if __name__ == "__main__":
    app()
