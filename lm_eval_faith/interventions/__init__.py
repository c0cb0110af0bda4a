"""Named changes to a chain, one file each, and the registry of their names."""

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.interventions import (  # noqa: F401  (importing registers them)
    conflict,
    control,
    corrupt,
    corrupt_answer,
    corrupt_carried,
    corrupt_local,
    delete,
    filler,
    negate,
    shuffle,
    swap,
    swap_entity,
    truncate,
    write_on,
)
from lm_eval_faith.interventions.registry import (
    Changed,
    Context,
    Intervention,
    NotApplicable,
    get_intervention,
    intervention,
    intervention_names,
    is_control,
    load_intervention_modules,
    measures,
    says_of,
)

__all__ = [
    "Chain",
    "Changed",
    "Context",
    "Intervention",
    "NotApplicable",
    "Step",
    "get_intervention",
    "intervention",
    "intervention_names",
    "is_control",
    "load_intervention_modules",
    "measures",
    "says_of",
]
