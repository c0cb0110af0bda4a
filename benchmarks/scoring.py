"""How much faster shared-prefix scoring is than the harness's `hf` backend, and how far from the least work.

    python -m benchmarks.scoring --quick
    python -m benchmarks.scoring chains vocabulary --model DIRECTORY

Both ways run in one process, in pairs, in turn; the ratio is the median over pairs. Without `--model`, a model of
SmolLM2-135M's shape with random weights stands for it: speed does not depend on what the weights are.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3TextConfig,
    LlamaConfig,
    PreTrainedModel,
)

from benchmarks.workloads import Encode, multiple_choice, provided_chain, word_encoder
from lm_eval_faith.engines.matrix_products import fast_products
from lm_eval_faith.engines.shared_prefix import DEFAULT_MAX_PACKED_TOKENS, score
from lm_eval_faith.engines.tree import Pair, build, truncate

MAX_LENGTH = 2048
SMALL = LlamaConfig(
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    vocab_size=49152,
    max_position_embeddings=8192,
    tie_word_embeddings=True,
)
LARGE_VOCABULARY = Gemma3TextConfig(
    hidden_size=640,
    intermediate_size=2048,
    num_hidden_layers=18,
    num_attention_heads=4,
    num_key_value_heads=1,
    head_dim=256,
    vocab_size=262144,
    sliding_window=512,
    max_position_embeddings=32768,
)
LENGTHS = (5, 10, 20, 40, 80)
SAMPLED = 24


def load(directory: str | None) -> tuple[PreTrainedModel, Encode]:
    """The model to measure, in single precision, and its tokenizer or one that stands for it."""
    if directory is None:
        return random_model(SMALL), word_encoder(SMALL.vocab_size)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    return model, lambda text: list(tokenizer.encode(text, add_special_tokens=False))


def random_model(config: Any) -> PreTrainedModel:
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    model.requires_grad_(False)
    model.train(False)
    return model


def plainly(model: PreTrainedModel, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """The answers of the harness's own backend."""
    from lm_eval.models.huggingface import HFLM  # type: ignore[import-untyped]
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer(models.WordLevel({"</s>": 0})), eos_token="</s>"
    )
    backend = HFLM(pretrained=model, tokenizer=tokenizer, max_length=MAX_LENGTH)
    requests = [
        ((str(index), ""), list(context), list(answer))
        for index, (context, answer) in enumerate(pairs)
    ]
    answers: list[tuple[float, bool]] = backend._loglikelihood_tokens(
        requests, disable_tqdm=True
    )
    return answers


def shared(model: PreTrainedModel, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """The answers of shared-prefix scoring."""
    scored = sorted(
        score(model, pairs, max_length=MAX_LENGTH), key=lambda answer: answer.index
    )
    return [(answer.logprob, answer.is_greedy) for answer in scored]


def dense(model: PreTrainedModel, tokens: int, length: int) -> None:
    """The floor: the body of the model over so many tokens in texts of one length, no logits and no padding."""
    rows = max(DEFAULT_MAX_PACKED_TOKENS // length, 1)
    with torch.no_grad():
        while tokens > 0:
            batch = min(rows, -(-tokens // length))
            width = min(length, tokens)
            model.base_model(
                torch.randint(model.config.vocab_size, (batch, width)), use_cache=False
            )
            tokens -= batch * width


class Seconds(NamedTuple):
    """How long something took."""

    wall: float
    processor: float
    """Over all threads of this process; the steadier of the two where others use the machine too."""

    def over(self, other: Seconds) -> Seconds:
        return Seconds(self.wall / other.wall, self.processor / other.processor)


def timed(action: Callable[[], Any]) -> tuple[Seconds, Any]:
    """The time of an action, and what it returned."""
    wall, processor = time.perf_counter(), time.process_time()
    result = action()
    return Seconds(time.perf_counter() - wall, time.process_time() - processor), result


def dense_with_our_products(model: PreTrainedModel, tokens: int, length: int) -> None:
    """The same floor with the matrix products that scoring uses; where those are torch's own, it is `dense`."""
    with fast_products(model.device):
        dense(model, tokens, length)


FLOORS = {"floor": dense, "with our products": dense_with_our_products}


def compare(
    title: str,
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    repeats: int,
    floor: bool = False,
) -> None:
    """Time both ways in turn and print what came of it; with `floor`, time the least work too, before and after."""
    texts = [truncate(pair, MAX_LENGTH) for pair in pairs]
    total, distinct = sum(map(len, texts)), len(build(pairs, MAX_LENGTH))
    print(
        f"\n{title}: {len(pairs)} requests, {total} tokens, {distinct} distinct (one in {total / distinct:.2f})"
    )
    some = list(pairs[:8])
    shared(model, some), plainly(model, some)
    floors = {
        name: partial(way, model, distinct, total // len(texts))
        for name, way in FLOORS.items()
        if floor
    }
    found: dict[str, list[Seconds]] = {}
    for _ in range(repeats):
        least = {name: [timed(way)[0]] for name, way in floors.items()}
        ours, answers = timed(lambda: shared(model, pairs))
        for name, way in floors.items():
            least[name].append(timed(way)[0])
        plain, expected = timed(lambda: plainly(model, pairs))
        found.setdefault("ratio", []).append(plain.over(ours))
        line = f"  plain {plain.wall:7.1f} s  shared {ours.wall:6.1f} s  ratio {plain.over(ours).wall:5.2f}"
        for name, times in least.items():
            mean = Seconds(*map(statistics.mean, zip(*times, strict=True)))
            found.setdefault(f"{name}/shared", []).append(mean.over(ours))
            line += f"  {name} {mean.wall:6.1f} s"
        difference = max(
            abs(one[0] - two[0]) for one, two in zip(answers, expected, strict=True)
        )
        greedy = sum(
            one[1] != two[1] for one, two in zip(answers, expected, strict=True)
        )
        print(
            f"{line}  largest difference {difference:.1e} nats, {greedy} of is_greedy differ",
            flush=True,
        )
    for name, values in found.items():
        wall, processor = (
            statistics.median(column) for column in zip(*values, strict=True)
        )
        print(
            f"  median {name}: {wall:.2f} by the clock, {processor:.2f} by processor time",
            flush=True,
        )


def chains(encode: Encode, problems: int) -> list[Pair]:
    rng = random.Random(0)
    return [pair for _ in range(problems) for pair in provided_chain(rng, encode)]


def long_chain(encode: Encode, steps: int) -> list[Pair]:
    """Corruption and deletion at each step of one chain; 60 steps make about 1,500 tokens."""
    return provided_chain(
        random.Random(0),
        encode,
        load_bearing=steps - steps // 6,
        asides=steps // 6,
        interventions=("corrupt", "delete"),
    )


def peak_memory(way: str, directory: str | None, steps: int) -> None:
    """Print, for the parent process, the bytes held before and at most while scoring."""
    model, encode = load(directory)
    pairs = long_chain(encode, steps)
    with torch.no_grad():
        model.base_model(torch.zeros(1, 64, dtype=torch.long))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (plainly if way == "plain" else shared)(model, pairs[:12])
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([before * 1024, after * 1024]))


def memory(directory: str | None, steps: int) -> None:
    """Peak resident memory of both ways on the first requests about a long chain, each in a process of its own."""
    print(f"\nmemory, chain of {steps} steps, 12 requests:")
    for way in ("plain", "shared"):
        command = [
            sys.executable,
            "-m",
            __spec__.name,
            "memory",
            "--way",
            way,
            "--steps",
            str(steps),
        ]
        command += ["--model", directory] if directory else []
        output = subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout
        before, after = json.loads(output.splitlines()[-1])
        print(
            f"  {way:6s} peak {after / 2**20:6.0f} MiB, of which {(after - before) / 2**20:5.0f} MiB by scoring",
            flush=True,
        )


def cost_against_length(
    model: PreTrainedModel, encode: Encode, lengths: Sequence[int], figure: str | None
) -> None:
    """Time for all requests about one chain against its number of steps.

    Plain scoring reads each request by itself, so of more than `SAMPLED` requests an even sample is timed, and its time
    is scaled by the tokens.
    """
    print("\ncost against length, corrupt and delete at each step:")
    print(
        "| steps | requests | tokens | distinct | plain s | shared s | ratio |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )
    rows = []
    for steps in lengths:
        pairs = long_chain(encode, steps)
        sample = pairs[:: -(-len(pairs) // SAMPLED)]
        total, sampled = (
            sum(len(context) + len(answer) - 1 for context, answer in some)
            for some in (pairs, sample)
        )
        ours = timed(partial(shared, model, pairs))[0].wall
        plain = timed(partial(plainly, model, sample))[0].wall * total / sampled
        rows.append((steps, plain, ours))
        distinct = len(build(pairs, MAX_LENGTH))
        print(
            f"| {steps} | {len(pairs)} | {total} | {distinct} | {plain:.1f} | {ours:.1f} | {plain / ours:.1f} |",
            flush=True,
        )
    if figure is not None:
        draw_length(rows, figure)


def draw_length(rows: Sequence[tuple[int, float, float]], figure: str) -> None:
    """Draw seconds, plain and shared, against numbers of steps."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    steps, plain, ours = zip(*rows, strict=True)
    drawing = Figure(figsize=(6, 4), layout="constrained")
    axes = drawing.subplots()
    axes.loglog(steps, plain, marker="o", label="hf")
    axes.loglog(steps, ours, marker="s", label="shared prefixes")
    axes.set(
        title="All requests about one chain: corrupt and delete at each step",
        xlabel="steps in the chain",
        ylabel="seconds",
    )
    axes.set_xticks(steps, [str(number) for number in steps])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend()
    drawing.savefig(figure)


def cost_of_proof(
    title: str, model: PreTrainedModel, pairs: Sequence[Pair], repeats: int
) -> None:
    """Print what the proof adds to scoring: in tokens, and in processor time with and without, in turn."""
    from lm_eval_faith.engines import prove

    def with_proof() -> Any:
        proof = prove(model, pairs, max_length=MAX_LENGTH)
        assert proof.reason is None, proof.reason
        return len(list(proof.answers)), proof

    distinct = len(build(pairs, MAX_LENGTH))
    longest = max(len(truncate(pair, MAX_LENGTH)) for pair in pairs)
    shared(model, pairs[:2])
    added = []
    for _ in range(repeats):
        plain = timed(lambda: shared(model, pairs))[0].processor
        proven, (_, proof) = timed(with_proof)
        added.append(proven.processor / plain - 1)
    print(
        f"| {title} | {len(pairs)} | {distinct} | {plain:.1f} | {proof.read} ({proof.read / distinct:.1%}) "
        f"| {proof.reach.depth} of {longest} | {statistics.median(added):.1%} |",
        flush=True,
    )


PARTS = ("chains", "vocabulary", "long", "memory", "choices", "length", "proof")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scoring",
        description=__doc__.split("\n")[0],
    )
    parser.add_argument(
        "parts",
        nargs="*",
        choices=[*PARTS, []],
        help=f"what to measure, of: {', '.join(PARTS)}",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer and shorter problems: minutes instead of an hour",
    )
    parser.add_argument(
        "--model", help="directory of a causal LM, such as SmolLM2-135M-Instruct"
    )
    parser.add_argument("--repeats", type=int, default=3, help="pairs of measurements")
    parser.add_argument(
        "--problems", type=int, help="provided-chain problems (30; quick: 4)"
    )
    parser.add_argument(
        "--steps", type=int, help="steps of the long chain (60; quick: 30)"
    )
    parser.add_argument("--figure", help="file for the figure of cost against length")
    parser.add_argument("--way", choices=["plain", "shared"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    problems = arguments.problems or (4 if arguments.quick else 30)
    steps = arguments.steps or (30 if arguments.quick else 60)
    if arguments.way:
        return peak_memory(arguments.way, arguments.model, steps)
    parts = arguments.parts or PARTS
    model, encode = load(arguments.model)
    print(
        f"{model.config.model_type}, {model.num_parameters() / 1e6:.0f}M parameters, {torch.get_num_threads()} threads"
    )
    if "chains" in parts:
        compare(
            "provided chains",
            model,
            chains(encode, problems),
            arguments.repeats,
            floor=True,
        )
    if "vocabulary" in parts:
        large = random_model(LARGE_VOCABULARY)
        pairs = chains(word_encoder(LARGE_VOCABULARY.vocab_size), problems)
        compare(
            "provided chains, vocabulary of 262,144",
            large,
            pairs,
            arguments.repeats,
            floor=True,
        )
    if "long" in parts:
        compare(
            f"chain of {steps} steps",
            model,
            long_chain(encode, steps),
            1 if arguments.quick else arguments.repeats,
        )
    if "memory" in parts:
        memory(arguments.model, steps)
    if "choices" in parts:
        pairs = multiple_choice(
            random.Random(0), encode, questions=8 if arguments.quick else 25
        )
        compare("5-shot multiple choice, 4 choices", model, pairs, arguments.repeats)
    if "proof" in parts:
        print(
            "\n| requests about | requests | distinct | s | read plainly | longest text compared | time added |"
            "\n| --- | --- | --- | --- | --- | --- | --- |"
        )
        for title, pairs in {
            "a trace of 12 steps": long_chain(encode, 12),
            f"a trace of {steps} steps": long_chain(encode, steps),
            f"{problems} provided problems": chains(encode, problems),
        }.items():
            cost_of_proof(title, model, pairs, arguments.repeats)
    if "length" in parts:
        cost_against_length(
            model, encode, LENGTHS[:3] if arguments.quick else LENGTHS, arguments.figure
        )


if __name__ == "__main__":
    main()
