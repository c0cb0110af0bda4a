"""``check``: backends that misbehave in known ways, and what is said of them."""

import json
import math
import zlib

import jsonschema
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from lm_eval_faith.harness.backend_check import WORDS, look_at, special_tokens
from lm_eval_faith.organisms import solver_path
from lm_eval_faith.report.schema import report_schema

LETTERS = "\n !\"#$%&'()*+,-./0123456789:;<=>?@" + "".join(
    chr(c) for c in (*range(65, 91), *range(97, 123), 95)
)


class Bytes(LM):
    """A model of letters: each is as likely as a digest of the last eight letters says."""

    def __init__(self, **_):
        super().__init__()

    def _scores(self, text):
        made = [
            3 * (zlib.crc32(f"{text[-8:]}|{c}".encode()) % 997) / 997 for c in LETTERS
        ]
        total = math.log(math.fsum(map(math.exp, made)))
        return [score - total for score in made]

    def _score(self, context, continuation):
        logprob, greedy = 0.0, True
        for letter in continuation:
            scores = self._scores(context)
            place = LETTERS.index(letter)
            logprob += scores[place]
            greedy &= scores[place] == max(scores)
            context += letter
        return logprob, greedy

    def loglikelihood(self, requests, **_):
        return [self._score(*r.args) for r in requests]

    def generate_until(self, requests, **_):
        return [self._written(r.args[0], r.args[1]["max_gen_toks"]) for r in requests]

    def _written(self, context, most):
        text = ""
        for _ in range(most):
            scores = self._scores(context + text)
            text += LETTERS[scores.index(max(scores))]
        return text

    def loglikelihood_rolling(self, requests, **_):
        raise NotImplementedError


class Zeros(Bytes):
    def _score(self, context, continuation):
        return 0.0, True


class GivesNone(Bytes):
    def loglikelihood(self, requests, **_):
        raise NotImplementedError("chat only")


class WrongWayRound(Bytes):
    def _score(self, context, continuation):
        logprob, greedy = super()._score(context, continuation)
        return logprob, not greedy


class Means(Bytes):
    def _score(self, context, continuation):
        logprob, greedy = super()._score(context, continuation)
        return logprob / len(continuation), greedy


class NotTheSum(Bytes):
    """Scores what it would write itself as if it were certain of it."""

    def _score(self, context, continuation):
        logprob, greedy = super()._score(context, continuation)
        return (logprob if not greedy or len(continuation) < 8 else -0.5), greedy


class HangsOnTheBatch(Bytes):
    def loglikelihood(self, requests, **_):
        return [
            (p - 0.3 * k, greedy)
            for k, (p, greedy) in enumerate(super().loglikelihood(requests))
        ]


class TooLikely(Bytes):
    def _score(self, context, continuation):
        logprob, greedy = super()._score(context, continuation)
        return max(logprob, -1.0), greedy


class Samples(Bytes):
    def _written(self, context, most):
        return "qzj"


class Infinite(Bytes):
    def _score(self, context, continuation):
        return -math.inf, False


class Breaks(Bytes):
    def loglikelihood(self, requests, **_):
        if requests:
            raise ConnectionError("429 Too Many Requests")
        return []


class Cuts(Bytes):
    """Takes 64 letters and cuts the rest from the left."""

    max_length = 256

    def tok_encode(self, text, **_):
        return list(text.encode())

    def _score(self, context, continuation):
        return super()._score(context[-self.max_length :], continuation)


MISBEHAVING = {
    Zeros: ("log-probabilities", "all 8 are 0"),
    GivesNone: ("log-probabilities", "chat only"),
    Infinite: ("log-probabilities", "8 of 8 are not finite"),
    WrongWayRound: ("greedy", "0 of 8 greedy generations are marked"),
    Samples: ("greedy", "0 of 8 greedy generations are marked"),
    Means: ("chain rule", "differ by at most"),
    NotTheSum: ("greedy", "and its two parts differ by"),
    HangsOnTheBatch: ("repeats", "differs by at most 2.1 nats"),
    TooLikely: ("sums", "over 1"),
    Breaks: ("log-probabilities", "429 Too Many Requests"),
}


def found(model, **more):
    return {finding.check: finding for finding in look_at(model, **more)}


def test_nothing_is_found_wrong_with_a_backend_that_keeps_its_promises():
    findings = found(Bytes())
    assert not [f for f in findings.values() if f.state == "fault"]
    assert "0 nats" in findings["repeats"].found and "speed" in findings


def test_continuations_whose_probabilities_are_added_exclude_one_another():
    for one in WORDS:
        assert not [other for other in WORDS if other != one and other.startswith(one)]


def test_each_fault_is_named_with_its_numbers():
    for kind, (check, said) in MISBEHAVING.items():
        findings = found(kind())
        assert findings[check].state == "fault", kind
        assert said in findings[check].found, (kind, findings[check])
    assert "wrong way round" in found(WrongWayRound())["greedy"].todo
    assert "llama.cpp" in found(Zeros())["log-probabilities"].todo


def test_contexts_that_are_too_long_are_known_about_or_said_not_to_be():
    assert found(Bytes())["long contexts"].state == "unknown"
    assert "cuts it in silence" in found(Cuts())["long contexts"].found


def test_a_tokenizer_with_other_special_tokens_than_the_model_is_a_fault():
    class Config:
        vocab_size, bos_token_id, eos_token_id = 100, 3, 4

    class Tokenizer:
        all_special_ids, bos_token_id, eos_token_id = [3, 4], 3, 4

    model = Bytes()
    assert special_tokens(model).state == "unknown"
    model.tokenizer, model.model = Tokenizer(), type("M", (), {"config": Config()})()
    assert special_tokens(model).state == "good"
    model.tokenizer.bos_token_id = 7
    finding = special_tokens(model)
    assert finding.state == "fault" and "GGUF" in finding.todo
    model.tokenizer.all_special_ids = [3, 152065]
    assert "[152065] of the tokenizer are beyond" in special_tokens(model).found


def test_the_harness_backend_passes_and_faith_too(command):
    args = f"pretrained={solver_path()},dtype=float32"
    for model in "hf", "faith":
        code, out, _ = command(
            "check", "--model", model, "--model_args", args, "--device", "cpu",
            "--batch_size", "4", "--format", "json",
        )  # fmt: skip
        content = json.loads(out[out.index("{") :])
        jsonschema.validate(content, report_schema())
        states = {f["check"]: f["state"] for f in content["findings"]}
        assert code == 0 and "fault" not in states.values(), content
        assert {"chain rule", "long contexts", "seam", "special tokens"} <= set(states)


def test_a_chat_template_is_looked_at_where_it_will_be_used():
    model = Bytes()
    assert found(model, chat=True)["chat template"].state == "fault"
    model.apply_chat_template = lambda messages: "<user>1 + 1?<assistant><think>\n"
    finding = found(model, chat=True)["chat template"]
    assert finding.state == "good" and "--metadata think=true" in finding.todo


def test_the_command_ends_with_one_for_a_fault_and_two_for_bad_input(command):
    register_model("check-zeros")(Zeros)
    code, out, _ = command("check", "--model", "check-zeros")
    assert code == 1 and "llama.cpp" in out and "fault" in out
    code, _, err = command("check", "--model", "nonsense")
    assert code == 2 and "--model nonsense" in err
    code, _, err = command("check", "--model", "hf", "--model_args", "pretrained=/no")
    assert code == 2 and "cannot be made" in err
