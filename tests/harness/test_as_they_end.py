"""Documents that do not wait for each other, against a stand-in for a backend that answers at any time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from lm_eval_faith.asks import Answer, Ask, Generate, Score, Stages, answered
from lm_eval_faith.harness.as_they_end import as_they_end
from lm_eval_faith.harness.lm_eval_compat import Place, belongs_to
from lm_eval_faith.harness.stages import MultiStageRequest

DRAWN = {"do_sample": True, "temperature": 1.0}


def answer_to(ask: Ask) -> Answer:
    if isinstance(ask, Generate):
        return f" text behind {ask.context}"
    return (-float(len(ask.context + ask.continuation)), True)


class Backend:
    """Texts take as many turns as their context says, scores one."""

    def __init__(self) -> None:
        self.turn = 0
        self.under_way: dict[str, tuple[int, Ask]] = {}
        self.asked: list[tuple[int, Ask]] = []
        self.dropped = False

    def put(
        self, asks: Mapping[str, Ask], wanted: Collection[str], place: Place
    ) -> None:
        for name in asks:
            if name in wanted:
                ask = asks[name]
                turns = int(ask.context) if isinstance(ask, Generate) else 1
                self.under_way[name] = (self.turn + turns, ask)
                self.asked.append((self.turn, ask))

    def take(self) -> Mapping[str, Answer]:
        self.turn = min(end for end, _ in self.under_way.values())
        done = [n for n, (end, _) in self.under_way.items() if end <= self.turn]
        return {name: answer_to(self.under_way.pop(name)[1]) for name in done}

    def drop(self) -> None:
        self.dropped = True


class Store(dict[str, Any]):
    def commit(self) -> None:
        pass


def chain(turns: str, settings: Mapping[str, Any]) -> Stages[Any]:
    (text,) = yield [Generate(turns, settings)]
    scores = yield [Score(turns + text, " 1"), Score(turns, " 1"), Score(turns, " 1")]
    return [text, scores]


def requests(*turns: int, **settings: Any) -> list[MultiStageRequest]:
    return [
        MultiStageRequest(
            doc={},
            arguments=(str(n), settings),
            idx=0,
            make=chain,
            **belongs_to("task", place, 1),
        )
        for place, n in enumerate(turns)
    ]


def run(
    asked: list[MultiStageRequest],
    backend: Backend,
    store: Store | None = None,
    at_once: int = 9,
) -> list[Any]:
    found = dict(as_they_end(asked, backend, store, seed=1, at_once=at_once))
    return [found[index] for index in range(len(asked))]


def in_turn(asked: list[MultiStageRequest]) -> list[Any]:
    return [
        answered(request.stages(), lambda asks: [*map(answer_to, asks)])
        for request in asked
    ]


def test_what_is_asked_behind_a_text_is_asked_when_it_ends_and_not_when_the_longest_does() -> (
    None
):
    backend = Backend()
    asked = requests(2, 50, 5)
    assert run(asked, backend) == in_turn(asked)
    when = {ask.context: turn for turn, ask in backend.asked if isinstance(ask, Score)}
    assert (when["2"], when["5"], when["50"]) == (2, 5, 50)


def test_a_document_begins_when_another_ends() -> None:
    backend = Backend()
    asked = requests(3, 20, 4, 1)
    assert run(asked, backend, at_once=2) == in_turn(asked)
    begun = [turn for turn, ask in backend.asked if isinstance(ask, Generate)]
    assert begun == [0, 0, 4, 9]  # each behind the scores of the one before


def test_equal_asks_under_way_are_asked_once() -> None:
    backend = Backend()
    assert run(requests(3, 3), backend) == in_turn(requests(3, 3))
    assert len(backend.asked) == 3


def test_answers_that_are_kept_are_not_asked_for_again_whichever_they_are() -> None:
    store = Store()
    asked = requests(2, 7, 4)
    whole = run(asked, Backend(), store)
    names = list(store)
    for lost in range(len(names)):
        backend = Backend()
        kept = Store({name: store[name] for name in names if name != names[lost]})
        assert run(asked, backend, kept) == whole
        assert len(backend.asked) == 1
        assert kept == store


def test_a_drawn_text_has_the_same_name_whatever_ends_before_it() -> None:
    """Two documents with one prompt: each keeps its own draw, in any order and with any documents beside them."""
    names = []
    for beside in ((), (1,), (30, 1)):
        store = Store()
        run(requests(4, 4, *beside, **DRAWN), Backend(), store)
        names.append([name for name, text in store.items() if text == " text behind 4"])
    assert len(names[0]) == 2
    assert sorted(names[0]) == sorted(names[1]) == sorted(names[2])


def test_repeats_of_a_document_have_draws_of_their_own() -> None:
    store = Store()
    [request] = requests(4, **DRAWN)
    run([request, request, request], Backend(), store)
    assert list(store.values()).count(" text behind 4") == 3


def test_what_is_under_way_is_dropped_when_a_document_fails() -> None:
    def fails() -> Stages[Any]:
        yield [Generate("1", {})]
        raise RuntimeError("on purpose")

    backend = Backend()
    broken = MultiStageRequest(
        doc={}, arguments=(), idx=0, make=fails, **belongs_to("task", 0, 1)
    )
    try:
        run([*requests(40), broken], backend)
    except RuntimeError:
        pass
    assert backend.dropped
