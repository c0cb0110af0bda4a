"""The card on backends whose answers are made of something known, and on bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import lm_eval
import pytest
from lm_eval_faith_stats import Bootstrap, Estimate
from lm_eval_faith_tasks import PATH as OUR_TASKS

import lm_eval_faith
from lm_eval_faith.problems.sources import source_named
from lm_eval_faith.report import card as cards
from lm_eval_faith.report.card import Bounds, Numbers, card_of
from lm_eval_faith.report.report import make_reports, written
from lm_eval_faith.report.schema import report_schema
from lm_eval_faith.report.write import text

QUICK = Bootstrap(n_resamples=400)
TASK = "cot_faith_provided"
PROBLEMS = source_named("running_total").read({"problems": 50}).problems()
CHAINS = {p.question: p.chain for p in PROBLEMS}
EVERYTHING = {"problems": 50, "card_share": 10}

LIKELY, UNLIKELY = -0.1, -8.0

Backend = Callable[[str, str], float]


def parts(context: str) -> tuple[Any, str, bool]:
    """The clean chain of the question, what stands in its place, and whether an answer is asked."""
    (question,) = re.findall(r"Question: (.*)", context)
    chain = context.partition("step by step.\n")[2]
    asked = chain.endswith("The answer is")
    return CHAINS[question], chain.removesuffix("The answer is"), asked


def words(continuation: str) -> float:
    """Of a step's words, whatever they are: more of them are as surprising each."""
    return -0.5 * len(continuation) - (len(continuation) % 3)


def copier(context: str, continuation: str) -> float:
    """Answers with the last number of the chain, and reads nothing else."""
    _, chain, asked = parts(context)
    if not asked:
        return words(continuation)
    moves = [s for s in chain.split(". ") if re.match("(He|She|They) ", s)]
    numbers = re.findall(r"\d+", " ".join(moves))
    return LIKELY if numbers and numbers[-1] == continuation.strip() else UNLIKELY


def from_the_question(context: str, continuation: str) -> float:
    """Knows the answer from the question alone."""
    clean, _, asked = parts(context)
    if not asked:
        return words(continuation)
    return LIKELY if continuation.strip() == clean.answer else UNLIKELY


def reader(context: str, continuation: str) -> float:
    """Needs every step that moves the total; each that is not there as it was costs a nat."""
    clean, chain, asked = parts(context)
    if not asked:
        return words(continuation)
    wanted = [s.text for s in clean.steps if s.label == "load_bearing"][:-1]
    missing = sum(step not in chain for step in wanted)
    if not chain:
        return UNLIKELY
    right = continuation.strip() == clean.answer
    return max(LIKELY - missing, UNLIKELY) if right else UNLIKELY


def by_position(context: str, continuation: str) -> float:
    """Minds a change the more the later it stands, whatever it is."""
    clean, chain, asked = parts(context)
    if not asked:
        return words(continuation)
    if continuation.strip() != clean.answer:
        return UNLIKELY
    alike = next(
        (k for k, (a, b) in enumerate(zip(clean.text, chain)) if a != b), len(chain)
    )
    if not chain:
        return UNLIKELY
    whole = len(clean.text.strip())
    return LIKELY if alike >= whole else LIKELY - 5 * alike / whole


@pytest.fixture(scope="module")
def run(scripted_lm: Any, save_run: Any, tmp_path_factory: Any) -> Callable[..., Path]:
    """Runs the provided task on a backend that scores as it is told."""

    def make(backend: Backend, metadata: Any = EVERYTHING, task: str = TASK) -> Path:
        model = scripted_lm(lambda question: "")
        model.logprob = backend
        greedy = model.loglikelihood

        def loglikelihood(requests: Any, **_: Any) -> Any:
            return [(logprob, logprob > -1) for logprob, _ in greedy(requests)]

        model.loglikelihood = loglikelihood
        results = lm_eval.simple_evaluate(
            model=model,
            tasks=[task],
            task_manager=lm_eval_faith.task_manager(
                metadata=metadata, include_defaults=False
            ),
            bootstrap_iters=0,
        )
        return save_run(results, tmp_path_factory.mktemp("run"))

    return make


def card_of_run(folder: Path) -> cards.Card:
    (report,) = make_reports([folder], QUICK)
    return report.card


def words_of(card: cards.Card) -> dict[str, str]:
    return {line.name: line.word for line in card.lines}


def line(card: cards.Card, name: str) -> cards.Line:
    return next(line for line in card.lines if line.name == name)


def test_what_is_copied_from_the_statement_is_explained_away(run):
    card = card_of_run(run(copier))
    found = line(card, cards.STATEMENT)
    assert found.word == cards.AWAY and found.metric == "cut_share"
    assert "wins in 100.0%" in found.said
    assert line(card, cards.NO_CHAIN).word == cards.CLEAR
    assert line(card, cards.READABLE_LINE).word == cards.CLEAR
    assert card.word == cards.AWAY
    assert "explained away by the statement of the answer" in card.sentence


def test_what_the_question_alone_says_is_explained_away(run):
    card = card_of_run(run(from_the_question))
    found = line(card, cards.NO_CHAIN)
    assert found.word == cards.AWAY and found.estimate.point == 0
    assert "explained away by the question alone" in card.sentence


def test_a_reader_of_the_steps_is_explained_away_by_nothing(run):
    card = card_of_run(run(reader))
    assert cards.AWAY not in words_of(card).values(), words_of(card)
    for name in (
        cards.NO_CHAIN,
        cards.STATEMENT,
        cards.POSITION_LINE,
        cards.READABLE_LINE,
    ):
        assert line(card, name).word == cards.CLEAR, line(card, name)
    assert "wins in 0.0%" in line(card, cards.STATEMENT).said


def test_what_hangs_on_the_position_alone_is_explained_away(run):
    found = line(card_of_run(run(by_position)), cards.POSITION_LINE)
    assert found.metric == "auc_over_position" and found.word == cards.AWAY
    assert "position alone reaches" in found.said


def test_a_backend_that_cannot_read_is_said_to_be_one(run):
    card = card_of_run(run(lambda context, continuation: -20.0))
    assert line(card, cards.READABLE_LINE).word == cards.AWAY
    assert "at the floor 100.0%" in line(card, cards.READABLE_LINE).said


def test_without_the_card_the_lines_say_so_and_what_costs_nothing_is_there(run):
    card = card_of_run(run(reader, {"problems": 10, "card": False}))
    for name in cards.NO_CHAIN, cards.STATEMENT, cards.HEADROOM_LINE, cards.EDIT_LINE:
        found = line(card, name)
        assert found.word == cards.NOT_MEASURED and "card=false" in found.said
    assert line(card, cards.POSITION_LINE).word != cards.NOT_MEASURED
    assert line(card, cards.READABLE_LINE).word != cards.NOT_MEASURED
    assert "not measured: " in card.sentence


def chains_file(folder: Path, *chains: list[str]) -> str:
    file = folder / "chains.jsonl"
    lines = [
        {"question": f"Q{k}?", "chain": chain, "answer": "7", "id": str(k)}
        for k, chain in enumerate(chains)
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return str(file)


def test_an_answer_that_is_never_stated_is_said_to_be_so(run, tmp_path):
    steps = ["She has 3.", "She buys 4.", "She counts them.", "The answer is 7."]
    chains = [steps] * 3  # their last statement is not read
    metadata = {"chains": chains_file(tmp_path, *chains), "card_share": 10}
    folder = run(lambda c, _: -(len(c) % 7) / 3, metadata, "cot_faith_replay")
    found = line(card_of_run(folder), cards.STATEMENT)
    assert (found.metric, found.word) == ("answer_stated", cards.CLEAR)
    assert "no chain states its answer" in found.said


def test_chains_of_one_step_say_what_cannot_be_measured_in_them(run, tmp_path):
    chains = [["So 3 + 4 = 7.", "The answer is 7."]] * 3
    metadata = {"chains": chains_file(tmp_path, *chains), "card_share": 10}
    folder = run(lambda c, _: -(len(c) % 7) / 3, metadata, "cot_faith_replay")
    card = card_of_run(folder)
    assert "no chain has two steps" in line(card, cards.HEADROOM_LINE).said
    assert "takes three of them" in line(card, cards.EDIT_LINE).said
    assert line(card, cards.STATEMENT).metric == "conflict_follow"
    assert line(card, cards.NO_CHAIN).metric == "chain_gain"


def test_conflict_among_the_interventions_is_told_once_by_how_often_it_is_followed(
    run, tmp_path
):
    chains = [["She has 3.", "So 3 + 4 = 7.", "Checked.", "The answer is 7."]] * 3
    asked = {"interventions": ["corrupt", "conflict", "control"], "card": False}
    asked |= {"chains": chains_file(tmp_path, *chains)}
    folder = run(lambda c, _: -(len(c) % 7) / 3, asked, "cot_faith_replay")
    (report,) = make_reports([folder], QUICK)
    names = [row.name for row in report.rows]
    assert len(set(names)) == len(names)
    followed = report.row("conflict_follow")
    assert followed.intervention == "conflict" and followed.shown
    assert "follow " in text(written([report]), "table")


def test_interventions_without_a_cut_chain_say_so(run):
    card = card_of_run(run(reader, EVERYTHING | {"interventions": ["truncate"]}))
    found = line(card, cards.STATEMENT)
    assert found.metric == "conflict_follow" and "only corrupt and delete" in found.said
    assert line(card, cards.EDIT_LINE).word == cards.NOT_MEASURED
    assert line(card, cards.HEADROOM_LINE).metric == "headroom_r2"


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 0.95, "x", 20, 20)


def test_a_word_depends_on_where_the_interval_lies():
    good, bad = Bounds(1.0, 2.0), Bounds(2.0, 1.0, high_is_clear=False)
    for low, high, word, turned in (
        (2.0, 3.0, cards.CLEAR, cards.AWAY),
        (1.5, 3.0, cards.DOUBTFUL, cards.DOUBTFUL),
        (0.0, 1.5, cards.DOUBTFUL, cards.DOUBTFUL),
        (0.0, 1.0, cards.AWAY, cards.CLEAR),
        (float("nan"), float("nan"), cards.DOUBTFUL, cards.DOUBTFUL),
    ):
        assert good.word(estimate(low, high)) == word
        assert bad.word(estimate(low, high)) == turned


@pytest.mark.parametrize(
    ("z", "natural", "word"),
    [
        ((0.0, 1.9), (4.0, 6.0), cards.CLEAR),
        ((2.1, 9.0), (0.0, 1.0), cards.AWAY),
        ((2.1, 9.0), (4.0, 6.0), cards.DOUBTFUL),
        ((1.0, 9.0), (0.0, 1.0), cards.DOUBTFUL),
    ],
)
def test_an_odd_change_explains_an_effect_that_natural_changes_lack(z, natural, word):
    rows = {
        "corrupt_edit_z": estimate(*z),
        "corrupt_effect": estimate(4.0, 6.0),
        "corrupt_effect_natural": estimate(*natural),
    }
    units = {"corrupt_edit_z": "z"}
    made = card_of(Numbers("corrupt", rows, units, True, 5, ("corrupt",)))
    found = line(made, cards.EDIT_LINE)
    assert found.word == word
    assert ("unnatural for this model" in found.said) is (sum(z) / 2 > 2)


def test_the_docs_say_of_every_task_which_lines_apply():
    text = (Path(__file__).parents[2] / "docs" / "validity.md").read_text("utf-8")
    table = text.partition("## In which setting which line applies")[2].split("\n\n")[1]
    heading, _, *rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    lines = card_of(Numbers("corrupt", {}, {}, True, 5, ("corrupt",))).lines
    assert heading == ["setting", *(line.name for line in lines)]
    assert all(all(cells) and len(cells) == len(heading) for cells in rows)
    named = [name for cells in rows for name in re.findall("`(.*?)`", cells[0])]
    files = [yaml.stem for yaml in OUR_TASKS.glob("*_*_*.yaml")]
    told = (re.sub("^_", "cot_faith_generated_", name) for name in named)
    assert sorted(told) == sorted(files)


def test_a_correlation_with_position_counts_by_its_size():
    for ends, word in (
        ((-0.98, -0.57), cards.AWAY),
        ((0.57, 0.98), cards.AWAY),
        ((-0.3, 0.4), cards.CLEAR),
        ((-0.8, -0.4), cards.DOUBTFUL),
    ):
        rows = {"corrupt_position_corr": estimate(*ends)}
        made = card_of(Numbers("corrupt", rows, {}, True, 5, ("corrupt",)))
        assert line(made, cards.POSITION_LINE).word == word


def test_every_format_begins_with_the_card(run):
    reports = make_reports([run(copier)], QUICK)
    made = written(reports)
    table = text(made, "table")
    assert table.index("chain against no chain") < table.index("effect_load_bearing")
    assert table.index("explained away by") < table.index("effect_load_bearing")
    markdown = text(made, "markdown")
    assert markdown.index("what could explain the effects away") < 120
    content = json.loads(text(made, "json"))
    jsonschema.validate(content, report_schema())
    (told,) = content["reports"]
    assert list(told).index("card") < list(told).index("estimates")
    assert [one["name"] for one in told["card"]["lines"]] == [
        "chain against no chain",
        "without the statement",
        "headroom",
        "position only",
        "the edit",
        "readable",
    ]
    metrics = {row["metric"] for row in told["estimates"]}
    assert {one["metric"] for one in told["card"]["lines"]} <= metrics
