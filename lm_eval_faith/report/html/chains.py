"""The chains of a page, small enough to be sent by mail: what the chain browser reads.

Texts stand once each. What an intervention puts in a step's place is told by what it
shares with the step: so many characters at the beginning, so many at the end, and the
words between. Positions in texts are in UTF-16 units, as scripts count.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lm_eval_faith.interventions import is_control
from lm_eval_faith.records.edits import Edit, edits
from lm_eval_faith.records.outcome import (
    ChainRecord,
    StepRecord,
    control_effects,
    mean_of_known,
)
from lm_eval_faith.records.prompts import Prompts, prompts_of
from lm_eval_faith.records.run import TaskRun
from lm_eval_faith.records.sets import KINDS_OF_CORES as CORES
from lm_eval_faith.report.html.document import as_data
from lm_eval_faith.report.html.sentences import (
    intervention_words,
    interventions_told,
)
from lm_eval_faith.report.html.telling import Telling, telling
from lm_eval_faith.report.report import TaskReport
from lm_eval_faith.shown import plain

LARGEST_PAGE = 2_900_000
"""Bytes of a page with its chains: they are sampled where they do not fit."""

LEAST_OF_CHAINS = 300_000
"""Bytes of chains on a page whose figures alone are that large."""

MOST_PROBLEMS = 2_000
"""Problems that are browsed with ease."""

SCALE = (-4.0, -1.0, -0.25, 0.25, 1.0, 2.0, 4.0, 8.0)
"""Nats between which a step has one colour: the one scale of the page."""

MOST_PROMPTS, LARGEST_PROMPTS = 200, 300_000
"""Problems of a run, and bytes of a page, whose whole prompts are shown."""

Key = tuple[str, str]
"""A problem: the document's id, and a digest of its question."""


@dataclass(frozen=True)
class PromptView:
    """The prompt of a chain, and how those of its interventions differ from it.

    ``parts`` are texts in their order; None stands for the question, False for the chain.
    """

    parts: tuple[str | None | bool, ...]
    changed: Mapping[tuple[str, int], tuple[Edit, ...]]


@dataclass(frozen=True)
class BrowsedTask:
    """One task of one run, its chains not yet packed.

    Attributes:
        model, task, setting: names.
        threshold: nats at which a step of a written chain is load-bearing.
        interventions: names, in the order in which they ran.
        documents: all problems of the file.
        chains: those that may be shown, by problem: in every run the first by the order
            of :func:`_lot`.
        told: what stands above a chain that was only read, by problem.
        telling: the chains that the page opens with.
        prompts: what the model read, of some problems.
    """

    model: str
    task: str
    setting: str
    threshold: float
    interventions: tuple[str, ...]
    documents: tuple[Key, ...]
    chains: Mapping[Key, ChainRecord]
    told: Mapping[Key, str] = field(default_factory=dict)
    telling: tuple[Telling, ...] = ()
    prompts: Mapping[Key, PromptView] = field(default_factory=dict)

    @functools.cached_property
    def not_kept(self) -> frozenset[Key]:
        """Problems whose chains did not fit."""
        return frozenset(self.documents) - self.chains.keys()


READ = "read"
"""The setting of chains that were read from a file, and not by a model."""


def browsed_file(
    name: str, chains: Sequence[tuple[ChainRecord, str]], intervention: str
) -> BrowsedTask:
    """What a file brings to the chain browser: its chains as they are read.

    Args:
        name: the file.
        chains: records of which nothing was measured, with what stands above each.
        intervention: the one that the records show.
    """
    there = {problem_key(chain): chain for chain, _ in chains}
    told = {problem_key(chain): words for chain, words in chains}
    return BrowsedTask(
        "", name, READ, 0.0, (intervention,), tuple(there), _that_fit(there), told
    )


def _that_fit(chains: Mapping[Key, ChainRecord]) -> dict[Key, ChainRecord]:
    """No more than a page can hold."""
    kept: dict[Key, ChainRecord] = {}
    used = 0
    for key in sorted(chains, key=_lot):
        used += _least_size(chains[key])
        if used > LARGEST_PAGE or len(kept) >= MOST_PROBLEMS:
            break
        kept[key] = chains[key]
    return kept


def browsed(report: TaskReport, task: TaskRun) -> BrowsedTask:
    """What a run brings to the chain browser: no more than a page can hold."""
    chains = {problem_key(chain): chain for chain in task.chains}
    scored = [chain for chain in task.chains if not chain.left_out]
    kept = _that_fit(chains)
    first = next(iter(interventions_told(report)), "")
    opening = telling(kept, first, report.choices.threshold)
    return BrowsedTask(
        model=report.model,
        task=report.task.task,
        setting=task.setting,
        threshold=report.choices.threshold,
        interventions=tuple(
            dict.fromkeys(r.intervention for c in scored for r in c.steps)
        ),
        documents=tuple(chains),
        chains=kept,
        telling=opening,
        prompts=_prompt_views(task, kept, [one.key for one in opening]),
    )


def _prompt_views(
    task: TaskRun, chains: Mapping[Key, ChainRecord], first: Sequence[Key]
) -> dict[Key, PromptView]:
    """Those of the problems that are drawn first."""
    drawn = [*first, *(key for key in sorted(chains, key=_lot) if key not in first)]
    chosen = {key[0]: key for key in drawn[:MOST_PROMPTS] if not chains[key].left_out}
    if not task.path.is_file():
        return {}
    return {
        chosen[document]: _prompt_view(prompts, chains[chosen[document]])
        for document, prompts in prompts_of(task.path, chosen).items()
    }


def _prompt_view(prompts: Prompts, chain: ChainRecord) -> PromptView:
    clean = plain(prompts.clean)
    before, question, behind = clean.partition(plain(chain.question))
    parts: list[str | None | bool] = [before, *([None, behind] if question else [])]
    last = str(parts[-1] or "")
    text = plain(chain.chain)
    if text and text in last:
        start, _, end = last.rpartition(text)
        parts[-1:] = [start, False, end]
    changed = {
        place: tuple(edits(clean, plain(context)))
        for place, context in prompts.changed.items()
    }
    return PromptView(tuple(parts), changed)


def problem_key(chain: ChainRecord) -> Key:
    """The same in every run of the same problem."""
    question = chain.question.encode("utf-8", "surrogatepass")
    return chain.document, hashlib.sha256(question).hexdigest()[:12]


@dataclass(frozen=True)
class Packed:
    """The chain browser's data, as JSON types, and how much of all it holds."""

    data: dict[str, Any]
    shown: int
    problems: int


def packed(tasks: Sequence[BrowsedTask], budget: int) -> Packed:
    """The chains of a page: all, or a sample that is the same each time.

    Args:
        tasks: of all runs on the page.
        budget: bytes that they may take.

    Problems are drawn by a digest of their ids, so runs of the same problems show the
    same ones; a problem is shown in all runs or in none. Those that the page opens with
    come first.
    """
    sets = in_sets(tasks)
    opening = {
        (one.key, name)
        for name, runs in sets.items()
        for r in runs
        for one in r.telling
    }
    lots = sorted(
        ((key, name) for name, runs in sets.items() for key in _all_keys(runs)),
        key=lambda drawn: (drawn not in opening, _lot(drawn[0]), drawn[1]),
    )
    texts = Texts()
    chosen: dict[tuple[str, str], dict[Key, list[Any]]] = {name: {} for name in sets}
    used = count = prompts = 0
    names = {name: _names(runs) for name, runs in sets.items()}
    for key, name in lots:
        if any(key in run.not_kept for run in sets[name]):
            if (key, name) in opening:
                continue
            break
        before = texts.size
        made = [_chain(run, key, names[name], texts) for run in sets[name]]
        if prompts < LARGEST_PROMPTS:
            there = texts.size
            told = [_prompt(run, key, names[name], texts) for run in sets[name]]
            prompts += texts.size - there + len(json.dumps(told, separators=(",", ":")))
            for chain, prompt in zip(made, told, strict=True):
                if chain is not None and prompt is not None:
                    chain += [None] * (10 - len(chain)) + [prompt]
        used += texts.size - before + len(json.dumps(made, separators=(",", ":")))
        if used > budget or count >= MOST_PROBLEMS:
            break
        chosen[name][key] = made
        count += 1
    data = {
        "scale": list(SCALE),
        "texts": texts.listed,
        "sets": [_set(runs, chosen[name]) for name, runs in sets.items()],
    }
    return Packed(data, count, len(lots))


def in_sets(tasks: Sequence[BrowsedTask]) -> dict[tuple[str, str], list[BrowsedTask]]:
    """The runs of each task, by its name and setting."""
    sets: dict[tuple[str, str], list[BrowsedTask]] = {}
    for task in tasks:
        sets.setdefault((task.task, task.setting), []).append(task)
    return sets


def numbers_of(runs: Iterable[BrowsedTask]) -> dict[Key, int]:
    """Problems are numbered over all runs of a task, from 1."""
    return {key: k for k, key in enumerate(sorted(_all_keys(runs), key=_natural), 1)}


def colour_of(effect: float) -> str:
    """The class of the colour of an effect."""
    if math.isnan(effect):
        return "na"
    below = sum(edge < 0 for edge in SCALE)
    k = sum(effect >= edge for edge in SCALE)
    return f"n{below - k}" if k < below else f"p{k - below}"


class Texts:
    """Texts by number, each once."""

    def __init__(self) -> None:
        self.listed: list[str] = []
        self.size = 0
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of a text whose control characters are shown."""
        if text not in self._numbers:
            self._numbers[text] = len(self.listed)
            self.listed.append(text)
            self.size += len(as_data(text).encode()) + 1
        return self._numbers[text]


def _names(runs: Iterable[BrowsedTask]) -> list[str]:
    """The interventions of all runs of a task."""
    return list(dict.fromkeys(name for run in runs for name in run.interventions))


def _all_keys(runs: Iterable[BrowsedTask]) -> set[Key]:
    return {key for run in runs for key in run.documents}


def _set(
    runs: Sequence[BrowsedTask], chosen: Mapping[Key, Sequence[Any]]
) -> dict[str, Any]:
    """The runs of one task."""
    numbers = numbers_of(runs)
    keys = sorted(chosen, key=numbers.__getitem__)
    names = _names(runs)
    return {
        "task": runs[0].task,
        "setting": runs[0].setting,
        "threshold": runs[0].threshold,
        "interventions": names,
        "words": [intervention_words(name) for name in names],
        "less": _less(names),
        "draws": [_most_draws(runs, name) for name in names],
        "models": told_apart([run.model for run in runs]),
        "total": len(numbers),
        "problems": [[numbers[key], key[0], *chosen[key]] for key in keys],
    }


def _most_draws(runs: Sequence[BrowsedTask], name: str) -> int:
    """How often the intervention was made on a step, at most."""
    draws = (
        r.draw
        for run in runs
        for chain in run.chains.values()
        for r in chain.steps
        if r.intervention == name
    )
    return 1 + max(draws, default=0)


def told_apart(models: Sequence[str]) -> list[str]:
    """Names, with a number where a model is there more than once."""
    return [
        f"{model} ({models[: k + 1].count(model)})"
        if models.count(model) > 1
        else model
        for k, model in enumerate(models)
    ]


# --- one chain ---------------------------------------------------------------------


def _chain(
    run: BrowsedTask, key: Key, names: Sequence[str], texts: Texts
) -> list[Any] | None:
    """A chain as the script reads it (see chains.js); None where the run has it not.

    ``[question, answer, solved, left out, clean log-probability, greedy, number of
    steps, pieces, steps]``: pieces are texts in their order, those of steps at odd
    places; a step is ``[index, label, states answer, third, variants]``, its variants in
    the order of the interventions' names, and where a core was found, whether it is in it (1),
    could stand in for one of its steps (2), or neither (0). What stands above a chain that
    was only read follows, and its prompt (see ``_prompt``), where there are such.
    """
    chain = run.chains.get(key)
    if chain is None:
        return None
    steps, core = _by_step(chain), _core(chain)
    controls = control_effects(chain)
    return [
        texts.number(plain(chain.question)),
        texts.number(plain(chain.answer)),
        None if chain.solved is None else int(chain.solved),
        texts.number(plain(chain.left_out)),
        _rounded(chain.clean_logprob),
        int(chain.clean_greedy),
        chain.n_steps,
        [texts.number(plain(piece)) for piece in _pieces(chain, steps)],
        [
            [
                k,
                {"load_bearing": 1, "decoy": 0}.get(records[0].label or ""),
                int(records[0].states_answer),
                records[0].third,
                _variants(records, names, texts, controls.get(k, math.nan)),
                *_more_of_step(core, k, records[0].truth),
            ]
            for k, records in steps.items()
        ],
        *([texts.number(plain(run.told[key]))] if key in run.told else []),
    ]


def _prompt(
    run: BrowsedTask, key: Key, names: Sequence[str], texts: Texts
) -> list[Any] | None:
    """``[parts, changes]``: parts are numbers of texts, -1 the question, -2 the chain; for
    each step and intervention the replacements in the clean prompt, flat: from, to, number
    of the text; null where the prompt is not known. Places are in UTF-16 units."""
    view, chain = run.prompts.get(key), run.chains.get(key)
    if view is None or chain is None:
        return None
    parts = [
        -1 if part is None else -2 if part is False else texts.number(str(part))
        for part in view.parts
    ]
    filled = {None: plain(chain.question), False: plain(chain.chain)}
    clean = "".join(filled[p] if not isinstance(p, str) else p for p in view.parts)
    return [
        parts,
        [
            [
                None
                if (name, k) not in view.changed
                else [
                    n
                    for start, end, text in view.changed[name, k]
                    for n in (
                        _units(clean[:start]),
                        _units(clean[:end]),
                        texts.number(text),
                    )
                ]
                for name in names
            ]
            for k in _by_step(chain)
        ],
    ]


def _more_of_step(core: Mapping[int, int] | None, k: int, truth: float) -> list[Any]:
    """Its place in the core and its graded label, where there are any."""
    graded = _rounded(truth)
    place = None if core is None else core.get(k, 0)
    return [place, graded] if graded is not None else [] if core is None else [place]


def _by_step(chain: ChainRecord) -> dict[int, list[StepRecord]]:
    found: dict[int, list[StepRecord]] = {}
    for record in chain.steps:
        found.setdefault(record.step, []).append(record)
    return dict(sorted(found.items()))


def _core(chain: ChainRecord) -> dict[int, int] | None:
    """The steps of the first core that was found, 1, and those that could stand in, 2."""
    for kind in CORES:
        inside = [r for r in chain.sets if r.kind == f"{kind}_step"]
        if inside:
            groups = [r.steps for r in chain.sets if r.kind == f"{kind}_restated"]
            standing_in = {k: 2 for steps in groups for k in steps}
            return standing_in | {
                r.steps[0]: 1 for r in inside if r.measured["in_core"]
            }
    return None


def _pieces(chain: ChainRecord, steps: Mapping[int, Sequence[StepRecord]]) -> list[str]:
    """The chain's text cut at its steps: what stands before the first one, the first, ..."""
    pieces, at = [], 0
    for records in steps.values():
        text = records[0].before
        found = chain.chain.find(text, at)
        if found < 0:  # not as it was written: then steps alone
            return [p for r in steps.values() for p in ("", r[0].before)] + [""]
        pieces += [chain.chain[at:found], text]
        at = found + len(text)
    return [*pieces, chain.chain[at:]]


def _variants(
    records: Sequence[StepRecord], names: Sequence[str], texts: Texts, control: float
) -> list[Any]:
    """One an intervention, None where it was not tried on the step.

    ``control`` is the effect of the control there, in nats; NaN where it was not run.
    """
    less = _less(names)
    draws: dict[str, list[StepRecord]] = {}
    for record in records:
        draws.setdefault(record.intervention, []).append(record)
    return [
        _variant(draws[name], texts, control if differs else None)
        if name in draws
        else None
        for name, differs in zip(names, less, strict=True)
    ]


def _less(names: Sequence[str]) -> list[bool]:
    """Which interventions' effects are shown less the control's."""
    controlled = any(map(is_control, names))
    return [controlled and not is_control(name) for name in names]


def _variant(
    draws: Sequence[StepRecord], texts: Texts, control: float | None
) -> list[Any]:
    """``[reason]``, or the numbers, and the words of the first draw.

    ``[effect, less the control's, log-probability, begins alike, ends alike, words
    between]`` and, where the chain leads elsewhere, ``other answer, its
    log-probability``. Of several draws effect and log-probability are the means. Where
    effects are not shown less a control's, that is 0.
    """
    made_of = [draw for draw in draws if not draw.not_applicable]
    if not made_of:
        return [texts.number(plain(draws[0].not_applicable))]
    record = made_of[0]
    effect = mean_of_known([draw.effect for draw in made_of])
    before, after = plain(record.before), plain(record.after)
    start = len(os.path.commonprefix((before, after)))
    rest = min(len(before), len(after)) - start
    end = len(os.path.commonprefix((before[::-1], after[::-1])))
    end = min(end, rest)
    made = [
        _rounded(effect),
        0 if control is None else _rounded(effect - control),
        _rounded(mean_of_known([draw.logprob for draw in made_of])),
        _units(after[:start]),
        _units(after[len(after) - end :]),
        texts.number(after[start : len(after) - end]),
    ]
    if record.other_answer:
        made += [
            texts.number(plain(record.other_answer)),
            _rounded(record.logprob_other),
        ]
    return made


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _least_size(chain: ChainRecord) -> int:
    """Bytes that a chain takes at least."""
    return len(chain.chain) + 20 * len(chain.steps)


def _lot(key: Key) -> str:
    """The order in which problems are drawn."""
    return hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()


def _natural(key: Key) -> tuple[list[tuple[int, int, str]], str]:
    """Problem 2 before problem 10."""
    parts = re.split(r"([0-9]{1,18})", key[0])
    return [(1, int(p), "") if k % 2 else (0, 0, p) for k, p in enumerate(parts)], key[
        1
    ]
