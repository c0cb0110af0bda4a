from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.joint.groups import alike, all_steps, by_third, by_value


def chain(*texts):
    return Chain(tuple(Step(text, " ") for text in texts), "9")


def test_a_value_has_all_steps_that_state_it_in_any_form():
    found = by_value(
        chain("There are nine.", "He pays $9.00 of 20.", "None.", "So 9.", "Then 20%.")
    )
    assert [(group.name, group.steps) for group in found] == [
        ("nine", (0, 1, 3)),
        ("20", (1,)),
        ("20%", (1, 4)),  # 20 is a restatement of 20%, and 20% is none of 20
    ]


def test_a_chain_without_numbers_has_no_values_and_exponents_are_none():
    assert by_value(chain("Good.", "And red.")) == ()
    assert [group.name for group in by_value(chain("So x^2 = 16."))] == ["16"]


def test_thirds_are_those_of_the_middle_of_each_step():
    def steps(n):
        return {group.name: group.steps for group in by_third(n)}

    assert steps(1) == {"middle": (0,)}
    assert steps(2) == {"early": (0,), "late": (1,)}
    assert steps(3) == {"early": (0,), "middle": (1,), "late": (2,)}
    assert steps(7) == {"early": (0, 1), "middle": (2, 3, 4), "late": (5, 6)}
    assert all_steps(3)[0].steps == (0, 1, 2)


def test_what_stands_in_a_group_with_a_step():
    groups = by_value(chain("9 of 5.", "So 9.", "And 5.", "Nothing."))
    assert alike(groups) == {0: (1, 2), 1: (0,), 2: (0,)}
