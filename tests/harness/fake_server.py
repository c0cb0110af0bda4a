"""A small server that speaks the completions format as vLLM's does, and can misbehave.

It reads bytes (the tokens of ``tiny_model``), scores each token by all before it, and writes
what a table says for the last question of a prompt.
"""

from __future__ import annotations

import json
import re
import threading
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from pathlib import Path
from typing import Any

Tokens = list[int]


def read(tokens: Tokens, before: int = 0) -> int:
    """A number that stands for all tokens read so far: ``before`` for those before these."""
    return zlib.crc32(array("I", tokens).tobytes(), before)


def greedy_logprob(before: int) -> float:
    """Of the likeliest token, between -2 and 0 nats, by all that was :func:`read`."""
    return -(before % 2001) / 1000


def token_logprob(before: int, token: int) -> float:
    """In nats, by the token and all before it: the likeliest one's, or up to 2 below."""
    return greedy_logprob(before) - read([token, 0], before) % 3


class _Quiet(ThreadingHTTPServer):
    allow_reuse_address = True

    def handle_error(self, *args: Any) -> None:
        """A client that went away is no news."""


class FakeServer:
    """What is served, and what went over the wire.

    Attributes:
        asked: every payload that was answered or refused, in order of arrival.
        answered: prompts that were answered, of each kind of request.
        fails: gives None, or what to send instead of an answer: a status and a text.
        changes: is given each answer before it is sent, and the payload.
        key: what the client must send; empty takes all.
        max_model_len: what ``/v1/models`` says; 0 says nothing.
        owned_by: the same.
    """

    def __init__(self, tokenizer: Any, solution: Callable[[str], str]) -> None:
        self.tokenizer, self.solution = tokenizer, solution
        self.asked: list[dict[str, Any]] = []
        self.answered: list[tuple[str, str]] = []
        self.fails: Callable[[dict[str, Any]], tuple[int, str] | None] = (
            lambda payload: None
        )
        self.changes: Callable[[dict[str, Any], dict[str, Any]], Any] = (
            lambda answer, payload: answer
        )
        self.key, self.max_model_len, self.owned_by = "", 0, ""
        self.lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/completions"

    def start(self) -> None:
        """Listen; on the port of before where it was started already."""
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                told = {"id": "fake", "max_model_len": served.max_model_len or None}
                told["owned_by"] = served.owned_by
                self._send(200, json.dumps({"data": [told]}))

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                payload = json.loads(self.rfile.read(size))
                key = self.headers.get("Authorization", "").removeprefix("Bearer ")
                self._send(*served.respond(payload, key))

            def _send(self, status: int, text: str | bytes) -> None:
                body = text.encode() if isinstance(text, str) else text
                kind = "application/json" if body[:1] in b"{[" else "text/html"
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = _Quiet(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        serve = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        serve.start()

    def stop(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def respond(self, payload: dict[str, Any], key: str) -> tuple[int, str | bytes]:
        with self.lock:
            self.asked.append(payload)
            if self.key and key != self.key:
                return 401, json.dumps({"error": {"message": "Incorrect API key"}})
            failure = self.fails(payload)
            if len(payload.get("stop") or ()) > 4:  # as vLLM's
                failure = 400, "stop: list of at most 4"
        if failure is not None:
            return failure
        answer = self.changes(self._answer(payload), payload)
        if isinstance(answer, (str, bytes)):
            return 200, answer
        return 200, json.dumps(answer)

    def _answer(self, payload: dict[str, Any]) -> dict[str, Any]:
        prompts = payload["prompt"]
        prompts = [prompts] if isinstance(prompts[0], int) else prompts
        choices = []
        for index, tokens in enumerate(prompts):
            text = self.tokenizer.decode(tokens)
            kind = "read" if payload.get("echo") else "written"
            if payload.get("echo"):
                choice = self._scored(tokens)
            elif "logprob_token_ids" in payload:
                kind, choice = "next", self._next(tokens, payload["logprob_token_ids"])
            else:
                asked = re.findall(r"Question: (.*)", text)
                choice = {"text": self.solution(asked[-1] if asked else text)}
            choices.append(choice | {"index": index})
            with self.lock:
                self.answered.append((kind, text))
        return {"choices": choices, "usage": {"prompt_tokens": sum(map(len, prompts))}}

    def _next(self, tokens: Tokens, asked: list[int]) -> dict[str, Any]:
        before = read(tokens)
        told = {f"token_id:{token}": token_logprob(before, token) for token in asked}
        told["token_id:best"] = greedy_logprob(before)
        return {"text": "", "logprobs": {"top_logprobs": [told]}}

    def _scored(self, tokens: Tokens) -> dict[str, Any]:
        whole = [*tokens, 0]  # the one that is generated
        befores = list(accumulate(tokens, lambda b, t: read([t], b), initial=0))
        scores = [token_logprob(b, t) for b, t in zip(befores, whole, strict=True)]
        best = [
            {"it": score, "best": greedy_logprob(before)}
            for before, score in zip(befores, scores, strict=True)
        ]
        told = {
            "token_logprobs": [None, *scores[1:]],
            "top_logprobs": [None, *best[1:]],
            "tokens": [str(token) for token in whole],
        }
        return {"text": "", "logprobs": told}


@contextmanager
def serving(folder: Path, solution: Callable[[str], str]) -> Iterator[FakeServer]:
    """A server that listens, with the tokenizer of a folder."""
    from transformers import AutoTokenizer

    server = FakeServer(AutoTokenizer.from_pretrained(folder), solution)
    server.start()
    try:
        yield server
    finally:
        server.stop()
