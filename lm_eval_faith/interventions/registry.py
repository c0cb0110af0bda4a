"""Interventions by name.

An intervention is a function ``(chain, step, context) -> Chain`` that changes one
step, or the chain from that step on. A user's own one needs ten lines::

    # my_interventions.py: --metadata intervention_modules=my_interventions
    from lm_eval_faith.interventions import Chain, Context, intervention


    @intervention("shout")
    def shout(chain: Chain, step: int, context: Context) -> Chain:
        \"\"\"The step in capitals.\"\"\"
        return chain.with_step(step, chain.steps[step].text.upper())

    # lm-eval-faith run ... --metadata interventions=[shout,delete]
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.errors import InputError


@dataclass(frozen=True)
class Context:
    """What an intervention may use beside the chain.

    Attributes:
        seed: the task's seed.
        document: the document's id.
        step: the step's index.
        name: the intervention's name.
        donors: steps of other problems, for interventions that borrow one.
    """

    seed: int
    document: str
    step: int
    name: str
    donors: Sequence[str] = ()

    @property
    def draw(self) -> Draw:
        """The intervention's own random choices, always the same for this place."""
        return Draw(self.seed, self.document, self.step, self.name)


class NotApplicable(Exception):
    """The intervention cannot be made on this step; the message says why."""


Intervention = Callable[[Chain, int, Context], Chain]

_REGISTRY: dict[str, Intervention] = {}


def intervention(name: str) -> Callable[[Intervention], Intervention]:
    """Register an intervention under a name (a decorator).

    Raises:
        ValueError: the name is taken by another function, or is not a plain
            identifier (names become parts of metric names).
    """
    if not name.isidentifier():
        raise ValueError(f"intervention name {name!r} is not an identifier")

    def register(function: Intervention) -> Intervention:
        known = _REGISTRY.get(name)
        if known is not None and known.__qualname__ != function.__qualname__:
            raise ValueError(f"there is an intervention named {name!r} already")
        _REGISTRY[name] = function
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
        raise InputError(
            f"unknown intervention {name!r}: choose from {known}, or name your own "
            "module in --metadata intervention_modules=..."
        ) from None


def intervention_names() -> list[str]:
    """All names, sorted."""
    return sorted(_REGISTRY)


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
