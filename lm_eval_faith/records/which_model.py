"""Which model a results file is of, and what tells it from others of the same name.

The harness names a folder by the last of a model's arguments that looks like a name, so two
variants of a model (a dtype, a revision, a file of quantised weights) share one, and a model
that was given ready has a name drawn at random. A model is what its name, the arguments that
decide numbers, and a digest of its weights say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval_faith.shown import brief, without_secrets

OF_THE_MACHINE = frozenset(
    {
        "batch_size",
        "data_parallel_size",
        "device",
        "device_map_option",
        "gpu_memory_utilization",
        "max_batch_size",
        "max_retries",
        "num_concurrent",
        "parallelize",
        "swap_space",
        "tensor_parallel_size",
        "timeout",
    }
)
"""Arguments of backends that say how, not what, is computed."""

OF_THE_WRAPPER = frozenset({"backend", "chunk", "max_packed_tokens", "shared_prefix"})
"""Arguments of ``faith`` that are not its backend's; none of them changes what is asked."""

NAMES = ("peft", "delta", "pretrained", "model", "path", "engine")
"""The arguments by which the harness names a model, in its order."""

SAME_BACKEND = {"hf-auto": "hf", "huggingface": "hf"}

LONGEST_ARGUMENT = 300
"""Characters; what is longer was an object, and its text is no name of it."""


@dataclass(frozen=True)
class WhichModel:
    """One model, as a results file tells of it.

    Attributes:
        name: what it is called: the name that the user gave it, or the last part of its path.
        path: its name on the hub, or its folder; empty where there is none.
        arguments: the backend, and its arguments that decide numbers, sorted by name.
        weights: a digest of them, or the hub's; empty where neither is known.
    """

    name: str
    path: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    weights: str = ""


def arguments_given(given: object) -> dict[str, str]:
    """The arguments of a model, from a text or a mapping; none where it is neither."""
    if isinstance(given, str):
        pairs = (part.partition("=") for part in given.split(",") if "=" in part)
        given = {name.strip(): value.strip() for name, _, value in pairs}
    if not isinstance(given, Mapping):
        return {}
    return {str(name): str(value) for name, value in given.items()}


def arguments_that_count(given: object) -> dict[str, str]:
    """The arguments of a backend that decide its numbers, from a text or a mapping.

    What is no more than the address of an object in memory does not.
    """
    return {
        name: value
        for name, value in sorted(arguments_given(given).items())
        if name not in OF_THE_MACHINE | OF_THE_WRAPPER
        and len(value) <= LONGEST_ARGUMENT
        and " at 0x" not in value
    }


def which_model(results: Mapping[str, Any], folder: str) -> WhichModel:
    """The model of a results file.

    Args:
        results: the file's content.
        folder: the name of its folder, for a file that names no model.
    """
    config = _mapping(results.get("config"))
    recorded = _recorded(results)
    faith = _mapping(config.get("faith"))
    arguments = arguments_that_count(config.get("model_args"))
    path = next(
        (
            text
            for text in (
                *(arguments.get(name, "") for name in NAMES),
                faith.get("model"),
                recorded.get("path"),
            )
            if isinstance(text, str) and text
        ),
        "",
    )
    given_ready = results.get("model_source") == "CUSTOM"
    told = results.get("model_name") or results.get("model_source") or folder
    name = recorded.get("name") or (path if given_ready and path else told)
    weights = recorded.get("weights") or config.get("model_sha") or ""
    return WhichModel(
        name=last_part(str(name)),
        path=path,
        arguments=tuple(sorted({**arguments, "backend": _backend(config)}.items())),
        weights=str(weights),
    )


def last_part(name: str) -> str:
    """Of a path or of a name on the hub."""
    return name.rstrip("/").rsplit("/", 1)[-1]


def labels(models: Sequence[WhichModel]) -> list[str]:
    """What each of several models is called, where two of one name are told apart.

    By the arguments in which they differ; where they are alike, by their weights. Equal
    models have equal labels.
    """
    variants: dict[str, list[WhichModel]] = defaultdict(list)
    for model in dict.fromkeys(models):
        variants[model.name].append(model)
    found: dict[WhichModel, str] = {}
    for name, those in variants.items():
        for model, apart in zip(those, _apart(those), strict=True):
            found[model] = f"{name} ({', '.join(apart)})" if apart else name
    return [found[model] for model in models]


def _apart(those: Sequence[WhichModel]) -> list[list[str]]:
    """For each of several models of one name, the arguments in which they differ."""
    names = sorted({name for model in those for name, _ in model.arguments})
    values = [without_secrets(dict(model.arguments)) for model in those]
    differ = [name for name in names if len({v.get(name) for v in values}) > 1]
    told = [
        [f"{name}={brief(v[name])}" for name in differ if name in v] for v in values
    ]
    alike = {tuple(t) for t in told if told.count(t) > 1}
    return [
        [*t, *([f"weights {model.weights[:8]}"] if model.weights else [])]
        if tuple(t) in alike
        else t
        for t, model in zip(told, those, strict=True)
    ]


def _backend(config: Mapping[str, Any]) -> str:
    """The name or class of what ran the model, whether ``faith`` wrapped it or not."""
    name = str(config.get("model", ""))
    given = _mapping(config.get("model_args")).get("backend", "hf")
    if name == "faith":
        name = str(given)
    elif name == "FaithLM":
        name = str(_mapping(config.get("faith")).get("backend", name))
    return SAME_BACKEND.get(name, name)


def _recorded(results: Mapping[str, Any]) -> dict[str, str]:
    """What our tasks say of the model: the name that the user gave it, path, and weights."""
    found: dict[str, str] = {}
    for config in _mapping(results.get("configs")).values():
        task = _mapping(config)
        given = {
            **_mapping(task.get("running_model")),
            "name": _mapping(task.get("metadata")).get("model_name"),
        }
        found |= {k: v for k, v in given.items() if isinstance(v, str) and v}
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
