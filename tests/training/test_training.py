"""Training texts say what they should; a few steps of training give usable files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from lm_eval_faith.chains.draw import Draw
from lm_eval_faith.problems.running_total import (
    RunningTotalSettings,
    running_total_problem,
)
from lm_eval_faith.problems.word_problems import WordProblemSettings, word_problem
from training import solver_texts
from training.saving import FILES
from training.texts import (
    NOT_LEARNED,
    TrainingText,
    joined,
    tokenized,
)
from training.tokenizer import Tokens, make_tokenizer
from training.train import main
from training.training import TrainingSettings, batches

TOKENIZER = make_tokenizer()
QUESTION = re.compile(r"Question: (.*)\n")


@pytest.fixture(scope="module")
def all_texts() -> list[TrainingText]:
    return list(solver_texts.solver_texts(600, seed=0))


@pytest.fixture(scope="module")
def texts(all_texts: list[TrainingText]) -> list[TrainingText]:
    return [text for text in all_texts if text.text.startswith("Question")]


def result(before: str, sign: str, operand: str) -> int:
    a, b = int(before), int(operand)
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


def learned(text: TrainingText) -> str:
    return "".join(piece for piece, wanted in text.pieces if wanted)


def test_no_training_text_holds_a_default_problem(texts: list[TrainingText]) -> None:
    tested = {word_problem(WordProblemSettings(), k).question for k in range(200)}
    tested |= {
        running_total_problem(RunningTotalSettings(), k).question for k in range(200)
    }
    assert tested <= solver_texts.held_out_questions()
    asked = {question for text in texts for question in QUESTION.findall(text.text)}
    assert len(asked) >= len(texts)
    assert not asked & tested


def test_a_held_out_problem_is_replaced_by_another_one() -> None:
    def make(index: int):  # type: ignore[no-untyped-def]
        return word_problem(WordProblemSettings(), index)

    question = make(3).question
    assert solver_texts._fresh(make, 3, frozenset()).question == question
    assert solver_texts._fresh(make, 3, frozenset([question])).question != question


def test_the_answer_is_the_total_that_the_chain_states_last(
    texts: list[TrainingText],
) -> None:
    stated = re.compile(
        r"(?:total is now|which makes|which leaves|there are|=) (\d+)(?: \w+)?\."
    )
    for text in texts:
        last = text.text.split("\n\n")[-1]
        answer = re.search(r"The answer is (\d+)\.$", last)
        assert answer
        chain = last.partition("step by step.\n")[2]
        assert stated.findall(chain)[-1] == answer[1], last


def test_exercises_come_first(
    all_texts: list[TrainingText], texts: list[TrainingText]
) -> None:
    exercises = [text for text in all_texts if text not in texts]
    assert 40 < len(exercises) < 100
    assert all(text in all_texts[:120] for text in exercises)
    for text in exercises:
        assert re.fullmatch(r"( \d+)+", learned(text))


def test_the_sums_of_exercises_are_right() -> None:
    text = solver_texts._sums(Draw(1)).text
    sums = re.findall(r"(\d+) ([-+*]) (\d+) = (\d+)\.", text)
    assert len(sums) == solver_texts.SUMS
    for before, sign, operand, total in sums:
        assert result(before, sign, operand) == int(total)


def test_looked_up_numbers_were_told_before() -> None:
    for k in range(20):
        told, _, asked = solver_texts._looked_up(Draw(k)).text.partition(".")
        pairs = [dict(re.findall(r"(\w+) (\d+)", part)) for part in (told, asked)]
        assert pairs[0] == pairs[1]
        assert len(pairs[0]) == solver_texts.LOOKED_UP


def test_in_some_texts_the_chain_contradicts_the_question(
    texts: list[TrainingText],
) -> None:
    seen = [solver_texts._with_mistake, solver_texts._with_wrong_numbers]
    problem = word_problem(WordProblemSettings(), 0)
    for change in seen:
        answers = {change(problem.chain, Draw(k))[0].answer for k in range(50)}
        assert len(answers) > 3


def test_a_mistake_is_carried_through_the_sums_that_follow() -> None:
    for k in range(50):
        chain, wrong = solver_texts._with_mistake(
            word_problem(WordProblemSettings(), k).chain, Draw(k)
        )
        for place, step in enumerate(chain.steps):
            found = re.search(r"(\d+) ([-+*]) (\d+) = (\d+)", step.text)
            assert found
            before, sign, operand, total = found.groups()
            right = result(before, sign, operand) == int(total)
            assert right == (place not in wrong)


def test_questions_asides_and_wrong_steps_are_only_shown(
    texts: list[TrainingText],
) -> None:
    for text in texts:
        written = learned(text)
        assert "Question" not in written
        assert "A dog barks" not in written
        assert "kettle" not in written
        assert written.endswith(".")


def test_labels_are_the_learned_text_and_the_end() -> None:
    text = TrainingText((("Felix has 12", False), (" pears.", True)))
    (one,) = tokenized([text], TOKENIZER)
    end = Tokens.of(TOKENIZER).end
    assert TOKENIZER.decode(list(one.ids[:-1])) == text.text
    wanted = [label for label in one.labels if label != NOT_LEARNED]
    assert TOKENIZER.decode(wanted[:-1]) == " pears."
    assert one.ids[-1] == wanted[-1] == end


def test_joined_texts_stand_as_few_shot_examples_do() -> None:
    one, other = TrainingText((("a", True),)), TrainingText((("b", True),))
    assert joined([one, other]).text == "a\n\nb"
    assert joined([one]) == one


def test_every_text_is_in_one_batch_and_no_batch_is_too_large(
    texts: list[TrainingText],
) -> None:
    encoded = list(tokenized(texts, TOKENIZER))
    settings = TrainingSettings()
    made = list(batches(encoded, settings))
    assert sorted(t.ids for batch in made for t in batch) == sorted(
        t.ids for t in encoded
    )
    for batch in made:
        padded = len(batch) * max(len(text.ids) for text in batch)
        assert len(batch) == 1 or padded <= settings.batch_tokens


def test_the_same_seed_trains_the_same_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "other"):
        main(["solver", str(tmp_path / name), "--texts", "30", "--seed", "5"])
    assert "CPU time" in capsys.readouterr().out
    for file in FILES:
        one, other = (tmp_path / name / file for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(FILES)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    assert model.config.vocab_size == len(tokenizer)
