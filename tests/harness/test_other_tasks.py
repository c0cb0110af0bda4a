"""Tasks of the harness whose answers are generated: their prompts, stops and filters."""

import json
import re
from pathlib import Path

import lm_eval
import pytest
import yaml

import lm_eval_faith
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.records.samples import responses_of

from .test_choices import CHAINS, write

TASK = "cot_faith_generated"
PROBLEMS = [
    {"question": question, "answer": f"{chain.text}\n#### {chain.answer}"}
    for question, chain in CHAINS.items()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    write(folder, "my_gsm", "gsm8k/gsm8k-cot.yaml", PROBLEMS)
    several = {
        "task": "my_drop",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": str(folder / "my_drop.jsonl")},
        "test_split": "train",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answers}}",
        "generation_kwargs": {"until": ["@"], "max_gen_toks": 77},
        "metric_list": [{"metric": "exact_match"}],
    }
    (folder / "my_drop.yaml").write_text(yaml.safe_dump(several))
    rows = [
        {"question": f"Question: {p['question']}", "answers": ["none", a]}
        for p, a in zip(PROBLEMS, (c.answer for c in CHAINS.values()), strict=True)
    ]
    lines = (json.dumps(row) + "\n" for row in rows)
    (folder / "my_drop.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def evaluate(scripted_lm, folder):
    def run(solution, asked=None, task=TASK, **more):
        lm = scripted_lm(lambda question: "")

        def generate(requests, **_):
            if asked is not None:
                asked.extend(r.args for r in requests)
            return [solution(chain_of(r.args[0])) for r in requests]

        lm.generate_until = generate
        metadata = {"dataset_task": "my_gsm"} | more.pop("metadata", {})
        return lm_eval.simple_evaluate(
            model=FaithLM(backend=lm) if task == TASK else lm,
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                str(folder), metadata=metadata, include_defaults=False
            ),
            bootstrap_iters=0,
            **more,
        )

    return run


def chain_of(context):
    return CHAINS[re.findall(r"(?:Q|Question): (.*)", context)[-1]]


def solves(chain):
    return f"{chain.text} The answer is {chain.answer}."


def responses(done):
    return [json.loads(responses_of(s)[0]) for s in done["samples"][TASK]]


def test_prompt_stops_and_verdicts_are_the_tasks_own(evaluate):
    ours, plain = [], []
    done = evaluate(solves, ours)
    own = evaluate(solves, plain, task="my_gsm")
    assert [context for context, _ in ours] == [context for context, _ in plain]
    assert ours[0][1]["until"] == plain[0][1]["until"] == ["Q:", "</s>", "<|im_end|>"]
    shown, told = done["results"][TASK], own["results"]["my_gsm"]
    strict = [r["verdicts"]["strict-match"]["exact_match"] for r in responses(done)]
    assert sum(strict) / len(strict) == told["exact_match,strict-match"]
    assert shown["solved,none"] == shown["task_right,none"] == 1.0
    assert shown["task_agrees,none"] == 1.0 and shown["corrupt_effect,none"] != 0


def test_where_the_task_judges_otherwise_it_is_counted_and_listed(evaluate, caplog):
    first = next(iter(CHAINS.values()))

    def in_a_box(chain):
        if chain is not first:
            return solves(chain)
        return f"{chain.text} So the answer is \\boxed{{{chain.answer}}}. Done, at 99"

    done = evaluate(in_a_box)
    agrees = done["results"][TASK]["task_agrees,none"]
    assert agrees == pytest.approx(1 - 1 / len(CHAINS))
    assert "the task's own filters judge 1 otherwise (my_gsm-0)" in caplog.text


def test_any_of_several_targets_is_right_and_the_user_may_choose_the_length(evaluate):
    asked = []
    done = evaluate(solves, asked, metadata={"dataset_task": "my_drop"})
    assert done["results"][TASK]["solved,none"] == 1.0
    assert asked[0][1]["max_gen_toks"] == 77 and asked[0][1]["until"] == ["@"]
    asked = []
    evaluate(
        solves,
        asked,
        metadata={"dataset_task": "my_drop"},
        gen_kwargs={"max_gen_toks": 33},
    )
    assert asked[0][1]["max_gen_toks"] == 33 and asked[0][1]["until"] == ["@"]


def test_a_task_whose_code_fails_is_said_to_have_no_verdict(evaluate, folder, caplog):
    (folder / "broken_metric.py").write_text(
        "def process_results(doc, results):\n    raise RuntimeError('no antlr here')\n"
    )
    config = yaml.safe_load((folder / "my_drop.yaml").read_text())
    text = yaml.safe_dump({**config, "task": "my_broken"})
    text += "process_results: !function broken_metric.process_results\n"
    (folder / "my_broken.yaml").write_text(text)
    done = evaluate(solves, metadata={"dataset_task": "my_broken"})
    assert done["results"][TASK]["solved,none"] == 1.0
    assert "could not judge 12: RuntimeError: no antlr here" in caplog.text
    assert "task_right,none" not in done["results"][TASK]


DOCS = Path(__file__).resolve().parents[2] / "docs" / "any_task.md"


def test_the_choices_and_the_task_in_the_docs_run_as_written(hf, tmp_path):
    blocks = re.findall(r"```(\w+)\n(.*?)```", DOCS.read_text(), re.DOTALL)
    _, choices, thoughts = (text for kind, text in blocks if kind == "yaml")
    (task,) = (text for kind, text in blocks if kind == "python")
    body = task[task.index("class ") :].splitlines()
    assert len([line for line in body if line.strip()]) <= 10
    file = tmp_path / "my_choices.jsonl"
    rows = [
        {"q": f"{k}+1?", "options": ["7", str(k + 1)], "right": 1} for k in range(3)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    choices = choices.replace("my_choices.jsonl", str(file))
    (tmp_path / "my_choices.yaml").write_text(choices)
    (tmp_path / "think_then_score.py").write_text(task)
    (tmp_path / "my_thoughts.yaml").write_text(thoughts)
    done = lm_eval.simple_evaluate(
        model=FaithLM(backend=hf()),
        tasks=["my_thoughts", "cot_faith_generated_mc"],
        task_manager=lm_eval_faith.task_manager(
            str(tmp_path),
            metadata={"dataset_task": "my_choices"},
            include_defaults=False,
        ),
        gen_kwargs={"max_gen_toks": 16},
        bootstrap_iters=0,
    )
    assert done["results"]["my_thoughts"]["acc,none"] in (0, 1 / 3, 2 / 3, 1)
    scores = [
        json.loads(s["filtered_resps"][0]) for s in done["samples"]["my_thoughts"]
    ]
    assert all(len(s["scores"]) == 2 and s["text"] for s in scores)
    assert "acc_no_reasoning,none" in done["results"]["cot_faith_generated_mc"]
