"""Multi-stage requests: a task asks, looks at the answers, and asks again.

The harness asks a model for all responses before a task sees the first one, so a task
cannot ask about the text that the model has just written. A :class:`MultiStageRequest`
can: it is a generator (see :mod:`lm_eval_faith.asks`), and the ``faith`` model runs
those of many documents side by side. How to write a task with it:
``docs/multi_stage.md``.
"""

from __future__ import annotations

import copy
import functools
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, hash_args

from lm_eval_faith.asks import Ask, Generate, Stages
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.lm_eval_compat import (
    belongs_to_document,
    running_model,
)

logger = logging.getLogger(__name__)

MULTI_STAGE = "multi_stage"
"""The request type, and the name of the model's method that answers it."""


def _no_counts(result: Any) -> Mapping[str, int]:
    return {}


def _nothing_assumed(ask: Generate) -> str:
    return ""


@dataclass(kw_only=True)
class MultiStageRequest(Instance):  # type: ignore[misc]
    """A request that holds what makes its generator.

    Not the generator itself, which could run only once: the harness repeats requests.
    Made like any ``Instance``, by keyword and without ``request_type``.

    Attributes:
        make: gives the generator, from ``arguments``. For the same answers it must ask
            the same: a resumed run makes it again. What the generator returns must be
            JSON types; it is the response, as JSON text, because text is the one kind
            of response that the harness writes to its samples files unchanged.
        counts: numbers that the progress bar shows of a result, summed over the
            documents done, such as ``{"solved": 1}``.
        assumed: what a forecast takes for the text that a model writes; empty where
            nothing is known. See :mod:`lm_eval_faith.harness.forecast`.
    """

    make: Callable[..., Stages[Any]]
    counts: Callable[[Any], Mapping[str, int]] = _no_counts
    assumed: Callable[[Generate], str] = _nothing_assumed
    request_type: str = field(default=MULTI_STAGE, init=False)

    def stages(self) -> Stages[Any]:
        """A new generator."""
        return self.make(*self.args)


class MultiStageTask:
    """What a task class needs besides: put it before the harness's class.

    ``class MyTask(MultiStageTask, ConfigurableTask)``. It writes :meth:`stages`.
    """

    OUTPUT_TYPE: str | None
    config: Any

    def __init__(self, config: Mapping[str, Any]) -> None:
        # The harness's constructor does not know the entry that names our class.
        super().__init__(config={k: v for k, v in config.items() if k != "class"})  # type: ignore[call-arg]

    def stages(
        self, doc: Mapping[str, Any], context: str, settings: Mapping[str, Any]
    ) -> Stages[Any]:
        """What is asked about a document.

        Args:
            doc: the document.
            context: the prompt, worked examples and chat template included.
            settings: ``generation_kwargs``, with what ``--gen_kwargs`` changed.
        """
        raise NotImplementedError

    def counts(self, result: Any) -> Mapping[str, int]:
        """What the progress bar counts of what :meth:`stages` returned."""
        return {}

    def assumed(self, doc: Mapping[str, Any], ask: Generate) -> str:
        """What a forecast of the cost takes for a text that the model writes.

        Nothing unless told: then what is asked behind it is counted as behind no text, and
        as many tokens are taken as may be generated.
        """
        return ""

    def construct_requests(
        self, doc: Mapping[str, Any], ctx: str, **kwargs: Any
    ) -> MultiStageRequest:
        """The one request of a document."""
        for name in "apply_chat_template", "chat_template":
            kwargs.pop(name, None)
        settings = copy.deepcopy(self.config.generation_kwargs or {})
        return MultiStageRequest(
            doc=doc,
            arguments=(ctx, settings),
            idx=0,
            make=functools.partial(self.stages, doc),
            counts=self.counts,
            assumed=functools.partial(self.assumed, doc),
            **belongs_to_document(self.config, kwargs),
        )

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, unless the running model has no multi-stage requests.

        Raises:
            InputError: it has none, or its settings hide what it generates.
        """
        require_multi_stage(running_model(), self.config.task)
        # By this name the evaluator evens out the number of requests between processes.
        self.OUTPUT_TYPE = MULTI_STAGE
        if kwargs.get("cache_requests"):
            logger.warning("%s: --cache_requests is not used", self.config.task)
        kwargs |= {"cache_requests": False, "rewrite_requests_cache": False}
        super().build_all_requests(**kwargs)  # type: ignore[misc]


def as_response(result: Any) -> str:
    """What a generator returned, as tasks and samples files get it."""
    return json.dumps(result, ensure_ascii=False)


class StageKeys:
    """Under which name the cache keeps each answer of a run, in the order of the asks.

    They are names of our own: what a plain backend cached may be without its thinking.
    Equal asks have one name and one answer, but for texts that are drawn at random:
    those are told apart by which one they are, and the run's seed belongs to their name.

    Args:
        seed: the run's.
        of: what tells draws of one document from those of another, where the order in which
            documents ask is not always the same.
    """

    def __init__(self, seed: int, of: Sequence[Any] = ()) -> None:
        self.seed = [seed, *of]
        self._drawn: Counter[str] = Counter()

    def of(self, asks: Sequence[Ask]) -> list[str]:
        """The names of the answers to a stage's asks."""
        return [self._of(ask) for ask in asks]

    def _of(self, ask: Ask) -> str:
        if not isinstance(ask, Generate):
            return str(
                hash_args("faith loglikelihood", (ask.context, ask.continuation))
            )
        request = [ask.context, dict(ask.settings)]
        if not draws(ask.settings):
            return str(hash_args("faith generate_until", request))
        name = hash_args("faith generate_until", [*request, *self.seed])
        self._drawn[name] += 1
        return str(hash_args(name, [self._drawn[name]]))


def draws(settings: Mapping[str, Any]) -> bool:
    """Whether generation settings ask for sampling, as the harness reads them."""
    wanted = settings.get("do_sample")
    if wanted is None:
        return float(settings.get("temperature") or 0) > 0
    return bool(wanted)


def require_multi_stage(model: Any | None, task: str) -> None:
    """Check that a model answers multi-stage requests; None, an unknown model, passes.

    Raises:
        InputError: it does not, or not with these settings.
    """
    if model is None:
        return
    require_multi_stage_of(type(model), task)
    check = getattr(model, "check_multi_stage", None)
    if check is not None:
        check()


def require_multi_stage_of(kind: type, task: str) -> None:
    """Check that models of a kind answer multi-stage requests, before one is loaded.

    Raises:
        InputError: they do not.
    """
    if getattr(kind, MULTI_STAGE, _refuse) is _refuse:
        raise InputError(_sentence(f"task {task}", kind))


def _sentence(who: str, kind: type) -> str:
    return (
        f"{who} asks on about what the model has just written or scored, which "
        f"{kind.__name__} cannot answer by itself: use --model faith "
        "--model_args backend=NAME,... with the --model of now as NAME and all other "
        "arguments as they are"
    )


def _refuse(model: Any, requests: Sequence[MultiStageRequest]) -> list[str]:
    """The ``multi_stage`` of models that have none."""
    tasks = sorted({str(request.task_name) for request in requests})
    raise InputError(_sentence(f"task {', '.join(tasks)}", type(model)))


# A task finds the running model by looking for it. Where that fails, the evaluator's
# call of this method would end in an AttributeError.
if not hasattr(LM, MULTI_STAGE):
    setattr(LM, MULTI_STAGE, _refuse)
