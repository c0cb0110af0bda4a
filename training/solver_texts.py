"""What the embedded model learns from: provided chains to read, and solutions to write.

Its answer is the last total that the chain states, whatever the question says: in a
share of the texts the chain's numbers are wrong, and the answer follows the chain.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.interventions import Context, NotApplicable, get_intervention
from lm_eval_faith.problems import word_problems
from lm_eval_faith.problems.problem import Problem
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    rewritten,
    running_total_problem,
)
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from training.texts import CUE, PROMPT, TrainingText, joined

SPLIT = "train"
"""Part of a training problem's name: no task draws problems under it."""

HELD_OUT = 1000
"""So many first problems of the tasks' default seed are never trained on."""

LOOKED_UP = 15
"""Numbers in a text of looked-up numbers."""

LARGEST_MISTAKE = 9
EARLY = 5
"""One in so many texts comes before whole problems are learned."""

SHORT = (2, 3)
"""Operations in the problems that come first."""

SUMS = 25
"""In a text of bare sums."""

MOST_EXAMPLES = 3

_SUM = re.compile(r"(\d+) ([-+*]) (\d+) = (\d+)")
_COUNTED = tuple(word for word in word_problems.vocabulary() if word.isalpha())
_PLAIN = RunningTotalSettings()
_PROVIDED = (
    *[_PLAIN] * 6,
    replace(_PLAIN, question_lists_operands=False),
    replace(_PLAIN, step_separator="\n"),
)

_NEXT = 10**9  # further than there are texts

Pieces = list[tuple[str, bool]]


def solver_texts(count: int, seed: int) -> Iterator[TrainingText]:
    """Training texts in the order of learning.

    One in four is to read, the others are to write. In the first fifth more than half
    of the texts are bare sums and looked-up numbers instead, and problems to write are
    short: what a solution is made of is learned sooner by itself. One text in twenty
    is preceded by others, as few-shot examples would stand there.

    Args:
        count: number of texts.
        seed: another seed gives other problems.
    """
    held_out = held_out_questions()
    for index in range(count):
        draw = Draw("solver text", seed, index)
        early = EARLY * index < count
        exercise = draw.below(10) if early else None
        if exercise is not None and exercise < 6:
            yield _sums(draw) if exercise < 3 else _looked_up(draw)
            continue
        examples = draw.between(1, MOST_EXAMPLES) if draw.below(20) == 0 else 0
        places = range(examples + 1)
        if draw.below(4) == 0:
            texts = [_text_to_read(seed, index, k, held_out) for k in places]
        else:
            problems = replace(
                WordProblemSettings(problem_seed=seed),
                steps=SHORT if early else WordProblemSettings().steps,
            )
            texts = [_text_to_write(problems, index, k, held_out) for k in places]
        yield joined([*map(_as_example, texts[:-1]), texts[-1]])


def _sums(draw: Draw) -> TrainingText:
    """Sums such as the word problems hold, of which the results are learned."""
    pieces: Pieces = []
    while len(pieces) < 3 * SUMS:
        sign = draw.choice("+-*")
        before, operand = draw.between(1, 97), draw.between(2, 15)
        if sign == "*":
            before, operand = draw.between(1, 49), draw.between(2, 10)
        total = _result(before, sign, operand)
        if 1 <= total <= WordProblemSettings().largest:
            pieces += [(f" {before} {sign} {operand} =", False), (f" {total}", True)]
            pieces.append((".", False))
    return TrainingText(tuple(pieces), ended=False)


def _looked_up(draw: Draw) -> TrainingText:
    """Words with numbers, told once and then asked for in the same or another order."""
    words = draw.sample(_COUNTED, LOOKED_UP)
    told = [(f" {word}", f" {draw.between(2, 30)}") for word in words]
    asked = draw.sample(told, len(told)) if draw.below(2) else told
    shown = "".join(word + number for word, number in told)
    pieces: Pieces = [(shown + ".", False)]
    for word, number in asked:
        pieces += [(word, False), (number, True)]
    return TrainingText(tuple(pieces), ended=False)


def held_out_questions() -> frozenset[str]:
    """The questions of the tasks' default problems."""
    return frozenset(
        [word_problem(WordProblemSettings(), k).question for k in range(HELD_OUT)]
        + [running_total_problem(_PLAIN, k).question for k in range(HELD_OUT)]
    )


# --- chains to read --------------------------------------------------------------


def _text_to_read(
    seed: int, index: int, example: int, held_out: frozenset[str]
) -> TrainingText:
    draw = Draw("text to read", seed, index, example)
    settings = replace(draw.choice(_PROVIDED), problem_seed=seed)
    problem = _fresh(
        lambda k: running_total_problem(settings, k, f"{SPLIT}-{example}"),
        index,
        held_out,
    )
    chain, shown = _read_differently(problem.chain, draw)
    pieces = _prompt(problem.question)
    pieces.append((chain.opening, False))
    for k, step in enumerate(chain.steps):
        pieces += _step_to_read(step, step.label != "decoy" and k not in shown)
    return _finished(pieces, CUE, chain.answer)


def _step_to_read(step: Step, learned: bool) -> Pieces:
    """The step. A total is learned where the sum is written out: it starts from the
    last total, which is to be read. To work one out unwritten is not needed."""
    totals = [n.start for n in step.numbers if n.role == "total"]
    end = len(step.text)
    if totals and " = " not in step.text:
        end = totals[0] - 1  # the space is the number's
    return [(step.text[:end], learned), (step.text[end:], False), (step.after, False)]


def _read_differently(chain: Chain, draw: Draw) -> tuple[Chain, set[int]]:
    """The chain as it is, or with one intervention, and the steps that are only shown.

    The answer is the one that a reader of the last total gives.
    """
    kind = draw.below(10)
    step = draw.below(len(chain.steps))
    if kind < 4:
        return _intervened(chain, step, "corrupt", draw), {step}
    if kind == 4:
        changed = _intervened(chain, step, "corrupt_local", draw)
        return replace(changed, answer=_last_total(changed)), {step}
    if kind == 5:
        name = "control" if chain.steps[step].states_answer else "filler"
        return _intervened(chain, step, name, draw), {step}
    if kind == 6:
        return _intervened(chain, step, "control", draw), {step}
    return chain, set()


def _intervened(chain: Chain, step: int, name: str, draw: Draw) -> Chain:
    ours = any(each.numbers for each in chain.steps)
    context = Context(
        draw.below(2**32),
        "training",
        step,
        name,
        rewrite=functools.partial(rewritten, chain) if ours else None,
    )
    try:
        changed: Chain = get_intervention(name)(chain, step, context)
        return changed
    except NotApplicable:
        return chain


def _last_total(chain: Chain) -> str:
    """The total that the chain states last."""
    stated = [
        step.text[number.start : number.end]
        for step in chain.steps
        for number in step.numbers
        if number.role == "total"
    ]
    return stated[-1]


# --- solutions to write ----------------------------------------------------------


def _text_to_write(
    settings: WordProblemSettings, index: int, example: int, held_out: frozenset[str]
) -> TrainingText:
    draw = Draw("text to write", settings.problem_seed, index, example)
    problem = _fresh(
        lambda k: word_problem(settings, k, f"{SPLIT}-{example}"), index, held_out
    )
    kind = draw.below(10)
    if kind < 2:
        chain, wrong = _with_mistake(problem.chain, draw)
    elif kind == 2:
        chain, wrong = _with_wrong_numbers(problem.chain, draw)
    else:
        chain, wrong = problem.chain, set()
    pieces = _prompt(problem.question)
    for k, step in enumerate(chain.steps):
        pieces += _step_to_write(step, k not in wrong, kind == 3, draw)
    return _finished(pieces, " " + CUE, chain.answer)


def _step_to_write(step: Step, learned: bool, aside: bool, draw: Draw) -> Pieces:
    """The step, perhaps with an aside behind it that is only shown."""
    pieces = [(step.text, learned)]
    if aside and draw.below(2):
        chain = _intervened(Chain((step,), answer=""), 0, "control", draw)
        pieces.append((chain.steps[0].text[len(step.text) :], False))
    return [*pieces, (step.after, learned)]


def _with_mistake(chain: Chain, draw: Draw) -> tuple[Chain, set[int]]:
    """A wrong total in one step, from which the later steps go on."""
    place = draw.below(len(chain.steps))
    change = draw.choice(
        [c for c in range(-LARGEST_MISTAKE, LARGEST_MISTAKE + 1) if c != 0]
    )
    steps, total = list(chain.steps), 0
    for k in range(place, len(steps)):
        found = _SUM.search(steps[k].text)
        if found is None:
            raise ValueError(f"a step without a sum: {steps[k].text!r}")
        before = int(found[1]) if k == place else total
        total = _result(before, found[2], int(found[3]))
        total += change if k == place else 0
        if not 1 <= total <= WordProblemSettings().largest:
            return chain, set()
        text = f"{before} {found[2]} {found[3]} = {total}"
        words = steps[k].text
        steps[k] = replace(
            steps[k], text=words[: found.start()] + text + words[found.end() :]
        )
    return Chain(tuple(steps), str(total)), {place}


def _result(before: int, sign: str, operand: int) -> int:
    return {"+": before + operand, "-": before - operand, "*": before * operand}[sign]


def _with_wrong_numbers(chain: Chain, draw: Draw) -> tuple[Chain, set[int]]:
    """Other numbers in one step, and later steps as they were; none is learned from
    there on, for what follows does not fit."""
    place = draw.below(len(chain.steps))
    changed = _intervened(chain, place, "corrupt", draw)
    found = _SUM.search(changed.steps[-1].text)
    answer = chain.answer if found is None else found[4]
    return replace(changed, answer=answer), set(range(place, len(chain.steps)))


# --- both ------------------------------------------------------------------------


def _prompt(question: str) -> Pieces:
    return [(PROMPT.format(question=question), False), ("\n", True)]


def _as_example(text: TrainingText) -> TrainingText:
    """The text as few-shot examples show it, without the last full stop."""
    *pieces, (end, learned) = text.pieces
    return TrainingText((*pieces, (end.removesuffix("."), learned)))


def _finished(pieces: Pieces, cue: str, answer: str) -> TrainingText:
    return TrainingText((*pieces, (f"{cue} {answer}.", True)))


def _fresh(
    make: Callable[[int], Problem], index: int, held_out: frozenset[str]
) -> Problem:
    """The problem of that number, or of another one if its question is held out."""
    problem = make(index)
    while problem.question in held_out:
        index += _NEXT
        problem = make(index)
    return problem
