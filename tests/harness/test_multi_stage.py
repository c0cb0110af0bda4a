"""Multi-stage requests: the interface, and what happens without the `faith` model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval.api.model import LM
from lm_eval.models.dummy import DummyLM
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from lm_eval_faith.asks import Stages
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.lm_eval_compat import belongs_to
from lm_eval_faith.harness.stages import MultiStageRequest, require_multi_stage

from ..instances import instances

DOCS = Path(__file__).resolve().parents[2] / "docs" / "multi_stage.md"
Evaluate = Callable[..., list[dict[str, Any]]]


def block(language: str) -> str:
    [text] = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return str(text)


def test_the_task_in_the_docs_takes_at_most_twenty_lines() -> None:
    task = block("python").split("class ")[1]
    assert len([line for line in task.splitlines() if line.strip()]) <= 20


def test_the_task_in_the_docs_scores_the_models_own_words(
    hf: Callable[..., HFLM], evaluate: Evaluate, tmp_path: Path
) -> None:
    questions = [{"question": f"Count to {i}: ", "answer": str(i)} for i in range(3)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    (tmp_path / "second_thoughts.py").write_text(block("python"))
    (tmp_path / "second_thoughts.yaml").write_text(
        block("yaml").replace("questions.jsonl", str(tmp_path / "questions.jsonl"))
    )
    plain = hf()
    samples = evaluate(FaithLM(plain), "second_thoughts", tmp_path)
    assert len(samples) == len(questions)
    settings = {"until": ["\n"], "max_gen_toks": 16}

    def write(context: str) -> str:
        asked = instances("generate_until", [(context, settings)])
        return str(plain.generate_until(asked)[0])

    def score(context: str, answer: str) -> float:
        asked = instances("loglikelihood", [(context, answer)])
        return float(plain.loglikelihood(asked)[0][0])

    for sample, question in zip(samples, questions):
        response = json.loads(sample["resps"][0][0])
        first, right = question["question"], f" {question['answer']}"
        first += write(first)
        doubt = first + "\nWait, let me check that. "
        second = doubt + write(doubt)
        assert response["text"] == second[len(question["question"]) :]
        cue = "\nSo the answer is"
        gain = score(second + cue, right) - score(first + cue, right)
        assert sample["gain"] == response["gain"] == pytest.approx(gain, abs=1e-4)


class Counting(DummyLM):  # type: ignore[misc]
    """A plain model that counts how often it is asked for anything."""

    asked = 0

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> Any:
        self.asked += 1
        return super().generate_until(requests, disable_tqdm)


def test_a_plain_model_is_refused_before_any_request_of_any_task(
    multi_stage_tasks: Path, tmp_path: Path
) -> None:
    stock = (multi_stage_tasks / "echo.yaml").read_text()
    stock = re.sub("class: .*\n", "", stock).replace("task: echo", "task: a_stock_task")
    (tmp_path / "stock.yaml").write_text(stock)
    folders = [str(multi_stage_tasks), str(tmp_path)]
    manager = TaskManager(include_path=folders, include_defaults=False)
    model = Counting()
    with pytest.raises(InputError, match="echo .* --model faith .* backend=NAME"):
        lm_eval.simple_evaluate(
            model=model, tasks=["a_stock_task", "echo"], task_manager=manager
        )
    assert model.asked == 0


def test_the_command_line_refuses_a_plain_model_in_one_sentence_with_exit_code_2(
    tiny_model: Path,
    tmp_path: Path,
    command: Callable[..., tuple[int, str, str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    code, shown, errors = command(
        *("run", "--model", "hf", "--device", "cpu"),
        *("--model_args", f"pretrained={tiny_model}"),
        *("--tasks", "cot_faith_generated_arith", "--output_path", tmp_path / "out"),
    )
    assert code == 2, errors
    assert "Traceback" not in errors
    assert "--model faith --model_args backend=NAME" in errors.splitlines()[-1]
    assert "Running" not in shown + errors + caplog.text


def never() -> Stages[None]:
    raise AssertionError


def test_a_plain_model_that_was_not_recognised_gives_the_same_sentence() -> None:
    request = MultiStageRequest(
        doc={}, arguments=(), idx=0, make=never, **belongs_to("echo", 0, 1)
    )
    model: LM = DummyLM()
    with pytest.raises(InputError, match="task echo .* --model faith"):
        getattr(model, request.request_type)([request])


def test_an_unknown_model_is_given_the_benefit_of_the_doubt() -> None:
    require_multi_stage(None, "echo")


def test_requests_are_not_cached_by_the_tasks_name(
    hf: Callable[..., HFLM], evaluate: Evaluate, caplog: pytest.LogCaptureFixture
) -> None:
    evaluate(FaithLM(hf()), limit=2, cache_requests=True)
    assert "--cache_requests is not used" in caplog.text
