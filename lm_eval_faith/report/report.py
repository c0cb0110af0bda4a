"""Reports of runs: every quantity that a run has, with its interval, and what to know of it."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval_faith_stats import BOOTSTRAP, Bootstrap, Estimate, draw_variance

from lm_eval_faith.metrics import (
    VS_CONTROL,
    Choices,
    Quantity,
    load_metric_modules,
    median_beside,
    names_of_module,
    own_metrics,
    primary,
    quantities,
    shown_first,
)
from lm_eval_faith.metrics.explained import METRICS as OF_THE_CARD
from lm_eval_faith.records.columns import Columns
from lm_eval_faith.records.many_runs import of_runs
from lm_eval_faith.records.merged import Merge
from lm_eval_faith.records.outcome import OUTCOMES
from lm_eval_faith.records.run import HowAsked, Run, RunFiles, TaskRun
from lm_eval_faith.records.sets import ENDINGS, KINDS_OF_CORES
from lm_eval_faith.records.tables import TAG, Tables, tables_of
from lm_eval_faith.records.which_model import last_part
from lm_eval_faith.report.card import HEADINGS, NO_CARD, Card, Numbers, card_of
from lm_eval_faith.report.cells import interval, number, with_interval
from lm_eval_faith.report.write import Column, Section, Written
from lm_eval_faith.shown import brief, counted

FEW_PROBLEMS = 20
"""Under this many problems a report says that its intervals are rough."""

LARGE_PART = 0.2
"""Share of an estimate's variance that one problem may carry without a word."""

LONGEST_LIST = 5
"""Ids of documents that a sentence names."""


@dataclass(frozen=True)
class Asked:
    """What a reader asks of a report.

    Attributes:
        threshold: the effect in nats from which a step counts as load-bearing; None takes
            the run's own.
        exclude_answer_steps: steps that state the final answer do not count.
        modules: a user's own modules, imported for their metrics.
    """

    threshold: float | None = None
    exclude_answer_steps: bool = False
    modules: tuple[str, ...] = ()

    def of(self, task: TaskRun) -> Choices:
        """The choices in a task."""
        own = float(task.settings.get("threshold", 1.0))
        threshold = own if self.threshold is None else self.threshold
        return Choices(threshold, self.exclude_answer_steps)


NOTHING_ASKED = Asked()


@dataclass(frozen=True)
class Row:
    """A quantity of one task, estimated.

    Attributes:
        intervention: its name; empty for metrics of chains.
        metric: the metric's name with its modifiers, without the intervention.
        meaning: in words.
        unit: of the numbers.
        estimate: point, interval, problems and steps.
        without: the name of the same metric without the steps that state the answer.
        shown: it has a line of its own in the terminal.
    """

    intervention: str
    metric: str
    meaning: str
    unit: str
    estimate: Estimate
    without: str = ""
    shown: bool = True

    @property
    def name(self) -> str:
        """As in the harness's table."""
        return (
            f"{self.intervention}_{self.metric}" if self.intervention else self.metric
        )


@dataclass(frozen=True)
class TaskReport:
    """All that is said of one task of one model.

    Attributes:
        model: its name.
        task: what it ran; the records are no longer in it.
        choices: the threshold, and which steps count.
        rows: metrics of chains, then by intervention.
        primary: names of the metric that models are first compared by, and of those that
            stand beside it.
        warnings: what a reader must know, in sentences.
        notes: those of them that are facts of the run, nothing to be warned of.
        model_path: the model's folder, or its name on the hub; empty where there is none.
        files: what the run was read from.
        card: what could explain the effects away.
    """

    model: str
    task: TaskRun
    choices: Choices
    rows: tuple[Row, ...]
    primary: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()
    model_path: str = ""
    files: RunFiles | None = None
    card: Card = NO_CARD

    def row(self, name: str) -> Row | None:
        """The row of that name, as in the harness's table."""
        return next((row for row in self.rows if row.name == name), None)


def make_reports(
    paths: Sequence[str | Path],
    bootstrap: Bootstrap = BOOTSTRAP,
    asked: Asked = NOTHING_ASKED,
    workers: int = 1,
    merge: Merge = "no",
) -> tuple[TaskReport, ...]:
    """A report for every task of every run, ordered by model and task.

    Raises:
        InputError: a directory holds no run, or a file is broken.
    """
    make = partial(reports_of_run, bootstrap=bootstrap, asked=asked)
    runs = sorted(
        of_runs(paths, make, workers, merge), key=lambda made: in_order(made[0])
    )
    return tuple(report for made in runs for report in made)


def in_order(report: TaskReport) -> tuple[str, str]:
    """What reports of several runs are sorted by."""
    return report.model, str(report.task.path)


def reports_of_run(
    run: Run, bootstrap: Bootstrap, asked: Asked = NOTHING_ASKED
) -> list[TaskReport]:
    """A report for every task of a run."""
    return [report_of_task(run, task, bootstrap, asked) for task in run.tasks]


def with_subjects(
    reports: Sequence[TaskReport],
    run: Run,
    bootstrap: Bootstrap,
    asked: Asked = NOTHING_ASKED,
) -> list[TaskReport]:
    """A run's reports, and behind each what it is by subject: a short report of each task
    of a group that its problems are of, where there are several."""
    found = []
    for report, task in zip(reports, run.tasks, strict=True):
        found.append(report)
        subjects = sorted({chain.subject for chain in task.chains} - {""})
        for subject in subjects if len(subjects) > 1 else ():
            chains = tuple(c for c in task.chains if c.subject == subject)
            part = replace(
                task,
                task=f"{task.task}: {subject}",
                chains=chains,
                n_documents=len(chains),
            )
            found.append(report_of_task(run, part, bootstrap, asked, short=True))
    return found


def report_of_task(
    run: Run,
    task: TaskRun,
    bootstrap: Bootstrap,
    asked: Asked = NOTHING_ASKED,
    short: bool = False,
    tables: Tables | None = None,
) -> TaskReport:
    """The report of one task.

    Args:
        run: which it is in.
        task: the task.
        bootstrap: for intervals.
        asked: what the reader asks.
        short: only the metrics that models are first compared by, those of chains, and
            those that the card tells.
        tables: of the task, where they have been made for something else as well.
    """
    load_metric_modules(asked.modules)
    if tables is None:
        tables = tables_of([(run.model, task)])
    choices = asked.of(task)
    found = quantities(tables, choices)
    first = primary(found, tables.has)
    if short:
        found = tuple(q for q in found if q in first or _on_card(q, first))
    names = {q.name for q in found}
    show = shown_of(task, tables.has)
    rows = tuple(
        Row(
            q.intervention,
            q.column,
            q.meaning(choices),
            q.metric.unit,
            estimate_of(q, tables, choices, bootstrap),
            without=f"{q.column}_no_answer_steps"
            if f"{q.name}_no_answer_steps" in names
            else "",
            shown=show(q),
        )
        for q in found
    )
    notes = (*_notes(task, tables, choices), *_how_asked(run.how_asked))
    warnings = (
        *run.warnings,
        *notes,
        *_warnings(task, tables),
        *_carried_by_one(first, tables, choices),
        *_at_ceiling(rows),
    )
    return TaskReport(
        run.model,
        replace(task, chains=()),
        choices,
        rows,
        tuple(q.name for q in first),
        warnings,
        notes,
        run.model_path,
        run.files,
        _card(task, tables, rows, first),
    )


def card_of_task(task: TaskRun, bootstrap: Bootstrap) -> Card:
    """The card alone, of which :func:`report_of_task` has the same."""
    tables = tables_of([("", task)])
    choices = NOTHING_ASKED.of(task)
    found = quantities(tables, choices)
    first = primary(found, tables.has)
    rows = [
        Row(
            q.intervention,
            q.column,
            "",
            q.metric.unit,
            estimate_of(q, tables, choices, bootstrap),
        )
        for q in found
        if _on_card(q, first)
    ]
    return _card(task, tables, rows, first)


BESIDE_THE_CARD = {"auc", "clean_acc", "effect", "position_corr", "truth_rank_corr"}
"""Further metrics that its lines tell."""


def _on_card(quantity: Quantity, first: Sequence[Quantity]) -> bool:
    """Whether the card may tell it: of chains, or of the intervention of the primary metric."""
    if quantity.metric.of == "chains":
        return True
    names = {metric.name for metric in OF_THE_CARD} | BESIDE_THE_CARD
    return (
        quantity.intervention == _intervention_of(first)
        and not quantity.modifiers
        and quantity.metric.name in names
    )


def _intervention_of(first: Sequence[Quantity]) -> str:
    """Whose effects the card looks at: the primary metric's; empty where there is none."""
    return first[0].intervention if first else ""


def _card(
    task: TaskRun, tables: Tables, rows: Sequence[Row], first: Sequence[Quantity]
) -> Card:
    chains = tables.columns("chains")
    lengths = chains.n_steps[chains.outcome == "scored"]
    return card_of(
        Numbers(
            _intervention_of(first),
            {row.name: row.estimate for row in rows},
            {row.name: row.unit for row in rows},
            asked="no_chain" in tables.has or bool(task.settings.get("card")),
            longest=int(lengths.max(initial=0)),
            interventions=tables.interventions,
        )
    )


def estimate_of(
    quantity: Quantity, tables: Tables, choices: Choices, bootstrap: Bootstrap
) -> Estimate:
    """A quantity of the runs in some tables."""
    return quantity.metric.by.estimate(
        quantity.sample(_columns(quantity, tables), choices), bootstrap
    )


def _columns(quantity: Quantity, tables: Tables) -> Columns:
    return tables.columns(quantity.metric.table)


def shown_of(task: TaskRun, has: frozenset[str]) -> Callable[[Quantity], bool]:
    """Which quantities have a line of their own in the terminal.

    Those that the run's own table shows, the median beside the mean, how often another
    answer that an intervention states is followed, and the metrics of a user's module;
    all of a run that does not say. What leaves out the answer's steps stands beside the
    others; what the card is made of stands there.
    """
    names = set(shown_first(_listed(task, "metrics"), has))
    own, of_card = own_metrics(), {metric.name for metric in OF_THE_CARD}

    def shown(q: Quantity) -> bool:
        if q.metric.name in of_card:
            return q.column in names
        if q.metric.of in ("chains", "sets") or q.metric.name in own:
            return True
        first_choice = (VS_CONTROL in q.modifiers) == ("control" in has)
        if q.modifiers and q.modifiers[-1].needs.startswith(TAG):
            return first_choice
        if q.metric.name == "median" and first_choice:
            return True
        if q.metric.name == "follow" and not q.modifiers:
            return True
        return not names or q.column in names

    return shown


# --- what to know ------------------------------------------------------------------


def _notes(task: TaskRun, tables: Tables, choices: Choices) -> Iterator[str]:
    """Facts of the run: what was used, drawn, applicable, and counted."""
    chains, steps = tables.columns("chains"), tables.columns("steps")
    yield from _left_out(chains)
    yield from _left_out_of_file(task)
    yield from _several_chains(chains)
    yield from _restated(task)
    yield from _sampled(task, chains[chains.outcome == "scored"], steps)
    yield from _several_draws(tables)
    for name in tables.interventions:
        yield from _not_applicable(name, steps[steps.intervention == name])
    yield from _sets(task, tables.columns("sets"))
    yield from _unlabelled(steps)
    if choices.exclude_answer_steps and "answer_steps" in tables.has:
        yield "steps that state the final answer do not count in any metric of steps"


def _how_asked(asked: HowAsked) -> Iterator[str]:
    """How the numbers came about, where that is not as it was to be expected."""
    if not asked.expected:
        yield (
            f"shared prefixes were expected and are {asked.shared_prefixes}; every request "
            "was scored by itself, which is slower and gives the backend's own numbers"
        )
    yield from asked.notes


def _warnings(task: TaskRun, tables: Tables) -> Iterator[str]:
    """What makes the numbers say less than they seem to."""
    chains = tables.columns("chains")
    scored = chains[chains.outcome == "scored"]
    n_problems = len(np.unique(scored.problem))
    if n_problems < FEW_PROBLEMS:
        told = counted(n_problems, "problem")
        yield f"only {told}: intervals of so few are rough, run more"
    wrong = int((scored.greedy == 0).sum())
    if len(scored) and wrong > len(scored) / 2:
        yield (
            f"after the clean chain the model would write another answer in {wrong} of "
            f"{counted(len(scored), 'chain')}: it reads these chains badly, so small "
            "effects say little"
        )
    for name in task.unread:
        near = difflib.get_close_matches(name, list(task.settings), n=2)
        meant = "".join(f"; did you mean {brief(n)}?" for n in near if n != name)
        yield f"nobody read {brief(name)} among the metadata: it changed nothing{meant}"
    modules = _listed(task, "metric_modules")
    missing = [name for name in modules if names_of_module(name) is None]
    if missing:
        yield (
            f"the run showed metrics of {', '.join(missing)}: name the module with "
            "--plugin to see them here"
        )


def _listed(task: TaskRun, parameter: str) -> list[str]:
    """The names in a recorded parameter; none where it holds something else."""
    told = task.settings.get(parameter)
    return [str(name) for name in told] if isinstance(told, (list, tuple)) else []


def _left_out(chains: Columns) -> Iterator[str]:
    """What became of the documents, where not all of them were used; with some ids."""
    out = chains[chains.outcome != "scored"]
    if not len(out):
        return
    counts = Counter(out.outcome.tolist())
    reasons = {key.replace(" ", "_"): told for key, told in OUTCOMES.items()}
    told = "; ".join(
        f"{reasons.get(outcome, outcome)} "
        f"({count}: {_some(out.chain[out.outcome == outcome].tolist())})"
        for outcome, count in sorted(counts.items())
    )
    used = len(chains) - len(out)
    yield (
        f"{used} of {counted(len(chains), 'document')} {'is' if used == 1 else 'are'} "
        f"used; left out: {told}"
    )


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - LONGEST_LIST} more" if len(ids) > LONGEST_LIST else ""
    return ", ".join(map(str, ids[:LONGEST_LIST])) + more


def _left_out_of_file(task: TaskRun) -> Iterator[str]:
    """The chains of a replayed file that never became documents."""
    left_out = task.settings.get("chains_left_out")
    if isinstance(left_out, dict) and left_out:
        all_ids = task.settings.get("chains_left_out_ids")
        named = all_ids if isinstance(all_ids, dict) else {}
        told = "; ".join(
            f"{reason} ({count}"
            + (
                f": {_some(ids)})"
                if isinstance(ids := named.get(reason), list)
                else ")"
            )
            for reason, count in left_out.items()
        )
        in_file = task.settings.get("chains_in_file")
        yield f"of {in_file} chains in the file left out: {told}"


def _restated(task: TaskRun) -> Iterator[str]:
    """How far chains go on behind the first statement of their answer."""
    if "cut" not in task.settings:  # where a chain ends was not a question
        return
    read = [chain for chain in task.chains if chain.outcome == "scored"]
    behind = [c.n_steps - 1 - c.stated_at for c in read if c.stated_at >= 0]
    going_on = [count for count in behind if count]
    if going_on:
        yield (
            f"{len(going_on)} of {counted(len(read), 'chain')} go on behind the first step "
            f"that states the answer: {sum(going_on)} of {sum(c.n_steps for c in read)} "
            "steps stand there (cut=first ends a chain before it)"
        )


def _several_chains(chains: Columns) -> Iterator[str]:
    problems = len(np.unique(chains.problem))
    if problems < len(chains):
        yield (
            f"{len(chains)} chains of {counted(problems, 'question')}: all chains of one "
            "question are one problem"
        )


def _sampled(task: TaskRun, scored: Columns, steps: Columns) -> Iterator[str]:
    """How many steps were drawn, where not all of them were intervened on."""
    pairs = set(zip(steps.chain.tolist(), steps.step.tolist(), strict=True))
    read = Counter(chain for chain, _ in pairs)
    shortened = [
        n
        for chain, n in zip(scored.chain, scored.n_steps, strict=True)
        if read[chain] < n
    ]
    if shortened:
        drawn = f"max_steps={task.settings.get('max_steps')} drew them at random"
        told = f"{len(pairs)} of {int(scored.n_steps.sum())} steps were asked about"
        yield (
            f"{told}: {drawn} from the {counted(len(shortened), 'longer chain')}, and each "
            "counts for those that it stands for; means and shares of steps estimate "
            "those of whole chains, medians, separation and correlations only nearly"
        )


def _several_draws(tables: Tables) -> Iterator[str]:
    """What the draw adds to the variance, where interventions were made several times."""
    steps = tables.steps
    if not steps["draw"].any():
        return
    told, most = [], 0
    for name in tables.interventions:
        of_one = steps[steps["intervention"] == name]
        if not of_one["draw"].any():
            continue
        most = max(most, int(of_one["draw"].max()) + 1)
        place = of_one.groupby(["chain", "step"], sort=False, observed=True).ngroup()
        found = draw_variance(of_one["effect"].to_numpy(), place.to_numpy())
        if not math.isnan(found.share_of_mean):
            told.append(
                f"{name} {found.share_of_mean:.0%} ({found.share_of_one:.0%} of one draw)"
            )
    made = f"each step was changed {most} times at random and its numbers averaged"
    yield (
        f"{made}; the draw's share of the variance over steps: {', '.join(told)}"
        if (told)
        else made
    )


def _not_applicable(name: str, steps: Columns) -> Iterator[str]:
    """A sentence where an intervention could not be made on some steps."""
    reasons = [reason for reason in steps.not_applicable.tolist() if reason]
    if reasons:
        told = "; ".join(sorted(set(reasons)))
        yield (
            f"{name} was not applicable to {len(reasons)} of {len(steps)} steps: {told}"
        )


def _sets(task: TaskRun, sets: Columns) -> Iterator[str]:
    """How searches for cores ended, which sets have no number and why, and the cost."""
    for kind in KINDS_OF_CORES:
        cores = sets[(sets.kind == kind) & (sets["name"] == "front")]
        if len(cores):
            ids = {
                ending: cores.chain[cores.ending == ending].tolist()
                for ending in ENDINGS
            }
            told = "; ".join(
                f"{ENDINGS[ending]} ({len(those)}"
                + (
                    f": {_some(those)})"
                    if ending in ("clean_misses", "budget")
                    else ")"
                )
                for ending, those in ids.items()
                if those
            )
            yield f"{kind} of {counted(len(cores), 'chain')}: {told}"
    others = sets[(sets.ending != "") & ~np.isin(sets.ending, list(ENDINGS))]
    for kind in dict.fromkeys(others.kind.tolist()):
        reasons = Counter(others.ending[others.kind == kind].tolist())
        told = "; ".join(f"{reason} ({n})" for reason, n in sorted(reasons.items()))
        yield f"{kind} of sets of steps without a number: {told}"
    requests = sum(chain.set_requests for chain in task.chains)
    if requests:
        tokens = sum(chain.set_tokens for chain in task.chains)
        read = f", {tokens:,} distinct tokens" if tokens else ""
        yield f"sets of steps took {requests:,} requests more{read}"


def _unlabelled(steps: Columns) -> Iterator[str]:
    """A sentence where some steps have a label and some have none."""
    _, first = np.unique(
        [f"{c}\0{k}" for c, k in zip(steps.chain, steps.step, strict=True)],
        return_index=True,
    )
    without = int(np.isnan(steps.load_bearing[first]).sum())
    if 0 < without < len(first):
        yield f"{without} of {len(first)} steps {'has' if without == 1 else 'have'} no label: no AUC counts {'it' if without == 1 else 'them'}"


def _carried_by_one(
    first: Sequence[Quantity], tables: Tables, choices: Choices
) -> Iterator[str]:
    """A sentence where one problem carries much of the primary metric's variance."""
    for quantity in first[:1]:
        sample = quantity.sample(_columns(quantity, tables), choices)
        heaviest = quantity.metric.by.heaviest(sample)
        if heaviest.share > LARGE_PART:
            numbers = tables.numbering.items()
            problem = next(name for name, k in numbers if k == heaviest.problem)
            chains = tables.chains
            ids = chains.loc[chains["problem"] == problem, "chain"].tolist()
            yield (
                f"one problem ({_some(ids)}) carries {heaviest.share:.0%} of the variance of "
                f"{quantity.name}: its interval hangs on it"
            )


def _at_ceiling(rows: Sequence[Row]) -> Iterator[str]:
    """A sentence where AUCs can rise no further."""
    names = [
        r.intervention for r in rows if r.metric == "auc" and r.estimate.point == 1
    ]
    if names:
        told = f"the AUC of {', '.join(names)} is at its ceiling of 1"
        yield f"{told}: it cannot tell this model from others there, the effects can"


# --- as text -----------------------------------------------------------------------

WITHOUT = "without"
WITHOUT_MEANING = (
    "the estimate without the steps that state the answer; its interval is in the "
    "other formats"
)

_ESTIMATE = tuple(field.name for field in fields(Estimate) if field.name != "note")

CSV_COLUMNS = (
    "model",
    "task",
    "task_version",
    "intervention",
    "metric",
    "unit",
    *_ESTIMATE,
    "meaning",
    "note",
)


def written(reports: Sequence[TaskReport]) -> Written:
    """A table a task: in the terminal what stands first, elsewhere everything."""
    legend: dict[str, str] = {}
    for report in reports:
        beside = _beside(report)
        shown = _lines(report, beside)
        legend |= {row.metric: f"{row.meaning} ({row.unit})" for row in shown}
        legend |= {WITHOUT: WITHOUT_MEANING} if beside else {}
    return Written(
        sections=tuple(s for r in reports for s in (card_section(r), _section(r))),
        more=tuple(s for r in reports for s in (card_section(r), _whole_section(r))),
        legend=legend,
        columns=CSV_COLUMNS,
        rows=[as_row(report, row) for report in reports for row in report.rows],
        content={"reports": [_report_to_dict(report) for report in reports]},
    )


def card_section(report: TaskReport) -> Section:
    """The card as a table."""
    return Section(
        f"{_title(report)}: what could explain the effects away",
        tuple(Column(name, name in ("number", "interval")) for name in HEADINGS),
        tuple(line.cells for line in report.card.lines),
        (report.card.sentence,),
    )


def _section(report: TaskReport) -> Section:
    """The terminal's table: the last column is without the steps that state the answer."""
    beside = _beside(report)
    return Section(
        _title(report),
        (*_headings(report), *([Column(WITHOUT, numbers=True)] if beside else [])),
        tuple(
            (
                *_cells(row),
                *(
                    [_point(beside.get((row.intervention, row.metric)))]
                    if beside
                    else []
                ),
            )
            for row in _lines(report, beside)
        ),
        report.warnings,
        _head(report),
    )


def _whole_section(report: TaskReport) -> Section:
    return Section(
        _title(report),
        (*_headings(report), Column("meaning")),
        tuple((*_cells(row), row.meaning) for row in report.rows),
        report.warnings,
        _head(report),
    )


def _head(report: TaskReport) -> str:
    """The first number of written chains with and without the steps that state the answer,
    its median beside the mean; nothing where no number is without them."""
    first = report.row(report.primary[0]) if report.primary else None
    beside = _beside(report)
    if first is None or (first.intervention, first.metric) not in beside:
        return ""
    shown = {first.metric: first.name}
    shown.setdefault(median_beside(first.metric), "the median step")
    told = []
    for metric, name in shown.items():
        row = report.row(f"{first.intervention}_{metric}")
        without = beside.get((first.intervention, metric))
        if row is not None and without is not None:
            told.append(
                f"{name} {with_interval(row.estimate, row.unit)}, without the steps that "
                f"state the answer {with_interval(without.estimate, without.unit)}"
            )
    return "; ".join(told)


def _title(report: TaskReport) -> str:
    task = report.task
    told = f"version {task.version}, {counted(task.n_documents, 'document')}"
    path = f" [{brief(report.model_path)}]" if _says_more(report) else ""
    return f"{report.model}{path}: {task.task} ({told})"


def _says_more(report: TaskReport) -> bool:
    """Whether the model's path says more than its name: it does not end in it."""
    return bool(report.model_path) and not report.model.startswith(
        last_part(report.model_path)
    )


def _headings(report: TaskReport) -> tuple[Column, ...]:
    levels = [row.estimate.confidence_level for row in report.rows] or [0.95]
    return (
        Column("intervention"),
        Column("metric"),
        Column("estimate", numbers=True),
        Column(f"{100 * levels[0]:g}% interval", numbers=True),
        Column("problems", numbers=True),
        Column("steps", numbers=True),
    )


def _cells(row: Row) -> tuple[str, ...]:
    e = row.estimate
    return (
        row.intervention,
        row.metric,
        number(e.point, row.unit),
        interval(e, row.unit),
        str(e.n_problems),
        str(e.n_steps),
    )


def _point(row: Row | None) -> str:
    return number(row.estimate.point, row.unit) if row else ""


def _lines(report: TaskReport, beside: Mapping[tuple[str, str], Row]) -> list[Row]:
    """The rows that have a line: not those that stand in the last column of others."""
    last = {(row.intervention, row.metric) for row in beside.values()}
    return [
        row
        for row in report.rows
        if row.shown and (row.intervention, row.metric) not in last
    ]


def _beside(report: TaskReport) -> dict[tuple[str, str], Row]:
    """Rows that leave out the steps that state the answer, by the others' names."""
    rows = {(row.intervention, row.metric): row for row in report.rows}
    return {
        key: rows[row.intervention, row.without]
        for key, row in rows.items()
        if row.without
    }


def as_row(report: TaskReport, row: Row) -> dict[str, Any]:
    """An estimate as one row of a table, by column."""
    return {
        "model": report.model,
        "task": report.task.task,
        "task_version": report.task.version,
        "intervention": row.intervention,
        "metric": row.metric,
        "unit": row.unit,
        **asdict(row.estimate),
        "meaning": row.meaning,
    }


def _report_to_dict(report: TaskReport) -> dict[str, Any]:
    return {
        "model": report.model,
        "model_path": report.model_path,
        "task": report.task.task,
        "task_version": report.task.version,
        "setting": report.task.setting,
        "n_shot": report.task.n_shot,
        "settings": dict(report.task.settings),
        "n_documents": report.task.n_documents,
        "card": report.card.to_dict(),
        "estimates": [
            {
                "intervention": row.intervention,
                "metric": row.metric,
                "meaning": row.meaning,
                "unit": row.unit,
                **asdict(row.estimate),
            }
            for row in report.rows
        ],
        "primary": list(report.primary),
        "warnings": list(report.warnings),
        "samples_file": report.task.path.name,
    }
