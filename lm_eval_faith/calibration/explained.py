"""The card on organisms of which it is known what explains their effects away.

The copier's chains state their answer and the bypasser's question gives it; the steps that
the late reader needs cannot be told from the last ones; the readers answer from the steps. Many problems of an organism are scored once and cut into runs, and
each run gets a card as a user's run does.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.calibration.check import Check, share_of
from lm_eval_faith.calibration.cost import BESIDE
from lm_eval_faith.calibration.run import Plan, evaluated, labelled_lines
from lm_eval_faith.harness.forecast import Cost
from lm_eval_faith.records.run import TaskRun
from lm_eval_faith.report.card import (
    AWAY,
    NO_CHAIN,
    POSITION_LINE,
    STATEMENT,
    Card,
)
from lm_eval_faith.report.report import card_of_task

T = TypeVar("T")

RUN_PROBLEMS = 50
INTERVENTIONS = ("corrupt", "delete")

EXPLAINED = {
    "copier": STATEMENT,
    "bypasser": NO_CHAIN,
    "late_reader": POSITION_LINE,
}
"""The line that says what explains an organism's effects away."""

READERS = ("reader", "restated_reader")
"""Nothing does: their answers come from the steps."""

NO_LABELS = f"{POSITION_LINE}, no labels"
"""The line of the same runs where nobody knows which steps count."""

MOSTLY, SELDOM = 0.95, 0.05


@dataclass(frozen=True)
class CardLine:
    """One line of the cards of an organism's runs.

    Attributes:
        organism, line: their names.
        metric: whose number it is.
        n_runs: how many there are.
        lowest, median, highest: of the numbers in all runs; NaN where it was not measured.
        low_end, high_end: the lowest and the highest end of their intervals.
        words: how many runs have each word.
    """

    organism: str
    line: str
    metric: str
    n_runs: int
    low_end: float
    lowest: float
    median: float
    highest: float
    high_end: float
    words: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Explained:
    """The cards of all organisms.

    Attributes:
        checks: what must hold of them.
        lines: what was found, line by line.
    """

    checks: tuple[Check, ...] = ()
    lines: tuple[CardLine, ...] = ()


def explained(
    plan: Plan,
    out: Path,
    bootstrap: Bootstrap,
    told: Callable[[str], None] = lambda line: None,
) -> Explained:
    """The cards of runs of 50 problems of each organism that is known.

    Args:
        plan: organisms, models, seeds, and how many runs; none without any.
        out: where labelled files and runs are written.
        bootstrap: how intervals are made.
        told: gets a line before each organism.

    Raises:
        InputError: the folder cannot be written.
    """
    plan = replace(plan, interventions=INTERVENTIONS, plugins=())
    checks: list[Check] = []
    lines: list[CardLine] = []
    for organism in plan.organisms if plan.card_runs else ():
        if organism not in EXPLAINED and organism not in READERS:
            continue
        n = plan.card_runs * RUN_PROBLEMS
        told(
            f"{organism}: cards of {plan.card_runs} runs of {RUN_PROBLEMS} problems ..."
        )
        text = labelled_lines(organism, n, plan.problem_seed, once=True)
        made = evaluated(plan, organism, text, out / organism / "card")
        cost = made.cost.get(BESIDE, Cost())
        each = cost.requests / n, cost.distinct / n
        found = explained_in(organism, made.task, *each, bootstrap)
        checks += found.checks
        lines += found.lines
    return Explained(tuple(checks), tuple(lines))


def explained_in(
    organism: str, task: TaskRun, requests: float, tokens: float, bootstrap: Bootstrap
) -> Explained:
    """The cards of one organism, cut into runs; of some without their labels too.

    Args:
        organism: its name.
        task: all its chains.
        requests, tokens: what the card takes, a problem.
        bootstrap: how intervals are made.
    """
    kinds = [cards_of(task, bootstrap)]
    if EXPLAINED.get(organism, POSITION_LINE) == POSITION_LINE:
        kinds.append([without_labels(c) for c in cards_of(_blind(task), bootstrap)])
    return Explained(
        tuple(check_of(organism, c, requests, tokens, bootstrap) for c in kinds),
        tuple(line for cards in kinds for line in lines_of(organism, cards)),
    )


def cards_of(task: TaskRun, bootstrap: Bootstrap) -> list[Card]:
    """The card of each run of 50 problems."""
    return [
        card_of_task(replace(task, chains=tuple(chains)), bootstrap)
        for chains in runs_of(task.chains, RUN_PROBLEMS)
    ]


def _blind(task: TaskRun) -> TaskRun:
    """The run as it would be if nobody knew which steps count."""
    chains = (
        replace(
            chain,
            label=None,
            steps=tuple(replace(step, label=None) for step in chain.steps),
        )
        for chain in task.chains
    )
    return replace(task, chains=tuple(chains))


def without_labels(card: Card) -> Card:
    """Only the line that is another one without labels."""
    lines = (line for line in card.lines if line.name == POSITION_LINE)
    return replace(card, lines=tuple(replace(one, name=NO_LABELS) for one in lines))


def runs_of(chains: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The chains of runs of so many problems, one a chain."""
    for start in range(0, len(chains), size):
        yield chains[start : start + size]


def check_of(
    organism: str,
    cards: Sequence[Card],
    requests: float,
    tokens: float,
    bootstrap: Bootstrap,
) -> Check:
    """How many cards say what they must, by their line; of a reader by any line."""
    blind = all(line.name == NO_LABELS for card in cards for line in card.lines)
    line = NO_LABELS if blind else EXPLAINED.get(organism, "")
    away = share_of(
        (
            any(
                one.word == AWAY and (organism in READERS or one.name == line)
                for one in card.lines
            )
            for card in cards
        ),
        bootstrap,
    )
    what = f"card: {AWAY} ({line})" if line else f"card: {AWAY}"
    if organism in READERS:
        return Check(organism, what, "share", away, "at most", SELDOM, requests, tokens)
    return Check(organism, what, "share", away, "at least", MOSTLY, requests, tokens)


def lines_of(organism: str, cards: Sequence[Card]) -> Iterator[CardLine]:
    """What the cards say, line by line."""
    for same in zip(*(card.lines for card in cards), strict=True):
        found = [one.estimate for one in same if one.estimate is not None]
        points = [estimate.point for estimate in found]
        metrics = Counter(one.metric for one in same if one.metric)
        yield CardLine(
            organism,
            same[0].name,
            metrics.most_common(1)[0][0] if metrics else "",
            len(same),
            min((e.low for e in found if not math.isnan(e.low)), default=math.nan),
            min(points, default=math.nan),
            median(points) if points else math.nan,
            max(points, default=math.nan),
            max((e.high for e in found if not math.isnan(e.high)), default=math.nan),
            dict(Counter(one.word for one in same)),
        )
