"""A run without its model: what it would ask, counted and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from lm_eval_faith.asks import Ask, Generate, Score
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.activation import MODEL
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.forecast import Cost, Reader
from lm_eval_faith.harness.lm_eval_compat import (
    AllAsked,
    asking_only,
    is_hf,
    without_weights,
)
from lm_eval_faith.harness.stages import MULTI_STAGE, MultiStageRequest, as_response

ASSUMED = (
    "Texts to write are taken for the reference solutions, or for the rest of the chain "
    "that they go on with, all of them with the right answer: of a model that solves a "
    "share of the problems about that share of the requests is asked. Where there is no "
    "reference reasoning (choices of other tasks) a text that states the answer at once is "
    "taken, and what is asked about steps comes on top. A task that says nothing of its "
    "texts is counted with the most that may be written."
)


class Counting(FaithLM):
    """The ``faith`` model without weights: it counts what it is asked, and answers nothing.

    Attributes:
        costs: of each task, of what it was asked.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.costs: dict[str, Cost] = {}
        reader = Reader.of(self.wrapped)
        if reader is None:
            raise InputError("--dry_run: the tokenizer cannot be read")
        self._reader = reader

    def _count(self, requests: Sequence[Instance], ask: Callable[..., Ask]) -> None:
        by_task: dict[str, list[Instance]] = {}
        for request in requests:
            by_task.setdefault(str(request.task_name), []).append(request)
        for task, those in by_task.items():
            self._add(task, self._reader.cost([ask(*one.args) for one in those]))
            self._add(task, Cost(card=_of_card(those)))

    def _add(self, task: str, cost: Cost) -> None:
        self.costs[task] = self.costs.get(task, Cost()) + cost

    def loglikelihood(self, requests: list[Instance], **kwargs: Any) -> Any:
        """Counted."""
        self._count(requests, Score)
        return [(0.0, False)] * len(requests)

    def loglikelihood_rolling(self, requests: list[Instance], **kwargs: Any) -> Any:
        """Counted as texts that are scored from their first token on."""
        self._count(requests, lambda text: Score("", text))
        return [0.0] * len(requests)

    def generate_until(self, requests: list[Instance], **kwargs: Any) -> Any:
        """Counted, with the most tokens that may be generated."""
        self._count(requests, Generate)
        return [""] * len(requests)

    def multi_stage(
        self, requests: Sequence[MultiStageRequest], disable_tqdm: bool = False
    ) -> list[str]:
        """Counted, as if the model wrote what the requests assume."""
        self.check_multi_stage()
        by_task: dict[str, list[MultiStageRequest]] = {}
        for request in requests:
            by_task.setdefault(str(request.task_name), []).append(request)
        for task, those in by_task.items():
            for cost in self.forecast(those):
                self._add(task, cost)
        return [as_response(None)] * len(requests)


def _of_card(requests: Sequence[Instance]) -> int:
    """How many of the requests are the card's: the last ones of each document of ours."""
    counts = Counter(request.doc_id for request in requests)
    docs = {request.doc_id: request.doc for request in requests}
    return sum(
        len(doc.get("probes", ())) for key, doc in docs.items() if counts[key] > 1
    )


def counting_model(name: str, arguments: dict[str, Any]) -> Counting:
    """What stands for a model in a dry run.

    Args:
        name: as ``--model`` has it.
        arguments: of that model.

    Raises:
        InputError: it has no tokenizer and configuration that can be read here.
    """
    faith = name == MODEL
    own = {
        key: arguments.pop(key)
        for key in ("shared_prefix", "max_packed_tokens", "chunk")
        if faith and key in arguments
    }
    backend = str(arguments.pop("backend", "hf")) if faith else name
    made = _backend(backend, arguments)
    if faith and is_hf(backend):
        return Counting(made, **own)
    own["shared_prefix"] = "off"
    if faith:
        return Counting(made, **own)
    plain = type(
        _class_name(name), (Counting,), {MULTI_STAGE: getattr(LM, MULTI_STAGE)}
    )
    counting: Counting = plain(made, **own)
    return counting


def _backend(name: str, arguments: dict[str, Any]) -> LM:
    """A backend of that name, or what reads texts as it does."""
    if not is_hf(name):
        for key in "tokenizer", "pretrained", "model":
            if arguments.get(key):
                named = {"pretrained": arguments[key]}
                break
        else:
            raise InputError(f"--dry_run: name the tokenizer of {name} by tokenizer=")
        most = arguments.get("max_length") or arguments.get("max_model_len")
        arguments = named | ({"max_length": int(most)} if most else {})
    try:
        return without_weights(arguments)
    except (OSError, ValueError, ImportError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"--dry_run reads tokenizer and configuration of "
            f"{arguments.get('pretrained')}, and cannot: {first}"
        ) from None


def _class_name(name: str) -> str:
    from lm_eval.api.registry import get_model

    return str(get_model(name).__name__)


def dry_run(evaluate: Callable[[], object]) -> str:
    """What an evaluation would ask, in words, without running its model.

    Args:
        evaluate: calls the harness's ``simple_evaluate``.

    Raises:
        InputError: the evaluation would be refused.
    """
    models: list[Counting] = []

    def make(name: str, arguments: dict[str, Any]) -> LM:
        models.append(counting_model(name, arguments))
        return models[-1]

    try:
        with asking_only(make):
            evaluate()
    except AllAsked:
        pass
    told = [line for model in models for line in _told(model)]
    return "\n".join(told)


def _told(model: Counting) -> list[str]:
    costs = dict(model.costs)
    if len(costs) > 1:
        costs["in all"] = sum(costs.values(), Cost())
    lines = [
        f"{task}: {told}"
        for task, cost in costs.items()
        for told in (str(cost), cost.of_card)
        if told
    ]
    shared = model.how_asked()["shared_prefixes"]
    lines.append(
        "prefixes: shared, so each distinct token is read once, and at most one in twenty "
        "once more, to see that sharing changes no number"
        if shared == "on"
        else "prefixes: each request is read whole, unless the backend keeps a cache of its "
        "own; --model faith with hf reads distinct tokens once"
    )
    if any(cost.generations for cost in model.costs.values()):
        lines.append(ASSUMED)
    return lines
