"""Scores from a vLLM server that reads its prefix cache.

The harness asks for log-probabilities of prompts (``echo``), and vLLM does not read its cache
for such a request. But the log-probability of a token is also that of what may follow the
prompt before it: so each token of an answer is asked about as the next one of a prompt
(``logprob_token_ids``), and prompts that begin alike are read once. All else, tries,
concurrency and the store of responses among it, is the harness's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from lm_eval.api.model import LM

from lm_eval_faith.harness.lm_eval_compat import (
    TokenRequest,
    concurrency,
    score_tokens,
    server_view,
)
from lm_eval_faith.harness.servers import (
    Refused,
    models_of_server,
    next_tokens,
    several,
)

logger = logging.getLogger(__name__)

MOST_TOKENS = 8
"""A longer continuation is asked about in one piece, as the harness does."""

COMPARED = 8
"""Requests that are scored both ways before any is scored so."""

LARGEST = 0.1
"""In nats: by so much the two ways may differ, by rounding in half precision."""


class ServerPrefix:
    """Scores token requests of one backend by its server's prefix cache.

    What it gives is compared with the plain way on the first requests; where that differs, or
    the server does not know how, all requests are scored plainly.

    Attributes:
        why_not: why it is not used; None as long as it is.
        compared: requests that were scored both ways.
        largest: by how much these differed at most, in nats.
    """

    def __init__(self, backend: LM) -> None:
        self.why_not = why_not(backend)
        self.compared = 0
        self.largest = 0.0

    def __call__(
        self, backend: Any, requests: Sequence[TokenRequest]
    ) -> list[tuple[float, bool]]:
        """The log-probability of each request in nats, and whether it is the greedy text.

        Requests that begin alike follow each other.

        Args:
            backend: the backend, or a view of it.
            requests: what is asked.
        """
        answers: dict[int, tuple[float, bool]] = {}
        short = [
            k for k, (_, _, rest) in enumerate(requests) if len(rest) <= MOST_TOKENS
        ]
        short.sort(key=lambda k: (requests[k][1] + requests[k][2], k))
        first = short[: max(0, COMPARED - self.compared)]
        if self.why_not is None and first:
            answers |= self._compared(backend, requests, first)
        if self.why_not is None:
            asked = _asking_for_next_tokens(backend)
            left = [k for k in short if k not in answers]
            at_once = 16 * concurrency(backend)
            for start in range(0, len(left), at_once):
                those = left[start : start + at_once]
                answers |= _scored(asked, requests, those)
        left = [k for k in range(len(requests)) if k not in answers]
        if left:
            answers |= _scored(backend, requests, left)
        return [answers[k] for k in range(len(requests))]

    def _compared(
        self, backend: Any, requests: Sequence[TokenRequest], those: list[int]
    ) -> dict[int, tuple[float, bool]]:
        """Some requests scored both ways; the plain answers."""
        plain = _scored(backend, requests, those)
        try:
            ours = _scored(_asking_for_next_tokens(backend), requests, those)
        except Refused as error:
            self.why_not = f"the server does not give what is asked ({error})"
        else:
            apart = [abs(plain[k][0] - ours[k][0]) for k in those]
            self.compared += len(those)
            self.largest = max(self.largest, *apart)
            far = [a for a in apart if not a <= LARGEST]  # not a number is too much
            if far:
                self.why_not = f"scores differ from the plain ones by {far[0]:.3g} nats"
        if self.why_not is not None:
            logger.warning("requests are scored one by one: %s", self.why_not)
        elif self.compared >= COMPARED:
            logger.info(
                "scored by the server's prefix cache: the numbers of %d requests differ by "
                "at most %.2g nats from the plain ones",
                self.compared,
                self.largest,
            )
        return plain


def why_not(backend: Any) -> str | None:
    """None where a backend's server is vLLM's and is sent tokens."""
    if not getattr(backend, "tokenized_requests", False):
        return "the server is sent texts, not tokens"
    if not any(m.get("owned_by") == "vllm" for m in models_of_server(backend)):
        return "the server does not say that it is vLLM's"
    return None


def _scored(
    backend: Any, requests: Sequence[TokenRequest], those: Sequence[int]
) -> dict[int, tuple[float, bool]]:
    found = score_tokens(backend, [requests[k] for k in those], disable_tqdm=True)
    return dict(zip(those, found, strict=True))


class _Sent(list[int]):
    """The tokens of a request, and where its continuation begins."""

    start = 0


def _asking_for_next_tokens(backend: Any) -> Any:
    """A view of a backend that asks about each token of a continuation as the next one."""

    def batched(chunks: Any) -> Any:
        inputs, starts, keys = type(backend).batch_loglikelihood_requests(
            backend, chunks
        )
        sent = [_Sent(tokens) for tokens in inputs]
        for tokens, start in zip(sent, starts, strict=True):
            tokens.start = start
        return sent, starts, keys

    def payload(messages: Sequence[_Sent], seed: int = 1234, **_: Any) -> Any:
        return {
            "model": backend.model,
            "prompt": [list(prompt) for prompt in _prompts(messages)],
            "temperature": 0,
            "max_tokens": 1,
            "logprobs": 1,
            "logprob_token_ids": sorted({t for m in messages for t in m[m.start :]}),
            "return_tokens_as_token_ids": True,
            "seed": seed,
        }

    def parsed(outputs: Any, tokens: Sequence[_Sent], **_: Any) -> Any:
        rows = iter(next_tokens(backend, several(outputs), _prompts(tokens)))
        found = []
        for sent in tokens:
            logprob, greedy = 0.0, True
            for token in sent[sent.start :]:
                told = next(rows)
                own = told.get(f"token_id:{token}")
                if not isinstance(own, (int, float)):
                    raise Refused(f"it leaves out token {token}")
                logprob += own
                greedy = greedy and own == max(told.values())
            found.append((logprob, greedy))
        return found

    return server_view(backend, batched, payload, parsed)


def _prompts(messages: Sequence[_Sent]) -> list[list[int]]:
    """What stands before each token of each continuation."""
    return [m[:k] for m in messages for k in range(m.start, len(m))]
