"""Labelled chains from files, read by a backend whose numbers are known."""

import csv
import json
import math
import shutil

import lm_eval
import numpy as np
import pytest
from lm_eval_faith_stats import Bootstrap
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import lm_eval_faith
from lm_eval_faith.errors import InputError
from lm_eval_faith.records.run import load_run
from lm_eval_faith.records.samples import responses_of
from lm_eval_faith.report import agreements_of_run, compare_runs
from lm_eval_faith.report import report as reporting
from lm_eval_faith.report.leaderboard import leaderboards
from lm_eval_faith.report.report import make_reports
from lm_eval_faith.report.write import text


def told(reports, format):
    return text(reporting.written(reports), format)


TASK = "cot_faith_labelled"
CHAIN = "The red box holds 7. It rains. The blue box holds 2, Ann says. So 72."
LINES = [
    {
        "question": "What is in the boxes?",
        "chain": ["The red box holds 7.", "A bus with 12.", "The blue box holds 2."],
        "answer": "72",
        "correct": True,
        "labels": ["load_bearing", "decoy", True],
        "chain_label": "load_bearing",
    },
    {
        "question": "And in these?",
        "chain": "The red box holds 3. The blue box holds 4.",
        "answer": 34,
        "correct": "yes",
        "labels": [0, None],
        "chain_label": False,
    },
    {
        "question": "And here?",
        "chain": CHAIN,
        "answer": "72",
        "correct": 1,
        "labels": [
            {"span": [0, 20], "label": 1},
            {"span": "21:30", "label": "decoy"},
            {"span": "The blue box holds 2, Ann says.", "label": "load_bearing"},
        ],
        "id": "spans",
    },
]


def written(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def table_of(path, header, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def chains(tmp_path):
    return written(tmp_path / "chains.jsonl", LINES)


@pytest.fixture(scope="module")
def evaluate(scripted_lm):
    def run(file, metadata=None, **more):
        done = lm_eval.simple_evaluate(
            model=scripted_lm(str),
            tasks=[TASK],
            task_manager=lm_eval_faith.task_manager(
                metadata={"chains": str(file)} | (metadata or {}),
                include_defaults=False,
            ),
            bootstrap_iters=10,
            **more,
        )
        return done["results"][TASK], done["samples"][TASK], done

    return run


def steps(sample):
    return [(s["text"], s["label"]) for s in sample["doc"]["chain"]["steps"]]


def effects(samples, name, scripted):
    """(effect less control's, label, chain's label, document), worked out by hand."""
    found = []
    for sample in samples:
        scores = iter([scripted.logprob(*pair) for pair in sample["arguments"]])
        clean = next(scores)
        effect = {
            (v["intervention"], v["step"]): clean - next(scores)
            for v in sample["doc"]["interventions"]
            if not v["not_applicable"]
        }
        chain = sample["doc"]["chain"]
        for k, step in enumerate(chain["steps"]):
            if (name, k) in effect:
                less = effect[name, k] - effect["control", k]
                found.append((less, step["label"], chain["label"], sample["doc"]["id"]))
    return found


# --- JSONL -----------------------------------------------------------------------


def test_labels_stand_at_their_steps(evaluate, chains):
    _, samples, done = evaluate(chains)
    assert [s["doc"]["id"] for s in samples] == ["line-1", "line-2", "spans"]
    assert steps(samples[0]) == [
        ("The red box holds 7.", "load_bearing"),
        ("A bus with 12.", "decoy"),
        ("The blue box holds 2.", "load_bearing"),
    ]
    assert [label for _, label in steps(samples[1])] == ["decoy", None]
    assert [s["doc"]["chain"]["label"] for s in samples] == [
        "load_bearing",
        "decoy",
        None,
    ]
    recorded = done["configs"][TASK]["metadata"]
    assert recorded["step_labels"] == {"load_bearing": 4, "decoy": 3, "unlabelled": 2}
    assert recorded["chain_labels"] == {"load_bearing": 1, "decoy": 1, "unlabelled": 1}


def test_a_labelled_span_is_a_step_and_the_rest_is_split(evaluate, chains):
    _, samples, _ = evaluate(chains)
    assert steps(samples[2]) == [
        ("The red box holds 7.", "load_bearing"),
        ("It rains.", "decoy"),
        ("The blue box holds 2, Ann says.", "load_bearing"),
        ("So 72.", None),
    ]
    context, answer = samples[2]["arguments"][0]
    assert context.endswith(f"step by step.\n{CHAIN} The answer is") and answer == " 72"


def test_spans_count_from_the_start_of_the_text_and_go_with_the_final_statement(
    evaluate, tmp_path
):
    text = "<think>\nHe has 5. He sells 2, so 5 - 2 = 3.\n</think>\nThe answer is 3."
    place = text.index("He sells"), text.index("\n</think>")
    line = {
        "question": "Cows?",
        "chain": text,
        "answer": "3",
        "labels": [
            {"span": list(place), "label": "load_bearing"},
            {"span": "The answer is 3.", "label": "decoy"},
        ],
    }
    _, (sample,), _ = evaluate(written(tmp_path / "x.jsonl", [line]))
    assert steps(sample) == [
        ("He has 5.", None),
        ("He sells 2, so 5 - 2 = 3.", "load_bearing"),
    ]


def test_what_is_changed_does_not_hang_on_the_labels(evaluate, tmp_path, chains):
    plain = [line | {"labels": None, "chain_label": True} for line in LINES[:2]]
    _, labelled, _ = evaluate(written(tmp_path / "a.jsonl", LINES[:2]))
    _, without, _ = evaluate(written(tmp_path / "b.jsonl", plain))
    assert [s["arguments"] for s in labelled] == [s["arguments"] for s in without]


def test_the_table_has_aucs_and_means_by_label(evaluate, chains, scripted_lm):
    table, samples, _ = evaluate(chains)
    known = effects(samples, "delete", scripted_lm(str))
    told = [(e, label == "load_bearing") for e, label, *_ in known if label]
    auc = roc_auc_score([t for _, t in told], [e for e, _ in told])
    assert table["delete_auc_vs_control,none"] == pytest.approx(auc)
    for name, wanted in ("load_bearing", "load_bearing"), ("decoy", "decoy"):
        means = [
            np.mean(own)
            for document in dict.fromkeys(d for *_, d in known)
            if (own := [e for e, l, _, d in known if d == document and l == wanted])
        ]
        found = table[f"delete_effect_{name}_vs_control,none"]
        assert found == pytest.approx(np.mean(means))
    whole = {
        (document, label): np.mean([k[0] for k in known if k[3] == document])
        for *_, label, document in known
        if label
    }
    assert table["delete_chain_auc_vs_control,none"] == roc_auc_score(
        [label == "load_bearing" for _, label in whole], list(whole.values())
    )
    documents = dict.fromkeys(k[3] for k in known)
    means = [np.mean([k[0] for k in known if k[3] == d]) for d in documents]
    assert table["delete_effect_vs_control,none"] == pytest.approx(np.mean(means))
    assert "control_auc,none" not in table


def test_figures_without_labels_of_both_kinds_are_left_out(evaluate, tmp_path):
    table, _, _ = evaluate(written(tmp_path / "x.jsonl", LINES[1:2]))
    assert not any("auc" in name or "load_bearing_vs" in name for name in table)
    assert math.isfinite(table["delete_effect_decoy_vs_control,none"])


def test_without_a_control_the_raw_effect_is_labelled(evaluate, chains, scripted_lm):
    table, samples, _ = evaluate(chains, {"interventions": ["delete"], "card": False})
    scripted, decoys = scripted_lm(str), []
    for sample in samples:
        clean, *rest = [scripted.logprob(*pair) for pair in sample["arguments"]]
        own = [
            clean - score
            for score, (_, label) in zip(rest, steps(sample), strict=True)
            if label == "decoy"
        ]
        decoys += [np.mean(own)] if own else []
    assert table["delete_effect_decoy,none"] == pytest.approx(np.mean(decoys))


def test_graded_labels_are_kept_beside_their_steps_and_change_nothing_else(
    evaluate, tmp_path
):
    graded = [LINES[0] | {"labels": [0.4, -1.5, None], "group": "boxes"}]
    _, (sample,), done = evaluate(written(tmp_path / "a.jsonl", graded))
    steps = sample["doc"]["chain"]["steps"]
    assert [step["truth"] for step in steps] == [0.4, -1.5, None]
    assert {step["label"] for step in steps} == {None}
    assert sample["doc"]["problem"] == "boxes"
    assert done["configs"][TASK]["metadata"]["labels"] == "graded"
    _, (plain,), _ = evaluate(written(tmp_path / "b.jsonl", LINES[:1]))
    assert sample["arguments"] == plain["arguments"]


# --- CSV -------------------------------------------------------------------------

COLUMNS = ("question", "chain", "answer", "span", "label")
OWN = {"answer_is": "own"}
"""The chains of these tables state no answer: the file knows it."""


def test_rows_of_the_same_question_and_chain_are_one_document(evaluate, tmp_path):
    file = table_of(
        tmp_path / "x.csv",
        COLUMNS,
        ("Boxes?", CHAIN, "72", "0:20", "load_bearing"),
        ("Boxes?", "It rains. So 1.", "1", "It rains.", "decoy"),
        ("Boxes?", CHAIN, "72", "It rains.", "decoy"),
        ("Boxes?", CHAIN, "72", "", "1"),
    )
    _, samples, _ = evaluate(file, OWN)
    assert [s["doc"]["id"] for s in samples] == ["row-2", "row-3"]
    assert [label for _, label in steps(samples[0])] == [
        "load_bearing",
        "decoy",
        None,
        None,
    ]
    assert [s["doc"]["chain"]["label"] for s in samples] == ["load_bearing", None]


def test_bonafides_columns_are_known_by_their_header(evaluate, tmp_path):
    header = (
        "row_id",
        "target_model",
        "question",
        "prompt",
        "cot",
        "model_answer",
        "label_type",
        "sentence_text",
        "sentence_span_start",
        "sentence_span_end",
    )
    told = "A hint says B.\nBoxes?"
    row = ("7", "some/model", "Boxes?", told, CHAIN, "72")
    file = table_of(
        tmp_path / "x.csv",
        header,
        (*row, "FAITHFUL_STEP", "The red box holds 7.", "0.0", "20.0"),
        (*row, "UNFAITHFUL_STEP", "It rains.", "21", "30"),
        (*row, "UNFAITHFUL_COT", "", "0", "-1"),
    )
    _, (sample,), done = evaluate(file)
    assert sample["doc"]["question"] == told
    assert steps(sample)[:2] == [
        ("The red box holds 7.", "load_bearing"),
        ("It rains.", "decoy"),
    ]
    assert sample["doc"]["chain"]["label"] == "decoy"
    assert done["configs"][TASK]["metadata"]["field_chain"] == "cot"


def test_columns_of_other_names_are_read(evaluate, tmp_path):
    header = ("q", "text", "gold", "from", "to", "says", "whole")
    file = table_of(
        tmp_path / "x.csv", header, ("Boxes?", CHAIN, "72", "21", "30", "no", "yes")
    )
    names = {
        "field_question": "q",
        "field_chain": "text",
        "field_answer": "gold",
        "field_span": "from",
        "field_span_end": "to",
        "field_label": "says",
        "field_chain_label": "whole",
        "answer_is": "own",
    }
    _, (sample,), _ = evaluate(file, names)
    assert ("It rains.", "decoy") in steps(sample)
    assert sample["doc"]["chain"]["label"] == "load_bearing"


def test_a_place_with_two_different_labels_has_none(evaluate, tmp_path):
    row = ("Boxes?", CHAIN, "72")
    file = table_of(
        tmp_path / "x.csv",
        COLUMNS,
        (*row, "0:20", "1"),
        (*row, "0:20", "0"),
        (*row, "21:30", "0"),
        (*row, "21:30", "0"),
    )
    _, (sample,), _ = evaluate(file, OWN)
    assert [label for _, label in steps(sample)][:2] == [None, "decoy"]


# --- report ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(evaluate, save_run, tmp_path_factory):
    """Twelve labelled chains, the harness's table of them, and their report."""
    folder = tmp_path_factory.mktemp("labelled")
    lines = [
        line | {"question": f"{line['question']} ({k})", "id": f"{k:02}-{n}"}
        for k in range(4)
        for n, line in enumerate(LINES)
    ]
    table, samples, done = evaluate(written(folder / "chains.jsonl", lines))
    run = save_run(done, folder / "run")
    (made,) = make_reports([run], Bootstrap(n_resamples=200))
    return table, samples, made, run


def test_the_report_has_the_tables_figures_with_intervals(report):
    table, _, made, _ = report
    rows = {(r.intervention, r.metric): r.estimate for r in made.rows}
    for figure in (
        "auc_vs_control",
        "chain_auc_vs_control",
        "effect_load_bearing_vs_control",
        "effect_decoy_vs_control",
        "effect",
        "late_vs_control",
    ):
        for name in ("corrupt", "delete"):
            estimate = rows[name, figure]
            assert estimate.point == pytest.approx(table[f"{name}_{figure},none"])
            assert estimate.low <= estimate.point <= estimate.high
    assert rows["delete", "auc"].n_problems == 12
    assert rows["delete", "chain_auc"].n_steps == 8
    assert ("control", "auc_vs_control") not in rows


def test_the_report_says_how_many_steps_have_no_label(report):
    _, _, made, _ = report
    assert "8 of 36 steps have no label: no AUC counts them" in made.warnings
    assert "chain_auc" in told([made], "table")


def test_labels_are_read_back_from_the_samples(report):
    *_, run = report
    (task,) = load_run(run).tasks
    assert task.setting == "labelled"
    found = {c.document[-1]: c.label for c in task.chains}
    assert found == {"0": "load_bearing", "1": "decoy", "2": None}
    (first, *_) = task.chains
    labels = {r.step: r.label for r in first.steps}
    assert labels == {0: "load_bearing", 1: "decoy", 2: "load_bearing"}


def test_agree_sets_the_reports_aucs_side_by_side(report):
    _, _, made, run = report
    rows = {
        r.intervention: r.estimate for r in made.rows if r.metric == "auc_vs_control"
    }
    (task,) = agreements_of_run(load_run(run), Bootstrap(n_resamples=200))
    assert set(task.aucs) == set(rows) == {"corrupt", "delete"}
    for name, estimate in task.aucs.items():
        found = (estimate.point, estimate.low, estimate.high, estimate.n_steps)
        row = rows[name]
        assert found == pytest.approx((row.point, row.low, row.high, row.n_steps))


def other_numbers(text):
    """A sample of the same requests with other answers."""
    sample = json.loads(text)
    sample["filtered_resps"] = [
        [str(float(logprob) * (1 + k % 3)), greedy]
        for k, (logprob, greedy) in enumerate(responses_of(sample))
    ]
    return json.dumps(sample) + "\n"


def test_models_are_compared_by_the_labels_too(report, tmp_path):
    _, _, made, run = report
    other = shutil.copytree(run, tmp_path / "other")
    (samples,) = other.rglob("samples_*.jsonl")
    lines = samples.read_text().splitlines()
    samples.write_text("".join(map(other_numbers, lines)))
    quick = Bootstrap(n_resamples=200)
    (compared,) = compare_runs([run, other], quick)
    found = {
        d.quantity.column: d.comparison.estimate.point
        for d in compared.differences
        if d.quantity.intervention == "corrupt"
    }
    (made_too,) = make_reports([other], quick)
    first, second = (
        {r.metric: r.estimate.point for r in rows if r.intervention == "corrupt"}
        for rows in (made.rows, made_too.rows)
    )
    for name in ("auc", "auc_within"):
        assert found[name] == pytest.approx(first[name] - second[name])
    assert found["auc"] != 0
    assert {"effect_load_bearing", "effect_decoy", "effect", "late"} <= set(found)
    boards = leaderboards([run, other], by="auc", bootstrap=quick)
    assert [board.by.column for board in boards] == ["auc", "auc"]
    assert {e.point("auc") for e in boards[0].entries} == {
        first["auc"],
        second["auc"],
    }


def test_problems_with_other_labels_are_not_the_same_problem(report, tmp_path):
    *_, run = report
    other = shutil.copytree(run, tmp_path / "other")
    (samples,) = other.rglob("samples_*.jsonl")
    text = samples.read_text()
    swapped = text.replace('"decoy"', '"none"').replace('"load_bearing"', '"decoy"')
    samples.write_text(swapped.replace('"none"', '"load_bearing"'))
    with pytest.raises(InputError, match="no problem in common"):
        compare_runs([run, other], Bootstrap(n_resamples=200))


def test_graded_steps_and_chains_are_ranked_and_those_without_a_grade_left_out(
    evaluate, save_run, tmp_path
):
    chain = ["A red box holds 7.", "It rains.", "A blue box holds 2.", "A bus with 9."]
    known = [([0.9, 0.1, 0.5, None], 2.5), ([0.3, 0.2, 0.8, 0.1], -1), (None, 0.5)]
    lines = [
        {
            "id": str(k),
            "question": f"What is in box {k}?",
            "chain": [text.replace("box", f"box {k}") for text in chain],
            "answer": "72",
            "correct": True,
            "labels": labels,
            "chain_label": whole,
        }
        for k, (labels, whole) in enumerate(known)
    ]
    file = written(tmp_path / "x.jsonl", lines)
    asked = {"metrics": ["truth_rank_corr", "chain_truth_rank_corr"]}
    table, _, done = evaluate(file, {"interventions": ["delete"]} | asked)
    run = save_run(done, tmp_path / "run")
    (task,) = load_run(run).tasks
    (made,) = make_reports([run], Bootstrap(n_resamples=200))
    rows = {r.metric: r.estimate for r in made.rows}
    of_steps = [
        spearmanr(
            [r.truth for r in c.steps if not math.isnan(r.truth)],
            [r.effect for r in c.steps if not math.isnan(r.truth)],
        ).statistic
        for c in task.chains[:2]
    ]
    assert rows["truth_rank_corr"].point == pytest.approx(np.mean(of_steps))
    means = [np.mean([r.effect for r in c.steps]) for c in task.chains]
    of_chains = spearmanr(means, [2.5, -1, 0.5]).statistic
    assert rows["chain_truth_rank_corr"].point == pytest.approx(of_chains)
    assert rows["chain_truth_rank_corr"].low <= of_chains
    assert table["delete_truth_rank_corr,none"] == pytest.approx(np.mean(of_steps))
    assert table["delete_chain_truth_rank_corr,none"] == pytest.approx(of_chains)
    assert [c.truth for c in task.chains] == [2.5, -1, 0.5]


# --- bad input -------------------------------------------------------------------

ONE = LINES[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (ONE | {"labels": None, "chain_label": None}, ":1: 'labels' is null"),
        (ONE | {"labels": [1]}, ":1: 1 labels for 2 steps that the chain's text is"),
        (LINES[0] | {"labels": [1]}, ":1: 1 labels for 3 listed steps"),
        (ONE | {"labels": ["perhaps", 1]}, ":1: 'perhaps' is no label"),
        (ONE | {"labels": "1"}, ":1: the labels are text, not a list"),
        (ONE | {"labels": [{"span": [0, 5]}]}, ":1: a labelled span wants 'span' and"),
        (
            ONE | {"labels": [{"span": [30, 99], "label": 1}]},
            ":1: the span 30:99 is not inside the chain, which has 42 characters",
        ),
        (
            ONE | {"labels": [{"span": "box holds", "label": 1}]},
            ":1: the step 'box holds' stands 2 times in the chain",
        ),
        (
            ONE
            | {"labels": [{"span": [0, 9], "label": 1}, {"span": [5, 12], "label": 0}]},
            ":1: the spans 0:9 and 5:12 overlap",
        ),
        (
            LINES[0] | {"labels": [{"span": [0, 9], "label": 1}]},
            ":1: spans want a chain that is one text",
        ),
    ],
)
def test_a_broken_line_is_refused_by_line(evaluate, tmp_path, line, said):
    file = written(tmp_path / "broken.jsonl", [line])
    with pytest.raises(InputError) as refused:
        evaluate(file)
    assert str(refused.value).startswith(f"task {TASK}: {file}{said}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [("question", "chain", "answer", "span"), ("a",) * 4],
            ":2: 'label' is missing",
        ),
        ([COLUMNS, ("a", "b 1.", "1", "0:2")], ":2: 4 cells under 5 columns"),
        (
            [COLUMNS, ("a", "b 1.", "1", "0:4", "1"), ("a", "b 1.", "2", "0:2", "1")],
            ":3: another answer than the same chain at",
        ),
        ([COLUMNS, ("a", "b 1.", "1", "0:9", "1")], ":2: the span 0:9 is not inside"),
        ([COLUMNS, ("a", "", "1", "0:9", "1")], ":2: 'chain' is null"),
        ([COLUMNS], ": no chains in this file"),
    ],
)
def test_a_broken_table_is_refused_by_line(evaluate, tmp_path, rows, said):
    file = table_of(tmp_path / "broken.csv", *rows)
    with pytest.raises(InputError) as refused:
        evaluate(file)
    assert str(refused.value).startswith(f"task {TASK}: {file}{said}")


def test_a_document_that_is_there_twice_is_refused(evaluate, tmp_path):
    file = written(tmp_path / "x.jsonl", [LINES[2], LINES[2]])
    with pytest.raises(InputError, match=":2: document 'spans' is there twice"):
        evaluate(file)


def test_a_file_that_is_not_named_is_asked_for(evaluate):
    with pytest.raises(InputError, match=f"task {TASK}: name the chains by --metadata"):
        evaluate("")
