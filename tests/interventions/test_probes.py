"""What is asked besides the interventions: the texts, how many, and of which chains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.interventions.plan import plan
from lm_eval_faith.interventions.probes import (
    GOLDEN,
    PARTS,
    Probe,
    Probing,
    probe_from_dict,
    probes_of,
)
from lm_eval_faith.problems.sources import source_named
from lm_eval_faith.records.outcome import n_requests

CHAIN = Chain(
    (
        Step("She has 3.", " "),
        Step("She buys 4.", " "),
        Step("So 3 + 4 = 7.", " ", states_answer=True),
        Step("It is 7.", " ", states_answer=True),
    ),
    "7",
)
EVERYTHING = 10.0


def probed(chain, names=("corrupt", "delete", "control"), share=EVERYTHING, **how):
    """All that is asked of a chain, each text of the chain being a token a character."""
    variants = plan(chain, names, seed=0, document="d")
    made = {"seed": 0, "document": "d", "place": 0, "tokens": lambda _, text: len(text)}
    return variants, probes_of(
        chain, variants, n_requests(variants), Probing(share=share, **{**made, **how})
    )


def of_kind(probes, *kinds):
    return [probe for probe in probes if probe.kind in kinds]


def test_the_answer_is_asked_for_without_a_chain_and_before_each_step():
    _, probes = probed(CHAIN)
    (without,) = of_kind(probes, "no_chain")
    assert (without.text, without.scored) == ("", "7")
    early = of_kind(probes, "early")
    assert [(p.step, p.text, p.scored) for p in early] == [
        (1, "She has 3. ", "7"),
        (2, "She has 3. She buys 4. ", "7"),
        (3, "She has 3. She buys 4. So 3 + 4 = 7. ", "7"),
    ]


def test_the_chain_is_cut_before_the_first_statement_with_each_step_changed():
    variants, probes = probed(CHAIN)
    clean, *changed = of_kind(probes, "cut")
    assert (clean.step, clean.text) == (-1, "She has 3. She buys 4. ")
    after = {(v.intervention, v.step): v.after for v in variants}
    assert {(p.intervention, p.step): p.text for p in changed} == {
        ("corrupt", 0): f"{after['corrupt', 0]} She buys 4. ",
        ("corrupt", 1): f"She has 3. {after['corrupt', 1]} ",
        ("delete", 0): "She buys 4. ",
        ("delete", 1): "She has 3. ",
    }
    assert {p.scored for p in [clean, *changed]} == {"7"}


def test_the_last_statement_alone_gives_another_value_and_both_are_asked_for():
    _, probes = probed(CHAIN)
    kept, other = of_kind(probes, "conflict", "conflict_other")
    before = "She has 3. She buys 4. So 3 + 4 = 7. "
    assert kept.text == other.text and kept.text.startswith(before + "It is ")
    assert kept.scored == "7" and other.scored != "7"
    assert other.scored in kept.text.removeprefix(before)


def test_a_changed_step_is_scored_behind_what_its_own_words_are_scored_behind():
    variants, probes = probed(CHAIN)
    own = {p.step: p for p in of_kind(probes, "own")}
    changed = of_kind(probes, "changed")
    assert len(own) == 4 and {p.intervention for p in changed} == {"corrupt", "control"}
    after = {(v.intervention, v.step): v.after for v in variants}
    for probe in changed:
        assert probe.text == own[probe.step].text
        assert probe.scored == after[probe.intervention, probe.step]
        assert probe.tokens == len(probe.scored)
    for step, probe in own.items():
        assert probe.scored == CHAIN.steps[step].text


def test_an_answer_that_is_never_stated_has_no_statement_to_be_cut():
    never = Chain(CHAIN.steps[:2], "7")
    kinds = {probe.kind for probe in probed(never)[1]}
    assert kinds == {"no_chain", "early"}  # of two steps there is no spread


def test_a_chain_that_begins_with_the_answer_is_not_cut():
    _, probes = probed(Chain(CHAIN.steps[2:], "7"))
    assert not of_kind(probes, "cut") and of_kind(probes, "conflict")


def test_of_a_chain_of_one_step_only_the_lack_of_it_and_its_statement_are_asked():
    _, probes = probed(Chain(CHAIN.steps[3:], "7"))
    assert [p.kind for p in probes] == ["no_chain", "conflict", "conflict_other"]
    _, probes = probed(Chain(CHAIN.steps[:1], "7"))
    assert [p.kind for p in probes] == ["no_chain"]


def test_what_the_run_itself_asks_is_not_asked_again():
    _, probes = probed(CHAIN, ("corrupt", "truncate", "conflict"))
    assert not of_kind(probes, "early", "conflict", "conflict_other")


def test_without_corrupt_and_delete_nothing_is_made_in_the_cut_chain():
    assert not of_kind(probed(CHAIN, ("filler",))[1], "cut")


def test_a_probe_is_no_longer_than_what_is_asked_anyway():
    for problem in source_named("running_total").read({"problems": 40}).problems():
        variants = plan(problem.chain, ["delete"], seed=0, document=problem.id)
        how = Probing(EVERYTHING, 0, problem.id, 0, lambda _, text: 1.0)
        most = max(len(v.chain.text) for v in variants if v.chain)
        most = max(most, len(problem.chain.text)) + len(problem.chain.answer)
        for probe in probes_of(problem.chain, variants, 10, how):
            assert len(probe.text) + len(probe.scored) <= most


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.sampled_from(list(PARTS)))
def test_turns_go_round_evenly_from_any_document_on(start, seed, line):
    how = [Probing(0.1, seed, "d", start + k, len) for k in range(60)]
    for chance in (0.1, 0.35):
        turns = sum(one.turn(line, chance) for one in how)
        assert abs(turns - 60 * chance) <= 3


def test_every_line_has_its_turn_in_short_runs_and_the_share_is_kept():
    names = ("corrupt", "delete", "control")
    asked, besides, lines = 0, 0, {}
    for place in range(60):
        variants, probes = probed(CHAIN, names, share=0.14, place=place, document=place)
        asked += n_requests(variants)
        besides += len(probes)
        for kind in {probe.kind for probe in probes}:
            lines[kind] = lines.get(kind, 0) + 1
    assert 0.12 < besides / asked < 0.15
    assert lines["no_chain"] == 60
    assert min(lines.values()) >= 2 and len(lines) == 7


def test_the_choice_of_a_document_depends_on_it_alone():
    one, other = (probed(CHAIN, share=EVERYTHING, document=d)[1] for d in ("d", "d"))
    assert one == other
    assert 0.6 < GOLDEN < 0.62


def test_a_probe_is_read_back_without_its_texts_and_what_is_none_is_refused():
    _, probes = probed(CHAIN)
    for probe in probes:
        back = probe_from_dict(probe.to_dict())
        assert back == Probe(
            probe.kind, "", "", probe.step, probe.intervention, probe.tokens
        )
    good = probes[0].to_dict()
    for wrong in (
        {"kind": "perhaps"},
        {"step": 1.5},
        {"intervention": 3},
        {"kind": "own", "tokens": 0},
        {"tokens": "many"},
    ):
        with pytest.raises((TypeError, ValueError)):
            probe_from_dict(good | wrong)
