"""The ``faith`` model: any backend of the harness, with two things added.

It answers two-stage requests (see :mod:`lm_eval_faith.harness.two_stage`), and where
the backend is ``hf`` with a causal model, log-likelihood requests that begin alike are
scored together (see :mod:`lm_eval_faith.engines`). All else is the backend's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, CacheHook, hash_args
from lm_eval.api.registry import get_model
from tqdm import tqdm  # type: ignore[import-untyped]

from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.engine_choice import EngineChoice, one_of_auto_on_off
from lm_eval_faith.harness.lm_eval_compat import (
    fixed_batch_size,
    require_loglikelihoods,
    silenced,
    view,
)
from lm_eval_faith.harness.seam import Seams, warn_of_joined
from lm_eval_faith.harness.two_stage import (
    FollowUp,
    TwoStageRequest,
    TwoStageResponse,
)

SMALLEST_DEFAULT_CHUNK = 16
DEFAULT_CHUNK_OF_AUTO = 128
"""For ``batch_size=auto``, where the backend makes large batches of what it gets."""


class FaithLM(LM):  # type: ignore[misc]
    """A backend of the harness that also answers two-stage requests.

    Args:
        backend: a name as ``--model`` takes it, or a model.
        shared_prefix: ``on``, ``off``, or ``auto``: on where the model can do it.
        max_packed_tokens: the most tokens in one pass of shared-prefix scoring.
        chunk: documents that are generated and scored together; what a killed run may
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
        sharing = one_of_auto_on_off(shared_prefix)
        _check_positive("max_packed_tokens", max_packed_tokens)
        _check_positive("chunk", chunk)
        self._chunk = chunk or default_chunk(backend_arguments)
        self.wrapped = make_backend(backend, backend_arguments)
        self._engine = EngineChoice(self.wrapped, sharing, max_packed_tokens)
        self._seams = Seams(self.wrapped)

    # --- what the backend answers ------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name == "wrapped":  # not made yet
            raise AttributeError(name)
        return getattr(self.wrapped, name)

    def loglikelihood(self, requests: list[Instance], **kwargs: Any) -> Any:
        """The backend's, with shared prefixes where that gives the same.

        Where the tokenizer of ``hf`` joins context and answer, see
        :mod:`lm_eval_faith.harness.seam`.
        """
        if not self._engine.is_hf:
            warn_of_joined(self.wrapped, [request.args for request in requests])
            return self.wrapped.loglikelihood(requests, **kwargs)
        splits = self._seams.split(
            [(request.doc_id, request.args) for request in requests]
        )
        backend = view(
            self.wrapped,
            _loglikelihood_tokens=self._engine,
            _encode_pair=lambda *texts: splits[texts],
        )
        return backend.loglikelihood(requests, **kwargs)

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

    # --- two-stage requests ------------------------------------------------------

    def check_two_stage(self) -> None:
        """Refuse two-stage requests that the backend would not answer to the end.

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

    def two_stage(
        self, requests: Sequence[TwoStageRequest], disable_tqdm: bool = False
    ) -> list[str]:
        """Generate, ask each request what follows, score that; a chunk at a time.

        With ``--use_cache`` every finished chunk is on disk before the next begins.

        Returns:
            For each request its :class:`TwoStageResponse` as JSON.
        """
        self.check_two_stage()
        keys = generation_keys(requests)
        responses: list[str] = []
        counts: Counter[str] = Counter()
        with (
            self._own_cache_only(),
            fixed_batch_size(self.wrapped),
            tqdm(
                total=len(requests),
                desc="Running two-stage requests",
                disable=disable_tqdm or self.rank != 0,
            ) as bar,
        ):
            for start in range(0, len(requests), self._chunk):
                here = slice(start, start + self._chunk)
                generations = self._generations(requests[here], keys[here])
                follow_ups = [
                    request.follow_up(generation)
                    for request, generation in zip(requests[here], generations)
                ]
                scores = self._scores(requests[start], follow_ups)
                for generation, follow_up in zip(generations, follow_ups):
                    pairs = [scores[pair] for pair in map(tuple, follow_up.requests)]
                    response = TwoStageResponse(generation, follow_up.note, pairs)
                    responses.append(response.to_json())
                    counts.update(follow_up.counts)
                bar.update(len(generations))
                bar.set_postfix(counts)
        return responses

    def _generations(
        self, requests: Sequence[TwoStageRequest], keys: Sequence[str]
    ) -> list[str]:
        """The generated texts of a chunk."""
        asked = [
            Instance(
                request_type="generate_until",
                doc=request.doc,
                arguments=request.args,
                idx=request.idx,
                metadata=request.metadata,
            )
            for request in requests
        ]
        if not any(draws(request.args[1]) for request in requests):
            return self._answers("generate_until", asked, keys)
        with torch_seeded_by(keys):
            return self._answers("generate_until", asked, keys)

    def _scores(
        self, example: TwoStageRequest, follow_ups: Sequence[FollowUp]
    ) -> Mapping[tuple[str, ...], tuple[float, bool]]:
        """What follows from a chunk's generations, each distinct pair scored once."""
        pairs = list(
            dict.fromkeys(tuple(pair) for each in follow_ups for pair in each.requests)
        )
        asked = [
            Instance(
                request_type="loglikelihood",
                doc={},
                arguments=pair,
                idx=index,
                metadata=example.metadata,
            )
            for index, pair in enumerate(pairs)
        ]
        keys = [hash_args("two_stage loglikelihood", pair) for pair in pairs]
        return dict(zip(pairs, self._answers("loglikelihood", asked, keys)))

    def _answers(
        self, method: str, requests: list[Instance], keys: Sequence[str]
    ) -> list[Any]:
        """The cached answers if all are there; otherwise all are computed.

        The last digits of an answer depend on what is computed in one batch with it. So
        a chunk that a killed run left half done is computed again as a whole, and an
        answer that was given once stays as it was: a resumed run ends with the numbers
        of an uninterrupted one.
        """
        cache = self.cache_hook.dbdict
        known = (
            {} if cache is None else {key: cache[key] for key in keys if key in cache}
        )
        if len(known) < len(keys):
            ask = getattr(self if method == "loglikelihood" else self.wrapped, method)
            quiet = silenced(getattr(self.wrapped, method))
            computed = dict(zip(keys, ask(requests, **quiet), strict=True))
            if cache is not None:
                cache.update({k: v for k, v in computed.items() if k not in known})
                cache.commit()
            known = computed | known
        return [known[key] for key in keys]

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
        InputError: there is no such name, it is this model's own, or arguments stand
            beside a model that is ready.
    """
    if isinstance(backend, LM):
        if arguments:
            raise InputError(
                f"{', '.join(arguments)}: the backend is ready and takes no arguments any "
                "more; give them where it is made"
            )
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


def generation_keys(requests: Sequence[TwoStageRequest]) -> list[str]:
    """Where the cache keeps each request's generation.

    They are names of our own: what a plain backend cached may be without its thinking.
    Equal requests (``repeats``) are told apart by which one they are; if the text is
    drawn at random, the run's seed belongs to the name too.
    """
    import torch

    seed = torch.initial_seed()
    seen: Counter[str] = Counter()
    keys = []
    for request in requests:
        drawn = seed if draws(request.args[1]) else None
        name = hash_args("two_stage generate_until", [*request.args, drawn])
        keys.append(hash_args(name, [seen[name]]))
        seen[name] += 1
    return keys


def draws(settings: Mapping[str, Any]) -> bool:
    """Whether generation settings ask for sampling, as the harness reads them."""
    wanted = settings.get("do_sample")
    if wanted is None:
        return float(settings.get("temperature") or 0) > 0
    return bool(wanted)


@contextmanager
def torch_seeded_by(keys: Sequence[str]) -> Iterator[None]:
    """Let a chunk's draws depend on the chunk alone, whatever was drawn before it."""
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(hash_args("seed", keys)[:15], 16))
        yield


# --- arguments -------------------------------------------------------------------


def _check_positive(name: str, value: object) -> None:
    if value is None or (type(value) is int and value > 0):
        return
    raise InputError(f"{name} must be a positive whole number, not {value!r}")
