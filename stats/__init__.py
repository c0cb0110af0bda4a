"""The statistics of causal dependence on reasoning steps: arrays in, frozen dataclasses out.

Every interval is a bootstrap (or its analytic counterpart) over problems, because the steps of one problem are not
independent. docs/statistics.md says what each number means, which interval it gets by default, and how well it covers.
"""

from .adjust import benjamini_hochberg, holm
from .auc import roc_curve
from .bootstrap import (
    BOOTSTRAP,
    Bootstrap,
    Estimate,
    resample_counts,
)
from .compare import (
    Comparison,
    PairComparison,
    RankRange,
    rank_ranges,
)
from .effects import (
    DrawVariance,
    draw_variance,
)
from .estimators import (
    AUC,
    AUC_OVER_THIRD,
    AUC_WITHIN,
    DIFFERENCE,
    HEDGES_G,
    MEAN_OF_PROBLEMS,
    MEAN_OF_STEPS,
    MEDIAN,
    PARTIAL_R2,
    PARTIAL_SLOPE,
    PEARSON,
    PEARSON_OVER_ZERO,
    RATIO_OF_MEANS,
    SEPARATED,
    SEPARATED_MEANS,
    SHARE_OF_PROBLEMS,
    SHARE_OF_STEPS,
    SPEARMAN,
    SPEARMAN_OVER_THIRD,
    SPEARMAN_POOLED,
    Estimator,
    Heaviest,
    Sample,
    mean_over_problems,
    ratio_of,
)
from .intervals import exact_interval
from .power import (
    half_width,
    paired_power,
    problems_for_half_width,
    problems_for_paired_difference,
    problems_for_unpaired_difference,
    problems_to_ask,
    std_over_problems,
)

__all__ = [
    "AUC",
    "AUC_OVER_THIRD",
    "AUC_WITHIN",
    "BOOTSTRAP",
    "DIFFERENCE",
    "HEDGES_G",
    "MEAN_OF_PROBLEMS",
    "MEAN_OF_STEPS",
    "MEDIAN",
    "PARTIAL_R2",
    "PARTIAL_SLOPE",
    "PEARSON",
    "PEARSON_OVER_ZERO",
    "RATIO_OF_MEANS",
    "SEPARATED",
    "SEPARATED_MEANS",
    "SHARE_OF_PROBLEMS",
    "SHARE_OF_STEPS",
    "SPEARMAN",
    "SPEARMAN_OVER_THIRD",
    "SPEARMAN_POOLED",
    "Bootstrap",
    "Comparison",
    "DrawVariance",
    "Estimate",
    "Estimator",
    "Heaviest",
    "PairComparison",
    "RankRange",
    "Sample",
    "benjamini_hochberg",
    "draw_variance",
    "exact_interval",
    "half_width",
    "holm",
    "mean_over_problems",
    "paired_power",
    "problems_for_half_width",
    "problems_for_paired_difference",
    "problems_for_unpaired_difference",
    "problems_to_ask",
    "rank_ranges",
    "ratio_of",
    "resample_counts",
    "roc_curve",
    "std_over_problems",
]
