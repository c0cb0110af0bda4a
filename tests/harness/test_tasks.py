"""What the two task classes do whatever their source: interventions that ask, sources."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lm_eval
import pytest
import torch
from lm_eval.loggers import EvaluationTracker

import lm_eval_faith
from lm_eval_faith.chains.chain import Chain, Step
from lm_eval_faith.errors import InputError
from lm_eval_faith.harness.faith_model import FaithLM
from lm_eval_faith.harness.tasks import ReadChains, WrittenChains
from lm_eval_faith.problems.problem import Problem, Source
from lm_eval_faith.problems.sources import SOURCES, source_named
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.samples import responses_of

PROVIDED = "cot_faith_provided"
SMALL = {"problems": 3, "load_bearing": 3, "asides": 1}


@pytest.fixture(scope="module")
def evaluate(scripted_lm: Any) -> Callable[..., tuple[Any, Any]]:
    def run(
        names: list[str], lm: Any = None, faith: bool = True, **metadata: Any
    ) -> tuple[Any, Any]:
        backend = lm or scripted_lm(lambda question: " And so on. The answer is 5.")
        done = lm_eval.simple_evaluate(
            model=FaithLM(backend) if faith else backend,
            tasks=[PROVIDED],
            task_manager=lm_eval_faith.task_manager(
                metadata=SMALL | {"interventions": names} | metadata,
                include_defaults=False,
            ),
            bootstrap_iters=0,
        )
        assert done is not None
        return done["results"][PROVIDED], done["samples"][PROVIDED]

    return run


def test_an_intervention_that_asks_is_refused_on_a_plain_backend_in_one_sentence(
    evaluate: Any,
) -> None:
    with pytest.raises(InputError, match=f"task {PROVIDED} .* --model faith") as told:
        evaluate(["corrupt", "continue"], faith=False)
    assert "\n" not in str(told.value)


def test_the_others_have_the_same_numbers_beside_one_that_asks(evaluate: Any) -> None:
    plain, _ = evaluate(["corrupt", "delete"], faith=False)
    asked, samples = evaluate(["corrupt", "delete", "continue"])
    assert plain["corrupt_label_difference,none"]
    for name, value in plain.items():
        if name.startswith(("corrupt", "delete")) and "stderr" not in name:
            assert asked[name] == value, name
    assert "continue_label_difference,none" in asked
    for sample in samples:
        made = json.loads(responses_of(sample)[0])["interventions"]
        written = [v for v in made if v["intervention"] == "continue" and v["after"]]
        assert written and all("And so on." in v["written"] for v in written)
        assert {v["other_answer"] for v in written} == {"5"}


def test_documents_that_are_too_long_are_dropped_and_counted_there_too(
    evaluate: Any, scripted_lm: Any
) -> None:
    lm = scripted_lm(lambda question: " The answer is 5.", max_length=1000)
    parameters = {"load_bearing": [3, 60], "problems": 6}
    with pytest.raises(InputError, match="the model takes 1000"):
        evaluate(["continue"], lm, **parameters)
    table, samples = evaluate(["continue"], lm, too_long="drop", **parameters)
    answers = [json.loads(responses_of(s)[0])["loglikelihoods"] for s in samples]
    dropped = sum(not scores for scores in answers)
    assert table["dropped,none"] == pytest.approx(dropped / 6) and 0 < dropped < 6


def test_where_there_is_no_room_to_write_on_that_is_said_and_nothing_is_asked(
    evaluate: Any, scripted_lm: Any
) -> None:
    def never(question: str) -> str:
        raise AssertionError

    lm = scripted_lm(never, max_length=1200)
    _, samples = evaluate(["delete", "continue"], lm, write_on_tokens=1100)
    made = json.loads(responses_of(samples[0])[0])["interventions"]
    reasons = {v["not_applicable"] for v in made if v["intervention"] == "continue"}
    assert "the model has no room to write on" in reasons
    assert all(not v["not_applicable"] for v in made if v["intervention"] == "delete")


# --- sources ---------------------------------------------------------------------


class Capitals(Source):
    """A user's own source."""

    def __init__(self) -> None:
        self.settings = SOURCES["gsm8k"].read({}).settings

    @classmethod
    def read(cls, parameters: Any) -> Capitals:
        return cls()

    def problems(self) -> list[Problem]:
        steps = (Step("Paris lies in France.", " "), Step("So it is Paris.", " "))
        chain = Chain(steps, "Paris")
        made = [Problem("one", "The capital of France?", chain)]
        return [*made, Problem("two", "Of Spain?", chain, left_out="nobody knows")]

    def examples(self) -> list[Problem]:
        return self.problems()[:1]


@pytest.mark.parametrize("kind", [ReadChains, WrittenChains])
def test_a_source_of_a_users_own_serves_both_classes(
    scripted_lm: Any, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    written = "It lies in France. So it is Paris. The answer is Paris."
    task = kind(
        {
            "task": "capitals",
            "source": Capitals,
            "output_type": "generate_until",
            "generation_kwargs": {"until": ["Question:"], "max_gen_toks": 99},
            "test_split": "test",
            "fewshot_split": "fewshot",
            "doc_to_text": "Question: {{question}}",
            "doc_to_target": "answer",
            "target_delimiter": "\n",
            "metadata": {"version": 1.0, "interventions": ["delete"]},
        }
    )
    done = lm_eval.evaluate(
        lm=FaithLM(scripted_lm(lambda question: written)),
        task_dict={"capitals": task},
        bootstrap_iters=0,
    )
    assert done is not None
    assert done["results"]["capitals"]["delete_effect,none"]
    assert "1 nobody knows" in caplog.text
    assert [s["doc"]["id"] for s in done["samples"]["capitals"]] == ["one"]


def test_an_unknown_source_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown source 'x': .*running_total"):
        source_named("x")


def test_draws_are_made_of_what_is_drawn_only_and_averaged_step_by_step(
    evaluate: Any,
) -> None:
    names = ["corrupt", "delete", "control"]
    _, plain = evaluate(names, faith=False)
    table, drawn = evaluate(names, faith=False, draws=3)

    def requests(sample: Any) -> list[tuple[str, str]]:
        return [tuple(argument) for argument in sample["arguments"]]

    def of(sample: Any) -> list[tuple[str, int, int]]:
        made = sample["doc"]["interventions"]
        return [(v["intervention"], v["step"], v.get("draw", 0)) for v in made]

    for one, several in zip(plain, drawn, strict=True):
        assert "draw" not in json.dumps(one["doc"])
        steps = range(len(one["doc"]["chain"]["steps"]))
        wanted = [
            (name, step, draw)
            for name, draws in (("corrupt", 3), ("delete", 1), ("control", 3))
            for step in steps
            for draw in range(draws)
        ]
        assert of(several) == wanted
        # The first draw of each is the one that a run without draws makes.
        made = [dict(v) for v in several["doc"]["interventions"]]
        first = [v for v in made if not v.pop("draw")]
        assert first == one["doc"]["interventions"]
        texts = [context for context, _ in requests(several)]
        assert {context for context, _ in requests(one)} < set(texts)

    def label_difference(sample: Any) -> float | None:
        clean, *scores = [float(lp) for lp, _ in responses_of(sample)]
        labels = [s["label"] for s in sample["doc"]["chain"]["steps"]]
        effects: dict[int, list[float]] = {}
        rest = iter(scores)
        for v in sample["doc"]["interventions"]:
            if v["not_applicable"]:
                continue
            score = next(rest)
            if v["other_answer"]:
                next(rest)
            if v["intervention"] == "corrupt":
                effects.setdefault(v["step"], []).append(clean - score)
        means = {k: sum(es) / len(es) for k, es in effects.items()}
        ours, theirs = (
            [e for k, e in means.items() if labels[k] == label]
            for label in ("load_bearing", "decoy")
        )
        if not theirs:
            return None
        return sum(ours) / len(ours) - sum(theirs) / len(theirs)

    known = [x for x in map(label_difference, drawn) if x is not None]
    assert known
    expected = sum(known) / len(known)
    assert table["corrupt_label_difference,none"] == pytest.approx(expected)


# --- models that were given ready ------------------------------------------------


def test_a_model_among_the_metadata_is_copied_no_more_than_by_the_harness() -> None:
    """The harness merges the model's arguments into the metadata, and copies them once."""
    copies: list[str] = []

    class Model:
        def __deepcopy__(self, memo: dict[int, Any]) -> Model:
            copies.append("copied")
            return self

    manager = lm_eval_faith.task_manager(
        metadata=SMALL | {"pretrained": Model()}, include_defaults=False
    )
    for name in (PROVIDED, "cot_faith_generated_arith"):
        (task,) = manager.load([name])["tasks"].values()
        assert copies == []
        task.dump_config()
        assert copies.pop() == "copied" and not copies


@pytest.mark.parametrize("wrap", [FaithLM, lambda model: model])
def test_a_ready_model_is_known_by_the_name_it_was_given_and_by_its_path(
    hf: Callable[..., Any],
    tmp_path: Path,
    wrap: Callable[[Any], Any],
) -> None:
    tracker = EvaluationTracker(output_path=str(tmp_path))
    backend = hf()
    done = lm_eval.simple_evaluate(
        model=wrap(backend),
        tasks=[PROVIDED],
        task_manager=lm_eval_faith.task_manager(
            metadata=SMALL | {"model_name": "mine", "interventions": "delete"},
            include_defaults=False,
        ),
        bootstrap_iters=0,
        evaluation_tracker=tracker,
    )
    samples = done.pop("samples")
    tracker.save_results_aggregated(results=done, samples=samples)
    tracker.save_results_samples(task_name=PROVIDED, samples=samples[PROVIDED])
    run = load_run(tmp_path)
    assert (run.model, run.model_path) == ("mine", backend.model.name_or_path)
    assert run.files is not None and len(run.files.model.weights) == 16


# --- what would be wasted --------------------------------------------------------


def plainly(lm: Any, **more: Any) -> Any:
    """`lm_eval` with a backend of the harness, without anything of ours but the task."""
    return lm_eval.simple_evaluate(
        model=lm,
        tasks=[PROVIDED],
        task_manager=lm_eval_faith.task_manager(
            metadata=SMALL | {"interventions": "delete"}, include_defaults=False
        ),
        bootstrap_iters=0,
        **more,
    )


def test_a_store_of_responses_is_refused_to_another_model_of_any_backend(
    hf: Callable[..., Any], tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    first = plainly(hf(), use_cache=store)
    assert plainly(hf(batch_size=1), use_cache=store)["results"] == first["results"]
    plainly(FaithLM(hf()), use_cache=store)  # the same model
    tuned = hf()
    with torch.no_grad():
        for weights in tuned.model.parameters():
            weights += 0.01
    for other in (tuned, FaithLM(tuned)):
        with pytest.raises(InputError, match="holds answers of another model"):
            plainly(other, use_cache=store)


def test_an_output_path_that_cannot_be_written_ends_a_plain_run_before_a_request(
    scripted_lm: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    lm = scripted_lm(str)

    def refuse(*arguments: Any) -> float:
        raise AssertionError("asked")

    lm.logprob = refuse
    tracker = EvaluationTracker(output_path=str(tmp_path / "file" / "run"))
    with pytest.raises(InputError, match="file is not a folder"):
        plainly(lm, evaluation_tracker=tracker)
