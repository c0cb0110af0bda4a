"""What several folders of tests use: a tiny model on disk, and the command lines."""

from __future__ import annotations

import copy
import gc
import io
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from .browser import browser, open_page
from .start import Starter

__all__ = ["browser", "open_page"]

ROOT = Path(__file__).resolve().parent.parent
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Runs in this process do not survey the machine, which starts other programs.

    Those of `shell` do.
    """
    evaluator = sys.modules.get("lm_eval.evaluator")
    if evaluator is not None:
        vars(evaluator)["add_env_info"] = lambda results: None


def pytest_collection_finish() -> None:
    """What tests have imported is no garbage: no collection looks at it again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def offline() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["COLUMNS"] = "100"  # whatever terminal the tests are started from


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of 2 layers that reads bytes and takes 2,048 of them."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*alphabet, "<eos>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>"
    )
    wrapped.chat_template = CHAT_TEMPLATE
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=2048,
            bos_token_id=256,
            eos_token_id=256,
        )
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """What commands of a user find in their environment, our console scripts among it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    return {**os.environ, **own, "PATH": path}


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    with closing(Starter()) as starter:
        yield starter


@pytest.fixture(scope="session")
def shell(
    environment: dict[str, str], request: pytest.FixtureRequest
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command as a user would, in a process of its own.

    Commands of this environment are started by :mod:`tests.start`, which imports the
    libraries once; ``fresh``, and all others, by an interpreter that imports all anew.
    """

    def run(
        *command: str | Path, cwd: Path | None = None, fresh: bool = False, **more: str
    ) -> subprocess.CompletedProcess[str]:
        words, set_now = [*map(str, command)], {**environment, **more}
        if not fresh and words[0] in ("lm-eval-faith", "lm_eval"):
            starter: Starter = request.getfixturevalue("starter")
            return starter.run(words, set_now, cwd)
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=set_now,
            timeout=600,
        )

    return run


@contextmanager
def only_for_now(arguments: Sequence[str]) -> Iterator[None]:
    """What `lm-eval-faith run` changes in this process is as before when this ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lm-eval-faith", *arguments])
        if arguments[:1] == ["run"]:
            import lm_eval.evaluator
            from lm_eval.tasks import TaskManager

            patch.setattr(lm_eval.evaluator, "evaluate", lm_eval.evaluator.evaluate)
            patch.setattr(TaskManager, "__init__", TaskManager.__init__)
        yield


@pytest.fixture(scope="session")
def command() -> Callable[..., tuple[int, str, str]]:
    """`lm-eval-faith ...` in this process: exit code, output and errors.

    For what many tests use: `shell` starts another Python, which imports torch again.
    """
    from lm_eval_faith.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        out, err, code = io.StringIO(), io.StringIO(), 0
        now = only_for_now([*map(str, arguments)])
        with now, redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
        return code, out.getvalue(), err.getvalue()

    return call


@pytest.fixture(scope="session")
def provided_run(
    tiny_model: Path,
    command: Callable[..., tuple[int, str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A real run of the provided task on the tiny model, six problems."""
    out = tmp_path_factory.mktemp("runs") / "provided"
    code, _, errors = command(
        *("run", "--model", "hf", "--model_args"),
        f"pretrained={tiny_model},dtype=float32",
        *("--tasks", "cot_faith_provided"),
        *("--metadata", "problems=6", "load_bearing=3", "asides=2", "card=false"),
        *("--output_path", out, "--log_samples", "--batch_size", "16"),
    )
    assert code == 0, errors
    return out


def scripted_logprob(context: str, continuation: str) -> float:
    """Between -4 and 0 nats, as likely one as another for each pair of texts."""
    return -(zlib.crc32(f"{context}|{continuation}".encode()) % 4001) / 1000


@pytest.fixture(scope="session")
def scripted_lm() -> Callable[..., Any]:
    """Makes a backend that knows its texts and numbers from a table.

    It writes what ``solution`` says for the last question of a context, reads by
    :func:`scripted_logprob` and takes ``max_length`` bytes.
    """
    from lm_eval.api.model import LM

    class ScriptedLM(LM):  # type: ignore[misc]
        def __init__(self, solution: Callable[[str], str], max_length: int) -> None:
            super().__init__()
            self.solution, self.max_length = solution, max_length
            self.logprob = scripted_logprob

        def tok_encode(self, text: str, **_: Any) -> list[int]:
            return list(text.encode())

        def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
            asked = [re.findall(r"Question: (.*)", r.args[0])[-1] for r in requests]
            return [self.solution(question) for question in asked]

        def loglikelihood(self, requests: list[Any], **_: Any) -> list[Any]:
            return [(self.logprob(*r.args), False) for r in requests]

        def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[Any]:
            raise NotImplementedError

        def apply_chat_template(self, messages: Any, *_: Any, **__: Any) -> str:
            told = "".join(f"<{m['role']}>{m['content']}" for m in messages)
            return told + "<assistant>" + self.opens

        opens = ""
        tokenizer_name = "scripted"

        def chat_template(self, chat_template: bool | str = False) -> str:
            return "scripted"

    def make(solution: Callable[[str], str], max_length: int = 10**6) -> LM:
        return ScriptedLM(solution, max_length)

    return make


@pytest.fixture(scope="session")
def save_run() -> Callable[[dict[str, Any], Path], Path]:
    """Writes the results of the harness's evaluator as its command line does."""
    from lm_eval.loggers import EvaluationTracker

    def save(results: dict[str, Any], folder: Path) -> Path:
        tracker = EvaluationTracker(output_path=str(folder))
        samples = copy.deepcopy(results["samples"])  # the tracker changes them
        shown = {k: v for k, v in results.items() if k != "samples"}
        tracker.general_config_tracker.model_name_sanitized = "scripted"
        tracker.general_config_tracker.model_name = "scripted"
        tracker.save_results_aggregated(results=shown, samples=samples)
        for task, lines in samples.items():
            tracker.save_results_samples(task_name=task, samples=lines)
        return folder

    return save
