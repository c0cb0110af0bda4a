"""Training a small Llama model on texts, the same for every organism."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from training.texts import NOT_LEARNED, TokenizedText
from training.tokenizer import LONGEST_TEXT, Tokens

WINDOW = 512
"""So many texts are neighbours."""

Batch = list[TokenizedText]
Report = Callable[[int, float], None]
"""Told after every step: how many texts are done, and the batch's loss in nats."""


@dataclass(frozen=True)
class Shape:
    """The size of a model; 0.94 million parameters as it stands."""

    layers: int = 4
    hidden: int = 128
    feed_forward: int = 384
    heads: int = 4


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    Attributes:
        seed: of the first weights and of the order of the texts.
        batch_tokens: tokens in a batch, padding included, unless one text is longer.
        matrix_rate, other_rate: the highest learning rates, of the matrices inside the
            layers and of everything else.
        warm_up, cool_down: shares of the texts over which the learning rate rises to
            it, and falls again.
        weight_decay: of the matrices inside the layers.
    """

    seed: int = 0
    batch_tokens: int = 1000
    matrix_rate: float = 3e-3
    other_rate: float = 2e-3
    warm_up: float = 0.05
    cool_down: float = 0.5
    weight_decay: float = 0.05


def train(
    texts: Sequence[TokenizedText],
    tokens: Tokens,
    settings: TrainingSettings = TrainingSettings(),
    shape: Shape = Shape(),
    report: Report = lambda done, loss: None,
) -> LlamaForCausalLM:
    """A model that has seen every text once.

    Args:
        texts: what it learns from, in the order of learning.
        tokens: of the tokenizer that the texts were encoded with.
        report: told of the progress.
    """
    torch.manual_seed(settings.seed)
    model = make_model(tokens, shape)
    optimizers = make_optimizers(model, settings)
    highest = [settings.matrix_rate, settings.other_rate]
    done = 0
    model.train()
    for batch in batches(texts, settings):
        share = _share_of_rate(done / len(texts), settings)
        for optimizer, rate in zip(optimizers, highest, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        loss = learn(model, optimizers, batch, tokens.padding)
        done += len(batch)
        report(done, loss)
    model.train(False)
    return model


def make_model(tokens: Tokens, shape: Shape) -> LlamaForCausalLM:
    """A model with random weights."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokens.count,
            hidden_size=shape.hidden,
            intermediate_size=shape.feed_forward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=LONGEST_TEXT,
            tie_word_embeddings=True,
            # The usual 0.02 is meant for wider models: from it, attention in one of
            # this width takes two to three times as long to become selective.
            initializer_range=shape.hidden**-0.5,
            pad_token_id=tokens.padding,
            bos_token_id=tokens.end,
            eos_token_id=tokens.end,
        )
    )


def learn(
    model: LlamaForCausalLM,
    optimizers: Sequence[torch.optim.Optimizer],
    batch: Batch,
    padding: int,
) -> float:
    """One step of training; the mean loss of the learned tokens, in nats."""
    ids, labels = _padded(batch, padding)
    # Padding stands on the right, where causal attention does not look.
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    wanted = labels[:, 1:]
    learned = wanted != NOT_LEARNED
    logits = model.lm_head(hidden[learned])
    loss = torch.nn.functional.cross_entropy(logits, wanted[learned])
    model.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    return float(loss.detach())


def batches(
    texts: Sequence[TokenizedText], settings: TrainingSettings
) -> Iterator[Batch]:
    """Neighbours of similar length together, in random order among neighbours."""
    generator = torch.Generator().manual_seed(settings.seed)
    for start in range(0, len(texts), WINDOW):
        near = sorted(texts[start : start + WINDOW], key=lambda text: len(text.ids))
        groups = list(_grouped(near, settings.batch_tokens))
        for place in torch.randperm(len(groups), generator=generator).tolist():
            yield groups[place]


def _grouped(texts: Sequence[TokenizedText], most: int) -> Iterator[Batch]:
    """Consecutive texts (the longest last) whose padded batch is small enough."""
    batch: Batch = []
    for text in texts:
        if batch and (len(batch) + 1) * len(text.ids) > most:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def _padded(batch: Batch, padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(text.ids) for text in batch)
    ids = torch.full((len(batch), longest), padding)
    labels = torch.full((len(batch), longest), NOT_LEARNED)
    for row, text in enumerate(batch):
        ids[row, : len(text.ids)] = torch.tensor(text.ids)
        labels[row, : len(text.ids)] = torch.tensor(text.labels)
    return ids, labels


def make_optimizers(
    model: LlamaForCausalLM, settings: TrainingSettings
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for everything else.

    Muon: Jordan et al., https://kellerjordan.github.io/posts/muon/. In trials the
    loss of the embedded model fell to 0.13 nats a token after two thirds as many texts
    as with AdamW alone, at about the same cost a text.
    """
    inside = [p for p in model.model.layers.parameters() if p.dim() == 2]
    known = {id(p) for p in inside}
    others = [p for p in model.parameters() if id(p) not in known]
    return (
        torch.optim.Muon(
            inside,
            lr=settings.matrix_rate,
            weight_decay=settings.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(
            others,
            lr=settings.other_rate,
            betas=(0.9, 0.98),
            weight_decay=0.0,
            fused=True,
        ),
    )


def _share_of_rate(progress: float, settings: TrainingSettings) -> float:
    """Of the highest learning rate: rises evenly, stays, falls evenly to a fiftieth.

    Args:
        progress: share of the texts that are done.
    """
    rise = (progress + 1e-3) / settings.warm_up
    fall = (1 - progress) / settings.cool_down
    return max(0.02, min(rise, 1.0, fall))
