"""Peers in environments of their own, which are made on first use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def interpreter(name: str, requirements: Path) -> Path:
    """The Python of the environment `name` beside the project, made where it is not there or has other packages."""
    folder = ROOT / name
    made = folder / "installed.txt"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted = requirements.read_text("utf-8")
    if not made.is_file() or made.read_text("utf-8") != wanted:
        print(f"installing the peers of {requirements.name} into {name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
        made.write_text(wanted, "utf-8")
    return python
