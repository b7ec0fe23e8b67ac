"""The page on trust tells the figures that a test run prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNT = """
import collections, sys, pytest

class Figures:
    def pytest_collection_finish(self, session):
        counted = collections.Counter()
        for item in session.items:
            for mark in item.iter_markers("figure"):
                counted[mark.args[0]] += mark.args[1] if len(mark.args) > 1 else 1
        print(*(f"figure: {name}: {cases:,} of {cases:,}" for name, cases in counted.items()), sep="\\n")

sys.exit(pytest.main(["--collect-only", "-qq", *sys.argv[1:]], plugins=[Figures()]))
"""


def test_the_page_tells_every_figure() -> None:
    """The lines on the page are those that its command prints when every test passes."""
    page = (ROOT / "docs" / "trust.md").read_text("utf-8")
    (folders,) = re.findall(r'make pytest TESTS="([^"]+)"', page)
    command = [sys.executable, "-c", COUNT, *folders.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = [line for line in done.stdout.splitlines() if line.startswith("figure: ")]
    assert sorted(printed) == re.findall(r"^figure: .*", page, re.MULTILINE)
    assert len(printed) >= 5
