"""docs/statistics.md names what there is, and its example runs."""

import re
import runpy
from pathlib import Path

import lm_eval_faith_stats as stats

PAGE = (Path(__file__).parents[2] / "docs/statistics.md").read_text(encoding="utf-8")
ESTIMATORS = {n for n, e in vars(stats).items() if isinstance(e, stats.Estimator)}


def test_the_example_runs(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "example.py").write_text(example, encoding="utf-8")
    sample = runpy.run_path(str(tmp_path / "example.py"))["sample"]
    # Load-bearing 7.1, 5.9, 8.3, 4.4, 6.0 win against 0.2 and -0.1.
    assert stats.AUC.point(sample) == 1


def test_the_table_has_a_row_for_every_estimator():
    rows = re.findall(r"^\| (`[A-Z0-9_`, ]+`) \|", PAGE, re.MULTILINE)
    assert set(re.findall(r"[A-Z0-9_]+", " ".join(rows))) == ESTIMATORS


def test_every_function_that_is_named_is_exported():
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)(?:\([a-z]*\))?`", text))
    elsewhere = {"max_steps", "n_missing", "roc_auc_score", "lm_eval_faith_stats"}
    methods = {name for name in vars(stats.Estimator) if not name.startswith("_")}
    assert named - elsewhere - methods <= set(stats.__all__)
    assert len(named - elsewhere - methods) > 5
