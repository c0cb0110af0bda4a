"""Backends that ask a server over HTTP: answers are checked, and failures are sentences.

The harness's API backends take from a response what they need and do not look at the rest: a
server that gives no log-probabilities of prompts, or cuts them, is read as one that gives
zeros. What fails ends a run in a traceback. Here the class of such a backend gets a subclass
in which every response is held against what was sent. Nothing is asked but one short request
before the first.
"""

from __future__ import annotations

import asyncio
import functools
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from operator import itemgetter
from typing import Any
from urllib.parse import urlsplit

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.lm_eval_compat import (
    asks_a_server,
    no_tracebacks_of_requests,
    request_of,
    silenced,
)
from lm_eval_faith.shown import brief, without_secrets

PROBE = ("Two and two make four. Three and three make", " six.")
"""What is asked before the first request of a run."""

_SENT: ContextVar[Any] = ContextVar("sent", default=None)
"""What the request holds whose response is read next; each concurrent one has its own."""

_STOPS_LEFT: ContextVar[tuple[str, ...]] = ContextVar("stops_left", default=())
"""Stop strings that were not sent; the text is cut at them here."""

MOST_STOPS = 4
"""Stop strings that OpenAI's format has room for; vLLM's server refuses more."""


def watch(model: LM) -> None:
    """Check every response of a backend's server from now on; other backends stay as they are.

    Calling it twice changes nothing.
    """
    kind = type(model)
    if asks_a_server(model) and not hasattr(kind, "is_watched"):
        no_tracebacks_of_requests()
        model.__class__ = _watched(kind)  # type: ignore[arg-type]


def require_server(model: LM | None) -> None:
    """Find out with one request whether a backend's server can be used, before more is asked.

    Other backends are not asked.

    Raises:
        InputError: its address is none, it does not answer, refuses the key, gives no
            log-probabilities of prompts, or takes shorter contexts than the backend is told.
    """
    backend: Any = getattr(model, "wrapped", model)
    if not asks_a_server(backend) or getattr(backend, "_server_was_asked", False):
        return
    watch(backend)
    _require_address(backend)
    _require_context(backend)
    request = request_of("loglikelihood", PROBE, ("", 0, 1))
    backend.loglikelihood([request], **silenced(backend.loglikelihood))
    backend._server_was_asked = True


class Refused(BaseException):
    """An answer that no other try would make better: the harness tries again at any Exception."""


@functools.cache
def _watched(kind: type[Any]) -> type[Any]:
    """The class of a backend with every response checked.

    A subclass of that one alone: an object of one class becomes one of another only so.
    """

    class Watched(kind):  # type: ignore[misc, valid-type]
        """See above."""

        is_watched = True

        def loglikelihood(self, requests: list[Instance], **kwargs: Any) -> Any:
            """The backend's; what fails is told in a sentence."""
            with in_sentences(self):
                return super().loglikelihood(requests, **kwargs)

        def loglikelihood_rolling(self, requests: list[Instance], **kwargs: Any) -> Any:
            """As above."""
            with in_sentences(self):
                return super().loglikelihood_rolling(requests, **kwargs)

        def generate_until(self, requests: list[Instance], **kwargs: Any) -> Any:
            """As above."""
            with in_sentences(self):
                return super().generate_until(requests, **kwargs)

        def model_call(self, *args: Any, **kwargs: Any) -> Any:
            """The backend's; it is not tried again where that is of no use."""
            with _not_again(self):
                return super().model_call(*args, **kwargs)

        async def amodel_call(self, *args: Any, **kwargs: Any) -> Any:
            """As above."""
            with _not_again(self):
                return await super().amodel_call(*args, **kwargs)

        def create_message(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            """The backend's; what is sent is remembered until its response is read."""
            _SENT.set(messages)
            return super().create_message(messages, *args, **kwargs)

        def _create_payload(self, *args: Any, **kwargs: Any) -> Any:
            """The backend's, with no more stop strings than servers take."""
            payload = super()._create_payload(*args, **kwargs)
            stops = payload.get("stop")
            distinct = list(dict.fromkeys(stops)) if isinstance(stops, list) else []
            if len(distinct) > MOST_STOPS:
                # A server ends at special tokens by itself, so these can be left out best.
                special = getattr(self.tokenizer, "all_special_tokens", ())
                distinct.sort(key=lambda stop: stop in special)
                payload["stop"] = distinct[:MOST_STOPS]
            _STOPS_LEFT.set(tuple(distinct[MOST_STOPS:]))
            return payload

        def parse_logprobs(
            self, outputs: Any, tokens: Any = None, ctxlens: Any = None, **kwargs: Any
        ) -> Any:
            """The backend's, of a response that holds what was asked for; else the run ends."""
            if tokens is not None and ctxlens is not None:
                _require_scores(self, several(outputs), tokens, ctxlens)
            return super().parse_logprobs(
                outputs=outputs, tokens=tokens, ctxlens=ctxlens, **kwargs
            )

        def parse_generations(self, outputs: Any, **kwargs: Any) -> Any:
            """The backend's, of a response to the whole prompt; else the run ends."""
            sent, left = _SENT.get(), _STOPS_LEFT.get()
            for one in several(outputs):
                _require_whole_prompts(self, one, sent)
            try:
                texts = super().parse_generations(outputs=outputs, **kwargs)
                return [_cut_at(text, left) for text in texts]
            except (AttributeError, IndexError, KeyError, TypeError):
                raise Refused(f"{_where(self)} {NO_COMPLETION}") from None

    Watched.__name__, Watched.__module__ = kind.__name__, kind.__module__
    return Watched


def _require_address(backend: Any) -> None:
    """Refuse what no request could be sent to, however often it is tried."""
    given = str(backend.base_url)
    try:
        parts = urlsplit(given)
        usable = parts.scheme in ("http", "https") and parts.hostname
        usable = usable and parts.port != 0  # one that is no number raises
    except ValueError:
        usable = False
    if not usable:
        raise InputError(
            f"base_url={brief(str(without_secrets(given)))} in --model_args is no address "
            "of a server: give one like http://HOST:8000/v1/completions"
        )


def _require_context(backend: Any) -> None:
    """Refuse a server that says that it takes less than the backend sends it."""
    told = models_of_server(backend)
    most = backend.max_length + 1  # the backend takes off one for what is generated
    found = {m.get("id"): m.get("max_model_len") for m in told}
    limit = found.get(backend.model)
    if isinstance(limit, int) and limit < most:
        raise InputError(
            f"{_where(backend)} takes {limit} tokens, and max_length is {most}: give "
            f"max_length={limit} in --model_args, and longer documents are refused or "
            "dropped before they are sent"
        )


def _cut_at(text: Any, stops: Sequence[str]) -> Any:
    """A text up to the first of some strings; what is no text is left."""
    if isinstance(text, str):
        for stop in stops:
            text = text.split(stop)[0]
    return text


def models_of_server(backend: Any) -> list[Mapping[str, Any]]:
    """What a server tells of its models, as vLLM's does; nothing where it does not."""
    import requests

    address, found, _ = str(backend.base_url).rpartition("/completions")
    if not found:
        return []
    try:
        response = requests.get(
            f"{address}/models",
            headers=dict(backend.header),
            verify=backend.verify_certificate,
            timeout=10,
        )
        told = response.json()["data"] if response.ok else []
    except (
        requests.RequestException,
        *(ValueError, KeyError, TypeError, RecursionError),
    ):
        return []  # the first request says what is the matter
    return [m for m in told if isinstance(m, dict)] if isinstance(told, list) else []


# --- what a response must hold -------------------------------------------------------

NO_COMPLETION = "answers with something else than a completion: base_url is to end in /v1/completions"
NO_PROMPTS = (
    "no task of ours can use it (llama.cpp's server is known for it): take a server that "
    "gives log-probabilities of prompts, such as vLLM's"
)
CUTS = (
    "it cuts contexts and does not say so; start it with a longer context, or give what it "
    "takes as max_length in --model_args"
)


def several(outputs: Any) -> list[Any]:
    """The responses to a call of the backend: where it waits for each, it is given one."""
    return outputs if isinstance(outputs, list) else [outputs]


def _require_scores(
    backend: Any, outputs: Sequence[Any], tokens: Any, ctxlens: Any
) -> None:
    choices = _in_order(backend, outputs, len(tokens))
    for choice, sent, start in zip(choices, tokens, ctxlens, strict=True):
        told = choice.get("logprobs")
        told = told if isinstance(told, dict) else {}
        scores, best = told.get("token_logprobs"), told.get("top_logprobs")
        if not isinstance(scores, list) or not isinstance(best, list):
            raise Refused(
                f"{_where(backend)} gives no log-probabilities of prompts, though they are "
                f"asked for (echo, logprobs): {NO_PROMPTS}"
            )
        _require_all(backend, len(scores), len(sent))
        if not all(map(_is_number, scores[start:-1])) or not all(
            isinstance(one, dict) and one for one in best[start:-1]
        ):
            raise Refused(
                f"{_where(backend)} leaves out the log-probability of a token that was "
                f"asked about: {NO_PROMPTS}"
            )
        if len(sent) > 2 and not any(scores[1:-1]):
            raise Refused(
                f"{_where(backend)} gives 0 for the log-probability of every token of a "
                f"prompt, so it gives none and does not say so: {NO_PROMPTS}"
            )


def next_tokens(
    backend: Any, outputs: Sequence[Any], prompts: Sequence[Sequence[int]]
) -> list[Mapping[str, Any]]:
    """Of each prompt, log-probabilities of tokens that may follow it, by their names.

    Args:
        backend: whose server it is.
        outputs: its responses to requests for one token.
        prompts: what was sent.

    Raises:
        Refused: they do not hold that.
    """
    for output in outputs:
        _require_whole_prompts(backend, output, prompts)
    found: list[Mapping[str, Any]] = []
    for choice in _in_order(backend, outputs, len(prompts)):
        told = choice.get("logprobs")
        best = told.get("top_logprobs") if isinstance(told, dict) else None
        if (
            not isinstance(best, list)
            or len(best) != 1
            or not isinstance(best[0], dict)
        ):
            raise Refused(
                f"{_where(backend)} gives no log-probabilities of next tokens"
            )
        found.append(best[0])
    return found


def _in_order(backend: Any, outputs: Sequence[Any], wanted: int) -> list[Any]:
    """The choices in responses, one for each request."""
    choices = [
        choice
        for output in outputs
        for choice in sorted(_choices(backend, output), key=itemgetter("index"))
    ]
    if len(choices) != wanted:
        raise Refused(
            f"{_where(backend)} gives {len(choices)} answers to {wanted} requests in one: "
            "set batch_size=1"
        )
    return choices


def _require_all(backend: Any, given: int, sent: int) -> None:
    """One log-probability for each token that was sent, and one that was generated."""
    if given == sent + 1:
        return
    if given <= 1:
        raise Refused(
            f"{_where(backend)} gives the log-probability of what it writes, and none of "
            f"prompts, though they are asked for (echo): {NO_PROMPTS}"
        )
    if given < sent:
        raise Refused(
            f"{_where(backend)} gives {given} log-probabilities for {sent} tokens: {CUTS}"
        )
    raise Refused(
        f"{_where(backend)} gives {given} log-probabilities for a request of {sent} tokens "
        f"and one that it writes, {sent + 1} in all: it reads other tokens than ours; give "
        "its model's tokenizer as tokenizer= in --model_args, and tokenized_requests=True"
    )


def _choices(backend: Any, output: Any) -> list[dict[str, Any]]:
    choices = output.get("choices") if isinstance(output, dict) else None
    if not isinstance(choices, list) or not all(
        isinstance(one, dict) and isinstance(one.get("index"), int) for one in choices
    ):
        raise Refused(f"{_where(backend)} {NO_COMPLETION}")
    return choices


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not math.isnan(value)


def _require_whole_prompts(backend: Any, output: Any, sent: Any) -> None:
    usage = output.get("usage") if isinstance(output, dict) else None
    read = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if not isinstance(read, int) or read < 1 or not isinstance(sent, (list, tuple)):
        return  # it does not say
    if not all(isinstance(one, (list, tuple)) for one in sent):
        return  # texts, whose tokens are the server's
    whole = sum(map(len, sent))
    if read < whole:
        raise Refused(
            f"{_where(backend)} read {read} of the {whole} tokens of a prompt: {CUTS}"
        )


# --- what fails ----------------------------------------------------------------------

KEPT = "what was answered is kept where --use_cache is given: run the same again"
STATUS = {
    400: "look at its words in the log above; a context may be longer than it takes "
    "(max_length in --model_args)",
    401: "set OPENAI_API_KEY to its key",
    403: "set OPENAI_API_KEY to a key that may use this model",
    404: "base_url is to end in /v1/completions, and model to be one that it serves",
    429: f"give fewer num_concurrent, or more max_retries, in --model_args; {KEPT}",
}
"""What to do, by the status of a response."""


@contextmanager
def in_sentences(backend: Any) -> Iterator[None]:
    """What a server's failure raises becomes a sentence."""
    try:
        yield
    except Refused as refused:
        _end_progress()
        raise InputError(str(refused)) from None
    except Exception as error:
        said = _what_failed(backend, error)
        if said is None:
            raise
        _end_progress()
        raise InputError(f"{_where(backend)} {said}") from error


def _end_progress() -> None:
    """The harness leaves the line of its progress bar open; a sentence begins a new one."""
    print(file=sys.stderr, flush=True)


@contextmanager
def _not_again(backend: Any) -> Iterator[None]:
    """A request that is refused for what it is would be refused again."""
    try:
        yield
    except Exception as error:
        status = _status(error)
        if not 400 <= status < 500 or status in (408, 429):
            raise
        said = _what_failed(backend, error)
        raise Refused(f"{_where(backend)} {said}") from error


def _status(error: Exception) -> int:
    """Of the response; 0 where there was none."""
    of_response = getattr(getattr(error, "response", None), "status_code", 0)
    found = getattr(error, "status", of_response)
    return found if isinstance(found, int) else 0


def _what_failed(backend: Any, error: Exception) -> str | None:
    """In words; None for what is not of the network."""
    import aiohttp
    import requests

    if isinstance(error, ValueError) and "API key" in str(error):
        return f"wants a key: {error}"
    of_json = requests.JSONDecodeError, json.JSONDecodeError
    if isinstance(
        error,
        (*of_json, aiohttp.ContentTypeError, UnicodeDecodeError, RecursionError),
    ):
        return NO_COMPLETION
    status, tries = _status(error), f"after {backend.max_retries} tries"
    if status in STATUS:
        return f"answers with {status}{_words_of(error)}: {STATUS[status]}"
    if status:
        return (
            f"answers with {status} {tries}{_words_of(error)}: look at its log; {KEPT}"
        )
    if isinstance(error, (requests.Timeout, asyncio.TimeoutError)):
        return (
            f"does not answer within {backend.timeout} s {tries}: give more timeout, or "
            f"fewer num_concurrent, in --model_args; {KEPT}"
        )
    if isinstance(error, (requests.RequestException, aiohttp.ClientError)):
        return (
            f"cannot be reached {tries} ({type(error).__name__}): start it, and "
            f"{KEPT}; max_retries in --model_args waits longer"
        )
    return None


def _words_of(error: Exception) -> str:
    """What a response says of its status, where it is at hand."""
    text = getattr(getattr(error, "response", None), "text", "")
    return f" ({brief(' '.join(str(text).split()))})" if text else ""


def _where(backend: Any) -> str:
    return f"the server at {brief(str(without_secrets(str(backend.base_url))))}"
