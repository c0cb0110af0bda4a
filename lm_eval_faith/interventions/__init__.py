"""Named changes to a chain, one file each, and the registry of their names."""

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.interventions import (  # noqa: F401  (importing registers them)
    control,
    corrupt,
    corrupt_local,
    delete,
    filler,
    swap,
    truncate,
)
from lm_eval_faith.interventions.registry import (
    Context,
    Intervention,
    NotApplicable,
    get_intervention,
    intervention,
    intervention_names,
    load_intervention_modules,
)

__all__ = [
    "Chain",
    "Context",
    "Intervention",
    "NotApplicable",
    "Step",
    "get_intervention",
    "intervention",
    "intervention_names",
    "load_intervention_modules",
]
