"""A trained model as Hugging Face files."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from tokenizers import Tokenizer
from transformers import GenerationConfig, LlamaForCausalLM

from training.tokenizer import tokenizer_config

FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)


def save(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the model, each file whole; the folder is made if it is not there.

    Weights are kept in half precision, and the configuration has them read in single
    precision: files half as large, and scores without the noise of half precision.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as temporary:
        made = Path(temporary)
        _write(model, tokenizer, made)
        for name in FILES:
            os.chmod(made / name, 0o644)
            os.replace(made / name, folder / name)


def _write(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    model.half().save_pretrained(folder)
    model.float()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    # Older versions of transformers know the type by the second name.
    config |= {"dtype": "float32", "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(tokenizer_config(), "utf-8")
