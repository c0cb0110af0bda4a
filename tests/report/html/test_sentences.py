"""Words follow the interval, not the point, and no mean is raised to a power."""

import re
from pathlib import Path

from lm_eval_faith_stats import Estimate

from lm_eval_faith.metrics import Choices
from lm_eval_faith.records.run import TaskRun
from lm_eval_faith.report.html.sentences import lede
from lm_eval_faith.report.report import Row, TaskReport


def told(point, low, high, median=0.0):
    """The opening of a run whose mean effect is that."""
    task = TaskRun("t", "1.0", "replay", {}, 0, (), Path("samples.jsonl"), 9)

    def row(metric, *numbers):
        return Row(
            "corrupt", metric, "", "nats", Estimate(*numbers, 0.95, "normal", 9, 27)
        )

    rows = (row("effect", point, low, high), row("median", median, -0.1, 0.1))
    report = TaskReport("m", task, Choices(), rows, ("corrupt_effect",), ())
    return " ".join(lede(report))


def test_only_what_the_interval_shows_is_told_as_a_fall_or_a_rise():
    for numbers, words in (
        ((1.2, 0.5, 1.9), "lowered it by 1.200 nats"),
        ((-0.8, -1.0, -0.6), "raised it by 0.800 nats"),
        (
            (-0.101, -0.479, 0.277),
            "did nothing that can be told from chance: -0.101 nats",
        ),
        ((0.0001, -0.0002, 0.0004), "moved it by less than 0.001 nats"),
        (
            (1.2, float("nan"), float("nan")),
            "moved it by 1.200 nats, without an interval",
        ),
    ):
        said = told(*numbers)
        assert f"changing a step {words}" in said, said
        assert sum(f"{word} it" in said for word in ("lowered", "raised", "moved")) <= 1
        assert "median step 0.000 [-0.100, 0.100]" in said
        assert not re.search(r"\btimes\b|less likely|more likely", said)
