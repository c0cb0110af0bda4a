"""The ``faith`` model: any backend of the harness, with two things added.

It answers multi-stage requests (see :mod:`lm_eval_faith.harness.stages`), and where
the backend is ``hf`` with a causal model, or ``vllm``, what log-likelihood requests have in
common is read once (see :mod:`lm_eval_faith.engines`). All else is the backend's.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, CacheHook, hash_args
from lm_eval.api.registry import get_model
from lm_eval.utils import simple_parse_args_string

from lm_eval_faith.asks import Ask, Generate, Score, answered, together
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.as_they_end import (
    AskedAtAnyTime,
    AskedOfVllm,
    as_they_end,
)
from lm_eval_faith.harness.asked_of_server import AskedOfServer
from lm_eval_faith.harness.bars import bar as bar_of
from lm_eval_faith.harness.engine_choice import EngineChoice, one_of_auto_on_off
from lm_eval_faith.harness.forecast import Cost, Progress, Reader, forecast
from lm_eval_faith.harness.lm_eval_compat import (
    Place,
    asks_a_server,
    belonging,
    can_be_viewed,
    concurrency,
    fixed_batch_size,
    missing_packages_said,
    request_of,
    require_loglikelihoods,
    scoring_view,
    silenced,
    splits_texts_as_the_harness,
)
from lm_eval_faith.harness.response_cache import claim, model_path, owner_of
from lm_eval_faith.harness.seam import Seams, warn_of_joined
from lm_eval_faith.harness.servers import require_server, watch
from lm_eval_faith.harness.stages import (
    MultiStageRequest,
    StageKeys,
    as_response,
    draws,
)
from lm_eval_faith.harness.written_text import WrittenText

logger = logging.getLogger(__name__)

SMALLEST_DEFAULT_CHUNK = 16
DEFAULT_CHUNK_OF_AUTO = 128
"""For ``batch_size=auto``, where the backend makes large batches of what it gets."""
DEFAULT_AT_ONCE = 512
"""Documents under way where none waits for another: twice what vLLM computes side by side."""


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
        sharing = one_of_auto_on_off(shared_prefix)
        _check_positive("max_packed_tokens", max_packed_tokens)
        _check_positive("chunk", chunk)
        self._chunk = chunk or default_chunk(backend_arguments)
        self._at_once = chunk or DEFAULT_AT_ONCE
        # Of a model that is ready the arguments are not known.
        self._arguments = None if isinstance(backend, LM) else backend_arguments
        self.wrapped = make_backend(backend, backend_arguments)
        watch(self.wrapped)
        self._engine = EngineChoice(self.wrapped, sharing, max_packed_tokens)
        self._seams = Seams(self.wrapped)
        self._written = WrittenText(self.wrapped)

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None
    ) -> FaithLM:
        """The harness's own; but a device or batch size among the arguments counts, and not
        the one that the harness adds by default and would be given twice."""
        added = {k: v for k, v in (additional_config or {}).items() if v is not None}
        return cls(**(added | arg_dict))

    @classmethod
    def create_from_arg_string(
        cls, arg_string: str, additional_config: dict[str, Any] | None = None
    ) -> FaithLM:
        """As above, from text."""
        return cls.create_from_arg_obj(
            simple_parse_args_string(arg_string), additional_config
        )

    # --- what the backend answers ------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name == "wrapped":  # not made yet
            raise AttributeError(name)
        return getattr(self.wrapped, name)

    def loglikelihood(self, requests: list[Instance], **kwargs: Any) -> Any:
        """The backend's, with shared prefixes where that gives the same.

        Where its tokenizer joins context and answer, see
        :mod:`lm_eval_faith.harness.seam`; a backend that splits texts in a way of its own
        is left to it.
        """
        ours = self._engine.takes_tokens
        if not self._engine.is_hf and not kwargs.get("disable_tqdm"):
            self._tell_cost(requests)
        if not ours and not self._splits_as_the_harness():
            warn_of_joined(self.wrapped, [request.args for request in requests])
            return self.wrapped.loglikelihood(requests, **kwargs)
        # The harness splits one request after the other, those without a context left out.
        splits = iter(
            self._seams.split([(request.doc_id, request.args) for request in requests])
        )
        backend = scoring_view(
            self.wrapped, lambda *texts: next(splits), self._engine if ours else None
        )
        return backend.loglikelihood(requests, **kwargs)

    def _splits_as_the_harness(self) -> bool:
        return splits_texts_as_the_harness(self.wrapped) and can_be_viewed(self.wrapped)

    def loglikelihood_rolling(self, requests: list[Instance], **kwargs: Any) -> Any:
        """The backend's."""
        return self.wrapped.loglikelihood_rolling(requests, **kwargs)

    def generate_until(self, requests: list[Instance], **kwargs: Any) -> Any:
        """The backend's."""
        return self.wrapped.generate_until(requests, **kwargs)

    def apply_chat_template(self, *args: Any, **kwargs: Any) -> Any:
        """The backend's.

        Raises:
            InputError: the model has no template.
        """
        try:
            return self.wrapped.apply_chat_template(*args, **kwargs)
        except ValueError as error:
            tokenizer = getattr(self.wrapped, "tokenizer", None)
            if getattr(tokenizer, "chat_template", None) or tokenizer is None:
                raise
            raise InputError(
                "--apply_chat_template: this model's tokenizer has no chat template; leave "
                "the flag out, or take the model that was trained to chat"
            ) from error

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
        """Take the run's cache, and give it to the backend too.

        Raises:
            InputError: it holds the answers of another model.
        """
        if cache_hook.dbdict is not None:
            claim(cache_hook.dbdict, owner_of(self.wrapped, self._arguments))
        self.cache_hook = cache_hook
        self.wrapped.set_cache_hook(cache_hook)

    def get_model_info(self) -> dict[str, Any]:
        """The backend's, and how it was asked, under ``faith``.

        The harness writes this into the results file.
        """
        plain: dict[str, Any] = getattr(self.wrapped, "get_model_info", dict)()
        return {**plain, "faith": self.how_asked()}

    def how_asked(self) -> dict[str, Any]:
        """What a reader of the numbers should know of how they came about.

        ``model`` is its name or path, also of a model that was given ready; empty where
        there is none. ``shared_prefixes`` is ``on``, or ``off`` and why; ``expected`` says
        whether that is as asked for or as usual with such a backend. ``notes`` are
        sentences to show with the numbers.
        """
        notes = [self._seams.sentence()] if self._seams.joined else []
        notes += [said] if (said := self._written.sentence()) else []
        return {
            "backend": type(self.wrapped).__name__,
            "model": model_path(self.wrapped),
            "shared_prefixes": self._engine.state(),
            "expected": self._engine.as_expected,
            "notes": notes,
        }

    # --- multi-stage requests ----------------------------------------------------

    def check_multi_stage(self) -> None:
        """Refuse multi-stage requests that the backend would not answer to the end.

        Raises:
            InputError: it cuts the thinking off, it gives no log-likelihoods, or its server
                cannot be used.
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
        require_server(self.wrapped)

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
        if self._engine.prefix_cache is not None:
            asked = AskedOfVllm(self._engine, self._seams, self._written)
            return self._as_they_end(requests, asked, disable_tqdm, self._at_once)
        if asks_a_server(self.wrapped) and self._splits_as_the_harness():
            of_server = AskedOfServer(
                self._engine, self._seams, self._written, concurrency(self.wrapped)
            )
            return self._as_they_end(requests, of_server, disable_tqdm, self._chunk)
        keys = StageKeys(torch.initial_seed())
        responses: list[str] = []
        counts: Counter[str] = Counter()
        ahead = self.forecast(requests)
        total = sum(ahead, Cost())
        if ahead and not disable_tqdm:
            self._tell(total)
        progress = Progress(total)
        with (
            self._own_cache_only(),
            fixed_batch_size(self.wrapped),
            self._bar(len(requests), disable_tqdm) as bar,
        ):

            def answer(asks: Sequence[Ask]) -> list[Any]:
                show = functools.partial(self._show, bar, progress, counts, len(asks))
                show()
                return self._stage(
                    asks, keys.of(asks), belonging(requests[0]), progress, show
                )

            for start in range(0, len(requests), self._chunk):
                chunk = requests[start : start + self._chunk]
                running = together(*(request.stages() for request in chunk))
                for request, result in zip(chunk, answered(running, answer)):
                    responses.append(as_response(result))
                    counts.update(request.counts(result))
                bar.update(len(chunk))
                progress.expect(sum(ahead[start // self._chunk + 1 :], Cost()))
                self._show(bar, progress, counts)
        self._written.tell()
        return responses

    def _as_they_end(
        self,
        requests: Sequence[MultiStageRequest],
        asked: AskedAtAnyTime,
        disable_tqdm: bool,
        at_once: int,
    ) -> list[str]:
        """The same, where the backend takes requests at any time: no document waits for another.

        With ``--use_cache`` every answer is on disk before anything is asked behind it.
        """
        import torch

        ahead = self.forecast(requests)
        if ahead and not disable_tqdm:
            self._tell(sum(ahead, Cost()))
        responses: dict[int, str] = {}
        counts: Counter[str] = Counter()
        with (
            self._own_cache_only(),
            self._bar(len(requests), disable_tqdm) as bar,
        ):
            for index, result in as_they_end(
                requests,
                asked,
                self.cache_hook.dbdict,
                seed=torch.initial_seed(),
                at_once=at_once,
            ):
                responses[index] = as_response(result)
                counts.update(requests[index].counts(result))
                bar.set_postfix({**counts}, refresh=False)
                bar.update()
        self._written.tell()
        return [responses[index] for index in range(len(requests))]

    def forecast(self, requests: Sequence[MultiStageRequest]) -> list[Cost]:
        """What each chunk of requests will cost; nothing where texts have no tokens here."""
        reader = Reader.of(self.wrapped)
        return [] if reader is None else forecast(requests, reader, self._chunk)

    def _tell_cost(self, requests: Sequence[Instance]) -> None:
        reader = Reader.of(self.wrapped)
        if reader is not None:
            self._tell(reader.cost([Score(*request.args) for request in requests]))

    def _tell(self, cost: Cost) -> None:
        if self.rank == 0:
            logger.info("to be asked: %s", cost)

    def _bar(self, documents: int, disable_tqdm: bool) -> Any:
        quiet = disable_tqdm or self.rank != 0
        return bar_of(documents, quiet, "Running multi-stage requests")

    @staticmethod
    def _show(
        bar: Any, progress: Progress, counts: Counter[str], asked: int = 0
    ) -> None:
        """What the progress bar says beside the number of documents."""
        left = progress.left()
        told: dict[str, object] = {**counts}
        if asked:
            told["asked"] = asked
        if left:
            told["left"] = bar.format_interval(left)
        # Where nobody watches, see `run_guards.quiet_progress`, the bar keeps its pace.
        bar.set_postfix(told, refresh=getattr(bar, "mininterval", 1) < 1)

    def _stage(
        self,
        asks: Sequence[Ask],
        keys: Sequence[str],
        place: Place,
        progress: Progress,
        show: Callable[[], None],
    ) -> list[Any]:
        """The answers to what a chunk asks in one stage, equal asks answered once.

        Args:
            asks: what is asked.
            keys: the answers' names.
            place: where the harness's requests belong.
            progress: is told what was read and written, and ``show`` called then.
        """
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
        seeded = torch_seeded_by(list(generations)) if drawn else nullcontext()
        with seeded, progress.doing("written") as wrote:
            answers = self._answers("generate_until", generations, place)
            wrote(self._tokens_of(answers[key] for key in generations))
        show()
        with progress.doing("read") as read, self._watched(read, show):
            answers |= self._answers("loglikelihood", scores, place)
            if self._engine.why_not is not None:
                read(self._distinct(asks))
        return [answers[key] for key in keys]

    def _answers(
        self,
        method: str,
        asked: Mapping[str, tuple[Any, ...]],
        place: Place,
    ) -> dict[str, Any]:
        """The cached answers if all are there; otherwise all are computed.

        The last digits of an answer depend on what is computed in one batch with it. So
        a stage that a killed run left half done is computed again as a whole, and an
        answer that was given once stays as it was: a resumed run ends with the numbers
        of an uninterrupted one.

        Args:
            method: of the backend.
            asked: the method's arguments under the names of the answers.
            place: where the harness's requests belong.
        """
        if not asked:
            return {}
        cache = self.cache_hook.dbdict
        known = (
            {} if cache is None else {key: cache[key] for key in asked if key in cache}
        )
        if len(known) < len(asked):
            requests = [request_of(method, one, place) for one in asked.values()]
            if method == "generate_until":
                found = self._written.generate_until(requests)
            else:
                quiet = silenced(self.wrapped.loglikelihood)
                found = self.loglikelihood(requests, **quiet)
            computed = dict(zip(asked, found, strict=True))
            if cache is not None:
                cache.update({k: v for k, v in computed.items() if k not in known})
                cache.commit()
            known = computed | known
        return known

    def _tokens_of(self, texts: Iterable[str]) -> int:
        reader = Reader.of(self.wrapped)
        return sum(len(reader.encode(text)) for text in texts) if reader else 0

    def _distinct(self, asks: Sequence[Ask]) -> int:
        reader = Reader.of(self.wrapped)
        scores = [ask for ask in asks if isinstance(ask, Score)]
        return reader.cost(scores).distinct if reader else 0

    @contextmanager
    def _watched(
        self, read: Callable[[int], None], show: Callable[[], None]
    ) -> Iterator[None]:
        """Tell of each pass of the engine while something is scored."""

        def passed(tokens: int) -> None:
            read(tokens)
            show()

        self._engine.on_pass = passed
        try:
            yield
        finally:
            self._engine.on_pass = None

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
        InputError: there is no such name, it is this model's own, its files cannot be
            read, its packages are not installed, or arguments stand beside a model that is
            ready.
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
    try:
        with missing_packages_said():
            return kind.create_from_arg_obj(dict(arguments))
    except OSError as error:  # transformers': no such folder, no such name on the hub
        raise InputError(
            f"backend={backend}: the model was not loaded: {' '.join(str(error).split())}"
        ) from error


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


# --- arguments -------------------------------------------------------------------


def _check_positive(name: str, value: object) -> None:
    if value is None or (type(value) is int and value > 0):
        return
    raise InputError(f"{name} must be a positive whole number, not {value!r}")
