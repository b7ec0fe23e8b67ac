"""The 61 candle patterns, against what feature libraries take for them: pandas-ta-classic and polars_talib.

Each peer gets a data frame of its own library and gives one back; candle-ml gets and gives arrays. pandas-ta-classic
has TA-Lib installed beside it and so calls it, as it does by itself. Values are compared with those of candle-ml where
both mean the same function (pandas-ta-classic has a doji of its own). The peers run as processes in an environment of
their own, by turns with candle-ml's, each on the same core.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from benchmarks.environments import ROOT, interpreter
from benchmarks.speed.bench import Bench
from benchmarks.speed.project import long_series
from benchmarks.speed.results import Row
from benchmarks.speed.timing import by_turns, first_core, on_cores, ratio

from candle_ml_features_talib.cdl import CdlFeatures
from candle_ml_features_talib.options import CdlOptions

NAME = "feature-peers"
_PEERS = ("pandas-ta-classic", "polars_talib")
_REQUIREMENTS = Path(__file__).parents[1] / "requirements-features.txt"


def measure(bench: Bench) -> Iterator[Row]:
    """Each peer on every short length."""
    extractor = CdlFeatures(CdlOptions())
    for count in bench.sizes.short:
        candles = long_series(count)
        file = bench.folder / "candles.npz"
        np.savez(file, open=candles.open, high=candles.high, low=candles.low, close=candles.close)
        for peer in _PEERS:
            ours, theirs = [], []
            for _ in range(bench.sizes.repeats):
                found = _peer(peer, file, bench.folder)
                theirs.append(found * 1000)
                with on_cores(first_core()):
                    ours.append(min(by_turns({"ours": partial(extractor.extract, candles)}, 5)["ours"]) * 1000)
            _check(extractor.extract(candles), bench.folder / f"{peer}.npz", extractor)
            yield ratio(NAME, f"61 patterns of {count:,} candles ÷ {peer}", ours, theirs, "ms")


def _peer(name: str, candles: Path, folder: Path) -> float:
    """Seconds of the quickest of five, in a process of its own."""
    python = interpreter(".venv-benchmarks-features", _REQUIREMENTS)
    command = [str(python), "-m", "benchmarks.speed.peers.features", name, str(candles), str(folder / f"{name}.npz")]
    with on_cores(first_core()):
        output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return float(json.loads(output.splitlines()[-1])["seconds"])


def _check(ours: np.ndarray, file: Path, extractor: CdlFeatures) -> None:
    """Raises where a column that both have differs, or where hardly any is shared."""
    with np.load(file) as theirs:
        shared = [name for name in extractor.columns if name in theirs.files]
        assert len(shared) >= 60, f"{file.stem} has {len(shared)} of the 61 patterns"
        for name in shared:
            values = ours[extractor.lookback :, extractor.columns.index(name)]
            np.testing.assert_allclose(values, theirs[name][extractor.lookback :] / 100, atol=1e-6, err_msg=name)
