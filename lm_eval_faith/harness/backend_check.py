"""``lm-eval-faith check``: whether a backend's log-probabilities can be trusted.

A few dozen requests, of which it is known what their answers have in common: log p(ab | c)
is log p(a | c) + log p(b | ca), a request has one answer whatever is asked beside it, what
greedy decoding writes is greedy. A backend that breaks one of these gives numbers that look
like effects.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lm_eval.api.model import LM

from lm_eval_faith.asks import Answer
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.answer_format import AnswerFormat
from lm_eval_faith.harness.lm_eval_compat import (
    ContextLimit,
    request_of,
    splits_texts_as_the_harness,
    why_no_loglikelihoods,
)
from lm_eval_faith.harness.seam import Seams
from lm_eval_faith.harness.servers import watch

logger = logging.getLogger(__name__)

State = Literal["good", "fault", "unknown"]
Pair = tuple[str, str]

LARGEST = 0.1
"""In nats: by so much the two sides of an identity may differ, by rounding in half precision."""

TEXTS = (
    ("The capital of France is", " Paris", ", and the capital of Spain is Madrid"),
    ("Two and two make", " four", ", and three and three make six"),
    ("Tom has 3 apples and buys 4 more, so now he has", " 7 apples", " in his bag"),
    ("Water boils at", " 100 degrees", " and freezes at 0"),
    ("def add(a, b):\n    return", " a", " + b"),
    ("The opposite of hot is", " cold", " and the opposite of day is night"),
    ("Monday, Tuesday,", " Wednesday,", " Thursday, Friday"),
    ("Once upon a time there was", " a king", " who had three sons"),
)
"""Contexts, each with a continuation in two parts."""

WORDS = (" the", " she", " yes", " no", " 7", " Paris", " and", ".", " of", "\n")
"""Continuations that exclude one another in any tokens: none begins another."""

UNLIKELY = " zebra zebra Xylophone"
WRITTEN = 8
"""Tokens that a greedy generation is asked for."""

LONG_ENOUGH = 40_000
"""Tokens: a longer context is not sent to see what becomes of it."""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at.
        state: ``good``, a ``fault``, or ``unknown`` where it could not be looked at.
        found: in words, with numbers.
        todo: what to do; empty where there is nothing to be done.
    """

    check: str
    state: State
    found: str
    todo: str = ""


class Asker:
    """Asks a backend as the harness does, and counts."""

    def __init__(self, model: LM) -> None:
        self.model = model
        self.requests = 0
        self.seconds = 0.0

    def score(self, pairs: Sequence[Pair]) -> list[Answer]:
        """Log-probability in nats and whether it is greedy, for each pair."""
        return self._ask("loglikelihood", pairs)

    def write(self, contexts: Sequence[str]) -> list[str]:
        """A short greedy generation behind each context."""
        settings = {"until": [], "max_gen_toks": WRITTEN, "do_sample": False}
        return self._ask("generate_until", [(c, dict(settings)) for c in contexts])

    def _ask(self, kind: str, arguments: Sequence[Any]) -> list[Any]:
        requests = [
            request_of(kind, one, ("check", k, 1)) for k, one in enumerate(arguments)
        ]
        started = time.perf_counter()
        answers = getattr(self.model, kind)(requests)
        self.seconds += time.perf_counter() - started
        self.requests += len(requests)
        return list(answers)


def look_at(model: LM, chat: bool = False) -> Iterator[Finding]:
    """Every check of a backend, one after the other.

    Args:
        model: the backend.
        chat: whether tasks will use its chat template.
    """
    watch(getattr(model, "wrapped", model))
    ask = Asker(model)
    reason = why_no_loglikelihoods(getattr(model, "wrapped", model))
    if reason is not None:
        yield Finding(
            "log-probabilities",
            "fault",
            f"the backend gives none (it says: {reason})",
            "no task of ours can use it: take hf, vllm or local-completions with a server "
            "that gives log-probabilities of prompts",
        )
        return
    for name, check in CHECKS.items():
        finding = _tried(name, check, ask)
        yield finding
        if finding.state == "fault" and not ask.requests:
            return  # not one answer came, and none would to what else there is to ask
    yield special_tokens(model)
    if chat:
        yield _template(model)
    rate = ask.requests / ask.seconds if ask.seconds else math.inf
    yield Finding(
        "speed", "good", f"{ask.requests} short requests, {rate:.3g} a second"
    )


def _tried(name: str, check: Callable[[Asker], Finding], ask: Asker) -> Finding:
    """A check's finding; what a backend raises is one too."""
    try:
        return check(ask)
    except InputError as error:  # of a server, in a sentence
        return Finding(name, "fault", str(error))
    except Exception as error:  # noqa: BLE001 - whatever a backend raises
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return Finding(name, "fault", f"the backend raised {told}")


def _values(ask: Asker) -> Finding:
    """log-probabilities: finite, at most 0, and not all the same."""
    got = [p for p, _ in ask.score([(c, a) for c, a, _ in TEXTS])]
    name = "log-probabilities"
    if not all(map(math.isfinite, got)):
        bad = sum(not math.isfinite(p) for p in got)
        return Finding(name, "fault", f"{bad} of {len(got)} are not finite")
    if len(set(got)) == 1:
        return Finding(
            name,
            "fault",
            f"all {len(got)} are {got[0]:g}: the server seems to give no log-probabilities "
            "of prompts, and does not say so",
            "llama.cpp's server is known for it; take another server or backend",
        )
    if max(got) > 0.01:
        return Finding(name, "fault", f"the largest is {max(got):g}, over 0")
    return Finding(
        name, "good", f"{len(got)} between {min(got):.2f} and {max(got):.2f}"
    )


def _chain_rule(ask: Asker) -> Finding:
    """chain rule: log p(ab | c) = log p(a | c) + log p(b | ca)."""
    # In three calls: the harness's hf keeps logits by the whole text's tokens, and in one
    # call takes those of (c, ab) for (c + a, b), which are of another length.
    whole, first, second = (
        [p for p, _ in ask.score(pairs)]
        for pairs in (
            [(c, a + b) for c, a, b in TEXTS],
            [(c, a) for c, a, _ in TEXTS],
            [(c + a, b) for c, a, b in TEXTS],
        )
    )
    apart = [abs(w - (p + q)) for w, p, q in zip(whole, first, second, strict=True)]
    return _largest(
        "chain rule",
        apart,
        "log p(ab|c) and log p(a|c) + log p(b|ca) differ by",
        "the numbers are no sums of token log-probabilities (perhaps means, or of other "
        "tokens): no effect of them can be trusted",
    )


def _repeats(ask: Asker) -> Finding:
    """repeats: a request alone, among others and in another order has one answer."""
    pairs = [(c, a) for c, a, _ in TEXTS]
    together = [p for p, _ in ask.score(pairs)]
    backwards = [p for p, _ in ask.score(pairs[::-1])][::-1]
    alone = [ask.score([pair])[0][0] for pair in pairs[:4]]
    apart = [abs(p - q) for p, q in zip(together, backwards, strict=True)]
    apart += [abs(p - q) for p, q in zip(together, alone, strict=False)]
    return _largest(
        "repeats",
        apart,
        "the same request alone, in a batch and in another order differs by",
        "answers depend on what is asked beside them: try batch_size=1, float32",
    )


def _sums(ask: Asker) -> Finding:
    """sums: probabilities of continuations that exclude one another reach at most 1."""
    contexts = [c for c, *_ in TEXTS[:3]]
    got = [p for p, _ in ask.score([(c, w) for c in contexts for w in WORDS])]
    rows = [got[k : k + len(WORDS)] for k in range(0, len(got), len(WORDS))]
    largest = max(math.fsum(map(math.exp, row)) for row in rows)
    found = f"{len(WORDS)} continuations have a probability of {largest:.3f} at most"
    if largest > math.exp(LARGEST):
        return Finding(
            "sums", "fault", f"{found}, over 1", "these are no probabilities"
        )
    return Finding("sums", "good", found)


def _greedy(ask: Asker) -> Finding:
    """greedy: what greedy decoding writes is greedy when it is scored, its log-probability is
    the sum of its parts', and what it does not write is not greedy."""
    contexts = [c for c, *_ in TEXTS]
    try:
        written = ask.write(contexts)
    except NotImplementedError as error:
        return Finding("greedy", "unknown", f"the backend does not generate ({error})")
    pairs = [
        (c, w)
        for c, w in zip(contexts, written, strict=True)
        if w.strip() and "\ufffd" not in w  # half a character cannot be asked about
    ]
    if not pairs:
        told = "the model writes nothing that can be scored behind our texts"
        return Finding("greedy", "unknown", told)
    whole = ask.score(pairs)
    marked = [bool(greedy) for _, greedy in whole]
    wrong = [bool(greedy) for _, greedy in ask.score([(c, UNLIKELY) for c in contexts])]
    n, yes, no = len(pairs), sum(marked), sum(wrong)
    found = (
        f"{yes} of {n} greedy generations are marked as greedy, and {no} of "
        f"{len(contexts)} of what it would never write"
    )
    if no > len(contexts) / 2 and yes < n / 2:
        todo = (
            "is_greedy is the wrong way round: clean_acc and answers cannot be trusted"
        )
        return Finding("greedy", "fault", found, todo)
    if no or yes < n / 2:
        todo = "generations are not greedy, or is_greedy is wrong: clean_acc cannot be trusted"
        return Finding("greedy", "fault", found, todo)
    cut = [(k, c, w, w.find(" ", 1)) for k, (c, w) in enumerate(pairs)]
    cut = [one for one in cut if marked[one[0]] and one[3] > 0]
    # In two calls, for the same reason as in the chain rule.
    first = ask.score([(c, w[:at]) for _, c, w, at in cut])
    second = ask.score([(c + w[:at], w[at:]) for _, c, w, at in cut])
    apart = [
        abs(whole[k][0] - (p + q))
        for (k, *_), (p, _), (q, _) in zip(cut, first, second, strict=True)
    ]
    if cut and not max(apart) <= LARGEST:
        found = f"a greedy generation and its two parts differ by {max(apart):.2g} nats"
        todo = "its log-probability is not the sum of its tokens': no number can be trusted"
        return Finding("greedy", "fault", found, todo)
    return Finding("greedy", "good", found)


def _long(ask: Asker) -> Finding:
    """long contexts: refused, or known to our tasks, not cut in silence."""
    name, limit = "long contexts", ContextLimit.of(ask.model)
    if not limit.max_length:
        return Finding(
            name,
            "unknown",
            "the backend tells no max_length or has no tokenizer here, so tasks cannot see "
            "whether a context is longer than the model takes",
            "give max_length and a tokenizer in --model_args where the backend takes them",
        )
    known = (
        f"the model takes {limit.max_length:,} tokens, and tasks refuse what is longer"
    )
    if limit.max_length > LONG_ENOUGH:
        return Finding(name, "good", f"{known} (a longer one was not tried)")
    sentence = "It rained all day. "
    each = len(ask.model.tok_encode(sentence * 20)) / 20  # type: ignore[attr-defined]
    text = sentence * int(limit.max_length / each + 20)
    try:
        ask.score([(text + "The sky was", " grey")])
    except Exception as error:  # noqa: BLE001 - that is what is asked
        return Finding(
            name, "good", f"{known}; so does the backend ({type(error).__name__})"
        )
    return Finding(name, "good", f"{known}; the backend by itself cuts it in silence")


def _seam(ask: Asker) -> Finding:
    """seam: where the tokens of context and answer meet."""
    name = "seam"
    inside, outside = (
        [p for p, _ in ask.score(pairs)]
        for pairs in (
            [(c, a) for c, a, _ in TEXTS],
            [(c + " ", a[1:]) for c, a, _ in TEXTS],
        )
    )
    apart = max(abs(p - q) for p, q in zip(inside, outside, strict=True))
    moved = (
        "white space before an answer may stand on either side"
        if apart <= LARGEST
        else f"white space on the other side changes answers by up to {apart:.2f} nats"
    )
    model = getattr(ask.model, "wrapped", ask.model)
    if not splits_texts_as_the_harness(model):
        return Finding(name, "unknown", f"{moved}; its tokens are not known here")
    seams = Seams(model)
    seams.split([(k, (c, a)) for k, (c, a, _) in enumerate(TEXTS)])
    if not seams.joined:
        return Finding(
            name, "good", f"{moved}; context and answer keep their own tokens"
        )
    found = (
        f"{moved}; {seams.joined} of {seams.read} answers are joined with the context"
    )
    if hasattr(ask.model, "wrapped"):
        return Finding(
            name, "good", f"{found}, and scored from the whole text's tokens"
        )
    todo = (
        "use --model faith with this backend, which scores from the whole text's tokens"
    )
    return Finding(name, "fault", found, todo)


CHECKS: Mapping[str, Callable[[Asker], Finding]] = {
    "log-probabilities": _values,
    "chain rule": _chain_rule,
    "repeats": _repeats,
    "sums": _sums,
    "greedy": _greedy,
    "long contexts": _long,
    "seam": _seam,
}
"""The checks that ask, by the names that their findings have, in their order."""


def special_tokens(model: LM) -> Finding:
    """special tokens: those of the tokenizer are the model's. Costs no request."""
    name, own = "special tokens", vars(getattr(model, "wrapped", model))
    tokenizer = own.get("tokenizer")  # a property might fetch one
    config = getattr(own.get("_model", own.get("model")), "config", None)
    size = getattr(config, "vocab_size", None)
    ids = getattr(tokenizer, "all_special_ids", None)
    if not isinstance(size, int) or not ids:
        return Finding(name, "unknown", "the model's vocabulary is not at hand")
    todo = "a GGUF file read by transformers gives special tokens new ids: take the tokenizer from the checkpoint (tokenizer=...)"
    beyond = [token for token in ids if token >= size]
    if beyond:
        found = f"ids {beyond} of the tokenizer are beyond the model's {size:,} tokens"
        return Finding(name, "fault", found, todo)
    for kind in "bos_token_id", "eos_token_id":
        ours, told = getattr(tokenizer, kind, None), getattr(config, kind, None)
        known = told if isinstance(told, (list, tuple)) else [told]
        if ours is not None and told is not None and ours not in known:
            found = f"{kind} is {ours} in the tokenizer and {told} in the model"
            return Finding(
                name, "fault" if kind == "bos_token_id" else "good", found, todo
            )
    return Finding(name, "good", f"ids under {size:,}, the same in tokenizer and model")


def warn_of_special_tokens(model: LM | None) -> None:
    """Say so, once a run, where a model's tokenizer has other special tokens than it."""
    if model is None or getattr(model, "_special_tokens_were_looked_at", False):
        return
    model._special_tokens_were_looked_at = True
    finding = special_tokens(model)
    if finding.state == "fault":
        logger.warning("%s: %s; %s", finding.check, finding.found, finding.todo)


def _template(model: LM) -> Finding:
    """chat template: how it ends, and whether it opens or closes thinking."""
    name = "chat template"
    try:
        prompt = model.apply_chat_template([{"role": "user", "content": "1 + 1?"}])
    except Exception as error:  # noqa: BLE001 - whatever a backend raises
        return Finding(name, "fault", f"it cannot be applied ({type(error).__name__})")
    ends = f"a prompt ends in {prompt[-40:]!r}"
    try:
        AnswerFormat().before_chain(prompt)
    except InputError as error:
        return Finding(name, "good", ends, str(error))
    try:
        AnswerFormat(think=True).before_chain(prompt)
    except InputError as error:
        return Finding(name, "good", f"{ends}; for thinking: {error}")
    return Finding(name, "good", f"{ends}; with think=true the tag is added")


def _largest(name: str, apart: Sequence[float], found: str, todo: str) -> Finding:
    largest = max(apart)
    told = f"{found} at most {largest:.2g} nats ({len(apart)} compared)"
    good = largest <= LARGEST  # not a number is a fault
    return Finding(name, "good" if good else "fault", told, "" if good else todo)


def backend_named(name: str, arguments: str, more: dict[str, Any]) -> LM:
    """The harness's backend of that name.

    Args:
        name: as ``--model`` has it; ``faith`` is one.
        arguments: as ``--model_args`` has them: ``key=value,...`` or a JSON object.
        more: ``batch_size`` and ``device``, where they were given.

    Raises:
        InputError: there is none, or it cannot be made.
    """
    from lm_eval.api.registry import get_model
    from lm_eval.utils import simple_parse_args_string

    from lm_eval_faith.harness.activation import activate

    activate()
    try:
        kind = get_model(name)
    except (KeyError, ValueError) as error:
        told = str(error).strip("'\"").splitlines()[0]
        raise InputError(f"--model {name}: {told}") from None
    try:
        told = (
            json.loads(arguments)
            if arguments.strip().startswith("{")
            else simple_parse_args_string(arguments)
        )
        made: LM = kind.create_from_arg_obj(told, more)
    except InputError:
        raise
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InputError(f"--model {name} cannot be made: {told}") from error
    return made
