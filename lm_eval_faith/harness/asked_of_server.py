"""A server as a backend that takes asks at any time, for multi-stage requests without waiting."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from lm_eval.api.instance import Instance

from lm_eval_faith.asks import Answer, Ask
from lm_eval_faith.harness.as_they_end import requests_of
from lm_eval_faith.harness.engine_choice import EngineChoice
from lm_eval_faith.harness.lm_eval_compat import (
    Place,
    no_bars_of_servers,
    one_at_a_time,
)
from lm_eval_faith.harness.seam import Seams
from lm_eval_faith.harness.servers import in_sentences
from lm_eval_faith.harness.written_text import WrittenText


class AskedOfServer:
    """The harness's API backends, one request a thread: see ``as_they_end.AskedAtAnyTime``.

    The server makes its batches itself, of what is under way. What fails is told once all
    that is under way has ended, so no answer is lost.

    Args:
        engine: of the backend.
        seams: where its requests are split.
        written: is told of each text.
        at_once: requests under way.
    """

    def __init__(
        self, engine: EngineChoice, seams: Seams, written: WrittenText, at_once: int
    ) -> None:
        self.engine, self.seams, self.written = engine, seams, written
        self.backend = one_at_a_time(engine.backend)
        self._threads = ThreadPoolExecutor(at_once)
        self._under_way: dict[Future[Any], str] = {}
        self._failed: BaseException | None = None
        self._until_dropped = contextlib.ExitStack()
        self._until_dropped.enter_context(no_bars_of_servers())

    def put(
        self, asks: Mapping[str, Ask], wanted: Collection[str], place: Place
    ) -> None:
        """Take what a document asks in one stage."""
        read, written = requests_of(
            self.engine.backend, self.seams, asks, wanted, place
        )
        for name, request in read.items():
            self._begin(name, self._scored, request)
        for name, request in written.items():
            self._begin(name, self._text, request)

    def take(self) -> Mapping[str, Answer]:
        """Wait until something is answered.

        Raises:
            InputError: the server failed.
        """
        if self._failed is not None:
            raise self._failed
        ended = wait(self._under_way, return_when=FIRST_COMPLETED).done
        if any(one.exception() is not None for one in ended):
            for one in self._under_way:
                one.cancel()
            ended = wait(self._under_way).done
        found: dict[str, Answer] = {}
        for one in ended:
            name = self._under_way.pop(one)
            if one.cancelled():
                continue
            error = one.exception()
            if error is not None:
                self._failed = self._failed or error
                continue
            answer = one.result()
            if isinstance(answer, str):
                answer = self.written.without_tokens(answer)
            found[name] = answer
        if not found and self._failed is not None:
            raise self._failed
        return found

    def drop(self) -> None:
        """Ask for nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._until_dropped.close()

    def _begin(self, name: str, ask: Callable[[Any], Any], request: Any) -> None:
        if self._failed is None:
            self._under_way[self._threads.submit(ask, request)] = name

    def _scored(self, request: Any) -> tuple[float, bool]:
        with in_sentences(self.backend):
            (answer,) = self.engine([request], disable_tqdm=True, through=self.backend)
            return answer

    def _text(self, request: Instance) -> str:
        text: str
        (text,) = self.backend.generate_until([request], disable_tqdm=True)
        return text
