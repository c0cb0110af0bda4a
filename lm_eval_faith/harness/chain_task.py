"""What the tasks with ready chains share: requests, effects, and long contexts."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from lm_eval_faith.chains.chain import Chain, chain_to_dict
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.lm_eval_compat import (
    ContextLimit,
    require_loglikelihoods,
    running_model,
    warn_of_unknown_model,
)
from lm_eval_faith.harness.pooled_figures import PooledFigures
from lm_eval_faith.harness.scored_chain import (
    Request,
    chain_requests,
)
from lm_eval_faith.harness.seam import warn_of_joined
from lm_eval_faith.harness.task_settings import TaskSettings, warn_of_unknown_parameters
from lm_eval_faith.interventions.plan import Variant
from lm_eval_faith.records.outcome import SAMPLES_FORMAT, ChainRecord, chain_record

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChainDocument:
    """A question with a ready chain, and the interventions planned on it."""

    id: str
    question: str
    chain: Chain
    variants: tuple[Variant, ...]

    def to_dict(self, setting: str) -> dict[str, Any]:
        """The document as the samples file holds it."""
        return {
            "setting": setting,
            "id": self.id,
            "question": self.question,
            "answer": self.chain.answer,
            "chain": chain_to_dict(self.chain),
            "interventions": [variant.to_dict() for variant in self.variants],
            "samples_format": SAMPLES_FORMAT,
        }


class FaithTask(ConfigurableTask):  # type: ignore[misc]
    """A harness task of ours: its parameters, its worked examples, the model's limits."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        config = {k: copy.deepcopy(v) for k, v in config.items() if k != "class"}
        name = config["task"]
        parameters = dict(config.get("metadata") or {})
        try:
            self.settings = TaskSettings.read(name, parameters)
            resolved = self.settings.to_dict() | self.read_parameters(parameters)
        except InputError as error:
            raise InputError(f"task {name}: {error}") from None
        warn_of_unknown_parameters(name, parameters, list(resolved))
        config["metadata"] = parameters | resolved
        self._limit = ContextLimit()
        self._ranks = 1
        super().__init__(config=config)

    def read_parameters(self, parameters: Mapping[str, object]) -> dict[str, Any]:
        """Read the subclass's own parameters, and give them back as they will be used."""
        raise NotImplementedError

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, once the limits of the running model are known."""
        shots, most = self.config.num_fewshot or 0, len(self.dataset["fewshot"])
        if shots > most:
            raise InputError(
                f"task {self.config.task}: {shots} few-shot examples wanted, at most "
                f"{most} are there: lower --num_fewshot"
            )
        if kwargs.get("cache_requests"):
            # The harness keys that cache by the task's name alone: other parameters would
            # get the requests of these.
            logger.warning("%s: --cache_requests is not used", self.config.task)
        kwargs |= {"cache_requests": False, "rewrite_requests_cache": False}
        self._model = running_model()
        if self._model is None:
            warn_of_unknown_model(str(self.config.task))
        self._limit = ContextLimit.of(self._model)
        self._ranks = kwargs.get("world_size") or 1
        super().build_all_requests(**kwargs)
        warn_of_joined(
            self._model,
            [
                request.args
                for request in self._instances
                if request.request_type == "loglikelihood"
            ],
        )

    @property
    def predicts_only(self) -> bool:
        """Whether the run wants samples and no figures (``--predict_only``)."""
        return "bypass" in self._metric_fn_list

    def aggregation(self) -> dict[str, Any]:
        """How the figures of documents are joined."""
        if self.predicts_only:
            return dict(super().aggregation())
        return {"dropped": sum}

    def higher_is_better(self) -> dict[str, bool]:
        """For each figure, whether more is better."""
        if self.predicts_only:
            return dict(super().higher_is_better())
        return {"dropped": False}


class ChainTask(PooledFigures, FaithTask):
    """A task whose documents bring their chains with them.

    A subclass says what the documents are, and which figures they give.
    """

    SETTING: str
    """Names the setting in the samples file: what the report makes of it."""

    def documents(self) -> Sequence[ChainDocument]:
        """The documents that are evaluated."""
        raise NotImplementedError

    def fewshot_documents(self) -> Sequence[ChainDocument]:
        """Documents for worked examples, none of which is evaluated."""
        raise NotImplementedError

    def figures(self, record: ChainRecord) -> dict[str, Any]:
        """The values that a document contributes to the harness's table."""
        raise NotImplementedError

    # --- documents ---------------------------------------------------------------

    def download(self, *args: Any, **kwargs: Any) -> None:
        """Make the documents; nothing is downloaded."""
        documents = self.documents()
        self._documents: dict[str, ChainDocument] = {
            document.id: document for document in documents
        }
        worked = [
            {
                **document.to_dict(self.SETTING),
                "worked": self.settings.answer_format.worked(document.chain),
            }
            for document in self.fewshot_documents()
        ]
        self.dataset = {
            "test": Dataset.from_list(
                [document.to_dict(self.SETTING) for document in documents]
            ),
            "fewshot": Dataset.from_list(worked),
        }

    # --- requests ----------------------------------------------------------------

    def build_all_requests(self, **kwargs: Any) -> None:
        """The harness's own, for a backend that can answer the requests."""
        model = running_model()
        if model is not None:
            backend = getattr(model, "wrapped", model)
            require_loglikelihoods(backend, f"by task {self.config.task}")
        super().build_all_requests(**kwargs)

    def construct_requests(
        self, doc: Mapping[str, Any], ctx: str, **kwargs: Any
    ) -> list[Instance]:
        """One log-likelihood request a clean chain and a variant."""
        chat = kwargs.pop("apply_chat_template", False)
        kwargs.pop("chat_template", None)
        document = self._documents[doc["id"]]
        prompt = ctx if chat else ctx + self.config.target_delimiter
        form = self.settings.answer_format
        try:
            requests = chain_requests(prompt, document.chain, document.variants, form)
        except InputError as error:
            raise InputError(f"task {self.config.task}: {error}") from None
        if self._is_too_long(document, requests):
            # The harness wants a request for every document: the answer by itself.
            requests = [(form.cue or " ", form.delimiter + document.chain.answer)]
        return [
            Instance(
                request_type="loglikelihood",
                doc=doc,
                arguments=request,
                idx=i,
                **kwargs,
            )
            for i, request in enumerate(requests)
        ]

    def _is_too_long(self, document: ChainDocument, requests: list[Request]) -> bool:
        """Whether the document must be dropped.

        Raises:
            InputError: it is too long, and the run is to be refused for that.
        """
        excess = max(self._limit.excess(*request) for request in requests)
        if not excess:
            return False
        limit = self._limit.max_length
        told = (
            f"task {self.config.task}, document {document.id}: {limit + excess} tokens, "
            f"but the model takes {limit}"
        )
        if self.settings.too_long == "refuse":
            raise InputError(
                f"{told}: use fewer steps or few-shot examples, a model that takes "
                "more (max_length in --model_args), or --metadata too_long=drop"
            )
        logger.warning("%s: dropped", told)
        return True

    # --- results -----------------------------------------------------------------

    def document_values(
        self, doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]
    ) -> dict[str, Any]:
        """The document's figures; ``dropped`` is 1 where it was not scored."""
        document = self._documents[doc["id"]]
        record = chain_record(
            document.id, document.question, document.chain, document.variants, results
        )
        if record.left_out:
            return {"dropped": 1}
        return self.figures(record) | {"dropped": 0}
