"""The store of responses (``--use_cache``): whose answers it holds.

The harness finds an answer by the text of its request alone. So a store that two models
share gives the second the first one's numbers.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from lm_eval_faith.errors import InputError
from lm_eval_faith.records.which_model import arguments_that_count

logger = logging.getLogger(__name__)

OWNER = "lm_eval_faith model"
"""The key under which a store says whose answers it holds."""
VALUES_READ = 64
"""Of each tensor of the weights, evenly spread."""


def claim(store: MutableMapping[str, Any], owner: Mapping[str, str]) -> None:
    """Write into a store whose answers it holds; what is not known of a model is left open.

    Raises:
        InputError: they are another model's.
    """
    found = store.get(OWNER) or {}
    differ = [
        name
        for name, value in owner.items()
        if value and found.get(name) and found[name] != value
    ]
    if differ:
        raise InputError(
            f"--use_cache: {getattr(store, 'filename', 'the store')} holds answers of "
            f"another model ({_told(found, differ)}; this one: {_told(owner, differ)}): "
            "give each model a store of its own"
        )
    if not found:
        if len(store):
            logger.warning(
                "--use_cache: %s holds answers that do not say of which model; they are "
                "taken for this one's",
                getattr(store, "filename", "the store"),
            )
        store[OWNER] = dict(owner)


def _told(owner: Mapping[str, str], names: list[str]) -> str:
    return ", ".join(f"{name} {owner.get(name, 'unknown')}" for name in names)


def owner_of(backend: Any, arguments: object) -> dict[str, str]:
    """What tells a model from others: its class, its arguments, a digest of its weights.

    Args:
        backend: the model.
        arguments: a text or a mapping; None where they are not known.
    """
    given = arguments_that_count(arguments)
    return {
        "class": type(backend).__name__,
        "arguments": "" if arguments is None else json.dumps(given, sort_keys=True),
        "weights": digest_of_weights(getattr(backend, "model", None)),
    }


def model_path(backend: Any) -> str:
    """The name or path of a backend's model, empty where it has none."""
    given = getattr(backend, "pretrained", "")
    return str(getattr(given, "name_or_path", given) or "")


def digest_of_weights(model: Any) -> str:
    """A digest of names, shapes, types and some values of all tensors of a torch module.

    Empty where there is none, or some of its tensors are not at hand: what is known of the
    others would differ from machine to machine.
    """
    try:
        tensors = model.state_dict()
    except (AttributeError, RuntimeError):
        return ""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        if not isinstance(tensor, torch.Tensor):
            continue
        if tensor.is_meta:
            return ""
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        if tensor.numel():
            try:
                flat = tensor.detach().reshape(-1)
                some = flat[:: max(1, len(flat) // VALUES_READ)][:VALUES_READ]
                bytes_of = some.cpu().contiguous().view(torch.uint8).numpy().tobytes()
            except (RuntimeError, TypeError, NotImplementedError):
                continue  # a quantised tensor of a class of its own
            digest.update(bytes_of)
    return digest.hexdigest()[:16]
