"""Two-stage requests: a generation, then the log-likelihoods that follow from it.

The harness asks a model for all responses before a task sees the first one, so a task
cannot ask about the text that the model has just written. A :class:`TwoStageRequest`
can: the ``faith`` model generates, asks the request what follows, scores that, and
answers with both. How to write a task with it: ``docs/two_stage.md``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.lm_eval_compat import running_model

logger = logging.getLogger(__name__)

TWO_STAGE = "two_stage"
"""The request type, and the name of the model's method that answers it."""


@dataclass(frozen=True)
class FollowUp:
    """What is asked about a generation.

    Attributes:
        requests: pairs of a context and a continuation, whose log-likelihoods are
            wanted; none if there is nothing to ask.
        note: what the task wants to find beside the response; anything that JSON takes.
        counts: numbers that the progress bar shows, summed over the documents done,
            such as ``{"solved": 1}``.
    """

    requests: Sequence[tuple[str, str]] = ()
    note: Any = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class TwoStageRequest(Instance):  # type: ignore[misc]
    """A generation request that knows which log-likelihoods follow from it.

    Made like any ``Instance``, by keyword and without ``request_type``; ``arguments``
    are the context and the generation's settings, as for ``generate_until``.

    Attributes:
        follow_up: gives what is asked about a generated text. It must say the same for
            the same text each time: a resumed run asks it again.
    """

    follow_up: Callable[[str], FollowUp]
    request_type: str = field(default=TWO_STAGE, init=False)


@dataclass(frozen=True)
class TwoStageResponse:
    """The answer to a two-stage request.

    Attributes:
        generation: the text that the model wrote.
        note: as the follow-up gave it.
        loglikelihoods: log-probability in nats and whether the continuation is the
            greedy one, in the order of the follow-up's requests.
    """

    generation: str
    note: Any
    loglikelihoods: list[tuple[float, bool]]

    def to_json(self) -> str:
        """The response as tasks and samples files get it, see `parse_response`."""
        return json.dumps(
            {
                "generation": self.generation,
                "note": self.note,
                "loglikelihoods": self.loglikelihoods,
            },
            ensure_ascii=False,
        )


def parse_response(text: str) -> TwoStageResponse:
    """Read what a task gets as the response to a two-stage request.

    It is a string because that is the one kind of response that the harness writes to
    its samples files unchanged.
    """
    read = json.loads(text)
    pairs = [
        (float(logprob), bool(greedy)) for logprob, greedy in read["loglikelihoods"]
    ]
    return TwoStageResponse(read["generation"], read["note"], pairs)


class TwoStageTask:
    """What a task class needs besides: put it before the harness's class.

    ``class MyTask(TwoStageTask, ConfigurableTask)``.
    """

    OUTPUT_TYPE: str | None
    config: Any

    def __init__(self, config: Mapping[str, Any]) -> None:
        # The harness's constructor does not know the entry that names our class.
        super().__init__(config={k: v for k, v in config.items() if k != "class"})  # type: ignore[call-arg]

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, unless the running model has no two-stage requests.

        Raises:
            InputError: it has none, or its settings hide what it generates.
        """
        require_two_stage(running_model(), self.config.task)
        # By this name the evaluator evens out the number of requests between processes.
        self.OUTPUT_TYPE = TWO_STAGE
        if kwargs.get("cache_requests"):
            logger.warning("%s: --cache_requests is not used", self.config.task)
        kwargs |= {"cache_requests": False, "rewrite_requests_cache": False}
        super().build_all_requests(**kwargs)  # type: ignore[misc]


def require_two_stage(model: Any | None, task: str) -> None:
    """Check that a model answers two-stage requests; None, an unknown model, passes.

    Raises:
        InputError: it does not, or not with these settings.
    """
    if model is None:
        return
    if getattr(type(model), TWO_STAGE, _refuse) is _refuse:
        raise InputError(_sentence(f"task {task}", model))
    check = getattr(model, "check_two_stage", None)
    if check is not None:
        check()


def _sentence(who: str, model: Any) -> str:
    return (
        f"{who} asks about the text that the model has just written, which "
        f"{type(model).__name__} cannot answer by itself: use --model faith "
        "--model_args backend=NAME,... with the --model of now as NAME and all other "
        "arguments as they are"
    )


def _refuse(model: Any, requests: Sequence[TwoStageRequest]) -> list[str]:
    """The ``two_stage`` of models that have none."""
    tasks = sorted({str(request.task_name) for request in requests})
    raise InputError(_sentence(f"task {', '.join(tasks)}", model))


# A task finds the running model by looking for it. Where that fails, the evaluator's
# call of this method would end in an AttributeError.
if not hasattr(LM, TWO_STAGE):
    setattr(LM, TWO_STAGE, _refuse)
