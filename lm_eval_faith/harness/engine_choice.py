"""Which engine answers a backend's log-likelihood requests, and the proof that it gives the backend's numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import LM
from tqdm import tqdm  # type: ignore[import-untyped]

from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.forecast import Cost, cost_of_texts
from lm_eval_faith.harness.lm_eval_compat import (
    call_of,
    score_tokens,
    scores_as_hf,
    why_not_hf,
)

if TYPE_CHECKING:
    from lm_eval_faith.engines import Reach, SharedPrefixes, TokenAsk

logger = logging.getLogger(__name__)

SWITCHED_OFF = "switched off"
TokenRequest = tuple[Any, list[int], list[int]]
"""The texts, or None; token ids of the context and of the continuation."""


class EngineChoice:
    """Scores token requests of one backend by the first engine that fits, else as the backend does.

    The backend is looked at anew at every call, and never changed. What an engine has not
    proven yet it proves on the requests that it is given; where the numbers differ from
    those of the backend's own call, all requests are scored as the backend does.

    Args:
        backend: the backend.
        sharing: ``on``, ``off`` or ``auto``.
        max_packed_tokens: the most tokens in one pass of shared-prefix scoring.

    Raises:
        InputError: sharing is ``on``, and the backend or its model cannot do it.
    """

    def __init__(
        self, backend: LM, sharing: str, max_packed_tokens: int | None
    ) -> None:
        self.backend = backend
        self.required = sharing == "on"
        self.max_packed_tokens = max_packed_tokens
        self.why_not: str | None = None
        """Why requests are scored one by one; None as long as they are not."""
        self.on_pass: Callable[[int], None] | None = None
        """Told how many distinct tokens each pass has read."""
        self._proven: Reach | None = None
        self._proven_with: object = None
        self._told = False
        if sharing == "off":
            self.why_not = SWITCHED_OFF
        else:
            self._fits()

    def __call__(
        self,
        requests: Sequence[TokenRequest],
        disable_tqdm: bool = False,
    ) -> list[tuple[float, bool]]:
        """The log-probability of each request in nats, and whether it is the greedy text."""
        answers = None
        if requests and self.why_not is None and self._fits():
            answers = self._shared(requests, disable_tqdm)
        if answers is None:
            answers = score_tokens(self.backend, requests, disable_tqdm)
        return answers

    @property
    def is_hf(self) -> bool:
        """Whether the backend splits and scores as ``hf`` does with a causal model."""
        return scores_as_hf(self.backend)

    def state(self) -> str:
        """In words, whether prefixes are shared, for the results file."""
        return "on" if self.why_not is None else f"off: {self.why_not}"

    @property
    def as_expected(self) -> bool:
        """Whether prefixes are shared, or were not to be: not asked for, or not ``hf``."""
        return self.why_not is None or self.why_not == SWITCHED_OFF or not self.is_hf

    def _fits(self) -> bool:
        own = why_not_hf(self.backend)
        if own is not None:
            # Backends with a way of their own are no news; a method replaced on hf is.
            return self._refused(own, news="replaced" in own)
        from lm_eval_faith.engines import shared_prefix

        reason = shared_prefix.why_not(self.backend)
        return reason is None or self._refused(reason)

    def _refused(self, reason: str, news: bool = True) -> bool:
        if self.required:
            raise InputError(f"shared_prefix=on: {reason}")
        self.why_not = reason
        if news:
            logger.warning("requests are scored one by one: %s", reason)
        else:
            logger.info("prefixes are not shared: %s", reason)
        return False

    def _shared(
        self, requests: Sequence[TokenRequest], disable_tqdm: bool
    ) -> list[tuple[float, bool]] | None:
        """The answers, None where the proof fails."""
        from lm_eval_faith.engines import Disproved, TokenAsk

        asks = [TokenAsk(context, rest) for _, context, rest in requests]
        engine = self._engine()
        self._forget_what_was_proven_of_another_model()
        cost = self._cost(asks)
        read, quiet = 0, disable_tqdm or self.backend.rank != 0
        if not quiet:
            logger.info("to be scored: %s", cost)
            logger.info("some of it both ways, and compared")
        hook = self.backend.cache_hook
        answers: dict[int, tuple[float, bool]] = {}
        with (
            self._precision(),
            tqdm(
                total=cost.distinct,
                unit="token",
                disable=quiet,
                desc="Running loglikelihood requests",
            ) as bar,
        ):

            def passed(done: int, total: int) -> None:
                nonlocal read
                now, before = cost.distinct - total + done, read
                read = now
                bar.update(now - before)
                if self.on_pass is not None:
                    self.on_pass(now - before)

            proof = engine.prove(asks, call_of(self.backend), self._proven, passed)
            if proof.reason is not None:
                self._refused(proof.reason)
                return None
            self._tell_of_cut_requests(requests)
            try:
                for scored in proof.answers:
                    answer = scored.logprob, scored.is_greedy
                    answers[scored.index] = answer
                    if requests[scored.index][0] is not None:
                        hook.add_partial(
                            "loglikelihood", requests[scored.index][0], answer
                        )
            except Disproved as error:
                self._refused(str(error))
                return None
            bar.update(cost.distinct - read)
        if proof.read and not quiet:
            logger.info(
                "read both ways and found equal: %d tokens (%.1f%% of those scored), in "
                "texts of up to %d (the longest has %d)",
                proof.read,
                100 * proof.read / cost.distinct,
                proof.reach.depth,
                min(
                    max(len(ask.context) + len(ask.continuation) - 1 for ask in asks),
                    self.backend.max_length,
                ),
            )
        self._proven = proof.reach
        return [answers[index] for index in range(len(requests))]

    def _cost(self, asks: Sequence[TokenAsk]) -> Cost:
        from lm_eval_faith.engines.transformers_compat import causal_lm, exact_length
        from lm_eval_faith.engines.tree import truncate

        most = self.backend.max_length
        texts = [truncate((ask.context, ask.continuation), most) for ask in asks]
        return cost_of_texts(texts, exact_length(causal_lm(self.backend.model)))

    def _forget_what_was_proven_of_another_model(self) -> None:
        """A hook, another adapter or a forward that was replaced makes it another one."""
        from lm_eval_faith.engines import what_stands_between

        between = (
            call_of(type(self.backend)),
            *what_stands_between(self.backend.model),
        )
        if between != self._proven_with:
            self._proven, self._proven_with = None, between

    def _engine(self) -> SharedPrefixes:
        from lm_eval_faith.engines import DEFAULT_MAX_PACKED_TOKENS, SharedPrefixes

        return SharedPrefixes(
            model=self.backend.model,
            max_length=self.backend.max_length,
            max_packed_tokens=self.max_packed_tokens or DEFAULT_MAX_PACKED_TOKENS,
            softmax_dtype=self.backend.softmax_dtype,
        )

    def _precision(self) -> AbstractContextManager[Any]:
        import torch

        dtype = self.backend.mixed_precision_dtype
        kind = self.backend.device.type
        return torch.autocast(kind, dtype=dtype, enabled=dtype is not None)

    def _tell_of_cut_requests(self, requests: Sequence[TokenRequest]) -> None:
        limit = self.backend.max_length
        cut = sum(len(context) + len(rest) > limit + 1 for _, context, rest in requests)
        if cut and not self._told:
            self._told = True
            logger.warning(
                "%d of %d requests are longer than the model's %d tokens and lose "
                "their beginning",
                cut,
                len(requests),
                limit,
            )


def one_of_auto_on_off(value: object) -> str:
    """The argument's word; YAML reads ``on`` and ``off`` as true and false.

    Raises:
        InputError: it is none of them.
    """
    words: Mapping[str, str] = {
        "auto": "auto",
        "on": "on",
        "off": "off",
        "True": "on",
        "False": "off",
    }
    if str(value) not in words:
        raise InputError(f"shared_prefix must be auto, on or off, not {value!r}")
    return words[str(value)]
