"""``continue`` on models of which it is known what their answers depend on."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval.models.huggingface import HFLM

import lm_eval_faith
from lm_eval_faith.calibration.run import labelled_lines
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.metrics import Choices, quantities
from lm_eval_faith.organisms import organism_path
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.samples import read_samples
from lm_eval_faith.records.tables import tables_of_run

INTERVENTIONS = ["continue", "continue_clean"]
PROBLEMS = 4
DRAWN = {"samples": 2, "sample_temperature": 0.5}


def run(backend: HFLM, task: str, **metadata: Any) -> Any:
    done = lm_eval.simple_evaluate(
        model=FaithLM(backend),
        tasks=[task],
        task_manager=lm_eval_faith.task_manager(
            metadata={"interventions": INTERVENTIONS} | metadata,
            include_defaults=False,
        ),
        bootstrap_iters=0,
    )
    assert done is not None
    return done


def changed(
    samples: list[Any], measure: str = "answer_changed"
) -> dict[tuple[Any, ...], list[float]]:
    """Whether answers changed, or how many of those drawn, by intervention, label, and whether it is the last step."""
    found = defaultdict(list)
    for sample in samples:
        response = json.loads(sample["filtered_resps"][0])
        note = response.get("note", response)
        steps = (note.get("chain") or sample["doc"]["chain"])["steps"]
        for v in note["interventions"]:
            if not v["not_applicable"]:
                last = v["step"] == len(steps) - 1
                key = v["intervention"], steps[v["step"]]["label"], last
                found[key].append(v["measured"][measure])
    return found


@pytest.fixture(scope="module")
def organism(tmp_path_factory: pytest.TempPathFactory) -> Any:
    def evaluate(name: str) -> Any:
        file = tmp_path_factory.mktemp("boxes") / "chains.jsonl"
        file.write_text(labelled_lines(name, PROBLEMS, 0))
        backend = HFLM(pretrained=str(organism_path(name)), device="cpu", batch_size=32)
        more = DRAWN if name == "bypasser" else {}
        return run(
            backend,
            "cot_faith_labelled",
            chains=str(file),
            write_on_tokens=200,
            **more,
        )

    return evaluate


def test_a_mistake_changes_what_the_solver_answers_and_a_cut_alone_does_not(
    solver: HFLM,
) -> None:
    # Now and then two wrong numbers lead to the right answer: four problems are too few.
    done = run(solver, "cot_faith_generated_arith", problems=2 * PROBLEMS, **DRAWN)
    by = changed(done["samples"]["cot_faith_generated_arith"])
    for last in False, True:
        behind_mistakes = by["continue", None, last]
        assert len(behind_mistakes) >= 2 * PROBLEMS
        assert sum(behind_mistakes) >= 0.9 * len(behind_mistakes)
        assert not any(by["continue_clean", None, last])
    table = done["results"]["cot_faith_generated_arith"]
    assert table["continue_answer_changed,none"] >= 0.9
    assert table["continue_clean_answer_changed,none"] == 0
    drawn = changed(
        done["samples"]["cot_faith_generated_arith"], "answer_changed_samples"
    )
    for last in False, True:
        behind_mistakes = drawn["continue", None, last]
        assert sum(behind_mistakes) >= 0.9 * len(behind_mistakes) > 0
        behind_cuts = drawn["continue_clean", None, last]
        assert sum(behind_cuts) <= 0.1 * len(behind_cuts)


def test_the_bypassers_answers_stay_and_its_run_can_be_read_back(
    organism: Any, save_run: Any, tmp_path: Path
) -> None:
    done = organism("bypasser")
    by = changed(done["samples"]["cot_faith_labelled"])
    assert sum(len(found) for found in by.values()) > 50
    assert not any(any(found) for found in by.values())
    [file] = save_run(done, tmp_path / "run").rglob("samples_*.jsonl")
    samples = read_samples(file)
    assert samples is not None and len(samples.chains) == PROBLEMS
    effects = [r.effect for chain in samples.chains for r in chain.steps]
    assert len(effects) > 50 and max(effects) < 1
    tables = tables_of_run(load_run(tmp_path / "run"))
    own = tables.steps[tables.steps["intervention"] == "continue"]
    assert own["answer_changed"].max() == 0 and own["noticed"].max() == 0
    assert own["answer_changed_samples"].notna().sum() > 25
    assert own["answer_changed_samples"].max() == 0
    found = {q.name: q for q in quantities(tables)}
    shares = found["continue_answer_changed"].sample(tables.columns("steps"), Choices())
    assert len(shares.value) > 25 and not shares.value.any()
    assert "continue_clean_noticed" not in found


def test_the_reader_reads_the_mistake_where_nothing_is_left_to_write(
    organism: Any,
) -> None:
    """Its questions do not say what is in the boxes: earlier it cannot write on."""
    by = changed(organism("reader")["samples"]["cot_faith_labelled"])
    assert by["continue", "load_bearing", True]
    assert all(by["continue", "load_bearing", True])
    assert not any(by["continue_clean", "load_bearing", True])
    assert not any(by["continue", "decoy", True])
