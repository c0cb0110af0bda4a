"""Planning: how many problems for a wanted interval, or for a wanted difference.

All follows from one number, the standard deviation over problems: of a figure, from a run
or given; and for a comparison on the same problems, of the two models' differences, from
two runs, or from the correlation that one is willing to assume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import lm_eval_faith_stats as stats

from lm_eval_faith.errors import InputError
from lm_eval_faith.report import sections
from lm_eval_faith.report.cells import number
from lm_eval_faith.report.compare import TaskComparison
from lm_eval_faith.report.estimates import TaskReport
from lm_eval_faith.report.sections import Column, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CSV_COLUMNS = ("wanted", "value", "problems", "confidence_level", "power", "source")

HALF_WIDTH = "half-width of the interval"
DIFFERENCE = "difference on the same problems"
UNPAIRED = "difference, each on its own problems"

_LADDER = (1.0, 0.5, 0.25, 0.1, 0.05)
"""Wanted values where none are given, in standard deviations."""

_CURVE = tuple(round(10 ** (1 + k / 12)) for k in range(37))
"""Problems at which the curve is drawn: 10 to 10,000."""


@dataclass(frozen=True)
class Spread:
    """How much problems differ.

    Attributes:
        name: the figure, or empty where the number was given.
        unit: of the deviations.
        std: standard deviation of the figure over problems.
        of_difference: the same of two models' difference on the same problems.
        source: where both come from, in words.
    """

    name: str
    unit: str
    std: float
    of_difference: float
    source: str


@dataclass(frozen=True)
class Need:
    """How many problems something takes.

    Attributes:
        wanted: what is wanted.
        value: how large, in the figure's unit.
        problems: how many are needed; for each model where they are not shared.
    """

    wanted: str
    value: float
    problems: int


@dataclass(frozen=True)
class Plan:
    """What a study needs, under an assumed spread."""

    spread: Spread
    confidence_level: float
    power: float
    needs: tuple[Need, ...]


def given_spread(std: float, correlation: float) -> Spread:
    """A spread from given numbers.

    Args:
        std: over problems, in any unit.
        correlation: of two models' values over problems.

    Raises:
        InputError: the deviation is not over zero, or the correlation not in [-1, 1].
    """
    _check_correlation(correlation)
    if not (math.isfinite(std) and std > 0):
        raise InputError(f"the standard deviation must be a number over 0, not {std}")
    told = f"deviation {std:g} as given, {_assumed(correlation)}"
    of_difference = std * math.sqrt(2 * (1 - correlation))
    return Spread("", "", std, of_difference, told)


def spread_of_report(report: TaskReport, figure: str, correlation: float) -> Spread:
    """The spread of a figure in a run, named ``INTERVENTION_figure`` as in its tables.

    Raises:
        InputError: there is no such figure, or it has no spread.
    """
    _check_correlation(correlation)
    by_name = {_name(row.intervention, row.figure): row for row in report.rows}
    row = by_name.get(figure)
    if row is None:
        raise InputError(
            f"{report.task.path}: no figure {figure!r}; choose from {_few(by_name)}"
        )
    std = stats.std_over_problems(row.estimate)
    _check_spread(figure, std, str(report.task.path))
    told = (
        f"{report.model}, {report.task.task}, {row.estimate.n_problems} problems; "
        f"{_assumed(correlation)}"
    )
    of_difference = std * math.sqrt(2 * (1 - correlation))
    return Spread(figure, row.unit, std, of_difference, told)


def spread_of_comparison(
    report: TaskReport, comparison: TaskComparison, figure: str
) -> Spread:
    """The spread of a figure from the report of one run and its comparison to another.

    Raises:
        InputError: there is no such figure, or it has no spread.
    """
    alone = spread_of_report(report, figure, correlation=0.0)
    for d in comparison.differences:
        if (
            d.comparison.paired
            and _name(d.figure.intervention, d.figure.name) == figure
        ):
            estimate = d.comparison.estimate
            std = stats.std_over_problems(estimate)
            _check_spread(f"the difference of {figure}", std, comparison.task)
            told = (
                f"{d.first} and {d.second}, {comparison.task}, {estimate.n_problems} "
                "problems; the deviation of differences is theirs"
            )
            return Spread(figure, alone.unit, alone.std, std, told)
    raise InputError(f"task {comparison.task}: {figure!r} is not compared by problem")


def plan(
    spread: Spread,
    half_widths: Sequence[float] = (),
    differences: Sequence[float] = (),
    power: float = 0.8,
    confidence_level: float = 0.95,
) -> Plan:
    """How many problems the wanted half-widths and differences take.

    Without wanted values, some between a whole and a twentieth of a deviation.

    Raises:
        InputError: a wanted value, the power or the level is out of its range.
    """
    if not half_widths and not differences:
        half_widths = [_round(k * spread.std) for k in _LADDER]
        differences = half_widths
    try:
        needs = [
            *(_half_width(value, spread, confidence_level) for value in half_widths),
            *(_paired(value, spread, power, confidence_level) for value in differences),
            *(
                _unpaired(value, spread, power, confidence_level)
                for value in differences
            ),
        ]
    except ValueError as error:
        raise InputError(str(error)) from None
    return Plan(spread, confidence_level, power, tuple(needs))


def _half_width(value: float, spread: Spread, confidence_level: float) -> Need:
    problems = stats.problems_for_half_width(value, spread.std, confidence_level)
    return Need(HALF_WIDTH, value, problems)


def _paired(
    value: float, spread: Spread, power: float, confidence_level: float
) -> Need:
    problems = stats.problems_for_paired_difference(
        value, spread.of_difference, power, confidence_level
    )
    return Need(DIFFERENCE, value, problems)


def _unpaired(
    value: float, spread: Spread, power: float, confidence_level: float
) -> Need:
    problems = stats.problems_for_unpaired_difference(
        value, spread.std, spread.std, power, confidence_level
    )
    return Need(UNPAIRED, value, problems)


# --- as text and as a curve --------------------------------------------------------


def as_table(planned: Plan) -> str:
    """The needs, and where the spread comes from."""
    return sections.as_table([_section(planned)], _legend(planned))


def as_markdown(planned: Plan) -> str:
    """The same table."""
    return sections.as_markdown([_section(planned)], _legend(planned))


def as_csv(planned: Plan) -> str:
    """One line a wanted value."""
    same = {
        "confidence_level": planned.confidence_level,
        "power": planned.power,
        "source": planned.spread.source,
    }
    return sections.as_csv([asdict(n) | same for n in planned.needs], CSV_COLUMNS)


def as_json(planned: Plan) -> str:
    """Everything, under ``power``, with the points of the curve."""
    curve = [
        {"problems": n, "half_width": width, "difference": difference}
        for n, width, difference in _curve(planned)
    ]
    return sections.as_json({"power": asdict(planned) | {"curve": curve}})


def power_curve(planned: Plan) -> Figure:
    """Half-width and smallest difference found, against the number of problems.

    Raises:
        InputError: matplotlib is missing.
    """
    from lm_eval_faith.report.plot import DECOY, LOAD_BEARING, figure_class, name_text

    figure = figure_class()(figsize=(5.0, 3.4), layout="constrained")
    axis = figure.subplots()
    problems, widths, differences = zip(*_curve(planned), strict=True)
    axis.plot(problems, widths, color=LOAD_BEARING, label=HALF_WIDTH)
    found = f"{DIFFERENCE}, found with power {planned.power:g}"
    axis.plot(problems, differences, "--", color=DECOY, label=found)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("problems")
    unit = planned.spread.unit or "the deviation's unit"
    axis.set_ylabel(f"{name_text(planned.spread.name)} in {unit}".strip())
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)
    return figure


def _curve(planned: Plan) -> list[tuple[int, float, float]]:
    spread = planned.spread
    return [
        (
            n,
            stats.half_width(n, spread.std, planned.confidence_level),
            _smallest_found(n, planned),
        )
        for n in _CURVE
    ]


def _smallest_found(n: int, planned: Plan) -> float:
    """The difference that n shared problems find with the wanted power, by bisection."""
    spread = planned.spread.of_difference
    if not spread:
        return 0.0
    return _crossing(
        lambda d: (
            stats.paired_power(n, d, spread, planned.confidence_level) >= planned.power
        ),
        spread,
    )


def _crossing(enough: Callable[[float], bool], start: float) -> float:
    high = start
    while not enough(high):
        high *= 2
    low = 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _section(planned: Plan) -> Section:
    spread = planned.spread
    name = spread.name or "a figure"
    unit = spread.unit or "same unit"
    return Section(
        title=f"problems needed for {name}: {spread.source}",
        columns=(
            Column("wanted"),
            Column(f"value ({unit})", numbers=True),
            Column("problems", numbers=True),
        ),
        rows=tuple(
            (need.wanted, number(need.value, spread.unit), f"{need.problems:,}")
            for need in planned.needs
        ),
        remarks=(_told(spread),),
    )


def _told(spread: Spread) -> str:
    alone = number(spread.std, spread.unit)
    of_difference = number(spread.of_difference, spread.unit)
    return (
        f"standard deviation over problems {alone}, of a difference on the same problems "
        f"{of_difference}"
    )


def _legend(planned: Plan) -> dict[str, str]:
    test = (
        f"two-sided test at {1 - planned.confidence_level:.2g}, power {planned.power:g}"
    )
    return {
        HALF_WIDTH: f"{100 * planned.confidence_level:g}% interval of one model's figure",
        DIFFERENCE: f"of two models, paired: {test}",
        UNPAIRED: f"of two models, unpaired, problems for each: {test}",
    }


def _name(intervention: str, figure: str) -> str:
    return f"{intervention}_{figure}" if intervention else figure


def _few(names: Any) -> str:
    listed = list(names)
    more = f" and {len(listed) - 12} more" if len(listed) > 12 else ""
    return ", ".join(listed[:12]) + more


def _round(value: float) -> float:
    """To two digits."""
    return float(f"{value:.2g}")


def _assumed(correlation: float) -> str:
    return f"two models' values assumed to correlate at {correlation:g} over problems"


def _check_correlation(correlation: float) -> None:
    if not -1 <= correlation <= 1:
        raise InputError(f"the correlation must be from -1 to 1, not {correlation}")


def _check_spread(what: str, std: float, where: str) -> None:
    if not (math.isfinite(std) and std > 0):
        raise InputError(
            f"{where}: {what} has no spread over problems to plan with: give --std"
        )
