"""Chains from files, read by a backend whose numbers are known."""

import json
from pathlib import Path

import lm_eval
import numpy as np
import pytest

import lm_eval_faith
from lm_eval_faith.chains.language_phrases import PHRASES
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.problems.chain_files import read_chains
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.samples import responses_of

TASK = "cot_faith_replay"
GPT3 = (
    Path(__file__).resolve().parents[3]
    / "shared/data/gsm8k/example_model_solutions.jsonl"
)
LINES = [
    {
        "question": "Ann has 4 pens and buys 14. How many has she?",
        "chain": "She starts with 4.\nShe buys 14, so 4 + 14 = 18.\n#### 18",
        "answer": "18",
    },
    {
        "question": "Bo has 5 cows and sells 2. How many has he?",
        "chain": ["He has 5.", "He sells 2.", "So 5 - 2 = 3.", "The answer is 3."],
        "answer": 3,
        "correct": True,
        "id": "bo",
    },
    {"question": "Six and one?", "chain": "6 + 1 = 8. The answer is 8.", "answer": "7"},
    {
        "question": "Seven and one?",
        "chain": ["7 + 1 = 8", "So 8."],
        "answer": "She adds.\n#### 8",
        "correct": "false",
    },
    {"question": "Two?", "chain": "The answer is 2.", "answer": "2"},
]


def written(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def chains(tmp_path):
    return written(tmp_path / "chains.jsonl", LINES)


@pytest.fixture(scope="module")
def evaluate(scripted_lm):
    def run(file, metadata=None, lm=None, **more):
        done = lm_eval.simple_evaluate(
            model=lm or scripted_lm(str),
            tasks=[TASK],
            task_manager=lm_eval_faith.task_manager(
                metadata={"chains": str(file)} | (metadata or {}),
                include_defaults=False,
            ),
            bootstrap_iters=10,
            **more,
        )
        return done["results"][TASK], done["samples"][TASK], done

    return run


def steps(sample):
    return [s["text"] for s in sample["doc"]["chain"]["steps"]]


def test_the_final_statement_is_taken_off_and_right_chains_are_used(evaluate, chains):
    _, samples, done = evaluate(chains)
    assert [s["doc"]["id"] for s in samples] == ["line-1", "bo"]
    assert [steps(s) for s in samples] == [
        ["She starts with 4.", "She buys 14, so 4 + 14 = 18."],
        ["He has 5.", "He sells 2.", "So 5 - 2 = 3."],
    ]
    assert [s["doc"]["answer"] for s in samples] == ["18", "3"]
    recorded = done["configs"][TASK]["metadata"]
    assert recorded["chains_left_out_ids"] == {
        "wrong answer": ["line-3"],
        "no final answer that can be read": ["line-4"],
        "no steps": ["line-5"],
    }
    assert recorded["chains_in_file"] == 5


def test_a_chain_stands_between_prompt_and_cue(evaluate, chains):
    _, samples, _ = evaluate(chains)
    assert samples[0]["arguments"][0] == (
        (
            "Question: Ann has 4 pens and buys 14. How many has she?\n"
            "Let's work it out step by step.\n"
            "She starts with 4.\nShe buys 14, so 4 + 14 = 18.\nThe answer is"
        ),
        " 18",
    )


IN_LANGUAGES = {
    "bn": ("রজারের কয়টি বল আছে?", "রজারের প্রথমে 5টি বল ছিল। তারপর 5 + 6 = 11। উত্তর হল 11।"),
    "de": ("Wie viele Bälle?", "Roger hat zuerst 5 Bälle. Dann sind es 5 + 6 = 11. Die Antwort ist 11."),
    "es": ("¿Cuántas pelotas?", "Roger tiene 5 pelotas al principio. Luego son 5 + 6 = 11. La respuesta es 11."),
    "fr": ("Combien de balles ?", "Roger a d'abord 5 balles. Ensuite il en a 5 + 6 = 11. La réponse est 11."),
    "ja": ("ボールは何個ですか？", "ロジャーは最初5個のボールを持っていた。5 + 6 = 11。答えは11です。"),
    "ru": ("Сколько мячей?", "Вначале у Роджера было 5 мячей. Потом 5 + 6 = 11. Ответ: 11."),
    "sw": ("Ana mipira ngapi?", "Roger alikuwa na mipira 5 katika kikapu. Kisha ana 5 + 6 = 11. Jibu ni 11."),
    "te": ("ఎన్ని బంతులు?", "రోజర్ వద్ద మొదట 5 బంతులు ఉన్నాయి. తర్వాత 5 + 6 = 11. సమాధానం 11."),
    "th": ("มีลูกบอลกี่ลูก", "โรเจอร์มีลูกบอล 5 ลูก\nดังนั้น 5 + 6 = 11\nคำตอบคือ 11"),
    "zh": ("他有多少个球？", "罗杰一开始有5个球。现在5 + 6 = 11。答案是11。"),
}  # fmt: skip


def test_prompt_cue_and_aside_are_in_the_language_of_the_chain(
    evaluate, tmp_path, caplog
):
    asked = {
        **IN_LANGUAGES,
        "ko": ("공이 몇 개?", "로저는 처음에 공 5개가 있었다. 5 + 6 = 11. \\boxed{11}"),
    }
    lines = [
        {"id": code, "question": question, "chain": chain, "answer": "11"}
        for code, (question, chain) in asked.items()
    ]
    file = written(tmp_path / "x.jsonl", lines)
    _, samples, _ = evaluate(file, {"interventions": ["control"]})
    assert [s["doc"]["id"] for s in samples] == list(asked)
    for sample in samples:
        code, question = sample["doc"]["id"], sample["doc"]["question"]
        phrases = PHRASES.get(code, PHRASES["en"])
        (context, answer), *changed = sample["arguments"]
        assert context.startswith(phrases.prompt(question) + "\n"), code
        assert context.endswith(phrases.cue) and answer == " 11"
        asides = [aside for aside in phrases.asides for c, _ in changed if aside in c]
        assert bool(asides) == (code != "ko"), code
    assert "1 of 11 chains are in 'ko', for which there is no prompt" in caplog.text
    _, samples, _ = evaluate(file, {"prompt": "{{question}}!", "answer_cue": "So:"})
    context = samples[1]["arguments"][0][0]
    assert context.startswith("Wie viele Bälle?!Roger hat") and context.endswith("So:")


def test_wrong_chains_can_be_read_too_for_their_own_answer(evaluate, chains):
    _, samples, _ = evaluate(chains, {"correct_only": "no"})
    answers = {s["doc"]["id"]: s["doc"]["answer"] for s in samples}
    assert answers == {"line-1": "18", "bo": "3", "line-3": "8"}


def test_the_table_is_plain_arithmetic_over_steps(evaluate, chains, scripted_lm):
    table, samples, _ = evaluate(chains)
    logprob = scripted_lm(str).logprob
    raw, less = [], []
    for sample in samples:
        scores = [logprob(*pair) for pair in sample["arguments"]]
        n = len(steps(sample))
        variants = sample["doc"]["interventions"]
        effects = {}
        rest = iter(scores[1:])
        for v in variants:
            if not v["not_applicable"]:
                effects[v["intervention"], v["step"]] = scores[0] - next(rest)
        assert {k for i, k in effects if i == "delete"} == set(range(n))
        raw.append(np.mean([effects["delete", k] for k in range(n)]))
        less.append([effects["delete", k] - effects["control", k] for k in range(n)])
    assert table["delete_effect,none"] == pytest.approx(np.mean(raw))
    assert table["delete_effect_vs_control,none"] == pytest.approx(
        np.mean([np.mean(own) for own in less])
    )
    rate = np.mean(np.concatenate(less) >= 1)
    assert table["delete_load_bearing_rate_vs_control,none"] == pytest.approx(rate)
    assert table["steps,none"] == 2.5
    assert "solved,none" not in table
    clean = np.mean([logprob(*s["arguments"][0]) for s in samples])
    assert table["clean_logprob,none"] == pytest.approx(clean)


def test_fields_are_named_by_metadata_and_lead_into_nested_objects(evaluate, tmp_path):
    line = {
        "q": "Ann has 4 pens and buys 14. How many has she?",
        "model": {"out": {"text": "She adds 4 + 14 = 18.\nA: 18", "ok": True}},
        "gold": "4 + 14 = 18.\nA: 18",
        "key": 7,
    }
    names = {
        "field_question": "q",
        "field_chain": "model.out.text",
        "field_correct": "model.out.ok",
        "field_answer": "gold",
        "field_id": "key",
    }
    _, (sample,), _ = evaluate(written(tmp_path / "x.jsonl", [line]), names)
    assert steps(sample) == ["She adds 4 + 14 = 18."]
    assert (sample["doc"]["id"], sample["doc"]["answer"]) == ("7", "18")


def test_swap_takes_steps_of_the_other_chains(evaluate, chains):
    _, samples, _ = evaluate(chains, {"interventions": ["swap"]})
    for sample, other in zip(samples, reversed(samples)):
        made = {v["after"] for v in sample["doc"]["interventions"]} - {""}
        assert made and made <= set(steps(other))


def test_long_chains_are_left_out_with_the_reason(evaluate, chains):
    _, samples, done = evaluate(chains, {"max_chain_tokens": 40})
    assert [s["doc"]["id"] for s in samples] == ["bo"]
    told = done["configs"][TASK]["metadata"]["chains_left_out"]
    assert told["chain longer than max_chain_tokens"] == 1


def test_documents_that_are_too_long_are_dropped_and_counted(
    evaluate, chains, scripted_lm
):
    lm = scripted_lm(str, max_length=160)
    with pytest.raises(InputError, match="document line-1: .* but the model takes 160"):
        evaluate(chains, lm=lm)
    table, samples, _ = evaluate(chains, {"too_long": "drop"}, lm=lm)
    kept = [s["doc"]["id"] for s in samples if len(responses_of(s)) > 1]
    assert table["dropped,none"] == (2 - len(kept)) / 2 > 0


def test_worked_examples_come_before_the_question(evaluate, chains):
    _, samples, _ = evaluate(chains, num_fewshot=2)
    context = samples[0]["arguments"][0][0]
    assert context.count("Question:") == 3 and "78 dollars. The answer is 78" in context


# --- samples of our own runs -----------------------------------------------------


@pytest.fixture(scope="module")
def own_runs(scripted_lm, save_run, tmp_path_factory):
    """Runs of the three settings on disk: a folder each."""
    problems = [word_problem(WordProblemSettings(), k) for k in range(3)]
    texts = {
        p.question: f"{p.chain.text} The answer is {int(p.chain.answer) + (k == 1)}."
        for k, p in enumerate(problems)
    }
    folder = tmp_path_factory.mktemp("runs")
    generated = FaithLM(backend=scripted_lm(texts.get))
    for task, lm, parameters in (
        ("cot_faith_generated_arith", generated, {"problems": 3}),
        ("cot_faith_provided", scripted_lm(str), {"problems": 2}),
    ):
        done = lm_eval.simple_evaluate(
            model=lm,
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                metadata=parameters, include_defaults=False
            ),
        )
        save_run(done, folder / task)
    return folder, problems


def test_the_chains_of_another_models_run_are_replayed(evaluate, own_runs):
    folder, problems = own_runs
    _, samples, done = evaluate(folder / "cot_faith_generated_arith")
    right = [problems[0], problems[2]]
    assert [s["doc"]["id"] for s in samples] == [p.id for p in right]
    for sample, problem in zip(samples, right, strict=True):
        assert steps(sample) == [step.text for step in problem.chain.steps]
        assert sample["doc"]["answer"] == problem.chain.answer
    assert done["configs"][TASK]["metadata"]["chains_left_out"] == {"wrong answer": 1}


def test_how_texts_are_read_applies_to_the_texts_of_a_run_and_cut_to_chains_given_to_it(
    own_runs,
):
    folder, problems = own_runs
    generated = folder / "cot_faith_generated_arith"

    def read(source, **parameters):
        chain = read_chains(source, parameters).chains[0].chain
        return [step.text for step in chain.steps], chain

    plain, _ = read(generated)
    whole, chain = read(generated, keep_final=True)
    assert whole == [*plain, f"The answer is {problems[0].chain.answer}."]
    assert chain.steps[-1].states_answer
    stated = [step.states_answer for step in chain.steps].index(True)
    assert stated > 0 and read(generated, cut="first")[0] == plain[:stated]
    assert len(read(generated, unit="paragraph")[0]) == 1
    wrong = read_chains(generated, {"unit": "paragraph"}).chains[1]  # may be asked for
    assert wrong.left_out == "wrong answer" and len(wrong.chain.steps) == 1
    provided = folder / "cot_faith_provided"
    given, chain = read(provided)
    stated = [step.states_answer for step in chain.steps].index(True)
    assert stated > 0 and read(provided, cut="first")[0] == given[:stated]
    with pytest.raises(
        InputError, match="jsonl:1: the steps of a chain that was given"
    ):
        read(provided, keep_final=True)


def test_provided_chains_are_replayed_as_text_without_labels(evaluate, own_runs):
    folder, _ = own_runs
    (file,) = (folder / "cot_faith_provided").rglob("samples_*.jsonl")
    _, samples, _ = evaluate(file)
    assert len(samples) == 2
    kept = [s for sample in samples for s in sample["doc"]["chain"]["steps"]]
    assert {s["label"] for s in kept} == {None} and not any(
        "numbers" in s for s in kept
    )
    variants = [v for s in samples for v in s["doc"]["interventions"]]
    assert not any(v["other_answer"] for v in variants)


@pytest.mark.parametrize(
    "reading",
    [{}, {"cut": "first"}, {"keep_final": True}, {"cut": "first", "keep_final": True}],
)
def test_behind_the_prompt_of_a_run_its_chains_are_asked_about_as_in_the_run(
    evaluate, scripted_lm, save_run, tmp_path, reading
):
    problems = [word_problem(WordProblemSettings(), k) for k in range(2)]
    texts = {
        p.question: f"{p.chain.text}\n\nThus we have \\(\\boxed{{{p.chain.answer}}}\\)."
        for p in problems
    }
    run = lm_eval.simple_evaluate(
        model=FaithLM(backend=scripted_lm(texts.get)),
        tasks=["cot_faith_generated_arith"],
        task_manager=lm_eval_faith.task_manager(
            metadata={"problems": 2} | reading, include_defaults=False
        ),
    )
    folder = save_run(run, tmp_path / "own")
    written = [
        json.loads(responses_of(sample)[0])["loglikelihoods"]
        for sample in run["samples"]["cot_faith_generated_arith"]
    ]
    prompt = "Question: {{question}}\nLet's work it out step by step.\n"
    _, samples, _ = evaluate(folder, {"prompt": prompt} | reading)
    read = [[list(r[0]) for r in sample["resps"]] for sample in samples]
    assert read == [[list(r) for r in document] for document in written]
    assert samples[0]["arguments"][0][0].endswith("Thus we have \\(\\boxed{")
    for other, cue in (
        ({"own_cue": False}, "The answer is"),
        ({"answer_cue": "So:"}, "So:"),
    ):
        _, asked, _ = evaluate(folder, {"prompt": prompt} | reading | other)
        assert asked[0]["arguments"][0][0].endswith(cue)


def test_a_replay_can_be_replayed(evaluate, own_runs, save_run, tmp_path):
    folder, _ = own_runs
    _, first, done = evaluate(folder / "cot_faith_generated_arith")
    _, again, _ = evaluate(save_run(done, tmp_path / "replay"))
    assert [s["arguments"] for s in again] == [s["arguments"] for s in first]
    run = folder / "cot_faith_generated_arith"
    for k, parameters in enumerate(({"answer_cue": "So:"}, {"own_cue": False})):
        _, _, done = evaluate(run, parameters)
        _, again, _ = evaluate(save_run(done, tmp_path / str(k)))
        assert again[0]["arguments"][0][0].endswith(" The answer is")
        assert again[0]["arguments"][0][1].startswith(
            " "
        )  # nobody asked in other words


def test_a_folder_with_several_files_wants_one_to_be_named(evaluate, own_runs):
    with pytest.raises(InputError, match="several samples files here, name one"):
        evaluate(own_runs[0])


# --- bad input -------------------------------------------------------------------

GOOD = json.dumps(LINES[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{GOOD}\n{{", ":2: not a line of JSON"),
        (f"{GOOD}\n[]", ":2: not a JSON object"),
        (f"{GOOD}\n" + '{"question": "a", "answer": "1"}', ":2: 'chain' is missing"),
        (f"{GOOD}\n" + '{"chain": "a", "answer": "1"}', ":2: 'question' is missing"),
        (
            f"{GOOD}\n" + '{"question": "a", "chain": "b", "answer": []}',
            ":2: 'answer' is an empty list, not text",
        ),
        (
            f"{GOOD}\n" + '{"question": "a", "chain": [1], "answer": "1"}',
            ":2: 'chain' is a list of 1 numbers, not text or a list of texts",
        ),
        (
            f"{GOOD}\n" + GOOD.replace("}", ', "correct": "perhaps"}'),
            ":2: correct must be true or false",
        ),
        (
            "\n".join([GOOD.replace("}", ', "id": 1}')] * 2),
            ":2: document '1' is there twice",
        ),
        ("", ": no chains in this file"),
        (json.dumps(LINES[2]), ": all 1 chains are left out: 1 wrong answer"),
        (
            '{"doc": {"q": 1}, "filtered_resps": []}',
            ":1: a sample without a text of the model",
        ),
        (
            '{"doc": {"samples_format": 99}, "filtered_resps": []}',
            ":1: samples of format 99",
        ),
        (
            '{"doc": {"samples_format": 1, "setting": "x"}, "filtered_resps": [1]}',
            ":1: not a sample as this version writes it",
        ),
    ],
)
def test_a_broken_file_is_refused_by_line(evaluate, tmp_path, text, said):
    file = tmp_path / "broken.jsonl"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        evaluate(file)
    assert str(refused.value).startswith(f"task {TASK}: {file}{said}")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_not_named(evaluate, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        evaluate(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match=f"task {TASK}: name the chains by --metadata"):
        evaluate("")
    with pytest.raises(InputError, match="no samples_"):
        evaluate(tmp_path)


def test_real_chains_of_another_model_are_read(evaluate, tmp_path):
    if not GPT3.exists():
        pytest.skip("the dataset is not on this machine")
    lines = GPT3.read_text().splitlines()[:60]
    file = tmp_path / "gpt3.jsonl"
    file.write_text("\n".join(lines))
    wanted = [json.loads(line)["175b_verification"]["is_correct"] for line in lines]
    names = {
        "field_chain": "175b_verification.solution",
        "field_correct": "175b_verification.is_correct",
        "field_answer": "ground_truth",
    }
    _, samples, done = evaluate(file, names)
    assert len(samples) == sum(wanted)
    left_out = done["configs"][TASK]["metadata"]["chains_left_out"]
    assert left_out == {"wrong answer": 60 - sum(wanted)}
    for sample in samples:
        source = json.loads(lines[int(sample["doc"]["id"].removeprefix("line-")) - 1])
        text = source["175b_verification"]["solution"]
        assert text.startswith(sample["doc"]["chain"]["opening"] + steps(sample)[0])
        assert "A:" not in "".join(steps(sample))


# --- the prompt that a chain was written behind ----------------------------------------


def test_a_prompt_in_the_file_stands_before_the_chain_to_the_byte(evaluate, tmp_path):
    given = "<s>[USER] Ann has 4 pens, buys 14?\t[MODEL] <think>"
    trace = "\nOkay, 4 + 14 = 18.\nSo 18.\n</think>\n\nIt is \\boxed{18}."
    line = {
        "question": "How many pens?",
        "chain": trace,
        "answer": "18",
        "given": given,
    }
    file = written(tmp_path / "traces.jsonl", [line])
    how = {
        "field_prompt": "given",
        "think": True,
        "answer_cue": "It is \\boxed{",
        "answer_delimiter": "",
    }
    _, samples, _ = evaluate(file, how)
    context, answer = samples[0]["arguments"][0]
    assert context + answer + "}." == given + trace


def test_one_prompt_for_all_has_the_question_in_its_place(evaluate, chains):
    how = {"prompt": "Q: {{question}} {braces}\nA: "}
    _, samples, done = evaluate(chains, how)
    question = LINES[1]["question"]
    assert samples[1]["arguments"][0] == (
        f"Q: {question} {{braces}}\nA: He has 5.\nHe sells 2.\nSo 5 - 2 = 3.\nThe answer is",
        " 3",
    )
    assert done["configs"][TASK]["metadata"]["prompt"] == how["prompt"]


def test_with_a_chat_template_the_prompt_is_what_the_user_says(evaluate, chains):
    how = {"prompt": "{{question}} Put it in a box."}
    _, samples, _ = evaluate(chains, how, apply_chat_template=True)
    context, _ = samples[0]["arguments"][0]
    told = LINES[0]["question"] + " Put it in a box."
    assert context.startswith(f"<user>{told}<assistant>She starts with 4.")


def test_nothing_can_stand_before_a_given_prompt(evaluate, chains, tmp_path):
    how = {"prompt": "{{question}} "}
    for more in {"num_fewshot": 1}, {"system_instruction": "Think."}:
        with pytest.raises(InputError, match="nothing can stand before it: leave out"):
            evaluate(chains, how, **more)
    templated = {"prompt": "<user>{{question}}<assistant><think>\n", "think": True}
    with pytest.raises(InputError, match="leave out --apply_chat_template"):
        evaluate(chains, templated, apply_chat_template=True)
    with pytest.raises(InputError, match="ends with '<think>'.*think=true"):
        evaluate(chains, templated | {"think": False})


def test_a_prompt_that_is_no_prompt_is_said(evaluate, chains, tmp_path):
    with pytest.raises(InputError, match=r"prompt must hold {{question}}"):
        evaluate(chains, {"prompt": "Solve it."})
    with pytest.raises(InputError, match="no record has 'given'"):
        evaluate(chains, {"field_prompt": "given"})
    lines = [LINES[0] | {"given": "Q "}, LINES[1]]
    some = written(tmp_path / "some.jsonl", lines)
    with pytest.raises(
        InputError, match=r"jsonl:2: 'given' is missing; name the field"
    ):
        evaluate(some, {"field_prompt": "given"})
    written(chains, [{**LINES[0], "given": "Q "}])
    with pytest.raises(InputError, match="prompt and field_prompt both say"):
        evaluate(chains, {"field_prompt": "given", "prompt": "{{question}}"})
