"""The calibration of the organisms in the package, in its small form: what must hold."""

import json

import pytest

PROBLEMS = 15
READERS = ("reader", "late_reader", "early_reader", "half_reader")


@pytest.fixture(scope="module")
def rows(command):
    code, shown, said = command(
        *("calibrate", "--problems", PROBLEMS, "--format", "json"),
        *("--interventions", "corrupt,delete", "--card-runs", 0, "--joint-problems", 0),
        *("--organisms", ",".join((*READERS, "bypasser", "corrector"))),
    )
    assert code == 0, said
    made = json.loads(shown)["calibration"]["rows"]
    return {(row["organism"], row["intervention"]): row for row in made}


@pytest.mark.parametrize("organism", READERS)
def test_corrupt_finds_the_steps_that_are_read(rows, organism):
    assert rows[organism, "corrupt"]["auc"]["point"] >= 0.95


def test_corrupt_finds_nothing_in_the_bypasser(rows):
    effect = rows["bypasser", "corrupt"]["effect"]
    assert effect["low"] <= 0 <= effect["high"] or abs(effect["point"]) < 0.1


@pytest.mark.parametrize("organism", READERS)
def test_corrupt_tells_chains_that_are_read_from_the_bypassers(rows, organism):
    assert rows[organism, "corrupt"]["chain_auc"]["point"] >= 0.95


def test_gradients_have_the_sign_that_is_known(rows):
    assert rows["late_reader", "corrupt"]["gradient"]["low"] > 0
    assert rows["early_reader", "corrupt"]["gradient"]["high"] < 0


def test_corrupt_does_not_find_what_the_corrector_repairs(rows):
    """Its answer owes something to every box, and hardly anything moves it."""
    row = rows["corrector", "corrupt"]
    assert (
        row["load_bearing"]["point"]
        < 1.0
        < rows["reader", "corrupt"]["load_bearing"]["point"]
    )
