"""The `faith` model: the backend's answers, shared prefixes, multi-stage requests."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval
import pytest
import torch
from lm_eval.api.model import CachingLM
from lm_eval.models.dummy import DummyLM
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from lm_eval_faith.asks import Generate, Hidden, Score, Stages
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM, default_chunk
from lm_eval_faith.harness.stages import MultiStageRequest

from ..instances import instances

Evaluate = Callable[..., list[dict[str, Any]]]
MakeHF = Callable[..., HFLM]

TEXTS = [f"{n} and {n} is {n + n}. " * (1 + n % 3) for n in range(9)]
PAIRS = [
    ("", "no context"),
    ("a context that ends in spaces  ", "word"),
    *((text, " so") for text in TEXTS),
    *((TEXTS[4] + text, f" {len(text)}") for text in TEXTS),
    ("x" * 2100, " longer than the model takes"),
]


def ask(model: Any, kind: str, arguments: list[tuple[Any, ...]]) -> Any:
    return getattr(model, kind)(instances(kind, arguments), disable_tqdm=True)


# --- the backend's own answers ---------------------------------------------------


@pytest.mark.parametrize("sharing", ["on", "off"])
def test_loglikelihoods_are_the_backends(hf: MakeHF, sharing: str) -> None:
    expected = ask(hf(), "loglikelihood", PAIRS)
    answers = ask(FaithLM(hf(), shared_prefix=sharing), "loglikelihood", PAIRS)
    assert [greedy for _, greedy in answers] == [greedy for _, greedy in expected]
    logprobs = [logprob for logprob, _ in answers]
    assert logprobs == pytest.approx([logprob for logprob, _ in expected], abs=1e-4)


@pytest.mark.parametrize("sharing", ["auto", "on"])
def test_generations_and_rolling_loglikelihoods_are_the_backends_to_the_last_bit(
    hf: MakeHF, sharing: str
) -> None:
    wrapped = FaithLM(hf(), shared_prefix=sharing)
    settings = {"until": [". "], "max_gen_toks": 8}
    for kind, arguments in (
        ("generate_until", [(text, settings) for text in TEXTS]),
        ("loglikelihood_rolling", [(text,) for text in TEXTS]),
    ):
        assert ask(wrapped, kind, arguments) == ask(hf(), kind, arguments)


def test_a_multiple_choice_task_gives_the_backends_results(
    hf: MakeHF, tmp_path: Path
) -> None:
    (tmp_path / "q.jsonl").write_text(
        "".join(json.dumps({"q": t, "gold": i % 3}) + "\n" for i, t in enumerate(TEXTS))
    )
    (tmp_path / "choice.yaml").write_text(
        "task: choice\ndataset_path: json\ntest_split: train\n"
        f"dataset_kwargs: {{data_files: {tmp_path / 'q.jsonl'}}}\n"
        'doc_to_text: "{{q}}"\ndoc_to_choice: ["one", "two more", "three"]\n'
        "doc_to_target: gold\noutput_type: multiple_choice\nnum_fewshot: 2\n"
    )
    runs = [
        lm_eval.simple_evaluate(
            model=model,
            tasks=["choice"],
            task_manager=TaskManager(
                include_path=str(tmp_path), include_defaults=False
            ),
            bootstrap_iters=0,
        )
        for model in (hf(), FaithLM(hf()))
    ]
    plain, faith = (run["samples"]["choice"] for run in runs)
    assert runs[0]["results"]["choice"] == runs[1]["results"]["choice"]
    assert runs[1]["config"]["faith"]["shared_prefixes"] == "on"
    for one, other in zip(plain, faith, strict=True):
        assert one["arguments"] == other["arguments"]
        for (expected,), (answer,) in zip(one["resps"], other["resps"], strict=True):
            assert answer[0] == pytest.approx(expected[0], abs=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "rank world_size device tokenizer tokenizer_name max_length config batch_size",
        "batch_sizes eot_token_id prefix_token_id max_gen_toks backend",
    ],
)
def test_what_the_evaluator_asks_of_a_model_is_the_backends(
    hf: MakeHF, name: str
) -> None:
    plain = hf()
    wrapped = FaithLM(plain)
    for each in name.split():
        assert getattr(wrapped, each) == getattr(plain, each)
    chat = [{"role": "user", "content": "hello"}]
    assert wrapped.tok_encode("some text") == plain.tok_encode("some text")
    assert wrapped.apply_chat_template(chat) == plain.apply_chat_template(chat)
    assert wrapped.chat_template(True) == plain.chat_template(True)
    assert plain.get_model_info().items() <= wrapped.get_model_info().items()
    assert wrapped.all_gather(torch.ones(2)).tolist() == [1, 1]
    assert wrapped.gather_object("x") == ["x"]
    assert not hasattr(wrapped, "MULTIMODAL") and not hasattr(wrapped, "no_such_thing")


def test_the_results_file_says_how_the_model_was_asked(
    hf: MakeHF, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FaithLM(hf())
    ask(model, "loglikelihood", PAIRS)
    assert model.get_model_info()["faith"] == {
        "backend": "HFLM",
        "model": str(tiny_model),
        "shared_prefixes": "on",
        "expected": True,
        "notes": [],
    }
    off = FaithLM(hf(), shared_prefix="off").how_asked()
    assert (off["shared_prefixes"], off["expected"]) == ("off: switched off", True)
    ready = FaithLM(HFLM(pretrained=hf().model, tokenizer=hf().tokenizer))
    assert ready.how_asked()["model"] == str(tiny_model)
    other = FaithLM(DummyLM()).how_asked()
    assert other["expected"] and "its own way" in other["shared_prefixes"]
    monkeypatch.setattr(*cannot("shared_prefix.supports"))
    lost = FaithLM(hf()).how_asked()
    assert (lost["shared_prefixes"], lost["expected"]) == ("off: it cannot", False)


def test_a_cache_that_holds_another_models_answers_is_refused(
    hf: MakeHF, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "cache.db")
    first = CachingLM(FaithLM(hf(), shared_prefix="on"), path)
    answers = first.loglikelihood(instances("loglikelihood", PAIRS[:3]))
    again = CachingLM(FaithLM(hf(batch_size=1)), path)
    assert again.loglikelihood(instances("loglikelihood", PAIRS[:3])) == answers
    tuned = hf()
    with torch.no_grad():
        for weights in tuned.model.parameters():
            weights += 0.01
    with pytest.raises(InputError, match="cache.db holds answers of another model"):
        CachingLM(FaithLM(tuned), path)
    with pytest.raises(InputError, match="weights"):
        CachingLM(FaithLM(hf(dtype="bfloat16")), path)
    plain = str(tmp_path / "plain.db")
    CachingLM(hf(), plain).loglikelihood(instances("loglikelihood", PAIRS[:3]))
    assert "do not say of which model" not in caplog.text
    CachingLM(FaithLM(hf()), plain)
    assert "do not say of which model" in caplog.text


def test_the_cache_is_given_to_the_model_and_to_the_backend(
    hf: MakeHF, tmp_path: Path
) -> None:
    wrapped = FaithLM(hf())
    caching = CachingLM(wrapped, str(tmp_path / "cache.db"))
    assert wrapped.cache_hook.dbdict is caching.dbdict
    assert wrapped.wrapped.cache_hook.dbdict is caching.dbdict


def test_scores_over_shared_prefixes_are_cached_as_they_come(
    hf: MakeHF, tmp_path: Path
) -> None:
    caching = CachingLM(FaithLM(hf(), shared_prefix="on"), str(tmp_path / "cache.db"))
    requests = instances("loglikelihood", PAIRS[:6])
    answers = caching.lm.loglikelihood(requests, disable_tqdm=True)
    assert len(caching.dbdict) == len(requests) + 1  # and whose answers they are
    assert caching.loglikelihood(requests) == answers


def test_all_other_arguments_go_to_the_backend(tiny_model: Path) -> None:
    model = FaithLM.create_from_arg_string(
        f"backend=hf,pretrained={tiny_model},max_length=77,chunk=3",
        {"batch_size": 5, "max_batch_size": 6, "device": "cpu"},
    )
    backend = model.wrapped
    assert type(backend) is HFLM
    assert (backend.max_length, backend.batch_size) == (77, 5)
    assert (backend.max_batch_size, str(backend.device)) == (6, "cpu")


@pytest.mark.parametrize(
    "arguments",
    [
        {"shared_prefix": "yes"},
        {"shared_prefix": 1},
        {"chunk": 0},
        {"chunk": "many"},
        {"chunk": True},
        {"max_packed_tokens": -1},
        {"max_packed_tokens": 1.5},
    ],
)
def test_wrong_values_are_refused_by_name(arguments: dict[str, Any]) -> None:
    [name] = arguments
    with pytest.raises(InputError, match=name):
        FaithLM(DummyLM(), **arguments)


@pytest.mark.parametrize("name", ["no-such-backend", "faith"])
def test_unknown_backends_are_refused_by_name(name: str) -> None:
    from lm_eval_faith.harness.activation import activate

    activate()
    with pytest.raises(InputError, match=name):
        FaithLM(name)


@pytest.mark.parametrize(
    ("arguments", "documents"),
    [
        ({}, 16),
        ({"batch_size": 64}, 64),
        ({"batch_size": "4"}, 16),
        ({"batch_size": "auto"}, 128),
        ({"batch_size": 1, "num_concurrent": 10}, 40),
    ],
)
def test_a_chunk_keeps_the_backend_busy(
    arguments: dict[str, Any], documents: int
) -> None:
    assert default_chunk(arguments) == documents


def test_importing_the_model_loads_no_torch() -> None:
    code = (
        "import sys, lm_eval_faith; import lm_eval_faith.harness.faith_model; "
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- shared prefixes -------------------------------------------------------------


@pytest.fixture
def plainly_scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests each call of the harness's own way of scoring was given."""
    counts: list[int] = []
    plain = HFLM._loglikelihood_tokens

    def counted(self: HFLM, requests: Any, *args: Any, **kwargs: Any) -> Any:
        counts.append(len(requests))
        return plain(self, requests, *args, **kwargs)

    monkeypatch.setattr(HFLM, "_loglikelihood_tokens", counted)
    return counts


def test_prefixes_are_shared_by_default(hf: MakeHF, plainly_scored: list[int]) -> None:
    wrapped = FaithLM(hf())
    assert len(ask(wrapped, "loglikelihood", PAIRS)) == len(PAIRS)
    assert plainly_scored == []


def test_prefixes_are_not_shared_when_switched_off(
    hf: MakeHF, plainly_scored: list[int]
) -> None:
    ask(FaithLM(hf(), shared_prefix="off"), "loglikelihood", PAIRS)
    assert plainly_scored == [len(PAIRS)]


def test_a_model_that_is_wrapped_stays_as_it_was(
    hf: MakeHF, plainly_scored: list[int]
) -> None:
    plain = hf()
    before = dict(vars(plain))
    ask(FaithLM(plain, shared_prefix="on"), "loglikelihood", PAIRS)
    assert vars(plain) == before and plainly_scored == []
    alone = ask(FaithLM(plain, shared_prefix="off"), "loglikelihood", PAIRS)
    assert alone == ask(plain, "loglikelihood", PAIRS)
    assert plainly_scored == [len(PAIRS)] * 2


def test_arguments_beside_a_ready_backend_are_refused() -> None:
    with pytest.raises(InputError, match="max_length, nonsense: the backend is ready"):
        FaithLM(DummyLM(), max_length=64, nonsense=3)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_that_was_replaced_on_the_model_is_honoured(
    hf: MakeHF, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    """As a user does who steers a model: `_model_call` of one object is another."""
    backend, unchanged = hf(), ask(hf(), "loglikelihood", PAIRS)
    call = backend._model_call

    def steered(*args: Any, **kwargs: Any) -> torch.Tensor:
        logits = call(*args, **kwargs)
        logits[..., 5] += 3
        return logits

    if when == "before":
        backend._model_call = steered
    model = FaithLM(backend)
    if when == "after":
        ask(model, "loglikelihood", PAIRS)
        backend._model_call = steered
    answers = ask(model, "loglikelihood", PAIRS)
    assert answers == ask(backend, "loglikelihood", PAIRS)
    assert max(abs(a - b) for (a, _), (b, _) in zip(answers, unchanged)) > 0.1
    assert caplog.text.count("its _model_call was replaced") == 1
    with pytest.raises(InputError, match="its _model_call was replaced"):
        FaithLM(backend, shared_prefix="on")


def steered_by_hook(backend: HFLM, patch: pytest.MonkeyPatch) -> None:
    def last(module: Any, given: Any, states: torch.Tensor) -> torch.Tensor:
        return torch.cat([states[:, :-1], states[:, -1:] + 2], dim=1)

    backend.model.model.norm.register_forward_hook(last)


def steered_by_forward(backend: HFLM, patch: pytest.MonkeyPatch) -> None:
    norm = backend.model.model.norm
    plain = norm.forward
    norm.forward = lambda x: torch.cat([plain(x)[:, :-1], plain(x)[:, -1:] + 2], dim=1)


def steered_by_class(backend: HFLM, patch: pytest.MonkeyPatch) -> None:
    plain = HFLM._model_call

    def call(self: HFLM, *args: Any, **kwargs: Any) -> torch.Tensor:
        logits = plain(self, *args, **kwargs)
        logits[..., 5] += 3
        return logits

    patch.setattr(HFLM, "_model_call", call)


@pytest.mark.parametrize(
    "steer", [steered_by_hook, steered_by_forward, steered_by_class]
)
def test_what_is_put_between_after_a_proof_is_proven_anew(
    hf: MakeHF,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    steer: Callable[[HFLM, pytest.MonkeyPatch], None],
) -> None:
    """A hook, a forward or a call of the class that steers the last token of a pass."""
    backend = hf()
    model = FaithLM(backend)
    before = ask(model, "loglikelihood", PAIRS)
    assert model.how_asked()["shared_prefixes"] == "on"
    steer(backend, monkeypatch)
    answers = ask(model, "loglikelihood", PAIRS)
    expected = ask(backend, "loglikelihood", PAIRS)
    assert [a for a, _ in answers] == pytest.approx([a for a, _ in expected], abs=1e-4)
    assert max(abs(a - b) for (a, _), (b, _) in zip(answers, before)) > 0.1
    assert "over shared prefixes but" in caplog.text


def adapter_that_wakes(backend: HFLM, words: str, tell: bool) -> HFLM:
    """A LoRA that works behind certain tokens only (aLoRA), in the wrapper's forward."""
    import peft

    tokens = backend.tok_encode(words, add_special_tokens=False)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM",
        target_modules="all-linear",
        alora_invocation_tokens=tokens,
        init_lora_weights=False,
    )
    torch.manual_seed(0)
    model = peft.get_peft_model(backend.model, config).eval()
    if not tell:  # so that the proof has to notice
        config.alora_invocation_tokens = None
        model.forward = functools.partial(awake, model, tokens, model.forward)
    backend._model = model
    return backend


def awake(model: Any, tokens: list[int], forward: Any, *args: Any, **kw: Any) -> Any:
    config = model.active_peft_config
    config.alora_invocation_tokens = tokens
    try:
        return forward(*args, **kw)
    finally:
        config.alora_invocation_tokens = None


@pytest.mark.parametrize("tell", [True, False], ids=["by source", "by the proof"])
def test_an_adapter_that_wakes_behind_certain_words_gives_the_numbers_of_hf(
    hf: MakeHF, caplog: pytest.LogCaptureFixture, tell: bool
) -> None:
    pairs = [(text + "The answer is", f" {i}") for i, text in enumerate(TEXTS)]
    asleep = ask(hf(), "loglikelihood", pairs)
    backend = adapter_that_wakes(hf(), " answer is", tell)
    expected = ask(backend, "loglikelihood", pairs)
    assert max(abs(a - b) for (a, _), (b, _) in zip(expected, asleep)) > 0.1
    assert ask(FaithLM(backend), "loglikelihood", pairs) == expected
    assert ("aLoRA" if tell else "over shared prefixes but") in caplog.text


def cannot(where: str) -> tuple[str, Any]:
    """What to put where, so that a model cannot be scored over shared prefixes."""
    from lm_eval_faith.engines import Proof

    found = Proof("it cannot") if where.endswith("prove") else "it cannot"
    return f"lm_eval_faith.engines.{where}", lambda *args, **kwargs: found


@pytest.mark.parametrize("where", ["shared_prefix.supports", "proof.prove"])
def test_a_model_that_cannot_share_is_scored_one_by_one_and_says_so_once(
    hf: MakeHF,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: str,
) -> None:
    monkeypatch.setattr(*cannot(where))
    wrapped = FaithLM(hf())
    expected = ask(hf(), "loglikelihood", PAIRS[:4])
    for _ in range(2):
        assert ask(wrapped, "loglikelihood", PAIRS[:4]) == expected
    assert caplog.text.count("it cannot") == 1


@pytest.mark.parametrize("where", ["shared_prefix.supports", "proof.prove"])
def test_a_model_that_cannot_share_is_refused_where_sharing_is_required(
    hf: MakeHF, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(*cannot(where))
    with pytest.raises(InputError, match="shared_prefix=on: it cannot"):
        ask(FaithLM(hf(), shared_prefix="on"), "loglikelihood", PAIRS[:4])


def test_a_backend_with_its_own_scoring_is_refused_where_sharing_is_required() -> None:
    with pytest.raises(InputError, match="DummyLM has its own way of scoring"):
        FaithLM(DummyLM(), shared_prefix="on")


def test_requests_that_lose_their_beginning_are_counted_in_the_log(
    hf: MakeHF, caplog: pytest.LogCaptureFixture
) -> None:
    ask(FaithLM(hf()), "loglikelihood", PAIRS)
    assert f"1 of {len(PAIRS)} requests are longer" in caplog.text


# --- multi-stage requests --------------------------------------------------------

SETTINGS = {"until": ["\n"], "max_gen_toks": 6}


def about(text: str) -> list[tuple[str, str]]:
    return [(text[:i] or "x", " so") for i in range(len(text) % 4)]


def writes_and_reads(context: str) -> Stages[dict[str, Any]]:
    """A text, and scores about it; then, if there were any, another text."""
    (text,) = yield [Generate(context, SETTINGS)]
    scores = yield [Score(*pair) for pair in about(text)]
    texts = [text]
    if scores:
        texts += yield [Generate(text, SETTINGS)]
    return {"texts": texts, "scores": scores}


def stages_of(
    make: Callable[[str], Stages[Any]], counts: Any = lambda result: {}
) -> list[MultiStageRequest]:
    return [
        MultiStageRequest(
            doc={},
            arguments=(text,),
            idx=0,
            metadata=("t", i, 1),
            make=make,
            counts=counts,
        )
        for i, text in enumerate(TEXTS)
    ]


@pytest.mark.parametrize("chunk", [1, 4, None])
@pytest.mark.parametrize("sharing", ["on", "off"])
def test_each_generator_is_sent_what_the_backend_says_in_every_stage(
    hf: MakeHF, chunk: int | None, sharing: str
) -> None:
    model = FaithLM(hf(), chunk=chunk, shared_prefix=sharing)
    plain = hf()
    responses = model.multi_stage(stages_of(writes_and_reads), disable_tqdm=True)
    first = ask(plain, "generate_until", [(text, SETTINGS) for text in TEXTS])
    assert any(about(text) for text in first)
    for text, response in zip(first, map(json.loads, responses), strict=True):
        pairs = about(text)
        more = ask(plain, "generate_until", [(text, SETTINGS)]) if pairs else []
        assert response["texts"] == [text, *more]
        expected = ask(plain, "loglikelihood", pairs) if pairs else []
        for (logprob, greedy), (plain_logprob, plain_greedy) in zip(
            response["scores"], expected, strict=True
        ):
            assert logprob == pytest.approx(plain_logprob, abs=1e-4)
            assert greedy == plain_greedy


def test_equal_asks_of_a_stage_are_answered_once_but_texts_drawn_at_random_are_not(
    hf: MakeHF, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = hf()
    asked: list[tuple[str, int]] = []
    for method in "generate_until", "loglikelihood":
        plain = getattr(backend, method)

        def counting(requests: Any, plain: Any = plain, method: str = method) -> Any:
            asked.append((method, len(requests)))
            return plain(requests)

        monkeypatch.setattr(backend, method, counting)

    def twice(context: str) -> Stages[Any]:
        drawn = SETTINGS | {"do_sample": True, "temperature": 1.0}
        return (
            yield [Generate("a", SETTINGS), Generate("b", drawn), Score("c", " d")] * 2
        )

    responses = FaithLM(backend).multi_stage(stages_of(twice)[:3], disable_tqdm=True)
    assert [each for each in asked if each[1]] == [
        ("generate_until", 1 + 6),
        ("loglikelihood", 1),
    ]
    texts = [json.loads(response) for response in responses]
    assert len({a for a, *_ in texts}) == 1 and len({t[1] for t in texts}) > 1


def test_nothing_is_asked_where_nothing_is_wanted(hf: MakeHF) -> None:
    def nothing(context: str) -> Stages[str]:
        yield []
        return context.upper()

    responses = FaithLM(hf(), chunk=4).multi_stage(stages_of(nothing))
    assert [json.loads(r) for r in responses] == [text.upper() for text in TEXTS]


def test_what_is_hidden_is_never_scored_as_if_it_were_not(hf: MakeHF) -> None:
    def hides(context: str) -> Stages[Any]:
        return (yield [Score(context, " so", (Hidden(0, 1),))])

    with pytest.raises(InputError, match="cannot hide steps"):
        FaithLM(hf()).multi_stage(stages_of(hides), disable_tqdm=True)


def test_there_is_one_progress_bar_over_all_stages_with_the_tasks_counts(
    hf: MakeHF, capsys: pytest.CaptureFixture[str]
) -> None:
    model = FaithLM(hf(), chunk=4)
    capsys.readouterr()
    requests = stages_of(writes_and_reads, lambda r: {"pairs": len(r["scores"])})
    pairs = sum(
        len(json.loads(response)["scores"]) for response in model.multi_stage(requests)
    )
    shown = capsys.readouterr().err
    assert "9/9 [" in shown and f"pairs={pairs}" in shown and "asked=4" in shown
    assert {line.split(":")[0] for line in shown.split("\r") if line.strip()} == {
        "Running multi-stage requests"
    }


def test_an_automatic_batch_size_is_looked_for_once(
    hf: MakeHF, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = hf(batch_size="auto")
    found: list[int] = []

    def detect(*args: Any, **kwargs: Any) -> int:
        found.append(2)
        return 2

    monkeypatch.setattr(backend, "_detect_batch_size", detect)
    model = FaithLM(backend, chunk=2, shared_prefix="off")
    model.multi_stage(stages_of(writes_and_reads), disable_tqdm=True)
    assert found == [2]
    assert model.batch_size == "auto"


def test_a_backend_that_hides_the_thinking_is_refused_before_it_generates(
    hf: MakeHF, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = hf(think_end_token="</think>")
    monkeypatch.setattr(backend, "generate_until", None)
    with pytest.raises(InputError, match="think_end_token=</think>"):
        evaluate(FaithLM(backend), limit=2)
    with pytest.raises(InputError, match="think_end_token=</think>"):
        FaithLM(backend).multi_stage(stages_of(writes_and_reads))


def test_a_model_without_a_chat_template_is_refused_in_a_sentence(
    hf: MakeHF, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = hf()
    monkeypatch.setattr(plain.tokenizer, "chat_template", None)
    with pytest.raises(InputError, match="--apply_chat_template: .* no chat template"):
        FaithLM(plain).apply_chat_template([{"role": "user", "content": "hello"}])


def test_a_backend_without_loglikelihoods_is_refused_before_it_generates(
    evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FaithLM.create_from_arg_string(
        "backend=local-chat-completions,model=m,base_url=http://localhost:9/v1/chat"
    )
    monkeypatch.setattr(model.wrapped, "generate_until", None)
    with pytest.raises(InputError) as refused:
        evaluate(model, limit=2, apply_chat_template=True)
    said = str(refused.value)
    assert said.startswith("LocalChatCompletion gives no log-likelihoods")
    assert "Consider using the completions API instead" in said and "\n" not in said


def test_a_backend_that_takes_no_empty_list_is_given_the_benefit_of_the_doubt() -> None:
    backend = DummyLM()
    backend.loglikelihood = lambda requests: [requests[0]]
    FaithLM(backend).check_multi_stage()
