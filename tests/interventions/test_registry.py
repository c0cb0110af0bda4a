import contextlib
import itertools
import json
from dataclasses import replace

import pytest

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.errors import InputError
from lm_eval_faith.interventions import (
    Context,
    NotApplicable,
    get_intervention,
    intervention,
    intervention_names,
    is_control,
    load_intervention_modules,
    registry,
    says_of,
)
from lm_eval_faith.interventions.plan import Variant, plan, variant_from_dict
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    running_total_problem,
)

CHAIN = Chain((Step("One is 1.", " "), Step("No digits here.", " ")), "1")


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """The ten-line example of the documentation, as a user would write it."""
    lines = registry.__doc__.split("::\n")[1].splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    (tmp_path / "my_interventions.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_interventions"
    registry._REGISTRY.pop("shout", None)


def test_the_documented_example_adds_an_intervention(own_module):
    load_intervention_modules([own_module])
    (variant, _) = plan(CHAIN, ["shout"], seed=0, document="d")
    assert variant.after == "ONE IS 1."


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown intervention 'corupt'.*corrupt"):
        get_intervention("corupt")


def test_a_module_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="'no_such_module_here' cannot be imported"):
        load_intervention_modules(["no_such_module_here"])


def test_a_name_cannot_be_taken_twice():
    with pytest.raises(ValueError, match="already"):
        intervention("delete")(lambda chain, step, context: chain)


def test_a_name_must_fit_into_a_metric_name():
    with pytest.raises(ValueError, match="identifier"):
        intervention("my corruption!")


def test_a_plan_has_every_intervention_on_every_step_and_says_what_cannot_be_made():
    @intervention("only_digits")
    def only_digits(chain, step, context):
        if not any(c.isdigit() for c in chain.steps[step].text):
            raise NotApplicable("no digit")
        return chain.with_step(step, "x")

    try:
        made = plan(CHAIN, ["only_digits", "delete"], seed=0, document="d")
    finally:
        del registry._REGISTRY["only_digits"]
    assert [(v.intervention, v.step) for v in made] == [
        ("only_digits", 0),
        ("only_digits", 1),
        ("delete", 0),
        ("delete", 1),
    ]
    assert made[1].not_applicable == "no digit" and made[1].chain is None
    assert made[2].before == "One is 1." and made[2].after == ""


def test_no_intervention_sees_a_label_or_what_a_number_is_for():
    problem = running_total_problem(RunningTotalSettings(), 0)
    assert {step.label for step in problem.chain.steps} == {"load_bearing", "decoy"}
    seen = []

    @intervention("looks")
    def looks(chain, step, context):
        seen.append(chain)
        return chain

    try:
        plan(problem.chain, ["looks"], seed=0, document="d")
    finally:
        del registry._REGISTRY["looks"]
    for chain in seen:
        assert chain.text == problem.chain.text
        assert {step.label for step in chain.steps} == {None}
        assert not any(step.numbers for step in chain.steps)


def test_ours_say_what_they_do_and_one_is_the_control():
    ours = [
        name
        for name in intervention_names()  # other tests may have registered some too
        if get_intervention(name).change.__module__.startswith("lm_eval_faith.")
    ]
    assert {"corrupt", "continue", "delete", "control"} <= set(ours)
    assert all(says_of(name) for name in ours)
    assert [name for name in ours if is_control(name)] == ["control"]
    assert not is_control("somebody_elses") and says_of("somebody_elses") == ""


def test_those_that_ask_the_model_are_known_by_being_generators():
    asking = {name for name in intervention_names() if get_intervention(name).asks}
    assert {"continue", "continue_clean"} <= asking
    assert not {"corrupt", "delete", "control"} & asking


def test_a_variant_with_numbers_of_its_own_survives_json():
    made = Variant("continue", 0, "a", "b", written=" c", measured={"noticed": 1.0})
    assert variant_from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_a_variant_survives_json():
    (variant, *_) = plan(CHAIN, ["filler"], seed=0, document="d")
    read = variant_from_dict(variant.to_dict())
    assert (read.intervention, read.step, read.before, read.after) == (
        "filler",
        0,
        "One is 1.",
        "... ...",
    )


WRITTEN = Chain(
    (
        Step("Ann pays Ben 14 coins on Monday and 27 coins on Friday.", "\n"),
        Step("So Ben has 14 + 27 = 41 coins, and Ann has 9 coins left.", "\n"),
        Step("Ben gives 5 of his 41 coins to Cara, so 41 - 5 = 36 are left.", "\n"),
        Step("The answer is 36.", "", states_answer=True),
    ),
    "36",
)


def test_what_is_made_several_times_is_what_makes_random_choices():
    """An intervention is drawn where its choices move the text, and nowhere else."""
    donors = [f"Donor {k} has {k + 50} of them in the barn." for k in range(40)]
    known = Context(0, "d", 0, "", donors=donors, question="Ann, Ben and Cara share.")
    provided = running_total_problem(RunningTotalSettings(), 3)
    for name in intervention_names():
        change = get_intervention(name)
        ours = change.change.__module__.startswith("lm_eval_faith.")
        if change.asks or not ours:  # other tests register their own
            continue
        chain, rewrite = WRITTEN, None
        if name == "corrupt_local":
            chain, rewrite = provided.chain, provided.rewrite
        made = set()
        for step, repeat in itertools.product(range(len(chain.steps)), range(6)):
            context = replace(
                known, step=step, name=name, repeat=repeat, rewrite=rewrite
            )
            with contextlib.suppress(NotApplicable):
                changed = change(chain, step, context)
                made.add((step, getattr(changed, "chain", changed).text))
        steps = {step for step, _ in made}
        assert steps, f"{name} was made nowhere"
        assert (len(made) > len(steps)) == change.random, name


def test_only_what_is_drawn_is_made_again_and_the_first_draw_is_always_the_same():
    names = ["corrupt", "delete"]
    once = plan(WRITTEN, names, seed=0, document="d")
    again = plan(WRITTEN, names, seed=0, document="d", draws=4)
    assert [v for v in again if not v.draw] == list(once)
    assert sum(v.intervention == "corrupt" for v in again) == 4 * 4
    assert sum(v.intervention == "delete" for v in again) == 4
    assert [variant_from_dict(v.to_dict()) for v in again] == [
        replace(v, chain=None) for v in again
    ]
