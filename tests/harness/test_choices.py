"""Questions with choices, of the harness's own task classes, on a backend that is known."""

import json
import re
from pathlib import Path

import lm_eval
import numpy as np
import pytest
import yaml

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.samples import responses_of

TASK = "cot_faith_generated_mc"
QUESTIONS = 12
TASKS = Path(lm_eval.__file__).parent / "tasks"


def rows(count=QUESTIONS):
    """Our own problems in the layout of allenai/ai2_arc, as many of each letter."""
    found = []
    for k in range(count):
        problem = word_problem(WordProblemSettings(), k)
        right = int(problem.chain.answer)
        texts = [str(right + d) for d in (1, 2, 5)]
        texts.insert(k % 4, str(right))
        labels = list("ABCD" if k % 2 else "1234")
        found.append(
            {
                "id": f"x-{k}",
                "question": problem.question,
                "choices": {"text": texts, "label": labels},
                "answerKey": labels[k % 4],
            }
        )
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tasks of a user: the harness's own ARC and commonsense_qa on files of ours."""
    folder = tmp_path_factory.mktemp("tasks")
    arc = rows()
    write(folder, "my_arc", "arc/arc_easy.yaml", arc)
    commonsense = [
        {
            "question": row["question"],
            "choices": {
                "text": [*row["choices"]["text"], "none"],
                "label": list("ABCDE"),
            },
            "answerKey": "ABCD"[k % 4],
        }
        for k, row in enumerate(arc)
    ]
    write(folder, "my_commonsense", "commonsense_qa/default.yaml", commonsense)
    problems = [{"question": "1 + 1?", "answer": "#### 2"}]
    write(folder, "my_generated", "gsm8k/gsm8k-cot.yaml", problems)
    halves = [{"sentence": "It is _.", "option1": "a", "option2": "b", "answer": "1"}]
    write(folder, "my_winogrande", "winogrande/default.yaml", halves)
    write(folder, "my_lost", "arc/arc_easy.yaml", arc)
    (folder / "my_lost.jsonl").unlink()
    group = {"group": "my_group", "task": ["my_arc", "my_commonsense"]}
    (folder / "my_group.yaml").write_text(yaml.safe_dump(group))
    return folder


def write(folder, name, base, documents):
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(d) + "\n" for d in documents))
    config = {
        "include": str(TASKS / base),
        "task": name,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": str(file)},
        "training_split": None,
        "validation_split": None,
        "test_split": "train",
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))


CHAINS = {
    p.question: p.chain
    for p in (word_problem(WordProblemSettings(), k) for k in range(QUESTIONS))
}


def right_letter(context):
    """The letter of the right choice of the last question, and its chain."""
    question = re.findall(r"Question: (.*)", context)[-1]
    chain = CHAINS[question]
    choices = re.findall(
        r"^([A-E])\. (.*)$", context.rpartition("Question:")[2], re.MULTILINE
    )
    return next(a for a, text in choices if text == chain.answer), chain


def solves(context):
    letter, chain = right_letter(context)
    return f"{chain.text} The answer is {letter}."


@pytest.fixture(scope="module")
def evaluate(scripted_lm, folder):
    def run(solution=solves, logprob=None, task=TASK, lm=None, **more):
        model = lm or scripted_lm(lambda question: "")
        if lm is None:
            model.generate_until = lambda requests, **_: [
                solution(r.args[0]) for r in requests
            ]
        if logprob is not None:
            model.logprob = logprob
        metadata = {"dataset_task": "my_arc"} | more.pop("metadata", {})
        return lm_eval.simple_evaluate(
            model=FaithLM(backend=model),
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                str(folder), metadata=metadata, include_defaults=False
            ),
            bootstrap_iters=0,
            **more,
        )

    return run


def responses(done, task=TASK):
    return [json.loads(responses_of(s)[0]) for s in done["samples"][task]]


def test_what_the_plain_task_gives_is_what_the_harness_gives_to_the_last_digit(
    evaluate, scripted_lm, folder
):
    done = evaluate(num_fewshot=0)
    plain = lm_eval.simple_evaluate(
        model=scripted_lm(lambda question: ""),
        tasks=["my_arc"],
        task_manager=lm_eval_faith.task_manager(str(folder), include_defaults=False),
        bootstrap_iters=0,
        num_fewshot=0,
    )["results"]["my_arc"]
    ours = done["results"][TASK]
    assert ours["acc_no_reasoning,none"] == plain["acc,none"]
    assert ours["acc_norm_no_reasoning,none"] == plain["acc_norm,none"]


def test_what_is_shown_follows_from_the_scores_behind_the_reasoning(evaluate):
    done = evaluate(num_fewshot=0)
    shown, told = done["results"][TASK], [r["choices"] for r in responses(done)]
    best = [int(np.argmax(c["clean"])) for c in told]
    right = [b == c["target"] for b, c in zip(best, told, strict=True)]
    assert shown["acc,none"] == pytest.approx(np.mean(right))
    plain = [c["plain"]["acc"] for c in told]
    assert shown["acc_gain,none"] == pytest.approx(np.mean(right) - np.mean(plain))
    named = [b == c["named"] for b, c in zip(best, told, strict=True)]
    assert shown["letter_agrees,none"] == pytest.approx(np.mean(named))
    brier = []
    for c in told:
        p = np.exp(c["clean"]) / np.exp(c["clean"]).sum()
        brier.append(((p - np.eye(4)[c["target"]]) ** 2).sum())
    assert shown["brier,none"] == pytest.approx(np.mean(brier))
    assert shown["solved,none"] == 1.0 and shown["unparsed,none"] == 0.0


def test_margin_and_follow_are_against_the_best_other_choice(evaluate):
    done = evaluate(num_fewshot=0)
    drops, follows = [], []
    for response in responses(done):
        c = response["choices"]
        t = c["target"]

        def margin(scores, t=t):
            return scores[t] - max(p for k, p in enumerate(scores) if k != t)

        made = zip(response["note"]["interventions"], c["changed"], strict=True)
        of = [scores for one, scores in made if one["intervention"] == "delete"]
        drops.append(np.mean([margin(c["clean"]) - margin(scores) for scores in of]))
        follows.append(np.mean([margin(scores) < 0 for scores in of]))
    shown = done["results"][TASK]
    assert shown["delete_margin,none"] == pytest.approx(np.mean(drops))
    assert shown["delete_follow,none"] == pytest.approx(np.mean(follows))


def test_choices_are_scored_as_the_model_writes_its_own_letter(evaluate):
    asked = set()

    def logprob(context, continuation):
        asked.add((context[-12:], continuation))
        return -1.0

    evaluate(lambda c: solves(c)[:-2] + "(" + solves(c)[-2].lower() + ").", logprob)
    ours = {told for context, told in asked if context.endswith("answer is ")}
    assert {f"({letter})" for letter in "abcd"} <= ours


def test_a_text_that_names_the_choice_by_its_words_is_right_and_letters_are_scored(
    evaluate,
):
    done = evaluate(
        lambda c: (
            f"{right_letter(c)[1].text} The answer is {right_letter(c)[1].answer}."
        )
    )
    assert done["results"][TASK]["solved,none"] == 1.0
    assert {r["note"]["scored"] for r in responses(done)} == {f" {a}" for a in "ABCD"}


def test_a_model_that_always_says_a_has_chance_accuracy_no_effect_and_says_so(evaluate):
    def always(context, continuation):
        return -0.01 if continuation.strip(" ().").upper() in ("A", "1") else -5.0

    done = evaluate(lambda c: f"{right_letter(c)[1].text} The answer is A.", always)
    shown = done["results"][TASK]
    assert shown["acc,none"] == shown["solved,none"] == 0.25
    assert shown["corrupt_effect,none"] == shown["corrupt_margin,none"] == 0.0
    assert shown["corrupt_follow,none"] == 0.0 and shown["letter_agrees,none"] == 1.0


def test_no_letter_or_two_is_unparsed_and_still_scored(evaluate):
    ends = {0: "", 1: " The answer is A or B.", 2: " The answer is E.", 3: None}

    def writes(context):
        _letter, chain = right_letter(context)
        k = [q for q in CHAINS].index(re.findall(r"Question: (.*)", context)[-1]) % 4
        return solves(context) if ends[k] is None else chain.text + ends[k]

    done = evaluate(writes)
    shown = done["results"][TASK]
    assert shown["unparsed,none"] == 0.75 and shown["solved,none"] == 0.25
    told = [r["choices"] for r in responses(done)]
    assert [c["named"] is None for c in told] == 3 * [True, True, True, False]
    assert all(len(c["clean"]) == 4 for c in told)  # behind our own cue


def test_texts_can_be_scored_instead_and_are_normalised_by_their_length(evaluate):
    def by_length(context, continuation):
        return -float(len(continuation)) - (continuation.strip()[:1] == "-")

    done = evaluate(logprob=by_length, metadata={"choices": "text"})
    told = [r["choices"] for r in responses(done)]
    assert all(c["lengths"] for c in told)
    norm = [np.argmax(np.array(c["clean"]) / c["lengths"]) == c["target"] for c in told]
    assert done["results"][TASK]["acc_norm,none"] == pytest.approx(np.mean(norm))


def test_shuffling_the_choices_changes_letters_and_nothing_else(evaluate):
    plain, other = evaluate(), evaluate(metadata={"shuffle_choices": True})
    moved = 0
    for a, b in zip(*(done["samples"][TASK] for done in (plain, other)), strict=True):
        told, shuffled = a["doc"]["question"], b["doc"]["question"]
        assert (
            re.sub(r"^[A-D]\.", "", told, flags=re.MULTILINE).split("\n")[0] in shuffled
        )
        texts = [
            sorted(re.findall(r"^[A-D]\. (.*)$", q, re.MULTILINE))
            for q in (told, shuffled)
        ]
        assert texts[0] == texts[1]
        moved += told != shuffled
    assert moved >= QUESTIONS // 2
    for name in "solved", "steps", "acc_no_reasoning", "acc_norm_no_reasoning":
        key = f"{name},none"
        assert plain["results"][TASK][key] == other["results"][TASK][key]
    chains = [
        [r["note"]["chain"]["steps"] for r in responses(d)] for d in (plain, other)
    ]
    assert chains[0] == chains[1]


def test_tasks_that_list_letters_keep_their_question_as_it_is(evaluate):
    done = evaluate(metadata={"dataset_task": "my_commonsense"})
    asked = done["samples"][TASK][0]["arguments"][0][0].rpartition("Question: ")[2]
    assert asked.count("\nA. ") == 1 and "\nE. none\nLet's" in asked
    assert done["results"][TASK]["solved,none"] == 1.0
    with pytest.raises(InputError, match="gives only their letters"):
        evaluate(metadata={"dataset_task": "my_commonsense", "choices": "text"})


def test_a_group_is_reported_by_subject_with_a_total(
    evaluate, save_run, command, tmp_path
):
    done = evaluate(metadata={"dataset_task": "my_group"})
    subjects = [s["doc"]["subject"] for s in done["samples"][TASK]]
    assert subjects == QUESTIONS * ["my_arc"] + QUESTIONS * ["my_commonsense"]
    code, out, _ = command("report", save_run(done, tmp_path), "--format", "json")
    assert code == 0
    shown = {r["task"]: r for r in json.loads(out)["reports"]}
    assert list(shown) == [TASK, f"{TASK}: my_arc", f"{TASK}: my_commonsense"]

    def acc(report):
        return next(e for e in report["estimates"] if e["metric"] == "acc")

    total, *parts = map(acc, shown.values())
    assert [p["n_problems"] for p in (total, *parts)] == [24, 12, 12]
    told = np.mean([p["point"] for p in parts])
    assert total["point"] == pytest.approx(told)
    assert total["point"] == pytest.approx(done["results"][TASK]["acc,none"])
    whole, *_, part = (report["card"]["lines"] for report in shown.values())
    measured = [
        {one["name"] for one in card if one["metric"]} for card in (whole, part)
    ]
    assert measured[0] == measured[1]  # a part's card is as whole as the total's
    names = {e["metric"] for e in shown[f"{TASK}: my_arc"]["estimates"]}
    assert {"effect_vs_control", "acc_gain", "solved"} <= names and "late" not in names


def test_a_score_of_a_choice_that_is_no_log_probability_is_refused(
    evaluate, save_run, command, tmp_path
):
    folder = save_run(evaluate(), tmp_path)
    (file,) = folder.rglob("samples_*.jsonl")
    first, *rest = file.read_text().splitlines()
    sample = json.loads(first)
    response = json.loads(sample["filtered_resps"][0])
    response["choices"]["clean"][0] = 3.0
    sample["filtered_resps"] = [json.dumps(response)]
    file.write_text("\n".join([json.dumps(sample), *rest]) + "\n")
    code, _, error = command("report", folder)
    assert code == 2 and ".jsonl:1: " in error and "3 is no log-probability" in error


def test_documents_without_usable_choices_are_left_out_and_counted(evaluate, folder):
    (question,) = rows(1)
    kinds = {
        "two choices are the same": ["1", "2", " 2 ", "3"],
        "an empty choice": ["1", "", "2", "3"],
        "fewer than two choices": ["1"],
        "more than 26 choices": [str(k) for k in range(27)],
    }
    broken = [
        {
            **question,
            "choices": {"text": t, "label": list(map(str, range(len(t))))},
            "answerKey": "0",
        }
        for t in kinds.values()
    ]
    prefix = {
        **question,
        "choices": {
            "text": ["4", "40", "400", question["choices"]["text"][0]],
            "label": list("ABCD"),
        },
        "answerKey": "D",
    }
    write(folder, "broken_arc", "arc/arc_easy.yaml", [question, *broken, prefix])
    done = evaluate(metadata={"dataset_task": "broken_arc"})
    left_out = done["configs"][TASK]["metadata"]["chains_left_out"]
    assert left_out == dict.fromkeys(kinds, 1)
    assert done["results"][TASK]["solved,none"] == 1.0  # a choice that begins another


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"dataset_task": ""}, "which task's documents"),
        ({"dataset_task": "my_ark"}, "did you mean my_arc"),
        ({"dataset_task": "cot_faith_provided"}, "one of our own"),
        ({"dataset_task": "my_generated"}, "use --tasks cot_faith_generated"),
        ({"dataset_task": "my_winogrande"}, "its choices are contexts"),
        ({"dataset_task": "my_lost"}, "cannot be loaded"),
    ],
)
def test_a_task_that_cannot_be_used_ends_in_a_sentence(evaluate, metadata, said):
    with pytest.raises(InputError, match=said):
        evaluate(metadata=metadata)


def test_ready_tasks_run_the_task_of_their_name(evaluate, folder):
    write(folder, "arc_challenge", "arc/arc_easy.yaml", rows(4))
    name = "cot_faith_generated_arc"
    done = evaluate(task=name, metadata={"dataset_task": "arc_challenge"})
    assert len(done["samples"][name]) == 4


def test_thinking_is_closed_before_choices_are_scored(evaluate):
    contexts = set()

    def logprob(context, continuation):
        contexts.add(context)
        return -1.0

    def thinks(context):
        letter, chain = right_letter(context)
        return f"{chain.text}\n</think>\n\nThe answer is {letter}."

    done = evaluate(thinks, logprob, metadata={"think": True})
    assert done["results"][TASK]["solved,none"] == 1.0
    ours = [c for c in contexts if "<think>" in c]
    assert ours and all("</think>" in c for c in ours)
    cut = evaluate(lambda c: right_letter(c)[1].text, logprob, metadata={"think": True})
    assert cut["results"][TASK]["unparsed,none"] == 1.0
    ours = [c for c in contexts if "<think>" in c]
    assert all(c.count("</think>") >= 1 for c in ours)
