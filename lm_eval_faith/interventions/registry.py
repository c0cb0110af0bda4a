"""Interventions by name.

An intervention is a function ``(chain, step, context) -> Chain`` that changes one
step, or the chain from that step on. One that needs to ask the model first is a generator
(see :mod:`lm_eval_faith.asks`); it gets ``context.prompt`` and ``context.generation`` for
that. A user's own one needs ten lines::

    # my_interventions.py: --metadata intervention_modules=my_interventions
    from lm_eval_faith.interventions import Chain, Context, intervention


    @intervention("shout", says="the step is written in capitals")
    def shout(chain: Chain, step: int, context: Context) -> Chain:
        \"\"\"The step in capitals.\"\"\"
        return chain.with_step(step, chain.steps[step].text.upper())

    # lm-eval-faith run ... --metadata interventions=[shout,delete]
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lm_eval_faith.asks import Stages
from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.chains.written import WrittenChain
from lm_eval_faith.errors import InputError

Rewrite = Callable[[int, Draw, bool], Chain]
"""Corrupts a step of a chain that we wrote: the step's index, the source of the choice,
and whether later steps follow the change. Raises :class:`NotApplicable`."""


@dataclass(frozen=True)
class Context:
    """What an intervention may use beside the chain, in which no step has a label.

    Attributes:
        seed: the task's seed.
        document: the document's id.
        step: the step's index.
        name: the intervention's name.
        donors: steps of other problems, for interventions that borrow one.
        question: what was asked; empty where it is not known.
        rewrite: corrupts a step of this chain, where it is one that we wrote.
        prompt: everything that the model reads before it writes on behind a chain;
            raises :class:`NotApplicable` where it has no room to. None where the model
            cannot be asked.
        generation: the settings for that.
        taken_apart: what the model wrote on as chain, cue and answer.
        repeat: which of several draws of it on this step, from 0.
        cue: everything that the model reads before it states its answer behind a chain, and
            which words at the end of it lead to the answer. None: it is not asked for one.
        samples: so many texts are drawn beside the greedy one, where a model writes on.
        sampling: the settings for these.
    """

    seed: int
    document: str
    step: int
    name: str
    donors: Sequence[str] = ()
    question: str = ""
    rewrite: Rewrite | None = None
    prompt: Callable[[Chain], str] | None = None
    generation: Mapping[str, Any] = field(default_factory=dict)
    taken_apart: Callable[[str], WrittenChain] | None = None
    repeat: int = 0
    cue: Callable[[Chain], tuple[str, str]] | None = None
    samples: int = 0
    sampling: Mapping[str, Any] = field(default_factory=dict)

    @property
    def draw(self) -> Draw:
        """The intervention's own random choices, always the same for this place."""
        return self.draw_for(self.step, self.name)

    def draw_for(self, *what: object) -> Draw:
        """Random choices of the document for something, others in each repeat."""
        again = (self.repeat,) if self.repeat else ()
        return Draw(self.seed, self.document, *what, *again)


@dataclass(frozen=True)
class Changed:
    """A changed chain, with what else there is to tell.

    Attributes:
        chain: the changed chain.
        after: what now stands in the step's place.
        written: what the model wrote behind it.
        drawn: what else it wrote there, where several texts were drawn.
        measured: numbers of the intervention's own, by the names that it declares.
    """

    chain: Chain
    after: str
    written: str = ""
    drawn: tuple[str, ...] = ()
    measured: Mapping[str, float] = field(default_factory=dict)


class NotApplicable(Exception):
    """The intervention cannot be made on this step; the message says why."""


Change = Callable[[Chain, int, Context], "Chain | Changed | Stages[Chain | Changed]"]


C = TypeVar("C", bound=Change)


@dataclass(frozen=True)
class Intervention:
    """What is known of an intervention.

    Attributes:
        name: as tasks and tables name it.
        change: the function.
        says: what it does to a step, as the middle of a sentence.
        control: it should not matter: its effect is what disturbing the text alone does.
        measures: the numbers of its own, beside the effect: name and meaning.
        random: it makes random choices (of ``context.draw``), so that with ``draws=K`` it
            is made K times on each step.
        asks: the function is a generator, and needs a model that answers it.
    """

    name: str
    change: Change
    says: str = ""
    control: bool = False
    measures: Mapping[str, str] = field(default_factory=dict)
    random: bool = False

    @property
    def asks(self) -> bool:
        """Whether it asks the model."""
        return inspect.isgeneratorfunction(self.change)

    def __call__(self, chain: Chain, step: int, context: Context) -> Any:
        """The changed chain, or a generator that ends with it."""
        return self.change(chain, step, context)


_REGISTRY: dict[str, Intervention] = {}


def intervention(
    name: str,
    *,
    says: str = "",
    control: bool = False,
    measures: Mapping[str, str] | None = None,
    random: bool = False,
) -> Callable[[C], C]:
    """Register an intervention under a name (a decorator).

    Args:
        name: as tasks and tables name it.
        says: what it does to a step, as the middle of a sentence.
        control: it should not matter; effects are compared with its.
        measures: the numbers of its own that its :class:`Changed` holds: what each
            means.
        random: it makes random choices, of ``context.draw``.

    Raises:
        ValueError: the name is taken by another function, or is not a plain
            identifier (names become parts of metric names).
    """
    if not name.isidentifier():
        raise ValueError(f"intervention name {name!r} is not an identifier")

    def register(function: C) -> C:
        known = _REGISTRY.get(name)
        own = getattr(function, "__qualname__", "")
        if known is not None and getattr(known.change, "__qualname__", "") != own:
            raise ValueError(f"there is an intervention named {name!r} already")
        _REGISTRY[name] = Intervention(
            name, function, says, control, measures or {}, random
        )
        return function

    return register


def get_intervention(name: str) -> Intervention:
    """The intervention of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return _REGISTRY[name]
    except KeyError:
        known = ", ".join(intervention_names())
        near = difflib.get_close_matches(name, intervention_names(), n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(
            f"unknown intervention {name!r}{meant}: choose from {known}, or name your own "
            "module in --metadata intervention_modules=..."
        ) from None


def intervention_names() -> list[str]:
    """All names, sorted."""
    return sorted(_REGISTRY)


def is_control(name: str) -> bool:
    """Whether an intervention is declared to be one that should not matter.

    A name that is not registered, as in the report on somebody else's run, is none.
    """
    return name in _REGISTRY and _REGISTRY[name].control


def measures() -> dict[str, str]:
    """What interventions measure beside effects: each name's meaning, for 1 as against 0."""
    known = _REGISTRY.values()
    return {name: told for one in known for name, told in one.measures.items()}


def says_of(name: str) -> str:
    """What an intervention does to a step; empty where nobody said it."""
    return _REGISTRY[name].says if name in _REGISTRY else ""


def load_intervention_modules(modules: Sequence[str]) -> None:
    """Import a user's modules so that their interventions are registered.

    Raises:
        InputError: a module cannot be found.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise InputError(
                f"intervention module {module!r} cannot be imported ({error}): "
                "install it, or put its folder on PYTHONPATH"
            ) from error
