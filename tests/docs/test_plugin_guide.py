"""The guide to plugins, done as it says: from an empty folder to a trained model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "plugins" / "README.md"
STEP = re.compile(
    r"<!-- file: (?P<file>\S+) -->\n```\w+\n(?P<content>.*?)```"
    r"|<!-- run -->\n```sh\n(?P<commands>.*?)```(?:\n\n```text\n(?P<shown>.*?)```)?",
    re.DOTALL,
)
MOST_LINES = 30


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, str]:
    """The environment of a new venv that also sees the packages, and the project, that are installed here."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    installed = [path for path in sys.path if path.endswith("site-packages")]
    (folder / "lib" / version / "site-packages" / "installed.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in installed)
    )
    command = folder / "bin" / "candle-ml"
    command.write_text('#!/bin/sh\nexec python -m candle_ml "$@"\n')
    command.chmod(0o755)
    return os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "PIP_NO_INDEX": "1"}


def squeezed(text: str) -> str:
    return " ".join(text.split())


# Two environments, a wheel and a training: minutes where others use the machine too.
@pytest.mark.timeout(1200)
def test_the_guide_makes_a_plugin_and_trains_with_it(fresh: dict[str, str], tmp_path: Path) -> None:
    """Every file and command of the guide, in its order and offline, works and prints what is shown below it."""
    root = tmp_path / "candle-climb"
    root.mkdir()
    steps = list(STEP.finditer(GUIDE.read_text("utf-8")))
    assert sum(step["commands"] is not None for step in steps) >= 4
    for step in steps:
        if step["file"]:
            path = root / step["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step["content"], "utf-8")
            continue
        done = subprocess.run(
            ["bash", "-ec", step["commands"]], cwd=root, env=fresh, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for line in (step["shown"] or "").splitlines():
            assert squeezed(line) in squeezed(done.stdout), line


def test_the_plugin_is_short() -> None:
    """The whole feature plugin has at most 30 lines."""
    (content,) = (
        step["content"] for step in STEP.finditer(GUIDE.read_text("utf-8")) if step["file"] == "candle_climb.py"
    )
    assert len(content.splitlines()) <= MOST_LINES
