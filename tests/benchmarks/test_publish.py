"""Tables of the documentation that are made from the code."""

import subprocess
import sys

from benchmarks import publish


def test_no_table_of_the_documentation_is_stale():
    # In a process of its own: other tests register metrics and interventions.
    check = (sys.executable, "-m", "benchmarks.publish", "--check")
    done = subprocess.run(
        check, cwd=publish.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_table_that_can_be_made_stands_somewhere():
    pages = "".join(page.read_text() for page in publish.pages())
    assert {name for _, name, *_ in publish.BLOCK.findall(pages)} == set(publish.MADE)


def test_a_block_is_made_anew_and_nothing_else_is_touched():
    page = "before\n<!-- made: interventions -->\nold\n<!-- end -->\nafter\n"
    made = publish.published(page)
    assert made.startswith("before\n") and made.endswith("<!-- end -->\nafter\n")
    assert "old" not in made and "| `corrupt` |" in made
    assert publish.published(made) == made
