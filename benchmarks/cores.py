"""What searches for a core cost, in sets of steps scored, certificate included.

``python -m benchmarks.cores`` prints the table of docs/joint.md: chains of n steps of which k
drawn ones are needed, 200 draws each, mean and largest.
"""

from __future__ import annotations

import random
import statistics

from lm_eval_faith.joint.core import SEARCHES, core, most_scorings
from lm_eval_faith.joint.questions import answered_by

DRAWS = 200


def scorings(n: int, k: int, search: str) -> list[int]:
    """The cost of each of the draws."""
    rng = random.Random(0)
    found = []
    for _ in range(DRAWS):
        needed = frozenset(rng.sample(range(n), k))
        searched = core(range(n), lambda score: score[1], 10**9, SEARCHES[search])
        result = answered_by(searched, lambda kept: (0.0, needed <= kept))  # noqa: B023
        assert result.steps == tuple(sorted(needed))
        found.append(result.scorings)
    return found


def main() -> None:
    """Print the table."""
    print("| steps | needed | 3n + 20 |", " | ".join(SEARCHES), "|")
    print("| ---: | ---: | ---: |", " | ".join("---:" for _ in SEARCHES), "|")
    for n in (10, 40, 100):
        for k in dict.fromkeys((1, n // 10, n // 2, n - 1, n)):
            each = [scorings(n, k, search) for search in SEARCHES]
            cells = (f"{statistics.mean(one):.0f} ({max(one)})" for one in each)
            print(f"| {n} | {k} | {most_scorings(n)} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
