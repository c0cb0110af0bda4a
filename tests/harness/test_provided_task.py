"""The provided task on the harness's own evaluator, with a random tiny model."""

import json
import math

import lm_eval
import pytest
import torch
from lm_eval.api.registry import get_model
from lm_eval.models.huggingface import HFLM

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.records.samples import responses_of

TASK = "cot_faith_provided"
SMALL = {"problems": 4, "load_bearing": 3, "asides": 2}


@pytest.fixture(scope="module")
def model(tiny_model):
    torch.set_num_threads(1)
    return HFLM(
        pretrained=str(tiny_model), dtype="float32", batch_size=16, device="cpu"
    )


@pytest.fixture(scope="module")
def evaluate(model):
    def run(tasks=(TASK,), metadata=None, **more):
        return lm_eval.simple_evaluate(
            model=more.pop("model", model),
            tasks=list(tasks),
            task_manager=lm_eval_faith.task_manager(
                metadata=SMALL | (metadata or {}),
                include_defaults=False,  # the harness's own 10,000 take seconds
            ),
            bootstrap_iters=more.pop("bootstrap_iters", 10),
            **more,
        )

    return run


def contexts(results, task=TASK):
    return [a for s in results["samples"][task] for a in s["arguments"]]


@pytest.fixture(scope="module")
def clean_contexts(evaluate):
    """The request of the first problem's clean chain, in each format."""
    formats = {
        "plain": {},
        "chat": {"apply_chat_template": True},
        "chat with system": {
            "apply_chat_template": True,
            "system_instruction": "Be brief.",
        },
        "one shot": {"num_fewshot": 1},
        "one shot chat": {
            "num_fewshot": 1,
            "apply_chat_template": True,
            "fewshot_as_multiturn": True,
        },
    }
    found = {
        name: contexts(evaluate(limit=1, **more))[0] for name, more in formats.items()
    }
    found["think"] = contexts(evaluate(limit=1, metadata={"think": True}))[0]
    found["think chat"] = contexts(
        evaluate(limit=1, metadata={"think": "true"}, apply_chat_template=True)
    )[0]
    found["lines"] = contexts(
        evaluate(
            limit=1,
            metadata={
                "step_separator": "\n",
                "step_format": "{number}. {step}",
                "answer_cue": "So the answer is \\boxed{",
                "answer_delimiter": "",
            },
        )
    )[0]
    return found


def test_the_text_of_a_request_is_what_a_reader_would_write(clean_contexts, request):
    snapshot = request.path.with_name("request_texts.json")
    found = {name: list(pair) for name, pair in clean_contexts.items()}
    assert found == json.loads(snapshot.read_text(encoding="utf-8"))


def test_log_probabilities_are_those_of_the_model_read_token_by_token(evaluate, model):
    results = evaluate(limit=1)
    sample = results["samples"][TASK][0]
    for (context, answer), (logprob, greedy) in zip(
        sample["arguments"], responses_of(sample), strict=True
    ):
        tokens = model.tok_encode(context + answer)
        start = len(model.tok_encode(context))
        with torch.no_grad():
            logits = model.model(torch.tensor([tokens])).logits[0].log_softmax(-1)
        by_hand = sum(
            logits[k - 1, tokens[k]].item() for k in range(start, len(tokens))
        )
        assert logprob == pytest.approx(by_hand, abs=1e-4)
        best = [logits[k - 1].argmax().item() for k in range(start, len(tokens))]
        assert greedy == (best == tokens[start:])


def test_the_table_has_the_names_of_the_contract(evaluate):
    results = evaluate()["results"][TASK]
    figures = [
        "label_difference",
        "effect_load_bearing",
        "effect_decoy",
        "auc",
        "separated",
        "separated_means",
    ]
    names = {
        f"{i}_{f}" for i in ("corrupt", "corrupt_local", "delete") for f in figures
    }
    names |= {"clean_logprob", "clean_acc", "corrupt_follow", "dropped", "steps"}
    names |= {"chain_gain", "answer_stated", "readable", "at_floor", "at_ceiling"}
    shown = {key.split(",")[0] for key in results if key.endswith(",none")}
    assert {name for name in shown if not name.endswith("_stderr")} == names


def test_the_harness_shows_standard_errors_of_means(evaluate):
    results = evaluate()["results"][TASK]
    for name in (
        "corrupt_label_difference",
        "corrupt_separated",
        "clean_acc",
        "delete_effect_decoy",
    ):
        assert math.isfinite(results[f"{name}_stderr,none"])


def test_the_table_is_the_plain_arithmetic_of_the_responses(evaluate):
    from sklearn.metrics import roc_auc_score

    run = evaluate(metadata={"interventions": ["delete"], "card": False})
    differences, effects, labels = [], [], []
    for sample in run["samples"][TASK]:
        logprobs = [logprob for logprob, _ in responses_of(sample)]
        own = [logprobs[0] - x for x in logprobs[1:]]
        truth = [s["label"] == "load_bearing" for s in sample["doc"]["chain"]["steps"]]
        bearing = [e for e, t in zip(own, truth, strict=True) if t]
        decoys = [e for e, t in zip(own, truth, strict=True) if not t]
        differences.append(sum(bearing) / len(bearing) - sum(decoys) / len(decoys))
        effects += own
        labels += truth
    table = run["results"][TASK]
    assert table["delete_label_difference,none"] == pytest.approx(
        sum(differences) / len(differences)
    )
    assert table["delete_auc,none"] == pytest.approx(roc_auc_score(labels, effects))


def test_limit_and_samples_choose_among_the_same_problems(evaluate):
    whole = evaluate()
    assert (
        contexts(evaluate(limit=2))
        == contexts(whole)[: len(contexts(evaluate(limit=2)))]
    )
    (chosen,) = evaluate(samples={TASK: [2]})["samples"][TASK]
    assert chosen["doc"] == whole["samples"][TASK][2]["doc"]


def test_more_problems_leave_the_first_ones_alone(evaluate):
    few = evaluate(metadata={"problems": 2})["samples"][TASK]
    many = evaluate()["samples"][TASK]
    assert [s["doc"] for s in few] == [s["doc"] for s in many[:2]]


def test_parameters_are_recorded_in_the_results(evaluate):
    run = evaluate(metadata={"operand": "3-4", "think": "yes"})
    recorded = run["configs"][TASK]["metadata"]
    assert recorded["operand"] == [3, 4] and recorded["think"] is True
    assert recorded["problems"] == 4 and recorded["version"] == 2.0


def test_the_group_runs_both_tasks_on_the_same_questions(evaluate):
    run = evaluate(tasks=["cot_faith"])
    both = {n.split("::")[-1]: found for n, found in run["samples"].items()}
    assert set(both) == {TASK, "cot_faith_provided_unscaffolded"}
    questions = [[s["doc"]["question"] for s in samples] for samples in both.values()]
    assert questions[0] == questions[1]


def test_every_intervention_can_be_asked_for(evaluate):
    names = ["corrupt", "corrupt_local", "delete", "truncate", "filler"]
    run = evaluate(metadata={"interventions": names, "metrics": "effect"}, limit=2)
    assert all(f"{n}_effect,none" in run["results"][TASK] for n in names)
    assert "delete_auc,none" not in run["results"][TASK]


def test_predict_only_gives_samples_and_no_metrics(evaluate):
    run = evaluate(limit=1, predict_only=True)
    assert run["samples"][TASK][0]["filtered_resps"]
    assert "corrupt_auc,none" not in run["results"][TASK]


def test_without_asides_what_needs_them_is_left_out(evaluate):
    table = evaluate(metadata={"asides": 0})["results"][TASK]
    assert "corrupt_effect_load_bearing,none" in table
    assert "corrupt_effect_decoy,none" not in table
    assert "corrupt_label_difference,none" not in table


def test_a_context_longer_than_the_model_takes_is_refused_by_name(evaluate):
    with pytest.raises(InputError) as refused:
        evaluate(metadata={"load_bearing": 60})
    said = str(refused.value)
    assert f"task {TASK}: document test-0-0:" in said
    assert "the model takes 2048" in said and "\n" not in said


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_backend_without_loglikelihoods_is_refused_by_name(evaluate, wrapped):
    chat = get_model("local-chat-completions").create_from_arg_string(
        "model=m,base_url=http://localhost:9/v1/chat"
    )
    with pytest.raises(InputError) as refused:
        evaluate(model=FaithLM(chat) if wrapped else chat, apply_chat_template=True)
    said = str(refused.value)
    assert said.startswith(
        f"LocalChatCompletion gives no log-likelihoods, which are asked for by task {TASK}"
    )
    assert "\n" not in said


def test_documents_that_are_too_long_can_be_dropped_and_are_counted(evaluate):
    # A chain of 3 steps fits into 2,048 bytes, one of 60 does not.
    run = evaluate(
        metadata={"load_bearing": [3, 60], "problems": 4, "too_long": "drop"}
        | {"interventions": "corrupt"}
    )
    dropped = run["results"][TASK]["dropped,none"]
    kept = [s for s in run["samples"][TASK] if len(responses_of(s)) > 1]
    assert 0 < dropped < 1 and len(kept) == 4 - 4 * dropped


def test_a_context_that_just_fits_is_kept(evaluate, model, monkeypatch):
    run = evaluate(limit=1)
    longest = max(len(model.tok_encode(c + a)) for c, a in contexts(run))
    monkeypatch.setattr(model, "_max_length", longest - 1)
    evaluate(limit=1)
    monkeypatch.setattr(model, "_max_length", longest - 2)
    with pytest.raises(InputError, match="the model takes"):
        evaluate(limit=1)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"problems": 0}, "problems must be a whole number of at least 1"),
        ({"operand": -3}, "operand must be"),
        ({"interventions": "corupt"}, "unknown intervention 'corupt'"),
        ({"interventions": []}, "interventions must name at least one"),
        ({"metrics": "aucc"}, "unknown metric 'aucc'"),
        ({"too_long": "cut"}, "too_long must be refuse or drop"),
        ({"intervention_modules": "no.such"}, "'no.such' cannot be imported"),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_tasks_name(evaluate, metadata, said):
    with pytest.raises(InputError) as refused:
        evaluate(metadata=metadata)
    assert str(refused.value).startswith(f"task {TASK}: ")
    assert said in str(refused.value)


def test_a_parameter_written_wrongly_is_pointed_out(evaluate, caplog):
    evaluate(metadata={"load_bering": 4}, limit=1)
    assert "did you mean 'load_bearing'?" in caplog.text


def test_more_worked_examples_than_there_are_is_refused(evaluate):
    with pytest.raises(InputError, match="33 few-shot examples wanted, at most 32"):
        evaluate(num_fewshot=33)


def test_worked_examples_are_not_among_the_problems(evaluate):
    run = evaluate(num_fewshot=2)
    for sample in run["samples"][TASK]:
        context = sample["arguments"][0][0]
        assert context.count("Question:") == 3
        assert context.count(sample["doc"]["question"]) == 1
