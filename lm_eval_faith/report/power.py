"""Planning: how many problems for a wanted interval, or for a wanted difference.

All follows from one number, the standard deviation over problems: of a metric, from a run
or given; and for a comparison on the same problems, of the two models' differences, from
two runs, or from the correlation that one is willing to assume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lm_eval_faith_stats as stats
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.errors import InputError
from lm_eval_faith.report.cells import number
from lm_eval_faith.report.compare import TaskComparison, compare_runs
from lm_eval_faith.report.report import Asked, TaskReport, make_reports
from lm_eval_faith.report.write import Column, Section, Written

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CSV_COLUMNS = (
    "wanted",
    "value",
    "problems",
    "problems_to_ask",
    "confidence_level",
    "power",
    "assurance",
    "source",
)

HALF_WIDTH = "half-width of the interval"
DIFFERENCE = "difference on the same problems"
UNPAIRED = "difference, each on its own problems"

RESAMPLES = 100
"""Standard errors are not made of resamples."""

_LADDER = (1.0, 0.5, 0.25, 0.1, 0.05)
"""Wanted values where none are given, in standard deviations."""

_CURVE = tuple(round(10 ** (1 + k / 12)) for k in range(37))
"""Problems at which the curve is drawn: 10 to 10,000."""


@dataclass(frozen=True)
class Spread:
    """How much problems differ.

    Attributes:
        name: the metric, or empty where the number was given.
        unit: of the deviations.
        std: standard deviation of the metric over problems.
        of_difference: the same of two models' difference on the same problems.
        source: where both come from, in words.
        solve_rate: share of problems that give a value; 1 where all do.
    """

    name: str
    unit: str
    std: float
    of_difference: float
    source: str
    solve_rate: float = 1.0


@dataclass(frozen=True)
class Need:
    """How many problems something takes.

    Attributes:
        wanted: what is wanted.
        value: how large, in the metric's unit.
        problems: how many with a value are needed; for each model where they are not
            shared. In chains that the model writes these are solved problems.
        problems_to_ask: how many to ask for that, at the run's solve rate.
    """

    wanted: str
    value: float
    problems: int
    problems_to_ask: int


@dataclass(frozen=True)
class Plan:
    """What a study needs, under an assumed spread."""

    spread: Spread
    confidence_level: float
    power: float
    assurance: float
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


def spread_of_runs(
    paths: Sequence[Path],
    metric: str | None = None,
    task: str | None = None,
    correlation: float = 0.0,
    confidence_level: float = 0.95,
    merge: bool = False,
) -> Spread:
    """How much problems differ in a metric.

    Args:
        paths: a run, or two runs of the same problems.
        metric: ``INTERVENTION_metric``, as in the harness's table; None takes the primary
            one, which models are first compared by.
        task: which one, where a run has several.
        correlation: of two models' values over problems, where there is one run.
        merge: the runs, however many, are parts of one.

    Raises:
        InputError: there are other than one or two runs, no such task or metric, or
            runs that cannot be compared.
    """
    if len(paths) not in (1, 2) and not merge:
        raise InputError(f"power takes one run or two, not {len(paths)}")
    try:
        bootstrap = Bootstrap(confidence_level, RESAMPLES)
    except ValueError as error:
        raise InputError(str(error)) from None
    reports = (
        make_reports(paths, bootstrap, merge="all")
        if merge
        else make_reports(paths[:1], bootstrap)
    )
    report = _one(reports, task, paths[0])
    name = metric or next(iter(report.primary), "")
    if merge or len(paths) == 1:
        return spread_of_report(report, name, correlation)
    for comparison in compare_runs(paths, bootstrap, asked=Asked()):
        if comparison.task == report.task.task:
            return spread_of_comparison(report, comparison, name)
    raise InputError(f"{paths[1]}: no run of the task {report.task.task}")


def _one(reports: Sequence[TaskReport], task: str | None, path: Path) -> TaskReport:
    found = [r for r in reports if task is None or r.task.task == task]
    if len(found) != 1:
        names = ", ".join(dict.fromkeys(r.task.task for r in reports))
        raise InputError(f"{path}: choose one task of one run with --task: {names}")
    return found[0]


def spread_of_report(report: TaskReport, metric: str, correlation: float) -> Spread:
    """The spread of a metric in a run, named ``INTERVENTION_metric`` as in its tables.

    Raises:
        InputError: there is no such metric, or it has no spread.
    """
    _check_correlation(correlation)
    row = report.row(metric)
    if row is None:
        known = _few(row.name for row in report.rows)
        raise InputError(
            f"{report.task.path}: no metric {metric!r}; choose from {known}"
        )
    std = stats.std_over_problems(row.estimate)
    _check_spread(metric, std, str(report.task.path))
    told = (
        f"{report.model}, {report.task.task}, {row.estimate.n_problems} problems; "
        f"{_assumed(correlation)}"
    )
    of_difference = std * math.sqrt(2 * (1 - correlation))
    solved = report.row("solved")
    rate = solved.estimate.point if solved is not None and row.intervention else 1.0
    return Spread(metric, row.unit, std, of_difference, told, rate)


def spread_of_comparison(
    report: TaskReport, comparison: TaskComparison, metric: str
) -> Spread:
    """The spread of a metric from the report of one run and its comparison to another.

    Raises:
        InputError: there is no such metric, or it has no spread.
    """
    alone = spread_of_report(report, metric, correlation=0.0)
    for d in comparison.differences:
        if d.comparison.paired and d.quantity.name == metric:
            estimate = d.comparison.estimate
            std = stats.std_over_problems(estimate)
            _check_spread(f"the difference of {metric}", std, comparison.task)
            told = (
                f"{d.first} and {d.second}, {comparison.task}, {estimate.n_problems} "
                "problems; the deviation of differences is theirs"
            )
            rate = alone.solve_rate
            return Spread(metric, alone.unit, alone.std, std, told, rate)
    raise InputError(f"task {comparison.task}: {metric!r} is not compared by problem")


def plan(
    spread: Spread,
    half_widths: Sequence[float] = (),
    differences: Sequence[float] = (),
    power: float = 0.8,
    confidence_level: float = 0.95,
    assurance: float = 0.8,
) -> Plan:
    """How many problems the wanted half-widths and differences take.

    Without wanted values, some between a whole and a twentieth of a deviation.

    Args:
        assurance: chance that an interval turns out no wider than wanted.

    Raises:
        InputError: a wanted value, the power, the assurance or the level is out of its
            range.
    """
    if not half_widths and not differences:
        half_widths = [_round(k * spread.std) for k in _LADDER]
        differences = half_widths

    def need(wanted: str, value: float, problems: int) -> Need:
        asked = stats.problems_to_ask(problems, spread.solve_rate)
        return Need(wanted, value, problems, asked)

    try:
        needs = [
            *(
                need(
                    HALF_WIDTH,
                    value,
                    stats.problems_for_half_width(
                        value, spread.std, confidence_level, assurance
                    ),
                )
                for value in half_widths
            ),
            *(
                need(
                    DIFFERENCE,
                    value,
                    stats.problems_for_paired_difference(
                        value, spread.of_difference, power, confidence_level
                    ),
                )
                for value in differences
            ),
            *(
                need(
                    UNPAIRED,
                    value,
                    stats.problems_for_unpaired_difference(
                        value, spread.std, spread.std, power, confidence_level
                    ),
                )
                for value in differences
            ),
        ]
    except ValueError as error:
        raise InputError(str(error)) from None
    return Plan(spread, confidence_level, power, assurance, tuple(needs))


# --- as text and as a curve --------------------------------------------------------


def written(planned: Plan) -> Written:
    """The needs, where the spread comes from, and in JSON the points of the curve."""
    same = {
        "confidence_level": planned.confidence_level,
        "power": planned.power,
        "assurance": planned.assurance,
        "source": planned.spread.source,
    }
    curve = [
        {"problems": n, "half_width": width, "difference": difference}
        for n, width, difference in _curve(planned)
    ]
    return Written(
        sections=(_section(planned),),
        legend=_legend(planned),
        columns=CSV_COLUMNS,
        rows=[asdict(need) | same for need in planned.needs],
        content={"power": asdict(planned) | {"curve": curve}},
    )


def power_curve(planned: Plan) -> Figure:
    """Half-width and smallest difference found, against the number of problems.

    Raises:
        InputError: matplotlib is missing.
    """
    from lm_eval_faith.report.plot import (
        COLOURS,
        DASHES,
        WIDTHS,
        figure_class,
        name_text,
        styled,
        wrapped,
    )

    new_figure = figure_class()
    with styled():
        figure = new_figure(figsize=(WIDTHS["column"], 2.9), layout="constrained")
        axis = figure.subplots()
        problems, *curves = zip(*_curve(planned), strict=True)
        names = HALF_WIDTH, f"{DIFFERENCE}, found with power {planned.power:g}"
        for name, curve, colour, dash in zip(names, curves, COLOURS, DASHES):
            axis.plot(problems, curve, color=colour, linestyle=dash, label=name)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("problems")
        unit = planned.spread.unit or "the deviation's unit"
        label = f"{name_text(planned.spread.name)} in {unit}".strip()
        axis.set_ylabel(wrapped(label, 2.2))
        figure.legend(loc="outside lower center")
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
    name = spread.name or "a metric"
    unit = spread.unit or "same unit"
    solving = spread.solve_rate < 1
    return Section(
        title=f"problems needed for {name}: {spread.source}",
        columns=(
            Column("wanted"),
            Column(f"value ({unit})", numbers=True),
            Column("solved problems" if solving else "problems", numbers=True),
            *([Column("to ask", numbers=True)] if solving else []),
        ),
        rows=tuple(
            (
                need.wanted,
                number(need.value, spread.unit),
                f"{need.problems:,}",
                *([f"{need.problems_to_ask:,}"] if solving else []),
            )
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
    legend = {
        HALF_WIDTH: f"{100 * planned.confidence_level:g}% interval of one model's metric, "
        f"met with a chance of {planned.assurance:g}",
        DIFFERENCE: f"of two models, paired: {test}",
        UNPAIRED: f"of two models, unpaired, problems for each: {test}",
    }
    rate = planned.spread.solve_rate
    if rate < 1:
        legend["to ask"] = f"on average, at the run's solve rate of {100 * rate:.1f}%"
    return legend


def _few(names: Iterable[str]) -> str:
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
