"""Peers in an environment of their own: made on first use, fed with arrays, read back as spans."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.detection.charts import Chart
from benchmarks.detection.peers.problem import Floats, Integers, Problem
from benchmarks.detection.scoring import IOU, Detection
from benchmarks.environments import ROOT, interpreter

from candle_ml.evaluation import SeriesSpans, Span, choose_thresholds

REQUIREMENTS = Path(__file__).parent / "requirements-peers.txt"
PEERS = ("forest-raw", "forest", "minirocket", "quant", "dtw", "stumpy")


@dataclass(frozen=True, slots=True)
class Timed:
    """What a peer has found, and the seconds that all its fits and scans took."""

    name: str
    detection: Detection
    seconds: float


def python() -> Path:
    """The interpreter of the peers' environment, which is made where it is not there."""
    return interpreter(".venv-benchmarks", REQUIREMENTS)


def detect(chart: Chart, names: Sequence[str]) -> Iterator[Timed]:
    """What each peer finds; its thresholds are the best on what it found of the annotated part out of fold."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "problem.npz"
        problem(chart).save(source)
        command = ["-m", "benchmarks.detection.peers", str(source), folder, str(chart.border), *names]
        subprocess.run([python(), *command], cwd=ROOT, check=True)
        for name in names:
            yield _read(Path(folder) / f"{name}.npz", name, chart)


def problem(chart: Chart) -> Problem:
    """The chart as a peer gets it."""
    candles = chart.candles
    spans = sorted((span.first, span.last, chart.labels.index(span.label) + 1) for span in chart.annotations)
    return Problem(
        prices=np.stack([candles.open, candles.high, candles.low, candles.close], axis=1),
        labels=len(chart.labels),
        reviewed=np.array([chart.reviewed], dtype=np.int64),
        spans=np.array([(code, first, last) for first, last, code in spans], dtype=np.int64),
    )


def _read(file: Path, name: str, chart: Chart) -> Timed:
    with np.load(file) as arrays:
        known, unseen = (
            _spans(arrays[f"{part}_ends"], arrays[f"{part}_confidence"], chart) for part in ("known", "unseen")
        )
        chosen = choose_thresholds([SeriesSpans(chart.annotations, known)], chart.labels, IOU, fewest=1, default=np.inf)
        return Timed(name, Detection(unseen, chosen.thresholds), float(arrays["seconds"]))


def _spans(ends: Integers, confidence: Floats, chart: Chart) -> tuple[Span, ...]:
    rows = zip(ends.tolist(), confidence.tolist(), strict=True)
    return tuple(Span(chart.labels[code - 1], first, last, sure, known) for (code, first, last, known), sure in rows)
