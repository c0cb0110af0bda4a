"""Servers over HTTP: the numbers of a backend without one, failures in a sentence, nothing lost."""

import asyncio
import gc
import json
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import lm_eval
import pytest
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.openai_completions import LocalCompletionsAPI
from transformers import AutoTokenizer

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.backend_check import look_at
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.lm_eval_compat import ContextLimit
from lm_eval_faith.harness.servers import require_server, watch
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from lm_eval_faith.records.samples import responses_of

from .fake_server import greedy_logprob, read, serving, token_logprob

PROVIDED, WRITTEN = "cot_faith_provided", "cot_faith_generated_arith"
METADATA = {"problems": 2, "card": False}
SHORT = {"load_bearing": 2, "asides": 1}
MADE = {
    p.question: p.chain
    for k in range(METADATA["problems"])
    for p in [word_problem(WordProblemSettings(), k)]
}


def solution(question: str) -> str:
    chain = MADE.get(question)
    return "" if chain is None else f"{chain.text} The answer is {chain.answer}."


@pytest.fixture(autouse=True)
def no_running_loop():
    """Playwright's, of tests of pages in the same process, is none that a user has."""
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(before)


@pytest.fixture
def server(tiny_model):
    with serving(tiny_model, solution) as one:
        yield one


@pytest.fixture
def arguments(server, tiny_model):
    def make(**more: Any) -> dict[str, Any]:
        plain = {
            "model": "fake",
            "base_url": server.base_url,
            "tokenizer": str(tiny_model),
            "tokenizer_backend": "huggingface",
            "max_length": 2048,
            "max_retries": 1,
        }
        return plain | more

    return make


@pytest.fixture
def run(command, arguments, tmp_path):
    """`lm-eval-faith run` against the server: exit code, errors, and samples by task."""

    def call(
        out: str = "run",
        tasks: str = PROVIDED,
        faith: bool = False,
        cache: str = "",
        metadata: Mapping[str, Any] = MappingProxyType({}),
        **more: Any,
    ) -> tuple[int, str, dict[str, Any]]:
        told = arguments(**more) | ({"backend": "local-completions"} if faith else {})
        code, _, errors = command(
            *("run", "--model", "faith" if faith else "local-completions"),
            *("--model_args", json.dumps(told), "--tasks", tasks),
            "--metadata",
            json.dumps(METADATA | (SHORT if PROVIDED in tasks else {}) | {**metadata}),
            *("--output_path", tmp_path / out, "--log_samples"),
            *(("--use_cache", tmp_path / cache) if cache else ()),
        )
        found = {}
        for file in (tmp_path / out).rglob("samples_*.jsonl"):
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            task = next(t for t in (PROVIDED, WRITTEN) if t in file.name)
            found[task] = [responses_of(line) for line in lines]
        return code, errors, found

    return call


class Direct(TemplateLM):
    """The server's model without a server."""

    max_length = 10**6
    eot_token_id = 256

    def __init__(self, tokenizer: Any) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def tok_encode(self, text: str, **_: Any) -> list[int]:
        return self.tokenizer(text).input_ids

    def _loglikelihood_tokens(self, requests: Any, **_: Any) -> Any:
        return [self._score(before, answer) for _, before, answer in requests]

    def _score(self, before: list[int], answer: list[int]) -> tuple[float, bool]:
        scores, greedy, so_far = [], True, read(before)
        for token in answer:
            scores.append(token_logprob(so_far, token))
            greedy = greedy and scores[-1] == greedy_logprob(so_far)
            so_far = read([token], so_far)
        return sum(scores), greedy

    def generate_until(self, requests: Any, **_: Any) -> list[str]:
        return [
            solution(request.args[0].rsplit("Question: ", 1)[1].split("\n")[0])
            for request in requests
        ]

    def loglikelihood_rolling(self, requests: Any, **_: Any) -> Any:
        raise NotImplementedError


@pytest.fixture(scope="module")
def expected(tiny_model):
    """The responses of both tasks from the same model without a server."""
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    done = lm_eval.simple_evaluate(
        model=FaithLM(backend=Direct(AutoTokenizer.from_pretrained(tiny_model))),
        tasks=[PROVIDED, WRITTEN],
        task_manager=lm_eval_faith.task_manager(
            metadata=METADATA | SHORT, include_defaults=False
        ),
        bootstrap_iters=0,
    )
    asyncio._set_running_loop(before)
    written = json.loads(json.dumps(done["samples"], default=str))
    return {
        task: [responses_of(one) for one in lines] for task, lines in written.items()
    }


def told(errors: str) -> str:
    """The one sentence that a run ends with."""
    assert "Traceback" not in errors, errors
    (line,) = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: the server at http://127.0.0.1:"), line
    return line


def numbers(responses: Any) -> Any:
    """Of texts of JSON what they hold; of pairs the numbers."""
    if isinstance(responses, list):
        return [numbers(one) for one in responses]
    if isinstance(responses, str) and responses[:1] == "{":
        return json.loads(responses)
    return str(responses)


def of_the_run(server) -> list[tuple[str, str]]:
    """What was answered but for the question before the first."""
    return [one for one in server.answered if "Three and three" not in one[1]]


def assert_nothing_was_lost(server, found: dict[str, Any], concurrent: int) -> None:
    """What was answered was not asked again, but for what was under way at the failure."""
    answered = of_the_run(server)
    asked = sum(map(len, found.get(PROVIDED, ()))) or len(set(answered))
    assert len(answered) <= asked + concurrent - 1


def test_both_settings_have_the_numbers_of_the_model_without_a_server(
    run, expected, server
):
    for concurrent in 1, 4:
        code, errors, found = run(f"{concurrent}", num_concurrent=concurrent)
        assert code == 0, errors
        assert numbers(found[PROVIDED]) == numbers(expected[PROVIDED])
        code, errors, found = run(
            f"faith-{concurrent}",
            tasks=f"{PROVIDED},{WRITTEN}",
            faith=True,
            num_concurrent=concurrent,
        )
        assert code == 0, errors
        assert numbers(found[PROVIDED]) == numbers(expected[PROVIDED])
        for one, other in zip(found[WRITTEN], expected[WRITTEN], strict=True):
            told, wanted = json.loads(one[0]), json.loads(other[0])
            for part in wanted:
                assert told[part] == wanted[part], part
        assert '"solved": true' in found[WRITTEN][0][0]


def test_a_server_that_is_busy_or_fails_now_and_then_is_asked_again(
    run, expected, server
):
    for status in 429, 500:
        server.asked = []
        server.fails = lambda payload, status=status: (
            (status, "busy") if len(server.asked) == 3 else None
        )
        code, errors, found = run(f"{status}", max_retries=3)
        assert code == 0, errors
        assert numbers(found[PROVIDED]) == numbers(expected[PROVIDED])


def test_a_run_that_a_failing_server_ended_goes_on_and_asks_nothing_twice(
    run, expected, server
):
    cases = {
        (429, "slow down"): "answers with 429",
        (500, "out of memory"): "answers with 500 after 1 tries",
        (400, "maximum context length is 7"): "answers with 400",
    }
    for k, (failure, said) in enumerate(cases.items()):
        name, concurrent, server.answered = f"{k}", (1, 4)[k % 2], []
        server.fails = lambda payload, failure=failure: (
            failure if len(of_the_run(server)) >= 9 else None
        )
        code, errors, _ = run(name, cache=name, num_concurrent=concurrent)
        assert code == 2 and said in told(errors)
        server.fails = lambda payload: None
        code, errors, found = run(name, cache=name, num_concurrent=concurrent)
        assert code == 0, errors
        assert numbers(found[PROVIDED]) == numbers(expected[PROVIDED])
        assert_nothing_was_lost(server, found, concurrent)


def test_a_server_that_dies_and_comes_back_costs_nothing_in_either_setting(
    run, expected, server
):
    for faith, task, concurrent in (False, PROVIDED, 4), (True, WRITTEN, 1):
        name, server.answered = task, []
        stops = threading.Thread(target=server.stop)

        def dies(payload, stops=stops):
            if len(of_the_run(server)) >= 6 and stops.ident is None:
                stops.start()
            return None if stops.ident is None else (503, "going down")

        server.fails = dies
        code, errors, _ = run(name, task, faith, cache=name, num_concurrent=concurrent)
        assert code == 2 and "--use_cache" in told(errors)
        stops.join()
        code, errors, _ = run(name, task, faith, cache=name, num_concurrent=concurrent)
        assert code == 2 and "cannot be reached after 1 tries" in told(errors)
        server.fails = lambda payload: None
        server.start()
        code, errors, found = run(
            name, task, faith, cache=name, num_concurrent=concurrent
        )
        assert code == 0, errors
        assert numbers(found[task]) == numbers(expected[task])
        assert_nothing_was_lost(server, found, concurrent)


def test_a_server_that_does_not_answer_in_time_is_named_with_the_time(run, server):
    hanging = threading.Event()

    def hangs(payload):
        server.lock.release()
        hanging.wait(20)
        server.lock.acquire()

    for concurrent in 1, 4:
        server.fails = hangs
        code, errors, _ = run(f"{concurrent}", timeout=1, num_concurrent=concurrent)
        assert code == 2 and "does not answer within 1 s" in told(errors)
    hanging.set()


def test_a_wrong_key_is_said_before_anything_is_asked(run, server, monkeypatch):
    server.key = "right"
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    for concurrent in 1, 4:
        # Many tries are for servers that come back; a key does not become right by them.
        code, errors, _ = run(max_retries=30, num_concurrent=concurrent)
        assert code == 2 and "set OPENAI_API_KEY" in told(errors)
        assert "401" in told(errors) and "wrong" not in told(errors)
    assert len(server.asked) == 2 and not server.answered


def test_requests_that_fail_behind_the_first_have_no_tracebacks_in_the_log(
    server, arguments, caplog
):
    api = LocalCompletionsAPI(**arguments(num_concurrent=4))
    watch(api)
    server.fails = lambda payload: (500, "out of memory")
    asked = [Instance("loglikelihood", {}, (f"{k}", " 7"), idx=0) for k in range(8)]
    with pytest.raises(InputError, match="answers with 500"):
        api.loglikelihood(asked)
    gc.collect()  # they are logged when they are collected
    assert "never retrieved" not in caplog.text


def test_a_base_url_that_is_no_address_is_refused_before_anything_is_tried(arguments):
    for base_url in "here", "127.0.0.1:80/v1/completions", "http://", "http://a:b/v1":
        api = LocalCompletionsAPI(**arguments(base_url=base_url, max_retries=30))
        with pytest.raises(InputError, match="^base_url=.* is no address of a server"):
            require_server(api)


# --- what a response must hold -----------------------------------------------------


def only_generated(answer, payload):
    for choice in answer["choices"]:
        for values in choice["logprobs"].values():
            del values[:-1]
    return answer


def of_each(change):
    def changes(answer, payload):
        for choice in answer["choices"]:
            if "logprobs" in choice:
                change(choice)
        return answer

    return changes


def zeros(choice):
    told = choice["logprobs"]
    told["token_logprobs"] = [None, *([0.0] * (len(told["token_logprobs"]) - 1))]
    told["top_logprobs"] = [{"it": 0.0}] * len(told["token_logprobs"])


def cut(choice):
    for values in choice["logprobs"].values():
        del values[: len(values) // 2]


def one_more(choice):
    for values in choice["logprobs"].values():
        values.insert(0, values[0])


def one_unknown(choice):
    choice["logprobs"]["token_logprobs"][-3] = None


NO_PROMPTS = "llama.cpp's server is known for it"
MISBEHAVING = {
    "no log-probabilities": (of_each(lambda c: c.update(logprobs=None)), NO_PROMPTS),
    "only of what is generated": (only_generated, NO_PROMPTS),
    "in another form": (
        of_each(lambda c: c.update(logprobs={"content": [{"logprob": -1.0}]})),
        NO_PROMPTS,
    ),
    "zeros": (of_each(zeros), "gives none and does not say so"),
    "one unknown": (of_each(one_unknown), "leaves out the log-probability of a token"),
    "cut": (of_each(cut), "it cuts contexts and does not say so"),
    "one token more": (of_each(one_more), "reads other tokens than ours"),
    "no choices": (lambda answer, payload: {"object": "error"}, "/v1/completions"),
    "other letters": (
        lambda answer, payload: b'{"choices": "\xff"}',
        "/v1/completions",
    ),
    "endless lists": (lambda answer, payload: "[" * 10**5, "/v1/completions"),
    "a page": (lambda answer, payload: "<html>hello</html>", "/v1/completions"),
    "no answer": (lambda answer, payload: answer | {"choices": []}, "0 answers to 1"),
}


def test_a_server_whose_responses_lack_something_is_found_out_with_one_request(
    server, arguments
):
    for name, (change, said) in MISBEHAVING.items():
        for concurrent in 1, 4:
            server.changes, server.asked = change, []
            api = LocalCompletionsAPI(**arguments(num_concurrent=concurrent))
            with pytest.raises(InputError) as refused:
                require_server(api)
            assert said in str(refused.value), name
            assert len(server.asked) == 1, name


def test_check_says_once_that_a_server_gives_no_log_probabilities(server, arguments):
    server.changes = MISBEHAVING["in another form"][0]  # llama.cpp's own
    (finding,) = look_at(LocalCompletionsAPI(**arguments()))
    assert (finding.check, finding.state) == ("log-probabilities", "fault")
    assert NO_PROMPTS in finding.found
    assert len(server.asked) == 1


def test_a_run_of_written_chains_ends_before_the_model_writes_one(run, server):
    server.changes = only_generated
    for faith, task in (True, WRITTEN), (False, PROVIDED):
        code, errors, _ = run(task, task, faith)
        assert code == 2 and NO_PROMPTS in told(errors)
    assert {kind for kind, _ in server.answered} == {"read"}
    assert of_the_run(server) == []


def test_a_server_that_begins_to_cut_long_contexts_is_found_out_by_the_first_of_them(
    run, server
):
    def long_ones(answer, payload):
        if answer["usage"]["prompt_tokens"] > 300:
            of_each(cut)(answer, payload)
        return answer

    server.changes = long_ones
    code, errors, _ = run(num_concurrent=2)
    assert code == 2 and "it cuts contexts" in told(errors)


def test_a_prompt_that_was_cut_before_the_model_wrote_is_found_out(run, server):
    def cut_prompts(answer, payload):
        if not payload.get("echo"):
            answer["usage"]["prompt_tokens"] -= 20
        return answer

    server.changes = cut_prompts
    for concurrent in 1, 2:
        code, errors, _ = run(f"{concurrent}", WRITTEN, True, num_concurrent=concurrent)
        assert code == 2 and "tokens of a prompt: it cuts contexts" in told(errors)


def test_a_server_that_takes_less_than_the_backend_sends_is_said_at_once(run, server):
    server.max_model_len = 512
    code, errors, _ = run()
    assert code == 2 and "give max_length=512 in --model_args" in told(errors)
    assert server.asked == []
    code, errors, _ = run(max_length=512, metadata={"too_long": "drop"})
    assert code == 0, errors


def test_the_longest_request_is_sent_whole_and_one_more_token_is_refused(
    server, arguments
):
    api = LocalCompletionsAPI(**arguments(max_length=100))
    limit = ContextLimit.of(api)
    assert (
        limit.excess("a" * 90, "b" * 9) == 0 and limit.excess("a" * 90, "b" * 10) == 1
    )
    inputs, starts, _ = api.batch_loglikelihood_requests([[(None, [1] * 90, [2] * 9)]])
    assert (len(inputs[0]), starts) == (99, [90])


# --- the server's prefix cache -----------------------------------------------------


def test_a_vllm_server_is_asked_for_next_tokens_with_the_same_numbers(
    run, expected, server
):
    server.owned_by = "vllm"
    for concurrent in 1, 4:
        name, server.answered = f"{concurrent}", []
        code, errors, found = run(
            name, f"{PROVIDED},{WRITTEN}", True, num_concurrent=concurrent
        )
        assert code == 0, errors
        assert numbers(found[PROVIDED]) == numbers(expected[PROVIDED])
        assert numbers(found[WRITTEN]) == numbers(expected[WRITTEN])
        kinds = [kind for kind, _ in of_the_run(server)]
        # 8 requests of each call are compared; of threads those that began before it ended.
        assert kinds.count("read") <= 8 + concurrent and kinds.count("next") > 45


def test_a_server_that_answers_otherwise_about_next_tokens_is_asked_plainly(
    run, expected, server, caplog
):
    def other_numbers(answer, payload):
        for choice in answer["choices"] if "logprob_token_ids" in payload else ():
            top = choice["logprobs"]["top_logprobs"][0]
            top.update({token: value - 0.3 for token, value in top.items()})
        return answer

    def leaves_them_out(answer, payload):
        for choice in answer["choices"] if "logprob_token_ids" in payload else ():
            choice["logprobs"]["top_logprobs"] = [{"token_id:7": -1.0}]
        return answer

    def does_not_know(payload):
        return (400, "unknown field") if "logprob_token_ids" in payload else None

    server.owned_by = "vllm"
    for k, change in enumerate((other_numbers, leaves_them_out, None)):
        if change is None:
            server.fails, server.changes = does_not_know, lambda answer, payload: answer
        else:
            server.changes = change
        code, errors, found = run(f"{k}", PROVIDED, True)
        assert code == 0, errors
        assert "requests are scored one by one" in caplog.text
        caplog.clear()
        assert numbers(found[PROVIDED]) == numbers(expected[PROVIDED])


def test_more_stop_strings_than_a_server_takes_cut_the_text_all_the_same(
    server, arguments
):
    server.solution = lambda question: "one two three<a>four<f>five"
    stops = {"until": ["<a>", "<b>", "<c>", "<d>", "<e>", "<f>"], "max_gen_toks": 20}
    more = {"until": ["<b>", "<c>", "<d>", "<e>", "<f>"], "max_gen_toks": 20}
    for concurrent in 1, 4:
        api = LocalCompletionsAPI(**arguments(num_concurrent=concurrent))
        watch(api)
        asked = [
            Instance("generate_until", {}, ("Question: ?", given), idx=0)
            for given in (stops, more)
        ]
        # The fake one does not stop at what it is sent: "<a>" is left to the server.
        assert api.generate_until(asked) == ["one two three<a>four"] * 2
        assert all(len(payload["stop"]) == 4 for payload in server.asked)


# --- texts that are drawn ----------------------------------------------------------


def test_draws_of_one_text_have_seeds_of_their_own_and_the_same_in_every_run(
    run, server
):
    seeds = []
    for name in "one", "two":
        server.asked = []
        code, errors, _ = run(
            name,
            PROVIDED,
            True,
            metadata={"problems": 1, "interventions": "continue", "samples": 2},
        )
        assert code == 0, errors
        drawn = [p for p in server.asked if not p.get("echo") and p["temperature"]]
        seeds.append(sorted((str(p["prompt"]), p["seed"]) for p in drawn))
    assert seeds[0] == seeds[1] and len(set(seeds[0])) == len(seeds[0]) > 2
