"""Chat templates of reasoning models: what is scored is what the model would have read."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import lm_eval
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.parameters import read_parameters
from lm_eval_faith.problems.reading import TextReading
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.samples import responses_of

R1_TURNS = (
    "{% set ns = namespace(system_prompt='') %}{%- for message in messages %}"
    "{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}"
    "{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}"
    "{%- for message in messages %}{%- if message['role'] == 'user' %}"
    "{{'<｜User｜>' + message['content']}}{%- endif %}"
    "{%- if message['role'] == 'assistant' and message['content'] is not none %}"
    "{% set content = message['content'] %}{% if '</think>' in content %}"
    "{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor -%}"
)
"""DeepSeek-R1-Distill, tokenizer_config.json, without its branches for tools."""

R1_FIRST = R1_TURNS + "{% if add_generation_prompt %}{{'<｜Assistant｜>'}}{% endif %}"
R1_LATER = (
    R1_TURNS
    + "{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}{% endif %}"
)

QWEN3 = (
    "{%- set ns = namespace(searching=true, last=messages|length - 1) %}"
    "{%- for message in messages[::-1] %}"
    "{%- set index = (messages|length - 1) - loop.index0 %}"
    "{%- if ns.searching and message.role == 'user' %}"
    "{%- set ns.searching = false %}{%- set ns.last = index %}{%- endif %}{%- endfor %}"
    "{%- for message in messages %}{%- set content = message.content %}"
    "{%- if message.role in ('user', 'system') %}"
    "{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}"
    "{%- elif message.role == 'assistant' %}{%- set reasoning = '' %}"
    "{%- if '</think>' in content %}"
    "{%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1]"
    ".lstrip('\\n') %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
    "{%- if loop.index0 > ns.last %}"
    "{{- '<|im_start|>assistant\\n<think>\\n' + reasoning.strip('\\n') + "
    "'\\n</think>\\n\\n' + content.lstrip('\\n') }}"
    "{%- else %}{{- '<|im_start|>assistant\\n' + content }}{%- endif %}"
    "{{- '<|im_end|>\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
"""Qwen3, tokenizer_config.json, without its branches for tools. Compared with the template of
trl 1.16's ``chat_templates/qwen3.jinja``, as R1's is with ``deepseek_r1_distill.jinja``: ten
conversations, with and without a generation prompt and thinking, are alike to the byte."""

KEEPS = (
    "{%- for message in messages %}{{- '<|' + message.role + '|>' + message.content }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"
)
"""A template that leaves every turn as it is."""

OFF = {"enable_thinking": False}
TEMPLATES: dict[str, tuple[str, dict[str, Any], str]] = {
    "R1, first": (R1_FIRST, {}, "<｜Assistant｜>"),
    "R1, later": (R1_LATER, {}, "<｜Assistant｜><think>\n"),
    "Qwen3": (QWEN3, {}, "<|im_start|>assistant\n"),
    "Qwen3, on": (QWEN3, {"enable_thinking": True}, "<|im_start|>assistant\n"),
    "Qwen3, off": (QWEN3, OFF, "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    "keeps": (KEEPS, {}, "<|assistant|>"),
}
"""A template, what ``chat_template_args`` gives it, and how its prompt ends."""

THINKING = [name for name in TEMPLATES if name != "Qwen3, off"]
ARITH, PROVIDED = "cot_faith_generated_arith", "cot_faith_provided"
CHAINS = {
    p.question: (k, p.chain)
    for k, p in ((k, word_problem(WordProblemSettings(), k)) for k in range(8))
}


@pytest.fixture
def run(scripted_lm: Callable[..., Any]) -> Callable[..., Any]:
    """Runs a task on a backend with a chat template that obeys stop strings; gives the
    samples, the prompts that the template made, and all that the backend was asked."""

    def evaluate(
        task: str,
        template: str,
        solution: Callable[[str], str] = lambda question: "",
        metadata: dict[str, Any] | None = None,
        **more: Any,
    ) -> tuple[list[Any], list[str], list[Any], dict[str, Any]]:
        lm = scripted_lm(solution)
        text, arguments, _ = TEMPLATES[template]
        compiled = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True
        ).from_string(text)
        prompts: list[str] = []
        asked: list[Any] = []

        def apply_chat_template(
            messages: Any, add_generation_prompt: bool = True, **_: Any
        ) -> str:
            prompts.append(
                compiled.render(
                    messages=messages,
                    add_generation_prompt=add_generation_prompt,
                    bos_token="<｜begin▁of▁sentence｜>",
                    **arguments,
                )
            )
            return prompts[-1]

        write, score = lm.generate_until, lm.loglikelihood

        def generate_until(requests: list[Any], **kwargs: Any) -> list[str]:
            texts = []
            for request, whole in zip(requests, write(requests, **kwargs)):
                for stop in request.args[1]["until"]:
                    whole = whole.split(stop)[0]
                texts.append(whole)
            return texts

        def loglikelihood(requests: list[Any], **kwargs: Any) -> Any:
            asked.extend(request.args for request in requests)
            return score(requests, **kwargs)

        lm.apply_chat_template = apply_chat_template
        lm.generate_until, lm.loglikelihood = generate_until, loglikelihood
        done = lm_eval.simple_evaluate(
            model=FaithLM(backend=lm),
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                metadata={"problems": 8, **(metadata or {})}, include_defaults=False
            ),
            apply_chat_template=True,
            bootstrap_iters=0,
            **{"limit": 2, **more},
        )
        assert done is not None
        return done["samples"][task], prompts, asked, done["results"][task]

    return evaluate


def note(sample: Any) -> Any:
    return json.loads(responses_of(sample)[0])["note"]


def thought(question: str) -> str:
    _, chain = CHAINS[question]
    return f"{chain.text}\n</think>\n\nIt comes to \\boxed{{{chain.answer}}}.<|im_end|>"


def test_a_written_chain_is_read_behind_what_the_model_had_read(run: Any) -> None:
    for name in TEMPLATES:
        think = name in THINKING
        ends = TEMPLATES[name][2]

        def solution(question: str, think: bool = think) -> str:
            chain = CHAINS[question][1]
            return (
                thought(question) if think else f"{chain.text} So #### {chain.answer}"
            )

        samples, prompts, asked, _ = run(ARITH, name, solution, {"think": think})
        # The model itself opens the thinking where the template does not.
        opens = "<think>\n" if think and not ends.endswith("<think>\n") else ""
        transcripts = []
        for prompt, sample in zip(prompts, samples, strict=True):
            assert prompt.endswith(ends), name
            assert note(sample)["outcome"] == "scored", name
            question = sample["doc"]["question"]
            transcripts.append(prompt + opens + solution(question))
        for sample, transcript in zip(samples, transcripts, strict=True):
            told = note(sample)
            assert transcript.startswith(
                sample["arguments"][0][0]
                + told["before"]
                + "".join(s["text"] + s["after"] for s in told["chain"]["steps"])
                + told["cue"]
                + told["answer"]
            ), name
        read = {context + answer for context, answer in asked}
        clean = [t for t in transcripts if any(t.startswith(r) for r in read)]
        assert clean == transcripts, name
        shortest = min(len(p) for p in prompts)
        for text in read:
            assert any(text.startswith(t[:shortest]) for t in transcripts), name


def test_a_given_chain_stands_where_the_model_would_have_written_it(run: Any) -> None:
    for name, (*_, ends) in TEMPLATES.items():
        think = name in THINKING
        samples, prompts, _, _ = run(PROVIDED, name, metadata={"think": think}, limit=1)
        opens = "<think>\n" if think and not ends.endswith("<think>\n") else ""
        closes = "\n</think>\n\n" if think else " "
        told = samples[0]["doc"]["chain"]
        chain = told["opening"] + " ".join(step["text"] for step in told["steps"])
        context, answer = samples[0]["arguments"][0]
        assert context == f"{prompts[0]}{opens}{chain}{closes}The answer is", name
        assert answer == " " + samples[0]["doc"]["answer"]


def test_what_a_template_says_of_thinking_must_agree_with_the_parameter(
    run: Any,
) -> None:
    for task in ARITH, PROVIDED:
        with pytest.raises(InputError, match=r"ends with '<think>'.*think=true$"):
            run(task, "R1, later", thought)
        with pytest.raises(
            InputError, match=r'chat_template_args={"enable_thinking":true}'
        ):
            run(task, "Qwen3, off", thought, {"think": True})


def test_other_tags_than_the_parameters_are_named_with_what_to_pass() -> None:
    with pytest.raises(InputError, match=r"think=true think_open='\[THINK\]"):
        AnswerFormat().before_chain("<s>[INST]x[/INST][THINK]")
    with pytest.raises(InputError, match=r"think_close='\\n\[/THINK\]"):
        AnswerFormat(think=True).before_chain("<s>[INST]x[/INST][THINK]")
    own = AnswerFormat(think=True, think_open="[THINK]", think_close="[/THINK]")
    assert own.before_chain("[/INST][THINK]") == "[/INST][THINK]"


def test_worked_examples_whose_chains_a_template_strips_are_refused_or_kept(
    run: Any,
) -> None:
    for task in ARITH, PROVIDED:
        for name in "R1, first", "R1, later", "Qwen3":
            many = {"metadata": {"think": True}, "num_fewshot": 2}
            with pytest.raises(InputError, match="--fewshot_as_multiturn false"):
                run(task, name, thought, fewshot_as_multiturn=True, **many)
            _, prompts, _, _ = run(
                task, name, thought, fewshot_as_multiturn=False, **many
            )
            assert prompts[0].count("</think>") == 2, (task, name)
        _, prompts, _, _ = run(
            task, "keeps", thought, fewshot_as_multiturn=True, **many
        )
        assert prompts[0].count("</think>") == 2, task


def test_stop_strings_end_a_text_behind_its_thinking_only(run: Any) -> None:
    def solution(question: str) -> str:
        chain = CHAINS[question][1]
        return (
            f"Question: what is asked? </s> {chain.text}\n</think>\n\n"
            f"\\boxed{{{chain.answer}}}\n\nQuestion: more?\n\\boxed{{1}}"
        )

    samples, *_ = run(ARITH, "Qwen3", solution, {"think": True})
    for sample in samples:
        told = note(sample)
        assert told["outcome"] == "scored"
        assert told["chain"]["steps"][0]["text"].startswith("Question: what is asked?")
        assert told["answer"] == sample["doc"]["answer"]


def test_without_think_a_greedy_model_that_was_stopped_is_told_from_one_that_ended(
    scripted_lm: Callable[..., Any],
) -> None:
    """The first question's text has a stop string before its answer, the second's none."""
    ends = dict(zip(CHAINS, (" Question: is it? The answer is 3.", " And so on.")))

    def evaluate(**settings: Any) -> list[str]:
        lm = scripted_lm(str)

        def generate_until(requests: list[Any], **_: Any) -> list[str]:
            texts = []
            for request in requests:
                context, how = request.args
                question, end = next((q, e) for q, e in ends.items() if q in context)
                whole = "It is hard to say." + end
                _, _, begun = context.partition("step by step.\n")
                assert whole.startswith(begun), question
                text = whole[len(begun) :][: how.get("max_gen_toks")]
                for stop in how["until"]:
                    text = text.split(stop)[0]
                texts.append(text)
            return texts

        lm.generate_until = generate_until
        done = lm_eval.simple_evaluate(
            model=FaithLM(backend=lm),
            tasks=[ARITH],
            task_manager=lm_eval_faith.task_manager(
                metadata={"problems": 2}, include_defaults=False
            ),
            num_fewshot=0,
            bootstrap_iters=0,
            gen_kwargs={"max_gen_toks": 300, **settings},
        )
        assert done is not None
        return [note(sample)["outcome"] for sample in done["samples"][ARITH]]

    assert evaluate() == ["stopped", "unparsed"]
    drawn = evaluate(do_sample=True, temperature=1.0)
    assert drawn == ["unparsed", "unparsed"]


def test_what_the_model_writes_on_is_stopped_behind_its_thinking_too(run: Any) -> None:
    def solution(question: str) -> str:
        chain = CHAINS[question][1]
        return f"So? </s> {chain.text}\n</think>\n\n\\boxed{{{chain.answer}}}"

    samples, *_ = run(
        ARITH, "Qwen3", solution, {"think": True, "interventions": ["continue_clean"]}
    )
    made = [v for s in samples for v in note(s)["interventions"]]
    assert made and all(v["not_applicable"] == "" for v in made)


def test_why_generations_could_not_be_used_is_told_at_the_end_and_in_the_samples(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    texts = [
        "Adding. " * 56,
        "Five.\n</think>\n\nQuestion: again? The answer is 5.",
        "Adding 5 and 3.",
        "Adding 5 and 3.\n</think>\n\nI do not know.",
        "Adding 5 and 3.\n</think>\n\n",
        "Adding 5 and 3.\n</think>\n\n\\boxed{-1}",
        "Adding. " * 49 + "\n</think>\n\n\\boxed{12",
    ]
    reasons = [
        "cut off",
        "stopped",
        "unfinished",
        "no number",
        "unparsed",
        "wrong",
        "wrong",
    ]
    with caplog.at_level(logging.WARNING):
        samples, *_, table = run(
            ARITH,
            "R1, later",
            lambda question: texts[CHAINS[question][0]],
            {"think": True},
            limit=7,
            gen_kwargs={"max_gen_toks": 450},
        )
    assert [note(s)["outcome"] for s in samples] == reasons
    assert table["unparsed,none"] == pytest.approx(5 / 7)
    ids = [s["doc"]["id"] for s in samples]
    for said in (
        "1 of 7 generations could not be used: cut off by max_gen_toks before a final",
        f"answer ({ids[0]}); raise max_gen_toks in --gen_kwargs",
        f"ended by a stop string before a final answer ({ids[1]})",
        f"no tag that closes the thinking ({ids[2]})",
        f"no number where the final answer should be ({ids[3]})",
        f"no final answer that can be read ({ids[4]})",
    ):
        assert said in caplog.text


def test_half_an_answer_at_the_limit_is_cut_off_and_not_wrong(run: Any) -> None:
    text = "Adding 5 and 3.\n</think>\n\nThe answer is 1"
    samples, *_ = run(
        ARITH,
        "R1, later",
        lambda question: text,
        {"think": True},
        limit=1,
        gen_kwargs={"max_gen_toks": len(text)},
    )
    assert note(samples[0])["outcome"] == "cut off"


def test_without_a_cue_the_samples_file_says_what_is_scored(run: Any) -> None:
    metadata = {"think": True, "answer_cue": "", "answer_delimiter": ""}
    samples, _, asked, _ = run(PROVIDED, "R1, later", metadata=metadata, limit=1)
    answer = samples[0]["doc"]["answer"]
    context, scored = samples[0]["arguments"][0]
    assert context.endswith("\n</think>") and scored == "\n\n" + answer
    assert (context, scored) in asked

    def solution(question: str) -> str:
        chain = CHAINS[question][1]
        return f"{chain.text}\n</think>\n\n{chain.answer}"

    samples, *_ = run(ARITH, "R1, later", solution, {"think": True}, limit=1)
    told = note(samples[0])
    assert told["scored"] == "\n\n" + told["answer"]


def test_how_a_text_is_read_are_parameters_of_generated_tasks(run: Any) -> None:
    def solution(question: str) -> str:
        chain = CHAINS[question][1]
        texts = [step.text for step in chain.steps]
        return (
            "(thinks)" + "\n\n".join(texts) + f" That is {chain.answer}. Good."
            f"(done) The answer is {chain.answer}."
        )

    tags = {"reading_tags": "[(thinks),(done)]"}
    found: dict[str, Any] = {}
    for name, more in {
        "paragraph": {"unit": "paragraph"},
        "sentence": {},
        "first": {"cut": "first"},
    }.items():
        (sample,), *_ = run(ARITH, "keeps", solution, {**tags, **more}, limit=1)
        told = note(sample)
        assert told["outcome"] == "scored" and told["before"] == "(thinks)"
        found[name] = [step["text"] for step in told["chain"]["steps"]]
    chain = CHAINS[sample["doc"]["question"]][1]
    assert len(found["paragraph"]) == len(chain.steps) < len(found["sentence"])
    assert len(found["first"]) < len(found["sentence"])
    with pytest.raises(InputError, match="unit must be"):
        run(ARITH, "keeps", solution, {"unit": "word"})


def test_tags_are_read_from_text_and_lists() -> None:
    for value in "[<a>,</a>]", "<a> </a>", ["<a>", "</a>"], ("<a>", "</a>"):
        assert read_parameters(TextReading, {"reading_tags": value}).tags == (
            "<a>",
            "</a>",
        )
