"""Changed boosters with a checksum that fits: XGBoost's parser dies of many; none that passes the checks does."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("mutations.py")


def outcomes(folder: Path, first: int, last: int) -> Counter[str]:
    """What became of changed copies, asked of a process that may die of them."""
    command = [sys.executable, str(PROGRAM), str(folder), str(first), str(last)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = done.stdout.splitlines()
    assert (done.returncode, len(found)) == (0, last - first), f"copy {first + len(found)}: {done.stderr[-500:]}"
    return Counter(found)


def test_no_changed_booster_harms(booster_folder):
    """of 120 copies each is refused or predicts shares, and the process that loaded them lives."""
    assert outcomes(booster_folder, 0, 120).keys() == {"refused", "loaded"}


@pytest.mark.slow
def test_none_of_many_changed_boosters_harms(booster_folder):
    """The same of 5,000 further copies."""
    found = sum((outcomes(booster_folder, first, first + 500) for first in range(120, 5120, 500)), Counter())
    assert found.keys() == {"refused", "loaded"}
    assert found["refused"] > 4000
