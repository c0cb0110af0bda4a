"""What a task of ours can be told, from its YAML's ``metadata`` and from ``--metadata``."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lm_eval_faith import parameters as read
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.harness_table import HarnessTable, harness_table
from lm_eval_faith.harness.scored_chain import AnswerFormat
from lm_eval_faith.interventions import get_intervention, load_intervention_modules
from lm_eval_faith.metrics import Choices, load_metric_modules
from lm_eval_faith.records.outcome import CONTROL

logger = logging.getLogger(__name__)

TooLong = Literal["refuse", "drop"]


@dataclass(frozen=True)
class TaskSettings:
    """The parameters that every task of ours has.

    Attributes:
        interventions: names, in the order of the table.
        intervention_modules: a user's own modules, imported for their interventions.
        metrics: which of them the harness's table shows of each intervention, such as
            ``effect_vs_control``; all if none are named.
        metric_modules: a user's own modules, imported for their metrics.
        answer_cue, answer_delimiter, think, think_open, think_close: see
            :class:`~lm_eval_faith.harness.scored_chain.AnswerFormat`.
        too_long: what to do with a document whose context is longer than the model
            takes: ``refuse`` the run, or ``drop`` the document and count it.
    """

    interventions: tuple[str, ...]
    intervention_modules: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    metric_modules: tuple[str, ...] = ()
    answer_cue: str = "The answer is"
    answer_delimiter: str = " "
    think: bool = False
    think_open: str = "<think>\n"
    think_close: str = "\n</think>\n\n"
    too_long: TooLong = "refuse"

    @classmethod
    def read(cls, task: str, parameters: Mapping[str, object]) -> TaskSettings:
        """Settings from a user's parameters; names that are not its own are left alone.

        Raises:
            InputError: a parameter has no usable value; the sentence names the task.
        """
        readers: dict[str, read.Reader] = {
            "interventions": read.names,
            "intervention_modules": read.names,
            "metrics": read.names,
            "metric_modules": read.names,
            "answer_cue": read.text,
            "answer_delimiter": read.text,
            "think": read.yes_or_no,
            "think_open": read.text,
            "think_close": read.text,
            "too_long": _too_long,
        }
        settings = cls(**read.given(parameters, readers))
        load_intervention_modules(settings.intervention_modules)
        load_metric_modules(settings.metric_modules)
        if not settings.interventions:
            raise InputError("interventions must name at least one")
        for name in settings.interventions:
            get_intervention(name)
        return settings

    def table(
        self, has: frozenset[str], threshold: float = 1.0, alone: bool = True
    ) -> HarnessTable:
        """The metrics in the harness's table.

        Args:
            has: what the task's chains can have, of ``records.tables``.
            threshold: the effect in nats from which a step counts as load-bearing.
            alone: no two documents ask the same question.

        Raises:
            InputError: a name among the metrics is no metric's.
        """
        own = [one.name for one in load_metric_modules(self.metric_modules)]
        controlled = {"control"} if CONTROL in self.interventions else set()
        return harness_table(
            self.interventions,
            has | controlled,
            Choices(threshold),
            self.metrics,
            own,
            alone,
        )

    @property
    def answer_format(self) -> AnswerFormat:
        """How chain and answer follow the prompt."""
        return AnswerFormat(
            cue=self.answer_cue,
            delimiter=self.answer_delimiter,
            think=self.think,
            think_open=self.think_open,
            think_close=self.think_close,
        )

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON types, to be recorded beside the results."""
        return read.as_json(self)


def warn_of_unknown_parameters(
    task: str, given: Iterable[str], known: Sequence[str]
) -> None:
    """Say so where a name in the metadata looks like a parameter written wrongly.

    The harness puts the model's arguments among the metadata, so a name that is no parameter
    is not wrong in itself.
    """
    for name in given:
        if name in known:
            continue
        for meant in difflib.get_close_matches(name, known, n=1, cutoff=0.85):
            logger.warning(
                "%s: metadata %r is no parameter of this task; did you mean %r?",
                task,
                name,
                meant,
            )


def _too_long(name: str, value: object) -> TooLong:
    if value == "refuse" or value == "drop":
        return value  # type: ignore[return-value]
    raise InputError(f"{name} must be 'refuse' or 'drop', not {value!r}")
