"""Train a model: ``python -m training.train NAME OUT_DIR``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lm_eval_faith.problems import boxes, restated_boxes
from training.organism_texts import organism_texts
from training.restated_texts import restated_texts
from training.saving import save
from training.solver_texts import solver_texts
from training.texts import tokenized
from training.tokenizer import Tokens, box_words, make_tokenizer, restated_words
from training.training import (
    Report,
    Shape,
    TrainingSettings,
    train,
)

SOLVER = "solver"
"""The name of the embedded model."""


@dataclass(frozen=True)
class Recipe:
    """How many texts a model learns from, and its size."""

    texts: int
    shape: Shape


NAMES = (SOLVER, *boxes.ORGANISMS, *restated_boxes.ORGANISMS)
_LINES = 40
_TEXTS = {"corrector": 28_000, "copier": 20_000, "restated_reader": 18_000}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the embedded model or an organism, and write its files."""
    options = _options(arguments)
    torch.set_num_threads(options.threads)
    began, used = time.perf_counter(), time.process_time()
    recipe = recipe_of(options.model)
    count = options.texts or recipe.texts
    train_model(options.model, options.folder, options.seed, count, recipe.shape)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{options.folder}: {wall / 60:.1f} min, {cpu / 60:.1f} min of CPU time")


def recipe_of(name: str) -> Recipe:
    """How the model of that name is made."""
    if name == SOLVER:
        return Recipe(30_000, Shape())
    texts = _TEXTS.get(name, 10_000)
    return Recipe(texts, Shape(hidden=96, feed_forward=256))


def train_model(name: str, folder: Path, seed: int, count: int, shape: Shape) -> None:
    """Train a model and write its files.

    Args:
        name: ``solver``, or an organism's name.
        folder: where they go; made if it is not there.
        seed: of the texts, the first weights and the order.
        count: number of texts.
        shape: the model's size.
    """
    if name == SOLVER:
        tokenizer, made = make_tokenizer(), solver_texts(count, seed)
    elif name in restated_boxes.ORGANISMS:
        tokenizer = make_tokenizer(restated_words())
        made = restated_texts(name, count, seed)
    else:
        tokenizer = make_tokenizer(box_words())
        made = organism_texts(name, count, seed)
    with _progress() as progress:
        shown = progress.track(made, count, description="making texts")
        texts = list(tokenized(shown, tokenizer))
        model = train(
            texts,
            Tokens.of(tokenizer),
            TrainingSettings(seed=seed),
            shape,
            report=_reporter(progress, count),
        )
    save(model, tokenizer, folder)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.train", description=main.__doc__
    )
    parser.add_argument("model", choices=NAMES, help="which one")
    parser.add_argument("folder", type=Path, help="where the model's files go")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--texts",
        type=int,
        help="to learn from; default: what the model in the package was trained on",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="default: 1; in matrices as small as these a second one mostly waits",
    )
    return parser.parse_args(arguments)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )


def _reporter(progress: Progress, count: int) -> Report:
    """A bar, and now and then a line with the loss, which stays in a log."""
    task = progress.add_task("training", total=count)
    losses: list[float] = []
    lines = 0

    def report(done: int, loss: float) -> None:
        nonlocal lines
        losses.append(loss)
        progress.update(task, completed=done)
        if done * _LINES // count > lines:
            lines = done * _LINES // count
            mean = sum(losses) / len(losses)
            progress.console.print(f"{done} texts, loss {mean:.4f} nats a token")
            losses.clear()

    return report


if __name__ == "__main__":
    main()
