"""Multi-stage requests without waiting: what a document asks next is asked as soon as its answers are there.

For backends that take requests at any time and answer each when it has ended. In chunks,
see :meth:`~lm_eval_faith.harness.faith_model.FaithLM.multi_stage`, all documents wait for
the longest generation among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, hash_args

from lm_eval_faith.asks import Answer, Ask, Generate, Score, Stages
from lm_eval_faith.engines import TokenAsk
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.engine_choice import EngineChoice
from lm_eval_faith.harness.lm_eval_compat import (
    Place,
    TokenRequest,
    belonging,
    generation_of_vllm,
    request_of,
    text_of_vllm,
    tokens_of,
)
from lm_eval_faith.harness.seam import Seams
from lm_eval_faith.harness.stages import MultiStageRequest, StageKeys, draws
from lm_eval_faith.harness.written_text import WrittenText


class AskedAtAnyTime(Protocol):
    """A backend that takes asks at any time."""

    def put(
        self, asks: Mapping[str, Ask], wanted: Collection[str], place: Place
    ) -> None:
        """Take what a document asks in one stage.

        Args:
            asks: all of it, under the names of the answers.
            wanted: the names of those that are not answered or under way yet.
            place: where the document belongs.
        """

    def take(self) -> Mapping[str, Answer]:
        """Wait until something is answered."""

    def drop(self) -> None:
        """Forget all that is under way."""


@dataclass
class _Document:
    stages: Stages[Any]
    keys: StageKeys
    place: Place
    names: list[str] = field(default_factory=list)
    """Of what it asked last."""
    answers: dict[str, Answer] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)


def as_they_end(
    requests: Sequence[MultiStageRequest],
    asked: AskedAtAnyTime,
    store: Any | None,
    *,
    seed: int,
    at_once: int,
) -> Iterator[tuple[int, Any]]:
    """Run requests' generators side by side.

    Args:
        requests: the requests, begun in their order.
        asked: the backend.
        store: the run's store of responses, or None. An answer that is in it is not asked
            for again, and a new one is on disk before anything is asked behind it.
        seed: of the run, for draws.
        at_once: the most documents under way.

    Yields:
        The index of a request, and what its generator returned: as they end.
    """
    waiting = iter(enumerate(requests))
    running: dict[int, _Document] = {}
    wanted: dict[str, list[int]] = {}
    seen: Counter[tuple[Any, ...]] = Counter()
    ended: list[tuple[int, Any]] = []

    def go_on(index: int, document: _Document, answers: Any) -> None:
        """Let a document ask until it must wait, or has ended."""
        while True:
            try:
                asks = document.stages.send(answers)
            except StopIteration as end:
                running.pop(index, None)
                ended.append((index, end.value))
                return
            document.names = document.keys.of(asks)
            document.answers = {
                name: store[name]
                for name in dict.fromkeys(document.names)
                if store is not None and name in store
            }
            document.missing = set(document.names) - set(document.answers)
            if document.missing:
                break
            answers = [document.answers[name] for name in document.names]
        running[index] = document
        new = {name for name in document.missing if name not in wanted}
        for name in document.missing:
            wanted.setdefault(name, []).append(index)
        asked.put(dict(zip(document.names, asks)), new, document.place)

    try:
        while True:
            while len(running) < at_once:
                index, request = next(waiting, (None, None))
                if index is None or request is None:
                    break
                place = belonging(request)
                which = (*place[:2], request.idx)
                seen[which] += 1
                keys = StageKeys(seed, (*which, seen[which]))
                go_on(index, _Document(request.stages(), keys, place), None)
            yield from ended
            ended.clear()
            if not running:
                return
            found = asked.take()
            if store is not None:
                store.update(found)
                store.commit()
            for name, answer in found.items():
                for index in wanted.pop(name):
                    document = running[index]
                    document.answers[name] = answer
                    document.missing.discard(name)
                    if not document.missing:
                        told = [document.answers[name] for name in document.names]
                        go_on(index, document, told)
    finally:
        asked.drop()


class AskedOfVllm:
    """vLLM, asked by the harness's ``vllm``: its tokens, its parameters, its reading of the output.

    Args:
        engine: of the backend.
        seams: where its requests are split.
        written: is told of each text.
    """

    def __init__(
        self, engine: EngineChoice, seams: Seams, written: WrittenText
    ) -> None:
        if engine.prefix_cache is None:
            raise ValueError("the backend is not vllm")
        self.engine = engine
        self.vllm = engine.prefix_cache
        self.backend = engine.backend
        self.seams = seams
        self.written = written
        self._texts: dict[str, Instance] = {}

    def put(
        self, asks: Mapping[str, Ask], wanted: Collection[str], place: Place
    ) -> None:
        """See :class:`AskedAtAnyTime`."""
        read, written = requests_of(self.backend, self.seams, asks, wanted, place)
        self.vllm.put(
            {name: TokenAsk(context, rest) for name, (_, context, rest) in read.items()}
        )
        self._texts |= written
        for name, request in written.items():
            self.vllm.put_text(name, *generation_of_vllm(self.backend, request))

    def take(self) -> Mapping[str, Answer]:
        """See :class:`AskedAtAnyTime`."""
        found = dict(self.vllm.take())
        self.engine.heed_the_proof()
        return {name: self._answer(name, answer) for name, answer in found.items()}

    def drop(self) -> None:
        """See :class:`AskedAtAnyTime`."""
        self.vllm.drop()

    def _answer(self, name: str, answer: Any) -> Answer:
        if isinstance(answer, tuple):
            return answer
        request = self._texts.pop(name)
        [output] = answer.outputs
        text = text_of_vllm(self.backend, request, answer)
        stopped = output.stop_reason if isinstance(output.stop_reason, str) else ""
        return self.written.noted(
            request.args[0], text, output.text + stopped, list(output.token_ids)
        )


def requests_of(
    backend: LM,
    seams: Seams,
    asks: Mapping[str, Ask],
    wanted: Collection[str],
    place: Place,
) -> tuple[dict[str, TokenRequest], dict[str, Instance]]:
    """The requests for scores and for texts that a stage makes of a backend, by their answers' names.

    A text that is drawn gets a seed of its own, unless its settings have one: then it does
    not depend on what else is written beside it.

    Raises:
        InputError: a score is to hide something, which such a backend cannot.
    """
    scores = {name: ask for name, ask in asks.items() if isinstance(ask, Score)}
    if any(ask.hidden for ask in scores.values()):
        raise InputError(
            f"{type(backend).__name__} cannot hide steps from later tokens"
        )
    # All are split, for how one is may depend on the others of its document.
    texts = [(score.context, score.continuation) for score in scores.values()]
    splits = iter(seams.split([(place[1], text) for text in texts]))
    requests = [request_of("loglikelihood", text, place) for text in texts]
    tokens = tokens_of(backend, lambda *_: next(splits), requests) if texts else []
    written = {}
    for name, ask in asks.items():
        if name in wanted and isinstance(ask, Generate):
            settings = dict(ask.settings)
            if draws(settings) and settings.get("seed") is None:
                settings["seed"] = int(hash_args("seed", [name])[:7], 16)
            written[name] = request_of("generate_until", (ask.context, settings), place)
    read = {
        name: one for name, one in zip(scores, tokens, strict=True) if name in wanted
    }
    return read, written
