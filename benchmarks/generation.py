"""How much faster `faith` writes texts than the harness's `hf` backend, and whether they are the same.

    python -m benchmarks.generation DIRECTORY --batch 8 32 --tokens 100

Both ways in one process, in turn, on the same word problems, each batch once; seconds of processor time, because a
machine that others use too has no other steady clock. `--vllm` writes them by the harness's `vllm` too, which puts its
batches together itself.
"""

from __future__ import annotations

import argparse
import logging
import random
import time
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM  # type: ignore[import-untyped]

from benchmarks.vllm import vllm_backend
from benchmarks.workloads import NAMES, THINGS
from lm_eval_faith.harness.written_text import WrittenText


def prompts(count: int, backend: HFLM) -> list[str]:
    """Word problems of different lengths, in the model's chat template where it has one."""
    rng = random.Random(0)
    found = []
    for _ in range(count):
        name, thing = rng.choice(NAMES), rng.choice(THINGS)
        changes = [rng.randint(2, 19) for _ in range(rng.randint(1, 4))]
        text = (
            f"{name} has {rng.randint(20, 60)} {thing} and gets {', then '.join(map(str, changes))} more. "
            "How many are there? Think step by step."
        )
        found.append(
            backend.apply_chat_template([{"role": "user", "content": text}])
            if backend.tokenizer.chat_template
            else f"Question: {text}\nReasoning:"
        )
    return found


def written(
    way: Any, backend: HFLM, texts: list[str], tokens: int
) -> tuple[float, list[str]]:
    """Seconds of processor time, and the texts."""
    settings = {"until": ["\n\n"], "max_gen_toks": tokens, "do_sample": False}
    requests = [
        Instance("generate_until", {}, (text, settings), index)
        for index, text in enumerate(texts)
    ]
    begin = time.process_time()
    found = way.generate_until(requests, disable_tqdm=True)
    return time.process_time() - begin, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--vllm", action="store_true")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    heads = ["batch", "tokens of hf's texts", "hf, tokens/s", "faith, tokens/s"]
    heads += ["ratio", "texts that differ", *["vllm, tokens/s"] * arguments.vllm]
    print(f"| {' | '.join(heads)} |\n| {' | '.join('---' for _ in heads)} |")
    backend = HFLM(
        pretrained=arguments.directory,
        dtype=arguments.dtype,
        device="cpu",
        batch_size=1,
    )
    third = (
        vllm_backend(arguments.directory, arguments.dtype) if arguments.vllm else None
    )
    for batch in arguments.batch:
        backend.batch_size_per_gpu = batch
        texts = prompts(batch, backend)
        for _ in range(arguments.repeats):
            ours, mine = written(WrittenText(backend), backend, texts, arguments.tokens)
            plain, expected = written(backend, backend, texts, arguments.tokens)
            tokens = sum(len(backend.tok_encode(text)) for text in expected)
            differ = sum(
                one.strip() != two.strip()
                for one, two in zip(mine, expected, strict=True)
            )
            cells = [batch, tokens, f"{tokens / plain:.1f}", f"{tokens / ours:.1f}"]
            cells += [f"{plain / ours:.2f}", differ]
            if third is not None:
                took, other = written(third, third, texts, arguments.tokens)
                made = sum(len(backend.tok_encode(text)) for text in other)
                cells.append(f"{made / took:.1f}")
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
