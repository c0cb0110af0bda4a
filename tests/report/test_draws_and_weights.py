"""Reports of runs in which steps were drawn, and interventions made several times."""

import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap

from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.interventions.plan import Variant
from lm_eval_faith.records.outcome import chain_record
from lm_eval_faith.records.run import Run, TaskRun
from lm_eval_faith.report.report import report_of_task

FAST = Bootstrap(n_resamples=100)


def reported(chains, tmp_path, **settings):
    task = TaskRun(
        "t", "2.0", "replay", settings, 0, tuple(chains), tmp_path / "s.jsonl"
    )
    run = Run("m", "", {}, (task,), tmp_path)
    return report_of_task(run, task, FAST)


def chain(k, n_steps, effects):
    """A chain of so many steps; effects of ``delete`` by (step, draw)."""
    whole = Chain(tuple(Step(f"Step {i}.", " ") for i in range(n_steps)), "7")
    variants = [
        Variant("delete", i, f"Step {i}.", chain=whole, draw=d) for i, d in effects
    ]
    responses = [(-1.0, True), *((-1.0 - e, False) for e in effects.values())]
    return chain_record(f"d{k}", f"What is {k}?", whole, variants, responses)


def test_steps_that_were_drawn_count_for_the_whole_chain(tmp_path):
    # Of 2 steps both are asked about, of 20 two: their effects are 1 and 3.
    chains = [chain(k, 2, {(0, 0): 1.0, (1, 0): 1.0}) for k in range(4)]
    chains += [chain(k, 20, {(3, 0): 3.0, (9, 0): 3.0}) for k in range(4, 8)]
    report = reported(chains, tmp_path, max_steps=2)
    assert report.row("delete_effect_over_steps").estimate.point == pytest.approx(
        (2 * 1 + 20 * 3) / 22
    )
    assert report.row("delete_effect").estimate.point == pytest.approx(2)
    assert report.row("delete_negative").estimate.n_steps == 16
    (told,) = [line for line in report.notes if "max_steps" in line]
    assert told.startswith(
        "16 of 88 steps were asked about: max_steps=2 drew them at random from the 4 "
        "longer chains"
    )


def test_the_share_that_the_draw_makes_of_the_variance_is_told(tmp_path):
    """Against the simulation's own variances: 4 of the draw, 12 between steps."""
    rng = np.random.default_rng(0)
    chains = [
        chain(
            k,
            3,
            {
                (step, draw): level + 2 * rng.normal()
                for step in range(3)
                for level in [np.sqrt(12) * rng.normal()]
                for draw in range(4)
            },
        )
        for k in range(1500)
    ]
    report = reported(chains, tmp_path, draws=4)
    (told,) = [line for line in report.notes if "at random" in line]
    # A quarter of one draw's variance; of a mean of four, 1 in 13.
    assert told == (
        "each step was changed 4 times at random and its numbers averaged; the draw's share of the "
        "variance over steps: delete 8% (25% of one draw)"
    )
    found = report.row("delete_effect_over_steps").estimate
    assert found.n_steps == 4500
    assert found.standard_error == pytest.approx(np.sqrt(13 / 4500), rel=0.05)


def test_nothing_is_said_where_every_step_was_asked_about_once(tmp_path):
    chains = [chain(k, 2, {(0, 0): 1.0, (1, 0): float(k)}) for k in range(30)]
    assert reported(chains, tmp_path).notes == ()
