"""What users reported in public threads of this and other projects, tried on this plugin.

Each test names the thread. Others that were tried stand with what they are about: seams
(EleutherAI/lm-evaluation-harness#1053, #1297, #3336, #4055) in test_seam.py, repeats from
one cache (#3046) in test_resume.py, thinking that was cut off (#3382) in test_thinking.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accelerate
import lm_eval
import pytest
from lm_eval.api.model import CachingLM
from lm_eval.models.huggingface import HFLM

import lm_eval_faith
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.response_cache import digest_of_weights
from lm_eval_faith.harness.written_text import whole_characters
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.run import load_run

from ..hostile import write_run
from ..instances import instances

MakeHF = Callable[..., HFLM]

PAIRS = [(f"{n} and {m} make", f" {n + m}") for n in range(5) for m in (1, 22, 333)]


def ask(model: Any) -> list[float]:
    answers = model.loglikelihood(instances("loglikelihood", PAIRS))
    return [logprob for logprob, _ in answers]


def test_half_a_character_in_a_generation_loses_no_samples(
    scripted_lm: Any, save_run: Any, tmp_path: Path
) -> None:
    """strands-rl/strands-env#211: a server sent half a surrogate pair, and the file of
    samples could not be written. The harness says "Could not save sample results" only."""
    chain = word_problem(WordProblemSettings(), 0).chain
    told = f"Well \ud835. {chain.text} The answer is {chain.answer}."
    done = lm_eval.simple_evaluate(
        model=FaithLM(scripted_lm(lambda question: told)),
        tasks=["cot_faith_generated_arith"],
        task_manager=lm_eval_faith.task_manager(
            include_defaults=False,
            metadata={"problems": 1, "interventions": "delete"},
        ),
        bootstrap_iters=0,
    )
    (task,) = load_run(save_run(done, tmp_path)).tasks
    assert "Well \ufffd. " in task.chains[0].chain
    assert whole_characters("a\ud835\udc00b \udc00") == "a\U0001d400b \ufffd"
    assert whole_characters("as it was 中") == "as it was 中"


def test_texts_of_any_language_are_written_and_read_under_any_locale(
    shell: Any, tmp_path: Path
) -> None:
    """EleutherAI/lm-evaluation-harness#2027, huggingface/datasets#8648: files were written
    or read in the locale's encoding."""
    run = write_run(tmp_path / "run", ["ˈəʊ", "数を足す", "Größe 🤗"], "modèle-中")
    outs = ("--html", tmp_path / "r.html", "--steps", tmp_path / "s.csv")
    done = shell(
        *("lm-eval-faith", "report", run, "--n-resamples", "20", *outs),
        fresh=True,
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )
    assert done.returncode == 0, done.stderr
    assert "数を足す" in (tmp_path / "s.csv").read_text(encoding="utf-8")
    assert "Größe" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_model_that_is_spread_over_devices_gives_the_same_numbers(
    hf: MakeHF, tmp_path: Path
) -> None:
    """EleutherAI/lm-evaluation-harness#1575, #1220: tensors on different devices. Here some
    weights lie on the disk, and are nowhere between the layers' own passes."""
    expected = ask(hf())
    backend = hf()
    places = {
        "model.embed_tokens": "cpu",
        "model.layers.0": "disk",
        "model.layers.1": "cpu",
        "model.norm": "cpu",
        "model.rotary_emb": "cpu",
        "lm_head": "disk",
    }
    accelerate.dispatch_model(
        backend.model, places, main_device="cpu", offload_dir=str(tmp_path)
    )
    assert any(p.is_meta for p in backend.model.parameters())
    assert digest_of_weights(backend.model) == ""  # what is at hand says too little
    model = FaithLM(backend)
    assert ask(model) == pytest.approx(expected, abs=1e-4)
    caching = CachingLM(model, str(tmp_path / "cache.db"))
    assert ask(caching) == ask(CachingLM(FaithLM(backend), str(tmp_path / "cache.db")))


def test_the_batch_size_does_not_change_what_is_measured(hf: MakeHF) -> None:
    """EleutherAI/lm-evaluation-harness#704, #3055, huggingface/transformers#26869."""
    alone = ask(hf(batch_size=1))
    for size in (4, 7, 64):
        assert ask(FaithLM(hf(batch_size=size))) == pytest.approx(alone, abs=1e-4)
        plain = FaithLM(hf(batch_size=size), shared_prefix="off")
        assert ask(plain) == pytest.approx(alone, abs=1e-4)


def test_a_run_whose_answers_are_all_kept_asks_nothing_of_the_backend(
    hf: MakeHF, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EleutherAI/lm-evaluation-harness#2141: backends that take no empty list."""
    path = str(tmp_path / "cache.db")
    first = ask(CachingLM(FaithLM(hf()), path))
    again = CachingLM(FaithLM(hf()), path)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(HFLM, "loglikelihood", refuse)
    assert ask(again) == first


def test_the_files_of_a_run_hold_numbers_and_no_objects(provided_run: Path) -> None:
    """EleutherAI/lm-evaluation-harness#934: a number of numpy ended the writing."""
    for file in provided_run.rglob("*.json*"):
        for line in (
            file.read_text(encoding="utf-8").splitlines()
            if file.suffix == ".jsonl"
            else [file.read_text(encoding="utf-8")]
        ):
            json.loads(line, parse_constant=pytest.fail)
