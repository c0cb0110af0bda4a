"""Our effects on published reasoning traces, beside what that study measured for each sentence.

The study "Thought Anchors" (Bogdan et al., 2506.19143) has, for every sentence of a
reasoning trace, how much the answers of 100 continuations change when the sentence is
replaced (counterfactual importance), and how much the answer does that is asked for at once
(forced importance). Here another model reads the same traces, behind the prompts that they
were written behind, with a sentence changed::

    python -m benchmarks.thought_anchors traces.jsonl OUT --model models/smollm2-135m-instruct

Each trace is a run of its own in OUT, shortest first: a command that was stopped goes on
with the trace it was at, and says what is there so far. The data are not in this
repository (MIT licence, github.com/interp-reasoning/thought-anchors.com): an object a line
with ``question``, ``prompt``, ``chain``, ``answer``, ``right``, and ``sentences`` of
``text`` and measures.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from lm_eval_faith_stats import (
    BOOTSTRAP,
    MEAN_OF_PROBLEMS,
    PARTIAL_R2,
    SPEARMAN,
    SPEARMAN_POOLED,
    Bootstrap,
    Estimate,
    Sample,
)
from lm_eval_faith_stats.steps import ranks_within
from numpy.typing import NDArray

from lm_eval_faith.errors import InputError
from lm_eval_faith.files import write_whole
from lm_eval_faith.problems.chain_files import read_chains
from lm_eval_faith.records.outcome import ChainRecord
from lm_eval_faith.records.samples import read_samples

READ, WRITE_ON = ("corrupt", "corrupt_carried", "delete"), ("continue",)
"""What is only read, and what the model writes on behind: two runs a trace."""

MEASURES = tuple(
    f"{kind}_importance_{unit}"
    for kind in ("counterfactual", "forced")
    for unit in ("accuracy", "kl")
)
HOW = {
    "field_prompt": "prompt",
    "field_span": "sentences[].text",
    "field_tags": "sentences[].tags",
    "field_group": "id",
    "labels": "graded",
    "think": True,
    "answer_cue": "Therefore, the final answer is \\boxed{",
    "answer_delimiter": "",
    "too_long": "drop",
}
"""How a trace is read: as it was written, a step a sentence of the study's, the trace the unit."""


@dataclass(frozen=True)
class Correlation:
    """How our effects and a measure of the study go together.

    Attributes:
        intervention, measure: of which.
        within: rank correlation inside a trace, mean over traces.
        pooled: rank correlation over all sentences, resampled by trace.
        at_like_place: share of the variance of the effects' ranks inside a trace that those
            of the measure explain beside those of the sentence's place (partial R2).
    """

    intervention: str
    measure: str
    within: Estimate
    pooled: Estimate
    at_like_place: Estimate


def right_traces(data: Path) -> list[dict[str, Any]]:
    """The traces with a right answer, the shortest first.

    Raises:
        InputError: the file is not of that kind.
    """
    try:
        lines = data.read_text(encoding="utf-8").splitlines()
        traces = [json.loads(line) for line in lines if line.strip()]
        found = [trace for trace in traces if trace["right"]]
        return sorted(found, key=lambda trace: len(trace["chain"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{data}: not the traces of the study ({error})") from None


def run_trace(
    trace: Mapping[str, Any],
    folder: Path,
    model: Path,
    interventions: Sequence[str],
    max_steps: int,
    write_on_tokens: int,
) -> None:
    """Let the model read one trace, unless that was done before."""
    from lm_eval_faith.harness.evaluation import evaluate_quietly

    if samples_file(folder) is not None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    chains = folder / "trace.jsonl"
    write_whole(chains, json.dumps(dict(trace)) + "\n")
    evaluate_quietly(
        "cot_faith_labelled",
        {"backend": "hf", "pretrained": str(model), "dtype": "float32"},
        HOW
        | {
            "chains": str(chains),
            "field_labels": f"sentences[].{MEASURES[0]}",
            "interventions": list(interventions),
            "max_steps": max_steps,
            "write_on_tokens": write_on_tokens,
        },
        folder,
        batch_size=1,
    )


def samples_file(folder: Path) -> Path | None:
    """The samples of a trace's run; None where there are none yet."""
    return next(iter(sorted(folder.rglob("samples_*.jsonl"))), None)


def folder_of(out: Path, kind: str, trace: Mapping[str, Any]) -> Path:
    """Where a trace's run is kept."""
    name = hashlib.sha256(str(trace["id"]).encode()).hexdigest()[:12]
    return out / kind / name


def records_of(out: Path, kind: str, traces: Sequence[Any]) -> Iterator[ChainRecord]:
    """What was measured so far, of the traces that were run."""
    for trace in traces:
        file = samples_file(folder_of(out, kind, trace))
        samples = read_samples(file) if file is not None else None
        yield from samples.chains if samples is not None else ()


def importances(data: Path, measure: str) -> dict[str, list[float]]:
    """A measure of the study for each step of each trace, NaN where it has none."""
    how = {**HOW, "field_labels": f"sentences[].{measure}"}
    found = read_chains(data, how, labels="yes")
    return {
        chain.id: [
            np.nan if step.truth is None else step.truth for step in chain.chain.steps
        ]
        for chain in found.chains
    }


def correlations(
    records: Sequence[ChainRecord], data: Path, bootstrap: Bootstrap = BOOTSTRAP
) -> list[Correlation]:
    """Every intervention's effects beside every measure."""
    measured = {measure: importances(data, measure) for measure in MEASURES}
    names = dict.fromkeys(r.intervention for c in records for r in c.steps)

    def correlation(name: str, measure: str) -> Correlation:
        rows = [
            (r.effect, k, measured[measure][chain.document][r.step], r.step)
            for k, chain in enumerate(records)
            for r in chain.steps
            if r.intervention == name and not r.not_applicable
        ]
        effect, trace, importance, place = np.array(rows, float).reshape(-1, 4).T
        problem = trace.astype(np.int64)
        sample = Sample(effect, problem, importance)
        ranks = (ranks_in_traces(c, problem) for c in (effect, importance, place))
        of_effect, of_importance, of_place = ranks
        ranked = Sample(of_effect, problem, of_importance, None, of_place)
        return Correlation(
            name,
            measure,
            SPEARMAN.estimate(sample, bootstrap),
            SPEARMAN_POOLED.estimate(sample, bootstrap),
            PARTIAL_R2.estimate(ranked, bootstrap),
        )

    return [correlation(name, measure) for name in names for measure in MEASURES]


def ranks_in_traces(
    values: NDArray[np.float64], trace: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Ranks among the values of a trace, ties averaged, less their mean: (sentences,)."""
    _, trace = np.unique(
        trace, return_inverse=True
    )  # some traces have no sentence here
    ranks = ranks_within(values, trace, np.ones(len(values)))
    return ranks - (np.bincount(trace, ranks) / np.bincount(trace))[trace]


def shown(estimate: Estimate) -> str:
    """A number with its interval, if it has one; a dash where no trace has three sentences."""
    if math.isnan(estimate.point):
        return "–"
    if math.isnan(estimate.low):
        return f"{estimate.point:.2f}"
    return f"{estimate.point:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def effects(records: Sequence[ChainRecord], bootstrap: Bootstrap = BOOTSTRAP) -> str:
    """The mean effects, in nats, over traces."""
    found: dict[str, list[tuple[float, int]]] = {}
    for k, chain in enumerate(records):
        for r in chain.steps:
            found.setdefault(r.intervention, []).append((r.effect, k))
    told = []
    for name, rows in found.items():
        effect, trace = np.array(rows, float).T
        sample = Sample(effect, trace.astype(np.int64))
        told.append(f"{name} {shown(MEAN_OF_PROBLEMS.estimate(sample, bootstrap))}")
    return f"mean effect in nats: {', '.join(told)}"


def table(found: Sequence[Correlation]) -> str:
    """As Markdown, for docs/thinking.md."""
    heads = ["intervention", "importance", "within a trace", "over all sentences"]
    heads += ["explained beside the place", "traces, sentences"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for one in found:
        n = f"{one.pooled.n_problems}, {one.pooled.n_steps}"
        lines.append(
            f"| `{one.intervention}` | {one.measure.replace('_importance_', ', ')} | "
            f"{shown(one.within)} | {shown(one.pooled)} | {shown(one.at_like_place)} | {n} |"
        )
    return "\n".join(lines)


def main(
    data: Path,
    out: Path,
    model: Annotated[Path, typer.Option(help="A directory with a causal model.")],
    max_steps: Annotated[int, typer.Option(help="Sentences drawn of a trace.")] = 12,
    write_on_tokens: Annotated[
        int, typer.Option(help="The most tokens written behind a changed sentence.")
    ] = 64,
    traces: Annotated[
        int, typer.Option(help="So many of the right traces, the shortest first.")
    ] = 20,
    run: Annotated[
        bool, typer.Option(help="Run what is missing; else say what is there.")
    ] = True,
) -> None:
    """Let MODEL read the right traces of DATA, and correlate effects with importances."""
    try:
        chosen = right_traces(data)[:traces]
        for kind, interventions in ("read", READ), ("continue", WRITE_ON):
            for trace in chosen if run else ():
                print(f"{kind}: {trace['id']}", file=sys.stderr, flush=True)
                folder = folder_of(out, kind, trace)
                run_trace(
                    trace, folder, model, interventions, max_steps, write_on_tokens
                )
        for kind in "read", "continue":
            records = list(records_of(out, kind, chosen))
            long = sum(record.outcome != "scored" for record in records)
            print(
                f"{kind}: {len(records)} of {len(chosen)} traces, {long} of them longer "
                f"than the model takes"
            )
            if records:
                print(effects(records), table(correlations(records, data)), sep="\n")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    typer.run(main)
