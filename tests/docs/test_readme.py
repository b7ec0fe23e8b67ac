"""The README's tour does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOUR = re.compile(r"<!-- tour -->\n```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.timeout(900)  # it trains twice and starts a service
def test_the_tour_runs_and_prints_what_it_shows(tmp_path: Path) -> None:
    """Every command of the tour succeeds in order, and every line shown below it is printed."""
    steps = TOUR.findall((ROOT / "README.md").read_text("utf-8"))
    assert len(steps) >= 4
    script = "set -eo pipefail\n" + "\n".join(f"{commands}echo '=== {i}'" for i, (commands, _) in enumerate(steps))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = re.split(r"=== \d+\n", done.stdout)
    for (_, shown), output in zip(steps, outputs, strict=False):
        for line in shown.splitlines():
            assert squeezed(line) in squeezed(output), line


def test_links_lead_to_files() -> None:
    """Every relative link and picture of the documentation exists."""
    named = (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "plugins/README.md"))
    for page in (*named, *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
