"""vLLM plainly and behind its prefix cache, the same requests in one run; and what waiting between stages costs.

    python -m benchmarks.vllm scores --model models/smollm2-135m-instruct --hf 4
    python -m benchmarks.vllm idle ../shared/data/thought_anchors/traces.jsonl

`scores` needs vLLM (.ci/vllm makes an environment that has it) and runs its engine in this process, so that processor
time is that of all work. `idle` is a simulation and needs no model.
"""

from __future__ import annotations

import heapq
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.workloads import provided_chain
from lm_eval_faith.engines.tree import Pair, distinct_tokens

app = typer.Typer(add_completion=False, help=__doc__)


# --- scores ----------------------------------------------------------------------


@app.command()
def scores(
    model: Annotated[Path, typer.Option(help="directory of a causal LM")],
    problems: Annotated[int, typer.Option(help="provided chains")] = 2,
    steps: Annotated[int, typer.Option(help="of the long chain")] = 60,
    every: Annotated[int, typer.Option(help="of its steps one in so many")] = 10,
    hf: Annotated[int, typer.Option(help="so many requests of each by hf too")] = 4,
    dtype: str = "float32",
    block_size: int = 32,
) -> None:
    """Both ways in turn: seconds, tokens computed against distinct ones, largest difference."""
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    from lm_eval.api.registry import get_model  # type: ignore[import-untyped]

    backend = get_model("vllm")(
        pretrained=str(model),
        dtype=dtype,
        enforce_eager=True,
        block_size=block_size,
        max_model_len=2048,
        distributed_executor_backend="uni",
    )

    def encode(text: str) -> list[int]:
        tokens: list[int] = backend.tok_encode(text)
        return tokens

    rng = random.Random(0)
    provided = [pair for _ in range(problems) for pair in provided_chain(rng, encode)]
    long = provided_chain(
        random.Random(0),
        encode,
        load_bearing=steps - steps // 6,
        asides=steps // 6,
        interventions=("corrupt", "delete"),
    )
    sampled = [
        long[0],
        *(p for n in range(1, len(long), 2 * every) for p in long[n : n + 2]),
    ]
    choice = compare(backend, f"provided chains, {problems} problems", provided)
    compare(backend, f"a chain of {steps} steps, one in {every} changed", sampled)
    counted(f"provided chains, {problems} problems", provided)
    counted(f"a chain of {steps} steps, all changed", long)
    if hf:
        plain = get_model("hf")(pretrained=str(model), dtype=dtype, device="cpu")
        pairs = [*provided[:hf], *sampled[:hf]]
        difference = largest(behind_cache(choice, pairs)[0], plainly(plain, pairs))
        print(
            f"hf, {dtype}, {len(pairs)} requests: largest difference {difference:.1e} nats"
        )


def plainly(backend: Any, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """The harness's own way."""
    from lm_eval_faith.harness.lm_eval_compat import score_tokens

    requests = [(None, list(context), list(answer)) for context, answer in pairs]
    answers: list[tuple[float, bool]] = score_tokens(backend, requests, True)
    return answers


def behind_cache(
    choice: Any, pairs: Sequence[Pair]
) -> tuple[list[tuple[float, bool]], Any]:
    """Ours, with nothing cached; and what was read."""
    from lm_eval_faith.engines.prefix_cache import Counts

    choice.backend.model.reset_prefix_cache()
    choice.prefix_cache.counts, before = Counts(), choice.prefix_cache.counts
    choice.prefix_cache.counts.compared = before.compared  # proven stays proven
    requests = [(None, list(context), list(answer)) for context, answer in pairs]
    return choice(requests, True), choice.prefix_cache.counts


def proven(backend: Any, pairs: Sequence[Pair]) -> Any:
    """An engine that has proven itself on the first of the requests: once a run, four of them read twice."""
    from lm_eval_faith.harness.engine_choice import EngineChoice

    choice = EngineChoice(backend, "on", None)
    behind_cache(choice, pairs[:8])
    plainly(backend, pairs[:2])
    return choice


def largest(
    one: Sequence[tuple[float, bool]], other: Sequence[tuple[float, bool]]
) -> float:
    """Difference in nats."""
    return max(abs(a - b) for (a, _), (b, _) in zip(one, other, strict=True))


def compare(backend: Any, title: str, pairs: Sequence[Pair]) -> Any:
    """Time both ways, the proof done before, and print what came of it."""
    from benchmarks.scoring import timed

    choice = proven(backend, pairs)
    ours, (answers, counts) = timed(lambda: behind_cache(choice, pairs))
    plain, expected = timed(lambda: plainly(backend, pairs))
    ratio = plain.over(ours)
    least = distinct_tokens([(*context, *answer)[:-1] for context, answer in pairs])
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
    return choice


def counted(title: str, pairs: Sequence[Pair]) -> None:
    """What a prefix cache of this block size must compute of requests; nothing is run."""
    blocks = {size: computed_tokens(pairs, size) for size in (32, 16)}
    least = distinct_tokens([(*context, *answer)[:-1] for context, answer in pairs])
    print(
        f"{title}: {len(pairs)} requests, {least:,} distinct tokens; computed in blocks of "
        + ", of ".join(
            f"{size}: {n:,} ({n / least:.2f} times)" for size, n in blocks.items()
        )
    )


def computed_tokens(pairs: Sequence[Pair], block: int) -> int:
    """Tokens that are in no full block which another text began with, the last of each always."""
    seen: set[tuple[int, ...]] = set()
    total = 0
    for text in sorted((*context, *answer) for context, answer in pairs):
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
