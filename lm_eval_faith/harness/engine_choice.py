"""Which engine answers a backend's log-likelihood requests, and the proof that it gives the backend's numbers."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import LM

from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.bars import bar as bar_of
from lm_eval_faith.harness.forecast import Cost, cost_of_texts
from lm_eval_faith.harness.lm_eval_compat import (
    OWN_WAY,
    TokenRequest,
    asks_a_server,
    call_of,
    logprob_of_vllm,
    lora_of_vllm,
    score_tokens,
    scores_as_hf,
    why_not_hf,
    why_not_vllm,
)
from lm_eval_faith.harness.server_prefix import ServerPrefix

if TYPE_CHECKING:
    from lm_eval_faith.engines import PrefixCache, Reach, SharedPrefixes, TokenAsk

logger = logging.getLogger(__name__)

SWITCHED_OFF = "switched off"


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
        self.server = ServerPrefix(backend) if asks_a_server(backend) else None
        """A server's prefix cache; None with other backends."""
        self.prefix_cache = self._of_vllm(sharing)
        """vLLM as an engine that takes requests at any time; None with other backends."""
        if sharing == "off":
            self.why_not = SWITCHED_OFF
        else:
            self._fits()

    def __call__(
        self,
        requests: Sequence[TokenRequest],
        disable_tqdm: bool = False,
        through: LM | None = None,
    ) -> list[tuple[float, bool]]:
        """The log-probability of each request in nats, and whether it is the greedy text.

        Args:
            requests: what is asked.
            disable_tqdm: without a progress bar.
            through: a view of a backend that asks a server, to ask by.
        """
        backend = self.backend if through is None else through
        answers = None
        if requests and self.why_not is None and self._fits():
            if self.server is not None:
                found = self.server(backend, requests)
                self._fits()
                return found
            if self.prefix_cache is not None:
                return self._cached(requests, self.prefix_cache, disable_tqdm)
            answers = self._shared(requests, disable_tqdm)
        if answers is None:
            answers = score_tokens(backend, requests, disable_tqdm)
        return answers

    @property
    def is_hf(self) -> bool:
        """Whether the backend splits and scores as ``hf`` does with a causal model."""
        return scores_as_hf(self.backend)

    @property
    def takes_tokens(self) -> bool:
        """Whether token requests of the backend are answered here."""
        return self.prefix_cache is not None or self.is_hf or self._shares_on_the_server

    @property
    def _shares_on_the_server(self) -> bool:
        return self.server is not None and self.why_not is None

    def state(self) -> str:
        """In words, whether prefixes are shared, for the results file."""
        return "on" if self.why_not is None else f"off: {self.why_not}"

    @property
    def as_expected(self) -> bool:
        """Whether prefixes are shared, or were not to be: not asked for, or not such a backend."""
        return self.why_not in (None, SWITCHED_OFF) or not self.takes_tokens

    def _of_vllm(self, sharing: str) -> PrefixCache | None:
        """The backend's vLLM, where the harness's ``vllm`` is the backend and asks one engine."""
        if why_not_vllm(self.backend) is not None:
            return None
        from lm_eval_faith.engines import PrefixCache, Vllm

        return PrefixCache(
            Vllm(
                self.backend.model, self.backend.max_length, lora_of_vllm(self.backend)
            ),
            functools.partial(logprob_of_vllm, self.backend),
            SWITCHED_OFF if sharing == "off" else None,
        )

    def _fits(self) -> bool:
        if self.server is not None:
            reason = self.server.why_not
            return reason is None or self._refused(reason, news=False)
        from lm_eval_faith.engines import prefix_cache, shared_prefix

        of_hf, of_vllm = why_not_hf(self.backend), why_not_vllm(self.backend)
        if of_hf is not None and of_vllm is not None:
            # Backends with a way of their own are no news; a method that was replaced is.
            told = [why for why in (of_hf, of_vllm) if OWN_WAY not in why]
            return self._refused((told or [of_hf])[0], news=bool(told))
        engine = shared_prefix if of_hf is None else prefix_cache
        reason = engine.why_not(self.backend)
        return reason is None or self._refused(reason)

    def _refused(self, reason: str, news: bool = True) -> bool:
        if self.required:
            raise InputError(f"shared_prefix=on: {reason}")
        self.why_not = reason
        if self.prefix_cache is not None:
            self.prefix_cache.reason = reason
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
            bar_of(
                cost.distinct, quiet, "Running loglikelihood requests", "token"
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
            self._tell_of_cut_requests(requests, self.backend.max_length + 1)
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

    def _cached(
        self, requests: Sequence[TokenRequest], engine: PrefixCache, disable_tqdm: bool
    ) -> list[tuple[float, bool]]:
        """The answers of vLLM, behind its cache for as long as that gives the same."""
        from lm_eval_faith.engines import TokenAsk

        # vLLM wants room for the token that it writes behind each text.
        self._tell_of_cut_requests(requests, self.backend.max_length - 1)
        asks = [TokenAsk(context, rest) for _, context, rest in requests]
        answers: dict[int, tuple[float, bool]] = {}
        hook = self.backend.cache_hook
        quiet = disable_tqdm or self.backend.rank != 0
        with bar_of(len(asks), quiet, "Running loglikelihood requests") as bar:
            for scored in engine.score(asks):
                answer = scored.logprob, scored.is_greedy
                answers[scored.index] = answer
                key = requests[scored.index][0]
                if key is not None:
                    hook.add_partial("loglikelihood", key, answer)
                self.heed_the_proof()
                bar.update()
        logger.info("%s", engine.counts)
        return [answers[index] for index in range(len(asks))]

    def heed_the_proof(self) -> None:
        """Say so, where vLLM's cache turned out to change the numbers.

        Raises:
            InputError: it was required.
        """
        found = None if self.prefix_cache is None else self.prefix_cache.reason
        if found is not None and self.why_not is None:
            self._refused(found)

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

    def _tell_of_cut_requests(
        self, requests: Sequence[TokenRequest], most: int
    ) -> None:
        cut = sum(len(context) + len(rest) > most for _, context, rest in requests)
        if cut and not self._told:
            self._told = True
            logger.warning(
                "%d of %d requests are longer than the model's %d tokens and lose "
                "their beginning",
                cut,
                len(requests),
                self.backend.max_length,
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
