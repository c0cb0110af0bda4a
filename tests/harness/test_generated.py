"""The generated tasks, on a backend whose texts and numbers are known."""

import json
import math
import re
from pathlib import Path

import lm_eval
import numpy as np
import pytest
import torch

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.samples import responses_of

ARITH, GSM8K = "cot_faith_generated_arith", "cot_faith_generated"
PROBLEMS = 10
METRICS = [
    "effect",
    "effect_vs_control",
    "effect_vs_control_no_answer_steps",
    "load_bearing_rate_vs_control",
    "negative_vs_control",
    "early_vs_control",
    "middle_vs_control",
    "late_vs_control",
    "position_corr_vs_control",
]
OF_CHAINS = {"solved", "unparsed", "dropped", "steps", "clean_logprob", "clean_acc"}
CARD = {"chain_gain", "answer_stated", "readable", "at_floor", "at_ceiling"}
"""What the card of a run rests on; with conflict among the interventions one more."""


def problems(count=PROBLEMS):
    return [word_problem(WordProblemSettings(), k) for k in range(count)]


CHAINS = {p.question: (k, p.chain) for k, p in enumerate(problems())}


def solution(question):
    """Right, but for every fifth problem that is wrong and every fifth cut off."""
    k, chain = CHAINS[question]
    if k % 5 == 3:
        return f"{chain.text} The answer is {int(chain.answer) + 1}."
    if k % 5 == 4:
        return chain.text[:20]
    return f"{chain.text} The answer is {chain.answer}."


@pytest.fixture(scope="module")
def evaluate(scripted_lm):
    def run(task=ARITH, metadata=None, lm=None, **more):
        parameters = {"problems": PROBLEMS} if task == ARITH else {}
        model = FaithLM(backend=lm or scripted_lm(more.pop("solution", solution)))
        done = lm_eval.simple_evaluate(
            model=model,
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                metadata=parameters | (metadata or {}), include_defaults=False
            ),
            bootstrap_iters=10,
            **more,
        )
        return done["results"][task], done["samples"][task], done

    return run


@pytest.fixture(scope="module")
def run(evaluate):
    return evaluate()


def response(sample):
    return json.loads(responses_of(sample)[0])


def effects_by_hand(sample, logprob):
    """{intervention: [(step, effect)]} from the texts that a reader would put together."""
    read, prompt = response(sample), sample["arguments"][0][0]
    note, steps = read["note"], read["note"]["chain"]["steps"]

    def score(changed):
        return logprob(prompt + note["before"] + changed + note["cue"], note["answer"])

    texts = [s["text"] + s["after"] for s in steps]
    clean = score("".join(texts))
    found = {}
    for v in note["interventions"]:
        k = v["step"]
        changed = [*texts]
        changed[k] = v["after"] + steps[k]["after"] if v["after"] else ""
        effect = clean - score("".join(changed))
        found.setdefault(v["intervention"], []).append((k, len(steps), effect))
    return found


@pytest.fixture(scope="module")
def by_hand(run, scripted_lm):
    """Per intervention, a list a solved problem of (step, steps, raw, differenced)."""
    logprob = scripted_lm(solution).logprob
    found = {"corrupt": [], "delete": []}
    for sample in run[1]:
        if response(sample)["note"]["outcome"] != "scored":
            continue
        effects = effects_by_hand(sample, logprob)
        control = {k: effect for k, _, effect in effects["control"]}
        for name, problem in found.items():
            problem.append([(k, n, e, e - control[k]) for k, n, e in effects[name]])
    return found


def test_the_table_has_the_names_of_the_contract(run):
    names = {f"{i}_{f}" for i in ("corrupt", "delete") for f in METRICS}
    names |= {"control_effect", *OF_CHAINS, *CARD}
    shown = {key.split(",")[0] for key in run[0] if key.endswith(",none")}
    assert {name for name in shown if not name.endswith("_stderr")} == names


def test_the_harness_counts_every_document_and_has_standard_errors_of_those_that_count(
    evaluate, caplog
):
    """Not every document has every metric, which the harness once warned of at length."""
    table, samples, done = evaluate()
    assert "same number of documents" not in caplog.text
    assert table["sample_len"] == len(samples) == done["n-samples"][ARITH]["effective"]
    values = [s["corrupt_effect"] for s in samples if s["corrupt_effect"] is not None]
    assert 1 < len(values) < len(samples)
    assert table["corrupt_effect,none"] == pytest.approx(np.mean(values))
    error = np.std(values, ddof=1) / len(values) ** 0.5
    assert table["corrupt_effect_stderr,none"] == pytest.approx(error)
    assert not [name for name in table if "stderr_stderr" in name]


def test_wrong_and_unparsed_answers_are_counted_and_not_intervened_on(run):
    table, samples, _ = run
    assert table["solved,none"] == 0.6 and table["unparsed,none"] == 0.2
    outcomes = [response(s)["note"]["outcome"] for s in samples]
    kinds = ["scored", "scored", "scored", "wrong", "unparsed"]
    assert outcomes == kinds * 2
    for sample in samples:
        read = response(sample)
        wanted = read["note"]["outcome"] == "scored"
        assert bool(read["loglikelihoods"]) == wanted
        assert (sample["corrupt_effect"] is not None) == wanted


def test_means_and_shares_are_plain_arithmetic_over_steps(run, by_hand):
    table = run[0]
    for name, chains in by_hand.items():
        steps = [step for chain in chains for step in chain]
        raw = np.array([r for _, _, r, _ in steps])
        less = np.array([d for *_, d in steps])
        third = np.array([(6 * k + 3) // (2 * n) for k, n, _, _ in steps])
        means = [np.mean([[r, d] for *_, r, d in chain], axis=0) for chain in chains]
        over_problems = np.mean(means, axis=0)
        assert raw.size and table[f"{name}_effect,none"] == pytest.approx(
            over_problems[0]
        )
        less_control = table[f"{name}_effect_vs_control,none"]
        assert less_control == pytest.approx(over_problems[1])
        rate = table[f"{name}_load_bearing_rate_vs_control,none"]
        assert rate == pytest.approx((less >= 1).mean())
        negative = table[f"{name}_negative_vs_control,none"]
        assert negative == pytest.approx((less < 0).mean())
        for k, part in enumerate(("early", "middle", "late")):
            own = table[f"{name}_{part}_vs_control,none"]
            assert own == pytest.approx(less[third == k].mean())


def test_the_correlation_with_position_is_a_mean_over_problems(run, by_hand):
    for name, chains in by_hand.items():
        own = [
            np.corrcoef([k for k, *_ in chain], [d for *_, d in chain])[0, 1]
            for chain in chains
            if len(chain) >= 3
        ]
        table = run[0]
        found = table[f"{name}_position_corr_vs_control,none"]
        assert found == pytest.approx(np.mean(own))


def test_steps_is_the_mean_length_of_right_chains(run):
    lengths = [len(c.steps) for k, c in CHAINS.values() if k % 5 < 3]
    assert run[0]["steps,none"] == pytest.approx(np.mean(lengths))


def test_the_prompt_is_the_one_that_solvers_are_trained_on(run):
    prompt = run[1][0]["arguments"][0][0]
    question = run[1][0]["doc"]["question"]
    assert prompt == f"Question: {question}\nLet's work it out step by step.\n"


def test_steps_know_whether_they_state_the_answer(run):
    steps = response(run[1][0])["note"]["chain"]["steps"]
    assert [s["states_answer"] for s in steps] == [False] * (len(steps) - 1) + [True]


def test_the_threshold_moves_the_shares_and_nothing_else(run, evaluate):
    table, _, _ = evaluate(metadata={"threshold": -100})
    assert table["corrupt_load_bearing_rate_vs_control,none"] == 1
    assert table["corrupt_effect,none"] == run[0]["corrupt_effect,none"]


def test_without_a_control_the_same_metrics_are_raw(evaluate, run):
    table, _, _ = evaluate(metadata={"interventions": ["delete"]})
    assert not any("control" in name for name in table)
    assert table["delete_effect,none"] == run[0]["delete_effect,none"]
    assert "delete_load_bearing_rate,none" in table


def test_every_intervention_can_be_asked_for(evaluate):
    names = ["truncate", "filler", "swap"]
    table, samples, _ = evaluate(metadata={"interventions": names})
    assert all(math.isfinite(table[f"{name}_effect,none"]) for name in names)
    swapped = [
        v
        for s in samples
        for v in response(s)["note"]["interventions"]
        if v["intervention"] == "swap"
    ]
    own = {step.text for _, chain in CHAINS.values() for step in chain.steps}
    assert swapped and not any(v["after"] in own for v in swapped)


def test_a_limit_changes_no_document(run, evaluate):
    _, samples, _ = evaluate(limit=2)
    for few, many in zip(samples, run[1], strict=False):
        assert few["filtered_resps"] == many["filtered_resps"]


def test_max_steps_draws_the_same_steps_in_every_run(evaluate):
    runs = [evaluate(metadata={"max_steps": 2})[1] for _ in range(2)]
    assert [responses_of(s) for s in runs[0]] == [responses_of(s) for s in runs[1]]
    for sample in runs[0]:
        note = response(sample)["note"]
        drawn = {v["step"] for v in note["interventions"]}
        assert len(drawn) == (2 if note["outcome"] == "scored" else 0)


def test_long_chains_are_left_out_and_counted(evaluate):
    table, samples, _ = evaluate(metadata={"max_chain_tokens": 300})
    long = [len(c.text) > 300 for k, c in CHAINS.values() if k % 5 < 3]
    assert table["dropped,none"] == sum(long) / PROBLEMS > 0
    outcomes = [response(s)["note"]["outcome"] for s in samples]
    assert outcomes.count("long chain") == sum(long)
    assert table["solved,none"] == 0.6


def test_chains_over_the_models_limit_are_left_out_and_counted(evaluate, scripted_lm):
    lengths = sorted(len(q + c.text) for q, (k, c) in CHAINS.items() if k % 5 < 3)
    lm = scripted_lm(solution, max_length=lengths[2] + 150)
    table, samples, _ = evaluate(lm=lm, gen_kwargs={"max_gen_toks": 1})
    outcomes = [response(s)["note"]["outcome"] for s in samples]
    assert table["dropped,none"] == outcomes.count("too long") / PROBLEMS > 0
    assert outcomes.count("scored") > 0


def test_a_prompt_that_leaves_no_room_is_refused_or_dropped(evaluate, scripted_lm):
    lm = scripted_lm(solution, max_length=600)
    with pytest.raises(InputError, match="lower max_gen_toks") as refused:
        evaluate(lm=lm)
    assert str(refused.value).startswith(f"task {ARITH}: document test-0-")
    table, samples, _ = evaluate(lm=lm, metadata={"too_long": "drop"})
    outcomes = [response(s)["note"]["outcome"] for s in samples]
    assert outcomes.count("long prompt") > 0 and "dropped,none" in table


def test_if_nothing_is_solved_the_table_says_so_and_no_more(evaluate):
    table, _, _ = evaluate(solution=lambda question: "I do not know.")
    shown = {k.split(",")[0] for k in table if k.endswith(",none")}
    assert shown - {"solved_stderr", "unparsed_stderr", "dropped_stderr"} == {
        "solved",
        "unparsed",
        "dropped",
    }
    assert table["solved,none"] == 0 and table["unparsed,none"] == 1


@pytest.mark.parametrize("text", [solution, lambda question: "I do not know."])
@pytest.mark.parametrize("other_has", [0, 1])
def test_names_that_one_of_two_processes_lacks_are_filled_up_in_both(
    evaluate, scripted_lm, monkeypatch, text, other_has
):
    """One of them is played: it has values of no name, or of every name."""
    from lm_eval_faith.harness.tasks import WrittenChains

    plain = WrittenChains.build_all_requests

    def as_one_of_two(self, **kwargs):
        plain(self, **kwargs)
        self._ranks = 2

    lm = scripted_lm(text)
    table = evaluate(lm=lm)[0]
    lm.all_gather = lambda here: torch.cat([here, torch.full_like(here, other_has)])
    monkeypatch.setattr(WrittenChains, "build_all_requests", as_one_of_two)
    again, samples, _ = evaluate(lm=lm)
    if other_has:
        every_name = len(OF_CHAINS) + len(CARD) + 1 + 2 * len(METRICS) + 1
        names = {name for s in samples for name in s["metrics"]}
        assert len({n for n in names if not n.endswith("_stderr")}) == every_name
    else:
        assert len({tuple(sorted(s["metrics"])) for s in samples}) == 1
        values = {k: v for k, v in table.items() if "_stderr," not in k}
        assert values == {k: v for k, v in again.items() if k in values}


# --- prompts ---------------------------------------------------------------------


def test_a_chat_model_is_told_how_to_end(evaluate):
    _, samples, _ = evaluate(apply_chat_template=True, limit=1)
    prompt = samples[0]["arguments"][0][0]
    assert prompt.endswith('end with "The answer is" and the number.<assistant>')


def thinking(question):
    _, chain = CHAINS[question]
    return (
        f"{chain.text}\n</think>\n\nTold again: {chain.text} "
        f"\n\nThe answer is \\boxed{{{chain.answer}}}."
    )


def test_thinking_is_opened_and_scored_behind_the_statement_alone(evaluate):
    _, samples, _ = evaluate(metadata={"think": True}, solution=thinking, limit=2)
    for sample in samples:
        prompt, note = sample["arguments"][0][0], response(sample)["note"]
        assert "final answer within \\boxed{}" in prompt
        assert prompt.endswith("<think>\n")
        assert note["cue"].endswith("</think>\n\nThe answer is \\boxed{")
        assert note["cue_leaves_out_a_second_solution"]
        assert note["outcome"] == "scored"


def test_a_template_that_opens_the_thinking_is_not_opened_again(evaluate, scripted_lm):
    lm = scripted_lm(thinking)
    lm.opens = "<think>\n"
    _, (sample,), _ = evaluate(
        lm=lm, metadata={"think": True}, limit=1, apply_chat_template=True
    )
    assert sample["arguments"][0][0].count("<think>") == 1
    assert response(sample)["note"]["outcome"] == "scored"


def test_thinking_that_is_cut_off_has_no_answer(evaluate):
    table, samples, _ = evaluate(
        metadata={"think": True}, solution=lambda q: CHAINS[q][1].text, limit=3
    )
    assert table["unparsed,none"] == 1
    assert "cut off" in response(samples[0])["note"]["problem"]


def test_generation_settings_of_the_command_line_are_used(evaluate):
    _, samples, _ = evaluate(gen_kwargs={"max_gen_toks": 99}, limit=1)
    assert samples[0]["arguments"][0][1]["max_gen_toks"] == 99


def test_worked_examples_are_other_problems_in_the_same_form(evaluate):
    _, samples, _ = evaluate(num_fewshot=3)
    for sample in samples:
        prompt = sample["arguments"][0][0]
        assert prompt.count("Question:") == 4
        assert len(re.findall(r"\. The answer is \d+\n\nQuestion:", prompt)) == 3
        assert prompt.count(sample["doc"]["question"]) == 1


# --- GSM8K -----------------------------------------------------------------------

ROWS = [
    {
        "question": "Ann has 3 pens and buys 15. How many has she?",
        "answer": "She buys 15.\nShe has 3+15=<<3+15=18>>18 pens.\n#### 18",
    },
    {"question": "Bo owns 1,000 cows?", "answer": "It says so.\n#### 1,000"},
]
SOLUTIONS = {
    ROWS[0]["question"]: "She starts with 3.\nShe buys 15, so 3 + 15 = 18.\n#### 18",
    ROWS[1]["question"]: "The question says so. The answer is $1000.00.",
}


@pytest.fixture
def gsm8k(tmp_path):
    file = tmp_path / "test.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return file


def test_gsm8k_is_read_from_a_local_file(evaluate, gsm8k):
    table, samples, done = evaluate(
        GSM8K, {"gsm8k": str(gsm8k)}, solution=SOLUTIONS.get
    )
    assert table["solved,none"] == 1
    assert [s["doc"]["answer"] for s in samples] == ["18", "1000"]
    assert [response(s)["note"]["answer"] for s in samples] == ["18", "1000.00"]
    assert done["n-shot"][GSM8K] == 4
    assert samples[0]["arguments"][0][0].count("Question:") == 5


def test_gsm8k_has_no_worked_examples_with_a_chat_template(evaluate, gsm8k):
    parameters = {"gsm8k": str(gsm8k)}
    chat = {"apply_chat_template": True, "solution": SOLUTIONS.get}
    _, samples, done = evaluate(GSM8K, parameters, **chat)
    assert samples[0]["arguments"][0][0].count("Question:") == 1
    assert done["n-shot"][GSM8K] == 0
    _, samples, _ = evaluate(GSM8K, parameters, num_fewshot=2, **chat)
    assert samples[0]["arguments"][0][0].count("Question:") == 3


def test_swapped_steps_are_those_of_other_solutions(evaluate, gsm8k):
    parameters = {"gsm8k": str(gsm8k), "interventions": ["swap"]}
    _, samples, _ = evaluate(GSM8K, parameters, solution=SOLUTIONS.get)
    for sample, others in zip(
        samples, [{"It says so."}, {"She buys 15.", "She has 3+15=18 pens."}]
    ):
        variants = response(sample)["note"]["interventions"]
        assert {v["after"] for v in variants} <= others and variants


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"question": "a", "answer": "b #### 1"}\n{', ":2: not a line of JSON"),
        ('{"question": "a", "answer": "1"}', ":1: the answer does not end with"),
        ('{"question": "a"}', ":1: 'answer' is missing"),
        ("[1]", ":1: not a JSON object"),
        ("", ": no problems in this file"),
    ],
)
def test_a_broken_file_is_refused_by_line(evaluate, tmp_path, text, said):
    file = tmp_path / "broken.jsonl"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        evaluate(GSM8K, {"gsm8k": str(file)})
    assert str(refused.value).startswith(f"task {GSM8K}: {file}{said}")


def test_a_dataset_that_cannot_be_loaded_is_told_with_the_way_out(evaluate):
    with pytest.raises(InputError, match="openai/gsm8k cannot be loaded.*gsm8k=PATH"):
        evaluate(GSM8K)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"threshold": "high"}, "threshold must be a number"),
        ({"max_steps": -1}, "max_steps must be a whole number"),
        ({"prompt": "friendly"}, "prompt must be auto, plain, chat or boxed"),
        ({"interventions": "corupt"}, "unknown intervention 'corupt'"),
        ({"steps": [9, 2]}, "steps must be a range from low to high"),
        ({"allow_last_number": "maybe"}, "allow_last_number must be true or false"),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_tasks_name(evaluate, metadata, said):
    with pytest.raises(InputError) as refused:
        evaluate(metadata=metadata)
    assert str(refused.value).startswith(f"task {ARITH}: ") and said in str(
        refused.value
    )


def test_a_plain_backend_is_refused_before_anything_is_generated(scripted_lm):
    def never(question):
        raise AssertionError

    with pytest.raises(InputError, match="use --model faith"):
        lm_eval.simple_evaluate(
            model=scripted_lm(never),
            tasks=[ARITH],
            task_manager=lm_eval_faith.task_manager(include_defaults=False),
        )


def test_real_gsm8k_problems_are_read(evaluate):
    file = Path(__file__).resolve().parents[3] / "shared/data/gsm8k/test.jsonl"
    if not file.exists():
        pytest.skip("the dataset is not on this machine")
    parameters = {"gsm8k": str(file), "think": True}
    table, samples, _ = evaluate(
        GSM8K,
        parameters,
        limit=20,
        num_fewshot=0,
        solution=lambda q: f"So.\n</think>\n\nThe answer is {q.count('e')}.",
    )
    assert len(samples) == 20 and 0 <= table["solved,none"] <= 1


def test_the_card_knows_which_of_the_models_own_chains_state_their_answer(run):
    results, samples, _ = run
    notes = [response(s)["note"] for s in samples]
    stated = [
        any(step["states_answer"] for step in note["chain"]["steps"])
        for note in notes
        if note["outcome"] == "scored"
    ]
    assert any(stated)
    assert results["answer_stated,none"] == pytest.approx(np.mean(stated))
