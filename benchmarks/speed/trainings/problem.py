"""What both trainings are given: candles, a label for each window, parameters; and what both tell."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.speed.project import long_series
from numpy.typing import NDArray

from candle_ml.candles import Candles

WINDOW, CLASSES = 25, ("O", "up")
LOOKBACK = 600
"""Candles without a window: what candle-ml needs so that its indicators have forgotten their start."""
ROWS_TOLD = 1000
_AHEAD, _SEED = 5, 0


def candles_of(windows: int) -> Candles:
    """Candles that have so many windows after the lookback."""
    return long_series(windows + LOOKBACK + WINDOW - 1)


def codes_of(candles: Candles) -> NDArray[np.int32]:
    """For each window whether the price had risen when it ended, in a hundredth of them said wrongly."""
    ends = np.arange(LOOKBACK + WINDOW - 1, len(candles))
    risen = candles.close[ends] > candles.close[ends - _AHEAD]
    wrong = np.random.default_rng(_SEED).random(len(ends)) < 0.01
    return (risen ^ wrong).astype(np.int32)


@dataclass
class Telling:
    """Where the time went; `done` prints it."""

    started: float = field(default_factory=time.perf_counter)
    features: float = 0.0

    def features_done(self) -> None:
        """The features are there."""
        self.features = time.perf_counter() - self.started

    def done(self, total: float, windows: int, columns: int) -> None:
        """Print what the process has taken."""
        dense = windows * columns * 4
        told: dict[str, Any] = {"features": self.features, "total": total, "peak": peak_bytes(), "dense": dense}
        print(json.dumps(told))


def peak_bytes() -> int:
    """The most memory that this process has held since its program was started."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux's ru_maxrss begins with what the process held that started this one.
    (line,) = (line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """What a training process is to do; `folder` gets its probabilities of the first windows."""

    windows: int
    rounds: int
    threads: int
    folder: Path


def asked() -> Asked:
    """What the command line says."""
    windows, rounds, threads, folder = sys.argv[1:]
    return Asked(int(windows), int(rounds), int(threads), Path(folder))
