"""The statistics of causal dependence on reasoning steps: arrays in, frozen dataclasses out.

Every interval is a bootstrap (or its analytic counterpart) over problems, because the steps of one problem are not
independent. docs/statistics.md says what each number means, which interval it gets by default, and how well it covers.
"""

from .auc import (
    auc,
    auc_estimate,
    mean_within_problem_auc,
    mean_within_problem_auc_estimate,
    within_problem_aucs,
)
from .bootstrap import BOOTSTRAP, METHODS, Bootstrap, Estimate, resample_counts
from .effects import (
    hedges_g,
    hedges_g_estimate,
    mean_estimate,
    mean_of_problem_means,
    mean_of_problem_means_estimate,
    median_effect,
    median_effect_estimate,
    problem_means,
    rate,
    rate_estimate,
    share_at_bar,
    share_at_bar_estimate,
    share_curve_estimate,
    share_negative,
    share_negative_estimate,
    step_mean,
    step_mean_estimate,
)
from .separation import (
    label_differences,
    mean_label_difference,
    mean_label_difference_estimate,
    separated,
    separated_means,
    share_separated,
    share_separated_estimate,
    share_separated_means,
    share_separated_means_estimate,
)

__all__ = [
    "BOOTSTRAP",
    "METHODS",
    "Bootstrap",
    "Estimate",
    "auc",
    "auc_estimate",
    "hedges_g",
    "hedges_g_estimate",
    "label_differences",
    "mean_estimate",
    "mean_label_difference",
    "mean_label_difference_estimate",
    "mean_of_problem_means",
    "mean_of_problem_means_estimate",
    "mean_within_problem_auc",
    "mean_within_problem_auc_estimate",
    "median_effect",
    "median_effect_estimate",
    "problem_means",
    "rate",
    "rate_estimate",
    "resample_counts",
    "separated",
    "separated_means",
    "share_at_bar",
    "share_at_bar_estimate",
    "share_curve_estimate",
    "share_negative",
    "share_negative_estimate",
    "share_separated",
    "share_separated_estimate",
    "share_separated_means",
    "share_separated_means_estimate",
    "step_mean",
    "step_mean_estimate",
    "within_problem_aucs",
]
