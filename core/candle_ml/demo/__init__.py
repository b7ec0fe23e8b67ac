"""A project to try: real daily candles of five stocks, annotations of three patterns, and a pipeline for them.

The candles (2000 to 2013) are Quandl's WIKI prices, in the public domain, from the `bokeh_sampledata` package. The
spans are bull flags, bear flags and double bottoms: the poles, pullbacks and swings that stood out against the average
true range were charted and looked at one by one; the clear ones were kept, with a confidence from 3 to 5, and stretches
with doubtful ones are in no reviewed range.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path

from candle_ml.errors import ConfigError, Problem

_CANDLES = "_data/stocks.csv.gz"
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What the demo project holds; `files` are paths within its folder."""

    series: int
    candles: int
    annotations: int
    files: tuple[str, ...]


def write_demo(folder: Path) -> DemoSummary:
    """Write `data/candles`, `data/annotations` and `config/pipeline.yaml` of the demo below `folder`.

    Files that stand there already with the same content are left alone. Raises `ConfigError`, before anything is
    written, where one has other content or the package with the candles is not installed.
    """
    candles = {f"data/candles/{pair}_1d.csv": text for pair, text in _candle_files().items()}
    resources = files("candle_ml.demo")
    annotations = {
        f"data/annotations/{file.name}": file.read_text("utf-8")
        for file in sorted(resources.joinpath("annotations").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".json")
    }
    content = {**candles, **annotations, "config/pipeline.yaml": resources.joinpath("pipeline.yaml").read_text("utf-8")}
    _refuse_conflicts(folder, content)
    for name, text in content.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    return DemoSummary(
        series=len(candles),
        candles=sum(text.count("\n") - 1 for text in candles.values()),
        annotations=sum(len(json.loads(text)["annotations"]) for text in annotations.values()),
        files=tuple(content),
    )


def _refuse_conflicts(folder: Path, content: Mapping[str, str]) -> None:
    problems = [
        Problem(str(folder / name), "is there already, with other content", "choose another folder, or move it away")
        for name, text in content.items()
        if _is_taken(folder, folder / name, text.encode())
    ]
    if problems:
        raise ConfigError(*problems)


def _is_taken(folder: Path, target: Path, content: bytes) -> bool:
    """Whether something else stands where the file, or a folder that it needs, would be."""
    parents = [parent for parent in target.parents if parent == folder or folder in parent.parents]
    if any(parent.exists() and not parent.is_dir() for parent in parents):
        return True
    return target.exists() and (not target.is_file() or target.read_bytes() != content)


def _candle_files() -> dict[str, str]:
    """CSV of daily candles by ticker."""
    try:
        packed = files("bokeh_sampledata").joinpath(_CANDLES).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        found = "no package bokeh_sampledata that has the candles is installed"
        raise ConfigError.at("demo", found, "pip install --upgrade 'candle-ml[demo]'") from error
    rows = csv.DictReader(gzip.decompress(packed).decode().splitlines())
    return {ticker: _candle_csv(list(group)) for ticker, group in groupby(rows, key=lambda row: row["Ticker"])}


def _candle_csv(rows: list[dict[str, str]]) -> str:
    """Candles with prices adjusted for splits and dividends, so that the last one has the price it was traded at.

    Volume is adjusted the other way, so that price times volume stays the same.
    """
    last = _adjustment(rows[-1])
    lines = ["time,open,high,low,close,volume"]
    for row in rows:
        factor = _adjustment(row) / last
        prices = [str(round(float(row[name]) * factor, _DECIMALS)) for name in ("Open", "High", "Low", "Close")]
        lines.append(",".join([row["Date"], *prices, str(round(float(row["Volume"]) / factor))]))
    return "\n".join(lines) + "\n"


def _adjustment(row: Mapping[str, str]) -> float:
    return float(row["Adj Close"]) / float(row["Close"])
