"""How a file of chains is read, before anything is spent on it.

What ``lm-eval-faith chains`` shows: the steps of every chain with what is known of them,
the answer that it states beside the right one, and why it is left out if it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lm_eval_faith.chains.chain import Label
from lm_eval_faith.interventions.plan import plan
from lm_eval_faith.problems.chain_files import (
    ChainsRead,
    ids_left_out,
    read_chains,
)
from lm_eval_faith.problems.record_chains import FileChain
from lm_eval_faith.records.outcome import ChainRecord, StepRecord

INTERVENTION = "corrupt"
"""The intervention that a step may have nothing for."""


@dataclass(frozen=True)
class ShownStep:
    """A step as it is read.

    Attributes:
        text: its words.
        states_answer: it states the final answer.
        label, truth: what the file says of it, in two kinds or as a number.
        not_corruptible: why its numbers cannot be changed; empty where they can.
        corrupted: what ``corrupt`` makes of it with seed 0; empty where it cannot.
    """

    text: str
    states_answer: bool
    label: Label | None
    truth: float | None
    not_corruptible: str
    corrupted: str

    @property
    def marks(self) -> list[str]:
        """What is known of it, a few words each."""
        said: list[str] = [self.label] if self.label else []
        said += [f"graded {self.truth:g}"] if self.truth is not None else []
        said += ["states the answer"] if self.states_answer else []
        said += (
            [f"not corruptible: {self.not_corruptible}"] if self.not_corruptible else []
        )
        return said


@dataclass(frozen=True)
class ShownChain:
    """A document as it is read; documents that are read alike are one.

    Attributes:
        ids: the documents.
        where: file and line of the first.
        question: the problem.
        text: the chain as one text, without its final statement.
        group: what the file says that chains of one question share.
        steps: the chain.
        own: the answer that it states; empty where none can be read.
        reference: the right answer; empty where the file has none.
        answer: the answer whose log-probability would be measured.
        verdict: whether it is right, and who says so.
        label, truth: what the file says of the chain as a whole.
        taken_off: labels of its final statement, which is no step.
        left_out: why it is not used; empty where it is.
    """

    ids: tuple[str, ...]
    where: str
    question: str
    text: str
    group: str
    steps: tuple[ShownStep, ...]
    own: str
    reference: str
    answer: str
    verdict: str
    label: str | None
    truth: float | None
    taken_off: int
    left_out: str

    @property
    def of_whole(self) -> str:
        """What the file says of the chain as a whole, in a word; empty for nothing."""
        return self.label or ("" if self.truth is None else f"{self.truth:g}")


@dataclass(frozen=True)
class ShownFile:
    """All of a file.

    Attributes:
        source: its name, as it was given.
        chains: in the order of the file.
        left_out: the ids of documents that are left out, by reason.
        n_documents, n_used: how many there are, and how many are used.
        told: what is to be known of the reading, a sentence each.
        parameters: how it was read.
    """

    source: str
    chains: tuple[ShownChain, ...]
    left_out: Mapping[str, list[str]]
    n_documents: int
    n_used: int
    told: tuple[str, ...]
    parameters: Mapping[str, Any]


def show_file(source: str | Path, parameters: Mapping[str, object]) -> ShownFile:
    """How a file is read with a user's parameters; labels too where there are some.

    Raises:
        InputError: it cannot be read.
    """
    read: ChainsRead = read_chains(source, parameters, "if there")
    left_out = ids_left_out(read.chains)
    return ShownFile(
        source=str(source),
        chains=tuple(_alike(map(_shown, read.chains))),
        left_out=left_out,
        n_documents=len(read.chains),
        n_used=len(read.chains) - sum(map(len, left_out.values())),
        told=tuple(read.told()),
        parameters=read.to_dict(),
    )


def _alike(chains: Iterable[ShownChain]) -> Iterable[ShownChain]:
    """Each reading once, with all the documents that have it."""
    found: dict[ShownChain, list[ShownChain]] = {}
    for chain in chains:
        found.setdefault(replace(chain, ids=(), where=""), []).append(chain)
    for same in found.values():
        yield replace(same[0], ids=tuple(id for chain in same for id in chain.ids))


def _shown(read: FileChain) -> ShownChain:
    chain = read.chain
    made = {v.step: v for v in plan(chain, [INTERVENTION], seed=0, document="")}
    steps = tuple(
        ShownStep(
            s.text,
            s.states_answer,
            s.label,
            s.truth,
            made[k].not_applicable,
            "" if made[k].not_applicable else made[k].after,
        )
        for k, s in enumerate(chain.steps)
    )
    return ShownChain(
        ids=(read.id,),
        where=read.where,
        question=read.question,
        text=chain.text,
        group=read.problem,
        steps=steps,
        own=read.own,
        reference=read.reference,
        answer=chain.answer,
        verdict=_verdict(read),
        label=chain.label,
        truth=chain.truth,
        taken_off=read.taken_off,
        left_out=read.left_out,
    )


def _verdict(read: FileChain) -> str:
    if read.correct is None:
        return "not judged" if read.own else "not read"
    word = "right" if read.correct else "wrong"
    return f"{word}, as the file says" if read.said_by_file else word


# --- written ---------------------------------------------------------------------


def as_dict(files: Iterable[ShownFile]) -> dict[str, Any]:
    """Everything, under ``files``, as JSON types."""
    return {"files": [asdict(file) for file in files]}


def as_text(files: Iterable[ShownFile], most: int = 0) -> str:
    """For a terminal: a summary of each file, then its chains.

    Args:
        most: chains of a file that are shown; 0 for all.
    """
    return "\n".join(line for file in files for line in _lines(file, most)) + "\n"


def _lines(file: ShownFile, most: int) -> Iterable[str]:
    chains = "1 chain" if file.n_documents == 1 else f"{file.n_documents} chains"
    yield f"{file.source}: {chains}, {file.n_used} used"
    yield from (f"  {sentence}" for sentence in file.told)
    for reason, ids in file.left_out.items():
        more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
        yield f"  left out, {reason}: {len(ids)} ({', '.join(ids[:8])}{more})"
    shown = file.chains[: most or None]
    for chain in shown:
        yield ""
        yield from _chain_lines(chain)
    if len(shown) < len(file.chains):
        yield ""
        yield f"{len(file.chains) - len(shown)} more: --limit 0 shows all"
    yield ""


def _chain_lines(chain: ShownChain) -> Iterable[str]:
    first, *others = chain.ids
    told = "left out, " + chain.left_out if chain.left_out else "used"
    yield f"{first}: {told}{f'; {chain.of_whole}' if chain.of_whole else ''}"
    if others:
        more = f" and {len(others) - 8} more" if len(others) > 8 else ""
        yield f"  read alike: {', '.join(others[:8])}{more}"
    yield f"  question: {on_one_line(chain.question)}"
    for k, step in enumerate(chain.steps, start=1):
        marks = f"  [{'; '.join(step.marks)}]" if step.marks else ""
        yield f"  {k:>4}  {on_one_line(step.text)}{marks}"
    yield f"  {answers_of(chain)}"


def answers_of(chain: ShownChain) -> str:
    """The answer that a chain states beside the right one, and the verdict."""
    own = f"its answer {on_one_line(chain.own)}" if chain.own else "no answer is read"
    reference = (
        f"reference {on_one_line(chain.reference)}"
        if chain.reference
        else "no reference"
    )
    return f"{own}, {reference}: {chain.verdict}"


def record_of(chain: ShownChain) -> ChainRecord:
    """A reading as a record of which nothing was measured, for the browser of chains.

    ``solved`` says whether it is used.
    """
    n_steps = len(chain.steps)
    return ChainRecord(
        document=chain.ids[0],
        question=chain.question,
        answer=chain.answer,
        chain=chain.text,
        clean_logprob=math.nan,
        clean_greedy=False,
        steps=tuple(
            StepRecord(
                step=k,
                n_steps=n_steps,
                label=step.label,
                states_answer=step.states_answer,
                intervention=INTERVENTION,
                before=step.text,
                after=step.corrupted,
                logprob_clean=math.nan,
                logprob=math.nan,
                other_answer="",
                logprob_other=math.nan,
                not_applicable=step.not_corruptible,
                truth=math.nan if step.truth is None else step.truth,
            )
            for k, step in enumerate(chain.steps)
        ),
        n_steps=n_steps,
        solved=not chain.left_out,
        left_out=chain.left_out,
    )


def told_of(chain: ShownChain) -> str:
    """What stands above a chain: its answers, its use, its label, and what is read alike."""
    used = f"left out: {chain.left_out}" if chain.left_out else "used"
    said = [answers_of(chain), used]
    said += [chain.of_whole] if chain.of_whole else []
    if len(chain.ids) > 1:
        others = ", ".join(chain.ids[1:9])
        more = f" and {len(chain.ids) - 9} more" if len(chain.ids) > 9 else ""
        said.append(f"read alike: {others}{more}")
    return " · ".join(said)


def on_one_line(text: str) -> str:
    """A text with its line breaks shown."""
    return "⏎".join(text.splitlines())
