"""The ``faith`` model: any backend of the harness, with two things added.

It answers multi-stage requests (see :mod:`lm_eval_faith.harness.stages`), and where
the backend is ``hf`` with a causal model, log-likelihood requests that begin alike are
scored together (see :mod:`lm_eval_faith.engines`). All else is the backend's.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, CacheHook, hash_args
from lm_eval.api.registry import get_model
from tqdm import tqdm  # type: ignore[import-untyped]

from lm_eval_faith.asks import Ask, Generate, answered, together
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.backends import require_loglikelihoods, silenced
from lm_eval_faith.harness.exit_code import exit_with_code_2_on_input_errors
from lm_eval_faith.harness.stages import (
    MultiStageRequest,
    StageKeys,
    as_response,
    draws,
)

if TYPE_CHECKING:
    from lm_eval.models.huggingface import HFLM

logger = logging.getLogger(__name__)

SMALLEST_DEFAULT_CHUNK = 16
DEFAULT_CHUNK_OF_AUTO = 128
"""For ``batch_size=auto``, where the backend makes large batches of what it gets."""

exit_with_code_2_on_input_errors()


class FaithLM(LM):  # type: ignore[misc]
    """A backend of the harness that also answers multi-stage requests.

    Args:
        backend: a name as ``--model`` takes it, or a model.
        shared_prefix: ``on``, ``off``, or ``auto``: on where the model can do it.
        max_packed_tokens: the most tokens in one pass of shared-prefix scoring.
        chunk: documents whose requests run side by side; what a killed run may
            lose. By default at least 16, and as many as the backend takes at once.
        backend_arguments: everything else, for the backend.

    Raises:
        InputError: an argument has a wrong value, or ``shared_prefix=on`` and the model
            cannot be scored so.
    """

    def __init__(
        self,
        backend: str | LM = "hf",
        shared_prefix: str | bool = "auto",
        max_packed_tokens: int | None = None,
        chunk: int | None = None,
        **backend_arguments: Any,
    ) -> None:
        # Not LM.__init__: the attributes that it sets are the backend's here.
        self.cache_hook = CacheHook(None)
        sharing = _one_of_auto_on_off(shared_prefix)
        _check_positive("max_packed_tokens", max_packed_tokens)
        _check_positive("chunk", chunk)
        self._chunk = chunk or default_chunk(backend_arguments)
        self.wrapped = make_backend(backend, backend_arguments)
        if sharing != "off":
            share_prefixes(self.wrapped, sharing == "on", max_packed_tokens)

    # --- what the backend answers ------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name == "wrapped":  # not made yet
            raise AttributeError(name)
        return getattr(self.wrapped, name)

    def loglikelihood(self, requests: list[Instance], **kwargs: Any) -> Any:
        """The backend's, with shared prefixes where it was given them."""
        return self.wrapped.loglikelihood(requests, **kwargs)

    def loglikelihood_rolling(self, requests: list[Instance], **kwargs: Any) -> Any:
        """The backend's."""
        return self.wrapped.loglikelihood_rolling(requests, **kwargs)

    def generate_until(self, requests: list[Instance], **kwargs: Any) -> Any:
        """The backend's."""
        return self.wrapped.generate_until(requests, **kwargs)

    def apply_chat_template(self, *args: Any, **kwargs: Any) -> Any:
        """The backend's."""
        return self.wrapped.apply_chat_template(*args, **kwargs)

    def chat_template(self, *args: Any, **kwargs: Any) -> Any:
        """The backend's."""
        return self.wrapped.chat_template(*args, **kwargs)

    @property
    def tokenizer_name(self) -> Any:
        """The backend's."""
        return self.wrapped.tokenizer_name

    @property
    def device(self) -> Any:
        """The backend's."""
        return self.wrapped.device

    @property
    def rank(self) -> Any:
        """The backend's."""
        return self.wrapped.rank

    @property
    def world_size(self) -> Any:
        """The backend's."""
        return self.wrapped.world_size

    def all_gather(self, tensor: Any) -> Any:
        """The backend's."""
        return self.wrapped.all_gather(tensor)

    def gather_object(self, obj: Any, dst: int = 0) -> Any:
        """The backend's."""
        return self.wrapped.gather_object(obj, dst)

    def barrier(self) -> None:
        """The backend's."""
        self.wrapped.barrier()

    def set_cache_hook(self, cache_hook: CacheHook) -> None:
        """Take the run's cache, and give it to the backend too."""
        self.cache_hook = cache_hook
        self.wrapped.set_cache_hook(cache_hook)

    # --- multi-stage requests ----------------------------------------------------

    def check_multi_stage(self) -> None:
        """Refuse multi-stage requests that the backend would not answer to the end.

        Raises:
            InputError: it cuts the thinking off, or it gives no log-likelihoods.
        """
        token = getattr(self.wrapped, "think_end_token", None)
        if token is not None:
            raise InputError(
                f"think_end_token={token} makes the backend cut the thinking off, and "
                "with it the reasoning that is asked about: leave think_end_token and "
                "enable_thinking out of --model_args (a chat template that needs to be "
                'told to think takes chat_template_args={"enable_thinking":true})'
            )
        require_loglikelihoods(self.wrapped, "after each generation")

    def multi_stage(
        self, requests: Sequence[MultiStageRequest], disable_tqdm: bool = False
    ) -> list[str]:
        """Run the requests' generators side by side; a chunk at a time.

        With ``--use_cache`` every finished stage is on disk before the next begins.

        Returns:
            What each generator returned, as JSON.
        """
        import torch

        self.check_multi_stage()
        keys = StageKeys(torch.initial_seed())
        responses: list[str] = []
        counts: Counter[str] = Counter()
        with (
            self._own_cache_only(),
            fixed_batch_size(self.wrapped),
            tqdm(
                total=len(requests),
                desc="Running multi-stage requests",
                disable=disable_tqdm or self.rank != 0,
            ) as bar,
        ):

            def answer(asks: Sequence[Ask]) -> list[Any]:
                bar.set_postfix({**counts, "asked": len(asks)})
                return self._stage(asks, keys.of(asks), requests[0].metadata)

            for start in range(0, len(requests), self._chunk):
                chunk = requests[start : start + self._chunk]
                running = together(*(request.stages() for request in chunk))
                for request, result in zip(chunk, answered(running, answer)):
                    responses.append(as_response(result))
                    counts.update(request.counts(result))
                bar.update(len(chunk))
                bar.set_postfix(counts)
        return responses

    def _stage(
        self, asks: Sequence[Ask], keys: Sequence[str], metadata: Any
    ) -> list[Any]:
        """The answers to what a chunk asks in one stage, equal asks answered once."""
        generations: dict[str, tuple[Any, ...]] = {}
        scores: dict[str, tuple[Any, ...]] = {}
        drawn = False
        for key, ask in zip(keys, asks):
            if isinstance(ask, Generate):
                generations[key] = (ask.context, dict(ask.settings))
                drawn = drawn or draws(ask.settings)
            elif ask.hidden:
                raise InputError(
                    f"{type(self.wrapped).__name__} cannot hide steps from later tokens"
                )
            else:
                scores[key] = (ask.context, ask.continuation)
        with torch_seeded_by(list(generations)) if drawn else nullcontext():
            answers = self._answers("generate_until", generations, metadata)
        answers |= self._answers("loglikelihood", scores, metadata)
        return [answers[key] for key in keys]

    def _answers(
        self, method: str, asked: Mapping[str, tuple[Any, ...]], metadata: Any
    ) -> dict[str, Any]:
        """The cached answers if all are there; otherwise all are computed.

        The last digits of an answer depend on what is computed in one batch with it. So
        a stage that a killed run left half done is computed again as a whole, and an
        answer that was given once stays as it was: a resumed run ends with the numbers
        of an uninterrupted one.

        Args:
            method: of the backend.
            asked: the method's arguments under the names of the answers.
            metadata: of the harness's requests.
        """
        if not asked:
            return {}
        cache = self.cache_hook.dbdict
        known = (
            {} if cache is None else {key: cache[key] for key in asked if key in cache}
        )
        if len(known) < len(asked):
            requests = [
                Instance(
                    request_type=method,
                    doc={},
                    arguments=arguments,
                    idx=index,
                    metadata=metadata,
                )
                for index, arguments in enumerate(asked.values())
            ]
            ask = getattr(self.wrapped, method)
            computed = dict(zip(asked, ask(requests, **silenced(ask)), strict=True))
            if cache is not None:
                cache.update({k: v for k, v in computed.items() if k not in known})
                cache.commit()
            known = computed | known
        return known

    @contextmanager
    def _own_cache_only(self) -> Iterator[None]:
        """Keep the backend from caching the parts of a chunk, see `_answers`."""
        self.wrapped.set_cache_hook(CacheHook(None))
        try:
            yield
        finally:
            self.wrapped.set_cache_hook(self.cache_hook)


def make_backend(backend: str | LM, arguments: Mapping[str, Any]) -> LM:
    """The model to wrap, from its name in the harness's registry.

    Raises:
        InputError: there is no such name, or it is this model's own.
    """
    if isinstance(backend, LM):
        return backend
    try:
        kind = get_model(backend)
    except (KeyError, ValueError) as error:
        raise InputError(f"backend={backend}: {error.args[0]}") from None
    if issubclass(kind, FaithLM):
        raise InputError(f"backend={backend}: name the model to wrap, such as hf")
    return kind.create_from_arg_obj(dict(arguments))


def default_chunk(backend_arguments: Mapping[str, Any]) -> int:
    """As many documents as keep the backend busy, at least 16."""
    batch_size = str(backend_arguments.get("batch_size") or 1)
    if not batch_size.isdigit():
        return DEFAULT_CHUNK_OF_AUTO
    concurrent = int(backend_arguments.get("num_concurrent") or 1)
    return max(SMALLEST_DEFAULT_CHUNK, int(batch_size), 4 * concurrent)


@contextmanager
def torch_seeded_by(keys: Sequence[str]) -> Iterator[None]:
    """Let a chunk's draws depend on the chunk alone, whatever was drawn before it."""
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(hash_args("seed", keys)[:15], 16))
        yield


@contextmanager
def fixed_batch_size(backend: LM) -> Iterator[None]:
    """Let ``hf`` find its automatic batch size once and not again in each chunk.

    The search is a joint one of all processes, so it must not depend on how many chunks
    each has left.
    """
    from lm_eval.models.huggingface import HFLM

    if not isinstance(backend, HFLM) or backend.batch_size != "auto":
        yield
        return
    backend.batch_size_per_gpu = backend._detect_batch_size()
    try:
        yield
    finally:
        backend.batch_size_per_gpu = "auto"


# --- shared prefixes -------------------------------------------------------------


def share_prefixes(
    backend: LM, required: bool, max_packed_tokens: int | None = None
) -> None:
    """Let an ``hf`` backend score requests over their shared prefixes.

    Raises:
        InputError: it is required, and the backend or its model cannot do it.
    """
    reason = why_not_shared(backend)
    if reason is None:
        backend._loglikelihood_tokens = SharedPrefixes(
            backend, required, max_packed_tokens
        )
    elif required:
        raise InputError(f"shared_prefix=on: {reason}")
    else:
        logger.info("prefixes are not shared: %s", reason)


def why_not_shared(backend: LM) -> str | None:
    """None, or why a backend cannot be given shared-prefix scoring."""
    from lm_eval.models.huggingface import HFLM

    kind = type(backend)
    ways_of_scoring = ("loglikelihood", "_loglikelihood_tokens", "_model_call")
    if not isinstance(backend, HFLM) or any(
        getattr(kind, name) is not getattr(HFLM, name) for name in ways_of_scoring
    ):
        return f"{kind.__name__} has its own way of scoring"
    if backend.backend != "causal":
        return "the model is not a causal one"
    return None


class SharedPrefixes:
    """Takes the place of ``HFLM._loglikelihood_tokens`` on one backend.

    The first requests are scored both ways, and the answers compared; where they differ
    or the model cannot do it, all requests are scored as ``hf`` does.
    """

    def __init__(
        self, backend: HFLM, required: bool, max_packed_tokens: int | None
    ) -> None:
        from lm_eval_faith.engines import DEFAULT_MAX_PACKED_TOKENS, supports

        self.backend = backend
        self.plain = backend._loglikelihood_tokens
        self.required = required
        self.max_packed_tokens = max_packed_tokens or DEFAULT_MAX_PACKED_TOKENS
        self.proven = False
        self.usable = self._is_usable(supports(backend.model))

    def __call__(
        self,
        requests: Sequence[tuple[Any, list[int], list[int]]],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        """Answer requests as the method does whose place this takes."""
        # Windows of a rolling log-likelihood, which come with override_bs, share nothing.
        if override_bs is None and requests and self._proves_itself(requests):
            return self._shared(requests, disable_tqdm)
        answers: list[tuple[float, bool]] = self.plain(
            requests, disable_tqdm=disable_tqdm, override_bs=override_bs
        )
        return answers

    def _proves_itself(self, requests: Sequence[tuple[Any, Any, Any]]) -> bool:
        from lm_eval_faith.engines import prove

        if self.usable and not self.proven:
            with self._precision():
                reason = prove(self.backend.model, _pairs(requests), **self._settings())
            self.proven = True
            self.usable = self._is_usable(reason)
        return self.usable

    def _is_usable(self, reason: str | None) -> bool:
        if reason is None:
            return True
        if self.required:
            raise InputError(f"shared_prefix=on: {reason}")
        logger.warning("requests are scored one by one: %s", reason)
        return False

    def _shared(
        self, requests: Sequence[tuple[Any, Any, Any]], disable_tqdm: bool
    ) -> list[tuple[float, bool]]:
        from lm_eval_faith.engines import score

        self._tell_of_cut_requests(requests)
        model, hook = self.backend.model, self.backend.cache_hook
        answers: dict[int, tuple[float, bool]] = {}
        with (
            self._precision(),
            tqdm(
                total=len(requests),
                disable=disable_tqdm or self.backend.rank != 0,
                desc="Running loglikelihood requests",
            ) as bar,
        ):
            for scored in score(model, _pairs(requests), **self._settings()):
                answer = (scored.logprob, scored.is_greedy)
                answers[scored.index] = answer
                text = requests[scored.index][0]
                if text is not None:
                    hook.add_partial("loglikelihood", text, answer)
                bar.update(1)
        return [answers[index] for index in range(len(requests))]

    def _settings(self) -> dict[str, Any]:
        return {
            "max_length": self.backend.max_length,
            "max_packed_tokens": self.max_packed_tokens,
            "softmax_dtype": self.backend.softmax_dtype,
        }

    def _precision(self) -> Any:
        import torch

        dtype = self.backend.mixed_precision_dtype
        kind = self.backend.device.type
        return torch.autocast(kind, dtype=dtype, enabled=dtype is not None)

    def _tell_of_cut_requests(self, requests: Sequence[tuple[Any, Any, Any]]) -> None:
        limit = self.backend.max_length
        cut = sum(len(context) + len(rest) > limit + 1 for _, context, rest in requests)
        if cut:
            logger.warning(
                "%d of %d requests are longer than the model's %d tokens and lose "
                "their beginning",
                cut,
                len(requests),
                limit,
            )


def _pairs(requests: Sequence[tuple[Any, Any, Any]]) -> list[tuple[Any, Any]]:
    return [(context, continuation) for _, context, continuation in requests]


# --- arguments -------------------------------------------------------------------


def _one_of_auto_on_off(value: object) -> str:
    """The argument's word; YAML reads ``on`` and ``off`` as true and false."""
    words = {"auto": "auto", "on": "on", "off": "off", "True": "on", "False": "off"}
    if str(value) not in words:
        raise InputError(f"shared_prefix must be auto, on or off, not {value!r}")
    return words[str(value)]


def _check_positive(name: str, value: object) -> None:
    if value is None or (type(value) is int and value > 0):
        return
    raise InputError(f"{name} must be a positive whole number, not {value!r}")
