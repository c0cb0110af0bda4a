"""Everything that we touch of lm_eval which is not its documented interface.

Each touch says why it is needed, what happens when it is gone, and which test notices.
"""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lm_eval_faith.errors import InputError

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.model import LM

logger = logging.getLogger(__name__)

OWN_WAY = "has its own way of scoring"
"""What is said of a backend that no engine of ours can stand in for."""

TokenRequest = tuple[Any, list[int], list[int]]
"""The texts, or None; token ids of the context and of the continuation."""

# --- the model that is being evaluated -------------------------------------------

_RUNNING: ContextVar[Any] = ContextVar("running_model", default=None)


def running_model() -> Any | None:
    """The model of the evaluation that is calling us, or None.

    Why: the harness gives a task everything but the model, and two things need it before
    the first request is made: whether a context is longer than the model takes (backends
    cut it from the left without saying so to the task), and whether the model can answer
    requests of several stages. Where we activated the harness its ``evaluate`` tells us
    (`tell_tasks_the_model`). Elsewhere, and while tasks are loaded, the model is looked
    for in the evaluator's local variables. When both are gone: None, and
    `warn_of_unknown_model` says which checks are off. Noticed by ``test_ways_in.py``.
    """
    from lm_eval.api.model import CachingLM

    model = _running()
    return model.lm if isinstance(model, CachingLM) else model


def _running() -> Any | None:
    """The model with what is around it."""
    from lm_eval.api.model import LM, CachingLM

    told = _RUNNING.get()
    if told is not None:
        return told
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "lm_eval.evaluator":
            model = frame.f_locals.get("lm")
            if isinstance(model, (LM, CachingLM)):
                return model
        frame = frame.f_back  # type: ignore[assignment]
    return None


def store_of_run() -> Any | None:
    """The store of responses (``--use_cache``) of the run that is calling us, or None.

    Why: the harness keeps it in a wrapper around the model, and finds answers by the text
    of a request alone. As for `running_model`. Noticed by ``test_resume.py``.
    """
    from lm_eval.api.model import CachingLM

    model = _running()
    return model.dbdict if isinstance(model, CachingLM) else None


def tell_tasks_the_model() -> None:
    """Let the harness's ``evaluate`` say which model runs, for as long as it runs.

    Does nothing where the evaluator is not imported yet, or was told before. When
    ``evaluate`` is gone: nothing happens, and `running_model` looks for the model.
    """
    evaluator = sys.modules.get("lm_eval.evaluator")
    plain = getattr(evaluator, "evaluate", None)
    if plain is None or hasattr(plain, "tells_the_model"):
        return

    @functools.wraps(plain)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        told = _RUNNING.set(kwargs.get("lm", args[0] if args else None))
        try:
            return without_errors_of_errors(plain(*args, **kwargs))
        finally:
            _RUNNING.reset(told)

    evaluate.tells_the_model = True  # type: ignore[attr-defined]
    evaluator.evaluate = evaluate  # type: ignore[union-attr]


def without_errors_of_errors(results: Any) -> Any:
    """The results without a standard error of a standard error.

    Why: a mean that some documents lack comes with an error of ours, under the name at which
    the harness looks for it; of that name too the harness says that it knows no error. Noticed
    by ``test_generated.py``.
    """
    for table in (results or {}).get("results", {}).values():
        for name in [name for name in table if "_stderr_stderr," in name]:
            del table[name]
    return results


@contextmanager
def missing_packages_said() -> Iterator[None]:
    """Let a backend whose packages are not installed end in the harness's sentence.

    Why: the harness raises a `ModuleNotFoundError` that names no module, only what to install.
    When it raises another: that one passes through. Noticed by ``test_run_guards.py``.

    Raises:
        InputError: the sentence.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is not None:
            raise
        raise InputError(" ".join(str(error).split())) from None


def loading_task_manager() -> Any:
    """The task manager that is making the task which calls us; else a plain one.

    Why: a task that takes its documents from another one must find those of the user's
    ``--include_path``, and the harness tells a task nothing of where it comes from. Looked
    for in the manager's own frames; when they are gone, the harness's own tasks are found
    and a user's are not. Noticed by ``test_other_tasks.py``.
    """
    from lm_eval.tasks.manager import TaskManager

    frame = sys._getframe(1)
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, TaskManager):
            return found
        frame = frame.f_back  # type: ignore[assignment]
    return TaskManager()


def warn_of_unknown_model(task: str) -> None:
    """Say which checks cannot be made because `running_model` found none."""
    logger.warning(
        "task %s: this harness does not let a task find the running model, so it is not "
        "checked whether contexts are longer than the model takes, nor whether it gives "
        "the log-likelihoods and the stages that the task asks for",
        task,
    )


def told_to_simple_evaluate(name: str) -> Any | None:
    """What ``simple_evaluate`` was given under a name, None where it is not calling us.

    Why: a task is told neither the model's arguments nor where results will be written,
    and beside a ``task_manager`` the harness drops ``metadata`` in silence. They are looked
    for in its local variables; when they are gone, nothing is said or checked. Noticed by
    ``test_ways_in.py``.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "simple_evaluate":
            return frame.f_locals.get(name)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def output_path_of_run() -> str | None:
    """Where the run that is calling us will write; None where it does not or is not found."""
    tracker = told_to_simple_evaluate("evaluation_tracker")
    return getattr(tracker, "output_path", None)


def warn_of_ignored_parameters(task: str) -> None:
    """Say so where ``simple_evaluate`` was given parameters that it ignores."""
    asked = told_to_simple_evaluate("metadata")
    manager = told_to_simple_evaluate("task_manager")
    if not isinstance(asked, dict) or manager is None:
        return
    used = getattr(manager, "metadata", None) or {}
    lost = [name for name, value in asked.items() if used.get(name, _RUNNING) != value]
    if lost:
        logger.warning(
            "task %s runs without metadata %s: simple_evaluate ignores it beside "
            "task_manager; give it to lm_eval_faith.task_manager(metadata=...)",
            task,
            ", ".join(map(str, lost)),
        )


@dataclass(frozen=True)
class ContextLimit:
    """How long a request may be.

    Attributes:
        model: the model, with ``tok_encode``; None where no limit is known.
        max_length: how many tokens it reads before the last one of a request; 0 where no
            limit is known.
    """

    model: Any = None
    max_length: int = 0

    @classmethod
    def of(cls, model: Any | None) -> ContextLimit:
        """The limit of a model, none where it does not tell or has no tokenizer here."""
        try:
            limit = int(model.max_length)  # type: ignore[union-attr]
            model.tok_encode("a")  # type: ignore[union-attr]
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            return cls()
        # A server is sent the last token of a request too, which others only predict.
        return cls(model, limit - asks_a_server(getattr(model, "wrapped", model)))

    def excess(self, context: str, continuation: str) -> int:
        """By how many tokens a request is too long; 0 where it fits.

        The last token is predicted and not read, so one more than the limit fits.
        """
        whole = context + continuation
        # A token stands for at least one byte, so short texts need no tokenizer; 8 for
        # the special tokens that a tokenizer may add.
        if self.model is None or len(whole.encode()) + 8 <= self.max_length:
            return 0
        return max(0, len(self.model.tok_encode(whole)) - 1 - self.max_length)


def asks_a_server(model: Any) -> bool:
    """Whether a backend is one of the harness's that ask a server over HTTP."""
    known = sys.modules.get("lm_eval.models.api_models")  # else there is none of them
    return known is not None and isinstance(model, known.TemplateAPI)


# --- requests --------------------------------------------------------------------

Place = tuple[str | None, int | None, int]
"""Task, document and number of repeats of a request."""


def belongs_to(task: str | None, document: int | None, repeats: int) -> dict[str, Any]:
    """What a request is told of where it belongs, on each harness that we run on.

    Why: ``Instance`` of 0.4 unpacks ``metadata``; 0.5 unpacks it too, and cannot be made
    without the other two. When they are called otherwise: a TypeError in ``test_tasks.py``.
    """
    told = (task, document, repeats)
    return {"metadata": told, "task_name": task, "doc_id": document}


def request_of(kind: str, arguments: tuple[Any, ...], place: Place) -> Instance:
    """A request of ours, by no task of the harness.

    Args:
        kind: the method of a model that answers it.
        arguments: of that method.
        place: where it belongs.
    """
    from lm_eval.api.instance import Instance

    return Instance(
        request_type=kind, doc={}, arguments=arguments, idx=0, **belongs_to(*place)
    )


def belonging(request: Any) -> Place:
    """Where a request belongs."""
    return request.task_name, request.doc_id, request.repeats


def belongs_to_document(config: Any, told: Mapping[str, Any]) -> dict[str, Any]:
    """The same from what ``construct_requests`` is told, and the rest of that.

    Args:
        config: the task's.
        told: ``metadata`` by 0.4, ``doc_id`` by 0.5.
    """
    given = dict(told)
    place = given.pop("doc_id", None)
    metadata = given.pop("metadata", None) or (config.task, place, config.repeats)
    return given | belongs_to(*metadata)


def filters_of(task: Any) -> Sequence[Any]:
    """A task's filters: what takes an answer out of a generation.

    Why: the verdict of the task whose document it is; there is no other way to ask for it
    before the harness has all responses. When it is gone: such documents have no verdict,
    and the run says so. Noticed by ``test_other_tasks.py``.
    """
    found: Sequence[Any] = task._filters
    return found


# --- a task's metrics ------------------------------------------------------------


def has_scorers(task: Any) -> bool:
    """Whether a task's metrics stand in scorers, as in 0.5, and not in one list, as in 0.4."""
    return hasattr(task, "_has_metric")


def predicts_only(task: Any) -> bool:
    """Whether ``--predict_only`` has put the metric ``bypass`` in the place of all others.

    Why: a task is not told otherwise. When it is gone: an AttributeError in
    ``test_tasks.py``.
    """
    if has_scorers(task):
        return bool(task._has_metric("bypass"))
    return "bypass" in task._metric_fn_list


def as_values_of_document(task: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What ``process_results`` gives back: 0.5 wants a list, of an entry for each repeat.

    When it wants something else: numbers of documents in ``test_provided_task.py``.
    """
    if has_scorers(task):
        return {name: [value] for name, value in values.items()}
    return dict(values)


def filtered_responses(task: Any, request: Any) -> list[Any]:
    """What ``process_results`` is given of a request: by 0.5 an entry for each repeat.

    When it is given something else: a TypeError in ``test_provided_task.py``.
    """
    filtered = next(iter(request.filtered_resps.values()))
    return list(filtered) if has_scorers(task) else [filtered]


# --- what a backend can do -------------------------------------------------------


def require_loglikelihoods(backend: LM, asked_for: str) -> None:
    """Refuse a backend that only generates.

    Args:
        backend: the backend itself, not a wrapper.
        asked_for: what needs the log-likelihoods, as the middle of a sentence.

    Raises:
        InputError: it gives none.
    """
    reason = why_no_loglikelihoods(backend)
    if reason is not None:
        raise InputError(
            f"{type(backend).__name__} gives no log-likelihoods, which are asked for "
            f"{asked_for}: use a backend that gives them, such as hf, vllm or "
            f"local-completions (it says: {reason})"
        )


def why_no_loglikelihoods(backend: LM) -> str | None:
    """None, or what a backend says when it is asked for log-likelihoods.

    Why: the harness has no mark for it. Its chat backends raise before they look at the
    requests, so an empty list tells, and costs the others nothing. When they no longer
    do: the run ends in their own message. Noticed by ``test_faith_model.py``.
    """
    try:
        backend.loglikelihood([], **silenced(backend.loglikelihood))
    except (NotImplementedError, AssertionError) as error:
        return " ".join(str(error).split()) or "not implemented"
    except Exception:  # noqa: BLE001 - an empty list was too little: it tells nothing
        return None
    return None


def silenced(method: Any) -> dict[str, bool]:
    """The argument that turns a backend's own progress bar off, if it has one."""
    return {"disable_tqdm": True} if takes(method, "disable_tqdm") else {}


def takes(method: Any, name: str) -> bool:
    """Whether a method has a parameter of that name."""
    return name in inspect.signature(method).parameters


# --- ``hf`` from inside ----------------------------------------------------------


def why_not_hf(backend: LM) -> str | None:
    """None where a backend scores as ``hf`` does with a causal model, or what it is.

    Why: an engine takes the place of ``HFLM._loglikelihood_tokens``, so whatever else
    stands between the harness and the model (a subclass, a method replaced on the object
    to steer the model) must stay in its place. When one of these names is gone: an
    AttributeError in ``test_faith_model.py``.
    """
    from lm_eval.models.huggingface import HFLM

    kind = type(backend)
    own = f"{kind.__name__} {OWN_WAY}"
    if not isinstance(backend, HFLM):
        return own
    for name in (
        "loglikelihood",
        "_loglikelihood_tokens",
        "_model_call",
        "_select_cont_toks",
    ):
        if getattr(kind, name) is not getattr(HFLM, name):
            return own
        if name in vars(backend):
            return f"its {name} was replaced"
    if backend.backend != "causal":
        return "the model is not a causal one"
    return None


def can_be_viewed(backend: LM) -> bool:
    """Whether a view of a backend does it no harm: it ends nothing when it is collected.

    Why: the TensorRT backend shuts its engine down in ``__del__``.
    """
    return not hasattr(type(backend), "__del__")


def scores_as_hf(backend: LM) -> bool:
    """Whether a backend is ``hf`` with a causal model, which splits texts as ``hf`` does.

    Its ``_model_call`` may be another one: that stays in its place.
    """
    from lm_eval.models.huggingface import HFLM

    kind = type(backend)
    names = ("loglikelihood", "_encode_pair")
    return (
        isinstance(backend, HFLM)
        and all(getattr(kind, name) is getattr(HFLM, name) for name in names)
        and not any(name in vars(backend) for name in names)
        and backend.backend == "causal"
    )


def splits_texts_as_the_harness(model: Any) -> bool:
    """Whether a model makes tokens of texts as the harness does, with a tokenizer here."""
    from lm_eval.api.model import TemplateLM

    return (
        isinstance(model, TemplateLM)
        and type(model)._encode_pair is TemplateLM._encode_pair
        and "_encode_pair" not in vars(model)
        and model.backend == "causal"
        and hasattr(getattr(model, "tokenizer", None), "decode")
    )


def view(backend: LM, **replaced: Any) -> Any:
    """The backend as it is now, with some of its methods replaced, and itself unchanged.

    Why: ``hf`` calls its own methods for tokens, scores and decoding, and there is no
    other way to put ours between. The view shares model, tokenizer and caches. When a
    method has another name, ours is not called: noticed by ``test_seam.py``,
    ``test_faith_model.py`` and ``test_written_text.py``.
    """
    seen = copy.copy(backend)
    vars(seen).update(replaced)
    return seen


def scoring_view(
    backend: LM, split: Callable[..., Any], score: Callable[..., Any] | None = None
) -> Any:
    """A view that splits texts by a function of ours, and scores token requests by one too."""
    scores = {} if score is None else {"_loglikelihood_tokens": score}
    return view(backend, _encode_pair=split, **scores)


def writing_view(
    backend: LM,
    encode: Callable[..., Any],
    generate: Callable[..., Any],
    decode: Callable[..., Any],
) -> Any:
    """A view that encodes batches, generates and decodes by functions of ours."""
    return view(
        backend, tok_batch_encode=encode, _model_generate=generate, tok_decode=decode
    )


def score_tokens(backend: Any, requests: Sequence[Any], disable_tqdm: bool) -> Any:
    """Score token requests as the backend does."""
    return backend._loglikelihood_tokens(requests, disable_tqdm=disable_tqdm)


def call_of(backend: Any) -> Callable[..., Any]:
    """The harness's own way from a text's tokens to logits."""
    call: Callable[..., Any] = backend._model_call
    return call


def generate_of(backend: Any) -> Callable[..., Any]:
    """The harness's own way from a batch of prompts to tokens."""
    call: Callable[..., Any] = backend._model_generate
    return call


@contextmanager
def fixed_batch_size(backend: LM) -> Iterator[None]:
    """Let ``hf`` find its automatic batch size once and not again in each chunk.

    Why: the search is a joint one of all processes, so it must not depend on how many
    chunks each has left. When these names are gone: an AttributeError in
    ``test_faith_model.py``.
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


# --- servers from inside ---------------------------------------------------------


def no_tracebacks_of_requests() -> None:
    """Keep asyncio from logging a traceback for each request that fails behind the first.

    Why: the harness gathers the requests of a call by ``tqdm``, which leaves them when one
    fails, and asyncio logs what became of each whenever it is collected. Calling this twice
    changes nothing. When they are gathered otherwise: the tracebacks are logged, noticed by
    ``test_servers.py``.
    """
    logging.getLogger("asyncio").addFilter(_is_of_no_request)


def _is_of_no_request(record: logging.LogRecord) -> bool:
    told = record.getMessage()
    return "never retrieved" not in told or "tqdm_asyncio.gather" not in told


@contextmanager
def no_bars_of_servers() -> Iterator[None]:
    """Keep the API backends from drawing a progress bar for each call.

    Why: they take no ``disable_tqdm``, and are called once a request where no request waits
    for another. When the name is gone: an AttributeError in ``test_servers.py``.
    """
    from lm_eval.models import api_models

    plain = api_models.tqdm
    api_models.tqdm = functools.partial(plain, disable=True)
    try:
        yield
    finally:
        api_models.tqdm = plain


def concurrency(backend: Any) -> int:
    """Requests that an API backend has under way; 1 where its ``_concurrent`` is gone."""
    return max(1, int(getattr(backend, "_concurrent", 1)))


def server_view(
    backend: LM,
    batched: Callable[..., Any],
    payload: Callable[..., Any],
    parsed: Callable[..., Any],
) -> Any:
    """A view of an API backend that asks for scores, and reads them, by functions of ours.

    One request of ours at a time: a server has a limit on what is asked of one.

    When a method has another name, the first requests are not scored alike, and the backend's
    own way is taken. Noticed by ``test_servers.py``.
    """
    return view(
        backend,
        _batch_size=1,
        batch_loglikelihood_requests=batched,
        _create_payload=payload,
        parse_logprobs=parsed,
    )


def one_at_a_time(backend: LM) -> Any:
    """A view of an API backend whose calls block, and keep nothing in the run's store.

    Why: each thread of ours makes a call of its own. When ``_concurrent`` is gone: calls are
    made all the same, in a loop of their own.
    """
    from lm_eval.api.model import CacheHook

    return view(backend, _concurrent=1, cache_hook=CacheHook(None))


# --- ``vllm`` from inside --------------------------------------------------------


def why_not_vllm(backend: LM) -> str | None:
    """None where a backend asks vLLM as the harness's ``vllm`` does, or what it is.

    Why: as for `why_not_hf`. The harness's module loads vLLM, so it is looked for among
    those that are loaded. When one of these names is gone: an AttributeError in
    ``test_vllm.py``.
    """
    kind = type(backend)
    own = f"{kind.__name__} {OWN_WAY}"
    module = sys.modules.get("lm_eval.models.vllm_causallms")
    if module is None or not isinstance(backend, module.VLLM):
        return own
    for name in (
        "loglikelihood",
        "_loglikelihood_tokens",
        "_model_generate",
        "_parse_logprobs",
        "generate_until",
    ):
        if getattr(kind, name) is not getattr(module.VLLM, name):
            return own
        if name in vars(backend):
            return f"its {name} was replaced"
    if backend.data_parallel_size > 1:
        return (
            f"data_parallel_size={backend.data_parallel_size} starts new engines for each "
            "batch, which know nothing of the one before"
        )
    return None


def lora_of_vllm(backend: Any) -> Any:
    """The adapter that the harness's ``vllm`` asks with, or None."""
    return backend.lora_request


def tokens_of(
    backend: LM, split: Callable[..., Any], requests: Sequence[Instance]
) -> list[TokenRequest]:
    """What a backend would score.

    Args:
        backend: the backend.
        split: takes the place of its own function, for requests with a context.
        requests: log-likelihood requests.
    """

    def asked(token_requests: Any, **_: Any) -> Any:
        return token_requests

    seen = scoring_view(backend, split, asked)
    found: list[TokenRequest] = seen.loglikelihood(
        requests, **silenced(backend.loglikelihood)
    )
    return found


class _Asked(Exception):
    """What a generation asks of vLLM."""


def generation_of_vllm(backend: LM, request: Instance) -> tuple[list[int], Any]:
    """The tokens and sampling parameters with which the harness asks vLLM for a text.

    Why: prompts are cut, and settings read, in ``generate_until`` itself. So it is let run
    up to its call of vLLM, and once more with what that gave (`text_of_vllm`). When the
    call is another one: a TypeError in ``test_vllm.py``.
    """

    def asked(requests: Any, generate: bool, sampling_params: Any) -> Any:
        raise _Asked(requests[0], sampling_params[0])

    seen = view(backend, _model_generate=asked)
    try:
        seen.generate_until([request], disable_tqdm=True)
    except _Asked as found:
        tokens, parameters = found.args
        return tokens, parameters
    raise TypeError("the harness's vllm asks for texts in another way")


def text_of_vllm(backend: LM, request: Instance, output: Any) -> str:
    """The text that the harness makes of vLLM's output; see `generation_of_vllm`."""

    def answered(requests: Any, generate: bool, sampling_params: Any) -> Any:
        return [output]

    seen = view(backend, _model_generate=answered)
    [text] = seen.generate_until([request], disable_tqdm=True)
    return str(text)


def logprob_of_vllm(
    backend: Any, tokens: Sequence[int], rows: Sequence[Any]
) -> tuple[float, bool]:
    """What the harness reads from vLLM's log-probabilities at the places of some tokens.

    Why: it knows the types of vLLM's versions. When it is gone: an AttributeError in
    ``test_vllm.py``.
    """
    only = SimpleNamespace(prompt_logprobs=list(rows))
    logprob, is_greedy = backend._parse_logprobs(list(tokens), only, 0)
    return float(logprob), bool(is_greedy)


# --- the command line, task managers and processes -------------------------------


def run_as_asked(arguments: Sequence[str]) -> dict[str, Any]:
    """What ``lm_eval run`` makes of its arguments: a YAML's settings under the flags.

    Why: guards look at a run before its model is loaded, and nothing else reads arguments
    as the harness does. A wrong command line ends here, as it would there. When the names
    are gone: an ImportError in ``test_run_guards.py``.

    Raises:
        InputError: the file of ``--config`` cannot be read.
    """
    from lm_eval._cli.harness import HarnessCLI
    from lm_eval.config.evaluate_config import EvaluatorConfig

    told = vars(_parser_of(HarnessCLI()).parse_args(["run", *arguments]))
    flags = {name: value for name, value in told.items() if value or value == 0}
    if not told.get("config"):
        return flags
    try:
        return {**EvaluatorConfig.load_yaml_config(told["config"]), **flags}
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"--config: {error}") from None


def help_of_run() -> str:
    """The harness's help on ``lm_eval run``; as above."""
    from lm_eval._cli.harness import HarnessCLI

    choices = HarnessCLI()._subparsers.choices
    return str(choices["run"].format_help())


def _parser_of(command_line: Any) -> Any:
    return command_line._parser


_WHEN_MADE: ContextVar[Callable[[Any], None] | None] = ContextVar(
    "when_made", default=None
)


def when_the_next_task_manager_is_made(look: Callable[[Any], None]) -> None:
    """Let a function look at the next ``TaskManager``, once the harness's are wrapped."""
    _WHEN_MADE.set(look)


def without_weights(arguments: Mapping[str, Any]) -> LM:
    """``hf`` with tokenizer and configuration, and a model that has no weights.

    Why: what requests cost depends on tokens, limits and architecture alone, and ``hf``
    makes all of it in one constructor. When its ``_create_model`` is gone: the weights are
    loaded, noticed by ``test_dry_run.py``.

    Args:
        arguments: as ``hf`` takes them; what is done to weights is left out.
    """
    import torch
    from lm_eval.models.huggingface import HFLM

    class WithoutWeights(HFLM):  # type: ignore[misc]
        def _create_model(self, *args: Any, **kwargs: Any) -> None:
            trusted = {"trust_remote_code": kwargs.get("trust_remote_code")}
            with torch.device("meta"):
                model = self.AUTO_MODEL_CLASS.from_config(self._config, **trusted)
            model.to = lambda *_, **__: model
            self._model = model

    of_weights = ("peft", "delta", "parallelize", "tp_plan", "autogptq", "gptqmodel")
    kept = {k: v for k, v in arguments.items() if k not in of_weights}
    WithoutWeights.__name__ = HFLM.__name__
    return WithoutWeights.create_from_arg_obj(kept | {"device": "cpu"})


def is_hf(name: str) -> bool:
    """Whether a name of ``--model`` is ``hf``, or a model that is made as it is."""
    from lm_eval.api.registry import get_model
    from lm_eval.models.huggingface import HFLM

    try:
        return issubclass(get_model(name), HFLM)
    except (KeyError, ValueError) as error:
        raise InputError(f"--model {name}: {error.args[0]}") from None


class AllAsked(Exception):
    """All requests of an evaluation are answered."""


@contextmanager
def asking_only(model: Callable[[str, dict[str, Any]], LM]) -> Iterator[None]:
    """Let ``simple_evaluate`` ask a model of ours, and raise :class:`AllAsked` then.

    Why: the harness makes the requests, with examples, templates and limits, inside of
    ``evaluate``, and there is no way to have them without an evaluation. No cache is used:
    it would keep answers that are none. When a name is gone: the evaluation runs to its
    end, noticed by ``test_dry_run.py``.

    Args:
        model: makes the model, from the name of ``--model`` and its arguments.
    """
    from lm_eval import evaluator
    from lm_eval.api.task import ConfigurableTask, Task
    from lm_eval.utils import simple_parse_args_string

    plain = evaluator.simple_evaluate
    filters = {
        kind: vars(kind)["apply_filters"]
        for kind in (Task, ConfigurableTask)
        if "apply_filters" in vars(kind)
    }

    def simple_evaluate(**kwargs: Any) -> Any:
        given = kwargs["model_args"] or {}
        if isinstance(given, str):
            given = simple_parse_args_string(given)
        for name in "batch_size", "max_batch_size":
            if kwargs.get(name) is not None:
                given = {**given, name: kwargs[name]}
        ours = {"model": model(kwargs["model"], dict(given)), "model_args": None}
        return plain(**{**kwargs, **ours, "use_cache": None})

    def all_asked(self: Any) -> None:
        raise AllAsked

    evaluator.simple_evaluate = simple_evaluate
    for kind in filters:
        kind.apply_filters = all_asked
    try:
        yield
    finally:
        evaluator.simple_evaluate = plain
        for kind, own in filters.items():
            kind.apply_filters = own


_WITHOUT_DEFAULTS: ContextVar[bool] = ContextVar("without_defaults", default=False)


@contextmanager
def without_default_tasks(leave_out: bool) -> Iterator[None]:
    """Where they are left out, a wrapped ``TaskManager`` does not index the harness's own.

    Why: to index them is to parse 13,000 files, which takes half the time of a small run.
    When the constructor takes no ``include_defaults``: a TypeError in ``test_ways_in.py``.
    """
    told = _WITHOUT_DEFAULTS.set(leave_out)
    try:
        yield
    finally:
        _WITHOUT_DEFAULTS.reset(told)


def wrap_task_managers(include_path: Callable[[Any], Any]) -> None:
    """Let ``include_path`` have its say in every ``TaskManager`` of this process.

    Why: release 0.4.13 of the harness has no way for a plugin to say that it has tasks.
    Calling this twice changes nothing. When the constructor is another: a TypeError in
    ``test_ways_in.py``.
    """
    from lm_eval.tasks.manager import TaskManager

    if task_managers_are_wrapped():
        return
    plain = TaskManager.__init__

    @functools.wraps(plain)
    def with_our_tasks(
        self: Any,
        verbosity: str | None = None,
        include_path_given: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        tell_tasks_the_model()
        given = kwargs.pop("include_path", include_path_given)
        if _WITHOUT_DEFAULTS.get() and not args:
            kwargs.setdefault("include_defaults", False)
        plain(self, verbosity, include_path(given), *args, **kwargs)
        look = _WHEN_MADE.get()
        if look is not None:
            _WHEN_MADE.set(None)
            look(self)

    with_our_tasks.knows_lm_eval_faith = True  # type: ignore[attr-defined]
    TaskManager.__init__ = with_our_tasks


def task_managers_are_wrapped() -> bool:
    """Whether `wrap_task_managers` was called in this process."""
    from lm_eval.tasks.manager import TaskManager

    return hasattr(TaskManager.__init__, "knows_lm_eval_faith")


def leave_process_group() -> None:
    """Leave torch's process group, and end, where this process is in one of several.

    Why: the harness ends with the group still open. With gloo, whose threads then still
    run, the first process to end is sometimes aborted for it, and its launcher then kills
    the others, the one that is still writing the results among them. Closing the group
    makes that rare and not impossible (1 in 4 runs on a busy machine), and with torch 2.6
    sometimes waits for ever for a process that has ended. So one of several ends here,
    without what Python and the libraries do at their end: everything is written.
    """
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        if distributed.get_world_size() == 1:
            distributed.destroy_process_group()
        else:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
