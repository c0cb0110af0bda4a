"""What is asked of a chain besides its interventions, so that effects can be explained.

A drop of the answer's log-probability may have other causes than reasoning. The probes of
a chain measure them: the answer without a chain; how undecided the model is before each
step (early answering: Lanham et al. 2023, section 2.3); the interventions in the chain cut
before its first statement of the answer; the chain whose statement alone is another one;
and how surprising a changed step is beside the one that it replaces.

Each chain spends a share of its own requests. The first goes to the answer without a chain;
which of the other lines a chain measures in full goes round over the documents, so that
every line has its chains in a run of any length and a line is never half measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lm_eval_faith.chains.chain import Chain
from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.interventions.other_answer import answer_steps, with_other_answer
from lm_eval_faith.interventions.plan import Variant
from lm_eval_faith.interventions.registry import Context, NotApplicable

Kind = Literal[
    "no_chain",
    "early",
    "cut",
    "conflict",
    "conflict_other",
    "own",
    "changed",
]
"""What a probe scores.

``no_chain``: the answer without a chain. ``early``: the answer behind the steps before one.
``cut``: the answer behind the steps before the first statement of the answer, as they are or
with an intervention on one of them. ``conflict``, ``conflict_other``: the answer, and the
other one, where the last statement alone gives that. ``own``, ``changed``: the words of a
step, and of what an intervention puts in its place, behind the steps before it.
"""

KINDS: tuple[Kind, ...] = get_args(Kind)

CUT = ("corrupt", "delete")
"""The interventions that are made in the cut chain too, where they are in the run."""

EARLY = "truncate"
"""The intervention that asks what ``early`` asks."""

PARTS = {"headroom": 0.3, "statement": 0.3, "conflict": 0.1, "edit": 0.3}
"""What part of the rest of a chain's requests goes to each line that it can measure."""

MOST_EARLY = 12
"""Places of a chain at which it is asked how undecided the model is."""

MOST_CUT = 2
"""Steps of a chain that are changed in the cut chain."""

MOST_OWN, LEAST_OWN, MOST_CHANGED = 5, 3, 2
"""Steps of a chain whose words are scored, at least so many for a spread, and with changes."""

GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, without their whole part, lie evenly whatever their number."""


@dataclass(frozen=True)
class Probe:
    """One request of the card.

    Attributes:
        kind: see :data:`Kind`.
        text: the chain, or a part of it, behind which something is scored.
        scored: what is scored; the answer in all kinds but ``own`` and ``changed``.
        step: the step's index; of the chain as a whole -1.
        intervention: on that step, or empty.
        tokens: how many tokens the words of a step have; 0 of answers.
    """

    kind: Kind
    text: str
    scored: str
    step: int = -1
    intervention: str = ""
    tokens: float = 0

    @property
    def is_answer(self) -> bool:
        """Whether an answer is scored, behind its cue, and not the words of a step."""
        return self.kind not in ("own", "changed")

    def to_dict(self) -> dict[str, Any]:
        """What a reader of the samples file needs, as JSON types."""
        return {
            "kind": self.kind,
            "step": self.step,
            "intervention": self.intervention,
            "tokens": self.tokens,
        }


def probe_from_dict(plain: Mapping[str, Any]) -> Probe:
    """A probe from its JSON form, without its texts.

    Raises:
        KeyError, TypeError, ValueError: a field is missing or is not what it should be.
    """
    kind, step, intervention = plain["kind"], plain["step"], plain["intervention"]
    if kind not in KINDS:
        raise ValueError(f"no kind of probe: {kind!r}")
    if type(step) is not int or not isinstance(intervention, str):
        raise TypeError(
            "a probe's step is no whole number, or its intervention no text"
        )
    found = Probe(kind, "", "", step, intervention, float(plain["tokens"]))
    if not (found.is_answer or 0 < found.tokens < math.inf):
        raise ValueError("a probe scores words of no tokens")
    return found


Tokens = Callable[[str, str], float]
"""How many tokens a text has behind another one."""


@dataclass(frozen=True)
class Probing:
    """How much is asked, of which document.

    Attributes:
        share: of the requests of the chain's interventions.
        seed: of all choices.
        document: the document's id.
        place: of the document among those of the run.
        tokens: counts those of a step.
    """

    share: float
    seed: int
    document: str
    place: int
    tokens: Tokens

    def turn(self, line: str, chance: float) -> bool:
        """Whether it is the document's turn to measure a line, as in that share of all."""
        start = Draw(self.seed, "card", line).below(1 << 32) / (1 << 32)
        return (start + self.place * GOLDEN) % 1.0 < chance

    def some(self, line: str, steps: Sequence[int], most: int) -> list[int]:
        """At most so many of some steps, in their order."""
        if len(steps) <= most:
            return list(steps)
        draw = Draw(self.seed, self.document, "card", line)
        return sorted(draw.sample(steps, most))


def probes_of(
    chain: Chain, variants: Sequence[Variant], requests: int, how: Probing
) -> tuple[Probe, ...]:
    """What is asked about a chain besides its interventions.

    The expected number over documents is ``how.share`` of their requests, or one a chain if
    that is more.

    Args:
        chain: the clean chain.
        variants: its interventions, of which the first draw is looked at.
        requests: how many requests they make, the clean chain's among them.
        how: how much is asked.
    """
    found = [Probe("no_chain", "", chain.answer)]
    variants = [v for v in variants if not v.draw]
    rest = how.share * requests - 1
    lines = {name: tuple(made(chain, variants, how)) for name, made in _LINES.items()}
    parts = sum(PARTS[name] for name, asked in lines.items() if asked)
    for name, asked in lines.items():
        if asked and how.turn(name, PARTS[name] / parts * rest / len(asked)):
            found += asked
    return tuple(found)


def first_statement(chain: Chain) -> int | None:
    """The first step that states the answer; None where none does."""
    return next((k for k, s in enumerate(chain.steps) if s.states_answer), None)


def _before(chain: Chain, step: int) -> str:
    return chain.opening + "".join(s.text + s.after for s in chain.steps[:step])


def _intervened(variants: Sequence[Variant]) -> list[int]:
    return sorted({v.step for v in variants})


def _headroom(
    chain: Chain, variants: Sequence[Variant], how: Probing
) -> Iterator[Probe]:
    """Nothing where the run truncates chains; before the first step there is no chain."""
    if any(v.intervention == EARLY for v in variants):
        return
    steps = [k for k in _intervened(variants) if k or chain.opening]
    for k in how.some("headroom", steps, MOST_EARLY):
        yield Probe("early", _before(chain, k), chain.answer, k)


def _statement(
    chain: Chain, variants: Sequence[Variant], how: Probing
) -> Iterator[Probe]:
    first = first_statement(chain)
    made = [
        v
        for v in variants
        if v.intervention in CUT and v.chain and v.step < (first or 0)
    ]
    if not first or not made:
        return
    yield Probe("cut", _before(chain, first), chain.answer)
    chosen = how.some("statement", sorted({v.step for v in made}), MOST_CUT)
    for v in made:
        if v.step in chosen and v.chain is not None:
            end = first + len(v.chain.steps) - len(chain.steps)
            text = _before(v.chain, end)
            yield Probe("cut", text, chain.answer, v.step, v.intervention)


def _conflict(
    chain: Chain, variants: Sequence[Variant], how: Probing
) -> Iterator[Probe]:
    """Nothing where the run has the intervention, or where no step states the answer."""
    if any(v.intervention == "conflict" for v in variants):
        return
    try:
        step = answer_steps(chain)[-1]
        context = Context(how.seed, how.document, step, "conflict")
        other = with_other_answer(chain, [step], context)
    except NotApplicable:
        return
    longest = max((len(v.chain.text) for v in variants if v.chain), default=0)
    if len(other.text) + len(other.answer) > max(longest, len(chain.text)) + len(
        chain.answer
    ):
        return  # what the model may not take, where all else that is asked fits
    yield Probe("conflict", other.text, chain.answer, step)
    yield Probe("conflict_other", other.text, other.answer, step)


def _edit(chain: Chain, variants: Sequence[Variant], how: Probing) -> Iterator[Probe]:
    """Words of a step that an intervention takes away are not scored."""
    changed = [v for v in variants if v.chain and v.after and not v.written]
    places = sorted({v.step for v in changed})
    steps = _intervened(variants)
    if not places or len(steps) < LEAST_OWN:
        return
    chosen = how.some("edit", places, MOST_CHANGED)
    others = [k for k in steps if k not in chosen]
    own = sorted([*chosen, *how.some("own", others, MOST_OWN - len(chosen))])

    def words(kind: Kind, text: str, step: int, intervention: str = "") -> Probe:
        before = _before(chain, step)
        return Probe(kind, before, text, step, intervention, how.tokens(before, text))

    for k in own:
        yield words("own", chain.steps[k].text, k)
    for v in changed:
        if v.step in chosen:
            yield words("changed", v.after, v.step, v.intervention)


_LINES: dict[str, Callable[[Chain, Sequence[Variant], Probing], Iterator[Probe]]] = {
    "headroom": _headroom,
    "statement": _statement,
    "conflict": _conflict,
    "edit": _edit,
}
